"""Transfer: begin with another run's weights, give the network a new head, keep layers as they are.

The source must have the same window, channels and sizes; its targets may be others. A frozen layer
learns nothing, and a frozen BatchNorm also stays in inference mode: the statistics of the data that it
was trained on remain (Keras, "Transfer learning and fine-tuning").
"""

from __future__ import annotations

from dataclasses import replace

from seqdl.data.dataset import Dataset
from seqdl.data.splits import TEST, VALID
from seqdl.errors import InputError
from seqdl.files import sha256
from seqdl.progress import say
from seqdl.training.config import TrainingConfig
from seqdl.training.run import MODEL, Run
from seqdl.words import few

# Layers that make the targets' numbers; the profile head of some networks has a convolution before it.
_HEADS, _HEAD_PREFIX = ("logits", "linear", "profile", "counts"), "profile_"


def follow_source(config: TrainingConfig, data: Dataset) -> TrainingConfig:
    """Take the architecture from the run that a training starts from.

    Parameters
    ----------
    config : TrainingConfig
    data : Dataset

    Returns
    -------
    config : TrainingConfig
        With the source's model, preset and sizes; as it was where there is no source.

    Raises
    ------
    InputError
        If the source has another window, other channels, or another model than asked for.
    """
    if config.from_run is None:
        return config
    source = Run.open(config.from_run)
    if source.card["model"].get("members"):
        raise InputError(
            f"The run {config.from_run} is an ensemble, whose members cannot be trained further as one. "
            f"Start from one of them, such as {source.card['model']['members'][0]['path']}."
        )
    mine, theirs = (data.window, data.channels), tuple(source.card["input_shape"])
    if mine != theirs:
        raise InputError(
            f"The run {config.from_run} reads windows of {theirs[0]} bases and {theirs[1]} channels, "
            f"{data.path} has {mine[0]} and {mine[1]}: its weights do not fit. Build the dataset with "
            f"--window {theirs[0]}, or train from the beginning."
        )
    model = source.card["model"]
    for name, asked in (("model", config.model), ("preset", config.preset)):
        if asked not in ("auto", (had := model.get("name" if name == "model" else "preset"))):
            raise InputError(
                f"`{name}` is taken from the run {config.from_run}, and that is {had!r}. Received: "
                f"{asked!r}. Leave it out."
            )
    sizes = dict(model.get("overrides") or {})
    if config.dropout is not None:
        sizes = {option: value for option, value in sizes.items() if "dropout" not in option}
    sizes |= config.overrides
    return replace(config, model=model["name"], preset=model["preset"], overrides=sizes)


def start_from(network, config: TrainingConfig, data: Dataset) -> dict:
    """Put the source's weights into a network.

    Parameters
    ----------
    network : keras.Model
        Newly built; changed in place.
    config : TrainingConfig
        From `follow_source`.
    data : Dataset
        If its targets are the source's, in the same order, the head is kept; else it stays new.

    Returns
    -------
    record : dict
        For the card: what was started from.

    Raises
    ------
    InputError
        If a layer's weights have another shape.
    """
    source = Run.open(config.from_run)
    known = {layer.name: layer for layer in source.model.layers}
    same = source.target_names == data.target_names and source.output_shape[:-1] == network.output_shape[1:-1]
    for layer in network.layers:
        if not layer.weights or (_is_head(layer) and not same):
            continue
        theirs = known.get(layer.name)
        shapes = [tuple(w.shape) for w in layer.weights]
        if theirs is None or [tuple(w.shape) for w in theirs.weights] != shapes:
            found = "nothing" if theirs is None else few([tuple(w.shape) for w in theirs.weights], 4)
            raise InputError(
                f"The layer {layer.name!r} has weights of the shapes {few(shapes, 4)}, and the run "
                f"{config.from_run} holds {found} for it. Leave out the sizes that differ (--set)."
            )
        layer.set_weights(theirs.get_weights())
    file = source.path / MODEL if source.path.is_dir() else source.path
    record = {
        "run": source.label, "path": str(source.path.resolve()), "model_sha256": sha256(file),
        "head": "kept" if same else "new",
    }  # fmt: skip
    note = seen_before(source, data)
    if note:
        say(note)
        record["note"] = note
    return record


def seen_before(source: Run, data: Dataset) -> str:
    """Say whether windows that are held out here have trained the source; "" where none is known to have.

    Parameters
    ----------
    source : Run
    data : Dataset
        Whose validation and test windows are meant. Of sequences without a genome only another split of the
        source's own dataset is noticed.
    """
    theirs = source.card["split"]
    words = "held out here: what is measured there will look better than it is."
    if (source.card.get("dataset") or {}).get("sha256") == data.sha256:
        same = theirs.get("fold") == data.fold
        told = f"The run {source.path} was trained on another split of this dataset, so on windows {words}"
        return "" if same else told
    known = source.card["genome"]["contigs"]
    md5 = dict(zip(data.contigs.names, data.contigs.md5, strict=True))
    held = set(data.chroms[(data.split == VALID) | (data.split == TEST)])
    trained = [name for name in theirs["train"]["contigs"] if name in held]
    shared = [name for name in trained if known.get(name, {}).get("md5") == md5.get(name)]
    return f"The run {source.path} was trained on windows of {few(shared)}, {words}" if shared else ""


def freeze(network, how: str | int) -> list[str]:
    """Keep layers' weights from changing.

    Parameters
    ----------
    network : keras.Model
        Not compiled; changed in place.
    how : {"none", "trunk"} or int
        All but the head, or so many of the first layers that have weights.

    Returns
    -------
    names : list of str
        The frozen layers.

    Raises
    ------
    InputError
        If nothing would be left to learn.
    """
    if how == "none":
        return []
    weighted = [layer for layer in network.layers if layer.weights]
    chosen = [layer for layer in weighted if not _is_head(layer)] if how == "trunk" else weighted[:how]
    if len(chosen) == len(weighted):
        raise InputError(
            f"`freeze` would keep all {len(weighted)} layers, so that nothing is learnt. Give a smaller "
            "number, or 'trunk'."
        )
    for layer in chosen:
        layer.trainable = False
    return [layer.name for layer in chosen]


def _is_head(layer) -> bool:
    return layer.name in _HEADS or layer.name.startswith(_HEAD_PREFIX)
