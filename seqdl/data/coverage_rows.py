"""Windows of coverage on a genome's rows: where they lie, what they share, how much of them is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.data import negatives as neg
from seqdl.data.regions import Regions, merge
from seqdl.data.split_choice import stride_offsets, usable_windows
from seqdl.data.splits import TRAIN, require_all_splits
from seqdl.data.windows import lay_grid
from seqdl.errors import InputError
from seqdl.io.bed import place, read_bed
from seqdl.io.chromosomes import reconcile
from seqdl.io.rows import Rows


class Windows(NamedTuple):
    """Windows on the genome's rows, in genome order.

    Attributes
    ----------
    contig_ids : int32 array, shape (n,)
    starts : int64 array, shape (n,)
        First base of each window; may lie before its contig.
    split : uint8 array, shape (n,)
    rows : int64 array, shape (n,)
        First of each window's rows.
    span : int
        Rows of a window.
    kind : str
        How they were split.
    """

    contig_ids: np.ndarray
    starts: np.ndarray
    split: np.ndarray
    rows: np.ndarray
    span: int
    kind: str

    def take(self, which: np.ndarray) -> Windows:
        """Return the windows of a mask."""
        return Windows(*(column[which] for column in self[:4]), self.span, self.kind)

    def cover(self, n: int) -> np.ndarray:
        """Mark the rows, of `n`, that lie in a window."""
        steps = np.zeros(n + 1, np.int32)
        np.add.at(steps, self.rows, 1)
        np.add.at(steps, self.rows + self.span, -1)
        return np.cumsum(steps[:-1]) > 0


def lay_windows(
    genome, rows: Rows, unknown: Regions, window: int, bin: int, *, max_n: float, exclude, alias, seed: int,
    ways: dict, train_stride: int | None, notes: list[str],
) -> Windows:  # fmt: skip
    """Lay windows on a genome's bins, and training windows between them; split them.

    Parameters
    ----------
    genome : seqdl.Genome
    rows : Rows
        Of the whole genome.
    unknown : Regions
        The genome's runs of N.
    window, bin : int
        Bases.
    max_n, exclude, alias, seed, ways, train_stride
        Of `seqdl.data.build.build_dataset`.
    notes : list of str
        Gets lines on what is left out.

    Returns
    -------
    windows : Windows

    Raises
    ------
    InputError
        If none is left, or a split is empty.
    MissingDependencyError
        If `exclude` is given and bedtools is not installed.
    """
    regions = None
    if exclude is not None:
        neg.require_bedtools("Excluding regions (--exclude)")
        regions, more = neg.excluded_regions(exclude, genome, alias)
        notes += more
    parts, kind = [], ""
    for offset in [0, *stride_offsets(train_stride, bin, ways["random_split"], rows.resolution)]:
        grid = lay_grid(genome, window, bin, offset)
        said: list[str] = []
        usable, split = usable_windows(
            grid, unknown, max_n, regions, alias, seed, ways, said, clean_bins=False
        )
        if offset:
            usable &= split.assignment == TRAIN
        else:
            notes += [*said, *split.notes]
            kind = split.kind
            require_all_splits(split.assignment[usable], kind)
        ids = grid.ids[usable]
        first = rows.first[ids] + grid.tiling.starts[usable] // rows.resolution
        parts.append((ids, grid.starts[usable], split.assignment[usable], first))
    ids, starts, split, first = (np.concatenate(column) for column in zip(*parts, strict=True))
    if len(parts) > 1:
        added = len(starts) - len(parts[0][1])
        notes.append(f"windows: {added:,} more training windows between the bins, every {train_stride} bases")
    order = np.argsort(first, kind="stable")
    return Windows(ids[order], starts[order], split[order], first[order], bin // rows.resolution, kind)


def leave_out_unknown(
    windows: Windows, unknown: np.ndarray, n_targets: int, max_unknown: float, notes: list[str]
) -> Windows:
    """Leave out windows of which too much is not known.

    Parameters
    ----------
    windows : Windows
    unknown : int array, shape (rows,)
        Unknown targets of each row.
    n_targets : int
    max_unknown : float
        Largest share of a window's values.
    notes : list of str
        Gets a line where windows are left out.

    Returns
    -------
    windows : Windows

    Raises
    ------
    InputError
        If a split is empty then.
    """
    upto = np.concatenate([[0], np.cumsum(unknown, dtype=np.int64)])
    share = (upto[windows.rows + windows.span] - upto[windows.rows]) / (windows.span * n_targets)
    stay = share <= max_unknown
    if stay.all():
        return windows
    notes.append(
        f"windows: {int((~stay).sum()):,} windows of whose values more than {max_unknown:.0%} are not known: "
        "left out"
    )
    windows = windows.take(stay)
    if not len(windows.rows):
        raise InputError(
            f"No window is left: of each, more than {max_unknown:.0%} of the values are not known "
            "(--max-unknown)."
        )
    require_all_splits(windows.split, windows.kind)
    return windows


def touched_rows(rows: Rows, regions: Regions) -> np.ndarray:
    """Mark rows, bool (rows,), that share a base with regions inside their contigs."""
    steps = np.zeros(len(rows) + 1, np.int32)
    base = rows.first[regions.contig_ids]
    np.add.at(steps, base + regions.start // rows.resolution, 1)
    np.add.at(steps, base + (regions.end - 1) // rows.resolution + 1, -1)
    return np.cumsum(steps[:-1]) > 0


def read_blacklist(path, genome, alias, notes: list[str]) -> Regions:
    """Read a BED of regions whose values are not known.

    Parameters
    ----------
    path : path
    genome : seqdl.Genome
    alias : mapping or path, optional
    notes : list of str
        Gets a line on what was read.

    Returns
    -------
    regions : Regions

    Raises
    ------
    InputError
        If the file is not usable, or none of its contigs is the genome's.
    """
    table = read_bed(path, "blacklist")
    names = reconcile(table.chrom, genome.names, alias, what="blacklist")
    notes += names.report.splitlines()
    placed = place(table, names, genome.names, genome.sizes, clip=True)
    regions = merge(placed.contig_ids, placed.table.start, placed.table.end)
    notes.append(
        f"blacklist: {len(regions.start):,} regions of {int((regions.end - regions.start).sum()):,} bases: "
        "values there are not known"
    )
    return regions
