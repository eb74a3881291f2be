"""Which bases the positions of each layer see, from the layers' widths, strides and dilations."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from seqdl.errors import InputError

if TYPE_CHECKING:
    import keras

CONVOLUTIONS = {"Conv1D", "SeparableConv1D", "DepthwiseConv1D"}
_POOLINGS = {"MaxPooling1D", "AveragePooling1D"}
# What looks at one position at a time, or at the same position of several inputs.
_POINTWISE = {
    "InputLayer", "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "BatchNormalization", "Dropout",
    "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "Dense", "Masking", "Identity", "Rescaling",
    "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "ActivityRegularization",
    "ExpLinear", "SigmoidGELU",
}  # fmt: skip


class Reach(NamedTuple):
    """What the positions of a layer see: position p sees the bases p * jump + first to p * jump + last.

    Attributes
    ----------
    jump : int
        Bases from one position to the next.
    first, last : int
        0-based, both included, may lie outside the window.
    """

    jump: int = 1
    first: int = 0
    last: int = 0

    def bases(self, position: int, window: int) -> int:
        """Count the bases of the window that a position sees."""
        first = max(position * self.jump + self.first, 0)
        last = min(position * self.jump + self.last, window - 1)
        return max(last - first + 1, 0)


def reach_by_layer(model: keras.Model) -> dict[str, Reach | None]:
    """Work out what the positions of every layer see, from widths, strides and dilations.

    Parameters
    ----------
    model : keras.Model
        Functional, with one input (batch, window, channels).

    Returns
    -------
    reaches : dict
        The layer's name → `Reach`, or None where every output sees the whole window (after a
        flattening, a global pooling, a recurrent layer, attention). In the order of the layers.

    Raises
    ------
    InputError
        If the model is not a functional one, uses a layer twice, or holds a layer whose reach is not
        known. A layer of your own may say it in a method ``reach_step(length) -> (jump, first, last)``,
        or None, in positions of its input.
    """
    if not hasattr(model, "operations"):
        raise InputError(
            f"A receptive field needs a functional model. Received: a {type(model).__name__}; write "
            "keras.Model(model.inputs, model.outputs)."
        )
    tensors: dict[int, Reach | None] = {}
    reaches: dict[str, Reach | None] = {}
    calls = {item["config"]["name"]: len(item["inbound_nodes"]) for item in model.get_config()["layers"]}
    for layer in model.operations:
        if calls[layer.name] > 1:
            raise InputError(
                f"The layer {layer.name!r} is used more than once, so what it sees is not one number."
            )
        inputs, outputs = _listed(layer.input), _listed(layer.output)
        if type(layer).__name__ == "InputLayer":
            reach: Reach | None = Reach()
        else:
            reach = _after(layer, inputs, outputs, [tensors[id(tensor)] for tensor in inputs])
        tensors |= {id(tensor): reach for tensor in outputs}
        reaches[layer.name] = reach
    return reaches


def _listed(tensors) -> list:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def _after(layer, inputs: list, outputs: list, seen: list[Reach | None]) -> Reach | None:
    """Combine what the inputs see with what the layer does."""
    if any(reach is None for reach in seen) or any(len(tensor.shape) != 3 for tensor in outputs):
        return None
    if len({reach.jump for reach in seen}) > 1:
        jumps = " and ".join(str(reach.jump) for reach in seen)
        raise InputError(
            f"The layer {layer.name!r} joins inputs whose positions are {jumps} bases apart, so its "
            "receptive field is not the same everywhere."
        )
    before = Reach(seen[0].jump, min(r.first for r in seen), max(r.last for r in seen))
    step = layer_step(layer, inputs[0].shape[1])
    if step is None:
        return None
    jump, first, last = step
    return Reach(before.jump * jump, before.jump * first + before.first, before.jump * last + before.last)


def layer_step(layer: keras.layers.Layer, length: int) -> tuple[int, int, int] | None:
    """Say which positions of its input a layer's position p sees: p * jump + first to p * jump + last.

    Parameters
    ----------
    layer : keras.layers.Layer
        A layer with a three-dimensional output.
    length : int
        Positions of its input: "same" padding depends on it where there are strides.

    Returns
    -------
    step : (jump, first, last), or None
        None where each output sees all positions.

    Raises
    ------
    InputError
        If the layer is not known.
    """
    kind = type(layer).__name__
    if hasattr(layer, "reach_step"):
        return layer.reach_step(length)
    if kind in CONVOLUTIONS or kind in _POOLINGS:
        width = layer.kernel_size[0] if kind in CONVOLUTIONS else _one(layer.pool_size)
        dilation = layer.dilation_rate[0] if kind in CONVOLUTIONS else 1
        stride, span = _one(layer.strides), (width - 1) * dilation
        left = _left(layer.padding, length, stride, span)
        return stride, -left, span - left
    if kind == "Cropping1D":
        return 1, layer.cropping[0], layer.cropping[0]
    if kind == "ZeroPadding1D":
        return 1, -layer.padding[0], -layer.padding[0]
    if kind == "LayerNormalization":
        axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
        return (1, 0, 0) if all(axis in (-1, 2) for axis in axes) else None
    if kind in ("Bidirectional", "LSTM", "GRU", "SimpleRNN", "RNN", "MultiHeadAttention", "Attention",
                "GroupNormalization", "Softmax"):  # fmt: skip
        return None
    if kind in _POINTWISE:
        return 1, 0, 0
    raise InputError(
        f"The reach of the layer {layer.name!r} ({kind}) is not known. Give its class a method "
        "reach_step(length) -> (jump, first, last), or one that returns None for the whole window."
    )


def _one(value) -> int:
    return value[0] if isinstance(value, (tuple, list)) else value


def _left(padding: str, length: int, stride: int, span: int) -> int:
    """Return the padding on the left; `span` is the filter's width less one, dilation and all."""
    if padding == "causal":
        return span
    if padding == "valid":
        return 0
    places = -(-length // stride)
    return max((places - 1) * stride + span + 1 - length, 0) // 2


def spatial_layer(model: keras.Model, reaches: dict[str, Reach | None] | None = None) -> str:
    """Name the last layer whose positions see a part of the window each, by its kind.

    That is the layer before a flattening, a global pooling or a recurrent layer; for a coverage network
    its last one, "coverage"; for BPNet "profile". Where nothing but single bases comes before, as in a
    recurrent network, it is the output.

    Parameters
    ----------
    model : keras.Model
    reaches : dict, optional
        From `reach_by_layer`.
    """
    reaches = reach_by_layer(model) if reaches is None else reaches
    wider = [name for name, reach in reaches.items() if reach is not None and reach.first < reach.last]
    return wider[-1] if wider else list(reaches)[-1]
