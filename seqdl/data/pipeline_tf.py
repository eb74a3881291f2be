"""tf.data from a `BatchSource`: the only pipeline file that needs TensorFlow.

One generator step makes a whole batch, so the per-element cost of tf.data is paid once a batch.
"""

from __future__ import annotations

import itertools

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
    window, n_targets = source.data.window, source.data.n_targets
    size = source.batch_size if source.drop_remainder else None
    make = source.epoch if encoding == "codes" else source.one_hot_epoch
    shape, dtype = ((size, window), tf.uint8) if encoding == "codes" else ((size, window, 4), tf.float32)

    def batches():
        for epoch in itertools.count(first_epoch) if repeat else (first_epoch,):
            yield from make(epoch)

    data = tf.data.Dataset.from_generator(
        batches,
        output_signature=(tf.TensorSpec(shape, dtype), tf.TensorSpec((size, n_targets), tf.uint8)),
    )
    data = data.map(lambda x, y: (x, tf.cast(y, tf.float32)), num_parallel_calls=1, deterministic=True)
    return data.prefetch(2)
