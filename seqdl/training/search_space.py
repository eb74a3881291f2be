"""What a hyper-parameter search may choose from: a default for each network, or the user's own file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.files import require_file, unique_names
from seqdl.models.registry import get_entry
from seqdl.training.config import TrainingConfig
from seqdl.words import suggest

OPTION = "overrides."  # "overrides.filters": an option of the network, not of the training
_KEYS = ("low", "high", "log", "step")
_FORM = '{"low": 1e-4, "high": 1e-2, "log": true} or a list of values'
_FIXED = {
    "data": "give it with --data",
    "monitor": "trials would be judged by different numbers",
    "epochs": "trials are compared epoch by epoch; set it with --epochs",
    "seed": "a lucky seed is no better choice; train an ensemble instead",
    "deterministic": "it does not change how well a network does",
}
# These change what the validation loss measures.
_LOSSES = ("loss", "focal_gamma", "focal_alpha", "count_weight", "class_weights", "sample_weights")


@dataclass(frozen=True)
class Parameter:
    """One thing that a search chooses.

    Parameters
    ----------
    name : str
        A field of `TrainingConfig`, or ``overrides.`` and an option of the network.
    choices : tuple or None
        The values to choose from; or, when None, a range:
    low, high : float or int
        Both included; whole numbers where both are.
    log : bool
        Draw evenly on a logarithmic scale.
    step : float or int, optional
        Between neighbouring values.
    """

    name: str
    choices: tuple | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None

    @property
    def label(self) -> str:
        """The name in tables: without ``overrides.``."""
        return self.name.removeprefix(OPTION)

    def draw(self, trial):
        """Let an optuna trial choose a value."""
        if self.choices is not None:
            # As JSON text: optuna stores no lists.
            return json.loads(trial.suggest_categorical(self.name, [json.dumps(c) for c in self.choices]))
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(self.name, self.low, self.high, log=self.log, step=self.step or 1)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log, step=self.step)

    def ends(self) -> list:
        """Return values that must all be usable: every choice, or both ends of the range."""
        return list(self.choices) if self.choices is not None else [self.low, self.high]

    def to_json(self):
        """Return the form of a space file."""
        if self.choices is not None:
            return list(self.choices)
        return {
            key: value
            for key, value in asdict(self).items()
            if key in _KEYS and value is not None and value is not False
        }


def default_space(config: TrainingConfig, data: Dataset) -> tuple[Parameter, ...]:
    """Choose what matters most for a network: learning rate, batch size, regularisation, width.

    Parameters
    ----------
    config : TrainingConfig
        With a model; its overrides are what the width is scaled from.
    data : Dataset
        A batch is never larger than its training split.
    """
    options = {**get_entry(config.model).options(config.preset), **config.overrides}
    sgd = config.optimizer == "sgd"
    found = [Parameter("learning_rate", low=1e-3 if sgd else 1e-4, high=1.0 if sgd else 1e-2, log=True)]
    most = len(data.indices("train"))
    sizes = tuple(size for size in (config.batch_size // 4, config.batch_size // 2, config.batch_size,
                                    config.batch_size * 2) if 1 <= size <= most)  # fmt: skip
    if len(sizes) > 1:
        found.append(Parameter("batch_size", choices=sizes))
    if config.optimizer == "adamw":
        found.append(Parameter("weight_decay", low=1e-4, high=0.3, log=True))
    else:
        found.append(Parameter("l2", low=1e-7, high=1e-3, log=True))
    if any("dropout" in name and name not in config.overrides for name in options):
        found.append(Parameter("dropout", low=0.0, high=0.6))
    for name in ("filters", "units"):
        if name in options:
            found.append(Parameter(OPTION + name, choices=_widths(options[name])))
    return tuple(found)


def _widths(value) -> tuple:
    """Scale a number of channels, or a list of them, to a half, one and a half, and double."""
    factors = (0.5, 1.0, 1.5, 2.0)

    def scaled(n: int, factor: float) -> int:
        return max(1, round(n * factor))

    if isinstance(value, (list, tuple)):
        found = [[scaled(n, factor) for n in value] for factor in factors]
    else:
        found = [scaled(value, factor) for factor in factors]
    return tuple(x for i, x in enumerate(found) if x not in found[:i])


def read_space(space: str | Path | dict, config: TrainingConfig) -> tuple[Parameter, ...]:
    """Read and check what a search may choose from.

    Parameters
    ----------
    space : dict, or path of a JSON file
        Name → list of values, or an object of low, high and, if wanted, log and step. A name is a choice of
        `TrainingConfig` or an option of the network, such as "filters".
    config : TrainingConfig
        With a model.

    Returns
    -------
    space : tuple of Parameter

    Raises
    ------
    InputError
        That names the first entry which is unknown, cannot be searched, or makes no sense.
    """
    where = "`space`" if isinstance(space, dict) else f"The space file {space}"
    if isinstance(space, (str, Path)):
        file = require_file(space, "space file")
        try:
            space = json.loads(file.read_text(encoding="utf-8-sig"), object_pairs_hook=unique_names)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{where} is not JSON: {error}.") from error
    if not isinstance(space, dict) or not space:
        raise InputError(f"{where} must be a JSON object of names, each with {_FORM}.")
    names = [field.name for field in fields(TrainingConfig)]
    options = get_entry(config.model).options(config.preset)
    found: list[Parameter] = []
    for given, value in space.items():
        name = given if given in names or given.startswith(OPTION) else OPTION + given
        if name in [parameter.name for parameter in found]:
            raise InputError(f"{where} names {given!r} twice.")
        if name.startswith(OPTION) and name.removeprefix(OPTION) not in options:
            known = [*names, *options]
            raise InputError(
                f"{where}: {given!r} is neither a training choice nor an option of the model "
                f"'{config.model}'.{suggest(given.removeprefix(OPTION), known)}"
            )
        _check_name(name, config, where)
        found.append(_parameter(name, value, f"{where}: {given!r}"))
    if any(p.name in ("model", "preset") for p in found) and any(p.name.startswith(OPTION) for p in found):
        raise InputError(
            f"{where} chooses both the network and options of one network, which the others may not have. "
            "Search the network first, then its options."
        )
    for parameter in found:
        for value in parameter.ends():
            # The field's own check speaks for a value that cannot be.
            apply_values(config, {parameter.name: value})
    return tuple(found)


def _check_name(name: str, config: TrainingConfig, where: str) -> None:
    if name in _FIXED:
        raise InputError(f"{where}: {name!r} cannot be searched: {_FIXED[name]}.")
    if name == "overrides":
        raise InputError(f"{where}: name the options one by one, such as 'filters', and not 'overrides'.")
    if name in _LOSSES and config.monitor == "val_loss":
        raise InputError(
            f"{where}: {name!r} changes what the validation loss measures, so trials could not be compared "
            "by it. Judge them by a rank or a correlation (--monitor val_auprc or val_pearson)."
        )


def _parameter(name: str, value, where: str) -> Parameter:
    if isinstance(value, list):
        if len(value) < 2 or any(x in value[:i] for i, x in enumerate(value)):
            raise InputError(f"{where} needs two or more different values. Received: {value!r}.")
        return Parameter(name, choices=tuple(value))
    if not isinstance(value, dict) or not {"low", "high"} <= value.keys():
        raise InputError(f"{where} must be {_FORM}. Received: {value!r}.")
    for key in value:
        if key not in _KEYS:
            raise InputError(f"{where} has an unknown entry {key!r}.{suggest(key, _KEYS)}")
    low, high, log, step = (value.get(key) for key in _KEYS)
    numbers = [low, high] + ([step] if step is not None else [])
    if any(
        isinstance(x, bool) or not isinstance(x, (int, float)) or not abs(x) < float("inf") for x in numbers
    ):
        raise InputError(f"{where}: low, high and step are numbers. Received: {value!r}.")
    if not low < high:
        raise InputError(f"{where}: low must be less than high. Received: {low} and {high}.")
    if log not in (None, True, False):
        raise InputError(f"{where}: log is true or false. Received: {log!r}.")
    if log and (low <= 0 or step is not None):
        raise InputError(
            f"{where}: a logarithmic range begins above 0 and has no step. Received: low {low}, step {step}."
        )
    if step is not None and not 0 < step <= high - low:
        raise InputError(f"{where}: step must be positive and no longer than the range. Received: {step}.")
    whole = all(isinstance(x, int) for x in numbers)
    if not whole:
        low, high, step = float(low), float(high), None if step is None else float(step)
    return Parameter(name, None, low, high, bool(log), step)


def apply_values(config: TrainingConfig, values: dict) -> TrainingConfig:
    """Put values into a configuration.

    Parameters
    ----------
    config : TrainingConfig
    values : dict
        Name of a `Parameter` → value.

    Raises
    ------
    InputError
        If a value cannot be.
    """
    options = {n.removeprefix(OPTION): v for n, v in values.items() if n.startswith(OPTION)}
    direct = {n: v for n, v in values.items() if not n.startswith(OPTION)}
    return replace(config, **direct, overrides={**config.overrides, **options})
