"""`TrainingConfig`: every choice of a training, with its default, checked and written down."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from seqdl.errors import InputError
from seqdl.files import require_file
from seqdl.words import suggest

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
OPTIMIZERS = ("adamw", "adam", "sgd", "rmsprop")
MONITORS = ("val_loss", "val_auroc", "val_auprc")


@dataclass(frozen=True)
class TrainingConfig:
    """Choices of one training.

    Parameters
    ----------
    model, preset : str
        As in ``seqdl models list``.
    overrides : dict
        Sizes that replace the preset's.
    epochs : int
        At most; early stopping may end sooner.
    batch_size : int
        Windows.
    optimizer : {"adamw", "adam", "sgd", "rmsprop"}
    learning_rate : float
        At the peak.
    schedule : {"cosine", "constant"}
        Cosine falls from the peak to zero over `epochs`.
    warmup : float
        Share of all steps during which the rate climbs to its peak.
    weight_decay : float
        Decoupled, for adamw.
    momentum : float
        For sgd.
    clip_norm : float
        Largest norm of the whole gradient; 0 for no limit.
    patience : int
        Epochs without a better `monitor` before training stops; 0 never stops early.
    monitor : {"val_loss", "val_auroc", "val_auprc"}
        What the best epoch is judged by.
    reverse_complement : bool
        Turn a random half of each batch to the other strand.
    max_shift : int
        Random shift of each window, bases to either side.
    epoch_windows : int or None
        Windows in an epoch; all of the training split when None.
    strand_average : bool
        Whether the finished run averages its predictions over both strands.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Of the training; the finished model always computes in float32.
    seed : int
    deterministic : bool
        Bit-for-bit the same on the same machine and versions, at some speed.
    """

    model: str = "deepsea"
    preset: str = "small"
    overrides: dict = field(default_factory=dict)
    epochs: int = 20
    batch_size: int = 128
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    warmup: float = 0.05
    weight_decay: float = 0.02
    momentum: float = 0.9
    clip_norm: float = 1.0
    patience: int = 8
    monitor: str = "val_loss"
    reverse_complement: bool = True
    max_shift: int = 12
    epoch_windows: int | None = None
    strand_average: bool = True
    precision: str = "float32"
    seed: int = 0
    deterministic: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (
            ("optimizer", OPTIMIZERS), ("schedule", ("cosine", "constant")), ("monitor", MONITORS),
            ("precision", PRECISIONS),
        ):  # fmt: skip
            value = getattr(self, name)
            if value not in allowed:
                raise InputError(
                    f"`{name}` must be one of {', '.join(allowed)}. "
                    f"Received: {value!r}.{suggest(str(value), allowed)}"
                )
        for name, least in (
            ("epochs", 1),
            ("batch_size", 1),
            ("patience", 0),
            ("max_shift", 0),
            ("seed", 0),
            ("epoch_windows", 1),
        ):
            value = getattr(self, name)
            if name == "epoch_windows" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(f"`{name}` must be a whole number of at least {least}. Received: {value!r}.")
        for name in ("learning_rate", "weight_decay", "clip_norm", "momentum", "warmup"):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
            if not number or value < 0 or (name == "learning_rate" and value == 0):
                raise InputError(f"`{name}` must be a positive number. Received: {value!r}.")
        if not self.warmup < 1:
            raise InputError(f"`warmup` is a share of all steps, less than 1. Received: {self.warmup}.")
        if not self.momentum < 1:
            raise InputError(f"`momentum` must be less than 1. Received: {self.momentum}.")
        if self.seed >= 1 << 32:
            raise InputError(f"`seed` must be less than 2**32. Received: {self.seed}.")
        for name, kind, words in (
            ("model", str, "a name"), ("preset", str, "a name"), ("overrides", dict, "an object of sizes"),
            ("reverse_complement", bool, "true or false"), ("strand_average", bool, "true or false"),
            ("deterministic", bool, "true or false"),
        ):  # fmt: skip
            if not isinstance(getattr(self, name), kind):
                raise InputError(f"`{name}` must be {words}. Received: {getattr(self, name)!r}.")

    def to_dict(self) -> dict:
        """Return the choices as a JSON-ready dict."""
        return asdict(self)

    @classmethod
    def from_file(cls, path: str | Path, **changes) -> TrainingConfig:
        """Read choices from a JSON file, such as another run's config.json.

        Parameters
        ----------
        path : path
        **changes
            Fields that replace the file's.

        Raises
        ------
        InputError
            If the file is no JSON object or names an unknown choice.
        """
        try:
            values = json.loads(require_file(path, "configuration").read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"The configuration {path} is not JSON: {error}.") from error
        if not isinstance(values, dict):
            raise InputError(f"The configuration {path} must be a JSON object of choices.")
        return cls.from_dict({**values, **changes}, str(path))

    @classmethod
    def from_dict(cls, values: dict, where: str = "the arguments") -> TrainingConfig:
        """Build from a dict; an unknown name is refused with the nearest one."""
        names = [f.name for f in fields(cls)]
        for name in values:
            if name not in names:
                raise InputError(f"Unknown training choice {name!r} in {where}.{suggest(name, names)}")
        return cls(**values)

    def differences(self, other: TrainingConfig) -> list[str]:
        """Say in which choices two configurations differ: "seed: 0, was 1"."""
        mine, theirs = json.loads(json.dumps(asdict(self))), json.loads(json.dumps(asdict(other)))
        return [f"{name}: {mine[name]}, was {theirs[name]}" for name in mine if mine[name] != theirs[name]]
