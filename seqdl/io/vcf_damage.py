"""What is wrong with a VCF that does not open or breaks off: found by looking at it, said in one sentence.

htslib only says "truncated file" or "invalid header"; the text itself says more, so it is read again, up to
the line in question, once something has gone wrong.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from pathlib import Path

from seqdl.errors import InputError
from seqdl.files import is_gzip
from seqdl.words import count, few

_GZIP_TROUBLE = (OSError, EOFError, zlib.error)
_SHOWN = 60
_REQUIRED = 8


def unreadable(path: Path, error: Exception, damage: Exception | None) -> InputError:
    """Make the error for a VCF that does not open.

    Parameters
    ----------
    path : Path
    error : Exception
        What htslib said.
    damage : Exception, optional
        What went wrong with unpacking a plain gzip file.

    Returns
    -------
    error : InputError
        To be raised.
    """
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
    except _GZIP_TROUBLE as damage:
        return InputError(f"The VCF {path} is a truncated or damaged gzip file: {damage}. Fetch it again.")
    marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not marked and (b"\x00" in head or sum(byte > 127 for byte in head) > len(head) // 4):
        return InputError(
            f"{path} is a binary file of another kind, not a VCF (plain, gzip or bgzip) or BCF."
        )
    if marked or head.startswith(codecs.BOM_UTF8):
        return InputError(
            f"The VCF {path} begins with a byte order mark, as Windows editors put it there, and not with "
            "'##fileformat'. Save it as plain UTF-8 without the mark."
        )
    if not head.startswith(b"##fileformat=VCF"):
        first = head.splitlines()[0][:_SHOWN].decode("utf-8", "replace") if head else ""
        return InputError(
            f"The VCF {path} has no header: its first line is {first!r}, and should be "
            "'##fileformat=VCFv4.2', followed by the '#CHROM POS ID REF ALT ...' line."
        )
    return InputError(f"The VCF {path} has a header that cannot be read: {_header_fault(path, error)}")


def _header_fault(path: Path, error: Exception) -> str:
    """Say what is wrong with a header that begins well."""
    opener = gzip.open if is_gzip(path) else open
    try:
        with opener(path, "rb") as handle:
            head = [line for line, _ in zip(handle, range(1_000_000), strict=False) if line.startswith(b"#")]
    except _GZIP_TROUBLE as damage:
        return f"{damage}. Fetch it again."
    if head and b"\r" in head[0].strip():
        return "its lines end with carriage returns alone. Give them line feeds: tr '\\r' '\\n'."
    titles = next((line for line in head if not line.startswith(b"##")), b"").rstrip(b"\r\n")
    if not titles.startswith(b"#CHROM"):
        return f"its '#CHROM POS ID REF ALT ...' line is missing (htslib says: {error}). Add it."
    if b"\t" not in titles:
        return "its '#CHROM' line has blanks between the names. A VCF's columns are separated by tabs."
    samples = titles.decode("utf-8", "replace").split("\t")[_REQUIRED + 1 :]
    twice = sorted({name for name in samples if samples.count(name) > 1})
    if twice:
        return f"two samples have one name ({few(twice)}). Rename one: bcftools reheader --samples."
    return f"htslib does not accept it ({error}). Look at its '#CHROM' line."


def broken(
    path: Path, number: int, last: tuple[str, int] | None, damage: Exception | None, error: Exception
) -> InputError:
    """Make the error for a VCF that breaks off.

    Parameters
    ----------
    path : Path
    number : int
        Records that were whole.
    last : (str, int), optional
        Contig and 1-based position of the last one of them.
    damage : Exception, optional
        What went wrong with unpacking a plain gzip file.
    error : Exception
        What htslib said.

    Returns
    -------
    error : InputError
        To be raised.
    """
    after = f"after record {number:,} ({last[0]}:{last[1]})" if last else "at its first record"
    if damage:
        return InputError(f"The VCF {path} is truncated or damaged {after}: {damage}. Fetch it again.")
    fault = _line_fault(path, number)
    if fault:
        return InputError(f"The VCF {path} cannot be read {after}: {fault}")
    return InputError(
        f"The VCF {path} cannot be read {after}: the next line is not a whole VCF record, or the file is "
        f"cut off there ({error}). Look at that line, or fetch the file again."
    )


def _line_fault(path: Path, number: int) -> str:
    """Say what is wrong with a text file's record `number` (from 0); empty where the text does not tell."""
    opener = gzip.open if is_gzip(path) else open
    columns = record = 0
    try:
        with opener(path, "rb") as handle:
            for where, line in enumerate(handle, 1):
                if line.startswith(b"#") and record == 0:
                    columns = line.count(b"\t") + 1
                elif record == number:
                    return _fault(line, where, columns)
                else:
                    record += 1
    except _GZIP_TROUBLE:
        pass  # what htslib said is all that is known
    return ""


def _fault(line: bytes, where: int, columns: int) -> str:
    """Say what is wrong with one line (number `where`) of a VCF with so many columns."""
    text = line.rstrip(b"\r\n").decode("utf-8", "replace")
    if b"\x00" in line or line.startswith(b"BCF"):
        return ""
    if not text.strip():
        return f"line {where:,} is blank. Remove it."
    if text.startswith("#"):
        return (
            f"line {where:,} is a header line among the records ({text[:_SHOWN]!r}). Were two files joined "
            "with cat? Join them with bcftools concat."
        )
    fields, shown = text.split("\t"), f"line {where:,} ({text[:_SHOWN]!r})"
    cut = "" if line.endswith(b"\n") else " It is the last line and has no end, so the file may be cut off."
    if len(fields) == 1 and len(text.split()) >= 5:
        return f"{shown} has blanks between its fields. A VCF's columns are separated by tabs."
    if len(fields) < min(columns, _REQUIRED) or _REQUIRED < len(fields) < columns:
        return (
            f"{shown} has {count(len(fields), 'column')}, and the '#CHROM' line {columns}.{cut} Complete it, "
            "or fetch the file again."
        )
    if not fields[1].isdecimal():
        return f"{shown} has the position {fields[1]!r}. POS is a whole number from 1 on."
    return ""


def require_whole_end(path: Path, columns: int) -> None:
    """Check that a plain text VCF is not cut off inside its last line's samples.

    htslib only notices this where it takes the samples apart.

    Parameters
    ----------
    path : Path
        Read from its end on, to the last line's begin.
    columns : int
        Of the ``#CHROM`` line.

    Raises
    ------
    InputError
        If the last line has no end and fewer columns.
    """
    with open(path, "rb") as handle:
        size, step, tail = handle.seek(0, 2), 1 << 16, b""
        while size and b"\n" not in tail:
            size, asked = max(0, size - step), min(step, size)
            handle.seek(size)
            tail = handle.read(asked) + tail
    if not tail or tail.endswith((b"\n", b"\r")):
        return
    found = tail.rsplit(b"\n", 1)[-1].count(b"\t") + 1
    if found < columns:
        raise InputError(
            f"The VCF {path} is truncated: its last line has {count(found, 'column')} of {columns}, and no "
            "end. Fetch it again."
        )
