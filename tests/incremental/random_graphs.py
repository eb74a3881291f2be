"""Random networks of the layers that the engine knows, and what they are tested with."""

from __future__ import annotations

import keras
import numpy as np
from hypothesis import strategies as st
from keras import layers

from seqdl.encoding import one_hot
from seqdl.interpret.mutagenesis.edits import Edits, apply_edits
from tests.interpret.random_networks import randomised

LENGTH = 36


def random_graph(draw):
    """Draw a network: convolutions, poolings, skips and joins, then one of the ends; (b, 36, 4) to (b, 2).

    It is built in the test, by `data.draw`: Keras's layers draw seeds of their own, which no strategy may.
    """
    channels = draw(st.integers(2, 3))
    inputs = x = keras.Input((LENGTH, 4))
    x = convolution(draw, channels)(x)
    tensors = [x]
    for _ in range(draw(st.integers(1, 5))):
        x = draw(st.sampled_from(tensors))
        what = draw(st.sampled_from(["convolution", "pointwise", "pool", "join", "ends", "residual"]))
        if what == "join":
            partners = [item for item in tensors if item.shape == x.shape]
            x = join(draw)([x, draw(st.sampled_from(partners))])
        elif what == "residual":
            branch = convolution(draw, x.shape[-1], padding="same", stride=1)(x)
            x = layers.Add()([x, branch])
        else:
            x = {"convolution": lambda: convolution(draw, channels), "pointwise": lambda: pointwise(draw),
                 "pool": lambda: pool(draw), "ends": lambda: ends(draw)}[what]()(x)  # fmt: skip
        if x.shape[1] >= 8:
            tensors.append(x)
    return randomised(keras.Model(inputs, ending(draw, tensors[-1])), draw(st.integers(0, 99)))


def convolution(draw, channels, padding=None, stride=None):
    padding = padding or draw(st.sampled_from(["valid", "same", "causal"]))
    stride = stride or draw(st.sampled_from([1, 1, 2, 3]))
    size, kind = draw(st.integers(1, 5)), draw(st.sampled_from(["plain", "plain", "separable", "depthwise"]))
    activation = draw(st.sampled_from([None, "relu", "tanh"]))
    rate = draw(st.integers(1, 3)) if stride == 1 and kind == "plain" else 1
    options = {"padding": padding, "strides": stride, "activation": activation, "dilation_rate": rate}
    if size == 1 and padding == "causal":
        options["padding"] = "same"
    if kind != "plain" and padding == "causal":
        options["padding"] = "same"
    if kind == "depthwise":
        return layers.DepthwiseConv1D(size, **options)
    if kind == "separable":
        return layers.SeparableConv1D(channels, size, **options)
    return layers.Conv1D(channels, size, use_bias=draw(st.booleans()), **options)


def pool(draw):
    kind = draw(st.sampled_from([layers.MaxPooling1D, layers.AveragePooling1D]))
    size = draw(st.integers(2, 4))
    return kind(size, strides=draw(st.integers(1, size)), padding=draw(st.sampled_from(["valid", "same"])))


def pointwise(draw):
    make = draw(st.sampled_from([
        layers.BatchNormalization, layers.LayerNormalization, lambda: layers.Activation("gelu"),
        lambda: layers.Dropout(0.5), lambda: layers.Dense(3), lambda: layers.Dense(2, activation="sigmoid"),
        lambda: layers.LeakyReLU(0.1),
    ]))  # fmt: skip
    return make()


def ends(draw):
    kind = draw(st.sampled_from([layers.Cropping1D, layers.ZeroPadding1D]))
    return kind((draw(st.integers(0, 2)), draw(st.integers(0, 2))))


def join(draw):
    kinds = [layers.Add, layers.Multiply, layers.Maximum, layers.Average, layers.Subtract, layers.Concatenate]
    return draw(st.sampled_from(kinds))()


def ending(draw, x):
    how = draw(st.sampled_from(["flat", "flat", "mean", "max", "none"]))
    if how == "flat":
        x = layers.Dense(3, activation="tanh")(layers.Flatten()(x))
    elif how == "none":
        return layers.Dense(2)(layers.Activation("tanh")(x))
    else:
        x = {"mean": layers.GlobalAveragePooling1D, "max": layers.GlobalMaxPooling1D}[how]()(x)
    return layers.Dense(2)(x)


def outputs_of(model, codes):
    """Return what whole passes give, for codes (n, L)."""
    return np.asarray(keras.ops.convert_to_numpy(model(one_hot(codes).astype("float32"), training=False)))


def substitutions(codes, width, seed=0):
    """Draw new bases (N among them) for every place of every sequence."""
    places = codes.shape[1] - width + 1
    rows, starts = np.repeat(np.arange(len(codes)), places), np.tile(np.arange(places), len(codes))
    words = np.random.default_rng(seed).integers(0, 5, (len(rows), width)).astype(np.uint8)
    return Edits(rows, starts, width, words)


def assert_equal_everywhere(engine, model, codes, width=1):
    """Compare an engine with whole passes, for a change at every place, to 1e-5 of the largest output."""
    edits = substitutions(codes, width)
    expected = outputs_of(model, apply_edits(codes, edits))
    found = engine.evaluate(codes, edits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * max(1e-3, np.abs(expected).max()))
