"""Variational layers: their divergence, their noise, what they learn, and how they are kept."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.encoding import one_hot
from seqdl.errors import InputError
from seqdl.layers import VariationalConv1D, VariationalDense
from seqdl.layers.mean_field import gaussian_kl
from seqdl.models.load import load_model_file
from seqdl.models.save import save_model_file
from seqdl.uncertainty.draws import sampled_predictions

sys.path.insert(0, str(Path(__file__).parent))
try:
    import variational_worker as work
finally:
    sys.path.pop(0)


def kl(mean, spread, scale):
    mean, spread = np.array(mean, np.float32), np.array(spread, np.float32)
    return float(gaussian_kl(keras.ops.convert_to_tensor(mean), keras.ops.convert_to_tensor(spread), scale))


def randomise(layer, seed=0):
    """Give a built layer means and spreads that no layer starts with."""
    rng = np.random.default_rng(seed)
    for name in ("kernel", "bias"):
        if getattr(layer, name, None) is not None:
            shape = getattr(layer, name).shape
            getattr(layer, name).assign(rng.normal(0, 0.5, shape))
            getattr(layer, f"{name}_rho").assign(rng.normal(-1, 0.5, shape))
    return layer


def value(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("mean, spread, scale", [(0.7, 0.3, 1.0), (-2.0, 1.5, 0.5), (0.1, 0.05, 3.0)])
def test_the_divergence_is_what_monte_carlo_says(mean, spread, scale):
    w = np.random.default_rng(0).normal(mean, spread, 400_000)
    log_q = -0.5 * ((w - mean) / spread) ** 2 - np.log(spread)
    log_p = -0.5 * (w / scale) ** 2 - np.log(scale)
    difference = log_q - log_p
    error = difference.std() / np.sqrt(len(w))
    assert abs(kl([mean], [spread], scale) - difference.mean()) < 5 * error + 1e-5


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.01, 3)), min_size=1, max_size=6), st.floats(0.1, 4))
def test_the_divergence_is_never_negative_and_adds_up(weights, scale):
    means, spreads = zip(*weights, strict=True)
    total = kl(means, spreads, scale)
    assert total >= -1e-5
    assert total == pytest.approx(sum(kl([m], [s], scale) for m, s in weights), rel=1e-4, abs=1e-4)
    assert kl([0.0, 0.0], [scale, scale], scale) == pytest.approx(0, abs=1e-5)


def test_the_loss_holds_the_divergence_once_in_training_and_in_evaluation():
    layer = VariationalDense(3, kl_weight=0.25, prior_scale=0.7)
    a, b = keras.Input((5,)), keras.Input((5,))
    model = keras.Model([a, b], keras.layers.Add()([layer(a), layer(b)]))  # one layer, used twice
    randomise(layer)
    pieces = [(layer.kernel, layer.kernel_spread), (layer.bias, layer.bias_spread)]
    expected = 0.25 * sum(kl(value(mean), value(spread), 0.7) for mean, spread in pieces)
    x = [np.ones((4, 5), "float32")] * 2
    model(x)
    assert [float(loss) for loss in model.losses] == [pytest.approx(expected, rel=1e-5)]
    model.compile(keras.optimizers.SGD(0.0), "mse")
    y = model.predict(x, verbose=0)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(x, y + 2, verbose=0) == pytest.approx(expected + 4, rel=1e-5)
    trained = model.fit(x, y, verbose=0).history["loss"][0]
    assert trained > expected + 1e-3  # the noise of the weights is in the data's part


@pytest.mark.parametrize(
    "layer, shape",
    [
        (VariationalDense(3, 0.1, activation="tanh"), (7, 5)),
        (VariationalDense(3, 0.1, use_bias=False), (7, 5)),
        (VariationalConv1D(6, 3, 0.1, activation="relu"), (2, 9, 4)),
        (VariationalConv1D(6, 4, 0.1, strides=2, padding="same"), (2, 9, 4)),
        (VariationalConv1D(6, 3, 0.1, dilation_rate=3), (2, 9, 4)),
    ],
)
def test_a_prediction_is_the_plain_layer_of_the_means(layer, shape):
    x = np.random.default_rng(1).normal(size=shape).astype("float32")
    layer(x)
    randomise(layer)
    plain = layer.plain_layer()
    plain(x)
    plain.set_weights([value(w) for w in (layer.kernel, *([layer.bias] if layer.use_bias else []))])
    for y in (layer(x), layer(x, training=False), layer(x, training=True, sample=False)):
        np.testing.assert_allclose(value(y), value(plain(x)), atol=1e-5)
    assert layer.compute_output_shape(shape) == tuple(plain.compute_output_shape(shape)) == value(y).shape
    for options in ({"training": True}, {"training": False, "sample": True}):
        first, second = (value(layer(x, **options)) for _ in range(2))
        assert np.abs(first - second).max() > 1e-2


def test_dense_noise_has_the_moments_of_random_weights():
    """Each example's outputs are independent Gaussians of variance x^2 s^2 + s_b^2."""
    x = np.array([0.5, -2.0, 0.0, 1.0], "float32")
    layer = VariationalDense(2, 0.0, seed=3)
    layer(x[None])
    randomise(layer)
    y = value(layer(np.tile(x, (40_000, 1)), sample=True)).astype(float)
    mean = x @ value(layer.kernel) + value(layer.bias)
    variance = x**2 @ value(layer.kernel_spread) ** 2 + value(layer.bias_spread) ** 2
    np.testing.assert_allclose(y.mean(axis=0), mean, atol=5 * (variance.max() / len(y)) ** 0.5)
    np.testing.assert_allclose(np.cov(y.T), np.diag(variance), atol=0.04 * variance.max())


