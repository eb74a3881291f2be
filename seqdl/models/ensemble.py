"""Several networks as one: they read the same input, and the mean of what they predict comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqdl.errors import InputError

if TYPE_CHECKING:
    import keras

NAME = "ensemble"  # of the joined model
_MEMBER = "member"  # "member1", "member2", ...
# Where a member's prediction is taken from: logits are averaged as probabilities.
_INNER = {"binary": "logits", "coverage": "coverage"}


def ensemble_models(networks: Sequence[keras.Model], task: str = "binary") -> keras.Model:
    """Join trained networks into one model that every command takes like a single one.

    Parameters
    ----------
    networks : sequence of keras.Model
        At least two, of one input and one output shape; their weights are used as they are.
    task : {"binary", "coverage"}

    Returns
    -------
    model : keras.Model
        Input "sequence"; layers "member1", "member2", ... (the networks up to their logits, or to their
        coverage); at the end "logits" (log odds of the mean probability) and "probabilities", or
        "coverage" (the mean). float32.

    Raises
    ------
    InputError
        If there are fewer than two, their shapes differ, or one lacks the layer.
    """
    import keras

    from seqdl.layers import MeanOdds

    if len(networks) < 2:
        raise InputError(f"An ensemble has at least two members. Received: {len(networks)}.")
    shapes = {(network.input_shape, network.output_shape) for network in networks}
    if len(shapes) > 1:
        raise InputError(f"The members of an ensemble need one input and output shape. Received: {shapes}.")
    end = _INNER[task]
    inputs = keras.Input(networks[0].input_shape[1:], name="sequence")
    results = []
    for number, network in enumerate(networks, 1):
        if end not in [layer.name for layer in network.layers]:
            raise InputError(f"The member {number} ({network.name!r}) has no layer called {end!r}.")
        name = f"{_MEMBER}{number}"
        results.append(keras.Model(network.inputs[0], network.get_layer(end).output, name=name)(inputs))
    if task == "coverage":
        outputs = keras.layers.Average(name="coverage", dtype="float32")(results)
    else:
        outputs = MeanOdds(name="logits", dtype="float32")(results)
        outputs = keras.layers.Activation("sigmoid", name="probabilities", dtype="float32")(outputs)
    return keras.Model(inputs, outputs, name=NAME)


def ensemble_members(model: keras.Model) -> list[keras.Model]:
    """Return the members of a joined model, in order; an empty list for any other model.

    Parameters
    ----------
    model : keras.Model
        As a run holds it.

    Returns
    -------
    members : list of keras.Model
        Each from the sequence to its logits, or to its coverage.
    """
    if model.name != NAME:
        return []
    names = [f"{_MEMBER}{number}" for number in range(1, len(model.layers) + 1)]
    by_name = {layer.name: layer for layer in model.layers}
    return [by_name[name] for name in names if hasattr(by_name.get(name), "layers")]
