"""Differentiate functions written with `keras.ops` with respect to their input, on whichever backend Keras runs.

This is the only file of `seqdl.interpret` that knows a backend's name: one short function for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

GradientFunction = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def gradient_function(model) -> GradientFunction:
    """Return a compiled function for the gradient of one output unit of a model.

    Parameters
    ----------
    model : keras.Model, (b, L, 4) -> (b, n_targets)
        Its outputs are differentiated as they are: give a model that ends in logits.

    Returns
    -------
    callable
        ``f(x, target) -> (gradients, outputs)`` with ``x`` float32 (b, L, 4), ``target`` an int,
        ``gradients`` float32 (b, L, 4) and ``outputs`` float32 (b,). Keep ``b`` the same from call to call:
        each new shape is compiled anew.

    Raises
    ------
    InputError
        If Keras runs on a backend that has no gradient here.
    """
    from keras import ops

    def output(x, target):
        return (ops.take(model(x, training=False), target, axis=1),)

    compiled = compile_gradient(output, model)

    def gradient(x: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
        gradients, outputs = compiled(np.asarray(x, np.float32), np.int32(target))
        return gradients, outputs

    return gradient


def compile_gradient(function: Callable, model) -> Callable[..., tuple[np.ndarray, ...]]:
    """Compile a function of tensors together with its gradient for the first of them.

    Parameters
    ----------
    function : callable
        Takes tensors, returns a tuple of tensors; the first, (n,), is differentiated. Its rows must not
        depend on each other's input. Written with `keras.ops`.
    model : keras.Model
        Whose variables the function uses.

    Returns
    -------
    callable
        ``f(*arrays) -> (gradient, *results)``, all NumPy arrays; the gradient has the first array's shape.
        Keep all shapes the same from call to call: each new one is compiled anew.

    Raises
    ------
    InputError
        If Keras runs on a backend that has no gradient here.
    """
    import keras

    from seqdl.errors import InputError

    backend = keras.backend.backend()
    makers = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    if backend not in makers:
        raise InputError(
            f"Gradients need Keras on one of {', '.join(makers)}; it runs on {backend!r}. "
            "Set the environment variable KERAS_BACKEND and start again."
        )
    return makers[backend](function, model)


def fused(function: Callable) -> Callable:
    """Compile a function of single numbers of several tensors into one loop over them.

    Where each operation by itself would read and write its operands in memory, that is most of its time. JAX does so
    by itself inside a compiled function, and PyTorch runs the function as it is.

    Parameters
    ----------
    function : callable
        Takes and returns tensors. Written with `keras.ops`; it must use no variables.

    Returns
    -------
    callable
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, autograph=False, jit_compile=True)


def _tensorflow(function: Callable, model) -> Callable:
    import tensorflow as tf

    @tf.function(autograph=False)
    def compiled(x, *others):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            results = function(x, *others)
        return tape.gradient(results[0], x, unconnected_gradients="zero"), *results

    def gradient(*arrays) -> tuple[np.ndarray, ...]:
        return tuple(item.numpy() for item in compiled(*(tf.constant(array) for array in arrays)))

    return gradient


def _jax(function: Callable, model) -> Callable:
    import jax
    import keras

    variables = model.variables
    values = [variable.value for variable in variables]

    @jax.jit
    def compiled(values, x, *others):
        def total(x):
            # The weights come in as arguments: as constants of the graph they would be compiled into it.
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                results = function(x, *others)
            return results[0].sum(), results  # rows do not meet, so the sum separates again

        gradients, results = jax.grad(total, has_aux=True)(x)
        return gradients, *results

    def gradient(*arrays) -> tuple[np.ndarray, ...]:
        return tuple(np.asarray(item) for item in compiled(values, *arrays))

    return gradient


def _torch(function: Callable, model) -> Callable:
    import torch
    from keras import ops

    def gradient(*arrays) -> tuple[np.ndarray, ...]:
        with torch.enable_grad():
            tensors: Sequence = [ops.convert_to_tensor(array) for array in arrays]
            first = tensors[0].detach().requires_grad_(True)
            results = function(first, *tensors[1:])
            (gradients,) = torch.autograd.grad(results[0].sum(), first)
        return tuple(item.detach().cpu().numpy() for item in (gradients, *results))

    return gradient
