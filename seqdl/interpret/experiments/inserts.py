"""Motifs that are put into sequences or looked for in them: letters, or a matrix of probabilities."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from seqdl.encoding import N, reverse_complement
from seqdl.errors import InputError

IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT",
    "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "",
}  # fmt: skip
"""The bases that a letter stands for; N leaves what is there."""

_PSEUDO = 1e-3


class Insert(NamedTuple):
    """A motif as it is put into sequences.

    Attributes
    ----------
    name : str
    probabilities : float64 array, (w, 4)
        How often each base is put; a row of zeros leaves the base that is there.
    letters : bool
        Whether it was written in letters: found again where all of them fit, and not by a score.
    """

    name: str
    probabilities: np.ndarray
    letters: bool

    @property
    def width(self) -> int:
        """Number of places."""
        return len(self.probabilities)


def as_insert(motif) -> Insert:
    """Read a motif.

    Parameters
    ----------
    motif : str, Motif or Insert
        Letters, either case, IUPAC: an ambiguous letter stands for each of its bases as often, N leaves what
        is there; or anything with ``probabilities``, (w, 4), such as `seqdl.io.motifs.Motif`.

    Returns
    -------
    Insert

    Raises
    ------
    InputError
        If there is a letter that is none, or nothing to put.

    Examples
    --------
    >>> as_insert("RN").probabilities.tolist()
    [[0.5, 0.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    if isinstance(motif, Insert):
        return motif
    if hasattr(motif, "probabilities"):
        rows = np.asarray(motif.probabilities, np.float64)
        return Insert(str(motif.name), rows, False)
    text = str(motif).upper()
    wrong = next((i for i, letter in enumerate(text) if letter not in IUPAC), None)
    if wrong is not None:
        raise InputError(
            "A motif is written in the letters of IUPAC (A, C, G, T, R, Y, S, W, K, M, B, D, H, V, N). "
            f"Received: {str(motif)[wrong]!r} at index {wrong} of {str(motif)!r}."
        )
    rows = np.array([[base in IUPAC[letter] for base in "ACGT"] for letter in text], np.float64)
    if not rows.any():
        raise InputError(f"A motif needs at least one known letter. Received: {str(motif)!r}.")
    return Insert(text, rows / np.maximum(rows.sum(axis=1, keepdims=True), 1), True)


def as_inserts(motifs) -> list[Insert]:
    """Read one motif or several; of several with one name each gets its id, or a number, beside it.

    Parameters
    ----------
    motifs : str, Motif, Insert, or list of them

    Returns
    -------
    list of Insert

    Raises
    ------
    InputError
        If there is none, or as in `as_insert`.
    """
    single = isinstance(motifs, (str, Insert)) or hasattr(motifs, "probabilities")
    motifs = [motifs] if single else list(motifs)
    inserts = [as_insert(motif) for motif in motifs]
    if not inserts:
        raise InputError("Give at least one motif.")
    often = Counter(insert.name for insert in inserts)
    named = [
        insert._replace(name=f"{insert.name} {motif.id}")
        if often[insert.name] > 1 and getattr(motif, "id", insert.name) != insert.name
        else insert
        for motif, insert in zip(motifs, inserts, strict=True)
    ]
    seen: Counter = Counter()
    for i, insert in enumerate(named):
        seen[insert.name] += 1
        if seen[insert.name] > 1:
            named[i] = insert._replace(name=f"{insert.name} ({seen[insert.name]})")
    return named


def draw_words(
    insert: Insert, n: int, rng: np.random.Generator, sample: bool = True, strand: str = "+"
) -> np.ndarray:
    """Draw what is put into each of `n` sequences.

    Parameters
    ----------
    insert : Insert
    n : int
    rng : numpy Generator
    sample : bool
        Draw each base by its probability; otherwise take the likeliest one (the first of equals).
    strand : {"+", "-"}
        "-" gives the reverse complements of the same draws.

    Returns
    -------
    words : uint8 array, (n, w)
        Codes; 4 leaves the base that is there.
    """
    sums = insert.probabilities.cumsum(axis=1)
    if sample:
        # The last base with a share takes what rounding leaves, so that none without a share is drawn.
        drawn = (rng.random((n, insert.width, 1)) * sums[:, -1:] >= sums).sum(axis=2)
        words = np.minimum(drawn, 3).astype(np.uint8)
    else:
        words = np.tile(insert.probabilities.argmax(axis=1).astype(np.uint8), (n, 1))
    words[:, sums[:, -1] == 0] = N
    return reverse_complement(words) if strand == "-" else words


def put_words(codes: np.ndarray, words: np.ndarray, at: int) -> np.ndarray:
    """Return sequences, uint8 (n, L), with words, uint8 (n, w), written over them from index `at` on.

    Parameters
    ----------
    codes : uint8 array, (n, L)
    words : uint8 array, (n, w)
        N leaves the base that is there.
    at : int
        0-based.

    Returns
    -------
    uint8 array, (n, L)
    """
    placed = codes.copy()
    here = placed[:, at : at + words.shape[1]]
    here[...] = np.where(words < N, words, here)
    return placed


def check_place(insert: Insert, at: int | None, length: int) -> int:
    """Return the index of a motif's first base: `at`, or so that it lies in the middle.

    Parameters
    ----------
    insert : Insert
    at : int or None
    length : int
        Bases of the window.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If it does not fit.
    """
    if insert.width > length:
        raise InputError(
            f"The motif {insert.name!r} has {insert.width} bases and the window {length}: it does not fit."
        )
    if at is None:
        return length // 2 - insert.width // 2
    if not 0 <= at <= length - insert.width:
        raise InputError(
            f"`at` is the 0-based index of the motif's first base, 0 to {length - insert.width} for "
            f"{insert.name!r} ({insert.width} bases) in a window of {length}. Received: {at}."
        )
    return int(at)


def find_motif(insert: Insert, codes: np.ndarray, threshold: float = 0.85) -> np.ndarray:
    """Mark the bases of all instances of a motif, on both strands.

    Parameters
    ----------
    insert : Insert
        Of letters, all of them must fit; N fits any base. A matrix must reach the threshold.
    codes : uint8 array, (n, L)
    threshold : float
        For a matrix: the share of the way from its lowest to its highest log-odds score, 0 to 1 (the relative
        profile score of JASPAR), against a background of equal bases.

    Returns
    -------
    starts : bool array, (2, n, L - w + 1)
        Where an instance begins, on the + strand and on the - strand.

    Raises
    ------
    InputError
        If `threshold` is out of range, or the motif is longer than the sequences.
    """
    if not 0 < threshold <= 1:
        raise InputError(f"`threshold` must lie between 0 and 1. Received: {threshold}.")
    check_place(insert, None, codes.shape[1])
    places = codes.shape[1] - insert.width + 1
    rows = insert.probabilities
    if insert.letters:
        scores = (rows > 0).astype(np.float64)
        free = rows.sum(axis=1) == 0
        scores[free] = 1
        lowest, need = 0.0, float(insert.width)
    else:
        free = np.zeros(insert.width, bool)
        scores = np.log2((rows + _PSEUDO) / (1 + 4 * _PSEUDO) / 0.25)
        lowest = scores.min(axis=1).sum()
        need = lowest + threshold * (scores.max(axis=1).sum() - lowest)
    unknown = np.where(free, 1.0, -1e9)[:, None]  # N is no instance, but of a letter N
    found = np.empty((2, len(codes), places), bool)
    for strand, table in enumerate((scores, scores[::-1, ::-1])):
        with_n = np.concatenate([table, unknown[::-1] if strand else unknown], axis=1)
        total = np.zeros((len(codes), places))
        for j in range(insert.width):
            total += with_n[j].take(codes[:, j : j + places])
        found[strand] = total >= need - 1e-9
    return found
