"""Laws of attribution: a linear model's saliency is its weights, integrated gradients add up."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seqdl.encoding import N, one_hot, reverse_complement
from seqdl.errors import InputError
from seqdl.interpret.heads import logit_model
from seqdl.interpret.methods import METHODS, attribute_codes

LENGTH = 30


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(0).integers(0, 5, (7, LENGTH)).astype(np.uint8)


def linear(units=3, activation="sigmoid"):
    import keras

    inputs = keras.Input((LENGTH, 4), name="sequence")
    x = keras.layers.Dense(units, name="logits")(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Activation(activation, name="probabilities")(x))


def convolutional(units=3, name=None):
    import keras

    keras.utils.set_random_seed(1)
    inputs = keras.Input((LENGTH, 4), name="sequence")
    x = keras.layers.Conv1D(8, 7, padding="same")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.MaxPooling1D(3)(keras.layers.ReLU()(x))
    x = keras.layers.Dense(units, name=name)(keras.layers.Flatten()(keras.layers.Dropout(0.5)(x)))
    return keras.Model(inputs, keras.layers.Activation("sigmoid")(x))


def test_the_saliency_of_a_linear_model_is_its_weights(codes):
    model = linear()
    weights = np.asarray(model.get_layer("logits").kernel).reshape(LENGTH, 4, 3)
    for target in range(3):
        values, logits, delta, *_ = attribute_codes(
            logit_model(model), codes, target, method="saliency", batch_size=3
        )
        np.testing.assert_allclose(values, np.broadcast_to(weights[:, :, target], values.shape), atol=1e-7)
        expected = np.tensordot(one_hot(codes), weights[:, :, target], 2)
        np.testing.assert_allclose(logits, expected, atol=1e-5)
        assert delta is None


def test_a_softmax_target_is_explained_by_its_logit_not_by_the_constant_sum(codes):
    values, *_ = attribute_codes(logit_model(linear(activation="softmax")), codes, 1, method="saliency")
    assert np.abs(values).max() > 1e-3


@pytest.mark.parametrize("strand_average", [False, True])
@pytest.mark.parametrize("make", [linear, convolutional])
def test_integrated_gradients_add_up_to_the_difference_of_logits(codes, make, strand_average):
    model = logit_model(make())
    values, logits, delta, *_ = attribute_codes(
        model, codes, 2, method="integrated_gradients", strand_average=strand_average, steps=256, batch_size=4
    )
    base = float(np.asarray(model(np.zeros((1, LENGTH, 4), np.float32)))[0, 2])
    np.testing.assert_allclose(values.sum(axis=(1, 2)), logits - base, atol=5e-3)
    np.testing.assert_allclose(delta, values.sum(axis=(1, 2)) - (logits - base), atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_result_does_not_depend_on_the_batch(codes, method):
    model = logit_model(convolutional())
    one = attribute_codes(model, codes, 0, method=method, batch_size=1, steps=8)
    many = attribute_codes(model, codes, 0, method=method, batch_size=5, steps=8)
    for a, b in zip(one[:2], many[:2], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_strand_averaged_attribution_turns_with_the_sequence(codes, method):
    model = logit_model(convolutional())
    forward = attribute_codes(model, codes, 0, method=method, strand_average=True, steps=8)
    other = attribute_codes(model, reverse_complement(codes), 0, method=method, strand_average=True, steps=8)
    np.testing.assert_allclose(forward[0], other[0][:, ::-1, ::-1], atol=1e-5)
    np.testing.assert_allclose(forward[1], other[1], atol=1e-5)


@pytest.mark.parametrize("method", METHODS[1:])
def test_only_the_base_that_is_there_contributes(codes, method):
    values, *_ = attribute_codes(logit_model(convolutional()), codes, 0, method=method, steps=8)
    assert not values[one_hot(codes) == 0].any()
    assert not values[codes == N].any()


def test_logits_are_found_by_name_by_argument_or_before_the_last_activation(codes):
    x = one_hot(codes)
    for model, layer in ((linear(), None), (convolutional(), None), (convolutional(name="odds"), "odds")):
        logits = np.asarray(logit_model(model, layer)(x))
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), np.asarray(model(x)), atol=1e-5)


def test_what_cannot_be_explained_is_refused_with_a_sentence(codes):
    import keras

    model = logit_model(linear())
    with pytest.raises(InputError, match="Did you mean 'saliency'"):
        attribute_codes(model, codes, 0, method="salience")
    with pytest.raises(InputError, match=r"shape \(n, length\)"):
        attribute_codes(model, codes[0], 0)
    with pytest.raises(InputError, match="Did you mean 'logits'"):
        logit_model(linear(), "logit")
    inputs = keras.Input((LENGTH, 4))
    merged = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(inputs)))
    with pytest.raises(InputError, match="cannot be reached"):
        logit_model(merged)


SCRIPT = """
import sys, numpy as np, keras
inputs = keras.Input((12, 4)); x = keras.layers.Flatten()(inputs); x = keras.layers.Dense(2, name="logits")(x)
model = keras.Model(inputs, keras.layers.Activation("sigmoid")(x))
from seqdl.interpret.heads import logit_model
from seqdl.interpret.methods import attribute_codes
codes = np.random.default_rng(0).integers(0, 5, (3, 12)).astype("uint8")
values, logits, delta, *_ = attribute_codes(logit_model(model), codes, 1, method="saliency", batch_size=2)
weights = np.asarray(model.get_layer("logits").kernel)[:, 1].reshape(12, 4)
assert abs(values - weights).max() < 1e-7
found = attribute_codes(logit_model(model), codes, 1, method="integrated_gradients", steps=4)
assert abs(found.delta).max() < 1e-5
assert "tensorflow" not in sys.modules
"""


@pytest.mark.slow
def test_jax_gives_the_same_without_tensorflow():
    pytest.importorskip("jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
