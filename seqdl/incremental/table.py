"""The strips of a network as a table that a person can read."""

from __future__ import annotations

from seqdl.incremental.strips import Flat, Plan, Planned, Strip

HEADER = ("layer", "kind", "length", "strip", "full MFLOP", "a change", "share")


def reach_rows(plan: Plan) -> list[tuple[str, ...]]:
    """Return one row a step, the header first, and the total last.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    list of tuple of str
        Layer, kind, rows of its output, rows that a change reaches ("all" for whole tensors, "-" where a
        tensor has no rows), millions of floating-point operations of a full pass and of a change,
        and their ratio.
    """
    rows = [HEADER]
    for item in plan.steps:
        shape = plan.program.shapes[item.step.outputs[0]]
        length = f"{shape[1]:,}" if len(shape) == 3 else "-"
        form = plan.forms[item.step.outputs[0]]
        if isinstance(form, Flat):
            reached = f"{form.strip.width:,}"
        elif isinstance(form, Strip):
            reached = f"{form.width:,}"
        else:
            reached = "all" if len(shape) == 3 else "-"
        kind = item.step.kind or type(item.step.layer).__name__
        rows.append((item.step.name, kind, length, reached, *_work(item.full, item.part)))
    return [*rows, ("total", "", "", "", *_work(plan.full, plan.part))]


def reach_words(plan: Plan) -> list[str]:
    """Say what is gained, and where full passes begin and why.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    list of str
        Sentences.
    """
    bases = "one base" if plan.width == 1 else f"{plan.width} bases"
    words = [f"A change of {bases} needs 1/{plan.gain:.3g} of the arithmetic of a full pass."]
    broken = first_whole(plan)
    if broken is None:
        return [*words, "No layer that has positions is computed whole."]
    kind = broken.step.kind or type(broken.step.layer).__name__
    why = broken.why
    return [*words, f"The full pass begins at the layer '{broken.step.name}' ({kind}): {why}."]


def first_whole(plan: Plan) -> Planned | None:
    """Return the first step at which strips end before they are used up; None if there is none."""
    return next((item for item in plan.steps if not item.by_strip and item.why), None)


def _work(full: float, part: float) -> tuple[str, str, str]:
    share = f"{part / full:.3f}" if full else "-"
    return f"{full / 1e6:,.3f}", f"{part / 1e6:,.3f}", share
