"""`fit`: a dataset in, a run out. Early stopping, best epoch kept, resumable after a kill."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError, MissingDependencyError
from seqdl.files import atomic_path
from seqdl.progress import say
from seqdl.training.config import TrainingConfig
from seqdl.training.diagnosis import Diagnosis, diagnose
from seqdl.training.folder import check_folder, check_state, finish, make_folder
from seqdl.training.prepare import batches, compile_trainer, prepare
from seqdl.training.resolve import resolve
from seqdl.training.run import CHECKPOINT, HISTORY, Run
from seqdl.words import count, duration

# One weight a window, where they were given as an array.
WEIGHTS = "sample_weights.npy"


def fit(
    data: Dataset | str | Path,
    out: str | Path,
    config: TrainingConfig | None = None,
    *,
    genome: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    tensorboard: str | Path | None = None,
    on_epoch: Callable[[int, dict[str, float]], None] | None = None,
    from_run: Run | str | Path | None = None,
    sample_weights: np.ndarray | str | Path | None = None,
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
    on_epoch : callable, optional
        Called after each epoch with its number from 0 and its logs, such as "loss" and "val_loss". What it
        raises ends the training.
    from_run : Run or path, optional
        Begin with that run's weights; its architecture is taken over, and its head too where the targets
        are the same. With ``freeze="trunk"`` only the head learns.
    sample_weights : array, shape (n,), or path, optional
        How much each window of the dataset counts: a ``.npy`` file, or text with one number a line. An
        array is written into the run's folder.
    **choices
        Fields of `TrainingConfig`, replacing those of `config`.

    Returns
    -------
    run : Run

    Raises
    ------
    InputError
        If a choice is unknown or unusable, the model or the loss does not fit the dataset's targets, the
        folder holds another run, a split is empty, or there is nothing to learn from.
    """
    data = Dataset.open(data, genome)
    out = Path(out).expanduser()
    given = sample_weights if isinstance(sample_weights, np.ndarray) else None
    values = {**(config or TrainingConfig()).to_dict(), **choices}
    if from_run is None:
        from_run = values["from_run"]
    if sample_weights is None:
        sample_weights = values["sample_weights"]
    config = TrainingConfig.from_dict({**values, **_places(out, from_run, sample_weights)})
    state = check_folder(out, resume, overwrite)
    if state is None and config.from_run is not None:
        _refuse_itself(Path(config.from_run).expanduser(), out)
    config, notes = resolve(config, data, None if state is None else state["config"])
    _check_data(data, config)
    if tensorboard is not None:
        _check_tensorboard(Path(tensorboard))

    import keras

    from seqdl.training import callbacks as cb
    from seqdl.training.checkpoint import restore
    from seqdl.training.device import describe_device, make_deterministic
    from seqdl.training.optimizers import Plateau, make_optimizer
    from seqdl.training.validation import Validate

    say(describe_device())
    for note in notes:
        say(note)
    make_deterministic(config.seed, config.deterministic)
    parts = prepare(data, config, given, resumed=state is not None)
    config, trainer, train = parts.config, parts.trainer, parts.train
    if state is not None:
        check_state(state, out, data, config, parts.record)
    record = parts.record if state is None else state["record"]
    compile_trainer(trainer, make_optimizer(config, train.steps), parts.loss)
    say(
        f"Training {config.model} ({config.preset}, {parts.network.count_params():,} parameters) on "
        f"{train.epoch_windows:,} windows an epoch, {count(data.n_targets, 'target')}, loss {config.loss}; "
        f"validating on {len(data.indices('valid')):,}."
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
        make_folder(out, config)
        if given is not None:
            with atomic_path(out / WEIGHTS) as aside, open(aside, "wb") as sink:
                np.save(sink, given)
    dataset_sha = data.sha256
    began = time.monotonic()
    if first_epoch < config.epochs and not (state and state["stopped"]):
        followers = [
            cb.SeedByEpoch(config.seed),
            Validate(parts.valid, trainer, parts.loss),
            keep,
            cb.WriteDown(out, CHECKPOINT, HISTORY, config, dataset_sha, keep, rows, record),
            cb.Tell(train.steps, config.batch_size, config.epochs, keep),
        ]
        if on_epoch is not None:
            followers.append(keras.callbacks.LambdaCallback(on_epoch_end=on_epoch))
        if config.schedule == "plateau":
            followers.insert(0, Plateau(config, rows))
        if tensorboard is not None:
            followers.insert(2, keras.callbacks.TensorBoard(str(tensorboard)))
        trainer.fit(
            batches(train, first_epoch), epochs=config.epochs, initial_epoch=first_epoch,
            steps_per_epoch=train.steps, callbacks=followers, verbose=0, shuffle=False,
        )  # fmt: skip
    trainer.set_weights(keep.weights)
    run = finish(out, data, config, parts.network, rows, keep, record)
    say(f"Trained {count(len(rows), 'epoch')} in {duration(time.monotonic() - began)}.")
    _tell(diagnose(rows, config.monitor, record.get("base_loss")))
    say(f"Best epoch {keep.best_epoch + 1} ({config.monitor} {keep.best_value:.4f}). The run is in {out}")
    return run


def _places(out: Path, from_run, sample_weights) -> dict[str, str]:
    """Write what was given as an object or a path as an absolute path: `--config` finds it from anywhere."""
    places = {}
    if from_run is not None:
        place = from_run.path if isinstance(from_run, Run) else Path(from_run).expanduser()
        places["from_run"] = str(place.resolve())
    if sample_weights is not None:
        array = isinstance(sample_weights, np.ndarray)
        place = out / WEIGHTS if array else Path(sample_weights).expanduser()
        places["sample_weights"] = str(place.resolve())
    return places


def _refuse_itself(source: Path, out: Path) -> None:
    """A training that replaced the run it starts from would lose it, were it cut off."""
    if (source.parent if source.is_file() else source).resolve() == out.resolve():
        raise InputError(
            f"--from and --out are the same run, {out}, which would be gone before the new one is there. "
            "Choose another --out."
        )


def _tell(diagnosis: Diagnosis) -> None:
    say(f"Reading of the history: {diagnosis.verdict}. {' '.join(diagnosis.reasons)}")
    if diagnosis.advice:
        say(f"To try: {'; '.join(diagnosis.advice)}.")


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
    ranked = config.monitor in ("val_auroc", "val_auprc")
    if ranked and not data.labelled[data.indices("valid")].any():
        raise InputError(
            f"No validation window of {data.path} has a positive label, so {config.monitor} does not exist. "
            f"Validate on other chromosomes, or judge epochs by --monitor val_loss."
        )
    # Opened now, so that damage, or a genome that has moved or is another one, is said before the run's
    # folder is made.
    _ = data.targets, data.contig_ids, data.genome if data.kind == "genome" else None
