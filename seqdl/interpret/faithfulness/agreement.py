"""Agreement: do methods, or the members of an ensemble, give the same bases the same contributions?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import rankdata

from seqdl.errors import InputError
from seqdl.interpret.faithfulness.bases import check_scores, mean_interval, resample

if TYPE_CHECKING:
    import pandas as pd


def row_correlation(
    one: np.ndarray, other: np.ndarray, known: np.ndarray | None = None, *, ranks: bool = False
) -> np.ndarray:
    """Correlate two sets of numbers a base, each sequence by itself.

    Parameters
    ----------
    one, other : float array, (n, L)
    known : bool array, (n, L), optional
        Bases that count; all when None.
    ranks : bool
        Spearman's correlation (of ranks, ties averaged) instead of Pearson's.

    Returns
    -------
    float64 array, (n,)
        NaN where one of the two is constant over the sequence: then there is nothing to compare.
    """
    known = np.ones(np.shape(one), bool) if known is None else known
    sides = []
    for value in (one, other):
        value = np.asarray(value, np.float64)
        if ranks:  # unknown bases take the lowest ranks, which moves all others by one constant
            value = rankdata(np.where(known, value, -np.inf), axis=1)
        number = np.maximum(known.sum(axis=1, keepdims=True), 1)
        centred = np.where(known, value - np.where(known, value, 0).sum(axis=1, keepdims=True) / number, 0)
        spread = np.sqrt((centred**2).sum(axis=1, keepdims=True))
        flat = spread <= 1e-12 * np.maximum(
            np.abs(np.where(known, value, 0)).max(axis=1, keepdims=True), 1e-300
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            sides.append(np.where(flat, np.nan, centred / spread))
    return np.clip(np.einsum("nl,nl->n", *sides), -1, 1)


class Agreement(NamedTuple):
    """How far methods agree, base by base.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a pair (a method with itself included): ``first``, ``second``, ``spearman`` and ``pearson``
        of the signed numbers, ``spearman_size`` of their absolute values, each the mean over sequences with
        ``_low`` and ``_high``; ``sequences`` that could be compared.
    spearman : pandas.DataFrame
        The matrix of ``spearman``.
    spearman_size : pandas.DataFrame
        The matrix of ``spearman_size``: do the methods point at the same bases, whatever the sign?
    """

    table: pd.DataFrame
    spearman: pd.DataFrame
    spearman_size: pd.DataFrame


def agreement(
    scores: Mapping[str, np.ndarray],
    codes: np.ndarray | None = None,
    *,
    unsigned: tuple[str, ...] = (),
    groups: np.ndarray | None = None,
    bootstrap: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> Agreement:
    """Correlate the numbers a base of every two methods, within each sequence.

    Parameters
    ----------
    scores : mapping of str to float array, (n, L)
        One number a base by method, at least two methods.
    codes : uint8 array, (n, L), optional
        Bases: N counts nowhere.
    unsigned : tuple of str
        Methods without a sign: with them only sizes are compared, the other columns are NaN.
    groups, bootstrap, confidence, seed
        Of the intervals over sequences; see `seqdl.interpret.faithfulness.bases.resample`.

    Returns
    -------
    Agreement

    Raises
    ------
    InputError
        If there are fewer than two methods, shapes differ, or no sequence has a known base.
    """
    import pandas as pd

    scores, known = check_scores(scores, codes, least=2)
    draws = resample(len(known), groups, bootstrap, confidence, seed)
    rows = []
    for first, second in combinations_with_replacement(scores, 2):
        one, other = scores[first], scores[second]
        signed = first not in unsigned and second not in unsigned
        nothing = np.full(len(known), np.nan)
        found = {
            "spearman": row_correlation(one, other, known, ranks=True) if signed else nothing,
            "pearson": row_correlation(one, other, known) if signed else nothing,
            "spearman_size": row_correlation(np.abs(one), np.abs(other), known, ranks=True),
        }
        row: dict = {"first": first, "second": second}
        for key, value in found.items():
            mean, low, high = (float(part) for part in mean_interval(value, draws))
            row |= {key: mean, f"{key}_low": low, f"{key}_high": high}
        row["sequences"] = int((~np.isnan(found["spearman_size"])).sum())
        rows.append(row)
    table = pd.DataFrame(rows)
    return Agreement(table, *(_matrix(table, list(scores), key) for key in ("spearman", "spearman_size")))


def _matrix(table, names: list[str], key: str):
    import pandas as pd

    matrix = pd.DataFrame(np.nan, index=names, columns=names)
    for first, second, value in zip(table["first"], table["second"], table[key], strict=True):
        matrix.loc[first, second] = matrix.loc[second, first] = value
    return matrix


class Stability(NamedTuple):
    """How far the members of an ensemble explain a prediction alike.

    Attributes
    ----------
    mean, sd : float32 array, (n, L)
        Of the numbers a base over members; sd with the divisor members - 1.
    members : Agreement
        Of every two members.
    correlation : float
        Mean Spearman correlation over pairs of different members and sequences.
    low, high : float
        Its interval over sequences.
    signal : float
        Mean over sequences of the share of the squared numbers that all members have in common:
        the squared mean over members against the mean square, 1/members for members with nothing in common,
        1 for members alike.
    """

    mean: np.ndarray
    sd: np.ndarray
    members: Agreement
    correlation: float
    low: float
    high: float
    signal: float


def stability(
    scores: np.ndarray,
    codes: np.ndarray | None = None,
    *,
    groups: np.ndarray | None = None,
    bootstrap: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> Stability:
    """Compare the attributions of an ensemble's members.

    Parameters
    ----------
    scores : float array, (members, n, L)
        One number a base of each member, all of one method; see `member_scores`.
    codes : uint8 array, (n, L), optional
        Bases: N counts nowhere.
    groups, bootstrap, confidence, seed
        Of the intervals over sequences; see `seqdl.interpret.faithfulness.bases.resample`.

    Returns
    -------
    Stability

    Raises
    ------
    InputError
        If there are fewer than two members, or the shapes do not fit.
    """
    scores = np.asarray(scores, np.float32)
    if scores.ndim != 3 or len(scores) < 2:
        raise InputError(
            "`scores` must have the shape (members, n, length) with at least two members. "
            f"Received: {scores.shape}."
        )
    named = {f"member {number}": value for number, value in enumerate(scores, 1)}
    _, known = check_scores(named, codes)
    choices = {"groups": groups, "bootstrap": bootstrap, "confidence": confidence, "seed": seed}
    members = agreement(named, codes, **choices)
    pairs = [(i, j) for i in range(len(scores)) for j in range(i)]
    of_sequence = np.mean(
        [row_correlation(scores[i], scores[j], known, ranks=True) for i, j in pairs], axis=0
    )
    mean, low, high = mean_interval(of_sequence, resample(len(known), groups, bootstrap, confidence, seed))
    average = scores.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        common = (average.astype(np.float64) ** 2 * known).sum(axis=1) / (
            (scores.astype(np.float64) ** 2).mean(axis=0) * known
        ).sum(axis=1)
    signal = float(np.nanmean(common)) if np.isfinite(common).any() else float("nan")
    return Stability(
        average, scores.std(axis=0, ddof=1), members, float(mean), float(low), float(high), signal
    )


def member_scores(run_or_model, codes: np.ndarray, explain, **heads) -> np.ndarray:
    """Explain the same sequences by every member of an ensemble.

    Parameters
    ----------
    run_or_model : Run or keras.Model
        An ensemble: of ``seqdl train --members``, ``seqdl ensemble`` or `ensemble_models`.
    codes : uint8 array, (n, L)
    explain : callable
        ``explain(model, codes)`` gives float (n, L); see `randomisation.explainer`.
    **heads
        ``head`` and ``bins`` of `seqdl.interpret.heads.scalar_model`.

    Returns
    -------
    float32 array, (members, n, L)

    Raises
    ------
    InputError
        If it has fewer than two members.
    """
    from seqdl.interpret.heads import scalar_model
    from seqdl.models.ensemble import ensemble_members
    from seqdl.progress import track

    model = getattr(run_or_model, "model", run_or_model) if hasattr(run_or_model, "card") else run_or_model
    members = ensemble_members(model)
    if len(members) < 2:
        raise InputError(
            "Stability needs an ensemble of at least two members, and this is a single network. "
            "Train one with `seqdl train --members 5`, or join runs with `seqdl ensemble`."
        )
    found = [
        explain(scalar_model(member, **heads), codes)
        for member in track(members, len(members), "Explaining members", "members")
    ]
    return np.stack(found).astype(np.float32)
