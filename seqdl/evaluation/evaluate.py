"""`evaluate`: a run on held-out windows, beside baselines trained on the same split, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.evaluation.baselines import check_baseline, default_baselines, fit_baseline
from seqdl.evaluation.match import check_fold, check_match, dataset_notes
from seqdl.evaluation.outputs import METRICS_FORMAT, METRICS_VERSION
from seqdl.evaluation.resampling import resampling
from seqdl.evaluation.summary import (
    calibration_table,
    compare,
    group_targets,
    model_summary,
    score_model,
    target_table,
)  # fmt: skip
from seqdl.prediction.predictor import Predictor
from seqdl.progress import progress_bar
from seqdl.training.run import Run

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 4096


class Evaluation(NamedTuple):
    """What an evaluation found.

    Attributes
    ----------
    metrics : dict
        Contents of metrics.json (format "seqdl-metrics", version 2): medians with intervals, by category,
        comparisons with the baselines, targets left out; for labels calibration as well.
    targets : pandas.DataFrame
        Contents of metrics.tsv: one row a target and model.
    calibration : pandas.DataFrame or None
        Contents of calibration.tsv; None for coverage.
    curves : pandas.DataFrame or None
        Contents of curves.tsv: median ROC and precision-recall curves by category; None for coverage.
    files : list of Path
        What was written.
    """

    metrics: dict
    targets: pd.DataFrame
    calibration: pd.DataFrame | None
    curves: pd.DataFrame | None
    files: list[Path]


def evaluate(
    run: Run | str | Path,
    data: Dataset | str | Path,
    *,
    split: str = "test",
    baselines: Sequence[str] | None = None,
    bootstrap: int = 200,
    confidence: float = 0.95,
    min_positives: int = 10,
    block: int = 20,
    strand_average: bool | None = None,
    batch_size: int | None = None,
    kmer_length: int = 6,
    kmer_window: int | None = 400,
    baseline_windows: int | None = 100_000,
    threads: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    genome: str | Path | None = None,
    allow_genome_mismatch: bool = False,
) -> Evaluation:
    """Measure a run on held-out windows, beside baselines trained on the same training windows.

    A run of binary labels is measured by AUROC, AUPRC and calibration (`seqdl.evaluation.metrics`), one of
    coverage by correlation, deviance and profile distance (`seqdl.evaluation.coverage_metrics`).

    Parameters
    ----------
    run : Run or path
        A run, or its folder.
    data : Dataset or path
        The dataset; targets and window must be the run's.
    split : {"test", "valid", "train"}
        Windows to measure on.
    baselines : sequence of str, optional
        What to set beside the network, of `seqdl.evaluation.baselines.BASELINES`; may be empty. By default
        those that suit the dataset: for DNA "gc_length", "kmer" and, up to 20 targets, "gkm". Of coverage:
        "mean", "gc" and "kmer", see `seqdl.evaluation.coverage_baselines`.
    bootstrap : int
        Resamples for the intervals; 0 for none.
    confidence : float
        Of the intervals (percentiles of the resamples).
    min_positives : int
        Targets with fewer positives are scored but stay out of the medians (binary labels only).
    block : int
        Length of the stretches that the bootstrap draws, in bins. Neighbouring windows overlap, so drawing
        single windows would give intervals that are too narrow.
    strand_average : bool, optional
        Average both strands' probabilities; by default what the run's card says.
    batch_size : int, optional
        Windows in a batch of the network; 256, and fewer of long windows, if left out.
    kmer_length, kmer_window, threads
        See `seqdl.evaluation.baselines.BaselineOptions`.
    baseline_windows : int, optional
        Train baselines on at most so many windows; None for all.
    seed : int
        Of the bootstrap, and of the draw of the baselines' windows.
    out : path, optional
        Folder to write to. By default the run's own for the test split, whose card then tells the medians as
        well, and its subfolder ``evaluation_<split>`` for another, so that the test numbers are not
        overwritten.
    genome : path, optional
        The genome's place, if it has moved since the dataset was built.
    allow_genome_mismatch : bool
        Evaluate on another genome than the run's.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If run and dataset do not belong together (the message says what differs), or a parameter is out of
        range.

    Examples
    --------
    >>> result = evaluate("run/", "ds.h5")
    >>> result.metrics["models"][0]["median_auprc"]
    0.25
    """
    baselines = _check(baselines, bootstrap, confidence, min_positives, block, baseline_windows, seed)
    run, data = Run.open(run), Dataset.open(data, genome=genome)
    check_match(run, data, allow_genome_mismatch)
    check_fold(run, data, split)
    indices, folder = data.indices(split), _folder(run, split, out)
    if data.task == "coverage":
        from seqdl.evaluation.coverage import CoverageOptions, evaluate_coverage

        options = CoverageOptions(
            split, baselines, bootstrap, confidence, block, strand_average, batch_size, kmer_length,
            kmer_window, baseline_windows, seed,
        )  # fmt: skip
        metrics, tracks, files = evaluate_coverage(
            run, data, indices, folder, options, dataset_notes(run, data)
        )
        _tell_card(run, metrics, split, out, ("median_pearson", "median_deviance_explained"))
        return Evaluation(metrics, tracks, None, None, files)
    for name in baselines or ():
        check_baseline(name)
    labels = data.labels(indices)
    if not labels.any():
        raise InputError(
            f"No window of the {split} split of {data.path} carries any target, so nothing can be measured. "
            "Build the dataset with other test chromosomes."
        )
    targets = data.targets
    groups = group_targets(labels, list(targets["name"]), min_positives)
    notes: list[str] = []
    blocks, weights = resampling(data, indices, block, bootstrap, seed, notes)

    predictor = Predictor(run, batch_size, strand_average)
    predicted = [("network", run.label, _predict(predictor, data, indices), {})]
    for name in default_baselines(data) if baselines is None else baselines:
        made = fit_baseline(
            name, data, indices, max_windows=baseline_windows, kmer_length=kmer_length,
            kmer_window=kmer_window, threads=threads, seed=seed,
        )  # fmt: skip
        predicted.append((made.name, made.label, made.probabilities, made.details))
    with progress_bar(len(predicted) * data.n_targets, "Resampling for intervals", "targets") as progress:
        models = [
            score_model(name, label, labels, values, blocks, weights, details, progress.advance)
            for name, label, values, details in predicted
        ]

    random_split = bool(data.random_split or run.random_split)
    metrics = {
        "format": METRICS_FORMAT,
        "version": METRICS_VERSION,
        "task": "binary",
        "split": split,
        "random_split": random_split,
        "n_windows": len(indices),
        "strand_average": predictor.strand_average,
        "seed": seed,
        "bootstrap": weights.shape[1],
        "bootstrap_blocks": int(weights.shape[0]),
        "confidence": confidence,
        "min_positives": min_positives,
        "targets_total": data.n_targets,
        "targets_scored": int(groups.scored.sum()),
        "targets_without_positives": groups.without_positives,
        "targets_below_min_positives": groups.below_minimum,
        "targets_without_negatives": groups.without_negatives,
        "models": [model_summary(m, labels, groups, targets["category"], confidence) for m in models],
        "comparisons": [entry for m in models[1:] for entry in compare(models[0], m, groups, confidence)],
        "notes": notes + dataset_notes(run, data),
    }
    found = _write(folder, metrics, models, labels, indices, data, groups, confidence)
    _tell_card(run, metrics, split, out, ("median_auroc", "median_auprc"))
    return found


def _tell_card(run: Run, metrics: dict, split: str, out, keys: tuple[str, ...]) -> None:
    """Note the network's medians in the run's card, if they are those of its own test windows."""
    if split == "test" and out is None:
        ours = {key: metrics["models"][0][key] for key in keys}
        ours |= {key: metrics[key] for key in ("targets_scored", "n_windows")}
        run.update_card(metrics={**run.card.get("metrics", {}), "test": ours})


def _check(
    baselines, bootstrap, confidence, min_positives, block, baseline_windows, seed
) -> tuple[str, ...] | None:
    if baselines is not None:
        baselines = (baselines,) if isinstance(baselines, str) else tuple(dict.fromkeys(baselines))
    if bootstrap < 0:
        raise InputError(f"`bootstrap` must be 0 or a number of resamples. Received: {bootstrap}.")
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` must lie between 0 and 1, such as 0.95. Received: {confidence}.")
    if min_positives < 1:
        raise InputError(f"`min_positives` must be at least 1. Received: {min_positives}.")
    if block < 1:
        raise InputError(f"`block` must be at least 1 bin. Received: {block}.")
    if baseline_windows is not None and baseline_windows < 1:
        raise InputError(f"`baseline_windows` must be at least 1. Received: {baseline_windows}.")
    if seed < 0:
        raise InputError(f"`seed` must be 0 or a positive whole number. Received: {seed}.")
    return baselines


def _predict(predictor: Predictor, data: Dataset, indices: np.ndarray) -> np.ndarray:
    values = np.empty((len(indices), data.n_targets), np.float32)
    rows = predictor.batch_size * max(1, _ROWS // predictor.batch_size)
    with progress_bar(len(indices), "Predicting", "windows") as progress:
        for first in range(0, len(indices), rows):
            part = indices[first : first + rows]
            values[first : first + len(part)] = predictor.probabilities(data.codes(part))
            progress.advance(len(part))
    return values


def _folder(run, split: str, out) -> Path:
    if out is not None:
        return Path(out).expanduser()
    return Path(run.folder) if split == "test" else Path(run.folder) / f"evaluation_{split}"


def _write(folder, metrics, models, labels, indices, data, groups, confidence) -> Evaluation:
    from seqdl.evaluation.curves import category_curves
    from seqdl.evaluation.outputs import write_figures, write_json, write_predictions, write_table

    stamp = metrics["random_split"]
    targets = target_table(models, data.targets, groups, len(indices), confidence)
    calibration = calibration_table(models, labels)
    by_model = {m.name: m.probabilities for m in models}
    curves = category_curves(labels, by_model, data.targets["category"], groups.scored)
    files = [
        write_predictions(
            folder / "predictions.h5", by_model, labels, indices, data.target_names, split=metrics["split"],
            random_split=stamp, strand_average=metrics["strand_average"],
        ),
        write_table(folder / "metrics.tsv", targets, stamp),
        write_table(folder / "calibration.tsv", calibration, stamp),
        write_table(folder / "curves.tsv", curves, stamp),
        *write_figures(folder, curves, calibration, stamp),
    ]  # fmt: skip
    files.append(write_json(folder / "metrics.json", metrics))
    return Evaluation(metrics, targets, calibration, curves, files)
