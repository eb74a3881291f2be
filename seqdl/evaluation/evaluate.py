"""`evaluate`: a run on held-out windows, beside baselines trained on the same split, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.evaluation.baselines import check_baseline, fit_baseline, training_windows
from seqdl.evaluation.metrics import bootstrap_weights, genomic_blocks
from seqdl.evaluation.summary import (
    calibration_table,
    compare,
    group_targets,
    model_summary,
    score_model,
    target_table,
)  # fmt: skip
from seqdl.progress import progress_bar
from seqdl.training.run import Run

if TYPE_CHECKING:
    import pandas as pd

FORMAT, VERSION = "seqdl-metrics", 1
_ROWS = 4096


class Evaluation(NamedTuple):
    """What an evaluation found.

    Attributes
    ----------
    metrics : dict
        Contents of metrics.json: medians with intervals, by category, calibration, comparisons, targets left
        out.
    targets : pandas.DataFrame
        Contents of metrics.tsv: one row a target and model.
    calibration : pandas.DataFrame
        Contents of calibration.tsv.
    curves : pandas.DataFrame
        Contents of curves.tsv: median ROC and precision-recall curves by category.
    files : list of Path
        What was written.
    """

    metrics: dict
    targets: pd.DataFrame
    calibration: pd.DataFrame
    curves: pd.DataFrame
    files: list[Path]


def evaluate(
    run: Run | str | Path,
    data: Dataset | str | Path,
    *,
    split: str = "test",
    baselines: Sequence[str] = ("gc_length", "kmer"),
    bootstrap: int = 200,
    confidence: float = 0.95,
    min_positives: int = 10,
    block: int = 20,
    strand_average: bool | None = None,
    batch_size: int = 256,
    kmer_length: int = 6,
    kmer_window: int | None = 400,
    baseline_windows: int | None = 100_000,
    seed: int = 0,
    out: str | Path | None = None,
    genome: str | Path | None = None,
    allow_genome_mismatch: bool = False,
) -> Evaluation:
    """Measure a run on held-out windows, beside baselines trained on the same training windows.

    Parameters
    ----------
    run : Run or path
        A run, or its folder.
    data : Dataset or path
        The dataset; targets and window must be the run's.
    split : {"test", "valid", "train"}
        Windows to measure on.
    baselines : sequence of {"gc_length", "kmer"}
        What to set beside the network; may be empty.
    bootstrap : int
        Resamples for the intervals; 0 for none.
    confidence : float
        Of the intervals (percentiles of the resamples).
    min_positives : int
        Targets with fewer positives are scored but stay out of the medians.
    block : int
        Length of the stretches that the bootstrap draws, in bins. Neighbouring windows overlap, so drawing
        single windows would give intervals that are too narrow.
    strand_average : bool, optional
        Average both strands' probabilities; by default what the run's card says.
    batch_size : int
        Windows in a batch of the network.
    kmer_length, kmer_window, baseline_windows
        See `seqdl.evaluation.baselines.fit_baseline`.
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
    indices = data.indices(split)
    labels = data.labels(indices)
    if not labels.any():
        raise InputError(
            f"No window of the {split} split of {data.path} carries any target, so nothing can be measured. "
            "Build the dataset with other test chromosomes."
        )
    targets = data.targets
    groups = group_targets(labels, list(targets["name"]), min_positives)
    notes: list[str] = []
    blocks, weights = _resampling(data, indices, block, bootstrap, seed, notes)

    predicted = [("network", run.label, _predict(run, data, indices, batch_size, strand_average), {})]
    for name in baselines:
        train, valid = training_windows(data, baseline_windows, seed)
        total = len(train) + len(valid) + len(indices)
        with progress_bar(total, f"Features of the baseline {name}", "windows") as progress:
            made = fit_baseline(
                name, data, indices, kmer_length=kmer_length, kmer_window=kmer_window,
                max_windows=baseline_windows, seed=seed, on_windows=progress.advance,
            )  # fmt: skip
        predicted.append((made.name, made.label, made.probabilities, made.details))
    with progress_bar(len(predicted) * data.n_targets, "Resampling for intervals", "targets") as progress:
        models = [
            score_model(name, label, labels, values, blocks, weights, details, progress.advance)
            for name, label, values, details in predicted
        ]

    random_split = bool(data.random_split or run.random_split)
    metrics = {
        "format": FORMAT,
        "version": VERSION,
        "split": split,
        "random_split": random_split,
        "n_windows": len(indices),
        "strand_average": bool(run.strand_average if strand_average is None else strand_average),
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
        "notes": notes + _dataset_notes(run, data),
    }
    found = _write(_folder(run, split, out), metrics, models, labels, indices, data, groups, confidence)
    if split == "test" and out is None:
        ours = {key: metrics["models"][0][key] for key in ("median_auroc", "median_auprc")}
        ours |= {key: metrics[key] for key in ("targets_scored", "n_windows")}
        run.update_card(metrics={**run.card.get("metrics", {}), "test": ours})
    return found


