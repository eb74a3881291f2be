"""A sample's variants in the sequence that the sample has: all its variants of a haplotype in each window.

One row is one ALT allele on one haplotype that carries it, in the file's order, then the alleles', then
haplotype 1 before 2. The law: the alt window is a piece of the haplotype, which is the contig with every
variant of the sample on this haplotype in it; the variant's first base lies at index ``anchor``, and both
flanks are the haplotype's own. The ref window is

- ``effect="joint"``: the genome's, anchored at the same base: what all variants in the window do together;
- ``effect="context"``: the same haplotype without this one variant, beginning at the same base: what this
  variant does on the sample's own background.

What cannot be put into the haplotype is rejected by name, left out of the others' windows, and these are
flagged. Of variants that overlap on one haplotype the first stays. A phased genotype without PS belongs to
one phase set with all others that have none, as the VCF standard says.

The file is read once, in order; a variant's row is finished as soon as everything that its window can show
has been read, and what lies too far left is forgotten: memory depends on the window, not on the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from seqdl.encoding import decode, encode
from seqdl.errors import InputError, require_at_least, require_one_of
from seqdl.genome import Genome
from seqdl.io.vcf import NO_ALT, OrderCheck, VcfChunk, make_chunk
from seqdl.io.vcf_opening import open_vcf
from seqdl.variants.alleles import AlleleWindows, check_anchor
from seqdl.variants.personal.genotypes import UNKNOWN, Genotype, genotype, named, text
from seqdl.variants.personal.haplotype_edits import smallest_edit
from seqdl.variants.personal.haplotype_rows import Finished, Row, Stretch
from seqdl.variants.screen import Screened, without_sequence

EFFECTS = {
    "joint": "alt: the sample's haplotype; ref: the genome. What all variants in the window do together",
    "context": "alt: the sample's haplotype; ref: the same haplotype without this variant",
}
ON_UNPHASED = ("error", "skip")
HAPLOTYPE_NOTES = {
    "haplotype": ("1 or 2", "the haplotype of the sample that carries the allele and is scored"),
    "haplotype_variants": ("count", "variants of this haplotype in the window, this one included"),
}
_LETTERS = re.compile("[ACGTN]+")
_SHOWN = 40


def read_haplotypes(
    vcf: str | Path,
    sample: str,
    genome: Genome,
    contigs: Mapping[str, str],
    window: int,
    anchor: int | None = None,
    *,
    effect: str = "joint",
    on_unphased: str = "error",
    chunk_records: int = 1024,
    both_sides: bool = False,
    tally: Counter | None = None,
) -> Iterator[tuple[VcfChunk, Screened, dict[str, list[str] | np.ndarray]]]:
    """Yield a sample's alleles with the windows of its own haplotypes.

    Parameters
    ----------
    vcf : path
        Sorted VCF or BCF with genotypes. Only the sample's column is taken apart.
    sample : str
        Its name.
    genome : Genome
        Where the windows come from.
    contigs : mapping
        The file's contig names to the genome's.
    window, anchor : int
        Bases of a window, and the index of the variant's first base in it (``window // 2`` by default).
    effect : {"joint", "context"}
        What the ref window is; see this module's head.
    on_unphased : {"error", "skip"}
        Whether an unphased heterozygote, or a window with two phase sets, stops everything or is rejected.
    chunk_records : int
        Rows in a chunk (the last one may hold fewer).
    both_sides : bool
        Build the right-aligned alt windows of indels as well (see `seqdl.variants.alleles.right_aligned`).
    tally : Counter, optional
        Told, while reading, the number of "records", and of those where the sample has only REF
        ("reference") or an unknown allele ("missing"): these are no rows.

    Yields
    ------
    chunk : VcfChunk
        One row per ALT allele and haplotype that carries it; an unphased allele has one row. No lines.
    screened : Screened
        Reasons and flags are those of `seqdl.variants.screen`.
    notes : dict
        One entry a scored row: "haplotype", list of "1" or "2"; "haplotype_variants", float32, how many
        variants of the haplotype its window shows.

    Raises
    ------
    InputError
        If the file has no such sample or no genotypes, is not sorted, is not phased (see `on_unphased`),
        has more than two haplotypes, or is unusable (see `seqdl.io.vcf.survey_vcf`).
    """
    require_one_of("effect", effect, EFFECTS)
    require_one_of("on_unphased", on_unphased, ON_UNPHASED)
    require_at_least(1, chunk_records=chunk_records)
    anchor = check_anchor(window, anchor)
    tally = Counter() if tally is None else tally
    finished: list[Finished] = []
    with open_vcf(vcf, [sample]) as file:
        reader = _Reader(sample, genome, contigs, window, anchor, effect, on_unphased, both_sides)
        order = OrderCheck()
        for number, record in enumerate(file.records):
            if order.add(number, record.chrom, record.pos):
                finished += reader.finish()
            if order.broken:
                raise InputError(
                    f"The VCF {vcf} is not sorted: {order.broken}. To put variants into a haplotype they are "
                    "needed in order. Sort it: bcftools sort."
                )
            carried = genotype(record, number)
            tally.update(
                records=1,
                genotyped=carried.given,
                missing=carried.missing,
                reference=not carried.missing and not carried.carried,
            )
            if carried.carried:
                reader.take(record, number, carried)
            if reader.waiting >= chunk_records:
                finished += reader.finish(record.pos - 1)
            while len(finished) >= chunk_records:
                yield _chunk(finished[:chunk_records], window, anchor, effect, both_sides)
                finished = finished[chunk_records:]
        if tally["records"] and not tally["genotyped"]:
            raise InputError(
                f"The VCF {vcf} gives no genotype (GT) for {sample}, in none of its "
                f"{tally['records']:,} records. Give a VCF with phased genotypes."
            )
        finished += reader.finish()
    for start in range(0, len(finished), chunk_records):
        yield _chunk(finished[start : start + chunk_records], window, anchor, effect, both_sides)


class _Reader:
    """Records of one sample in, finished rows out."""

    def __init__(
        self,
        sample: str,
        genome: Genome,
        contigs: Mapping[str, str],
        window: int,
        anchor: int,
        effect: str,
        on_unphased: str,
        both_sides: bool,
    ) -> None:
        self._sample, self._genome, self._contigs = sample, genome, contigs
        self._layout = window, anchor, effect == "context", both_sides
        self._strict = on_unphased == "error"
        self._stretch: Stretch | None = None
        self.waiting = 0  # rows since the last time that rows were finished

    def take(self, record: object, number: int, carried: Genotype) -> None:
        """Make the rows of a record that carries something."""
        chrom = record.chrom
        if self._stretch is None:
            known = self._contigs.get(chrom)
            contig_id = -1 if known is None else self._genome.contig_id(known)
            self._stretch = Stretch(self._genome, contig_id, *self._layout)
        phase_set = carried.phase_set
        for allele, haplotype in carried.carried:
            alt = record.alts[allele - 1] or NO_ALT
            row = Row(number, chrom, record.pos, record.id or ".", record.ref or ".", alt, haplotype)
            reason, detail, swapped = self._reject(row)
            if reason == "UNPHASED" and self._strict:
                raise InputError(
                    f"{named(record, number)}: {self._sample} is heterozygous and not phased "
                    f"(GT {text(record)}), so it is unknown which haplotype carries the allele. Phase the "
                    "file, for example with WhatsHap (from reads) or SHAPEIT (from a panel); with "
                    "`on_unphased` 'skip' such alleles are rejected as UNPHASED."
                )
            if not reason:
                edit = smallest_edit(row.pos - 1, row.ref.upper(), row.alt.upper())
                known = self._stretch.add(edit, haplotype)
                if known is not None:
                    reason = "OVERLAP"
                    detail = f"it overlaps the change at {chrom}:{known.start + 1}, which comes first"
            if reason:
                # * only repeats that a deletion, which has its own record, reaches until here.
                stop = row.pos - 1 if alt == "*" else max(record.stop, record.pos)
                detail = f"haplotype {haplotype}: {detail}" if haplotype else detail
                self._stretch.leave_out(row._replace(reason=reason, detail=detail, swapped=swapped), stop)
            else:
                self._stretch.wait(row._replace(edit=edit), phase_set)
            self.waiting += 1

    def _reject(self, row: Row) -> tuple[str, str, bool]:
        """Say why an allele cannot be put into a haplotype, what was found, and whether it looks swapped."""
        ref, alt = row.ref.upper(), row.alt.upper()
        contig_id = self._stretch.contig_id
        if contig_id < 0:
            return "UNKNOWN_CONTIG", f"contig {row.chrom}", False
        if not (_LETTERS.fullmatch(ref) and _LETTERS.fullmatch(alt)):
            return without_sequence(alt), f"{ref[:_SHOWN]}>{alt[:_SHOWN]}", False
        name, size, start = self._genome.names[contig_id], int(self._genome.sizes[contig_id]), row.pos - 1
        if start < 0 or start + len(ref) > size:
            return "OUT_OF_RANGE", f"{name} has {size} bases", False
        bases = self._genome.codes(name)
        if not np.array_equal(bases[start : start + len(ref)], encode(ref)):
            there = decode(bases[start : start + min(len(ref), _SHOWN)])
            swapped = np.array_equal(bases[start : start + len(alt)], encode(alt)) and not ref.startswith(alt)
            hint = "; it carries ALT: REF and ALT look swapped" if swapped else ""
            more = "..." if len(ref) > _SHOWN else ""
            return "REF_MISMATCH", f"the genome has {there}{more} at {name}:{row.pos}{hint}", bool(swapped)
        if row.haplotype == UNKNOWN:
            return "UNPHASED", "phase the genotype to score it", False
        return "", "", False

    def finish(self, frontier: int | None = None) -> list[Finished]:
        """Return the rows that later records cannot change.

        Parameters
        ----------
        frontier : int, optional
            0-based place before which everything has been read; a whole contig by default.
        """
        self.waiting = 0
        if self._stretch is None:
            return []
        done = self._stretch.finish(frontier)
        if frontier is None:
            self._stretch = None
        for row in done if self._strict else ():
            if row.reason == "PHASE_SET":
                raise InputError(
                    f"Record {row.row.record + 1:,} ({row.row.chrom}:{row.row.pos} {row.row.ref[:_SHOWN]}>"
                    f"{row.row.alt[:_SHOWN]}): {row.detail}, so it is unknown which variants {self._sample} "
                    "has on one haplotype. Phase the file into longer sets; with `on_unphased` 'skip' such "
                    "alleles are rejected as PHASE_SET."
                )
        return done


def _chunk(
    finished: list[Finished], window: int, anchor: int, effect: str, both_sides: bool
) -> tuple[VcfChunk, Screened, dict[str, list[str] | np.ndarray]]:
    """Make what a chunk of rows is for a scorer."""
    chunk = make_chunk([one.row[:6] for one in finished], None)
    rows = np.array([i for i, one in enumerate(finished) if not one.reason], np.int64)
    scored = [finished[i] for i in rows.tolist()]
    empty = np.zeros((0, window), np.uint8)
    ref, alt = (
        np.stack([getattr(one, side) for one in scored]) if scored else empty for side in ("ref", "alt")
    )
    places = [(one.row.chrom, one.row.pos) for one in scored]
    shared = np.zeros(len(scored), bool)
    if effect == "joint":
        shared[1:] = [here == before for before, here in zip(places, places[1:], strict=False)]
    moved, right = np.zeros(0, np.int64), None
    if both_sides:
        moved = np.array([k for k, one in enumerate(scored) if one.right is not None], np.int64)
        right = np.stack([scored[k].right for k in moved.tolist()]) if moved.size else empty
    screened = Screened(
        rows=rows,
        windows=AlleleWindows(ref, alt),
        shared=shared,
        flags=[one.flags for one in scored],
        reasons=[one.reason for one in finished],
        details=[one.detail for one in finished],
        mismatches=sum(one.reason == "REF_MISMATCH" for one in finished),
        swapped=sum(one.row.swapped for one in finished),
        moved=moved,
        anchors=np.full(len(moved), anchor, np.int64),
        right=right,
    )
    notes = {
        "haplotype": [str(one.row.haplotype) for one in scored],
        "haplotype_variants": np.array([one.variants for one in scored], np.float32),
    }
    return chunk, screened, notes
