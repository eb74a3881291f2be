"""How many bases one position of a network sees: by gradient, and by formula.

The two are independent: the gradient runs the layers themselves, the formula adds up their widths,
strides and dilations (`seqdl.models.reach`). A test holds one against the other for every registered
network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqdl.errors import InputError
from seqdl.models.reach import CONVOLUTIONS, layer_step, reach_by_layer, spatial_layer
from seqdl.words import suggest

if TYPE_CHECKING:
    import keras

# Pointwise, and in the twin that the gradient runs through a straight line.
_SLOPES = {
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Dropout", "SpatialDropout1D", "GaussianNoise",
    "GaussianDropout", "ActivityRegularization", "ExpLinear", "SigmoidGELU",
}  # fmt: skip


def receptive_field_by_formula(model: keras.Model, layer: str | None = None, *, within: bool = True) -> int:
    """Add up how many bases one position of a layer sees.

    Parameters
    ----------
    model : keras.Model
        Functional, with one input (batch, window, channels).
    layer : str, optional
        Name of a layer; the last one with positions of its own if left out, see `spatial_layer`.
    within : bool
        Count only bases within the window; with False also those that padding stands for.

    Returns
    -------
    bases : int
        Of the position that sees most: the whole window where each output sees all of it.

    Raises
    ------
    InputError
        If the model holds a layer whose reach is not known, or has no layer of that name.

    Examples
    --------
    >>> receptive_field_by_formula(build_model("deepsea", 1000, 919))
    163
    """
    reaches = reach_by_layer(model)
    name = _checked(layer or spatial_layer(model, reaches), reaches)
    reach, window = reaches[name], model.inputs[0].shape[1]
    if reach is None:
        return window
    if not within:
        return reach.last - reach.first + 1
    return max(reach.bases(p, window) for p in _places(model.get_layer(name).output.shape[1]))


def _checked(name: str, reaches: dict) -> str:
    if name not in reaches:
        raise InputError(f"The model has no layer {name!r}.{suggest(name, reaches)}")
    return name


def _places(length: int) -> list[int]:
    """Return the positions to look at: the ends see less than the middle."""
    return sorted({length // 4, length // 2, 3 * length // 4})


def receptive_field(model: keras.Model, layer: str | None = None) -> int:
    """Measure by gradient how many bases one position of a layer sees.

    Parameters
    ----------
    model : keras.Model
        Functional, with one input (batch, window, channels).
    layer : str, optional
        Name of a layer; the last one with positions of its own if left out, see `spatial_layer`.

    Returns
    -------
    bases : int
        From the first to the last base with a gradient, of the position that sees most.

    Raises
    ------
    InputError
        If the model has no such layer, or Keras runs on a backend without gradients here.

    Notes
    -----
    The gradient of the network itself would not do: max pooling passes it on to one base only, ReLU to
    some, and weights of both signs can cancel. What is differentiated is a twin of the same graph, with
    average pooling for max pooling, no activation, no normalisation, one filter a layer and random
    positive weights: there the gradient is positive at exactly those bases that a path leads to.
    Padding, strides, dilation and cropping are Keras's own.
    """
    from seqdl.interpret.backend_gradient import gradient_function

    reaches = reach_by_layer(model)
    twin = _linear_twin(model, _checked(layer or spatial_layer(model, reaches), reaches))
    window, channels = twin.input_shape[1:]
    sample = np.random.default_rng(0).uniform(0.5, 1.5, (1, window, channels)).astype("float32")
    places = _places(twin.output_shape[1]) if len(twin.output_shape) == 3 else [None]
    gradient = gradient_function(_at(twin, places))
    widest = 0
    for target in range(len(places)):
        seen = np.flatnonzero(gradient(sample, target)[0][0].any(axis=-1))
        widest = max(widest, int(seen[-1] - seen[0] + 1) if len(seen) else 0)
    return widest


def _at(twin, places: list[int | None]):
    """Cut positions out of the twin's output: (batch, places)."""
    import keras

    sums = []
    for place in places:
        x = twin.output
        if place is not None:
            x = keras.layers.Cropping1D((place, x.shape[1] - place - 1))(x)
        sums.append(keras.ops.sum(keras.layers.Flatten()(x), axis=1, keepdims=True))
    return keras.Model(twin.input, keras.ops.concatenate(sums, axis=1))


def _linear_twin(model, layer: str):
    """Rebuild the graph up to a layer, linear and with positive weights."""
    import keras

    def stand_in(original):
        kind, config = type(original).__name__, {**original.get_config(), "dtype": "float32"}
        name = original.name
        if kind in _SLOPES or (kind == "LayerNormalization" and layer_step(original, 1)):
            return keras.layers.Activation("linear", name=name)
        if kind == "BatchNormalization":
            return keras.layers.BatchNormalization(center=False, scale=False, name=name)
        if kind == "LogitPooling":
            return keras.layers.AveragePooling1D(original.width, name=name)
        if kind == "MaxPooling1D":
            return keras.layers.AveragePooling1D.from_config(config)
        if kind in CONVOLUTIONS | {"Dense"}:
            size = {"Dense": "units", "DepthwiseConv1D": "depth_multiplier"}.get(kind, "filters")
            config |= {"activation": "linear", size: 1}
            config |= {key: None for key in config if key.endswith(("regularizer", "constraint"))}
        return type(original).from_config(config)

    part = keras.Model(model.inputs[0], model.get_layer(layer).output)
    twin = keras.models.clone_model(part, clone_function=stand_in)
    rng = np.random.default_rng(1)
    for variable in twin.trainable_variables:
        # Each kernel's weights add up to about 1, so that neither depth nor width drives them out of range.
        inputs = np.prod(variable.shape[:-1], initial=1)
        variable.assign(rng.uniform(0.5, 1.5, variable.shape) / max(inputs, 1))
    return twin
