"""Differentiate functions written with `keras.ops` with respect to their input, on Keras's own backend.

This is the only file of `seqdl.interpret` that knows a backend's name: one short function for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

LARGE = 1_000_000  # numbers in a tensor, from where on TensorFlow compiles what is done to each
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


def with_multipliers(x, value, multipliers: Callable, operands: tuple, axis: int | None = None):
    """Return `value`, with multipliers in the place of its derivative with respect to `x`.

    Parameters
    ----------
    x : tensor, (n, ...)
    value : tensor
        Of the same shape, or without the axis.
    multipliers : callable
        ``f(*operands)``, of the shape of `x`, written with `keras.ops`; it uses no variables. Computed only
        if a gradient is taken.
    operands : tuple of tensor
    axis : int, optional
        Of `x`, which `value` has lost: the gradient is the multiplier times that of the axis's one value.

    Returns
    -------
    tensor
    """
    import keras
    from keras import ops

    value, *operands = (ops.stop_gradient(item) for item in (value, *operands))
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_multipliers(x, value, multipliers, operands, axis)
    # The same by arithmetic: what is added is 0, and its slope the multiplier. (JAX compiles the detour away;
    # its own custom gradients may not close over what a loop carries.)
    added = ops.stop_gradient(multipliers(*operands)) * (x - ops.stop_gradient(x))
    return value + (added if axis is None else ops.sum(added, axis=axis))


def _tensorflow_multipliers(x, value, multipliers: Callable, operands: list, axis: int | None):
    import tensorflow as tf

    def pull(upstream, *operands):
        return multipliers(*operands) * (upstream if axis is None else tf.expand_dims(upstream, axis))

    if x.shape.num_elements() is not None and x.shape.num_elements() >= LARGE:
        # One loop over all operands, where each operation by itself would go through memory again. For small
        # tensors compiling it takes longer than running.
        pull = tf.function(pull, autograph=False, jit_compile=True)

    @tf.custom_gradient
    def step(x):
        return value, lambda upstream: pull(upstream, *operands)

    return step(x)


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
        # Read anew each time: Keras's own predict gives the old buffers away.
        values = [variable.value for variable in variables]
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
