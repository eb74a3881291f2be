"""Deletion and insertion: what the prediction does when bases go, or come, in the order of an attribution.

After Petsiuk, Das and Saenko (2018), "RISE: randomized input sampling for explanation of black-box models".
A base cannot be left out of a sequence without moving all others, and a row of zeros is nothing that a
network was trained on, so a base that "goes" is replaced; by what is a choice, and belongs to the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError, require_one_of
from seqdl.interpret.faithfulness.bases import check_scores, mean_interval, resample
from seqdl.interpret.references import shuffle_known
from seqdl.progress import progress_bar

if TYPE_CHECKING:
    import pandas as pd

REPLACEMENTS = ("dinucleotide", "composition", "N")
KINDS = ("deletion", "insertion")
RANDOM = "random"


class PerturbationCurves(NamedTuple):
    """What a prediction does along the order of an attribution.

    Attributes
    ----------
    fractions : float64 array, (steps + 1,)
        Share of the known bases that are replaced (deletion) or put back (insertion).
    deletion, insertion : dict of str to float32 array, (n, steps + 1)
        The prediction of each sequence, mean over draws, by method; ``"random"`` is the random order.
        Empty where it was not asked for.
    table : pandas.DataFrame
        One row a kind and method: ``kind``, ``method``, ``area`` (the mean height over `fractions`),
        ``area_between`` with ``_low`` and ``_high`` (random minus method for deletion, method minus random
        for insertion: positive is good, in the prediction's unit), ``faster``, the share of sequences where
        it is positive, and ``sequences``.
    replacement : str
        What stood where a base was taken away.
    """

    fractions: np.ndarray
    deletion: dict[str, np.ndarray]
    insertion: dict[str, np.ndarray]
    table: pd.DataFrame
    replacement: str


def perturbation_curves(
    func: Callable[[np.ndarray], np.ndarray],
    codes: np.ndarray,
    scores: Mapping[str, np.ndarray],
    *,
    kinds: tuple[str, ...] = KINDS,
    replacement: str = "dinucleotide",
    references: np.ndarray | None = None,
    steps: int = 10,
    fraction: float = 0.1,
    draws: int = 4,
    batch_size: int = 256,
    groups: np.ndarray | None = None,
    bootstrap: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> PerturbationCurves:
    """Replace bases (or put them back) from the highest score down, and follow the prediction.

    Parameters
    ----------
    func : callable
        ``func(codes)`` with uint8 (m, L) gives float (m,): the number that the scores explain. It is always
        called with `batch_size` sequences.
    codes : uint8 array, (n, L)
        N stays N and counts as no base.
    scores : mapping of str to float array, (n, L)
        One number a base by method, **with its sign**: the highest go first. Ties are broken at random.
    kinds : tuple of str
        ``"deletion"``, ``"insertion"`` or both.
    replacement : {"dinucleotide", "composition", "N"}
        What takes a base's place: the base there in a dinucleotide-shuffled copy of the sequence; a base
        drawn by the sequence's own composition; or N (zeros, which networks have seldom seen). An insertion
        begins with the sequence of replacements.
    references : uint8 array, (n, draws, L), optional
        Replacements of your own, such as the references of DeepSHAP; then `replacement` and `draws` are
        not used.
    steps : int
        Points of a curve after the first.
    fraction : float
        Share of the known bases that are replaced or put back in the end, above 0 to 1.
    draws : int
        Replacements for each sequence, over which a curve is averaged. The random order is another one in
        each.
    batch_size : int
        Sequences in a call of `func`.
    groups, bootstrap, confidence, seed
        Of the intervals over sequences; see `seqdl.interpret.faithfulness.bases.resample`.

    Returns
    -------
    PerturbationCurves

    Raises
    ------
    InputError
        If shapes or numbers do not fit, every base is N, or `func` gives something else than (m,) numbers.
    """
    import pandas as pd

    codes = np.asarray(codes, np.uint8)
    scores, known = check_scores(scores, codes)
    if RANDOM in scores:
        raise InputError(f"{RANDOM!r} is the name of the random order. Give the method another one.")
    if not kinds or set(kinds) - set(KINDS):
        raise InputError(f"`kinds` holds deletion, insertion or both. Received: {kinds!r}.")
    if min(steps, draws, batch_size) < 1 or not 0 < fraction <= 1:
        raise InputError(
            "`steps`, `draws` and `batch_size` must be at least 1, and `fraction` above 0 and at most 1. "
            f"Received: {steps}, {draws}, {batch_size} and {fraction}."
        )
    rng = np.random.default_rng(seed)
    references = _references(codes, replacement, references, draws, rng)
    n, draws, length = references.shape
    shares = np.linspace(0, fraction, steps + 1)
    cuts = np.rint(shares * known.sum(axis=1, keepdims=True)).astype(np.int64)  # (n, steps + 1)
    orders = {
        name: _ranks(np.broadcast_to(value[:, None], (n, 1, length)), known, rng)
        for name, value in scores.items()
    }
    orders[RANDOM] = _ranks(rng.random((n, draws, length), np.float32), known, rng)
    curves: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in KINDS}
    forward = _Forward(func, batch_size)
    whole = forward(n, lambda row: codes[row])
    gone = forward(n * draws, lambda row: references[row // draws, row % draws]).reshape(n, draws)
    total = len(kinds) * len(orders) * n * draws * steps
    with progress_bar(total, "Deletion and insertion", "predictions") as progress:
        forward.advance = progress.advance
        for kind in kinds:
            for name, rank in orders.items():
                make = _maker(codes, references, rank, cuts, kind)
                found = forward(n * draws * steps, make).reshape(n, draws, steps).mean(axis=1)
                first = whole if kind == "deletion" else gone.mean(axis=1)
                curves[kind][name] = np.concatenate([first[:, None], found], axis=1).astype(np.float32)
    resampling = resample(n, groups, bootstrap, confidence, seed)
    rows = []
    for kind in kinds:
        base = _area(curves[kind][RANDOM], shares)
        for name, curve in curves[kind].items():
            area = _area(curve, shares)
            between = (base - area) * (1 if kind == "deletion" else -1)
            between[~known.any(axis=1)] = np.nan
            mean, low, high = (float(part) for part in mean_interval(between, resampling))
            faster = float(np.mean(between[~np.isnan(between)] > 0))
            rows.append(
                {"kind": kind, "method": name, "area": float(area.mean()), "area_between": mean,
                 "area_between_low": low, "area_between_high": high, "faster": faster,
                 "sequences": int((~np.isnan(between)).sum())}
            )  # fmt: skip
    table = pd.DataFrame([row for row in rows if row["method"] != RANDOM])
    return PerturbationCurves(shares, curves["deletion"], curves["insertion"], table, replacement)


def _references(codes, replacement, references, draws, rng) -> np.ndarray:
    """Return what stands where bases are taken away, uint8 (n, draws, L); N only where the sequence is N."""
    n, length = codes.shape
    if references is not None:
        references = np.asarray(references, np.uint8)
        if references.ndim != 3 or references.shape[::2] != (n, length) or not references.shape[1]:
            raise InputError(
                f"`references` must have the shape ({n}, draws, {length}). Received: {references.shape}."
            )
        return np.where(codes[:, None] == N, np.uint8(N), references)
    require_one_of("replacement", replacement, REPLACEMENTS)
    if replacement == "N":
        return np.full((n, 1, length), N, np.uint8)  # one draw is all there is, but for the random order
    repeated = np.repeat(codes, draws, axis=0)
    if replacement == "dinucleotide":
        return shuffle_known(repeated, rng).reshape(n, draws, length)
    counts = (repeated[:, :, None] == np.arange(4)).sum(axis=1) + 1e-9
    limits = np.cumsum(counts / counts.sum(axis=1, keepdims=True), axis=1)[:, None, :3]
    drawn = (rng.random((*repeated.shape, 1)) > limits).sum(axis=2).astype(np.uint8)
    return np.where(repeated == N, np.uint8(N), drawn).reshape(n, draws, length)


def _ranks(scores: np.ndarray, known: np.ndarray, rng) -> np.ndarray:
    """Return each base's place in the order, from 0, int32 (n, d, L); unknown bases come last."""
    scores = np.where(known[:, None], scores, -np.inf)
    order = np.lexsort((rng.random(scores.shape), -scores), axis=-1)
    ranks = np.empty(scores.shape, np.int32)
    np.put_along_axis(ranks, order, np.arange(scores.shape[-1], dtype=np.int32), axis=-1)
    return ranks


def _maker(codes, references, rank, cuts, kind):
    """Return a function from flat indices over (sequence, draw, step) to the sequences themselves."""
    draws, steps = references.shape[1], cuts.shape[1] - 1

    def make(index: np.ndarray) -> np.ndarray:
        row, draw, step = index // (draws * steps), index // steps % draws, index % steps + 1
        touched = rank[row, draw % rank.shape[1]] < cuts[row, step][:, None]
        if kind == "insertion":
            touched = ~touched
        return np.where(touched, references[row, draw], codes[row])

    return make


def _area(curves: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the mean height of curves (n, points) over the shares, float64 (n,)."""
    middle = (curves[:, 1:].astype(np.float64) + curves[:, :-1]) / 2
    return middle @ np.diff(shares) / shares[-1]


class _Forward:
    """Calls a function in batches of one constant size."""

    def __init__(self, func, batch_size: int) -> None:
        self.func, self.batch_size, self.advance = func, batch_size, None

    def __call__(self, total: int, make) -> np.ndarray:
        out = np.empty(total, np.float32)
        for start in range(0, total, self.batch_size):
            rows = np.arange(start, min(start + self.batch_size, total))
            padded = np.minimum(np.arange(start, start + self.batch_size), total - 1)
            found = np.asarray(self.func(make(padded)), np.float32)
            if found.shape != (self.batch_size,) or not np.isfinite(found).all():
                raise InputError(
                    f"`func` must give one finite number a sequence, shape ({self.batch_size},). "
                    f"Received: {found.shape}{'' if np.isfinite(found).all() else ' with NaN or infinity'}."
                )
            out[rows] = found[: rows.size]
            if self.advance is not None:
                self.advance(rows.size)
        return out
