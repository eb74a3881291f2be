"""What a calibration adds to variant scores: columns, how they are described, and their numbers."""

from __future__ import annotations

import numpy as np

from seqdl.uncertainty.calibration import Calibration
from seqdl.uncertainty.effects import SMALL, Causal
from seqdl.variants.scored import Column


def derived_columns(calibration: Calibration, scores: tuple[str, ...]) -> tuple[Column, ...]:
    """Describe what `derive` computes for each target.

    Parameters
    ----------
    calibration : Calibration
    scores : tuple of str
        That are computed; effect intervals come for those that were calibrated.

    Returns
    -------
    columns : tuple of Column
    """
    level, columns = f"{100 * calibration.level:g} %", []
    for allele, words in (("ref", "reference"), ("alt", "alternative")):
        if calibration.scaling is not None:
            columns.append(
                Column(
                    f"{allele}_calibrated",
                    f"1 / (1 + exp(-(slope * logit P({allele}) + intercept)))",
                    f"calibrated probability for the {words} allele (Platt scaling on held-out windows)",
                )
            )
        if calibration.conformal is not None:
            columns.append(
                Column(
                    f"{allele}_set",
                    f"1 if label 0 is usual for P({allele}) + 2 if label 1 is; 0: neither",
                    f"conformal set of labels for the {words} allele, {level} of each class of windows",
                )
            )
        if calibration.band is not None:
            for side in ("low", "high"):
                columns.append(
                    Column(
                        f"{allele}_{side}",
                        f"log2(1 + sum({allele})) {'-' if side == 'low' else '+'} half",
                        f"{side} end of the {level} conformal interval of log2(1 + total), {words} allele",
                    )
                )
    for score in scores:
        if score in calibration.effects:
            for side in ("low", "high"):
                columns.append(
                    Column(
                        f"{score}_{side}",
                        f"intercept + slope * {score} {'-' if side == 'low' else '+'} half",
                        f"{side} end of the {level} conformal interval of the effect, in the unit of the "
                        "effects that it was calibrated with",
                    )
                )
    causal = calibration.causal
    if causal is not None and causal.by == "target" and causal.score in scores:
        columns.append(_causal_column(causal))
    return tuple(columns)


def derived_notes(calibration: Calibration, scores: tuple[str, ...]) -> tuple[Column, ...]:
    """Describe what `derive` computes once for each allele, and the distance that `Calibration.unlike` gives.

    Parameters
    ----------
    calibration, scores
        As in `derived_columns`.

    Returns
    -------
    notes : tuple of Column
        "p_causal" and "unlike", as far as they are there.
    """
    notes, causal = [], calibration.causal
    if causal is not None and causal.by == "allele" and causal.score in scores:
        notes.append(_causal_column(causal))
    if calibration.composition is not None:
        notes.append(
            Column(
                "unlike",
                "Mahalanobis distance of the window's 4-mer frequencies",
                "distance from the training windows; more than "
                f"{calibration.composition.threshold:.4g} is unlike them (1 held-out window in 1,000 is)",
            )
        )
    return tuple(notes)


def _causal_column(causal: Causal) -> Column:
    size = ("largest " if causal.by == "allele" else "") + f"|{causal.score}|"
    return Column(
        "p_causal",
        f"1 / (1 + exp(-({causal.slope:.6g} * ln({size} + {SMALL:g}) + {causal.intercept:.6g})))",
        "probability of the label 1 of the variants that it was calibrated with, at their share of 1",
    )


def derive(
    calibration: Calibration, ref: np.ndarray, alt: np.ndarray, values: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Compute the columns of `derived_columns`, and "p_causal" where it is one number an allele.

    Parameters
    ----------
    calibration : Calibration
        Of the targets at hand (`Calibration.take`).
    ref, alt : float arrays
        Log odds (m, T) of the two alleles; of a coverage run its values (m, bins, T), all bins.
    values : dict of float arrays, shape (m, T)
        Scores by name. An effect interval is made for each that was calibrated; "p_causal" needs the
        score ``calibration.causal.score``, and is left out without it.

    Returns
    -------
    columns : dict of float32 arrays, shape (m, T); "p_causal" by allele has (m,)
    """
    found: dict[str, np.ndarray] = {}
    for allele, output in (("ref", ref), ("alt", alt)):
        if calibration.scaling is not None:
            found[f"{allele}_calibrated"] = calibration.probabilities(output)
        if calibration.conformal is not None:
            found[f"{allele}_set"] = calibration.label_sets(output).astype(np.float32)
        if calibration.band is not None:
            total = np.maximum(np.asarray(output, np.float64).sum(axis=1), 0)
            found[f"{allele}_low"], found[f"{allele}_high"] = calibration.total_interval(np.log2(1 + total))
    for score, numbers in values.items():
        bounds = calibration.effect_interval(score, numbers)
        if bounds is not None:
            found[f"{score}_low"], found[f"{score}_high"] = bounds
    if calibration.causal is not None and calibration.causal.score in values:
        found["p_causal"] = calibration.p_causal(values[calibration.causal.score])
    return found
