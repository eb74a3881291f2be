"""The sentences of a report: over- and underfitting, the verdict beside a baseline, calibration."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from seqdl.reporting.blocks import listing, number, signed
from seqdl.reporting.data_sections import read_history
from seqdl.reporting.overview import judge
from seqdl.reporting.performance import read_calibration
from seqdl.words import count

EPOCHS = np.arange(1, 13)


def history(loss, valid):
    return pd.DataFrame({"loss": loss, "val_loss": valid, "val_auprc": 1 - valid})


@pytest.mark.parametrize("monitor", ["val_loss", "val_auprc"])
@pytest.mark.parametrize(
    ("loss", "valid", "word"),
    [
        (0.5 * 0.8**EPOCHS, 0.2 + 0.01 * np.abs(EPOCHS - 5), "overfitting). After epoch 5"),
        (0.9 - 0.05 * EPOCHS, 0.9 - 0.05 * EPOCHS, "still getting better"),
        (0.2 + 0.5**EPOCHS, 0.2 + 0.5**EPOCHS, "neither under- nor overfits"),
        (0.05 + 0.5**EPOCHS, 0.2 + 0.5**EPOCHS, "beneath the validation loss"),
        (0.5 - 0.01 * EPOCHS, 0.2 + 0.01 * EPOCHS, "epoch 1 of 12 were kept"),
        (np.where(EPOCHS > 4, np.nan, 0.5), 0.5 + 0 * EPOCHS, "diverged"),
    ],
)
def test_learning_curves_are_read(loss, valid, word, monitor):
    assert word in read_history(history(loss, valid), monitor)


def test_two_epochs_are_too_few_to_read():
    assert "too few" in read_history(history(EPOCHS[:2] * 1.0, EPOCHS[:2] * 1.0))


def judged(mine, theirs, interval):
    models = [{"name": "network", "median_auroc": 0.9, "median_auprc": mine, "median_auprc_ci": None}]
    if theirs is not None:
        models.append({"name": "kmer", "median_auroc": 0.8, "median_auprc": theirs})
    pair = {"baseline": "kmer", "metric": "auprc", "better": 7, "of": 9, "median_difference_ci": interval}
    metrics = {"models": models, "targets_scored": 9, "n_windows": 100, "comparisons": [pair]}
    return judge(SimpleNamespace(metrics=metrics, table=None, card={"split": {}}))


def test_the_verdict_follows_the_paired_interval():
    assert judged(0.5, 0.3, [0.1, 0.3])[0] == "good"
    verdict, sentences = judged(0.5, 0.45, [-0.02, 0.12])
    assert verdict == "even" and "not clearly better" in sentences[1] and "7 of 9 targets" in sentences[1]
    verdict, sentences = judged(0.2, 0.4, [-0.3, -0.1])
    assert verdict == "bad" and "do not use" in sentences[1]
    verdict, sentences = judged(0.2, None, None)
    assert verdict == "unknown" and "No baseline" in sentences[1]


def test_high_predictions_are_judged_apart_from_the_many_low_ones():
    def bins(observed, n=(10_000, 80, 80)):
        return pd.DataFrame(
            {"bin_lo": [0.0, 0.5, 0.8], "n": n, "mean_predicted": [0.01, 0.6, 0.9], "observed": observed}
        )

    assert "too high" in read_calibration(bins([0.01, 0.2, 0.3]))
    assert "about right" in read_calibration(bins([0.01, 0.6, 0.9]))
    assert "too low" in read_calibration(bins([0.01, 0.95, 0.99]))
    assert read_calibration(bins([0.01, 0.2, 0.3], n=(10_000, 3, 1))) == ""


def test_numbers_and_lists_read_like_prose():
    assert number(None) == number(float("nan")) == signed(float("nan")) == "–"
    assert number(12_345) == "12,345" and number(0.12345) == "0.123" and signed(-0.5) == "−0.500"
    assert count(1, "target") == "1 target" and count(2_000, "target") == "2,000 targets"
    assert listing([]) == "" and listing(["a"]) == "a" and listing(["a", "b", "c"]) == "a, b and c"
    assert listing("abcdef", 2) == "a, b and 4 more"
