"""Checks of a network's sizes: every one refuses what makes no sense, with the option's name and value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING

from seqdl.errors import InputError

if TYPE_CHECKING:
    import numpy as np


def take_lists(config: object, *names: str) -> None:
    """Turn fields that hold one number a layer into tuples of one common length, in place.

    Parameters
    ----------
    config : dataclass
        May be frozen: this is for its ``__post_init__``.
    *names : str
        Fields.

    Raises
    ------
    InputError
        If one is no list, all are empty, or their lengths differ.
    """
    for name in names:
        value = getattr(config, name)
        if isinstance(value, str) or not hasattr(value, "__len__"):
            raise InputError(f"`{name}` must be a list of numbers, one a convolution. Received: {value!r}.")
        object.__setattr__(config, name, tuple(value))
    counts = [len(getattr(config, name)) for name in names]
    if len(set(counts)) > 1 or not counts[0]:
        found = ", ".join(f"{count} {name}" for count, name in zip(counts, names, strict=True))
        raise InputError(
            f"`{'`, `'.join(names)}` need one number a convolution, and one at least. Received: {found}."
        )


def check_sizes(least: int = 1, **sizes: int | Iterable[int]) -> None:
    """Refuse layer sizes that are no whole numbers or too small.

    Parameters
    ----------
    least : int
        Smallest value that makes sense.
    **sizes : int or iterable of int
        By the option's name.

    Raises
    ------
    InputError
        With the option and the value.
    """
    for name, value in _each(sizes):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise InputError(
                f"`{name}`: layer sizes must be whole numbers of at least {least}. Received: {value!r}."
            )


def check_rates(**rates: float | Iterable[float]) -> None:
    """Refuse dropout rates outside [0, 1); arguments and errors are like those of `check_sizes`."""
    for name, value in _each(rates):
        if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= value < 1:
            raise InputError(f"`{name}`: a dropout rate is at least 0 and less than 1. Received: {value!r}.")


def check_penalties(**weights: float) -> None:
    """Refuse penalties and norm limits that are negative or infinite; 0 stands for none."""
    for name, value in weights.items():
        if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= value < float("inf"):
            raise InputError(
                f"`{name}`: a penalty or a norm's limit is 0 (none) or more. Received: {value!r}."
            )


def check_choice(name: str, value: object, allowed: Iterable[str]) -> None:
    """Refuse a value that is not one of a few words; the message holds them all."""
    allowed = list(allowed)
    if not isinstance(value, str) or value not in allowed:
        raise InputError(f"`{name}` must be one of {', '.join(map(repr, allowed))}. Received: {value!r}.")


def check_activation(value: object) -> None:
    """Refuse what is not the name of a Keras activation."""
    import keras

    if not isinstance(value, str) or not hasattr(keras.activations, value):
        raise InputError(f"`activation` must be the name of a Keras activation. Received: {value!r}.")


def check_window(title: str, window: int, least: int) -> None:
    """Refuse a window that leaves nothing after convolutions and poolings.

    Parameters
    ----------
    title : str
        The network and its preset, such as "DeepSEA (small)".
    window, least : int
        What was asked for and the shortest possible, bp.

    Raises
    ------
    InputError
        With both numbers.
    """
    if window < least:
        raise InputError(
            f"{title} needs a window of at least {least} bp, or its convolutions and "
            f"poolings leave nothing. Received: {window}."
        )


def shortest_window(
    kernel_sizes: Sequence[int], pool_sizes: Sequence[int], padding: str, least: int = 1
) -> int:
    """Return the shortest window, bp, that leaves positions after convolutions, each with its pooling.

    Parameters
    ----------
    kernel_sizes, pool_sizes : sequence of int
        One number a convolution.
    padding : {"valid", "same"}
        Of the convolutions.
    least : int
        Positions that must be left.
    """
    need = least
    for kernel, pool in zip(reversed(kernel_sizes), reversed(pool_sizes), strict=True):
        need = need * pool + (kernel - 1 if padding == "valid" else 0)
    return need


def check_output_bias(output_bias: np.ndarray | None, n_targets: int) -> np.ndarray | None:
    """Return the last layer's first bias as float32, checked; None stays None.

    Parameters
    ----------
    output_bias : float array, shape (n_targets,), or None
        Logits of the base rates, or for coverage the linear values before the link.
    n_targets : int
        Number of outputs.

    Raises
    ------
    InputError
        If the shape is another or a number is not finite.
    """
    import numpy as np

    if output_bias is None:
        return None
    output_bias = np.asarray(output_bias, "float32")
    if output_bias.shape != (n_targets,) or not np.isfinite(output_bias).all():
        raise InputError(
            f"`output_bias` must hold one finite logit a target, shape ({n_targets},). "
            f"Received: shape {output_bias.shape}."
        )
    return output_bias


def _each(named: dict) -> Iterable[tuple[str, object]]:
    """Yield name and value, for a list once each."""
    for name, value in named.items():
        if hasattr(value, "__iter__") and not isinstance(value, str):
            for item in value:
                yield name, item
        else:
            yield name, value
