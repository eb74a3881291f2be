"""Datasets of sequences without a genome: positives and negatives from FASTA files, stored as codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seqdl.data import negatives as neg
from seqdl.data.build_report import BuildReport, finish, provenance
from seqdl.data.dataset_file import ORIGINS, SPLITS, Sequences
from seqdl.data.splits import groups_from_headers, split_at_random, split_by_groups
from seqdl.data.targets import Target
from seqdl.errors import InputError
from seqdl.files import sequence_stem
from seqdl.io.fasta import FastaRecords, read_fasta

_SHOWN = 3


def build_from_fasta(
    fasta: str | Path, out: str | Path, arguments: Mapping, *,
    negatives_fasta: str | Path | None, window: int | None,
    random_split: Sequence[float] | str | None, group_by: str | None, negatives: str, negative_ratio: float,
    category: str, seed: int, began: float,
) -> BuildReport:  # fmt: skip
    """Build a dataset with one target: is a sequence of the positive file?

    Parameters
    ----------
    fasta : path
        Positives, all of one length.
    out : path
        The dataset.
    arguments : mapping
        Of `build_dataset`, for the record.
    negatives_fasta : path or None
        Negatives; or `negatives` "shuffle" makes them.
    window : int or None
        Length that all sequences must have; that of the first when None.
    random_split, group_by, negatives, negative_ratio, category, seed
        As in `seqdl.data.build.build_dataset`. With `group_by`, `random_split` gives the shares.
    began : float
        When the build began, by `time.monotonic`.

    Returns
    -------
    report : BuildReport

    Raises
    ------
    InputError
        If a file is not usable, lengths differ, there are no negatives, or there is no way to split.
    """
    if random_split is None and group_by is None:
        raise InputError(
            "Sequences are split by groups (--group-by, a pattern on their headers) or at random "
            "(--random-split): "
            "say which."
        )
    if (negatives_fasta is None) == (negatives == "none"):
        raise InputError(
            "Sequences need negatives: a FASTA of them (--negatives-fasta) or shuffled positives "
            "(--negatives shuffle), "
            "one of the two."
        )
    if negatives not in ("none", "shuffle"):
        raise InputError(
            f"Negatives {negatives!r} are drawn from a genome; sequences can be shuffled (shuffle)."
        )
    positive = read_fasta(fasta, "FASTA of positives")
    window = int(positive.lengths[0]) if window is None else window
    parts, files = [_as_rows(positive, window, fasta)], [(Path(fasta), len(positive.names))]
    names = list(positive.names)
    headers = list(positive.headers)
    notes: list[str] = []
    source = np.arange(len(names))
    if negatives_fasta is not None:
        negative = read_fasta(negatives_fasta, "FASTA of negatives")
        parts.append(_as_rows(negative, window, negatives_fasta))
        files.append((Path(negatives_fasta), len(negative.names)))
        names += negative.names
        headers += negative.headers
        source = np.arange(len(names))
        _note_conflicts(*parts, notes)
    else:
        rows = neg.repeats(len(names), neg.how_many(len(names), negative_ratio), np.random.default_rng(seed))
        blocks = (parts[0][rows[block]] for block in neg.blocks(len(rows)))
        parts.append(np.concatenate(list(neg.shuffle_positives(blocks, seed))))
        names += [f"shuffled {names[r]}" for r in rows]
        source = np.concatenate([source, rows])
        notes.append(f"negatives: {len(rows):,} shuffled positives, dinucleotide counts kept")
    # A shuffled sequence goes where its source goes: both have the same composition.
    shares = (0.1, 0.1) if random_split is None else random_split
    if group_by is None:
        split = split_at_random(len(headers), shares, seed)
    else:
        split = split_by_groups(groups_from_headers(headers, group_by), shares, seed)
    assignment = split.assignment[source]
    notes += split.notes
    labels = np.repeat(np.array([1, 0], np.uint8), [len(parts[0]), len(parts[1])])[:, None]
    for code, name in enumerate(SPLITS):
        if len(np.unique(labels[assignment == code])) == 1:
            notes.append(
                f"split: {name} holds only {'positives' if labels[assignment == code][0, 0] else 'negatives'}"
            )
    n = len(labels)
    codes = np.concatenate(parts)
    origin = np.zeros(n, np.uint8)
    if negatives == "shuffle":
        origin[len(parts[0]) :] = ORIGINS.index("shuffled")
    target = Target(Path(fasta), sequence_stem(fasta), category=category, unit="sequence")
    return finish(
        out, began, split.kind, [target], provenance(arguments, notes, [target] * len(files), files),
        window=window, bin=window, labels=labels, split=assignment, origin=origin,
        sequences=Sequences(codes.ravel(), np.arange(n + 1) * window, names), sequence_ids=np.arange(n),
    )  # fmt: skip


def _as_rows(records: FastaRecords, window: int, path: str | Path) -> np.ndarray:
    """Return codes as uint8, shape (n, window), or name the first sequences of another length."""
    wrong = np.flatnonzero(records.lengths != window)
    if len(wrong):
        first = ", ".join(f"{records.names[i]} ({records.lengths[i]})" for i in wrong[:_SHOWN])
        raise InputError(
            f"{path}: all sequences must have {window} bases (the window). {len(wrong):,} of "
            f"{len(records.names):,} have "
            f"another length, such as {first}. Cut them to one length first."
        )
    return records.codes.reshape(-1, window)


def _note_conflicts(positive: np.ndarray, negative: np.ndarray, notes: list[str]) -> None:
    both = {row.tobytes() for row in positive} & {row.tobytes() for row in negative}
    if both:
        notes.append(
            f"labels: {len(both):,} sequences are both positive and negative: no model can get them right"
        )
