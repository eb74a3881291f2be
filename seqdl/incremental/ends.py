"""Rules of what ends a strip: dense layers, and what looks at all positions and can be told by difference."""

from __future__ import annotations

import numpy as np
from keras import ops

from seqdl.incremental.changed import Changed
from seqdl.incremental.rules import Rule, register
from seqdl.incremental.strips import Flat, Strip

LOWEST = float(np.finfo(np.float32).min)


@register("Flatten")
class Flatten(Rule):
    """Rows in one line: the strip's are still next to each other."""

    def plan(self, step, forms, shapes):
        """Keep the strip in mind."""
        return (False, None) if isinstance(forms[0], Flat) else (True, Flat(forms[0]))

    def cost(self, step, forms, shapes, full):
        """Count nothing: no number is computed."""
        return 0.0

    def run(self, step, inputs, context, strip):
        """Pass the strip on as it is."""
        return inputs[0]


def row_of(strip: Strip, s):
    """Return the first row that a flattened strip takes of a dense kernel: moved in at the ends.

    Parameters
    ----------
    strip : Strip
    s : int array or tensor
        Where changes begin.
    """
    clip = np.clip if isinstance(s, (int, np.ndarray)) else ops.clip
    return clip(strip.start(s), 0, strip.length - strip.width)


@register("Dense")
class Dense(Rule):
    """A matrix product: of each row, or of all in one line, of which only the strip's differ."""

    why_not = "its input is whole"

    def plan(self, step, forms, shapes):
        """A strip stays; a line of rows ends."""
        form = forms[0]
        return (True, None) if isinstance(form, Flat) else (True, form)

    def cost(self, step, forms, shapes, full):
        """Count the strip's rows of the kernel."""
        form = forms[0]
        strip = form.strip if isinstance(form, Flat) else form
        return full * strip.width / strip.length

    def run(self, step, inputs, context, strip):
        """Multiply differences; all changes of a batch take the same rows of a flat kernel."""
        (x,) = inputs
        kernel = ops.convert_to_tensor(step.layer.kernel)
        if strip is None:
            before = x.strip
            width, channels = before.width, kernel.shape[0] // before.length
            first = ops.cast(row_of(before, context.starts), "int32")
            difference = x.moved_difference(first, width) if context.leaves else x.difference
            part = ops.slice(kernel, (first[0] * channels, 0), (width * channels, kernel.shape[1]))
            flat = ops.reshape(difference, (-1, width * channels))
            return context.of_reference(step.outputs[0]) + ops.matmul(flat, part)
        if x.has_values:
            return Changed(context, step.outputs[0], strip, step.call(x.values)[0])
        difference = ops.matmul(x.difference, kernel)
        return Changed(context, step.outputs[0], strip, difference=difference, clean=True)


class Total(Rule):
    """What looks at all positions and gives one row."""

    def plan(self, step, forms, shapes):
        """Whole from here on."""
        return (False, None) if isinstance(forms[0], Flat) else (True, None)


@register("GlobalAveragePooling1D")
class Mean(Total):
    """The reference's mean, and the strip's part of the difference."""

    def run(self, step, inputs, context, strip):
        """Add the mean difference."""
        (x,) = inputs
        change = ops.sum(x.difference, axis=1, keepdims=bool(step.layer.keepdims)) / x.strip.length
        return context.of_reference(step.outputs[0]) + change


@register("LogTotal")
class LogOfTotal(Total):
    """The reference's total over its bins, and the strip's part of the difference."""

    def run(self, step, inputs, context, strip):
        """Add the differences of the bins that count to the total, then take the logarithm."""
        (x,) = inputs
        first, last, _ = slice(step.layer.first, step.layer.last).indices(x.strip.length)
        places = ops.expand_dims(x.start, 1) + ops.arange(x.strip.width, dtype="int32")
        counts = ops.logical_and(places >= first, places < last)
        change = ops.sum(ops.where(ops.expand_dims(counts, -1), x.difference, 0.0), axis=1)
        total = ops.take(context.cached(("total", x.key, step.layer)), context.rows, axis=0)
        return ops.log1p(ops.maximum(total + change, 0.0))


@register("GlobalMaxPooling1D")
class Maximum(Total):
    """The largest of the strip's values and of the reference's before and after it."""

    def run(self, step, inputs, context, strip):
        """Take both from running maxima, kept with a row for "nothing" at either end."""
        (x,) = inputs
        length, width = x.strip.length, x.strip.width
        values = x.values
        if context.leaves:
            values = ops.where(x.within(x.start, width), values, LOWEST)
        found = ops.max(values, axis=1)
        before = ops.take(
            context.cached(("before", x.key, None)), self._place(context, x.start, length), axis=0
        )
        after = ops.take(context.cached(("after", x.key, None)),
                         self._place(context, x.start + width, length), axis=0)  # fmt: skip
        found = ops.maximum(found, ops.maximum(before, after))
        return ops.expand_dims(found, 1) if step.layer.keepdims else found

    @staticmethod
    def _place(context, row, length: int):
        return ops.clip(row, 0, length) + context.rows * (length + 1)


def derive(key: tuple, x):
    """Make what a rule wants of the reference's tensor beside the tensor itself.

    Parameters
    ----------
    key : (name, number, layer)
        "total": of the layer `LogTotal`, (n, targets). "before" and "after": the largest value of the rows
        before row i, or from row i on, (n * (length + 1), channels), i from 0 to the length.
    x : tensor, (n, length, channels)
    """
    name, _, layer = key
    if name == "total":
        return layer.total(x)
    forwards = name == "before"
    length, reach = x.shape[1], 1
    while reach < length:
        pad = ops.full_like(x[:, :reach], LOWEST)
        moved = [pad, x[:, :-reach]] if forwards else [x[:, reach:], pad]
        x = ops.maximum(x, ops.concatenate(moved, axis=1))
        reach *= 2
    nothing = ops.full_like(x[:, :1], LOWEST)
    x = ops.concatenate([nothing, x] if forwards else [x, nothing], axis=1)
    return ops.reshape(x, (-1, x.shape[2]))
