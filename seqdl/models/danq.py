"""DanQ (Quang and Xie, 2016): one convolution, a bidirectional LSTM over its maxima, one hidden layer.

What was checked, and against what
----------------------------------
Read in public code (uci-cbcl/DanQ, DanQ_train.py of 2016): 320 filters of width 26, valid, ReLU; max
pooling 13; dropout .2; LSTM 320 in each direction, all positions returned and put side by side;
dropout .5; 925 hidden units, ReLU; 919 sigmoids; RMSprop with Keras's defaults, batch 100, at most 60
epochs, stopping after 5 without a better validation loss.
Counted here: 46,926,479 parameters for 1,000 bp and 919 targets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seqdl.models.checks import (
    check_activation,
    check_choice,
    check_rates,
    check_sizes,
    check_window,
    shortest_window,
)
from seqdl.models.parts import binary_head, conv_block, dense_block, options_of
from seqdl.models.registry import ModelEntry, Preset

if TYPE_CHECKING:
    import keras
    import numpy as np

PAPER = (
    "Quang D, Xie X. DanQ: a hybrid convolutional and recurrent deep neural network for quantifying the "
    "function of DNA sequences. Nucleic Acids Research 44, e107 (2016). doi:10.1093/nar/gkw226"
)


@dataclass(frozen=True)
class DanQConfig:
    """Sizes of the network; every field can be overridden by keyword in `build_model`.

    Parameters
    ----------
    filters, kernel_size, pool_size : int
        Of the convolution and the max pooling after it.
    padding : {"valid", "same"}
        Of the convolution.
    activation : str
        Name of a Keras activation, after the convolution and the hidden layer.
    batch_norm : bool
        Whether BatchNorm follows the pooling and the hidden layer's activation.
    conv_dropout : float
        Dropout rate before the recurrent layer.
    cell : {"lstm", "gru"}
        Kind of recurrent layer.
    units : int
        Of the recurrent layer, in each direction.
    recurrent_dropout : float
        Dropout rate after the recurrent layer.
    dense_units : int
        Hidden units.
    dense_dropout : float
        Dropout rate after the hidden layer.
    """

    filters: int = 320
    kernel_size: int = 26
    pool_size: int = 13
    padding: str = "valid"
    activation: str = "relu"
    batch_norm: bool = False
    conv_dropout: float = 0.2
    cell: str = "lstm"
    units: int = 320
    recurrent_dropout: float = 0.5
    dense_units: int = 925
    dense_dropout: float = 0.0

    def __post_init__(self) -> None:
        check_sizes(
            filters=self.filters,
            kernel_size=self.kernel_size,
            pool_size=self.pool_size,
            units=self.units,
            dense_units=self.dense_units,
        )
        check_rates(
            conv_dropout=self.conv_dropout,
            recurrent_dropout=self.recurrent_dropout,
            dense_dropout=self.dense_dropout,
        )
        check_choice("padding", self.padding, ("valid", "same"))
        check_choice("cell", self.cell, ("lstm", "gru"))

    @property
    def min_window(self) -> int:
        """Shortest window, bp, that leaves one position for the recurrent layer."""
        return shortest_window([self.kernel_size], [self.pool_size], self.padding)


CONFIGS = {
    "published": DanQConfig(),
    "small": DanQConfig(
        filters=128,
        kernel_size=19,
        padding="same",
        batch_norm=True,
        conv_dropout=0.1,
        cell="gru",
        units=64,
        recurrent_dropout=0.3,
        dense_units=256,
        dense_dropout=0.4,
    ),
}


def build_danq(
    window: int,
    n_targets: int,
    preset: str = "published",
    output_bias: np.ndarray | None = None,
    channels: int = 4,
    **overrides,
) -> keras.Model:
    """Build DanQ, in the paper's size or another.

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
        Fields of `DanQConfig`.

    Returns
    -------
    model : keras.Model
        float32 (batch, window, channels) to float32 (batch, n_targets), not compiled.

    Raises
    ------
    InputError
        If the window is shorter than the convolution and its pooling need, a size makes no sense, or
        `output_bias` has another shape than (n_targets,).
    """
    import keras
    from keras import layers

    config = replace(CONFIGS[preset], **overrides)
    check_window(f"DanQ ({preset})", window, config.min_window)
    check_activation(config.activation)
    shared = {"activation": config.activation, "norm": "after" if config.batch_norm else None}

    inputs = x = keras.Input((window, channels), name="sequence")
    sizes = {"pool": config.pool_size, "dropout": config.conv_dropout, "padding": config.padding}
    x = conv_block(x, "conv1", config.filters, config.kernel_size, **sizes, **shared)
    cell = {"lstm": layers.LSTM, "gru": layers.GRU}[config.cell]
    x = layers.Bidirectional(
        cell(config.units, return_sequences=True, name=config.cell), name=f"bidirectional_{config.cell}"
    )(x)
    if config.recurrent_dropout:
        x = layers.Dropout(config.recurrent_dropout, name="recurrent_dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    x = dense_block(x, "dense", config.dense_units, dropout=config.dense_dropout, **shared)
    x = binary_head(x, n_targets, output_bias)
    return keras.Model(inputs, x, name="danq")


ENTRY = ModelEntry(
    name="danq",
    title="DanQ",
    input="(window, 4) one-hot DNA, order A, C, G, T, N as zeros; the paper's window is 1,000 bp",
    output="(targets,) probabilities; the layer before, 'logits', holds their log odds",
    paper=PAPER,
    build=build_danq,
    options=options_of(CONFIGS),
    presets=(
        Preset(
            name="published",
            parameters=46_926_479,
            window=1000,
            n_targets=919,
            min_window=CONFIGS["published"].min_window,
            summary="the paper's network: 320 filters of width 26, LSTM 320 both ways, 925 hidden units",
            deviations=(
                "channels are A, C, G, T; the DeepSEA data that the original trained on are A, G, C, T",
                "gates are logistic; the Keras of 2016 had a piecewise linear 'hard sigmoid' there",
                "the optimiser is seqdl's to choose; the original: RMSprop, learning rate .001, batch 100, "
                "at most 60 epochs, 5 without improvement of the validation loss",
            ),
        ),
        Preset(
            name="small",
            parameters=2_812_695,
            trainable=2_811_927,
            window=1000,
            n_targets=919,
            min_window=CONFIGS["small"].min_window,
            summary="trains on a laptop: 128 filters of width 19, BatchNorm, GRU 64 both ways, 256 hidden",
            deviations=(
                "fewer filters and units, same padding, a GRU instead of the LSTM",
                "BatchNorm, and dropout after the hidden layer too",
            ),
        ),
    ),
)
