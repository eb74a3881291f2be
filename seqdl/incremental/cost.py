"""How much arithmetic a layer takes: counted from shapes, two operations a multiply-add."""

from __future__ import annotations

from math import prod

from seqdl.incremental.program import Step


def operations(step: Step, shapes: dict[int, tuple]) -> float:
    """Count the floating-point operations of a step for one sequence, whole.

    Convolutions and dense layers exactly; a layer with weights that is not known (recurrent, attention) as
    two operations a weight and row; everything else as one operation for each number it gives
    or, if more, reads.

    Parameters
    ----------
    step : Step
    shapes : dict of int to tuple

    Returns
    -------
    float
    """
    before = max(_numbers(shapes[key]) for key in step.inputs)
    after = max(_numbers(shapes[key]) for key in step.outputs)
    if step.kind == "Activation":
        return float(after)
    weights = _matrix_weights(step.layer)
    if not weights:
        return float(max(before, after))
    shape = shapes[step.inputs[0] if step.kind not in ("Conv1D",) else step.outputs[0]]
    rows = shape[1] if len(shape) == 3 and shape[1] else 1
    if step.kind in ("SeparableConv1D", "DepthwiseConv1D"):
        rows = shapes[step.outputs[0]][1]
    return 2.0 * weights * rows


def _numbers(shape: tuple) -> int:
    return prod(size or 1 for size in shape[1:])


def _matrix_weights(layer) -> int:
    """Count a layer's weights that multiply: those of two and more dimensions."""
    return sum(prod(weight.shape) for weight in getattr(layer, "weights", ()) if len(weight.shape) > 1)
