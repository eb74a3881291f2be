"""Basset (Kelley, Snoek and Rinn, 2016): three convolutions with BatchNorm, two hidden layers.

What was checked, and against what
----------------------------------
Read in public code (davek44/Basset, its parameters of the released model; the port of its weights in
kipoi/models): filters 300, 200, 200 of width 19, 11, 7, valid, each followed by BatchNorm, ReLU and max
pooling 3, 4, 4; two hidden layers of 1,000 with BatchNorm, ReLU and dropout .3; 164 sigmoids. Valid
convolutions of 600 bp leave 10 positions of 200 filters, the 2,000 inputs of the released weights; later
versions of the Lua code pad instead.
Counted here: 4,135,064 trainable parameters for 600 bp and 164 targets; 4,140,464 with the running means
and variances of BatchNorm.
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
    "Kelley DR, Snoek J, Rinn JL. Basset: learning the regulatory code of the accessible genome with deep "
    "convolutional neural networks. Genome Research 26, 990-999 (2016). doi:10.1101/gr.200535.115"
)


@dataclass(frozen=True)
class BassetConfig:
    """Sizes of the network; every field can be overridden by keyword in `build_model`.

    Parameters
    ----------
    filters, kernel_sizes, pool_sizes : tuple of int
        One number a convolution; a pool size of 1 means no pooling.
    conv_dropout : float
        Dropout rate after each pooling.
    padding : {"valid", "same"}
        Of the convolutions.
    activation : str
        Name of a Keras activation, after each BatchNorm.
    dense_units : tuple of int
        One number a hidden layer.
    dense_dropouts : tuple of float
        Dropout rate after each.
    max_norm : float
        Largest Euclidean norm of a filter or unit; 0 for no limit.
    """

    filters: tuple[int, ...] = (300, 200, 200)
    kernel_sizes: tuple[int, ...] = (19, 11, 7)
    pool_sizes: tuple[int, ...] = (3, 4, 4)
    conv_dropout: float = 0.0
    padding: str = "valid"
    activation: str = "relu"
    dense_units: tuple[int, ...] = (1000, 1000)
    dense_dropouts: tuple[float, ...] = (0.3, 0.3)
    max_norm: float = 7.0

    def __post_init__(self) -> None:
        take_lists(self, "filters", "kernel_sizes", "pool_sizes")
        take_lists(self, "dense_units", "dense_dropouts")
        check_sizes(
            filters=self.filters,
            kernel_sizes=self.kernel_sizes,
            pool_sizes=self.pool_sizes,
            dense_units=self.dense_units,
        )
        check_rates(conv_dropout=self.conv_dropout, dense_dropouts=self.dense_dropouts)
        check_penalties(max_norm=self.max_norm)
        check_choice("padding", self.padding, ("valid", "same"))

    @property
    def min_window(self) -> int:
        """Shortest window, bp, that leaves one position before the hidden layers."""
        return shortest_window(self.kernel_sizes, self.pool_sizes, self.padding)


CONFIGS = {
    "published": BassetConfig(),
    "small": BassetConfig(
        filters=(64, 96, 96),
        kernel_sizes=(19, 11, 7),
        pool_sizes=(4, 5, 4),
        conv_dropout=0.1,
        padding="same",
        dense_units=(256,),
        dense_dropouts=(0.4,),
        max_norm=0.0,
    ),
}


def build_basset(
    window: int,
    n_targets: int,
    preset: str = "published",
    output_bias: np.ndarray | None = None,
    channels: int = 4,
    **overrides,
) -> keras.Model:
    """Build Basset, in the paper's size or another.

    Parameters
    ----------
    window : int
        Window length, bp; the paper's is 600.
    n_targets : int
        Number of outputs; the paper's is 164.
    preset : {"published", "small"}
        Sizes and regularisation to start from.
    output_bias : float array, shape (n_targets,), optional
        Initial bias of the logits.
    channels : int
        Of the input.
    **overrides
        Fields of `BassetConfig`.

    Returns
    -------
    model : keras.Model
        float32 (batch, window, channels) to float32 (batch, n_targets), not compiled.

    Raises
    ------
    InputError
        If the window is shorter than the convolutions and poolings need, a size makes no sense, or
        `output_bias` has another shape than (n_targets,).
    """
    import keras
    from keras import layers

    config = replace(CONFIGS[preset], **overrides)
    check_window(f"Basset ({preset})", window, config.min_window)
    check_activation(config.activation)

    def limit(axis):
        norm = keras.constraints.MaxNorm(config.max_norm, axis=axis) if config.max_norm else None
        return {"kernel_constraint": norm}

    shared = {"activation": config.activation, "norm": "before"}
    inputs = x = keras.Input((window, channels), name="sequence")
    blocks = zip(config.filters, config.kernel_sizes, config.pool_sizes, strict=True)
    for number, (filters, kernel, pool) in enumerate(blocks, start=1):
        sizes = {"pool": pool, "dropout": config.conv_dropout, "padding": config.padding}
        x = conv_block(x, f"conv{number}", filters, kernel, **sizes, **shared, **limit([0, 1]))
    x = layers.Flatten(name="flatten")(x)
    hidden = zip(config.dense_units, config.dense_dropouts, strict=True)
    for number, (units, rate) in enumerate(hidden, start=1):
        x = dense_block(x, f"dense{number}", units, dropout=rate, **shared, **limit(0))
    x = binary_head(x, n_targets, output_bias, **limit(0))
    return keras.Model(inputs, x, name="basset")


ENTRY = ModelEntry(
    name="basset",
    title="Basset",
    input="(window, 4) one-hot DNA, order A, C, G, T, N as zeros; the paper's window is 600 bp",
    output="(targets,) probabilities; the layer before, 'logits', holds their log odds",
    paper=PAPER,
    build=build_basset,
    options=options_of(CONFIGS),
    presets=(
        Preset(
            name="published",
            parameters=4_140_464,
            trainable=4_135_064,
            window=600,
            n_targets=164,
            min_window=CONFIGS["published"].min_window,
            summary="the paper's network: 300, 200, 200 filters of width 19, 11, 7, twice 1,000 hidden units",
            deviations=(
                "BatchNorm: epsilon 1e-3, running statistics keep .95 at each step; Torch 7: 1e-5 and .9",
                "Keras starts kernels Glorot-uniform and biases at 0; Torch 7 starts both uniform within "
                "1/sqrt(inputs)",
                "max norm 7 holds for the kernels of all layers, the last one too, after each step",
                "the optimiser is seqdl's to choose; the original: RMSprop, learning rate .002, decay .98, "
                "batch 128, binary cross-entropy summed over the targets",
            ),
        ),
        Preset(
            name="small",
            parameters=476_580,
            trainable=475_556,
            window=1000,
            n_targets=164,
            min_window=CONFIGS["small"].min_window,
            summary="trains on a laptop: 64, 96, 96 filters, 256 hidden units",
            deviations=(
                "fewer filters, same padding, wider poolings, one hidden layer",
                "dropout after each convolution, no max norm",
            ),
        ),
    ),
)
