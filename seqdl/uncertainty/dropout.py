"""Monte-Carlo dropout as a set of thinned networks: one fixed mask a layer and draw.

Dropout left on at prediction draws from an approximate posterior over networks (Gal & Ghahramani, ICML
2016). Here each draw is a network of its own, so all windows, and both alleles of a variant, are seen
by the same one: the result depends neither on the batch nor on the order, and an effect is not buried
in the noise between two masks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import keras
import numpy as np
from keras import layers

from seqdl.errors import InputError, require_at_least
from seqdl.progress import say
from seqdl.words import few

_SPATIAL = (layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D)
_NOISE = {"GaussianDropout", "GaussianNoise", "AlphaDropout"}
_INNER = ("dropout", "recurrent_dropout")  # settings of layers that drop inside themselves
_ENDS = ("coverage", "logits")


@keras.saving.register_keras_serializable("seqdl")
class FixedMask(keras.layers.Layer):
    """Multiply by one mask for every window: what dropout does in a single draw, frozen.

    Parameters
    ----------
    rate : float
        Share of the values that is set to 0; the others are divided by 1 - rate.
    key : str
        What the mask is drawn from, together with its shape: equal keys give equal masks.
    noise_shape : tuple, optional
        Shape of the mask without the batch; None where an axis has the activation's length, 1 where one
        decision holds for the whole axis. The activation's own shape by default. Axes whose length is not
        known when the layer is built become 1: the mask is drawn by channel.
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).
    """

    def __init__(self, rate: float, key: str, noise_shape=None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.rate, self.key = float(rate), key
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self._masks: dict[tuple[int, ...], np.ndarray] = {}

    def build(self, input_shape: tuple) -> None:
        """Settle which axes share a decision."""
        given = self.noise_shape or (None,) * (len(input_shape) - 1)
        self.noise_shape = tuple(
            1 if size is None and length is None else size
            for size, length in zip(given, input_shape[1:], strict=True)
        )
        super().build(input_shape)

    def call(self, x):
        """Apply the mask that belongs to the activation's shape."""
        ops = keras.ops
        kept = self._mask(tuple(size or x.shape[i + 1] for i, size in enumerate(self.noise_shape)))
        scale = 1.0 / (1.0 - self.rate) if self.rate < 1 else 0.0
        return x * (ops.cast(ops.convert_to_tensor(kept), x.dtype) * ops.cast(scale, x.dtype))

    def _mask(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return what is kept, uint8 (1, *shape)."""
        if shape not in self._masks:
            digest = hashlib.sha256(self.key.encode()).digest()
            rng = np.random.default_rng(list(digest))
            self._masks[shape] = (rng.random((1, *shape)) >= self.rate).astype(np.uint8)
        return self._masks[shape]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict:
        """Return what the layer is made of again."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "key": self.key,
            "noise_shape": self.noise_shape,
        }


def thinned_models(model: keras.Model, draws: int, seed: int) -> list[keras.Model]:
    """Make networks that differ from a trained one in which of their units are there.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential, with Dropout or SpatialDropout layers; those of nested models, such as
        an ensemble's members, are replaced as well. Models with other insides keep theirs.
    draws : int
        How many networks.
    seed : int
        Each mask is drawn from the seed, the number of the draw and the layer's name.

    Returns
    -------
    models : list of keras.Model
        They share the weights of `model` and end as it does: with "logits" and "probabilities", with
        "coverage", or else as they are.

    Raises
    ------
    InputError
        If the model has no such layer, or is of another kind.

    Notes
    -----
    Gaussian noise, and dropout inside a recurrent or attention layer, stay off; a note names the layers.
    """
    require_at_least(1, draws=draws)
    require_at_least(0, seed=seed)
    if not isinstance(model, keras.Sequential) and not getattr(model, "inputs", None):
        raise InputError(
            f"Dropout can be replaced in Functional and Sequential models only. "
            f"Received: {type(model).__name__}."
        )
    found, left = set(), set()
    for name, kind in _random_layers(model):
        (found if kind == "dropout" else left).add(name)
    if not found:
        beside = f" What {few(sorted(left))} do at random is no dropout of units." if left else ""
        raise InputError(
            f"The model {model.name!r} has no dropout layer, so thinned networks do not exist.{beside} "
            "Train with dropout, or take the spread over an ensemble's members, or over strands and shifts."
        )
    if left:
        say(f"Monte-Carlo dropout leaves the randomness inside {few(sorted(left))} off.")
    end = next((name for name in _ENDS if name in [layer.name for layer in model.layers]), None)
    trunk = model if end is None else keras.Model(model.inputs[0], model.get_layer(end).output, name="trunk")
    return [_ended(_thinned(trunk, f"{seed}/{draw}/"), end) for draw in range(draws)]


def _thinned(model: keras.Model, key: str) -> keras.Model:
    """Copy a model's graph with masks for dropout; all other layers are the same objects."""

    def replace(layer):
        if _is_nested(layer):
            return _thinned(layer, f"{key}{layer.name}/")
        if not _drops(layer):
            return layer
        return FixedMask(
            layer.rate, f"{key}{layer.name}", _noise_shape(layer), name=layer.name, dtype=layer.dtype_policy
        )

    return keras.models.clone_model(model, clone_function=replace)


def _ended(trunk: keras.Model, end: str | None) -> keras.Model:
    """End a thinned trunk with layers of its own: a shared layer's output is that of the first graph."""
    if end is None:
        return trunk
    inputs = keras.Input(trunk.input_shape[1:], name="sequence")
    outputs = layers.Activation("linear", name=end, dtype="float32")(trunk(inputs))
    if end == "logits":
        outputs = layers.Activation("sigmoid", name="probabilities", dtype="float32")(outputs)
    return keras.Model(inputs, outputs, name="thinned")


def _is_nested(layer) -> bool:
    return isinstance(layer, keras.Model) and (
        isinstance(layer, keras.Sequential) or bool(getattr(layer, "inputs", None))
    )


def _drops(layer) -> bool:
    return isinstance(layer, (layers.Dropout, *_SPATIAL)) and layer.rate > 0


def _noise_shape(layer) -> tuple | None:
    if isinstance(layer, _SPATIAL):
        axes = {layers.SpatialDropout1D: 1, layers.SpatialDropout2D: 2, layers.SpatialDropout3D: 3}
        ones = (1,) * next(n for kind, n in axes.items() if isinstance(layer, kind))
        first = getattr(layer, "data_format", "channels_last") == "channels_first"
        return (None, *ones) if first else (*ones, None)
    return None if layer.noise_shape is None else tuple(layer.noise_shape)[1:]


def _random_layers(model: keras.Model, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, kind) of the layers that are random in training: "dropout", or "other"."""
    for layer in model.layers:
        name = f"{path}{layer.name}"
        if _is_nested(layer):
            yield from _random_layers(layer, f"{name}/")
        elif _drops(layer):
            yield name, "dropout"
        elif not isinstance(layer, (layers.InputLayer, FixedMask)) and _is_random(
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
