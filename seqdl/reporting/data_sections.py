"""Sections on what went in and how training went: the dataset's make-up, the learning curves."""

from __future__ import annotations

import numpy as np

from seqdl.data.dataset_file import SPLITS
from seqdl.plot import curves
from seqdl.plot.style import figure_uri
from seqdl.reporting.blocks import Cell, Missing, Picture, Section, Table, Text, listing
from seqdl.reporting.coverage import coverage_table
from seqdl.reporting.inputs import Inputs
from seqdl.reporting.overview import windows_of
from seqdl.training.diagnosis import diagnose
from seqdl.words import count, duration

_VERDICTS = {
    "diverged": "The training diverged.",
    "overfitting": "The network began to learn its training windows by heart (overfitting).",
    "underfitting": "The network has learned little (underfitting).",
    "still improving": "It was still getting better when training stopped: it is not trained out.",
    "good": "It neither under- nor overfits.",
}


def dataset_section(found: Inputs) -> Section:
    """Show windows per split, where they lie, and positives per category.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Section
    """
    split = found.card.get("split") or {}
    counts = {part: windows_of(split, part) for part in SPLITS}
    blocks: list = []
    positives = None
    if found.dataset is not None:
        counts = {part: len(rows_of(found.dataset, part)) for part in SPLITS}
        if found.dataset.kind == "genome":
            blocks.append(_map(found.dataset))
        if found.dataset.task == "coverage":
            blocks.append(coverage_table(found.dataset))
        else:
            positives = _positives(found.dataset)
            blocks.append(_positive_picture(found, positives))
            blocks.append(_category_table(found.dataset.targets, positives, counts))
    total = sum(counts.values())
    kinds = {"chromosome": "by chromosome", "regions": "by region", "folds": "by the folds given",
             "groups": "by group", "random": "at random over windows"}  # fmt: skip
    kind = kinds.get(str(split.get("kind")))
    reading = ""
    if total:
        parts = ", ".join(f"{counts[part]:,} for {curves.SPLIT_LABELS[part]}" for part in SPLITS)
        reading = f"{count(total, 'window')} of {found.card.get('window', 0):,} bases: {parts}"
        reading += f"; the split is {kind}." if kind else "."
    if found.card.get("task") == "coverage":
        reading += (
            f" A window's target is the signal along its middle {found.card['bin']:,} bases, a value for "
            f"every {found.card['resolution']:,}."
        )
    if positives is not None:
        rate = positives.sum() / max(total * positives.shape[1], 1)
        reading += (
            f" A target is present in {100 * rate:.2g} % of the windows on average: that share, not one "
            "half, is what guessing reaches in AUPRC."
        )
    if found.dataset is None:
        blocks.append(Missing(
            f"{found.reasons.get('dataset', 'The dataset is not here.')} "
            "The map of the split and the make-up of the targets need it:",
            f"seqdl report --run {found.folder} --data {found.dataset_name}",
        ))  # fmt: skip
    return Section("data", "What it was trained on", reading, blocks, "Data")


def _positives(dataset) -> np.ndarray:
    """Count positives per split and target, int64 (3, n_targets)."""
    return np.stack([dataset.count_positives(rows_of(dataset, part)) for part in SPLITS])


def rows_of(dataset, part: str) -> np.ndarray:
    """Return the window numbers of a split; none where the dataset has no such split.

    Parameters
    ----------
    dataset : seqdl.Dataset
    part : {"train", "valid", "test"}

    Returns
    -------
    rows : int64 array, shape (n,)
        0-based, ascending.
    """
    return np.flatnonzero(dataset.split == SPLITS.index(part))


def _map(dataset) -> Picture:
    names = dataset.contigs.names
    placed = np.flatnonzero(dataset.contig_ids >= 0)  # shuffled negatives lie nowhere
    ids, split = dataset.contig_ids[placed], dataset.split[placed]
    figure = curves.plot_contigs(names, ids, dataset.starts[placed], split, dataset.contigs.lengths)
    contigs = {part: [names[i] for i in np.unique(ids[split == code])] for code, part in enumerate(SPLITS)}
    alt = "Map of the contigs, coloured by split. " + " ".join(
        f"{curves.SPLIT_LABELS[part].capitalize()}: {listing(contigs[part]) or 'none'}." for part in SPLITS
    )
    return Picture(figure_uri(figure), alt, "Where the windows lie. Grey: no window, or excluded.")


def _positive_picture(found: Inputs, positives: np.ndarray) -> Picture:
    targets = found.dataset.targets
    floor = (found.metrics or {}).get("min_positives", 10)
    figure = curves.plot_positives(positives[2], _category_column(targets), floor=floor)
    return Picture(
        figure_uri(figure),
        f"Histogram of positive test windows per target: median {np.median(positives[2]):.0f}, "
        f"from {positives[2].min():,} to {positives[2].max():,}.",
        f"Positive windows per target in the test split. Below {floor} a score would be mostly chance.",
    )


