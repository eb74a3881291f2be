"""Recurrent networks for sequences of any length up to a window: RNN, GRU, LSTM, and one for hairpins.

What was checked, and against what
----------------------------------
The three plain presets are the textbook's comparison of cells of 32 units that read one-hot RNA: of the
recurrent layer 1,184 (SimpleRNN), 3,648 (GRU; 3,552 in the form with one bias, `reset_after` off) and 4,736
(LSTM) parameters, counted by Keras and by formula. deepMiRGene (Park et al., 2017) is what the idea of
"mirna" comes from: an RNA's structure beside its bases, recurrent layers, attention; its 16-dimensional
code of base times symbol, its loop symbol and its flattened states are not copied.

A sequence ends at its last base: what follows (rows of zeros) is skipped, also by the backward direction,
the convolutions and the pooling, so a result does not depend on the window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seqdl.errors import InputError
from seqdl.models.checks import check_choice, check_output_bias, check_rates, check_sizes
from seqdl.models.parts import binary_head, dense_block, options_of
from seqdl.models.registry import ModelEntry, Preset

if TYPE_CHECKING:
    import keras
    import numpy as np

PAPER = (
    "Hochreiter S, Schmidhuber J. Long short-term memory. Neural Computation 9, 1735-1780 (1997). "
    "doi:10.1162/neco.1997.9.8.1735; Cho K et al. Learning phrase representations using RNN encoder-decoder. "
    "EMNLP (2014). doi:10.3115/v1/D14-1179; Park S et al. Deep recurrent neural network-based identification "
    "of precursor microRNAs. NeurIPS 30 (2017)"
)
CELLS = ("simple", "gru", "lstm")
POOLINGS = ("last", "attention", "mean", "max", "sum")


@dataclass(frozen=True)
class RecurrentConfig:
    """Sizes of the network; every field can be overridden by keyword in `build_model`.

    Parameters
    ----------
    cell : {"simple", "gru", "lstm"}
        Kind of every recurrent layer.
    units : tuple of int
        States of each recurrent layer, of each direction.
    bidirectional : bool
        Whether a second one reads from the end.
    reset_after : bool
        Form of the GRU: two biases (cuDNN's), or the first paper's with one.
    pooling : tuple of {"last", "attention", "mean", "max", "sum"}
        How the states become one vector; several stand side by side. "last" is the state at the
        sequence's end (and at its beginning, of the backward direction).
    attention_units : int
        See `seqdl.layers.SequencePooling`.
    attention_heads : int
        Weighted means of the attention.
    conv_filters, conv_widths : tuple of int
        Convolutions before the recurrent layers, one number each; none in an empty tuple.
    conv_pool : int
        Max pooling after the last convolution: the recurrent layers take fewer steps. 1 for none.
    pairs : bool
        With structure: put each base's partner beside it (`seqdl.layers.PairedBases`).
    skip : bool
        Pool the convolutions' output too, beside the states.
    conv_dropout, dropout : float
        Dropout rates after each convolution, and after the recurrent layers' pooling and the hidden layer.
    recurrent_dropout : float
        Dropout rate between recurrent layers.
    dense_units : int
        Hidden units before the logits; 0 for none.
    """

    cell: str = "gru"
    units: tuple[int, ...] = (32,)
    bidirectional: bool = False
    reset_after: bool = True
    pooling: tuple[str, ...] = ("last",)
    attention_units: int = 32
    attention_heads: int = 1
    conv_filters: tuple[int, ...] = ()
    conv_widths: tuple[int, ...] = ()
    conv_pool: int = 1
    pairs: bool = True
    skip: bool = False
    conv_dropout: float = 0.0
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    dense_units: int = 0

    def __post_init__(self) -> None:
        for name in ("units", "pooling", "conv_filters", "conv_widths"):
            value = getattr(self, name)
            value = (value,) if name == "pooling" and isinstance(value, str) else value
            if isinstance(value, str) or not hasattr(value, "__len__"):
                raise InputError(f"`{name}` must be a list. Received: {value!r}.")
            object.__setattr__(self, name, tuple(value))
        if not self.units or not self.pooling:
            raise InputError("`units` and `pooling` need one entry at least.")
        if len(self.conv_filters) != len(self.conv_widths):
            raise InputError(
                f"`conv_filters` and `conv_widths` need one number a convolution. Received: "
                f"{len(self.conv_filters)} and {len(self.conv_widths)}."
            )
        check_choice("cell", self.cell, CELLS)
        for how in self.pooling:
            check_choice("pooling", how, POOLINGS)
        check_sizes(
            units=self.units, attention_units=self.attention_units, attention_heads=self.attention_heads,
            conv_filters=self.conv_filters, conv_widths=self.conv_widths, conv_pool=self.conv_pool,
        )  # fmt: skip
        check_sizes(0, dense_units=self.dense_units)
        check_rates(
            conv_dropout=self.conv_dropout, dropout=self.dropout, recurrent_dropout=self.recurrent_dropout
        )
        if not self.conv_filters and (self.conv_pool > 1 or self.skip):
            raise InputError("`conv_pool` and `skip` are about convolutions: give `conv_filters`.")


CONFIGS = {
    "mirna": RecurrentConfig(
        cell="gru",
        units=(48,),
        bidirectional=True,
        pooling=("attention", "mean", "max", "sum"),
        conv_filters=(64, 64),
        conv_widths=(5, 5),
        conv_pool=2,
        conv_dropout=0.2,
        dropout=0.4,
        dense_units=64,
        skip=True,
    ),
    "simple": RecurrentConfig(cell="simple"),
    "gru": RecurrentConfig(cell="gru"),
    "lstm": RecurrentConfig(cell="lstm"),
    "bigru": RecurrentConfig(cell="gru", bidirectional=True, pooling=("attention",), dropout=0.2),
    "bilstm": RecurrentConfig(cell="lstm", bidirectional=True, pooling=("attention",), dropout=0.2),
}


def build_recurrent(
    window: int,
    n_targets: int,
    preset: str = "mirna",
    output_bias: np.ndarray | None = None,
    channels: int = 4,
    **overrides,
) -> keras.Model:
    """Build a recurrent network.

    Parameters
    ----------
    window : int
        Longest sequence, in bases; shorter ones are followed by rows of zeros.
    n_targets : int
        Number of outputs.
    preset : {"mirna", "simple", "gru", "lstm", "bigru", "bilstm"}
        Cells, sizes and regularisation to start from.
    output_bias : float array, shape (n_targets,), optional
        Initial bias of the logits.
    channels : int
        Of the input: 4, or 7 with secondary structure.
    **overrides
        Fields of `RecurrentConfig`.

    Returns
    -------
    model : keras.Model
        float32 (batch, window, channels) to float32 (batch, n_targets), not compiled. Its weights do not
        depend on the window.

    Raises
    ------
    InputError
        If a size makes no sense, or `output_bias` has another shape than (n_targets,).

    Notes
    -----
    The recurrent layers are called "recurrent1", ...; the attention's layer is "attention". The logits and
    probabilities compute in float32 under any mixed-precision policy.
    """
    import keras
    from keras import layers

    from seqdl.encoding import CHANNELS, STRUCTURE
    from seqdl.layers import MaskedPooling, PaddingMask, PairedBases, SequencePooling, ZeroPadding

    config = replace(CONFIGS[preset], **overrides)
    output_bias = check_output_bias(output_bias, n_targets)
    inputs = x = keras.Input((window, channels), name="sequence")
    mask = PaddingMask(name="mask")(x)
    if config.pairs and channels == CHANNELS + len(STRUCTURE):
        x = PairedBases(name="pairs")(x)
    for number, (filters, width) in enumerate(zip(config.conv_filters, config.conv_widths, strict=True), 1):
        name = f"conv{number}"
        x = layers.Conv1D(filters, width, padding="same", name=name)(x)
        x = layers.Activation("relu", name=f"{name}_activation")(x)
        x = ZeroPadding(name=f"{name}_padding")(x, mask)
        x = layers.Dropout(config.conv_dropout, name=f"{name}_dropout")(x) if config.conv_dropout else x
    pooled = []
    if config.skip:
        pooled += [SequencePooling(how, name=f"conv_{how}")(x, mask) for how in ("sum", "max")]
    if config.conv_pool > 1:
        x = MaskedPooling(config.conv_pool, name="conv_pool")(x)
        mask = MaskedPooling(config.conv_pool, name="mask_pool")(mask)
    cell = {"simple": layers.SimpleRNN, "gru": layers.GRU, "lstm": layers.LSTM}[config.cell]
    form = {"reset_after": config.reset_after} if config.cell == "gru" else {}
    last = config.pooling == ("last",)
    for number, units in enumerate(config.units, 1):
        name = f"recurrent{number}"
        ends = number == len(config.units)
        wanted = {"return_sequences": not (ends and last), **form}
        if ends and "last" in config.pooling and not last:
            wanted["return_state"] = True
        layer = cell(units, name=name, **wanted)
        if config.bidirectional:
            layer = layers.Bidirectional(layer, name=name)
        x = layer(x, mask=mask)
        if config.recurrent_dropout and not ends:
            x = layers.Dropout(config.recurrent_dropout, name=f"{name}_dropout")(x)
    if last:
        pooled.append(x)
    else:
        states = []
        if "last" in config.pooling:
            x, *states = x
            # An LSTM's second state is its memory, which is not an output.
            states = states[:: 2 if config.cell == "lstm" else 1]
        for how in config.pooling:
            if how == "last":
                pooled += states
            else:
                pooled.append(
                    SequencePooling(how, config.attention_units, config.attention_heads, name=how)(x, mask)
                )
    x = layers.Concatenate(name="pooled")(pooled) if len(pooled) > 1 else pooled[0]
    x = layers.Dropout(config.dropout, name="pooled_dropout")(x) if config.dropout else x
    if config.dense_units:
        x = dense_block(x, "dense", config.dense_units, dropout=config.dropout)
    return keras.Model(inputs, binary_head(x, n_targets, output_bias), name="rnn")


def _preset(name: str, parameters: int, summary: str, *deviations: str) -> Preset:
    return Preset(
        name, parameters, window=200, n_targets=1, min_window=1, summary=summary, deviations=deviations
    )


ENTRY = ModelEntry(
    name="rnn",
    title="Recurrent network",
    input="(window, 4) one-hot RNA or DNA, order A, C, G, U/T, N as zeros; (window, 7) with structure '.', "
    "'(', ')'. The window is the largest length; rows of zeros at the end are skipped",
    output="(targets,) probabilities; the layer before, 'logits', holds their log odds",
    paper=PAPER,
    build=build_recurrent,
    options=options_of(CONFIGS),
    presets=(
        _preset(
            "mirna", 90_753,
            "hairpins: two convolutions over bases, structure, partners; a bidirectional GRU; all poolings",
            "not one paper's network: deepMiRGene's idea (structure, recurrence, attention), convolutions "
            "in front, each base's partner as an input, and a twentieth of its parameters",
        ),
        _preset("simple", 1_217, "a vanilla RNN of 32 units; its last state"),
        _preset("gru", 3_681, "a GRU of 32 units; its last state"),
        _preset("lstm", 4_769, "an LSTM of 32 units; its last state"),
        _preset("bigru", 9_473, "a GRU of 32 units in each direction, attention pooling"),
        _preset("bilstm", 11_649, "an LSTM of 32 units in each direction, attention pooling"),
    ),
)  # fmt: skip
