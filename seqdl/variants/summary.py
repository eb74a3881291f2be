"""What a run of `score_variants` did, in numbers and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from seqdl.io.vcf import VcfSurvey
from seqdl.variants.scored import ScoredBlock
from seqdl.variants.screen import FLAGS, REASONS
from seqdl.words import duration

_MANY_MISMATCHES = 0.1


class ScoreSummary(NamedTuple):
    """What a run of `score_variants` did.

    Attributes
    ----------
    out, rejects : Path
        The files that were written.
    records, alleles, scored : int
        Records of the VCF, their ALT alleles (a record without ALT counts as one), and those scored.
    rejected, flags : dict of int
        Alleles by reason, and warnings on scored ones.
    mismatches, swapped : int
        Alleles whose REF is not the genome's, and those of them where the genome carries ALT.
    seconds, rate : float
        Time it took in all, and alleles scored per second once everything was open.
    notes : tuple of str
        What a person should know about the result.
    clock : str
        Where the time went; the stages run beside each other.
    """

    out: Path
    rejects: Path
    records: int
    alleles: int
    scored: int
    rejected: dict[str, int]
    flags: dict[str, int]
    mismatches: int
    swapped: int
    seconds: float
    rate: float
    notes: tuple[str, ...]
    clock: str = ""

    def text(self) -> str:
        """Return the summary as lines for a person."""
        rate = f", {self.rate:,.0f} alleles/s" if self.rate >= 1 else ""
        lines = [
            f"{self.scored:,} of {self.alleles:,} alleles in {self.records:,} records scored "
            f"({duration(self.seconds)}{rate})",
            *(f"  rejected {n:,} {reason}: {REASONS[reason]}" for reason, n in self.rejected.items()),
            *(f"  warning  {n:,} {flag}: {FLAGS[flag]}" for flag, n in self.flags.items()),
        ]
        if self.mismatches:
            lines.append(
                f"  REF alleles that differ from the genome: {self.mismatches:,}; "
                f"of these look swapped with ALT: {self.swapped:,}"
            )
        if self.clock and self.seconds >= 2:
            lines.append(f"  time: {self.clock}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join([*lines, f"scores:  {self.out}", f"rejects: {self.rejects}"])


class Tally:
    """Counts what happened, block by block."""

    def __init__(self) -> None:
        self.scored = self.mismatches = self.swapped = self.new = 0
        self.rejected: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()

    def add(self, block: ScoredBlock, counts: tuple[int, int], new: bool) -> None:
        """Count a block; `counts` are its mismatches and swapped ones, `new` if it was scored now."""
        self.scored += len(block.rows)
        self.new += len(block.rows) if new else 0
        self.mismatches += counts[0]
        self.swapped += counts[1]
        self.rejected.update(reason for reason in block.reasons if reason)
        self.flags.update(name for flags in block.flags if flags != "." for name in flags.split(";"))

    @property
    def checked(self) -> int:
        """Alleles whose REF was compared with the genome."""
        return self.scored + self.rejected["REF_MISMATCH"]

    def by_reason(self) -> dict[str, int]:
        """Return the rejected alleles' counts in the order of `REASONS`."""
        return {reason: self.rejected[reason] for reason in REASONS if self.rejected[reason]}

    def notes(self, survey: VcfSurvey) -> Iterator[str]:
        """Yield what the counts mean, where they are unusual."""
        checked = self.checked
        # A few wrong ones in a small file say nothing about the assembly.
        if self.mismatches > max(_MANY_MISMATCHES * checked, min(10, checked / 2)):
            yield (
                f"{self.mismatches / checked:.0%} of the REF alleles differ from the genome: is the VCF "
                "from another assembly? Scores of the others may then stand at wrong places."
            )
        if survey.records == 0:
            yield "the VCF has a header and no records, so there is nothing to score"
        elif self.scored == 0 and not self.rejected:
            yield "the sample carries no alternative allele of this VCF, so there is nothing to score"
        elif self.scored == 0:
            reason, count = self.rejected.most_common(1)[0]
            yield f"no allele could be scored; most ({count:,}) because: {REASONS[reason]} ({reason})"
