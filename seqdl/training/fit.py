"""`fit`: a dataset in, a run out. Early stopping, best epoch kept, resumable after a kill."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError, MissingDependencyError
from seqdl.files import write_text
from seqdl.progress import say
from seqdl.training.config import TrainingConfig
from seqdl.training.run import CARD, CHECKPOINT, CONFIG, HISTORY, METRICS, MODEL, Run, make_card
from seqdl.words import duration

# What a run folder may hold: an --overwrite removes these and nothing else.
_OWN_FILES = (MODEL, CARD, CONFIG, HISTORY, METRICS, CHECKPOINT)


def fit(
    data: Dataset | str | Path,
    out: str | Path,
    config: TrainingConfig | None = None,
    *,
    genome: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    tensorboard: str | Path | None = None,
    **choices,
) -> Run:
    """Train a model on a dataset and write the run folder.

    Parameters
    ----------
    data : Dataset or path
        Built with `build_dataset`; its train and valid splits are used, never the test split.
    out : path
        The run's folder. ``history.csv`` and a checkpoint appear there after each epoch.
    config : TrainingConfig, optional
        Every choice; the defaults when None.
    genome : path, optional
        Where the dataset's genome is now, if it has moved.
    resume : bool
        Go on after the last finished epoch of an interrupted training. The result equals that of an
        unbroken one.
    overwrite : bool
        Replace a run that is there.
    tensorboard : path, optional
        Also write TensorBoard logs there.
    **choices
        Fields of `TrainingConfig`, replacing those of `config`.

    Returns
    -------
    run : Run

    Raises
    ------
    InputError
        If a choice is unknown or unusable, the folder holds another run, a split is empty, or no
        training window has a label.
    """
    data = Dataset.open(data, genome)
    config = TrainingConfig.from_dict({**(config or TrainingConfig()).to_dict(), **choices})
    out = Path(out).expanduser()
    state = _begun(out, data, config, resume, overwrite)
    rates = base_rates(data)
    _check_data(data, config)
    if tensorboard is not None:
        _check_tensorboard(Path(tensorboard))

    import keras

    from seqdl.data.pipeline import BatchSource
    from seqdl.training import callbacks as cb
    from seqdl.training.checkpoint import restore
    from seqdl.training.device import describe_device, make_deterministic

    say(describe_device())
    make_deterministic(config.seed, config.deterministic)
    train = BatchSource(
        data, "train", config.batch_size, shuffle=True, reverse_complement=config.reverse_complement,
        max_shift=config.max_shift, epoch_windows=config.epoch_windows, drop_remainder=True, seed=config.seed,
    )  # fmt: skip
    valid = BatchSource(data, "valid", config.batch_size)
    network = build_network(config, data.window, data.n_targets, np.log(rates) - np.log1p(-rates))
    trainer = _with_codes(network, data.window)
    trainer.compile(
        optimizer=_optimizer(config, train.steps),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    say(
        f"Training {config.model} ({config.preset}, {network.count_params():,} parameters) on "
        f"{train.epoch_windows:,} windows an epoch, {data.n_targets} targets; validating on "
        f"{len(data.indices('valid')):,}."
    )

    first_epoch, rows = 0, []
    keep = cb.KeepBest(config.monitor, config.patience)
    if state is not None:
        keep.weights = restore(out / CHECKPOINT, trainer)
        keep.best_epoch, keep.best_value = state["best_epoch"], state["best_value"]
        first_epoch, rows = state["epoch"], state["history"]
        say(f"Resuming after epoch {first_epoch}.")
    else:
        # Only now: a run that is to be replaced stays until the new training can begin.
        _make_folder(out, config)
    dataset_sha = data.sha256
    began = time.monotonic()
    if first_epoch < config.epochs and not (state and state["stopped"]):
        followers = [
            cb.SeedByEpoch(config.seed),
            cb.Validate(valid, trainer),
            keep,
            cb.WriteDown(out, CHECKPOINT, HISTORY, config, dataset_sha, keep, rows),
            cb.Tell(train.steps, config.batch_size, config.epochs, keep),
        ]
        if tensorboard is not None:
            followers.insert(2, keras.callbacks.TensorBoard(str(tensorboard)))
        trainer.fit(
            _batches(train, first_epoch), epochs=config.epochs, initial_epoch=first_epoch,
            steps_per_epoch=train.steps, callbacks=followers, verbose=0, shuffle=False,
        )  # fmt: skip
    trainer.set_weights(keep.weights)
    run = _finish(out, data, config, network, rows, keep, time.monotonic() - began)
    say(f"Best epoch {keep.best_epoch + 1} ({config.monitor} {keep.best_value:.4f}). The run is in {out}")
    return run


def base_rates(data: Dataset) -> np.ndarray:
    """Measure each target's share of positive training windows, float64 (n_targets,), kept off 0 and 1.

    Raises
    ------
    InputError
        If no training window has any label.
    """
    rows = data.indices("train")
    counts = data.count_positives(rows)
    if not counts.any():
        raise InputError(
            f"No training window of {data.path} has a positive label, so there is nothing to learn. Do the "
            f"peaks lie on the training contigs? `seqdl data inspect` shows the counts."
        )
    return (counts + 0.5) / (len(rows) + 1.0)


def build_network(config: TrainingConfig, window: int, n_targets: int, output_bias: np.ndarray | None = None):
    """Build the configured model under the configured precision.

    Parameters
    ----------
    config : TrainingConfig
    window, n_targets : int
    output_bias : float array, shape (n_targets,), optional
        Logits to start from.

    Returns
    -------
    model : keras.Model
    """
    import keras

    from seqdl.models.registry import build_model

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.precision)
    try:
        return build_model(
            config.model, window, n_targets, preset=config.preset, output_bias=output_bias, **config.overrides
        )
    finally:
        keras.config.set_dtype_policy(before)


def _with_codes(network, window: int):
    """Put the one-hot layer in front and stop at the logits: a base travels as a byte, the loss is stable."""
    import keras

    from seqdl.layers import OneHot

    codes = keras.Input((window,), dtype="uint8", name="codes")
    logits = keras.Model(network.input, network.get_layer("logits").output, name="to_logits")
    return keras.Model(codes, logits(OneHot(name="one_hot")(codes)), name="trainer")


def _batches(source, first_epoch: int):
    import keras

    if keras.backend.backend() == "tensorflow":
        from seqdl.data.pipeline_tf import as_tf_dataset

        return as_tf_dataset(source, first_epoch)
    from seqdl.data.pipeline import as_py_dataset

    return as_py_dataset(source, first_epoch)


def _optimizer(config: TrainingConfig, steps: int):
    import keras

    total = max(1, steps * config.epochs)
    warm = int(config.warmup * total)
    rate = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warm else rate,
            max(1, total - warm),
            warmup_target=rate if warm else None,
            warmup_steps=warm,
        )
    clip = {"global_clipnorm": config.clip_norm} if config.clip_norm else {}
    if config.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, **clip)
        # Shrinking biases and BatchNorm's scales would pull base rates and norms away from the data.
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer
    if config.optimizer == "adam":
        return keras.optimizers.Adam(rate, **clip)
    if config.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=config.momentum, **clip)
    return keras.optimizers.RMSprop(rate, **clip)


def _check_tensorboard(folder: Path) -> None:
    from importlib.util import find_spec

    if folder.exists() and not folder.is_dir():
        raise InputError(f"--tensorboard {folder} is a file; a folder is needed.")
    if find_spec("tensorboard") is None or find_spec("tensorflow") is None:
        raise MissingDependencyError(
            "--tensorboard needs TensorFlow and TensorBoard: pip install 'seqdl[tensorboard]'"
        )


def _check_data(data: Dataset, config: TrainingConfig) -> None:
    """Refuse, before anything is written, what training would stumble over after minutes."""
    if config.monitor != "val_loss" and not data.labelled[data.indices("valid")].any():
        raise InputError(
            f"No validation window of {data.path} has a positive label, so {config.monitor} does not exist. "
            f"Validate on other chromosomes, or judge epochs by --monitor val_loss."
        )
    if config.max_shift >= data.window:
        raise InputError(
            f"`max_shift` must be less than the window of {data.window} bases: such a shift shows none of "
            f"the bases that the label is about. Received: {config.max_shift}."
        )
    # Opened now, so that damage, or a genome that has moved or is another one, is said before the run's
    # folder is made.
    _ = data.targets, data.contig_ids, data.genome if data.kind == "genome" else None


def _begun(out: Path, data: Dataset, config: TrainingConfig, resume: bool, overwrite: bool) -> dict | None:
    """Look what the run's folder holds; return the state to resume from, or None for a fresh start."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; a folder is needed.")
    checkpoint = out / CHECKPOINT
    if resume and checkpoint.exists():
        from seqdl.training.checkpoint import read_state

        state = read_state(checkpoint)
        changed = config.differences(TrainingConfig.from_dict(state["config"], str(checkpoint)))
        if state["dataset_sha256"] != data.sha256:
            changed.append("another dataset")
        if changed:
            raise InputError(
                f"{out} was begun with other choices ({'; '.join(changed)}), so resuming would mix two "
                f"trainings. Use the same ones, or start afresh with --overwrite."
            )
        return state
    if (out / MODEL).exists() and not overwrite:
        if resume:
            raise InputError(f"{out} holds a finished run; there is nothing to resume.")
        raise InputError(f"{out} holds a finished run. Choose another --out, or replace it with --overwrite.")
    if checkpoint.exists() and not overwrite:
        raise InputError(
            f"{out} holds an unfinished training. Go on with --resume, or start afresh with --overwrite."
        )
    return None


