"""Edits of sequences, and what a network says to each: the seam of all in-silico mutagenesis.

An edit takes out some bases and puts in others: a substitution 1 for 1, a deletion 1 for none, an insertion
none for 1, a shuffled k-mer k for k. The law is that of `seqdl.variants.alleles`: the left end stays where it
is, what an insertion pushes out on the right is cut off, and what a deletion frees there is filled with the
bases that follow the sequence, or with N where nobody says what follows.

Whoever evaluates edits is an `Engine`. `FullPass` builds every mutant and runs it whole; an engine that only
recomputes what an edit changes has to give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError


class Edits(NamedTuple):
    """Many edits of one shape, each of one of several sequences.

    Attributes
    ----------
    rows : int64 array, (m,)
        Which sequence is edited.
    starts : int64 array, (m,)
        0-based place of the first base that is taken out, or before which bases are put.
    removed : int
        Bases that each edit takes out.
    inserted : uint8 array, (m, k)
        Bases that each edit puts in there, as codes; ``k`` may be 0.
    """

    rows: np.ndarray
    starts: np.ndarray
    removed: int
    inserted: np.ndarray

    def part(self, start: int, end: int) -> Edits:
        """Return the edits from `start` to before `end`."""
        cut = slice(start, end)
        return Edits(self.rows[cut], self.starts[cut], self.removed, self.inserted[cut])


class Engine(Protocol):
    """Tells what a network says to sequences and to edits of them."""

    def reference(self, codes: np.ndarray) -> np.ndarray:
        """Return the outputs, (n, ...), of the sequences themselves, uint8 (n, L)."""

    def evaluate(self, codes: np.ndarray, edits: Edits, right: np.ndarray | None = None) -> np.ndarray:
        """Return the outputs, (m, ...), of `apply_edits(codes, edits, right)`."""


def apply_edits(codes: np.ndarray, edits: Edits, right: np.ndarray | None = None) -> np.ndarray:
    """Build the mutants.

    Parameters
    ----------
    codes : uint8 array, (n, L)
    edits : Edits
        `m` of them; each lies within the sequence.
    right : uint8 array, (n, r), optional
        The bases that follow each sequence; N beyond them.

    Returns
    -------
    mutants : uint8 array, (m, L)

    Raises
    ------
    InputError
        If an edit leaves the sequence.

    Examples
    --------
    >>> from seqdl.encoding import decode, encode
    >>> edit = Edits(np.array([0]), np.array([1]), 1, np.empty((1, 0), np.uint8))
    >>> decode(apply_edits(encode("ACGT")[None], edit)[0])
    'AGTN'
    """
    length, inserted = codes.shape[1], edits.inserted.shape[1]
    ends = edits.starts + max(inserted, edits.removed)
    if len(ends) and (edits.starts.min() < 0 or ends.max() > length):
        raise InputError(
            f"Every edit must lie within the sequence, 0 to {length}. Received: edits from "
            f"{edits.starts.min()} to {ends.max()}."
        )
    shift = edits.removed - inserted
    mutants = codes[edits.rows]
    if shift:
        flank = np.full((len(codes), abs(shift)), N, np.uint8)
        if shift > 0 and right is not None:
            known = right[:, :shift]
            flank[:, : known.shape[1]] = known
        # A choice between the sequence and the sequence moved is 50 times as fast as an index a base.
        ends = [codes[:, shift:], flank] if shift > 0 else [flank, codes[:, :shift]]
        moved = np.concatenate(ends, axis=1)[:, :length]
        stays = np.arange(length) < edits.starts[:, None] + inserted
        mutants = np.where(stays, mutants, moved[edits.rows])
    if inserted:
        np.put_along_axis(mutants, edits.starts[:, None] + np.arange(inserted), edits.inserted, axis=1)
    return mutants


class FullPass:
    """Evaluate edits by building each mutant and passing it through a function whole.

    Parameters
    ----------
    func : callable
        ``func(codes uint8 (n, L)) -> array (n, ...)``: a prediction, as
        `seqdl.interpret.heads.output_function` makes it, or an attribution.
    batch_size : int
        Sequences that `func` gets at once. The last batch is filled up, so that one shape is compiled.

    Raises
    ------
    InputError
        If `batch_size` is less than 1, or `func` returns other than one finite result a sequence.
    """

    def __init__(self, func: Callable[[np.ndarray], np.ndarray], batch_size: int = 256) -> None:
        if batch_size < 1:
            raise InputError(f"`batch_size` must be at least 1. Received: {batch_size}.")
        self.func, self.batch_size = func, int(batch_size)

    def reference(self, codes: np.ndarray) -> np.ndarray:
        """Return the outputs, (n, ...), of sequences, uint8 (n, L)."""
        return self._batches(len(codes), lambda first, last: codes[first:last])

    def evaluate(self, codes: np.ndarray, edits: Edits, right: np.ndarray | None = None) -> np.ndarray:
        """Return the outputs, (m, ...), of edited sequences; see `apply_edits`."""
        return self._batches(
            len(edits.rows), lambda first, last: apply_edits(codes, edits.part(first, last), right)
        )

    def _batches(self, n: int, build: Callable[[int, int], np.ndarray]) -> np.ndarray:
        """Run all batches; only one is ever built."""
        from seqdl.prediction.predictor import require_finite

        out = None
        for first in range(0, n, self.batch_size):
            last = min(first + self.batch_size, n)
            batch = build(first, last)
            filled = batch[np.resize(np.arange(last - first), self.batch_size)]
            result = np.asarray(self.func(filled))
            if result.shape[:1] != (self.batch_size,):
                raise InputError(
                    "The function must return one result a sequence. Received: the shape "
                    f"{result.shape} for {self.batch_size} sequences."
                )
            require_finite(result)
            if out is None:
                out = np.empty((n, *result.shape[1:]), np.float32)
            out[first:last] = result[: last - first]
        return np.empty((0,), np.float32) if out is None else out


def as_engine(func: Callable | Engine, batch_size: int = 256) -> Engine:
    """Return an engine as it is, and a function from sequences to numbers as a `FullPass`.

    Parameters
    ----------
    func : callable or Engine
        ``func(codes uint8 (n, L)) -> array (n, ...)``.
    batch_size : int
        Sequences that a function gets at once.

    Returns
    -------
    Engine
    """
    return func if hasattr(func, "evaluate") else FullPass(func, batch_size)
