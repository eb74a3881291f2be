"""Merged regions of a genome, and vectorised questions of many windows to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Contig i's base p is i * _SPAN + p: one sorted axis for a whole genome, and contigs never touch.
_SPAN = np.int64(1) << 36


class Regions(NamedTuple):
    """Disjoint regions in genome order, 0-based and half-open.

    Attributes
    ----------
    contig_ids : int32 array, shape (n,)
    start, end : int64 arrays, shape (n,)
    """

    contig_ids: np.ndarray
    start: np.ndarray
    end: np.ndarray


def merge(contig_ids: np.ndarray, start: np.ndarray, end: np.ndarray) -> Regions:
    """Unite intervals that overlap or touch.

    Parameters
    ----------
    contig_ids : int array, shape (n,)
        Any integers that tell groups apart: intervals of two groups are never united.
    start, end : int64 arrays, shape (n,)
        0-based, half-open.

    Returns
    -------
    regions : Regions

    Examples
    --------
    >>> merge(np.array([0, 0, 0]), np.array([5, 0, 9]), np.array([8, 5, 10])).end.tolist()
    [8, 10]
    """
    if len(start) == 0:
        return Regions(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64))
    order = np.lexsort((start, contig_ids))
    base = contig_ids[order].astype(np.int64) * _SPAN
    first, last = base + start[order], base + end[order]
    reach = np.maximum.accumulate(last)
    new = np.concatenate([[True], first[1:] > reach[:-1]])
    begin = np.flatnonzero(new)
    stop = np.concatenate([begin[1:], [len(first)]]) - 1
    ids = first[begin] // _SPAN
    return Regions(ids.astype(np.int32), first[begin] - ids * _SPAN, reach[stop] - ids * _SPAN)


def _axis(contig_ids: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    base = np.asarray(contig_ids, np.int64) * _SPAN
    return base + start, base + end


def overlapping(regions: Regions, contig_ids: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Tell which intervals share a base with the regions.

    Parameters
    ----------
    regions : Regions
    contig_ids : int array, shape (m,)
    start, end : int64 arrays, shape (m,)
        Inside their contigs.

    Returns
    -------
    touched : bool array, shape (m,)
    """
    if len(regions.start) == 0:
        return np.zeros(len(start), bool)
    region_start, region_end = _axis(*regions)
    first, last = _axis(contig_ids, start, end)
    nearest = np.searchsorted(region_end, first, "right")
    return (nearest < len(region_end)) & (region_start[np.minimum(nearest, len(region_end) - 1)] < last)


def contained(regions: Regions, contig_ids: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Tell which intervals lie wholly inside one region.

    Parameters
    ----------
    regions : Regions
    contig_ids : int array, shape (m,)
    start, end : int64 arrays, shape (m,)
        0-based, half-open, in bp; inside their contigs.

    Returns
    -------
    inside : bool array, shape (m,)
    """
    if len(regions.start) == 0:
        return np.zeros(len(start), bool)
    region_start, region_end = _axis(*regions)
    first, last = _axis(contig_ids, start, end)
    nearest = np.searchsorted(region_start, first, "right") - 1
    return (nearest >= 0) & (region_end[np.maximum(nearest, 0)] >= last)


def covered(regions: Regions, contig_ids: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Count the bases of each interval that lie in the regions.

    Parameters
    ----------
    regions : Regions
    contig_ids : int array, shape (m,)
    start, end : int64 arrays, shape (m,)
        0-based, half-open, in bp; inside their contigs.

    Returns
    -------
    bases : int64 array, shape (m,)
        From 0 to ``end - start``.
    """
    if len(regions.start) == 0:
        return np.zeros(len(start), np.int64)
    region_start, region_end = _axis(*regions)
    before = np.concatenate([[0], np.cumsum(regions.end - regions.start)])

    def upto(place: np.ndarray) -> np.ndarray:
        i = np.searchsorted(region_start, place, "right") - 1
        inside = np.minimum(place, region_end[np.maximum(i, 0)]) - region_start[np.maximum(i, 0)]
        return np.where(i >= 0, before[np.maximum(i, 0)] + inside, 0)

    first, last = _axis(contig_ids, start, end)
    return upto(last) - upto(first)


def unknown_bases(genome) -> Regions:
    """Find the runs of N in a genome.

    Parameters
    ----------
    genome : seqdl.Genome

    Returns
    -------
    regions : Regions
    """
    block = 1 << 24  # contigs are read in blocks, so that memory stays small whatever their length
    ids, starts, ends = [], [], []
    for i, name in enumerate(genome.names):
        codes = genome.codes(name)
        for at in range(0, len(codes), block):
            is_n = np.concatenate([[0], codes[at : at + block] > 3, [0]]).astype(np.int8)
            step = np.diff(is_n)
            starts.append(np.flatnonzero(step == 1) + at)
            ends.append(np.flatnonzero(step == -1) + at)
            ids.append(np.full(len(starts[-1]), i, np.int32))
    return merge(np.concatenate(ids), np.concatenate(starts), np.concatenate(ends))
