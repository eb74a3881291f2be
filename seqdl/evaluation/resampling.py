"""The bootstrap: which windows it draws together, and what follows from the replicates.

Stretches of the genome are drawn and not single windows, since neighbouring windows overlap.
"""

from __future__ import annotations

import numpy as np

from seqdl.evaluation.metrics import bootstrap_weights, genomic_blocks, nan_quantile

# Blocks kept apart at most: thousands more narrow no interval, and sums are kept for each.
MOST_BLOCKS = 2000
# Fewer than this and nearly every resample looks like every other: intervals would be far too narrow.
FEWEST_BLOCKS = 6


def resampling(
    data,
    indices: np.ndarray,
    block: int,
    bootstrap: int,
    seed: int,
    notes: list[str],
    most: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Number the blocks of windows and draw the resamples.

    Parameters
    ----------
    data : Dataset
    indices : int64 (n,)
        Windows to measure.
    block : int
        Length of a block, in bins; never shorter than two windows, which overlap as far as they are long.
    bootstrap : int
        Resamples; 0 for none.
    seed : int
        Of the draw.
    notes : list of str
        Gets a sentence where intervals are rough or impossible.
    most : int, optional
        Join neighbouring blocks until there are at most so many.

    Returns
    -------
    blocks : int64 (n,)
        Block of every window, 0 to B - 1; a window that lies nowhere is a block of its
        own, or with those of its group.
    weights : float64 (B, R)
        How often each block occurs in each resample; R is 0 where nothing can be resampled.
    """
    contigs = np.asarray(data.contig_ids)[indices]
    blocks = np.arange(len(indices), dtype=np.int64)
    groups = getattr(data, "groups", None)
    if groups is not None:
        # Members of a family or cluster are alike: they are drawn together.
        grouped = groups[indices] >= 0
        blocks[grouped] = len(indices) + groups[indices][grouped]
        blocks = np.unique(blocks, return_inverse=True)[1].astype(np.int64)
    placed = contigs >= 0
    if placed.any():
        size = max(block * data.bin, 2 * data.window)
        of_placed = genomic_blocks(contigs[placed], np.asarray(data.starts)[indices][placed], size)
        blocks[placed] = len(indices) + of_placed
        blocks = np.unique(blocks, return_inverse=True)[1]
    n_blocks = int(blocks.max()) + 1
    if most is not None and n_blocks > most:
        blocks, n_blocks = blocks * most // n_blocks, most
    if bootstrap and n_blocks < FEWEST_BLOCKS:
        where = "a single block" if n_blocks == 1 else f"only {n_blocks} blocks, too few to resample"
        notes.append(
            f"The windows lie in {where}, so there are no intervals; a smaller --block may give some."
        )
        bootstrap = 0
    elif bootstrap and n_blocks < 20:
        notes.append(f"The windows lie in only {n_blocks} blocks: the intervals are rough.")
    if not bootstrap:
        return blocks, np.zeros((n_blocks, 0))
    return blocks, bootstrap_weights(n_blocks, bootstrap, seed)


def median_draws(draws: np.ndarray) -> np.ndarray:
    """Return the median over targets in every replicate, without targets that a replicate cannot score.

    Parameters
    ----------
    draws : float64 (R, T)
        NaN where a replicate has no number, such as for a target that lost all its positives.

    Returns
    -------
    float64 (R,)
    """
    if not draws.size:
        return np.full(len(draws), np.nan)
    return nan_quantile(draws.T, 0.5)


def interval(draws: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile interval over replicates, low and high, of draws (R, ...)."""
    tail = (1 - confidence) / 2
    return nan_quantile(draws, tail), nan_quantile(draws, 1 - tail)


def pair(draws: np.ndarray, confidence: float) -> list[float] | None:
    """Return the interval of draws (R,) fit for JSON: [low, high], or None where there is none."""
    low, high = interval(draws, confidence)
    return None if np.isnan(low) else [float(low), float(high)]


def two_sided(draws: np.ndarray) -> float | None:
    """Return the p of "no difference" from the differences (R,) of a paired bootstrap; None without any."""
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return None
    tail = min((draws <= 0).sum(), (draws >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(draws) + 1)))
