"""`TrainingConfig`: every choice of a training, with its default, checked and written down."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from seqdl.errors import InputError
from seqdl.files import require_file, unique_names
from seqdl.training.config_checks import check_choices
from seqdl.words import suggest

# Not a choice: where the dataset was, for a configuration that is used without --data.
_PLACES = ("data",)
_PATHS = ("data", "sample_weights", "from_run")


@dataclass(frozen=True)
class TrainingConfig:
    """Choices of one training.

    Parameters
    ----------
    data : str or None
        The dataset, written down by `fit`; used where none is given.
    model : str
        As in ``seqdl models list``; "auto" takes the one that `seqdl.training.resolve` names for the data.
    preset : str
        Size of the model; "auto" is "small", where the model has that.
    overrides : dict
        Sizes that replace the preset's.
    dropout : float or None
        Replaces every dropout rate of the preset that `overrides` leaves open.
    epochs : int
        At most; early stopping may end sooner.
    batch_size : int
        Windows.
    loss : {"auto", "bce", "focal", "poisson", "mse", "profile"}
        See `seqdl.training.losses`. By itself: bce for labels, poisson for coverage, profile for networks
        with a profile and a count head.
    focal_gamma, focal_alpha : float
        Of focal: how little the easy windows count; weight of positives, none where None.
    count_weight : float or None
        Of profile: weight of the log count's squared error; half the mean total of a window when None,
        which balances the two (Avsec et al., 2021).
    class_weights : {"none", "balanced"}
        Balanced weighs a target's positives as negatives / positives (1 to 20), see
        `seqdl.training.weights`. Probabilities are then no frequencies any more.
    sample_weights : str or None
        File of one weight a window.
    l1, l2, max_norm : float
        Penalties on kernels, and the largest norm of a filter or unit; 0 for none.
    optimizer : {"adamw", "adam", "sgd", "rmsprop"}
    learning_rate : float
        At the peak.
    schedule : {"cosine", "constant", "linear", "exponential", "onecycle", "plateau"}
        Over `epochs`. Cosine and linear fall to zero, exponential to `end_rate`; plateau halves the rate
        after three epochs without a better `monitor`.
    warmup : float
        Share of all steps during which the rate climbs to its peak; not of onecycle and plateau.
    end_rate : float
        Of exponential: the last rate, as a share of the peak.
    weight_decay : float
        Decoupled, for adamw.
    momentum, nesterov : float, bool
        For sgd.
    clip_norm : float
        Largest norm of the whole gradient; 0 for no limit.
    patience : int
        Epochs without a better `monitor` before training stops; 0 never stops early.
    monitor : {"val_loss", "val_auroc", "val_auprc", "val_pearson"}
        What the best epoch is judged by; ranks are of labels, Pearson's r of coverage.
    reverse_complement : bool
        Turn a random half of each batch to the other strand. Off for RNA.
    max_shift : int or None
        Random shift of each window, bases to either side. When None: 12 for labels; for coverage an eighth
        of the resolution, at most 3, as values do not move along; 0 for RNA.
    epoch_windows : int or None
        Windows in an epoch; all of the training split when None.
    strand_average : bool
        Whether the finished run averages its predictions over both strands. Off for RNA.
    precision : {"float32", "mixed_bfloat16", "mixed_float16"}
        Of the training; the finished model always computes in float32.
    from_run : str or None
        A run whose weights to start from, see `seqdl.training.transfer`.
    freeze : "none", "trunk" or int
        Layers that keep their weights: all but the head, or so many of the first ones.
    seed : int
    deterministic : bool
        Bit-for-bit the same on the same machine and versions, at some speed.
    """

    data: str | None = None
    model: str = "auto"
    preset: str = "auto"
    overrides: dict = field(default_factory=dict)
    dropout: float | None = None
    epochs: int = 20
    batch_size: int = 128
    loss: str = "auto"
    focal_gamma: float = 2.0
    focal_alpha: float | None = None
    count_weight: float | None = None
    class_weights: str = "none"
    sample_weights: str | None = None
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float = 0.0
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    warmup: float = 0.05
    end_rate: float = 0.01
    weight_decay: float = 0.02
    momentum: float = 0.9
    nesterov: bool = False
    clip_norm: float = 1.0
    patience: int = 8
    monitor: str = "val_loss"
    reverse_complement: bool = True
    max_shift: int | None = None
    epoch_windows: int | None = None
    strand_average: bool = True
    precision: str = "float32"
    from_run: str | None = None
    freeze: str | int = "none"
    seed: int = 0
    deterministic: bool = False

    def __post_init__(self) -> None:
        check_choices({f.name: getattr(self, f.name) for f in fields(self)})
        if self.freeze != "none" and self.from_run is None:
            raise InputError(
                f"`freeze` keeps the weights of another run, so it needs `from_run` (--from). Received: "
                f"freeze={self.freeze!r} alone."
            )

    def to_dict(self) -> dict:
        """Return the choices as a JSON-ready dict."""
        return asdict(self)

    @classmethod
    def from_file(cls, path: str | Path, **changes) -> TrainingConfig:
        """Read choices from a JSON or TOML file, such as another run's config.json.

        Parameters
        ----------
        path : path
            TOML where the name ends in .toml, else JSON. What is left out has its default. Paths in it
            are taken from the file's own folder.
        **changes
            Fields that replace the file's.

        Raises
        ------
        InputError
            If the file is neither, or names an unknown choice or one of the wrong kind.
        """
        file = require_file(path, "configuration")
        kind = "TOML" if file.suffix.lower() == ".toml" else "JSON"
        try:
            text = file.read_text(encoding="utf-8-sig")  # Windows editors put a byte order mark first
            values = (
                tomllib.loads(text) if kind == "TOML" else json.loads(text, object_pairs_hook=unique_names)
            )
        except InputError as error:
            raise InputError(f"The configuration {path}: {error}") from None
        except (json.JSONDecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"The configuration {path} is not {kind}: {error}.") from error
        if not isinstance(values, dict):
            raise InputError(f"The configuration {path} must be a JSON object of choices.")
        for name in _PATHS:
            if isinstance(values.get(name), str):
                values[name] = str(file.parent.resolve() / Path(values[name]).expanduser())
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
        return [
            f"{name}: {mine[name]}, was {theirs[name]}"
            for name in mine
            if mine[name] != theirs[name] and name not in _PLACES
        ]
