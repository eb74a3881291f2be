"""A history's reading: made-up ones whose fault is known, and real ones."""

import math

import pytest

from seqdl.training.diagnosis import diagnose, kept_epoch


def history(losses, valid, **columns):
    rows = [
        {"epoch": i + 1, "loss": a, "val_loss": b} for i, (a, b) in enumerate(zip(losses, valid, strict=True))
    ]
    for name, values in columns.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    return rows


def fall(first, last, n):
    return [last + (first - last) * math.exp(-6 * i / n) for i in range(n)]


GOOD = history([*fall(0.6, 0.3, 12), *[0.299] * 8], [*fall(0.62, 0.31, 12), *[0.31] * 8])
OVER = history(fall(0.6, 0.05, 20), [*fall(0.6, 0.35, 8), *[0.35 + 0.02 * i for i in range(12)]])
GAP = history(fall(0.6, 0.1, 20), fall(0.6, 0.3, 20))
UNDER = history([0.69] * 10, [0.69] * 10, val_auroc=[0.52] * 10)
IMPROVING = history([1 - 0.05 * i for i in range(10)], [1.02 - 0.05 * i for i in range(10)])
DIVERGED = history([0.7, 0.5, 0.4, 1.9], [0.7, 0.5, 0.45, 3.0])
BROKEN = history([0.7, math.nan], [0.7, math.nan])


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        (GOOD, "good"), (OVER, "overfitting"), (GAP, "overfitting"), (UNDER, "underfitting"),
        (IMPROVING, "still improving"), (DIVERGED, "diverged"), (BROKEN, "diverged"), ([], "underfitting"),
    ],
)  # fmt: skip
def test_the_fault_is_found(rows, verdict):
    found = diagnose(rows)
    assert found.verdict == verdict
    assert found.reasons and bool(found.advice) == (verdict != "good")


def test_the_reasons_hold_the_numbers():
    [reason] = [r for r in diagnose(OVER).reasons if "rose" in r]
    assert reason.startswith("After epoch 9 ") and "from 0.35 to 0.57" in reason


def test_heavy_dropout_is_not_taken_for_overfitting():
    # The training loss falls but stays above the validation loss, which moves a little.
    rows = history([0.95, 0.93, 0.90], [0.64, 0.68, 0.70], val_auroc=[0.51, 0.51, 0.52])
    assert diagnose(rows).verdict == "underfitting"


def test_a_scale_changes_nothing():
    for rows in (GOOD, OVER, GAP, IMPROVING, DIVERGED):
        scaled = [{k: v * 40 if "loss" in k else v for k, v in row.items()} for row in rows]
        assert diagnose(scaled).verdict == diagnose(rows).verdict


def test_the_kept_epoch_is_that_of_the_training():
    rows = history([3, 2, 1], [3, 1, 2], val_auroc=[0.5, 0.6, 0.9])
    assert kept_epoch(rows, "val_loss") == 1 and kept_epoch(rows, "val_auroc") == 2
    rows[1]["val_loss"] = math.nan
    assert kept_epoch(rows, "val_loss") == 2


def test_real_histories():
    # Small DeepSEA on yeast ChIP-exo, 20 epochs (every second one): ranks settle while the loss rises again.
    losses = [0.0784, 0.0527, 0.0496, 0.0471, 0.0461, 0.0441, 0.0438, 0.0425, 0.0417, 0.0416, 0.0411]
    valid = [0.0664, 0.0540, 0.0509, 0.0496, 0.0502, 0.0494, 0.0510, 0.0523, 0.0525, 0.0531, 0.0532]
    ranks = [0.674, 0.863, 0.886, 0.896, 0.897, 0.901, 0.902, 0.906, 0.903, 0.903, 0.902]
    assert diagnose(history(losses, valid, val_auroc=ranks)).verdict == "overfitting"
    assert diagnose(history(losses[:8], valid[:8], val_auroc=ranks[:8])).verdict == "overfitting"
    assert diagnose(history(losses[:6], valid[:6], val_auroc=ranks[:6])).verdict == "good"


def test_splits_of_different_base_rates_are_no_fault():
    # Training chromosomes with half the positives: half the loss for the same skill.
    losses, valid = fall(0.03, 0.016, 20), fall(0.058, 0.030, 20)
    assert diagnose(history(losses, valid)).verdict == "overfitting"
    assert diagnose(history(losses, valid), base={"train": 0.04, "valid": 0.077}).verdict == "good"
    found = diagnose(history([0.05] * 5, [0.0768] * 5), base={"train": 0.04, "valid": 0.077})
    assert found.verdict == "underfitting" and "0.077" in found.reasons[0]
