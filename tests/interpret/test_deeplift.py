"""Laws of DeepLIFT: contributions add up on every network and layer; rules are as worked by hand."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from seqdl.encoding import N, one_hot
from seqdl.errors import InputError, SeqdlError
from seqdl.interpret.deeplift import Explainer, deeplift_codes, layers_without_rule, register_rule
from seqdl.interpret.deeplift.pairs import elementwise
from seqdl.interpret.deeplift.rules import RULES
from seqdl.interpret.heads import scalar_model
from seqdl.interpret.references import make_references
from seqdl.models import list_models
from seqdl.models.ensemble import ensemble_models
from seqdl.models.load import load_model_file
from seqdl.models.save import save_model_file
from tests.models.test_suite import TARGETS, make, random_codes

LENGTH = 24
HEADS = {"binary": ("logit",), "coverage": ("counts", "profile")}


def networks():
    """List every preset that a processor builds in a moment, with each number that it explains."""
    return [
        pytest.param(
            entry, preset, head, id=f"{entry.name}-{preset.name}-{head}",
            marks=[pytest.mark.slow] if entry.name in ("rnn", "danq") or "basenji" in entry.name else [],
        )
        for entry in list_models() for preset in entry.presets for head in HEADS[entry.task]
        if preset.parameters < 3_000_000
    ]  # fmt: skip


def codes_of(n=4, length=LENGTH, seed=0, unknown=False):
    return np.random.default_rng(seed).integers(0, 5 if unknown else 4, (n, length)).astype(np.uint8)


def explain(model, codes=None, kind="shuffle", n=3, **options):
    return deeplift_codes(
        model, codes_of() if codes is None else codes, 0, make_references(kind, n, seed=1), **options
    )


def adds_up(result, tolerance=1e-4):
    assert np.isfinite(result.values).all() and np.abs(result.values).max() > 0
    np.testing.assert_allclose(
        result.delta, result.values.sum((1, 2)) - (result.outputs - result.reference_outputs), atol=1e-5
    )
    assert result.relative_delta.max() <= tolerance, result.relative_delta


@pytest.mark.parametrize(("entry", "preset", "head"), networks())
def test_contributions_add_up_on_every_registered_network(entry, preset, head):
    network = make(entry, preset=preset.name)
    codes = random_codes(entry, n=4)
    model = scalar_model(network, head)
    references = make_references("shuffle", 4)
    explainer = Explainer(model)
    random = deeplift_codes(model, codes, TARGETS - 1, references, explainer=explainer)
    adds_up(random)
    # Trained, so that units are on and off and contributions of both signs cancel.
    scores = keras.Model(network.inputs, model(network.inputs[0]))
    scores.compile(keras.optimizers.Adam(3e-3), "mse")
    y = np.random.default_rng(1).normal(0, 3, (4, TARGETS)).astype("float32")
    for _ in range(15):
        scores.train_on_batch(one_hot(codes), y)
    trained = deeplift_codes(model, codes, TARGETS - 1, references)
    adds_up(trained)
    assert np.abs(trained.values - random.values).max() > 1e-4
    own = np.asarray(model.predict_on_batch(one_hot(codes)))[:, TARGETS - 1]
    np.testing.assert_allclose(trained.outputs, own, rtol=1e-3, atol=5e-5)


def tower(*steps, flat=True):
    """Build a network: a wide convolution, then the steps, then one number.

    Its own layers have names that no step of `STEPS` has: those were counted when this file was read, and
    Keras counts from one again for whoever has cleared its session since.
    """
    keras.utils.set_random_seed(3)
    inputs = keras.Input((LENGTH, 4))
    x = layers.Conv1D(6, 5, padding="same", kernel_initializer="he_normal", name="first")(inputs)
    for step in steps:
        x = step(x)
    if len(x.shape) == 3 and flat:
        x = layers.Flatten(name="flat")(x)
    x = layers.Dense(8, activation="tanh", name="hidden")(x)
    return keras.Model(inputs, layers.Dense(2, bias_initializer="normal", name="two")(x))


def normalised(layer):
    """Return a step whose layer has moved statistics and scales, as after training."""

    def step(x):
        out = layer(x)
        rng = np.random.default_rng(0)
        layer.set_weights(
            [np.abs(rng.normal(1, 0.3, w.shape)).astype("float32") for w in layer.get_weights()]
        )
        return out

    return step


STEPS = {
    "conv_dilated": layers.Conv1D(5, 3, dilation_rate=4, padding="same", activation="relu"),
    "conv_causal": layers.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="gelu"),
    "conv_strided": layers.Conv1D(5, 4, strides=3, padding="same", activation="silu"),
    "conv_grouped": layers.Conv1D(6, 3, groups=2, activation="elu"),
    "separable": layers.SeparableConv1D(5, 3, activation="relu"),
    "depthwise": layers.DepthwiseConv1D(3, activation="softplus"),
    "transposed": layers.Conv1DTranspose(4, 3, strides=2, activation="relu"),
    "dense": layers.Dense(7, activation="sigmoid"),
    "einsum_dense": layers.EinsumDense("abc,cd->abd", (LENGTH, 5), activation="relu"),
    "leaky": layers.LeakyReLU(0.2),
    "relu6": layers.ReLU(max_value=1.0, negative_slope=0.1),
    "elu": layers.ELU(),
    "prelu": layers.PReLU(alpha_initializer="uniform"),
    "softmax": layers.Activation("softmax"),
    "softmax_layer": layers.Softmax(axis=1),
    "log_softmax": layers.Activation("log_softmax"),
    "exp": layers.Activation("exponential"),
    "mish": layers.Activation("mish"),
    "max_pool": layers.MaxPooling1D(4),
    "max_pool_same": layers.MaxPooling1D(5, padding="same"),
    "max_pool_overlapping": layers.MaxPooling1D(5, strides=2),
    "average_pool": layers.AveragePooling1D(3, padding="same"),
    "global_max": layers.GlobalMaxPooling1D(),
    "global_max_kept": layers.GlobalMaxPooling1D(keepdims=True),
    "global_mean": layers.GlobalAveragePooling1D(),
    "batch_norm": normalised(layers.BatchNormalization()),
    "layer_norm": normalised(layers.LayerNormalization()),
    "layer_norm_all": layers.LayerNormalization(axis=(1, 2)),
    "dropout": layers.Dropout(0.5),
    "cropping": layers.Cropping1D(3),
    "padding": layers.ZeroPadding1D(3),
    "upsampling": layers.UpSampling1D(2),
    "permute": layers.Permute((2, 1)),
    "lstm": layers.LSTM(5),
    "lstm_sequences": layers.LSTM(5, return_sequences=True, go_backwards=True),
    "gru": layers.GRU(5),
    "gru_first_form": layers.GRU(5, reset_after=False),
    "rnn": layers.SimpleRNN(5, return_sequences=True),
    "bilstm": layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
    "bigru_product": layers.Bidirectional(layers.GRU(4), merge_mode="mul"),
    "attention": lambda x: layers.MultiHeadAttention(2, 3)(x, x),
    "gate": lambda x: layers.Multiply()([layers.Dense(6, activation="sigmoid")(x), x]),
    "three_factors": lambda x: layers.Multiply()([x, layers.Dense(6, activation="tanh")(x), x]),
    "residual": lambda x: layers.Add()([x, layers.Conv1D(6, 3, padding="same", activation="relu")(x)]),
    "concatenated": lambda x: layers.Concatenate()([x, layers.Activation("relu")(x)]),
    "maximum": lambda x: layers.Maximum()([x, layers.Dense(6)(x), layers.Activation("relu")(x)]),
    "minimum": lambda x: layers.Minimum()([x, layers.Dense(6)(x)]),
    "subtract": lambda x: layers.Subtract()([x, layers.Dense(6)(x)]),
    "average": lambda x: layers.Average()([x, layers.Activation("tanh")(x)]),
}


@pytest.mark.parametrize("name", STEPS)
def test_contributions_add_up_through_every_layer(name):
    step = STEPS[name]
    model = tower(step, layers.Activation("relu") if name in ("permute", "padding") else layers.Identity())
    result = explain(model)
    adds_up(result)
    own = np.asarray(model.predict_on_batch(one_hot(codes_of())))[:, 0]
    np.testing.assert_allclose(result.outputs, own, rtol=1e-4, atol=1e-5)


def test_layers_with_a_rule_are_all_tested():
    """Every layer class of Keras that has a rule occurs in a network above."""
    tested = set()
    for step in STEPS.values():
        for layer in tower(step).layers:
            tested |= {type(layer)} | {type(getattr(layer, "forward_layer", layer))}
    for case in networks():
        entry, preset, _ = case.values
        tested |= {type(layer) for layer in make(entry, preset=preset.name).layers}
    # Layers that do nothing when a network predicts, or only move numbers about.
    plain = {"GaussianNoise", "GaussianDropout", "AlphaDropout", "SpatialDropout1D", "ActivityRegularization",
             "Rescaling", "Reshape", "RepeatVector", "Functional", "Sequential", "MeanOdds", "LogTotal",
             "LogCoverage", "ProfileScore", "Identity"}  # fmt: skip
    missing = {item.__name__ for item in RULES} - {item.__name__ for item in tested} - plain
    assert not missing


STEP_OF_A_GRAPH = st.tuples(
    st.sampled_from(["conv", "pool", "skip", "gate", "norm", "join"]),
    st.sampled_from(["relu", "gelu", "silu", "tanh", "softplus"]),
    st.integers(1, 5),
    st.integers(1, 4),
)
ENDS = [layers.Flatten, layers.GlobalMaxPooling1D, layers.GlobalAveragePooling1D]


def graph(steps, end, seed):
    """Build a functional network: convolutions, pools, activations, skips, gates."""
    keras.utils.set_random_seed(seed)
    inputs = x = keras.Input((LENGTH, 4))
    for kind, act, width, dilation in steps:
        channels = x.shape[-1]
        if kind == "conv":
            x = layers.Conv1D(width + 1, width, padding="same", activation=act, dilation_rate=dilation)(x)
        elif kind == "pool" and x.shape[1] >= 4:
            pool = layers.MaxPooling1D if width % 2 else layers.AveragePooling1D
            x = pool(2, padding="same" if dilation % 2 else "valid")(x)
        elif kind == "skip":
            x = layers.Add()([x, layers.Conv1D(channels, width, padding="same", activation=act)(x)])
        elif kind == "gate":
            gate = layers.Conv1D(channels, width, padding="same", activation="sigmoid")(x)
            x = layers.Multiply()([x, gate])
        elif kind == "norm":
            x = layers.LayerNormalization()(x)
        else:
            x = layers.Concatenate()([x, layers.Activation(act)(x)])
    return keras.Model(inputs, layers.Dense(1)(end()(x)))


@settings(max_examples=12, deadline=None)
@given(st.lists(STEP_OF_A_GRAPH, min_size=1, max_size=4), st.sampled_from(ENDS), st.integers(0, 99))
def test_contributions_add_up_on_random_graphs(steps, end, seed):
    codes = codes_of(3, seed=seed, unknown=True)
    result = explain(graph(steps, end, seed), codes, n=2)
    assert result.relative_delta.max() <= 1e-4
    assert not result.values[codes == N].any()


def numbers(function, x, reference):
    """Explain a function of two inputs, given as a model on the first base of a window of one."""
    inputs = keras.Input((1, 4))
    flat = layers.Flatten()(inputs)
    a, b = (layers.Dense(1, use_bias=False)(flat) for _ in range(2))
    model = keras.Model(inputs, function(a, b))
    dense = [layer for layer in model.layers if isinstance(layer, layers.Dense)][:2]
    for place, layer in enumerate(dense):  # a is x[0], b is x[1]
        layer.set_weights([np.eye(4, dtype="float32")[:, place : place + 1]])
    example = np.zeros((1, 1, 4), np.float32)
    other = np.zeros((1, 1, 1, 4), np.float32)
    example[0, 0, :2], other[0, 0, 0, :2] = x, reference
    multipliers, outputs, there = Explainer(model)(example, other, 0)
    return multipliers[0, 0, 0, :2], float(outputs[0]), float(there[0, 0])


def test_rules_as_worked_by_hand():
    # Rescale: relu from -1 to 3 rises by 3 over 4.
    m, *_ = numbers(lambda a, b: layers.Activation("relu")(layers.Add()([a, b])), (3, 0), (-1, 0))
    np.testing.assert_allclose(m, [0.75, 0.75], rtol=1e-6)
    # A product: half of each order. a 1 -> 3, b 2 -> 5: multipliers are b's and a's means.
    m, there, here = numbers(lambda a, b: layers.Multiply()([a, b]), (3, 5), (1, 2))
    np.testing.assert_allclose(m, [3.5, 2.0], rtol=1e-6)
    assert (there, here) == (15, 2) and m @ [2, 3] == pytest.approx(13)
    # The larger of two: the example's maximum (5, in b) is above the reference's (4, in a): to b's place.
    m, *_ = numbers(lambda a, b: layers.Maximum()([a, b]), (1, 5), (4, 2))
    np.testing.assert_allclose(m, [0, 1 / 3], rtol=1e-6)
    # The reference's (9, in a) is larger: to a's place.
    m, *_ = numbers(lambda a, b: layers.Maximum()([a, b]), (1, 5), (9, 2))
    np.testing.assert_allclose(m, [0.5, 0], rtol=1e-6)
    # Where nothing differs, the derivative: tanh'(0.5).
    m, *_ = numbers(lambda a, b: layers.Activation("tanh")(a), (0.5, 0), (0.5, 0))
    np.testing.assert_allclose(m, [1 - np.tanh(0.5) ** 2, 0], rtol=1e-5)


@pytest.mark.parametrize("unknown", [False, True])
def test_a_linear_networks_contributions_are_its_weights(unknown):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((LENGTH, 4))
    model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(inputs)))
    weights = np.asarray(model.layers[-1].kernel).reshape(LENGTH, 4)
    codes = codes_of(unknown=unknown)
    zeros, uniform = explain(model, codes, "zeros"), explain(model, codes, "uniform")
    known = (codes < N)[:, :, None]
    np.testing.assert_allclose(zeros.values, weights * one_hot(codes), atol=1e-6)
    np.testing.assert_allclose(zeros.hypothetical, weights * known, atol=1e-6)
    centred = (weights - weights.mean(axis=1, keepdims=True)) * known
    np.testing.assert_allclose(uniform.hypothetical, centred, atol=1e-6)
    np.testing.assert_allclose(uniform.values, centred * one_hot(codes), atol=1e-6)


def test_a_result_does_not_depend_on_the_batch():
    model, codes = tower(layers.MaxPooling1D(2), layers.Activation("relu")), codes_of(7, unknown=True)
    one, many = explain(model, codes, n=6, batch_size=2), explain(model, codes, n=6, batch_size=64)
    for a, b in zip(one, many, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_references_given_as_codes_or_one_hot_are_the_same():
    model, codes = tower(layers.Activation("relu")), codes_of()
    references = np.stack([codes_of(seed=seed) for seed in (5, 6)], axis=1)
    a, b = (deeplift_codes(model, codes, 1, item) for item in (references, one_hot(references)))
    np.testing.assert_array_equal(a.values, b.values)
    adds_up(a)


class Squared(layers.Layer):
    def call(self, x):
        return keras.ops.square(x)


class Halved(Squared):
    pass


def test_a_layer_without_a_rule_is_refused_by_name_until_it_has_one():
    model = tower(Squared(name="my_square"))
    assert layers_without_rule(model) == ["my_square (Squared)"]
    with pytest.raises(InputError, match="no rule for my_square"):
        explain(model)
    try:
        register_rule(Squared)(lambda layer, pair: elementwise(layer.call, pair))
        adds_up(explain(model))
        # A rule that computes something else than its layer is found out.
        register_rule(Halved)(lambda layer, pair: elementwise(lambda x: x / 2, pair))
        with pytest.raises(SeqdlError, match="another function"):
            explain(tower(Halved()))
        # So is one whose multipliers are not its own: here as if the layer were linear.
        from seqdl.interpret.deeplift.pairs import linear

        register_rule(Halved)(lambda layer, pair: linear(layer.call, pair))
        with pytest.raises(InputError, match="do not add up"):
            explain(tower(Halved()))
        with pytest.warns(UserWarning, match="do not add up"):
            explain(tower(Halved()), on_excess="warn")
        assert explain(tower(Halved()), on_excess="ignore").relative_delta.max() > 1e-3
    finally:
        RULES.pop(Squared, None), RULES.pop(Halved, None)


def test_what_cannot_be_explained_is_refused_with_a_sentence():
    model = tower(layers.Activation("relu"))
    with pytest.raises(InputError, match="does not know the activation"):
        explain(tower(layers.Activation(lambda x: x - keras.ops.mean(x))))
    with pytest.raises(InputError, match=r"shape \(n, length\)"):
        explain(model, codes_of()[0])
    with pytest.raises(InputError, match="`references` must be codes"):
        deeplift_codes(model, codes_of(), 0, codes_of())
    with pytest.raises(InputError, match="references of 24 bases for each of 4"):
        deeplift_codes(model, codes_of(), 0, codes_of(2)[:, None])
    with pytest.raises(InputError, match="sequence has an N"):
        deeplift_codes(model, np.full((1, LENGTH), N, np.uint8), 0, codes_of(1)[:, None])
    inputs = keras.Input((LENGTH, 4))
    profile = keras.Model(inputs, layers.Conv1D(2, 3)(inputs))
    with pytest.raises(InputError, match="one number a target"):
        explain(profile)
    masked = keras.Model(inputs, layers.Dense(1)(layers.LSTM(3)(layers.Masking()(inputs))))
    with pytest.raises(InputError, match="no rule for .*Masking"):
        explain(masked)


def test_padding_is_the_same_in_the_references_or_they_are_refused():
    entry = next(item for item in list_models() if item.name == "rnn")
    model = scalar_model(make(entry, preset="simple", window=40))
    codes = codes_of(3, 40)
    codes[:, 30:] = N
    for kind in ("shuffle", "uniform"):
        result = explain(model, codes, kind)
        adds_up(result)
        assert not result.values[:, 30:].any()
    with pytest.raises(InputError, match="takes zeros at the end for padding"):
        explain(model, codes, "zeros")


def test_a_network_within_a_network_and_a_sequence_of_layers_are_walked():
    inner = tower(layers.Activation("relu"))
    inputs = keras.Input((LENGTH, 4))
    outer = keras.Model(inputs, layers.Dense(1)(layers.Concatenate()([inner(inputs), inner(inputs)])))
    adds_up(explain(outer))
    chain = keras.Sequential(
        [keras.Input((LENGTH, 4)), layers.Conv1D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(1)]
    )
    adds_up(explain(chain))


@pytest.mark.parametrize("task", ["binary", "coverage"])
def test_an_ensemble_that_was_saved_is_explained(task, tmp_path):
    name = {"binary": "deepsea", "coverage": "bpnet"}[task]
    entry = next(item for item in list_models() if item.name == name)
    members = [make(entry, seed=seed) for seed in (1, 2)]
    joined = load_model_file(save_model_file(ensemble_models(members, task), tmp_path / "m.keras"))
    codes = random_codes(entry, n=3)
    for head in HEADS[task]:
        result = deeplift_codes(scalar_model(joined, head), codes, 0, make_references("shuffle", 2))
        adds_up(result)


SCRIPT = """
import sys, numpy as np, keras
from keras import layers
inputs = keras.Input((24, 4))
x = layers.Conv1D(6, 5, padding="same", dilation_rate=2, activation="gelu")(inputs)
x = layers.MaxPooling1D(2)(layers.BatchNormalization()(x))
x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(layers.LayerNormalization()(x))
x = layers.MultiHeadAttention(2, 3)(x, x)
model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
rng = np.random.default_rng(0)
model.set_weights([
    (rng.normal(0, .4, w.shape) if w.ndim > 1 else rng.uniform(.5, 1.5, w.shape)).astype("float32")
    for w in model.get_weights()
])
from seqdl.interpret.deeplift import deeplift_codes
from seqdl.interpret.references import make_references
codes = rng.integers(0, 5, (5, 24)).astype("uint8")
found = deeplift_codes(model, codes, 1, make_references("shuffle", 3))
assert found.relative_delta.max() <= 1e-4
np.savez(sys.argv[1], **found._asdict())
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_backend_gives_the_same(backend, tmp_path):
    pytest.importorskip(backend)
    results = []
    for name in ("tensorflow", backend):
        environment = {
            **os.environ,
            "KERAS_BACKEND": name,
            "JAX_PLATFORMS": "cpu",
            "CUDA_VISIBLE_DEVICES": "",
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path / f"{name}.npz")], env=environment,
            capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        results.append(np.load(tmp_path / f"{name}.npz"))
    for key in results[0].files:
        # What absent bases would contribute rests on slopes alone: over a small difference they are rounding.
        atol = 5e-5 if key == "hypothetical" else 1e-5
        np.testing.assert_allclose(results[0][key], results[1][key], rtol=1e-3, atol=atol)
