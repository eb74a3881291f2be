"""Networks with random weights that depend on a seed alone, whichever backend Keras runs on."""

from __future__ import annotations

import numpy as np


def randomised(model, seed: int = 0):
    """Give a network weights drawn by NumPy: Keras's own initialisers differ from backend to backend.

    Kernels are normal with variance 2 / inputs, which keeps a ReLU network's signal at one size from layer to
    layer; biases and BatchNorm's four vectors are what no layer starts with, so that leaving one out shows.

    Parameters
    ----------
    model : keras.Model
        Changed in place.
    seed : int

    Returns
    -------
    keras.Model
        The one given.
    """
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        shape, kind = tuple(variable.shape), variable.path.rpartition("/")[2]
        if kind == "kernel":
            value = rng.standard_normal(shape, np.float32) * np.sqrt(2 / np.prod(shape[:-1]))
        elif kind in ("gamma", "moving_variance"):
            value = rng.uniform(0.5, 1.5, shape)
        else:
            value = rng.uniform(-0.1, 0.1, shape)
        variable.assign(value.astype(np.float32))
    return model
