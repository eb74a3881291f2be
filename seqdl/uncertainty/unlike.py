"""Sequences unlike the training data: how far a window's 4-mer composition lies from theirs.

A network answers any sequence, also those of a kind that it never saw: a repeat, a vector, another
genome. What is measured is composition alone. A window of ordinary composition may still be new in
other ways, so no flag is no promise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.encoding import bases_of
from seqdl.errors import InputError
from seqdl.evaluation.kmers import kmer_counts

K = 4
WORDS = 136  # 4-mers, of which a word and its reverse complement are one
QUANTILE = 0.999  # of held-out windows: one in a thousand of them is flagged
FEWEST = 200  # windows that a covariance of 136 numbers is estimated from at least
_ROWS = 4096


class Composition(NamedTuple):
    """The training windows' composition, and from which distance on a window is unlike them.

    Attributes
    ----------
    mean : float64 array, shape (136,)
        Mean frequency of each word.
    whiten : float64 array, shape (136, 136)
        What turns a deviation from the mean into a vector whose length is the Mahalanobis distance.
    threshold : float
        The distance above which a window is flagged.
    """

    mean: np.ndarray
    whiten: np.ndarray
    threshold: float

    def unlike(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Measure windows.

        Parameters
        ----------
        codes : uint8 array, shape (m, W)
            Of any length of 4 or more; bases with their structure count as bases.

        Returns
        -------
        distance : float32 array, shape (m,)
            Mahalanobis distance from the training windows; about ``sqrt(136)`` for an ordinary window, and
            infinite for one without four known bases in a row.
        flag : bool array, shape (m,)
            Whether it lies beyond the threshold.
        """
        distance = np.empty(len(codes), np.float32)
        for first in range(0, len(codes), _ROWS):
            part = composition(codes[first : first + _ROWS])
            away = (part - self.mean) @ self.whiten
            distance[first : first + len(part)] = np.sqrt(np.einsum("ij,ij->i", away, away))
        distance[np.isnan(distance)] = np.inf
        return distance, distance > self.threshold


def composition(codes: np.ndarray) -> np.ndarray:
    """Compute the frequencies of 4-mers, both strands alike.

    Parameters
    ----------
    codes : uint8 array, shape (m, W)

    Returns
    -------
    frequencies : float64 array, shape (m, 136)
        Among the words of known bases; each row sums to 1, or is NaN where there is no such word.

    Raises
    ------
    InputError
        If the windows are shorter than four bases.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.shape[1] < K:
        raise InputError(f"`codes` must have the shape (m, W), W at least {K}. Received: {codes.shape}.")
    counts = kmer_counts(bases_of(codes), K).astype(np.float64)
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)


def fit_composition(training: np.ndarray, held_out: np.ndarray) -> Composition:
    """Learn the training windows' composition, and the threshold from windows held out.

    Parameters
    ----------
    training, held_out : float64 arrays, shape (n, 136)
        What `composition` gives; rows of NaN are left out.

    Returns
    -------
    Composition
        The covariance is that of frequencies in units of their standard deviation, shrunk towards no
        correlation (Ledoit & Wolf 2004): rare words weigh as much as common ones. The threshold is the
        99.9 % quantile of the held-out distances, and their maximum where fewer than 999 are there.

    Raises
    ------
    InputError
        If there are too few windows.
    """
    from sklearn.covariance import ledoit_wolf

    training, held_out = (x[np.isfinite(x).all(axis=1)] for x in (training, held_out))
    if len(training) < FEWEST or not len(held_out):
        raise InputError(
            f"The composition of the training windows needs at least {FEWEST} of them with known bases, and "
            f"some held out. Received: {len(training)} and {len(held_out)}."
        )
    mean, scale = training.mean(axis=0), training.std(axis=0)
    # A word that no training window holds still has a scale, or one of it would be infinitely far.
    scale = np.maximum(scale, max(scale.max() * 1e-3, 1e-6))
    covariance, _ = ledoit_wolf((training - mean) / scale, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    whiten = (vectors / np.sqrt(np.maximum(values, 1e-8))) / scale[:, None]
    away = (held_out - mean) @ whiten
    # In float32, as it will be compared.
    distance = np.sort(np.sqrt(np.einsum("ij,ij->i", away, away)).astype(np.float32))
    place = min(int(np.ceil((len(distance) + 1) * QUANTILE)), len(distance)) - 1
    return Composition(mean, whiten, float(distance[place]))


def simple_repeats(n: int, window: int, seed: int) -> np.ndarray:
    """Make windows that repeat one unit of 1 to 6 random bases, to try the flag on.

    Parameters
    ----------
    n, window : int
        Windows, and their bases.
    seed : int

    Returns
    -------
    codes : uint8 array, shape (n, window)
    """
    rng = np.random.default_rng(seed)
    units = rng.integers(0, 4, (n, 6))
    lengths = rng.integers(1, 7, n)
    return np.take_along_axis(units, np.arange(window) % lengths[:, None], axis=1).astype(np.uint8)
