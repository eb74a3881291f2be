"""Penalties, norm limits and dropout that the configuration puts on any model, and that they act."""

import keras
import numpy as np
import pytest

from seqdl import Dataset, InputError, fit
from seqdl.training.config import TrainingConfig
from seqdl.training.network import build_network, model_options, regularise
from seqdl.training.resolve import resolve
from tests.toy import TINY, toy_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return toy_dataset(tmp_path_factory.mktemp("toy"))


def network_of(data, **choices):
    data = Dataset.open(data)
    config, _ = resolve(TrainingConfig(overrides=TINY, **choices), data)
    network = build_network(config, data)
    regularise(network, config)
    return network


def kernels(network):
    return [np.asarray(v) for v in network.trainable_variables if v.path.endswith("kernel")]


def test_penalties_are_sums_over_kernels(data):
    network = network_of(data, l1=0.3, l2=0.2)
    expected = sum(0.3 * np.abs(k).sum() + 0.2 * (k**2).sum() for k in kernels(network))
    assert sum(float(loss) for loss in network.losses) == pytest.approx(expected, rel=1e-4)
    assert network_of(data).losses == []


def test_a_models_own_penalty_stays(data):
    network = network_of(data, preset="published", l2=0.2)
    own = network_of(data, preset="published")
    expected = 0.2 * sum((k**2).sum() for k in kernels(network))
    network.set_weights(own.get_weights())
    more = sum(map(float, network.losses)) - sum(map(float, own.losses))
    expected = 0.2 * sum((k**2).sum() for k in kernels(own))
    assert more == pytest.approx(expected, rel=1e-4)


def norms(kernel):
    return np.sqrt((kernel.astype(np.float64) ** 2).sum(axis=tuple(range(kernel.ndim - 1))))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_norm_of_every_filter_is_bounded_after_training(data, tmp_path, optimizer):
    choices = {"epochs": 1, "batch_size": 32, "overrides": TINY, "optimizer": optimizer, "learning_rate": 0.1}
    bounded = fit(data, tmp_path / "a", max_norm=0.5, **choices)
    free = fit(data, tmp_path / "b", **choices)
    assert max(norms(k).max() for k in kernels(bounded.model)) <= 0.5 + 1e-4
    assert max(norms(k).max() for k in kernels(free.model)) > 0.6
    assert all(v.constraint is None for v in bounded.model.variables), "the finished model is free of them"


def test_penalties_shrink_weights(data, tmp_path):
    choices = {"epochs": 2, "batch_size": 32, "overrides": TINY, "optimizer": "adam"}
    plain = fit(data, tmp_path / "a", **choices)
    for name in ("l1", "l2"):
        held = fit(data, tmp_path / name, **{name: 0.1}, **choices)
        sizes = [sum(np.abs(k).sum() for k in kernels(run.model)) for run in (held, plain)]
        assert sizes[0] < 0.95 * sizes[1]
        assert held.history()[0]["loss"] > plain.history()[0]["loss"] + 0.1, (
            "the penalty is in the training loss"
        )
        assert held.history()[0]["val_loss"] < 2, "and not in the validation loss"


def test_dropout_replaces_what_the_overrides_leave_open(data):
    config = TrainingConfig(model="deepsea", preset="small", overrides={"dense_dropout": 0.4}, dropout=0.25)
    found = model_options(config)
    assert found == {"dropouts": [0.25] * 3, "dilated_dropout": 0.25, "dense_dropout": 0.4}
    fewer = TrainingConfig(model="deepsea", preset="small", overrides={"filters": [4, 4]}, dropout=0.25)
    assert model_options(fewer)["dropouts"] == [0.25] * 2
    config = TrainingConfig(overrides={k: v for k, v in TINY.items() if k != "dropouts"}, dropout=0.0)
    opened = Dataset.open(data)
    network = build_network(resolve(config, opened)[0], opened)
    assert not [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]


def test_a_model_without_dropout_says_so():
    with pytest.raises(InputError, match="no option for dropout"):
        model_options(TrainingConfig(model="bpnet", preset="small", dropout=0.1))
