"""Shortcut controls for RNA: length and GC content, k-mers, and hairpin stems with k-mers, all boosted.

On sets of precursor microRNAs, length and GC content alone reach an AUROC of .87 to .97 when negatives do not
match them, and a stem proxy with k-mers .95 to .975: a network must be held against these.
"""

from __future__ import annotations

import numpy as np

from seqdl.data.stems import stem_features
from seqdl.encoding import N, gc_content, symbols_of
from seqdl.evaluation.baselines import BaselineOptions, Fitted, window_features
from seqdl.evaluation.gapped_words import words
from seqdl.evaluation.logistic import log_loss
from seqdl.evaluation.metrics import finite_or_none
from seqdl.progress import say

MAX_WORD = 4  # bases: words of one to four, 340 shares
_BOOSTING = {
    "max_iter": 200, "learning_rate": 0.06, "max_leaf_nodes": 15, "l2_regularization": 1.0,
    "early_stopping": False,
}  # fmt: skip


def length_gc_features(codes: np.ndarray) -> np.ndarray:
    """Measure length (bases up to the last known one) and GC content: float32 (n, 2)."""
    known = codes < N
    length = codes.shape[1] - known[:, ::-1].argmax(axis=1)
    length = np.where(known.any(axis=1), length, 0)
    return np.stack([length, gc_content(codes)], axis=1).astype(np.float32)


def word_shares(codes: np.ndarray, longest: int = MAX_WORD) -> np.ndarray:
    """Count the words of one to `longest` bases on the one strand that an RNA has.

    Parameters
    ----------
    codes : uint8 array, shape (n, length)
        Bases, 0 to 4; words with an N do not count.
    longest : int

    Returns
    -------
    shares : float32 array, shape (n, 4 + 16 + ...)
        Occurrences, divided by the number of words of that length.
    """
    n, columns = len(codes), []
    for k in range(1, longest + 1):
        number = words(codes, k)
        cells = (number + 4**k * np.arange(n)[:, None])[number >= 0]
        counts = np.bincount(cells, minlength=n * 4**k).reshape(n, 4**k)
        columns.append(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    return np.concatenate(columns, axis=1).astype(np.float32)


def fit_length_gc(data, train, valid, test, options: BaselineOptions) -> Fitted:
    """Boost trees on length and GC content alone; arguments as `seqdl.evaluation.baselines` says."""
    parts = window_features(data, (train, valid, test), length_gc_features, "length and GC")
    return _boost("length and GC", data, train, valid, parts, options, {"features": "length, GC content"})


def fit_rna_kmer(data, train, valid, test, options: BaselineOptions) -> Fitted:
    """Boost trees on length, GC content and shares of words; as `seqdl.evaluation.baselines` says."""
    parts = window_features(data, (train, valid, test), _with_words, "words")
    return _boost(
        "k-mers", data, train, valid, parts, options, {"features": f"length, GC, 1- to {MAX_WORD}-mers"}
    )


def fit_stem_kmer(data, train, valid, test, options: BaselineOptions) -> Fitted:
    """Boost trees on hairpin stems, energies where the dataset has them, and words.

    Arguments as `seqdl.evaluation.baselines` says. Stems are `seqdl.data.stems.stem_features`; of a dataset
    with structures also the share of paired bases, the number of hairpin loops and the most nested pairs.
    Energies count where every sequence has one.
    """

    def features_of(codes):
        return np.concatenate([_with_words(codes), stem_features(codes)], axis=1)

    which = (train, valid, test)
    parts = window_features(data, which, features_of, "stems and words")
    named = f"length, GC, 1- to {MAX_WORD}-mers, longest stem, best hairpin"
    if data.structured:
        parts = [
            np.concatenate([part, structure_features(data.codes(rows))], axis=1)
            for part, rows in zip(parts, which, strict=True)
        ]
        named += ", paired bases, loops"
    energies = data.energies
    # Where some are missing, that would tell which file a sequence is from.
    if energies is not None and not np.isnan(energies).any():
        parts = [
            np.concatenate([part, np.stack([e := energies[rows], e / np.maximum(part[:, 0], 1)], 1)], axis=1)
            for part, rows in zip(parts, which, strict=True)
        ]
        named += ", minimum free energy"
    return _boost("stems and k-mers", data, train, valid, parts, options, {"features": named})


def structure_features(codes: np.ndarray) -> np.ndarray:
    """Measure structures: share of paired bases, hairpin loops, longest stretch of unpaired bases in pairs.

    Parameters
    ----------
    codes : uint8 array, shape (n, length)
        Bases with their structure.

    Returns
    -------
    features : float32 array, shape (n, 3)
        Share of paired bases; hairpin loops ("(" that is followed, dots aside, by ")"); most bases that any
        place lies inside of, in pairs.
    """
    symbols = symbols_of(codes)
    opened, closed = symbols == 1, symbols == 2
    size = np.maximum((symbols >= 0).sum(axis=1), 1)
    # The last bracket before each place, found by carrying its column on.
    column = np.where(opened | closed, np.arange(codes.shape[1]), -1)
    last = np.maximum.accumulate(column, axis=1)
    before = np.concatenate([np.full((len(codes), 1), -1), last[:, :-1]], axis=1)
    follows = np.take_along_axis(opened, np.maximum(before, 0), axis=1) & (before >= 0)
    loops = (closed & follows).sum(axis=1)
    depth = np.cumsum(opened.astype(np.int32) - closed, axis=1).max(axis=1, initial=0)
    return np.stack([2 * opened.sum(axis=1) / size, loops, depth], axis=1).astype(np.float32)


def _with_words(codes: np.ndarray) -> np.ndarray:
    return np.concatenate([length_gc_features(codes), word_shares(codes)], axis=1)


def _boost(label: str, data, train, valid, parts, options: BaselineOptions, details: dict) -> Fitted:
    """Fit gradient boosting for each target; the validation windows choose how many trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    of_train, of_valid, of_test = parts
    labels, held = data.labels(train), data.labels(valid)
    probabilities = np.empty((len(of_test), data.n_targets), np.float32)
    trees: list[int] = []
    losses: list[float | None] = []
    say(f"Fitting boosted trees on {label} to {len(train):,} sequences.")
    with threadpool_limits(options.cores):
        for target in range(data.n_targets):
            truth = labels[:, target]
            if truth.min() == truth.max():
                probabilities[:, target] = (truth.sum() + 0.5) / (len(truth) + 1)
                trees.append(0)
                continue
            model = HistGradientBoostingClassifier(**_BOOSTING, random_state=options.seed)
            model.fit(of_train, truth)
            best = _BOOSTING["max_iter"]
            if len(of_valid):
                stages = [stage[:, 0] for stage in _logits_by_stage(model, of_valid)]
                path = [log_loss(held[:, target : target + 1], stage[:, None]) for stage in stages]
                best = int(np.argmin(path)) + 1
                losses.append(finite_or_none(path[best - 1]))
            chosen = next(s for i, s in enumerate(_logits_by_stage(model, of_test), 1) if i == best)
            probabilities[:, target] = 1 / (1 + np.exp(-chosen[:, 0]))
            trees.append(best)
    return Fitted(
        f"boosted {label}", probabilities, details | {"trees": trees, "validation_log_loss": losses}
    )


def _logits_by_stage(model, features: np.ndarray):
    """Yield the log odds, float64 (n, 1), after one tree, two, and so on."""
    for stage in model.staged_decision_function(features):
        yield np.asarray(stage, np.float64).reshape(len(features), 1)
