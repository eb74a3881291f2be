"""DanQ is the paper's network, layer by layer."""

import keras
import pytest

from seqdl.errors import InputError
from seqdl.models import build_model


@pytest.mark.slow
def test_published_layer_by_layer():
    model = build_model("danq", 1000, 919)
    shape = {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers}
    assert shape["conv1"] == (975, 320)
    assert shape["conv1_pool"] == (75, 320)
    assert shape["bidirectional_lstm"] == (75, 640)
    assert shape["flatten"] == (48_000,)
    assert shape["dense"] == (925,)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.2, 0.5]
    # Convolution, two LSTMs of four gates, two dense layers: by hand.
    lstm = 4 * (320 * (320 + 320) + 320)
    assert model.count_params() == (4 * 26 + 1) * 320 + 2 * lstm + 48_001 * 925 + 926 * 919


def test_cells_differ_in_their_gates():
    counts = {}
    for cell in ("lstm", "gru"):
        model = build_model("danq", 200, 1, "small", cell=cell, units=5)
        counts[cell] = model.get_layer(f"bidirectional_{cell}").count_params()
    # Keras's GRU has a second bias, on the recurrent side.
    assert counts == {"lstm": 2 * 4 * (128 * 5 + 5 * 5 + 5), "gru": 2 * 3 * (128 * 5 + 5 * 5 + 2 * 5)}


@pytest.mark.parametrize(
    "wrong",
    [{"cell": "rnn"}, {"padding": "causal"}, {"filters": 0}, {"units": 2.5}, {"conv_dropout": 1.0},
     {"activation": "rely"}],
)  # fmt: skip
def test_senseless_sizes_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        build_model("danq", 1000, 2, "small", **wrong)
