"""From a score to an effect: a line with a split-conformal band, and the odds of being causal.

A table of variants with known effects is scored by the run. Half of the places in it fit
``effect = intercept + slope * score``, the other half shows how far effects lie from that line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from seqdl.errors import InputError
from seqdl.uncertainty.conformal import bound, enough, outward
from seqdl.uncertainty.effects_file import Effects
from seqdl.uncertainty.platt import fit_line, log_losses

SMALL = 0.01  # of a score: below it sizes are noise
OWN_LINE = 40  # pairs of variant and target that a target's own line needs
FOLDS = 5


class EffectBand(NamedTuple):
    """Lines from a score to an effect, with a band about each.

    Attributes
    ----------
    slope, intercept, half : float64 arrays, shape (T,)
        The effect lies within ``intercept + slope * score +- half``.
    pooled : bool array, shape (T,)
        Whether the target shares the line and band of all.
    """

    slope: np.ndarray
    intercept: np.ndarray
    half: np.ndarray
    pooled: np.ndarray

    def interval(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return low and high, float32 (m, T), of scores (m, T)."""
        middle = self.intercept + self.slope * np.asarray(values, np.float64)
        return outward(middle - self.half, middle + self.half)


class Causal(NamedTuple):
    """The probability that a variant is one of those labelled 1, from the size of a score.

    Attributes
    ----------
    score : str
        Whose absolute value it is taken from.
    by : {"target", "allele"}
        Of each target's own score, or of the largest over all targets.
    slope, intercept : float
        ``p = 1 / (1 + exp(-(slope * ln(|score| + 0.01) + intercept)))``: odds that are a power of the score's
        size. A line through the size itself fits worse, since large effects saturate.
    """

    score: str
    by: str
    slope: float
    intercept: float

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Return float32 (m, T) by target, or (m,) by allele, of scores (m, T)."""
        size = np.abs(np.asarray(values, np.float64))
        size = size if self.by == "target" else size.max(axis=1)
        return expit(self.logits(size)).astype(np.float32)

    def logits(self, size: np.ndarray) -> np.ndarray:
        """Return the log odds, float64, of sizes ``|score|``."""
        return self.slope * np.log(size + SMALL) + self.intercept


def fit_effects(
    effects: Effects, values: np.ndarray, places: np.ndarray, n_targets: int, level: float, seed: int
) -> EffectBand:
    """Fit the lines of one score.

    Parameters
    ----------
    effects : Effects
        With n rows.
    values : float array, shape (n,)
        The score of each row's variant on each row's target.
    places : int64 array, shape (n,)
        The row's target, as a place among the run's.
    n_targets : int
    level : float
    seed : int
        Of the draw of places in the genome into two halves.

    Returns
    -------
    EffectBand
        A target with fewer than 40 rows, or whose second half is too small for the level, shares the line
        of all rows.

    Raises
    ------
    InputError
        If all rows together are too few.
    """
    effect, values = effects.effect, np.asarray(values, np.float64)
    learn = halves(effects.sites, seed)
    rest = ~learn
    if learn.sum() < 2 or not enough(int(rest.sum()), level):
        raise InputError(
            f"Too few variants with a known effect could be scored for intervals at level {level:g}: "
            f"{len(effect)}. Give at least {2 * int(np.ceil(level / (1 - level))) + 2}, at different places."
        )

    def fitted(rows: np.ndarray) -> tuple[float, float, float]:
        slope, intercept = _line(values[rows & learn], effect[rows & learn])
        return slope, intercept, bound(np.abs(effect - intercept - slope * values)[rows & rest], level)

    shared = fitted(np.ones(len(effect), bool))
    band = EffectBand(*(np.full(n_targets, value) for value in shared), np.ones(n_targets, bool))
    for target in np.unique(places):
        rows = places == target
        if rows.sum() >= OWN_LINE and (rows & learn).sum() > 2 and enough(int((rows & rest).sum()), level):
            band.slope[target], band.intercept[target], band.half[target] = fitted(rows)
            band.pooled[target] = False
    return band


def fit_causal(effects: Effects, sizes: np.ndarray, score: str) -> Causal:
    """Fit the probability of a label 1.

    Parameters
    ----------
    effects : Effects
        Labels, with n rows.
    sizes : float array, shape (n,)
        ``|score|`` of each row.
    score : str

    Returns
    -------
    Causal

    Raises
    ------
    InputError
        If larger scores do not go with the label 1.
    """
    slope, intercept = fit_line(np.log(sizes + SMALL), effects.effect > 0.5)
    if not slope > 0:
        raise InputError(
            f"On these {len(sizes)} labelled variants larger |{score}| do not go with the label 1, so no "
            "probability can be made from it. Are the labels of the phenomenon that the run predicts?"
        )
    return Causal(score, "allele" if effects.targets is None else "target", slope, intercept)


def halves(sites: np.ndarray, seed: int) -> np.ndarray:
    """Draw half of the places in the genome; return the rows that lie there, bool (n,)."""
    number = int(sites.max()) + 1 if len(sites) else 0
    drawn = np.zeros(number, bool)
    drawn[np.random.default_rng(seed).permutation(number)[: number // 2]] = True
    return drawn[sites]


def held_out(
    effects: Effects, seed: int, fit: Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]]
) -> np.ndarray:
    """Measure something on variants that its fit did not see, in five folds of places.

    Parameters
    ----------
    effects : Effects
        With n rows.
    seed : int
    fit : callable
        Takes the rows (int array) to fit, and returns a callable that takes rows and gives a number each.

    Returns
    -------
    numbers : float64 array, shape (n,)
    """
    number = int(effects.sites.max()) + 1
    fold = (np.random.default_rng(seed).permutation(number) % FOLDS)[effects.sites]
    found = np.empty(len(effects.effect))
    for k in range(FOLDS):
        rows = np.flatnonzero(fold == k)
        if rows.size:
            found[rows] = fit(np.flatnonzero(fold != k))(rows)
    return found


def band_hits(
    effects: Effects, values: np.ndarray, places: np.ndarray, n_targets: int, level: float, seed: int
) -> np.ndarray:
    """Tell which effects lie in the band of a fit that did not see them, float64 (n,); as `fit_effects`."""

    def fit(rows):
        band = fit_effects(effects.take(rows), values[rows], places[rows], n_targets, level, seed)

        def hits(others):
            at = places[others]
            middle = band.intercept[at] + band.slope[at] * values[others]
            return np.abs(effects.effect[others] - middle) <= band.half[at]

        return hits

    return held_out(effects, seed + 1, fit)


def causal_logits(effects: Effects, sizes: np.ndarray, score: str, seed: int) -> np.ndarray:
    """Predict each label's log odds by a fit that did not see its variant, float64 (n,); as `fit_causal`."""

    def fit(rows):
        made = fit_causal(effects.take(rows), sizes[rows], score)
        return lambda others: made.logits(sizes[others])

    return held_out(effects, seed + 1, fit)


def causal_losses(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the log losses, float64 (n,), of log odds and of the labels' own share, for comparison."""
    share = np.clip(labels.mean(), 1e-6, 1 - 1e-6)
    base = np.full(len(labels), np.log(share / (1 - share)))
    return log_losses(logits, labels), log_losses(base, labels)


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Fit a least-squares line; a flat one where x does not vary."""
    centre = x.mean()
    spread = ((x - centre) ** 2).sum()
    slope = float(((x - centre) * (y - y.mean())).sum() / spread) if spread > 0 else 0.0
    return slope, float(y.mean() - slope * centre)
