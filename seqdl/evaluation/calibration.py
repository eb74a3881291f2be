"""Calibration: do windows that are predicted with probability 0.3 carry the target 30 times in 100?"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError

# Predictions looked at to place the edges of equal-mass bins; beyond this the edges no longer move visibly.
_SAMPLE = 2_000_000


class Reliability(NamedTuple):
    """Hold a reliability curve: one entry per bin of predicted probability.

    Attributes
    ----------
    lo, hi : float64 (bins,)
        Edges of the bins; the last one holds its upper edge.
    n : int64 (bins,)
        Predictions in the bin.
    mean_predicted : float64 (bins,)
        Their mean, nan in an empty bin.
    observed : float64 (bins,)
        Share of them that are positives, nan in an empty bin.
    """

    lo: np.ndarray
    hi: np.ndarray
    n: np.ndarray
    mean_predicted: np.ndarray
    observed: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: mean gap between the two, weighted by the bins' counts."""
        filled = self.n > 0
        gap = np.abs(self.mean_predicted[filled] - self.observed[filled])
        return float((gap * self.n[filled]).sum() / max(self.n.sum(), 1))


def reliability(
    labels: np.ndarray, probabilities: np.ndarray, n_bins: int = 15, binning: str = "uniform"
) -> Reliability:
    """Compare predicted probabilities with observed frequencies, all targets pooled.

    Parameters
    ----------
    labels : uint8 (n, T)
        0 or 1.
    probabilities : float (n, T)
        Between 0 and 1.
    n_bins : int
        Number of bins; equal-mass bins may be fewer where many predictions are equal.
    binning : {"uniform", "quantile"}
        Bins of equal width, or of about equal numbers of predictions.

    Returns
    -------
    Reliability

    Raises
    ------
    InputError
        A probability outside 0 to 1, an unknown binning, or less than one bin.
    """
    _check(labels, probabilities, n_bins)
    if binning == "uniform":
        edges = np.linspace(0, 1, n_bins + 1)
    elif binning == "quantile":
        flat = probabilities.ravel()
        stride = max(1, len(flat) // _SAMPLE)
        while math.gcd(stride, labels.shape[1]) > 1:  # else only some of the targets would be seen
            stride += 1
        sample = flat[::stride]
        edges = np.unique(np.quantile(sample, np.linspace(0, 1, n_bins + 1)).astype(np.float64))
        edges[0], edges[-1] = min(edges[0], flat.min()), max(edges[-1], flat.max())
        if len(edges) < 2:
            edges = np.array([edges[0], np.nextafter(edges[0], 2)])
    else:
        raise InputError(f"`binning` must be 'uniform' or 'quantile'. Received: {binning!r}.")
    bins = len(edges) - 1
    n, predicted, observed = np.zeros(bins, np.int64), np.zeros(bins), np.zeros(bins)
    for target in range(labels.shape[1]):
        p = probabilities[:, target].astype(np.float64)
        which = np.clip(np.searchsorted(edges, p, "right") - 1, 0, bins - 1)
        n += np.bincount(which, minlength=bins)
        predicted += np.bincount(which, p, minlength=bins)
        observed += np.bincount(which, labels[:, target], minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Reliability(edges[:-1], edges[1:], n, predicted / n, observed / n)


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, n_bins: int = 15) -> np.ndarray:
    """Compute the expected calibration error of every target, in bins of equal width.

    Parameters
    ----------
    labels : uint8 (n, T)
        0 or 1.
    probabilities : float (n, T)
        Between 0 and 1.
    n_bins : int
        Number of bins.

    Returns
    -------
    float64 (T,)
        Mean over windows of |mean prediction - share of positives| of the window's bin; 0 is best.

    Raises
    ------
    InputError
        A probability outside 0 to 1, or less than one bin.

    References
    ----------
    Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    _check(labels, probabilities, n_bins)
    errors = np.empty(labels.shape[1])
    for target in range(labels.shape[1]):
        p = probabilities[:, target].astype(np.float64)
        which = np.minimum((p * n_bins).astype(np.int64), n_bins - 1)
        gap = np.bincount(which, p - labels[:, target], minlength=n_bins)
        errors[target] = np.abs(gap).sum() / max(len(p), 1)
    return errors


def _check(labels, probabilities, n_bins) -> None:
    if n_bins < 1:
        raise InputError(f"`n_bins` must be at least 1. Received: {n_bins}.")
    if labels.shape != probabilities.shape or labels.ndim != 2 or not labels.size:
        raise InputError(
            "`labels` and `probabilities` must both have the shape (windows, targets), not empty. "
            f"Received: {labels.shape} and {probabilities.shape}."
        )
    low, high = float(probabilities.min()), float(probabilities.max())
    if not (low >= 0 and high <= 1):
        raise InputError(f"`probabilities` must lie between 0 and 1. Received: {low} to {high}.")
