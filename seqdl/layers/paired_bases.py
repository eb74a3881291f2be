"""`PairedBases`: what each base of a folded RNA is paired with, from its dot-bracket channels."""

from __future__ import annotations

import keras
from keras import ops

from seqdl.encoding import CHANNELS


@keras.saving.register_keras_serializable("seqdl")
class PairedBases(keras.layers.Layer):
    """Put each base's partner beside it: from (batch, length, 7) make (batch, length, 7 + 4).

    A bracket says that a base is paired, not with which: a convolution that sees "(" cannot tell GC from GU,
    since the partner may be a hundred bases away. The last four channels are the partner's one-hot row,
    zeros for an unpaired base.

    Parameters
    ----------
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Notes
    -----
    Brackets of one depth take turns, "(" then ")": sorted by (depth, position), partners stand side by
    side. Structures must be nested and balanced; a bracket without partner gets a row of zeros or a
    wrong partner.
    """

    def call(self, x):
        """Sort the brackets once, take the neighbour in that order, and go back."""
        opening, closing = (
            ops.logical_and(x[..., a] > x[..., b], x[..., a] > x[..., CHANNELS])
            for a, b in ((CHANNELS + 1, CHANNELS + 2), (CHANNELS + 2, CHANNELS + 1))
        )
        bracket = ops.logical_or(opening, closing)
        opened, closed = ops.cast(opening, "int32"), ops.cast(closing, "int32")
        # A pair's depth: after "(" has gone down, before ")" goes up.
        depth = ops.cumsum(opened - closed, axis=1) + closed
        length = x.shape[1]
        place = ops.arange(length, dtype="int32")
        order = ops.argsort(ops.where(bracket, depth, length) * length + place, axis=1)
        rank = ops.argsort(order, axis=1)
        rank, order = ops.cast(rank, "int32"), ops.cast(order, "int32")
        beside = ops.minimum(rank + 1 - 2 * (rank % 2), length - 1)
        partner = ops.take_along_axis(order, beside, axis=1)
        bases = ops.take_along_axis(x[..., :CHANNELS], ops.expand_dims(partner, -1), axis=1)
        return ops.concatenate([x, bases * ops.cast(ops.expand_dims(bracket, -1), x.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, length, channels + 4)."""
        return (*input_shape[:-1], input_shape[-1] + CHANNELS)

    def compute_output_spec(self, x):
        """Describe the output."""
        return keras.KerasTensor(self.compute_output_shape(x.shape), dtype=self.compute_dtype)
