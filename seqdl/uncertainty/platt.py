"""Platt scaling: probabilities that mean what they say, by a line through the log odds.

p = 1 / (1 + exp(-(slope * z + intercept))), fitted by maximum likelihood to labels that are drawn in from
0 and 1 by a prior (Platt 1999). The line has a positive slope, so the ranking stays as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit

from seqdl.errors import InputError

FEWEST_POSITIVES = 20  # of a target with a fit of its own; fewer share one
_POOL = 2_000_000  # pairs of log odds and label that the shared fit is made from, at most
_STEPS, _HALVINGS = 100, 40


class Scaling(NamedTuple):
    """Lines through the log odds, one a target.

    Attributes
    ----------
    slope, intercept : float64 arrays, shape (T,)
    pooled : bool array, shape (T,)
        Whether the target shares the fit of all targets.
    """

    slope: np.ndarray
    intercept: np.ndarray
    pooled: np.ndarray

    def logits(self, logits: np.ndarray) -> np.ndarray:
        """Scale log odds (m, T); float64."""
        return self.slope * np.asarray(logits, np.float64) + self.intercept

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities, float32 (m, T), of log odds (m, T)."""
        return expit(self.logits(logits)).astype(np.float32)


def fit_line(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Fit slope and intercept of one line by Newton's method.

    Parameters
    ----------
    logits : float array, shape (n,)
    labels : bool or uint8 array, shape (n,)

    Returns
    -------
    slope, intercept : float

    Raises
    ------
    InputError
        If there are no labels, or the log odds are not finite.

    References
    ----------
    Platt, in Advances in Large Margin Classifiers (1999), for the targets; Lin, Lin & Weng, Machine
    Learning 68 (2007), for a descent that cannot diverge.
    """
    z, y = np.asarray(logits, np.float64).ravel(), np.asarray(labels).ravel() > 0
    if not z.size or z.shape != y.shape or not np.isfinite(z).all():
        raise InputError(
            "`logits` and `labels` must be one finite number and one label a window, at least one. "
            f"Received: {z.shape} and {y.shape}."
        )
    on, off = int(y.sum()), int((~y).sum())
    wanted = np.where(y, (on + 1) / (on + 2), 1 / (off + 2))
    line = np.array([0.0, np.log((on + 1) / (off + 1))])

    def loss(line) -> float:
        x = line[0] * z + line[1]
        return -float(wanted @ log_expit(x) + (1 - wanted) @ log_expit(-x))

    now = loss(line)
    for _ in range(_STEPS):
        p = expit(line[0] * z + line[1])
        away, weight = p - wanted, p * (1 - p)
        gradient = np.array([away @ z, away.sum()])
        cross = weight @ z
        hessian = np.array([[weight @ (z * z), cross], [cross, weight.sum()]]) + 1e-10 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        for _ in range(_HALVINGS):
            after = loss(line - step)
            if after <= now:
                break
            step = step / 2
        else:
            break
        line, before, now = line - step, now, after
        if before - now <= 1e-10 * max(abs(before), 1):
            break
    return float(line[0]), float(line[1])


def fit_scaling(logits: np.ndarray, labels: np.ndarray, seed: int) -> Scaling:
    """Fit the line of every target; those with few positives share one.

    Parameters
    ----------
    logits : float array, shape (n, T)
    labels : uint8 array, shape (n, T)
    seed : int
        Of the draw of pairs for the shared fit, where there are more than two million.

    Returns
    -------
    Scaling
        A target with fewer than 20 positives or negatives, or on which the log odds point the wrong way,
        has the line through the pairs of all targets. Points that one the wrong way, too, nothing is
        changed: slope 1, intercept 0.
    """
    n, T = logits.shape
    positives = labels.sum(axis=0, dtype=np.int64)
    if logits.size > _POOL:
        picked = np.random.default_rng(seed).integers(0, logits.size, _POOL)
        shared = fit_line(logits.ravel()[picked], labels.ravel()[picked])
    else:
        shared = fit_line(logits, labels)
    if not shared[0] > 0:
        shared = (1.0, 0.0)
    slope, intercept = np.full(T, shared[0]), np.full(T, shared[1])
    pooled = np.minimum(positives, n - positives) < FEWEST_POSITIVES
    for target in np.flatnonzero(~pooled):
        own = fit_line(logits[:, target], labels[:, target])
        if own[0] > 0:
            slope[target], intercept[target] = own
        else:
            pooled[target] = True
    return Scaling(slope, intercept, pooled)


def log_losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute the log loss of each prediction, in nats, exact for extreme log odds.

    Parameters
    ----------
    logits : float array, shape (n, T)
    labels : uint8 array, shape (n, T)

    Returns
    -------
    losses : float64 array, shape (n, T)
    """
    z = np.asarray(logits, np.float64)
    return -log_expit(np.where(labels > 0, z, -z))
