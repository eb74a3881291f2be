"""What happens at the end of an epoch: remember the best, write down, tell the person."""

from __future__ import annotations

import time
from pathlib import Path

import keras
import numpy as np

from seqdl.errors import InputError
from seqdl.progress import progress_bar, say
from seqdl.training.checkpoint import save_state
from seqdl.training.config import TrainingConfig
from seqdl.training.history import write_history
from seqdl.words import duration

_MEASURED = (("val_auroc", "AUROC"), ("val_auprc", "AUPRC"), ("val_pearson", "Pearson's r"))


class SeedByEpoch(keras.callbacks.Callback):
    """Set every dropout layer's generator from (seed, epoch): a resumed epoch drops the same units."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Reseed, layer by layer."""
        for number, layer in enumerate(self.model._flatten_layers()):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                words = np.random.SeedSequence((self.seed, epoch, number)).generate_state(2)
                state = generator.state
                state.assign(words.astype(keras.backend.standardize_dtype(state.dtype)))


class KeepBest(keras.callbacks.Callback):
    """Hold the weights of the best epoch; stop after `patience` epochs without a better one.

    Parameters
    ----------
    monitor : str
        A key of the logs: higher is better unless it is a loss.
    patience : int
        0 never stops.
    """

    def __init__(self, monitor: str, patience: int) -> None:
        super().__init__()
        self.monitor, self.patience = monitor, patience
        self.best_epoch, self.best_value, self.weights = -1, None, None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Compare, keep, perhaps stop."""
        value = logs[self.monitor]
        sign = -1 if self.monitor.endswith("loss") else 1
        if not np.isfinite(logs["loss"]) or not np.isfinite(logs["val_loss"]):
            if self.best_value is None and not np.isfinite(logs["val_loss"]):
                raise InputError(
                    "The loss was not a number after the first epoch. Use a lower --learning-rate."
                )
            say("The loss is no longer a number; stopping. A lower --learning-rate helps.")
            self.model.stop_training = True
        # Not `>`: a first epoch without a number (a constant prediction has no correlation) is no best one.
        if self.best_value is None or (np.isfinite(value) and not sign * value <= sign * self.best_value):
            self.best_epoch, self.best_value, self.weights = epoch, float(value), self.model.get_weights()
        elif self.patience and epoch - self.best_epoch >= self.patience:
            say(f"No better {self.monitor} for {self.patience} epochs: stopping early.")
            self.model.stop_training = True


class WriteDown(keras.callbacks.Callback):
    """Write history.csv and the checkpoint after each epoch; together they are what a resume needs.

    Parameters
    ----------
    folder : Path
        The run's folder.
    checkpoint, history : str
        File names.
    config : TrainingConfig
    dataset : str
        SHA-256 of the dataset.
    keep : KeepBest
    rows : list of dict
        History so far.
    record : dict
        Further entries of the card's record of the training.
    """

    def __init__(
        self,
        folder: Path,
        checkpoint: str,
        history: str,
        config: TrainingConfig,
        dataset: str,
        keep: KeepBest,
        rows: list,
        record: dict,
    ) -> None:
        super().__init__()
        self.folder, self.checkpoint, self.history = folder, checkpoint, history
        self.config, self.dataset, self.keep, self.rows = config, dataset, keep, rows
        self.record = record
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Start the epoch's clock."""
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Append the epoch and save the state."""
        rate = float(np.asarray(self.model.optimizer.learning_rate))
        seconds = round(time.monotonic() - self._began, 2)
        self.rows.append(
            {
                "epoch": epoch + 1,
                **{k: float(v) for k, v in logs.items()},
                "learning_rate": rate,
                "seconds": seconds,
            }
        )
        write_history(self.folder / self.history, self.rows)
        state = {
            "epoch": epoch + 1, "stopped": bool(self.model.stop_training), "config": self.config.to_dict(),
            "dataset_sha256": self.dataset, "best_epoch": self.keep.best_epoch,
            "best_value": self.keep.best_value, "history": self.rows,
            "record": self.record,
        }  # fmt: skip
        save_state(self.folder / self.checkpoint, self.model, self.keep.weights, state)


class Tell(keras.callbacks.Callback):
    """Show each epoch's progress and one line when it is over.

    Parameters
    ----------
    steps, batch_size, epochs : int
        Of the training.
    keep : KeepBest
    """

    def __init__(self, steps: int, batch_size: int, epochs: int, keep: KeepBest) -> None:
        super().__init__()
        self.steps, self.batch_size, self.epochs, self.keep = steps, batch_size, epochs, keep
        self._bar = None
        self._spent: list[float] = []

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Open the bar."""
        self._context = progress_bar(
            self.steps * self.batch_size, f"Epoch {epoch + 1}/{self.epochs}", "windows"
        )
        self._bar = self._context.__enter__()
        self._began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Move the bar."""
        self._bar.advance(self.batch_size)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Close the bar and say what came out."""
        self._context.__exit__(None, None, None)
        self._spent.append(time.monotonic() - self._began)
        left = (self.epochs - epoch - 1) * self._spent[-1]
        best = "  best so far" if self.keep.best_epoch == epoch else ""
        ending = f"; at most {duration(left)} more" if epoch + 1 < self.epochs else ""
        measured = ", ".join(f"{words} {logs[name]:.3f}" for name, words in _MEASURED if name in logs)
        say(
            f"Epoch {epoch + 1}/{self.epochs}: loss {logs['loss']:.4f}, validation loss "
            f"{logs['val_loss']:.4f}, {measured} ({duration(self._spent[-1])}{ending}){best}"
        )
