"""Rules of what joins several tensors."""

from __future__ import annotations

from seqdl.incremental.changed import Changed
from seqdl.incremental.rules import Rule, last_axis, register
from seqdl.incremental.strips import Flat, together


class Join(Rule):
    """Tensors of one length, row by row."""

    why_not = "its inputs do not lie on one grid"

    def plan(self, step, forms, shapes):
        """The strip covers those of all inputs."""
        if any(isinstance(form, Flat) for form in forms):
            return False, None
        wide = {shapes[key][1:-1] for key in step.inputs}
        if len(wide) > 1 or not self.fits(step, shapes):
            return False, None
        strip = together(forms)
        return strip is not None, strip

    @staticmethod
    def fits(step, shapes) -> bool:
        """Tell whether the channels fit too: nothing is spread over several."""
        return len({shapes[key] for key in step.inputs}) == 1

    def cost(self, step, forms, shapes, full):
        """Count the rows of the joined strip."""
        return full * together(forms).width / forms[0].length


@register("Add", "Subtract", "Average")
class Linear(Join):
    """A sum's difference is the sum of the differences."""

    def run(self, step, inputs, context, strip):
        """Add the differences up."""
        total = inputs[0].difference_on(strip)
        for item in inputs[1:]:
            other = item.difference_on(strip)
            total = total - other if step.kind == "Subtract" else total + other
        if step.kind == "Average":
            total = total / len(inputs)
        return Changed(context, step.outputs[0], strip, difference=total, clean=True)


@register("Multiply", "Maximum", "Minimum")
class Values(Join):
    """What is not linear needs the values."""

    def run(self, step, inputs, context, strip):
        """Call the layer on the values of all inputs."""
        values = step.call(*(item.values_on(strip) for item in inputs))[0]
        return Changed(context, step.outputs[0], strip, values)


@register("Concatenate")
class Channels(Join):
    """Channels side by side."""

    why_not = "not joined along the channels, or its inputs do not lie on one grid"

    @staticmethod
    def fits(step, shapes) -> bool:
        """Only the last axis."""
        return last_axis(step.layer.axis)

    def cost(self, step, forms, shapes, full):
        """Count nothing: no number is computed."""
        return 0.0

    def run(self, step, inputs, context, strip):
        """Lay values or differences side by side, whichever are at hand."""
        if all(item.has_values and item.strip == strip for item in inputs):
            return Changed(context, step.outputs[0], strip, step.call(*(item.values for item in inputs))[0])
        differences = step.call(*(item.difference_on(strip) for item in inputs))[0]
        return Changed(context, step.outputs[0], strip, difference=differences, clean=True)
