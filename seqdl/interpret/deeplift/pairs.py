"""An example beside its references, and the few rules that DeepLIFT is made of.

A `Pair` holds what a tensor of the network is for the examples and for their references. A rule computes both
sides of the next tensor, and fixes what the gradient through the reference's side is: not the derivative but
the multiplier, the slope of the straight line from the reference to the example. Where every step's
multipliers times its differences add up to the next difference, the network's do (the chain rule of
DeepLIFT).

The example's side is computed once for all of its references, and no gradient runs through it.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import ops

from seqdl.interpret.backend_gradient import with_multipliers

# Below this difference a slope is rounding noise; the derivative stands in for it (float32).
SMALL = 1e-6
STEP = 1e-3  # of the numerical derivative


class Pair:
    """What a tensor is for examples and for their references.

    Attributes
    ----------
    example : tensor, (b, ...)
    reference : tensor, (b * per, ...)
        Row ``i * per + j`` is the j-th reference of example i.
    per : int
        References an example.
    """

    __slots__ = ("example", "per", "reference")

    def __init__(self, example, reference, per: int) -> None:
        self.example, self.reference, self.per = example, reference, per

    @property
    def shape(self) -> tuple:
        """Shape of the example's side."""
        return tuple(self.example.shape)

    def folded(self) -> tuple:
        """Return both sides so that they broadcast: (b, 1, ...) and (b, per, ...)."""
        return ops.expand_dims(self.example, 1), self.fold(self.reference)

    def fold(self, reference):
        """Give a tensor of the reference's side, (b * per, ...), the shape (b, per, ...)."""
        return ops.reshape(reference, (-1, self.per, *reference.shape[1:]))

    def unfold(self, folded):
        """Undo `fold`."""
        return ops.reshape(folded, (-1, *folded.shape[2:]))

    def spread(self):
        """Repeat the example's side for each of its references, (b * per, ...)."""
        return ops.repeat(self.example, self.per, axis=0) if self.per > 1 else self.example


def linear(function: Callable, *pairs: Pair) -> Pair:
    """Apply a function that is linear, but for constants, in all of its arguments together."""
    return Pair(
        function(*(pair.example for pair in pairs)),
        function(*(pair.reference for pair in pairs)),
        pairs[0].per,
    )


def elementwise(function: Callable, pair: Pair, derivative: Callable | None = None) -> Pair:
    """Apply a nonlinear function of single numbers: the rescale rule.

    The multiplier is (f(example) - f(reference)) / (example - reference), and the derivative where the two
    are all but equal.

    Parameters
    ----------
    function : callable
        Works number by number.
    pair : Pair
    derivative : callable, optional
        ``d(x, y)`` with ``y = function(x)``; by difference when None.

    Notes
    -----
    Shrikumar A, Greenside P, Kundaje A. Learning important features through propagating activation
    differences. ICML (2017), section 3.5.1.
    """
    derivative = derivative or numerical(function)
    out = Pair(function(pair.example), function(pair.reference), pair.per)

    def multipliers(example, reference, y_example, y_reference):
        (example, reference), (y_example, y_reference) = (
            Pair(*sides, pair.per).folded() for sides in ((example, reference), (y_example, y_reference))
        )
        delta = example - reference
        small = ops.abs(delta) < SMALL
        slope = (y_example - y_reference) / ops.where(small, ops.ones_like(delta), delta)
        return pair.unfold(ops.where(small, derivative(reference, y_reference), slope))

    return _with_multipliers(pair, out, multipliers)


def _with_multipliers(pair: Pair, out: Pair, multipliers: Callable, axis: int | None = None) -> Pair:
    """Let the gradient from `out` to `pair`, on the reference's side, be the multipliers."""
    sides = (pair.example, pair.reference, out.example, out.reference)
    return Pair(
        out.example, with_multipliers(pair.reference, out.reference, multipliers, sides, axis), pair.per
    )


def numerical(function: Callable) -> Callable:
    """Return the derivative of a function of single numbers by a difference, as ``d(x, y)``."""

    def derivative(x, y):
        return (function(x + STEP) - function(x - STEP)) / (2 * STEP)

    return derivative


def product(function: Callable, a: Pair, b: Pair) -> Pair:
    """Apply a function that is linear in each of two changing factors: half of each order of changing them.

    f(a', b') - f(a, b) = f(a' - a, m_b) + f(m_a, b' - b) with m the mean of both sides: exact, and neither
    factor goes first. (It is the Shapley value of the two factors.)

    Parameters
    ----------
    function : callable
        Bilinear: a product, a matrix product, an einsum.
    a, b : Pair
    """
    value = ops.stop_gradient(function(a.reference, b.reference))
    # At the means of both sides the gradient is that rule; then the value is put right.
    middle = function(*(_halfway(pair) for pair in (a, b)))
    return Pair(function(a.example, b.example), middle + (value - ops.stop_gradient(middle)), a.per)


