"""Ordinary variants to compare others with: common ones of a VCF, random ones, ones in shuffled sequence."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.data.regions import Regions, merge
from seqdl.encoding import N
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.io.bed import place, read_bed
from seqdl.io.chromosomes import reconcile
from seqdl.io.vcf import VcfChunk, read_vcf
from seqdl.variants.frequency import read_frequencies
from seqdl.words import count

LEAST = 100  # variants of a background: below, a percentile is not even a per cent
_ROUNDS = 50  # draws of places before a genome is taken to have no more
_PIECE_BASES, _PIECE_WINDOWS = 1 << 22, 4096  # shuffled at once: some 50 bytes of memory a base


class Drawn(NamedTuple):
    """Variants in the order in which they are scored.

    Attributes
    ----------
    chroms, refs, alts : list of str
    pos : int64 array, shape (n,)
        1-based.
    """

    chroms: list[str]
    pos: np.ndarray
    refs: list[str]
    alts: list[str]

    def chunk(self, start: int, stop: int) -> VcfChunk:
        """Return some of them as a chunk of a VCF, a record each."""
        rows = slice(start, stop)
        pos = self.pos[rows]
        return VcfChunk(
            np.arange(start, start + len(pos)), self.chroms[rows], pos, ["."] * len(pos), self.refs[rows],
            self.alts[rows], None,
        )  # fmt: skip


def common_alleles(
    vcf: str | Path, contigs: Mapping[str, str], min_af: float, field: str, size: int, seed: int
) -> Drawn:
    """Sample common alleles evenly, in one pass and constant memory.

    Parameters
    ----------
    vcf : path
    contigs : mapping
        The VCF's contig names to the genome's; alleles on others are passed over, as are symbolic ones.
    min_af : float
        0 takes all alleles, and looks at no frequency.
    field : str
        INFO key with one frequency an ALT allele.
    size, seed : int

    Returns
    -------
    drawn : Drawn
        In the file's order.

    Raises
    ------
    InputError
        If there are fewer than `LEAST`, or no allele has a frequency.
    """
    rng = np.random.default_rng(seed)
    kept: list[tuple[float, int, tuple]] = []  # a heap: those with the smallest random keys stay
    seen = known = 0
    for number, (*allele, frequency) in enumerate(read_frequencies(vcf, field) if min_af else _alleles(vcf)):
        seen += 1
        known += frequency == frequency
        if not frequency >= min_af or not allele[3].isalpha() or allele[0] not in contigs:
            continue
        item = (-rng.random(), number, tuple(allele))
        (heapq.heappush if len(kept) < size else heapq.heappushpop)(kept, item)
    if not seen:
        raise InputError(f"The VCF {vcf} holds no records, so no background can be made of it.")
    if not known:
        raise InputError(
            f"None of the {count(seen, 'allele')} of {vcf} has INFO {field}. Name the key with --af-field, "
            "compute it (bcftools +fill-tags in.vcf.gz -- -t AF), or take all alleles with --min-af 0."
        )
    if len(kept) < LEAST:
        what = f" with {field} >= {min_af:g}" if min_af else ""
        raise InputError(
            f"The VCF {vcf} has {count(len(kept), 'allele')}{what} on the genome's contigs, and a background "
            f"needs at least {LEAST}. Take more of them (a lower --min-af, another VCF), or --simulated."
        )
    chroms, pos, refs, alts = zip(*(allele for _, _, allele in sorted(kept, key=_number)), strict=True)
    return Drawn(list(chroms), np.array(pos, np.int64), list(refs), list(alts))


def _number(item: tuple[float, int, tuple]) -> int:
    return item[1]


def _alleles(vcf: str | Path) -> Iterator[tuple[str, int, str, str, float]]:
    """Yield a VCF's alleles as `read_frequencies` does, as if everyone carried them."""
    for chunk in read_vcf(vcf):
        for chrom, pos, ref, alt in zip(
            chunk.chroms, chunk.pos.tolist(), chunk.refs, chunk.alts, strict=True
        ):
            yield chrom, pos, ref, alt, 1.0


