"""Basenji2 has the paper's trunk; a fresh residual block is the identity; values stand over their bases."""

import keras
import numpy as np
import pytest

from seqdl.errors import InputError
from seqdl.layers import SigmoidGELU
from seqdl.models import build_model, get_entry
from seqdl.models.basenji2 import CONFIGS, Basenji2Config
from seqdl.models.load import load_model_file
from seqdl.models.save import save_model_file

TINY = {"first_filters": 6, "first_kernel": 5, "tower_filters": 7, "dilated_filters": 4, "final_filters": 8,
        "dilated_blocks": 2}  # fmt: skip


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def one_hot(rng, n, window):
    return np.eye(4, dtype="float32")[rng.integers(0, 4, (n, window))]


def tiny(window=512, bin=384, resolution=8, n_targets=2, trained=True, **overrides):
    """Build a small network; `trained` gives every scale and offset an uneven value."""
    keras.utils.set_random_seed(0)
    model = build_model(
        "basenji2", window, n_targets, "small", bin=bin, resolution=resolution, **{**TINY, **overrides}
    )
    rng = np.random.default_rng(0)
    if trained:
        model.set_weights([
            rng.uniform(0.5, 1.5, w.shape) if w.ndim == 1 else w for w in model.get_weights()
        ])  # fmt: skip
    return model


@pytest.mark.slow
def test_published_layer_by_layer():
    model = build_model("basenji2", 131_072, 5313)
    assert model.count_params() == get_entry("basenji2").parameters == 30_123_584
    assert model.output_shape == (None, 896, 5313)
    convolutions = {layer.name: layer for layer in model.layers if isinstance(layer, keras.layers.Conv1D)}
    assert [convolutions[f"conv{i}"].filters for i in range(1, 8)] == [288, 339, 399, 470, 554, 652, 768]
    assert [convolutions[f"conv{i}"].kernel_size[0] for i in range(1, 8)] == [15, 5, 5, 5, 5, 5, 5]
    dilated = [convolutions[f"dilated{i}"] for i in range(1, 12)]
    assert [layer.dilation_rate[0] for layer in dilated] == [1, 2, 3, 4, 6, 9, 14, 21, 32, 48, 72]
    assert {(layer.filters, layer.kernel_size[0]) for layer in dilated} == {(384, 3)}
    assert {convolutions[f"dilated{i}_return"].filters for i in range(1, 12)} == {768}
    assert model.get_layer("conv7_pool").output.shape[1:] == (1024, 768)
    assert model.get_layer("final").output.shape[1:] == (896, 1536)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [*[0.3] * 11, 0.05]


def test_parameters_by_formula():
    config = Basenji2Config()
    widths = [288] + [round(339 * 1.1776**i) for i in range(6)]
    total = 4 * 288 * 15 + sum(a * b * 5 for a, b in zip(widths, widths[1:], strict=False))
    total += 11 * (768 * 384 * 3 + 384 * 768) + 768 * 1536
    norms = sum(widths) + 11 * (384 + 768) + 1536
    assert total + 4 * norms + (1536 + 1) * 5313 == 30_123_584
    assert len(config.dilations) == 11


@pytest.mark.parametrize("preset", CONFIGS)
def test_shortest_window_and_count(preset):
    entry = get_entry("basenji2").preset(preset)
    few = {"first_filters": 4, "tower_filters": 4, "final_filters": 4} if preset == "published" else {}
    model = build_model("basenji2", entry.min_window, 2, preset, **few)
    assert model.output_shape == (None, 1, 2)
    with pytest.raises(InputError, match=f"at least {entry.min_window} bp"):
        build_model("basenji2", entry.min_window - 1, 2, preset, **few)
    if preset == "small":
        assert build_model("basenji2", entry.window, 1, "small").count_params() == entry.parameters


@pytest.mark.parametrize(("resolution", "halvings"), [(2, 1), (32, 5), (128, 7)])
def test_halvings_follow_from_the_resolution(resolution, halvings):
    model = tiny(1024, 512, resolution)
    assert sum(isinstance(layer, keras.layers.MaxPooling1D) for layer in model.layers) == halvings
    assert model.output_shape[1] == 512 // resolution


def test_a_fresh_residual_block_is_the_identity():
    changes = []
    names = ("conv3_pool", "dilated2_add")
    for model in (tiny(trained=False), tiny()):
        trunk = keras.Model(model.inputs[0], [model.get_layer(name).output for name in names])
        before, after = map(numpy_of, trunk(one_hot(np.random.default_rng(0), 2, 512)))
        changes.append(np.abs(before - after).max())
    assert changes[0] == 0 and changes[1] > 0.01


def test_values_stand_over_their_bases():
    # Reach of a value: halvings, then dilations 1 and 2, in bins of 8 bases.
    model = tiny(dilated_growth=2.0)
    left = 2 + 2 * 2 + 2 * 4 + (1 + 2) * 8
    right = left + 1 + 2 + 4
    first, last = 64 + 24 * 8 - left, 64 + 24 * 8 + right
    x = one_hot(np.random.default_rng(3), 256, 512)
    before = numpy_of(model(x))[:, 24]
    for place, counts in ((first - 1, False), (first, True), (last, True), (last + 1, False)):
        twin = x.copy()
        twin[:, place] = np.roll(twin[:, place], 1, axis=-1)
        assert (numpy_of(model(twin))[:, 24] != before).any() == counts
    far = one_hot(np.random.default_rng(4), 256, 512)
    far[:, first : last + 1] = x[:, first : last + 1]
    np.testing.assert_array_equal(numpy_of(model(far))[:, 24], before)


def test_sigmoid_gelu():
    x = np.linspace(-6, 6, 101, dtype="float32")
    y = numpy_of(SigmoidGELU()(x))
    np.testing.assert_allclose(y, x / (1 + np.exp(-1.702 * x)), rtol=1e-5, atol=1e-6)
    difference = np.abs(y - numpy_of(keras.activations.gelu(x)))
    assert 0.01 < difference.max() < 0.021


def test_save_and_load(tmp_path):
    model = tiny()
    x = one_hot(np.random.default_rng(2), 3, 512)
    twin = load_model_file(save_model_file(model, tmp_path / "m.keras"))
    np.testing.assert_array_equal(numpy_of(twin(x)), numpy_of(model(x)))
    assert twin.get_layer("dilated1_return_norm").gamma_initializer.__class__.__name__ == "Zeros"


@pytest.mark.parametrize(
    ("window", "sizes", "message"),
    [
        (4096, {"bin": 2000, "resolution": 32}, "1984 or 2016"),
        (4096, {"bin": 2048, "resolution": 96}, "64 or 128"),
        (4000, {"bin": 2048}, "3968 or 4032"),
        (4096, {"resolution": 1}, "2 or more"),
        (5000, {}, "4992 or 5024"),
        (4096, {"resolution": 4096}, "at least 12288 bp"),
    ],
)
def test_sizes_that_do_not_fit_get_the_nearest(window, sizes, message):
    with pytest.raises(InputError, match=message):
        build_model("basenji2", window, 1, "small", **sizes)


@pytest.mark.parametrize(
    "wrong",
    [{"first_filters": 0}, {"tower_growth": 0.5}, {"dilated_growth": "2"}, {"final_dropout": 1},
     {"link": "exponential"}, {"activation": "rely"}, {"resolution": 1}],
)  # fmt: skip
def test_senseless_sizes_are_refused(wrong):
    with pytest.raises(InputError):
        build_model("basenji2", 4096, 1, "small", **wrong)
