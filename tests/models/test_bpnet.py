"""BPNet: the paper's and bpnet-lite's sizes, and the laws that join its heads."""

import keras
import numpy as np
import pytest
from scipy.special import softmax

from seqdl.errors import InputError
from seqdl.layers import LogitPooling, ProfileCoverage
from seqdl.models import build_model


def parameters(filters, first, layers, last, targets, channels=4):
    """Count the weights by hand."""
    trunk = (channels * first + 1) * filters + layers * (3 * filters + 1) * filters
    return trunk + targets * (filters * last + 1) + targets * (filters + 1)


def heads(model, x):
    names = ("profile", "counts", "coverage")
    cut = keras.Model(model.input, [model.get_layer(name).output for name in names])
    return [keras.ops.convert_to_numpy(out) for out in cut(x)]


def sample(window, n=2, seed=0):
    return np.eye(4, dtype="float32")[np.random.default_rng(seed).integers(0, 4, (n, window))]


@pytest.mark.parametrize(
    ("preset", "window", "sizes", "total"),
    [("published", 1000, (64, 25, 9, 25), 130_960), ("lite", 2114, (64, 21, 8, 75), 113_988)],
)
def test_counts_follow_the_formula(preset, window, sizes, total):
    targets = 8 if preset == "published" else 2
    model = build_model("bpnet", window, targets, preset)
    assert model.count_params() == parameters(*sizes, targets) == total
    assert model.output_shape == (None, 1000, targets)
    # bpnet-lite 0.8: two profiles, one count and no control tracks, 113,923; here each target has its count.
    if preset == "lite":
        assert total - (sizes[0] + 1) == 113_923


def test_dilations_double():
    model = build_model("bpnet", 1000, 2)
    rates = [model.get_layer(f"dilated{i}").dilation_rate[0] for i in range(1, 10)]
    assert rates == [2, 4, 8, 16, 32, 64, 128, 256, 512]


@pytest.mark.parametrize("bin", [None, 100, 980, 1000])
def test_coverage_is_the_profile_times_the_total(bin):
    keras.utils.set_random_seed(0)
    model = build_model("bpnet", 1000, 3, "small", bin=bin, output_bias=np.log1p([10.0, 100.0, 0.0]))
    profile, counts, coverage = heads(model, sample(1000))
    assert profile.shape == coverage.shape == (2, bin or 1000 - 512, 3)
    total = np.expm1(np.maximum(counts, 0))
    np.testing.assert_allclose(coverage.sum(axis=1), total, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(coverage, softmax(profile, axis=1) * total[:, None], rtol=1e-4, atol=1e-7)
    assert (coverage >= 0).all()


def test_predictions_do_not_look_past_the_window():
    """Shift the window by five bases: the same bases get the same logits."""
    keras.utils.set_random_seed(0)
    model = build_model("bpnet", 600, 1, "small", crop=None)
    x = sample(605)
    one, two = heads(model, x[:, :600])[0], heads(model, x[:, 5:])[0]
    np.testing.assert_allclose(one[:, 5:], two[:, :-5], rtol=1e-4, atol=1e-5)
    # Where bases near the window's ends are predicted too, padding shows there, and only there.
    whole = build_model("bpnet", 600, 1, "small", crop=0)
    whole.set_weights(model.get_weights())
    wide = heads(whole, x[:, :600])[0]
    np.testing.assert_allclose(wide[:, 148:-148], one, rtol=1e-4, atol=1e-5)


def test_wider_bins_add_up_the_bases():
    keras.utils.set_random_seed(0)
    fine = build_model("bpnet", 600, 2, "small", bin=200)
    wide = build_model("bpnet", 600, 2, "small", bin=200, resolution=25)
    wide.set_weights(fine.get_weights())
    x = sample(600)
    _, counts, coverage = heads(fine, x)
    _, counts_wide, coverage_wide = heads(wide, x)
    np.testing.assert_allclose(counts, counts_wide, rtol=1e-6)
    expected = coverage.reshape(2, 8, 25, 2).sum(axis=2)
    np.testing.assert_allclose(coverage_wide, expected, rtol=1e-4, atol=1e-7)


def test_layers_on_large_numbers():
    logits = np.array([[[1000.0], [999.0], [-1000.0], [0.0]]], "float32")
    pooled = keras.ops.convert_to_numpy(LogitPooling(2)(logits))
    assert np.isfinite(pooled).all()
    shares = softmax(logits, axis=1).reshape(1, 2, 2, 1).sum(axis=2)
    np.testing.assert_allclose(softmax(pooled, axis=1), shares, rtol=1e-5)
    nothing = keras.ops.convert_to_numpy(ProfileCoverage()([logits, np.array([[-3.0]], "float32")]))
    assert not nothing.any()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"window": 500, "preset": "lite"}, "at least 1115 bp"),
        ({"window": 500, "bin": 600}, "at least 600 bp"),
        ({"window": 501, "bin": 100}, "even number"),
        ({"window": 500, "bin": 100, "resolution": 30}, "multiple of `resolution`, 30"),
        ({"window": 2000, "filters": 0}, "filters"),
        ({"window": 2000, "crop": -1}, "crop"),
        ({"window": 2000, "activation": "rely"}, "activation"),
    ],
)
def test_what_does_not_fit_is_refused(sizes, message):
    with pytest.raises(InputError, match=message):
        build_model("bpnet", **{"n_targets": 1, "preset": "small", **sizes})
