"""OneHot: the graph's one-hot equals the array's, for every code and dtype."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.encoding import one_hot
from seqdl.layers import OneHot


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_equals_the_array_version(codes):
    codes = np.array([codes], np.uint8)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(OneHot()(codes)), one_hot(codes))


@pytest.mark.parametrize("dtype", ["float32", "float16", "mixed_bfloat16"])
def test_output_has_the_compute_dtype(dtype):
    layer = OneHot(dtype=dtype)
    x = layer(np.zeros((2, 7), np.uint8))
    assert keras.backend.standardize_dtype(x.dtype) == layer.compute_dtype
    assert layer.compute_output_shape((None, 7)) == (None, 7, 4)


def test_symbolic_input_keeps_its_integer_type():
    codes = keras.Input((9,), dtype="uint8")
    out = OneHot()(codes)
    assert tuple(out.shape) == (None, 9, 4)
    assert out.dtype == "float32"


def test_round_trip_through_its_configuration():
    layer = OneHot(name="front")
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(twin, OneHot)
    assert twin.get_config() == layer.get_config()
    assert keras.saving.get_registered_name(OneHot) == "seqdl>OneHot"
