"""The light nouns: `Interval` (0-based, half-open) and `Variant` (1-based, as in VCF)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from seqdl.errors import InputError

_REGION = re.compile(r"^(?P<chrom>.+):(?P<start>[\d,]+)-(?P<end>[\d,]+)$")


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of a contig, 0-based and half-open as in BED.

    Parameters
    ----------
    chrom : str
        Contig name, as the genome spells it.
    start, end : int
        First base and the base after the last one, 0-based. `start` may be negative and `end` may
        lie past the contig: a genome answers with N there.
    strand : {"+", "-", "."}
        Strand; "." is unstranded and reads as "+".
    name : str
        Free text.

    Raises
    ------
    InputError
        If `start >= end`, or the strand is not one of the three.

    Examples
    --------
    >>> Interval("chrI", 10, 30).resize(4)
    Interval(chrom='chrI', start=18, end=22, strand='.', name='')
    """

    chrom: str
    start: int
    end: int
    strand: str = "."
    name: str = ""

    def __post_init__(self) -> None:
        if not self.chrom:
            raise InputError("An interval needs a contig name. Received an empty one.")
        if self.start >= self.end:
            raise InputError(
                f"An interval is 0-based and half-open, so start < end. "
                f"Received: {self.chrom}:{self.start}-{self.end}."
            )
        if self.strand not in ("+", "-", "."):
            raise InputError(f"`strand` must be '+', '-' or '.'. Received: {self.strand!r}.")

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Read "chrom:start-end", 0-based and half-open (commas in numbers are allowed).

        Raises
        ------
        InputError
            If the text has another form.
        """
        match = _REGION.match(text.strip())
        if match is None:
            raise InputError(
                f"A region is written chrom:start-end, for example chrI:1000-2000. Received: {text!r}."
            )
        return cls(match["chrom"], int(match["start"].replace(",", "")), int(match["end"].replace(",", "")))

    @property
    def width(self) -> int:
        """Number of bases."""
        return self.end - self.start

    @property
    def center(self) -> int:
        """0-based index of the middle base: ``start + width // 2`` (the right one of two middles)."""
        return self.start + self.width // 2

    def resize(self, width: int) -> Interval:
        """Return the interval of `width` bases with the same `center`, which gets index ``width // 2``."""
        if width < 1:
            raise InputError(f"`width` must be a positive number of bases. Received: {width}.")
        start = self.center - width // 2
        return replace(self, start=start, end=start + width)

    def shift(self, bases: int) -> Interval:
        """Return the interval moved by `bases` towards higher coordinates."""
        return replace(self, start=self.start + bases, end=self.end + bases)


@dataclass(frozen=True, slots=True)
class Variant:
    """One alternative allele at one place.

    Parameters
    ----------
    chrom : str
        Contig name.
    pos : int
        1-based position of the first base of `ref`, as in VCF; `start` is the same place 0-based.
    ref, alt : str
        Alleles, upper-case letters; neither may be empty.
    id : str
        Identifier, "." when there is none.

    Examples
    --------
    >>> Variant("chrI", 100, "AT", "A").kind
    'DEL'
    """

    chrom: str
    pos: int
    ref: str
    alt: str
    id: str = "."

    def __post_init__(self) -> None:
        if self.pos < 1:
            raise InputError(f"A variant's `pos` is 1-based, so at least 1. Received: {self.pos}.")
        if not self.ref or not self.alt:
            raise InputError(
                f"`ref` and `alt` hold at least one base each, as in VCF. "
                f"Received: {self.ref!r}, {self.alt!r}."
            )

    @property
    def start(self) -> int:
        """0-based position of the first reference base."""
        return self.pos - 1

    @property
    def end(self) -> int:
        """0-based position after the last reference base."""
        return self.pos - 1 + len(self.ref)

    @property
    def kind(self) -> str:
        """One of "SNV", "MNP", "INS", "DEL", "COMPLEX" (lengths differ, neither allele begins the other)."""
        if len(self.ref) == len(self.alt):
            return "SNV" if len(self.ref) == 1 else "MNP"
        if self.alt.startswith(self.ref):
            return "INS"
        if self.ref.startswith(self.alt):
            return "DEL"
        return "COMPLEX"
