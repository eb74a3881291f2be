"""Contributions as a bigWig track: one value a base, for a genome browser."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from seqdl.encoding import N, reverse_complement
from seqdl.errors import InputError, require_one_of
from seqdl.files import atomic_path, require_other
from seqdl.progress import track
from seqdl.words import count, few

OVERLAPS = ("mean", "nearest")


def write_contribution_bigwig(path: str | Path, attribution, genome, *, overlap: str = "mean") -> int:
    """Write an attribution as a bigWig track, whole or not at all.

    A base's value is what the letter that is there contributes (of ``saliency``, the gradient at it).
    Bases past a contig's end, and N, have no value: they are gaps.

    Parameters
    ----------
    path : str or Path
        The file, ending in ``.bw`` or ``.bigwig``.
    attribution : Attribution
        Its regions lie on `genome`. A region on the "-" strand holds the reverse complement, and is turned
        back; its values keep their sign.
    genome : str, Path or Genome
        Gives contigs, their order and lengths, and must have the attribution's bases at its regions.
    overlap : {"mean", "nearest"}
        A base that several windows explain takes the mean of their values, or the value of the window
        whose centre is nearest, which saw most of what lies on both sides. Of two equally near ones it is
        the one that begins further left; of two on one place, the later in the attribution.

    Returns
    -------
    int
        Bases with a value.

    Raises
    ------
    InputError
        If the name, `overlap` or the genome does not fit, or no base has a value.
    MissingDependencyError
        If pyBigWig is not installed.

    Examples
    --------
    >>> found = seqdl.attribute("run/", genome="g.fa", bed="b.bed", target="CTCF")  # doctest: +SKIP
    >>> write_contribution_bigwig("ctcf.bw", found, "g.fa")  # doctest: +SKIP
    60000
    """
    from seqdl.genome import Genome
    from seqdl.interpret.faithfulness.bases import base_contributions
    from seqdl.io.bigwig_writer import BigWigWriter
    from seqdl.prediction.tracks import is_big_wig

    require_one_of("overlap", overlap, OVERLAPS)
    if not is_big_wig(path):
        raise InputError(f"A bigWig file's name ends in .bw or .bigwig. Received: {str(path)!r}.")
    if isinstance(genome, (str, Path)):
        require_other(path, genome)
        genome = Genome(genome)
    regions, codes = attribution.regions, np.asarray(attribution.codes)
    values = base_contributions(attribution.values, codes)
    contigs, starts = _places(regions, genome)
    turned = np.array([region.strand == "-" for region in regions], bool)
    codes, values = codes.copy(), values.copy()
    codes[turned], values[turned] = reverse_complement(codes[turned]), values[turned, ::-1]
    _check_bases(genome, contigs, starts, codes, regions)
    place = starts[:, None] + np.arange(codes.shape[1])
    counted = (place >= 0) & (place < genome.sizes[contigs][:, None]) & (codes < N)
    if not counted.any():
        raise InputError("No base has a value (all are N, or past their contig's end): there is no track.")
    groups = _stretches(contigs, starts, codes.shape[1])
    joined = _join(values, counted, groups, overlap)
    with atomic_path(path) as aside, closing(BigWigWriter(aside, genome, 1)) as file:
        stretches = list(zip(*groups[2:], strict=True))
        for first, last, contig, start in track(stretches, None, "Writing the track", "stretches"):
            # A window may begin before its contig: the writer takes what lies on it.
            low = max(-start, 0)
            high = min(last - first, int(genome.sizes[contig]) - start)
            if high > low:
                file.write(genome.names[contig], start + low, joined[first + low : first + high])
    return int(np.isfinite(joined).sum())


def _places(regions, genome) -> tuple[np.ndarray, np.ndarray]:
    """Return contig ids and first bases, int64 (n,)."""
    unknown = sorted({region.chrom for region in regions} - set(genome.names))
    if not regions or unknown:
        raise InputError(
            f"A track needs places on the genome {genome.name}, and the attribution has "
            + (
                f"{count(len(unknown), 'contig')} that it lacks ({few(unknown, 3)}). Attributions of a FASTA "
                "file or of codes have no place: write them as .h5."
                if regions
                else "no regions."
            )
        )
    contigs = genome.contig_ids([region.chrom for region in regions]).astype(np.int64)
    return contigs, np.array([region.start for region in regions], np.int64)


def _check_bases(genome, contigs, starts, codes, regions) -> None:
    differ = np.flatnonzero((genome.gather(contigs, starts, codes.shape[1]) != codes).any(axis=1))
    if differ.size:
        first = regions[differ[0]]
        raise InputError(
            f"{differ.size} of {count(len(regions), 'region')} have other bases on the genome {genome.name} "
            f"than in the attribution, first {first.chrom}:{first.start}-{first.end}. "
            "Is it another assembly?"
        )


def _stretches(contigs: np.ndarray, starts: np.ndarray, width: int) -> tuple:
    """Unite windows that overlap or touch into stretches, laid end to end in the genome's order.

    Returns
    -------
    order : int64 array, (n,)
        Windows by contig and start.
    offsets : int64 array, (n,)
        Where each of them begins along the stretches.
    first, last : list of int
        Each stretch's own place along them.
    contig, start : list of int
        Each stretch's place on the genome.
    """
    order = np.lexsort((starts, contigs))
    contigs, starts = contigs[order], starts[order]
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(contigs) != 0) | (starts[1:] > starts[:-1] + width)
    heads = np.flatnonzero(new)
    tails = np.append(heads[1:], len(order)) - 1
    ends = np.cumsum(starts[tails] + width - starts[heads])
    firsts = np.concatenate([[0], ends[:-1]])
    stretch = np.cumsum(new) - 1
    offsets = firsts[stretch] + starts - starts[heads][stretch]
    return order, offsets, firsts.tolist(), ends.tolist(), contigs[heads].tolist(), starts[heads].tolist()


def _join(values: np.ndarray, counted: np.ndarray, groups: tuple, overlap: str) -> np.ndarray:
    """Make one value a base of all stretches, float32; NaN where there is none."""
    order, offsets, size = groups[0], groups[1], groups[3][-1]
    width = values.shape[1]
    if overlap == "mean":
        place = (offsets[:, None] + np.arange(width))[counted[order]]
        total = np.bincount(place, values[order][counted[order]], minlength=size)
        number = np.bincount(place, minlength=size)
        with np.errstate(invalid="ignore"):
            return (total / number).astype(np.float32)
    joined = np.full(size, np.nan, np.float32)
    back = np.argsort(order)  # in the attribution's order: of two windows on one place the later one stays
    offsets = offsets[back]
    for column in np.argsort(-np.abs(np.arange(width) - width // 2), kind="stable"):  # the nearest comes last
        here = counted[:, column]
        joined[offsets[here] + column] = values[here, column]
    return joined
