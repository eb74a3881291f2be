"""Ranking metrics per target (AUROC, AUPRC) and their block bootstrap, fast enough for hundreds of targets.

The definitions are scikit-learn's (``roc_auc_score``, ``average_precision_score``), ties included, and the
tests hold the two equal. What scikit-learn does not offer is the same number for some hundred resamples of
the windows at once. Both metrics need, at every distinct score of a positive, only the weight of positives
and negatives above and at that score. A target's windows are therefore counted once into (threshold, block)
cells, and one sparse product with the blocks' resampling counts gives every resample exactly, without sorting
again.

Neighbouring windows overlap and share peaks, so they are not independent observations; the bootstrap draws
blocks of consecutive windows (`genomic_blocks`), not single windows, or the intervals would be too narrow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError

# Cells of the (threshold x resample) working arrays that are held at once: 4 M of float64 is 32 MB an array.
_CELLS = 4_000_000


class RankMetrics(NamedTuple):
    """Hold both ranking metrics of every target.

    Attributes
    ----------
    auroc : float64 (R, T) or (T,)
        Area under the ROC curve; nan where a resample holds no positive or no negative.
    auprc : float64 (R, T) or (T,)
        Average precision, the step-wise area under the precision-recall curve; nan without a positive.
    """

    auroc: np.ndarray
    auprc: np.ndarray


def rank_metrics(labels: np.ndarray, scores: np.ndarray) -> RankMetrics:
    """Compute AUROC and average precision of every target.

    Parameters
    ----------
    labels : uint8 or bool (n, T)
        1 where the window is a positive of the target.
    scores : float (n, T)
        Higher means more likely positive; only the order matters.

    Returns
    -------
    RankMetrics
        Two float64 arrays of shape (T,).

    Raises
    ------
    InputError
        Shapes differ, or a score is not finite.

    Examples
    --------
    >>> labels = np.array([[0], [0], [1], [1]])
    >>> scores = np.array([[0.1], [0.4], [0.35], [0.8]])
    >>> [round(float(value[0]), 4) for value in rank_metrics(labels, scores)]
    [0.75, 0.8333]
    """
    blocks = np.zeros(len(labels), np.int64)
    result = bootstrap_metrics(labels, scores, blocks, np.ones((1, 1)))
    return RankMetrics(result.auroc[0], result.auprc[0])


def bootstrap_metrics(
    labels: np.ndarray, scores: np.ndarray, blocks: np.ndarray, weights: np.ndarray, on_target=None
) -> RankMetrics:
    """Compute AUROC and average precision of every target in every weighted resample of the windows.

    Parameters
    ----------
    labels : uint8 or bool (n, T)
        1 where the window is a positive of the target.
    scores : float (n, T)
        Higher means more likely positive.
    blocks : int64 (n,)
        Block of every window, 0 to B - 1; the windows of one block are drawn together.
    weights : float64 (B, R)
        How often each block occurs in each resample (`bootstrap_weights`).
    on_target : callable, optional
        Called without arguments after every target, for a progress bar.

    Returns
    -------
    RankMetrics
        Two float64 arrays of shape (R, T): exactly what scikit-learn gives with ``sample_weight``.

    Raises
    ------
    InputError
        Shapes differ, or a score is not finite.
    """
    labels = np.asarray(labels)
    scores = np.asarray(scores)
    if labels.shape != scores.shape or labels.ndim != 2:
        raise InputError(
            "`labels` and `scores` must both have the shape (windows, targets). "
            f"Received: {labels.shape} and {scores.shape}."
        )
    if not np.isfinite(scores).all():
        bad = np.flatnonzero(~np.isfinite(scores).all(axis=0))
        raise InputError(
            f"`scores` must be finite. Received: nan or infinity in {len(bad)} of {scores.shape[1]} targets "
            f"(first: column {bad[0]}). The model has probably diverged while training."
        )
    weights = np.ascontiguousarray(weights, dtype=np.float64)
    n_resamples = weights.shape[1]
    auroc = np.full((n_resamples, labels.shape[1]), np.nan)
    auprc = np.full_like(auroc, np.nan)
    for target in range(labels.shape[1]):
        positive = labels[:, target].astype(bool)
        if positive.any():
            auroc[:, target], auprc[:, target] = _one_target(positive, scores[:, target], blocks, weights)
        if on_target is not None:
            on_target()
    return RankMetrics(auroc, auprc)


def threshold_cells(positive: np.ndarray, scores: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """Place every window of one target among the distinct scores of its positives.

    Parameters
    ----------
    positive : bool (n,)
        Which windows are positives.
    scores : float (n,)
        Their scores.

    Returns
    -------
    k : int
        Number of distinct scores of positives (thresholds, ascending).
    rank : int64 (positives,)
        Threshold of every positive, 0 to k - 1.
    cell : int64 (negatives,)
        2j + 1 is a tie with threshold j, 2j lies between the thresholds j - 1 and j.
    """
    thresholds, rank = np.unique(scores[positive], return_inverse=True)
    negative = scores[~positive]
    cell = np.searchsorted(thresholds, negative, "left") + np.searchsorted(thresholds, negative, "right")
    return len(thresholds), rank.ravel(), cell


def _one_target(positive, scores, blocks, weights):
    """Return AUROC and average precision of one target, float64 (R,) each."""
    from scipy.sparse import csr_matrix

    n_blocks, n_resamples = weights.shape
    k, rank, cell = threshold_cells(positive, scores)
    counts_pos = csr_matrix((np.ones(len(rank)), (rank, blocks[positive])), shape=(k, n_blocks))
    counts_neg = csr_matrix((np.ones(len(cell)), (cell, blocks[~positive])), shape=(2 * k + 1, n_blocks))
    auroc = np.empty(n_resamples)
    auprc = np.empty(n_resamples)
    step = max(1, _CELLS // (2 * k + 1))
    for first in range(0, n_resamples, step):
        part = slice(first, first + step)
        auroc[part], auprc[part] = _areas(counts_pos @ weights[:, part], counts_neg @ weights[:, part])
    return auroc, auprc


def _areas(pos, neg):
    """Return both areas from weights per threshold (k, R) and per cell (2k + 1, R), ascending scores."""
    total_pos = pos.sum(axis=0)
    neg_from = neg[::-1].cumsum(axis=0)[::-1]
    total_neg = neg_from[0]
    ties = neg[1::2]
    neg_at_or_above = neg_from[1::2]
    pos_at_or_above = pos[::-1].cumsum(axis=0)[::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        below = total_neg - neg_at_or_above
        auroc = (pos * (below + 0.5 * ties)).sum(axis=0) / (total_pos * total_neg)
        precision = pos_at_or_above / (pos_at_or_above + neg_at_or_above)
        auprc = np.where(pos > 0, pos * precision, 0.0).sum(axis=0) / total_pos
    return auroc, auprc


def genomic_blocks(contig_ids: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    """Number the blocks of neighbouring windows that a bootstrap draws together.

    Parameters
    ----------
    contig_ids : int (n,)
        Contig of every window.
    starts : int64 (n,)
        Position of every window, 0-based.
    size : int
        Length of a block in base pairs; a block is a fixed stretch of the genome, so that overlapping
        windows, and copies of a window (shuffled negatives), stay together whatever their order in the file.

    Returns
    -------
    int64 (n,)
        Block numbers 0 to B - 1 without gaps.

    Raises
    ------
    InputError
        `size` is not positive.
    """
    if size < 1:
        raise InputError(f"`size` must be a positive number of base pairs. Received: {size}.")
    starts = np.asarray(starts, dtype=np.int64)
    if not len(starts):
        return np.zeros(0, np.int64)
    number = (starts - starts.min()) // size
    key = np.asarray(contig_ids, dtype=np.int64) * (int(number.max()) + 1) + number
    return np.unique(key, return_inverse=True)[1].astype(np.int64)


def bootstrap_weights(n_blocks: int, n_resamples: int, seed: int = 0) -> np.ndarray:
    """Draw how often each block occurs in each bootstrap resample.

    Parameters
    ----------
    n_blocks : int
        Number of blocks; each resample draws as many with replacement.
    n_resamples : int
        Number of resamples R.
    seed : int
        Seed of the draw; the same weights must serve every model, which makes comparisons paired.

    Returns
    -------
    float64 (n_blocks, R)
        Columns sum to `n_blocks`.

    Raises
    ------
    InputError
        Fewer than two blocks: nothing can be resampled.
    """
    if n_blocks < 2:
        raise InputError(
            f"A bootstrap needs at least 2 blocks of windows. Received: {n_blocks}. "
            "Use shorter blocks, or no bootstrap (bootstrap=0)."
        )
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(n_blocks, np.full(n_blocks, 1.0 / n_blocks), size=n_resamples)
    return np.ascontiguousarray(draws.T, dtype=np.float64)


def nan_quantile(values: np.ndarray, probability: float) -> np.ndarray:
    """Take a quantile along the first axis, leaving nan out; all-nan columns stay nan.

    Parameters
    ----------
    values : float64 (R, ...)
        Replicates along the first axis.
    probability : float
        Between 0 and 1.

    Returns
    -------
    float64 (...)
        The quantile, linearly interpolated.
    """
    values = np.asarray(values, dtype=np.float64)
    empty = np.isnan(values).all(axis=0) if len(values) else np.ones(values.shape[1:], bool)
    filled = np.where(empty, 0.0, values) if len(values) else np.zeros((1, *values.shape[1:]))
    return np.where(empty, np.nan, np.nanquantile(filled, probability, axis=0))


def finite_or_none(value: float) -> float | None:
    """Return a number fit for JSON: None where it is nan or infinite."""
    return float(value) if np.isfinite(value) else None
