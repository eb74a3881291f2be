"""Dot-bracket files: an RNA's sequence and its secondary structure, as RNAfold prints them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.encoding import ILLEGAL, LETTER_TO_CODE, RNA, STRUCTURE
from seqdl.errors import InputError
from seqdl.files import atomic_path, read_lines

# What a structure line may be made of: nested pairs, and the pseudoknots' further brackets.
_NESTED, _KNOTS = ".()", "[]{}<>"
_STRUCTURE_LINE = re.compile(rf"[{re.escape(_NESTED + _KNOTS)}]+")
_ENERGY = re.compile(r"^\(\s*([-+]?\d+(?:\.\d+)?)\s*\)$")
_PLACE = {symbol: place for place, symbol in enumerate(STRUCTURE)}


class StructureRecords(NamedTuple):
    """Sequences with their structures, laid end to end.

    Attributes
    ----------
    names : tuple of str
        First word of each header.
    codes : uint8 array
        Bases of all sequences; sequence i is ``codes[offsets[i]:offsets[i + 1]]``.
    offsets : int64 array, shape (n + 1,)
    headers : tuple of str
        Whole header lines without ">".
    symbols : uint8 array
        As long as `codes`: places in ``".()"``.
    energies : float32 array, shape (n,)
        kcal/mol; NaN where the file tells none.
    knots : int
        Bases whose pseudoknot brackets were read as unpaired.
    """

    names: tuple[str, ...]
    codes: np.ndarray
    offsets: np.ndarray
    headers: tuple[str, ...]
    symbols: np.ndarray
    energies: np.ndarray
    knots: int

    @property
    def lengths(self) -> np.ndarray:
        """Bases of each sequence, int64, shape (n,)."""
        return np.diff(self.offsets)


def parse_structure(text: str, pseudoknots: str = "unpaired") -> np.ndarray:
    """Turn a dot-bracket string into symbols.

    Parameters
    ----------
    text : str
        ``.`` unpaired, ``(`` and ``)`` pairs; also the brackets of pseudoknots.
    pseudoknots : {"unpaired", "error"}
        What to do with the pairs ``[]``, ``{}``, ``<>``, which cross others: read both bases as
        unpaired, or refuse them.

    Returns
    -------
    symbols : uint8 array, shape (length,)
        0 ``.``, 1 ``(``, 2 ``)``.

    Raises
    ------
    InputError
        At another letter, a bracket without partner, or a pseudoknot under "error".

    Examples
    --------
    >>> parse_structure("((.))").tolist()
    [1, 1, 0, 2, 2]
    """
    if pseudoknots not in ("unpaired", "error"):
        raise InputError(f"`pseudoknots` must be 'unpaired' or 'error'. Received: {pseudoknots!r}.")
    strange = next((i for i, letter in enumerate(text) if letter not in _NESTED + _KNOTS), None)
    if strange is not None:
        raise InputError(
            f"a structure is written with '.', '(' and ')'. Received: {text[strange]!r} at index {strange}."
        )
    for opening, closing in ("()", "[]", "{}", "<>"):
        _check_balance(text, opening, closing)
    if any(letter in text for letter in _KNOTS):
        if pseudoknots == "error":
            raise InputError("the structure holds a pseudoknot ([], {} or <>); give nested pairs only.")
        text = re.sub(rf"[{re.escape(_KNOTS)}]", ".", text)
    raw = np.frombuffer(text.encode("ascii"), np.uint8)
    return ((raw == ord("(")) + 2 * (raw == ord(")"))).astype(np.uint8)


def write_symbols(symbols: np.ndarray) -> str:
    """Turn symbols, shape (length,), into a dot-bracket string."""
    return np.frombuffer(STRUCTURE.encode(), np.uint8)[np.asarray(symbols)].tobytes().decode("ascii")


def open_unmatched(symbols: np.ndarray) -> np.ndarray:
    """Turn brackets without a partner into unpaired bases: what a cut leaves of a structure.

    Parameters
    ----------
    symbols : uint8 array, shape (length,)

    Returns
    -------
    symbols : uint8 array, shape (length,)
        Balanced.
    """
    symbols = np.array(symbols, np.uint8)
    waiting: list[int] = []
    for place, symbol in enumerate(symbols.tolist()):
        if symbol == _PLACE["("]:
            waiting.append(place)
        elif symbol == _PLACE[")"]:
            if waiting:
                waiting.pop()
            else:
                symbols[place] = _PLACE["."]
    symbols[waiting] = _PLACE["."]
    return symbols


def holds_structure(path: str | Path) -> bool:
    """Tell whether a FASTA file's first record has a structure line."""
    headers = 0
    for _, line in read_lines(path, "FASTA file"):
        headers += line.startswith(">")
        if headers > 1:
            return False
        if headers and not line.startswith(">") and _is_structure(line):
            return True
    return False


