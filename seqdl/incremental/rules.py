"""The rule of each kind of layer: which strip comes out, what it costs, and how it is computed."""

from __future__ import annotations

from seqdl.incremental.changed import Changed, Context
from seqdl.incremental.program import Step
from seqdl.incremental.strips import Flat, Strip

RULES: dict[str, Rule] = {}


class Rule:
    """What the engine knows of a kind of layer."""

    why_not = "not in this form"

    def plan(self, step: Step, forms: list, shapes: dict[int, tuple]) -> tuple[bool, Strip | Flat | None]:
        """Return whether the rule computes this step, and the strip that comes out (None: whole tensors).

        Parameters
        ----------
        step : Step
        forms : list of Strip or Flat
            Of the inputs.
        shapes : dict of int to tuple
        """
        raise NotImplementedError

    def reads(self, step: Step, forms: list, out: Strip) -> list[Strip]:
        """Return strips of the reference that `run` reads beyond those of its inputs and its output."""
        return []

    def cost(self, step: Step, forms: list, shapes: dict[int, tuple], full: float) -> float:
        """Count the operations for one change; `full` are those of the whole layer."""
        return full * forms[0].width / forms[0].length

    def prepare(self, step: Step) -> dict[str, object]:
        """Return weights in the layout that `run` wants."""
        return {}

    def run(self, step: Step, inputs: list[Changed], context: Context, strip: Strip | Flat | None):
        """Compute the step: a `Changed`, or a tensor where `strip` is None."""
        raise NotImplementedError


def register(*kinds: str):
    """Enter a rule for layers of these classes."""

    def enter(rule: type[Rule]) -> type[Rule]:
        RULES.update(dict.fromkeys(kinds, rule()))
        return rule

    return enter


def find_rule(step: Step) -> Rule | None:
    """Return the rule of a step, or None."""
    from seqdl.incremental import ends, joins, windows  # noqa: F401  (their rules enter the table)

    return RULES.get(step.kind)


def last_axis(axis) -> bool:
    """Tell whether an axis, or a list of them, is the channels' of (batch, length, channels)."""
    axes = axis if isinstance(axis, (list, tuple)) else [axis]
    return all(item in (-1, 2) for item in axes)


@register(
    "Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "BatchNormalization", "LayerNormalization",
    "Softmax", "Rescaling", "ExpLinear", "SigmoidGELU", "LogCoverage",
)  # fmt: skip
class Pointwise(Rule):
    """What looks at one position at a time, the same way at each."""

    why_not = "not the same at each position"

    def plan(self, step, forms, shapes):
        """The strip stays as it is."""
        form = forms[0]
        layer = step.layer
        if isinstance(form, Flat) or len(forms) != 1:
            return False, None
        if step.kind in ("BatchNormalization", "LayerNormalization", "Softmax") and not last_axis(layer.axis):
            return False, None
        if step.kind == "PReLU" and 1 not in (layer.shared_axes or ()):
            return False, None
        return True, form

    def run(self, step, inputs, context, strip):
        """Call the layer on the strip's values; BatchNorm scales differences as it does values."""
        (x,) = inputs
        if step.kind == "BatchNormalization" and not x.has_values:
            return Changed(context, step.outputs[0], strip, difference=x.difference * _scale(step.layer),
                           clean=True)  # fmt: skip
        return Changed(context, step.outputs[0], strip, step.call(x.values)[0])


def _scale(layer):
    from keras import ops

    scale = ops.rsqrt(layer.moving_variance + layer.epsilon)
    return scale if layer.gamma is None else scale * layer.gamma


@register("Cropping1D", "ZeroPadding1D")
class Ends(Rule):
    """Rows left out at the ends, or zeros put there."""

    def plan(self, step, forms, shapes):
        """The strip is counted from another row."""
        form = forms[0]
        if isinstance(form, Flat):
            return False, None
        crop = step.kind == "Cropping1D"
        left = -step.layer.cropping[0] if crop else step.layer.padding[0]
        return True, form.moved(left, shapes[step.outputs[0]][1], form.width)

    def cost(self, step, forms, shapes, full):
        """Count nothing: no number is computed."""
        return 0.0

    def run(self, step, inputs, context, strip):
        """Rows that are left out keep no difference."""
        (x,) = inputs
        if x.has_values and not x.has_difference and step.kind == "Cropping1D":
            return Changed(context, step.outputs[0], strip, x.values)
        return Changed(context, step.outputs[0], strip, difference=x.difference,
                       clean=step.kind == "ZeroPadding1D")  # fmt: skip
