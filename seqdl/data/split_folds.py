"""Folds for cross-validation: whole contigs or groups, as equal in windows as those allow.

Folds are made of the training and validation windows alone; the test split belongs to none.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.data.dataset_file import ORIGINS, SPLITS
from seqdl.data.splits import DROPPED, TEST, TRAIN, VALID
from seqdl.errors import InputError
from seqdl.files import read_lines, unique_names
from seqdl.io.chromosomes import reconcile
from seqdl.words import few, suggest

LEAST = 3  # one is measured, one ends the training, the rest trains
_FORM = '{"fold1": ["chr1", "chr5"], "fold2": [...], "fold3": [...]}'
_MADE_FROM = "shuffled "  # how `seqdl data build` names a shuffled window: "shuffled chr1:1000-2000"


class Folds(NamedTuple):
    """Which fold each window is in.

    Attributes
    ----------
    names : tuple of str
        One a fold.
    assignment : int32 array, shape (n,)
        Index into `names`; -1 for test windows and those in no fold.
    unit : {"contig", "group", "window"}
        What is never cut. Folds by window leak, as the random split that they are made from does.
    members : tuple of tuple of str
        Contigs of each fold; empty for groups and windows, which have no names.
    n_units : tuple of int
        How many contigs, groups or windows each fold has.
    notes : list of str
        What a person should know.
    """

    names: tuple[str, ...]
    assignment: np.ndarray
    unit: str
    members: tuple[tuple[str, ...], ...]
    n_units: tuple[int, ...]
    notes: list[str]

    @property
    def digest(self) -> str:
        """SHA-256 of the assignment, shortened: the same digits say the same folds."""
        return hashlib.sha256(np.ascontiguousarray(self.assignment, "<i4").tobytes()).hexdigest()[:16]

    def windows(self, fold: int) -> int:
        """Count the windows of a fold."""
        return int((self.assignment == fold).sum())

    def stopper(self, fold: int) -> int:
        """Return the fold that ends the training when `fold` is held out: the next one."""
        return (fold + 1) % len(self.names)

    def roles(self, fold: int) -> np.ndarray:
        """Give every window its part when one fold is held out.

        Parameters
        ----------
        fold : int
            Index of the fold that is measured.

        Returns
        -------
        split : uint8 array, shape (n,)
            2 (test) for the fold, 1 (valid) for its `stopper`, 0 (train) for the others; 255 for windows
            in no fold.
        """
        split = np.full(len(self.assignment), DROPPED, np.uint8)
        split[self.assignment >= 0] = TRAIN
        split[self.assignment == self.stopper(fold)] = VALID
        split[self.assignment == fold] = TEST
        return split


def make_folds(data: Dataset, folds: int | str | Path | dict, seed: int = 0) -> Folds:
    """Divide a dataset's training and validation windows into folds.

    Parameters
    ----------
    data : Dataset
        With positions in a genome: by contig. Of sequences: by group; by window only where the dataset
        itself was split by window at random.
    folds : int, dict, or path of a JSON file
        How many, at least 3; or which contigs each has: ``{"fold1": ["chrI", "chrV"], "fold2": ...}``.
        Contigs that stand in no fold are left out.
    seed : int
        Of the draw of groups and windows; contigs are not drawn but dealt out, the largest first.

    Returns
    -------
    folds : Folds

    Raises
    ------
    InputError
        If there are fewer than 3 folds, fewer contigs or groups than folds, two folds share a contig,
        a name is unknown, or a fold has no window (or, with binary labels, no positive one).
    """
    usable = (data.split == SPLITS.index("train")) | (data.split == SPLITS.index("valid"))
    if isinstance(folds, bool) or not isinstance(folds, (int, str, Path, dict)):
        raise InputError(f"`folds` must be a number, a JSON file or a dict {_FORM}. Received: {folds!r}.")
    if isinstance(folds, str) and folds.removeprefix("-").isdecimal():
        folds = int(folds)
    if isinstance(folds, int):
        if folds < LEAST:
            raise InputError(
                f"`folds` must be at least {LEAST}: one is measured, one ends the training early, the rest "
                f"trains. Received: {folds}."
            )
        made = _dealt(data, usable, folds, seed)
    else:
        made = _named(data, usable, folds)
    _check_filled(data, made)
    return made


def read_fold_names(folds: str | Path | dict) -> dict[str, list[str]]:
    """Read which contigs each fold has.

    Parameters
    ----------
    folds : path of a JSON file, or dict

    Returns
    -------
    folds : dict of str to list of str

    Raises
    ------
    InputError
        If it is not JSON of that form, or has fewer than 3 folds.
    """
    where = "`folds`" if isinstance(folds, dict) else f"The folds file {folds}"
    if not isinstance(folds, dict):
        text = "\n".join(line for _, line in read_lines(folds, "folds file"))
        try:
            folds = json.loads(text, object_pairs_hook=unique_names)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        except json.JSONDecodeError as error:
            raise InputError(f"{folds}:{error.lineno}: the folds file is not JSON: {error.msg}.") from None
    if not isinstance(folds, dict) or set(folds) == set(SPLITS):
        found = sorted(folds) if isinstance(folds, dict) else type(folds).__name__
        raise InputError(
            f"{where} must be an object of folds, {_FORM}. Received: {found}. (A file of train, valid and "
            "test is a single split: give it to `seqdl data build --folds`.)"
        )
    for name, contigs in folds.items():
        if not isinstance(contigs, list) or not contigs or not all(isinstance(c, str) for c in contigs):
            raise InputError(f"{where}: {name!r} must be a list of contig names. Received: {contigs!r}.")
    if len(folds) < LEAST:
        raise InputError(
            f"{where} has {len(folds)} folds and needs at least {LEAST}: one is measured, one ends the "
            "training early, the rest trains."
        )
    return folds


def _dealt(data: Dataset, usable: np.ndarray, n_folds: int, seed: int) -> Folds:
    """Deal whole units out, the largest first, each to the fold with the fewest windows."""
    unit, ids, notes = _units(data)
    names, inverse, sizes = np.unique(ids[usable], return_inverse=True, return_counts=True)
    if len(names) < n_folds:
        of = f" ({few([data.contigs.names[i] for i in names])})" if unit == "contig" else ""
        raise InputError(
            f"{n_folds} folds need at least {n_folds} {unit}s with training or validation windows; "
            f"{data.path} has {len(names)}{of}. Use fewer folds."
        )
    order = np.arange(len(names))
    if unit != "contig":
        order = np.random.default_rng(seed).permutation(order)
    order = order[np.argsort(-sizes[order], kind="stable")]
    load, fold_of = np.zeros(n_folds, np.int64), np.empty(len(names), np.int32)
    for place in order:
        fold_of[place] = load.argmin()
        load[fold_of[place]] += sizes[place]
    assignment = np.full(data.n, -1, np.int32)
    assignment[usable] = fold_of[inverse]
    members = tuple(
        tuple(data.contigs.names[i] for i in names[fold_of == fold]) if unit == "contig" else ()
        for fold in range(n_folds)
    )
    labels = tuple(f"fold{fold + 1}" for fold in range(n_folds))
    counts = tuple(np.bincount(fold_of, minlength=n_folds).tolist())
    return Folds(labels, assignment, unit, members, counts, notes)


def _units(data: Dataset) -> tuple[str, np.ndarray, list[str]]:
    """Name what must not be cut, and number it for each window."""
    if data.kind == "genome":
        return "contig", _contigs_of(data), []
    if data.groups is not None:
        # A window without a group is one of its own.
        alone = data.groups < 0
        ids = np.where(alone, data.groups.max(initial=-1) + 1 + np.cumsum(alone), data.groups)
        return "group", ids.astype(np.int64), []
    if data.random_split:
        note = "folds: by window, as the dataset's own random split: the results look better than they are"
        return "window", np.arange(data.n), [note]
    raise InputError(
        f"{data.path} does not say which group each sequence belongs to, so folds would cut families. Build "
        "it again with this version of seqdl, which keeps the groups (`seqdl data build --fasta ...`)."
    )


def _contigs_of(data: Dataset) -> np.ndarray:
    """Return each window's contig; that of the window it was shuffled from, for a shuffled one."""
    ids = data.contig_ids.astype(np.int64)
    stored = np.flatnonzero(ids < 0)
    if stored.size:
        rows, names = data._column("windows/sequence"), data._strings("sequences/name")
        number = {name: i for i, name in enumerate(data.contigs.names)}
        for window in stored:
            name = names[rows[window]]
            contig = name.removeprefix(_MADE_FROM).rpartition(":")[0]
            if data.origin[window] != ORIGINS.index("shuffled") or contig not in number:
                raise InputError(
                    f"{data.path} does not say where its sequence {name!r} comes from, so it belongs to no "
                    "fold. Build the dataset again."
                )
            ids[window] = number[contig]
    return ids