def read_dot_bracket(
    path: str | Path, what: str = "dot-bracket file", pseudoknots: str = "unpaired"
) -> StructureRecords:
    """Read sequences with their structures: header, sequence, structure with or without its energy.

    Parameters
    ----------
    path : path
        As RNAfold writes it, plain or gzipped; T and U, lower and upper case are the same. Sequence and
        structure may go on over several lines.
    what : str
        What it should be, for messages.
    pseudoknots : {"unpaired", "error"}
        As in `parse_structure`.

    Returns
    -------
    records : StructureRecords

    Raises
    ------
    InputError
        With file and line: a sequence without structure or with one of another length, brackets that do
        not match, a letter that is neither DNA nor RNA; or as `seqdl.io.fasta.read_fasta`.
    """
    path = Path(path)
    headers: list[str] = []
    starts: list[int] = []
    bases: list[list[str]] = []
    brackets: list[list[str]] = []
    energies: list[float] = []
    for number, line in read_lines(path, what):
        line = line.strip()
        if not line or line.startswith(";"):
            continue
        if line.startswith(">"):
            headers.append(line[1:].strip())
            starts.append(number)
            bases.append([])
            brackets.append([])
            energies.append(np.nan)
            continue
        if not headers:
            raise InputError(f"{path}:{number}: a {what} begins with a '>' header.")
        if not _is_structure(line) or not bases[-1]:
            if brackets[-1]:
                raise InputError(f"{path}:{number}: bases after a structure. Received: {line[:20]!r}.")
            bases[-1].append(line)
            continue
        pieces = line.split(maxsplit=1)
        brackets[-1].append(pieces[0])
        if len(pieces) == 2:
            energy = _ENERGY.match(pieces[1].strip())
            if energy is None:
                raise InputError(
                    f"{path}:{number}: after a structure stands its energy, such as (-12.30). "
                    f"Received: {pieces[1][:20]!r}."
                )
            energies[-1] = float(energy[1])
    if not headers:
        raise InputError(f"The {what} {path} holds no sequence.")
    return _finish(path, headers, starts, bases, brackets, energies, pseudoknots)


def write_dot_bracket(
    path: str | Path,
    names: Sequence[str],
    codes: np.ndarray,
    offsets: np.ndarray,
    symbols: np.ndarray,
    energies: np.ndarray | None = None,
) -> Path:
    """Write sequences with their structures, as RNAfold does; whole or not at all.

    Parameters
    ----------
    path : path
    names : sequence of str, length n
        Header lines without ">".
    codes, symbols : uint8 arrays
        Bases (written with U) and places in ``".()"``, end to end.
    offsets : int64 array, shape (n + 1,)
    energies : float array, shape (n,), optional
        kcal/mol; NaN is not written.

    Returns
    -------
    path : Path
    """
    letters = np.frombuffer(f"{RNA}N".encode(), np.uint8)
    with atomic_path(path) as aside, open(aside, "w", encoding="utf-8") as handle:
        for i, name in enumerate(names):
            part = slice(offsets[i], offsets[i + 1])
            energy = "" if energies is None or np.isnan(energies[i]) else f" ({energies[i]:6.2f})"
            handle.write(
                f">{name}\n{letters[codes[part]].tobytes().decode()}\n{write_symbols(symbols[part])}{energy}\n"
            )
    return Path(path)


def _is_structure(line: str) -> bool:
    first = line.split(maxsplit=1)[:1]
    return bool(first) and _STRUCTURE_LINE.fullmatch(first[0]) is not None


def _check_balance(text: str, opening: str, closing: str) -> None:
    waiting: list[int] = []
    for place, letter in enumerate(text):
        if letter == opening:
            waiting.append(place)
        elif letter == closing:
            if not waiting:
                raise InputError(f"the {closing!r} at index {place} of the structure has no partner.")
            waiting.pop()
    if waiting:
        raise InputError(f"the {opening!r} at index {waiting[-1]} of the structure has no partner.")


def _finish(path, headers, starts, bases, brackets, energies, pseudoknots) -> StructureRecords:
    names, codes, symbols, knots = [], [], [], 0
    seen: set[str] = set()
    for header, number, sequence, structure in zip(headers, starts, bases, brackets, strict=True):
        sequence, structure = "".join(sequence), "".join(structure)
        where = f"{path}:{number}: "
        name = header.split(maxsplit=1)[0] if header else ""
        if not name or name in seen:
            reason = f"the name {name!r} is used twice" if name else "a header is '>' and a name"
            raise InputError(f"{where}{reason}; names must be unique.")
        seen.add(name)
        if not sequence:
            raise InputError(f"{where}{name!r} has no sequence.")
        if len(structure) != len(sequence):
            found = f"one of {len(structure)}" if structure else "none"
            raise InputError(
                f"{where}{name!r} has {len(sequence)} bases and needs a structure of as many symbols; it has "
                f"{found}. Write the file with RNAfold, or fold here: structure 'fold'."
            )
        raw = LETTER_TO_CODE[np.frombuffer(sequence.encode("ascii", "replace"), np.uint8)]
        if (raw == ILLEGAL).any():
            letter = sequence[int(np.argmax(raw == ILLEGAL))]
            raise InputError(
                f"{where}{name!r} holds {letter!r}, which is no nucleotide letter (ACGUT, IUPAC)."
            )
        try:
            symbols.append(parse_structure(structure, pseudoknots))
        except InputError as error:
            raise InputError(f"{where}{name!r}: {error}") from None
        knots += sum(structure.count(letter) for letter in _KNOTS)
        names.append(name)
        codes.append(raw)
    offsets = np.concatenate([[0], np.cumsum([len(c) for c in codes])]).astype(np.int64)
    return StructureRecords(
        tuple(names), np.concatenate(codes), offsets, tuple(headers), np.concatenate(symbols),
        np.array(energies, np.float32), knots,
    )  # fmt: skip
