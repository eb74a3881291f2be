"""Basenji2 (Kelley, 2020): halvings to 128-bp bins, residual dilated convolutions, softplus.

What was checked, and against what
----------------------------------
Read in public code (calico/basenji, manuscripts/cross2020/params_human.json and blocks.py): filters,
widths, poolings, dropout rates, the dilations (each 1.5 times the last, rounded: 1, 2, 3, 4, 6, 9, 14, 21,
32, 48, 72), the order GELU, convolution without bias, BatchNorm (momentum .9), dropout, pooling; the
scale 0 with which BatchNorm starts at the end of each residual block; kernels from a truncated normal of
variance 2 / inputs; the GELU as x sigmoid(1.702 x); the crop of 64 values; the last GELU; softplus; SGD
(learning rate .15, momentum .99, gradient norm at most 2), batch 4.
Counted here: the parameters. The paper trains two heads (human 5,313 tracks, mouse 1,643) on one trunk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seqdl.errors import InputError
from seqdl.models.checks import check_activation, check_choice, check_rates, check_sizes
from seqdl.models.coverage_parts import (
    LINKS,
    activate,
    check_power_of_two,
    crop_ends,
    fit_bins,
    link_layer,
    pre_block,
)
from seqdl.models.parts import coverage_head, options_of
from seqdl.models.registry import ModelEntry, Preset

if TYPE_CHECKING:
    import keras
    import numpy as np

PAPER = (
    "Kelley DR. Cross-species regulatory sequence activity prediction. PLoS Computational Biology 16, "
    "e1008050 (2020). doi:10.1371/journal.pcbi.1008050"
)


@dataclass(frozen=True)
class Basenji2Config:
    """Sizes of the network; every field can be overridden by keyword in `build_model`.

    Parameters
    ----------
    resolution : int
        Bases a value if `build_model` is not told. A power of two; each convolution before the dilated
        ones halves, so their number follows from it: 7 for 128, 5 for 32.
    crop : int
        Bases at either end of the window that are not predicted, if `build_model` is not told `bin`.
    activation : str
        "sigmoid_gelu" or the name of a Keras activation, before each convolution and the last layer.
    first_filters, first_kernel : int
        Of the first convolution.
    tower_filters, tower_kernel : int
        Of the second convolution.
    tower_growth : float
        How many times the filters of one convolution each next one of the tower has.
    dilated_filters, dilated_kernel : int
        Of each dilated convolution; a pointwise one leads back to the trunk's width.
    dilated_blocks : int
        Number of residual blocks.
    dilated_growth : float
        How many times wider than the last block each is dilated, rounded.
    dilated_dropout : float
        Dropout rate at the end of each block.
    final_filters : int
        Pointwise convolution before the last layer.
    final_dropout : float
        Its dropout rate.
    norm_momentum : float
        Share that BatchNorm's running statistics keep at each step.
    link : {"softplus", "exp_linear"}
        What makes the values positive.
    """

    resolution: int = 128
    crop: int = 8192
    activation: str = "sigmoid_gelu"
    first_filters: int = 288
    first_kernel: int = 15
    tower_filters: int = 339
    tower_kernel: int = 5
    tower_growth: float = 1.1776
    dilated_filters: int = 384
    dilated_kernel: int = 3
    dilated_blocks: int = 11
    dilated_growth: float = 1.5
    dilated_dropout: float = 0.3
    final_filters: int = 1536
    final_dropout: float = 0.05
    norm_momentum: float = 0.9
    link: str = "softplus"

    def __post_init__(self) -> None:
        names = (
            "first_filters", "first_kernel", "tower_filters", "tower_kernel", "dilated_filters",
            "dilated_kernel", "final_filters",
        )  # fmt: skip
        check_sizes(**{name: getattr(self, name) for name in names})
        check_sizes(2, resolution=self.resolution)
        check_sizes(0, crop=self.crop, dilated_blocks=self.dilated_blocks)
        check_rates(
            dilated_dropout=self.dilated_dropout,
            final_dropout=self.final_dropout,
            norm_momentum=self.norm_momentum,
        )
        check_choice("link", self.link, LINKS)
        for name in ("tower_growth", "dilated_growth"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value <= 4:
                raise InputError(f"`{name}` must be a number from 1 to 4. Received: {value!r}.")

    @property
    def min_window(self) -> int:
        """Shortest window, bp, that leaves one value where no `bin` is given."""
        return 2 * self.crop + self.resolution

    @property
    def dilations(self) -> tuple[int, ...]:
        """How far apart the taps of each dilated convolution are, bins."""
        rates = [1]
        while len(rates) < self.dilated_blocks:
            rates.append(round(rates[-1] * self.dilated_growth))
        return tuple(rates[: self.dilated_blocks])


CONFIGS = {
    "published": Basenji2Config(),
    "small": Basenji2Config(
        resolution=32,
        crop=1024,
        first_filters=64,
        tower_filters=72,
        tower_growth=1.16,
        dilated_filters=48,
        dilated_blocks=5,
        dilated_growth=2.0,
        dilated_dropout=0.2,
        final_filters=192,
        final_dropout=0.2,
    ),
}


def build_basenji2(
    window: int,
    n_targets: int,
    preset: str = "published",
    output_bias: np.ndarray | None = None,
    channels: int = 4,
    bin: int | None = None,
    resolution: int | None = None,
    **overrides,
) -> keras.Model:
    """Build a network of the Basenji2 type, in the paper's size or another.

    Parameters
    ----------
    window : int
        Window length, bp; the paper's is 131,072.
    n_targets : int
        Number of tracks; the paper's human head has 5,313.
    preset : {"published", "small"}
        Sizes to start from.
    output_bias : float array, shape (n_targets,), optional
        Initial bias of the linear values: those whose link is the targets' mean.
    channels : int
        Of the input.
    bin : int, optional
        Bases in the window's middle that are predicted; all but the preset's `crop` at either end if
        left out.
    resolution : int, optional
        Bases a value, a power of two; the preset's own if left out.
    **overrides
        Fields of `Basenji2Config`.

    Returns
    -------
    model : keras.Model
        float32 (batch, window, channels) to float32 (batch, bin // resolution, n_targets), not
        compiled.

    Raises
    ------
    InputError
        If window, bin and resolution do not fit each other or the poolings, a size makes no sense, or
        `output_bias` has another shape than (n_targets,).

    Notes
    -----
    The last two layers are "linear" and "coverage" in every preset; they compute in float32 under any
    mixed-precision policy.
    """
    import keras
    from keras import layers

    config = replace(CONFIGS[preset], **overrides)
    if config.activation != "sigmoid_gelu":
        check_activation(config.activation)
    title = f"Basenji2 ({preset})"
    resolution = resolution or config.resolution
    halvings = check_power_of_two(title, resolution)
    if not halvings:
        raise InputError(f"{title} halves at least once: `resolution` must be 2 or more. Received: 1.")
    bins = fit_bins(title, window, bin, resolution, config.crop)
    shared = {"activation": config.activation, "norm_momentum": config.norm_momentum}

    inputs = x = keras.Input((window, channels), name="sequence")
    for number in range(1, halvings + 1):
        name = f"conv{number}"
        if number == 1:
            x = pre_block(x, name, config.first_filters, config.first_kernel, **shared)
        else:
            filters = round(config.tower_filters * config.tower_growth ** (number - 2))
            x = pre_block(x, name, filters, config.tower_kernel, **shared)
        x = layers.MaxPooling1D(2, name=f"{name}_pool")(x)
    trunk = x.shape[-1]
    for number, dilation in enumerate(config.dilations, start=1):
        name = f"dilated{number}"
        branch = pre_block(
            x, name, config.dilated_filters, config.dilated_kernel, dilation=dilation, **shared
        )
        # Scale 0: each block begins as the identity.
        branch = pre_block(
            branch, f"{name}_return", trunk, 1, dropout=config.dilated_dropout, gamma="zeros", **shared
        )
        x = layers.Add(name=f"{name}_add")([x, branch])
    x = crop_ends(x, bins.crop)
    x = pre_block(x, "final", config.final_filters, 1, dropout=config.final_dropout, **shared)
    x = activate(x, "last_activation", config.activation)
    x = coverage_head(x, n_targets, output_bias, link_layer(config.link), kernel_initializer="he_normal")
    return keras.Model(inputs, x, name="basenji2")


MEMORY = (
    "needs no gradient checkpointing: a training step at 131,072 bp and 5,313 tracks takes 3.4 GiB in all "
    "for one sequence (AdamW), measured in float32 on TensorFlow and a processor"
)

ENTRY = ModelEntry(
    name="basenji2",
    title="Basenji2",
    input="(window, 4) one-hot DNA, order A, C, G, T, N as zeros; the paper's window is 131,072 bp",
    output="(bin / resolution, targets) coverage of the window's middle, positive; the paper's: 896 values "
    "of 128 bp. The layer before, 'linear', holds the values before softplus",
    paper=PAPER,
    build=build_basenji2,
    options=options_of(CONFIGS),
    task="coverage",
    presets=(
        Preset(
            name="published",
            parameters=30_123_584,
            trainable=30_088_228,
            window=131_072,
            n_targets=5313,
            min_window=CONFIGS["published"].min_window,
            summary="the paper's trunk with one head: 128-bp values, 8,192 bp left out at either end",
            deviations=(
                "one head; the original trains a human one (5,313 tracks) and a mouse one (1,643) together",
                "BatchNorm keeps .9 of its running statistics at each step, as the original does (Keras's "
                "own .99 trails the weights), with the statistics of one device's batch",
                "softplus without the original's limit of -50 on its input",
                "the optimiser is seqdl's to choose; the original: SGD, learning rate .15, momentum .99, "
                "gradient norm at most 2, batch 4",
                MEMORY,
            ),
        ),
        Preset(
            name="small",
            parameters=287_081,
            trainable=284_239,
            window=4096,
            n_targets=1,
            min_window=CONFIGS["small"].min_window,
            summary="short windows on two processor cores: 32-bp values (or any power of two), 1,024 bp left "
            "out at either end",
            deviations=(
                "64 to 112 filters in five halvings, five dilated blocks of 48 filters dilated 1 to 16, less "
                "dropout in them and more before the last layer",
            ),
        ),
    ),
)
