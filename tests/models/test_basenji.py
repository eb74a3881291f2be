"""Basenji is the paper's network; its values stand over the right bases; sizes that do not fit are named."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.errors import InputError
from seqdl.layers import ExpLinear
from seqdl.models import build_model, get_entry
from seqdl.models.basenji import CONFIGS
from seqdl.models.coverage_parts import fit_bins, spread_poolings
from seqdl.models.load import load_model_file
from seqdl.models.receptive_field import receptive_field, receptive_field_by_formula
from seqdl.models.save import save_model_file

TINY = {"filters": [6, 7, 8], "kernel_sizes": [6, 4, 3], "dropouts": [0, 0, 0.1], "final_filters": 9,
        "dilated_filters": 4, "dilated_blocks": 2, "pool_sizes": None}  # fmt: skip


def one_hot(rng, n, window):
    return np.eye(4, dtype="float32")[rng.integers(0, 4, (n, window))]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def tiny(window=256, bin=128, resolution=8, n_targets=2, seed=0, **overrides):
    """Build a small network whose BatchNorm and biases are as uneven as after a training."""
    keras.utils.set_random_seed(seed)
    model = build_model(
        "basenji", window, n_targets, "small", bin=bin, resolution=resolution, **{**TINY, **overrides}
    )
    rng = np.random.default_rng(seed)
    model.set_weights([w + rng.normal(0, 0.1, w.shape) * (w.ndim == 1) + (w.ndim == 1) * 0.3
                       for w in model.get_weights()])  # fmt: skip
    return model


def reach(model):
    """Bases that the first predicted value sees: first and last, relative to the window's start."""
    left = right = 0
    jump = 1
    position = next((layer.cropping[0] for layer in model.layers if layer.name == "crop"), 0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv1D):
            span = (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
            # With padding "same" an even filter reaches one step further to the right.
            left, right = left + span // 2 * jump, right + (span - span // 2) * jump
        elif isinstance(layer, keras.layers.MaxPooling1D):
            right += (layer.pool_size[0] - 1) * jump
            jump *= layer.pool_size[0]
    return position * jump - left, position * jump + right


@pytest.mark.slow
def test_published_layer_by_layer():
    model = build_model("basenji", 131_072, 4229)
    assert model.count_params() == 15_200_568
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == 15_190_636
    assert model.output_shape == (None, 960, 4229)
    assert model.output_names == ["coverage"]
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv1D)]
    assert [c.filters for c in convolutions] == [312, 368, 435, 514, 607, 717, *[108] * 6, 1365]
    assert [c.kernel_size[0] for c in convolutions] == [22, 1, 6, 6, 6, 3, *[3] * 6, 1]
    assert [c.dilation_rate[0] for c in convolutions] == [1] * 6 + [2, 4, 8, 16, 32, 64] + [1]
    assert not any(c.use_bias for c in convolutions)
    assert model.get_layer("dilated6_concat").output.shape[1:] == (1024, 1365)
    assert model.get_layer("crop").output.shape[1:] == (960, 1365)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.05, *[0.1] * 6, 0.05]
    # Each block: activation, convolution, BatchNorm, then pooling.
    names = [layer.name for layer in model.layers]
    start = names.index("conv3_activation")
    assert names[start : start + 4] == ["conv3_activation", "conv3", "conv3_norm", "conv3_pool"]
    assert {layer.momentum for layer in model.layers if "norm" in layer.name} == {0.9}
    assert receptive_field_by_formula(model, "coverage") == 32_871
    first, last = reach(model)
    assert last - first + 1 == 32_871
    assert first < 4096 < last  # a value at the crop's edge sees past the window's start


def test_small_preset_is_counted_and_fits_a_yeast_window():
    preset = get_entry("basenji").preset("small")
    model = build_model("basenji", preset.window, preset.n_targets, "small")
    assert model.count_params() == preset.parameters
    assert model.output_shape == (None, 64, 1)
    assert build_model("basenji", 4096, 3, "small", bin=2048, resolution=128).output_shape == (None, 16, 3)


