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

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seqdl.models.checks import (
    check_activation,
    check_choice,
    check_penalties,
    check_rates,
    check_sizes,
    check_window,
    shortest_window,
    take_lists,
)
from seqdl.models.parts import binary_head, conv_block, dense_block, options_of
from seqdl.models.registry import ModelEntry, Preset

if TYPE_CHECKING:
    import keras
    import numpy as np

PAPER = (
    "Zhou J, Troyanskaya OG. Predicting effects of noncoding variants with deep learning-based sequence "
    "model. Nature Methods 12, 931-934 (2015). doi:10.1038/nmeth.3547"
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
        take_lists(self, "filters", "kernel_sizes", "pool_sizes", "dropouts")
        check_sizes(
            filters=self.filters,
            kernel_sizes=self.kernel_sizes,
            pool_sizes=self.pool_sizes,
            head_pool=self.head_pool,
            dense_units=self.dense_units,
        )
        check_sizes(0, dilated_blocks=self.dilated_blocks, head_filters=self.head_filters)
        check_rates(
            dropouts=self.dropouts, dilated_dropout=self.dilated_dropout, dense_dropout=self.dense_dropout
        )
        check_penalties(kernel_l2=self.kernel_l2, logits_l1=self.logits_l1, max_norm=self.max_norm)
        check_choice("padding", self.padding, ("valid", "same"))

    @property
    def min_window(self) -> int:
        """Shortest window, bp, that leaves one position before the hidden layer."""
        return shortest_window(self.kernel_sizes, self.pool_sizes, self.padding, self.head_pool)


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
    channels: int = 4,
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
    channels : int
        Of the input.
    **overrides
        Fields of `DeepSEAConfig`.

    Returns
    -------
    model : keras.Model
        float32 (batch, window, channels) to float32 (batch, n_targets), not compiled.

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
    from keras import layers

    config = replace(CONFIGS[preset], **overrides)
    check_window(f"DeepSEA ({preset})", window, config.min_window)
    check_activation(config.activation)

    def rules(axis):
        # Fresh objects a layer; the norm runs over all axes but the last, so one filter or unit each.
        return {
            "kernel_regularizer": keras.regularizers.L2(config.kernel_l2) if config.kernel_l2 else None,
            "kernel_constraint": keras.constraints.MaxNorm(config.max_norm, axis=axis)
            if config.max_norm
            else None,
        }

    shared = {"activation": config.activation, "norm": "after" if config.batch_norm else None}
    inputs = x = keras.Input((window, channels), name="sequence")
    blocks = zip(config.filters, config.kernel_sizes, config.pool_sizes, config.dropouts, strict=True)
    for number, (filters, kernel, pool, rate) in enumerate(blocks, start=1):
        sizes = {"pool": pool, "dropout": rate, "padding": config.padding}
        x = conv_block(x, f"conv{number}", filters, kernel, **sizes, **shared, **rules([0, 1]))
    for number in range(1, config.dilated_blocks + 1):
        name = f"dilated{number}"
        sizes = {"dropout": config.dilated_dropout, "padding": "same", "dilation_rate": 2**number}
        branch = conv_block(x, name, x.shape[-1], 3, **sizes, **shared, **rules([0, 1]))
        x = layers.Add(name=f"{name}_add")([x, branch])
    if config.head_filters:
        x = layers.Conv1D(config.head_filters, 1, name="head", **rules([0, 1]))(x)
        x = layers.Activation(config.activation, name="head_activation")(x)
    if config.head_pool > 1:
        x = layers.MaxPooling1D(config.head_pool, name="head_pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = dense_block(x, "dense", config.dense_units, dropout=config.dense_dropout, **shared, **rules(0))
    penalty = keras.regularizers.L1(config.logits_l1) if config.logits_l1 else None
    x = binary_head(x, n_targets, output_bias, activity_regularizer=penalty, **rules(0))
    return keras.Model(inputs, x, name="deepsea")


ENTRY = ModelEntry(
    name="deepsea",
    title="DeepSEA",
    input="(window, 4) one-hot DNA, order A, C, G, T, N as zeros; the paper's window is 1,000 bp",
    output="(targets,) probabilities; the layer before, 'logits', holds their log odds",
    paper=PAPER,
    build=build_deepsea,
    options=options_of(CONFIGS),
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
                "original sums it over the batch, and only the last layer learns from it",
                "max norm 0.9 is applied after each step; the original applies it between gradient and step",
                "the optimiser is seqdl's to choose; the original: SGD, learning rate 1 (decay 8e-7 a step), "
                "momentum 0.9, batch 16",
            ),
        ),
        Preset(
            name="small",
            parameters=2_440_247,
            trainable=2_439_159,
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