def _category_column(targets) -> np.ndarray:
    column = targets["category"] if "category" in targets else targets["name"].map(lambda _: "all")
    return column.fillna("").astype(str).replace("", "uncategorised").to_numpy()


def _category_table(targets, positives: np.ndarray, counts: dict[str, int]) -> Table:
    categories = _category_column(targets)
    rows = []
    for name in dict.fromkeys(categories):
        of = positives[:, categories == name]
        cells = [Cell(name), Cell(f"{of.shape[1]:,}", of.shape[1])]
        for row, part in enumerate(SPLITS):
            middle = float(np.median(of[row]))
            share = 100 * of[row].mean() / max(counts[part], 1)
            cells.append(Cell(f"{middle:,.0f}  ({share:.2g} %)", middle))
        rows.append(cells)
    columns = ("category", "targets", *(f"positives, {curves.SPLIT_LABELS[part]}" for part in SPLITS))
    caption = "Positive windows per target: the median, and the mean share of the split's windows."
    return Table(columns, rows, caption, numeric=(1, 2, 3, 4))


def training_section(found: Inputs) -> Section:
    """Show the learning curves and read them.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Section
    """
    if (found.card.get("model") or {}).get("members"):
        from seqdl.reporting.members import members_section

        return members_section(found)
    if found.history is None:
        missing = Missing(
            "There is no history.csv in the run's folder, so there are no learning curves. "
            "Training writes it:",
            f"seqdl train --data {found.dataset_name} --out {found.folder}",
        )
        return Section("training", "How training went", "", [missing], "Training")
    training = found.card.get("training") or {}
    monitor = str(training.get("monitor") or "val_loss")
    history = found.history
    best = int(training.get("best_epoch") or 0) - 1
    if not 0 <= best < len(history):
        best = curves.best_epoch(history, monitor)
    reading = read_history(history, monitor, best, training.get("base_loss"))
    values = ", ".join(
        f"{words} {history[name].iloc[best]:.4f}" for name, words in (
            ("loss", "training loss"), ("val_loss", "validation loss"), ("val_auroc", "validation AUROC"),
            ("val_auprc", "validation AUPRC"), ("val_pearson", "validation Pearson's r"),
        ) if name in history
    )  # fmt: skip
    picture = Picture(
        figure_uri(curves.plot_history(history, monitor=monitor, kept=best)),
        f"Learning curves over {count(len(history), 'epoch')}. {reading}",
        f"At the kept epoch {best + 1}: {values}. The training loss is measured while the weights change, "
        "with dropout and augmentation on, so it may lie above the validation loss.", wide=True,
    )  # fmt: skip
    facts = _settings(training)
    return Section(
        "training", "How training went", reading, [picture, *([Text(facts)] if facts else [])], "Training"
    )


def _settings(training: dict) -> str:
    names = {"optimizer": "optimizer", "learning_rate": "learning rate", "schedule": "schedule",
             "batch_size": "batch size", "max_shift": "random shift up to (bp)",
             "reverse_complement": "reverse-complement augmentation", "precision": "precision",
             "seed": "seed"}  # fmt: skip
    words = {True: "on", False: "off"}
    said = [
        f"{label} "
        f"{words.get(training[key], training[key]) if isinstance(training[key], bool) else training[key]}"
        for key, label in names.items()
        if isinstance(training.get(key), (str, int, float))
    ]
    if isinstance(training.get("seconds"), (int, float)):
        said.append(f"trained in {duration(training['seconds'])}")
    return ("Settings: " + ", ".join(said) + ".") if said else ""


def read_history(
    history, monitor: str = "val_loss", kept: int | None = None, base: dict[str, float] | None = None
) -> str:
    """Say in a few sentences which epoch was kept, and whether the training under- or overfits.

    Parameters
    ----------
    history : pandas.DataFrame
        One row an epoch, with ``loss`` and the watched column.
    monitor : str
        Column by which the kept epoch was chosen; smaller is better for a loss, larger otherwise.
    kept : int, optional
        0-based row of the kept epoch; the best one by `monitor` when None.
    base : dict, optional
        Losses without any sequence, as the card of a run holds them.

    Returns
    -------
    str
        The reading itself is `seqdl.training.diagnosis.diagnose`'s.
    """
    n = len(history)
    if monitor not in history or not {"loss", "val_loss"} <= set(history) or n < 3:
        return f"{count(n, 'epoch')} of training: too few to tell whether the network under- or overfits."
    name = curves.METRIC_NAMES.get(monitor.removeprefix("val_"), monitor).split(" (")[0]
    best = curves.best_epoch(history, monitor) if kept is None else kept
    extreme = "lowest" if "loss" in monitor else "highest"
    found = diagnose(history.to_dict("records"), monitor, base)
    said = f"The weights of epoch {best + 1} of {n} were kept, those with the {extreme} validation {name}. "
    said += f"{_VERDICTS[found.verdict]} {' '.join(found.reasons)}"
    return said + (f" To try: {'; '.join(found.advice)}." if found.advice else "")
