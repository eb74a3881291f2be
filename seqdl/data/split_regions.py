"""A split by regions of the genome, without a base in two splits although windows overlap."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqdl.data.regions import Regions, contained, merge, overlapping
from seqdl.data.splits import DROPPED, TEST, TRAIN, VALID, Split, as_list
from seqdl.errors import InputError
from seqdl.intervals import Interval
from seqdl.io.bed import place, read_bed
from seqdl.io.chromosomes import reconcile
from seqdl.words import suggest


def split_by_regions(
    contig_ids: np.ndarray, starts: np.ndarray, window: int, genome, test: str | Sequence[str] | Path,
    valid: str | Sequence[str] | Path, alias=None,
) -> Split:  # fmt: skip
    """Hold regions out: a window belongs to one only with all of its bases, and is dropped if it straddles.

    Parameters
    ----------
    contig_ids, starts : int arrays, shape (n,)
        Of the windows; starts may lie before the contig.
    window : int
        Bases of a window.
    genome : seqdl.Genome
    test, valid : str, sequence of str, or path
        ``chrom:start-end`` (0-based, half-open), whole contigs by name, BED files; several with commas.
    alias : mapping or path, optional
        As in `seqdl.io.chromosomes.reconcile`.

    Returns
    -------
    split : Split

    Raises
    ------
    InputError
        If a region is not usable, or one base stands in two splits.

    Notes
    -----
    Windows overlap their neighbours, so without the dropping a test window would share bases with
    a training window beside it. No base of a kept window is ever in two splits.
    """
    notes: list[str] = []
    regions = {n: _read_regions(r, n, genome, alias, notes) for n, r in (("test", test), ("valid", valid))}
    both = overlapping(regions["test"], *regions["valid"])
    if both.any():
        i = int(np.argmax(both))
        name = genome.names[regions["valid"].contig_ids[i]]
        raise InputError(
            f"The valid region {name}:{regions['valid'].start[i]}-{regions['valid'].end[i]} overlaps a test "
            "region. A base belongs to one split only."
        )
    limits = genome.sizes[contig_ids]
    # Beyond a contig's end a window holds N only: what counts is its part inside.
    first, last = np.maximum(starts, 0), np.minimum(starts + window, limits)
    assignment = np.full(len(starts), TRAIN, np.uint8)
    for name in ("valid", "test"):
        assignment[overlapping(regions[name], contig_ids, first, last)] = DROPPED
    for code, name in ((VALID, "valid"), (TEST, "test")):
        assignment[contained(regions[name], contig_ids, first, last)] = code
    dropped = int((assignment == DROPPED).sum())
    if dropped:
        notes.append(f"split: {dropped:,} windows straddle a region's edge: left out, since they would leak")
    return Split(assignment, "regions", notes)


def _read_regions(given, split: str, genome, alias, notes: list[str]) -> Regions:
    """Read BED files, contig names and chrom:start-end texts, in any mixture, as merged regions."""
    ids, starts, ends = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    what = f"{split} regions"
    for item in [given] if isinstance(given, Path) else as_list(given):
        if isinstance(item, Path) or (":" not in str(item) and Path(item).expanduser().is_file()):
            table = read_bed(item, f"BED file of {what}")
            names = reconcile(table.chrom, genome.names, alias, what=what)
            placed = place(table, names, genome.names, genome.sizes, clip=True)
            notes += names.report.splitlines()
            ids.append(placed.contig_ids)
            starts.append(placed.table.start)
            ends.append(placed.table.end)
        else:
            chrom, start, end = _parse_region(str(item), what, genome, alias, notes)
            ids.append(np.array([genome.contig_id(chrom)], np.int32))
            starts.append(np.array([start], np.int64))
            ends.append(np.array([end], np.int64))
    return merge(np.concatenate(ids), np.concatenate(starts), np.concatenate(ends))


def _parse_region(text: str, what: str, genome, alias, notes: list[str]) -> tuple[str, int, int]:
    whole = reconcile([text], genome.names, alias, what=what, allow_none=True)
    if text in whole.mapping:
        notes += whole.report.splitlines()
        return whole.mapping[text], 0, genome.lengths[whole.mapping[text]]
    if ":" not in text:
        raise InputError(
            f"{what}: {text!r} is no BED file, no contig and no chrom:start-end.{suggest(text, genome.names)}"
        )
    interval = Interval.parse(text)
    names = reconcile([interval.chrom], genome.names, alias, what=what)
    notes += names.report.splitlines()
    length = genome.lengths[names.mapping[interval.chrom]]
    if interval.start >= length:
        raise InputError(f"{what}: {text} begins past the end of its contig ({length:,} bases).")
    return names.mapping[interval.chrom], interval.start, min(interval.end, length)
