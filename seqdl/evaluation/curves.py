"""ROC and precision-recall curves: exact for one target, and the median curve of a category of targets."""

from __future__ import annotations

import numpy as np

from seqdl.evaluation.metrics import threshold_cells

GRID = np.linspace(0, 1, 201)
"""False positive rates, or recalls, at which the curves of many targets are put together: float64 (201,)."""


def roc_and_pr(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw both curves of one target through a common grid.

    Parameters
    ----------
    positive : bool (n,)
        Which windows are positives; at least one, and at least one negative.
    scores : float (n,)
        Higher means more likely positive.

    Returns
    -------
    tpr : float64 (201,)
        True positive rate at the false positive rates of `GRID`, straight between the curve's corners.
    precision : float64 (201,)
        Precision at the highest threshold that reaches the recalls of `GRID` (a step function, because
        precision does not run straight between two thresholds).
    """
    k, rank, cell = threshold_cells(positive, scores)
    pos = np.bincount(rank, minlength=k)[::-1]
    neg = np.bincount(cell, minlength=2 * k + 1)[::-1]
    tp = pos.cumsum()
    fp = neg.cumsum()
    fp_above, fp_from = fp[0:-1:2], fp[1::2]  # negatives above each threshold, and above or at it
    corners_fp = np.concatenate([[0], np.stack([fp_above, fp_from], axis=1).ravel(), [fp[-1]]])
    before = np.concatenate([[0], tp[:-1]])
    corners_tp = np.concatenate([[0], np.stack([before, tp], axis=1).ravel(), [tp[-1]]])
    # Where the curve rises straight up, interp takes the upper end.
    tpr = np.interp(GRID, corners_fp / fp[-1], corners_tp / tp[-1])
    precision = tp / (tp + fp_from)
    reached = np.minimum(np.searchsorted(tp / tp[-1], GRID - 1e-12, "left"), k - 1)
    return tpr, precision[reached]


def category_curves(labels: np.ndarray, scores: dict[str, np.ndarray], categories, scored: np.ndarray):
    """Compute the median ROC and precision-recall curve of every category and model.

    Parameters
    ----------
    labels : uint8 (n, T)
        0 or 1.
    scores : dict of str to float (n, T)
        Predictions of every model.
    categories : sequence of str, length T
        Category of every target; "" stands for none.
    scored : bool (T,)
        Which targets take part.

    Returns
    -------
    pandas.DataFrame
        Columns model, category ("all" first), curve ("roc" or "pr"), x (false positive rate or recall), y
        (median over targets of the true positive rate or precision), n_targets, base_rate (median share of
        positives: the height of a guess's precision-recall curve).
    """
    import pandas as pd

    usable = np.flatnonzero(scored)
    names = np.asarray([str(category) for category in categories], dtype=object)
    rates = labels.mean(axis=0)
    groups = {"all": usable}
    found = [name for name in dict.fromkeys(names[usable]) if name]
    if len(found) > 1 or (found and (names[usable] == "").any()):
        groups |= {name: usable[names[usable] == name] for name in found}
    parts = []
    for model, values in scores.items():
        both = {target: roc_and_pr(labels[:, target].astype(bool), values[:, target]) for target in usable}
        for category, members in groups.items():
            if not len(members):
                continue
            for place, curve in enumerate(("roc", "pr")):
                y = np.median([both[target][place] for target in members], axis=0)
                parts.append(
                    pd.DataFrame(
                        {
                            "model": model, "category": category, "curve": curve, "x": GRID, "y": y,
                            "n_targets": len(members), "base_rate": float(np.median(rates[members])),
                        }
                    )
                )  # fmt: skip
    columns = ["model", "category", "curve", "x", "y", "n_targets", "base_rate"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
