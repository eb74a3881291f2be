"""Split-conformal prediction: sets of labels and intervals that hold the truth as often as they say.

From n scores of windows that the network was not fitted to, the ``ceil((n + 1) * level)``-th smallest bounds
the score of one more window with probability `level` or more, whatever the network (Vovk et al. 2005). The
promise is an average over windows like those: it needs them to be exchangeable with the new one, and says
nothing of a single window.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError


def check_level(level: float) -> float:
    """Return a level.

    Raises
    ------
    InputError
        If it does not lie between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"`level` must lie between 0 and 1, such as 0.9. Received: {level}.")
    return float(level)


def bound(scores: np.ndarray, level: float) -> float:
    """Return the conformal quantile of scores: infinite where there are too few for the level.

    Parameters
    ----------
    scores : float array, shape (n,)
        Larger is stranger.
    level : float
        Between 0 and 1.

    Examples
    --------
    >>> bound(np.arange(9), 0.9), bound(np.arange(8), 0.9)
    (8.0, inf)
    """
    # Rounded: 0.9 * 10 is a hair more than 9 in binary, and would ask for a tenth score.
    place = int(np.ceil(round((len(scores) + 1) * level, 9)))
    if place > len(scores):
        return np.inf
    return float(np.partition(scores, place - 1)[place - 1])


def enough(n: np.ndarray | int, level: float) -> np.ndarray | bool:
    """Tell whether n scores give a finite bound."""
    return np.ceil(np.round((np.asarray(n) + 1) * level, 9)) <= n


class LabelSets(NamedTuple):
    """Which log odds leave a label possible: label 1 from `least` on, label 0 up to `most`.

    Attributes
    ----------
    least, most : float64 arrays, shape (T,)
    pooled : bool array, shape (2, T)
        Whether label 0, and label 1, of a target share the bound of all such targets.
    """

    least: np.ndarray
    most: np.ndarray
    pooled: np.ndarray

    def sets(self, logits: np.ndarray) -> np.ndarray:
        """Return uint8 (m, T) of log odds (m, T): 1 if label 0 is possible, plus 2 if label 1 is."""
        z = np.asarray(logits, np.float64)
        return ((z <= self.most) + 2 * (z >= self.least)).astype(np.uint8)


def fit_label_sets(logits: np.ndarray, labels: np.ndarray, level: float) -> LabelSets:
    """Fit class-conditional conformal sets of labels (Mondrian, Vovk 2012).

    Parameters
    ----------
    logits : float array, shape (n, T)
    labels : uint8 array, shape (n, T)
    level : float
        Among the windows that carry a label, and among those that do not, at least this share is to have
        the truth in the set.

    Returns
    -------
    LabelSets
        A target's class with too few windows for the level shares the bound of all such targets; where
        those are too few together, the label is always possible.
    """
    z, positive = np.asarray(logits, np.float64), np.asarray(labels) > 0
    bounds, pooled = [], []
    for scores, mask in ((z, ~positive), (-z, positive)):
        few = ~enough(mask.sum(axis=0), level)
        found = np.empty(z.shape[1])
        found[few] = bound(scores[:, few][mask[:, few]], level)
        for target in np.flatnonzero(~few):
            found[target] = bound(scores[mask[:, target], target], level)
        bounds.append(found)
        pooled.append(few)
    return LabelSets(-bounds[1], bounds[0], np.stack(pooled))


def outward(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round bounds to float32 so that they only widen: counts often lie exactly on a bound."""
    return (
        np.nextafter(np.asarray(low, np.float32), np.float32(-np.inf)),
        np.nextafter(np.asarray(high, np.float32), np.float32(np.inf)),
    )


class Band(NamedTuple):
    """An interval about a prediction: ``x +- half * exp(tilt * x)``.

    Attributes
    ----------
    half, tilt : float64 arrays, shape (T,)
        `tilt` is 0 where the interval is equally wide everywhere.
    """

    half: np.ndarray
    tilt: np.ndarray

    def interval(self, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return low and high, float32 (m, T), about `centre` (m, T)."""
        centre = np.asarray(centre, np.float64)
        half = self.half * np.exp(self.tilt * centre)
        return outward(centre - half, centre + half)


def fit_band(
    predicted: np.ndarray, observed: np.ndarray, level: float, normalise: bool = False, seed: int = 0
) -> Band:
    """Fit a split-conformal interval to each target (Lei et al. 2018).

    Parameters
    ----------
    predicted, observed : float arrays, shape (n, T)
        NaN where it is not known; such pairs are left out.
    level : float
    normalise : bool
        Let the width follow the prediction: half of the windows, drawn by `seed`, show how the residuals
        grow with it, and the other half gives the bound.
    seed : int

    Returns
    -------
    Band
        Infinitely wide for a target with too few windows.
    """
    residual, T = np.abs(observed - np.asarray(predicted, np.float64)), predicted.shape[1]
    half, tilt = np.empty(T), np.zeros(T)
    first = np.zeros(len(residual), bool)
    if normalise:
        first[np.random.default_rng(seed).permutation(len(first))[: len(first) // 2]] = True
    for target in range(T):
        known = np.isfinite(residual[:, target])
        size, x = residual[:, target], np.asarray(predicted[:, target], np.float64)
        learn = known & first & (size > 0)
        if learn.sum() > 2 and np.ptp(x[learn]) > 0:
            tilt[target] = np.polyfit(x[learn], np.log(size[learn]), 1)[0]
        rest = known & ~first
        half[target] = bound(size[rest] * np.exp(-tilt[target] * x[rest]), level)
    return Band(half, tilt)


def share_interval(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share (Clopper & Pearson 1934); (0, 1) of nothing.

    Parameters
    ----------
    hits, n : int
        Of how many.
    confidence : float

    Examples
    --------
    >>> [round(x, 3) for x in share_interval(9, 10)]
    [0.555, 0.997]
    """
    from scipy.stats import beta

    if n == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, n - hits + 1))
    high = 1.0 if hits == n else float(beta.ppf(1 - tail, hits + 1, n - hits))
    return low, high
