"""Basset is the paper's network, layer by layer."""

import keras
import numpy as np
import pytest

from seqdl.errors import InputError
from seqdl.models import build_model


def test_published_layer_by_layer():
    model = build_model("basset", 600, 164)
    shape = {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers}
    assert shape["conv1"] == (582, 300)
    assert shape["conv1_pool"] == (194, 300)
    assert shape["conv2_pool"] == (46, 200)
    assert shape["conv3_pool"] == (10, 200)
    assert shape["flatten"] == (2000,)
    assert shape["dense1"] == shape["dense2"] == (1000,)
    names = [layer.name for layer in model.layers]
    order = ["conv1", "conv1_norm", "conv1_activation", "conv1_pool"]
    assert names[1:5] == order
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.3, 0.3]


def test_published_norms_are_limited():
    model = build_model("basset", 300, 3)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            big = np.random.default_rng(0).normal(0, 90, layer.kernel.shape).astype("float32")
            bound = keras.ops.convert_to_numpy(layer.kernel_constraint(big))
            norms = np.sqrt((bound**2).reshape(-1, bound.shape[-1]).sum(axis=0))
            np.testing.assert_allclose(norms, 7, rtol=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [{"filters": [4]}, {"dense_units": []}, {"dense_units": 7}, {"dense_dropouts": [1.5]}, {"padding": "no"},
     {"max_norm": -1}, {"pool_sizes": [3, 0, 4]}],
)  # fmt: skip
def test_senseless_sizes_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        build_model("basset", 1000, 2, "small", **wrong)
