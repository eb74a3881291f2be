"""What a history says: did the network learn too little, too much, or could it have gone on?

The losses are seqdl's own, which are 0 where nothing could be better, so their ratios mean something.
The training loss is measured with dropout and penalties and during the epoch, the validation loss after
it and without them: at the beginning the training loss is the higher one, and that is no fault.
Chromosomes differ in how many positives they have. Where the card holds the losses of a network that sees
no sequence (`base_loss`), the two are compared as shares of these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

# A later validation loss this share above the best one, while the training loss fell, to beneath it: learnt
# by heart.
RISE = 0.05
# A training loss this share beneath the validation loss of the kept epoch.
GAP = 0.30
# A validation loss that fell by this share over the last fifth of the epochs would have gone on falling.
LATE_FALL = 0.02
# A validation loss this close to what needs no sequence.
LITTLE_LOSS = 0.99
# Ranks or correlation of the kept epoch beneath these say that little was found.
LITTLE_AUROC, LITTLE_PEARSON = 0.60, 0.10
# A training loss this many times its best one, at the end: the steps were too large.
BLOW_UP = 1.5

_ADVICE = {
    "diverged": ("lower --learning-rate (`--range-test` finds one)", "lower --clip-norm"),
    "overfitting": (
        "more training windows", "a higher --dropout, --weight-decay or --l2", "a smaller --preset",
        "the kept epoch is the one before the rise, so the run is usable as it is",
    ),
    "underfitting": (
        "a higher --learning-rate (`--range-test`)", "more --epochs", "a larger model",
        "compare with the k-mer baseline of `seqdl evaluate`: if it finds no more, the sequence may "
        "not say more",
    ),
    "still improving": ("more --epochs (the schedule stretches with them)",),
    "good": (),
}  # fmt: skip


class Diagnosis(NamedTuple):
    """What a history says.

    Attributes
    ----------
    verdict : {"diverged", "overfitting", "underfitting", "still improving", "good"}
    reasons : list of str
        The numbers it rests on, as sentences.
    advice : list of str
        What to try.
    """

    verdict: str
    reasons: list[str]
    advice: list[str]


def diagnose(
    rows: Sequence[dict[str, float]], monitor: str = "val_loss", base: dict[str, float] | None = None
) -> Diagnosis:
    """Read a training's history.

    Parameters
    ----------
    rows : sequence of dict
        One an epoch, as `Run.history` returns: loss, val_loss, and val_auroc or val_pearson.
    monitor : str
        What the kept epoch was judged by.
    base : dict, optional
        Losses without any sequence, "train" and "valid": ``card["training"]["base_loss"]``.

    Returns
    -------
    diagnosis : Diagnosis
        The first verdict that holds, in this order: diverged, overfitting, underfitting, still improving,
        good. The thresholds are this module's constants.
    """
    if not rows:
        return Diagnosis("underfitting", ["No epoch was finished."], ["train again"])
    losses = [row.get("loss", math.nan) for row in rows]
    valid = [row.get("val_loss", math.nan) for row in rows]
    kept = kept_epoch(rows, monitor)
    # What a training loss of this size would be on the validation windows.
    known = base is not None and base["train"] > 0 and base["valid"] > 0
    scaled = [x * base["valid"] / base["train"] for x in losses] if known else losses
    for verdict, reasons in (
        ("diverged", _diverged(losses, valid)),
        ("overfitting", _overfitting(scaled, valid, kept)),
        ("underfitting", _underfitting(rows, kept, base["valid"] if known else None)),
        ("still improving", _improving(rows, valid, kept, monitor)),
    ):
        if reasons:
            return Diagnosis(verdict, reasons, list(_ADVICE[verdict]))
    return Diagnosis("good", [_settled(losses, valid, kept)], [])


def kept_epoch(rows: Sequence[dict[str, float]], monitor: str) -> int:
    """Return the 0-based epoch with the best monitored value; the first of equals."""
    sign = -1 if "loss" in monitor else 1
    values = [sign * row.get(monitor, math.nan) for row in rows]
    return max(range(len(rows)), key=lambda i: (values[i] if math.isfinite(values[i]) else -math.inf, -i))


def _diverged(losses: list[float], valid: list[float]) -> list[str]:
    if not (math.isfinite(losses[-1]) and math.isfinite(valid[-1])):
        return [f"The loss was no longer a number in epoch {len(losses)}."]
    best = min(x for x in losses if math.isfinite(x))
    if losses[-1] > BLOW_UP * best and losses[-1] > losses[0]:
        return [f"The training loss ended at {losses[-1]:.4g} after it had been {best:.4g}."]
    return []


def _underfitting(rows: Sequence[dict[str, float]], kept: int, base: float | None) -> list[str]:
    loss = rows[kept].get("val_loss", math.nan)
    if base is not None and loss > LITTLE_LOSS * base:
        return [
            f"The validation loss of the kept epoch is {loss:.4g}; the targets' means alone, without any "
            f"sequence, reach {base:.4g}."
        ]
    for name, words, least in (
        ("val_auroc", "AUROC", LITTLE_AUROC), ("val_pearson", "Pearson's r", LITTLE_PEARSON)
    ):  # fmt: skip
        value = rows[kept].get(name, math.nan)
        if math.isfinite(value) and value < least:
            return [
                f"On validation windows {words} is {value:.3f} in the kept epoch, beneath {least:g}: little "
                "was found."
            ]
    return []


def _overfitting(losses: list[float], valid: list[float], kept: int) -> list[str]:
    reasons = []
    if valid[-1] > (1 + RISE) * valid[kept] and losses[-1] < min(losses[kept], valid[-1]):
        fallen = 1 - losses[-1] / losses[kept]
        reasons.append(
            f"After epoch {kept + 1} the validation loss rose from {valid[kept]:.4g} to {valid[-1]:.4g}, "
            f"while the training loss fell by another {fallen:.0%}."
        )
    if losses[kept] < (1 - GAP) * valid[kept]:
        reasons.append(
            f"In the kept epoch the training loss is {1 - losses[kept] / valid[kept]:.0%} beneath the "
            "validation loss, both measured against what the targets' means alone reach."
        )
    return reasons


def _improving(rows: Sequence[dict[str, float]], valid: list[float], kept: int, monitor: str) -> list[str]:
    last = max(1, len(rows) // 5)
    if kept < len(rows) - last or len(rows) < 2:
        return []
    before = min(valid[: len(rows) - last])
    if min(valid) < (1 - LATE_FALL) * before:
        return [
            f"The validation loss still fell, from {before:.4g} to {min(valid):.4g}, over the last "
            f"{'epoch' if last == 1 else f'{last} epochs'}, and epoch {kept + 1} of {len(rows)} was kept "
            f"({monitor})."
        ]
    return []


def _settled(losses: list[float], valid: list[float], kept: int) -> str:
    return (
        f"The validation loss settled at {valid[kept]:.4g} (epoch {kept + 1} of {len(valid)}), with a "
        f"training loss of {losses[kept]:.4g}."
    )