def test_convolution_noise_moves_all_positions_by_one_filter():
    """Positions covary as they do when filters are drawn; examples do not."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1, 6, 2)).astype("float32")
    layer = VariationalConv1D(1, 3, 0.0, seed=4)
    layer(x)
    randomise(layer)
    inputs = keras.Input((6, 2))
    model = keras.Model(inputs, layer(inputs, sample=True))  # also when it predicts
    y = model.predict(np.tile(x, (8 * 2000, 1, 1)), batch_size=8, verbose=0).reshape(2000, 8, 4)
    patches = np.stack([x[0, p : p + 3].ravel() for p in range(4)]).astype(float)
    spread = value(layer.kernel_spread)[..., 0].ravel()
    expected = patches @ np.diag(spread**2) @ patches.T + value(layer.bias_spread) ** 2
    assert np.abs(expected - np.diag(np.diag(expected))).max() > 0.3 * expected.max()
    flat = y.reshape(-1, 4).astype(float)
    np.testing.assert_allclose(np.cov(flat.T), expected, atol=0.06 * expected.max())
    np.testing.assert_allclose(flat.mean(axis=0), value(layer(x))[0, :, 0], atol=0.1 * expected.max() ** 0.5)
    # Signs make the examples of a batch uncorrelated, though they share a perturbation.
    between = np.corrcoef(y[:, 0, 0], y[:, 1, 0])[0, 1]
    assert abs(between) < 0.1


def test_nothing_at_the_input_gives_no_infinite_gradient():
    inputs = keras.Input((4,))
    layer = VariationalDense(2, 0.01, use_bias=False)
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(np.zeros((8, 4), "float32"), np.ones((8, 2), "float32"), verbose=0)
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


def test_half_precision_keeps_the_divergence_in_full():
    layer = VariationalConv1D(3, 5, 1.0, dtype="mixed_bfloat16")
    x = np.ones((2, 9, 4), "float32")
    assert keras.backend.standardize_dtype(layer(x, training=True).dtype) == "bfloat16"
    twin = VariationalConv1D(3, 5, 1.0)
    twin(x)
    twin.set_weights(layer.get_weights())
    assert float(layer.kl()) == float(twin.kl())
    layer(x)
    assert float(layer.losses[0]) == pytest.approx(float(twin.kl()), rel=1e-6)


def test_it_finds_the_posterior_that_is_known():
    """With orthogonal features the posterior of a linear regression is a mean-field Gaussian itself."""
    expected_mean, expected_spread = work.exact_posterior()
    mean, spread = work.learned_posterior()
    np.testing.assert_allclose(mean, expected_mean, atol=0.1 * expected_spread)
    np.testing.assert_allclose(spread, expected_spread, rtol=0.1)


@pytest.mark.slow
def test_a_variational_network_learns_a_motif():
    before, after = work.motif_accuracy()
    assert before < 0.7 and after > 0.9


def test_a_model_file_gives_the_same_layers_back(tmp_path):
    model = work.motif_network(100)
    for name in ("conv", "logits"):
        randomise(model.get_layer(name))
    twin = load_model_file(save_model_file(model, tmp_path / "m.keras"))
    assert type(twin.get_layer("conv")) is VariationalConv1D
    for name in ("conv", "logits"):
        ours, theirs = model.get_layer(name), twin.get_layer(name)
        assert ours.get_config() == theirs.get_config() and theirs.kl_weight == 0.01
        assert float(ours.kl()) == float(theirs.kl())
    codes = work.motif_task(30)[0]
    np.testing.assert_array_equal(
        twin.predict(one_hot(codes), verbose=0), model.predict(one_hot(codes), verbose=0)
    )
    np.testing.assert_array_equal(sampled_predictions(twin, codes, 3), sampled_predictions(model, codes, 3))


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda: VariationalDense(0, 0.1), "`units`"),
        (lambda: VariationalDense(2, -0.1), "`kl_weight`"),
        (lambda: VariationalDense(2, float("nan")), "`kl_weight`"),
        (lambda: VariationalDense(2, 0.1, prior_scale=0), "`prior_scale`"),
        (lambda: VariationalDense(2, 0.1, initial_spread=0), "`initial_spread`"),
        (lambda: VariationalConv1D(2, 2.5, 0.1), "`kernel_size`"),
        (lambda: VariationalConv1D(2, 3, 0.1, padding="causal"), "`padding`"),
        (lambda: VariationalConv1D(2, 3, 0.1, strides=2, dilation_rate=2), "`dilation_rate`"),
        (lambda: VariationalDense(2, 0.1)(np.zeros((1, 5, 4))), "VariationalConv1D with `kernel_size` 1"),
        (lambda: VariationalConv1D(2, 3, 0.1)(np.zeros((1, 5))), "batch, length, channels"),
    ],
)
def test_what_makes_no_sense_is_refused(make, says):
    with pytest.raises(InputError, match=says):
        make()


def test_what_does_not_know_the_layers_refuses_them_by_name():
    from seqdl.incremental.choose import choose_engine
    from seqdl.interpret.deeplift.core import deeplift_codes
    from seqdl.interpret.heads import output_function
    from seqdl.interpret.motifs.filters import first_layer
    from seqdl.interpret.mutagenesis.edits import FullPass
    from seqdl.models.receptive_field import receptive_field, receptive_field_by_formula

    model = work.motif_network(100)
    codes = work.motif_task(4)[0]
    with pytest.raises(InputError, match=r"conv \(VariationalConv1D\), logits \(VariationalDense\)"):
        deeplift_codes(model, codes, 0, codes[:, None, ::-1])
    for measure in (receptive_field, receptive_field_by_formula):
        with pytest.raises(InputError, match=r"'conv' \(VariationalConv1D\)"):
            measure(model)
    with pytest.raises(InputError, match="no Conv1D layer"):
        first_layer(model)
    full = FullPass(output_function(model))
    with pytest.raises(InputError, match="'conv'"):
        choose_engine(model, full, engine="incremental")
    assert choose_engine(model, full) is full


def test_a_variational_layer_after_others_is_computed_whole_by_the_incremental_engine():
    from seqdl.incremental.engine import IncrementalEngine
    from seqdl.interpret.mutagenesis.edits import Edits

    x = inputs = keras.Input((60, 4))
    x = keras.layers.Conv1D(8, 5, activation="relu")(x)
    x = VariationalConv1D(4, 3, 0.1, initial_spread=1.0)(keras.layers.MaxPooling1D(4)(x))
    model = keras.Model(inputs, VariationalDense(1, 0.1)(keras.layers.GlobalMaxPooling1D()(x)))
    engine = IncrementalEngine(model, least=0)
    codes = work.motif_task(2, 60)[0]
    edits = Edits(np.repeat([0, 1], 60), np.tile(np.arange(60), 2), 1, np.full((120, 1), 2, np.uint8))
    assert engine.by_strips(1)
    strips, full = engine.on_strips(codes, edits), engine._full.evaluate(codes, edits)
    np.testing.assert_allclose(strips, full, atol=1e-5 * np.abs(full).max())


@pytest.mark.slow
def test_jax_learns_and_draws_the_same(tmp_path):
    pytest.importorskip("jax")
    model = work.motif_network(100)
    for name in ("conv", "logits"):
        randomise(model.get_layer(name))
    save_model_file(model, tmp_path / "m.keras")
    done = subprocess.run(
        [sys.executable, work.__file__, str(tmp_path / "out.npz"), str(tmp_path / "m.keras")],
        env={**os.environ, "KERAS_BACKEND": "jax", "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = np.load(tmp_path / "out.npz")
    assert found["backend"] == "jax"
    expected_mean, expected_spread = work.exact_posterior()
    np.testing.assert_allclose(found["mean"], expected_mean, atol=0.1 * expected_spread)
    np.testing.assert_allclose(found["spread"], expected_spread, rtol=0.1)
    assert found["accuracy"][1] > 0.9
    ours = sampled_predictions(model, work.motif_task(20)[0], 3, seed=4)
    np.testing.assert_allclose(found["draws"], ours, atol=1e-4)
