"""A network as a list of steps: nested models laid open, activations apart from the layers that hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from seqdl.errors import InputError

# What does nothing when a network predicts: the tensor after it is the tensor before it.
IDENTITY = {
    "Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "Identity",
    "ActivityRegularization",
}  # fmt: skip
_SPLIT = {"Conv1D", "SeparableConv1D", "DepthwiseConv1D", "Dense"}


class Step(NamedTuple):
    """One operation of a network, on tensors that are known by number.

    Attributes
    ----------
    name : str
        The layer's, with those of the models around it, as "member1/conv1".
    kind : str
        The class of the layer; "Activation" for the activation that a layer brings; "" for a class that is
        neither Keras's nor seqdl's, whose name says nothing.
    layer : keras.layers.Layer or Operation
    call : callable
        Does the whole operation: tensors in, list of tensors out.
    inputs, outputs : tuple of int
        Numbers of the tensors.
    """

    name: str
    kind: str
    layer: object
    call: Callable[..., list]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Program(NamedTuple):
    """A network's steps in the order in which they run.

    Attributes
    ----------
    steps : tuple of Step
    input : int
        Number of the input tensor.
    output : int
        Number of the output tensor.
    shapes : dict of int to tuple
        Each tensor's shape; the first entry, of the batch, is None.
    """

    steps: tuple[Step, ...]
    input: int
    output: int
    shapes: dict[int, tuple]


def build_program(model) -> Program:
    """Lay a network open.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential, one input of a fixed length, one output.

    Returns
    -------
    Program

    Raises
    ------
    InputError
        If it is something else.
    """
    graph = _graph(model)
    if graph is None or len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise InputError(
            "Evaluating changes needs a functional or sequential model with one input and one output. "
            f"Received: the model {model.name!r} ({type(model).__name__})."
        )
    shape = tuple(graph.inputs[0].shape)
    if len(shape) != 3 or shape[1] is None:
        raise InputError(
            "Evaluating changes needs a network of a fixed window: an input of the shape (batch, window, "
            f"channels). Received: {shape}."
        )
    builder = _Builder()
    start = builder.tensor(shape)
    (output,) = builder.inline(graph, [start], "")
    return Program(tuple(builder.steps), start, output, builder.shapes)


def run_program(program: Program, x, keep: Sequence[int] = ()) -> tuple[object, dict[int, object]]:
    """Run all steps whole.

    Parameters
    ----------
    program : Program
    x : tensor, (n, L, channels)
    keep : sequence of int
        Numbers of tensors to return beside the output.

    Returns
    -------
    output : tensor
    kept : dict of int to tensor
    """
    values = {program.input: x}
    for step in program.steps:
        values.update(zip(step.outputs, step.call(*(values[key] for key in step.inputs)), strict=True))
    return values[program.output], {key: values[key] for key in keep}


def _graph(model):
    """Return what holds a model's nodes, or None for a layer or a subclassed model."""
    inner = getattr(model, "_functional", None)
    model = model if inner is None else inner
    return model if hasattr(model, "_nodes_by_depth") and hasattr(model, "inputs") else None


class _Builder:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.shapes: dict[int, tuple] = {}

    def tensor(self, shape) -> int:
        self.shapes[len(self.shapes)] = tuple(shape)
        return len(self.shapes) - 1

    def inline(self, graph, incoming: list[int], prefix: str) -> list[int]:
        """Add a graph's steps, and return the numbers of its outputs."""
        numbers = {id(tensor): key for tensor, key in zip(graph.inputs, incoming, strict=True)}
        for depth in sorted(graph._nodes_by_depth, reverse=True):
            for node in graph._nodes_by_depth[depth]:
                if node.is_input:
                    continue
                inputs = [numbers[id(tensor)] for tensor in node.input_tensors]
                inner, name = _graph(node.operation), f"{prefix}{node.operation.name}"
                if inner is not None and len(inner.inputs) == len(inputs):
                    outputs = self.inline(inner, inputs, f"{name}/")
                else:
                    outputs = self.add(node, name, inputs)
                numbers |= {id(tensor): key for tensor, key in zip(node.outputs, outputs, strict=True)}
        return [numbers[id(tensor)] for tensor in graph.outputs]

    def add(self, node, name: str, inputs: list[int]) -> list[int]:
        layer = node.operation
        known = type(layer).__module__.partition(".")[0] in ("keras", "seqdl") and hasattr(
            layer, "get_weights"
        )
        kind = type(layer).__name__ if known else ""
        activation = getattr(layer, "activation", None)
        linear = getattr(activation, "__name__", "") == "linear"
        if len(inputs) == 1 and (kind in IDENTITY or (kind == "Activation" and linear)):
            return inputs
        outputs = [self.tensor(tensor.shape) for tensor in node.outputs]
        if kind in _SPLIT and len(inputs) == 1 and not linear and activation is not None:
            middle = self.tensor(node.outputs[0].shape)
            self.steps.append(Step(name, kind, layer, _linear(layer, kind), tuple(inputs), (middle,)))
            call = _listing(activation)
            self.steps.append(Step(name, "Activation", layer, call, (middle,), tuple(outputs)))
        else:
            self.steps.append(Step(name, kind, layer, _call(node), tuple(inputs), tuple(outputs)))
        return outputs


def _listing(function: Callable) -> Callable[..., list]:
    return lambda *tensors: [function(*tensors)]


def _call(node) -> Callable[..., list]:
    """Call a node's operation as the graph does, as it predicts."""
    from keras import tree

    ids = [id(tensor) for tensor in node.input_tensors]

    def call(*tensors) -> list:
        args, keywords = node.arguments.fill_in(dict(zip(ids, tensors, strict=True)))
        keywords = {key: item for key, item in keywords.items() if key != "training" and item is not None}
        return tree.flatten(node.operation(*args, **keywords))

    return call


def _linear(layer, kind: str) -> Callable[..., list]:
    """Do what a layer does before its activation."""
    from keras import ops

    def call(x) -> list:
        if kind == "Dense":
            y = ops.matmul(x, layer.kernel)
        else:
            y = convolve(layer, kind, pad_causal(layer, x), layer.padding)
        return [y if layer.bias is None else y + layer.bias]

    return call


def pad_causal(layer, x):
    """Put a causal convolution's zeros in front; other paddings are left to the convolution."""
    from keras import ops

    if layer.padding != "causal":
        return x
    return ops.pad(x, [[0, 0], [layer.dilation_rate[0] * (layer.kernel_size[0] - 1), 0], [0, 0]])


def convolve(layer, kind: str, x, padding: str):
    """Apply a convolution's kernels without its bias.

    Parameters
    ----------
    layer : Conv1D, SeparableConv1D or DepthwiseConv1D
    kind : str
        Its class's name.
    x : tensor, (m, rows, channels)
    padding : {"valid", "same", "causal"}
        "causal" is "valid": see `pad_causal`.
    """
    from keras import ops

    shared = {
        "strides": layer.strides[0], "padding": "valid" if padding == "causal" else padding,
        "dilation_rate": layer.dilation_rate[0], "data_format": "channels_last",
    }  # fmt: skip
    if kind == "Conv1D":
        return ops.conv(x, layer.kernel, **shared)
    if kind == "DepthwiseConv1D":
        return ops.depthwise_conv(x, layer.kernel, **shared)
    return ops.separable_conv(x, layer.depthwise_kernel, layer.pointwise_kernel, **shared)