def _halfway(pair: Pair):
    return pair.reference + ops.stop_gradient((pair.spread() - pair.reference) / 2)


def maximum(pair: Pair, axis: int) -> Pair:
    """Take the largest along an axis (1 or later): the rule for max pooling.

    The difference of the two maxima goes to the place of the larger one: where the example is larger, that is
    the place of its own maximum, else the place of the reference's.

    Parameters
    ----------
    pair : Pair
    axis : int
        Of the unfolded tensors, at least 1.

    Notes
    -----
    The rule of shap's DeepExplainer (Lundberg and Lee, NeurIPS 2017); the differences add up exactly.
    """
    out = Pair(ops.max(pair.example, axis=axis), ops.max(pair.reference, axis=axis), pair.per)

    def multipliers(example, reference, top_example, top_reference):
        example, reference = Pair(example, reference, pair.per).folded()
        top_example, top_reference = (
            ops.expand_dims(side, axis + 1) for side in Pair(top_example, top_reference, pair.per).folded()
        )
        gain = top_example - top_reference
        # Of the two sides, the one with the larger maximum says where the difference belongs.
        sides = ops.where(gain > 0, example, reference)
        hit = ops.equal(sides, ops.maximum(top_example, top_reference))
        # Of equal maxima the first, as in the gradient of every framework.
        size = hit.shape[axis + 1]
        places = ops.reshape(ops.arange(size), (-1, *(1 for _ in hit.shape[axis + 2 :])))
        first = ops.min(ops.where(hit, places, size), axis=axis + 1, keepdims=True)
        chosen = ops.cast(ops.equal(places, first), reference.dtype)
        delta = example - reference
        small = ops.abs(delta) < SMALL / 10
        share = ops.where(small, ops.zeros_like(delta), gain / ops.where(small, ops.ones_like(delta), delta))
        return pair.unfold(chosen * share)

    return _with_multipliers(pair, out, multipliers, axis)


def log_sum_exp(pair: Pair, axis: int) -> Pair:
    """Apply log(sum(exp(x))) along an axis, exactly and without overflow.

    It is the rescale rule for exp, a sum, and the rescale rule for log. Written with the logarithmic mean
    l(a, b) = (a - b) / (ln a - ln b), the multiplier of x_j is l(e^x_j, e^r_j) / l(sum e^x, sum e^r), in
    which the largest exponent cancels.

    Parameters
    ----------
    pair : Pair
    axis : int
        Of the unfolded tensors, at least 1.
    """
    out = Pair(ops.logsumexp(pair.example, axis=axis), ops.logsumexp(pair.reference, axis=axis), pair.per)

    def multipliers(example, reference, all_example, all_reference):
        example, reference = Pair(example, reference, pair.per).folded()
        all_example, all_reference = (
            ops.expand_dims(side, axis + 1) for side in Pair(all_example, all_reference, pair.per).folded()
        )
        highest = ops.maximum(all_example, all_reference)
        weight = _log_mean(example - highest, reference - highest)
        return pair.unfold(weight / _log_mean(all_example - highest, all_reference - highest))

    return _with_multipliers(pair, out, multipliers, axis)


def _log_mean(a, b):
    """Return the logarithmic mean of e**a and e**b, for a and b not above 0."""
    distance = ops.abs(a - b)
    small = distance < 1e-4
    safe = ops.where(small, ops.ones_like(distance), distance)
    ratio = ops.where(small, 1 - distance / 2, -ops.expm1(-safe) / safe)
    return ops.exp(ops.maximum(a, b)) * ratio


def softmax(pair: Pair, axis: int) -> Pair:
    """Apply the softmax along an axis: x - log(sum(exp(x))), then exp by the rescale rule.

    Parameters
    ----------
    pair : Pair
    axis : int
        Of the unfolded tensors, at least 1.
    """
    total = log_sum_exp(pair, axis)
    centred = linear(lambda x, t: x - ops.expand_dims(t, axis), pair, total)
    return elementwise(ops.exp, centred, lambda x, y: y)


def multiply(a: Pair, b: Pair) -> Pair:
    """Multiply two changing factors number by number; see `product`.

    Parameters
    ----------
    a, b : Pair
        Of shapes that broadcast.
    """
    return product(lambda x, y: x * y, a, b)


def same_dtype(pair: Pair, dtype: str) -> Pair:
    """Bring both sides to a dtype.

    Parameters
    ----------
    pair : Pair
    dtype : str
        A Keras dtype, such as "float32".
    """
    if keras.backend.standardize_dtype(pair.example.dtype) == dtype:
        return pair
    return linear(lambda x: ops.cast(x, dtype), pair)
