"""The common workload of the loading benchmark: one genome, random windows in random order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

LETTERS = np.frombuffer(b"ACGTN", np.uint8)
CODE = {"A": 0, "C": 1, "G": 2, "T": 3}


class Loader(NamedTuple):
    """What a contender hands to the timer.

    Attributes
    ----------
    batches : iterable of arrays
        Goes on for ever, or is long enough for the run.
    layout : {"NLC", "NCL", "codes", "letters"}
        How a batch looks: one-hot channels last or first, codes 0-4, or ASCII letters.
    order : int array or None
        Window numbers in the order of the batches; None for 0, 1, 2, ….
    """

    batches: Iterable
    layout: str
    order: np.ndarray | None = None


@dataclass(frozen=True)
class Workload:
    """Windows of one length on one genome.

    Attributes
    ----------
    fasta : Path
        Uncompressed FASTA with upper-case letters.
    chroms, starts : arrays, shape (n,)
        Contig name and 0-based first base of each window, all inside their contig.
    window, batch : int
    folder : Path
        For files that a contender needs.
    """

    fasta: Path
    chroms: np.ndarray
    starts: np.ndarray
    window: int
    batch: int
    folder: Path

    def chunks(self) -> Iterable[tuple[np.ndarray, np.ndarray]]:
        """Yield (chroms, starts) of batch after batch, for ever."""
        while True:
            for i in range(0, len(self.starts) - self.batch + 1, self.batch):
                yield self.chroms[i : i + self.batch], self.starts[i : i + self.batch]


def write_genome(path: Path, bases: int, contigs: int = 4, seed: int = 0) -> None:
    """Write a random genome as FASTA with 60 letters a line."""
    rng = np.random.default_rng(seed)
    size = bases // contigs // 60 * 60
    with open(path, "wb") as handle:
        for i in range(contigs):
            letters = LETTERS[rng.integers(0, 4, size, dtype=np.uint8)].reshape(-1, 60)
            lines = np.full((len(letters), 61), ord("\n"), np.uint8)
            lines[:, :60] = letters
            handle.write(f">chr{i + 1}\n".encode() + lines.tobytes())


def make_workload(fasta: Path, folder: Path, window: int, batch: int, n: int, seed: int = 0) -> Workload:
    """Draw `n` windows uniformly over the contigs that can hold one."""
    from pyfaidx import Fasta

    with Fasta(str(fasta)) as records:
        sizes = {name: len(records[name]) for name in records.keys() if len(records[name]) >= window}
    if not sizes:
        raise SystemExit(f"No contig of {fasta} is as long as a window of {window:,} bp.")
    rng = np.random.default_rng((seed, window))
    names, lengths = np.array(list(sizes), object), np.array(list(sizes.values()))
    which = rng.choice(len(names), n, p=lengths / lengths.sum())
    starts = (rng.random(n) * (lengths[which] - window + 1)).astype(np.int64)
    return Workload(fasta, names[which], starts, window, batch, folder)


def to_codes(batch, layout: str) -> np.ndarray:
    """Turn a batch of any layout into codes, uint8 (n, window), to compare contenders."""
    x = np.asarray(batch)
    if layout == "codes":
        return x.astype(np.uint8)
    if layout == "letters":
        letters = np.ascontiguousarray(x).view(np.uint8).reshape(x.shape[0], -1)
        return np.searchsorted(LETTERS[:4], letters).astype(np.uint8)
    channel = -1 if layout == "NLC" else 1
    return np.where(x.any(axis=channel), x.argmax(axis=channel), 4).astype(np.uint8)


def reference(work: Workload, numbers: np.ndarray) -> np.ndarray:
    """Read windows slowly and surely, as codes; what is not ACGT is 4."""
    from pyfaidx import Fasta

    with Fasta(str(work.fasta)) as records:
        rows = [
            [
                CODE.get(c, 4)
                for c in str(records[work.chroms[i]][work.starts[i] : work.starts[i] + work.window]).upper()
            ]
            for i in numbers.tolist()
        ]
    return np.array(rows, np.uint8)
