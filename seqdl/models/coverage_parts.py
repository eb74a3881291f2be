"""What the coverage networks share: how window, bins and poolings fit, their block, and their link."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from seqdl.errors import InputError

if TYPE_CHECKING:
    import keras

LINKS = ("exp_linear", "softplus")


class Bins(NamedTuple):
    """How a window is cut into predicted values.

    Attributes
    ----------
    bin : int
        Bases in the window's middle that are predicted.
    resolution : int
        Bases a value.
    crop : int
        Values at either end of the window that are computed and left out.
    """

    bin: int
    resolution: int
    crop: int


def fit_bins(title: str, window: int, bin: int | None, resolution: int, crop: int) -> Bins:
    """Check that the bins lie in the window's middle and on the grid of the poolings.

    Parameters
    ----------
    title : str
        The network and its preset, for messages.
    window : int
        Window length, bp.
    bin : int or None
        Bases in the middle that are predicted; the window less `crop` at either end if None.
    resolution : int
        Bases a value: the product of the poolings.
    crop : int
        Bases at either end, for a `bin` of None; rounded up to whole values.

    Returns
    -------
    bins : Bins

    Raises
    ------
    InputError
        If they do not fit; the message names the nearest sizes that do.
    """
    if bin is None:
        crop = -(-crop // resolution) * resolution
        least = 2 * crop + resolution
        if window < least:
            raise InputError(
                f"{title} needs a window of at least {least} bp when it leaves out {crop} bp at either end. "
                f"Received: {window}. For a shorter window give `bin`, the bases in its middle that are "
                f"predicted: a multiple of {resolution}."
            )
        if window % resolution:
            raise InputError(
                f"{title} gives one value per {resolution} bases, so the window must be a multiple of that. "
                f"Received: {window}. The nearest: {_nearest(window, resolution, least)}."
            )
        bin = window - 2 * crop
    if window < bin or window < resolution:
        raise InputError(
            f"{title} needs a window of at least {max(bin, resolution)} bp, or the {bin} bases to predict do "
            f"not lie in it. Received: {window}."
        )
    if bin % resolution:
        raise InputError(
            f"{title} gives one value per {resolution} bases, so `bin` must be a multiple of that. "
            f"Received: {bin}. The nearest: {_nearest(bin, resolution, resolution)}."
        )
    step = 2 * resolution
    if (window - bin) % step:
        raise InputError(
            f"{title}: the window must be longer than its {bin} predicted bases by a multiple of {step} bp, "
            f"so that both ends hold whole bins of {resolution}. Received: a window of {window}. The "
            f"nearest: {_nearest(window - bin, step, 0, bin)}."
        )
    return Bins(bin, resolution, (window - bin) // step)


def spread_poolings(title: str, resolution: int, blocks: int) -> tuple[int, ...]:
    """Divide a resolution into poolings by powers of two, the wider ones last.

    Parameters
    ----------
    title : str
        The network and its preset, for messages.
    resolution : int
        Bases a value; a power of two.
    blocks : int
        Number of poolings.

    Returns
    -------
    pool_sizes : tuple of int
        Their product is `resolution`.

    Raises
    ------
    InputError
        If `resolution` is no power of two; the message names the nearest ones.

    Examples
    --------
    >>> spread_poolings("Basenji (small)", 128, 5)
    (2, 2, 2, 4, 4)
    """
    halvings = check_power_of_two(title, resolution)
    each, more = divmod(halvings, blocks)
    return tuple(1 << (each + (block >= blocks - more)) for block in range(blocks))


def check_power_of_two(title: str, resolution: int) -> int:
    """Return how often a resolution can be halved down to 1; InputError if it is no power of two."""
    if resolution < 1 or resolution & (resolution - 1):
        below = 1 << (resolution.bit_length() - 1)
        raise InputError(
            f"{title} pools by two again and again, so `resolution` must be a power of two. "
            f"Received: {resolution}. The nearest: {below} or {2 * below}."
        )
    return resolution.bit_length() - 1


def _nearest(value: int, step: int, least: int, plus: int = 0) -> str:
    below = value // step * step
    return " or ".join(f"{n + plus}" for n in (below, below + step) if n >= least)


def pre_block(
    x: keras.KerasTensor,
    name: str,
    filters: int,
    kernel: int,
    *,
    activation: str,
    norm_momentum: float,
    dropout: float = 0.0,
    dilation: int = 1,
    gamma: str = "ones",
) -> keras.KerasTensor:
    """Apply activation, convolution without bias, BatchNorm, dropout: Basenji's order.

    Parameters
    ----------
    x : tensor, shape (batch, length, channels)
    name : str
        Of the convolution; the other layers are called after it.
    filters, kernel : int
        Number and width of the filters; ends are padded with zeros.
    activation : str
        "sigmoid_gelu", or a Keras activation's name.
    norm_momentum : float
        Share that BatchNorm's running statistics keep at each step.
    dropout : float
        Rate; 0 for none.
    dilation : int
        Positions between a filter's taps.
    gamma : {"ones", "zeros"}
        Initial scale of BatchNorm.

    Returns
    -------
    x : tensor, shape (batch, length, filters)
    """
    from keras import layers

    x = activate(x, f"{name}_activation", activation)
    x = layers.Conv1D(
        filters, kernel, padding="same", dilation_rate=dilation, use_bias=False,
        kernel_initializer="he_normal", name=name,
    )(x)  # fmt: skip
    x = layers.BatchNormalization(momentum=norm_momentum, gamma_initializer=gamma, name=f"{name}_norm")(x)
    return layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x


def activate(x: keras.KerasTensor, name: str, activation: str) -> keras.KerasTensor:
    """Apply "sigmoid_gelu" or a Keras activation in a layer of its own."""
    from keras import layers

    from seqdl.layers import SigmoidGELU

    layer = (
        SigmoidGELU(name=name) if activation == "sigmoid_gelu" else layers.Activation(activation, name=name)
    )
    return layer(x)


def crop_ends(x: keras.KerasTensor, crop: int) -> keras.KerasTensor:
    """Leave out `crop` positions at either end; 0 adds no layer."""
    from keras import layers

    return layers.Cropping1D(crop, name="crop")(x) if crop else x


def link_layer(link: str) -> keras.layers.Layer:
    """Return the layer "coverage" of a link in `LINKS`, float32."""
    from keras import layers

    from seqdl.layers import ExpLinear

    if link == "exp_linear":
        return ExpLinear(name="coverage", dtype="float32")
    return layers.Activation(link, name="coverage", dtype="float32")
