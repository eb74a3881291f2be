"""Basenji (Kelley et al., 2018): poolings to 128-bp bins, densely connected dilated convolutions, a link.

What was checked, and against what
----------------------------------
Read in public code (calico/basenji, the parameters of its folder manuscripts/genome_research2018 and the
code of spring 2018): filters, widths, poolings, dropout rates, dilations, dense concatenation, the order
ReLU, convolution without bias, BatchNorm (momentum .9, epsilon .001), dropout, concatenation, pooling;
kernels from a truncated normal of variance 2 / inputs, the last layer Glorot-uniform; the final ReLU;
the buffer of 4,096 bp; the link and its limit of -50; mean Poisson loss, Adam (learning rate .002063,
beta .97 and .98), gradient norm at most 1, batch 2.
Counted here: 15,190,636 trainable parameters for 4,229 tracks, 15,200,568 with BatchNorm's statistics;
receptive field 32,871 bp.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from seqdl.errors import InputError
from seqdl.models.checks import check_activation, check_choice, check_rates, check_sizes, take_lists
from seqdl.models.coverage_parts import (
    LINKS,
    activate,
    crop_ends,
    fit_bins,
    link_layer,
    pre_block,
    spread_poolings,
)
from seqdl.models.parts import coverage_head, options_of
from seqdl.models.registry import ModelEntry, Preset

if TYPE_CHECKING:
    import keras
    import numpy as np

PAPER = (
    "Kelley DR, Reshef YA, Bileschi M, Belanger D, McLean CY, Snoek J. Sequential regulatory activity "
    "prediction across chromosomes with convolutional neural networks. Genome Research 28, 739-750 (2018). "
    "doi:10.1101/gr.227819.117"
)


MEMORY = (
    "needs no gradient checkpointing: a training step at 131,072 bp and 4,229 tracks takes 5.1 GiB in all "
    "for the paper's batch of 2 (AdamW; Adam 5.0) and 3.1 GiB for 1, so about 2 GiB a sequence, measured in "
    "float32 on TensorFlow and a processor"
)


@dataclass(frozen=True)
class BasenjiConfig:
    """Sizes of the network; every field can be overridden by keyword in `build_model`.

    Parameters
    ----------
    filters, kernel_sizes : tuple of int
        One number a convolution before the dilated ones.
    dropouts : tuple of float
        Dropout rate of each of those.
    pool_sizes : tuple of int or None
        Max pooling of each; their product is the resolution. None lets them follow from the
        resolution, a power of two: its halvings are spread over the convolutions, wider poolings last.
    resolution : int
        Bases a value if `build_model` is not told, and `pool_sizes` is None.
    crop : int
        Bases at either end of the window that are not predicted, if `build_model` is not told `bin`.
    activation : str
        Name of a Keras activation, before each convolution and the last layer.
    dilated_filters, dilated_kernel : int
        Of each dilated convolution; its output is put beside its input.
    dilated_blocks : int
        Their number; they are dilated 2, 4, 8, ...
    dilated_dropout : float
        Their dropout rate.
    final_filters : int
        Pointwise convolution before the last layer.
    final_dropout : float
        Its dropout rate.
    norm_momentum : float
        Share that BatchNorm's running statistics keep at each step.
    link : {"exp_linear", "softplus"}
        What makes the values positive.
    """

    filters: tuple[int, ...] = (312, 368, 435, 514, 607, 717)
    kernel_sizes: tuple[int, ...] = (22, 1, 6, 6, 6, 3)
    dropouts: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.05)
    pool_sizes: tuple[int, ...] | None = (1, 2, 4, 4, 4, 1)
    resolution: int = 128
    crop: int = 4096
    activation: str = "relu"
    dilated_filters: int = 108
    dilated_kernel: int = 3
    dilated_blocks: int = 6
    dilated_dropout: float = 0.1
    final_filters: int = 1365
    final_dropout: float = 0.05
    norm_momentum: float = 0.9
    link: str = "exp_linear"

    def __post_init__(self) -> None:
        pooled = () if self.pool_sizes is None else ("pool_sizes",)
        take_lists(self, "filters", "kernel_sizes", "dropouts", *pooled)
        check_sizes(
            filters=self.filters,
            kernel_sizes=self.kernel_sizes,
            pool_sizes=self.pool_sizes or (),
            resolution=self.resolution,
            dilated_filters=self.dilated_filters,
            dilated_kernel=self.dilated_kernel,
            final_filters=self.final_filters,
        )
        check_sizes(0, crop=self.crop, dilated_blocks=self.dilated_blocks)
        check_rates(
            dropouts=self.dropouts,
            dilated_dropout=self.dilated_dropout,
            final_dropout=self.final_dropout,
            norm_momentum=self.norm_momentum,
        )
        check_choice("link", self.link, LINKS)

    @property
    def min_window(self) -> int:
        """Shortest window, bp, that leaves one value where no `bin` is given."""
        return 2 * self.crop + (prod(self.pool_sizes) if self.pool_sizes else self.resolution)


CONFIGS = {
    "published": BasenjiConfig(),
    "small": BasenjiConfig(
        filters=(64, 72, 80, 96, 112),
        kernel_sizes=(15, 5, 5, 5, 5),
        dropouts=(0.0, 0.0, 0.0, 0.0, 0.1),
        pool_sizes=None,
        resolution=32,
        crop=1024,
        dilated_filters=32,
        dilated_blocks=4,
        dilated_dropout=0.2,
        final_filters=192,
        final_dropout=0.2,
    ),
}


def build_basenji(
    window: int,
    n_targets: int,
    preset: str = "published",
    output_bias: np.ndarray | None = None,
    channels: int = 4,
    bin: int | None = None,
    resolution: int | None = None,
    **overrides,
) -> keras.Model:
    """Build Basenji, in the paper's size or another.

    Parameters
    ----------
    window : int
        Window length, bp; the paper's is 131,072.
    n_targets : int
        Number of tracks; the paper's is 4,229.
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
        Bases a value; the preset's own if left out.
    **overrides
        Fields of `BasenjiConfig`.

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
    check_activation(config.activation)
    title = f"Basenji ({preset})"
    pool_sizes = _pool_sizes(title, config, resolution)
    bins = fit_bins(title, window, bin, prod(pool_sizes), config.crop)
    shared = {"activation": config.activation, "norm_momentum": config.norm_momentum}

    inputs = x = keras.Input((window, channels), name="sequence")
    blocks = zip(config.filters, config.kernel_sizes, pool_sizes, config.dropouts, strict=True)
    for number, (filters, kernel, pool, dropout) in enumerate(blocks, start=1):
        x = pre_block(x, f"conv{number}", filters, kernel, dropout=dropout, **shared)
        if pool > 1:
            x = layers.MaxPooling1D(pool, name=f"conv{number}_pool")(x)
    for number in range(1, config.dilated_blocks + 1):
        name = f"dilated{number}"
        branch = pre_block(
            x, name, config.dilated_filters, config.dilated_kernel, dilation=2**number,
            dropout=config.dilated_dropout, **shared,
        )  # fmt: skip
        x = layers.Concatenate(name=f"{name}_concat")([x, branch])
    x = pre_block(x, "final", config.final_filters, 1, dropout=config.final_dropout, **shared)
    x = activate(x, "last_activation", config.activation)
    # Only here, as in the paper's code: BatchNorm's statistics are those of the whole window.
    x = crop_ends(x, bins.crop)
    x = coverage_head(x, n_targets, output_bias, link_layer(config.link))
    return keras.Model(inputs, x, name="basenji")


