"""tf.data from a `BatchSource`: the only pipeline file that needs TensorFlow.

One Python call makes a whole batch, so what tf.data costs for each element is paid once a batch.
Every batch is a fresh array: TensorFlow may keep a reference to it instead of a copy.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from seqdl.data.pipeline import BatchSource


def as_tf_dataset(
    source: BatchSource, first_epoch: int = 0, *, repeat: bool = True, encoding: str = "codes"
) -> tf.data.Dataset:
    """Turn a source into a prefetched tf.data set.

    Parameters
    ----------
    source : BatchSource
    first_epoch : int
        The epoch to begin with, for a resumed training.
    repeat : bool
        Go on with the next epoch (newly shuffled) for ever; otherwise one epoch.
    encoding : {"codes", "one_hot"}
        uint8 (batch, window), or float32 (batch, window, 4). Codes move a sixteenth of the bytes and
        become one-hot inside the model.

    Returns
    -------
    batches : tf.data.Dataset
        Of (inputs, labels float32 (batch, n_targets)).
    """
    window, n_targets, steps = source.data.window, source.data.n_targets, source.steps
    size = source.batch_size if source.drop_remainder else None
    order: dict[int, np.ndarray] = {}

    def make(number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        epoch, step = divmod(int(number), steps)
        if epoch not in order:
            order.clear()
            order[epoch] = source.order(epoch)
        codes, labels = source.batch(order[epoch], epoch, step)
        return codes, labels.astype(np.float32)

    def batch(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        codes, labels = tf.numpy_function(make, [number], (tf.uint8, tf.float32))
        codes.set_shape((size, window))
        labels.set_shape((size, n_targets))
        return codes, labels

    data = tf.data.Dataset.counter(first_epoch * steps)
    if not repeat:
        data = data.take(steps)
    # One call at a time: the order of an epoch is held by the function, and numpy keeps its core busy anyway.
    data = data.map(batch, num_parallel_calls=None)
    if encoding == "one_hot":
        # N is code 4 of a depth of 4, which TensorFlow's one_hot defines as zeros.
        data = data.map(lambda codes, labels: (tf.one_hot(codes, 4, dtype=tf.float32), labels))
    return data.prefetch(2)
