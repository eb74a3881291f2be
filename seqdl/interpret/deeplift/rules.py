"""Which rule each layer has: the table that a walk through a network looks layers up in.

A layer whose class is not in the table is refused by name: passed through as if it were linear, its numbers
would look as good as the others and be wrong.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers, ops

from seqdl.errors import InputError
from seqdl.interpret.deeplift import pairs as rule
from seqdl.interpret.deeplift.pairs import Pair

# Layer class -> function(layer, *inputs, **keywords) -> Pair. Looked up by the exact class: a subclass may
# compute something else.
RULES: dict[type, Callable] = {}

# Activation -> its derivative d(x, y); None: taken by difference. All work number by number.
ACTIVATIONS: dict[Callable, Callable | None] = {
    keras.activations.relu: lambda x, y: ops.cast(x > 0, x.dtype),
    keras.activations.sigmoid: lambda x, y: y * (1 - y),
    keras.activations.tanh: lambda x, y: 1 - y * y,
    keras.activations.softplus: lambda x, y: ops.sigmoid(x),
    keras.activations.exponential: lambda x, y: y,
    **{
        getattr(keras.activations, name): None
        for name in ("elu", "gelu", "hard_sigmoid", "leaky_relu", "log_sigmoid", "mish", "relu6", "selu",
                     "silu", "softsign", "hard_tanh", "hard_silu", "celu", "squareplus", "tanh_shrink",
                     "soft_shrink")
        if hasattr(keras.activations, name)
    },
}  # fmt: skip


def register_rule(*classes: type) -> Callable:
    """Register the rule of layer classes; for a layer of your own as for Keras's.

    Parameters
    ----------
    *classes : type
        Subclasses of `keras.layers.Layer`.

    Returns
    -------
    callable
        A decorator of ``rule(layer, *inputs, **keywords) -> Pair``, where inputs are what the layer is called
        with, each tensor as a `seqdl.interpret.deeplift.pairs.Pair`. Compose it of that module's functions,
        which keep the sum of all contributions exact.

    Examples
    --------
    >>> @register_rule(MyGate)  # doctest: +SKIP
    ... def gate(layer, x, y):
    ...     return multiply(x, elementwise(ops.sigmoid, y))
    """

    def decorator(function: Callable) -> Callable:
        for each in classes:
            RULES[each] = function
        return function

    return decorator


def apply_rule(layer, *args, **keywords) -> Pair | list[Pair]:
    """Apply a layer's rule to pairs.

    Raises
    ------
    InputError
        If there is none.
    """
    found = RULES.get(type(layer))
    if found is None:
        raise InputError(
            f"DeepLIFT has no rule for the layer {layer.name!r} ({type(layer).__name__}), and without one "
            "its contributions would be wrong. Register one with seqdl.interpret.deeplift.register_rule, or "
            "use integrated_gradients, which needs none."
        )
    return found(layer, *args, **keywords)


def activation(function: Callable, pair: Pair) -> Pair:
    """Apply an activation function of Keras.

    Parameters
    ----------
    function : callable
        From `keras.activations`; None and linear change nothing.
    pair : Pair

    Raises
    ------
    InputError
        If it is not known to work number by number (softmax and log_softmax have rules of their own).
    """
    if function is keras.activations.linear or function is None:
        return pair
    if function is keras.activations.softmax:
        return rule.softmax(pair, len(pair.shape) - 1)
    if function is keras.activations.log_softmax:
        axis = len(pair.shape) - 1
        total = rule.log_sum_exp(pair, axis)
        return rule.linear(lambda x, t: x - ops.expand_dims(t, axis), pair, total)
    if function not in ACTIVATIONS:
        name = getattr(function, "__name__", type(function).__name__)
        raise InputError(
            f"DeepLIFT does not know the activation {name!r}. If it works number by number, put it into a "
            "layer of its own and register its rule with seqdl.interpret.deeplift.register_rule."
        )
    return rule.elementwise(function, pair, ACTIVATIONS[function])


@register_rule(
    layers.InputLayer, layers.BatchNormalization, layers.Dropout, layers.SpatialDropout1D,
    layers.GaussianNoise, layers.GaussianDropout, layers.AlphaDropout, layers.ActivityRegularization,
    layers.Identity, layers.Rescaling, layers.Flatten, layers.Reshape, layers.Permute, layers.RepeatVector,
    layers.Cropping1D, layers.ZeroPadding1D, layers.UpSampling1D, layers.AveragePooling1D,
    layers.GlobalAveragePooling1D,
)  # fmt: skip
def _linear(layer, pair: Pair, mask=None) -> Pair:
    if mask is not None:
        raise InputError(
            f"DeepLIFT has no rule for the layer {layer.name!r} ({type(layer).__name__}) with a mask."
        )
    return rule.linear(layer, pair)


@register_rule(layers.Add, layers.Subtract, layers.Average, layers.Concatenate)
def _joined(layer, inputs: list[Pair]) -> Pair:
    return rule.linear(lambda *tensors: layer(list(tensors)), *inputs)


@register_rule(
    layers.Conv1D, layers.SeparableConv1D, layers.DepthwiseConv1D, layers.Conv1DTranspose, layers.Dense,
    layers.EinsumDense,
)  # fmt: skip
def _linear_with_activation(layer, pair: Pair) -> Pair:
    return activation(layer.activation, rule.linear(_without_activation(layer), pair))


def _without_activation(layer) -> Callable:
    """Return a function that calls a layer up to its activation.

    The layer's own code runs, whatever its padding, groups or quantisation; only what it calls last is taken
    out while it does.
    """

    def call(x):
        kept, layer.activation = layer.activation, keras.activations.linear
        try:
            return layer(x)
        finally:
            layer.activation = kept

    return call


@register_rule(layers.Activation)
def _activation(layer, pair: Pair) -> Pair:
    return activation(layer.activation, pair)


@register_rule(layers.ReLU, layers.ELU)
def _elementwise(layer, pair: Pair) -> Pair:
    return rule.elementwise(layer.call, pair)


@register_rule(layers.LeakyReLU)
def _leaky_relu(layer, pair: Pair) -> Pair:
    slope = layer.negative_slope
    return rule.elementwise(lambda x: ops.maximum(x, 0) + slope * ops.minimum(x, 0), pair)


@register_rule(layers.PReLU)
def _prelu(layer, pair: Pair) -> Pair:
    slope = ops.convert_to_tensor(layer.alpha)
    return rule.elementwise(lambda x: ops.maximum(x, 0) + slope * ops.minimum(x, 0), pair)


@register_rule(layers.Softmax)
def _softmax(layer, pair: Pair, mask=None) -> Pair:
    axis = layer.axis if isinstance(layer.axis, int) else None
    if axis is None or mask is not None:
        raise InputError(
            f"DeepLIFT has a rule for a softmax over one axis without a mask; {layer.name!r} is another."
        )
    return rule.softmax(pair, axis % len(pair.shape))


@register_rule(layers.Multiply)
def _multiply(layer, inputs: list[Pair]) -> Pair:
    out = inputs[0]
    for factor in inputs[1:]:
        out = rule.multiply(out, factor)
    return out


@register_rule(layers.Maximum)
def _maximum(layer, inputs: list[Pair]) -> Pair:
    stacked = rule.linear(lambda *tensors: ops.stack(tensors, axis=1), *inputs)
    return rule.maximum(stacked, 1)


@register_rule(layers.Minimum)
def _minimum(layer, inputs: list[Pair]) -> Pair:
    stacked = rule.linear(lambda *tensors: -ops.stack(tensors, axis=1), *inputs)
    return rule.linear(ops.negative, rule.maximum(stacked, 1))


@register_rule(layers.MaxPooling1D)
def _max_pooling(layer, pair: Pair) -> Pair:
    size, stride = (
        value[0] if isinstance(value, (tuple, list)) else value for value in (layer.pool_size, layer.strides)
    )
    if layer.data_format != "channels_last":
        raise InputError(f"DeepLIFT needs channels last; the layer {layer.name!r} has them first.")
    return rule.maximum(rule.linear(lambda x: _pools(x, size, stride, layer.padding), pair), 2)


def _pools(x, size: int, stride: int, padding: str):
    """Cut (b, length, channels) into pools, (b, pools, size, channels)."""
    length, channels = x.shape[1], x.shape[2]
    if padding == "same":
        pools = -(-length // stride)
        missing = max((pools - 1) * stride + size - length, 0)
        if missing:  # the same on both sides of a pair, and never the largest
            x = ops.pad(x, [[0, 0], [missing // 2, missing - missing // 2], [0, 0]], constant_values=-1e30)
    else:
        pools = (length - size) // stride + 1
    if stride == size:
        if pools * size < x.shape[1]:
            # TensorFlow's gradient of x[:, :n] takes as long as a convolution; that of slice does not.
            x = ops.slice(x, (0, 0, 0), (x.shape[0], pools * size, channels))
        return ops.reshape(x, (-1, pools, size, channels))
    last = (pools - 1) * stride + 1
    return ops.stack([x[:, first : first + last : stride] for first in range(size)], axis=2)


@register_rule(layers.GlobalMaxPooling1D)
def _global_max_pooling(layer, pair: Pair) -> Pair:
    out = rule.maximum(pair, 1)
    return rule.linear(lambda x: ops.expand_dims(x, 1), out) if layer.keepdims else out


@register_rule(layers.LayerNormalization)
def _layer_normalization(layer, pair: Pair) -> Pair:
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    axes = [axis % len(pair.shape) for axis in axes]
    if 0 in axes:
        raise InputError(
            f"The layer {layer.name!r} normalises over the batch: its examples are not separate."
        )
    centred = pair
    if not getattr(layer, "rms_scaling", False):
        centred = rule.linear(lambda x: x - ops.mean(x, axis=axes, keepdims=True), pair)
    out = _scaled(centred, axes, layer.epsilon)

    def weigh(x):
        shape = [x.shape[axis] if axis in axes else 1 for axis in range(len(x.shape))]
        x = x * ops.reshape(layer.gamma, shape) if layer.gamma is not None else x
        return x + ops.reshape(layer.beta, shape) if layer.beta is not None else x

    return rule.linear(weigh, out)


def _scaled(centred: Pair, axes: list[int], epsilon: float) -> Pair:
    """Divide by the root of the mean square: square, mean, root, and a product of two changing factors."""
    squares = rule.elementwise(ops.square, centred, lambda x, y: 2 * x)
    mean = rule.linear(lambda x: ops.mean(x, axis=axes, keepdims=True), squares)
    factor = rule.elementwise(lambda x: ops.rsqrt(x + epsilon), mean, lambda x, y: -y * y * y / 2)
    return rule.multiply(centred, factor)
