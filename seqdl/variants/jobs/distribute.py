"""Scoring on the workers of a dask cluster: the same chunks, scorer and writers as on one machine.

This process reads the VCF and hands out its chunks in order, a few for each worker; a worker scores a chunk
and keeps it as a part (`seqdl.variants.jobs.remote`); the parts are taken in order and written here. So the
output's bytes are those of one machine, a lost worker costs the chunks that it had, and a job that was cut
off goes on from its parts wherever it is started again.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager, suppress

from seqdl.errors import InputError
from seqdl.io.vcf import VcfChunk
from seqdl.progress import Progress
from seqdl.variants.jobs.clock import Clock
from seqdl.variants.jobs.cluster import check_scheduler, connect
from seqdl.variants.jobs.parts import Parts
from seqdl.variants.jobs.pipeline import Prepared, Written, one_ahead, part_of
from seqdl.variants.jobs.remote import Answer, score_part
from seqdl.variants.scored import ScoredBlock
from seqdl.words import count

# Chunks for each worker's thread that are handed out at once, and of those whose windows come along.
_AHEAD, _AHEAD_READY = 4, 2
_TRIES = 3  # of a chunk whose part is damaged
_LOOK_EVERY = 2.0  # seconds between looks at the cluster
_KEPT = "What is scored is kept: the same command goes on from there."


class Team:
    """Workers of a cluster, and what they are asked.

    Parameters
    ----------
    client : distributed.Client
    name : str
        Of the cluster, for messages.
    worker_timeout : float
        Seconds that it may be without a worker.

    Attributes
    ----------
    threads : int
        Tasks that its workers do at once, when last looked at.
    took_part : set of str
        Workers that have scored something.
    """

    def __init__(self, client, name: str, worker_timeout: float) -> None:
        self._client, self._name, self._timeout = client, name, worker_timeout
        self._run = os.urandom(4).hex()
        self._with_workers = time.monotonic()
        self._looked = 0.0
        self.threads = 0
        self.took_part: set[str] = set()

    def _gather(self, progress: Progress) -> None:
        self._with_workers = time.monotonic()
        while not self.threads:
            self._look(progress, every=0.0)
            if not self.threads:
                time.sleep(0.1)

    def hand_out(self, parts: Parts, job: str, item: Prepared, progress: Progress):
        """Give a chunk to the cluster, once that has a worker; return its future.

        Raises
        ------
        InputError
            If no worker comes, or the scheduler is gone.
        """
        if not self.threads:
            self._gather(progress)
        return self._client.submit(
            score_part,
            str(parts.folder.resolve()),
            job,
            item.number,
            item.chunk._replace(lines=None),
            item.screened,
            item.notes,
            key=f"seqdl-{job[:12]}-{self._run}-{item.number:08d}-{os.urandom(2).hex()}",
            pure=False,
            retries=3,
            priority=-item.number,
        )

    def answer(self, future, item: Prepared, progress: Progress) -> Answer:
        """Wait for a chunk's answer.

        Raises
        ------
        InputError
            What a worker raised as one; or if its workers died, no worker is left, or the scheduler is gone.
        """
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        try:
            while True:
                with suppress(TimeoutError):
                    answer = future.result(timeout=0.5)
                    break
                if future.done():
                    answer = future.result()
                    break
                self._look(progress)
        except KilledWorker as error:
            first, last = item.chunk.record[[0, -1]].tolist()
            raise InputError(
                f"Each of several workers died while it scored records {first + 1:,} to {last + 1:,}: most "
                "likely they had too little memory. Start fewer workers on a machine, or give a smaller "
                f"--batch-size or --chunk-records. {_KEPT}"
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise self._gone() from error
        except (ImportError, AttributeError, RuntimeError) as error:
            if isinstance(error, ImportError) or "deserialization" in str(error):
                raise InputError(
                    f"The cluster {self._name} cannot run seqdl: {str(error).split('.')[0].strip()}. "
                    "Scheduler and workers need the same seqdl and Python as this process."
                ) from error
            raise
        if answer.error is not None:
            raise answer.error
        self.took_part.add(answer.worker)
        return answer

    def _look(self, progress: Progress, every: float = _LOOK_EVERY) -> None:
        """Raise a Ctrl-C that was noted, and see whether anybody works."""
        progress.advance(0)
        now = time.monotonic()
        if now - self._looked < every:
            return
        try:
            self.threads = sum(self._client.nthreads().values())
        except (OSError, ValueError, CancelledError) as error:
            raise self._gone() from error
        if self._client.status not in ("running", "connecting"):
            raise self._gone()
        now = self._looked = time.monotonic()
        if self.threads:
            self._with_workers = now
        elif now - self._with_workers > self._timeout:
            raise InputError(
                f"The cluster {self._name} has had no worker for {self._timeout:g} s. Start some (`dask "
                "worker ADDRESS`), or give a longer --worker-timeout if they wait in a queue."
            )

    def _gone(self) -> InputError:
        return InputError(f"The connection with the scheduler {self._name} was lost. {_KEPT}")

    def note(self) -> str:
        """Say who took part."""
        return f"{count(len(self.took_part), 'worker process', 'worker processes')} of {self._name} scored"


@contextmanager
def open_team(scheduler: str, worker_timeout: float = 60.0) -> Iterator[Team]:
    """Connect with a cluster, or start one that lives as long as the block.

    Parameters
    ----------
    scheduler : str
        See `seqdl.variants.jobs.cluster.check_scheduler`.
    worker_timeout : float
        Seconds that it may be without a worker.

    Yields
    ------
    team : Team

    Raises
    ------
    InputError
        If the cluster cannot be reached or started.
    """
    with connect(check_scheduler(scheduler, worker_timeout)) as client:
        yield Team(client, scheduler, worker_timeout)


def distributed_blocks(
    prepared: Iterator[Prepared],
    texts: Iterator[VcfChunk] | None,
    team: Team,
    job: str,
    parts: Parts,
    progress: Progress,
    clock: Clock,
    written: Written,
) -> Iterator[tuple[ScoredBlock, tuple[int, int], bool]]:
    """Score on a cluster; the twin of `seqdl.variants.jobs.pipeline.local_blocks`.

    Parameters
    ----------
    prepared : iterator of Prepared
        With or without windows; a chunk whose part is there is not handed out.
    texts : iterator of VcfChunk, or None
        The same chunks with the records' text, where it is wanted: read again, so that it need not be held
        for all chunks that are under way.
    team : Team
    job : str
        See `seqdl.variants.jobs.remote.keep_job`.
    parts : Parts
    progress : Progress
        Advanced by alleles.
    clock : Clock
    written : Written
        Handed each block.

    Yields
    ------
    block, counts, new
        As `local_blocks`.

    Raises
    ------
    InputError
        See `Team.answer`; also if parts that workers have written are not seen here.
    """
    waiting: deque = deque()
    spent: dict[str, float] = {}

    def take() -> tuple[ScoredBlock, tuple[int, int], bool]:
        item, future = waiting.popleft()
        new, found = future is not None, item.done
        for _ in range(_TRIES):
            if future is not None:
                with clock("waiting for workers"):
                    answer = team.answer(future, item, progress)
                for stage, seconds in answer.seconds.items():
                    spent[stage] = spent.get(stage, 0.0) + seconds
                new = True
            with clock("reading parts"):
                found = found or _arrived(parts, item, future is not None)
            if found:
                break
            future = team.hand_out(parts, job, item, progress)
        else:
            raise InputError(
                f"Chunk {item.number} was scored, but {parts.path(item.number)} is not there, or not what "
                "was written: the workers' file system must be this one's. Is the disk sound?"
            )
        block, counts = found
        if texts is not None:
            block = block._replace(chunk=next(texts))
        written.take(item.number, block, counts, False)  # a worker has kept it
        progress.advance(len(block.chunk.pos))
        return block, counts, new

    with closing(one_ahead(prepared)) as ahead:
        for item in ahead:
            there = item.done is not None or parts.path(item.number).exists()
            waiting.append((item, None if there else team.hand_out(parts, job, item, progress)))
            ahead_by = _AHEAD if item.screened is None else _AHEAD_READY
            while len(waiting) >= ahead_by * max(1, team.threads):
                yield take()
        while waiting:
            yield take()
    for stage, seconds in spent.items():
        clock.seconds[f"{stage} (mean of the workers)"] = seconds / max(1, len(team.took_part))


def _arrived(parts: Parts, item: Prepared, expected: bool) -> tuple[ScoredBlock, tuple[int, int]] | None:
    """Return a chunk's part; a network file system may need a moment to show it."""
    until = time.monotonic() + 30
    while expected and not parts.path(item.number).exists() and time.monotonic() < until:
        os.listdir(parts.folder)  # makes NFS look again
        time.sleep(0.1)
    return part_of(parts, item.number, item.chunk)
