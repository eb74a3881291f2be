"""The stages of scoring, each beside the others: read and build windows, ask the network, write."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import NamedTuple

from seqdl.io.vcf import VcfChunk, read_vcf
from seqdl.progress import Progress
from seqdl.variants.files.writers import Writer
from seqdl.variants.jobs.clock import Clock
from seqdl.variants.jobs.parts import Parts
from seqdl.variants.scored import ScoredBlock
from seqdl.variants.scorer import Scorer
from seqdl.variants.screen import Screened

_WAITING = 2  # blocks that may wait for the writer


class Prepared(NamedTuple):
    """A chunk on its way: with its windows, or already scored by an earlier job.

    Attributes
    ----------
    number : int
        Of the chunk.
    chunk : VcfChunk
    screened : Screened or None
    notes : mapping
        Columns that the windows' maker knows.
    done : (ScoredBlock, (int, int)) or None
        What a part on disk holds.
    """

    number: int
    chunk: VcfChunk
    screened: Screened | None
    notes: Mapping
    done: tuple[ScoredBlock, tuple[int, int]] | None


def sources(
    vcf: str | Path, scorer: Scorer, parts: Parts, keep_lines: bool, clock: Clock
) -> Iterator[Prepared]:
    """Read a VCF chunk by chunk, and build the windows of what is not scored yet."""
    for item in unprepared(vcf, scorer, clock, keep_lines):
        done = part_of(parts, item.number, item.chunk)
        screened, notes = item.screened, item.notes
        if done is None and screened is None:
            with clock("alleles"):
                screened, notes = scorer.screen(item.chunk)
        yield Prepared(item.number, item.chunk, screened, notes, done)


def unprepared(vcf: str | Path, scorer: Scorer, clock: Clock, keep_lines: bool = False) -> Iterator[Prepared]:
    """Read a VCF chunk by chunk; windows come later, but for those of haplotypes, which need neighbours."""
    if scorer.options.haplotypes is not None:
        chunks = scorer.read_haplotypes(vcf)
    else:
        chunks = ((chunk, None, {}) for chunk in read_vcf(vcf, scorer.chunk_records, keep_lines=keep_lines))
    for number in count():
        with clock("reading"):
            found = next(chunks, None)
        if found is None:
            return
        yield Prepared(number, *found, None)


def part_of(parts: Parts, number: int, chunk: VcfChunk) -> tuple[ScoredBlock, tuple[int, int]] | None:
    """Return a chunk's part, with that chunk in it, if it is there and is of the same alleles."""
    found = parts.read(number)
    if found is None:
        return None
    block, counts = found
    kept = block.chunk
    same = kept.record.tolist() == chunk.record.tolist() and kept.pos.tolist() == chunk.pos.tolist()
    same = same and all(
        getattr(kept, name) == getattr(chunk, name) for name in ("chroms", "ids", "refs", "alts")
    )
    return (block._replace(chunk=chunk), counts) if same else None


def one_ahead(items: Iterator) -> Iterator:
    """Iterate while a thread prepares the next item."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = pool.submit(next, items, None)
            yield item


def local_blocks(
    prepared: Iterator[Prepared], scorer: Scorer, progress: Progress, clock: Clock, written: Written
) -> Iterator[tuple[ScoredBlock, tuple[int, int], bool]]:
    """Score on this machine.

    Parameters
    ----------
    prepared : iterator of Prepared
    scorer : Scorer
    progress : Progress
        Advanced by alleles.
    clock : Clock
    written : Written
        Handed each block.

    Yields
    ------
    block : ScoredBlock
        In order.
    counts : (int, int)
        Mismatches and swapped alleles.
    new : bool
        Whether it was scored now.
    """
    with closing(one_ahead(prepared)) as ahead:
        for item in ahead:
            if item.done is not None:
                (block, counts), new = item.done, False
                progress.advance(len(block.chunk.pos))
            else:
                with clock("model"):
                    block = scorer.score_screened(item.chunk, item.screened, item.notes, progress.advance)
                counts, new = (item.screened.mismatches, item.screened.swapped), True
            written.take(item.number, block, counts, new)
            yield block, counts, new


class Written:
    """A thread that keeps each block as a part and hands it to the writers, in order.

    Used as a context, which ends the thread; `finish` waits for the last block and ends the files.
    """

    def __init__(self, writers: Sequence[Writer], parts: Parts, clock: Clock) -> None:
        self._writers, self._parts, self._clock = writers, parts, clock
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[Future] = deque()
        self.notes: list[str] = []  # what the writers say at their end

    def __enter__(self) -> Written:
        return self

    def __exit__(self, kind, error, trace) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def finish(self) -> None:
        """Wait until everything is written, and finish the files; raises what writing has raised."""
        self._wait(0)
        with self._clock("writing"):
            self.notes += [note for writer in self._writers if (note := writer.finish())]

    def take(self, number: int, block: ScoredBlock, counts: tuple[int, int], new: bool) -> None:
        """Queue a block; waits while two others are queued."""
        self._waiting.append(self._pool.submit(self._write, number, block, counts, new))
        self._wait(_WAITING)

    def _wait(self, at_most: int) -> None:
        while len(self._waiting) > at_most:
            self._waiting.popleft().result()

    def _write(self, number: int, block: ScoredBlock, counts: tuple[int, int], new: bool) -> None:
        with self._clock("writing"):
            if new:
                self._parts.write(number, block, counts)
            for writer in self._writers:
                writer.write(block)
