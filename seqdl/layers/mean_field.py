"""What the variational layers share: weights as mean-field Gaussians, their divergence from a prior, draws.

Each weight has a mean and a spread of its own. Training minimises the negative log likelihood of an example
plus `kl_weight` times the Kullback-Leibler divergence from the prior N(0, prior_scale ** 2), which the layers
add through `add_loss`. With `kl_weight` = 1 / number of training examples that sum is the negative evidence
lower bound, divided by the number of examples (Blundell et al., Weight Uncertainty in Neural Networks, ICML
2015); Keras's losses must be means over the batch, as they are by default.
"""

from __future__ import annotations

import math

import keras
import numpy as np

from seqdl.errors import InputError


def gaussian_kl(mean, spread, prior_scale: float):
    """Compute KL(N(mean, spread ** 2) || N(0, prior_scale ** 2)), summed over all weights, in nats.

    Parameters
    ----------
    mean, spread : float tensors of one shape
    prior_scale : float
        Standard deviation of the prior.

    Returns
    -------
    kl : float tensor, shape ()
    """
    ops = keras.ops
    inside = (ops.square(spread) + ops.square(mean)) / (2 * prior_scale**2)
    return ops.sum(math.log(prior_scale) - ops.log(spread) + inside - 0.5)


class MeanField(keras.layers.Layer):
    """Give each weight of a layer a Gaussian; the base of `VariationalDense` and `VariationalConv1D`.

    Spreads are ``softplus(rho)``, so that they stay positive. The other arguments are those of the layers.
    """

    def __init__(
        self, kl_weight: float, activation=None, use_bias: bool = True, prior_scale: float = 1.0,
        initial_spread: float = 0.05, kernel_initializer="glorot_uniform", bias_initializer="zeros",
        seed: int | None = None, **kwargs,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        check_number("kl_weight", kl_weight, zero=True)
        check_number("prior_scale", prior_scale)
        check_number("initial_spread", initial_spread)
        self.kl_weight, self.prior_scale = float(kl_weight), float(prior_scale)
        self.initial_spread, self.seed = float(initial_spread), seed
        self.use_bias = bool(use_bias)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def get_config(self) -> dict:
        """Return what the layer is made of again."""
        return {
            **super().get_config(),
            "kl_weight": self.kl_weight,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "prior_scale": self.prior_scale,
            "initial_spread": self.initial_spread,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "seed": self.seed,
        }

    def call(self, x, training=None, sample=None):
        """Compute with the means, or with weights drawn anew.

        Parameters
        ----------
        x : float tensor
        training : bool, optional
        sample : bool, optional
            Draw weights; as `training` says by default.

        Returns
        -------
        y : float tensor
        """
        # Once a pass, however many times the layer is used in it: the weights are there once.
        if not self.losses:
            self.add_loss(self.kl_weight * self.kl())
        kernel = keras.ops.cast(self.kernel, self.compute_dtype)
        y = self._apply(x, kernel)
        if self.use_bias:
            y = y + keras.ops.cast(self.bias, self.compute_dtype)
        if training if sample is None else sample:
            y = y + self._noise(x, y)
        return self.activation(y)

    def kl(self):
        """Return the divergence of all weights from the prior, float32 tensor (), in nats."""
        total = gaussian_kl(self.kernel, self.kernel_spread, self.prior_scale)
        if self.use_bias:
            total = total + gaussian_kl(self.bias, self.bias_spread, self.prior_scale)
        return total

    @property
    def kernel_spread(self):
        """Standard deviations of the kernel, float32, in its shape."""
        return keras.ops.softplus(self.kernel_rho)

    @property
    def bias_spread(self):
        """Standard deviations of the bias, float32 (units,)."""
        return keras.ops.softplus(self.bias_rho)

    def draw(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Draw one set of weights from the posterior.

        Parameters
        ----------
        rng : numpy Generator

        Returns
        -------
        weights : list of float32 arrays
            Kernel, and bias if there is one: the weights of `plain_layer`.
        """
        pairs = [(self.kernel, self.kernel_spread)]
        pairs += [(self.bias, self.bias_spread)] if self.use_bias else []
        drawn = []
        for mean, spread in pairs:
            mean, spread = (keras.ops.convert_to_numpy(each) for each in (mean, spread))
            drawn.append((mean + spread * rng.standard_normal(mean.shape)).astype(np.float32))
        return drawn

    def plain_layer(self) -> keras.layers.Layer:
        """Return Keras's own layer of the same form and name, without weights."""
        raise NotImplementedError

    def _apply(self, x, kernel):
        """Do the linear part with these weights."""
        raise NotImplementedError

    def _noise(self, x, y):
        """Draw by how much random weights move the output `y` of the means."""
        raise NotImplementedError

    def _add_weights(self, shape: tuple[int, ...]) -> None:
        """Create means and spreads. They stay float32, whatever the layer computes in."""
        start = keras.initializers.Constant(math.log(math.expm1(self.initial_spread)))
        units = shape[-1:]

        def weight(name, shape, initializer):
            return self.add_weight(
                shape=shape, initializer=initializer, name=name, dtype="float32", autocast=False
            )

        self.kernel = weight("kernel", shape, self.kernel_initializer)
        self.kernel_rho = weight("kernel_rho", shape, start)
        if self.use_bias:
            self.bias = weight("bias", units, self.bias_initializer)
            self.bias_rho = weight("bias_rho", units, start)

    def _plain_config(self) -> dict:
        return {
            "name": self.name, "dtype": self.dtype_policy, "use_bias": self.use_bias,
            "activation": self.activation,
        }  # fmt: skip


def check_number(name: str, value: float, zero: bool = False) -> None:
    """Refuse what is not a finite number above 0.

    Parameters
    ----------
    name : str
        The argument.
    value : float
    zero : bool
        Let 0 pass too.

    Raises
    ------
    InputError
    """
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        least = "of at least 0" if zero else "greater than 0"
        raise InputError(f"`{name}` must be a finite number {least}. Received: {value!r}.")


def whole(name: str, value: int) -> int:
    """Return a size as an int.

    Parameters
    ----------
    name : str
        The argument.
    value : int

    Raises
    ------
    InputError
        If it is not a whole number of at least 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"`{name}` must be a whole number of at least 1. Received: {value!r}.")
    return int(value)
