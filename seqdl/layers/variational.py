"""Dense and Conv1D whose weights are distributions, learned by variational inference; see `mean_field`."""

from __future__ import annotations

import keras

from seqdl.errors import InputError
from seqdl.layers.mean_field import MeanField, whole

_LEAST_VARIANCE = 1e-12  # the slope of the square root is infinite at 0


@keras.saving.register_keras_serializable("seqdl")
class VariationalDense(MeanField):
    """Multiply (batch, features) by a matrix whose weights are Gaussians.

    It samples in training, by local reparameterisation: with independent Gaussian weights the outputs of an
    example are independent Gaussians too, and drawing those makes a gradient of far less variance than
    drawing the weights (Kingma, Salimans & Welling, Variational Dropout and the Local Reparameterization
    Trick, NeurIPS 2015). Each example sees weights of its own. When predicting, the means are used.

    Parameters
    ----------
    units : int
    kl_weight : float
        What the divergence is multiplied by: 1 / number of training examples.
    activation, use_bias, kernel_initializer, bias_initializer
        As in `keras.layers.Dense`; the initialisers are for the means.
    prior_scale : float
        Standard deviation of the prior of every weight, kernel and bias.
    initial_spread : float
        Standard deviation of every weight before training.
    seed : int, optional
        Of the draws in training.
    **kwargs
        Passed to `keras.layers.Layer` (`name`, `dtype`).

    Raises
    ------
    InputError
        If a size or scale makes no sense, or the input is not (batch, features).

    Examples
    --------
    >>> VariationalDense(2, kl_weight=1 / 1000)(np.zeros((1, 5), "float32")).shape
    (1, 2)
    """

    def __init__(self, units: int, kl_weight: float, **kwargs) -> None:
        super().__init__(kl_weight, **kwargs)
        self.units = whole("units", units)

    def build(self, input_shape: tuple) -> None:
        """Create the weights."""
        if len(input_shape) != 2 or input_shape[-1] is None:
            raise InputError(
                f"{self.name!r}: a VariationalDense layer reads (batch, features). Received the shape "
                f"{tuple(input_shape)}; along a sequence use VariationalConv1D with `kernel_size` 1."
            )
        self._add_weights((input_shape[-1], self.units))

    def get_config(self) -> dict:
        """Return what the layer is made of again."""
        return {**super().get_config(), "units": self.units}

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, units)."""
        return input_shape[0], self.units

    def plain_layer(self) -> keras.layers.Dense:
        """Return a Dense layer of the same form and name, without weights."""
        return keras.layers.Dense(self.units, **self._plain_config())

    def _apply(self, x, kernel):
        return keras.ops.matmul(x, kernel)

    def _noise(self, x, y):
        ops = keras.ops
        variance = ops.matmul(ops.square(ops.cast(x, "float32")), ops.square(self.kernel_spread))
        if self.use_bias:
            variance = variance + ops.square(self.bias_spread)
        noise = keras.random.normal(ops.shape(y), dtype="float32", seed=self.seed_generator)
        return ops.cast(ops.sqrt(ops.maximum(variance, _LEAST_VARIANCE)) * noise, y.dtype)


@keras.saving.register_keras_serializable("seqdl")
class VariationalConv1D(MeanField):
    """Convolve (batch, length, channels) with filters whose weights are Gaussians.

    It samples in training, by flipout (Wen et al., ICLR 2018): one perturbation of the filters is drawn a
    batch, and random signs of the input and output channels make another one of it for each example. Unlike
    noise drawn position by position, it moves all positions of a sequence by the same filter. When
    predicting, the means are used.

    Parameters
    ----------
    filters, kernel_size : int
    kl_weight : float
        What the divergence is multiplied by: 1 / number of training examples.
    strides, dilation_rate : int
        Not both greater than 1.
    padding : {"valid", "same"}
    **kwargs
        As in `VariationalDense`.

    Raises
    ------
    InputError
        If a size or scale makes no sense, or the input is not (batch, length, channels).

    Examples
    --------
    >>> VariationalConv1D(8, 5, kl_weight=1 / 1000)(np.zeros((1, 20, 4), "float32")).shape
    (1, 16, 8)
    """

    def __init__(
        self, filters: int, kernel_size: int, kl_weight: float, strides: int = 1, padding: str = "valid",
        dilation_rate: int = 1, **kwargs,
    ) -> None:  # fmt: skip
        super().__init__(kl_weight, **kwargs)
        self.filters, self.kernel_size = whole("filters", filters), whole("kernel_size", kernel_size)
        self.strides, self.dilation_rate = whole("strides", strides), whole("dilation_rate", dilation_rate)
        if padding not in ("valid", "same"):
            raise InputError(f"`padding` must be 'valid' or 'same'. Received: {padding!r}.")
        if self.strides > 1 and self.dilation_rate > 1:
            raise InputError(
                "`strides` and `dilation_rate` cannot both be greater than 1. "
                f"Received: {strides} and {dilation_rate}."
            )
        self.padding = padding

    def build(self, input_shape: tuple) -> None:
        """Create the weights."""
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise InputError(
                f"{self.name!r}: a VariationalConv1D layer reads (batch, length, channels). Received the "
                f"shape {tuple(input_shape)}."
            )
        self._add_weights((self.kernel_size, input_shape[-1], self.filters))

    def get_config(self) -> dict:
        """Return what the layer is made of again."""
        names = ("filters", "kernel_size", "strides", "padding", "dilation_rate")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return (batch, positions, filters)."""
        length = input_shape[1]
        if length is not None:
            span = (self.kernel_size - 1) * self.dilation_rate if self.padding == "valid" else 0
            length = -(-(length - span) // self.strides)
        return input_shape[0], length, self.filters

    def plain_layer(self) -> keras.layers.Conv1D:
        """Return a Conv1D layer of the same form and name, without weights."""
        return keras.layers.Conv1D(
            self.filters, self.kernel_size, strides=self.strides, padding=self.padding,
            dilation_rate=self.dilation_rate, **self._plain_config(),
        )  # fmt: skip

    def _apply(self, x, kernel):
        return keras.ops.conv(
            x, kernel, strides=self.strides, padding=self.padding, dilation_rate=self.dilation_rate,
            data_format="channels_last",
        )  # fmt: skip

    def _noise(self, x, y):
        ops, random, seed = keras.ops, keras.random, self.seed_generator

        def signs(like):
            shape = (ops.shape(like)[0], 1, like.shape[-1])
            return 2.0 * ops.cast(random.randint(shape, 0, 2, seed=seed), like.dtype) - 1.0

        drawn = self.kernel_spread * random.normal(self.kernel.shape, dtype="float32", seed=seed)
        noise = self._apply(x * signs(x), ops.cast(drawn, y.dtype)) * signs(y)
        if self.use_bias:
            shape = (ops.shape(x)[0], 1, self.filters)
            drawn = self.bias_spread * random.normal(shape, dtype="float32", seed=seed)
            noise = noise + ops.cast(drawn, y.dtype)
        return noise
