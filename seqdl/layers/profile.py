"""BPNet's output: a shape over the positions times a total."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable("seqdl")
class ProfileCoverage(keras.layers.Layer):
    """Spread each target's expected total over the positions: softmax(profile) * (e**counts - 1).

    It is called with ``[profile, counts]``: float (batch, bins, targets) logits over the bins and float
    (batch, targets) log(1 + total). A total cannot be negative: counts below 0 give 0.

    Parameters
    ----------
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Examples
    --------
    >>> coverage = ProfileCoverage()([np.zeros((1, 4, 2)), np.log1p([[8.0, 0.0]])])
    >>> coverage[0, :, 0].tolist()
    [2.0, 2.0, 2.0, 2.0]
    """

    def call(self, inputs):
        """Multiply shape and total."""
        ops = keras.ops
        profile, counts = inputs
        total = ops.expm1(ops.maximum(counts, 0.0))
        return ops.softmax(profile, axis=1) * ops.expand_dims(total, 1)

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        """Return the profile's shape."""
        return tuple(input_shape[0])

    def reach_step(self, length: int) -> None:
        """Say that every output sees the whole window: the softmax compares all positions."""


@keras.saving.register_keras_serializable("seqdl")
class LogitPooling(keras.layers.Layer):
    """Join positions of a profile: the log of the sum of their exponentials.

    (batch, length, targets) becomes (batch, length // width, targets). The softmax of the result is then
    exactly the sum, over each bin, of the softmax at every base.

    Parameters
    ----------
    width : int
        Positions a bin.
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Examples
    --------
    >>> LogitPooling(10)(np.zeros((1, 1000, 2), "float32")).shape
    (1, 100, 2)
    """

    def __init__(self, width: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.width = int(width)

    def get_config(self) -> dict:
        """Return the layer's configuration."""
        return {**super().get_config(), "width": self.width}

    def call(self, x):
        """Add in the space of probabilities, without overflow."""
        ops = keras.ops
        shape = (-1, x.shape[1] // self.width, self.width, x.shape[2])
        return ops.logsumexp(ops.reshape(x, shape), axis=2)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, bins, targets)."""
        return input_shape[0], input_shape[1] // self.width, input_shape[2]

    def reach_step(self, length: int) -> tuple[int, int, int]:
        """Say what a bin sees: its own positions."""
        return self.width, 0, self.width - 1
