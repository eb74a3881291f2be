"""Monte-Carlo dropout as a set of thinned networks: one fixed mask a layer and draw.

Dropout left on at prediction draws from an approximate posterior over networks (Gal & Ghahramani, ICML
2016). Here each draw is a network of its own, so all windows, and both alleles of a variant, are seen
by the same one: the result depends neither on the batch nor on the order, and an effect is not buried
in the noise between two masks.
"""

from __future__ import annotations

import keras
import numpy as np

from seqdl.errors import InputError, require_at_least
from seqdl.progress import say
from seqdl.uncertainty.random_layers import (
    copy_graph,
    drops,
    end_of,
    ended,
    generator_of,
    noise_shape,
    random_layers,
    require_graph,
    trunk_of,
)
from seqdl.words import few


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
            self._masks[shape] = mask_of(self.key, self.rate, shape)
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


def mask_of(key: str, rate: float, shape: tuple[int, ...]) -> np.ndarray:
    """Draw a mask.

    Parameters
    ----------
    key : str
        Equal keys give equal masks.
    rate : float
        Share of the values that is left out.
    shape : tuple of int
        Without the batch.

    Returns
    -------
    kept : uint8 array, (1, *shape)
    """
    return (generator_of(key).random((1, *shape)) >= rate).astype(np.uint8)


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
    require_graph(model)
    found, left = set(), {"variational": set(), "other": set()}
    for name, kind in random_layers(model):
        (found if kind == "dropout" else left[kind]).add(name)
    if not found:
        beside = ""
        if left["other"]:
            beside += f" What {few(sorted(left['other']))} do at random is no dropout of units."
        if left["variational"]:
            beside += (
                f" Its variational layers ({few(sorted(left['variational']))}) are drawn by "
                "seqdl.sampled_predictions."
            )
        raise InputError(
            f"The model {model.name!r} has no dropout layer, so thinned networks do not exist.{beside} "
            "Train with dropout, or take the spread over an ensemble's members, or over strands and shifts."
        )
    if left["other"]:
        say(f"Monte-Carlo dropout leaves the randomness inside {few(sorted(left['other']))} off.")
    if left["variational"]:
        say(f"Monte-Carlo dropout leaves the variational {few(sorted(left['variational']))} at their means.")
    end = end_of(model)
    trunk = trunk_of(model, end)
    return [ended(copy_graph(trunk, _mask, f"{seed}/{draw}/"), end) for draw in range(draws)]


def _mask(layer, key: str):
    """Return a mask for a dropout layer, and any other layer itself."""
    if not drops(layer):
        return layer
    return FixedMask(layer.rate, key, noise_shape(layer), name=layer.name, dtype=layer.dtype_policy)
