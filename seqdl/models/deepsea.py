"""DeepSEA (Zhou and Troyanskaya, 2015): three convolutions, one hidden layer, one sigmoid a target.

What was checked, and against what
----------------------------------
Read in public code: layer sizes, kernel widths, valid padding, pooling, the dropout rates .2, .2, .5
and the 925 hidden units (Kipoi's port of the released weights, kipoi/models DeepSEA; the Torch 7
training scripts as published in jisraeli/DeepSEA at 75f9017, whose own copy has 919 hidden units, as
Selene's port has). From those same scripts: SGD with learning rate 1, its decay 8e-7 per step, momentum .9,
batch 16, binary cross-entropy averaged over batch and targets, weight decay 1e-6 (the gradient of
5e-7 times the squared norm), an L1 penalty of 1e-8 on the output of the last linear layer, and every
kernel row of every convolution and linear layer renormalised to a norm of at most .9.
Recalled from the paper's supplement and in agreement with that: "L2 5e-7, L1 1e-8, max norm .9".
Counted here: 52,843,119 parameters for 1,000 bp and 919 targets.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING

from seqdl.errors import InputError
from seqdl.models.registry import ModelEntry, Preset

if TYPE_CHECKING:
    import keras
    import numpy as np

PAPER = (
    "Zhou J, Troyanskaya OG. Predicting effects of noncoding variants with deep learning-based sequence "
    "model. "
    "Nature Methods 12, 931-934 (2015). doi:10.1038/nmeth.3547"
)


@dataclass(frozen=True)
class DeepSEAConfig:
    """Sizes of the network; every field can be overridden by keyword in `build_model`.

    Parameters
    ----------
    filters, kernel_sizes, pool_sizes : tuple of int
        One number a convolution; a pool size of 1 means no pooling.
    dropouts : tuple of float
        Dropout rate after each convolution block.
    padding : {"valid", "same"}
        Of the convolutions.
    activation : str
        Name of a Keras activation, after each convolution and the hidden layer.
    batch_norm : bool
        Whether BatchNorm follows each pooling and the hidden layer's activation.
    dilated_blocks : int
        Residual convolutions of width 3 after the last block, dilated 2, 4, 8, ...
    dilated_dropout : float
        Dropout rate in each of those.
    head_filters : int
        Channels of a pointwise convolution before the hidden layer; 0 for none.
    head_pool : int
        Max pooling before the hidden layer; 1 for none.
    dense_units : int
        Hidden units.
    dense_dropout : float
        Dropout rate after the hidden layer.
    kernel_l2 : float
        L2 penalty on every kernel (times the squared norm).
    logits_l1 : float
        L1 penalty on the logits, averaged over the batch.
    max_norm : float
        Largest Euclidean norm of a filter or unit; 0 for no limit.
    """

    filters: tuple[int, ...] = (320, 480, 960)
    kernel_sizes: tuple[int, ...] = (8, 8, 8)
    pool_sizes: tuple[int, ...] = (4, 4, 1)
    dropouts: tuple[float, ...] = (0.2, 0.2, 0.5)
    padding: str = "valid"
    activation: str = "relu"
    batch_norm: bool = False
    dilated_blocks: int = 0
    dilated_dropout: float = 0.0
    head_filters: int = 0
    head_pool: int = 1
    dense_units: int = 925
    dense_dropout: float = 0.0
    kernel_l2: float = 5e-7
    logits_l1: float = 1e-8
    max_norm: float = 0.9

    def __post_init__(self) -> None:
        listed = ("filters", "kernel_sizes", "pool_sizes", "dropouts")
        for name in listed:
            value = getattr(self, name)
            if isinstance(value, str) or not hasattr(value, "__len__"):
                raise InputError(
                    f"`{name}` must be a list of numbers, one a convolution. Received: {value!r}."
                )
            object.__setattr__(self, name, tuple(value))
        if len({len(getattr(self, name)) for name in listed}) > 1 or not self.filters:
            counts = ", ".join(f"{len(getattr(self, name))} {name}" for name in listed)
            raise InputError(
                f"`{'`, `'.join(listed)}` need one number a convolution, and one at least. Received: "
                f"{counts}."
            )
        positive = (*self.filters, *self.kernel_sizes, *self.pool_sizes, self.head_pool, self.dense_units)
        for size, least in [*((n, 1) for n in positive), (self.dilated_blocks, 0), (self.head_filters, 0)]:
            if not isinstance(size, Integral) or isinstance(size, bool) or size < least:
                raise InputError(
                    f"Layer sizes must be whole numbers of at least {least}. Received: {size!r}."
                )
        for rate in (*self.dropouts, self.dilated_dropout, self.dense_dropout):
            if not isinstance(rate, Real) or not 0 <= rate < 1:
                raise InputError(f"A dropout rate is at least 0 and less than 1. Received: {rate!r}.")
        for weight in (self.kernel_l2, self.logits_l1, self.max_norm):
            if not isinstance(weight, Real) or not 0 <= weight < float("inf"):
                raise InputError(f"A penalty or a norm's limit is 0 (none) or more. Received: {weight!r}.")
        if self.padding not in ("valid", "same"):
            raise InputError(f"`padding` must be 'valid' or 'same'. Received: {self.padding!r}.")

    @property
    def min_window(self) -> int:
        """Shortest window, bp, that leaves one position before the hidden layer."""
        need = self.head_pool
        for kernel, pool in zip(reversed(self.kernel_sizes), reversed(self.pool_sizes), strict=True):
            need = need * pool + (kernel - 1 if self.padding == "valid" else 0)
        return need


# Keras's .99 lets BatchNorm's running statistics trail the weights by hundreds of steps: with a high
# learning rate the validation loss then measures that delay and not the network.
NORM_MOMENTUM = 0.95

CONFIGS = {
    "published": DeepSEAConfig(),
    "small": DeepSEAConfig(
        filters=(64, 96, 128),
        kernel_sizes=(15, 9, 9),
        pool_sizes=(4, 4, 1),
        dropouts=(0.1, 0.2, 0.3),
        padding="same",
        batch_norm=True,
        dense_units=256,
        dense_dropout=0.5,
        kernel_l2=0.0,
        logits_l1=0.0,
        max_norm=0.0,
    ),
}


def build_deepsea(
    window: int,
    n_targets: int,
    preset: str = "published",
    output_bias: np.ndarray | None = None,
    **overrides,
) -> keras.Model:
    """Build DeepSEA, in the paper's size or another.

    Parameters
    ----------
    window : int
        Window length, bp; the paper's is 1,000.
    n_targets : int
        Number of outputs; the paper's is 919.
    preset : {"published", "small"}
        Sizes and regularisation to start from.
    output_bias : float array, shape (n_targets,), optional
        Initial bias of the logits.
    **overrides
        Fields of `DeepSEAConfig`.

    Returns
    -------
    model : keras.Model
        float32 (batch, window, 4) to float32 (batch, n_targets), not compiled.

    Raises
    ------
    InputError
        If the window is shorter than the convolutions and poolings need, a size makes no sense, or
        `output_bias` has another shape than (n_targets,).

    Notes
    -----
    The dense, logits and probabilities layers keep the names "dense", "logits", "probabilities" in
    every preset; the last two compute in float32 under any mixed-precision policy.
    """
    import keras
    import numpy as np
    from keras import layers

    config = replace(CONFIGS[preset], **overrides)
    if window < config.min_window:
        raise InputError(
            f"DeepSEA ({preset}) needs a window of at least {config.min_window} bp, or its convolutions and "
            f"poolings leave nothing. Received: {window}."
        )
    if not isinstance(config.activation, str) or not hasattr(keras.activations, config.activation):
        raise InputError(
            f"`activation` must be the name of a Keras activation. Received: {config.activation!r}."
        )
    if output_bias is not None:
        output_bias = np.asarray(output_bias, "float32")
        if output_bias.shape != (n_targets,) or not np.isfinite(output_bias).all():
            raise InputError(
                f"`output_bias` must hold one finite logit a target, shape ({n_targets},). "
                f"Received: shape {output_bias.shape}."
            )

    def rules(axis):
        # Fresh objects a layer; the norm runs over all axes but the last, so one filter or unit each.
        return {
            "kernel_regularizer": keras.regularizers.L2(config.kernel_l2) if config.kernel_l2 else None,
            "kernel_constraint": keras.constraints.MaxNorm(config.max_norm, axis=axis)
            if config.max_norm
            else None,
        }

    def tail(x, rate, name):
        if config.batch_norm:
            x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_norm")(x)
        return layers.Dropout(rate, name=f"{name}_dropout")(x) if rate else x

    inputs = x = keras.Input((window, 4), name="sequence")
    blocks = zip(config.filters, config.kernel_sizes, config.pool_sizes, config.dropouts, strict=True)
    for number, (filters, kernel, pool, rate) in enumerate(blocks, start=1):
        name = f"conv{number}"
        x = layers.Conv1D(filters, kernel, padding=config.padding, name=name, **rules([0, 1]))(x)
        x = layers.Activation(config.activation, name=f"{name}_activation")(x)
        if pool > 1:
            x = layers.MaxPooling1D(pool, name=f"{name}_pool")(x)
        x = tail(x, rate, name)
    for number in range(1, config.dilated_blocks + 1):
        name = f"dilated{number}"
        branch = layers.Conv1D(
            x.shape[-1], 3, padding="same", dilation_rate=2**number, name=name, **rules([0, 1])
        )(x)
        branch = layers.Activation(config.activation, name=f"{name}_activation")(branch)
        x = layers.Add(name=f"{name}_add")([x, tail(branch, config.dilated_dropout, name)])
    if config.head_filters:
        x = layers.Conv1D(config.head_filters, 1, name="head", **rules([0, 1]))(x)
        x = layers.Activation(config.activation, name="head_activation")(x)
    if config.head_pool > 1:
        x = layers.MaxPooling1D(config.head_pool, name="head_pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(config.dense_units, name="dense", **rules(0))(x)
    x = layers.Activation(config.activation, name="dense_activation")(x)
    x = tail(x, config.dense_dropout, "dense")
    penalty = keras.regularizers.L1(config.logits_l1) if config.logits_l1 else None
    logits = layers.Dense(n_targets, name="logits", dtype="float32", activity_regularizer=penalty, **rules(0))
    x = logits(x)
    x = layers.Activation("sigmoid", name="probabilities", dtype="float32")(x)
    model = keras.Model(inputs, x, name="deepsea")
    if output_bias is not None:
        # Assigned and not an initialiser, so that the saved configuration does not carry the numbers.
        logits.bias.assign(output_bias)
    return model


def options(preset: str) -> dict:
    """Return the names and defaults that `build_deepsea` takes as overrides."""
    return {field.name: asdict(CONFIGS[preset])[field.name] for field in fields(DeepSEAConfig)}


ENTRY = ModelEntry(
    name="deepsea",
    title="DeepSEA",
    input="(window, 4) one-hot DNA, order A, C, G, T, N as zeros; the paper's window is 1,000 bp",
    output="(targets,) probabilities; the layer before, 'logits', holds their log odds",
    paper=PAPER,
    build=build_deepsea,
    options=options,
    presets=(
        Preset(
            name="published",
            parameters=52_843_119,
            window=1000,
            n_targets=919,
            min_window=CONFIGS["published"].min_window,
            summary="the paper's network: 320, 480, 960 filters of width 8, 925 hidden units",
            deviations=(
                "ReLU where the original has Threshold(0, 1e-6): a unit that is off gives 0 and not 0.000001",
                "channels are A, C, G, T; the released weights are in the order A, G, C, T",
                "Keras starts kernels Glorot-uniform and biases at 0; Torch 7 starts both uniform within "
                "1/sqrt(inputs)",
                "L2 5e-7 is on kernels; the original's equal weight decay 1e-6 is on biases too",
                "L1 1e-8 on the logits is averaged over the batch and reaches the whole network; the "
                "original "
                "sums it over the batch, and only the last layer learns from it",
                "max norm 0.9 is applied after each step; the original applies it between gradient and step",
                "the optimiser is seqdl's to choose; the original: SGD, learning rate 1 (decay 8e-7 a step), "
                "momentum 0.9, batch 16",
            ),
        ),
        Preset(
            name="small",
            parameters=2_440_247,
            window=1000,
            n_targets=919,
            min_window=CONFIGS["small"].min_window,
            summary="trains on a laptop: 64, 96, 128 filters, BatchNorm, 256 hidden units",
            deviations=(
                "fewer and wider filters, same padding, fewer hidden units",
                "BatchNorm and dropout in every block instead of weight penalties and max norm",
            ),
        ),
    ),
)