def _make_folder(out: Path, config: TrainingConfig) -> None:
    """Make the run's folder, without what an earlier training left, and write the choices down."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the run's folder {out}: {error.strerror}.") from error
    for name in _OWN_FILES:
        (out / name).unlink(missing_ok=True)
    write_text(out / CONFIG, json.dumps(config.to_dict(), indent=1))


def _finish(
    out: Path, data: Dataset, config: TrainingConfig, network, rows: list, keep, seconds: float
) -> Run:
    """Write the float32 model with its card; the checkpoint has then done its work."""
    from dataclasses import replace

    from seqdl.models.save import save_model_file

    model = build_network(replace(config, precision="float32"), data.window, data.n_targets)
    model.set_weights(network.get_weights())
    card = make_card(
        data,
        model={
            "name": config.model, "preset": config.preset, "parameters": int(model.count_params()),
            "overrides": config.overrides,
        },
        training={
            **config.to_dict(), "epochs_run": len(rows), "best_epoch": keep.best_epoch + 1,
            "best_value": keep.best_value, "seconds": round(sum(row["seconds"] for row in rows), 1),
        },
        strand_average=config.strand_average,
        metrics={"validation": {
            k: v for k, v in rows[keep.best_epoch].items() if k[:4] == "val_" and np.isfinite(v)
        }},
    )  # fmt: skip
    write_text(out / CARD, json.dumps(card, indent=1))
    save_model_file(model, out / MODEL, card)
    (out / CHECKPOINT).unlink(missing_ok=True)
    say(f"Trained {len(rows)} epochs in {duration(seconds)}.")
    return Run.open(out)
