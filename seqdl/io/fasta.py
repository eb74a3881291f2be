"""Sets of sequences from FASTA files, as codes: whole or as a stream. (`seqdl.genome` reads genomes.)"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.encoding import ILLEGAL, LETTER_TO_CODE
from seqdl.errors import InputError
from seqdl.files import read_lines


class FastaRecords(NamedTuple):
    """Sequences laid end to end.

    Attributes
    ----------
    names : tuple of str
        First word of each header; unique in the file.
    codes : uint8 array
        All sequences, one after the other; sequence i is ``codes[offsets[i]:offsets[i + 1]]``.
    offsets : int64 array, shape (n + 1,)
    headers : tuple of str
        Whole header lines without ">".
    """

    names: tuple[str, ...]
    codes: np.ndarray
    offsets: np.ndarray
    headers: tuple[str, ...]

    @property
    def lengths(self) -> np.ndarray:
        """Bases of each sequence, int64, shape (n,)."""
        return np.diff(self.offsets)

    def sequence(self, index: int) -> np.ndarray:
        """Return one sequence's codes, a view."""
        return self.codes[self.offsets[index] : self.offsets[index + 1]]


def read_fasta(path: str | Path, what: str = "FASTA file") -> FastaRecords:
    """Read all sequences of a FASTA file, plain or gzipped; T and U, lower and upper case are the same.

    Parameters
    ----------
    path : path
        The file; IUPAC ambiguity codes are read as N.
    what : str
        What it should be, for messages.

    Returns
    -------
    records : FastaRecords

    Raises
    ------
    InputError
        With file and line: text before the first header, a header without a name, a name used twice,
        a sequence without letters, a letter that is no nucleotide; or the file is missing, empty,
        binary or truncated.
    """
    parts = list(iter_fasta(path, 100_000, what))
    if len(parts) == 1:
        return parts[0]
    offsets = np.concatenate([[0], np.cumsum(np.concatenate([p.lengths for p in parts]))])
    return FastaRecords(
        tuple(n for p in parts for n in p.names), np.concatenate([p.codes for p in parts]), offsets,
        tuple(h for p in parts for h in p.headers),
    )  # fmt: skip


def iter_fasta(path: str | Path, chunk: int = 4096, what: str = "FASTA file") -> Iterator[FastaRecords]:
    """Stream a FASTA file, `chunk` sequences at a time; memory holds one chunk and the names.

    Parameters
    ----------
    path : path
        The file, plain or gzipped.
    chunk : int
        Sequences in each yielded part, fewer in the last.
    what : str
        What it should be, for messages.

    Yields
    ------
    records : FastaRecords

    Raises
    ------
    InputError
        As `read_fasta`.
    """
    if chunk < 1:
        raise InputError(f"`chunk` must be a positive number of sequences. Received: {chunk}.")
    seen: set[str] = set()
    part = _Part(str(path))
    for number, line in read_lines(path, what):
        if line.startswith(">"):
            if len(part.headers) == chunk:
                yield part.finish()
                part = _Part(str(path))
            part.begin(line[1:].strip(), number, seen)
        elif line.strip() and not line.startswith(";"):
            part.extend(line.strip(), number)
    if not part.headers:
        raise InputError(f"The {what} {path} holds no sequence.")
    yield part.finish()


class _Part:
    """Lines of the sequences of one chunk, encoded together at its end."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.headers: list[str] = []
        self.names: list[str] = []
        self.header_lines: list[int] = []
        self.lengths: list[int] = []
        self.lines: list[str] = []
        self.line_numbers: list[int] = []

    def begin(self, header: str, number: int, seen: set[str]) -> None:
        name = header.split(maxsplit=1)[0] if header else ""
        if not name:
            raise InputError(f"{self.source}:{number}: a header is '>' and a name. Received: '>' alone.")
        if name in seen:
            raise InputError(
                f"{self.source}:{number}: the name {name!r} is used twice; names must be unique."
            )
        seen.add(name)
        self.headers.append(header)
        self.names.append(name)
        self.header_lines.append(number)
        self.lengths.append(0)

    def extend(self, text: str, number: int) -> None:
        if not self.headers:
            raise InputError(
                f"{self.source}:{number}: a FASTA file begins with a '>' header. It begins with "
                f"{text[:20]!r}."
            )
        self.lengths[-1] += len(text)
        self.lines.append(text)
        self.line_numbers.append(number)

    def finish(self) -> FastaRecords:
        lengths = np.array(self.lengths, np.int64)
        if not lengths.all():
            first = int(np.argmin(lengths))
            raise InputError(
                f"{self.source}:{self.header_lines[first]}: {self.names[first]!r} has no sequence."
            )
        # One table look-up for the whole chunk; "replace" makes any non-ASCII letter an illegal "?".
        raw = np.frombuffer("".join(self.lines).encode("ascii", "replace"), np.uint8)
        codes = LETTER_TO_CODE[raw]
        illegal = codes == ILLEGAL
        if illegal.any():
            at = int(np.argmax(illegal))
            line = int(np.searchsorted(np.cumsum([len(t) for t in self.lines]), at, "right"))
            letter = "".join(self.lines)[at]
            raise InputError(
                f"{self.source}:{self.line_numbers[line]}: {letter!r} is no nucleotide letter (ACGTU, or "
                "IUPAC codes read as N). Is this a protein file?"
            )
        return FastaRecords(
            tuple(self.names), codes, np.concatenate([[0], np.cumsum(lengths)]), tuple(self.headers)
        )
