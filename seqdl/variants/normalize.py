"""Left-align and trim alleles, many at once: one variant, one way to write it.

A variant is normalised when it is parsimonious (no base could be left away) and lies as far left as it
can (A. Tan, G. R. Abecasis and H. M. Kang, "Unified representation of genetic variants", Bioinformatics
31, 2202-2204, 2015; the rule of ``vt normalize`` and ``bcftools norm``). Their algorithm goes base by base;
here it is taken apart into steps for all alleles together:

1. Cut the letters that REF and ALT share at the right. If both keep a letter, the variant cannot move:
   cut what they share at the left, to one letter at least, and that is all (MNP, complex).
2. Otherwise it is a pure insertion or deletion of ``k`` letters before the 0-based place ``s``. Let X be the
   contig up to ``s``, followed by these letters. One step to the left needs ``X[s - 1] == X[s + k - 1]``, the
   next ``X[s - 2] == X[s + k - 2]``, and so on: X must have the period k. So X is compared with itself, k
   letters apart, in blocks that grow: a repeat of a million bases takes tens of comparisons.
3. The base to the left is put before both alleles; at the contig's first base, where there is none, the
   base to the right behind them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from seqdl.encoding import decode
from seqdl.genome import Genome
from seqdl.io.vcf import VcfChunk
from seqdl.variants.alleles import Alleles, encode_alleles, equals_genome

UNCHANGED = "."
_FIRST_BLOCK = 16
_MOST_COMPARED = 1 << 24


class Normalized(NamedTuple):
    """A chunk whose alleles are normalised.

    Attributes
    ----------
    chunk : VcfChunk
        The chunk with other `pos`, `refs` and `alts` where an allele was written in another way.
    changed : list of str, length n
        Such alleles as they are now, ``pos:ref:alt``; ``"."`` for the others.
    """

    chunk: VcfChunk
    changed: list[str]


def normalize_alleles(chunk: VcfChunk, genome: Genome, contigs: Mapping[str, str]) -> Normalized:
    """Left-align and trim each ALT allele of a chunk by itself.

    Parameters
    ----------
    chunk : VcfChunk
        One row per ALT allele.
    genome : Genome
        Where the alleles lie.
    contigs : mapping
        The chunk's contig names to the genome's.

    Returns
    -------
    normalized : Normalized
        SNVs stay as they are, and so do alleles that cannot be normalised: symbolic, with other letters
        than ACGTN, on an unknown contig, outside of it, without a difference, or with a REF that the
        genome does not carry.

    Notes
    -----
    N equals N and nothing else. So the mutated contig is the same string before and after, always.
    """
    sizes = [np.fromiter(map(len, letters), np.int64, len(letters)) for letters in (chunk.refs, chunk.alts)]
    rows = np.flatnonzero((sizes[0] > 1) | (sizes[1] > 1))
    changed = [UNCHANGED] * len(chunk.refs)
    if not rows.size:
        return Normalized(chunk, changed)
    rows, contig_ids, refs, alts = _comparable(rows, chunk, genome, contigs)
    pos, ref_letters, alt_letters = chunk.pos.copy(), list(chunk.refs), list(chunk.alts)
    for i, start, ref, alt in _normalize(genome, contig_ids, rows, chunk, refs, alts):
        if start + 1 != pos[i] or len(ref) != len(ref_letters[i]):
            pos[i], ref_letters[i], alt_letters[i] = start + 1, ref, alt
            changed[i] = f"{start + 1}:{ref}:{alt}"
    return Normalized(chunk._replace(pos=pos, refs=ref_letters, alts=alt_letters), changed)


def _comparable(
    rows: np.ndarray, chunk: VcfChunk, genome: Genome, contigs: Mapping[str, str]
) -> tuple[np.ndarray, np.ndarray, Alleles, Alleles]:
    """Return those of the rows that can be normalised, their contigs and their alleles."""
    ids = {name: genome.contig_id(contigs[name]) for name in set(chunk.chroms) if name in contigs}
    contig_ids = np.array([ids.get(chunk.chroms[i], -1) for i in rows.tolist()], np.int64)
    refs = encode_alleles([chunk.refs[i] for i in rows.tolist()])
    alts = encode_alleles([chunk.alts[i] for i in rows.tolist()])
    starts = chunk.pos[rows] - 1
    fine = (contig_ids >= 0) & refs.legal & alts.legal & (starts >= 0)
    fine &= starts + refs.lengths <= genome.sizes[contig_ids]
    fine &= _shared_letters(refs, alts) < np.maximum(refs.lengths, alts.lengths)
    keep = np.flatnonzero(fine)
    keep = keep[equals_genome(genome, contig_ids[keep], starts[keep], refs.take(keep))]
    return rows[keep], contig_ids[keep], refs.take(keep), alts.take(keep)


def _normalize(
    genome: Genome, contig_ids: np.ndarray, rows: np.ndarray, chunk: VcfChunk, refs: Alleles, alts: Alleles
) -> Iterator[tuple[int, int, str, str]]:
    """Yield each row's allele anew: row, 0-based start, REF, ALT. They differ, and REF is the genome's."""
    starts = chunk.pos[rows] - 1
    shorter = np.minimum(refs.lengths, alts.lengths)
    tail = _shared_letters(refs, alts, from_right=True)
    pure = tail == shorter
    head = np.minimum(_shared_letters(refs, alts), shorter - tail - 1)
    for i, left, right in zip(rows[~pure].tolist(), head[~pure].tolist(), tail[~pure].tolist(), strict=True):
        ref, alt = chunk.refs[i].upper(), chunk.alts[i].upper()
        yield i, int(chunk.pos[i]) - 1 + left, ref[left : len(ref) - right], alt[left : len(alt) - right]

    moving = np.flatnonzero(pure)
    inserted = alts.lengths[moving] > refs.lengths[moving]
    lengths = np.abs(alts.lengths - refs.lengths)[moving]
    longer = [chunk.alts[i] if add else chunk.refs[i] for i, add in zip(rows[moving], inserted, strict=True)]
    longer = [letters[:size].upper() for letters, size in zip(longer, lengths.tolist(), strict=True)]
    steps = _steps_left(genome, contig_ids[moving], starts[moving], encode_alleles(longer))
    places = starts[moving] - steps
    # What the base beside them is: the one to the left, or at the contig's begin the one to the right.
    beside = np.where(places > 0, places - 1, np.where(inserted, 0, lengths))
    bases = decode(genome.gather(contig_ids[moving], beside, 1)[:, 0])
    for j, i in enumerate(rows[moving].tolist()):
        base, letters, place = bases[j], longer[j], int(places[j])
        turn = len(letters) - int(steps[j]) % len(letters)
        letters = letters[turn:] + letters[:turn]
        long, start = (base + letters, place - 1) if place else (letters + base, 0)
        yield (i, start, base, long) if inserted[j] else (i, start, long, base)


def _shared_letters(refs: Alleles, alts: Alleles, from_right: bool = False) -> np.ndarray:
    """Count the letters that each pair of alleles shares at its left or right end; int64, shape (n,)."""
    shorter = np.minimum(refs.lengths, alts.lengths)
    rows = np.repeat(np.arange(len(shorter)), shorter)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(shorter) - shorter, shorter)
    ends = [
        a.offsets[1:][rows] - 1 - places if from_right else a.offsets[rows] + places for a in (refs, alts)
    ]
    differs = np.flatnonzero(refs.codes[ends[0]] != alts.codes[ends[1]])
    shared = shorter.copy()
    some, first = np.unique(rows[differs], return_index=True)
    shared[some] = places[differs[first]]
    return shared


def _steps_left(genome: Genome, contig_ids: np.ndarray, starts: np.ndarray, letters: Alleles) -> np.ndarray:
    """Count the bases by which inserted or deleted letters can move to the left.

    Parameters
    ----------
    genome : Genome
    contig_ids : int64 array, shape (n,)
    starts : int64 array, shape (n,)
        0-based place of each one's first letter.
    letters : Alleles
        The letters that come or go, `n` times.

    Returns
    -------
    steps : int64 array, shape (n,)
    """
    steps = np.zeros(len(starts), np.int64)
    active, block = np.flatnonzero(starts > 0), _FIRST_BLOCK
    while active.size:
        block = min(block, max(_FIRST_BLOCK, _MOST_COMPARED // active.size))
        begin = starts[active] - steps[active] - block
        some = letters.take(active)
        here = genome.gather(contig_ids[active], begin, block)
        there = genome.gather(contig_ids[active], begin + some.lengths, block)
        # From the start on, X is the letters themselves, which an insertion brings and the genome has not.
        column = (starts[active] - begin - some.lengths)[some.rows] + some.places
        inside = (column >= 0) & (column < block)
        there[some.rows[inside], column[inside]] = some.codes[inside]
        differs = here != there
        differs[np.arange(block) < -begin[:, None]] = True  # the contig begins
        moved = np.where(differs.any(axis=1), differs[:, ::-1].argmax(axis=1), block)
        steps[active] += moved
        active, block = active[moved == block], block * 4
    return steps
