"""DeepSHAP beside the peers, same weights and references: tangermeme everywhere, shap where it works."""

import contextlib
import warnings

import keras
import numpy as np
import pytest

from seqdl.encoding import dinucleotide_shuffle, one_hot
from seqdl.interpret.heads import scalar_model
from seqdl.models import build_model
from tests.interpret.random_networks import randomised

torch = pytest.importorskip("torch")
from tests.interpret.torch_twins import Twin  # noqa: E402

SEQUENCES, REFERENCES, TARGET = 2, 3, 1
SIZES = {
    ("basset", "small"): (600, 3),
    ("basset", "published"): (600, 4),
    ("deepsea", "small"): (600, 3),
    ("deepsea", "published"): (1000, 4),
    ("bpnet", "small"): (600, 2),
    ("bpnet", "published"): (1000, 8),
    ("bpnet", "lite"): (2114, 2),
}
SMALL = [("basset", {}), ("deepsea", {}), ("bpnet", {"bin": 200})]
SMOOTH = [("basset", {"activation": name}) for name in ("silu", "gelu")]


def network(name, preset="small", **overrides):
    """Return a network with random weights, cut at the number explained."""
    window, targets = SIZES[name, preset]
    return scalar_model(randomised(build_model(name, window, targets, preset, **overrides)))


def example(window):
    """Return codes (n, L) and each one's shuffles (n, r, L)."""
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 4, (SEQUENCES, window)).astype(np.uint8)
    codes[0, 100:140], codes[1, 200:240:2], codes[1, 201:240:2] = 0, 2, 3  # repeats: equal maxima in a pool
    shuffled = dinucleotide_shuffle(np.repeat(codes, REFERENCES, axis=0), rng)
    return codes, shuffled.reshape(SEQUENCES, REFERENCES, window)


def explain(model, codes, references):
    """Explain by seqdl."""
    from seqdl.interpret.deeplift import deeplift_codes

    return deeplift_codes(model, codes, TARGET, references, batch_size=6)


def channels_first(codes):
    return torch.from_numpy(np.ascontiguousarray(np.swapaxes(one_hot(codes), -1, -2)))


def by_tangermeme(model, codes, references):
    """Return tangermeme's contributions and hypothetical ones, (n, L, 4) each.

    Its warning that they do not add up stays an error.
    """
    from tangermeme.deep_lift_shap import deep_lift_shap

    given = {"target": TARGET, "references": channels_first(references), "device": "cpu", "batch_size": 6}
    twin, x = Twin(model), channels_first(codes)
    return [
        deep_lift_shap(twin, x, hypothetical=hypothetical, **given).numpy().swapaxes(1, 2)
        for hypothetical in (False, True)
    ]


@contextlib.contextmanager
def shap_module():
    """Give shap, its warnings hushed, and put TensorFlow back when shap raises half-way.

    Its explainer exchanges TensorFlow's own recorder of gradients and, on an error, leaves it exchanged.
    """
    pytest.importorskip("tensorflow")
    from tensorflow.python.eager import execute

    recorder = execute.record_gradient
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield pytest.importorskip("shap")
    finally:
        execute.record_gradient = recorder


def by_shap(model, codes, references):
    """Return shap's contributions, (n, L), to the one target: given several it explains them all."""
    last = model.layers[-1]
    single = keras.layers.Dense(1, name="explained")
    model = keras.Model(model.inputs, single(last.input))
    single.set_weights([np.asarray(last.kernel)[:, [TARGET]], np.asarray(last.bias)[[TARGET]]])
    with shap_module() as shap:
        rows = iter(one_hot(references))
        explainer = shap.DeepExplainer(model, lambda inputs: [next(rows)])
        return explainer.shap_values(one_hot(codes), check_additivity=False)[..., 0].sum(axis=2)


def close(ours, theirs, tolerance=1e-4):
    """Compare to a part of the largest contribution: sums are ordered differently."""
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def gaps(model, codes, references):
    """Return what contributions must add up to, (n,)."""
    flat = references.reshape(-1, references.shape[-1])
    outputs = [model.predict_on_batch(one_hot(rows))[:, TARGET] for rows in (codes, flat)]
    return outputs[0] - outputs[1].reshape(len(codes), -1).mean(axis=1)


@pytest.mark.parametrize(("name", "preset"), SIZES)
def test_a_twin_computes_the_same(name, preset):
    model = network(name, preset)
    x = np.random.default_rng(1).integers(0, 5, (2, SIZES[name, preset][0])).astype(np.uint8)
    expected = model.predict_on_batch(one_hot(x))
    with torch.no_grad():
        found = Twin(model)(channels_first(x)).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))
    assert np.ptp(expected, axis=0).max() > 1e-3  # the weights are no zeros


def test_a_twin_of_an_unknown_layer_is_refused():
    inputs = keras.Input((10, 4))
    model = keras.Model(inputs, keras.layers.LSTM(2, name="memory")(inputs))
    with pytest.raises(TypeError, match="memory: no PyTorch twin of LSTM"):
        Twin(model)


@pytest.mark.parametrize(("name", "overrides"), SMALL + SMOOTH)
def test_tangermeme_agrees(name, overrides):
    pytest.importorskip("tangermeme")
    model = network(name, **overrides)
    codes, references = example(model.input_shape[1])
    contributions, hypothetical = by_tangermeme(model, codes, references)
    found = explain(model, codes, references)
    close(found.values, contributions)
    close(found.hypothetical, hypothetical)


@pytest.mark.parametrize(("name", "overrides"), SMALL[:2])
def test_shap_agrees_where_it_works(name, overrides):
    model = network(name, **overrides)
    codes, references = example(model.input_shape[1])
    close(explain(model, codes, references).values.sum(axis=2), by_shap(model, codes, references))


@pytest.mark.parametrize(("name", "overrides", "operation"), [
    ("bpnet", {"bin": 200}, "BatchToSpaceND"), ("basset", {"activation": "gelu"}, "Erfc"),
])  # fmt: skip
def test_what_shap_refuses_adds_up_here(name, overrides, operation):
    """Dilated convolutions and GELU."""
    model = network(name, **overrides)
    codes, references = example(model.input_shape[1])
    with pytest.raises(Exception, match=operation):  # TensorFlow wraps the LookupError
        by_shap(model, codes, references)
    expected = gaps(model, codes, references)
    close(explain(model, codes, references).values.sum(axis=(1, 2)), expected)


def test_where_shap_misses_the_sum_it_is_met_here():
    """Through SiLU shap passes the derivative as if it were the slope."""
    model = network("basset", activation="silu")
    codes, references = example(model.input_shape[1])
    expected = gaps(model, codes, references)
    missed = np.abs(by_shap(model, codes, references).sum(axis=1) - expected).max()
    assert missed > 1e-2 * np.abs(expected).max()
    close(explain(model, codes, references).values.sum(axis=(1, 2)), expected)
