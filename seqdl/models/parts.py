"""What several networks share: the convolution block, the hidden layer, and the ends.

Keras is imported inside the functions: the list of models must stay light.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from seqdl.models.checks import check_output_bias

if TYPE_CHECKING:
    import keras
    import numpy as np

# Keras's .99 lets BatchNorm's running statistics trail the weights by hundreds of steps: with a high
# learning rate the validation loss then measures that delay and not the network.
NORM_MOMENTUM = 0.95


def options_of(configs: dict[str, object]) -> Callable[[str], dict]:
    """Return the function ``options(preset) -> dict`` of a network whose presets are dataclasses."""

    def options(preset: str) -> dict:
        """Return the names and defaults that the builder takes as overrides."""
        return asdict(configs[preset])

    return options


def conv_block(
    x: keras.KerasTensor,
    name: str,
    filters: int,
    kernel: int,
    *,
    pool: int = 1,
    dropout: float = 0.0,
    padding: str = "valid",
    activation: str = "relu",
    norm: str | None = None,
    **rules,
) -> keras.KerasTensor:
    """Apply convolution, activation, max pooling, and dropout, with BatchNorm where asked for.

    Parameters
    ----------
    x : tensor, shape (batch, length, channels)
    name : str
        Of the convolution; the other layers are called after it.
    filters, kernel : int
        Number and width of the filters.
    pool : int
        Width of the max pooling, without overlap; 1 for none.
    dropout : float
        Rate; 0 for none.
    padding : {"valid", "same"}
        Of the convolution.
    activation : str
        Name of a Keras activation.
    norm : {None, "before", "after"}
        Where BatchNorm goes: before the activation, after the pooling, or nowhere.
    **rules
        Passed to the convolution (`dilation_rate`, `kernel_regularizer`, `use_bias`).

    Returns
    -------
    x : tensor
    """
    from keras import layers

    x = layers.Conv1D(filters, kernel, padding=padding, name=name, **rules)(x)
    x = batch_norm(x, name) if norm == "before" else x
    x = layers.Activation(activation, name=f"{name}_activation")(x)
    if pool > 1:
        x = layers.MaxPooling1D(pool, name=f"{name}_pool")(x)
    x = batch_norm(x, name) if norm == "after" else x
    return layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x


def dense_block(
    x: keras.KerasTensor,
    name: str,
    units: int,
    *,
    dropout: float = 0.0,
    activation: str = "relu",
    norm: str | None = None,
    **rules,
) -> keras.KerasTensor:
    """Apply a hidden layer, its activation and dropout; arguments are those of `conv_block`."""
    from keras import layers

    x = layers.Dense(units, name=name, **rules)(x)
    x = batch_norm(x, name) if norm == "before" else x
    x = layers.Activation(activation, name=f"{name}_activation")(x)
    x = batch_norm(x, name) if norm == "after" else x
    return layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x


def batch_norm(x: keras.KerasTensor, name: str, **rules) -> keras.KerasTensor:
    """Apply BatchNorm with `NORM_MOMENTUM`, called `name` + "_norm"; `rules` go to the layer."""
    from keras import layers

    return layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_norm", **rules)(x)


def binary_head(
    x: keras.KerasTensor, n_targets: int, output_bias: np.ndarray | None = None, **rules
) -> keras.KerasTensor:
    """End a network that gives one probability a target.

    Parameters
    ----------
    x : tensor, shape (batch, features)
    n_targets : int
        Number of outputs.
    output_bias : float array, shape (n_targets,), optional
        Initial bias of the logits.
    **rules
        Passed to the Dense layer (`kernel_regularizer`, `kernel_constraint`, `activity_regularizer`).

    Returns
    -------
    probabilities : tensor, shape (batch, n_targets)
        Output of the layer "probabilities"; before it, "logits". Both compute in float32 under any
        mixed-precision policy.
    """
    from keras import layers

    x = _last(x, "logits", n_targets, output_bias, rules)
    return layers.Activation("sigmoid", name="probabilities", dtype="float32")(x)


def coverage_head(
    x: keras.KerasTensor,
    n_targets: int,
    output_bias: np.ndarray | None = None,
    link: str | keras.layers.Layer = "softplus",
    **rules,
) -> keras.KerasTensor:
    """End a network that gives values along the sequence, none negative.

    Parameters
    ----------
    x : tensor, shape (batch, bins, features)
    n_targets : int
        Number of outputs a bin.
    output_bias : float array, shape (n_targets,), optional
        Initial bias of the linear values: those whose link is the targets' mean.
    link : str or keras.layers.Layer
        What makes the linear values positive: a Keras activation's name ("softplus", "exponential"),
        or a layer that must be called "coverage" and compute in float32.
    **rules
        Passed to the Dense layer.

    Returns
    -------
    coverage : tensor, shape (batch, bins, n_targets)
        Output of the layer "coverage"; before it, "linear". Both compute in float32.
    """
    from keras import layers

    x = _last(x, "linear", n_targets, output_bias, rules)
    if isinstance(link, str):
        link = layers.Activation(link, name="coverage", dtype="float32")
    return link(x)


def _last(x, name: str, n_targets: int, output_bias, rules: dict):
    from keras import layers

    output_bias = check_output_bias(output_bias, n_targets)
    layer = layers.Dense(n_targets, name=name, dtype="float32", **rules)
    x = layer(x)
    assign_bias(layer, output_bias)
    return x


def assign_bias(layer: keras.layers.Layer, output_bias: np.ndarray | None) -> None:
    """Set the bias of a layer that was called; None leaves it.

    It is assigned and not an initialiser, so that the saved configuration does not carry the numbers.
    """
    if output_bias is not None:
        layer.bias.assign(output_bias)
