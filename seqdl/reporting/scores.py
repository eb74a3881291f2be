"""Words and cells that sections on performance share."""

from __future__ import annotations

import numpy as np

from seqdl.plot.style import MODEL_LABELS
from seqdl.reporting.blocks import Cell, Missing, listing, number, span
from seqdl.reporting.inputs import Inputs


def known(value) -> float:
    """Return a number to sort by: minus infinity for one that is not known."""
    return -np.inf if value is None or value != value else float(value)


def label_of(model: dict | str) -> str:
    """Return a model's name for a reader."""
    name = model["name"] if isinstance(model, dict) else model
    return MODEL_LABELS.get(name, str(model.get("label") or name) if isinstance(model, dict) else name)


def interval_words(ci) -> str:
    """Write an interval in brackets, with a blank before; empty for none."""
    if not ci or len(ci) != 2 or any(value is None or value != value for value in ci):
        return ""
    return f" (95 % interval {span(*ci)})"


def test_place(found: Inputs) -> str:
    """Say where the test windows lie: "of chrI, which it never saw"."""
    split = found.card.get("split") or {}
    contigs = (split.get("test") or {}).get("contigs") or []
    if contigs and not split.get("random"):
        return f"of {listing(contigs, 4)}, which it never saw"
    return "chosen at random" if split.get("random") else "kept apart from training"


def not_evaluated(found: Inputs) -> Missing:
    """Name the command that makes the metrics."""
    return Missing(
        "The run has not been evaluated: there is no metrics.json in its folder. This makes it, baselines "
        "included:",
        f"seqdl evaluate --run {found.folder} --data {found.dataset_name}",
    )


def score_cell(value, low, high, baseline, floor: float) -> Cell:
    """Make a cell of a score with its interval below and a small picture of both.

    Parameters
    ----------
    value, low, high : float or None
        The score and its interval.
    baseline : float or None
        Drawn as a tick.
    floor : float
        Where the drawn scale begins; it ends at 1.

    Returns
    -------
    Cell
    """
    value, low, high, baseline = (
        np.nan if item is None else float(item) for item in (value, low, high, baseline)
    )
    note = span(low, high) if low == low and high == high else ""
    scale = [float(np.clip((item - floor) / (1 - floor), 0, 1)) for item in (low, value, high, baseline)]
    return Cell(
        number(value), value if value == value else -1.0, tuple(scale) if value == value else None, note
    )
