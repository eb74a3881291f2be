"""Call motifs back onto the genome: where does a pattern stand, and does the network use it there?

A pattern is laid on every place of both strands. Two questions are asked of the contributions under it.
How alike: the cosine between them and the pattern's own mean contributions. How much: the sum of their
absolute values, as a share of the pattern's. A hit answers both. Of hits that overlap, the best (the
product of the two) stays. In spirit this is the scan of TF-MoDISco's hit scoring and of Fi-NeMo; the
method is our own, and simple.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqdl.encoding import one_hot
from seqdl.errors import InputError, MissingDependencyError, require_at_least, require_one_of
from seqdl.files import write_text
from seqdl.interpret.motifs.patterns import Pattern
from seqdl.progress import progress_bar

METHODS = ("contributions", "sequence")
COLUMNS = (
    "chrom",
    "start",
    "end",
    "name",
    "score",
    "strand",
    "pattern",
    "similarity",
    "importance",
    "p",
    "window",
)
_CELLS = 2**24  # numbers gathered at a time


def call_hits(
    attribution,
    patterns: Sequence[Pattern],
    *,
    names: dict[str, str] | None = None,
    method: str = "contributions",
    min_similarity: float = 0.7,
    min_importance: float = 0.25,
    max_p: float = 1e-4,
):
    """Find the places of patterns in attributed windows.

    Parameters
    ----------
    attribution : Attribution
        Contributions of the target whose patterns these are.
    patterns : sequence of Pattern
        Cut to their `Pattern.core` first.
    names : dict, optional
        Pattern's name -> what to call its hits (such as the match in a database); its own name by default.
    method : {"contributions", "sequence"}
        ``"contributions"``: as the text of this module says. ``"sequence"``: FIMO's scan of the sequence
        with the pattern's probabilities (Grant, Bailey and Noble 2011; through memelite), whatever the
        network thinks of the place; the best of overlapping hits is the one with the smallest p.
    min_similarity : float
        Smallest cosine, between 0 and 1.
    min_importance : float
        Smallest share of the pattern's own mean contribution. Contributions differ in scale between
        networks and targets, which a share does not.
    max_p : float
        For ``"sequence"``: largest p-value.

    Returns
    -------
    pandas.DataFrame
        Sorted by place: chrom, start, end (0-based, half-open), name, score (0 to 1000: a thousand times
        the similarity; for ``"sequence"`` a hundred times -log10 p), strand (as the pattern is read),
        pattern, similarity, importance (share), p (NaN for ``"contributions"``), window (row of the
        input). A place that several windows cover is called once.

    Raises
    ------
    InputError
        If there is no pattern, the method is unknown, or a number is out of range.
    MissingDependencyError
        For ``"sequence"`` without memelite.
    """
    import pandas as pd

    require_one_of("method", method, METHODS)
    if not patterns:
        raise InputError("There is no pattern to call hits of.")
    for name, value in (("min_similarity", min_similarity), ("max_p", max_p)):
        if not 0 < value <= 1:
            raise InputError(f"`{name}` must lie between 0 and 1. Received: {value}.")
    require_at_least(0, min_importance=min_importance)
    names = names or {}
    codes = np.asarray(attribution.codes, np.uint8)
    values = attribution.values * one_hot(codes)  # of a gradient, only the base that is there
    cut = [pattern.trimmed() for pattern in patterns]
    starts = np.array([region.start for region in attribution.regions], np.int64)
    chroms = np.array([region.chrom for region in attribution.regions], object)
    parts = []
    with progress_bar(len(cut), "Calling hits", "patterns") as bar:
        for pattern in cut:
            if pattern.motif.width <= codes.shape[1]:
                if method == "sequence":
                    found = _by_sequence(codes, values, pattern, max_p)
                else:
                    found = _by_contributions(values, pattern, min_similarity, min_importance)
                row, place, turned, similarity, importance, p = found
                by_parts = method == "contributions"
                score = similarity * importance if by_parts else -np.log10(p)
                shown = 1000 * similarity if by_parts else 100 * score
                parts.append(pd.DataFrame({
                    "chrom": chroms[row], "start": starts[row] + place,
                    "end": starts[row] + place + pattern.motif.width,
                    "name": names.get(pattern.name, pattern.name),
                    "score": np.clip(np.rint(shown), 0, 1000).astype(np.int64),
                    "strand": np.where(turned, "-", "+"), "pattern": pattern.name,
                    "similarity": similarity, "importance": importance, "p": p, "window": row, "_rank": score,
                }))  # fmt: skip
            bar.advance()
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat(parts, ignore_index=True)
    contig = np.unique(table["chrom"].to_numpy(str), return_inverse=True)[1]
    kept = best_of_overlapping(
        contig, table["start"].to_numpy(), table["end"].to_numpy(), table["_rank"].to_numpy()
    )
    table = table[kept].sort_values(["chrom", "start", "end"], kind="stable", ignore_index=True)
    return table[list(COLUMNS)]


def _by_contributions(values: np.ndarray, pattern: Pattern, min_similarity: float, min_importance: float):
    """Return row, place, turned, similarity, importance and p (NaN), each (hits,)."""
    width = pattern.motif.width
    mean = pattern.contributions.astype(np.float32)
    length = np.linalg.norm(mean)
    kernels = np.stack([mean, mean[::-1, ::-1]]).reshape(2, -1).T / max(length, 1e-12)  # (4 w, 2)
    own = np.abs(mean).sum()
    places = values.shape[1] - width + 1
    step = max(1, _CELLS // (places * width * 4))
    found = []
    for first in range(0, len(values), step):
        part = values[first : first + step]
        laid = np.lib.stride_tricks.sliding_window_view(part, width, axis=1)  # (b, places, 4, w)
        laid = laid.transpose(0, 1, 3, 2).reshape(len(part), places, 4 * width)
        norm = np.sqrt(np.einsum("bpk,bpk->bp", laid, laid))
        importance = np.abs(laid).sum(axis=2) / max(own, 1e-12)
        cosine = laid @ kernels / np.maximum(norm, 1e-12)[..., None]
        hit = (cosine >= min_similarity) & (importance >= min_importance)[..., None]
        row, place, strand = np.nonzero(hit)
        found.append((row + first, place, strand, cosine[row, place, strand], importance[row, place]))
    row, place, strand, similarity, importance = (
        np.concatenate(column) for column in zip(*found, strict=True)
    )
    return row, place, strand == 1, similarity, importance, np.full(row.size, np.nan)


def _by_sequence(codes: np.ndarray, values: np.ndarray, pattern: Pattern, max_p: float):
    """Scan with probabilities; the contributions under a hit are measured, but decide nothing."""
    try:
        from memelite import fimo
    except ImportError as error:
        raise MissingDependencyError(
            "Scanning sequences needs memelite, which is not installed: pip install 'seqdl[motifs]'"
        ) from error
    x = np.ascontiguousarray(one_hot(codes, "int8").transpose(0, 2, 1))  # memelite's layout is (n, 4, L)
    (table,) = fimo({pattern.name: pattern.motif.probabilities.T}, x, threshold=max_p)
    row = table["sequence_name"].to_numpy(np.int64)
    place = table["start"].to_numpy(np.int64)
    turned = table["strand"].to_numpy(str) == "-"
    p = np.maximum(table["p-value"].to_numpy(np.float64), 1e-300)
    width = pattern.motif.width
    under = values[row[:, None], place[:, None] + np.arange(width)]  # (hits, w, 4)
    mean = np.where(turned[:, None, None], pattern.contributions[::-1, ::-1], pattern.contributions)
    norm = np.linalg.norm(under, axis=(1, 2)) * np.linalg.norm(pattern.contributions)
    similarity = np.clip((under * mean).sum(axis=(1, 2)) / np.maximum(norm, 1e-12), -1, 1)
    own = np.abs(pattern.contributions).sum()
    return row, place, turned, similarity, np.abs(under).sum(axis=(1, 2)) / max(own, 1e-12), p


def best_of_overlapping(
    contig: np.ndarray, start: np.ndarray, end: np.ndarray, score: np.ndarray
) -> np.ndarray:
    """Choose intervals greedily, the highest score first, so that no two chosen ones overlap.

    Parameters
    ----------
    contig, start, end : int array, (n,)
        0-based, half-open.
    score : float array, (n,)
        Of two equal ones the earlier stays.

    Returns
    -------
    chosen : bool array, (n,)
    """
    n = len(start)
    rank = np.empty(n, np.int64)
    rank[np.lexsort((end, start, contig, -np.asarray(score)))] = np.arange(n)
    order = np.lexsort((start, contig))
    open_ = np.ones(n, bool)
    chosen = np.zeros(n, bool)
    while open_.any():  # each round takes every interval that no better open one overlaps
        at = order[open_[order]]
        best = np.ones(at.size, bool)
        pairs = list(_overlapping(contig[at], start[at], end[at]))
        for left, right in pairs:
            better = rank[at[left]] < rank[at[right]]
            best[right[better]] = False
            best[left[~better]] = False
        chosen[at[best]] = True
        gone = best.copy()
        for left, right in pairs:
            gone[right[best[left]]] = True
            gone[left[best[right]]] = True
        open_[at[gone]] = False
    return chosen


def _overlapping(contig: np.ndarray, start: np.ndarray, end: np.ndarray):
    """Yield (left, right), indices of overlapping pairs of intervals that are sorted by place."""
    offset = contig * (int(end.max(initial=0)) + 1)
    reach = np.maximum.accumulate(end + offset)  # how far any earlier one goes
    for step in range(1, len(start)):
        left = np.flatnonzero(reach[:-step] > (start + offset)[step:])
        if not left.size:
            return
        true = (contig[left] == contig[left + step]) & (end[left] > start[left + step])
        yield left[true], left[true] + step


def write_hits(path: str | Path, hits) -> None:
    """Write hits as BED: six standard columns, then pattern, similarity and importance.

    There are nine columns: a tenth would be read as the summit of a narrowPeak line. Of a scan of the
    sequence, the score says p (a hundred times -log10).

    Parameters
    ----------
    path : str or Path
        Appears whole or not at all.
    hits : pandas.DataFrame
        From `call_hits`.
    """
    lines = [
        f"{hit.chrom}\t{hit.start}\t{hit.end}\t{hit.name}\t{hit.score}\t{hit.strand}\t{hit.pattern}\t"
        f"{hit.similarity:.4f}\t{hit.importance:.4f}\n"
        for hit in hits.itertuples(index=False)
    ]
    columns = "\t".join(COLUMNS[:-2])
    write_text(path, f"#{columns}\n" + "".join(lines))
