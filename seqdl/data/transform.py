"""What is done to a track's values before they are stored, and how a prediction is turned back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from seqdl.errors import InputError

SCALES = ("none", "mean", "total")
_TOTAL = 1_000_000.0
FLOAT16_MAX = float(np.finfo(np.float16).max)  # 65,504
_FURTHEST = 1e30  # a cap or factor, or one over it: float32 still holds their products with values


@dataclass(frozen=True)
class Transform:
    """Square root, soft cap, cap and factor, in this order, as in Basenji's data preparation.

    Attributes
    ----------
    sqrt : bool
        x becomes sqrt(x + 1) - 1 (Basenji's statistic ``sum_sqrt``).
    soft_cap : float or None
        A value x above c becomes c - 1 + sqrt(x - c + 1) (Basenji's ``clip_soft``): it rises, but slowly.
    cap : float or None
        A value above becomes this one (Basenji's ``clip``); it cannot be turned back.
    factor : float
        What the result is multiplied with.

    Examples
    --------
    >>> Transform(sqrt=True, factor=2.0).apply(np.array([0.0, 3.0, 8.0])).tolist()
    [0.0, 2.0, 4.0]
    """

    sqrt: bool = False
    soft_cap: float | None = None
    cap: float | None = None
    factor: float = 1.0

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Transform values, shape (...,), 0 or more; NaN stays."""
        values = _roots(np.asarray(values, np.float32), self.sqrt, self.soft_cap)
        if self.cap is not None:
            values = np.minimum(values, np.float32(self.cap))
        with np.errstate(over="ignore"):  # infinite: capped and told where it is stored
            return values * np.float32(self.factor)

    def invert(self, values: np.ndarray) -> np.ndarray:
        """Turn transformed values, shape (...,), back into the track's own; what was capped stays so."""
        values = np.asarray(values, np.float32) / np.float32(self.factor)
        if self.soft_cap is not None:
            over = np.maximum(values - np.float32(self.soft_cap - 1), 1)
            values = np.where(values > self.soft_cap, over**2 + np.float32(self.soft_cap - 1), values)
        return (values + 1) ** 2 - 1 if self.sqrt else values

    def to_dict(self) -> dict:
        """Return the attributes as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping) -> Transform:
        """Make a transform from what `to_dict` gave; other keys are passed over."""
        return cls(**{k: stored[k] for k in ("sqrt", "soft_cap", "cap", "factor") if k in stored})


def fit_transform(
    values: np.ndarray,
    train: np.ndarray,
    *,
    sqrt: bool = False,
    soft_cap: float | None = None,
    cap: float | str | None = None,
    scale: float | str = "none",
) -> Transform:
    """Choose a track's transform: a quantile and a mean become numbers, from its training rows alone.

    Parameters
    ----------
    values : float32 array, shape (rows,)
        As read; NaN where not known.
    train : bool array, shape (rows,)
        Rows of training windows.
    sqrt : bool
    soft_cap : float, optional
    cap : float or str, optional
        A value, or a quantile such as "99.9%" of the values after square root and soft cap.
    scale : {"none", "mean", "total"} or float
        No factor; to a mean of 1 over the training rows; to a sum of 1,000,000 over all rows; or the factor.

    Returns
    -------
    transform : Transform

    Raises
    ------
    InputError
        If there is nothing to scale: no value, or only zeros.
    """
    values = _roots(values, sqrt, soft_cap)
    if isinstance(cap, str):
        known = values[train & ~np.isnan(values)]
        cap = float(np.quantile(known, read_quantile(cap))) if known.size else None
        if cap == 0:
            raise InputError(
                "a cap at this quantile would be 0, since most values are 0. Choose a higher one or a value"
            )
    if cap is not None:
        values = np.minimum(values, np.float32(cap))
    if isinstance(scale, str):
        factor = 1.0
        if scale != "none":
            part = values[train] if scale == "mean" else values
            known = part[~np.isnan(part)].astype(np.float64)
            total = float(known.mean() if scale == "mean" and known.size else known.sum())
            if total <= 0:
                raise InputError("there is nothing to scale (--scale): its values are all 0 or not known")
            factor = (1.0 if scale == "mean" else _TOTAL) / total
    else:
        factor = float(scale)
    return Transform(sqrt, soft_cap, cap, factor)


def read_cap(cap: float | str | None, name: str = "cap") -> float | str | None:
    """Check a cap: a positive number, or a quantile written with %.

    Raises
    ------
    InputError
        If it is neither.
    """
    if cap is None:
        return None
    if isinstance(cap, str) and cap.strip().endswith("%"):
        read_quantile(cap)
        return cap.strip()
    value = _number(cap, name, "a positive number, or a quantile such as 99.9%")
    if value <= 0:
        raise InputError(f"`{name}` is a positive number, or a quantile such as 99.9%. Received: {cap!r}.")
    return value


def read_scale(scale: float | str, name: str = "scale") -> float | str:
    """Check a scale: none, mean, total, or a positive factor.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if scale in SCALES:
        return scale
    value = _number(scale, name, f"one of {', '.join(SCALES)}, or a positive factor")
    if value <= 0:
        raise InputError(f"`{name}` is a positive factor. Received: {scale!r}.")
    return value


def read_quantile(text: str) -> float:
    """Read "99.9%" as 0.999.

    Raises
    ------
    InputError
        If it is no percentage between 0 and 100.
    """
    try:
        value = float(text.strip().rstrip("%"))
    except ValueError:
        value = float("nan")
    if not 0 < value < 100:
        raise InputError(f"`cap` as a quantile lies between 0% and 100%, such as 99.9%. Received: {text!r}.")
    return value / 100


def to_float16(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Round to what a dataset stores; say what did not fit.

    Parameters
    ----------
    values : float32 array, shape (...,)

    Returns
    -------
    stored : float16 array, shape (...,)
        Values above 65,504, the largest of float16, are 65,504.
    note : str
        What was capped or lost; empty where nothing was.
    """
    over = values > FLOAT16_MAX
    with np.errstate(under="ignore"):
        stored = np.minimum(values, np.float32(FLOAT16_MAX)).astype(np.float16)
    notes = []
    if over.any():
        notes.append(
            f"{int(over.sum()):,} values above 65,504 (at most {np.nanmax(values):,.0f}) are capped there; "
            "--cap or --scale says better how"
        )
    lost = int(((values > 0) & (stored == 0)).sum())
    if lost:
        notes.append(f"{lost:,} values too small to be stored became 0; --scale mean makes them larger")
    return stored, "; ".join(notes)


def _roots(values: np.ndarray, sqrt: bool, soft_cap: float | None) -> np.ndarray:
    if sqrt:
        values = np.sqrt(values + np.float32(1)) - np.float32(1)
    if soft_cap is not None:
        over = np.maximum(values - np.float32(soft_cap - 1), 1)
        values = np.where(values > soft_cap, np.float32(soft_cap - 1) + np.sqrt(over), values)
    return values


def _number(value: float | str, name: str, rule: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number) or number > _FURTHEST or 0 < number < 1 / _FURTHEST:
        far = f", {1 / _FURTHEST:g} to {_FURTHEST:g}" if np.isfinite(number) else ""
        raise InputError(f"`{name}` is {rule}{far}. Received: {value!r}.")
    return number
