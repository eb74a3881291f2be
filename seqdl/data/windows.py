"""Which windows of a genome a dataset holds: known ones, of a split, with labels, and negatives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.data import negatives as neg
from seqdl.data.bins import Peaks, Tiling, tile
from seqdl.data.dataset_file import SPLITS
from seqdl.data.regions import Regions, contained, covered, overlapping
from seqdl.data.targets import Target
from seqdl.encoding import gc_content
from seqdl.errors import InputError


class Grid(NamedTuple):
    """A genome's bins, and the window in whose middle each lies.

    Attributes
    ----------
    genome : seqdl.Genome
    tiling : Tiling
        The bins.
    window : int
        Bases.
    starts : int64 array, shape (n,)
        First base of each window; before the contig for its first bins.
    first, last : int64 arrays, shape (n,)
        The part of each window inside its contig, half-open.
    """

    genome: object
    tiling: Tiling
    window: int
    starts: np.ndarray
    first: np.ndarray
    last: np.ndarray

    @property
    def ids(self) -> np.ndarray:
        """Contig id of each bin."""
        return self.tiling.contig_ids

    def codes(self, rows: np.ndarray) -> np.ndarray:
        """Read the windows of some bins: uint8, shape (m, window)."""
        return self.genome.gather(self.ids[rows], self.starts[rows], self.window)

    def touching(self, regions: Regions) -> np.ndarray:
        """Mark windows that share a base with regions."""
        return overlapping(regions, self.ids, self.first, self.last)


def lay_grid(genome, window: int, bin: int, offset: int = 0) -> Grid:
    """Cut a genome into bins and put a window round each.

    Parameters
    ----------
    genome : seqdl.Genome
    window, bin : int
        Bases.
    offset : int
        First base of each contig's first bin.

    Returns
    -------
    grid : Grid

    Raises
    ------
    InputError
        If a bin cannot lie in the middle of a window.
    """
    if bin < 1 or window < bin or (window - bin) % 2:
        raise InputError(
            "`window` must be at least `bin` and differ from it by an even number, so that the bin lies in "
            f"its middle. Received: window {window}, bin {bin}."
        )
    tiling = tile(genome.sizes, bin, offset)
    starts = tiling.starts - (window - bin) // 2
    last = np.minimum(starts + window, genome.sizes[tiling.contig_ids])
    return Grid(genome, tiling, window, starts, np.maximum(starts, 0), last)


def known_windows(
    grid: Grid, unknown: Regions, max_n: float, notes: list[str], clean_bins: bool = True
) -> np.ndarray:
    """Mark bins that hold no N and whose window holds no more than a share of it.

    Parameters
    ----------
    grid : Grid
    unknown : Regions
        The genome's runs of N, of `seqdl.data.regions.unknown_bases`.
    max_n : float
        Share of N in a window, 0 to 1; what lies past the contig's end is N.
    notes : list of str
        Gets a line for each kind that is left out.
    clean_bins : bool
        Whether a bin may hold no N at all, as one that carries labels.

    Returns
    -------
    usable : bool array, shape (n,)

    Raises
    ------
    InputError
        If none is left.
    """
    if not 0 <= max_n <= 1:
        raise InputError(f"`max_n` is a share, 0 to 1. Received: {max_n}.")
    bins = grid.tiling.starts
    clean = np.ones(len(bins), bool)
    if clean_bins:
        clean = ~overlapping(unknown, grid.ids, bins, bins + grid.tiling.bin)
    outside = grid.window - (grid.last - grid.first)
    few = covered(unknown, grid.ids, grid.first, grid.last) + outside <= max_n * grid.window
    if not clean.all():
        notes.append(f"windows: {int((~clean).sum()):,} of {len(clean):,} bins hold N: left out")
    if not few[clean].all():
        notes.append(f"windows: {int((clean & ~few).sum()):,} windows hold more than {max_n:.0%} N: left out")
    if not (clean & few).any():
        raise InputError(
            f"No window is left: the genome {grid.genome.name} has no bin of {grid.tiling.bin} bases "
            f"{'without N ' if clean_bins else ''}in a window of {grid.window} that holds at most "
            f"{max_n:.0%} N (max_n)."
        )
    return clean & few


def targets_with_labels(
    targets: list[Target],
    counts: list[int],
    bins: np.ndarray,
    which: np.ndarray,
    least: int,
    notes: list[str],
) -> tuple[list[Target], list[int], np.ndarray, np.ndarray]:
    """Leave out targets with too few labelled windows.

    Parameters
    ----------
    targets : list of Target
    counts : list of int
        Peaks of each.
    bins, which : int arrays, shape (pairs,)
        Labelled bins and the target of each, as `label_pairs` gives them.
    least : int
        Labelled windows a target must have; at least 1.
    notes : list of str
        Gets a line that lists those left out.

    Returns
    -------
    targets, counts, bins, which
        As received, of the targets that stay.

    Raises
    ------
    InputError
        If no target stays: labels would be all 0.
    """
    least = max(least, 1)
    positives = np.bincount(which, minlength=len(targets))
    stay = positives >= least
    if not stay.any():
        raise InputError(
            f"Labels would be all 0: no target has {least} labelled windows (the most is {positives.max()}). "
            f"Do the peaks lie on the genome's contigs, and in windows that are not left out?"
        )
    if not stay.all():
        few = [f"{t.name} ({n})" for t, n, s in zip(targets, positives, stay, strict=True) if not s]
        notes.append(
            f"targets: {len(few)} with fewer than {least} labelled windows left out: {', '.join(few)}"
        )
    number = np.cumsum(stay) - 1
    here = stay[which]
    kept = np.flatnonzero(stay).tolist()
    return (
        [targets[i] for i in kept],
        [counts[i] for i in kept],
        bins[here],
        number[which[here]].astype(np.int32),
    )


def draw_negatives(
    grid: Grid, split: np.ndarray, positives: np.ndarray, usable: np.ndarray, peaks: Peaks, kind: str,
    ratio: float, seed: int, notes: list[str],
) -> tuple[np.ndarray, np.ndarray | None]:  # fmt: skip
    """Draw negatives within each split, so that each has the same ratio and none crosses over.

    Parameters
    ----------
    grid : Grid
    split : uint8 array, shape (n,)
        Of each bin.
    positives : int64 array, shape (p,)
        Bins with a label.
    usable : bool array, shape (n,)
        Bins that may be drawn.
    peaks : Peaks
        Of all targets.
    kind : {"background", "gc", "shuffle"}
    ratio : float
        Negatives a positive.
    seed : int
    notes : list of str
        Gets a line on what was drawn.

    Returns
    -------
    rows : int64 array, shape (m,)
        Bins drawn, or of the positives that were shuffled.
    codes : uint8 array, shape (m, window), or None
        Shuffled sequences.

    Raises
    ------
    InputError
        If a split has no bin without peaks.
    MissingDependencyError
        If bedtools is needed and not installed.
    """
    rng = np.random.default_rng(seed)
    candidate = np.zeros(len(usable), bool)
    if kind != "shuffle":
        bins = grid.tiling.starts
        free = neg.regions_without_peaks(grid.genome, peaks)
        candidate = usable & contained(free, grid.ids, bins, bins + grid.tiling.bin)
        candidate[positives] = False  # the summit rule may label a bin that lies between two peaks' bases
    chosen = []
    for code, name in enumerate(SPLITS):
        here = positives[split[positives] == code]
        wanted = neg.how_many(len(here), ratio)
        if kind == "shuffle":
            chosen.append(here[neg.repeats(len(here), wanted, rng)])
            continue
        pool = np.flatnonzero(candidate & (split == code))
        if len(pool) == 0:
            raise InputError(
                f"There is no background for the split {name!r}: each of its bins touches a peak. "
                f"Shuffled positives (--negatives shuffle) need none."
            )
        if len(pool) < wanted:
            notes.append(
                f"negatives: {name}: {wanted:,} asked for, only {len(pool):,} bins touch no peak: all taken"
            )
        if kind == "background":
            chosen.append(pool[neg.sample_background(len(pool), wanted, rng)])
            continue
        gc, gc_pool = (_gc(grid, rows) for rows in (here, pool))
        picked = neg.match_gc(gc, gc_pool, wanted, rng)
        chosen.append(pool[picked])
        notes.append(
            f"negatives: {name}: mean GC {gc_pool[picked].mean():.3f}, of the positives {gc.mean():.3f}"
        )
    rows = np.concatenate(chosen)
    notes.append(f"negatives: {len(rows):,} windows, {kind}")
    if kind != "shuffle":
        return rows, None
    return rows, np.concatenate(
        list(neg.shuffle_positives((grid.codes(rows[b]) for b in neg.blocks(len(rows))), seed))
    )


def _gc(grid: Grid, rows: np.ndarray) -> np.ndarray:
    return np.concatenate([gc_content(grid.codes(rows[block])) for block in neg.blocks(len(rows))])