@pytest.mark.parametrize("preset", CONFIGS)
def test_shortest_window(preset):
    shortest = get_entry("basenji").preset(preset).min_window
    few = {"filters": [4] * 6, "final_filters": 4} if preset == "published" else {}
    model = build_model("basenji", shortest, 2, preset, **few)
    assert model.output_shape == (None, 1, 2)
    assert (numpy_of(model(np.zeros((3, shortest, 4), "float32"))) > 0).all()
    with pytest.raises(InputError, match=f"at least {shortest} bp"):
        build_model("basenji", shortest - 1, 2, preset, **few)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), side=st.sampled_from([0, 1]))
def test_bases_beyond_the_receptive_field_change_nothing(seed, side):
    rng = np.random.default_rng(seed)
    model = CACHED
    first, last = reach(model)
    x = one_hot(rng, 1, 512)
    twin = x.copy()
    value = int(rng.integers(20, 36))
    start, stop = first + value * 8, last + value * 8 + 1  # bases that this value sees
    beyond = slice(0, start) if side else slice(stop, None)
    twin[:, beyond] = one_hot(rng, 1, 512)[:, beyond]
    a, b = numpy_of(model(x))[0], numpy_of(model(twin))[0]
    np.testing.assert_array_equal(a[value], b[value])
    assert not np.array_equal(a, b)


def test_bases_at_the_receptive_fields_ends_count():
    # A maximum may hide a base, so many sequences are tried; the reach is what at least one of them shows.
    first, last = (end + 8 * 28 for end in reach(CACHED))
    assert 0 < first < last < 511
    x = one_hot(np.random.default_rng(5), 256, 512)
    before = numpy_of(CACHED(x))[:, 28]
    for place, counts in ((first - 1, False), (first, True), (last, True), (last + 1, False)):
        twin = x.copy()
        twin[:, place] = np.roll(twin[:, place], 1, axis=-1)
        assert (numpy_of(CACHED(twin))[:, 28] != before).any() == counts


def test_reach_by_gradient_is_the_one_by_formula():
    first, last = reach(CACHED)
    assert receptive_field(CACHED, "coverage") == last - first + 1
    assert receptive_field_by_formula(CACHED, "coverage") == last - first + 1


def test_a_shift_by_one_bin_shifts_the_values():
    first, last = reach(CACHED)
    x = one_hot(np.random.default_rng(1), 1, 512 + 8)
    here, there = numpy_of(CACHED(x[:, :512]))[0], numpy_of(CACHED(x[:, 8:]))[0]
    # Only values that see nothing beyond either window: those keep their sequence, wherever it stands.
    whole = [v for v in range(1, len(here)) if first + 8 * (v - 1) >= 0 and last + 8 * v < 512]
    assert len(whole) > 10
    np.testing.assert_allclose(here[whole], there[np.array(whole) - 1], rtol=1e-5)


CACHED = tiny(512, 448, 8)


def test_exp_linear_and_its_slope():
    x = np.array([-200, -50, -3, -1e-3, 0, 1e-3, 2, 90, 1e4], "float32")
    y = numpy_of(ExpLinear()(x))
    np.testing.assert_allclose(y[2:5], np.exp(x[2:5]), rtol=1e-6)
    np.testing.assert_allclose(y[5:], x[5:] + 1, rtol=1e-6)
    assert (y > 0).all() and np.isfinite(np.log(y)).all()
    # The slope, by a network of one layer that is trained for one step: weights move by minus the slope.
    for value, slope in ((-3.0, np.exp(-3)), (-1e-3, 1.0), (1e-3, 1.0), (80.0, 1.0), (-60.0, 0.0)):
        inputs = keras.Input((1,))
        model = keras.Model(inputs, ExpLinear()(keras.layers.Dense(1, use_bias=False)(inputs)))
        model.set_weights([np.array([[value]], "float32")])
        model.compile(keras.optimizers.SGD(1.0), lambda _, predicted: predicted)
        model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
        assert value - float(model.get_weights()[0][0, 0]) == pytest.approx(slope, rel=2e-3, abs=1e-6)


