"""How good the network is on the validation windows, after each epoch: loss, ranks, correlation."""

from __future__ import annotations

import keras
import numpy as np

from seqdl.data.pipeline import BatchSource
from seqdl.evaluation.metrics import rank_metrics
from seqdl.training.losses import TargetLoss, expected_coverage

# Targets with fewer positives in the validation split say little and swing much.
MIN_POSITIVES = 10


class Validate(keras.callbacks.Callback):
    """Add val_loss and what fits the task to the logs.

    Binary labels: val_auroc and val_auprc, medians over targets with enough positives. Coverage:
    val_pearson, the mean over targets of the correlation over all known bins.

    Parameters
    ----------
    source : BatchSource
        The validation split, in order.
    network : keras.Model
        Codes to what `loss` takes.
    loss : TargetLoss
        The training's, without penalties and sample weights.
    """

    def __init__(self, source: BatchSource, network: keras.Model, loss: TargetLoss) -> None:
        super().__init__()
        self.source, self.network, self.loss = source, network, loss

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Predict the validation split and measure."""
        logs.update(self.measure())

    def measure(self) -> dict[str, float]:
        """Return the quantities by name; all nan where a prediction is not a number."""
        binary = self.source.data.task == "binary"
        total, count, kept = 0.0, 0.0, []
        moments = Moments(self.source.data.n_targets)
        for codes, targets in self.source.epoch(0):
            # A last, shorter batch is filled up: another shape would trace the graph again. By a real window,
            # since one of N alone has nothing that a masking layer would let by.
            full = np.pad(codes, ((0, self.source.batch_size - len(codes)), (0, 0)), "edge")
            outputs = np.asarray(self.network.predict_on_batch(full))[: len(codes)].astype(np.float32)
            if not np.isfinite(outputs).all():
                names = ("val_loss", "val_auroc", "val_auprc") if binary else ("val_loss", "val_pearson")
                return dict.fromkeys(names, np.nan)  # `KeepBest` ends the training
            losses, known = self.loss.sums(
                *map(keras.ops.convert_to_tensor, (targets.astype(np.float32), outputs))
            )
            total += np.asarray(losses, np.float64).sum()
            count += np.asarray(known, np.float64).sum()
            if binary:
                kept.append((outputs, targets))
            else:
                predicted = expected_coverage(outputs) if self.loss.name == "profile" else outputs
                moments.add(predicted, targets)
        found = {"val_loss": float(total / max(count, 1.0))}
        if binary:
            logits, labels = (np.concatenate(parts) for parts in zip(*kept, strict=True))
            return found | _ranks(labels, logits)
        return found | {"val_pearson": _mean(moments.pearson())}


class Moments:
    """Sums over known values that give each target's correlation, a batch at a time.

    Parameters
    ----------
    n_targets : int
    """

    def __init__(self, n_targets: int) -> None:
        self._sums = np.zeros((6, n_targets))

    def add(self, predicted: np.ndarray, values: np.ndarray) -> None:
        """Take in a batch, both (batch, bins, n_targets); NaN values are left out."""
        values = values.reshape(-1, values.shape[-1]).astype(np.float64)
        predicted = predicted.reshape(values.shape).astype(np.float64)
        known = ~np.isnan(values)
        x, y = np.where(known, predicted, 0), np.where(known, values, 0)
        self._sums += [part.sum(axis=0) for part in (known, x, y, x * x, y * y, x * y)]

    def pearson(self) -> np.ndarray:
        """Return Pearson's r, float64 (n_targets,); nan where either side is constant."""
        n, x, y, xx, yy, xy = self._sums
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = (n * xx - x * x) * (n * yy - y * y)
            # What rounding leaves of a constant is no variation.
            spread = np.where(
                (n * xx - x * x > 1e-12 * n * xx) & (n * yy - y * y > 1e-12 * n * yy), spread, np.nan
            )
            return (n * xy - x * y) / np.sqrt(spread)


def _ranks(labels: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    positives = labels.sum(axis=0)
    enough = positives >= min(MIN_POSITIVES, max(int(positives.max()), 1))
    metrics = rank_metrics(labels[:, enough], logits[:, enough])
    # Where no target has both classes there is nothing to rank, and the loss alone judges the epochs.
    known = [m[np.isfinite(m)] for m in metrics]
    return {
        name: float(np.median(m)) if len(m) else np.nan for name, m in zip(("val_auroc", "val_auprc"), known)
    }


def _mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else np.nan
