"""BPNet (Avsec et al., 2021): dilated convolutions at full length, a profile head and a counts head.

What was checked, and against what
----------------------------------
Read in public code. The paper's network (kundajelab/bpnet, premade/bpnet9.gin, models.py, layers.py):
1,000 bp in and out, same padding, 64 filters of width 25 with ReLU, nine dilated convolutions of width 3
(dilation 2, 4, ... 512), each with ReLU and added to its input; for each task a transposed convolution of
width 25 to two strands, whose softmax over the positions is the profile, and a linear layer on the mean
over all positions, log(1 + count) of each strand; Adam .004, batch 128, count loss times 10; bias tracks.
The PyTorch version (jmschrei/bpnet-lite, bpnet.py): first width 21, eight dilated convolutions, profile
width 75, trimmed by 557 bp at either end, so that 2,114 bp give 1,000; the counts see the mean over those
and 37 more at either end; one softmax and one count over both strands.
Counted here: 130,960 parameters for the paper's four factors on two strands (8 targets) without bias
tracks; 109,122 for the PyTorch version with one output and no control, the same as there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seqdl.errors import InputError
from seqdl.models.checks import (
    check_activation,
    check_output_bias,
    check_sizes,
)
from seqdl.models.parts import assign_bias, options_of
from seqdl.models.registry import ModelEntry, Preset

if TYPE_CHECKING:
    import keras
    import numpy as np

PAPER = (
    "Avsec Z, Weilert M, Shrikumar A, et al. Base-resolution models of transcription-factor binding reveal "
    "soft motif syntax. Nature Genetics 53, 354-366 (2021). doi:10.1038/s41588-021-00782-6"
)


@dataclass(frozen=True)
class BPNetConfig:
    """Sizes of the network; every field can be overridden by keyword in `build_model`.

    Parameters
    ----------
    filters : int
        Of every convolution but the last.
    kernel_size : int
        Width of the first convolution.
    dilated_layers : int
        Residual convolutions of width 3, dilated 2, 4, 8, ...
    profile_kernel_size : int
        Width of the convolution that gives the profile.
    activation : str
        Name of a Keras activation, after each convolution but the last.
    crop : int or None
        Bases at either end of the window that are not predicted, if `build_model` is not told `bin`;
        None for as many as a profile's position sees, so that no prediction looks past the window.
    """

    filters: int = 64
    kernel_size: int = 25
    dilated_layers: int = 9
    profile_kernel_size: int = 25
    activation: str = "relu"
    crop: int | None = 0

    def __post_init__(self) -> None:
        check_sizes(
            filters=self.filters,
            kernel_size=self.kernel_size,
            profile_kernel_size=self.profile_kernel_size,
        )
        check_sizes(0, dilated_layers=self.dilated_layers, crop=0 if self.crop is None else self.crop)

    @property
    def reach(self) -> int:
        """Bases at either side of a position that its profile sees."""
        return self.kernel_size // 2 + 2 ** (self.dilated_layers + 1) - 2 + self.profile_kernel_size // 2

    @property
    def ends(self) -> int:
        """Bases at either end that are not predicted."""
        return self.reach if self.crop is None else self.crop

    @property
    def min_window(self) -> int:
        """Shortest window, bp, that leaves one value where no `bin` is given."""
        return 2 * self.ends + 1


CONFIGS = {
    "published": BPNetConfig(),
    "lite": BPNetConfig(kernel_size=21, dilated_layers=8, profile_kernel_size=75, crop=None),
    "small": BPNetConfig(filters=32, kernel_size=21, dilated_layers=6, profile_kernel_size=25, crop=256),
}


def build_bpnet(
    window: int,
    n_targets: int,
    preset: str = "published",
    output_bias: np.ndarray | None = None,
    channels: int = 4,
    bin: int | None = None,
    resolution: int | None = None,
    **overrides,
) -> keras.Model:
    """Build BPNet, in the paper's size or another.

    Parameters
    ----------
    window : int
        Window length, bp; the paper's is 1,000.
    n_targets : int
        Number of tracks: each strand of each experiment is one.
    preset : {"published", "lite", "small"}
        Sizes to start from.
    output_bias : float array, shape (n_targets,), optional
        Initial bias of the layer "counts": log(1 + mean total of a window).
    channels : int
        Of the input.
    bin : int, optional
        Bases in the window's middle that are predicted; all but the preset's ends if left out.
    resolution : int, optional
        Bases a value, 1 if left out. Wider ones add up the bases' profile.
    **overrides
        Fields of `BPNetConfig`.

    Returns
    -------
    model : keras.Model
        float32 (batch, window, channels) to float32 (batch, bin // resolution, n_targets), not
        compiled.

    Raises
    ------
    InputError
        If the window is too short, `bin` and `resolution` do not fit, a size makes no sense, or
        `output_bias` has another shape than (n_targets,).

    Notes
    -----
    The layers "profile", (bins, targets) logits over the bins, "counts", (targets,) log(1 + total), and
    "coverage", softmax(profile) * (e**counts - 1), have these names in every preset and compute in
    float32 under any mixed-precision policy.
    """
    import keras
    from keras import layers

    from seqdl.layers import ProfileCoverage

    config = replace(CONFIGS[preset], **overrides)
    check_activation(config.activation)
    output_bias = check_output_bias(output_bias, n_targets)
    resolution = resolution or 1
    margin = _margin(f"BPNet ({preset})", window, bin, resolution, config)

    inputs = keras.Input((window, channels), name="sequence")
    x = layers.Conv1D(config.filters, config.kernel_size, padding="same", name="conv1")(inputs)
    x = layers.Activation(config.activation, name="conv1_activation")(x)
    for number in range(1, config.dilated_layers + 1):
        name = f"dilated{number}"
        branch = layers.Conv1D(config.filters, 3, padding="same", dilation_rate=2**number, name=name)(x)
        branch = layers.Activation(config.activation, name=f"{name}_activation")(branch)
        x = layers.Add(name=f"{name}_add")([x, branch])
    profile, x = _profile_head(x, n_targets, config.profile_kernel_size, margin, resolution)
    x = layers.GlobalAveragePooling1D(name="counts_mean", dtype="float32")(x)
    counts = layers.Dense(n_targets, name="counts", dtype="float32")
    x = ProfileCoverage(name="coverage", dtype="float32")([profile, counts(x)])
    assign_bias(counts, output_bias)
    return keras.Model(inputs, x, name="bpnet")


def _margin(title: str, window: int, bin: int | None, resolution: int, config: BPNetConfig) -> int:
    """Return how many bases at either end are not predicted."""
    if bin is None:
        if window < 2 * config.ends + resolution:
            raise InputError(
                f"{title} needs a window of at least {2 * config.ends + resolution} bp when it leaves out "
                f"{config.ends} bp at either end. Received: {window}. For a shorter window give `bin`, the "
                "bases in its middle that are predicted."
            )
        bin = window - 2 * config.ends
    if window < bin:
        raise InputError(
            f"{title} needs a window of at least {bin} bp, or the {bin} bases to predict do not lie in it. "
            f"Received: {window}."
        )
    if bin % resolution:
        raise InputError(
            f"{title}: `bin` must be a multiple of `resolution`, {resolution}. Received: {bin}; with `bin` "
            f"left out, all of the window but {config.ends} bp at either end."
        )
    if (window - bin) % 2:
        raise InputError(
            f"{title}: the {bin} predicted bases must lie in the window's middle, so the window must be "
            f"longer by an even number. Received: a window of {window}."
        )
    return (window - bin) // 2


def _profile_head(x, n_targets: int, kernel: int, margin: int, resolution: int):
    """Return the profile's logits and the positions that the counts are taken from.

    Those are what the profile sees of the last layer: the predicted positions and half a filter's width
    more at either end, as far as the window goes.
    """
    from keras import layers

    from seqdl.layers import LogitPooling

    left = (kernel - 1) // 2
    right = kernel - 1 - left
    inside = margin >= right
    steps = []
    if inside and (margin - left or margin - right):
        x = layers.Cropping1D((margin - left, margin - right), name="crop")(x)
    steps.append((layers.Conv1D, (n_targets, kernel), {"padding": "valid" if inside else "same"}))
    if margin and not inside:
        steps.append((layers.Cropping1D, (margin,), {}))
    if resolution > 1:
        steps.append((LogitPooling, (resolution,), {}))
    profile = x
    names = [f"profile_{kind.__name__.lower()}" for kind, _, _ in steps[:-1]] + ["profile"]
    for (kind, args, options), name in zip(steps, names, strict=True):
        profile = kind(*args, name=name, dtype="float32", **options)(profile)
    return profile, x


ENTRY = ModelEntry(
    name="bpnet",
    title="BPNet",
    input="(window, 4) one-hot DNA, order A, C, G, T, N as zeros; the paper's window is 1,000 bp",
    output="(bin / resolution, targets) counts along the window's middle; inner layers: 'profile', logits "
    "over the positions, and 'counts', log(1 + total) of each target",
    paper=PAPER,
    build=build_bpnet,
    options=options_of(CONFIGS),
    task="coverage",
    presets=(
        Preset(
            name="published",
            parameters=130_960,
            window=1000,
            n_targets=8,
            min_window=CONFIGS["published"].min_window,
            summary="the paper's network: nine dilated layers of 64 filters, every base of 1,000 predicted",
            deviations=(
                "no bias (control) tracks, which the original adds to profile and counts",
                "the profile's convolution is written as such; the original's transposed one is its mirror "
                "image, the same function",
                "the optimiser and the weight of the count loss are seqdl's to choose; the original: Adam, "
                "learning rate .004, batch 128, count loss times 10",
            ),
        ),
        Preset(
            name="lite",
            parameters=109_122,
            window=2114,
            n_targets=1,
            min_window=CONFIGS["lite"].min_window,
            summary="bpnet-lite's network: eight dilated layers of 64 filters, 2,114 bp in, 1,000 out",
            deviations=(
                "the sizes of bpnet-lite and ChromBPNet, not the paper's: first width 21, eight dilated "
                "layers, profile width 75, and no prediction that looks past the window's ends",
                "no control tracks",
                "every target has its own profile and its own total; bpnet-lite takes one softmax and one "
                "total over both strands of an experiment (with one target it is the same network)",
                "Keras starts kernels Glorot-uniform and biases at 0; PyTorch starts both uniform within "
                "1/sqrt(inputs)",
            ),
        ),
        Preset(
            name="small",
            parameters=22_178,
            window=1024,
            n_targets=1,
            min_window=CONFIGS["small"].min_window,
            summary="trains on a laptop: six dilated layers of 32 filters",
            deviations=(
                "half the filters, six dilated layers; a reach of 148 bp to either side, 256 bp left out",
            ),
        ),
    ),
)
