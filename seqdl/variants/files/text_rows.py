"""Rows of text from blocks of scores, and the bgzip file with its index that they go to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seqdl.io.bgzip import Order, build_index, open_bytes
from seqdl.progress import say
from seqdl.variants.scored import FLOAT

_CELLS_AT_ONCE = 4000  # numbers in one formatting step: more of them leave the processor's cache
_SAID_ABOVE = 1 << 28  # bytes of a file whose indexing takes a while


def format_rows(values: np.ndarray) -> list[str]:
    """Write the numbers of each row, nine digits each, with tabs between them.

    Parameters
    ----------
    values : float32 array, shape (n, columns)

    Returns
    -------
    rows : list of str, length n
    """
    n, columns = values.shape
    row = "\t".join([FLOAT] * columns) + "\n"
    step = max(1, _CELLS_AT_ONCE // max(columns, 1))
    texts: list[str] = []
    for start in range(0, n, step):
        part = values[start : start + step]
        # One format for many rows is faster than one step of Python per row.
        texts += ((row * len(part)) % tuple(part.ravel().tolist())).split("\n")[:-1]
    return texts


def note_texts(values: list[str] | np.ndarray) -> list[str]:
    """Write a note's values as text without tabs."""
    if isinstance(values, np.ndarray):
        return format_rows(values[:, None])
    return [" ".join(value.split()) or "." for value in values]


class IndexedText:
    """A text file that gets a tabix index if it is bgzip and its rows are sorted.

    Parameters
    ----------
    path : Path
        Compressed where it ends in .gz.
    layout : {"vcf", "tsv"}
        Of the index.
    contigs : mapping
        Lengths of contigs, bases, where they are known.
    what : str
        What the file is, for the note.
    """

    def __init__(
        self, path: Path, layout: str, contigs: Mapping[str, int | None], what: str = "output"
    ) -> None:
        self._path, self._layout, self._what = path, layout, what
        self._longest = max((size or 0 for size in contigs.values()), default=0)
        self._file = open_bytes(path)
        self._order = Order()

    def write(self, text: str, chroms: list[str] = (), pos: np.ndarray = ()) -> None:
        """Append lines, and say where their rows lie."""
        self._file.write(text.encode())
        self._order.add(chroms, pos)
        if len(pos):
            self._longest = max(self._longest, int(np.max(pos)))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def finish(self) -> str:
        """Close the file and build its index; say in words if there is none for want of order."""
        self.close()
        if self._path.suffix != ".gz":
            return ""
        if self._order.broken:
            return (
                f"The {self._what} has no tabix index: its rows are not sorted by contig and position "
                f"({self._order.broken}). For an index, sort the VCF first: bcftools sort."
            )
        if self._path.stat().st_size > _SAID_ABOVE:
            say(f"Indexing the {self._what} …")
        build_index(self._path, self._layout, self._longest)
        return ""
