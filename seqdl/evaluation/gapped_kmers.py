"""The gapped k-mer baseline: logistic regression on gapped k-mers, fast enough to stand beside every network.

Measured on transcription-factor peaks, gapped k-mers beat plain ones, and small networks about as often as
not. The model and its objective are scikit-learn's ``LogisticRegression`` (L2 penalty, free intercept) on
the counts of gapped k-mers, and the tests hold the two to the same numbers; `seqdl.evaluation.gapped_words`
says how it does without the counts.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import comb
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.evaluation.baselines import BaselineOptions, Fitted, window_features, word_window
from seqdl.evaluation.gapped_words import GappedWords, gapped_words, words
from seqdl.evaluation.metrics import finite_or_none
from seqdl.progress import progress_bar, say
from seqdl.words import count

# Targets fitted together: their scores of a word fill one 64-byte cache line.
_TARGETS = 16
PENALTIES = (3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)


class GappedTargets(NamedTuple):
    """Hold a fitted gapped k-mer model of every target.

    Attributes
    ----------
    space : GappedWords
        Which gapped k-mers.
    coefficients : float32 (m, T)
        See `seqdl.evaluation.gapped_words`.
    intercept : float32 (T,)
        Log odds of a sequence without words.
    penalty : float64 (T,)
        Strength of the L2 penalty, chosen for each target.
    path : tuple of (float, float)
        Every penalty that was tried with its mean log loss on the validation windows (nan without any).
    """

    space: GappedWords
    coefficients: np.ndarray
    intercept: np.ndarray
    penalty: np.ndarray
    path: tuple[tuple[float, float], ...]

    def logits(self, matrix) -> np.ndarray:
        """Compute log odds, float32 (n, T), of the sequences of a `word_matrix`."""
        parts = [
            matrix @ self.space.tables(self.coefficients[:, part]) for part in _parts(len(self.intercept))
        ]
        return np.concatenate(parts, axis=1) + self.intercept


def word_matrix(numbers: np.ndarray, space: GappedWords):
    """List the words of sequences as rows of a sparse matrix.

    Parameters
    ----------
    numbers : int32 (n, places)
        Of `seqdl.evaluation.gapped_words.words`; -1 is left out.
    space : GappedWords
        Which gapped k-mers the rows are to be multiplied with.

    Returns
    -------
    scipy.sparse.csr_matrix, float32 (n, 4**length)
        An entry for each word, not summed. Rows are divided by the length that a sequence without repeats
        has in the space of gapped k-mers, so that long sequences do not outweigh short ones.
    """
    from scipy.sparse import csr_matrix

    known = numbers >= 0
    count = known.sum(axis=1)
    ends = np.concatenate([[0], np.cumsum(count)])
    scale = 1 / np.sqrt(np.maximum(count, 1) * comb(space.length, space.informative) * space.own_share)
    entries = np.repeat(scale.astype(np.float32), count)
    return csr_matrix((entries, numbers[known], ends), shape=(len(numbers), 4**space.length))


def fit_gapped(
    matrix,
    labels: np.ndarray,
    space: GappedWords,
    valid_matrix=None,
    valid_labels: np.ndarray | None = None,
    *,
    penalties: tuple[float, ...] = PENALTIES,
    max_iter: int = 60,
    tolerance: float = 1e-4,
    threads: int = 1,
    on_fit: Callable[[], None] | None = None,
) -> GappedTargets:
    """Fit one L2-penalised logistic regression on gapped k-mers per target.

    Parameters
    ----------
    matrix : csr_matrix (n, 4**length)
        Of `word_matrix`.
    labels : uint8 (n, T)
        0 or 1.
    space : GappedWords
        Which gapped k-mers.
    valid_matrix, valid_labels : like the two, optional
        Windows on which each target's penalty is chosen, by log loss. Without them the middle one is taken.
    penalties : tuple of float
        Strengths to try; the search stops when the mean validation loss no longer falls. For a target with
        positive rate p one stands for scikit-learn's ``C = 1 / (strength * n * p * (1 - p))``.
    max_iter : int
        Passes of L-BFGS per penalty and group of targets; each begins where the last penalty ended.
    tolerance : float
        Relative fall of the objective at which L-BFGS stops.
    threads : int
        Groups of 16 targets that are fitted at once; the result does not depend on it.
    on_fit : callable, optional
        Called after every group of 16 targets and penalty.

    Returns
    -------
    GappedTargets

    Raises
    ------
    InputError
        No windows, or features and labels of different lengths.
    """
    if not matrix.shape[0] or matrix.shape[0] != len(labels):
        raise InputError(
            "`matrix` and `labels` need the same number of windows, at least one. "
            f"Received: {matrix.shape[0]} and {len(labels)}."
        )
    from threadpoolctl import threadpool_limits

    n_targets = labels.shape[1]
    choose = valid_matrix is not None and valid_matrix.shape[0] > 0
    ordered = sorted(penalties, reverse=True)
    if not choose:
        ordered = [ordered[len(ordered) // 2]]
    problem = _Problem(matrix, labels, space)
    best = GappedTargets(
        space, np.zeros((len(space.first), n_targets), np.float32), np.zeros(n_targets, np.float32),
        np.zeros(n_targets), (),
    )  # fmt: skip
    lowest, path = np.full(n_targets, np.inf), []

    def one(part, penalty):
        coefficients, intercept = problem.fit(part, penalty, max_iter, tolerance)
        losses = np.full(len(intercept), np.nan)
        if choose:
            losses = _losses(valid_matrix @ space.tables(coefficients) + intercept, valid_labels[:, part])
        better = ~(losses >= lowest[part])
        best.coefficients[:, part][:, better] = coefficients[:, better]
        best.intercept[part][better], best.penalty[part][better] = intercept[better], penalty
        lowest[part][better] = losses[better]
        return losses

    for penalty in ordered:
        losses = []
        # The products are small: threads of the BLAS would wait for each other more than they work.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
            jobs = [pool.submit(one, part, penalty) for part in _parts(n_targets)]
            try:
                for job in jobs:
                    losses.append(job.result())
                    if on_fit is not None:
                        on_fit()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        path.append((float(penalty), float(np.concatenate(losses).mean())))
        if len(path) > 1 and path[-1][1] >= path[-2][1]:
            break
    return best._replace(path=tuple(path))


class _Problem:
    """The windows, with where each target's last fit ended; coefficients are counted from the mean window."""

    def __init__(self, matrix, labels: np.ndarray, space: GappedWords) -> None:
        self.matrix, self.labels, self.space = matrix, labels, space
        self.turned = matrix.T
        n = matrix.shape[0]
        total = np.asarray(matrix.sum(axis=0), np.float32).reshape(-1, 1)
        self.mean = space.coefficients(total)[:, 0].astype(np.float64) / n
        # Half a pseudo-count keeps the prior of a target without positives, or without negatives, finite.
        prior = (labels.sum(axis=0, dtype=np.float64) + 0.5) / (n + 1)
        self.information = prior * (1 - prior)
        self.state = np.zeros((len(space.first), labels.shape[1]), np.float32)
        self.intercept = np.log(prior / (1 - prior))

    def fit(self, part: slice, penalty: float, max_iter: int, tolerance: float):
        """Minimise for some targets; return coefficients float32 (m, t) and the intercepts without words."""
        from scipy.optimize import minimize

        labels = self.labels[:, part].astype(np.float32)
        n, t = labels.shape
        strength = penalty * self.information[part]
        # 1 / root of the curvature: rare and frequent targets, weights and intercepts take like steps.
        step_b = 1 / np.sqrt(self.information[part])
        step = step_b / np.sqrt(penalty)

        def objective(u):
            u = u.reshape(-1, t)
            weights, intercept = u[:-1] * step, u[-1] * step_b
            logits = self.matrix @ self.space.tables(weights)
            logits += (intercept - self.mean @ weights).astype(np.float32)
            small = np.exp(-np.abs(logits))
            loss = np.log1p(small).sum(dtype=np.float64) + np.maximum(logits, 0).sum(dtype=np.float64)
            loss -= np.einsum("nt,nt->", labels, logits, dtype=np.float64)
            residual = np.where(logits >= 0, np.float32(1), small) / (1 + small) - labels
            slope_b = residual.sum(axis=0, dtype=np.float64) / n
            slope = self.space.coefficients(self.turned @ residual) / np.float32(n)
            gradient = np.empty_like(u)
            gradient[:-1] = (slope + strength * weights - np.outer(self.mean, slope_b)) * step
            gradient[-1] = slope_b * step_b
            ridge = 0.5 * float((strength * np.einsum("mt,mt->t", weights, weights)).sum())
            return loss / n + ridge, gradient.ravel()

        start = np.vstack([self.state[:, part] / step, self.intercept[part] / step_b])
        options = {"maxiter": max_iter, "maxcor": 8, "ftol": tolerance, "gtol": 1e-7}
        found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options=options).x
        found = found.reshape(-1, t)
        self.state[:, part], self.intercept[part] = found[:-1] * step, found[-1] * step_b
        intercept = self.intercept[part] - self.mean @ self.state[:, part]
        return self.state[:, part], intercept.astype(np.float32)


