"""What each choice of a training may be: one rule a field, and the sentence that says so."""

from __future__ import annotations

import math
from collections.abc import Callable

from seqdl.errors import InputError
from seqdl.words import suggest

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
OPTIMIZERS = ("adamw", "adam", "sgd", "rmsprop")
SCHEDULES = ("cosine", "constant", "linear", "exponential", "onecycle", "plateau")
LOSSES = ("auto", "bce", "focal", "poisson", "mse", "profile")
CLASS_WEIGHTS = ("none", "balanced")
MONITORS = ("val_loss", "val_auroc", "val_auprc", "val_pearson")

Rule = Callable[[object], str | None]


def check_choices(values: dict[str, object]) -> None:
    """Refuse the first choice that is of the wrong kind or out of its range.

    Parameters
    ----------
    values : dict
        Every field of `TrainingConfig` by name.

    Raises
    ------
    InputError
        That names the choice, what it must be and what was received.
    """
    for name, value in values.items():
        wanted = _RULES[name](value)
        if wanted:
            raise InputError(f"`{name}` must be {wanted}. Received: {value!r}.{_nearest(name, value)}")


def _nearest(name: str, value: object) -> str:
    allowed = _NAMED.get(name, ())
    return suggest(value, allowed) if isinstance(value, str) else ""


def _whole(least: int, optional: bool = False, below: int | None = None) -> Rule:
    def rule(value: object) -> str | None:
        if value is None and optional:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return None if below is None or value < below else f"less than {below:,}"
        return f"a whole number of at least {least}"

    return rule


def _number(
    least: float = 0.0, *, above: bool = False, below: float = math.inf, optional: bool = False
) -> Rule:
    def rule(value: object) -> str | None:
        if value is None and optional:
            return None
        real = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not real or value < least or (above and value == least):
            return "a positive number" if above else f"a positive number or {least:g}"
        return None if value < below else f"less than {below:g}"

    return rule


def _kind(kind: type, words: str, optional: bool = False) -> Rule:
    return lambda value: None if isinstance(value, kind) or (optional and value is None) else words


def _one_of(allowed: tuple[str, ...]) -> Rule:
    return lambda value: None if value in allowed else f"one of {', '.join(allowed)}"


def _freeze(value: object) -> str | None:
    if value in ("none", "trunk") or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return None
    return "'none', 'trunk', or a whole number of layers of at least 1"


_NAMED = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "monitor": MONITORS,
    "precision": PRECISIONS,
    "loss": LOSSES,
    "class_weights": CLASS_WEIGHTS,
    "freeze": ("none", "trunk"),
}
_YES_NO = _kind(bool, "true or false")
_NAME, _PATH = _kind(str, "a name"), _kind(str, "a path", optional=True)
_RULES: dict[str, Rule] = {
    "data": _PATH, "model": _NAME, "preset": _NAME, "overrides": _kind(dict, "an object of sizes"),
    "dropout": _number(below=1, optional=True), "epochs": _whole(1), "batch_size": _whole(1),
    "focal_gamma": _number(), "focal_alpha": _number(above=True, below=1, optional=True),
    "count_weight": _number(optional=True), "sample_weights": _PATH,
    "l1": _number(), "l2": _number(), "max_norm": _number(),
    "learning_rate": _number(above=True), "warmup": _number(below=1),
    "end_rate": _number(above=True, below=1),
    "weight_decay": _number(), "momentum": _number(below=1), "nesterov": _YES_NO, "clip_norm": _number(),
    "patience": _whole(0), "max_shift": _whole(0, optional=True), "epoch_windows": _whole(1, optional=True),
    "reverse_complement": _YES_NO, "strand_average": _YES_NO, "from_run": _PATH, "freeze": _freeze,
    "seed": _whole(0, below=1 << 32), "deterministic": _YES_NO,
    **{name: _one_of(allowed) for name, allowed in _NAMED.items() if name != "freeze"},
}  # fmt: skip
