"""The list of networks: what each is, without importing Keras; `build_model` makes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from seqdl.errors import InputError
from seqdl.words import suggest

if TYPE_CHECKING:
    import keras
    import numpy as np

# Modules that hold an ENTRY; they import Keras inside their builders only.
BUILT_IN = (
    "seqdl.models.basenji",
    "seqdl.models.basenji2",
    "seqdl.models.basset",
    "seqdl.models.bpnet",
    "seqdl.models.danq",
    "seqdl.models.deepbind",
    "seqdl.models.deepsea",
    "seqdl.models.recurrent",
)


@dataclass(frozen=True)
class Preset:
    """One named size of a network.

    Parameters
    ----------
    name : str
        As given to ``--preset``.
    parameters : int
        Trainable and other weights at `window` and `n_targets`; under test.
    window, n_targets : int
        What `parameters` was counted at, bp and targets.
    min_window : int
        Shortest window that the preset accepts, bp.
    summary : str
        One line for people.
    deviations : tuple of str
        Where the preset differs from the paper.
    trainable : int, optional
        How many of the parameters are trained; all of them if left out. BatchNorm's running means and
        variances are not.
    """

    name: str
    parameters: int
    window: int
    n_targets: int
    min_window: int
    summary: str
    deviations: tuple[str, ...] = ()
    trainable: int | None = None

    @property
    def trainable_parameters(self) -> int:
        """How many of the parameters are trained."""
        return self.parameters if self.trainable is None else self.trainable


@dataclass(frozen=True)
class ModelEntry:
    """What a network is, for lists and help.

    Parameters
    ----------
    name : str
        As given to ``--model``.
    title : str
        The name with its capitals.
    presets : tuple of Preset
        The first one is the default.
    input, output : str
        Shapes and meaning.
    paper : str
        Citation.
    build : callable
        ``build(window, n_targets, preset=..., output_bias=None, channels=4, **overrides) -> keras.Model``;
        with the task "coverage" also ``bin=None, resolution=None``.
    options : callable
        ``options(preset) -> dict`` of the names that `overrides` may hold and their defaults.
    task : {"binary", "coverage"}
        What the network predicts: a probability a target, or values along the window's middle.
    """

    name: str
    title: str
    presets: tuple[Preset, ...]
    input: str
    output: str
    paper: str
    build: Callable[..., keras.Model]
    options: Callable[[str], dict]
    task: str = "binary"

    @property
    def parameters(self) -> int:
        """Parameter count of the default preset at its reference window and targets."""
        return self.presets[0].parameters

    @property
    def deviations(self) -> tuple[str, ...]:
        """Where the default preset differs from the paper."""
        return self.presets[0].deviations

    def preset(self, name: str) -> Preset:
        """Return the preset called `name`; InputError with the nearest name if there is none."""
        for preset in self.presets:
            if preset.name == name:
                return preset
        names = [preset.name for preset in self.presets]
        raise InputError(
            f"The model '{self.name}' has no preset '{name}'.{suggest(name, names)} "
            f"Its presets: {', '.join(names)}."
        )


_entries: dict[str, ModelEntry] = {}


def register(entry: ModelEntry) -> ModelEntry:
    """Add a network to the list, so that every command knows it by name.

    Raises
    ------
    InputError
        If another network has that name.
    """
    known = _entries.get(entry.name)
    if known is not None and known is not entry:
        raise InputError(f"A model called '{entry.name}' is registered already ({known.title}).")
    _entries[entry.name] = entry
    return entry


def _load_built_in() -> None:
    for module in BUILT_IN:
        register(import_module(module).ENTRY)


def list_models() -> list[ModelEntry]:
    """Return every known network, sorted by name. Loads no Keras.

    Examples
    --------
    >>> [entry.name for entry in list_models() if entry.task == "coverage"]
    ['basenji', 'basenji2', 'bpnet']
    """
    _load_built_in()
    return [_entries[name] for name in sorted(_entries)]


def get_entry(name: str) -> ModelEntry:
    """Return the network called `name` (case does not matter).

    Raises
    ------
    InputError
        If there is none; the message names the nearest one.
    """
    names = [entry.name for entry in list_models()]
    entry = _entries.get(str(name).lower())
    if entry is None:
        raise InputError(
            f"There is no model '{name}'.{suggest(str(name).lower(), names)} Known models: "
            f"{', '.join(names)}."
        )
    return entry


def build_model(
    name: str,
    window: int,
    n_targets: int,
    preset: str | None = None,
    output_bias: np.ndarray | None = None,
    *,
    channels: int = 4,
    bin: int | None = None,
    resolution: int | None = None,
    **overrides,
) -> keras.Model:
    """Build an untrained network.

    Parameters
    ----------
    name : str
        A network's name, see `list_models`.
    window : int
        Window length, bp.
    n_targets : int
        Number of outputs.
    preset : str, optional
        One of the network's presets; the first one (the paper's network) if left out.
    output_bias : float array, shape (n_targets,), optional
        Initial bias of the last layer: the logits of the targets' base rates (for coverage: the linear
        values whose link is the targets' mean; for BPNet log(1 + mean total of a window)), so that
        training starts from there.
    channels : int
        Of the input: 4, or 7 for bases with their secondary structure.
    bin, resolution : int, optional
        Of a coverage network: bases in the window's middle that are predicted, and bases a value; the
        preset's own if left out.
    **overrides
        Sizes that replace the preset's, see ``get_entry(name).options(preset)``.

    Returns
    -------
    model : keras.Model
        Input "sequence", float32 (batch, window, channels). Binary networks end with the layers
        "logits" and "probabilities", float32 (batch, n_targets); coverage networks with "coverage",
        float32 (batch, bin // resolution, n_targets), not negative. Not compiled.

    Raises
    ------
    InputError
        If the name, the preset or an override is unknown, or the window too short.

    Examples
    --------
    >>> build_model("deepsea", window=1000, n_targets=919).count_params()
    52843119
    """
    entry = get_entry(name)
    chosen = entry.preset(preset) if preset is not None else entry.presets[0]
    sizes = {"window": window, "n_targets": n_targets, "channels": channels}
    sizes |= {"bin": bin, "resolution": resolution} if entry.task == "coverage" else {}
    for label, value in sizes.items():
        if value is None and label in ("bin", "resolution"):
            continue
        if isinstance(value, bool) or int(value) != value or value < 1:
            raise InputError(f"`{label}` must be a positive whole number. Received: {value!r}.")
    if entry.task != "coverage" and (bin is not None or resolution is not None):
        raise InputError(f"The model '{name}' gives one number a window: it takes no `bin`, no `resolution`.")
    known = entry.options(chosen.name)
    for key in overrides:
        if key not in known:
            raise InputError(
                f"The model '{name}' has no option '{key}'.{suggest(key, known)} Its options: "
                f"{', '.join(known)}."
            )
    sizes = {label: value if value is None else int(value) for label, value in sizes.items()}
    return entry.build(
        sizes.pop("window"),
        sizes.pop("n_targets"),
        preset=chosen.name,
        output_bias=output_bias,
        **sizes,
        **overrides,
    )
