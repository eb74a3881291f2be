"""DeepSEA is the paper's network, and its presets keep one shape of interface."""

import keras
import numpy as np
import pytest

from seqdl.errors import InputError
from seqdl.models import build_model, get_entry
from seqdl.models.deepsea import CONFIGS

PRESETS = list(CONFIGS)


def test_published_layer_by_layer():
    model = build_model("deepsea", 1000, 919)
    assert model.count_params() == 52_843_119
    shape = {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers}
    assert shape["conv1"] == (993, 320)
    assert shape["conv2"] == (241, 480)
    assert shape["conv3"] == (53, 960)
    assert shape["flatten"] == (50_880,)
    assert shape["dense"] == (925,)
    assert shape["logits"] == shape["probabilities"] == (919,)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.2, 0.2, 0.5]


def test_published_regularisation():
    model = build_model("deepsea", 200, 3)
    with_kernel = [layer for layer in model.layers if hasattr(layer, "kernel")]
    assert [layer.name for layer in with_kernel] == ["conv1", "conv2", "conv3", "dense", "logits"]
    for layer in with_kernel:
        assert float(layer.kernel_regularizer.l2) == pytest.approx(5e-7)
        # The limit holds for every filter and unit, over all of its inputs.
        big = np.random.default_rng(0).normal(0, 9, layer.kernel.shape).astype("float32")
        bound = keras.ops.convert_to_numpy(layer.kernel_constraint(big))
        norms = np.sqrt((bound**2).reshape(-1, bound.shape[-1]).sum(axis=0))
        np.testing.assert_allclose(norms, 0.9, rtol=1e-4)
    assert float(model.get_layer("logits").activity_regularizer.l1) == pytest.approx(1e-8)


@pytest.mark.parametrize("preset", PRESETS)
def test_interface_and_shortest_window(preset):
    shortest = get_entry("deepsea").preset(preset).min_window
    model = build_model("deepsea", shortest, 2, preset)
    assert model.input_shape == (None, shortest, 4)
    assert model.input.name == "sequence"
    assert [layer.name for layer in model.layers[-2:]] == ["logits", "probabilities"]
    x = np.zeros((3, shortest, 4), "float32")
    out = keras.ops.convert_to_numpy(model(x))
    assert out.shape == (3, 2)
    assert ((out > 0) & (out < 1)).all()
    with pytest.raises(InputError, match=f"at least {shortest} bp"):
        build_model("deepsea", shortest - 1, 2, preset)


@pytest.mark.parametrize("preset", PRESETS)
def test_output_bias_sets_the_base_rates(preset):
    rates = np.array([0.01, 0.2, 0.5])
    model = build_model("deepsea", 300, 3, preset, output_bias=np.log(rates / (1 - rates)), dense_units=4)
    model.get_layer("logits").kernel.assign(np.zeros((4, 3)))
    out = keras.ops.convert_to_numpy(model(np.zeros((1, 300, 4), "float32")))[0]
    np.testing.assert_allclose(out, rates, rtol=1e-5)
    for wrong in (np.zeros(2), np.array([0, np.inf, 0])):
        with pytest.raises(InputError, match="one finite logit a target"):
            build_model("deepsea", 300, 3, preset, output_bias=wrong)


def test_overrides_change_one_thing():
    config = get_entry("deepsea").options("small")
    small = build_model(
        "deepsea", 400, 2, "small", filters=[4, 5], kernel_sizes=[3, 3], pool_sizes=[2, 2], dropouts=[0, 0]
    )
    assert small.get_layer("conv1").filters == 4
    assert small.get_layer("conv2").filters == 5
    assert small.get_layer("dense").units == config["dense_units"]
    towered = build_model("deepsea", 400, 2, "small", dilated_blocks=2, head_filters=8, head_pool=2)
    assert towered.get_layer("dilated2").dilation_rate == (4,)
    assert towered.get_layer("head").filters == 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"filters": [4]}, {"filters": []}, {"filters": 4}, {"dropouts": [0.1, 0.2, 1.0]},
        {"kernel_sizes": [3, 3, 0]},
        {"padding": "causal"}, {"dense_units": 0}, {"dilated_blocks": -1}, {"activation": "rely"},
        {"kernel_l2": -1}, {"dense_units": "64"},
    ],
)  # fmt: skip
def test_senseless_sizes_are_refused(wrong):
    with pytest.raises(InputError):
        build_model("deepsea", 1000, 2, "small", **wrong)


def test_mixed_precision_keeps_the_end_in_float32():
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_model("deepsea", 200, 2, "small")
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert model.get_layer("conv1").compute_dtype == "bfloat16"
    assert (
        model.get_layer("logits").compute_dtype == model.get_layer("probabilities").compute_dtype == "float32"
    )
