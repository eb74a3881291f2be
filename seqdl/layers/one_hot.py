"""`OneHot`: codes to one-hot rows inside the graph, on any Keras backend."""

from __future__ import annotations

import keras
import numpy as np

TABLE = np.vstack([np.eye(4, dtype="float32"), np.zeros((1, 4), "float32")])


@keras.saving.register_keras_serializable("seqdl")
class OneHot(keras.layers.Layer):
    """Turn codes (A 0, C 1, G 2, T 3, N 4) into one-hot rows in the order A, C, G, T; N becomes zeros.

    The input is an integer tensor of shape (batch, length), best uint8: one byte a base travels to
    the device instead of sixteen. The output is a float tensor of shape (batch, length, 4) in the
    layer's compute dtype.

    Parameters
    ----------
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Examples
    --------
    >>> OneHot()(np.array([[0, 4]], "uint8"))[0].shape
    (2, 4)
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(trainable=False, **kwargs)
        # Codes must not be cast to the layer's float dtype: they are indices.
        self.autocast = False

    def get_config(self) -> dict:
        """Return the layer's configuration; there is nothing beyond the base layer's."""
        config = super().get_config()
        config.pop("trainable", None)
        return config

    def call(self, codes):
        """Look the rows up in a table of five: backends differ in what one_hot(4) of four classes is."""
        table = keras.ops.convert_to_tensor(TABLE, dtype=self.compute_dtype)
        return keras.ops.take(table, keras.ops.cast(codes, "int32"), axis=0)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, length, 4)."""
        return (*input_shape, 4)

    def compute_output_spec(self, codes):
        """Describe the output: float, whatever the input's integer type."""
        return keras.KerasTensor(self.compute_output_shape(codes.shape), dtype=self.compute_dtype)
