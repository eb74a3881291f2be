"""Variants from VCF and BCF through pysam, streamed: plain, gzip that is not bgzip, bgzip.

htslib cannot stream a plain gzip file, so such a file is unpacked into a pipe that htslib reads.
Positions stay 1-based as in the file; one row of a chunk is one ALT allele of one record.
"""

from __future__ import annotations

import gzip
import os
import shutil
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.files import is_gzip, require_file

NO_ALT = "."


class VcfSurvey(NamedTuple):
    """What a first pass over a VCF found.

    Attributes
    ----------
    records, alleles : int
        Lines, and ALT alleles (a record without ALT counts as one).
    contigs : tuple of str
        Names that records use, in the order of their first record.
    declared : dict
        Name to length in bases (or None) of the header's ``##contig`` lines.
    header : str
        The header's text, with the ``#CHROM`` line.
    """

    records: int
    alleles: int
    contigs: tuple[str, ...]
    declared: dict[str, int | None]
    header: str


class VcfChunk(NamedTuple):
    """A stretch of a VCF, one row per ALT allele, in the file's order.

    Attributes
    ----------
    record : int64 array, shape (n,)
        0-based number of the row's record in the file.
    chroms, ids, refs, alts : list of str
        As the file spells them; ``"."`` where there is no identifier or no ALT.
    pos : int64 array, shape (n,)
        1-based.
    lines : list of str or None
        The records as text without the line's end, if asked for.
    """

    record: np.ndarray
    chroms: list[str]
    pos: np.ndarray
    ids: list[str]
    refs: list[str]
    alts: list[str]
    lines: list[str] | None


def _is_bgzip(path: Path) -> bool:
    with open(path, "rb") as handle:
        head = handle.read(14)
    return len(head) == 14 and head[:4] == b"\x1f\x8b\x08\x04" and head[12:14] == b"BC"


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
def _open(path: Path) -> Iterator[tuple[object, _Unpacked | None]]:
    """Open a VCF with pysam, silencing htslib's own lines on standard error."""
    import pysam

    verbosity = pysam.set_verbosity(0)
    unpacked = _Unpacked(path) if is_gzip(path) and not _is_bgzip(path) else None
    file = None
    try:
        try:
            file = pysam.VariantFile(unpacked.handle if unpacked else str(path))
        except (
            OSError,
            ValueError,
            NotImplementedError,
            TypeError,
        ) as error:  # pysam names a pipe with a TypeError
            raise _unreadable(path, error, unpacked) from error
        try:
            yield file, unpacked
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


def _unreadable(path: Path, error: Exception, unpacked: _Unpacked | None) -> InputError:
    """Say why a VCF does not open."""
    damage = unpacked.close() if unpacked else None
    if damage:
        return InputError(f"The VCF {path} is a truncated or damaged gzip file: {damage}. Fetch it again.")
    if "EOF" in str(error):
        return InputError(
            f"The VCF {path} is truncated: bgzip's end marker is missing. Fetch it again, or compress it "
            "again with bgzip."
        )
    opener = gzip.open if is_gzip(path) else open
    try:
        with opener(path, "rb") as handle:
            head = handle.read(4096)
    except (OSError, EOFError, zlib.error) as damage:
        return InputError(f"The VCF {path} is a truncated or damaged gzip file: {damage}. Fetch it again.")
    if b"\x00" in head or sum(byte > 127 for byte in head) > len(head) // 4:
        return InputError(
            f"{path} is a binary file of another kind, not a VCF (plain, gzip or bgzip) or BCF."
        )
    if not head.startswith(b"##fileformat=VCF"):
        return InputError(
            f"The VCF {path} has no header: its first line is "
            f"{head.splitlines()[0][:60].decode('utf-8', 'replace')!r}, and should be "
            "'##fileformat=VCFv4.2', followed by the '#CHROM POS ID REF ALT ...' line."
        )
    return InputError(
        f"The VCF {path} has a header that htslib does not accept ({error}). Is its '#CHROM' line there?"
    )


def _records(path: Path, file: object, unpacked: _Unpacked | None) -> Iterator[object]:
    """Yield pysam records; name the last good one when the file breaks off."""
    number, last = 0, None
    try:
        for record in file:
            number, last = number + 1, record
            yield record
    except (OSError, ValueError) as error:
        raise _broken(path, number, last, unpacked.close() if unpacked else None, error) from error
    damage = unpacked.close() if unpacked else None
    if damage:
        raise _broken(path, number, last, damage, damage) from damage


def _broken(path: Path, number: int, last: object, damage: Exception | None, error: Exception) -> InputError:
    after = (
        f"after record {number:,} ({last.chrom}:{last.pos})" if last is not None else "at its first record"
    )
    if damage:
        return InputError(f"The VCF {path} is truncated or damaged {after}: {damage}. Fetch it again.")
    return InputError(
        f"The VCF {path} cannot be read {after}: the next line is not a whole VCF record, or the file is "
        f"cut off there ({error}). Look at that line, or fetch the file again."
    )


def survey_vcf(path: str | Path) -> VcfSurvey:
    """Read a VCF through once: count its records, list its contigs, and find damage before any work is done.

    Parameters
    ----------
    path : path
        VCF (plain, gzip, bgzip) or BCF.

    Returns
    -------
    survey : VcfSurvey

    Raises
    ------
    InputError
        If it is missing, empty, binary, without header, truncated, or holds a line that is no record.
    """
    path = require_file(path, "VCF")
    records = alleles = 0
    contigs: dict[str, None] = {}
    with _open(path) as (file, unpacked):
        header = str(file.header)
        declared = {name: contig.length for name, contig in file.header.contigs.items()}
        for record in _records(path, file, unpacked):
            records += 1
            alleles += len(record.alts or NO_ALT)
            contigs[record.chrom] = None
    return VcfSurvey(records, alleles, tuple(contigs), declared, header)


def read_vcf(path: str | Path, chunk_records: int = 1024, keep_lines: bool = False) -> Iterator[VcfChunk]:
    """Yield a VCF's alleles in chunks, in the file's order, holding one chunk in memory.

    Parameters
    ----------
    path : path
        VCF (plain, gzip, bgzip) or BCF; the 8 columns of a sites-only file are enough.
    chunk_records : int
        Records in a chunk (the last one may hold fewer).
    keep_lines : bool
        Keep each record's text as well, to write it out again.

    Yields
    ------
    chunk : VcfChunk

    Raises
    ------
    InputError
        As `survey_vcf`.
    """
    path = require_file(path, "VCF")
    with _open(path) as (file, unpacked):
        rows: list[tuple[int, str, int, str, str, str]] = []
        lines: list[str] = []
        for number, record in enumerate(_records(path, file, unpacked)):
            chrom, pos, name, ref = record.chrom, record.pos, record.id or ".", record.ref or "."
            for alt in record.alts or NO_ALT:
                rows.append((number, chrom, pos, name, ref, alt))
            if keep_lines:
                lines.append(str(record).rstrip("\r\n"))
            if (number + 1) % chunk_records == 0:
                yield _chunk(rows, lines if keep_lines else None)
                rows, lines = [], []
        if rows:
            yield _chunk(rows, lines if keep_lines else None)


def _chunk(rows: list[tuple[int, str, int, str, str, str]], lines: list[str] | None) -> VcfChunk:
    record, chroms, pos, ids, refs, alts = zip(*rows, strict=True)
    return VcfChunk(
        np.array(record, np.int64),
        list(chroms),
        np.array(pos, np.int64),
        list(ids),
        list(refs),
        list(alts),
        lines,
    )
