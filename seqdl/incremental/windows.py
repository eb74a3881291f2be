"""Rules of what looks at a window of rows: convolutions and poolings."""

from __future__ import annotations

import numpy as np
from keras import ops

from seqdl.incremental.changed import Changed
from seqdl.incremental.program import convolve
from seqdl.incremental.rules import Rule, register
from seqdl.incremental.strips import Flat
from seqdl.models.reach import layer_step

LOWEST = float(np.finfo(np.float32).min)


@register("Conv1D", "SeparableConv1D", "DepthwiseConv1D")
class Convolution(Rule):
    """A convolution is linear: its output's difference is the convolution of its input's difference.

    That needs no reference rows, and zero padding pads the difference with zeros, as it should.
    """

    def plan(self, step, forms, shapes):
        """The strip grows by the kernel's span."""
        form = forms[0]
        if isinstance(form, Flat) or getattr(step.layer, "data_format", "") == "channels_first":
            return False, None
        stride, size, left = self.window(step, form.length)
        return True, form.through(size, stride, left, shapes[step.outputs[0]][1])

    @staticmethod
    def window(step, length: int) -> tuple[int, int, int]:
        """Return stride, rows seen, and how many of them lie before row 0 for the first output."""
        stride, first, last = layer_step(step.layer, length)
        return stride, last - first + 1, -first

    def cost(self, step, forms, shapes, full):
        """Each row of the input meets each tap; strided and separable kernels meet the rows of the output."""
        form = forms[0]
        stride, size, left = self.window(step, form.length)
        if self._by_rows(step):
            return full * min(1.0, form.width / shapes[step.outputs[0]][1])
        width = form.through(size, stride, left, form.length).width
        return full * min(1.0, width / shapes[step.outputs[0]][1])

    @staticmethod
    def _by_rows(step) -> bool:
        layer = step.layer
        return step.kind == "Conv1D" and layer.strides[0] == 1 and layer.groups == 1

    def prepare(self, step):
        """Lay the kernel out as (input channels, taps from the last to the first x filters)."""
        if not self._by_rows(step):
            return {}
        kernel = ops.convert_to_numpy(step.layer.kernel)
        taps, before, after = kernel.shape
        return {"kernel": np.ascontiguousarray(kernel[::-1].transpose(1, 0, 2)).reshape(before, taps * after)}

    def run(self, step, inputs, context, strip):
        """Multiply each row of the difference by all taps, and add up what falls on the same row."""
        (x,) = inputs
        if self._by_rows(step):
            difference = _spread(x.difference, context.prepared(step)["kernel"], step.layer)
        else:
            stride, size, left = self.window(step, x.strip.length)
            first = ops.cast(strip.start(context.starts), "int32") * stride - left
            rows = x.moved_difference(first, (strip.width - 1) * stride + size)
            difference = convolve(step.layer, step.kind, rows, "valid")
        return Changed(context, step.outputs[0], strip, difference=difference)


def _spread(x, kernel, layer):
    """Convolve (m, w, channels) with all overhanging ends: (m, w + span, filters)."""
    m, width, channels = x.shape
    taps, apart = layer.kernel_size[0], layer.dilation_rate[0]
    products = ops.matmul(ops.reshape(x, (-1, channels)), kernel)
    products = ops.reshape(products, (m, width, taps, -1))
    if width == 1 and apart == 1:
        return products[:, 0]
    if taps == 1:
        return products[:, :, 0]
    if apart == 1 and width < taps:
        parts = [(products[:, row], row, width - 1 - row) for row in range(width)]
    else:
        span = (taps - 1) * apart
        parts = [(products[:, :, tap], tap * apart, span - tap * apart) for tap in range(taps)]
    out = None
    for part, before, after in parts:
        part = ops.pad(part, [[0, 0], [before, after], [0, 0]])
        out = part if out is None else out + part
    return out


@register("MaxPooling1D", "AveragePooling1D", "MaskedPooling", "LogitPooling")
class Pooling(Rule):
    """Pools on the tensor's own grid: those that the strip touches, filled up with the reference's rows."""

    def plan(self, step, forms, shapes):
        """The strip shrinks to the pools touched."""
        form = forms[0]
        if isinstance(form, Flat) or getattr(step.layer, "data_format", "") == "channels_first":
            return False, None
        if len(shapes[step.inputs[0]]) != 3:
            return False, None
        stride, size, left = self.window(step, form.length)
        return True, form.through(size, stride, left, shapes[step.outputs[0]][1])

    @staticmethod
    def window(step, length: int) -> tuple[int, int, int]:
        """Return stride, rows seen, and how many of them lie before row 0 for the first output."""
        if step.kind == "MaskedPooling":
            return step.layer.size, step.layer.size, 0
        stride, first, last = layer_step(step.layer, length)
        return stride, last - first + 1, -first

    def reads(self, step, forms, out):
        """The rows that fill the outermost pools up."""
        (form,) = forms
        stride, size, _ = self.window(step, form.length)
        before, after = size - 1, max(0, out.width * stride - form.width)
        return [form.moved(-before, form.length, before + form.width + after)]

    def run(self, step, inputs, context, strip):
        """Take the first row of every pool, then the second, and so on, and join them."""
        (x,) = inputs
        stride, size, left = self.window(step, x.strip.length)
        width, before = x.strip.width, size - 1
        after = max(0, strip.width * stride - width)
        m, _, channels = x.values.shape
        first = x.start - before
        parts = [x.values]
        if before:
            parts.insert(0, context.reference(x.key, first, before))
        if after:
            parts.append(context.reference(x.key, x.start + width, after))
        rows = ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
        # Only padding puts rows that are nobody's into a pool that counts.
        right = (strip.length - 1) * stride + size - left - x.strip.length
        padded = context.leaves and (left > 0 or right > 0)
        real = x.within(first, before + width + after) if padded else None
        if padded and step.kind in ("MaxPooling1D", "AveragePooling1D"):
            rows = ops.where(real, rows, LOWEST if step.kind == "MaxPooling1D" else 0.0)
        elif padded:
            rows = ops.where(real, rows, 0.0)
        begin = ops.cast(strip.start(context.starts), "int32") * stride - left - first
        number = ops.expand_dims(ops.arange(m, dtype="int32") * (before + width + after) + begin, 1)
        places = number + ops.arange(strip.width, dtype="int32") * stride

        rows = ops.reshape(rows, (-1, channels))

        def row(tap: int, of=rows):
            return ops.take(of, places + tap, axis=0)

        if step.kind == "LogitPooling":
            out = ops.logsumexp(ops.stack([row(tap) for tap in range(size)], axis=0), axis=0)
        else:
            out = row(0)
            for tap in range(1, size):
                out = out + row(tap) if step.kind == "AveragePooling1D" else ops.maximum(out, row(tap))
        if step.kind == "AveragePooling1D":
            if padded:
                counts = ops.reshape(ops.cast(real, out.dtype), (-1, 1))
                total = row(0, counts)
                for tap in range(1, size):
                    total = total + row(tap, counts)
                out = out / ops.maximum(total, 1.0)
            else:
                out = out / size
        return Changed(context, step.outputs[0], strip, out)
