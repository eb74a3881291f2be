"""From choices to a training of this dataset: what is left open is chosen, what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.models.registry import get_entry, list_models
from seqdl.training.config import TrainingConfig
from seqdl.training.transfer import follow_source

# The network for "auto", by what is predicted; the first one that is registered.
DEFAULT_MODELS = {"binary": ("deepsea",), "coverage": ("basenji",), "rna": ("rnn", "deepsea")}
LOSSES_OF = {"binary": ("bce", "focal"), "coverage": ("poisson", "mse", "profile")}
MONITORS_OF = {"binary": ("val_loss", "val_auroc", "val_auprc"), "coverage": ("val_loss", "val_pearson")}
_WHY_NOT = {
    "bce": "cross-entropy is of labels that are 0 or 1",
    "focal": "focal loss is of labels that are 0 or 1",
    "poisson": "the Poisson loss is of counts",
    "mse": "squared error of a probability is not what the logits are trained by",
    "profile": "the profile loss is of counts along a window",
}
_SHIFT, _SHIFT_OF_COVERAGE = 12, 3
# Choices that only some values of another one look at.
_OF = {
    "focal_gamma": ("loss", ("focal",)), "focal_alpha": ("loss", ("focal",)),
    "count_weight": ("loss", ("profile", "auto")), "momentum": ("optimizer", ("sgd",)),
    "nesterov": ("optimizer", ("sgd",)), "weight_decay": ("optimizer", ("adamw",)),
    "end_rate": ("schedule", ("exponential",)),
}  # fmt: skip


def resolve(
    config: TrainingConfig, data: Dataset, begun: dict | None = None
) -> tuple[TrainingConfig, list[str]]:
    """Fill in what the dataset decides, and refuse choices that do not fit it.

    Parameters
    ----------
    config : TrainingConfig
    data : Dataset
    begun : dict, optional
        The choices of the training that is resumed: the run that it started from is not needed any more.

    Returns
    -------
    config : TrainingConfig
        With a model, preset and shift. The loss may still be "auto", see `resolve_loss`.
    notes : list of str
        What was switched off, as sentences.

    Raises
    ------
    InputError
        If the model predicts something else than the dataset holds, or the monitor, loss or shift does
        not fit it.
    """
    if begun is None or config.from_run is None:
        config = follow_source(config, data)
    else:
        same = {name: begun.get(name) for name in ("model", "preset") if getattr(config, name) == "auto"}
        config = replace(config, **same, overrides={**begun.get("overrides", {}), **config.overrides})
    notes, changes, task = [], {"data": str(data.path.resolve())}, data.task
    if config.model == "auto":
        known = [entry.name for entry in list_models() if entry.task == task]
        wanted = (*DEFAULT_MODELS["rna" if data.alphabet == "rna" else task], *known)
        changes["model"] = next((name for name in wanted if name in known), DEFAULT_MODELS[task][0])
    entry = get_entry(changes.get("model", config.model))
    if entry.task != task:
        fitting = [other.name for other in list_models() if other.task == task]
        raise InputError(
            f"The model '{entry.name}' predicts {_WORDS[entry.task]}, and {data.path} holds {_WORDS[task]}. "
            f"Models that fit: {', '.join(fitting) or 'none'}."
        )
    presets = [preset.name for preset in entry.presets]
    if config.preset == "auto":
        changes["preset"] = "small" if "small" in presets else presets[0]
    entry.preset(changes.get("preset", config.preset))
    if config.monitor not in MONITORS_OF[task]:
        raise InputError(
            f"`monitor` {config.monitor!r} does not exist for {_WORDS[task]}; it must be one of "
            f"{', '.join(MONITORS_OF[task])}."
        )
    if config.loss != "auto" and config.loss not in LOSSES_OF[task]:
        raise InputError(
            f"The loss {config.loss!r} does not fit {_WORDS[task]}: {_WHY_NOT[config.loss]}. Losses that "
            f"fit: {', '.join(LOSSES_OF[task])}."
        )
    if config.class_weights != "none" and task != "binary":
        raise InputError(f"`class_weights` are of labels; {data.path} holds {_WORDS[task]}.")
    plain = TrainingConfig()
    for name, (other, looked_at) in _OF.items():
        if getattr(config, name) != getattr(plain, name) and getattr(config, other) not in looked_at:
            now = getattr(config, other)
            notes.append(f"`{name}` is of {other} {looked_at[0]}, and {other} is {now}: it changes nothing.")
    if data.alphabet == "rna":
        on = [name for name in ("reverse_complement", "strand_average") if getattr(config, name)]
        on += ["max_shift"] if config.max_shift else []
        if on:
            notes.append(f"RNA has one strand and a whole sequence: {', '.join(on)} switched off.")
        changes |= {"reverse_complement": False, "strand_average": False, "max_shift": 0}
        # DeepBind would score the reverse complement as well.
        if "both_strands" in entry.options(changes.get("preset", config.preset)):
            changes["overrides"] = {"both_strands": False} | config.overrides
    elif config.max_shift is None:
        changes["max_shift"] = (
            min(_SHIFT, data.window - 1)
            if task == "binary"
            else min(data.resolution // 8, _SHIFT_OF_COVERAGE)
        )
    config = replace(config, **changes)
    if config.max_shift >= data.window:
        raise InputError(
            f"`max_shift` must be less than the window of {data.window} bases: such a shift shows none of "
            f"the bases that the label is about. Received: {config.max_shift}."
        )
    return config, notes


_WORDS = {"binary": "labels (binary)", "coverage": "coverage"}


def resolve_loss(config: TrainingConfig, data: Dataset, network) -> TrainingConfig:
    """Choose the loss that was left open, now that the network's heads are known.

    Parameters
    ----------
    config : TrainingConfig
    data : Dataset
    network : keras.Model

    Raises
    ------
    InputError
        If "profile" was asked for and the network has not its two heads.
    """
    heads = {"profile", "counts"} <= {layer.name for layer in network.layers}
    if config.loss == "profile" and not heads:
        raise InputError(
            f"The loss 'profile' needs a network with a profile and a count head; '{config.model}' has none. "
            "Losses that fit: poisson, mse."
        )
    if config.loss != "auto":
        return config
    return replace(config, loss="bce" if data.task == "binary" else "profile" if heads else "poisson")
