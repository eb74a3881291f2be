"""Which way of splitting was asked for, and which windows may be kept by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqdl.data.regions import Regions
from seqdl.data.split_regions import split_by_regions
from seqdl.data.splits import DROPPED, Split, as_list, split_at_random, split_by_chromosome, split_by_folds
from seqdl.data.windows import Grid, known_windows
from seqdl.errors import InputError


def choose_split(grid: Grid, alias, seed: int, **ways) -> Split:
    """Split by the one way that was asked for; chromosomes and regions may go together.

    Parameters
    ----------
    grid : Grid
    alias : mapping or path, optional
        As in `seqdl.io.chromosomes.reconcile`.
    seed : int
    **ways
        test_chroms, valid_chroms, test_regions, valid_regions, folds, random_split of `build_dataset`.

    Returns
    -------
    split : Split

    Raises
    ------
    InputError
        If none is given, or two that exclude each other.
    """
    asked = {
        k: v for k, v in ways.items() if v is not None and (k in ("folds", "random_split") or _listed(v))
    }
    regional = {"test_chroms", "valid_chroms", "test_regions", "valid_regions"} & set(asked)
    if (len(asked) - len(regional)) + bool(regional) != 1:
        raise InputError(
            "A split is by chromosome (--test-chroms and --valid-chroms), by region (--test-regions and "
            "--valid-regions), by --folds, or at random (--random-split): one of them. "
            f"Received: {', '.join(sorted(asked)) or 'none'}."
        )
    if "folds" in asked:
        return split_by_folds(grid.ids, grid.genome, ways["folds"], alias)
    if "random_split" in asked:
        return split_at_random(len(grid.starts), ways["random_split"], seed)
    if {"test_regions", "valid_regions"} & regional:
        test, valid = (
            _listed(ways[f"{n}_regions"]) + as_list(ways[f"{n}_chroms"]) for n in ("test", "valid")
        )
        return split_by_regions(grid.ids, grid.starts, grid.window, grid.genome, test, valid, alias)
    return split_by_chromosome(grid.ids, grid.genome, ways["test_chroms"], ways["valid_chroms"], alias)


def usable_windows(
    grid: Grid, unknown: Regions, max_n: float, regions, alias, seed: int, ways: dict, notes: list[str],
    clean_bins: bool = True,
) -> tuple[np.ndarray, Split]:  # fmt: skip
    """Mark the windows that may be kept, and split them.

    Parameters
    ----------
    grid : Grid
    unknown : Regions
        The genome's runs of N.
    max_n : float
        Largest share of N in a window.
    regions : Regions or None
        Regions that no window may touch.
    alias : mapping or path, optional
    seed : int
    ways : dict
        Of `choose_split`.
    notes : list of str
        Gets a line for each kind that is left out.
    clean_bins : bool
        Whether a bin may hold no N at all.

    Returns
    -------
    usable : bool array, shape (n,)
    split : Split

    Raises
    ------
    InputError
        If none is left, or the split is not usable.
    """
    usable = known_windows(grid, unknown, max_n, notes, clean_bins)
    if regions is not None:
        touched = grid.touching(regions) & usable
        notes.append(f"exclude: {int(touched.sum()):,} windows touch an excluded region: left out")
        usable &= ~touched
    split = choose_split(grid, alias, seed, **ways)
    return usable & (split.assignment != DROPPED), split


def stride_offsets(stride: int | None, bin: int, random_split, resolution: int = 1) -> list[int]:
    """Say where the further training grids begin: the multiples of the stride inside a bin.

    Parameters
    ----------
    stride : int or None
        Bases between training bins.
    bin : int
    random_split : optional
        Excludes a stride.
    resolution : int
        Bases of a coverage row, which a stride may not cut.

    Returns
    -------
    offsets : list of int

    Raises
    ------
    InputError
        If the stride does not divide the bin, cuts rows, or goes with a random split.
    """
    if stride is None or stride == bin:
        return []
    if stride < 1 or stride > bin or bin % stride:
        raise InputError(f"`train_stride` must divide the bin of {bin} bases. Received: {stride}.")
    if stride % resolution:
        raise InputError(
            f"`train_stride` is a multiple of the resolution, {resolution} bases: windows share whole rows. "
            f"Received: {stride}."
        )
    if random_split is not None:
        raise InputError(
            "`train_stride` makes training windows overlap their neighbours, which a random split would put "
            "into the other splits. Split by chromosome or region."
        )
    return list(range(stride, bin, stride))


def _listed(regions) -> list:
    """Turn a path, text with commas, or a sequence of either into a list."""
    return [str(regions)] if isinstance(regions, Path) else as_list(regions)
