"""What a worker of a cluster does: open the job that stands in the folder of parts, score chunks into it.

``job.json`` in the folder of parts holds what a `Scorer` is made of. A task names the folder, the job by its
checksum, and a chunk; so tasks are small, and a worker that does not share the file system finds out at once.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from seqdl.errors import InputError, SeqdlError
from seqdl.files import write_text
from seqdl.genome import Genome
from seqdl.io.vcf import VcfChunk
from seqdl.progress import hushed
from seqdl.variants.jobs.clock import Clock
from seqdl.variants.jobs.parts import JOB, Parts, part_path, write_part
from seqdl.variants.options import ScoringOptions
from seqdl.variants.scorer import Scorer
from seqdl.variants.screen import Screened
from seqdl.version import __version__

_FILES = ("category", "background", "calibration")  # options that may be a file's name
_SHARED = "Run, genome and output must lie on a file system that all workers see at the same paths."
_APPEARS_WITHIN = 5.0  # seconds that a network file system may take to show a new file

_opening, _screening, _asking = threading.Lock(), threading.Lock(), threading.Lock()
_open: dict[str, Scorer] = {}


class Answer(NamedTuple):
    """What a worker says of a chunk.

    Attributes
    ----------
    worker : str
        Its process: host and number.
    seconds : dict
        How long its stages took.
    counts : (int, int)
        Mismatches and swapped alleles; the scores themselves lie in the part.
    error : SeqdlError or None
        What the user should know instead.
    """

    worker: str
    seconds: dict[str, float]
    counts: tuple[int, int] = (0, 0)
    error: SeqdlError | None = None


def keep_job(
    parts: Parts, run: object, genome: Genome, contigs: Mapping[str, str], options: ScoringOptions
) -> str:
    """Write down what workers need to know.

    Parameters
    ----------
    parts : Parts
        Whose folder it is written to.
    run : path or Run
    genome : Genome
        Opened from a file.
    contigs : mapping
        The variants' contig names to the genome's.
    options : ScoringOptions

    Returns
    -------
    job : str
        Its checksum.

    Raises
    ------
    InputError
        If the run or the genome is no file that a worker could open.
    """
    from seqdl.training.run import Run

    path = run.path if isinstance(run, Run) else run
    if not isinstance(path, (str, Path)):
        raise InputError(
            "`scheduler`: workers open the run themselves, so it must be a run's folder. "
            f"Received: {type(run).__name__}."
        )
    if genome.path is None:
        raise InputError("`scheduler`: workers open the genome themselves, so it must be a file.")
    chosen = asdict(options)
    for name in _FILES:
        if chosen[name] is not None and Path(chosen[name]).is_file():
            chosen[name] = str(Path(chosen[name]).resolve())
    text = json.dumps(
        {
            "format": "seqdl-score-job",
            "version": 1,
            "software": software(),
            "run": str(Path(path).expanduser().resolve()),
            "genome": str(Path(genome.path).expanduser().resolve()),
            "checksum": genome.checksum,
            "contigs": dict(contigs),
            "options": chosen,
            "plan": parts.plan,
        },
        indent=1,
    )
    write_text(parts.folder / JOB, text)
    return _checksum(text)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def software() -> dict[str, str]:
    """Return the versions that numbers may depend on; KERAS_BACKEND among them."""
    import keras

    backend = keras.backend.backend()
    return {
        "seqdl": __version__,
        "keras": importlib.metadata.version("keras"),
        "backend": backend,
        backend: str(getattr(sys.modules.get(backend), "__version__", "?")),
    }


def score_part(
    folder: str, job: str, number: int, chunk: VcfChunk, screened: Screened | None, notes: Mapping
) -> Answer:
    """Score a chunk and keep its part; runs on a worker, where it may run in several threads at once.

    Parameters
    ----------
    folder : str
        Of parts.
    job : str
        Checksum of the job that is kept there.
    number : int
        Of the chunk.
    chunk : VcfChunk
        Without the records' text.
    screened, notes : Screened and mapping, or None and an empty one
        Where the windows are ready.

    Returns
    -------
    answer : Answer
        With what is wrong, if that is the user's to know: raised, it would be tried again.
    """
    clock, worker = Clock(), f"{socket.gethostname()}:{os.getpid()}"
    try:
        with hushed():
            with clock("opening"):
                scorer = _scorer(Path(folder), job, worker)
            if screened is None:
                with _screening, clock("alleles"):
                    screened, notes = scorer.screen(chunk)
            with _asking, clock("model"):
                block = scorer.score_screened(chunk, screened, notes)
        counts = screened.mismatches, screened.swapped
        # A task that outlives its job must not write into the next one's folder.
        if _read_job(Path(folder), worker, job):
            with clock("keeping"):
                write_part(part_path(Path(folder), number), block, counts)
        return Answer(worker, clock.seconds, counts)
    except SeqdlError as error:
        return Answer(worker, clock.seconds, error=error)


def _scorer(folder: Path, job: str, worker: str) -> Scorer:
    """Return this process's scorer of a job; it keeps the last one."""
    with _opening:
        if job not in _open:
            _open.clear()
            described = json.loads(_read_job(folder, worker, job))
            try:
                scorer = _open_scorer(described)
            except SeqdlError as error:
                raise type(error)(f"The worker {worker} cannot open the job: {error} {_SHARED}") from error
            _require_same(described["software"], worker)
            _open[job] = scorer
        return _open[job]


def _read_job(folder: Path, worker: str, job: str) -> str:
    """Return the job's text if the folder is there and belongs to that job."""
    before = time.monotonic()
    while True:
        try:
            text = (folder / JOB).read_text(encoding="utf-8")
        except OSError:
            text = ""
        if _checksum(text) == job:
            return text
        if time.monotonic() - before > _APPEARS_WITHIN:
            break
        time.sleep(0.2)
    what = "another job is in" if text else "it does not see"
    raise InputError(f"The worker {worker} cannot take part: {what} {folder}. {_SHARED}")


def _open_scorer(described: dict) -> Scorer:
    from seqdl.cli.quiet import quiet_tensorflow

    quiet_tensorflow()
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = described["software"]["backend"]
    genome = Genome(described["genome"])
    if genome.checksum != described["checksum"]:
        raise InputError(f"The genome {described['genome']} is another one there.")
    options = {name: tuple(x) if isinstance(x, list) else x for name, x in described["options"].items()}
    return Scorer(described["run"], genome, described["contigs"], ScoringOptions(**options))


def _require_same(wanted: Mapping[str, str], worker: str) -> None:
    for name, version in software().items():
        if wanted.get(name) != version:
            raise InputError(
                f"The worker {worker} cannot take part: its {name} is {version}, and that of the process "
                f"that started the job is {wanted.get(name, 'missing')}, so the numbers could differ. "
                "Install the same packages."
            )
