"""Logistic regression of many targets at once, on features too many for one scikit-learn fit a target.

The model and the objective are scikit-learn's ``LogisticRegression`` (L2 penalty, free intercept,
standardised features), and the tests hold the two to the same coefficients. One fit a target would go over
thousands of k-mer features again for each; here all targets share each pass over the features (one matrix
product), and SciPy's L-BFGS works in coordinates in which the problem is almost a sphere, so that few passes
suffice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError

# Rows of the features that are turned into float32 and multiplied at a time.
_ROWS = 8192


class LogisticTargets(NamedTuple):
    """Hold a fitted logistic regression of every target.

    Attributes
    ----------
    coefficients : float32 (f, T)
        Weights of the raw (not standardised) features.
    intercept : float32 (T,)
        Log odds at all features zero.
    penalty : float
        Strength of the L2 penalty that was chosen; see `fit_logistic`.
    path : tuple of (float, float)
        Every penalty that was tried with its log loss on the validation windows (nan without any).
    """

    coefficients: np.ndarray
    intercept: np.ndarray
    penalty: float
    path: tuple[tuple[float, float], ...]

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Compute log odds, float32 (n, T), of features (n, f)."""
        out = np.empty((len(features), len(self.intercept)), np.float32)
        for rows in _chunks(len(features)):
            np.matmul(features[rows].astype(np.float32, copy=False), self.coefficients, out=out[rows])
        out += self.intercept
        return out

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Compute probabilities, float32 (n, T), of features (n, f)."""
        from scipy.special import expit

        out = self.logits(features)
        return expit(out, out=out)


def fit_logistic(
    features: np.ndarray,
    labels: np.ndarray,
    valid_features: np.ndarray | None = None,
    valid_labels: np.ndarray | None = None,
    *,
    penalties: tuple[float, ...] = (10.0, 3.0, 1.0, 0.3),
    max_iter: int = 100,
    tolerance: float = 1e-5,
) -> LogisticTargets:
    """Fit one L2-penalised logistic regression per target, all of them together.

    Parameters
    ----------
    features : number (n, f)
        One row per window; standardised inside (counts may stay uint8).
    labels : uint8 (n, T)
        0 or 1.
    valid_features, valid_labels : like the two above, optional
        Windows on which the penalty is chosen, by mean log loss over all targets. Without them the middle
        penalty is taken.
    penalties : tuple of float
        Strengths to try, strongest first; the search stops when the validation loss no longer falls. A
        strength is relative to the information in a target: for a target with positive rate p it stands for
        scikit-learn's ``C = 1 / (strength * n * p * (1 - p))``, which makes one number fit rare and frequent
        targets.
    max_iter : int
        Passes of L-BFGS per penalty.
    tolerance : float
        Relative fall of the objective at which L-BFGS stops.

    Returns
    -------
    LogisticTargets
        The best fit.

    Raises
    ------
    InputError
        No windows, or features and labels of different lengths.
    """
    if not len(features) or len(features) != len(labels):
        raise InputError(
            f"`features` and `labels` need the same number of windows, at least one. "
            f"Received: {len(features)} and {len(labels)}."
        )
    problem = _Problem(features, labels)
    choose = valid_features is not None and len(valid_features) > 0
    ordered = sorted(penalties, reverse=True)
    if not choose:
        ordered = [ordered[len(ordered) // 2]]
    best, best_loss, path = None, np.inf, []
    for penalty in ordered:
        model = problem.fit(penalty, max_iter, tolerance)
        loss = log_loss(valid_labels, model.logits(valid_features)) if choose else np.nan
        path.append((float(penalty), loss))
        if best is not None and not loss < best_loss:
            break
        best, best_loss = model, loss
    return best._replace(path=tuple(path))


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Compute the mean binary cross-entropy, in nats, over all windows and targets.

    Parameters
    ----------
    labels : uint8 (n, T)
        0 or 1.
    logits : float32 (n, T)
        Log odds.

    Returns
    -------
    float
    """
    return sum(_loss_sum(logits[rows], labels[rows])[0] for rows in _chunks(len(labels))) / labels.size


