"""Bytes into a file, plain or bgzip, that fail in seqdl's words when the disk is full, and tabix indices."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import numpy as np

INDEX_SUFFIXES = (".tbi", ".csi")
_TBI_REACHES = 1 << 29  # bases; a longer contig needs CSI
_END_MARKER = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_PRESETS = {
    "vcf": {"preset": "vcf"},
    "tsv": {"seq_col": 0, "start_col": 1, "end_col": 1, "meta_char": "#"},  # tabix -s1 -b2 -e2 -c#
}


def open_bytes(path: Path) -> BinaryIO | Bgzip:
    """Open a file for bytes, bgzip-compressed if its name ends in .gz (any gzip reader opens it too)."""
    return Bgzip(path) if path.suffix == ".gz" else open(path, "wb")


def is_bgzip(path: str | Path) -> bool:
    """Tell whether a file begins as bgzip does: gzip whose header says how long its block is."""
    with open(path, "rb") as handle:
        head = handle.read(14)
    return head[:4] == _END_MARKER[:4] and head[12:14] == b"BC"


def is_cut_off(path: str | Path) -> bool:
    """Tell whether a bgzip file lacks its end marker; a plain gzip file has none, and is never cut off here.

    A gzip reader does not notice it where the file was cut between two of bgzip's blocks.
    """
    if not is_bgzip(path):
        return False
    with open(path, "rb") as handle:
        size = handle.seek(0, os.SEEK_END)
        handle.seek(max(0, size - len(_END_MARKER)))
        return handle.read() != _END_MARKER


class Order:
    """Whether rows come contig by contig with positions that never fall, as an index demands.

    Attributes
    ----------
    broken : str
        Where the order breaks, in words; empty as long as it holds.
    """

    def __init__(self) -> None:
        self.broken = ""
        self._seen: set[str] = set()
        self._chrom: str | None = None
        self._last = 0

    def add(self, chroms: list[str], pos: np.ndarray) -> None:
        """Look at the next rows.

        Parameters
        ----------
        chroms : list of str, length n
        pos : int array, shape (n,)
        """
        start = 0
        for chrom, group in groupby(chroms):
            if self.broken:
                return
            part = pos[start : start + sum(1 for _ in group)]
            start += len(part)
            if chrom != self._chrom:
                if chrom in self._seen:
                    self.broken = f"{chrom} comes again after {self._chrom}"
                self._seen.add(chrom)
                self._chrom, self._last = chrom, int(part[0])
            before = np.concatenate([[self._last], part[:-1]])
            falls = np.flatnonzero(part < before)
            if len(falls) and not self.broken:
                self.broken = f"{chrom}:{part[falls[0]]} stands after {chrom}:{before[falls[0]]}"
            self._last = int(part[-1])


def index_path(path: str | Path, longest: int = 0) -> Path:
    """Return the name of a file's index: .tbi, or .csi where the longest contig exceeds 2^29 bases."""
    path = Path(path)
    return path.with_name(path.name + INDEX_SUFFIXES[longest > _TBI_REACHES])


def build_index(path: Path, layout: str, longest: int = 0) -> Path:
    """Build the tabix index of a finished, sorted bgzip file beside it.

    Parameters
    ----------
    path : Path
        The file, sorted by contig and position.
    layout : {"vcf", "tsv"}
        Where contig and position stand; in a "tsv" in its first two columns, "#" begins the header's lines.
    longest : int
        Length of the longest contig, bases.

    Returns
    -------
    index : Path
        As `index_path` says.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    import pysam

    index = index_path(path, longest)
    verbosity = pysam.set_verbosity(0)
    try:
        pysam.tabix_index(
            str(path), force=True, index=str(index), csi=index.suffix == ".csi", **_PRESETS[layout]
        )
    except OSError:
        index.unlink(missing_ok=True)
        raise OSError(errno.EIO, "indexing failed; is the disk full?", str(index)) from None
    finally:
        pysam.set_verbosity(verbosity)
    return index


class Bgzip:
    """A bgzip file for writing through pysam.

    htslib reports a failed write on standard error and without its cause; here it is an `OSError` that
    says what probably happened, and htslib keeps quiet.

    Parameters
    ----------
    path : Path
        File to write.
    """

    def __init__(self, path: Path) -> None:
        import pysam

        # Level 1 is five times as fast as the default and a tenth larger: digits hardly compress.
        self._file = pysam.BGZFile(str(path), "wb1")
        self._path = path

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises
        ------
        OSError
            If they cannot be written.
        """
        self._try(lambda: self._file.write(data))

    def close(self) -> None:
        """Write what is left and the end marker.

        Raises
        ------
        OSError
            If they cannot be written.
        """
        if self._file is not None:
            self._try(self._file.close)

    def _try(self, action: Callable[[], object]) -> None:
        import pysam

        verbosity = pysam.set_verbosity(0)
        hooks = sys.unraisablehook, sys.excepthook
        try:
            action()
        except OSError:
            # Letting go of the broken file makes pysam fail and print once more, where nobody can catch it.
            sys.unraisablehook = sys.excepthook = lambda *_: None
            del action
            self._file = None
            raise OSError(errno.ENOSPC, "writing failed; is the disk full?", str(self._path)) from None
        finally:
            sys.unraisablehook, sys.excepthook = hooks
            pysam.set_verbosity(verbosity)
