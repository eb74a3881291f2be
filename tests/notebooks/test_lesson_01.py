"""Lesson 01 keeps its word: by hand equals Keras, one rate of three arrives, and depth solves XOR."""

import numpy as np
import pytest

from tests.notebooks.lessons import run_lesson

pytestmark = pytest.mark.slow


def test_a_neuron_learns_by_hand_as_in_keras_and_depth_solves_what_it_cannot():
    seen = run_lesson(
        "01_neuron_to_network", "by_formula", "by_pushing", "difference", "learned", "learned_bias", "losses",
        "walks", "accuracies", "alone", "hidden", "xor", "hand_accuracy", "coin_weights", "bends",
        "solved", "best_rate",
    )  # fmt: skip
    np.testing.assert_allclose(seen["by_formula"], seen["by_pushing"], atol=1e-4)
    assert seen["difference"] < 1e-3
    np.testing.assert_allclose(seen["learned"], [6, 4], atol=1.5)  # the true rule, up to the weather
    rules = seen["accuracies"]
    always, forecast, untrained, true, trained = rules
    assert abs(trained - true) < 0.03 and trained > max(always, forecast, untrained) + 0.05
    last = {name: walk[3][-1] for name, walk in seen["walks"].items()}
    assert last["right"] < 0.5 < last["too small"] < 0.75 < last["too large"]
    assert 1 < seen["best_rate"] < 20
    assert abs(seen["alone"][-1] - np.log(2)) < 0.03 and seen["hidden"][-1] < 0.1
    xor = seen["xor"]
    assert xor["one neuron"] < 0.8 and min(xor["8 hidden"], xor["8, then 8 hidden"]) > 0.95
    assert seen["hand_accuracy"] > 0.95
    clouds, forecast, coin = seen["coin_weights"]
    assert abs(coin) < 0.2 * min(clouds, forecast)
    assert seen["bends"]["linear"] < 0.8 and min(seen["bends"]["relu"], seen["bends"]["tanh"]) > 0.9
    assert min(seen["solved"]["8"]) > 0.9
