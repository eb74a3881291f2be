"""The core of in-silico mutagenesis, on codes: every change of a window, and what a function says to it.

An effect is always ``func(mutant) - func(reference)``: negative means that the change costs the prediction.
What touches an N is not known: substitutions and deletions of an N, and k-mers that hold one, are NaN.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError, require_at_least, require_one_of
from seqdl.interpret.mutagenesis.edits import Edits, Engine, as_engine
from seqdl.interpret.mutagenesis.mutants import (
    KINDS,
    SHUFFLES,
    ablation_edits,
    ablation_starts,
    deletion_edits,
    insertion_edits,
    substitution_edits,
)
from seqdl.progress import Progress, progress_bar

STEP = 1024  # mutants between two signs of progress
BLOCK = 8192  # edits that are listed at once


class Mutagenesis(NamedTuple):
    """What every change in a window of some sequences does; ``...`` is the shape of one output.

    Of a run the output is one number a target, the logit or the head that was chosen: ``... = n_targets``.

    Attributes
    ----------
    codes : uint8 array, (n, L)
        The sequences, unchanged.
    start, end : int
        The mutated window of each, 0-based and half-open; ``w = end - start``.
    reference : float32 array, (n, ...)
        Outputs of the unchanged sequences.
    substitutions : float32 array, (n, w, 4, ...), or None
        Effect of putting A, C, G, T at each place: exactly 0 for the base that is there; NaN at N.
    deletions : float32 array, (n, w, ...), or None
        Effect of taking out each base; NaN at N. The right end is filled up, see `mutate_codes`.
    insertions : float32 array, (n, w, 4, ...), or None
        Effect of putting A, C, G, T before each base. The last base of the sequence is pushed out.
    ablations : float32 array, (n, p, ...), or None
        Mean effect of shuffling the k-mer at each of `ablation_starts`; NaN where it holds an N.
    ablation_starts : int64 array, (p,), or None
        0-based first base of each k-mer in the sequence.
    regions : tuple of Interval, length n
        Where the sequences lie; for sequences, contig is the sequence's name.
    targets : tuple of str
        Names along the last axis, of a run.
    settings : dict, or None
        How it was made: ``kmer``, ``step``, ``draws``, ``shuffle``, ``seed``, and of a run ``head``, ``bins``
        and ``strand_average``.
    """

    codes: np.ndarray
    start: int
    end: int
    reference: np.ndarray
    substitutions: np.ndarray | None = None
    deletions: np.ndarray | None = None
    insertions: np.ndarray | None = None
    ablations: np.ndarray | None = None
    ablation_starts: np.ndarray | None = None
    regions: tuple = ()
    targets: tuple[str, ...] = ()
    settings: dict | None = None


def mutate_codes(
    func: object,
    codes: np.ndarray,
    *,
    kinds: tuple[str, ...] = ("substitution",),
    start: int = 0,
    end: int | None = None,
    right: np.ndarray | None = None,
    kmer: int = 8,
    step: int = 1,
    draws: int = 10,
    shuffle: str = "mononucleotide",
    seed: int = 0,
    batch_size: int = 256,
    names: tuple[str, ...] | None = None,
) -> Mutagenesis:
    """Measure what every change of a window does to a prediction, or to anything else.

    Parameters
    ----------
    func : callable or Engine
        ``func(codes uint8 (n, L)) -> array (n, ...)``: a prediction or an attribution; or an
        `seqdl.interpret.mutagenesis.edits.Engine`, which may be faster than a pass for each mutant.
    codes : uint8 array, (n, L)
        Bases as codes.
    kinds : tuple of str
        Any of ``"substitution"``, ``"deletion"``, ``"insertion"``, ``"ablation"``.
    start, end : int
        The window to mutate, 0-based and half-open; by default the whole sequence.
    right : uint8 array, (n, r), optional
        The bases that follow each sequence: a deletion takes the first of them in. N where there are none.
    kmer, step : int
        For ablation: bases shuffled at once, and bases between two of these windows.
    draws : int
        For ablation: shuffles of each, over which the effect is averaged.
    shuffle : {"mononucleotide", "dinucleotide", "random"}
        For ablation: what the shuffle keeps; see `seqdl.interpret.mutagenesis.mutants.ablation_edits`. Few
        k-mers below about 12 bases have another order with the same dinucleotides: most would stay as they
        are.
    seed : int
        Of the shuffles: sequence ``i`` has its own stream, so it does not depend on the batch size.
    batch_size : int
        Sequences that `func` gets at once; always so many.
    names : tuple of str, optional
        What messages call the sequences.

    Returns
    -------
    Mutagenesis
        Without regions and targets.

    Raises
    ------
    InputError
        If a kind or shuffle is unknown, the window or the k-mer does not fit, a sequence has no known base in
        the window, or `func` returns something else than one finite result a sequence.

    Examples
    --------
    >>> count_gc = lambda codes: ((codes == 1) | (codes == 2)).sum(axis=1)
    >>> result = mutate_codes(count_gc, np.array([[0, 1, 4]], np.uint8))
    >>> result.substitutions[0].tolist()
    [[0.0, 1.0, 1.0, 0.0], [-1.0, 0.0, 0.0, -1.0], [nan, nan, nan, nan]]
    """
    codes = np.atleast_2d(np.asarray(codes, np.uint8))
    end = codes.shape[1] if end is None else end
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    _check(codes, kinds, start, end, kmer, step, draws, shuffle, names)
    require_at_least(0, seed=seed)
    engine = as_engine(func, batch_size)
    reference = engine.reference(codes)
    n, width, one = len(codes), end - start, reference.shape[1:]
    found: dict[str, np.ndarray] = {}
    starts = ablation_starts(start, end, kmer, step) if "ablation" in kinds else None
    a_row = {"substitution": 3 * width, "deletion": width, "insertion": 4 * width,
             "ablation": 0 if starts is None else len(starts) * draws}  # fmt: skip
    work = _Work(engine, codes, right, reference)
    with progress_bar(n * sum(a_row[kind] for kind in kinds), "Mutating", "mutants") as progress:
        for kind in dict.fromkeys(kinds):
            if kind == "ablation":
                values = np.full((n, len(starts), *one), np.nan, np.float32)
            else:
                values = np.full((n, width, *(() if kind == "deletion" else (4,)), *one), np.nan, np.float32)
            if kind == "substitution":
                rows, places = np.nonzero(codes[:, start:end] < N)
                values[rows, places, codes[rows, places + start]] = 0
            rows_at_once = max(1, BLOCK // max(a_row[kind], 1))
            for first in range(0, n, rows_at_once):
                block = slice(first, min(first + rows_at_once, n))
                if kind == "ablation":
                    edits = _ablations(codes, block, starts, kmer, draws, shuffle, seed)
                else:
                    make = {"substitution": substitution_edits, "deletion": deletion_edits,
                            "insertion": insertion_edits}[kind]  # fmt: skip
                    edits = make(codes[block], start, end)
                edits = edits._replace(rows=edits.rows + first)
                effects = work.effects(edits, progress)
                if kind == "ablation":
                    effects = effects.reshape(-1, draws, *one).mean(axis=1)
                    values[edits.rows[::draws], np.searchsorted(starts, edits.starts[::draws])] = effects
                elif kind == "deletion":
                    values[edits.rows, edits.starts - start] = effects
                else:
                    values[edits.rows, edits.starts - start, edits.inserted[:, 0]] = effects
                progress.advance((block.stop - block.start) * a_row[kind] - len(edits.rows))  # those of N
            found[f"{kind}s"] = values
    settings = {"kmer": kmer, "step": step, "draws": draws, "shuffle": shuffle, "seed": seed}
    settings = settings if "ablation" in kinds else None
    return Mutagenesis(codes, start, end, reference, ablation_starts=starts, settings=settings, **found)


class _Work(NamedTuple):
    engine: Engine
    codes: np.ndarray
    right: np.ndarray | None
    reference: np.ndarray

    def effects(self, edits: Edits, progress: Progress) -> np.ndarray:
        """Evaluate edits in steps; (m, ...) mutant minus reference."""
        out = np.empty((len(edits.rows), *self.reference.shape[1:]), np.float32)
        for at in range(0, len(out), STEP):
            part = edits.part(at, at + STEP)
            out[at : at + STEP] = self.engine.evaluate(self.codes, part, self.right)
            progress.advance(len(part.rows))
        return out - self.reference[edits.rows]


def _ablations(codes, block: slice, starts, kmer, draws, shuffle, seed) -> Edits:
    """Draw each sequence's k-mers from a stream of its own."""
    parts = []
    for row in range(block.start, block.stop):
        rng = np.random.default_rng([seed, row])
        edits = ablation_edits(codes[row : row + 1], starts, kmer, draws, shuffle, rng)
        parts.append(edits._replace(rows=edits.rows + row - block.start))
    return Edits(*(np.concatenate([part[i] for part in parts]) for i in (0, 1)), kmer,
                 np.concatenate([part.inserted for part in parts]))  # fmt: skip


