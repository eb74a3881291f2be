"""`build_dataset`: genome and peaks, or sequences, in; one HDF5 file with windows, labels and a split out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seqdl.data import negatives as neg
from seqdl.data.bins import LABEL_RULES, dense_labels, label_pairs
from seqdl.data.build_report import BuildReport, finish, provenance
from seqdl.data.dataset_file import Contigs, Sequences
from seqdl.data.regions import Regions, unknown_bases
from seqdl.data.splits import DROPPED, TRAIN, Split, require_all_splits
from seqdl.data.targets import collect_targets, read_peaks
from seqdl.data.windows import (
    Grid,
    choose_split,
    draw_negatives,
    known_windows,
    lay_grid,
    targets_with_labels,
)
from seqdl.errors import InputError

WINDOWS = ("all", "labelled")


def build_dataset(
    genome=None,
    peaks: Sequence[str | Path] | str | Path | None = None,
    window: int | None = None,
    bin: int = 200,
    out: str | Path = "dataset.h5",
    *,
    targets: str | Path | None = None,
    fasta: str | Path | None = None,
    negatives_fasta: str | Path | None = None,
    test_chroms: Sequence[str] | str | None = None,
    valid_chroms: Sequence[str] | str | None = None,
    test_regions: Sequence[str] | str | Path | None = None,
    valid_regions: Sequence[str] | str | Path | None = None,
    folds: str | Path | dict | None = None,
    random_split: Sequence[float] | str | None = None,
    group_by: str | None = None,
    windows: str = "all",
    negatives: str = "none",
    negative_ratio: float = 1.0,
    exclude: str | Path | None = None,
    label_rule: str = "half",
    min_peaks: int = 1,
    min_positives: int = 1,
    max_n: float = 0.5,
    train_stride: int | None = None,
    clip: bool = False,
    alias: Mapping[str, str] | str | Path | None = None,
    category: str = "",
    seed: int = 0,
) -> BuildReport:
    """Build a dataset of windows, labels, targets and a split, and write it as one HDF5 file.

    Parameters
    ----------
    genome : path or seqdl.Genome
        The genome that windows are cut from; None with `fasta`.
    peaks : path or sequence of paths
        BED, narrowPeak or broadPeak files, or folders of them: one file a target.
    window : int
        Bases that a model sees, 1,000 unless given (with `fasta`: the sequences' length).
    bin : int
        Bases in a window's middle that the labels are about. The genome is cut into bins from each
        contig's first base on; a contig's last, shorter piece is left out.
    out : path
        The dataset; it appears whole or not at all.
    targets : path, optional
        Target table (TSV: file, name, cell, assay, treatment, category, unit).
    fasta, negatives_fasta : path, optional
        Sequences of one length, instead of genome and peaks.
    test_chroms, valid_chroms : str or sequence of str
        Chromosomes held out, with commas; all others train.
    test_regions, valid_regions : str, sequence of str or path
        Regions held out (``chrom:start-end``, contigs, BED files). Windows that straddle are left out.
    folds : path or dict
        ``{"train": [...], "valid": [...], "test": [...]}``.
    random_split : pair of float or "valid,test"
        Shares of a split at random over windows, which is stamped on every result.
    group_by : str
        With `fasta`: regular expression of a header's group; groups are split as a whole.
    windows : {"all", "labelled"}
        Keep all bins, or those with a label.
    negatives : {"none", "background", "gc", "shuffle"}
        With "labelled" windows or `fasta`, add windows without label: bins that touch no peak, such
        bins matched to the positives' GC content, or positives shuffled with their dinucleotide counts kept.
    negative_ratio : float
        Negatives a positive, within each split.
    exclude : path
        BED of regions that no window may touch (needs bedtools).
    label_rule : {"half", "half-bin", "any", "summit"}
        When a peak labels a bin; see `seqdl.data.bins.label_pairs`.
    min_peaks, min_positives : int
        Leave out targets with fewer peaks on the genome, or fewer labelled windows.
    max_n : float
        Largest share of N in a window (what lies past a contig's end is N). A bin holds no N at all.
    train_stride : int, optional
        Bases between training bins, less than `bin` and a divisor of it: training bins then overlap,
        each with its own label, which is shift augmentation with labels that stay right. Bins of the
        other splits stay side by side.
    clip : bool
        Cut peaks at their contig's end instead of raising.
    alias : mapping or path
        Contig names, file → genome.
    category : str
        Of targets of which nothing else says it.
    seed : int
        Of all that is drawn.

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
    began = time.monotonic()
    arguments = {k: _plain(v) for k, v in locals().items() if k not in ("began", "genome") and v is not None}
    _one_of("windows", windows, WINDOWS)
    _one_of("negatives", negatives, neg.NEGATIVES)
    _one_of("label_rule", label_rule, LABEL_RULES)
    if seed < 0:
        raise InputError(f"`seed` must be 0 or a positive whole number. Received: {seed}.")
    if fasta is not None:
        from seqdl.data.build_sequences import build_from_fasta

        _refuse(
            "sequences (`fasta`) take no",
            genome=genome, peaks=peaks, targets=targets, exclude=exclude, folds=folds,
            test_chroms=test_chroms, valid_chroms=valid_chroms,
            test_regions=test_regions, valid_regions=valid_regions,
        )  # fmt: skip
        return build_from_fasta(
            fasta, out, arguments,
            negatives_fasta=negatives_fasta, window=window, random_split=random_split, group_by=group_by,
            negatives=negatives, negative_ratio=negative_ratio, category=category, seed=seed, began=began,
        )  # fmt: skip
    if genome is None:
        raise InputError("A dataset needs a `genome` and `peaks`, or sequences (`fasta`).")
    _refuse("genome and peaks take no", negatives_fasta=negatives_fasta, group_by=group_by)
    if negatives != "none" and windows == "all":
        raise InputError(
            f"Negatives ({negatives}) go with labelled windows: add --windows labelled. "
            f"Among all windows, those without a label are the negatives."
        )
    if negatives in ("background", "gc"):
        neg.require_bedtools("Drawing background windows (--negatives)")
    if exclude is not None:
        neg.require_bedtools("Excluding regions (--exclude)")
    from seqdl.genome import Genome

    genome = genome if isinstance(genome, Genome) else Genome(genome)
    grid = lay_grid(genome, 1000 if window is None else window, bin)
    listed, notes = collect_targets(peaks, targets, category)
    kept, marks, counts, more = read_peaks(listed, genome, alias, clip, min_peaks)
    notes += more
    offsets = _stride_offsets(train_stride, bin, random_split)
    regions = None
    if exclude is not None:
        regions, more = neg.excluded_regions(exclude, genome, alias)
        notes += more
    ways = {
        "test_chroms": test_chroms, "valid_chroms": valid_chroms, "test_regions": test_regions,
        "valid_regions": valid_regions, "folds": folds, "random_split": random_split,
    }  # fmt: skip
    unknown = unknown_bases(genome)
    usable, split = _usable(grid, unknown, max_n, regions, alias, seed, ways, notes)
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
            fine, parts = _usable(between, unknown, max_n, regions, alias, seed, ways, [])
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


def _usable(
    grid: Grid, unknown: Regions, max_n: float, regions, alias, seed: int, ways: dict, notes: list[str]
) -> tuple[np.ndarray, Split]:
    """Mark the windows that may be kept, and split them."""
    usable = known_windows(grid, unknown, max_n, notes)
    if regions is not None:
        touched = grid.touching(regions) & usable
        notes.append(f"exclude: {int(touched.sum()):,} windows touch an excluded region: left out")
        usable &= ~touched
    split = choose_split(grid, alias, seed, **ways)
    return usable & (split.assignment != DROPPED), split


def _stride_offsets(stride: int | None, bin: int, random_split) -> list[int]:
    """Where the further training grids begin: the multiples of the stride inside a bin."""
    if stride is None or stride == bin:
        return []
    if stride < 1 or stride > bin or bin % stride:
        raise InputError(f"`train_stride` must divide the bin of {bin} bases. Received: {stride}.")
    if random_split is not None:
        raise InputError(
            "`train_stride` makes training windows overlap their neighbours, which a random split would put "
            "into the other splits. Split by chromosome or region."
        )
    return list(range(stride, bin, stride))


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


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InputError(f"`{name}` is one of {', '.join(known)}. Received: {value!r}.")


def _refuse(why: str, **given) -> None:
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise InputError(f"{why[0].upper()}{why[1:]} {', '.join(wrong)}.")


def _plain(value):
    """Make an argument fit for JSON; of paths only the text."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value if isinstance(value, (str, int, float, bool, dict)) else repr(value)
