"""A VCF or BCF opened with pysam: plain, gzip that is not bgzip, bgzip; with as few samples as are wanted.

htslib cannot stream a plain gzip file, so such a file is unpacked into a pipe that htslib reads.
"""

from __future__ import annotations

import gzip
import os
import shutil
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from seqdl.errors import InputError
from seqdl.files import is_gzip, require_file
from seqdl.io.bgzip import is_bgzip
from seqdl.io.vcf_damage import broken, require_whole_end, unreadable
from seqdl.words import count, suggest


class OpenVcf(NamedTuple):
    """A VCF that is being read.

    Attributes
    ----------
    header : str
        The header's text, with the ``#CHROM`` line and every sample.
    declared : dict
        Name to length in bases (or None) of the header's ``##contig`` lines.
    samples : tuple of str
        Every sample of the file, whichever of them are read.
    records : iterator
        pysam's records, to be gone through once while the file is open.
    """

    header: str
    declared: dict[str, int | None]
    samples: tuple[str, ...]
    records: Iterator


class _Unpacked:
    """A plain gzip file as a pipe, fed by a thread."""

    def __init__(self, path: Path) -> None:
        self._error: Exception | None = None
        reading, writing = os.pipe()
        self.handle = os.fdopen(reading, "rb")
        self._thread = threading.Thread(target=self._feed, args=(path, writing), daemon=True)
        self._thread.start()

    def _feed(self, path: Path, writing: int) -> None:
        try:
            with os.fdopen(writing, "wb") as sink, gzip.open(path) as source:
                shutil.copyfileobj(source, sink, 1 << 16)
        except BrokenPipeError:
            pass  # the reader has stopped, so nobody waits for the rest
        except (OSError, EOFError, zlib.error) as error:
            self._error = error

    def close(self) -> Exception | None:
        """Stop unpacking, and return what went wrong with it."""
        self.handle.close()
        self._thread.join()
        return self._error


@contextmanager
def open_vcf(path: str | Path, samples: Sequence[str] | None = None) -> Iterator[OpenVcf]:
    """Open a VCF or BCF, silencing htslib's own lines on standard error.

    Parameters
    ----------
    path : path
        VCF (plain, gzip, bgzip) or BCF.
    samples : sequence of str, optional
        Whose columns to take apart: all by default, none with ``()``. With 500 samples, taking none is
        several times faster.

    Yields
    ------
    file : OpenVcf

    Raises
    ------
    InputError
        If the file is missing, empty, of another kind, without header, truncated, or not in UTF-8, holds
        a line that is no record, or has no such sample; while records are read as well.
    """
    import pysam

    path = require_file(path, "VCF")
    verbosity = pysam.set_verbosity(0)
    unpacked = _Unpacked(path) if is_gzip(path) and not is_bgzip(path) else None
    file = None
    try:
        try:
            file = pysam.VariantFile(unpacked.handle if unpacked else str(path))
        except (OSError, ValueError, NotImplementedError, TypeError) as error:  # TypeError: a pipe's name
            raise unreadable(path, error, unpacked.close() if unpacked else None) from error
        try:
            header, names = str(file.header), tuple(file.header.samples)
            declared = {name: contig.length for name, contig in file.header.contigs.items()}
            if samples is not None:
                _require_samples(path, samples, names)
                file.subset_samples(list(samples))
            skips = names if samples is not None else ()
            yield OpenVcf(header, declared, names, _records(path, file, unpacked, len(skips)))
        except UnicodeDecodeError as error:  # pysam decodes a field when it is asked for
            raise InputError(
                f"The VCF {path} holds text that is not UTF-8 ({error.object[:40]!r}), as the VCF standard "
                "demands. Convert it: iconv -f latin1 -t utf-8."
            ) from error
    finally:
        if file is not None:
            with suppress(OSError):  # closing a damaged file fails again with the same complaint
                file.close()
        if unpacked:
            unpacked.close()
        pysam.set_verbosity(verbosity)


def _require_samples(path: Path, wanted: Sequence[str], names: Sequence[str]) -> None:
    for name in wanted:
        if name in names:
            continue
        if not names:
            raise InputError(
                f"The VCF {path} has sites only, no samples: no genotypes. Give a VCF with them. "
                f"Received: the sample {name!r}."
            )
        raise InputError(
            f"The VCF {path} has no sample {name!r}, among {count(len(names), 'sample')}."
            f"{suggest(name, names) or f' The first one is {names[0]!r}.'}"
        )


def _records(path: Path, file: object, unpacked: _Unpacked | None, skipped: int) -> Iterator[object]:
    """Yield pysam records; name the last good one when the file breaks off."""
    number, last = 0, None
    try:
        for record in file:
            number, last = number + 1, record
            yield record
    except (OSError, ValueError) as error:
        place = (last.chrom, last.pos) if last is not None else None
        raise broken(path, number, place, unpacked.close() if unpacked else None, error) from error
    damage = unpacked.close() if unpacked else None
    if damage:
        raise broken(path, number, (last.chrom, last.pos) if last is not None else None, damage, damage)
    if skipped and not is_gzip(path) and file.format == "VCF":
        require_whole_end(path, skipped + 9)
