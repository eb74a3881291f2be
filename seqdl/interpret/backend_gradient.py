"""Differentiate one output of a Keras model with respect to its input, on whichever backend Keras runs.

This is the only file of `seqdl.interpret` that knows a backend's name: one short function for each.
"""

from __future__ import annotations

from collections.abc import Callable

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
    import keras

    from seqdl.errors import InputError

    backend = keras.backend.backend()
    makers = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    if backend not in makers:
        raise InputError(
            f"Gradients need Keras on one of {', '.join(makers)}; it runs on {backend!r}. "
            "Set the environment variable KERAS_BACKEND and start again."
        )
    return makers[backend](model)


def _tensorflow(model) -> GradientFunction:
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def compiled(x, target):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            output = tf.gather(model(x, training=False), target, axis=1)
        return tape.gradient(output, x, unconnected_gradients="zero"), output

    def gradient(x: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
        gradients, output = compiled(tf.constant(x, tf.float32), tf.constant(target, tf.int32))
        return gradients.numpy(), output.numpy()

    return gradient


def _jax(model) -> GradientFunction:
    import jax

    trainable = [variable.value for variable in model.trainable_variables]
    fixed = [variable.value for variable in model.non_trainable_variables]

    @jax.jit
    def compiled(trainable, fixed, x, target):
        def total(x):
            output = model.stateless_call(trainable, fixed, x, training=False)[0][:, target]
            return output.sum(), output  # examples do not meet in the model, so the sum separates again

        gradients, output = jax.grad(total, has_aux=True)(x)
        return gradients, output

    def gradient(x: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
        gradients, output = compiled(trainable, fixed, np.asarray(x, np.float32), target)
        return np.asarray(gradients), np.asarray(output)

    return gradient


def _torch(model) -> GradientFunction:
    import torch
    from keras import ops

    def gradient(x: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
        with torch.enable_grad():
            tensor = ops.convert_to_tensor(np.asarray(x, np.float32)).detach().requires_grad_(True)
            output = model(tensor, training=False)[:, target]
            (gradients,) = torch.autograd.grad(output.sum(), tensor)
        return gradients.cpu().numpy(), output.detach().cpu().numpy()

    return gradient