def fit_gkm(data, train, valid, test, options: BaselineOptions) -> Fitted:
    """Fit the baseline "gkm"; on RNA only the strand that is there counts.

    Parameters
    ----------
    data : Dataset
        Source of windows and labels.
    train, valid, test : int64 (n,)
        Windows to train on, to choose the penalty by, and to predict.
    options : BaselineOptions
        The lengths, and `kmer_window`.

    Returns
    -------
    Fitted

    Raises
    ------
    InputError
        Lengths out of range, or no stretch as long as a word.
    """
    from scipy.special import expit

    length, width = options.gkm_length, word_window(data, options)
    width = data.window if width is None else min(width, data.window)
    if width < length:
        raise InputError(f"`kmer_window` must hold at least one {length}-mer. Received: {width} bp.")
    space = gapped_words(length, options.gkm_informative, data.alphabet == "dna")
    left = (data.window - width) // 2
    parts = window_features(
        data, (train, valid, test), lambda codes: words(codes[:, left : left + width], length), "gapped words"
    )
    label = f"gapped {length}-mer (of {space.informative}) logistic regression"
    say(f"Fitting {label} to {len(train):,} windows, {count(data.n_targets, 'target')}.")
    of_train, of_valid, of_test = (word_matrix(part, space) for part in parts)
    groups = len(list(_parts(data.n_targets)))
    with progress_bar(groups * len(PENALTIES), "Fitting gapped k-mers (at most)", "fits") as progress:
        model = fit_gapped(
            of_train, data.labels(train), space, of_valid, data.labels(valid),
            threads=options.cores, on_fit=progress.advance,
        )  # fmt: skip
    chosen, targets = np.unique(model.penalty, return_counts=True)
    details = {
        "penalty": float(np.median(model.penalty)),
        "targets_by_penalty": {f"{p:g}": int(n) for p, n in zip(chosen, targets, strict=True)},
        "validation_log_loss": {f"{penalty:g}": finite_or_none(loss) for penalty, loss in model.path},
        "gkm_length": length,
        "gkm_informative": space.informative,
        "coefficients": len(space.first),
        "kmer_window": width,
    }
    return Fitted(label, expit(model.logits(of_test)), details)


def _losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the mean cross-entropy of each target, float64 (T,)."""
    return (np.logaddexp(0, logits, dtype=np.float64) - labels * logits.astype(np.float64)).mean(axis=0)


def _parts(n: int):
    return (slice(first, min(first + _TARGETS, n)) for first in range(0, n, _TARGETS))
