"""Sets of sequences on their way into a dataset: read, measured, cut, folded; DNA or RNA, any lengths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.data import negatives as neg
from seqdl.encoding import add_structure
from seqdl.errors import InputError
from seqdl.files import read_lines
from seqdl.io.fasta import read_fasta
from seqdl.io.structure import open_unmatched, read_dot_bracket

STRUCTURES = ("none", "given", "fold")
TOO_LONG = ("error", "drop", "centre")
_SHOWN = 3


class SequenceSet(NamedTuple):
    """Sequences laid end to end.

    Attributes
    ----------
    names, headers : list of str
    codes : uint8 array
        Bases, 0 to 4; sequence i is ``codes[offsets[i]:offsets[i + 1]]``.
    offsets : int64 array, shape (n + 1,)
    symbols : uint8 array or None
        Structure, as long as `codes`; None where none was read.
    energies : float32 array, shape (n,), or None
        kcal/mol.
    """

    names: list[str]
    headers: list[str]
    codes: np.ndarray
    offsets: np.ndarray
    symbols: np.ndarray | None = None
    energies: np.ndarray | None = None

    @property
    def lengths(self) -> np.ndarray:
        """Bases of each sequence, int64, shape (n,)."""
        return np.diff(self.offsets)

    def structured(self) -> np.ndarray:
        """Return codes with their structure, if there is one."""
        return self.codes if self.symbols is None else add_structure(self.codes, self.symbols)


def uses_uracil(path: str | Path) -> bool:
    """Tell whether a FASTA file writes U and never T: RNA.

    Raises
    ------
    InputError
        If the file is not usable.
    """
    uracil = False
    for _, line in read_lines(path, "FASTA file"):
        if not line.startswith((">", ";")):
            letters = line.upper()
            if "T" in letters:
                return False
            uracil |= "U" in letters
    return uracil


def read_set(path: str | Path, what: str, structure: str, notes: list[str]) -> SequenceSet:
    """Read sequences, with the structure that stands beside them where that is asked for.

    Parameters
    ----------
    path : path
    what : str
        What it should be, for messages.
    structure : {"none", "given", "fold"}
        "given" reads a dot-bracket file.
    notes : list of str
        Told about pseudoknots.

    Returns
    -------
    found : SequenceSet

    Raises
    ------
    InputError
        As `seqdl.io.fasta.read_fasta` and `seqdl.io.structure.read_dot_bracket`.
    """
    if structure != "given":
        records = read_fasta(path, what)
        return SequenceSet(list(records.names), list(records.headers), records.codes, records.offsets)
    records = read_dot_bracket(path, what)
    if records.knots:
        notes.append(
            f"structure: {records.knots:,} bases of pseudoknots in {Path(path).name}: read as unpaired"
        )
    energies = None if np.isnan(records.energies).all() else records.energies
    return SequenceSet(
        list(records.names), list(records.headers), records.codes, records.offsets, records.symbols, energies
    )


def limit_lengths(
    found: SequenceSet, path: str | Path, shortest: int, longest: int | None, too_long: str, notes: list[str]
) -> SequenceSet:
    """Leave out what is too short, and refuse, leave out or cut what is too long.

    Parameters
    ----------
    found : SequenceSet
    path : path
        For messages.
    shortest : int
        Fewest bases; shorter sequences are left out, with a note.
    longest : int or None
        Most bases, None for any.
    too_long : {"error", "drop", "centre"}
        What becomes of a longer one; "centre" keeps its middle (and opens pairs that the cut parts).
    notes : list of str
        Told how many.

    Returns
    -------
    kept : SequenceSet

    Raises
    ------
    InputError
        At a sequence that is too long, under "error"; or if none is left.
    """
    lengths, name = found.lengths, Path(path).name
    short = lengths < shortest
    if short.any():
        notes.append(
            f"length: {int(short.sum()):,} of {len(lengths):,} sequences of {name} have fewer than "
            f"{shortest} bases: left out: {_some(found, short)}"
        )
    long = lengths > longest if longest is not None else np.zeros(len(lengths), bool)
    if long.any() and too_long == "error":
        raise InputError(
            f"{path}: {int(long.sum()):,} of {len(lengths):,} sequences have more than {longest} bases, such "
            f"as {_some(found, long)}; the longest has {int(lengths.max()):,}. Give a larger --max-length, "
            "or say what to do with them: --too-long drop or centre."
        )
    keep = ~short
    if long.any() and too_long == "drop":
        keep &= ~long
        notes.append(
            f"length: {int(long.sum()):,} of {len(lengths):,} sequences of {name} have more than {longest} "
            f"bases: left out: {_some(found, long)}"
        )
    elif long.any():
        notes.append(
            f"length: of {int(long.sum()):,} sequences of {name} only the middle {longest} bases: "
            f"{_some(found, long)}"
        )
    rows = np.flatnonzero(keep)
    if not len(rows):
        raise InputError(f"{path}: no sequence is left: all are shorter or longer than asked for.")
    cut = lengths if longest is None else np.minimum(lengths, longest)
    if keep.all() and not (cut < lengths).any():
        return found
    first = found.offsets[:-1] + (lengths - cut) // 2
    return _take(found, rows, first[rows], cut[rows], parted=(cut < lengths)[rows])


def require_length(found: SequenceSet, window: int, path: str | Path) -> None:
    """Refuse sequences of another length than the window.

    Parameters
    ----------
    found : SequenceSet
    window : int
        Bases.
    path : path
        For the message.

    Raises
    ------
    InputError
        That names the first ones.
    """
    wrong = found.lengths != window
    if wrong.any():
        raise InputError(
            f"{path}: all sequences must have {window} bases (the window). {int(wrong.sum()):,} of "
            f"{len(found.names):,} have another length, such as {_some(found, wrong)}. For sequences of "
            "several lengths give the longest one that is allowed (--max-length); or cut them to one length."
        )


def shuffle_set(found: SequenceSet, rows: np.ndarray, seed: int) -> SequenceSet:
    """Shuffle sequences with their dinucleotide counts, and so their lengths, kept.

    Parameters
    ----------
    found : SequenceSet
    rows : int array, shape (m,)
        Which to shuffle; one may come several times.
    seed : int

    Returns
    -------
    shuffled : SequenceSet
        m sequences without structure.
    """
    rng = np.random.default_rng(seed)
    lengths = found.lengths[rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    codes = np.empty(offsets[-1], np.uint8)
    # Sequences of one length are shuffled together.
    for length in np.unique(lengths):
        here = np.flatnonzero(lengths == length)
        places = found.offsets[rows[here], None] + np.arange(length)
        blocks = (found.codes[places[block]] for block in neg.blocks(len(here)))
        shuffled = np.concatenate(list(neg.shuffle_positives(blocks, rng)))
        codes[offsets[here, None] + np.arange(length)] = shuffled
    names = [f"shuffled {found.names[r]}" for r in rows]
    return SequenceSet(names, names, codes, offsets)


def fold_set(found: SequenceSet) -> SequenceSet:
    """Add structures of minimum free energy; see `seqdl.data.fold.fold`."""
    from seqdl.data.fold import fold

    folded = fold(found.codes, found.offsets)
    return found._replace(symbols=folded.symbols, energies=folded.energies)


def join_sets(sets: Sequence[SequenceSet]) -> SequenceSet:
    """Lay sets end to end; the structure is kept if all have one, an energy is NaN where there is none."""
    lengths = np.concatenate([part.lengths for part in sets])
    symbols = energies = None
    if all(part.symbols is not None for part in sets):
        symbols = np.concatenate([part.symbols for part in sets])
    if any(part.energies is not None for part in sets):
        energies = np.concatenate([
            np.full(len(part.names), np.nan, np.float32) if part.energies is None else part.energies
            for part in sets
        ])  # fmt: skip
    return SequenceSet(
        [name for part in sets for name in part.names], [header for part in sets for header in part.headers],
        np.concatenate([part.codes for part in sets]), np.concatenate([[0], np.cumsum(lengths)]), symbols,
        energies,
    )  # fmt: skip


def in_both(one: SequenceSet, other: SequenceSet) -> int:
    """Count the sequences that stand in both sets."""
    texts = [
        {part.codes[a:b].tobytes() for a, b in zip(part.offsets[:-1], part.offsets[1:], strict=True)}
        for part in (one, other)
    ]
    return len(texts[0] & texts[1])


def _some(found: SequenceSet, which: np.ndarray) -> str:
    rows = np.flatnonzero(which)
    return ", ".join(f"{found.names[i]} ({found.lengths[i]})" for i in rows[:_SHOWN])


def _take(
    found: SequenceSet, rows: np.ndarray, first: np.ndarray, lengths: np.ndarray, parted: np.ndarray
) -> SequenceSet:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    places = np.repeat(first - offsets[:-1], lengths) + np.arange(offsets[-1])
    symbols, energies = found.symbols, found.energies
    if symbols is not None:
        symbols = symbols[places]
        for i in np.flatnonzero(parted):
            part = slice(offsets[i], offsets[i + 1])
            symbols[part] = open_unmatched(symbols[part])
    if energies is not None:
        # The energy is of the whole molecule, not of a piece of it.
        energies = np.where(parted, np.nan, energies[rows]).astype(np.float32)
    return SequenceSet(
        [found.names[i] for i in rows], [found.headers[i] for i in rows], found.codes[places], offsets,
        symbols, energies,
    )  # fmt: skip
