"""Tiling a genome: which windows predict which bins, and the mean of those that overlap."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError


class Tiling(NamedTuple):
    """How windows lie over a contig: from its first base on, each predicting its middle.

    Attributes
    ----------
    window, bin : int
        Bases of a window, and of its middle that is predicted.
    unit : int
        Bases of one value written.
    step : int
        Values between one window's first and the next one's.
    width : int
        Values of one window; more than `step` where windows overlap.
    """

    window: int
    bin: int
    unit: int
    step: int
    width: int

    @property
    def weights(self) -> np.ndarray:
        """float32 (width,): what a value counts where windows overlap, less the nearer it is to an edge.

        The values at a window's edges rest on less sequence on one side.
        """
        if self.step >= self.width:
            return np.ones(self.width, np.float32)
        place = np.arange(self.width)
        return np.minimum(place + 1, self.width - place).astype(np.float32)

    def starts(self, windows: np.ndarray) -> np.ndarray:
        """Return the first base, int64, of windows by their number along the contig."""
        return windows * self.step * self.unit - (self.window - self.bin) // 2

    def count(self, length: int) -> int:
        """Return how many windows a contig takes: the last one's middle holds the contig's last base."""
        values = -(-length // self.unit)
        return -(-values // self.step)


def make_tiling(window: int, bin: int, resolution: int, overlap: float) -> Tiling:
    """Choose the step that overlaps by about a share.

    Parameters
    ----------
    window, bin, resolution : int
        Of a run; the resolution of binary labels is 0.
    overlap : float
        Share of a window's middle that the next one predicts as well: at least 0, less than 1.

    Returns
    -------
    tiling : Tiling
        Of coverage, the step is a whole number of the run's values. Of labels, it divides the bin, and is the
        length of a value: the mean of the windows whose bins hold it.

    Raises
    ------
    InputError
        If `overlap` is out of range.
    """
    if not 0 <= overlap < 1:
        raise InputError(
            "`overlap` must be a share of the predicted stretch, at least 0 and less than 1. Received: "
            f"{overlap}."
        )
    if resolution:
        width = bin // resolution
        return Tiling(window, bin, resolution, max(1, round(width * (1 - overlap))), width)
    divisors = np.array([n for n in range(1, bin + 1) if bin % n == 0])
    step = int(divisors[np.abs(divisors - bin * (1 - overlap)).argmin()])
    return Tiling(window, bin, step, 1, bin // step)


class Stretch(NamedTuple):
    """Finished values of consecutive units of one contig.

    Attributes
    ----------
    first : int
        Number of the first unit; it begins at ``first * unit``.
    values : float32 array, shape (n, n_targets)
        NaN where nothing is predicted.
    """

    first: int
    values: np.ndarray


def wanted_windows(tiling: Tiling, length: int, regions: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Find the windows that predict regions of a contig.

    Parameters
    ----------
    tiling : Tiling
    length : int
        Bases of the contig.
    regions : int64 array, shape (n, 2), or None
        Starts and ends, 0-based, half-open; None for the whole contig.

    Returns
    -------
    windows : int64 array
        Numbers of all windows whose values touch a region, ascending: a value does not depend on what else
        was asked for.
    units : bool array, shape (units,)
        Which values lie in a region.
    """
    n_units = -(-length // tiling.unit)
    if regions is None:
        return np.arange(tiling.count(length)), np.ones(n_units, bool)
    edges = np.zeros(n_units + 1, np.int64)
    first, last = regions[:, 0] // tiling.unit, -(-regions[:, 1] // tiling.unit)
    np.add.at(edges, np.clip(first, 0, n_units), 1)
    np.add.at(edges, np.clip(last, 0, n_units), -1)
    units = edges.cumsum()[:-1] > 0
    before = np.concatenate([[0], units.cumsum()])
    windows = np.arange(tiling.count(length))
    low = windows * tiling.step
    high = np.minimum(low + tiling.width, n_units)
    return windows[before[high] > before[low]], units


def predict_contig(
    forward, genome, contig: int, tiling: Tiling, windows: np.ndarray, rows: int, advance
) -> Iterator[Stretch]:
    """Predict windows of one contig and yield its values as soon as no later window touches them.

    Parameters
    ----------
    forward : callable
        uint8 codes (n, window) to float32 (n, n_targets) or (n, n_bins, n_targets).
    genome : Genome
    contig : int
        Its place in ``genome.names``.
    tiling : Tiling
    windows : int64 array
        Ascending, of `wanted_windows`. Those whose middle holds no known base are left out.
    rows : int
        Windows at a time: memory is that of these, whatever the contig's length and the regions' places.
    advance : callable
        Called with the number of windows done.

    Yields
    ------
    stretch : Stretch
        In order, without gaps inside; units past the contig's end are cut off.
    """
    left = (tiling.window - tiling.bin) // 2
    n_units = -(-int(genome.sizes[contig]) // tiling.unit)
    weights = tiling.weights[None, :, None]
    # Windows side by side, no unit twice among each `lanes`-th of them: plain sums, no slow scatter.
    lanes = -(-tiling.width // tiling.step)
    held: tuple[int, np.ndarray, np.ndarray] | None = None  # first unit, weighted sums, weights
    for at in range(0, len(windows), rows):
        part = windows[at : at + rows]
        codes = genome.gather(np.full(len(part), contig), tiling.starts(part), tiling.window)
        known = (codes[:, left : left + tiling.bin] != N).any(axis=1)
        values = forward(codes[known])
        if values.ndim == 2:  # one number a window stands for all its units
            values = np.broadcast_to(values[:, None], (len(values), tiling.width, values.shape[1]))
        numbers = part[known]
        # Regions far apart hold nothing of what lies between them.
        apart = np.flatnonzero(np.diff(part) * tiling.step >= tiling.width) + 1
        for low, high in pairwise([0, *apart.tolist(), len(part)]):
            first, last = int(part[low]) * tiling.step, int(part[high - 1]) * tiling.step + tiling.width
            if held is not None:
                if held[0] + len(held[1]) > first:
                    first = min(first, held[0])
                else:
                    yield _finish(held, n_units)
                    held = None
            total = np.zeros((last - first, values.shape[2]), np.float32)
            weight = np.zeros((last - first, 1), np.float32)
            if held is not None:
                total[: len(held[1])] += held[1]
                weight[: len(held[1])] += held[2]
            here = slice(*np.searchsorted(numbers, (part[low], part[high - 1] + 1)))
            for lane in range(lanes):
                chosen = numbers[here] % lanes == lane
                places = numbers[here][chosen, None] * tiling.step + np.arange(tiling.width) - first
                total[places] += values[here][chosen] * weights
                weight[places] += weights
            after = int(windows[at + high]) * tiling.step if at + high < len(windows) else last
            done = min(max(after, first), last) - first
            if done:
                yield _finish((first, total[:done], weight[:done]), n_units)
            held = (first + done, total[done:], weight[done:]) if done < last - first else None
        advance(len(part))
    if held is not None:
        yield _finish(held, n_units)


def _finish(held: tuple[int, np.ndarray, np.ndarray], n_units: int) -> Stretch:
    first, total, weight = held
    with np.errstate(invalid="ignore", divide="ignore"):
        values = total / weight
    return Stretch(first, values[: max(n_units - first, 0)])