class _Problem:
    """Labels and features with the coordinates in which every target's curvature is near the identity.

    In the basis of the eigenvectors of the features' correlation matrix, the curvature of target t at the
    prior is p(1-p) * eigenvalue + penalty: diagonal. Dividing each coordinate by its root makes it 1.
    """

    def __init__(self, features: np.ndarray, labels: np.ndarray) -> None:
        self.features, self.labels = features, labels
        n, f = features.shape
        total, square = np.zeros(f), np.zeros((f, f))
        for rows in _chunks(n):
            part = features[rows].astype(np.float32)
            total += part.sum(axis=0, dtype=np.float64)
            square += part.T @ part
        self.mean = total / n
        covariance = square / n - np.outer(self.mean, self.mean)
        variance = np.diag(covariance)
        constant = variance <= 1e-9 * np.maximum(1.0, self.mean**2)
        self.scale = np.where(constant, 1.0, np.sqrt(np.where(constant, 1.0, variance)))
        correlation = covariance / np.outer(self.scale, self.scale)
        correlation[constant] = 0.0
        correlation[:, constant] = 0.0
        values, self.basis = np.linalg.eigh(correlation)
        self.values = np.maximum(values, 0.0)
        # Half a pseudo-count keeps the prior of a target without positives, or without negatives, finite.
        prior = (labels.sum(axis=0, dtype=np.float64) + 0.5) / (n + 1)
        self.information = prior * (1 - prior)
        self.state = np.zeros((f, labels.shape[1]))
        self.intercept = np.log(prior / (1 - prior))

    def fit(self, penalty: float, max_iter: int, tolerance: float) -> LogisticTargets:
        """Minimise from where the last fit ended."""
        from scipy.optimize import minimize

        f, n_targets = self.state.shape
        strength = penalty * self.information
        # 1 / root of the curvature; the penalty term keeps it finite where an eigenvalue is zero.
        step = 1 / np.sqrt(self.information * (self.values[:, None] + penalty))
        step_b = 1 / np.sqrt(self.information)

        def objective(u):
            u = u.reshape(f + 1, n_targets)
            weights, intercept = u[:-1] * step, u[-1] * step_b
            loss, slope, slope_b = self._pass(self.basis @ weights, intercept)
            gradient = np.empty_like(u)
            gradient[:-1] = (self.basis.T @ slope + strength * weights) * step
            gradient[-1] = slope_b * step_b
            return loss + 0.5 * float((strength * weights**2).sum()), gradient.ravel()

        start = np.vstack([self.state / step, self.intercept / step_b])
        options = {"maxiter": max_iter, "maxcor": 8, "ftol": tolerance, "gtol": 1e-6}
        found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options=options).x
        found = found.reshape(f + 1, n_targets)
        self.state, self.intercept = found[:-1] * step, found[-1] * step_b
        raw = (self.basis @ self.state) / self.scale[:, None]
        intercept = self.intercept - self.mean @ raw
        return LogisticTargets(raw.astype(np.float32), intercept.astype(np.float32), float(penalty), ())

    def _pass(self, weights: np.ndarray, intercept: np.ndarray):
        """Return the loss summed over targets (mean over windows) and its slopes, standardised features."""
        n = len(self.features)
        raw = weights / self.scale[:, None]
        shift = (intercept - self.mean @ raw).astype(np.float32)
        raw = raw.astype(np.float32)
        loss, slope, slope_b = 0.0, np.zeros(weights.shape), np.zeros(len(intercept))
        for rows in _chunks(n):
            part = self.features[rows].astype(np.float32, copy=False)
            logits = part @ raw
            logits += shift
            part_loss, residual = _loss_sum(logits, self.labels[rows])
            loss += part_loss
            slope += part.T @ residual
            slope_b += residual.sum(axis=0, dtype=np.float64)
        slope = (slope - np.outer(self.mean, slope_b)) / self.scale[:, None]
        return loss / n, slope / n, slope_b / n


def _loss_sum(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the summed cross-entropy and the residuals (probability minus label), float32."""
    labels = labels.astype(np.float32)
    small = np.exp(-np.abs(logits))  # never overflows
    loss = np.log1p(small).sum(dtype=np.float64) + np.maximum(logits, 0).sum(dtype=np.float64)
    loss -= float((labels * logits).sum(dtype=np.float64))
    residual = np.where(logits >= 0, np.float32(1), small) / (1 + small)
    residual -= labels
    return float(loss), residual


def _chunks(n: int):
    return (slice(first, min(first + _ROWS, n)) for first in range(0, n, _ROWS))
