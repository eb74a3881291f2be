"""Draws of dropout and variational layers: one network a draw, one graph for all of them."""

import tracemalloc

import keras
import numpy as np
import pytest

from seqdl.encoding import one_hot, reverse_complement
from seqdl.errors import InputError
from seqdl.layers import VariationalConv1D, VariationalDense
from seqdl.models.ensemble import ensemble_models
from seqdl.prediction.predictor import Predictor
from seqdl.uncertainty.draws import sampled_moments, sampled_predictions
from seqdl.uncertainty.draws import DrawnNetwork, each_prediction
from seqdl.uncertainty.dropout import thinned_models

WINDOW = 30


def network(dropout=True, variational=True, seed=1, classes=None, policy=None):
    """Build a network (30, 4) to two logits, or to the classes of a softmax."""
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((WINDOW, 4), name="sequence")
    dense, conv = (VariationalDense, VariationalConv1D) if variational else (None, None)
    spread = {"kl_weight": 0.01, "initial_spread": 0.3}
    if variational:
        x = conv(8, 5, activation="relu", name="conv", dtype=policy, **spread)(x)
    else:
        x = keras.layers.Conv1D(8, 5, activation="relu", name="conv", dtype=policy)(x)
    if dropout:
        x = keras.layers.SpatialDropout1D(0.4, name="channels", dtype=policy)(x)
        x = keras.layers.Dropout(0.3, name="units", dtype=policy)(x)
    x = keras.layers.GlobalAveragePooling1D(name="pool", dtype=policy)(x)
    if classes:
        return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))
    last = dense(2, name="logits", **spread) if variational else keras.layers.Dense(2, name="logits")
    return keras.Model(inputs, keras.layers.Activation("sigmoid", name="probabilities")(last(x)))


@pytest.fixture
def codes():
    return np.random.default_rng(0).integers(0, 5, (20, WINDOW)).astype(np.uint8)


def test_with_dropout_alone_the_draws_are_the_thinned_networks(codes):
    one, other = network(variational=False), network(variational=False, seed=2)
    for model in (one, ensemble_models([one, other])):
        thinned = [Predictor(m).probabilities(codes) for m in thinned_models(model, 3, seed=7)]
        found = sampled_predictions(model, codes, 3, seed=7)
        assert found.dtype == np.float32 and found.shape == (3, 20, 2)
        np.testing.assert_allclose(found, thinned, atol=1e-6)


def test_draws_of_a_linear_model_have_the_moments_of_its_weights(codes):
    inputs = keras.Input((WINDOW, 4))
    layer = VariationalDense(2, 0.1, initial_spread=0.2)
    model = keras.Model(inputs, layer(keras.layers.Flatten()(inputs)))
    layer.bias.assign([1.0, -1.0])
    n = 1500
    draws = sampled_predictions(model, codes[:5], n, batch_size=5).astype(float)
    variance = 0.2**2 * (one_hot(codes[:5]).sum(axis=(1, 2)) + 1)
    mean = np.asarray(model(one_hot(codes[:5])))
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=5 * (variance.max() / n) ** 0.5)
    np.testing.assert_allclose(draws.var(axis=0), np.tile(variance[:, None], 2), rtol=0.2)
    # One draw is one network: what two windows share, they share in every draw.
    shared = 0.2**2 * ((one_hot(codes[:1]) * one_hot(codes[1:2])).sum() + 1)
    assert np.cov(draws[:, 0, 0], draws[:, 1, 0])[0, 1] == pytest.approx(
        float(shared), abs=0.1 * float(variance.max())
    )


def test_seed_and_number_decide_a_draw_whatever_the_batch_and_order(codes):
    model = network()
    whole = sampled_predictions(model, codes, 4, seed=3)
    np.testing.assert_array_equal(sampled_predictions(model, codes, 2, seed=3), whole[:2])
    order = np.random.default_rng(1).permutation(20)
    parts = sampled_predictions(model, codes[order], 4, seed=3, batch_size=7)
    np.testing.assert_allclose(parts, whole[:, order], atol=1e-6)
    assert np.abs(whole - sampled_predictions(model, codes, 4, seed=4)).max() > 1e-3
    assert whole.std(axis=0).min() > 1e-4


