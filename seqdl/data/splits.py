"""Which windows train, validate and test: by chromosome, named folds, group, or (stamped) at random."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.data.dataset_file import SPLITS
from seqdl.errors import InputError
from seqdl.files import read_lines
from seqdl.io.chromosomes import reconcile
from seqdl.words import few, suggest

TRAIN, VALID, TEST, DROPPED = 0, 1, 2, 255  # the first three are places in SPLITS


class Split(NamedTuple):
    """Where each window goes.

    Attributes
    ----------
    assignment : uint8 array, shape (n,)
        0 train, 1 valid, 2 test, 255 in none.
    kind : {"chromosome", "regions", "folds", "random", "groups"}
    notes : list of str
        What a person should know.
    """

    assignment: np.ndarray
    kind: str
    notes: list[str]


def split_by_chromosome(
    contig_ids: np.ndarray, genome, test: Sequence[str] | str, valid: Sequence[str] | str, alias=None
) -> Split:
    """Hold whole chromosomes out; all others train.

    Parameters
    ----------
    contig_ids : int array, shape (n,)
        Of the windows.
    genome : seqdl.Genome
    test, valid : sequence of str, or comma-separated str
        Chromosomes.
    alias : mapping or path, optional
        As in `seqdl.io.chromosomes.reconcile`.

    Returns
    -------
    split : Split

    Raises
    ------
    InputError
        If a chromosome is unknown or stands in two splits.
    """
    wanted = {"valid": as_list(valid), "test": as_list(test)}
    folds, notes = _known_folds(wanted, genome, alias, strict=True)
    table = np.full(len(genome.names), TRAIN, np.uint8)
    table[folds["valid"]] = VALID
    table[folds["test"]] = TEST
    return Split(table[contig_ids], "chromosome", notes)


def split_by_folds(contig_ids: np.ndarray, genome, folds: str | Path | dict, alias=None) -> Split:
    """Split by named folds of chromosomes; those in no fold are left out.

    Parameters
    ----------
    contig_ids : int array, shape (n,)
        Of the windows.
    genome : seqdl.Genome
    folds : dict or path of a JSON file
        ``{"train": [...], "valid": [...], "test": [...]}``.
    alias : mapping or path, optional
        As in `seqdl.io.chromosomes.reconcile`.

    Returns
    -------
    split : Split

    Raises
    ------
    InputError
        If the file is not such JSON, or a chromosome stands in two splits.
    """
    known, notes = _known_folds(
        folds if isinstance(folds, dict) else read_folds(folds), genome, alias, strict=False
    )
    table = np.full(len(genome.names), DROPPED, np.uint8)
    for code, name in enumerate(SPLITS):
        table[known[name]] = code
    lost = [name for i, name in enumerate(genome.names) if table[i] == DROPPED]
    if lost:
        notes.append(f"folds: {len(lost)} contigs are in no fold: left out: {few(lost)}")
    return Split(table[contig_ids], "folds", notes)


def read_folds(path: str | Path) -> dict[str, list[str]]:
    """Read a folds JSON file.

    Raises
    ------
    InputError
        If it is not JSON of the three lists.
    """
    text = "\n".join(line for _, line in read_lines(path, "folds file"))
    try:
        folds = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: the folds file is not JSON: {error.msg}.") from None
    form = '{"train": [...], "valid": [...], "test": [...]}'
    if not isinstance(folds, dict) or set(folds) != set(SPLITS):
        found = sorted(folds) if isinstance(folds, dict) else type(folds).__name__
        raise InputError(f"The folds file {path} is an object {form}. Received: {found}.")
    for name, chroms in folds.items():
        if not isinstance(chroms, list) or not all(isinstance(c, str) for c in chroms):
            raise InputError(
                f"The folds file {path}: {name!r} is a list of chromosome names. Received: {chroms!r}."
            )
    return folds


def split_at_random(n: int, fractions: str | Sequence[float] = (0.1, 0.1), seed: int = 0) -> Split:
    """Split windows at random: overlapping windows land on both sides, so every result is stamped with it.

    Parameters
    ----------
    n : int
        Windows.
    fractions : pair of float, or "valid,test"
        Share of valid and of test.
    seed : int

    Returns
    -------
    split : Split

    Raises
    ------
    InputError
        If the fractions are not positive or leave nothing to train on.
    """
    return split_by_groups(np.arange(n), fractions, seed)._replace(
        kind="random",
        notes=[
            "split: at random over windows: neighbours may share sequence, so results look better "
            "than they are"
        ],
    )


def split_by_groups(
    groups: np.ndarray, fractions: str | Sequence[float] = (0.1, 0.1), seed: int = 0
) -> Split:
    """Split groups at random, each group as a whole.

    Parameters
    ----------
    groups : array, shape (n,)
        Group of each window: numbers or text.
    fractions : pair of float, or "valid,test"
        Share of valid and of test among the windows, met as nearly as whole groups allow.
    seed : int

    Returns
    -------
    split : Split

    Raises
    ------
    InputError
        If the fractions are not positive or leave nothing to train on.
    """
    valid, test = _fractions(fractions)
    names, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    # A group's middle decides, so that each share is off by half a group at most.
    middle = (np.cumsum(sizes[order]) - sizes[order] / 2) / len(groups)
    table = np.empty(len(names), np.uint8)
    table[order] = np.where(middle < test, TEST, np.where(middle < test + valid, VALID, TRAIN))
    return Split(table[inverse], "groups", [f"split: {len(names):,} groups, each in one split"])


def groups_from_headers(headers: Sequence[str], pattern: str) -> np.ndarray:
    """Read each sequence's group from its FASTA header.

    Parameters
    ----------
    headers : sequence of str
        Header lines without ">".
    pattern : str
        Regular expression; its first parenthesis is the group, or the whole match if it has none.

    Returns
    -------
    groups : str array, shape (n,)

    Raises
    ------
    InputError
        If the pattern is not valid, or a header does not match it.
    """
    try:
        regex = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"`group_by` must be a regular expression: {error}. Received: {pattern!r}."
        ) from None
    found = [regex.search(h) for h in headers]
    missing = [h for h, m in zip(headers, found, strict=True) if m is None]
    if missing:
        raise InputError(
            f"`group_by` {pattern!r} matches nothing in {len(missing):,} headers, such as {missing[0]!r}."
        )
    return np.array([m[1] if regex.groups else m[0] for m in found])


def require_all_splits(assignment: np.ndarray, kind: str) -> None:
    """Check that each split holds a window.

    Parameters
    ----------
    assignment : uint8 array, shape (n,)
        0 train, 1 valid, 2 test, 255 in none.
    kind : {"chromosome", "regions", "folds", "groups", "random"}
        How the split was made: it decides the advice.

    Raises
    ------
    InputError
        That names the empty split.
    """
    hint = {
        "chromosome": " Give chromosomes with windows: --{}-chroms.",
        "regions": " A region must be wider than a window: --{}-regions.",
        "folds": " Does the folds file name contigs of this genome?",
    }.get(kind, " Are there too few windows or groups?")
    if not (assignment <= TEST).any():
        raise InputError("No window is left for any split: all are left out, or lie outside of it.")
    for code, name in enumerate(SPLITS):
        if not (assignment == code).any():
            # Nobody names the training part of such a split: it is what the others leave.
            left = name == "train" and kind in ("chromosome", "regions")
            what_to_do = " The valid and test splits take all of them." if left else hint.format(name)
            raise InputError(f"The split {name!r} is empty: no window falls into it.{what_to_do}")


def as_list(names: Sequence[str] | str | None) -> list[str]:
    """Turn "a,b" or a sequence into a list of names."""
    if names is None:
        return []
    parts = names.split(",") if isinstance(names, str) else map(str, names)
    return [p.strip() for p in parts if p.strip()]


def _known_folds(
    wanted: dict[str, list[str]], genome, alias, strict: bool
) -> tuple[dict[str, list[int]], list[str]]:
    every = [c for chroms in wanted.values() for c in chroms]
    names = reconcile(every, genome.names, alias, what="split", allow_none=strict)
    if strict and names.unmatched:
        bad = names.unmatched[0]
        raise InputError(
            f"The split names {bad!r}, which is not in the genome "
            f"({few(genome.names)}).{suggest(bad, genome.names)}"
        )
    place_of: dict[str, str] = {}
    folds: dict[str, list[int]] = {}
    for split, chroms in wanted.items():
        found = [names.mapping[c] for c in chroms if c in names.mapping]
        for chrom in found:
            if place_of.setdefault(chrom, split) != split:
                raise InputError(f"The chromosome {chrom!r} is in two splits: {place_of[chrom]} and {split}.")
        folds[split] = [genome.contig_id(c) for c in found]
    return folds, names.report.splitlines()


def _fractions(fractions: str | Sequence[float]) -> tuple[float, float]:
    try:
        values = [float(f) for f in (fractions.split(",") if isinstance(fractions, str) else fractions)]
    except (TypeError, ValueError):
        values = []
    if len(values) != 2 or min(values) <= 0 or not sum(values) < 1:
        raise InputError(
            f"A random split takes two shares, valid,test, that sum to less than 1. Received: {fractions}."
        )
    return values[0], values[1]
