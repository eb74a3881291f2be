"""One number a base from an attribution, which bases are known, and means with intervals over sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from seqdl.encoding import N, one_hot
from seqdl.errors import InputError
from seqdl.evaluation.metrics import bootstrap_weights, genomic_blocks
from seqdl.evaluation.resampling import FEWEST_BLOCKS, interval
from seqdl.words import count, few

UNSIGNED = ("saliency",)  # methods whose number a base has a size and no sign


def base_contributions(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return what the base that is there contributes, with its sign.

    Parameters
    ----------
    values : float32 array, (n, L, 4)
        As in `Attribution`.
    codes : uint8 array, (n, L)

    Returns
    -------
    float32 array, (n, L)
        0 at an N. Of ``saliency``, the gradient at the letter that is there.
    """
    return np.einsum("nlc,nlc->nl", np.asarray(values, np.float32), one_hot(codes))


def base_scores(values: np.ndarray, codes: np.ndarray, method: str) -> np.ndarray:
    """Return one number a base by the custom of a method.

    Parameters
    ----------
    values : float32 array, (n, L, 4)
        As in `Attribution`.
    codes : uint8 array, (n, L)
    method : str
        For ``saliency`` the largest absolute gradient over the four letters (Simonyan, Vedaldi and
        Zisserman 2014), which has no sign; for the other methods `base_contributions`.

    Returns
    -------
    float32 array, (n, L)

    Raises
    ------
    InputError
        If the shapes do not belong together.
    """
    values, codes = np.asarray(values), np.asarray(codes)
    if values.shape != (*codes.shape, 4) or codes.ndim != 2:
        raise InputError(
            "`values` must have the shape (n, length, 4) and `codes` (n, length). "
            f"Received: {values.shape} and {codes.shape}."
        )
    if method in UNSIGNED:
        return np.where(codes < N, np.abs(values).max(axis=2), 0).astype(np.float32)
    return base_contributions(values, codes)


def check_scores(scores: Mapping[str, np.ndarray], codes: np.ndarray | None, least: int = 1) -> tuple:
    """Check numbers a base of one or several methods, and tell which bases count.

    Parameters
    ----------
    scores : mapping of str to float array, (n, L)
        By method.
    codes : uint8 array, (n, L), or None
        Where it is N, a base counts nowhere; None: every base counts.
    least : int
        Methods needed.

    Returns
    -------
    scores : dict of str to float32 array, (n, L)
    known : bool array, (n, L)

    Raises
    ------
    InputError
        If there are too few methods, shapes differ, a number is not finite, or no sequence has a base.
    """
    if not isinstance(scores, Mapping):
        raise InputError("`scores` is a mapping from a method's name to its numbers of shape (n, length).")
    if len(scores) < least:
        raise InputError(
            f"At least {count(least, 'method')} must be given. Received: {few(scores) or 'none'}."
        )
    scores = {name: np.asarray(value, np.float32) for name, value in scores.items()}
    shapes = {name: value.shape for name, value in scores.items()}
    shape = next(iter(shapes.values()))
    if len(shape) != 2 or len(set(shapes.values())) > 1:
        raise InputError(f"All scores must have one shape (n, length). Received: {shapes}.")
    for name, value in scores.items():
        if not np.isfinite(value).all():
            raise InputError(f"The scores of {name!r} hold NaN or infinity: did the network diverge?")
    known = np.ones(shape, bool) if codes is None else np.asarray(codes) < N
    if known.shape != shape:
        raise InputError(f"`codes` must have the scores' shape {shape}. Received: {known.shape}.")
    if not known.any():
        raise InputError("No sequence holds a known base (all are N), so there is nothing to measure.")
    return scores, known


class Resampling(NamedTuple):
    """How sequences are drawn in a bootstrap.

    Attributes
    ----------
    blocks : int64 array, (n,)
        Sequences of one block are drawn together.
    weights : float64 array, (blocks, R)
        How often each block occurs in each resample; R is 0 where there are too few blocks to resample.
    confidence : float
        Of the intervals, 0 to 1.
    """

    blocks: np.ndarray
    weights: np.ndarray
    confidence: float


def resample(
    n: int, groups: np.ndarray | None = None, bootstrap: int = 500, confidence: float = 0.95, seed: int = 0
) -> Resampling:
    """Draw the resamples of n sequences; intervals of all methods rest on the same draws.

    Parameters
    ----------
    n : int
        Sequences.
    groups : int array, (n,), optional
        Sequences that overlap or are alike have one number and are drawn together.
    bootstrap : int
        Resamples; 0 for no intervals.
    confidence : float
        Between 0 and 1.
    seed : int

    Returns
    -------
    Resampling

    Raises
    ------
    InputError
        If a number is out of range, or `groups` has another length.
    """
    if not 0 < confidence < 1 or bootstrap < 0:
        raise InputError(
            "`confidence` lies between 0 and 1, and `bootstrap` is 0 or more. "
            f"Received: {confidence} and {bootstrap}."
        )
    groups = np.arange(n) if groups is None else np.asarray(groups)
    if groups.shape != (n,):
        raise InputError(f"`groups` must have one number a sequence, ({n},). Received: {groups.shape}.")
    blocks = np.unique(groups, return_inverse=True)[1].astype(np.int64).ravel()
    n_blocks = int(blocks.max()) + 1 if n else 0
    if bootstrap and n_blocks >= FEWEST_BLOCKS:
        return Resampling(blocks, bootstrap_weights(n_blocks, bootstrap, seed), confidence)
    return Resampling(blocks, np.zeros((n_blocks, 0)), confidence)


def mean_interval(values: np.ndarray, resampling: Resampling) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean over sequences and its bootstrap interval.

    Parameters
    ----------
    values : float array, (n, ...)
        NaN where a sequence has no number; it is left out.
    resampling : Resampling

    Returns
    -------
    mean, low, high : float64 arrays, (...)
        The interval is NaN where there are too few blocks to resample.
    """
    values = np.asarray(values, np.float64)
    flat = values.reshape(len(values), -1)
    known = ~np.isnan(flat)
    n_blocks = len(resampling.weights)
    total, number = np.zeros((n_blocks, flat.shape[1])), np.zeros((n_blocks, flat.shape[1]))
    np.add.at(total, resampling.blocks, np.where(known, flat, 0.0))
    np.add.at(number, resampling.blocks, known)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total.sum(axis=0) / number.sum(axis=0)
        draws = (resampling.weights.T @ total) / (resampling.weights.T @ number)
    low, high = interval(draws, resampling.confidence)
    shape = values.shape[1:]
    return mean.reshape(shape), low.reshape(shape), high.reshape(shape)


def overlap_groups(regions) -> np.ndarray:
    """Number stretches of two windows' width, so that overlapping regions are drawn together in a bootstrap.

    Parameters
    ----------
    regions : sequence of Interval, length n
        Windows of one width.

    Returns
    -------
    int64 array, (n,)
    """
    contigs = np.unique([region.chrom for region in regions], return_inverse=True)[1]
    starts = np.array([region.start for region in regions], np.int64)
    return genomic_blocks(contigs, starts, 2 * regions[0].width)
