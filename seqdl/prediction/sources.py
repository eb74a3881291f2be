"""Where windows to predict come from: regions of a genome, or sequences; streamed, in the file's order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError, require_one_of
from seqdl.genome import Genome
from seqdl.words import few

if TYPE_CHECKING:
    from seqdl.io.bed import Placed

OK, OUT_OF_RANGE, N_IN_WINDOW = ".", "OUT_OF_RANGE", "N_IN_WINDOW"
LENGTH_RULES = ("error", "pad", "centre", "tile")
# Sequences read from a FASTA at a time: few, since each may be a whole contig.
_RECORDS = 64


class Part(NamedTuple):
    """Some windows.

    Attributes
    ----------
    columns : dict of str to array, shape (n,)
        What is written beside the numbers, in this order; "flag" is the last.
    codes : uint8 array, shape (n, window)
    """

    columns: dict[str, np.ndarray]
    codes: np.ndarray


class Source(NamedTuple):
    """A file of windows.

    Attributes
    ----------
    total : int or None
        Number of windows; None where only reading the file would tell.
    parts : iterator of Part
    rule : str
        How a window was laid, for the output's header.
    """

    total: int | None
    parts: Iterator[Part]
    rule: str


def flag_windows(codes: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Name what is unusual about each window.

    Parameters
    ----------
    codes : uint8 array, shape (n, window)
        The windows.
    outside : bool array, shape (n,)
        Whether the window leaves its contig or sequence.

    Returns
    -------
    flags : str array, shape (n,)
        "OUT_OF_RANGE", else "N_IN_WINDOW", else ".".
    """
    return np.where(outside, OUT_OF_RANGE, np.where((codes == N).any(axis=1), N_IN_WINDOW, OK))


def place_regions(
    bed: str | Path, genome: Genome, alias: str | Path | None = None, clip: bool = False
) -> Placed:
    """Read the regions of a BED file and find them on a genome, saying what was renamed, cut or left out.

    Parameters
    ----------
    bed, genome, alias, clip
        As in `region_windows`.

    Returns
    -------
    placed : seqdl.io.bed.Placed
        At least one region.

    Raises
    ------
    InputError
        If a contig is unknown or a region ends past its contig; or as `seqdl.io.bed.read_bed`.
    """
    from seqdl.io.bed import place, read_bed
    from seqdl.io.chromosomes import reconcile
    from seqdl.progress import say

    table = read_bed(bed, "BED file of regions")
    names = reconcile(table.chrom, genome.names, alias, what=Path(bed).name)
    if names.unmatched:
        first = int(np.argmax(table.chrom == names.unmatched[0]))
        raise InputError(
            f"{table.where(first)}: the contig {names.unmatched[0]!r} is not in the genome {genome.name} "
            f"({few(genome.names)}); nor are {len(names.unmatched) - 1} other names of this file. "
            f"Give an alias table (--alias names.tsv), or take these regions out."
        )
    if names.report:
        say(names.report)
    placed = place(table, names, genome.names, genome.sizes, clip=clip)
    if placed.clipped or placed.outside:
        say(
            f"{Path(bed).name}: {placed.clipped:,} regions cut at a contig's end, {placed.outside:,} "
            "past it left out."
        )
    if not len(placed.contig_ids):
        raise InputError(
            f"{bed}: no region is left: all lie past the ends of their contigs. Is this the right genome?"
        )
    return placed


def region_windows(
    bed: str | Path,
    genome: Genome,
    window: int,
    rows: int,
    alias: str | Path | None = None,
    clip: bool = False,
) -> Source:
    """Lay one window on the middle of each region of a BED file.

    Parameters
    ----------
    bed : path
        BED3 to BED12 or narrowPeak, plain or gzipped.
    genome : Genome
        Where the regions lie.
    window : int
        bp.
    rows : int
        Windows in a part.
    alias : path, optional
        Table of contig names, file to genome.
    clip : bool
        Cut regions at the end of their contig, and leave out those wholly past it, instead of raising.

    Returns
    -------
    source : Source
        The window of a region is ``[m - window // 2, m - window // 2 + window)`` with its middle base
        ``m = start + (end - start) // 2``, on the + strand whatever the region's strand. Its size
        does not matter. Past a contig's end there is N, and the flag says so.

    Raises
    ------
    InputError
        If a contig is unknown or a region ends past its contig; or as `seqdl.io.bed.read_bed`.
    """
    placed = place_regions(bed, genome, alias, clip)
    table, ids = placed.table, placed.contig_ids
    starts = table.start + (table.end - table.start) // 2 - window // 2
    spelled = np.array(genome.names, object)[ids]

    def parts() -> Iterator[Part]:
        for at in range(0, len(starts), rows):
            cut = slice(at, at + rows)
            codes = genome.gather(ids[cut], starts[cut], window)
            outside = (starts[cut] < 0) | (starts[cut] + window > genome.sizes[ids[cut]])
            yield Part(
                {
                    "chrom": spelled[cut], "start": table.start[cut], "end": table.end[cut],
                    "name": table.name[cut], "strand": table.strand[cut], "window_start": starts[cut],
                    "window_end": starts[cut] + window,
                    "flag": flag_windows(codes, outside),
                },
                codes,
            )  # fmt: skip

    rule = f"{window} bp centred on each region's middle base, + strand; 0-based half-open; N past an end"
    return Source(len(starts), parts(), rule)


