"""Two groups of alleles: are the effects of one larger? Medians, pairs, and a bootstrap over the genome.

Neighbouring alleles share their sequence and their history, so the bootstrap draws stretches of the
genome with all alleles in them, not single alleles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Contrast(NamedTuple):
    """One size of effect in each class, and common against rare.

    Attributes
    ----------
    name, label : str
        Such as "max_abs_diff", and in words for an axis.
    values : tuple of float64 arrays
        Sorted, one array a class.
    medians : tuple of float
        NaN for a class without alleles.
    difference, interval : float, (float, float)
        Median of the last class less that of the first, and its 95 % bootstrap interval; NaN where there is
        none.
    larger, larger_interval : float, (float, float)
        How often a random allele of the last class has a larger effect than one of the first (ties count
        half): 0.5 where they do not differ.
    """

    name: str
    label: str
    values: tuple[np.ndarray, ...]
    medians: tuple[float, ...]
    difference: float
    interval: tuple[float, float]
    larger: float
    larger_interval: tuple[float, float]


def contrast(
    name: str,
    label: str,
    sizes: list[np.ndarray],
    places: list[np.ndarray],
    stretches: int,
    draws: int,
    seed: int,
) -> Contrast:
    """Compare the last class with the first.

    Parameters
    ----------
    name, label : str
        As in `Contrast`.
    sizes : list of float arrays
        Sizes of effect, one array a class.
    places : list of int arrays
        Stretch of the genome of each, from 0.
    stretches, draws, seed : int
        How many stretches there are, bootstrap draws, and where they begin.

    Returns
    -------
    contrast : Contrast
        Without intervals where there is one stretch only.
    """
    order = [np.argsort(x, kind="stable") for x in sizes]
    values = tuple(x[i] for x, i in zip(sizes, order, strict=True))
    medians = tuple(float(np.median(x)) if len(x) else np.nan for x in values)
    rare, common = values[0], values[-1]
    if not (len(rare) and len(common)):
        none = (np.nan, np.nan)
        return Contrast(name, label, values, medians, np.nan, none, np.nan, none)
    rows = places[0][order[0]], places[-1][order[-1]]
    below, upto = (np.searchsorted(rare, common, side) for side in ("left", "right"))

    def larger(of_rare: np.ndarray, of_common: np.ndarray) -> float:
        total = np.concatenate([[0], np.cumsum(of_rare)])
        return float(of_common @ (total[below] + total[upto]) / 2 / (total[-1] * of_common.sum()))

    found = []
    rng = np.random.default_rng(seed)
    for _ in range(draws if stretches > 1 else 0):
        times = rng.multinomial(stretches, np.full(stretches, 1 / stretches)).astype(np.float64)
        of_rare, of_common = times[rows[0]], times[rows[1]]
        if of_rare.any() and of_common.any():
            found.append((
                _weighted_median(common, of_common) - _weighted_median(rare, of_rare),
                larger(of_rare, of_common),
            ))  # fmt: skip
    low, high = np.percentile(found, [2.5, 97.5], axis=0) if found else np.full((2, 2), np.nan)
    return Contrast(
        name, label, values, medians, medians[-1] - medians[0], (float(low[0]), float(high[0])),
        larger(np.ones(len(rare)), np.ones(len(common))), (float(low[1]), float(high[1])),
    )  # fmt: skip


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    total = np.cumsum(weights)
    return float(values[np.searchsorted(total, total[-1] / 2)])
