"""BED, narrowPeak and broadPeak files as arrays; every complaint names the file and the line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.files import read_lines
from seqdl.io.chromosomes import Reconciliation

_HEADERS = ("track", "browser")
_FARTHEST = 1 << 48  # bases: no contig is longer, and sums of such places stay within int64
_STRANDS = {"+": "+", "-": "-", ".": ".", "*": ".", "": "."}
NARROW_PEAK_COLUMNS = 10


class BedTable(NamedTuple):
    """Intervals of one file, in its order; 0-based and half-open.

    Attributes
    ----------
    chrom : object array of str, shape (n,)
        Contig names, as the file spells them.
    start, end : int64 arrays, shape (n,)
    name : object array of str, shape (n,)
        "." where the file gives none.
    score : float64 array, shape (n,)
        NaN where the file gives none.
    strand : str array, shape (n,)
        "+", "-" or ".".
    summit : int64 array, shape (n,)
        0-based place of a narrowPeak's summit (start + column 10); -1 where there is none.
    line : int64 array, shape (n,)
        Line in the file, from 1.
    source : str
        The file.
    """

    chrom: np.ndarray
    start: np.ndarray
    end: np.ndarray
    name: np.ndarray
    score: np.ndarray
    strand: np.ndarray
    summit: np.ndarray
    line: np.ndarray
    source: str

    def where(self, index: int) -> str:
        """Return "file:line" of an interval."""
        return f"{self.source}:{self.line[index]}"

    def take(self, rows: np.ndarray) -> BedTable:
        """Return the intervals of some rows (indices or a mask)."""
        return BedTable(*(column[rows] for column in self[:-1]), self.source)


class Placed(NamedTuple):
    """Intervals on a genome.

    Attributes
    ----------
    table : BedTable
        Intervals whose contig the genome has, all inside it.
    contig_ids : int32 array, shape (n,)
        Place of each interval's contig in the genome's names.
    unknown, clipped, outside : int
        Intervals dropped for an unknown contig; shortened at a contig's end; dropped as wholly past it.
    """

    table: BedTable
    contig_ids: np.ndarray
    unknown: int
    clipped: int
    outside: int


def read_bed(path: str | Path, what: str = "BED file", allow_none: bool = False) -> BedTable:
    """Read a BED3 to BED12, narrowPeak or broadPeak file, plain or gzipped.

    Parameters
    ----------
    path : path
        The file. Lines that begin with ``#``, ``track`` or ``browser`` and empty lines are skipped;
        columns are split at tabs, or at blanks where a line has no tab. Ten columns, or the name
        ``*.narrowPeak``, make it a narrowPeak file with the summit's offset in column 10.
    what : str
        What it should be, for messages.
    allow_none : bool
        Return an empty table for a file of headers only, instead of raising.

    Returns
    -------
    table : BedTable

    Raises
    ------
    InputError
        With file and line: too few columns, a start or end that is no whole number, a negative
        start, start >= end, a strand that is none, a summit outside its peak; or the file is
        missing, empty, binary or truncated.
    """
    source = str(path)
    named_narrow = ".narrowpeak" in Path(path).name.lower()
    chroms, starts, ends, names, scores, strands, summits, lines = [], [], [], [], [], [], [], []
    for number, line in read_lines(path, what):
        if not line or line[0] == "#" or line.isspace():
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        if fields[0].split(" ", 1)[0] in _HEADERS:
            continue
        columns = len(fields)
        try:
            start, end = int(fields[1]), int(fields[2])
        except (IndexError, ValueError):
            raise _bad_columns(source, number, line, fields) from None
        if end > _FARTHEST or "_" in fields[1] or "_" in fields[2]:
            raise _bad_columns(source, number, line, fields)
        if start < 0 or start >= end:
            rule = "a start is 0 or more" if start < 0 else "start < end (0-based, half-open)"
            raise InputError(f"{source}:{number}: {rule}. Received: {fields[0]}:{start}-{end}.")
        summit = -1
        if columns == NARROW_PEAK_COLUMNS or (named_narrow and columns > NARROW_PEAK_COLUMNS):
            summit = _summit(fields[9], start, end, source, number)
        elif named_narrow:
            raise InputError(f"{source}:{number}: a narrowPeak line has 10 columns. Received: {columns}.")
        chroms.append(fields[0])
        starts.append(start)
        ends.append(end)
        names.append(fields[3] if columns > 3 else ".")
        scores.append(fields[4] if columns > 4 else "nan")
        strand = _STRANDS.get(fields[5]) if columns > 5 else "."
        if strand is None:
            raise InputError(
                f"{source}:{number}: column 6 is the strand, +, - or '.'. Received: {fields[5]!r}."
            )
        strands.append(strand)
        summits.append(summit)
        lines.append(number)
    if not starts and not allow_none:
        raise InputError(f"The {what} {source} holds no interval (only headers, comments or empty lines).")
    return BedTable(
        _objects(chroms), np.array(starts, np.int64), np.array(ends, np.int64), _objects(names),
        _floats(scores), np.array(strands, "<U1"), np.array(summits, np.int64), np.array(lines, np.int64),
        source,
    )  # fmt: skip


def place(
    table: BedTable,
    names: Reconciliation,
    genome_names: Sequence[str],
    lengths: Sequence[int],
    clip: bool = False,
) -> Placed:
    """Put intervals on a genome's contigs.

    Parameters
    ----------
    table : BedTable
        Intervals as read.
    names : Reconciliation
        Of the table's contig names to the genome's; intervals on other contigs are dropped and counted.
    genome_names : sequence of str
        The genome's contigs.
    lengths : sequence of int
        Their bases, in the same order.
    clip : bool
        Cut intervals at the contig's end, and drop those wholly past it, instead of raising.

    Returns
    -------
    placed : Placed

    Raises
    ------
    InputError
        If an interval ends past its contig and `clip` is false; says by how much.
    """
    ids = {name: i for i, name in enumerate(genome_names)}
    unique, inverse = np.unique(table.chrom.astype(str), return_inverse=True)
    unique_ids = np.array(
        [ids[names.mapping[c]] if c in names.mapping else -1 for c in unique.tolist()], np.int32
    )
    contig_ids = unique_ids[inverse]
    known = contig_ids >= 0
    unknown = int((~known).sum())
    table, contig_ids = (table.take(known), contig_ids[known]) if unknown else (table, contig_ids)
    limits = np.asarray(lengths, np.int64)[contig_ids]
    past = table.end > limits
    clipped = outside = 0
    if past.any():
        if not clip:
            first = int(np.argmax(past))
            over = int(table.end[first] - limits[first])
            raise InputError(
                f"{table.where(first)}: the interval "
                f"{table.chrom[first]}:{table.start[first]}-{table.end[first]} ends {over:,} bases past its "
                f"contig ({limits[first]:,} bases); {int(past.sum()):,} of {len(past):,} intervals of this "
                "file do. Is this the right assembly? `seqdl data build` and `seqdl predict` cut them at the "
                "end with --clip; for other verbs take them out or cut them in the file."
            )
        inside = table.start < limits
        outside, clipped = int((~inside).sum()), int((past & inside).sum())
        table = table._replace(end=np.minimum(table.end, limits)).take(inside)
        contig_ids = contig_ids[inside]
        table = table._replace(summit=np.where(table.summit < table.end, table.summit, -1))
    return Placed(table, contig_ids, unknown, clipped, outside)


def _bad_columns(source: str, number: int, line: str, fields: list[str]) -> InputError:
    shown = line if len(line) <= 60 else line[:57] + "..."
    if len(fields) < 3:
        return InputError(
            f"{source}:{number}: a BED line has at least 3 columns (contig, start, end). Received "
            f"{len(fields)}: {shown!r}."
        )
    return InputError(f"{source}:{number}: columns 2 and 3 are whole numbers. Received: {shown!r}.")


def _summit(text: str, start: int, end: int, source: str, number: int) -> int:
    try:
        offset = int(text)
    except ValueError:
        raise InputError(
            f"{source}:{number}: column 10 of a narrowPeak line is the summit's offset, a whole number or "
            f"-1. Received: {text!r}."
        ) from None
    if offset > end - start:
        raise InputError(
            f"{source}:{number}: the summit's offset, column 10, lies inside the peak. Received: {offset} in "
            f"a peak of {end - start} bases."
        )
    # Some ENCODE files count a summit at the very end one too far: it is the last base.
    return min(start + offset, end - 1) if offset >= 0 else -1


def _objects(texts: list[str]) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def _floats(texts: list[str]) -> np.ndarray:
    """Read scores; what is no number ("." among it) is NaN, since no rule of ours depends on a score."""
    try:
        return np.array(texts, np.float64)
    except ValueError:
        values = np.full(len(texts), np.nan)
        for i, text in enumerate(texts):
            try:
                values[i] = float(text)
            except ValueError:
                continue
        return values
