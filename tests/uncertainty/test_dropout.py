"""Monte-Carlo dropout: each draw is one network, the same for every window."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from seqdl.errors import InputError
from seqdl.models.ensemble import ensemble_models
from seqdl.prediction.predictor import Predictor
from seqdl.uncertainty.dropout import FixedMask, thinned_models

WINDOW = 40


def small(dropouts=True, seed=1, length=WINDOW):
    """Build a network (length, 4) to two logits, with dropout by unit and by channel."""
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((length, 4), name="sequence")
    x = keras.layers.Conv1D(8, 5, activation="relu", name="conv")(x)
    if dropouts:
        x = keras.layers.SpatialDropout1D(0.4, name="channels")(x)
        x = keras.layers.Dropout(0.3, name="units")(x)
    x = keras.layers.GlobalAveragePooling1D(name="pool")(x)
    x = keras.layers.Dense(2, name="logits")(x)
    return keras.Model(inputs, keras.layers.Activation("sigmoid", name="probabilities")(x))


@pytest.fixture
def codes():
    return np.random.default_rng(0).integers(0, 4, (30, WINDOW)).astype(np.uint8)


def test_a_draw_is_the_same_network_for_any_batch_and_order(codes):
    for model in thinned_models(small(), 3, seed=5):
        whole = Predictor(model, batch_size=30).logits(codes)
        order = np.random.default_rng(1).permutation(30)
        parts = Predictor(model, batch_size=7).logits(codes[order])
        np.testing.assert_allclose(parts, whole[order], atol=1e-6)


def test_seed_and_draw_decide_everything(codes):
    model = small()
    first, again, other = (
        [Predictor(m).logits(codes) for m in thinned_models(model, 2, seed)] for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 1e-3 and np.abs(first[0] - other[0]).max() > 1e-3


def test_weights_are_shared_and_the_model_stays_as_it_was(codes):
    model = small()
    before = Predictor(model).logits(codes)
    made = thinned_models(model, 2, 0)
    np.testing.assert_array_equal(Predictor(model).logits(codes), before)
    ours = {id(w) for w in model.weights}
    assert all({id(w) for w in m.weights} <= ours for m in made)


def test_the_mean_over_draws_of_a_linear_model_is_its_output():
    rng = np.random.default_rng(2)
    inputs = keras.Input((6,))
    x = keras.layers.Dropout(0.5, name="drop")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, name="dense")(x))
    rows = rng.normal(size=(5, 6)).astype(np.float32)
    draws = np.stack([np.asarray(m(rows)) for m in thinned_models(model, 80, 0)])
    plain = np.asarray(model(rows))
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - plain) < 4.5 * error).all()
    assert draws.std(axis=0).min() > 0


def test_values_are_dropped_at_the_rate_and_channels_whole():
    ones = np.ones((3, 50, 400), np.float32)
    units = np.asarray(FixedMask(0.3, "a")(ones))
    assert set(np.unique(units.round(4))) == {0.0, np.float32(1 / 0.7).round(4)}
    assert abs((units == 0).mean() - 0.3) < 0.02 and (units == units[:1]).all()
    channels = np.asarray(FixedMask(0.3, "a", (1, None))(ones))
    assert (channels == channels[:, :1]).all() and 0.2 < (channels[0, 0] == 0).mean() < 0.4


def test_a_length_that_is_not_known_is_masked_by_channel():
    layer = FixedMask(0.5, "a")
    layer.build((None, None, 64))
    short, long = (np.asarray(layer(np.ones((1, n, 64), np.float32)))[0] for n in (5, 9))
    assert (long == long[:1]).all() and (short == long[:5]).all()


def test_members_of_an_ensemble_are_thinned_by_masks_of_their_own(codes):
    one = small()
    twins = ensemble_models([one, one])  # the same weights: only masks can tell them apart
    (thin,) = thinned_models(twins, 1, 3)
    masks = [
        layer._mask(tuple(size or 36 for size in layer.noise_shape))
        for trunk in thin.layers if hasattr(trunk, "layers")
        for member in trunk.layers if hasattr(member, "layers")
        for layer in member.layers if layer.name == "units"
    ]  # fmt: skip
    assert len(masks) == 2 and (masks[0].shape != masks[1].shape or (masks[0] != masks[1]).any())
    assert np.abs(Predictor(thin).logits(codes) - Predictor(twins).logits(codes)).max() > 1e-3


def test_sequential_models_and_shared_layers(codes):
    rows = np.random.default_rng(3).normal(size=(4, 8)).astype(np.float32)
    stack = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dropout(0.5, name="d"), keras.layers.Dense(3, name="e")]
    )
    first, second = (np.asarray(m(rows)) for m in thinned_models(stack, 2, 0))
    assert np.abs(first - second).max() > 0
    a, b = keras.Input((8,)), keras.layers.Dropout(0.5, name="d")
    twice = keras.Model(a, keras.layers.Subtract()([b(a), b(a)]))  # one layer, one mask, called twice
    assert np.abs(np.asarray(thinned_models(twice, 1, 0)[0](rows))).max() == 0


def test_in_bfloat16_the_masks_are_the_same(codes):
    (model,) = thinned_models(small(), 1, 0)
    full = Predictor(model).logits(codes)
    with pytest.warns(UserWarning, match="bfloat16"):
        half = Predictor(model, precision="bfloat16").logits(codes)
    np.testing.assert_allclose(half, full, atol=0.02)


def test_without_dropout_it_refuses():
    with pytest.raises(InputError, match="has no dropout layer"):
        thinned_models(small(dropouts=False), 2, 0)
    with pytest.raises(InputError, match="`draws` must be at least 1"):
        thinned_models(small(), 0, 0)


def test_other_randomness_is_named(capsys):
    inputs = keras.Input((WINDOW, 4))
    x = keras.layers.LSTM(3, dropout=0.2, name="lstm")(inputs)
    only = keras.Model(inputs, keras.layers.Dense(1, name="logits")(x))
    with pytest.raises(InputError, match="lstm"):
        thinned_models(only, 1, 0)
    x = keras.layers.Dropout(0.2, name="units")(x)
    thinned_models(keras.Model(inputs, keras.layers.Dense(1, name="logits")(x)), 1, 0)
    assert "lstm" in capsys.readouterr().err


WORKER = """
import sys
import keras, numpy as np
from seqdl.prediction.predictor import Predictor
from seqdl.uncertainty.dropout import thinned_models
model = keras.models.load_model(sys.argv[1])
codes = np.load(sys.argv[2])
np.save(sys.argv[3], np.stack([Predictor(m).logits(codes) for m in thinned_models(model, 2, 5)]))
print(keras.backend.backend())
"""


@pytest.mark.slow
def test_jax_draws_the_same_networks(codes, tmp_path):
    pytest.importorskip("jax")
    model = small()
    model.save(tmp_path / "m.keras")
    np.save(tmp_path / "codes.npy", codes)
    files = [str(tmp_path / name) for name in ("m.keras", "codes.npy", "out.npy")]
    done = subprocess.run(
        [sys.executable, "-c", WORKER, *files], env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["jax"]
    ours = np.stack([Predictor(m).logits(codes) for m in thinned_models(model, 2, 5)])
    np.testing.assert_allclose(np.load(files[2]), ours, atol=1e-4)
