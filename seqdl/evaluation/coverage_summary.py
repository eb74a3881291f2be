"""Tables of coverage metrics: one row a track and model, medians over tracks, and paired comparisons."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.evaluation.coverage_metrics import CoverageMetrics, CoverageSums
from seqdl.evaluation.metrics import finite_or_none
from seqdl.evaluation.resampling import interval, median_draws, pair, two_sided

METRICS = ("pearson", "profile_pearson", "deviance_explained", "jsd")
# Metrics for which less is better.
_LESS = ("jsd",)


class CoverageModel(NamedTuple):
    """Hold one model and what its predictions are worth.

    Attributes
    ----------
    name, label : str
        Key in files, and the name for people.
    sums : CoverageSums
    point, replicates : CoverageMetrics
        On the windows as they are, float64 (T,), and on the resampled ones, float64 (R, T).
    details : dict
        How the model was made.
    """

    name: str
    label: str
    sums: CoverageSums
    point: CoverageMetrics
    replicates: CoverageMetrics
    details: dict


def track_table(
    models: list[CoverageModel],
    targets,
    scored: np.ndarray,
    controls: dict[str, np.ndarray],
    confidence: float,
):
    """Tabulate every track and model.

    Parameters
    ----------
    models : list of CoverageModel
        The network first.
    targets : pandas.DataFrame
        Columns name, cell, assay, category, unit (others are ignored).
    scored : bool (T,)
        Whether a track counts in the medians.
    controls : dict of str to float64 (T,)
        Distances that need no model, in columns of their own.
    confidence : float
        Of the intervals, such as 0.95.

    Returns
    -------
    pandas.DataFrame
        Columns target, cell, assay, category, unit, model, bins, mean_observed, mean_predicted; pearson,
        profile_pearson, deviance_explained and jsd, each with _lo and _hi; deviance, the controls, and
        in_medians. NaN where a metric is not defined.
    """
    import pandas as pd

    parts = []
    for model in models:
        part = pd.DataFrame({"target": list(targets["name"])})
        for column in ("cell", "assay", "category", "unit"):
            part[column] = list(targets[column])
        part["model"] = model.name
        part["bins"] = model.sums.bins()
        part["mean_observed"], part["mean_predicted"] = model.sums.means()
        for metric in METRICS:
            low, high = interval(getattr(model.replicates, metric), confidence)
            part[metric], part[f"{metric}_lo"], part[f"{metric}_hi"] = getattr(model.point, metric), low, high
        part["deviance"] = model.point.deviance
        for key, values in controls.items():
            part[key] = values
        part["in_medians"] = scored.astype(int)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def coverage_summary(model: CoverageModel, scored: np.ndarray, categories, confidence: float) -> dict:
    """Summarise a model: medians over the scored tracks, in all and by category.

    Parameters
    ----------
    model : CoverageModel
    scored : bool (T,)
    categories : sequence of str, length T
        "" for none.
    confidence : float
        Of the intervals: the median over tracks is taken in every resample of the windows; the tracks
        themselves are not resampled.

    Returns
    -------
    dict
        One entry of "models" in metrics.json.
    """
    summary = {"name": model.name, "label": model.label} | _medians(model, scored, confidence)
    summary["across_tracks"] = finite_or_none(model.point.across_tracks)
    summary["across_tracks_ci"] = pair(model.replicates.across_tracks, confidence)
    summary["by_category"] = {}
    names = np.asarray([str(category) for category in categories], dtype=object)
    for category in dict.fromkeys(names):
        members = scored & (names == category)
        if category and members.any():
            summary["by_category"][category] = _medians(model, members, confidence) | {
                "n_targets": int(members.sum())
            }
    return summary | {"details": model.details}


def compare_coverage(
    network: CoverageModel, other: CoverageModel, scored: np.ndarray, confidence: float
) -> list[dict]:
    """Compare the network with a baseline on the same resamples, so that the luck of the windows cancels.

    Parameters
    ----------
    network, other : CoverageModel
        With replicates from the same weights.
    scored : bool (T,)
    confidence : float
        Of the intervals.

    Returns
    -------
    list of dict
        One a metric, as `seqdl.evaluation.summary.compare` gives for labels. Differences are network minus
        baseline; "better" minds that a smaller ``jsd`` is better.
    """
    found = []
    for metric in METRICS:
        sign = -1 if metric in _LESS else 1
        ours, theirs = (getattr(m.point, metric)[scored] for m in (network, other))
        ours_r, theirs_r = (getattr(m.replicates, metric)[:, scored] for m in (network, other))
        both = np.isfinite(ours) & np.isfinite(theirs)
        entry = {
            "baseline": other.name,
            "metric": metric,
            "better": int((sign * (ours - theirs)[both] > 0).sum()),
            "of": int(both.sum()),
        }
        if both.any():
            low, high = interval(sign * (ours_r - theirs_r)[:, both], confidence)
            entry["clearly_better"], entry["clearly_worse"] = int((low > 0).sum()), int((high < 0).sum())
            draws = median_draws(ours_r[:, both]) - median_draws(theirs_r[:, both])
            entry["median_difference"] = finite_or_none(np.median(ours[both]) - np.median(theirs[both]))
            entry["median_difference_ci"] = pair(draws, confidence)
            entry["p"] = two_sided(draws)
        found.append(entry)
    return found


def _medians(model: CoverageModel, members: np.ndarray, confidence: float) -> dict:
    out = {}
    for metric in METRICS:
        point = getattr(model.point, metric)[members]
        point = point[np.isfinite(point)]
        out[f"median_{metric}"] = finite_or_none(np.median(point)) if len(point) else None
        draws = median_draws(getattr(model.replicates, metric)[:, members])
        out[f"median_{metric}_ci"] = pair(draws, confidence)
    return out
