"""`OneHot`: codes to one-hot rows inside the graph, on any Keras backend."""

from __future__ import annotations

import keras
import numpy as np

from seqdl.encoding import CHANNELS, STRUCTURE

TABLE = np.vstack([np.eye(CHANNELS, dtype="float32"), np.zeros((1, CHANNELS), "float32")])
# Row base + 5 * (1 + symbol): the base's four channels, then one a symbol.
STRUCTURED = np.concatenate(
    [
        np.tile(TABLE, (1 + len(STRUCTURE), 1)),
        np.repeat(np.eye(1 + len(STRUCTURE), dtype="float32")[:, 1:], len(TABLE), axis=0),
    ],
    axis=1,
)


@keras.saving.register_keras_serializable("seqdl")
class OneHot(keras.layers.Layer):
    """Turn codes (A 0, C 1, G 2, T 3, N 4) into one-hot rows in the order A, C, G, T; N becomes zeros.

    The input is an integer tensor of shape (batch, length), best uint8: one byte a base travels to
    the device instead of sixteen. The output is a float tensor of shape (batch, length, channels) in
    the layer's compute dtype.

    Parameters
    ----------
    structure : bool
        Read codes that hold a base and its secondary structure (`seqdl.encoding`): seven channels
        instead of four.
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Examples
    --------
    >>> OneHot()(np.array([[0, 4]], "uint8"))[0].shape
    (2, 4)
    """

    def __init__(self, structure: bool = False, **kwargs) -> None:
        super().__init__(trainable=False, **kwargs)
        self.structure = bool(structure)
        # Codes must not be cast to the layer's float dtype: they are indices.
        self.autocast = False

    def get_config(self) -> dict:
        """Return the layer's configuration."""
        config = super().get_config()
        config.pop("trainable", None)
        return {**config, "structure": self.structure}

    def call(self, codes):
        """Look the rows up in a table: backends differ in what one_hot(4) of four classes is."""
        rows = STRUCTURED if self.structure else TABLE
        table = keras.ops.convert_to_tensor(rows, dtype=self.compute_dtype)
        return keras.ops.take(table, keras.ops.cast(codes, "int32"), axis=0)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, length, channels)."""
        return (*input_shape, (STRUCTURED if self.structure else TABLE).shape[1])

    def compute_output_spec(self, codes):
        """Describe the output: float, whatever the input's integer type."""
        return keras.KerasTensor(self.compute_output_shape(codes.shape), dtype=self.compute_dtype)
