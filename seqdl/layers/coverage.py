"""Steps of the coverage networks that Keras lacks: Basenji's link, and the GELU of its successor."""

from __future__ import annotations

import keras

# Below this, e**x is nothing to a track, and in float32 soon 0, whose logarithm the loss takes.
LOWEST = -50.0


@keras.saving.register_keras_serializable("seqdl")
class ExpLinear(keras.layers.Layer):
    """Make values positive: x + 1 above 0, e**x from 0 down (Basenji's link).

    It is continuous with a continuous slope, grows no faster than its input, so that one large bin
    cannot blow the loss up, and is never 0 (the input counts as at least -50).

    Parameters
    ----------
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Notes
    -----
    Kelley DR et al., Genome Research 28, 739-750 (2018); the code's link "exp_linear".

    Examples
    --------
    >>> [float(y) for y in ExpLinear()(np.array([0.0, 2.0]))]
    [1.0, 3.0]
    """

    def call(self, x):
        """Apply the link; the exponential sees no positive value, which could overflow in its gradient."""
        ops = keras.ops
        return ops.where(x > 0, x + 1, ops.exp(ops.clip(x, LOWEST, 0.0)))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the input's shape."""
        return input_shape


@keras.saving.register_keras_serializable("seqdl")
class SigmoidGELU(keras.layers.Layer):
    """Apply x * sigmoid(1.702 x), the form of the GELU that Basenji2, Enformer and Borzoi compute.

    Keras's own "gelu" takes the error function or a hyperbolic tangent; they differ by up to 0.02.

    Parameters
    ----------
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Notes
    -----
    Hendrycks D, Gimpel K. Gaussian Error Linear Units. arXiv:1606.08415 (2016).
    """

    def call(self, x):
        """Apply the activation."""
        return x * keras.ops.sigmoid(1.702 * x)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the input's shape."""
        return input_shape
