"""Put metrics and their bootstrap replicates together: a table by target, medians, and paired comparisons."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.evaluation.calibration import calibration_error, reliability
from seqdl.evaluation.metrics import (
    RankMetrics,
    bootstrap_metrics,
    finite_or_none,
    rank_metrics,
)
from seqdl.evaluation.resampling import interval, median_draws, pair, two_sided


class Scored(NamedTuple):
    """Hold one model's predictions and what they are worth.

    Attributes
    ----------
    name, label : str
        Key in files, and the name for people.
    probabilities : float32 (n, T)
        Predictions.
    point : RankMetrics
        float64 (T,) each: on the windows as they are.
    replicates : RankMetrics
        float64 (R, T) each: on the resampled windows.
    calibration_error : float64 (T,)
        Per target.
    details : dict
        How the model was made.
    """

    name: str
    label: str
    probabilities: np.ndarray
    point: RankMetrics
    replicates: RankMetrics
    calibration_error: np.ndarray
    details: dict


class Groups(NamedTuple):
    """Sort the targets by what can be said about them.

    Attributes
    ----------
    positives : int64 (T,)
        Positive windows of each target in the split.
    scored : bool (T,)
        Has enough positives (and a negative): counts in the medians.
    without_positives, below_minimum, without_negatives : list of str
        Names of the others, by reason.
    """

    positives: np.ndarray
    scored: np.ndarray
    without_positives: list[str]
    below_minimum: list[str]
    without_negatives: list[str]


def group_targets(labels: np.ndarray, names: list[str], min_positives: int) -> Groups:
    """Find which targets can be scored, and name those that cannot.

    Parameters
    ----------
    labels : uint8 (n, T)
        0 or 1.
    names : list of str
        Of the targets.
    min_positives : int
        Fewer positives than this keep a target out of the medians.

    Returns
    -------
    Groups
    """
    positives = labels.sum(axis=0, dtype=np.int64)
    full = positives == len(labels)
    scored = (positives >= max(min_positives, 1)) & ~full

    def listed(mask):
        return [name for name, keep in zip(names, mask, strict=True) if keep]

    few = (positives > 0) & (positives < min_positives)
    return Groups(positives, scored, listed(positives == 0), listed(few), listed(full))


def score_model(
    name: str,
    label: str,
    labels: np.ndarray,
    probabilities: np.ndarray,
    blocks,
    weights,
    details=None,
    on_target=None,
) -> Scored:
    """Measure a model's predictions, with replicates for its intervals.

    Parameters
    ----------
    name, label : str
        Key and name for people.
    labels : uint8 (n, T)
        0 or 1.
    probabilities : float32 (n, T)
        Predictions.
    blocks : int64 (n,)
        Block of every window.
    weights : float64 (B, R)
        Resampling counts; R may be 0.
    details : dict, optional
        Kept with the numbers.
    on_target : callable, optional
        Called after every target.

    Returns
    -------
    Scored
    """
    return Scored(
        name,
        label,
        probabilities,
        rank_metrics(labels, probabilities),
        bootstrap_metrics(labels, probabilities, blocks, weights, on_target),
        calibration_error(labels, probabilities),
        details or {},
    )


def target_table(models: list[Scored], targets, groups: Groups, n_windows: int, confidence: float):
    """Tabulate every target and model.

    Parameters
    ----------
    models : list of Scored
        The network first.
    targets : pandas.DataFrame
        Columns name, cell, assay, category (others are ignored).
    groups : Groups
        Of the targets.
    n_windows : int
        Windows in the split.
    confidence : float
        Of the intervals, such as 0.95.

    Returns
    -------
    pandas.DataFrame
        Columns target, cell, assay, category, model, positives, negatives, auroc, auroc_lo, auroc_hi, auprc,
        auprc_lo, auprc_hi, base_rate, ece, in_medians; all targets are in it, those that cannot be scored
        with nan.
    """
    import pandas as pd

    parts = []
    for model in models:
        part = pd.DataFrame({"target": list(targets["name"])})
        for column in ("cell", "assay", "category"):
            part[column] = list(targets[column])
        part["model"] = model.name
        part["positives"] = groups.positives
        part["negatives"] = n_windows - groups.positives
        for metric in ("auroc", "auprc"):
            low, high = interval(getattr(model.replicates, metric), confidence)
            part[metric], part[f"{metric}_lo"], part[f"{metric}_hi"] = getattr(model.point, metric), low, high
        part["base_rate"] = groups.positives / n_windows
        part["ece"] = model.calibration_error
        part["in_medians"] = groups.scored.astype(int)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def model_summary(model: Scored, labels: np.ndarray, groups: Groups, categories, confidence: float) -> dict:
    """Summarise a model: medians over the scored targets, by category, and calibration.

    Parameters
    ----------
    model : Scored
        Of `score_model`.
    labels : uint8 (n, T)
        0 or 1.
    groups : Groups
        Of the targets.
    categories : sequence of str, length T
        "" for none.
    confidence : float
        Of the intervals.

    Returns
    -------
    dict
        One entry of "models" in metrics.json. An interval is that of the median: the median over targets is
        taken in every resample of the windows. The targets themselves are not resampled.
    """
    summary = {"name": model.name, "label": model.label} | _medians(model, groups.scored, confidence)
    summary["by_category"] = {}
    names = np.asarray([str(category) for category in categories], dtype=object)
    for category in dict.fromkeys(names):
        members = groups.scored & (names == category)
        if category and members.any():
            summary["by_category"][category] = _medians(model, members, confidence) | {
                "n_targets": int(members.sum())
            }
    summary["ece"] = reliability(labels, model.probabilities).error
    summary["ece_macro"] = finite_or_none(model.calibration_error.mean())
    return summary | {"details": model.details}


def compare(network: Scored, other: Scored, groups: Groups, confidence: float) -> list[dict]:
    """Compare the network with a baseline on the same resamples, so that the luck of the windows cancels.

    Parameters
    ----------
    network, other : Scored
        With replicates from the same weights.
    groups : Groups
        Of the targets.
    confidence : float
        Of the intervals.

    Returns
    -------
    list of dict
        One for AUPRC, one for AUROC: baseline, metric, better (targets on which the network's number is
        higher), of (targets scored), clearly_better and clearly_worse (the interval of the target's
        difference excludes 0), median_difference (network's median minus the baseline's) with its interval, p
        (two-sided, paired bootstrap; None without one).
    """
    found = []
    for metric in ("auprc", "auroc"):
        ours, theirs = (getattr(m.point, metric)[groups.scored] for m in (network, other))
        our_draws, their_draws = (getattr(m.replicates, metric)[:, groups.scored] for m in (network, other))
        entry = {
            "baseline": other.name,
            "metric": metric,
            "better": int((ours > theirs).sum()),
            "of": len(ours),
        }
        if len(ours):
            low, high = interval(our_draws - their_draws, confidence)
            entry["clearly_better"], entry["clearly_worse"] = int((low > 0).sum()), int((high < 0).sum())
            draws = median_draws(our_draws) - median_draws(their_draws)
            entry["median_difference"] = finite_or_none(np.median(ours) - np.median(theirs))
            entry["median_difference_ci"] = pair(draws, confidence)
            entry["p"] = two_sided(draws)
        found.append(entry)
    return found


def calibration_table(models: list[Scored], labels: np.ndarray):
    """Tabulate the reliability curves, all targets pooled, in bins of equal width and of equal mass.

    Parameters
    ----------
    models : list of Scored
        Of `score_model`.
    labels : uint8 (n, T)
        0 or 1.

    Returns
    -------
    pandas.DataFrame
        Columns model, bin_lo, bin_hi, n, mean_predicted, observed, binning ("uniform" or "quantile").
    """
    import pandas as pd

    parts = []
    for model in models:
        for binning in ("uniform", "quantile"):
            curve = reliability(labels, model.probabilities, binning=binning)
            part = pd.DataFrame({"model": model.name, "bin_lo": curve.lo, "bin_hi": curve.hi, "n": curve.n})
            part["mean_predicted"], part["observed"], part["binning"] = (
                curve.mean_predicted,
                curve.observed,
                binning,
            )
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _medians(model: Scored, members: np.ndarray, confidence: float) -> dict:
    out = {}
    for metric in ("auroc", "auprc"):
        point = getattr(model.point, metric)[members]
        out[f"median_{metric}"] = finite_or_none(np.median(point)) if len(point) else None
        out[f"median_{metric}_ci"] = pair(
            median_draws(getattr(model.replicates, metric)[:, members]), confidence
        )
    return out
