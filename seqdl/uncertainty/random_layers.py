"""Which layers of a network are random in training, and copies of its graph with others in their place."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import keras
import numpy as np
from keras import layers

from seqdl.errors import InputError
from seqdl.layers.mean_field import MeanField

_SPATIAL = (layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D)
_NOISE = {"GaussianDropout", "GaussianNoise", "AlphaDropout"}
_INNER = ("dropout", "recurrent_dropout")  # settings of layers that drop inside themselves
_ENDS = ("coverage", "logits")


def generator_of(key: str) -> np.random.Generator:
    """Return a generator of random numbers that a text decides, the same on every backend and machine.

    Parameters
    ----------
    key : str

    Returns
    -------
    numpy Generator
    """
    return np.random.default_rng(list(hashlib.sha256(key.encode()).digest()))


def require_graph(model: keras.Model) -> None:
    """Refuse a model whose layers cannot be replaced: one that is neither Functional nor Sequential.

    Parameters
    ----------
    model : keras.Model

    Raises
    ------
    InputError
    """
    if not isinstance(model, keras.Sequential) and not getattr(model, "inputs", None):
        raise InputError(
            f"Dropout can be replaced in Functional and Sequential models only. "
            f"Received: {type(model).__name__}."
        )


def copy_graph(model: keras.Model, replace: Callable, path: str = "") -> keras.Model:
    """Copy a model's graph, and those of nested models, with other layers in the place of some.

    Parameters
    ----------
    model : keras.Model
    replace : callable
        ``replace(layer, path)`` returns the layer to be there instead, or the same object, which the copy
        then shares with the model. `path` is the layer's name with those of the models around it.
    path : str
        Put before every path.

    Returns
    -------
    copy : keras.Model
    """

    def clone(layer):
        name = f"{path}{layer.name}"
        return copy_graph(layer, replace, f"{name}/") if is_nested(layer) else replace(layer, name)

    return keras.models.clone_model(model, clone_function=clone)


def end_of(model: keras.Model) -> str | None:
    """Return the layer at which seqdl's networks end, "coverage" or "logits"; None if there is none."""
    names = [layer.name for layer in model.layers]
    return next((name for name in _ENDS if name in names), None)


def trunk_of(model: keras.Model, end: str | None) -> keras.Model:
    """Cut a model at its end, see `end_of`; a model without one stays whole."""
    return model if end is None else keras.Model(model.inputs[0], model.get_layer(end).output, name="trunk")


def ended(trunk: keras.Model, end: str | None) -> keras.Model:
    """End a copied trunk with layers of its own: a shared layer's output is that of the first graph."""
    if end is None:
        return trunk
    inputs = keras.Input(trunk.input_shape[1:], name="sequence")
    outputs = layers.Activation("linear", name=end, dtype="float32")(trunk(inputs))
    if end == "logits":
        outputs = layers.Activation("sigmoid", name="probabilities", dtype="float32")(outputs)
    return keras.Model(inputs, outputs, name="thinned")


def is_nested(layer) -> bool:
    """Tell whether a layer is a model with layers that can be replaced."""
    return isinstance(layer, keras.Model) and (
        isinstance(layer, keras.Sequential) or bool(getattr(layer, "inputs", None))
    )


def drops(layer) -> bool:
    """Tell whether a layer drops units or channels."""
    return isinstance(layer, (layers.Dropout, *_SPATIAL)) and layer.rate > 0


def noise_shape(layer) -> tuple | None:
    """Return which axes of a dropout layer share a decision, as `FixedMask` takes it."""
    if isinstance(layer, _SPATIAL):
        axes = {layers.SpatialDropout1D: 1, layers.SpatialDropout2D: 2, layers.SpatialDropout3D: 3}
        ones = (1,) * next(n for kind, n in axes.items() if isinstance(layer, kind))
        first = getattr(layer, "data_format", "channels_last") == "channels_first"
        return (None, *ones) if first else (*ones, None)
    return None if layer.noise_shape is None else tuple(layer.noise_shape)[1:]


def random_layers(model: keras.Model, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, kind) of the layers that are random in training: "dropout", "variational", or "other"."""
    for layer in model.layers:
        name = f"{path}{layer.name}"
        if is_nested(layer):
            yield from random_layers(layer, f"{name}/")
        elif drops(layer):
            yield name, "dropout"
        elif isinstance(layer, MeanField):
            yield name, "variational"
        elif not isinstance(layer, layers.InputLayer) and _is_random(
            {"class_name": type(layer).__name__, "config": layer.get_config()}
        ):
            yield name, "other"


def _is_random(config) -> bool:
    """Tell whether a layer's configuration, or that of a layer inside it, asks for noise or dropout."""
    if isinstance(config, dict):
        inner = config.get("config")
        noisy = config.get("class_name") in _NOISE or "Dropout" in str(config.get("class_name"))
        if noisy and isinstance(inner, dict) and (inner.get("rate") or inner.get("stddev")):
            return True
        rates = [config.get(name) for name in _INNER]
        if any(isinstance(rate, (int, float)) and rate > 0 for rate in rates):
            return True
        return any(_is_random(value) for value in config.values())
    return isinstance(config, (list, tuple)) and any(_is_random(value) for value in config)
