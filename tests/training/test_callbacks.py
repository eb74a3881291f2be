"""Which epoch is kept."""

import math
from types import SimpleNamespace

import pytest

from seqdl.training.callbacks import KeepBest


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [
        ("val_loss", [3.0, 1.0, 2.0], 1),
        ("val_auroc", [0.5, 0.7, 0.6], 1),
        # A constant prediction has no correlation: any number after it is better.
        ("val_pearson", [math.nan, 0.1, 0.3, 0.2], 2),
        ("val_pearson", [0.2, math.nan, 0.1], 0),
    ],
)
def test_the_best_epoch_is_kept_also_after_one_without_a_number(monitor, values, best):
    keep = KeepBest(monitor, 0)
    for epoch, value in enumerate(values):
        keep.set_model(SimpleNamespace(get_weights=lambda epoch=epoch: epoch, stop_training=False))
        keep.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 1.0, monitor: value})
    assert (keep.best_epoch, keep.weights, keep.best_value) == (best, best, values[best])
