"""What a training needs before its first step: network, loss, optimizer and the two streams of batches."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.data.pipeline import BatchSource
from seqdl.errors import InputError
from seqdl.training.config import TrainingConfig
from seqdl.training.network import build_network, regularise, with_codes
from seqdl.training.resolve import resolve_loss
from seqdl.training.targets import (
    CoverageFacts,
    base_losses,
    base_rates,
    coverage_facts,
    log_odds,
    start_coverage,
)
from seqdl.training.transfer import freeze, start_from
from seqdl.training.weights import balanced_weights, read_weights

if TYPE_CHECKING:
    import keras

    from seqdl.training.losses import TargetLoss


class Prepared(NamedTuple):
    """A training that could begin.

    Attributes
    ----------
    config : TrainingConfig
        With nothing left open.
    network : keras.Model
        What will be saved.
    trainer : keras.Model
        Codes to what the loss takes; shares the network's layers; not compiled.
    loss : TargetLoss
    start : float array
        What the trainer gives where it knows the targets' means alone, for every window.
    train, valid : BatchSource
    record : dict
        For the card: the loss without any sequence, SHA-256 of the sample weights, the run that was started
        from.
    """

    config: TrainingConfig
    network: keras.Model
    trainer: keras.Model
    loss: TargetLoss
    start: np.ndarray
    train: BatchSource
    valid: BatchSource
    record: dict


def prepare(
    data: Dataset, config: TrainingConfig, weights: np.ndarray | None = None, *, resumed: bool = False
) -> Prepared:
    """Build network, loss and batches.

    Parameters
    ----------
    data : Dataset
    config : TrainingConfig
        From `resolve`.
    weights : array, shape (n,), optional
        One a window; read from the configuration's file when None.
    resumed : bool
        Whether weights will come from a checkpoint, so that the run to start from is not looked at.

    Raises
    ------
    InputError
        If there is nothing to learn from, the loss does not fit the targets or the network, or weights
        (of windows, or of another run) do not fit.
    """
    record, source = {}, config.sample_weights if weights is None else weights
    if source is not None:
        weights = read_weights(source, data)
        record["sample_weights_sha256"] = hashlib.sha256(weights.tobytes()).hexdigest()
    train = BatchSource(
        data, "train", config.batch_size, shuffle=True, reverse_complement=config.reverse_complement,
        max_shift=config.max_shift, epoch_windows=config.epoch_windows, drop_remainder=True, seed=config.seed,
        weights=weights,
    )  # fmt: skip
    valid = BatchSource(data, "valid", config.batch_size)
    config, network, loss, start = (_for_labels if data.task == "binary" else _for_coverage)(data, config)
    record["base_loss"] = base_losses(data, loss, start)
    if config.from_run is not None:
        record["transfer"] = {} if resumed else start_from(network, config, data)
        record["transfer"]["frozen"] = freeze(network, config.freeze)
    regularise(network, config)
    trainer = with_codes(network, data, config.loss)
    return Prepared(config, network, trainer, loss, start, train, valid, record)


_Built = tuple[TrainingConfig, "keras.Model", "TargetLoss", np.ndarray]


def _for_labels(data: Dataset, config: TrainingConfig) -> _Built:
    """Return the resolved choices, the network, its loss, and the output that needs no sequence."""
    from seqdl.training.losses import TargetLoss

    rates = base_rates(data)
    weight = balanced_weights(rates) if config.class_weights == "balanced" else None
    start = log_odds(rates, weight)
    network = build_network(config, data, start)
    config = resolve_loss(config, data, network)
    settings = {"gamma": config.focal_gamma, "alpha": config.focal_alpha} if config.loss == "focal" else {}
    weight = None if weight is None else weight.astype(np.float32)
    return config, network, TargetLoss(config.loss, positive_weight=weight, **settings), start


def _for_coverage(data: Dataset, config: TrainingConfig) -> _Built:
    from seqdl.training.losses import TargetLoss

    facts = coverage_facts(data)
    network = build_network(config, data)
    config = resolve_loss(config, data, network)
    _check_support(config, data, facts)
    start_coverage(network, facts)
    if config.loss != "profile":
        return config, network, TargetLoss(config.loss), np.tile(facts.means, (data.n_bins, 1))
    if config.count_weight is None:
        config = replace(config, count_weight=float(facts.totals.mean() / 2))
    flat = np.vstack([np.zeros((data.n_bins, data.n_targets)), np.log1p(facts.totals)])
    return config, network, TargetLoss(config.loss, count_weight=config.count_weight), flat


def compile_trainer(trainer: keras.Model, optimizer, loss: TargetLoss) -> None:
    """Compile a trainer; XLA where it helps and nowhere else (on TensorFlow it is slower on a CPU)."""
    import keras

    slow = keras.backend.backend() == "tensorflow"
    trainer.compile(optimizer=optimizer, loss=loss, jit_compile=False if slow else "auto")


def batches(source: BatchSource, first_epoch: int = 0):
    """Hand a source to Keras, by tf.data on TensorFlow."""
    import keras

    if keras.backend.backend() == "tensorflow":
        from seqdl.data.pipeline_tf import as_tf_dataset

        return as_tf_dataset(source, first_epoch)
    from seqdl.data.pipeline import as_py_dataset

    return as_py_dataset(source, first_epoch)


def _check_support(config: TrainingConfig, data: Dataset, facts: CoverageFacts) -> None:
    if facts.least < 0 and config.loss in ("poisson", "profile"):
        raise InputError(
            f"The loss {config.loss!r} is of counts, and the coverage of {data.path} goes down to "
            f"{facts.least:.4g}. Use --loss mse, or build the dataset from values that are not negative."
        )
