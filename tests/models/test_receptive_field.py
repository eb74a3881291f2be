"""Gradient and formula agree on random stacks of layers; known networks have the known reach."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from seqdl.errors import InputError
from seqdl.models import build_model
from seqdl.models.reach import Reach, reach_by_layer, spatial_layer
from seqdl.models.receptive_field import receptive_field, receptive_field_by_formula

step = st.one_of(
    st.tuples(
        st.just("conv"), st.integers(1, 6), st.integers(1, 3), st.sampled_from(["same", "valid", "causal"])
    ),
    st.tuples(st.just("separable"), st.integers(1, 6), st.just(1), st.sampled_from(["same", "valid"])),
    st.tuples(st.just("max"), st.integers(1, 4), st.integers(1, 3), st.sampled_from(["same", "valid"])),
    st.tuples(st.just("average"), st.integers(1, 4), st.integers(1, 3), st.sampled_from(["same", "valid"])),
    st.tuples(st.just("stride"), st.integers(1, 6), st.integers(1, 3), st.sampled_from(["same", "valid"])),
    st.tuples(st.just("residual"), st.integers(1, 5), st.integers(1, 3), st.just("same")),
    st.tuples(st.just("concat"), st.integers(1, 5), st.integers(1, 3), st.just("same")),
    st.tuples(st.just("crop"), st.integers(0, 3), st.integers(0, 3), st.just("")),
    st.tuples(st.just("pad"), st.integers(0, 3), st.integers(0, 3), st.just("")),
)


def stack(steps, window=120):
    x = inputs = keras.Input((window, 4))
    for kind, a, b, padding in steps:
        if kind == "conv":
            x = layers.Conv1D(3, a, dilation_rate=b, padding=padding, activation="gelu")(x)
        elif kind == "separable":
            x = layers.SeparableConv1D(3, a, padding=padding)(x)
        elif kind == "stride":
            x = layers.Conv1D(2, a, strides=b, padding=padding)(x)
        elif kind == "max":
            x = layers.MaxPooling1D(a, b, padding=padding)(layers.ReLU()(x))
        elif kind == "average":
            x = layers.AveragePooling1D(a, b, padding=padding)(layers.Dropout(0.5)(x))
        elif kind == "residual":
            x = layers.Dense(3)(x)
            x = layers.Add()(
                [x, layers.BatchNormalization()(layers.Conv1D(3, a, dilation_rate=b, padding="same")(x))]
            )
        elif kind == "concat":
            x = layers.Concatenate()([x, layers.Conv1D(2, a, dilation_rate=b, padding="same")(x)])
        elif kind == "crop":
            x = layers.Cropping1D((a, b))(x)
        else:
            x = layers.ZeroPadding1D((a, b))(x)
    # A step that sees one base alone would leave nothing to compare.
    x = layers.Conv1D(1, 2, padding="same")(x)
    return keras.Model(inputs, layers.Dense(1)(layers.Flatten()(x)))


@pytest.mark.slow
@settings(max_examples=10)
@given(steps=st.lists(step, min_size=1, max_size=4))
def test_gradient_equals_formula(steps):
    model = stack(steps)
    assert receptive_field(model) == receptive_field_by_formula(model)


def test_the_formula_of_a_stack_by_hand():
    x = inputs = keras.Input((1000, 4), name="in")
    x = layers.Conv1D(2, 5, name="a")(x)
    x = layers.MaxPooling1D(4, name="b")(x)
    x = layers.Conv1D(2, 3, dilation_rate=8, padding="same", name="c")(x)
    model = keras.Model(inputs, layers.LSTM(3, name="d")(x))
    assert reach_by_layer(model) == {
        "in": Reach(1, 0, 0),
        "a": Reach(1, 0, 4),
        "b": Reach(4, 0, 7),
        "c": Reach(4, -32, 39),
        "d": None,
    }
    assert spatial_layer(model) == "c"
    assert [receptive_field_by_formula(model, name) for name in "abcd"] == [5, 8, 72, 1000]


def test_only_bases_within_the_window_count():
    model = build_model("bpnet", 1000, 1)
    assert receptive_field_by_formula(model, "profile") == 1000
    assert receptive_field_by_formula(model, "profile", within=False) == 2093
    assert receptive_field_by_formula(model, "coverage") == 1000


@pytest.mark.parametrize("layer", ["conv1", "conv2_pool", "logits"])
def test_other_layers_can_be_asked_for(layer):
    model = build_model("deepsea", 300, 2, "small")
    expected = {"conv1": 15, "conv2_pool": 62, "logits": 300}[layer]
    assert receptive_field_by_formula(model, layer) == receptive_field(model, layer) == expected


def test_what_is_not_known_is_said():
    inputs = keras.Input((60, 4))
    x = layers.Conv1DTranspose(2, 3, name="upwards")(inputs)
    with pytest.raises(InputError, match="'upwards' .Conv1DTranspose. is not known.*reach_step"):
        receptive_field_by_formula(keras.Model(inputs, x))
    model = build_model("deepsea", 300, 2, "small")
    for function in (receptive_field, receptive_field_by_formula):
        with pytest.raises(InputError, match="Did you mean 'conv1'"):
            function(model, "conv_1")
    shared = layers.Conv1D(4, 3, padding="same", name="shared")
    with pytest.raises(InputError, match="'shared' is used more than once"):
        receptive_field_by_formula(keras.Model(inputs, shared(shared(inputs))))
    sequential = keras.Sequential([inputs, layers.Conv1D(2, 3)])
    with pytest.raises(InputError, match="a Sequential; write"):
        receptive_field_by_formula(sequential)
    functional = keras.Model(sequential.inputs, sequential.outputs)
    assert receptive_field_by_formula(functional) == 3
    uneven = layers.Concatenate(name="uneven", axis=1)(
        [layers.Conv1D(2, 3)(inputs), layers.MaxPooling1D(2)(layers.Conv1D(2, 3)(inputs))]
    )
    with pytest.raises(InputError, match="'uneven' joins inputs"):
        receptive_field_by_formula(keras.Model(inputs, uneven))


def test_a_layer_may_say_its_own_reach():
    class Next(layers.Layer):
        def call(self, x):
            return keras.ops.concatenate([x[:, 1:], keras.ops.zeros_like(x[:, :1])], axis=1)

        def reach_step(self, length):
            return 1, 1, 1

    inputs = keras.Input((60, 4))
    x = layers.Conv1D(2, 3, padding="same")(Next()(inputs))
    model = keras.Model(inputs, x)
    assert reach_by_layer(model)[model.layers[-1].name] == Reach(1, 0, 2)
    assert receptive_field(model) == receptive_field_by_formula(model) == 3
    assert np.prod(model.output_shape[1:]) == 120
