"""What holds for every registered network and preset: a new one is tested by being registered."""

import json

import keras
import numpy as np
import pytest

from seqdl.encoding import one_hot, reverse_complement
from seqdl.errors import InputError
from seqdl.models import build_model, list_models
from seqdl.models.load import load_model_file
from seqdl.models.reach import reach_by_layer, spatial_layer
from seqdl.models.receptive_field import receptive_field, receptive_field_by_formula
from seqdl.models.save import save_model_file
from seqdl.prediction.predictor import Predictor

ENTRIES = list_models()
TARGETS = 2
# Bases of one position, from the papers or counted by hand; every other preset only by both methods.
KNOWN_REACH = {
    ("basenji", "published"): 32_871,
    ("basset", "published"): 168,
    ("bpnet", "published"): 1000,
    ("bpnet", "lite"): 1115,
    ("danq", "published"): 38,
    ("deepbind", "published"): 24,
    ("deepsea", "published"): 163,
}
# The same output for both strands, by construction.
INVARIANT = {"deepbind"}


def presets(large=True):
    """List every preset as a parameter; those that take long to build are slow."""
    return [
        pytest.param(
            entry,
            preset,
            id=f"{entry.name}-{preset.name}",
            marks=[pytest.mark.slow] if large and preset.parameters > 10_000_000 else [],
        )
        for entry in ENTRIES
        for preset in entry.presets
    ]


every_preset = pytest.mark.parametrize(("entry", "preset"), presets())
every_model = pytest.mark.parametrize("entry", ENTRIES, ids=[entry.name for entry in ENTRIES])


def smallest(entry):
    return min(entry.presets, key=lambda preset: preset.parameters)


def sizes(entry):
    """Return a short window, and for coverage its four bins of 32."""
    if entry.task == "coverage":
        return {"window": 256, "bin": 128, "resolution": 32}
    return {"window": max(200, smallest(entry).min_window)}


def make(entry, seed=0, **overrides):
    keras.utils.set_random_seed(seed)
    options = {"n_targets": TARGETS, "preset": smallest(entry).name, **sizes(entry), **overrides}
    return build_model(entry.name, **options)


def random_codes(entry, n=8, seed=0):
    return np.random.default_rng(seed).integers(0, 4, (n, sizes(entry)["window"])).astype(np.uint8)


def random_input(entry, n=8, channels=4, seed=0):
    x = one_hot(random_codes(entry, n, seed)).astype("float32")
    extra = np.eye(3, dtype="float32")[np.random.default_rng(1).integers(0, 3, x.shape[:2])]
    return np.concatenate([x, extra], axis=-1)[..., :channels]


