"""The one number of a coverage track that is explained: how much in all, or which shape."""

from __future__ import annotations

import keras

# Far below any coverage that matters, and far above what float32 rounds to nothing.
TINY = 1e-6


@keras.saving.register_keras_serializable("seqdl")
class LogTotal(keras.layers.Layer):
    """Sum coverage over bins: (batch, bins, targets) to (batch, targets), as log(1 + total).

    Parameters
    ----------
    first, last : int or None
        Bins that count, 0-based and half-open; all by default.
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Examples
    --------
    >>> round(float(LogTotal()(np.ones((1, 4, 1)))[0, 0]), 4)  # log(1 + 4)
    1.6094
    """

    def __init__(self, first: int | None = None, last: int | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.first, self.last = first, last

    def get_config(self) -> dict:
        """Return the layer's configuration."""
        return {**super().get_config(), "first": self.first, "last": self.last}

    def total(self, x):
        """Sum over the bins: the linear part."""
        return keras.ops.sum(x[:, self.first : self.last], axis=1)

    def call(self, x):
        """Sum and take the logarithm."""
        return keras.ops.log1p(self.total(x))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, targets)."""
        return input_shape[0], input_shape[2]


@keras.saving.register_keras_serializable("seqdl")
class ProfileScore(keras.layers.Layer):
    """Weigh a profile's logits by the profile: (batch, bins, targets) to (batch, targets).

    The score is the sum over bins of ``softmax(logits) * (logits - mean(logits))``, where the softmax is a
    fixed weight through which no gradient flows (Avsec et al., Nature Genetics 53, 354-366, 2021). It is high
    where the predicted shape is peaked, and independent of the total.

    Parameters
    ----------
    first, last : int or None
        Bins that count, 0-based and half-open; all by default.
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).
    """

    def __init__(self, first: int | None = None, last: int | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.first, self.last = first, last

    def get_config(self) -> dict:
        """Return the layer's configuration."""
        return {**super().get_config(), "first": self.first, "last": self.last}

    def weights_of(self, logits):
        """Return the profile, float (batch, bins, targets), as a constant."""
        return keras.ops.stop_gradient(keras.ops.softmax(logits[:, self.first : self.last], axis=1))

    def score(self, logits, weights):
        """Weigh logits by a given profile: linear in the logits."""
        chosen = logits[:, self.first : self.last]
        centred = chosen - keras.ops.mean(chosen, axis=1, keepdims=True)
        return keras.ops.sum(weights * centred, axis=1)

    def call(self, logits):
        """Weigh the logits by their own profile."""
        return self.score(logits, self.weights_of(logits))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, targets)."""
        return input_shape[0], input_shape[2]


@keras.saving.register_keras_serializable("seqdl")
class LogCoverage(keras.layers.Layer):
    """Take the logarithm of coverage, whose softmax over bins is the coverage's shape.

    Parameters
    ----------
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).
    """

    def call(self, x):
        """Add a trifle first: the logarithm of nothing is not a number."""
        return keras.ops.log(x + TINY)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the input's shape."""
        return input_shape
