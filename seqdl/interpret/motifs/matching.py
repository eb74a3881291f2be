"""Name motifs by the known ones they resemble: TOMTOM over a database, both strands, with q-values.

The comparison is memelite's, which implements the complete-score version of Tomtom (Gupta,
Stamatoyannopoulos, Bailey and Noble 2007; Tanaka, Bailey, Grant, Noble and Keich 2011). This module adds the
strand, a stated offset, E-values and q-values, and turns the answer into a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from seqdl.errors import InputError, MissingDependencyError
from seqdl.io.motifs import Motif, information_matrix
from seqdl.progress import say
from seqdl.words import count

TRIM = 0.25
FEW_TARGETS = 25
MOST_JOBS = 8
MAX_Q = 0.05
MIN_SIMILARITY = 0.7
COLUMNS = (
    "query", "rank", "match_id", "match_name", "p", "e", "q", "similarity", "overlap", "offset", "strand",
    "query_consensus", "match_consensus",
)  # fmt: skip


def informative_rows(motif, trim: float = TRIM) -> tuple[int, int]:
    """Find the part of a motif that says something.

    Parameters
    ----------
    motif : Motif
        Anything with ``probabilities``, (w, 4).
    trim : float
        A place at either end with less than this many bits (against a uniform background) is outside.

    Returns
    -------
    start, end : int
        0-based and half-open; equal where no place reaches `trim`.
    """
    strong = np.flatnonzero(information_matrix(motif).sum(axis=1) >= trim)
    return (int(strong[0]), int(strong[-1]) + 1) if strong.size else (0, 0)


def match_motifs(
    motifs: Sequence[Motif],
    database: Sequence[Motif],
    *,
    top: int = 5,
    trim: float = TRIM,
    jobs: int | None = None,
):
    """Compare motifs with a database on both strands.

    Parameters
    ----------
    motifs : sequence of Motif
        The queries.
    database : sequence of Motif
        Known motifs. p-values are drawn from its own columns, so with fewer than 25 motifs they mean little;
        that is said.
    top : int
        Best matches to keep of each query.
    trim : float
        Uninformative ends of a query (fewer bits a place than this) are cut off first: random flanks would be
        counted as places that do not match. 0 cuts nothing. The database stays as it is.
    jobs : int, optional
        Threads; all by default, but at most 8 (memelite's memory grows with their number).

    Returns
    -------
    pandas.DataFrame
        One row a query and match, best first: ``query`` (its id), ``rank`` (from 1), ``match_id``,
        ``match_name``, ``p`` (of the best alignment on either strand), ``e`` (p times the number of motifs
        in the database), ``q`` (the false discovery rate of Benjamini and Hochberg (1995) over the database,
        each query by itself), ``similarity`` (see
        `aligned_similarity`), ``overlap`` (places aligned), ``offset`` (place of the untrimmed query on which
        the match begins, 0-based; negative where it begins before), ``strand`` ("-": the match was turned
        round; a tie is "+"), and both consensus sequences. A query with no informative place has no row.

    Raises
    ------
    InputError
        If a query's id stands twice, there is nothing to compare, or `top` is less than 1.
    MissingDependencyError
        Without memelite.
    """
    import pandas as pd

    motifs, database = list(motifs), list(database)
    names = [motif.id for motif in motifs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"Motifs to match need an id each. {twice!r} stands twice.")
    if not motifs or not database:
        raise InputError("There is nothing to compare: no motifs, or an empty database.")
    for name, value in (("top", top), ("jobs", 1 if jobs is None else jobs)):
        if value < 1:
            raise InputError(f"`{name}` must be at least 1. Received: {value}.")
    spans = [informative_rows(motif, trim) if trim > 0 else (0, motif.width) for motif in motifs]
    asked = [(motif, span) for motif, span in zip(motifs, spans, strict=True) if span[1] > span[0]]
    if not asked:
        return pd.DataFrame(columns=list(COLUMNS))
    queries = [motif.probabilities[start:end] for motif, (start, end) in asked]
    p, score, offset, overlap = _tomtom(queries, [motif.probabilities for motif in database], jobs)
    n = len(database)
    turned = score[:, n:] > score[:, :n]  # a palindrome scores the same on both strands: "+"
    p = np.minimum(p[:, :n], p[:, n:])
    p = np.clip(p * (2 - p), 0.0, 1.0)  # the better of two strands: 1 - (1 - p)^2
    offset, overlap = (np.where(turned, part[:, n:], part[:, :n]) for part in (offset, overlap))
    q = benjamini_hochberg(p)
    order = np.argsort(p, axis=1, kind="stable")[:, :top]
    rows = []
    for at, (motif, (start, _)) in enumerate(asked):
        for rank, hit in enumerate(order[at], 1):
            match = database[hit]
            known = match.reverse_complement() if turned[at, hit] else match
            shift = -int(offset[at, hit])  # memelite's offset is the query's place on the match
            rows.append((
                motif.id, rank, match.id, match.name, p[at, hit], min(p[at, hit] * n, float(n)), q[at, hit],
                aligned_similarity(queries[at], known.probabilities, shift), int(overlap[at, hit]),
                start + shift, "-" if turned[at, hit] else "+", motif.consensus, known.consensus,
            ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def require_memelite() -> None:
    """Check that motifs can be matched, which is better said before the work than after it.

    Raises
    ------
    MissingDependencyError
        Without memelite.
    """
    if find_spec("memelite") is None:
        raise MissingDependencyError(
            "Matching motifs needs the package memelite, which is not installed: pip install 'seqdl[motifs]'"
        )


def _tomtom(queries: list[np.ndarray], known: list[np.ndarray], jobs: int | None) -> tuple[np.ndarray, ...]:
    """Return p, score, offset and overlap, each (queries, 2 * known): the known ones, then all turned."""
    import warnings

    require_memelite()
    import numba
    from memelite import tomtom

    if len(known) < FEW_TARGETS:
        say(
            f"Note: the database has {count(len(known), 'motif')}. p-values are drawn from its own "
            f"columns, so with fewer than {FEW_TARGETS} motifs they depend strongly on which they are."
        )
    with warnings.catch_warnings():  # said above in seqdl's words
        warnings.filterwarnings("ignore", message="tomtom was given")
        result = tomtom(
            [query.T for query in queries],  # memelite's layout is (4, w)
            [rows.T for rows in known] + [rows[::-1, ::-1].T for rows in known],
            reverse_complement=False,
            n_jobs=min(jobs or MOST_JOBS, numba.config.NUMBA_NUM_THREADS),
        )
    return tuple(result[:4])


def aligned_similarity(query: np.ndarray, known: np.ndarray, offset: int) -> float:
    """Compare two aligned motifs where they overlap.

    Parameters
    ----------
    query, known : float array, (w, 4)
        Base probabilities; `known` on the strand that is aligned.
    offset : int
        Place of `query` on which `known` begins.

    Returns
    -------
    float
        The cosine between their deviations from a quarter each, from -1 to 1. Tomtom's p does not know it:
        two places that say nothing are alike to it, so that weak motifs match those with an empty middle
        (CGGnnnnnnnnnnnCCG) with tiny p-values. Informative places decide this number.
    """
    start, end = max(0, offset), min(len(query), offset + len(known))
    a, b = query[start:end].ravel() - 0.25, known[start - offset : end - offset].ravel() - 0.25
    size = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / size) if size > 0 else 0.0


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Turn p-values into q-values: the smallest false discovery rate at which each would be called.

    Parameters
    ----------
    p : float array, (..., n)
        A family of tests along the last axis.

    Returns
    -------
    q : float64 array, of the same shape
        Benjamini and Hochberg (1995): of the sorted p-values, the running minimum from the largest one on of
        ``p * n / rank``.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.02])).tolist()
    [0.03, 0.04, 0.03]
    """
    p = np.asarray(p, np.float64)
    order = np.argsort(p, axis=-1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=-1) * p.shape[-1] / np.arange(1, p.shape[-1] + 1)
    ranked = np.minimum.accumulate(ranked[..., ::-1], axis=-1)[..., ::-1]
    q = np.empty_like(p)
    np.put_along_axis(q, order, np.minimum(ranked, 1.0), axis=-1)
    return q


def best_matches(table, max_q: float = MAX_Q, min_similarity: float = MIN_SIMILARITY) -> dict:
    """Name each query by its best match that can be believed.

    Parameters
    ----------
    table : pandas.DataFrame
        From `match_motifs`.
    max_q : float
        Largest q-value.
    min_similarity : float
        Smallest `aligned_similarity`.

    Returns
    -------
    dict
        Query's id -> the row (named tuple) of lowest rank among those that pass; without queries that have
        none.
    """
    chosen = table[(table["q"] <= max_q) & (table["similarity"] >= min_similarity)]
    chosen = chosen.sort_values(["query", "rank"], kind="stable").drop_duplicates("query")
    return {row.query: row for row in chosen.itertuples(index=False)}
