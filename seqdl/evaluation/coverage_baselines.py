"""Baselines of coverage: the track's mean, base composition, and k-mers around each bin, by ridge regression.

They see the same windows as the network and learn from training windows only. Features are counted window by
window and only their sums of products are kept, so memory does not grow with the genome. A ridge regression
is the best linear rule by squared error, hence a strong one by correlation; what it predicts below a floor,
chosen on validation bins by Poisson deviance, is lifted to that floor, since counts are not negative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from seqdl.encoding import N, bases_of
from seqdl.errors import InputError
from seqdl.evaluation.baselines import training_windows
from seqdl.evaluation.gapped_words import words
from seqdl.evaluation.kmers import kmer_groups
from seqdl.evaluation.ridge import Products, choose_floors, solve_ridge
from seqdl.words import suggest

COVERAGE_BASELINES = ("mean", "gc", "kmer")
# Bins that a regression learns from: more than enough for the words counted, and minutes instead of hours.
MAX_BINS = 400_000
_MAX_CHOICE = 100_000
_NUMBERS = 8_000_000  # features held at once


class Moments(NamedTuple):
    """What the training windows say of each track without a model.

    Attributes
    ----------
    mean, deviation : float64 (T,)
        Of the known values; 0 where none is known.
    profile : float64 (n_bins, T)
        Mean at each place of the window: the average profile.
    windows : int
        Training windows they were taken from.
    """

    mean: np.ndarray
    deviation: np.ndarray
    profile: np.ndarray
    windows: int


class CoverageBaseline(NamedTuple):
    """Hold a fitted baseline.

    Attributes
    ----------
    name, label : str
        Key in files, and the name for people.
    predict : callable
        uint8 codes (m, window) to float32 (m, n_bins, T), or to what broadcasts to it.
    details : dict
        How it was made; goes into metrics.json.
    """

    name: str
    label: str
    predict: Callable[[np.ndarray], np.ndarray]
    details: dict


def check_coverage_baseline(name: str) -> None:
    """Refuse a name that is no baseline of coverage.

    Raises
    ------
    InputError
        That names the nearest one.
    """
    if name not in COVERAGE_BASELINES:
        raise InputError(
            f"No baseline of coverage is called {name!r}.{suggest(name, COVERAGE_BASELINES)} "
            f"Known: {', '.join(COVERAGE_BASELINES)}."
        )


def rows_at_once(window: int, n_bins: int, n_targets: int, features: int = 0) -> int:
    """Return how many windows to hold at once, so that memory does not depend on their size."""
    return int(np.clip(_NUMBERS // (n_bins * (n_targets + features) + window), 1, 4096))


def training_moments(data, train: np.ndarray, advance: Callable[[int], None] | None = None) -> Moments:
    """Measure the tracks over training windows.

    Parameters
    ----------
    data : Dataset
        Of coverage.
    train : int array, shape (n,)
        Window numbers.
    advance : callable, optional
        Called with the number of windows done.

    Returns
    -------
    moments : Moments
    """
    shape = (data.n_bins, data.n_targets)
    n, total, squares = np.zeros(shape), np.zeros(shape), np.zeros(shape[1])
    rows = rows_at_once(data.window, *shape)
    for first in range(0, len(train), rows):
        part = train[first : first + rows]
        values = data.values(part).astype(np.float64)
        known = np.isfinite(values)
        values[~known] = 0.0
        n += known.sum(axis=0)
        total += values.sum(axis=0)
        squares += np.einsum("mbt,mbt->t", values, values)
        if advance is not None:
            advance(len(part))
    known = np.maximum(n.sum(axis=0), 1)
    mean = total.sum(axis=0) / known
    deviation = np.sqrt(np.maximum(squares / known - mean**2, 0))
    return Moments(mean, deviation, np.where(n > 0, total / np.maximum(n, 1), mean), len(train))


def bin_kmer_counts(
    codes: np.ndarray, k: int, first: int, resolution: int, n_bins: int, half: int
) -> np.ndarray:
    """Count k-mers of both strands together in a stretch around every bin.

    Parameters
    ----------
    codes : uint8 (m, L)
        Bases; words that hold an N, or lie outside the window, are not counted.
    k : int
        Length of the words.
    first : int
        Index of the first bin's first base.
    resolution : int
        Bases a bin.
    n_bins : int
    half : int
        Bins on either side that a stretch takes in: it is ``(2 half + 1) * resolution`` bases long. A word
        belongs to the bin that its middle base lies in.

    Returns
    -------
    counts : float32 (m, n_bins, n_groups)
        Columns as in `seqdl.evaluation.kmers.kmer_groups`.
    """
    group, n_groups = kmer_groups(k)
    m, cells = len(codes), n_bins + 2 * half
    number = words(codes, k)
    cell = (np.arange(number.shape[1]) + k // 2 - first + half * resolution) // resolution
    kept = (number >= 0) & (cell >= 0) & (cell < cells)
    row, place = np.nonzero(kept)
    flat = (row * cells + cell[place]) * n_groups + group[number[kept]]
    counts = np.bincount(flat, minlength=m * cells * n_groups).astype(np.float32).reshape(m, cells, n_groups)
    if not half:
        return counts
    above = np.concatenate([np.zeros((m, 1, n_groups), np.float32), counts.cumsum(axis=1)], axis=1)
    return above[:, 2 * half + 1 :] - above[:, :n_bins]


def fit_coverage_baseline(
    name: str,
    data,
    moments: Moments,
    *,
    kmer_length: int = 5,
    kmer_window: int | None = 400,
    max_windows: int | None = 100_000,
    seed: int = 0,
    on_windows: Callable[[int], None] | None = None,
) -> CoverageBaseline:
    """Fit a baseline to a dataset's training windows.

    Parameters
    ----------
    name : {"mean", "gc", "kmer"}
        The track's mean; GC content of the bin, of the stretch around it and of the window, with their
        squares and products; words of a stretch around the bin.
    data : Dataset
        Of coverage. Validation windows choose penalty and floor; without any, training windows do.
    moments : Moments
        Of the training windows.
    kmer_length : int
        Length of the words.
    kmer_window : int, optional
        Bases of the stretch around a bin, rounded to an odd number of bins; None for the whole window.
    max_windows : int, optional
        Learn from at most so many windows; never from more than 400,000 bins.
    seed : int
        Of the draw of windows.
    on_windows : callable, optional
        Called with the number of windows done.

    Returns
    -------
    baseline : CoverageBaseline

    Raises
    ------
    InputError
        If the name is unknown, the words are too long, or there is no training window.
    """
    check_coverage_baseline(name)
    if name == "mean":
        mean = moments.mean.astype(np.float32)
        return CoverageBaseline(name, "track mean", lambda codes: mean, {"train_windows": moments.windows})
    n_bins, resolution, first = data.n_bins, data.resolution, (data.window - data.bin) // 2
    width = data.window if kmer_window is None else max(kmer_window, resolution)
    half = max(0, round((width / resolution - 1) / 2))
    details: dict = {"stretch": (2 * half + 1) * resolution}
    if name == "gc":
        label, size = "GC content", 9

        def features(codes: np.ndarray) -> np.ndarray:
            return _gc_features(bases_of(codes), first, resolution, n_bins, half)
    else:
        label, size = f"{kmer_length}-mer ridge regression", kmer_groups(kmer_length)[1]
        details["kmer_length"] = kmer_length

        def features(codes: np.ndarray) -> np.ndarray:
            return bin_kmer_counts(bases_of(codes), kmer_length, first, resolution, n_bins, half)

    most = max(1, MAX_BINS // n_bins)
    most = most if max_windows is None else min(most, max_windows)
    train, valid = training_windows(data, most, seed)
    valid = valid if len(valid) else train
    valid = valid[np.linspace(0, len(valid) - 1, min(len(valid), most)).astype(np.int64)]
    rows = rows_at_once(data.window, n_bins, data.n_targets, size + half)

    def blocks(which, advance=on_windows):
        for start in range(0, len(which), rows):
            part = which[start : start + rows]
            values = data.values(part).reshape(-1, data.n_targets).astype(np.float64)
            yield features(data.codes(part)).reshape(len(values), -1), values
            if advance is not None:
                advance(len(part))

    of_train = Products.gather(blocks(train), moments.mean)
    of_valid = of_train if valid is train else Products.gather(blocks(valid), moments.mean)
    weights, penalty, losses = solve_ridge(of_train, of_valid)
    few = valid[
        np.linspace(0, len(valid) - 1, min(len(valid), max(1, _MAX_CHOICE // n_bins))).astype(np.int64)
    ]
    centre = of_train.mean.astype(np.float32)
    intercept = (moments.mean + of_train.target).astype(np.float32)

    def linear(found: np.ndarray) -> np.ndarray:
        return (found - centre) @ weights + intercept

    floors = choose_floors(((linear(found), values) for found, values in blocks(few, None)), moments.mean)

    def predict(codes: np.ndarray) -> np.ndarray:
        found = features(codes)
        values = linear(found.reshape(-1, found.shape[-1])).reshape(*found.shape[:2], -1)
        return np.maximum(values, floors)

    available = int((np.asarray(data.split) == 0).sum())
    details |= {
        "train_windows": len(train), "train_windows_available": available, "penalty": penalty,
        "validation_mse": losses,
    }  # fmt: skip
    return CoverageBaseline(name, label, predict, details)


def _gc_features(codes, first, resolution, n_bins, half) -> np.ndarray:
    """Return GC content of bin, stretch and window with squares and products, float32 (m, n_bins, 9)."""
    columns = []
    for width in dict.fromkeys((0, half)):
        counts = bin_kmer_counts(codes, 1, first, resolution, n_bins, width)
        columns.append(counts[..., 1] / np.maximum(counts.sum(axis=-1), 1))
    if not half:
        columns.append(columns[0])
    gc, known = (codes == 1) | (codes == 2), codes < N
    whole = gc.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    columns.append(np.broadcast_to(whole[:, None], columns[0].shape))
    found = np.stack(columns, axis=-1).astype(np.float32)
    one, two = np.triu_indices(found.shape[-1])
    centred = found - np.float32(0.5)
    return np.concatenate([found, centred[..., one] * centred[..., two]], axis=-1)
