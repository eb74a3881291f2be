"""Which edits in-silico mutagenesis makes: every substitution, deletion, insertion, every k-mer shuffled."""

from __future__ import annotations

import numpy as np

from seqdl.encoding import N, dinucleotide_shuffle
from seqdl.interpret.mutagenesis.edits import Edits

KINDS = ("substitution", "deletion", "insertion", "ablation")
SHUFFLES = ("mononucleotide", "dinucleotide", "random")
OTHERS = 3  # bases that a base is changed into


def substitution_edits(codes: np.ndarray, start: int, end: int) -> Edits:
    """Change every known base of [start, end) into each of the three others.

    Parameters
    ----------
    codes : uint8 array, (n, L)
    start, end : int
        0-based, half-open.

    Returns
    -------
    Edits
        Three for each base that is not N; the base itself is not passed again.
    """
    rows, places = np.nonzero(codes[:, start:end] < N)
    return substitutions_at(codes, rows, places + start)


def substitutions_at(codes: np.ndarray, rows: np.ndarray, places: np.ndarray) -> Edits:
    """Change some known bases into each of the three others.

    Parameters
    ----------
    codes : uint8 array, (n, L)
    rows, places : int64 arrays, (m,)
        Which sequence, and where.

    Returns
    -------
    Edits
        Three for each, in the order of `other_bases`.
    """
    bases = other_bases(codes[rows, places]).reshape(-1, 1)
    return Edits(np.repeat(rows, OTHERS), np.repeat(places, OTHERS), 1, bases)


def other_bases(codes: np.ndarray) -> np.ndarray:
    """Return the three other bases, uint8 (m, 3), of known ones, uint8 (m,)."""
    return (codes[:, None] + np.arange(1, 4, dtype=np.uint8)) % np.uint8(4)


def deletion_edits(codes: np.ndarray, start: int, end: int) -> Edits:
    """Take out every known base of [start, end), one at a time.

    Parameters
    ----------
    codes : uint8 array, (n, L)
    start, end : int
        0-based, half-open.

    Returns
    -------
    Edits
        One for each base that is not N.
    """
    rows, places = np.nonzero(codes[:, start:end] < N)
    return Edits(rows, places + start, 1, np.empty((len(rows), 0), np.uint8))


def insertion_edits(codes: np.ndarray, start: int, end: int) -> Edits:
    """Put each of the four bases before every place of [start, end), also before an N.

    Parameters
    ----------
    codes : uint8 array, (n, L)
    start, end : int
        0-based, half-open.

    Returns
    -------
    Edits
        Four for each place.
    """
    n, width = len(codes), end - start
    rows = np.repeat(np.arange(n), 4 * width)
    places = np.tile(np.repeat(np.arange(start, end), 4), n)
    return Edits(rows, places, 0, np.tile(np.arange(4, dtype=np.uint8), n * width)[:, None])


def ablation_starts(start: int, end: int, kmer: int, step: int) -> np.ndarray:
    """Return the first base, int64 (p,), of each k-mer that lies in [start, end), `step` bases apart.

    Parameters
    ----------
    start, end : int
        0-based, half-open.
    kmer, step : int

    Returns
    -------
    int64 array, (p,)
    """
    return np.arange(start, end - kmer + 1, step)


def ablation_edits(
    codes: np.ndarray, starts: np.ndarray, kmer: int, draws: int, shuffle: str, rng: np.random.Generator
) -> Edits:
    """Replace k-mers by shuffled or random ones, several times each.

    Parameters
    ----------
    codes : uint8 array, (n, L)
    starts : int64 array, (p,)
        See `ablation_starts`.
    kmer : int
        Bases replaced at once.
    draws : int
        Replacements of each k-mer; they follow each other in the result.
    shuffle : {"mononucleotide", "dinucleotide", "random"}
        Shuffle the k-mer and keep its bases, or its dinucleotides; or draw bases, each as likely.
    rng : numpy Generator

    Returns
    -------
    Edits
        `draws` for each k-mer without N.
    """
    words = codes[:, starts[:, None] + np.arange(kmer)]  # (n, p, k)
    rows, which = np.nonzero((words < N).all(axis=2))
    words = np.repeat(words[rows, which], draws, axis=0)
    if shuffle == "random":
        words = rng.integers(0, 4, words.shape, dtype=np.uint8)
    elif shuffle == "mononucleotide":
        words = rng.permuted(words, axis=1)
    else:
        words = dinucleotide_shuffle(words, rng)
    return Edits(np.repeat(rows, draws), np.repeat(starts[which], draws), kmer, words)
