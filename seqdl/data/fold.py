"""Secondary structures of minimum free energy, by ViennaRNA, in several processes.

Each worker is a fresh interpreter that reads sequences and writes structures, a line each: no fork of a
process that holds a network's threads, no guard needed in the caller's script.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from queue import Empty, SimpleQueue
from typing import NamedTuple

import numpy as np

from seqdl.encoding import RNA
from seqdl.errors import InputError, MissingDependencyError
from seqdl.progress import progress_bar

_LETTERS = np.frombuffer(f"{RNA}N".encode(), np.uint8)
_WORTH_A_PROCESS = 200  # sequences; fewer are folded before a second interpreter has started
_STOPPED = "A folding process stopped: was it killed, or the memory used up?"
_WORKER = """
import sys, RNA
for line in sys.stdin:
    structure, energy = RNA.fold(line.strip())
    print(structure, energy, flush=True)
"""


class Folded(NamedTuple):
    """Structures of sequences that lie end to end.

    Attributes
    ----------
    symbols : uint8 array
        Places in ``".()"``, one a base.
    energies : float32 array, shape (n,)
        Minimum free energies, kcal/mol at 37 degrees.
    """

    symbols: np.ndarray
    energies: np.ndarray


def require_viennarna(why: str) -> None:
    """Check that ViennaRNA's Python package is there.

    Parameters
    ----------
    why : str
        What needs it, for the message.

    Raises
    ------
    MissingDependencyError
        If not; with the command that installs it.
    """
    if find_spec("RNA") is None:
        raise MissingDependencyError(
            f"{why} needs ViennaRNA's Python package. Install it with: pip install 'seqdl[rna]' (that is "
            "ViennaRNA). Or fold elsewhere (RNAfold) and give the dot-bracket file: structure 'given'."
        )


def fold(codes: np.ndarray, offsets: Sequence[int], processes: int | None = None) -> Folded:
    """Fold sequences to their structures of minimum free energy.

    Parameters
    ----------
    codes : uint8 array
        Bases 0 to 4, all sequences end to end. N pairs with nothing.
    offsets : int sequence, length n + 1
        Sequence i is ``codes[offsets[i]:offsets[i + 1]]``.
    processes : int, optional
        Workers; as many as there are processors if left out. The result does not depend on it.

    Returns
    -------
    folded : Folded

    Raises
    ------
    MissingDependencyError
        If ViennaRNA is not installed.
    InputError
        If `processes` makes no sense.

    Notes
    -----
    Lorenz et al., ViennaRNA Package 2.0, Algorithms for Molecular Biology 6:26 (2011); Turner 2004 energies.
    """
    require_viennarna("Folding")
    if processes is not None and (isinstance(processes, bool) or processes < 1):
        raise InputError(f"`processes` must be a positive number of workers. Received: {processes!r}.")
    letters = _LETTERS[codes].tobytes().decode("ascii")
    texts = [letters[a:b] for a, b in zip(offsets[:-1], offsets[1:], strict=True)]
    workers = min(processes or _processors(), max(1, len(texts) // _WORTH_A_PROCESS))
    with progress_bar(len(texts), "Folding", "sequences") as progress:
        found = _fold_here(texts, progress) if workers == 1 else _fold_apart(texts, workers, progress)
    structures = "".join(structure for structure, _ in found).encode("ascii")
    raw = np.frombuffer(structures, np.uint8)
    symbols = ((raw == ord("(")) + 2 * (raw == ord(")"))).astype(np.uint8)
    return Folded(symbols, np.array([energy for _, energy in found], np.float32))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _fold_here(texts: list[str], progress) -> list[tuple[str, float]]:
    import RNA as vienna

    found = []
    for text in texts:
        found.append(vienna.fold(text))
        progress.advance()
    return found


def _fold_apart(texts: list[str], workers: int, progress) -> list[tuple[str, float]]:
    """Hand the sequences to processes, each the next one when it is done with its last."""
    waiting: SimpleQueue = SimpleQueue()
    # Long ones first: no worker is left alone with one at the end.
    for place in sorted(range(len(texts)), key=lambda i: -len(texts[i])):
        waiting.put(place)
    done: SimpleQueue = SimpleQueue()

    def serve() -> None:
        command = [sys.executable, "-c", _WORKER]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
            try:
                with suppress(Empty):
                    while True:
                        place = waiting.get_nowait()
                        worker.stdin.write(f"{texts[place]}\n")
                        worker.stdin.flush()
                        answer = worker.stdout.readline().split()
                        if len(answer) != 2:
                            raise InputError(_STOPPED)
                        done.put((place, answer[0], float(answer[1])))
            except OSError as error:  # a pipe that broke
                raise InputError(_STOPPED) from error
            finally:
                with suppress(OSError):
                    worker.stdin.close()

    found: list = [None] * len(texts)
    with ThreadPoolExecutor(workers) as pool:
        serving = [pool.submit(serve) for _ in range(workers)]
        try:
            left = len(texts)
            while left:
                try:
                    place, structure, energy = done.get(timeout=0.2)
                except Empty:
                    for job in serving:
                        if job.done():
                            job.result()
                    continue
                found[place] = (structure, energy)
                left -= 1
                progress.advance()
        except BaseException:
            with suppress(Empty):
                while True:
                    waiting.get_nowait()
            raise
    return found
