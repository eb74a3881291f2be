"""HDF5 files written so that a full disk is an error like any other.

The HDF5 library cannot give up a file that it cannot flush: where the disk is full, h5py kills the
whole process later on, and the half-written file stays. So the library writes through a file object
that keeps such an error to itself, and `HDF5Writer` raises it where Python code can handle it.
"""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np


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
