"""`MeanOdds`: the log odds of the mean of several networks' probabilities."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable("seqdl")
class MeanOdds(keras.layers.Layer):
    """Average probabilities, given and returned as log odds.

    The input is a list of tensors of one shape, each network's logits; the output, of that shape, is
    ``log(p / (1 - p))`` of the mean ``p`` of their probabilities. Everything stays in logs, so it is exact
    where the networks are all but sure, and its gradient does not vanish there.

    Parameters
    ----------
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Examples
    --------
    >>> float(MeanOdds()([np.zeros((1, 1)), np.zeros((1, 1))])[0, 0])
    0.0
    """

    def call(self, logits):
        """Sum the probabilities of yes and of no over the networks; their number cancels in the odds."""
        stacked = keras.ops.stack(logits, axis=0)
        yes = keras.ops.logsumexp(keras.ops.log_sigmoid(stacked), axis=0)
        no = keras.ops.logsumexp(keras.ops.log_sigmoid(-stacked), axis=0)
        return yes - no

    def compute_output_shape(self, input_shape: list) -> tuple:
        """Return the shape of one of the inputs."""
        return tuple(input_shape[0])