def check_step(lengths: str, step: int | None, window: int) -> int:
    """Return the bases between windows of "tile", the window's length if left out; refuse what is no rule."""
    require_one_of("lengths", lengths, LENGTH_RULES)
    step = window if step is None else step
    if step < 1:
        raise InputError(f"`step` must be a positive number of bases. Received: {step}.")
    return step


def sequence_windows(
    fasta: str | Path, window: int, rows: int, lengths: str = "error", step: int | None = None
) -> Source:
    """Lay windows on the sequences of a FASTA file.

    Parameters
    ----------
    fasta : path
        Plain or gzipped.
    window : int
        bp.
    rows : int
        Windows in a part.
    lengths : {"error", "pad", "centre", "tile"}
        For a sequence that is not `window` long: refuse it; take it whole with N after it (and refuse a
        longer one); take its middle; or cover it with windows every `step` bases, the last one at its end.
        A shorter sequence is padded with N on both sides under the last two.
    step : int, optional
        For "tile"; `window` if left out.

    Returns
    -------
    source : Source

    Raises
    ------
    InputError
        If a sequence has another length under "error"; or as `seqdl.io.fasta.iter_fasta`.
    """
    from seqdl.io.fasta import iter_fasta

    step = check_step(lengths, step, window)

    def pieces() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        for records in iter_fasta(fasta, _RECORDS):
            for index, name in enumerate(records.names):
                codes = records.sequence(index)
                if len(codes) > window if lengths == "pad" else lengths == "error" and len(codes) != window:
                    raise InputError(
                        f"{fasta}: the sequence {name!r} has {len(codes):,} bases and the model's window is "
                        f"{window:,}. Give sequences of that length; `seqdl predict` takes others by "
                        "--lengths centre (the middle of each, N around short ones), tile (all of it) or pad "
                        "(shorter ones whole)."
                    )
                starts = _window_starts(len(codes), window, lengths, step)
                for at in range(0, len(starts), rows):
                    yield name, codes, starts[at : at + rows]

    def parts() -> Iterator[Part]:
        held: list[tuple[str, np.ndarray, np.ndarray]] = []
        count = 0
        for piece in pieces():
            held.append(piece)
            count += len(piece[2])
            if count >= rows:
                yield _sequence_part(held, window)
                held, count = [], 0
        if held:
            yield _sequence_part(held, window)

    rule = {
        "error": f"sequences of exactly {window} bp",
        "pad": f"whole sequences of up to {window} bp, N after shorter ones",
        "centre": f"the middle {window} bp of each sequence, N around shorter ones",
        "tile": f"{window} bp every {step} bp and at each sequence's end, N around shorter ones",
    }[lengths]
    return Source(None, parts(), rule)


def _window_starts(length: int, window: int, lengths: str, step: int) -> np.ndarray:
    if lengths == "pad":
        return np.zeros(1, np.int64)
    if lengths != "tile" or length <= window:
        return np.array([length // 2 - window // 2], np.int64)
    starts = np.arange(0, length - window + 1, step, dtype=np.int64)
    return starts if starts[-1] == length - window else np.append(starts, length - window)


def _sequence_part(pieces: list[tuple[str, np.ndarray, np.ndarray]], window: int) -> Part:
    name = np.repeat(np.array([p[0] for p in pieces], object), [len(p[2]) for p in pieces])
    start = np.concatenate([p[2] for p in pieces])
    blocks, outside = [], []
    for _, codes, starts in pieces:
        places = starts[:, None] + np.arange(window)
        known = (places >= 0) & (places < len(codes))
        blocks.append(np.where(known, codes.take(places, mode="clip"), N).astype(np.uint8))
        outside.append(~known.all(axis=1))
    codes = np.concatenate(blocks)
    flags = flag_windows(codes, np.concatenate(outside))
    return Part({"name": name, "start": start, "end": start + window, "flag": flags}, codes)
