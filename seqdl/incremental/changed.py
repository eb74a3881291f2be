"""What a batch of changes makes of one tensor: the strip's rows, as values or as differences."""

from __future__ import annotations

from collections.abc import Callable

from keras import ops

from seqdl.incremental.strips import Strip


class Context:
    """What all steps of one evaluation share.

    Parameters
    ----------
    starts : int32 tensor, (m,)
        Base at which each change begins.
    rows : int32 tensor, (m,)
        Which of the cached sequences is changed.
    cached : callable
        ``cached(key) -> tensor``: the reference's tensor of that key, (n, ...).
    prepared : callable
        ``prepared(step) -> dict of tensor``: the weights that the step's rule laid out.
    leaves : bool
        Whether a strip of the batch may leave its tensor at an end. If not, nothing is masked.
    """

    def __init__(self, starts, rows, cached: Callable, prepared: Callable, leaves: bool) -> None:
        self.starts, self.rows, self.leaves = starts, rows, leaves
        self.cached, self.prepared = cached, prepared
        self._gathered: dict[tuple, object] = {}

    def reference(self, key, first, count: int):
        """Return rows of the reference's tensor, (m, count, channels); beyond its ends the rows at its ends.

        Parameters
        ----------
        key : hashable
        first : int32 tensor, (m,)
        count : int
        """
        memory = (key, id(first), count)
        if memory not in self._gathered:
            whole = self.cached(key)
            length, channels = whole.shape[1], whole.shape[2]
            places = _places(first, count)
            if self.leaves:
                places = ops.clip(places, 0, length - 1)
            places = places + ops.expand_dims(self.rows * length, 1)
            taken = ops.take(ops.reshape(whole, (-1, channels)), places, axis=0)
            self._gathered[memory] = (taken, first)  # `first` is kept, so that its id stays its own
        return self._gathered[memory][0]

    def of_reference(self, key):
        """Return each change's own copy of the reference's whole tensor, (m, ...)."""
        return ops.take(self.cached(key), self.rows, axis=0)


def _places(first, count: int):
    return ops.expand_dims(first, 1) + ops.arange(count, dtype="int32")


class Changed:
    """One tensor of the changed sequences, on its strip.

    It is held as values or as differences from the reference, whichever a step gave; the other is made when
    asked for. Values of rows outside the tensor are arbitrary but finite; differences there are 0.

    Parameters
    ----------
    context : Context
    key : int
        Number of the tensor.
    strip : Strip
    values, difference : tensor, (m, width, channels)
        Either.
    clean : bool
        Whether the difference is 0 outside the tensor already.
    """

    def __init__(self, context: Context, key: int, strip: Strip, values=None, difference=None, clean=False):
        self.context, self.key, self.strip = context, key, strip
        self._values, self._difference = values, difference
        self._clean = clean or not context.leaves
        self._start = None

    @property
    def start(self):
        """First row, int32 (m,)."""
        if self._start is None:
            self._start = ops.cast(self.strip.start(self.context.starts), "int32")
        return self._start

    @property
    def has_values(self) -> bool:
        """Whether the values are at hand."""
        return self._values is not None

    @property
    def has_difference(self) -> bool:
        """Whether the difference is at hand."""
        return self._difference is not None

    @property
    def values(self):
        """The rows' values, (m, width, channels)."""
        if self._values is None:
            old = self.context.reference(self.key, self.start, self.strip.width)
            self._values = old + self._difference
        return self._values

    @property
    def difference(self):
        """The rows' differences from the reference, (m, width, channels); 0 outside the tensor."""
        if self._difference is None:
            old = self.context.reference(self.key, self.start, self.strip.width)
            self._difference = self._values - old
            self._clean = not self.context.leaves
        if not self._clean:
            self._difference = ops.where(self.within(self.start, self.strip.width), self._difference, 0.0)
            self._clean = True
        return self._difference

    def within(self, first, count: int):
        """Tell which rows from `first` on lie in the tensor, bool (m, count, 1)."""
        places = _places(first, count)
        inside = ops.logical_and(places >= 0, places < self.strip.length)
        return ops.expand_dims(inside, -1)

    def moved_difference(self, first, count: int):
        """Return differences of `count` rows from `first` (m,) on; 0 outside the strip."""
        return self._moved(self.difference, first, count, None)

    def moved_values(self, first, count: int):
        """Return values of `count` rows from `first` (m,) on: the reference's outside the strip."""
        return self._moved(self.values, first, count, self.context.reference(self.key, first, count))

    def _moved(self, x, first, count: int, other):
        width = self.strip.width
        places = _places(first - self.start, count)
        inside = ops.logical_and(places >= 0, places < width)
        number = ops.expand_dims(ops.arange(x.shape[0], dtype="int32") * width, 1)
        flat = ops.reshape(x, (-1, x.shape[2]))
        rows = ops.take(flat, ops.clip(places, 0, width - 1) + number, axis=0)
        return ops.where(ops.expand_dims(inside, -1), rows, 0.0 if other is None else other)

    def offset_to(self, strip: Strip) -> int | None:
        """Return by how many rows this strip begins after another on its grid; None if that varies."""
        rows, rest = divmod(self.strip.add - strip.add, strip.stride)
        return None if rest or strip.stride != self.strip.stride else rows

    def difference_on(self, strip: Strip):
        """Return the difference on a strip that covers this one, (m, strip.width, channels)."""
        offset = self.offset_to(strip)
        if offset is None:
            return self.moved_difference(ops.cast(strip.start(self.context.starts), "int32"), strip.width)
        after = strip.width - offset - self.strip.width
        if not offset and not after:
            return self.difference
        return ops.pad(self.difference, [[0, 0], [offset, after], [0, 0]])

    def values_on(self, strip: Strip):
        """Return the values on a strip that covers this one, (m, strip.width, channels)."""
        if strip == self.strip:
            return self.values
        first = ops.cast(strip.start(self.context.starts), "int32")
        if self.offset_to(strip) is None or not self.has_difference:
            return self.moved_values(first, strip.width)
        return self.context.reference(self.key, first, strip.width) + self.difference_on(strip)

    def whole(self):
        """Return the whole changed tensors, (m, length, channels): the strips laid into the reference."""
        zero = ops.zeros_like(self.context.starts)
        return self._moved(self.values, zero, self.strip.length, self.context.of_reference(self.key))
