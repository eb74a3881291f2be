"""tf.data from a `BatchSource`: the only pipeline file that needs TensorFlow.

One Python call makes a whole batch, so what tf.data costs for each element is paid once a batch.
TensorFlow may keep a reference to an array instead of a copy, so an array is written again only when
nobody holds it any more.
"""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf

from seqdl.data.pipeline import BatchSource
from seqdl.encoding import one_hot

_ALIGNMENT = 64


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
        Of (inputs, targets float32 (batch, n_targets), or (batch, n_bins, n_targets) for coverage), and
        float32 (batch,) weights where the source has them.
    """
    window, n_targets, steps = source.data.window, source.data.n_targets, source.steps
    size = source.batch_size if source.drop_remainder else None
    shape, dtype = ((size, window), tf.uint8) if encoding == "codes" else ((size, window, 4), tf.float32)
    target_shape = (n_targets,) if source.data.task == "binary" else (source.data.n_bins, n_targets)
    order: dict[int, np.ndarray] = {}
    buffers = _Buffers()

    def make(number: np.ndarray) -> tuple[np.ndarray, ...]:
        epoch, step = divmod(int(number), steps)
        if epoch not in order:
            order.clear()
            order[epoch] = source.order(epoch)
        codes, labels = source.batch(order[epoch], epoch, step)
        if encoding == "one_hot":
            codes = one_hot(codes, out=buffers.empty((*codes.shape, 4)))
        parts = codes, labels.astype(np.float32)
        if source.weights is None:
            return parts
        return *parts, source.weights[source.windows_of(order[epoch], step)]

    shapes = [shape, (size, *target_shape), (size,)][: 2 if source.weights is None else 3]

    def batch(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        parts = tf.numpy_function(make, [number], (dtype, tf.float32, tf.float32)[: len(shapes)])
        for part, known in zip(parts, shapes, strict=True):
            part.set_shape(known)
        return tuple(parts)

    data = tf.data.Dataset.counter(first_epoch * steps)
    if not repeat:
        data = data.take(steps)
    # One call at a time: the order of an epoch is held by the function, and numpy keeps its core busy anyway.
    data = data.map(batch, num_parallel_calls=None)
    return data.prefetch(2)


class _Buffers:
    """float32 arrays that are used again once nobody holds them, so that a batch asks for no new memory."""

    def __init__(self) -> None:
        self._kept: list[np.ndarray] = []

    def empty(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return an array of any content on a 64-byte border, where TensorFlow takes it without a copy."""
        size = int(np.prod(shape)) * 4
        for number in range(len(self._kept)):
            # Two references: the list's own and the argument's. A view that somebody holds adds one.
            if sys.getrefcount(self._kept[number]) == 2 and self._kept[number].size >= size + _ALIGNMENT:
                raw = self._kept[number]
                break
        else:
            raw = np.empty(size + _ALIGNMENT, np.uint8)
            self._kept.append(raw)
        first = -raw.ctypes.data % _ALIGNMENT
        return raw[first : first + size].view(np.float32).reshape(shape)
