"""Which rows of each tensor a change of the sequence can reach: the strip, from a network's layers.

A change of `width` bases that begins at base s reaches, in a tensor of `length` rows, at most `Strip.width`
rows, from row ``(s + add) // stride`` on. Widths are constants, so shapes are; rows may lie outside the
tensor, at its ends, and are then nobody's. A filter adds to `add`, a stride multiplies: the form stays.
"""

from __future__ import annotations

from typing import NamedTuple

from seqdl.incremental.program import Program, Step


class Strip(NamedTuple):
    """The rows of a tensor that a change can reach.

    Attributes
    ----------
    length : int
        Rows of the tensor.
    width : int
        Rows reached at most; always so many are computed.
    add, stride : int
        A change that begins at base s reaches rows from ``(s + add) // stride`` on.
    """

    length: int
    width: int
    add: int = 0
    stride: int = 1

    def start(self, s):
        """Return the first row reached, of an integer or an array or tensor of them."""
        return (s + self.add) // self.stride

    def inside(self) -> tuple[int, int]:
        """Return the first and the last s whose whole strip lies in the tensor (last < first: none)."""
        return -self.add, (self.length - self.width + 1) * self.stride - self.add - 1

    def moved(self, rows: int, length: int, width: int) -> Strip:
        """Return the strip that begins `rows` further to the right, in a tensor of another length."""
        return Strip(length, width, self.add + rows * self.stride, self.stride)

    def through(self, size: int, stride: int, left: int, length: int) -> Strip:
        """Return the strip after windows of `size` rows, `stride` apart, the first `left` before row 0."""
        width = (self.width + size - 2) // stride + 1
        # The first window that ends at or after the strip's first row.
        add = self.add + (left - size + stride) * self.stride
        return Strip(length, width, add, self.stride * stride)


def together(strips: list[Strip]) -> Strip | None:
    """Return the strip that covers several of one tensor shape; None if their grids or lengths differ."""
    length, stride = strips[0].length, strips[0].stride
    if any(strip.length != length or strip.stride != stride for strip in strips):
        return None
    add = min(strip.add for strip in strips)
    width = max(strip.width + -(-(strip.add - add) // stride) for strip in strips)
    return Strip(length, width, add, stride)


class Flat(NamedTuple):
    """A strip whose rows stand in one line, after a flattening."""

    strip: Strip


class Planned(NamedTuple):
    """A step with what becomes of it.

    Attributes
    ----------
    step : Step
    by_strip : bool
        Whether only the strip is computed; if not, the whole operation for each change.
    full, part : float
        Floating-point operations of a full pass, and of a change.
    why : str
        Of the first steps that are done whole: why.
    """

    step: Step
    by_strip: bool
    full: float
    part: float
    why: str = ""


class Plan(NamedTuple):
    """How changes of one width go through a network.

    Attributes
    ----------
    program : Program
    width : int
        Bases of a change.
    forms : dict of int to (Strip, Flat or None)
        Of each tensor; None where each change has a tensor of its own.
    steps : tuple of Planned
    reads : tuple of Strip
        All rows of the reference that are read.
    """

    program: Program
    width: int
    forms: dict[int, Strip | Flat | None]
    steps: tuple[Planned, ...]
    reads: tuple[Strip, ...]

    @property
    def full(self) -> float:
        """Floating-point operations of a full pass."""
        return sum(item.full for item in self.steps)

    @property
    def part(self) -> float:
        """Floating-point operations of a change."""
        return sum(item.part for item in self.steps)

    @property
    def gain(self) -> float:
        """How many times less arithmetic a change takes than a full pass."""
        return self.full / max(self.part, 1.0)

    def inside(self) -> tuple[int, int]:
        """Return the first and last base s whose change reads no row beyond an end (last < first: none)."""
        ranges = [strip.inside() for strip in self.reads] or [(0, -1)]
        return max(first for first, _ in ranges), min(last for _, last in ranges)


def plan_strips(program: Program, width: int = 1) -> Plan:
    """Follow a change through a network.

    Parameters
    ----------
    program : Program
    width : int
        Bases of the change.

    Returns
    -------
    Plan
    """
    from seqdl.incremental.cost import operations
    from seqdl.incremental.rules import find_rule

    shapes = program.shapes
    length = shapes[program.input][1]
    forms: dict[int, Strip | Flat | None] = {program.input: Strip(length, width)}
    if width >= length:
        forms[program.input] = None
    steps, reads = [], [form for form in forms.values() if form is not None]
    for step in program.steps:
        given = [forms[key] for key in step.inputs]
        full = operations(step, shapes)
        form, why, strip = None, "", False
        if not any(item is None for item in given):
            rule = find_rule(step)
            if rule is None:
                why = "no rule for this layer"
            else:
                strip, form = rule.plan(step, given, shapes)
                if isinstance(form, Strip) and form.width >= form.length:
                    strip, form, why = False, None, "the strip is as long as the layer"
                elif not strip:
                    why = rule.why_not
        part = rule.cost(step, given, shapes, full) if strip else full
        if isinstance(form, Strip):
            reads += [form, *rule.reads(step, given, form)]
        forms |= dict.fromkeys(step.outputs, form)
        steps.append(Planned(step, strip, full, min(part, full), why))
    return Plan(program, width, forms, tuple(steps), tuple(reads))
