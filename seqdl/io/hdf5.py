"""HDF5 files written so that a full disk is an error like any other.

The HDF5 library cannot give up a file that it cannot flush: where the disk is full, h5py kills the
whole process later on, and the half-written file stays. So the library writes through a file object
that keeps such an error to itself, and `HDF5Writer` raises it where Python code can handle it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from seqdl.errors import InputError
from seqdl.intervals import Interval


def map_rows(path: str | Path, name: str) -> np.ndarray:
    """Map a contiguous array of an HDF5 file into memory, so that it may be larger than memory.

    Parameters
    ----------
    path : path
    name : str
        The array's name in the file.

    Returns
    -------
    rows : array
        Read-only; pages are read when touched. An array that HDF5 keeps in pieces is read whole.
    """
    with h5py.File(path, "r") as f:
        stored = f[name]
        shape, dtype, offset = stored.shape, stored.dtype, stored.id.get_offset()
        if offset is None or not stored.size:
            return stored[:]
    return np.memmap(path, dtype, "r", offset, shape)


def write_regions(group: h5py.Group, regions: Sequence[Interval]) -> None:
    """Write intervals as columns: chrom, strand and name (UTF-8), start and end (int64), each (n,).

    Parameters
    ----------
    group : h5py.Group
        A file, or a group of it.
    regions : sequence of Interval, length n
    """
    for key in ("chrom", "strand", "name"):
        data = [getattr(region, key) for region in regions]
        group.create_dataset(key, data=data, dtype=h5py.string_dtype("utf-8"))
    for key in ("start", "end"):
        group[key] = np.array([getattr(region, key) for region in regions], np.int64)


def read_regions(group: h5py.Group) -> tuple[Interval, ...]:
    """Read the intervals that `write_regions` wrote.

    Parameters
    ----------
    group : h5py.Group

    Returns
    -------
    tuple of Interval, length n

    Raises
    ------
    KeyError
        If a column is missing.
    """
    chrom, strand, name = (group[key].asstr()[:] for key in ("chrom", "strand", "name"))
    start, end = (group[key][:].tolist() for key in ("start", "end"))
    return tuple(Interval(*columns) for columns in zip(chrom, start, end, strand, name, strict=True))


def require_format(file: h5py.File, path: str | Path, name: str, version: int) -> None:
    """Refuse a file of another format, or of a newer version than this seqdl knows.

    Parameters
    ----------
    file : h5py.File
        With the attributes ``format`` and ``version``.
    path : path
        For the message.
    name : str
    version : int
        The newest that is known.

    Raises
    ------
    InputError
        If it is one.
    """
    found, number = file.attrs.get("format"), file.attrs.get("version", 0)
    if found != name or not isinstance(number, (int, np.integer)) or number > version:
        raise InputError(
            f"{path} holds no {name} of version <= {version}. Received: {found}, version {number}."
        )


class _Sink(io.FileIO):
    """A file that remembers the first error of writing, and from then on only pretends to write."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, "w+b")
        self.error: OSError | None = None

    def write(self, data) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while done < len(view):
                done += super().write(view[done:])
        except OSError as error:
            self.error = self.error or error
        return len(view)

    def readinto(self, buffer) -> int:
        view = memoryview(buffer).cast("B")
        done = super().readinto(view) or 0
        view[done:] = bytes(len(view) - done)  # what was only pretended reads as zeros
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return self.tell() if size is None else size


class HDF5Writer(h5py.File):
    """A new HDF5 file; use it as `h5py.File` opened with "w".

    Parameters
    ----------
    path : path
        The file; what stands there is replaced.

    Raises
    ------
    OSError
        From `check` and `close`, if the disk was full or failed.
    """

    def __init__(self, path: str | Path) -> None:
        self._sink = _Sink(path)
        super().__init__(self._sink, "w")

    def check(self) -> None:
        """Raise the error that writing met so far, if any: a long job need not go on."""
        if self._sink.error is not None:
            raise self._sink.error

    def close(self) -> None:
        """Write all that is left, and raise what went wrong with it."""
        if self._sink.closed:
            return
        super().close()
        self._sink.close()
        self.check()
