"""What the numbers of one allele and one target say, in a sentence for a person who reads no tables.

The words stay with what was computed: a prediction, and how often ordinary variants change it as much.
"""

from __future__ import annotations

import math

CAUTION = (
    "This is what the network predicts from the sequence. It was not measured, and it does not tell whether "
    "the allele matters for health."
)
_DIGITS = (2, 3, 4)  # as few as tell the two predictions apart
_ORDINARY = 90.0  # percentile below which a change is called ordinary
_PREDICTED = {"binary": "predicted probability of", "coverage": "predicted total coverage of"}


def reading(
    target: str,
    ref: float,
    alt: float,
    percentile: float | None = None,
    p: float | None = None,
    n: int = 0,
    *,
    among: str = "background variants",
    task: str = "binary",
) -> str:
    """Say what an allele does to a prediction, and how unusual that is.

    Parameters
    ----------
    target : str
        What is predicted, such as "CTCF in K562".
    ref, alt : float
        Predictions for the two alleles: probabilities, or totals of coverage.
    percentile, p : float, optional
        Of the change (`diff`, or of coverage `logSAD`) in a background of `n` variants, as
        `Background.percentiles` and `Background.p_values` give them. Without them nothing is compared.
    n : int
    among : str
        What the background's variants are, in the plural ("common variants").
    task : {"binary", "coverage"}

    Returns
    -------
    sentence : str
        `CAUTION` belongs beside it, once for all sentences.

    Examples
    --------
    >>> print(reading("CTCF", 0.62, 0.21, 99.97, 4 / 10_001, 10_000, among="common variants"))
    The alternative allele lowers the predicted probability of CTCF from 0.62 to 0.21; 3 of 10,000 common \
variants change it as much or more (percentile 99.97).
    """
    what = f"{_PREDICTED[task]} {target}"
    if not (math.isfinite(ref) and math.isfinite(alt)):
        return f"The {what} is not known for both alleles."
    before, after = _apart(ref, alt)
    if ref == alt:
        return f"The alternative allele does not change the {what} ({before})."
    verb = "raises" if alt > ref else "lowers"
    if before == after:
        says = f"The alternative allele hardly changes the {what} ({before})"
    else:
        says = f"The alternative allele {verb} the {what} from {before} to {after}"
    if percentile is None or p is None or not (math.isfinite(percentile) and math.isfinite(p)):
        return f"{says}."
    as_much = min(n, max(0, round(p * (n + 1)) - 1))
    if as_much == 0:
        return f"{says}; none of {n:,} {among} changes it as much."
    some = f"{as_much:,} of {n:,} {among} change{'s' * (as_much == 1)} it as much or more"
    ordinary = "changes of this size are ordinary: " if percentile < _ORDINARY else ""
    return f"{says}; {ordinary}{some} (percentile {_percentile(percentile)})."


def _apart(one: float, other: float) -> tuple[str, str]:
    """Write two numbers with as few digits as tell them apart; alike where four do not."""
    for digits in _DIGITS:
        texts = _plain(one, digits), _plain(other, digits)
        if texts[0] != texts[1]:
            return texts
    return (_plain(one, _DIGITS[0]),) * 2


def _plain(value: float, digits: int) -> str:
    """Write a number with so many leading digits, never in powers of ten."""
    if value == round(value) or abs(value) >= 10**digits:
        return f"{value:,.0f}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{value:.{max(decimals, 0)}f}"
    # A probability that is not 1 must not read as certain.
    return f"above 0.{'9' * digits}" if value < 1 <= float(text) else text


def _percentile(value: float) -> str:
    """Write a percentile; rounded down, for none but the last is the hundredth."""
    return f"{math.floor(100 * value + 1e-3) / 100:.2f}".rstrip("0").rstrip(".")
