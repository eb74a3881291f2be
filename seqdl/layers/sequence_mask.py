"""Sequences shorter than their window: which positions are padding, and layers that keep to the others.

Padding is what follows the last row that is not all zeros. A row of zeros before it is an N, a base.
What these layers give for a sequence does not depend on how much padding follows it.
"""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("seqdl")
class PaddingMask(keras.layers.Layer):
    """Mark the positions of one-hot rows, (batch, length, channels), that belong to the sequence.

    The output is boolean, (batch, length): True up to and with the last row that is not all zeros.

    Parameters
    ----------
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Examples
    --------
    >>> PaddingMask()(np.array([[[1.0], [0.0], [1.0], [0.0]]])).numpy().tolist()
    [[True, True, True, False]]
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.trainable = False

    def call(self, x):
        """Look from the end: a position counts if it or a later one holds something."""
        filled = ops.cast(ops.any(ops.not_equal(x, 0), axis=-1), "int32")
        return ops.flip(ops.cumsum(ops.flip(filled, axis=1), axis=1), axis=1) > 0

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, length)."""
        return tuple(input_shape[:2])

    def compute_output_spec(self, x):
        """Describe the output: boolean."""
        return keras.KerasTensor(self.compute_output_shape(x.shape), dtype="bool")


@keras.saving.register_keras_serializable("seqdl")
class ZeroPadding(keras.layers.Layer):
    """Set padding positions to zero: called with values (batch, length, channels) and a mask (batch, length).

    After every convolution, so that the next one sees at a sequence's end what it sees at its window's.

    Parameters
    ----------
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).
    """

    def call(self, x, mask):
        """Multiply by the mask; a NaN cannot arise, so this is as exact as a choice."""
        return x * ops.cast(ops.expand_dims(mask, -1), x.dtype)

    def compute_output_shape(self, x_shape: tuple, mask_shape: tuple | None = None) -> tuple:
        """Return the values' shape."""
        return tuple(x_shape)

    def compute_output_spec(self, x, mask):
        """Describe the output: as the values are."""
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)


@keras.saving.register_keras_serializable("seqdl")
class MaskedPooling(keras.layers.Layer):
    """Max pooling along a sequence that begins at its first base, whatever the window.

    Called with values that are not negative, zero in the padding, (batch, length, channels). A last, partial
    pool counts. (Keras's "same" padding puts half of it in front, so that pools would move with the window.)

    Parameters
    ----------
    size : int
        Positions a pool.
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).
    """

    def __init__(self, size: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.size = int(size)

    def get_config(self) -> dict:
        """Return the layer's configuration."""
        return {**super().get_config(), "size": self.size}

    def call(self, x):
        """Fill the last pool up with zeros; boolean masks are pooled as "any"."""
        mask = keras.backend.standardize_dtype(x.dtype) == "bool"
        if mask:
            x = ops.expand_dims(ops.cast(x, "int32"), -1)
        length, channels = x.shape[1], x.shape[2]
        pools = -(-length // self.size)
        x = ops.pad(x, [[0, 0], [0, pools * self.size - length], [0, 0]])
        x = ops.max(ops.reshape(x, (-1, pools, self.size, channels)), axis=2)
        return ops.squeeze(x, -1) > 0 if mask else x

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, pools, channels), or (batch, pools) for a mask."""
        return (input_shape[0], -(-input_shape[1] // self.size), *input_shape[2:])

    def compute_output_spec(self, x):
        """Describe the output: of the input's kind."""
        mask = keras.backend.standardize_dtype(x.dtype) == "bool"
        return keras.KerasTensor(
            self.compute_output_shape(x.shape), dtype="bool" if mask else self.compute_dtype
        )


@keras.saving.register_keras_serializable("seqdl")
class SequencePooling(keras.layers.Layer):
    """Turn states (batch, length, channels) into one vector a sequence, padding left out.

    Parameters
    ----------
    how : {"attention", "mean", "max", "sum"}
        "attention": a weighted mean, whose weights are a softmax over positions of ``v . tanh(W h + b)``
        (Bahdanau et al., 2015; with one vector v a head). "sum" is divided by 100, a hairpin's length.
    units : int
        Rows of W.
    heads : int
        Weighted means; their vectors stand side by side.
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).
    """

    def __init__(self, how: str = "attention", units: int = 32, heads: int = 1, **kwargs) -> None:
        super().__init__(**kwargs)
        if how not in ("attention", "mean", "max", "sum"):
            raise ValueError(f"`how` must be 'attention', 'mean', 'max' or 'sum'. Received: {how!r}.")
        self.how, self.units, self.heads = how, int(units), int(heads)
        # The states bring a mask of their own, the same one; a pooled vector has none.
        self.supports_masking = True

    def compute_mask(self, x, mask=None):
        """Pass no mask on."""
        return None

    def get_config(self) -> dict:
        """Return the layer's configuration."""
        return {**super().get_config(), "how": self.how, "units": self.units, "heads": self.heads}

    def build(self, x_shape: tuple, mask_shape: tuple | None = None) -> None:
        """Make the attention's weights."""
        if self.how == "attention":
            channels = x_shape[-1]
            self.kernel = self.add_weight(shape=(channels, self.units), name="kernel")
            self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
            self.query = self.add_weight(shape=(self.units, self.heads), name="query")
        self.built = True

    def weights_of(self, x, mask):
        """Return the attention, float32 (batch, length, heads): sums to 1, exactly 0 in the padding."""
        energy = ops.matmul(ops.tanh(ops.matmul(x, self.kernel) + self.bias), self.query)
        real = ops.expand_dims(mask, -1)
        energy = ops.where(real, ops.cast(energy, "float32"), -1e9)
        return ops.softmax(energy, axis=1) * ops.cast(real, "float32")

    def call(self, x, mask):
        """Pool in float32: sums over a long sequence lose digits in half precision."""
        real = ops.cast(ops.expand_dims(mask, -1), "float32")
        x32 = ops.cast(x, "float32")
        if self.how == "attention":
            pooled = ops.einsum("blh,blc->bhc", self.weights_of(x, mask), x32)
            pooled = ops.reshape(pooled, (-1, self.heads * x.shape[-1]))
        elif self.how == "max":
            pooled = ops.max(ops.where(real > 0, x32, -1e9), axis=1)
            # A sequence without any base has no largest value.
            pooled = ops.where(ops.any(mask, axis=1, keepdims=True), pooled, 0.0)
        else:
            pooled = ops.sum(x32 * real, axis=1)
            pooled = pooled / (100.0 if self.how == "sum" else ops.maximum(ops.sum(real, axis=1), 1.0))
        return ops.cast(pooled, self.compute_dtype)

    def compute_output_shape(self, x_shape: tuple, mask_shape: tuple | None = None) -> tuple:
        """Return (batch, channels), times the heads."""
        return (x_shape[0], x_shape[-1] * (self.heads if self.how == "attention" else 1))

    def compute_output_spec(self, x, mask):
        """Describe the output."""
        return keras.KerasTensor(self.compute_output_shape(x.shape), dtype=self.compute_dtype)