def test_output_bias_is_what_an_empty_kernel_predicts():
    means = np.array([0.05, 1.0, 20.0])
    linear = {
        "exp_linear": np.where(means > 1, means - 1, np.log(means)),
        "softplus": np.log(np.expm1(means)),
    }
    for link, bias in linear.items():
        model = build_model("basenji", 256, 3, "small", bias, bin=128, resolution=8, **{**TINY, "link": link})
        model.get_layer("linear").kernel.assign(np.zeros((9, 3)))
        out = numpy_of(model(np.zeros((1, 256, 4), "float32")))[0]
        np.testing.assert_allclose(out, np.broadcast_to(means, out.shape), rtol=1e-4)
    with pytest.raises(InputError, match="output_bias"):
        build_model("basenji", 256, 3, "small", np.zeros(2), bin=128, resolution=8, **TINY)


@pytest.mark.parametrize(
    ("window", "sizes", "message"),
    [
        (4096, {"bin": 2000, "resolution": 32}, "1984 or 2016"),
        (4096, {"bin": 2048, "resolution": 24}, "16 or 32"),
        (4000, {"bin": 2048, "resolution": 32}, "3968 or 4032"),
        (4096, {"bin": 4128, "resolution": 32}, "at least 4128 bp"),
        (4100, {}, "4096 or 4128"),
        (1000, {}, "at least 2080 bp"),
        (4096, {"pool_sizes": [2, 2, 2, 2, 2], "resolution": 64}, "one value per 32 bases"),
    ],
)
def test_sizes_that_do_not_fit_get_the_nearest(window, sizes, message):
    with pytest.raises(InputError, match=message):
        build_model("basenji", window, 1, "small", **sizes)


def test_published_poolings_are_128():
    with pytest.raises(InputError, match="one value per 128 bases.*pool_sizes=None"):
        build_model("basenji", 131_072, 1, resolution=32)


@pytest.mark.parametrize(
    "wrong",
    [{"filters": []}, {"filters": [4, 4]}, {"dropouts": [0.1] * 4 + [1.0]}, {"link": "exp"},
     {"activation": "rely"}, {"dilated_blocks": -1}, {"final_filters": 0}, {"norm_momentum": 1.0},
     {"pool_sizes": 32}, {"crop": -1}],
)  # fmt: skip
def test_senseless_sizes_are_refused(wrong):
    with pytest.raises(InputError):
        build_model("basenji", 4096, 1, "small", **wrong)


@given(st.integers(0, 12), st.integers(1, 7))
def test_poolings_multiply_to_the_resolution(power, blocks):
    pools = spread_poolings("x", 1 << power, blocks)
    assert int(np.prod(pools)) == 1 << power
    assert len(pools) == blocks and list(pools) == sorted(pools) and max(pools) <= 2 * min(pools)


@given(st.integers(1, 300), st.integers(0, 50), st.sampled_from([1, 2, 8, 32, 128]))
def test_bins_that_fit_lie_in_the_middle(n_bins, crop, resolution):
    window = (n_bins + 2 * crop) * resolution
    assert fit_bins("x", window, n_bins * resolution, resolution, 0).crop == crop
    assert fit_bins("x", window, None, resolution, crop * resolution).bin == n_bins * resolution
    with pytest.raises(InputError, match=f"{window} or {window + 2 * resolution}$|{window}"):
        fit_bins("x", window + 1, n_bins * resolution, resolution, 0)


def test_save_and_load(tmp_path):
    model = tiny()
    x = one_hot(np.random.default_rng(2), 3, 256)
    twin = load_model_file(save_model_file(model, tmp_path / "m.keras"))
    np.testing.assert_array_equal(numpy_of(twin(x)), numpy_of(model(x)))
    assert isinstance(twin.get_layer("coverage"), ExpLinear)


def test_mixed_precision_keeps_the_end_in_float32():
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_model("basenji", 256, 2, "small", bin=128, resolution=8, **TINY)
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert model.get_layer("conv1").compute_dtype == "bfloat16"
    assert {model.get_layer(name).compute_dtype for name in ("linear", "coverage")} == {"float32"}
    assert numpy_of(model(np.zeros((1, 256, 4), "float32"))).dtype == np.float32
