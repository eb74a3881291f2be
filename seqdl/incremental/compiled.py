"""Compile functions written with `keras.ops`, on Keras's own backend.

The only file of `seqdl.incremental` that knows a backend's name: one short function for each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial


def compile_function(function: Callable, model) -> Callable:
    """Compile a function of tensors.

    Parameters
    ----------
    function : callable
        Takes nested dictionaries and lists of tensors, returns the same. Keep all shapes the same from call
        to call: each new one is compiled anew.
    model : keras.Model
        Whose variables the function reads. Losses that its layers add are dropped.

    Returns
    -------
    callable
        ``f(*arguments)``, NumPy arrays or what an earlier call returned; results stay where they are made.

    Raises
    ------
    InputError
        If Keras runs on a backend that is not known here.
    """
    import keras

    from seqdl.errors import InputError

    backend = keras.backend.backend()
    makers = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    if backend not in makers:
        raise InputError(
            f"Evaluating changes needs Keras on one of {', '.join(makers)}; it runs on {backend!r}. "
            "Set the environment variable KERAS_BACKEND and start again."
        )
    return makers[backend](function, model)


def _quietly(function: Callable, state, *arguments):
    """Run a function so that its layers keep nothing of it."""
    import keras

    with keras.StatelessScope(state_mapping=list(state)):
        return function(*arguments)


def _tensorflow(function: Callable, model) -> Callable:
    import tensorflow as tf

    # A partial is one of a kind. Functions of the same code TensorFlow takes for one, traced again and again.
    compiled = tf.function(partial(_quietly, function, ()), autograph=False)
    return lambda *arguments: compiled(*tf.nest.map_structure(tf.convert_to_tensor, arguments))


def _jax(function: Callable, model) -> Callable:
    import jax

    variables = model.variables

    @jax.jit
    def compiled(values, arguments):
        # The weights come in as arguments: as constants of the graph they would be compiled into it.
        return _quietly(function, zip(variables, values, strict=True), *arguments)

    # Read anew each time: Keras's own predict gives the old buffers away.
    return lambda *arguments: compiled([variable.value for variable in variables], list(arguments))


def _torch(function: Callable, model) -> Callable:
    import torch
    from keras import ops, tree

    def call(*arguments):
        with torch.no_grad():
            return _quietly(function, (), *tree.map_structure(ops.convert_to_tensor, arguments))

    return call
