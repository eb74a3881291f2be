"""Two baselines, base composition and k-mers: their features, and logistic regression on them."""

from __future__ import annotations

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError
from seqdl.evaluation.baselines import BaselineOptions, Fitted, window_features, word_window
from seqdl.evaluation.gapped_words import words
from seqdl.evaluation.logistic import fit_logistic
from seqdl.evaluation.metrics import finite_or_none
from seqdl.progress import say
from seqdl.words import count

# Windows whose words are numbered at a time.
_ROWS = 2048
MAX_K = 8


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
    group = np.append(group, n_groups)  # last, so number -1: the k-mers that hold an N, cut off below
    places = width - k + 1
    counts = np.empty((len(codes), n_groups), np.uint8 if places <= 255 else np.uint16)
    for first in range(0, len(codes), _ROWS):
        part = codes[first : first + _ROWS, left : left + width]
        cell = group[words(part, k)] + (n_groups + 1) * np.arange(len(part))[:, None]
        table = np.bincount(cell.ravel(), minlength=len(part) * (n_groups + 1))
        counts[first : first + _ROWS] = table.reshape(len(part), n_groups + 1)[:, :n_groups]
    return counts


def fit_gc_length(data, train, valid, test, options: BaselineOptions) -> Fitted:
    """Fit a logistic regression on composition and length, with their squares and products."""

    def features_of(codes):
        return _squares(gc_length_features(codes, data.bin if data.kind == "genome" else None))

    features = window_features(data, (train, valid, test), features_of, "bases")
    return _logistic("GC and length", data, train, valid, features, (1e-2, 1e-4))


def fit_kmer(data, train, valid, test, options: BaselineOptions) -> Fitted:
    """Fit a logistic regression on counts of k-mers."""
    k, width = options.kmer_length, word_window(data, options)
    features = window_features(
        data, (train, valid, test), lambda codes: kmer_counts(codes, k, width), f"{k}-mers"
    )
    fitted = _logistic(f"{k}-mer logistic regression", data, train, valid, features, (10.0, 3.0, 1.0, 0.3))
    fitted.details.update(kmer_length=k, kmer_window=min(width or data.window, data.window))
    return fitted


def _logistic(label, data, train, valid, features, penalties) -> Fitted:
    of_train, of_valid, of_test = features
    say(f"Fitting {label} to {len(train):,} windows, {count(data.n_targets, 'target')}.")
    model = fit_logistic(of_train, data.labels(train), of_valid, data.labels(valid), penalties=penalties)
    losses = {f"{penalty:g}": finite_or_none(loss) for penalty, loss in model.path}
    details = {"penalty": model.penalty, "validation_log_loss": losses}
    return Fitted(label, model.probabilities(of_test), details)


def _squares(features: np.ndarray) -> np.ndarray:
    """Add squares and products, so that an optimum can be learned, not only a slope."""
    centred = features - np.float32(0.5)
    first, second = np.triu_indices(features.shape[1])
    return np.concatenate([features, centred[:, first] * centred[:, second]], axis=1)
