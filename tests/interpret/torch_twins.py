"""PyTorch twins of seqdl's networks: the same layers with the same weights, channels first.

Peers that explain networks (tangermeme, captum) take PyTorch modules. A twin is read off a Keras model, layer
by layer, so that whatever differs afterwards is the explanation and not the network.
"""

from __future__ import annotations

import keras
import numpy as np
import torch

ACTIVATIONS = {
    "relu": torch.nn.ReLU,
    "gelu": torch.nn.GELU,
    "silu": torch.nn.SiLU,
    "softplus": torch.nn.Softplus,
    "sigmoid": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
}


class Twin(torch.nn.Module):
    """A Keras model's layers as PyTorch modules, in its order.

    Parameters
    ----------
    model : keras.Model, (b, L, 4) -> (b, n_targets)
        Functional; each layer is used once.

    Raises
    ------
    TypeError
        If a layer has no counterpart here.
    """

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self.steps = torch.nn.ModuleDict()
        self.plan: list[tuple[str, tuple[str, ...]]] = []
        made = {id(tensor): layer.name for layer in model.layers for tensor in _tensors(layer.output)}
        flat: dict[str, int] = {}  # layers whose output is a flattened (L, C), and their C
        for layer in model.layers:
            sources = tuple(made[id(tensor)] for tensor in _tensors(layer.input))
            if isinstance(layer, keras.layers.InputLayer):
                self.first = layer.name
                continue
            if isinstance(layer, keras.layers.Flatten):
                flat[layer.name] = layer.input.shape[-1]
            elif sources[0] in flat and isinstance(layer, keras.layers.Dropout):
                flat[layer.name] = flat[sources[0]]
            self.steps[layer.name] = _twin(layer, flat.get(sources[0]))
            self.plan.append((layer.name, sources))
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map float32 (b, 4, L) to (b, n_targets)."""
        values = {self.first: x}
        for name, sources in self.plan:
            values[name] = x = self.steps[name](*(values[source] for source in sources))
        return x


class Add(torch.nn.Module):
    """Add tensors up."""

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        """Return the sum."""
        return sum(tensors[1:], tensors[0])


class Crop(torch.nn.Module):
    """Leave out positions at both ends."""

    def __init__(self, left: int, right: int) -> None:
        super().__init__()
        self.left, self.right = left, right

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (b, C, L) to (b, C, L - left - right)."""
        return x[:, :, self.left : x.shape[2] - self.right]


class MeanOverPositions(torch.nn.Module):
    """Average over the positions."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (b, C, L) to (b, C)."""
        return x.mean(dim=2)


def _tensors(value) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _twin(layer, channels: int | None) -> torch.nn.Module:
    """Translate one layer; `channels` is given where its input is a flattened (L, channels)."""
    kinds = keras.layers
    if isinstance(layer, kinds.Conv1D):
        kernel = _array(layer.kernel)  # (width, in, out)
        conv = torch.nn.Conv1d(
            kernel.shape[1], kernel.shape[2], kernel.shape[0], stride=layer.strides[0],
            padding=layer.padding, dilation=layer.dilation_rate[0], bias=layer.use_bias,
        )  # fmt: skip
        return _fill(conv, weight=kernel.transpose(2, 1, 0), bias=layer.bias)
    if isinstance(layer, kinds.Dense):
        kernel = _array(layer.kernel)  # (in, out)
        if channels:  # Keras flattens positions of channels, PyTorch channels of positions
            kernel = kernel.reshape(-1, channels, kernel.shape[1]).transpose(1, 0, 2)
            kernel = kernel.reshape(-1, kernel.shape[2])
        dense = torch.nn.Linear(*kernel.shape, bias=layer.use_bias)
        return _fill(dense, weight=kernel.T, bias=layer.bias)
    if isinstance(layer, kinds.BatchNormalization):
        norm = torch.nn.BatchNorm1d(layer.output.shape[-1], eps=layer.epsilon)
        return _fill(norm, weight=layer.gamma, bias=layer.beta,
                     running_mean=layer.moving_mean, running_var=layer.moving_variance)  # fmt: skip
    if isinstance(layer, kinds.Activation) and layer.activation.__name__ in ACTIVATIONS:
        return ACTIVATIONS[layer.activation.__name__]()
    if isinstance(layer, kinds.MaxPooling1D):
        return torch.nn.MaxPool1d(layer.pool_size[0], layer.strides[0])
    if isinstance(layer, kinds.Cropping1D):
        return Crop(*layer.cropping)
    same = {kinds.Dropout: torch.nn.Identity, kinds.Flatten: torch.nn.Flatten, kinds.Add: Add,
            kinds.GlobalAveragePooling1D: MeanOverPositions}  # fmt: skip
    for kind, module in same.items():
        if isinstance(layer, kind):
            return module()
    raise TypeError(f"{layer.name}: no PyTorch twin of {type(layer).__name__}.")


def _fill(module: torch.nn.Module, **values) -> torch.nn.Module:
    for name, value in values.items():
        if value is not None:
            getattr(module, name).data = torch.from_numpy(np.ascontiguousarray(_array(value)))
    return module


def _array(value) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(value), np.float32)
