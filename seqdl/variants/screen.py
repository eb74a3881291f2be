"""Which alleles can be scored, and what is said about the others: named reasons, never a silent repair.

A REF allele that is not what the genome carries is handled as asked, and always counted:

- ``error``: stop at the first one;
- ``skip`` (default): reject it as ``REF_MISMATCH``;
- ``flip``: where the genome carries ALT instead (REF and ALT look swapped), score the record as it is
  written: its REF letters are spliced into the genome for the ref window, the genome itself is the alt
  window, and the sign stays alt - ref *of the record*; flagged ``FLIPPED``. Others are rejected.
  An ALT that only is the beginning of REF (a deletion) fits the genome whatever stands there; that is no
  evidence of a swap, and it is rejected;
- ``force``: splice the record's REF into the genome for the ref window and its ALT for the alt window,
  and flag it ``FORCED``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from seqdl.encoding import N, decode
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.io.vcf import NO_ALT, VcfChunk
from seqdl.variants.alleles import (
    Alleles,
    AlleleWindows,
    allele_windows,
    encode_alleles,
    equals_genome,
    fits,
    right_aligned,
)

REASONS = {
    "NO_ALT": "the record names no alternative allele",
    "SYMBOLIC": "the allele is symbolic (<DEL>), a breakend, or * (an upstream deletion): it has no sequence",
    "NON_ACGT": "an allele holds a letter other than A, C, G, T, N",
    "UNKNOWN_CONTIG": "the genome has no such contig",
    "OUT_OF_RANGE": "REF lies outside its contig, or an allele is longer than the window right of the anchor",
    "REF_MISMATCH": "REF is not what the genome carries at this place",
    "UNPHASED": "the sample is heterozygous here, and GT does not say which haplotype carries the allele",
    "PHASE_SET": "the window holds variants of different phase sets: which lie on one haplotype is unknown",
    "OVERLAP": "the allele overlaps another one that the same haplotype carries",
}
FLAGS = {
    "N_IN_WINDOW": "a window holds unknown bases (N)",
    "WINDOW_PADDED": "a window leaves its contig; N stands outside",
    "FLIPPED": "the genome carries ALT, not REF; scored as written, alt - ref (--ref-mismatch flip)",
    "FORCED": "REF is not the genome's; it was spliced in (--ref-mismatch force)",
    "VARIANT_LEFT_OUT": "another variant of the sample in the window could not be put into its haplotype",
    "UNLIKE_TRAINING": "the window's composition is unlike the training windows' (seqdl calibrate)",
}
POLICIES = ("error", "skip", "flip", "force")


class Screened(NamedTuple):
    """A chunk's alleles, sorted into those that can be scored and the rejected.

    Attributes
    ----------
    rows : int64 array, shape (m,)
        The chunk's rows that can be scored, in order.
    windows : AlleleWindows
        Their windows, ref and alt of the record, uint8 (m, window).
    shared : bool array, shape (m,)
        True where the ref window is that of the row before (another ALT of the same place).
    flags : list of str, length m
        Names of `FLAGS` joined by ";", or ".".
    reasons, details : list of str, length n
        Name in `REASONS` of each rejected row of the chunk and what was found; empty for scored rows.
    mismatches, swapped : int
        Rows whose REF is not the genome's, and those of them where the genome carries ALT.
    moved : int64 array, shape (k,)
        Places in `rows` of the indels that have a second alt window; empty unless asked for.
    anchors : int64 array, shape (k,)
        Indexes of their first bases in their windows.
    right : uint8 array, shape (k, window), or None
        Their alt windows aligned on the right (see `seqdl.variants.alleles.right_aligned`).
    """

    rows: np.ndarray
    windows: AlleleWindows
    shared: np.ndarray
    flags: list[str]
    reasons: list[str]
    details: list[str]
    mismatches: int
    swapped: int
    moved: np.ndarray = np.zeros(0, np.int64)
    anchors: np.ndarray = np.zeros(0, np.int64)
    right: np.ndarray | None = None


def check_policy(ref_mismatch: str) -> str:
    """Return the policy if it is one of `POLICIES`.

    Raises
    ------
    InputError
        If it is not.
    """
    if ref_mismatch not in POLICIES:
        raise InputError(f"`ref_mismatch` must be one of {', '.join(POLICIES)}. Received: {ref_mismatch!r}.")
    return ref_mismatch


def without_sequence(alt: str) -> str:
    """Return the name in `REASONS` of why an ALT, or its REF, is no sequence of A, C, G, T, N."""
    if alt == NO_ALT:
        return "NO_ALT"
    symbolic = any(mark in alt for mark in "<>*[]") or "." in (alt[:1], alt[-1:])
    return "SYMBOLIC" if symbolic else "NON_ACGT"


def screen(
    chunk: VcfChunk,
    genome: Genome,
    contigs: Mapping[str, str],
    window: int,
    anchor: int,
    ref_mismatch: str = "skip",
    *,
    share: int = 0,
    both_sides: bool = False,
) -> Screened:
    """Sort a chunk's alleles, and build the windows of those that can be scored.

    Parameters
    ----------
    chunk : VcfChunk
        One row per ALT allele.
    genome : Genome
        Where the windows come from.
    contigs : mapping
        The file's contig names to the genome's; what is not in it is unknown.
    window, anchor : int
        Bases of a window, and the index of the variant's first base in it.
    ref_mismatch : {"error", "skip", "flip", "force"}
        What to do where REF is not the genome's; see this module's head.
    share : int
        Bases of a tile: all variants in one (the genome cut from 0 on) have the ref window whose anchor is
        the tile's middle, and lie beside the anchor. 0 gives each variant its own.
    both_sides : bool
        Build the right-aligned alt windows of indels as well.

    Returns
    -------
    screened : Screened

    Raises
    ------
    InputError
        If the policy is "error" and a REF is not the genome's.
    """
    n = len(chunk.pos)
    reasons, details = [""] * n, [""] * n

    def reject(rows: np.ndarray, reason: str, detail) -> None:
        for i in rows.tolist():
            reasons[i], details[i] = reason, detail(i) if callable(detail) else detail

    refs, alts = encode_alleles(chunk.refs), encode_alleles(chunk.alts)
    ids = {name: genome.contig_id(contigs[name]) for name in set(chunk.chroms) if name in contigs}
    contig_ids = np.array([ids.get(name, -1) for name in chunk.chroms], np.int64)
    starts = chunk.pos - 1
    lengths = genome.sizes[contig_ids]

    known = contig_ids >= 0
    legal = refs.legal & alts.legal
    inside = (starts >= 0) & (starts + refs.lengths <= lengths)
    anchors = np.full(n, anchor, np.int64)
    if share:
        anchors += starts % share - share // 2
    fitting = fits(refs, alts, window, anchors)
    reject(np.flatnonzero(~known), "UNKNOWN_CONTIG", lambda i: f"contig {chunk.chroms[i]}")
    for i in np.flatnonzero(known & ~legal).tolist():
        reasons[i] = without_sequence(chunk.alts[i])
        details[i] = f"{chunk.refs[i][:40]}>{chunk.alts[i][:40]}"
    reject(
        np.flatnonzero(known & legal & ~inside),
        "OUT_OF_RANGE",
        lambda i: f"{contigs[chunk.chroms[i]]} has {lengths[i]} bases",
    )
    reject(
        np.flatnonzero(known & legal & inside & ~fitting),
        "OUT_OF_RANGE",
        lambda i: f"an allele is longer than {window - anchors[i]} bases",
    )

    rows = np.flatnonzero(known & legal & inside & fitting)
    refs, alts = refs.take(rows), alts.take(rows)
    wrong = ~equals_genome(genome, contig_ids[rows], starts[rows], refs)
    swapped = np.zeros(len(rows), bool)
    if wrong.any():
        carries_alt = equals_genome(genome, contig_ids[rows], starts[rows], alts)
        for i in np.flatnonzero(wrong & carries_alt).tolist():
            ref, alt = chunk.refs[rows[i]].upper(), chunk.alts[rows[i]].upper()
            swapped[i] = not ref.startswith(alt)

    def found(i: int) -> str:
        start, size = int(starts[i]), len(chunk.refs[i])
        letters = decode(genome.gather(contig_ids[i : i + 1], starts[i : i + 1], min(size, 40))[0])
        there = f"{genome.names[contig_ids[i]]}:{start + 1}"
        return f"the genome has {letters}{'...' if size > 40 else ''} at {there}"

    if wrong.any() and ref_mismatch == "error":
        i = int(rows[np.argmax(wrong)])
        raise InputError(
            f"REF of record {int(chunk.record[i]) + 1:,} ({chunk.chroms[i]}:{chunk.pos[i]} "
            f"{chunk.refs[i][:40]}>{chunk.alts[i][:40]}) is not what the genome carries: {found(i)}. Is "
            "this the right assembly? `--ref-mismatch skip` rejects such records by name, `flip` takes "
            "swapped alleles."
        )
    accepted = wrong & (swapped if ref_mismatch == "flip" else np.full(len(rows), ref_mismatch == "force"))
    rejected = rows[wrong & ~accepted]
    swapped_rows = set(rows[swapped].tolist())
    hint = "; it carries ALT: REF and ALT look swapped"
    reject(rejected, "REF_MISMATCH", lambda i: found(i) + (hint if i in swapped_rows else ""))

    keep = np.flatnonzero(~wrong | accepted)
    rows, accepted = rows[keep], accepted[keep]
    flipped = accepted & (ref_mismatch == "flip")
    placed = _Placed(genome, contig_ids[rows], starts[rows], window, anchors[rows])
    pairs = _as_in_genome(refs.take(keep), alts.take(keep), flipped)
    windows, flags = _windows(placed, pairs, accepted, flipped)
    moved, right = np.zeros(0, np.int64), None
    if both_sides:
        # Where the record's REF was spliced in, the genome itself stands on the other side: left as it is.
        moved = np.flatnonzero((pairs[0].lengths != pairs[1].lengths) & ~accepted)
        right = right_aligned(
            genome, placed.contig_ids[moved], placed.starts[moved], pairs[0].take(moved),
            pairs[1].take(moved), window, placed.anchors[moved],
        )  # fmt: skip
    shared = _shared(placed, accepted)
    counts = int(wrong.sum()), int(swapped.sum())
    return Screened(
        rows, windows, shared, flags, reasons, details, *counts, moved, placed.anchors[moved], right
    )  # fmt: skip


class _Placed(NamedTuple):
    """Where the scored variants lie: `anchors` are the indexes of their first bases in their windows."""

    genome: Genome
    contig_ids: np.ndarray
    starts: np.ndarray
    window: int
    anchors: np.ndarray


def _as_in_genome(refs: Alleles, alts: Alleles, flipped: np.ndarray) -> tuple[Alleles, Alleles]:
    """Put the allele that the genome carries on the ref side, as the law needs it."""
    both, place = refs.join(alts), np.arange(len(flipped))
    other = place + len(flipped)
    return both.take(np.where(flipped, other, place)), both.take(np.where(flipped, place, other))


def _windows(
    placed: _Placed, pairs: tuple[Alleles, Alleles], accepted: np.ndarray, flipped: np.ndarray
) -> tuple[AlleleWindows, list[str]]:
    """Build windows, and the flags that go with them; `accepted` are those whose REF is not the genome's."""
    refs, alts = pairs
    genome, contig_ids, starts, window, anchors = placed
    ref, alt = allele_windows(genome, contig_ids, starts, refs, alts, window, anchors)
    begin = starts - anchors
    lengths = genome.sizes[contig_ids]
    growth = alts.lengths - refs.lengths
    padded = (begin < 0) | (begin + window + np.maximum(-growth, 0) > lengths)
    unknown = _unknown_inside(ref, begin, lengths) | _unknown_inside(alt, begin, lengths + growth)
    swap = np.flatnonzero(flipped)
    ref[swap], alt[swap] = alt[swap], ref[swap]  # undone: the record's own REF is the reference allele
    marks = np.stack([unknown, padded, flipped, accepted & ~flipped], axis=1)
    flags = ["."] * len(starts)
    for i in np.flatnonzero(marks.any(axis=1)).tolist():
        flags[i] = ";".join(name for name, on in zip(FLAGS, marks[i], strict=False) if on)
    return AlleleWindows(ref, alt), flags


def _unknown_inside(codes: np.ndarray, begin: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Tell which windows hold an N beside those that stand outside their contig of `lengths` bases."""
    window = codes.shape[1]
    outside = np.clip(-begin, 0, window) + np.clip(begin + window - lengths, 0, window)
    return (codes == N).sum(axis=1) > outside


def _shared(placed: _Placed, accepted: np.ndarray) -> np.ndarray:
    """Tell which rows have the ref window of the row before."""
    begin = placed.starts - placed.anchors
    same = np.zeros(len(begin), bool)
    same[1:] = (
        (placed.contig_ids[1:] == placed.contig_ids[:-1])
        & (begin[1:] == begin[:-1])
        & ~accepted[1:]
        & ~accepted[:-1]
    )
    return same