def _named(data: Dataset, usable: np.ndarray, folds: str | Path | dict) -> Folds:
    wanted = read_fold_names(folds)
    if data.kind != "genome":
        raise InputError(
            f"Folds by contig need a dataset with positions in a genome, and {data.path} holds sequences. "
            "Give a number of folds: they are then made of whole groups."
        )
    known = data.contigs.names
    every = [contig for contigs in wanted.values() for contig in contigs]
    found = reconcile(every, known, what="folds", allow_none=True)
    if found.unmatched:
        bad = found.unmatched[0]
        raise InputError(
            f"The folds name {bad!r}, which is not in the dataset ({few(known)}).{suggest(bad, known)}"
        )
    place_of: dict[str, str] = {}
    fold_of = np.full(len(known), -1, np.int32)
    members = []
    for number, (name, contigs) in enumerate(wanted.items()):
        here = list(dict.fromkeys(found.mapping[contig] for contig in contigs))
        for contig in here:
            if place_of.setdefault(contig, name) != name:
                raise InputError(
                    f"The chromosome {contig!r} is in two folds, {place_of[contig]!r} and {name!r}: what is "
                    "measured on the one would have been trained on in the other. Name it in one only."
                )
            fold_of[known.index(contig)] = number
        members.append(tuple(here))
    ids = _contigs_of(data)
    assignment = np.where(usable, fold_of[ids], -1).astype(np.int32)
    lost = [known[i] for i in np.unique(ids[usable]) if fold_of[i] < 0]
    notes = found.report.splitlines()
    if lost:
        notes.append(f"folds: {len(lost)} contigs are in no fold, and their windows left out: {few(lost)}")
    counts = tuple(len(contigs) for contigs in members)
    return Folds(tuple(wanted), assignment, "contig", tuple(members), counts, notes)


def _check_filled(data: Dataset, folds: Folds) -> None:
    for fold, name in enumerate(folds.names):
        of = f" ({few(folds.members[fold])})" if folds.members[fold] else ""
        here = folds.assignment == fold
        if not here.any():
            raise InputError(
                f"The fold {name!r}{of} has no training or validation window. The test split "
                "stays out of all folds; name other contigs."
            )
        if data.task == "binary" and not data.labelled[here].any():
            raise InputError(
                f"No window of the fold {name!r}{of} carries any target, so nothing can be measured on it. "
                "Use fewer folds, or name other contigs."
            )
