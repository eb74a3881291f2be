"""DeepBind (Alipanahi et al., 2015): motif detectors, their maxima on either strand, the better strand.

What was checked, and against what
----------------------------------
Read in the paper's text and its supplement's figure 1 as reprinted: 16 detectors; the sequence padded with
N, .25 in each channel, so that detectors reach over both ends; rectification at a trained threshold;
max pooling over the whole sequence (max and mean for RNA and protein binding microarrays); no hidden layer
or one of 32 rectified units; both strands through the same network and the greater score taken; SGD with
momentum, learning rate .0005 to .05, batch 64, 20,000 steps.
Recalled from the supplement: detectors of width 24 for DNA, 16 for RNA; dropout at the input of the last
layer, kept share .5, .75 or 1 by calibration; one network a protein.
Counted here: 2,129 parameters with the hidden layer, 1,569 without, for one target.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seqdl.errors import InputError
from seqdl.models.checks import (
    check_activation,
    check_choice,
    check_output_bias,
    check_rates,
    check_sizes,
    check_window,
)
from seqdl.models.parts import assign_bias, options_of
from seqdl.models.registry import ModelEntry, Preset

if TYPE_CHECKING:
    import keras
    import numpy as np

PAPER = (
    "Alipanahi B, Delong A, Weirauch MT, Frey BJ. Predicting the sequence specificities of DNA- and "
    "RNA-binding proteins by deep learning. Nature Biotechnology 33, 831-838 (2015). doi:10.1038/nbt.3300"
)


@dataclass(frozen=True)
class DeepBindConfig:
    """Sizes of the network; every field can be overridden by keyword in `build_model`.

    Parameters
    ----------
    filters, kernel_size : int
        Number and width of the motif detectors.
    activation : str
        Name of a Keras activation, after the detectors and the hidden layer.
    pooling : {"max", "max_average"}
        Of each detector over the sequence; "max_average" doubles the features.
    hidden_units : int
        Of the hidden layer; 0 for none.
    dropout : float
        Dropout rate before the last layer.
    both_strands : bool or None
        Whether both strands are scored and the greater score taken. None means yes, but not where the
        input holds secondary structure (7 channels), which has one strand; for RNA without structure
        say False.
    """

    filters: int = 16
    kernel_size: int = 24
    activation: str = "relu"
    pooling: str = "max"
    hidden_units: int = 32
    dropout: float = 0.5
    both_strands: bool | None = None

    def __post_init__(self) -> None:
        check_sizes(filters=self.filters, kernel_size=self.kernel_size)
        check_sizes(0, hidden_units=self.hidden_units)
        check_rates(dropout=self.dropout)
        check_choice("pooling", self.pooling, ("max", "max_average"))
        if self.both_strands not in (None, True, False):
            raise InputError(f"`both_strands` must be true, false or none. Received: {self.both_strands!r}.")


CONFIGS = {
    "published": DeepBindConfig(),
    "small": DeepBindConfig(hidden_units=0, dropout=0.0),
}


def build_deepbind(
    window: int,
    n_targets: int,
    preset: str = "published",
    output_bias: np.ndarray | None = None,
    channels: int = 4,
    **overrides,
) -> keras.Model:
    """Build DeepBind, with or without its hidden layer.

    Parameters
    ----------
    window : int
        Window length, bp; the paper's for ChIP-seq is 101.
    n_targets : int
        Number of outputs; the paper has one network a protein.
    preset : {"published", "small"}
        Sizes to start from.
    output_bias : float array, shape (n_targets,), optional
        Initial bias of the logits.
    channels : int
        Of the input.
    **overrides
        Fields of `DeepBindConfig`.

    Returns
    -------
    model : keras.Model
        float32 (batch, window, channels) to float32 (batch, n_targets), not compiled.

    Raises
    ------
    InputError
        If the window is shorter than a detector, a size makes no sense, both strands of an input with
        structure are wanted, or `output_bias` has another shape than (n_targets,).

    Notes
    -----
    A sequence and its reverse complement have the same output. The layer "logits" takes the greater of
    the two strands' scores, which the linear layer "score" gives.
    """
    import keras
    from keras import layers

    from seqdl.layers import BothStrands, StrandPooling

    config = replace(CONFIGS[preset], **overrides)
    check_window(f"DeepBind ({preset})", window, config.kernel_size)
    check_activation(config.activation)
    output_bias = check_output_bias(output_bias, n_targets)
    both = channels == 4 if config.both_strands is None else bool(config.both_strands)
    if both and channels != 4:
        raise InputError(
            "DeepBind's other strand needs bases alone, 4 channels: a secondary structure has no reverse "
            f"complement. Received: {channels} channels. Set `both_strands` to false."
        )

    inputs = keras.Input((window, channels), name="sequence")
    x = BothStrands(config.kernel_size - 1, both=both, name="strands")(inputs)
    x = layers.Conv1D(config.filters, config.kernel_size, name="conv1")(x)
    x = layers.Activation(config.activation, name="conv1_activation")(x)
    average = config.pooling == "max_average"
    x = StrandPooling(2 if both else 1, average=average, name="conv1_pool")(x)
    if config.hidden_units:
        x = layers.Dense(config.hidden_units, name="dense")(x)
        x = layers.Activation(config.activation, name="dense_activation")(x)
    if config.dropout:
        x = layers.Dropout(config.dropout, name="dropout")(x)
    score = layers.Dense(n_targets, name="score", dtype="float32")
    x = layers.GlobalMaxPooling1D(name="logits", dtype="float32")(score(x))
    x = layers.Activation("sigmoid", name="probabilities", dtype="float32")(x)
    assign_bias(score, output_bias)
    return keras.Model(inputs, x, name="deepbind")


ENTRY = ModelEntry(
    name="deepbind",
    title="DeepBind",
    input="(window, 4) one-hot DNA, order A, C, G, T, N as zeros; the paper's window for ChIP-seq is 101 bp",
    output="(targets,) probabilities, the same for both strands; the layer before, 'logits', holds their "
    "log odds",
    paper=PAPER,
    build=build_deepbind,
    options=options_of(CONFIGS),
    presets=(
        Preset(
            name="published",
            parameters=2_129,
            window=101,
            n_targets=1,
            min_window=CONFIGS["published"].kernel_size,
            summary="the paper's network: 16 detectors of width 24, 32 hidden units, the better strand",
            deviations=(
                "an N within the sequence is zeros; the original has .25 there, as both have past the ends",
                "sigmoid and cross-entropy for every data type, where the original fits microarray and "
                "RNAcompete intensities by squared error; several targets share the detectors",
                "dropout .5 where the original calibrates between none, .25 and .5; the same for the hidden "
                "layer (see the preset 'small') and for the weights' initial scale",
                "the optimiser is seqdl's to choose; the original: SGD with momentum, learning rate .0005 to "
                ".05 by calibration, batch 64, 20,000 steps",
            ),
        ),
        Preset(
            name="small",
            parameters=1_569,
            window=101,
            n_targets=1,
            min_window=CONFIGS["small"].kernel_size,
            summary="the paper's other form, without hidden layer and dropout",
            deviations=("as for 'published', but for the hidden layer and dropout",),
        ),
    ),
)
