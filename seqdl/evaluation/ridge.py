"""Ridge regression from sums of products, so that features of any number of bins need constant memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.evaluation.coverage_metrics import SMALLEST
from seqdl.evaluation.metrics import finite_or_none

PENALTIES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)  # of features in standard units; strongest first
FLOORS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)  # of the track's mean


class Products(NamedTuple):
    """Sums of products of features and targets over bins; targets are taken less their track's mean.

    Attributes
    ----------
    n : int
        Bins.
    mean : float64 (f,)
        Of the features.
    target : float64 (T,)
        Mean of the targets.
    gram : float64 (f, f)
        Features by features.
    cross : float64 (f, T)
        Features by targets.
    square : float64 (T,)
        Targets by themselves.
    """

    n: int
    mean: np.ndarray
    target: np.ndarray
    gram: np.ndarray
    cross: np.ndarray
    square: np.ndarray

    @classmethod
    def gather(cls, blocks: Iterable[tuple[np.ndarray, np.ndarray]], track_mean: np.ndarray) -> Products:
        """Add up blocks.

        Parameters
        ----------
        blocks : iterable of (float32 (m, f), float64 (m, T))
            Features and values; a bin of which no track is known (NaN) is left out, and an unknown value
            beside known ones counts as its track's mean.
        track_mean : float64 (T,)

        Raises
        ------
        InputError
            If no bin is known.
        """
        n, total = 0, None
        for features, values in blocks:
            known = np.isfinite(values)
            some = known.any(axis=1)
            values = np.where(known, values - track_mean, 0.0)[some].astype(np.float32)
            features = features[some]
            both = features.T @ features, features.T @ values
            parts = (features.sum(axis=0), values.sum(axis=0), *both, np.einsum("nt,nt->t", values, values))
            parts = [part.astype(np.float64) for part in parts]
            total = parts if total is None else [a + b for a, b in zip(total, parts, strict=True)]
            n += len(values)
        if not n:
            raise InputError("No bin of the training windows is known, so no baseline can learn from them.")
        x, y, gram, cross, square = total
        return cls(n, x / n, y / n, gram, cross, square)


def solve_ridge(train: Products, valid: Products) -> tuple[np.ndarray, float, dict]:
    """Fit all tracks at once, with the one penalty that does best on validation bins.

    Parameters
    ----------
    train, valid : Products
        With the same `track_mean`.

    Returns
    -------
    weights : float32 (f, T)
        Of the features less ``train.mean``, for targets less ``track_mean + train.target``.
    penalty : float
        Chosen from `PENALTIES`, in units of the standardised features' variance.
    losses : dict of str to float
        Penalty tried to its squared error on validation bins, as a share of each track's variance, averaged
        over the tracks that vary there.
    """
    from scipy.linalg import cho_factor, cho_solve

    gram = train.gram / train.n - np.outer(train.mean, train.mean)
    cross = train.cross / train.n - np.outer(train.mean, train.target)
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-12))
    variance = valid.square / valid.n - valid.target**2
    # A track that is constant, or unknown, on the validation bins says nothing of the penalty.
    varies = variance > 1e-9 * np.maximum(train.square / train.n, 1e-9)
    # Validation products about the training means: what the fitted rule leaves, without a second pass.
    shift = np.outer(train.mean, valid.mean)
    gram_v = valid.gram / valid.n - shift - shift.T + np.outer(train.mean, train.mean)
    cross_v = (
        valid.cross / valid.n
        - np.outer(train.mean, valid.target)
        - np.outer(valid.mean - train.mean, train.target)
    )
    square_v = valid.square / valid.n - 2 * train.target * valid.target + train.target**2
    best, losses = None, {}
    for penalty in PENALTIES:
        factor = cho_factor(gram / np.outer(scale, scale) + penalty * np.eye(len(scale)))
        weights = cho_solve(factor, cross / scale[:, None]) / scale[:, None]
        left = square_v - 2 * np.einsum("ft,ft->t", weights, cross_v)
        left += np.einsum("ft,ft->t", weights, gram_v @ weights)
        loss = float((left / np.where(varies, variance, np.inf)).sum() / max(varies.sum(), 1))
        losses[f"{penalty:g}"] = finite_or_none(loss)
        if best is not None and not loss < best[0]:
            break
        best = loss, penalty, weights
    return best[2].astype(np.float32), best[1], losses


def choose_floors(blocks: Iterable[tuple[np.ndarray, np.ndarray]], mean: np.ndarray) -> np.ndarray:
    """Choose below which value each track's predictions are lifted, since counts are not negative.

    Parameters
    ----------
    blocks : iterable of (float (m, T), float (m, T))
        Predictions and values; unknown values (NaN) are left out.
    mean : float64 (T,)
        The tracks' means; the floors tried are `FLOORS` times these.

    Returns
    -------
    floors : float32 (T,)
        With the least Poisson deviance.
    """
    floors = np.maximum(np.outer(FLOORS, mean), SMALLEST)
    losses = np.zeros_like(floors)
    for predicted, values in blocks:
        known = np.isfinite(values) & (np.nan_to_num(values) >= 0)
        values = np.where(known, values, 0.0)
        for place, floor in enumerate(floors):
            lifted = np.maximum(predicted, floor)
            losses[place] += np.where(known, lifted - values * np.log(lifted), 0.0).sum(axis=0)
    return np.take_along_axis(floors, losses.argmin(axis=0)[None], axis=0)[0].astype(np.float32)
