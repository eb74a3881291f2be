"""DeepBind's two strands: laid end to end before the motif scan, and pooled apart after it."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable("seqdl")
class BothStrands(keras.layers.Layer):
    """Lay a sequence and its reverse complement end to end, with gaps around and between them.

    A valid convolution as wide as the gap and one more then scans both strands with the same filters,
    over both ends of each, and no position sees both. The output is (batch, 2 * length + 3 * gap, 4):
    gap, sequence, gap, reverse complement, gap.

    Parameters
    ----------
    gap : int
        Rows of the gap: the filters' width less one.
    fill : float
        Their value, in every channel; 0.25 is "any base", as in DeepBind.
    both : bool
        With False the sequence alone, between two gaps: for RNA, and for inputs with structure.
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Examples
    --------
    >>> BothStrands(gap=23)(np.zeros((1, 101, 4), "float32")).shape
    (1, 271, 4)
    """

    def __init__(self, gap: int, fill: float = 0.25, both: bool = True, **kwargs) -> None:
        super().__init__(**kwargs)
        self.gap, self.fill, self.both = int(gap), float(fill), bool(both)

    def get_config(self) -> dict:
        """Return the layer's configuration."""
        return {**super().get_config(), "gap": self.gap, "fill": self.fill, "both": self.both}

    def call(self, x):
        """Complement by turning the channels round: A, C, G, T is T, G, C, A backwards."""
        ops = keras.ops
        if not self.gap:
            return ops.concatenate([x, ops.flip(x, axis=(1, 2))], axis=1) if self.both else x
        gap = ops.full_like(x[:, :1], self.fill)
        gap = ops.repeat(gap, self.gap, axis=1)
        parts = [gap, x, gap]
        if self.both:
            parts += [ops.flip(x, axis=(1, 2)), gap]
        return ops.concatenate(parts, axis=1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, 2 * length + 3 * gap, channels), or for one strand (batch, length + 2 * gap, …)."""
        batch, length, channels = input_shape
        strands = 2 if self.both else 1
        return batch, None if length is None else strands * length + (strands + 1) * self.gap, channels

    def reach_step(self, length: int) -> tuple[int, int, int]:
        """Say what a position of the forward strand sees: one base, `gap` places further left."""
        return 1, -self.gap, -self.gap


@keras.saving.register_keras_serializable("seqdl")
class StrandPooling(keras.layers.Layer):
    """Pool every filter over each strand: (batch, strands * length, filters) to (batch, strands, features).

    Parameters
    ----------
    strands : {1, 2}
        How many lie end to end.
    average : bool
        Whether each filter's mean comes after its maximum, as DeepBind has it for RNA and for protein
        binding microarrays: 2 * filters features instead of filters.
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Examples
    --------
    >>> StrandPooling(2)(np.zeros((1, 248, 16), "float32")).shape
    (1, 2, 16)
    """

    def __init__(self, strands: int, average: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.strands, self.average = int(strands), bool(average)

    def get_config(self) -> dict:
        """Return the layer's configuration."""
        return {**super().get_config(), "strands": self.strands, "average": self.average}

    def call(self, x):
        """Split the strands apart and pool each."""
        ops = keras.ops
        x = ops.reshape(x, (-1, self.strands, x.shape[1] // self.strands, x.shape[2]))
        highest = ops.max(x, axis=2)
        if not self.average:
            return highest
        return ops.concatenate([highest, ops.mean(x, axis=2)], axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, strands, features)."""
        return input_shape[0], self.strands, input_shape[2] * (2 if self.average else 1)

    def reach_step(self, length: int) -> None:
        """Say that every output sees the whole window."""
