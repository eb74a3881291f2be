"""Datasets of binary labels from peaks on a genome."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqdl.data import negatives as neg
from seqdl.data.bins import LABEL_RULES, dense_labels, label_pairs
from seqdl.data.build_report import BuildReport, finish, provenance
from seqdl.data.dataset_file import Contigs, Sequences
from seqdl.data.regions import unknown_bases
from seqdl.data.split_choice import stride_offsets, usable_windows
from seqdl.data.splits import TRAIN, require_all_splits
from seqdl.data.targets import collect_targets, read_peaks
from seqdl.data.windows import Grid, draw_negatives, lay_grid, targets_with_labels
from seqdl.errors import InputError, require_one_of

WINDOWS = ("all", "labelled")


def build_from_peaks(
    genome, out: str | Path, arguments: dict, *, peaks, targets, window: int, bin: int, ways: dict,
    windows: str, negatives: str, negative_ratio: float, exclude, label_rule: str, min_peaks: int,
    min_positives: int, max_n: float, train_stride: int | None, clip: bool, alias, category: str, seed: int,
    began: float,
) -> BuildReport:  # fmt: skip
    """Build a dataset of labels; the arguments are those of `seqdl.data.build.build_dataset`.

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
    report : BuildReport

    Raises
    ------
    InputError
        If a file or a combination of arguments is not usable, a split is empty, or nothing is labelled.
    MissingDependencyError
        If bedtools is needed and not installed.
    """
    require_one_of("windows", windows, WINDOWS)
    require_one_of("label_rule", label_rule, LABEL_RULES)
    if negatives != "none" and windows == "all":
        raise InputError(
            f"Negatives ({negatives}) go with labelled windows: add --windows labelled. "
            f"Among all windows, those without a label are the negatives."
        )
    if negatives in ("background", "gc"):
        neg.require_bedtools("Drawing background windows (--negatives)")
    if exclude is not None:
        neg.require_bedtools("Excluding regions (--exclude)")
    grid = lay_grid(genome, window, bin)
    listed, notes = collect_targets(peaks, targets, category)
    kept, marks, counts, more = read_peaks(listed, genome, alias, clip, min_peaks)
    notes += more
    offsets = stride_offsets(train_stride, bin, ways["random_split"])
    regions = None
    if exclude is not None:
        regions, more = neg.excluded_regions(exclude, genome, alias)
        notes += more
    unknown = unknown_bases(genome)
    usable, split = usable_windows(grid, unknown, max_n, regions, alias, seed, ways, notes)
    notes += split.notes
    require_all_splits(split.assignment[usable], split.kind)

    bins, which = label_pairs(grid.tiling, marks, len(kept), label_rule)
    here, read = usable[bins], kept
    kept, counts, bins, which = targets_with_labels(
        kept, counts, bins[here], which[here], min_positives, notes
    )
    # Which column each target that peaks were read for has now; -1 for one that was left out.
    place_of = np.array([kept.index(t) if t in kept else -1 for t in read])
    rows = np.flatnonzero(usable) if windows == "all" else np.unique(bins)
    require_all_splits(split.assignment[rows], split.kind)
    labels, origin = dense_labels(bins, which, rows, len(kept)), np.zeros(len(rows), np.uint8)
    stored: dict = {}
    if negatives != "none":
        found, codes = draw_negatives(
            grid, split.assignment, rows, usable, marks, negatives, negative_ratio, seed, notes
        )
        rows = np.concatenate([rows, found])
        labels = np.concatenate([labels, np.zeros((len(found), len(kept)), np.uint8)])
        origin = np.concatenate([origin, np.full(len(found), neg.NEGATIVES.index(negatives), np.uint8)])
    contig_ids, starts, assignment = grid.ids[rows], grid.starts[rows], split.assignment[rows]
    if negatives == "shuffle":
        stored = _store(grid, codes, contig_ids, starts)
    if offsets:
        # In front: stored sequences are the last rows.
        tables = [(contig_ids, starts, assignment, origin, labels)]
        for offset in reversed(offsets):
            between = lay_grid(genome, grid.window, bin, offset)
            fine, parts = usable_windows(between, unknown, max_n, regions, alias, seed, ways, [])
            fine &= parts.assignment == TRAIN
            tables.insert(
                0, _labelled_windows(between, fine, marks, place_of, len(kept), label_rule, windows)
            )
        contig_ids, starts, assignment, origin, labels = (
            np.concatenate(column) for column in zip(*tables, strict=True)
        )
        if stored:
            pad = np.full(len(starts) - len(stored["sequence_ids"]), -1, np.int64)
            stored["sequence_ids"] = np.concatenate([pad, stored["sequence_ids"]])
        added = len(starts) - len(tables[-1][1])
        notes.append(f"windows: {added:,} more training windows between the bins, every {train_stride} bases")
    record = provenance(arguments, notes, kept, [(t.path, n) for t, n in zip(kept, counts, strict=True)])
    return finish(
        out, began, split.kind, kept, record,
        window=grid.window, bin=bin, labels=labels, split=assignment, origin=origin,
        contig_ids=contig_ids, starts=starts,
        contigs=Contigs(genome.names, genome.sizes, tuple(genome.md5[n] for n in genome.names)),
        genome_path=genome.path.resolve() if genome.path else None, genome_name=genome.name,
        genome_checksum=genome.checksum, **stored,
    )  # fmt: skip


def _labelled_windows(
    grid: Grid, usable: np.ndarray, marks, place_of: np.ndarray, n_targets: int, rule: str, windows: str
):
    """Label one grid's training windows: contig ids, starts, split, origin, labels."""
    bins, which = label_pairs(grid.tiling, marks, len(place_of), rule)
    here = usable[bins] & (place_of[which] >= 0)
    bins, which = bins[here], place_of[which[here]]
    rows = np.flatnonzero(usable) if windows == "all" else np.unique(bins)
    labels = dense_labels(bins, which, rows, n_targets)
    none = np.zeros(len(rows), np.uint8)
    return grid.ids[rows], grid.starts[rows], np.full(len(rows), TRAIN, np.uint8), none, labels


def _store(grid: Grid, codes: np.ndarray, contig_ids: np.ndarray, starts: np.ndarray) -> dict:
    """Store shuffled windows, the last ones, as sequences: they have no place in the genome any more."""
    n, window = codes.shape
    ids = np.full(len(starts), -1, np.int64)
    ids[-n:] = np.arange(n)
    contigs = grid.genome.names
    names = [
        f"shuffled {contigs[c]}:{s}-{s + window}" for c, s in zip(contig_ids[-n:], starts[-n:], strict=True)
    ]
    contig_ids[-n:], starts[-n:] = -1, 0
    return {"sequences": Sequences(codes.ravel(), np.arange(n + 1) * window, names), "sequence_ids": ids}
