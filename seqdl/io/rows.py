"""A genome cut into rows of a few bases each, and reads added up on them without a loop over reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError


class Rows(NamedTuple):
    """The rows of every contig one after another; a contig's last row may hold fewer bases.

    Attributes
    ----------
    names : tuple of str
        Contigs, in the genome's order.
    sizes : int64 array, shape (contigs,)
        Their bases.
    resolution : int
        Bases a row.
    first : int64 array, shape (contigs + 1,)
        Each contig's first row; the last entry is the number of rows.
    """

    names: tuple[str, ...]
    sizes: np.ndarray
    resolution: int
    first: np.ndarray

    def __len__(self) -> int:
        return int(self.first[-1])

    def of(self, contig: int) -> slice:
        """Return the rows of one contig."""
        return slice(int(self.first[contig]), int(self.first[contig + 1]))


def lay_rows(names: Sequence[str], sizes: Sequence[int], resolution: int) -> Rows:
    """Cut contigs into rows from their first base on, the last shorter piece included.

    Parameters
    ----------
    names : sequence of str
    sizes : sequence of int
        Bases of each contig.
    resolution : int
        Bases a row.

    Returns
    -------
    rows : Rows

    Raises
    ------
    InputError
        If `resolution` is less than 1.

    Examples
    --------
    >>> lay_rows(["a", "b"], [5, 4], 2).first.tolist()
    [0, 3, 5]
    """
    if resolution < 1:
        raise InputError(f"`resolution` is a number of bases, 1 or more. Received: {resolution}.")
    sizes = np.asarray(sizes, np.int64)
    return Rows(tuple(names), sizes, resolution, np.concatenate([[0], np.cumsum(-(-sizes // resolution))]))


class EndCounter:
    """Counts the ends (cut sites) that lie in each row.

    Parameters
    ----------
    rows : Rows

    Attributes
    ----------
    inside, outside : int
        Ends counted, and ends that lie before or past their contig.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._counts = np.zeros(len(rows), np.int32)
        self.inside = self.outside = 0

    def add(self, contig_ids: np.ndarray | int, places: np.ndarray) -> None:
        """Count ends.

        Parameters
        ----------
        contig_ids : int array, shape (n,), or int
        places : int64 array, shape (n,)
            0-based bases.
        """
        rows = self._rows
        contig_ids = np.broadcast_to(contig_ids, places.shape)
        here = (places >= 0) & (places < rows.sizes[contig_ids])
        if not here.all():
            contig_ids, places = contig_ids[here], places[here]
        np.add.at(self._counts, rows.first[contig_ids] + places // rows.resolution, 1)
        self.inside += len(places)
        self.outside += len(here) - len(places)

    def values(self, mean: bool = False) -> np.ndarray:
        """Return ends a row (a base where `mean`), float32 (rows,)."""
        values = self._counts.astype(np.float32)
        return values / row_widths(self._rows) if mean else values


class DepthCounter:
    """Adds up how often fragments cover the bases of each row.

    A fragment raises a row by the bases that they share. Summed over bases, the depth is linear
    between the rows' borders, so two entries at each of a fragment's ends say all (a difference
    array whose entries are shared between a row and its next), and one cumulative sum gives the rows.

    Parameters
    ----------
    rows : Rows

    Attributes
    ----------
    inside, outside : int
        Fragments that share a base with their contig, and fragments that do not.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        # One row more a contig: a fragment may end where its contig does.
        self._first = rows.first + np.arange(len(rows.first))
        self._steps = np.zeros(int(self._first[-1]) + 1, np.int64)
        self.inside = self.outside = 0

    def add(self, contig_ids: np.ndarray | int, starts: np.ndarray, ends: np.ndarray) -> None:
        """Add fragments.

        Parameters
        ----------
        contig_ids : int array, shape (n,), or int
        starts, ends : int64 arrays, shape (n,)
            0-based, half-open; what lies past the contig is not counted.
        """
        rows = self._rows
        contig_ids = np.broadcast_to(contig_ids, starts.shape)
        starts = np.maximum(starts, 0)
        ends = np.minimum(ends, rows.sizes[contig_ids])
        here = starts < ends
        self.inside += int(here.sum())
        self.outside += int((~here).sum())
        base = self._first[contig_ids[here]]
        for places, sign in ((starts[here], 1), (ends[here], -1)):
            row, past = np.divmod(places, rows.resolution)
            row += base
            np.add.at(self._steps, row, sign * (rows.resolution - past))
            np.add.at(self._steps, row + 1, sign * past)

    def values(self, mean: bool = False) -> np.ndarray:
        """Return covered bases a row (mean depth where `mean`), float32 (rows,)."""
        rows = self._rows
        depth = np.empty(len(rows), np.float32)
        for contig in range(len(rows.names)):
            part = rows.of(contig)
            steps = self._steps[self._first[contig] : self._first[contig] + part.stop - part.start]
            depth[part] = np.cumsum(steps)
        return depth / row_widths(rows) if mean else depth


def row_widths(rows: Rows) -> np.ndarray:
    """Return the bases of each row, float32 (rows,): the resolution, or less at a contig's end."""
    widths = np.full(len(rows), rows.resolution, np.float32)
    short = rows.sizes % rows.resolution
    cut = short > 0
    widths[rows.first[1:][cut] - 1] = short[cut]
    return widths
