"""One sample's genotype at each record: which haplotype carries which ALT, and whether that is known."""

from __future__ import annotations

from typing import NamedTuple

from seqdl.errors import InputError
from seqdl.words import count

UNKNOWN = 0


class Genotype(NamedTuple):
    """What a sample carries at one record.

    Attributes
    ----------
    given : bool
        Whether the record has a GT at all.
    missing : bool
        Whether an allele is not known (``.``).
    carried : tuple of (int, int)
        Number of an ALT allele, from 1 on, and the haplotype that carries it: 1, 2, or 0 where that is
        unknown; in this order, so an unphased allele stands there once.
    phase_set : str or None
        PS of a phased heterozygote ("" where the file gives none); None where both haplotypes are the
        same, or there is only one, or nothing is phased.
    """

    given: bool
    missing: bool
    carried: tuple[tuple[int, int], ...]
    phase_set: str | None


_ABSENT = Genotype(False, True, (), None)


def genotype(record: object, number: int) -> Genotype:
    """Read the genotype of a record's only sample.

    Parameters
    ----------
    record : pysam.VariantRecord
        Of a file that was opened with one sample.
    number : int
        0-based number of the record, for messages.

    Returns
    -------
    genotype : Genotype

    Raises
    ------
    InputError
        If an allele has a number that the record has not, or there are more than two haplotypes.
    """
    sample = record.samples[0]
    alleles = sample.allele_indices
    if not alleles:
        return _ABSENT
    missing = None in alleles
    if missing:
        _require_alleles(record, number)
    if not any(alleles):
        return Genotype(True, missing, (), None)
    if len(alleles) > 2:
        raise InputError(
            f"{named(record, number)}: {sample.name} has {len(alleles)} alleles (GT {text(record)}), and "
            "seqdl builds one or two haplotypes. Leave this contig out, or give diploid calls."
        )
    same = len(alleles) == 1 or alleles[0] == alleles[1]
    phased = same or sample.phased
    carried = {(allele, place if phased else UNKNOWN) for place, allele in enumerate(alleles, 1) if allele}
    phase_set = None
    if phased and not same:
        found = sample.get("PS")
        phase_set = "" if found in (None, ".") else str(found)
    return Genotype(True, missing, tuple(sorted(carried)), phase_set)


def named(record: object, number: int) -> str:
    """Name a record in a message."""
    alts = ",".join(record.alts or ".")
    return f"Record {number + 1:,} ({record.chrom}:{record.pos} {(record.ref or '.')[:40]}>{alts[:40]})"


def text(record: object) -> str:
    """Return the only sample's GT as the file has it."""
    fields = str(record).rstrip("\r\n").split("\t")
    return fields[9].split(":")[fields[8].split(":").index("GT")]


def _require_alleles(record: object, number: int) -> None:
    """Check the numbers in a GT: for pysam, one that is too large is missing."""
    written, most, name = text(record), len(record.alts or ()), record.samples[0].name
    for allele in written.replace("|", "/").split("/"):
        if allele.isdecimal() and int(allele) > most:
            raise InputError(
                f"{named(record, number)}: the GT {written} of {name} names allele {allele}, and "
                f"ALT has {count(most, 'allele')}. The file is damaged: make it again."
            )