def test_both_kinds_of_layers_are_drawn_and_the_model_stays_as_it_was(codes):
    model = network()
    before = model.predict(one_hot(codes), verbose=0)
    drawn = DrawnNetwork(model)
    drawn.draw(0, 0)
    kinds = {layer.name: type(layer).__name__ for layer in drawn.model.get_layer("trunk").layers}
    assert kinds["conv"] == "Conv1D" and kinds["units"] == kinds["channels"] == "SettableMask"
    np.testing.assert_array_equal(model.predict(one_hot(codes), verbose=0), before)
    # The copy ends as every network of seqdl does, so whatever takes one takes a draw.
    np.testing.assert_allclose(
        Predictor(drawn.model).probabilities(codes), sampled_predictions(model, codes, 1)[0], atol=1e-6
    )


def test_the_draws_share_one_graph(codes):
    calls = []

    class Counting(keras.layers.Layer):
        def call(self, x):
            calls.append(1)
            return x

    inputs = keras.Input((WINDOW, 4))
    x = keras.layers.Dropout(0.5)(Counting()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(x)))
    counts = []
    for n in (2, 12):
        calls.clear()
        sampled_predictions(model, codes, n)
        counts.append(len(calls))
    assert counts[0] == counts[1]


def test_moments_are_those_of_the_draws_in_memory_that_does_not_grow():
    model = network(dropout=False)
    codes = np.random.default_rng(1).integers(0, 4, (20_000, WINDOW)).astype(np.uint8)
    draws = sampled_predictions(model, codes, 8, batch_size=5000)
    moments = sampled_moments(model, codes, 8, batch_size=5000)
    np.testing.assert_allclose(moments.mean, draws.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(moments.spread, draws.std(axis=0), atol=1e-6)
    peaks = []
    for n in (4, 24):
        tracemalloc.start()
        sampled_moments(model, codes, n, batch_size=5000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 5 * codes.shape[0] * 2 * 4  # 20 draws more, kept, would be 20 such arrays


def test_classes_of_a_softmax_are_given_as_they_are(codes):
    draws = sampled_predictions(network(classes=4), codes, 3)
    assert draws.shape == (3, 20, 4)
    np.testing.assert_allclose(draws.sum(axis=-1), 1, atol=1e-5)


def test_a_network_trained_in_bfloat16_is_drawn_in_float32(codes):
    half = network(policy="mixed_bfloat16")
    full = network()
    full.set_weights(half.get_weights())
    draws = sampled_predictions(half, codes, 3)
    assert np.abs(draws[0] - draws[1]).max() > 1e-3
    np.testing.assert_allclose(draws, sampled_predictions(full, codes, 3), atol=1e-6)


def test_what_cannot_be_drawn_is_refused_at_once(codes):
    model = network()
    with pytest.raises(InputError, match="neither dropout nor variational layers"):
        each_prediction(network(dropout=False, variational=False), codes)
    with pytest.raises(InputError, match="`n` must be at least 1"):
        each_prediction(model, codes, 0)
    for bad in (one_hot(codes), codes[:, 1:], codes[:0], codes.astype(float)):
        with pytest.raises(InputError, match="`codes` must be an integer array"):
            each_prediction(model, bad)
    with pytest.raises(InputError, match="values from 0 to 4"):
        each_prediction(model, codes + 1)
    with pytest.raises(InputError, match="`strand_average` needs a run"):
        each_prediction(model, codes, strand_average=True)
    rows = keras.Sequential([keras.Input((5,)), keras.layers.Dropout(0.5)])
    with pytest.raises(InputError, match="one-hot bases"):
        each_prediction(rows, codes)


def test_thinned_networks_say_what_they_leave_at_the_mean(codes, capsys):
    thinned_models(network(), 1, 0)
    said = capsys.readouterr().err
    assert "conv" in said and "at their means" in said
    with pytest.raises(InputError, match="sampled_predictions"):
        thinned_models(network(dropout=False), 1, 0)


@pytest.mark.slow
def test_a_run_averages_strands_as_its_card_says(tmp_path):
    from tests.toy import toy_run

    run, _ = toy_run(tmp_path, epochs=1)
    codes = np.random.default_rng(0).integers(0, 4, (6, 200)).astype(np.uint8)
    one, other = (sampled_predictions(run.model, each, 2) for each in (codes, reverse_complement(codes)))
    both = sampled_predictions(run, codes, 2, strand_average=True)
    np.testing.assert_allclose(both, (one + other[..., np.argsort(run.strand_pairs)]) / 2, atol=1e-6)
    np.testing.assert_array_equal(
        sampled_predictions(run.folder, codes, 2), sampled_predictions(run, codes, 2)
    )
