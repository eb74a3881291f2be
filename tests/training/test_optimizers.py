"""Learning rates by step, and optimizers by name."""

import keras
import numpy as np
import pytest

from seqdl.training.config import TrainingConfig
from seqdl.training.optimizers import PLATEAU_EPOCHS, Schedule, make_optimizer, plateau_halvings


def rates(kind, steps=100, **settings):
    schedule = Schedule(kind, 0.1, steps, **settings)
    return np.array([float(schedule(step)) for step in range(steps + 1)])


def test_cosine_is_that_of_keras():
    theirs = keras.optimizers.schedules.CosineDecay(0.0, 90, warmup_target=0.1, warmup_steps=10)
    expected = [float(theirs(step)) for step in range(101)]
    np.testing.assert_allclose(rates("cosine", warmup=10), expected, atol=1e-7)


@pytest.mark.parametrize("kind", ["cosine", "linear", "exponential", "constant"])
def test_warmup_climbs_to_the_peak_and_nothing_rises_after(kind):
    found = rates(kind, warmup=20)
    np.testing.assert_allclose(found[:21], np.arange(21) / 20 * 0.1, atol=1e-7)
    assert (np.diff(found[20:]) <= 1e-9).all() and found.max() == pytest.approx(0.1)


def test_ends_of_the_schedules():
    assert rates("linear")[-1] == pytest.approx(0, abs=1e-9)
    assert rates("linear")[50] == pytest.approx(0.05)
    assert rates("exponential", end=0.02)[-1] == pytest.approx(0.002, rel=1e-4)
    np.testing.assert_allclose(np.diff(np.log(rates("exponential"))), np.log(0.01) / 100, rtol=1e-3)
    found = rates("onecycle", warmup=50)
    assert found[0] == pytest.approx(0.1 / 25, rel=1e-4) and found[-1] == pytest.approx(1e-5, rel=1e-3)
    assert int(np.argmax(found)) == 30 and found.max() == pytest.approx(0.1)


def test_a_schedule_can_be_saved():
    schedule = Schedule("onecycle", 0.1, 50, end=0.5)
    again = Schedule.from_config(schedule.get_config())
    assert [float(again(s)) for s in range(50)] == [float(schedule(s)) for s in range(50)]


def test_plateau_counts_only_epochs_without_a_better_value():
    wait = PLATEAU_EPOCHS
    falling = list(range(20, 0, -1))
    assert plateau_halvings(falling, rising=False) == 0
    assert plateau_halvings(falling, rising=True) == (len(falling) - 1) // wait
    assert plateau_halvings([5.0] * (1 + 2 * wait), rising=False) == 2
    assert plateau_halvings([5.0] * wait, rising=False) == 0
    assert plateau_halvings([], rising=True) == 0
    assert plateau_halvings([float("nan"), 0.1, 0.2, 0.3, 0.4], rising=True) == 0


@pytest.mark.parametrize(
    ("choices", "kind", "expected"),
    [
        ({"optimizer": "sgd", "nesterov": True, "momentum": 0.8}, "SGD", {"nesterov": True, "momentum": 0.8}),
        ({"optimizer": "adamw", "weight_decay": 0.3}, "AdamW", {"weight_decay": 0.3}),
        ({"optimizer": "adam", "clip_norm": 0}, "Adam", {"global_clipnorm": None}),
        ({"optimizer": "rmsprop", "clip_norm": 2.0}, "RMSprop", {"global_clipnorm": 2.0}),
    ],
)
def test_optimizers_take_their_choices(choices, kind, expected):
    optimizer = make_optimizer(TrainingConfig(**choices), steps=10)
    assert type(optimizer).__name__ == kind
    assert {name: getattr(optimizer, name) for name in expected} == expected


def test_plateau_leaves_the_rate_to_be_set():
    optimizer = make_optimizer(TrainingConfig(schedule="plateau", learning_rate=0.25), steps=10)
    assert float(np.asarray(optimizer.learning_rate)) == 0.25
    optimizer.learning_rate = 0.125
    assert float(np.asarray(optimizer.learning_rate)) == 0.125