def regions_for(genome: Genome, bed: str | Path | None, alias, left: int, right: int) -> Regions:
    """Find where a window fits into the genome around a base.

    Parameters
    ----------
    genome : Genome
    bed : path, optional
        Only bases of these intervals.
    alias : mapping or path, optional
        Contig names of the BED to the genome's.
    left, right : int
        Bases of the window before and after the base.

    Returns
    -------
    regions : Regions
        Of such bases.

    Raises
    ------
    InputError
        If there is none.
    """
    ids, starts, ends = np.arange(len(genome.names)), np.zeros(len(genome.names), np.int64), genome.sizes
    if bed is not None:
        table = read_bed(bed)
        names = reconcile(table.chrom.tolist(), genome.names, alias, what="BED")
        placed = place(table, names, genome.names, genome.sizes)
        ids, starts, ends = merge(placed.contig_ids, placed.table.start, placed.table.end)
    starts, ends = np.maximum(starts, left), np.minimum(ends, genome.sizes[ids] - right)
    room = ends > starts
    if not room.any():
        where = f"the intervals of {bed}" if bed is not None else f"the genome {genome.name}"
        raise InputError(
            f"No base of {where} has a window of {left + 1 + right} bases around it inside its contig, so no "
            "background can be drawn there."
        )
    return Regions(np.asarray(ids)[room].astype(np.int32), starts[room], ends[room])


def known_places(genome: Genome, regions: Regions, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw different bases, evenly over those that are known.

    Parameters
    ----------
    genome : Genome
    regions : Regions
        Where.
    n, seed : int

    Returns
    -------
    contig_ids, places : int64 arrays, shape (n,) or fewer
        0-based, in the order of the regions.

    Raises
    ------
    InputError
        If there are fewer than `LEAST`.
    """
    rng = np.random.default_rng(seed)
    ends = np.cumsum(regions.end - regions.start)
    found = np.zeros(0, np.int64)
    for _ in range(_ROUNDS):
        drawn = rng.integers(0, ends[-1], 2 * n)
        known = genome.gather(*_places(regions, ends, drawn), 1)[:, 0] < N
        found = np.unique(np.concatenate([found, drawn[known]]))
        if len(found) >= n:
            break
    if len(found) < LEAST:
        raise InputError(
            f"Only {count(len(found), 'known base')} of {genome.name} could be drawn, and a background needs "
            f"at least {LEAST}: the rest is N, or too near to an end. Give another genome or another BED."
        )
    return _places(regions, ends, np.sort(rng.permutation(found)[:n]))


def _places(regions: Regions, ends: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find contig and place of numbers that count the bases of all regions."""
    which = np.searchsorted(ends, drawn, "right")
    return regions.contig_ids[which].astype(np.int64), regions.end[which] - (ends[which] - drawn)


def substitutions(
    genome: Genome, contig_ids: np.ndarray, places: np.ndarray, rng: np.random.Generator
) -> Drawn:
    """Replace known bases by one of the three others, each as likely.

    Parameters
    ----------
    genome : Genome
    contig_ids, places : int64 arrays, shape (n,)
    rng : numpy Generator

    Returns
    -------
    drawn : Drawn
    """
    codes = genome.gather(contig_ids, places, 1)[:, 0]
    alts = (codes + rng.integers(1, 4, len(codes))) % 4
    return Drawn(
        [genome.names[i] for i in contig_ids.tolist()],
        places + 1,
        ["ACGT"[code] for code in codes.tolist()],
        ["ACGT"[code] for code in alts.tolist()],
    )


def shuffled_pieces(
    genome: Genome, contig_ids: np.ndarray, places: np.ndarray, window: int, anchor: int, seed: int
) -> Iterator[tuple[Genome, Drawn]]:
    """Shuffle the windows around some places by dinucleotides, and substitute the base at the anchor.

    Parameters
    ----------
    genome : Genome
    contig_ids, places : int64 arrays, shape (n,)
        Known bases.
    window, anchor : int
        Bases of a window, and index of the place in it.
    seed : int

    Yields
    ------
    shuffled : Genome
        One contig of windows laid end to end; N stays where it was. So many that memory stays small.
    drawn : Drawn
        A substitution in each window.
    """
    from seqdl.interpret.references import shuffle_known

    step = max(1, min(_PIECE_WINDOWS, _PIECE_BASES // window))
    for number, first in enumerate(range(0, len(places), step)):
        rng = np.random.default_rng([seed, number])
        rows = slice(first, first + step)
        windows = shuffle_known(genome.gather(contig_ids[rows], places[rows] - anchor, window), rng)
        name = f"shuffled{number + 1}"
        shuffled = Genome.from_arrays({name: windows.ravel()})
        anchors = np.arange(len(windows), dtype=np.int64) * window + anchor
        yield shuffled, substitutions(shuffled, np.zeros(len(windows), np.int64), anchors, rng)
