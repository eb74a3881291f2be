"""Genome-wide signal of a bigWig, BAM, CRAM or fragment file as binned arrays of any resolution."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError, require_one_of
from seqdl.files import is_gzip, require_file
from seqdl.io.chromosomes import Reconciliation, reconcile
from seqdl.io.rows import Rows

SIGNALS = ("ends", "coverage")
STATISTICS = ("sum", "mean")
MISSING = ("error", "zero", "unknown")
SIGNAL_SUFFIX = re.compile(r"\.(bw|bigwig|bam|cram|(bed|bedpe|tagalign|tsv)(\.b?gz)?)$", re.IGNORECASE)
_BIGWIG = (b"\x26\xfc\x8f\x88", b"\x88\x8f\xfc\x26")
_TN5 = (4, -5)


@dataclass(frozen=True)
class Reading:
    """How a file becomes numbers.

    Attributes
    ----------
    signal : {"ends", "coverage"}
        Of reads and fragments: count their ends (cut sites), or how often they cover a base. A bigWig
        says itself what it holds.
    shift : (int, int)
        Bases added to the place of an end: of a forward read or a fragment's left end, of a reverse read
        or a fragment's right end. (4, -5) is the usual one for Tn5.
    statistic : {"sum", "mean"}
        A row's sum or mean over its bases.
    min_mapq : int
        BAM and CRAM: reads below are left out.
    stranded : bool
        BAM and CRAM: one track a strand, forward first.
    absent : {"zero", "unknown"}
        bigWig: what bases without a value are. A row is unknown where none of its bases has a value;
        where some have, their mean stands for the row.
    """

    signal: str = "ends"
    shift: tuple[int, int] = (0, 0)
    statistic: str = "sum"
    min_mapq: int = 0
    stranded: bool = False
    absent: str = "zero"

    def __post_init__(self) -> None:
        for name, known in (("signal", SIGNALS), ("statistic", STATISTICS), ("absent", MISSING[1:])):
            require_one_of(name, getattr(self, name), known)
        if not 0 <= self.min_mapq <= 255:
            raise InputError(f"`min_mapq` is 0 to 255. Received: {self.min_mapq}.")


class Binned(NamedTuple):
    """One file on a genome's rows.

    Attributes
    ----------
    values : float32 array, shape (strands, rows)
        NaN where a value is not known.
    kind : {"bigwig", "alignments", "fragments"}
    inside, outside : int
        Ends or fragments counted, and those that lie past their contig; rows with a value, and 0, of a
        bigWig.
    lacking : tuple of str
        The genome's contigs that the file has not; their values are 0 here.
    notes : tuple of str
        What a person should know, without the file's name.
    """

    values: np.ndarray
    kind: str
    inside: int
    outside: int
    lacking: tuple[str, ...]
    notes: tuple[str, ...]


def parse_shift(shift: str | Sequence[int] | None, name: str = "shift") -> tuple[int, int]:
    """Read a shift of ends: "tn5" (+4, -5), "left,right", or two numbers; none is (0, 0).

    Parameters
    ----------
    shift : str or pair of int, optional
    name : str
        What it is called, for messages.

    Raises
    ------
    InputError
        If it is none of these, or larger than 1,000 bases.
    """
    if shift is None or shift == "" or shift == "none":
        return 0, 0
    if shift == "tn5":
        return _TN5
    parts = shift.split(",") if isinstance(shift, str) else list(shift)
    try:
        left, right = (int(p) for p in parts)
    except (TypeError, ValueError):
        raise InputError(
            f"`{name}` is two whole numbers with a comma (left end, right end), such as 4,-5, or tn5. "
            f"Received: {shift!r}."
        ) from None
    if max(abs(left), abs(right)) > 1000:
        raise InputError(f"`{name}` is at most 1,000 bases. Received: {left},{right}.")
    return left, right


def signal_kind(path: str | Path) -> str:
    """Tell "bigwig", "alignments" (BAM, CRAM) and "fragments" (text) apart, by content.

    Parameters
    ----------
    path : path

    Returns
    -------
    kind : {"bigwig", "alignments", "fragments"}

    Raises
    ------
    InputError
        If the file is missing, empty or none of these.
    """
    path = require_file(path, "track")
    try:
        with gzip.open(path) if is_gzip(path) else open(path, "rb") as handle:
            head = handle.read(512)
    except (EOFError, zlib.error, OSError) as error:
        raise InputError(
            f"The track {path} is truncated or damaged: {error}. Fetch or compress it again."
        ) from None
    if head[:4] in _BIGWIG:
        return "bigwig"
    if head[:4] in (b"BAM\1", b"CRAM"):
        return "alignments"
    if b"\0" in head or path.suffix.lower() in (".bw", ".bigwig", ".bam", ".cram"):
        raise InputError(
            f"The track {path} is no bigWig, BAM, CRAM or fragment file (it begins with {head[:8]!r}). "
            "Fetch it again, or convert it to one of these."
        )
    return "fragments"


def read_signal(
    path: str | Path,
    rows: Rows,
    reading: Reading,
    alias: Mapping[str, str] | str | Path | None = None,
    advance: Callable[[int], None] = lambda bases: None,
) -> Binned:
    """Read a whole track onto the rows of a genome.

    Parameters
    ----------
    path : path
        bigWig; BAM or CRAM with its index; or fragments: tab-separated contig, start, end, plain or
        gzipped, 10x ``fragments.tsv.gz`` and BED among them. Text whose sixth column is a strand holds
        single reads, of which the 5' end counts; other text holds fragments, of which both ends count.
    rows : Rows
        Of `seqdl.io.rows.lay_rows`.
    reading : Reading
    alias : mapping or path, optional
        As in `seqdl.io.chromosomes.reconcile`.
    advance : callable
        Called with the bases of the genome that are done since the last call, for a progress bar.

    Returns
    -------
    binned : Binned

    Raises
    ------
    InputError
        If the file is missing, damaged, of another genome, without an index, or holds negative values.
    MissingDependencyError
        If pyBigWig or pysam is needed and not installed.
    """
    kind = signal_kind(path)
    if reading.stranded and kind != "alignments":
        raise InputError(f"Strands (--stranded) are read from BAM and CRAM. Received: {path}.")
    if kind == "bigwig":
        from seqdl.io.bigwig import read_bigwig as read
    elif kind == "alignments":
        from seqdl.io.alignments import read_alignments as read
    else:
        from seqdl.io.fragments import read_fragments as read
    return read(Path(path).expanduser(), rows, reading, alias, advance)


def match_contigs(
    path: Path, found: Mapping[str, int], rows: Rows, alias
) -> tuple[dict[int, str], list[str]]:
    """Bring the contigs of a file with a header to the genome's, and check their lengths.

    Parameters
    ----------
    path : Path
    found : mapping
        The file's contigs and their bases.
    rows : Rows
    alias : mapping or path, optional

    Returns
    -------
    names : dict
        Contig's place in the genome → its name in the file; contigs that the file has not are left out.
    notes : list of str

    Raises
    ------
    InputError
        If no name fits, or a contig is of another length: that is another assembly.
    """
    matched = reconcile(found, rows.names, alias, what=path.name)
    place = {name: i for i, name in enumerate(rows.names)}
    names: dict[int, str] = {}
    for name, theirs in matched.mapping.items():
        contig = place[theirs]
        if contig in names:
            raise InputError(
                f"{path}: its contigs {names[contig]} and {name} are both {theirs} of the genome. Say which "
                "with an alias table (--alias)."
            )
        if found[name] != rows.sizes[contig]:
            raise InputError(
                f"{path}: its contig {name} has {found[name]:,} bases, and {theirs} of the genome "
                f"{int(rows.sizes[contig]):,}: another assembly. Use the genome that the track was made on."
            )
        names[contig] = name
    return names, say_names(matched)


def say_names(matched: Reconciliation) -> list[str]:
    """Say what became of contig names, a line each, without the file's name."""
    return [line.split(": ", 1)[1] for line in matched.report.splitlines()]


def lacking_contigs(rows: Rows, have: Iterable[int]) -> tuple[str, ...]:
    """Return the genome's contigs whose places are not among those that a file has."""
    have = set(have)
    return tuple(name for i, name in enumerate(rows.names) if i not in have)
