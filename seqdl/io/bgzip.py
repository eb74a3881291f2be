"""Bytes into a file, plain or bgzip, that fail in seqdl's words when the disk is full."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def open_bytes(path: Path) -> BinaryIO | Bgzip:
    """Open a file for bytes, bgzip-compressed if its name ends in .gz (any gzip reader opens it too)."""
    return Bgzip(path) if path.suffix == ".gz" else open(path, "wb")


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
