"""Baselines that stand beside every network: base composition and k-mers, on the same windows and split.

A network that does not beat these has learned nothing that a table of word counts does not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError
from seqdl.evaluation.logistic import fit_logistic
from seqdl.evaluation.metrics import finite_or_none
from seqdl.progress import say
from seqdl.words import suggest

# Windows turned into features at a time: 2048 windows of 1,000 bp are 16 MB of int64 k-mer numbers.
_ROWS = 2048
MAX_K = 8
BASELINES = ("gc_length", "kmer")


class Baseline(NamedTuple):
    """Hold what a baseline predicted and how it was made.

    Attributes
    ----------
    name : str
        Key in files: "gc_length" or "kmer".
    label : str
        For people, such as "6-mer logistic regression".
    probabilities : float32 (n, T)
        Prediction for the evaluated windows.
    details : dict
        Features, windows trained on, penalty chosen and the losses it was chosen by; goes into metrics.json.
    """

    name: str
    label: str
    probabilities: np.ndarray
    details: dict


def gc_length_features(codes: np.ndarray, bin: int | None = None) -> np.ndarray:
    """Compute base composition and length of windows.

    Parameters
    ----------
    codes : uint8 (n, L)
        Bases as codes, N (and padding of shorter sequences) is 4.
    bin : int, optional
        Width of the central stretch that is also measured alone; by default the whole window.

    Returns
    -------
    float32 (n, 4)
        GC fraction of the window, GC fraction of the central bin, CpG observed / expected, fraction of known
        bases (which is the length, for sequences padded to a window).
    """
    length = codes.shape[1]
    bin = length if bin is None else min(bin, length)
    centre = codes[:, (length - bin) // 2 : (length - bin) // 2 + bin]
    c, g = codes == 1, codes == 2
    known = (codes != N).sum(axis=1)
    n_c, n_g = c.sum(axis=1), g.sum(axis=1)
    cpg = (c[:, :-1] & g[:, 1:]).sum(axis=1)
    gc_centre = ((centre == 1) | (centre == 2)).sum(axis=1) / np.maximum((centre != N).sum(axis=1), 1)
    observed_expected = cpg * np.maximum(known, 1) / np.maximum(n_c * n_g, 1)
    columns = [(n_c + n_g) / np.maximum(known, 1), gc_centre, observed_expected, known / length]
    return np.stack(columns, axis=1).astype(np.float32)


def kmer_groups(k: int) -> tuple[np.ndarray, int]:
    """Number the k-mers so that a k-mer and its reverse complement share a number.

    Parameters
    ----------
    k : int
        Length, 1 to 8.

    Returns
    -------
    group : int64 (4**k,)
        Group of every k-mer; a k-mer's index reads its bases A0 C1 G2 T3 as digits, first base highest.
    n_groups : int
        2,080 for 6-mers, 512 for 5-mers.

    Raises
    ------
    InputError
        `k` is out of range.
    """
    if not 1 <= k <= MAX_K:
        raise InputError(f"`kmer_length` must be between 1 and {MAX_K}. Received: {k}.")
    forward = np.arange(4**k)
    rest, reverse = forward.copy(), np.zeros_like(forward)
    for _ in range(k):
        reverse = reverse * 4 + (3 - rest % 4)
        rest //= 4
    names, group = np.unique(np.minimum(forward, reverse), return_inverse=True)
    return group.ravel().astype(np.int64), len(names)


def kmer_counts(codes: np.ndarray, k: int, width: int | None = None) -> np.ndarray:
    """Count k-mers of both strands together in the central part of windows.

    Parameters
    ----------
    codes : uint8 (n, L)
        Bases as codes; k-mers that hold an N are not counted.
    k : int
        Length of the words.
    width : int, optional
        Central base pairs to look at; the whole window by default.

    Returns
    -------
    uint8 or uint16 (n, n_groups)
        Counts; see `kmer_groups` for the columns.

    Raises
    ------
    InputError
        The stretch is shorter than k.
    """
    group, n_groups = kmer_groups(k)
    width = codes.shape[1] if width is None else min(width, codes.shape[1])
    if width < k:
        raise InputError(f"`kmer_window` must hold at least one {k}-mer. Received: {width} bp.")
    left = (codes.shape[1] - width) // 2
    group = np.append(group, n_groups)  # last: the k-mers that hold an N, cut off below
    places = width - k + 1
    counts = np.empty((len(codes), n_groups), np.uint8 if places <= 255 else np.uint16)
    for first in range(0, len(codes), _ROWS):
        part = codes[first : first + _ROWS, left : left + width]
        number = np.zeros((len(part), places), np.int64)
        unknown = np.zeros((len(part), places), bool)
        for offset in range(k):
            base = part[:, offset : offset + places]
            number = number * 4 + (base & 3)
            unknown |= base >= N
        number[unknown] = 4**k
        cell = group[number] + (n_groups + 1) * np.arange(len(part))[:, None]
        table = np.bincount(cell.ravel(), minlength=len(part) * (n_groups + 1))
        counts[first : first + _ROWS] = table.reshape(len(part), n_groups + 1)[:, :n_groups]
    return counts


def _squares(features: np.ndarray) -> np.ndarray:
    """Add squares and products, so that an optimum can be learned, not only a slope."""
    centred = features - np.float32(0.5)
    first, second = np.triu_indices(features.shape[1])
    return np.concatenate([features, centred[:, first] * centred[:, second]], axis=1)


def check_baseline(name: str) -> None:
    """Refuse a name that `fit_baseline` does not know.

    Raises
    ------
    InputError
        That names the nearest one.
    """
    if name not in BASELINES:
        raise InputError(
            f"No baseline is called {name!r}.{suggest(name, BASELINES)} Known: {', '.join(BASELINES)}."
        )


def fit_baseline(
    name: str,
    dataset,
    indices: np.ndarray,
    *,
    kmer_length: int = 6,
    kmer_window: int | None = 400,
    max_windows: int | None = 100_000,
    seed: int = 0,
    on_windows: Callable[[int], None] | None = None,
) -> Baseline:
    """Train a baseline on the dataset's training windows and predict others.

    Parameters
    ----------
    name : {"gc_length", "kmer"}
        Logistic regression on composition and length with their squares and products; logistic regression on
        counts of k-mers.
    dataset : Dataset
        Source of windows and labels; the validation split, if there is one, chooses the penalty.
    indices : int64 (n,)
        Windows to predict.
    kmer_length : int
        Word length; 6-mers are clearly stronger than 5-mers on yeast (see benchmarks).
    kmer_window : int, optional
        Central base pairs whose words are counted, None for the whole window. Sequences without a genome are
        padded at their end and have no meaningful centre, so they are always counted whole.
    max_windows : int, optional
        Train on at most so many windows, drawn with `seed`; None for all.
    seed : int
        Seed of that draw.
    on_windows : callable, optional
        Called with the number of windows whose features were just computed.

    Returns
    -------
    Baseline

    Raises
    ------
    InputError
        Unknown name, or parameters out of range.
    """
    check_baseline(name)
    width = kmer_window if dataset.kind == "genome" else None
    if name == "gc_length":
        label = "GC and length"

        def features_of(codes):
            return _squares(gc_length_features(codes, dataset.bin if dataset.kind == "genome" else None))
    else:
        label = f"{kmer_length}-mer logistic regression"

        def features_of(codes):
            return kmer_counts(codes, kmer_length, width)

    def features(which):
        parts = []
        for first in range(0, len(which), _ROWS):
            chosen = which[first : first + _ROWS]
            parts.append(features_of(dataset.codes(chosen)))
            if on_windows is not None:
                on_windows(len(chosen))
        return np.concatenate(parts) if parts else features_of(np.zeros((0, dataset.window), np.uint8))

    train, valid = training_windows(dataset, max_windows, seed)
    of_train, of_valid, of_others = features(train), features(valid), features(indices)
    say(f"Fitting {label} to {len(train):,} windows, {dataset.n_targets} targets.")
    model = fit_logistic(
        of_train,
        dataset.labels(train),
        of_valid,
        dataset.labels(valid),
        penalties=(1e-2, 1e-4) if name == "gc_length" else (10.0, 3.0, 1.0, 0.3),
    )
    details = {
        "train_windows": len(train),
        "train_windows_available": int((np.asarray(dataset.split) == 0).sum()),
        "penalty": model.penalty,
        "validation_log_loss": {f"{penalty:g}": finite_or_none(loss) for penalty, loss in model.path},
    }
    if name == "kmer":
        details |= {"kmer_length": kmer_length, "kmer_window": min(width or dataset.window, dataset.window)}
    return Baseline(name, label, model.probabilities(of_others), details)


def training_windows(dataset, max_windows: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose the windows to train a baseline on, and those that choose its penalty.

    Parameters
    ----------
    dataset : Dataset
        Its training and validation splits.
    max_windows : int, optional
        At most so many of each, None for all.
    seed : int
        Seed of the draw where there are more.

    Returns
    -------
    train, valid : int64 (n,), int64 (m,)
        Sorted window numbers; `valid` may be empty.

    Raises
    ------
    InputError
        The dataset holds no training window.
    """
    rng = np.random.default_rng(seed)
    found = []
    for code in (0, 1):
        which = np.flatnonzero(np.asarray(dataset.split) == code)
        if max_windows is not None and len(which) > max_windows:
            which = np.sort(rng.choice(which, max_windows, replace=False))
        found.append(which.astype(np.int64))
    if not len(found[0]):
        raise InputError(
            "The dataset holds no training window, so no baseline can be trained on it. "
            "Evaluate without baselines (baselines=(), --baselines none), or with the dataset that has them."
        )
    return found[0], found[1]
