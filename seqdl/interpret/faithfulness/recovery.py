"""Recovery: how well the size of an attribution tells the bases of known motifs from all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError
from seqdl.evaluation.metrics import bootstrap_metrics, rank_metrics
from seqdl.evaluation.resampling import interval
from seqdl.interpret.faithfulness.bases import check_scores, mean_interval, resample

if TYPE_CHECKING:
    import pandas as pd

BASELINES = ("random", "gc", "middle")


class Recovery(NamedTuple):
    """How well known positions come back.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a method or baseline: ``method``, ``kind`` ("method" or "baseline"), ``auroc`` and ``auprc``
        over the bases of all sequences together, ``sequence_auroc``, the mean of the sequences' own, each
        with ``_low`` and ``_high``; ``sequences`` and ``bases`` counted, ``positives``, the share of known
        positions (the AUPRC of chance).
    sequences : pandas.DataFrame
        One row a sequence and method: ``sequence`` (its index), ``method``, ``auroc``, ``auprc``.
    """

    table: pd.DataFrame
    sequences: pd.DataFrame


def recovery(
    scores: Mapping[str, np.ndarray],
    positions: np.ndarray,
    codes: np.ndarray | None = None,
    *,
    baselines: bool = True,
    groups: np.ndarray | None = None,
    bootstrap: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> Recovery:
    """Measure how well attributions point at known positions, such as planted motifs.

    Parameters
    ----------
    scores : mapping of str to float array, (n, L)
        One number a base, by method (`base_scores`); its absolute value is ranked.
    positions : bool array, (n, L)
        True at a known position. Sequences that have none, or nothing else, are left out.
    codes : uint8 array, (n, L), optional
        Bases: N counts nowhere. The GC baseline needs them.
    baselines : bool
        Add what needs no network: ``random`` numbers, ``gc`` (1 for G and C) and ``middle`` (the nearer the
        window's middle the higher), which finds motifs in windows that are centred on them.
    groups, bootstrap, confidence, seed
        Of the intervals over sequences; see `seqdl.interpret.faithfulness.bases.resample`.

    Returns
    -------
    Recovery

    Raises
    ------
    InputError
        If shapes differ, no sequence has a known base, or none has known positions.
    """
    import pandas as pd

    scores, known = check_scores(scores, codes)
    positions = np.asarray(positions, bool)
    if positions.shape != known.shape:
        raise InputError(
            f"`positions` must have the scores' shape {known.shape}. Received: {positions.shape}."
        )
    positions = positions & known
    usable = positions.any(axis=1) & (known & ~positions).any(axis=1)
    if not usable.any():
        raise InputError(
            "No sequence has both known positions and others, so recovery cannot be measured. "
            "Do the positions lie on the same genome and contigs as the sequences?"
        )
    rows = np.flatnonzero(usable)
    positions, known = positions[rows], known[rows]
    scores = {name: np.abs(value[rows]) for name, value in scores.items()}
    methods = list(scores)
    if baselines:
        extra = _baselines(known, None if codes is None else np.asarray(codes)[rows], seed)
        scores |= {name: value for name, value in extra.items() if name not in scores}
    draws = resample(
        len(rows), None if groups is None else np.asarray(groups)[rows], bootstrap, confidence, seed
    )
    blocks = np.broadcast_to(draws.blocks[:, None], known.shape)[known]
    labels = positions[known][:, None]
    ones = np.ones((len(draws.weights), 1))
    table, single = [], []
    for name, value in scores.items():
        flat = value[known][:, None]
        pooled = bootstrap_metrics(labels, flat, blocks, np.hstack([ones, draws.weights]))
        own = _per_sequence(value, positions, known)
        row = {"method": name, "kind": "method" if name in methods else "baseline"}
        for key, found in pooled._asdict().items():
            low, high = interval(found[1:, 0], confidence)
            row |= {key: float(found[0, 0]), f"{key}_low": float(low), f"{key}_high": float(high)}
        mean, low, high = (float(part) for part in mean_interval(own.auroc, draws))
        row |= {"sequence_auroc": mean, "sequence_auroc_low": low, "sequence_auroc_high": high}
        row |= {"sequences": len(rows), "bases": int(known.sum()), "positives": float(labels.mean())}
        table.append(row)
        single.append(
            pd.DataFrame({"sequence": rows, "method": name, "auroc": own.auroc, "auprc": own.auprc})
        )
    return Recovery(pd.DataFrame(table), pd.concat(single, ignore_index=True))


def _per_sequence(scores: np.ndarray, positions: np.ndarray, known: np.ndarray):
    """Measure each sequence by itself; float64 (n,) each."""
    # Unknown bases are ranked below all others as negatives, and what they add is taken off again: every
    # positive beats each of them, so they move AUROC by a known share and average precision not at all.
    lowest = np.where(known, scores, -1.0)
    found = rank_metrics(positions.T, lowest.T)
    unknown, negatives = (~known).sum(axis=1), (~positions).sum(axis=1)
    auroc = (found.auroc * negatives - unknown) / (negatives - unknown)
    return found._replace(auroc=auroc)


def _baselines(known: np.ndarray, codes: np.ndarray | None, seed: int) -> dict[str, np.ndarray]:
    n, length = known.shape
    found = {"random": np.random.default_rng(seed).random((n, length), np.float32)}
    if codes is not None:
        found["gc"] = ((codes == 1) | (codes == 2)).astype(np.float32)
    distance = np.abs(np.arange(length) - (length - 1) / 2)
    found["middle"] = np.tile((distance.max() - distance).astype(np.float32), (n, 1))
    return found


def known_positions(known, codes: np.ndarray, regions: Sequence, genome=None, alias=None) -> np.ndarray:
    """Mark the known bases of windows: those in the intervals of a BED file, or those of an array, checked.

    Parameters
    ----------
    known : str, Path or bool array, (n, L)
        A BED file on the genome, or the marks themselves.
    codes : uint8 array, (n, L)
    regions : sequence of Interval, length n
        Where the windows lie.
    genome : str, Path or Genome, optional
        Needed with a BED file.
    alias : str or Path, optional
        Table of contig names, BED file to genome.

    Returns
    -------
    bool array, (n, L)

    Raises
    ------
    InputError
        If a BED file comes without its genome or does not fit it, or the array has another shape or type.
    """
    if isinstance(known, (str, Path)):
        from seqdl.genome import Genome
        from seqdl.prediction.sources import place_regions

        if genome is None:
            raise InputError(
                "A BED file of known positions needs the genome it lies on, and regions of it (`bed`). "
                "For sequences give `known` as an array."
            )
        genome = Genome(genome) if isinstance(genome, (str, Path)) else genome
        placed = place_regions(known, genome, alias, clip=True)
        chrom = np.array(genome.names, object)[placed.contig_ids]
        return region_positions(regions, chrom, placed.table.start, placed.table.end)
    known = np.asarray(known)
    if known.shape != codes.shape or known.dtype != bool:
        raise InputError(
            f"`known` must be a BED file or a bool array of shape {codes.shape}. "
            f"Received: {known.dtype} {known.shape}."
        )
    return known


def region_positions(
    regions: Sequence, chrom: Sequence[str], start: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Mark, in windows on a genome, the bases that lie in known intervals.

    Parameters
    ----------
    regions : sequence of Interval, length n
        Windows of one width, as in `Attribution`.
    chrom : sequence of str, length m
        Contigs of the known intervals, spelt as the regions'.
    start, end : int array, (m,)
        0-based, half-open.

    Returns
    -------
    bool array, (n, L)

    Raises
    ------
    InputError
        If there is no region or known interval, or the windows differ in width.
    """
    widths = {region.width for region in regions}
    if len(widths) != 1:
        raise InputError(f"`regions` must be windows of one width. Received: {sorted(widths) or 'none'}.")
    chrom, start, end = np.asarray(chrom, object), np.asarray(start, np.int64), np.asarray(end, np.int64)
    if not len(start) or not len(chrom) == len(start) == len(end):
        raise InputError(
            "`chrom`, `start` and `end` must name at least one known interval, and as many of each. "
            f"Received: {len(chrom)}, {len(start)} and {len(end)}."
        )
    width = widths.pop()
    places = np.array([region.start for region in regions], np.int64)
    contigs = np.array([region.chrom for region in regions], object)
    turned = np.array([region.strand == "-" for region in regions])
    marks = np.zeros((len(regions), width), bool)
    for name in set(contigs) & set(chrom):
        here, known = np.flatnonzero(contigs == name), chrom == name
        first = places[here].min()
        edges = np.zeros(places[here].max() - first + width + 1, np.int32)
        np.add.at(edges, np.clip(start[known] - first, 0, len(edges) - 1), 1)
        np.add.at(edges, np.clip(end[known] - first, 0, len(edges) - 1), -1)
        inside = edges.cumsum() > 0
        marks[here] = inside[(places[here] - first)[:, None] + np.arange(width)]
    marks[turned] = marks[turned, ::-1]
    return marks


def grammar_positions(codes: np.ndarray, factor: str) -> np.ndarray:
    """Mark the bases that bind a factor by the law of the simulated grammar.

    Parameters
    ----------
    codes : uint8 array, (n, L)
        Each sequence is read by itself.
    factor : str
        One of `seqdl.data.grammar.FACTOR_NAMES`. Its own motif is marked, and the motif it needs.

    Returns
    -------
    bool array, (n, L)

    Raises
    ------
    InputError
        If there is no such factor, or the shape is another.
    """
    from seqdl.data.grammar import FACTOR_NAMES, FAR, find_factor, find_sites, log_odds
    from seqdl.words import suggest

    if factor not in FACTOR_NAMES:
        raise InputError(f"The grammar has no factor {factor!r}.{suggest(factor, FACTOR_NAMES)}")
    codes = np.asarray(codes, np.uint8)
    if codes.ndim != 2:
        raise InputError(f"`codes` must have the shape (n, length). Received: {codes.shape}.")
    n, length = codes.shape
    apart = np.full((n, length + FAR), N, np.uint8)  # so far that no sequence sees the next one
    apart[:, :length] = codes
    found = find_sites(apart.ravel())[factor]
    marks = np.zeros(apart.size, bool)
    other = find_factor(factor).partner or factor
    for starts, name in ((found.own, factor), (found.partner[found.partner >= 0], other)):
        marks[starts[:, None] + np.arange(len(log_odds(name)))] = True
    return marks.reshape(apart.shape)[:, :length]
