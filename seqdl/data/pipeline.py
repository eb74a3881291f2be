"""Batches for training: codes and labels, shuffled and augmented by whole batches.

What a batch holds follows from (seed, epoch, step) alone, so a resumed training sees the same
batches as an unbroken one. `BatchSource` makes them; `as_py_dataset` hands them to any Keras
backend, `seqdl.data.pipeline_tf` to TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.encoding import one_hot, reverse_complement
from seqdl.errors import InputError


class BatchSource:
    """Vectorised source of batches over one split of a dataset.

    Parameters
    ----------
    data : Dataset
    split : {"train", "valid", "test"}
    batch_size : int
    shuffle : bool
        Whether the order is drawn anew for every epoch.
    reverse_complement : bool
        Turn a random half of each batch to the other strand.
    max_shift : int
        Move each window by a random number of bases in ``[-max_shift, max_shift]``; labels stay.
    epoch_windows : int, optional
        Windows in an epoch, when not all: the next epoch goes on where this one stopped, so that
        every window is seen as often as any other.
    drop_remainder : bool
        Leave out a last batch that is not full (keeps shapes constant in training).
    seed : int
    weights : float32 array, shape (n,), optional
        How much each window of the dataset counts; batches for Keras then carry them.

    Raises
    ------
    InputError
        If there are fewer windows than one batch while `drop_remainder` is set.
    """

    def __init__(
        self,
        data: Dataset,
        split: str,
        batch_size: int = 128,
        *,
        shuffle: bool = False,
        reverse_complement: bool = False,
        max_shift: int = 0,
        epoch_windows: int | None = None,
        drop_remainder: bool = False,
        seed: int = 0,
        weights: np.ndarray | None = None,
    ) -> None:
        self.weights = weights
        self.data, self.split, self.batch_size = data, split, batch_size
        self.shuffle, self.strand, self.max_shift, self.seed = shuffle, reverse_complement, max_shift, seed
        self._windows = data.indices(split)
        self.epoch_windows = min(epoch_windows or len(self._windows), len(self._windows))
        if drop_remainder and self.epoch_windows < batch_size:
            raise InputError(
                f"The {split} split has {self.epoch_windows} windows, fewer than one batch of {batch_size}. "
                f"Use a smaller --batch-size."
            )
        self.drop_remainder = drop_remainder
        self._order_of: tuple[int, np.ndarray] = (-1, self._windows)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        full, rest = divmod(self.epoch_windows, self.batch_size)
        return full if self.drop_remainder or not rest else full + 1

    def order(self, epoch: int) -> np.ndarray:
        """Return the window numbers of an epoch, int64, in the order they are seen."""
        if not self.shuffle:
            return self._windows[: self.epoch_windows]
        # Epochs are cut from a chain of whole permutations: `epoch_windows` at a time.
        parts, first = [], epoch * self.epoch_windows
        need, total = self.epoch_windows, len(self._windows)
        while need:
            cycle, at = divmod(first, total)
            part = self._permutation(cycle)[at : at + need]
            parts.append(part)
            need -= len(part)
            first += len(part)
        return np.concatenate(parts)

    def _permutation(self, cycle: int) -> np.ndarray:
        if self._order_of[0] != cycle:
            self._order_of = (cycle, np.random.default_rng((self.seed, cycle)).permutation(self._windows))
        return self._order_of[1]

    def windows_of(self, order: np.ndarray, step: int) -> np.ndarray:
        """Return the window numbers of one batch, int64, out of the epoch's `order`."""
        return order[step * self.batch_size : (step + 1) * self.batch_size]

    def batch(self, order: np.ndarray, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Make one batch.

        Parameters
        ----------
        order : int64 array
            The epoch's windows, from `order`.
        epoch, step : int
            Which batch; they seed the augmentation.

        Returns
        -------
        codes : uint8 array, shape (batch, window)
        values : array
            uint8 (batch, n_targets) labels, or float16 (batch, n_bins, n_targets) coverage.
        """
        chosen = self.windows_of(order, step)
        rng = np.random.default_rng((self.seed, epoch, step, 1)) if self.max_shift or self.strand else None
        shift = None
        if self.max_shift:
            shift = rng.integers(-self.max_shift, self.max_shift + 1, len(chosen))
        codes, values = self.data.codes(chosen, shift), self.data.values(chosen)
        if self.strand:
            turned = rng.random(len(chosen)) < 0.5
            codes[turned] = reverse_complement(codes[turned])
            values[turned] = reverse_values(values[turned], self.data.strand_pairs)
        return codes, values

    def epoch(self, epoch: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the batches of one epoch: codes uint8 (b, window), and the values of `batch`."""
        order = self.order(epoch)
        for step in range(self.steps):
            yield self.batch(order, epoch, step)

    def one_hot_epoch(self, epoch: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the batches of one epoch as one-hot float32 (b, window, 4).

        The array is one buffer, filled anew for each batch: copy what must outlive the next one, and hand
        it to nothing that reads ahead.
        """
        buffer = np.empty((self.batch_size, self.data.window, 4), np.float32)
        for codes, labels in self.epoch(epoch):
            yield one_hot(codes, out=buffer[: len(codes)]), labels


def reverse_values(values: np.ndarray, strand_pairs: np.ndarray) -> np.ndarray:
    """Turn targets to the other strand: coverage runs backwards, and stranded targets change places.

    Parameters
    ----------
    values : array, shape (n, n_targets) or (n, n_bins, n_targets)
    strand_pairs : int array, shape (n_targets,)
        The target that each target becomes.

    Returns
    -------
    turned : array
        Of the same shape.
    """
    if values.ndim == 3:
        values = values[:, ::-1]
    if (strand_pairs == np.arange(len(strand_pairs))).all():
        return values
    return values[..., strand_pairs]


def as_py_dataset(source: BatchSource, first_epoch: int = 0):
    """Wrap a source as a ``keras.utils.PyDataset`` of (codes, targets): the pipeline of every backend.

    A source with weights gives (codes, targets, weights).

    Parameters
    ----------
    source : BatchSource
    first_epoch : int
        The epoch to begin with, for a resumed training.
    """
    import keras

    class Batches(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self._epoch = first_epoch
            self._order = source.order(first_epoch)

        def __len__(self) -> int:
            return source.steps

        def __getitem__(self, step: int):
            codes, values = source.batch(self._order, self._epoch, step)
            if source.weights is None:
                return codes, values.astype(np.float32)
            return codes, values.astype(np.float32), source.weights[source.windows_of(self._order, step)]

        def on_epoch_end(self) -> None:
            self._epoch += 1
            self._order = source.order(self._epoch)

    return Batches()
