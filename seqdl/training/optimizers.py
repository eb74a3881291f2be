"""Optimizers, and how the learning rate moves over the steps of a training."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops

from seqdl.progress import say
from seqdl.training.config import TrainingConfig

# One cycle: rises from 1/25 of the peak over the first 30 % of the steps, ends at 1/10,000 of it.
ONECYCLE_RISE, ONECYCLE_START, ONECYCLE_END = 0.3, 1 / 25, 1e-4
# Plateau: halved after this many epochs without a better monitored value.
PLATEAU_FACTOR, PLATEAU_EPOCHS = 0.5, 3


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate as a function of the step, with a linear warm-up.

    Parameters
    ----------
    kind : {"constant", "cosine", "linear", "exponential", "onecycle"}
        cosine (Loshchilov and Hutter, 2017) and linear fall to 0, exponential to `end` times the peak;
        onecycle (Smith and Topin, 2018) rises, then falls along cosines, and warms up by itself.
    peak : float
    steps : int
        Of the whole training.
    warmup : int
        Steps in which the rate climbs from 0 to the peak.
    end : float
        Of exponential.
    """

    def __init__(self, kind: str, peak: float, steps: int, warmup: int = 0, end: float = 0.01) -> None:
        super().__init__()
        self.kind, self.peak, self.steps, self.end = kind, float(peak), int(steps), float(end)
        self.warmup = 0 if kind == "onecycle" else int(warmup)

    def __call__(self, step):
        """Return the rate at a step, a float32 tensor."""
        step = ops.cast(step, "float32")
        total = float(max(1, self.steps - self.warmup))
        share = ops.clip((step - self.warmup) / total, 0.0, 1.0)
        if self.kind == "cosine":
            rate = 0.5 * (1 + ops.cos(math.pi * share))
        elif self.kind == "linear":
            rate = 1 - share
        elif self.kind == "exponential":
            rate = ops.exp(math.log(self.end) * share)
        elif self.kind == "onecycle":
            up = ops.minimum(share / ONECYCLE_RISE, 1.0)
            down = ops.maximum(share - ONECYCLE_RISE, 0.0) / (1 - ONECYCLE_RISE)
            rise = 1 - (1 - ONECYCLE_START) * 0.5 * (1 + ops.cos(math.pi * up))
            fall = ONECYCLE_END + (1 - ONECYCLE_END) * 0.5 * (1 + ops.cos(math.pi * down))
            rate = ops.where(share < ONECYCLE_RISE, rise, fall)
        else:
            rate = ops.ones_like(share)
        if self.warmup:
            rate = ops.where(step < self.warmup, step / float(self.warmup), rate)
        return self.peak * rate

    def get_config(self) -> dict:
        """Return the schedule's configuration."""
        return {
            "kind": self.kind, "peak": self.peak, "steps": self.steps, "warmup": self.warmup, "end": self.end
        }  # fmt: skip


def make_optimizer(config: TrainingConfig, steps: int):
    """Make the configured optimizer with its schedule.

    Parameters
    ----------
    config : TrainingConfig
    steps : int
        Of one epoch.

    Returns
    -------
    optimizer : keras.optimizers.Optimizer
    """
    total = max(1, steps * config.epochs)
    rate = config.learning_rate
    if config.schedule != "plateau":
        rate = Schedule(config.schedule, rate, total, int(config.warmup * total), config.end_rate)
    return bare_optimizer(config, rate)


def bare_optimizer(config: TrainingConfig, rate):
    """Make the configured optimizer with a rate of one's own: a number, or a schedule."""
    clip = {"global_clipnorm": config.clip_norm} if config.clip_norm else {}
    if config.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, **clip)
        # Shrinking biases and BatchNorm's scales would pull base rates and norms away from the data.
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer
    if config.optimizer == "adam":
        return keras.optimizers.Adam(rate, **clip)
    if config.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=config.momentum, nesterov=config.nesterov, **clip)
    return keras.optimizers.RMSprop(rate, **clip)


class Plateau(keras.callbacks.Callback):
    """Halve the rate after epochs without a better monitored value.

    The rate follows from the history alone, so that a resumed training goes on exactly.

    Parameters
    ----------
    config : TrainingConfig
    rows : list of dict
        The history so far, one dict an epoch; read at the beginning of each epoch.
    """

    def __init__(self, config: TrainingConfig, rows: list[dict]) -> None:
        super().__init__()
        self.config, self.rows = config, rows

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Set the epoch's rate."""
        values = [row[self.config.monitor] for row in self.rows[:epoch]]
        halvings = plateau_halvings(values, rising="loss" not in self.config.monitor)
        rate = self.config.learning_rate * PLATEAU_FACTOR**halvings
        if epoch and not np.isclose(rate, self.rows[epoch - 1]["learning_rate"], rtol=1e-3):
            say(f"No better {self.config.monitor} for {PLATEAU_EPOCHS} epochs: learning rate {rate:.3g}.")
        self.model.optimizer.learning_rate = rate


def plateau_halvings(values: list[float], rising: bool) -> int:
    """Count how often a rate is halved after the given epochs.

    Parameters
    ----------
    values : list of float
        The monitored value of each epoch.
    rising : bool
        Whether higher is better.

    Examples
    --------
    >>> plateau_halvings([3, 2, 2, 2, 2, 1], rising=False)
    1
    """
    best, waited, halvings = None, 0, 0
    for value in values:
        # Any number is better than none, such as a correlation's of a first, constant prediction.
        first = best is None or (math.isnan(best) and not math.isnan(value))
        if first or (value > best if rising else value < best):
            best, waited = value, 0
        else:
            waited += 1
        if waited == PLATEAU_EPOCHS:
            halvings, waited = halvings + 1, 0
    return halvings