def _check(codes, kinds, start, end, kmer, step, draws, shuffle, names) -> None:
    if codes.ndim != 2 or not len(codes) or codes.max() > N:
        raise InputError(
            "`codes` must have the shape (n, L), n at least 1, with codes from 0 to 4 "
            f"(A 0, C 1, G 2, T 3, N 4). Received: {codes.shape}."
        )
    if not kinds:
        raise InputError(f"`kinds` must name at least one of {', '.join(KINDS)}.")
    for kind in kinds:
        require_one_of("kinds", kind, KINDS)
    require_one_of("shuffle", shuffle, SHUFFLES)
    length = codes.shape[1]
    if not 0 <= start < end <= length:
        raise InputError(
            f"The mutated window must lie within the sequence, 0 to {length} (0-based, half-open). "
            f"Received: {start} to {end}."
        )
    if "ablation" in kinds and (min(kmer, step, draws) < 1 or kmer > end - start):
        raise InputError(
            f"`kmer`, `step` and `draws` must be at least 1, and `kmer` at most the window's {end - start} "
            f"bases. Received: {kmer}, {step} and {draws}."
        )
    unknown = (codes[:, start:end] == N).all(axis=1)
    if unknown.any():
        row = int(np.argmax(unknown))
        name = names[row] if names else f"sequence {row + 1}"
        raise InputError(
            f"There is nothing to mutate: the bases {start} to {end} of {name} are all N. Take it out, or "
            "choose another window."
        )


def importance(result: Mutagenesis) -> np.ndarray:
    """Return how much each base matters: the mean absolute effect of its three substitutions.

    Parameters
    ----------
    result : Mutagenesis
        With substitutions.

    Returns
    -------
    float32 array, (n, w, ...)
        NaN at N.

    Raises
    ------
    InputError
        If there are no substitutions.
    """
    return np.abs(_substitutions(result)).sum(axis=2) / np.float32(3)


def base_scores(result: Mutagenesis) -> np.ndarray:
    """Return what each base is worth: minus the mean effect of its three substitutions.

    Parameters
    ----------
    result : Mutagenesis
        With substitutions.

    Returns
    -------
    float32 array, (n, w, ...)
        Positive where losing the base costs the prediction; 0 at N.

    Raises
    ------
    InputError
        If there are no substitutions.
    """
    return -np.nan_to_num(_substitutions(result)).sum(axis=2) / np.float32(3)


def _substitutions(result: Mutagenesis) -> np.ndarray:
    if result.substitutions is None:
        raise InputError("There are no substitutions in this mutagenesis: add them to `kinds`.")
    return result.substitutions
