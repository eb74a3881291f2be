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
)

REASONS = {
    "NO_ALT": "the record names no alternative allele",
    "SYMBOLIC": "the allele is symbolic (<DEL>), a breakend, or * (an upstream deletion): it has no sequence",
    "NON_ACGT": "an allele holds a letter other than A, C, G, T, N",
    "UNKNOWN_CONTIG": "the genome has no such contig",
    "OUT_OF_RANGE": "REF lies outside its contig, or an allele is longer than the window right of the anchor",
    "REF_MISMATCH": "REF is not what the genome carries at this place",
}
FLAGS = {
    "N_IN_WINDOW": "a window holds unknown bases (N)",
    "WINDOW_PADDED": "a window leaves its contig; N stands outside",
    "FLIPPED": "the genome carries ALT, not REF; scored as written, alt - ref (--ref-mismatch flip)",
    "FORCED": "REF is not the genome's; it was spliced in (--ref-mismatch force)",
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
    """

    rows: np.ndarray
    windows: AlleleWindows
    shared: np.ndarray
    flags: list[str]
    reasons: list[str]
    details: list[str]
    mismatches: int
    swapped: int


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


def _is_symbolic(alt: str) -> bool:
    return any(mark in alt for mark in "<>*[]") or (len(alt) > 1 and "." in (alt[0], alt[-1]))


def screen(
    chunk: VcfChunk,
    genome: Genome,
    contigs: Mapping[str, str],
    window: int,
    anchor: int,
    ref_mismatch: str = "skip",
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
    fitting = fits(refs, alts, window, anchor)
    reject(np.flatnonzero(~known), "UNKNOWN_CONTIG", lambda i: f"contig {chunk.chroms[i]}")
    for i in np.flatnonzero(known & ~legal).tolist():
        alt = chunk.alts[i]
        reason = "NO_ALT" if alt == NO_ALT else "SYMBOLIC" if _is_symbolic(alt) else "NON_ACGT"
        reject(np.array([i]), reason, f"{chunk.refs[i][:40]}>{alt[:40]}")
    reject(
        np.flatnonzero(known & legal & ~inside),
        "OUT_OF_RANGE",
        lambda i: f"{contigs[chunk.chroms[i]]} has {lengths[i]} bases",
    )
    reject(
        np.flatnonzero(known & legal & inside & ~fitting),
        "OUT_OF_RANGE",
        f"an allele is longer than {window - anchor} bases",
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
    windows, flags = _windows(
        genome,
        contig_ids[rows],
        starts[rows],
        refs.take(keep),
        alts.take(keep),
        window,
        anchor,
        accepted,
        ref_mismatch,
    )
    shared = _shared(contig_ids[rows], starts[rows], accepted)
    return Screened(rows, windows, shared, flags, reasons, details, int(wrong.sum()), int(swapped.sum()))


def _windows(
    genome: Genome,
    contig_ids: np.ndarray,
    starts: np.ndarray,
    refs: Alleles,
    alts: Alleles,
    window: int,
    anchor: int,
    accepted: np.ndarray,
    ref_mismatch: str,
) -> tuple[AlleleWindows, list[str]]:
    """Build windows, and the flags that go with them; `accepted` are those whose REF is not the genome's."""
    n = len(starts)
    flipped = accepted & (ref_mismatch == "flip")
    # The law needs the allele that the genome carries on the ref side; the swap is undone afterwards.
    both, place = refs.join(alts), np.arange(n)
    refs, alts = (
        both.take(np.where(flipped, place + n, place)),
        both.take(np.where(flipped, place, place + n)),
    )
    ref, alt = allele_windows(genome, contig_ids, starts, refs, alts, window, anchor)
    begin = starts - anchor
    lengths = genome.sizes[contig_ids]
    growth = alts.lengths - refs.lengths
    padded = (begin < 0) | (begin + window + np.maximum(-growth, 0) > lengths)
    unknown = _unknown_inside(ref, begin, lengths) | _unknown_inside(alt, begin, lengths + growth)
    swap = np.flatnonzero(flipped)
    ref[swap], alt[swap] = alt[swap], ref[swap]
    marks = np.stack([unknown, padded, flipped, accepted & ~flipped], axis=1)
    flags = ["."] * n
    for i in np.flatnonzero(marks.any(axis=1)).tolist():
        flags[i] = ";".join(name for name, on in zip(FLAGS, marks[i], strict=True) if on)
    return AlleleWindows(ref, alt), flags


def _unknown_inside(codes: np.ndarray, begin: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Tell which windows hold an N beside those that stand outside their contig of `lengths` bases."""
    window = codes.shape[1]
    outside = np.clip(-begin, 0, window) + np.clip(begin + window - lengths, 0, window)
    return (codes == N).sum(axis=1) > outside


def _shared(contig_ids: np.ndarray, starts: np.ndarray, accepted: np.ndarray) -> np.ndarray:
    same = np.zeros(len(starts), bool)
    same[1:] = (
        (contig_ids[1:] == contig_ids[:-1]) & (starts[1:] == starts[:-1]) & ~accepted[1:] & ~accepted[:-1]
    )
    return same