def _pool_sizes(title: str, config: BasenjiConfig, resolution: int | None) -> tuple[int, ...]:
    """Return the preset's poolings, or those that follow from the resolution."""
    if config.pool_sizes is None:
        return spread_poolings(title, resolution or config.resolution, len(config.filters))
    own = prod(config.pool_sizes)
    if resolution not in (None, own):
        raise InputError(
            f"{title} pools by {' x '.join(map(str, config.pool_sizes))}: one value per {own} bases. "
            f"Received: `resolution` {resolution}. Bin the coverage at {own}, or take poolings that follow "
            f"from the resolution: the preset 'small', or the override pool_sizes=None."
        )
    return config.pool_sizes


ENTRY = ModelEntry(
    name="basenji",
    title="Basenji",
    input="(window, 4) one-hot DNA, order A, C, G, T, N as zeros; the paper's window is 131,072 bp",
    output="(bin / resolution, targets) coverage of the window's middle, positive; the paper's: 960 values "
    "of 128 bp. The layer before, 'linear', holds the values before the link",
    paper=PAPER,
    build=build_basenji,
    options=options_of(CONFIGS),
    task="coverage",
    presets=(
        Preset(
            name="published",
            parameters=15_200_568,
            trainable=15_190_636,
            window=131_072,
            n_targets=4229,
            min_window=CONFIGS["published"].min_window,
            summary="the paper's network: 128-bp values, 4,096 bp left out at either end",
            deviations=(
                "BatchNorm keeps .9 of its running statistics at each step, as the original does (Keras's "
                "own .99 trails the weights); the original's code can also renormalise batches, this one "
                "does not",
                "the optimiser and the gradient's limit are seqdl's to choose; the original: Adam, learning "
                "rate .002063, beta .97 and .98, gradient norm at most 1, batch 2",
                MEMORY,
            ),
        ),
        Preset(
            name="small",
            parameters=258_529,
            trainable=257_041,
            window=4096,
            n_targets=1,
            min_window=CONFIGS["small"].min_window,
            summary="short windows on two processor cores: 32-bp values (or any power of two, see "
            "`pool_sizes`), 1,024 bp left out at either end",
            deviations=(
                "64 to 112 filters in five convolutions whose poolings follow from the resolution, four "
                "dilated convolutions of 32 filters, more dropout",
            ),
        ),
    ),
)
