"""A genome cut into bins, and the rule by which a peak labels a bin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError

LABEL_RULES = ("half", "half-bin", "any", "summit")


class Tiling(NamedTuple):
    """The whole bins of every contig, in genome order; a contig's last, shorter piece is left out.

    Attributes
    ----------
    contig_ids : int32 array, shape (n,)
    starts : int64 array, shape (n,)
        First base of each bin.
    first : int64 array, shape (contigs + 1,)
        Index of each contig's first bin.
    bin : int
        Bases of a bin.
    offset : int
        First base of each contig's first bin.
    """

    contig_ids: np.ndarray
    starts: np.ndarray
    first: np.ndarray
    bin: int
    offset: int = 0


class Peaks(NamedTuple):
    """Peaks of all targets on a genome.

    Attributes
    ----------
    target : int32 array, shape (n,)
    contig_ids : int32 array, shape (n,)
    start, end, summit : int64 arrays, shape (n,)
        Inside their contigs; the summit is -1 where there is none.
    """

    target: np.ndarray
    contig_ids: np.ndarray
    start: np.ndarray
    end: np.ndarray
    summit: np.ndarray


def tile(lengths: Sequence[int], bin: int, offset: int = 0) -> Tiling:
    """Cut contigs into bins from their first base, or another one, on.

    Parameters
    ----------
    lengths : sequence of int
        Bases of each contig.
    bin : int
        Bases of a bin.
    offset : int
        First base of each contig's first bin.

    Returns
    -------
    tiling : Tiling

    Examples
    --------
    >>> tile([5, 1, 4], 2).starts.tolist()
    [0, 2, 0, 2]
    """
    counts = np.maximum(np.asarray(lengths, np.int64) - offset, 0) // bin
    first = np.concatenate([[0], np.cumsum(counts)])
    contig_ids = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    starts = (np.arange(first[-1]) - first[contig_ids]) * bin + offset
    return Tiling(contig_ids, starts, first, bin, offset)


def label_pairs(
    tiling: Tiling, peaks: Peaks, n_targets: int, rule: str = "half"
) -> tuple[np.ndarray, np.ndarray]:
    """Find which bins carry which label.

    Parameters
    ----------
    tiling : Tiling
    peaks : Peaks
    n_targets : int
    rule : {"half", "half-bin", "any", "summit"}
        "half-bin": one peak covers more than half of the bin. "half": that, or the bin holds at
        least half of a peak that is no wider than the bin; so every peak labels a bin, also one of a
        single base. "any": one shared base is enough. "summit": the bin that holds the peak's summit,
        or its middle where the file gives no summit.

    Returns
    -------
    bins : int64 array
        Index of a labelled bin, ascending.
    targets : int32 array
        Its target; each pair appears once.

    Raises
    ------
    InputError
        If the rule is unknown.
    """
    if rule not in LABEL_RULES:
        raise InputError(f"`label_rule` is one of {', '.join(LABEL_RULES)}. Received: {rule!r}.")
    if rule == "summit":
        middle = np.where(peaks.summit >= 0, peaks.summit, (peaks.start + peaks.end) // 2)
        bins, overlap, row = _expand(tiling, peaks.contig_ids, middle, middle + 1)
    else:
        bins, overlap, row = _expand(tiling, peaks.contig_ids, peaks.start, peaks.end)
    enough = np.ones(len(bins), bool)
    if rule in ("half", "half-bin"):
        enough = 2 * overlap > tiling.bin
    if rule == "half":
        width = (peaks.end - peaks.start)[row]
        enough |= (width <= tiling.bin) & (2 * overlap >= width)
    keys = np.unique(bins[enough] * n_targets + peaks.target[row[enough]])
    return keys // n_targets, (keys % n_targets).astype(np.int32)


def dense_labels(bins: np.ndarray, targets: np.ndarray, keep: np.ndarray, n_targets: int) -> np.ndarray:
    """Write pairs as a table of 0 and 1.

    Parameters
    ----------
    bins, targets : arrays of `label_pairs`
    keep : int64 array, shape (m,)
        Bins that become rows, ascending.
    n_targets : int

    Returns
    -------
    labels : uint8 array, shape (m, n_targets)
    """
    labels = np.zeros((len(keep), n_targets), np.uint8)
    row = np.searchsorted(keep, bins)
    found = row < len(keep)
    found[found] = keep[row[found]] == bins[found]
    labels[row[found], targets[found]] = 1
    return labels


def _expand(
    tiling: Tiling, contig_ids: np.ndarray, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List each (bin, overlap in bases, interval) of intervals that share a base with whole bins."""
    size = tiling.bin
    start, end = start - tiling.offset, end - tiling.offset
    bins_there = (tiling.first[1:] - tiling.first[:-1])[contig_ids]
    low = np.maximum(start // size, 0)
    high = np.minimum((end - 1) // size, bins_there - 1)
    many = np.maximum(high - low + 1, 0)
    row = np.repeat(np.arange(len(start)), many)
    within = np.arange(len(row)) - np.repeat(np.cumsum(many) - many, many)
    local = low[row] + within
    overlap = np.minimum(end[row], (local + 1) * size) - np.maximum(start[row], local * size)
    return tiling.first[contig_ids[row]] + local, overlap, row
