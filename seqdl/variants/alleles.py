"""Windows of the reference and of the mutated genome, for alleles of every type, many at once.

The law, for one allele with `ref` at the 0-based place `start`, in a window of `window` bases whose
index `anchor` is the allele's first base: take ``[start - anchor, start - anchor + window +
max(0, len(ref) - len(alt)))`` of the genome, splice the allele, cut both sequences to `window`.
So both windows begin at the same base of the genome (left-anchored), and what a deletion frees or an
insertion pushes out on the right is the genome's own sequence. The ref window is a piece of the
genome and the alt window a piece of the mutated genome; outside a contig is N.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqdl.encoding import ILLEGAL, LETTER_TO_CODE
from seqdl.errors import InputError
from seqdl.genome import Genome

# Alleles are ACGT and N: an ambiguity code or U in a VCF is a sign of something else, and is reported.
_ALLELE_TABLE = np.full(256, ILLEGAL, np.uint8)
for _letter in b"ACGTNacgtn":
    _ALLELE_TABLE[_letter] = LETTER_TO_CODE[_letter]


class Alleles(NamedTuple):
    """Many allele sequences laid end to end.

    Attributes
    ----------
    codes : uint8 array, shape (total,)
        A 0, C 1, G 2, T 3, N 4; 255 for a letter that is none of these.
    offsets : int64 array, shape (n + 1,)
        Where each allele begins in `codes`; the last one is the total.
    """

    codes: np.ndarray
    offsets: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Bases of each allele, int64, shape (n,)."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> np.ndarray:
        """Which allele each code belongs to, int64, shape (total,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.lengths)

    @property
    def places(self) -> np.ndarray:
        """Index of each code inside its allele, int64, shape (total,)."""
        return np.arange(len(self.codes)) - np.repeat(self.offsets[:-1], self.lengths)

    @property
    def legal(self) -> np.ndarray:
        """Whether each allele is one or more of A, C, G, T, N; bool, shape (n,)."""
        wrong = np.bincount(self.rows, weights=self.codes == ILLEGAL, minlength=len(self.offsets) - 1)
        return (wrong == 0) & (self.lengths > 0)

    def take(self, rows: np.ndarray) -> Alleles:
        """Return some of the alleles, by their numbers, in that order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return Alleles(
            self.codes[np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)],
            offsets,
        )

    def join(self, other: Alleles) -> Alleles:
        """Return these alleles followed by the other ones."""
        offsets = np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]])
        return Alleles(np.concatenate([self.codes, other.codes]), offsets)


def encode_alleles(alleles: Sequence[str]) -> Alleles:
    """Turn allele letters (either case) into codes, all at once; other characters become 255."""
    lengths = np.fromiter(map(len, alleles), np.int64, len(alleles))
    raw = "".join(alleles).encode("ascii", "replace")
    codes = _ALLELE_TABLE[np.frombuffer(raw, np.uint8)]
    return Alleles(codes, np.concatenate([[0], np.cumsum(lengths)]))


def genome_letters(
    genome: Genome, contig_ids: np.ndarray, starts: np.ndarray, alleles: Alleles
) -> np.ndarray:
    """Read the genome's own codes at the bases that each allele would cover.

    Parameters
    ----------
    genome : Genome
        Where to read.
    contig_ids : int array, shape (n,)
        Contig of each allele.
    starts : int64 array, shape (n,)
        0-based first base of each allele.
    alleles : Alleles
        `n` of them; only their lengths matter.

    Returns
    -------
    codes : uint8 array, shape (total,)
        Beside ``alleles.codes``; N outside the contig.
    """
    rows = alleles.rows
    return genome.gather(contig_ids[rows], starts[rows] + alleles.places, 1)[:, 0]


def equals_genome(genome: Genome, contig_ids: np.ndarray, starts: np.ndarray, alleles: Alleles) -> np.ndarray:
    """Tell for each allele whether the genome carries it at its place.

    Parameters
    ----------
    genome : Genome
        Where to look.
    contig_ids : int array, shape (n,)
        Contig of each allele.
    starts : int64 array, shape (n,)
        0-based first base of each allele.
    alleles : Alleles
        `n` of them.

    Returns
    -------
    equal : bool array, shape (n,)
    """
    differs = genome_letters(genome, contig_ids, starts, alleles) != alleles.codes
    return np.bincount(alleles.rows, weights=differs, minlength=len(starts)) == 0


class AlleleWindows(NamedTuple):
    """The two windows of each allele: `ref` and `alt`, both uint8 codes, shape (n, window)."""

    ref: np.ndarray
    alt: np.ndarray


def check_anchor(window: int, anchor: int | None) -> int:
    """Return the index of a variant's first base in its window: `anchor`, or ``window // 2``.

    Parameters
    ----------
    window : int
        Bases of a window.
    anchor : int, optional
        The wanted index.

    Raises
    ------
    InputError
        If the index lies outside the window.
    """
    if anchor is None:
        return window // 2
    if not 0 <= anchor < window:
        raise InputError(
            f"`anchor` is the 0-based index of the variant's first base in the window, so 0 to {window - 1}. "
            f"Received: {anchor}."
        )
    return int(anchor)


def fits(refs: Alleles, alts: Alleles, window: int, anchor: int | np.ndarray) -> np.ndarray:
    """Tell for each pair of alleles whether both lie inside the window from index `anchor` on.

    Parameters
    ----------
    refs, alts : Alleles
        `n` of each.
    window, anchor
        As in `allele_windows`.

    Returns
    -------
    fits : bool array, shape (n,)
    """
    return np.maximum(refs.lengths, alts.lengths) <= window - anchor


def allele_windows(
    genome: Genome,
    contig_ids: np.ndarray,
    starts: np.ndarray,
    refs: Alleles,
    alts: Alleles,
    window: int,
    anchor: int | np.ndarray | None = None,
) -> AlleleWindows:
    """Build the reference and the alternative window of many alleles by the law in this module's head.

    Parameters
    ----------
    genome : Genome
        Where the windows come from.
    contig_ids : int array, shape (n,)
        Contig of each variant, as a place in ``genome.names``.
    starts : int64 array, shape (n,)
        0-based first base of each REF allele.
    refs, alts : Alleles
        REF and ALT letters, `n` of each. REF is spliced as well: nothing changes where it is what the
        genome carries, and whoever passes another one means it (see `screen`).
    window : int
        Bases of a window.
    anchor : int or int array of shape (n,), optional
        Index of the variant's first base in the window; ``window // 2`` by default. One for each variant
        where several of them share a window.

    Returns
    -------
    windows : AlleleWindows
        Codes; N where a window leaves its contig.

    Raises
    ------
    InputError
        If an allele does not fit in the window, holds a letter that is not one of ACGTN, or `anchor`
        lies outside.

    Examples
    --------
    >>> from seqdl.encoding import decode
    >>> genome = Genome.from_arrays({"c": "AACCGGTTACGT"})
    >>> ref, alt = encode_alleles(["GG"]), encode_alleles(["G"])
    >>> pair = allele_windows(genome, np.array([0]), np.array([4]), ref, alt, window=6)
    >>> decode(pair.ref[0]), decode(pair.alt[0])
    ('ACCGGT', 'ACCGTT')
    """
    anchors = np.broadcast_to(
        anchor if isinstance(anchor, np.ndarray) else check_anchor(window, anchor), np.shape(starts)
    )
    contig_ids = np.asarray(contig_ids)
    starts = np.asarray(starts, np.int64)
    if not fits(refs, alts, window, anchors).all():
        last = int(anchors.max())
        raise InputError(
            f"Each allele must fit in the window: at most {window - last} bases at anchor {last}."
        )
    if not (refs.legal.all() and alts.legal.all()):
        raise InputError("Each allele must be one or more of the letters A, C, G, T, N.")
    ref = genome.gather(contig_ids, starts - anchors, window)
    alt = ref.copy()
    # After the allele, index j of the alt window is the genome's base ``start - anchor + j + shift``.
    shift = refs.lengths - alts.lengths
    moved = np.flatnonzero(shift)
    if moved.size:
        later = genome.gather(contig_ids[moved], (starts - anchors + shift)[moved], window)
        right = np.arange(window) >= anchors[moved, None]
        alt[moved] = np.where(right, later, ref[moved])
    ref[refs.rows, anchors[refs.rows] + refs.places] = refs.codes
    alt[alts.rows, anchors[alts.rows] + alts.places] = alts.codes
    return AlleleWindows(ref, alt)


def right_aligned(
    genome: Genome,
    contig_ids: np.ndarray,
    starts: np.ndarray,
    refs: Alleles,
    alts: Alleles,
    window: int,
    anchors: np.ndarray,
) -> np.ndarray:
    """Build the alt windows whose right side stands where the ref window's does.

    The law's alt window begins where the ref window does, so what stands right of an insertion or a
    deletion is moved. Here the left side is moved instead. A network with bins needs both: each side
    is compared with the reference in the window where it did not move.

    Parameters
    ----------
    genome, contig_ids, starts, refs, alts, window
        As in `allele_windows`.
    anchors : int array, shape (n,)
        Index of REF's first base in the ref window.

    Returns
    -------
    alt : uint8 array, shape (n, window)
        What of an insertion reaches beyond the window's left end is cut off.
    """
    growth = alts.lengths - refs.lengths
    alt = genome.gather(contig_ids, starts - anchors, window)
    earlier = genome.gather(contig_ids, starts - anchors + growth, window)
    begin = anchors - growth  # of the allele
    alt = np.where(np.arange(window) < begin[:, None], earlier, alt)
    places = begin[alts.rows] + alts.places
    inside = (places >= 0) & (places < window)
    alt[alts.rows[inside], places[inside]] = alts.codes[inside]
    return alt
