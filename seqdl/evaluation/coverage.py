"""Measure a coverage run on held-out windows: network and baselines side by side, in one pass."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.evaluation.baselines import training_windows
from seqdl.evaluation.coverage_baselines import (
    COVERAGE_BASELINES,
    MAX_BINS,
    CoverageBaseline,
    Moments,
    check_coverage_baseline,
    fit_coverage_baseline,
    rows_at_once,
    training_moments,
)
from seqdl.evaluation.coverage_metrics import CoverageSums, profile_distance, shuffled_profiles
from seqdl.evaluation.coverage_pictures import Scatter, example_table, write_coverage
from seqdl.evaluation.coverage_summary import CoverageModel, compare_coverage, coverage_summary, track_table
from seqdl.evaluation.metrics import finite_or_none
from seqdl.evaluation.outputs import METRICS_FORMAT, METRICS_VERSION
from seqdl.evaluation.resampling import MOST_BLOCKS, resampling
from seqdl.prediction.predictor import Predictor
from seqdl.progress import progress_bar, say


class CoverageOptions(NamedTuple):
    """The choices of `seqdl.evaluate` that a coverage run needs; see there."""

    split: str
    baselines: tuple[str, ...] | None
    bootstrap: int
    confidence: float
    block: int
    strand_average: bool | None
    batch_size: int | None
    kmer_length: int
    kmer_window: int | None
    baseline_windows: int | None
    seed: int


def evaluate_coverage(
    run, data, indices: np.ndarray, folder: Path, options: CoverageOptions, notes: list[str]
):
    """Measure a coverage run beside its baselines, and write what was found.

    Parameters
    ----------
    run : Run
    data : Dataset
        Checked to be the run's.
    indices : int64 (n,)
        Windows to measure.
    folder : Path
        Where to write.
    options : CoverageOptions
    notes : list of str
        What else is to be said of the numbers.

    Returns
    -------
    metrics : dict
        Contents of metrics.json.
    tracks : pandas.DataFrame
        Contents of metrics.tsv: one row a track and model.
    files : list of Path

    Raises
    ------
    InputError
        If a baseline is unknown, or no value of the windows is known.
    """
    names = COVERAGE_BASELINES if options.baselines is None else options.baselines
    for name in names:
        check_coverage_baseline(name)
    blocks, weights = resampling(
        data, indices, options.block, options.bootstrap, options.seed, notes, MOST_BLOCKS
    )
    moments, baselines = _baselines(data, names, options)
    predictor = Predictor(run, options.batch_size, options.strand_average)
    models = [("network", run.label, predictor.coverage, {})]
    models += [(made.name, made.label, made.predict, made.details) for made in baselines]
    passed = _pass(data, indices, blocks, [model[2] for model in models], moments, predictor, options.seed)
    scored = [
        CoverageModel(name, label, sums, sums.metrics(), sums.replicates(weights), details)
        for (name, label, _, details), sums in zip(models, passed.sums, strict=True)
    ]
    keep = np.isfinite(scored[0].point.pearson)
    if not passed.sums[0].bins().any():
        raise InputError(
            f"Not one value of the {options.split} windows of {data.path} is known (NaN everywhere), so "
            "nothing can be measured. Build the dataset with other test contigs."
        )
    if passed.sums[0].negative:
        notes.append(f"{passed.sums[0].negative:,} values are negative: left out of deviance and profiles.")
    metrics = {
        "format": METRICS_FORMAT,
        "version": METRICS_VERSION,
        "task": "coverage",
        "split": options.split,
        "random_split": bool(data.random_split or run.random_split),
        "n_windows": len(indices),
        "n_bins": data.n_bins,
        "resolution": data.resolution,
        "strand_average": predictor.strand_average,
        "seed": options.seed,
        "bootstrap": weights.shape[1],
        "bootstrap_blocks": int(weights.shape[0]),
        "confidence": options.confidence,
        "targets_total": data.n_targets,
        "targets_scored": int(keep.sum()),
        "targets_unscored": [n for n, k in zip(data.target_names, keep, strict=True) if not k],
        "controls": {key: _median(values[keep]) for key, values in passed.controls.items()},
        "models": [coverage_summary(m, keep, data.targets["category"], options.confidence) for m in scored],
        "comparisons": [
            entry for m in scored[1:] for entry in compare_coverage(scored[0], m, keep, options.confidence)
        ],
        "notes": notes,
    }
    tracks = track_table(scored, data.targets, keep, passed.controls, options.confidence)
    drawn = [model for model in models if model[0] in ("network", _best(metrics))]
    examples = example_table(
        data, indices, passed.signal, {m[0]: m[2] for m in drawn}, scored[0].point.pearson
    )
    return metrics, tracks, write_coverage(folder, metrics, tracks, passed.scatter.table(), examples)


class _Passed(NamedTuple):
    sums: list[CoverageSums]
    controls: dict[str, np.ndarray]  # float64 (T,)
    signal: np.ndarray  # float64 (n,): how much was observed in each window
    scatter: Scatter


def _baselines(data, names, options: CoverageOptions) -> tuple[Moments, list[CoverageBaseline]]:
    train, valid = training_windows(data, options.baseline_windows, options.seed)
    with progress_bar(len(train), "Measuring the training windows", "windows") as progress:
        moments = training_moments(data, train, progress.advance)
    made = []
    for name in names:
        most = max(1, MAX_BINS // data.n_bins)
        total = sum(min(len(part), most) for part in (train, valid))
        with progress_bar(total, f"Fitting the baseline {name}", "windows") as progress:
            made.append(
                fit_coverage_baseline(
                    name, data, moments, kmer_length=options.kmer_length, kmer_window=options.kmer_window,
                    max_windows=options.baseline_windows, seed=options.seed, on_windows=progress.advance,
                )
            )  # fmt: skip
            if name != "mean":
                details = made[-1].details
                say(f"Fitted {made[-1].label} to {details['train_windows']:,} windows.")
    return moments, made


def _pass(data, indices, blocks, models, moments: Moments, predictor: Predictor, seed: int) -> _Passed:
    """Go through the windows once, and let every model predict each block of them."""
    n_blocks, n_targets = int(blocks.max()) + 1, data.n_targets
    sums = [CoverageSums(n_blocks, moments.mean, moments.deviation) for _ in models]
    distances = {"jsd_average": np.zeros(n_targets), "jsd_shuffled": np.zeros(n_targets)}
    counted = np.zeros(n_targets)
    signal = np.zeros(len(indices))
    scatter = Scatter(moments.mean, data.target_names)
    batch = predictor.batch_size
    rows = max(1, rows_at_once(data.window, data.n_bins, n_targets) // batch) * batch
    with progress_bar(len(indices), "Predicting", "windows") as progress:
        for first in range(0, len(indices), rows):
            part = slice(first, min(first + rows, len(indices)))
            codes, observed = data.codes(indices[part]), data.values(indices[part]).astype(np.float64)
            for place, (predict, of_model) in enumerate(zip(models, sums, strict=True)):
                predicted = predict(codes)
                of_model.add(blocks[part], observed, predicted)
                if place == 0:
                    scatter.add(observed, predicted)
            known = np.nan_to_num(observed).clip(0)
            has = (np.isfinite(observed).sum(axis=1) > 1) & (known.sum(axis=1) > 0)
            counted += has.sum(axis=0)
            average = np.where(np.isfinite(observed), moments.profile.clip(0), 0.0)
            for key, other in (
                ("jsd_average", average),
                ("jsd_shuffled", shuffled_profiles(known, seed + first)),
            ):
                distances[key] += np.where(has, profile_distance(known, other), 0.0).sum(axis=0)
            scaled = (observed - moments.mean) / np.where(moments.deviation > 0, moments.deviation, 1.0)
            signal[part] = np.nan_to_num(scaled).mean(axis=(1, 2))
            progress.advance(part.stop - part.start)
    with np.errstate(invalid="ignore"):
        controls = {key: values / counted for key, values in distances.items()}
    return _Passed(sums, controls, signal, scatter)


def _best(metrics: dict) -> str:
    """Return the name of the baseline with the highest median correlation; "" for none."""
    others = [m for m in metrics["models"][1:] if m["median_pearson"] is not None]
    return max(others, key=lambda m: m["median_pearson"])["name"] if others else ""


def _median(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return finite_or_none(np.median(values)) if len(values) else None