def outputs(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def with_bias(model):
    """Return the layer that `output_bias` goes to: the last one that is linear in its targets."""
    names = [layer.name for layer in model.layers]
    found = [name for name in ("score", "logits", "linear", "counts") if name in names]
    return next(layer for layer in map(model.get_layer, found) if getattr(layer, "bias", None) is not None)


@every_preset
def test_parameter_counts(entry, preset):
    model = build_model(entry.name, preset.window, preset.n_targets, preset.name)
    assert model.count_params() == preset.parameters
    trained = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    assert trained == preset.trainable_parameters


@every_model
def test_entry_says_what_it_is(entry):
    assert entry.task in ("binary", "coverage")
    assert entry.name == entry.name.lower() and entry.title and entry.input and entry.output
    assert len({preset.name for preset in entry.presets}) == len(entry.presets)
    for preset in entry.presets:
        assert preset.summary and preset.min_window <= preset.window
    if "published" in [preset.name for preset in entry.presets]:
        assert "doi:10." in entry.paper and entry.presets[0].deviations


@every_model
def test_shapes_and_names(entry):
    model, size = make(entry), sizes(entry)
    assert model.input.name == "sequence"
    assert model.input_shape == (None, size["window"], 4)
    out = outputs(model, random_input(entry))
    assert out.dtype == np.float32 and np.isfinite(out).all() and (out >= 0).all()
    names = [layer.name for layer in model.layers]
    if entry.task == "coverage":
        assert out.shape == (8, size["bin"] // size["resolution"], TARGETS)
        assert names[-1] == "coverage"
        assert "linear" in names or {"profile", "counts"} <= set(names)
    else:
        assert out.shape == (8, TARGETS) and (out < 1).all()
        assert names[-2:] == ["logits", "probabilities"]
        assert model.get_layer("logits").output.shape == (None, TARGETS)
    # Every layer's shape is known: the batch is the only free number.
    assert all(None not in layer.output.shape[1:] for layer in model.layers)
    # A window of N, all zeros, is an input like another.
    assert np.isfinite(outputs(model, np.zeros((2, size["window"], 4), "float32"))).all()


@every_model
def test_output_bias_is_set_and_checked(entry):
    bias = np.array([-1.5, 0.25], "float32")
    given, plain = make(entry, output_bias=bias), make(entry)
    np.testing.assert_array_equal(np.asarray(with_bias(given).bias), bias)
    assert not np.asarray(with_bias(plain).bias).any()
    for wrong in (np.zeros(3), np.zeros((1, 2)), np.array([0, np.nan])):
        with pytest.raises(InputError, match="output_bias"):
            make(entry, output_bias=wrong)


@every_model
def test_saved_and_loaded(entry, tmp_path):
    model, x = make(entry), random_input(entry)
    twin = load_model_file(save_model_file(model, tmp_path / "m.keras"))
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    np.testing.assert_array_equal(outputs(twin, x), outputs(model, x))


@every_model
def test_config_round_trip(entry):
    model, x = make(entry), random_input(entry)
    config = model.get_config()
    twin = type(model).from_config(json.loads(json.dumps(config)))
    # The config is complete: what is built from it says the same of itself.
    assert json.dumps(twin.get_config()) == json.dumps(config)
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(outputs(twin, x), outputs(model, x))


@every_model
def test_learns_one_batch_by_heart(entry):
    rng = np.random.default_rng(0)
    x = random_input(entry, n=16)
    if entry.task == "binary":
        y = np.stack([rng.permutation(16) % 2 for _ in range(TARGETS)], axis=1).astype("float32")
        model, loss, least = make(entry), keras.losses.BinaryCrossentropy(), 0.0
        blind = np.log(2)
    else:
        model = make(entry)
        y = rng.gamma(1.0, 4.0, (16, *model.output_shape[1:])).astype("float32")
        model = make(entry, output_bias=linear_of(model, y))
        loss = keras.losses.Poisson()
        # The loss of the truth itself is not 0; what counts is how far above it a prediction stays.
        least = float(loss(y, y))
        blind = float(loss(y, np.broadcast_to(y.mean((0, 1)), y.shape))) - least
    model.compile(keras.optimizers.Adam(5e-3), loss)
    for _ in range(80):
        model.train_on_batch(x, y)
    reached = float(loss(y, model.predict_on_batch(x))) - least
    assert reached < 0.5 * blind, f"{reached:.3f} of {blind:.3f}, which the base rates alone reach"


def linear_of(model, y):
    """Return the output bias that starts at each target's mean."""
    mean = y.mean((0, 1)).astype("float64")
    if "counts" in [layer.name for layer in model.layers]:
        return np.log1p(mean * y.shape[1])
    return np.log(np.expm1(mean))


@every_model
def test_strands(entry):
    model = make(entry)
    codes = random_codes(entry)
    other = reverse_complement(codes)
    forward, again, reverse = (outputs(model, one_hot(c).astype("float32")) for c in (codes, codes, other))
    np.testing.assert_array_equal(forward, again)
    assert np.isfinite(reverse).all()
    if entry.name in INVARIANT:
        np.testing.assert_array_equal(forward, reverse)
    else:
        assert (forward != (reverse[:, ::-1] if entry.task == "coverage" else reverse)).any()
    # Averaged over both strands, every network says the same of both.
    predictor = Predictor(model, batch_size=8, strand_average=True)
    if entry.task == "coverage":
        np.testing.assert_allclose(
            predictor.coverage(codes), predictor.coverage(other)[:, ::-1], rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(
            predictor.coverage(codes), (forward + reverse[:, ::-1]) / 2, rtol=1e-4, atol=1e-5
        )
    else:
        np.testing.assert_allclose(predictor.logits(codes), predictor.logits(other), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            predictor.probabilities(codes), (forward + reverse) / 2, rtol=1e-4, atol=1e-6
        )


@every_preset
def test_receptive_field_by_gradient_equals_the_formula(entry, preset):
    model = build_model(entry.name, preset.window, 1, preset.name)
    if reach_by_layer(model)[spatial_layer(model)] is None:
        assert any(
            isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional)) for layer in model.layers
        )
        pytest.skip("recurrent, and nothing but single bases before it: it sees the whole window")
    found = receptive_field_by_formula(model)
    assert receptive_field(model) == found
    assert found == KNOWN_REACH.get((entry.name, preset.name), found)
    assert 1 < found <= preset.window


@every_model
def test_mixed_precision_ends_in_float32(entry):
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = make(entry)
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    out = model(random_input(entry))
    assert keras.backend.standardize_dtype(out.dtype) == "float32"
    assert np.isfinite(keras.ops.convert_to_numpy(out)).all()
    ends = {"logits", "probabilities", "linear", "coverage", "profile", "counts"}
    for layer in model.layers:
        if layer.name in ends:
            assert layer.compute_dtype == "float32", layer.name
    assert any(layer.compute_dtype == "bfloat16" for layer in model.layers)
    # All weights stay in float32, and the numbers near those of full precision.
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(out), outputs(make(entry), random_input(entry)), rtol=0.1, atol=0.05
    )


@every_preset
def test_a_window_that_is_too_short_is_refused(entry, preset):
    least = preset.min_window
    if least < 2:
        pytest.skip("takes any length")
    with pytest.raises(InputError, match=f"at least {least} bp"):
        build_model(entry.name, least - 1, TARGETS, preset.name)
    if preset.parameters < 10_000_000:
        assert build_model(entry.name, least, TARGETS, preset.name).input_shape[1] == least


@every_model
def test_seven_channels_for_bases_with_structure(entry):
    model = make(entry, channels=7)
    assert model.input_shape[-1] == 7
    x = random_input(entry, channels=7)
    out = outputs(model, x)
    assert np.isfinite(out).all()
    x[..., 4:] = x[..., [6, 4, 5]]
    assert (outputs(model, x) != out).any()


@every_model
def test_unknown_names_are_refused(entry):
    with pytest.raises(InputError, match="no option 'filter_count'"):
        make(entry, filter_count=3)
    known = next(iter(entry.options(smallest(entry).name)))
    with pytest.raises(InputError, match=f"Did you mean '{known}'"):
        make(entry, **{known + "x": 3})
    with pytest.raises(InputError, match="no preset 'publishd'"):
        make(entry, preset="publishd")


@every_model
def test_options_are_the_builders_own(entry):
    for preset in entry.presets:
        options = entry.options(preset.name)
        json.dumps(options)
    # Every default may be given by name, and then changes nothing.
    same = make(entry, **entry.options(smallest(entry).name))
    assert same.count_params() == make(entry).count_params()
