"""Variants from VCF and BCF, streamed: a first pass that finds damage, and chunks of alleles.

Positions stay 1-based as in the file; one row of a chunk is one ALT allele of one record. How the file
is opened stands in `seqdl.io.vcf_opening`, what is said about a damaged one in `seqdl.io.vcf_damage`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.io.vcf_opening import open_vcf

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
    samples : tuple of str
        Names of the file's samples; none in a file of sites only.
    unsorted : str
        Where the order breaks first ("record 3 (chr1:5) follows chr1:9"); empty in a sorted file.
    """

    records: int
    alleles: int
    contigs: tuple[str, ...]
    declared: dict[str, int | None]
    header: str
    samples: tuple[str, ...] = ()
    unsorted: str = ""


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


class OrderCheck:
    """Watch the order of a VCF's records: contigs in one piece, positions that never decrease.

    Attributes
    ----------
    broken : str
        Where the order broke first; empty until then.
    """

    def __init__(self) -> None:
        self.broken = ""
        self._seen: set[str] = set()
        self._chrom: str | None = None
        self._pos = 0

    def add(self, number: int, chrom: str, pos: int) -> bool:
        """Take the next record (number from 0, contig, 1-based position); tell whether a contig begins."""
        begins = chrom != self._chrom
        if not self.broken:
            if begins and chrom in self._seen:
                self.broken = f"record {number + 1:,} returns to {chrom}, after {self._chrom}"
            elif not begins and pos < self._pos:
                self.broken = f"record {number + 1:,} ({chrom}:{pos}) follows {chrom}:{self._pos}"
        if begins:
            self._seen.add(chrom)
        self._chrom, self._pos = chrom, pos
        return begins


def survey_vcf(path: str | Path, samples: bool = False) -> VcfSurvey:
    """Read a VCF through once: count its records, list its contigs, and find damage before any work is done.

    Parameters
    ----------
    path : path
        VCF (plain, gzip, bgzip) or BCF.
    samples : bool
        Take the samples' columns apart as well, which finds damage in them; slow where they are many.

    Returns
    -------
    survey : VcfSurvey

    Raises
    ------
    InputError
        If it is missing, empty, binary, without header, truncated, or holds a line that is no record.
    """
    records = alleles = 0
    contigs: dict[str, None] = {}
    order = OrderCheck()
    with open_vcf(path, None if samples else ()) as file:
        for record in file.records:
            chrom = record.chrom
            if order.add(records, chrom, record.pos):
                contigs[chrom] = None
            records += 1
            alleles += len(record.alts or NO_ALT)
    return VcfSurvey(records, alleles, tuple(contigs), file.declared, file.header, file.samples, order.broken)


def read_vcf(path: str | Path, chunk_records: int = 1024, keep_lines: bool = False) -> Iterator[VcfChunk]:
    """Yield a VCF's alleles in chunks, in the file's order, holding one chunk in memory.

    Parameters
    ----------
    path : path
        VCF (plain, gzip, bgzip) or BCF; the 8 columns of a sites-only file are enough.
    chunk_records : int
        Records in a chunk (the last one may hold fewer).
    keep_lines : bool
        Keep each record's text as well, to write it out again. Otherwise the samples' columns are not
        taken apart.

    Yields
    ------
    chunk : VcfChunk

    Raises
    ------
    InputError
        As `survey_vcf`.
    """
    with open_vcf(path, None if keep_lines else ()) as file:
        rows: list[tuple[int, str, int, str, str, str]] = []
        lines: list[str] = []
        for number, record in enumerate(file.records):
            chrom, pos, name, ref = record.chrom, record.pos, record.id or ".", record.ref or "."
            for alt in record.alts or NO_ALT:
                rows.append((number, chrom, pos, name, ref, alt))
            if keep_lines:
                lines.append(str(record).rstrip("\r\n"))
            if (number + 1) % chunk_records == 0:
                yield make_chunk(rows, lines if keep_lines else None)
                rows, lines = [], []
        if rows:
            yield make_chunk(rows, lines if keep_lines else None)


class VcfInfo(NamedTuple):
    """A record of a VCF with its INFO column as text.

    Attributes
    ----------
    chrom, ref : str
        As the file spells them.
    pos : int
        1-based.
    alts : tuple of str
        ``"."`` alone where there is no ALT.
    info : str
    """

    chrom: str
    pos: int
    ref: str
    alts: tuple[str, ...]
    info: str


def read_info(path: str | Path) -> Iterator[VcfInfo]:
    """Yield a VCF's records with their INFO as text, which holds keys that the header does not declare.

    Parameters
    ----------
    path : path
        VCF (plain, gzip, bgzip) or BCF.

    Yields
    ------
    record : VcfInfo

    Raises
    ------
    InputError
        As `survey_vcf`.
    """
    with open_vcf(path, ()) as file:
        for record in file.records:
            info = str(record).rstrip("\r\n").split("\t", 8)[7]
            yield VcfInfo(record.chrom, record.pos, record.ref or ".", record.alts or (NO_ALT,), info)


def make_chunk(rows: list[tuple[int, str, int, str, str, str]], lines: list[str] | None) -> VcfChunk:
    """Make a chunk of one or more rows (record, contig, position, identifier, REF, ALT).

    Parameters
    ----------
    rows : list of tuple
    lines : list of str or None

    Returns
    -------
    chunk : VcfChunk
    """
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
