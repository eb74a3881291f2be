"""Is the VCF of this genome? Found out early, and with the likely reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.io.vcf import VcfSurvey
from seqdl.variants.alleles import encode_alleles, equals_genome
from seqdl.variants.scored import ScoredBlock
from seqdl.variants.summary import Tally

_ENOUGH = 100  # alleles before a share says anything
# Lengths of chromosome 1 tell assemblies apart.
_CHROMOSOME_1 = {
    249_250_621: "hg19 (GRCh37)",
    248_956_422: "hg38 (GRCh38)",
    248_387_328: "T2T-CHM13",
    197_195_432: "mm9",
    195_471_971: "mm10",
    195_154_279: "mm39",
}


class Watch:
    """Stops a job whose REF alleles do not fit the genome.

    Parameters
    ----------
    most : float
        Share of mismatches that is still accepted.
    policy : str
        See `seqdl.variants.screen`; with "flip" and "force" mismatches are meant.

    Raises
    ------
    InputError
        If `most` is no share.
    """

    def __init__(self, most: float, policy: str) -> None:
        if not 0 <= most <= 1:
            raise InputError(f"`max_mismatch` is a share of the REF alleles, 0 to 1. Received: {most}.")
        self._most = most
        self._on = policy in ("skip", "error")

    def look(
        self, tally: Tally, survey: VcfSurvey, mapping: Mapping[str, str], genome: Genome, block: ScoredBlock
    ) -> None:
        """Look at the counts so far; `block` is the last one.

        Raises
        ------
        InputError
            If too many REF alleles differ, with the share and the likely reason.
        """
        if not self._on or tally.checked < _ENOUGH or tally.mismatches <= self._most * tally.checked:
            return
        reasons = [
            *assembly_notes(survey, mapping, genome),
            *_off_by_one(block, mapping, genome),
        ]
        if tally.swapped > 0.5 * tally.mismatches:
            reasons.append(
                "at most of them the genome carries ALT: REF and ALT look swapped (--ref-mismatch flip)"
            )
        likely = ("; ".join(reasons) or "the VCF looks like one of another assembly").rstrip("?")
        raise InputError(
            f"{tally.mismatches:,} of the first {tally.checked:,} REF alleles "
            f"({tally.mismatches / tally.checked:.0%}) are not what the genome {genome.name} carries. "
            f"Likely reason: {likely}. Give the genome that the VCF was made with, or lift the VCF over; "
            "--max-mismatch 1 scores what fits all the same."
        )


def assembly_notes(survey: VcfSurvey, mapping: Mapping[str, str], genome: Genome) -> Iterator[str]:
    """Yield where the VCF's header gives a contig another length than the genome has.

    Parameters
    ----------
    survey : VcfSurvey
        Whose `declared` holds the header's contig lengths, in bp; None where it gives none.
    mapping : mapping of str
        The genome's name for each contig of the VCF.
    genome : Genome

    Yields
    ------
    note : str
        On the first such contig only; nothing where the lengths agree.
    """
    for name, length in survey.declared.items():
        if length and name in mapping and length != genome.lengths[mapping[name]]:
            known = _CHROMOSOME_1.get(length)
            of = f", as {known} has" if known else ""
            yield (
                f"the VCF's header gives {name} {length:,} bases{of}, the genome's {mapping[name]} has "
                f"{genome.lengths[mapping[name]]:,}: another assembly, or a part of the contig?"
            )
            return


def _off_by_one(block: ScoredBlock, mapping: Mapping[str, str], genome: Genome) -> Iterator[str]:
    """Yield that positions look 0-based, if the mismatching REF alleles stand one base further on."""
    chunk = block.chunk
    wrong = [i for i, reason in enumerate(block.reasons) if reason == "REF_MISMATCH"]
    if not wrong:
        return
    refs = encode_alleles([chunk.refs[i] for i in wrong])
    contigs = np.array([genome.contig_id(mapping[chunk.chroms[i]]) for i in wrong])
    starts = chunk.pos[wrong] - 1
    for step, text in ((1, "0-based (one too small)"), (-1, "one too large")):
        if equals_genome(genome, contigs, starts + step, refs).mean() > 0.9:
            yield f"the positions look {text}: VCF counts from 1"