def check_match(run: Run, data: Dataset, allow_genome_mismatch: bool = False) -> None:
    """Refuse a dataset that is not made for the run, saying what differs.

    Parameters
    ----------
    run : Run
        Its card is compared.
    data : Dataset
        With the same targets in the same order, window, bin, and genome.
    allow_genome_mismatch : bool
        Say yes to another genome.

    Raises
    ------
    InputError
        Naming the first thing that differs.
    """
    for what in ("window", "bin"):
        ours, theirs = getattr(run, what), getattr(data, what)
        if ours != theirs:
            raise InputError(
                f"The run was trained with a {what} of {ours:,} bp, the dataset {data.path} has {theirs:,} "
                f"bp. Build the dataset again with --{what} {ours}."
            )
    ours, theirs = list(run.target_names), list(data.target_names)
    if ours != theirs:
        missing = [name for name in ours if name not in set(theirs)]
        extra = [name for name in theirs if name not in set(ours)]
        differ = []
        if missing:
            differ.append(f"{len(missing)} of the run's are missing (first: {missing[0]!r})")
        if extra:
            differ.append(f"{len(extra)} are unknown to the run (first: {extra[0]!r})")
        raise InputError(
            f"The run has {len(ours)} targets and the dataset {data.path} has {len(theirs)}: "
            f"{' and '.join(differ) or 'the same ones in another order'}. "
            "Evaluate on the dataset the run was made for."
        )
    if data.kind == "genome":
        run.check_genome(data.genome, allow_mismatch=allow_genome_mismatch)


def _check(baselines, bootstrap, confidence, min_positives, block, baseline_windows, seed) -> tuple[str, ...]:
    baselines = (baselines,) if isinstance(baselines, str) else tuple(dict.fromkeys(baselines))
    for name in baselines:
        check_baseline(name)
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


def _resampling(data, indices, block, bootstrap, seed, notes) -> tuple[np.ndarray, np.ndarray]:
    contigs = np.asarray(data.contig_ids)[indices]
    blocks = np.arange(len(indices), dtype=np.int64)
    placed = contigs >= 0
    if placed.any():
        # Windows overlap as far as they are long, so a block is never shorter than two of them.
        size = max(block * data.bin, 2 * data.window)
        of_placed = genomic_blocks(contigs[placed], np.asarray(data.starts)[indices][placed], size)
        blocks[placed] = len(indices) + of_placed
        blocks = np.unique(blocks, return_inverse=True)[1]
    n_blocks = int(blocks.max()) + 1
    if bootstrap and n_blocks < 2:
        notes.append(
            "The windows lie in a single block, so there are no intervals; a smaller --block may give some."
        )
        bootstrap = 0
    elif bootstrap and n_blocks < 20:
        notes.append(f"The windows lie in only {n_blocks} blocks: the intervals are rough.")
    if not bootstrap:
        return blocks, np.zeros((n_blocks, 0))
    return blocks, bootstrap_weights(n_blocks, bootstrap, seed)


def _predict(run, data, indices, batch_size, strand_average) -> np.ndarray:
    from seqdl.prediction.predictor import Predictor

    predictor = Predictor(run, batch_size, strand_average)
    values = np.empty((len(indices), data.n_targets), np.float32)
    rows = batch_size * max(1, _ROWS // max(batch_size, 1))
    with progress_bar(len(indices), "Predicting", "windows") as progress:
        for first in range(0, len(indices), rows):
            part = indices[first : first + rows]
            values[first : first + len(part)] = predictor.probabilities(data.codes(part))
            progress.advance(len(part))
    return values


def _dataset_notes(run, data) -> list[str]:

    known = (run.card.get("dataset") or {}).get("sha256")
    if known and data.path and Path(data.path).is_file() and data.sha256 != known:
        return [
            "This is not the dataset file that the run was trained on: make sure that these windows were "
            "not among its training windows."
        ]
    return []


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
