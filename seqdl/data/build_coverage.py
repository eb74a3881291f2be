"""Datasets of coverage: tracks read one at a time onto a genome's rows, and windows that share them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from seqdl.data.build_report import provenance, target_table
from seqdl.data.coverage_report import CoverageReport, RowTally, report_coverage
from seqdl.data.coverage_rows import lay_windows, leave_out_unknown, read_blacklist, touched_rows
from seqdl.data.coverage_table import Filling, fill_table, lend_table, turn_table
from seqdl.data.dataset_file import Contigs, Coverage, write_dataset
from seqdl.data.regions import unknown_bases
from seqdl.data.splits import TRAIN
from seqdl.data.tracks import collect_tracks
from seqdl.data.transform import read_cap, read_scale
from seqdl.errors import InputError, require_one_of
from seqdl.io.rows import lay_rows
from seqdl.io.signal import MISSING, Reading, parse_shift


def build_from_coverage(
    genome, out: str | Path, arguments: dict, *, coverage, targets, window: int | None, bin: int | None,
    resolution: int | None, signal: str, shift, statistic: str, stranded: bool, min_mapq: int, missing: str,
    absent: str, blacklist, max_unknown: float, sqrt: bool, soft_cap: float | None, cap, scale, ways: dict,
    exclude, max_n: float, train_stride: int | None, alias, category: str, workers: int, seed: int,
    began: float,
) -> CoverageReport:  # fmt: skip
    """Build a dataset of coverage; the arguments are those of `seqdl.data.build.build_dataset`.

    One track is held in memory at a time, as float32 of all rows (97 million at 32 bp of a human genome:
    388 MB, and as much again to count reads), by each of `workers`. All tracks lie as float16 in a
    temporary file beside `out` until they are turned into rows, so the disk holds them twice for a while.

    Parameters
    ----------
    genome : seqdl.Genome
    out : path
    arguments : dict
        As given, for the record.
    ways : dict
        Of the split: test_chroms, valid_chroms, test_regions, valid_regions, folds, random_split.
    began : float
        When the build began, by `time.monotonic`.

    Returns
    -------
    report : CoverageReport

    Raises
    ------
    InputError
        If a track or a combination of arguments is not usable, a split is empty, or the disk is too small.
    MissingDependencyError
        If bedtools, pyBigWig or pysam is needed and not installed.
    """
    own = {*locals(), *ways}  # what labels and sequences take says nothing of this dataset
    arguments = {k: v for k, v in arguments.items() if k in own}
    window, bin, resolution = _sizes(window, bin, resolution)
    require_one_of("missing", missing, MISSING)
    if workers < 1:
        raise InputError(f"`workers` is 1 or more. Received: {workers}.")
    if not 0 <= max_unknown < 1:
        raise InputError(f"`max_unknown` is a share, 0 to less than 1. Received: {max_unknown}.")
    if soft_cap is not None and (isinstance(soft_cap, str) or not 1 <= soft_cap < math.inf):
        raise InputError(f"`soft_cap` is a value, 1 or more. Received: {soft_cap!r}.")
    reading = Reading(signal, parse_shift(shift), statistic, min_mapq, stranded, absent)
    tracks, strand_pairs, notes = collect_tracks(
        coverage, targets, category, reading, resolution, read_cap(cap), read_scale(scale)
    )
    rows = lay_rows(genome.names, genome.sizes, resolution)
    unknown = unknown_bases(genome)
    windows = lay_windows(
        genome, rows, unknown, window, bin, max_n=max_n, exclude=exclude, alias=alias, seed=seed, ways=ways,
        train_stride=train_stride, notes=notes,
    )  # fmt: skip
    hidden = touched_rows(rows, unknown)
    if blacklist is not None:
        hidden |= touched_rows(rows, read_blacklist(blacklist, genome, alias, notes))
    windows = leave_out_unknown(windows, hidden, 1, max_unknown, notes)
    listed = [target for track in tracks for target in track.targets]
    train = windows.take(windows.split == TRAIN).cover(len(rows)) & ~hidden
    used = frozenset(genome.names[i] for i in np.unique(windows.contig_ids))
    filling = Filling(rows, hidden, train, used, missing, alias, sqrt, soft_cap)
    with lend_table(Path(out), len(listed), len(rows), workers) as table:
        filled = fill_table(table, tracks, filling, notes, workers)
        windows = leave_out_unknown(windows, filled.unknown, len(listed), max_unknown, notes)
        kept = windows.cover(len(rows))
        record = provenance(
            arguments | {"window": window, "bin": bin, "resolution": resolution}, notes,
            [t.targets[0] for t in tracks], [(t.path, r) for t, r in zip(tracks, filled.inside, strict=True)],
        ) | {"coverage": {"resolution": resolution, "targets": filled.records}}  # fmt: skip
        tally = RowTally(len(listed))
        n_rows = int(kept.sum())
        place = np.cumsum(kept) - 1
        write_dataset(
            out, window=window, bin=bin, targets=target_table(listed), split=windows.split,
            split_kind=windows.kind, provenance=record, contig_ids=windows.contig_ids, starts=windows.starts,
            coverage=Coverage(
                resolution, n_rows, len(listed), tally.watch(turn_table(table, kept)), place[windows.rows]
            ),
            strand_pairs=strand_pairs,
            contigs=Contigs(genome.names, genome.sizes, tuple(genome.md5[n] for n in genome.names)),
            genome_path=genome.path.resolve() if genome.path else None, genome_name=genome.name,
            genome_checksum=genome.checksum,
        )  # fmt: skip
    names = [t.name for t in listed]
    return report_coverage(out, windows, tally, names, resolution, n_rows, notes, began)


def _sizes(window: int | None, bin: int | None, resolution: int | None) -> tuple[int, int, int]:
    window = 4096 if window is None else window
    bin = window // 2 if bin is None else bin
    resolution = 128 if resolution is None else resolution
    if resolution < 1 or bin < 1 or bin % resolution:
        raise InputError(
            f"`resolution` divides `bin`: a window's middle holds whole values. Received: bin {bin}, "
            f"resolution {resolution}."
        )
    return window, bin, resolution
