"""Baselines that stand beside every network: the table of them, and what they share.

A network that does not beat these has learned nothing that a table of word counts does not hold. A baseline
is a function ``(data, train, valid, test, options) -> Fitted``: it trains on the windows ``train`` of the
dataset ``data``, chooses what is to be chosen on ``valid``, and predicts ``test`` (all int64 window numbers).
`BASELINES` names each function by module, so that one baseline's imports cost the others nothing.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seqdl.encoding import bases_of
from seqdl.errors import InputError
from seqdl.progress import progress_bar, say
from seqdl.words import suggest

# Windows whose features are computed at a time: 2048 windows of 1,000 bp are 16 MB of int64 word numbers.
_ROWS = 2048
# Unless asked for: 16 targets of gapped k-mers hold some 0.6 GB a thread.
_MOST_THREADS = 4


class Kind(NamedTuple):
    """Describe a baseline that can be asked for by name.

    Attributes
    ----------
    function : str
        ``module:function`` that fits it.
    summary : str
        For the help.
    tasks, alphabets : tuple of str
        Datasets it is meant for; asking for it on another alphabet is allowed, on another task it is not.
    most_targets : int or None
        It stands beside every network by default up to so many targets: None for any number, 0 for never.
    """

    function: str
    summary: str
    tasks: tuple[str, ...] = ("binary",)
    alphabets: tuple[str, ...] = ("dna",)
    most_targets: int | None = None


BASELINES = {
    "gc_length": Kind("seqdl.evaluation.kmers:fit_gc_length", "base composition and length"),
    "kmer": Kind("seqdl.evaluation.kmers:fit_kmer", "logistic regression on k-mers"),
    "gkm": Kind(
        "seqdl.evaluation.gapped_kmers:fit_gkm", "logistic regression on gapped k-mers", most_targets=20
    ),
    "lsgkm": Kind(
        "seqdl.evaluation.lsgkm:fit_lsgkm", "gapped k-mer SVM, where gkmtrain is installed", most_targets=0
    ),
    "length_gc": Kind(
        "seqdl.evaluation.rna_baselines:fit_length_gc", "RNA: boosted length and GC", alphabets=("rna",)
    ),
    "rna_kmer": Kind(
        "seqdl.evaluation.rna_baselines:fit_rna_kmer", "RNA: boosted k-mers", alphabets=("rna",)
    ),
    "stem_kmer": Kind(
        "seqdl.evaluation.rna_baselines:fit_stem_kmer", "RNA: boosted stems and k-mers", alphabets=("rna",)
    ),
}  # fmt: skip


@dataclass(frozen=True)
class BaselineOptions:
    """Collect the choices of all baselines.

    Attributes
    ----------
    kmer_length : int
        Word length of "kmer"; 6-mers are clearly stronger than 5-mers on yeast (see benchmarks).
    kmer_window : int or None
        Central base pairs whose words (gapped ones too) are counted, None for the whole window. Sequences
        without a genome are padded at their end and have no meaningful centre: they are counted whole.
    gkm_length, gkm_informative : int
        Length of gapped words, and how many of their bases count.
    threads : int or None
        Of the gapped k-mers' fits and of programs that are called; None for the cores there are, 4 at most.
    seed : int
        Of every draw.
    """

    kmer_length: int = 6
    kmer_window: int | None = 400
    gkm_length: int = 10
    gkm_informative: int = 6
    threads: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise InputError(f"`threads` must be at least 1. Received: {self.threads}.")

    @property
    def cores(self) -> int:
        """Threads to use."""
        return self.threads or min(_MOST_THREADS, os.cpu_count() or 1)


class Fitted(NamedTuple):
    """What a baseline's function returns.

    Attributes
    ----------
    label : str
        For people, such as "6-mer logistic regression".
    probabilities : float32 (n, T)
        Prediction for the windows asked for.
    details : dict
        Features, penalty chosen and the losses it was chosen by; goes into metrics.json.
    """

    label: str
    probabilities: np.ndarray
    details: dict


class Baseline(NamedTuple):
    """Hold what a baseline predicted and how it was made.

    Attributes
    ----------
    name : str
        Key in files, of `BASELINES`.
    label, probabilities, details
        As in `Fitted`; the details tell the number of training windows too.
    """

    name: str
    label: str
    probabilities: np.ndarray
    details: dict


def check_baseline(name: str) -> None:
    """Refuse a name that `fit_baseline` does not know.

    Raises
    ------
    InputError
        That names the nearest one.
    """
    if name not in BASELINES:
        raise InputError(
            f"No baseline is called {name!r}.{suggest(name, BASELINES)} Known: {', '.join(BASELINES)}."
        )


def default_baselines(dataset) -> tuple[str, ...]:
    """Name the baselines that stand beside a network unless others are asked for.

    Parameters
    ----------
    dataset : Dataset
        Its task, alphabet and number of targets decide.

    Returns
    -------
    tuple of str
        One that is left out only for its cost with so many targets is said on standard error.
    """
    chosen = []
    for name, kind in BASELINES.items():
        if dataset.task not in kind.tasks or dataset.alphabet not in kind.alphabets or kind.most_targets == 0:
            continue
        if kind.most_targets is None or dataset.n_targets <= kind.most_targets:
            chosen.append(name)
        else:
            say(
                f"The baseline {name} is left out: with {dataset.n_targets} targets (more than "
                f"{kind.most_targets}) it takes minutes. --baselines {' '.join(chosen)} {name} adds it."
            )
    return tuple(chosen)


def fit_baseline(
    name: str, dataset, indices: np.ndarray, *, max_windows: int | None = 100_000, **options
) -> Baseline:
    """Train a baseline on the dataset's training windows and predict others.

    Parameters
    ----------
    name : str
        Of `BASELINES`.
    dataset : Dataset
        Source of windows and labels; the validation split, if there is one, chooses the penalty.
    indices : int64 (n,)
        Windows to predict.
    max_windows : int, optional
        Train on at most so many windows, drawn with the seed; None for all.
    **options
        Of `BaselineOptions`.

    Returns
    -------
    Baseline

    Raises
    ------
    InputError
        Unknown name, targets of another task, or parameters out of range.
    """
    check_baseline(name)
    kind = BASELINES[name]
    if dataset.task not in kind.tasks:
        raise InputError(
            f"The baseline {name} is made for {' or '.join(kind.tasks)} targets. Received: a dataset of "
            f"{dataset.task}."
        )
    choices = BaselineOptions(**options)
    train, valid = training_windows(dataset, max_windows, choices.seed)
    module, _, function = kind.function.partition(":")
    fitted = getattr(importlib.import_module(module), function)(dataset, train, valid, indices, choices)
    details = {
        "train_windows": len(train),
        "train_windows_available": int((np.asarray(dataset.split) == 0).sum()),
    }
    return Baseline(name, fitted.label, fitted.probabilities, details | fitted.details)


def training_windows(dataset, max_windows: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose the windows to train a baseline on, and those that choose its penalty.

    Parameters
    ----------
    dataset : Dataset
        Its training and validation splits.
    max_windows : int, optional
        At most so many of each, None for all.
    seed : int
        Seed of the draw where there are more.

    Returns
    -------
    train, valid : int64 (n,), int64 (m,)
        Sorted window numbers; `valid` may be empty.

    Raises
    ------
    InputError
        The dataset holds no training window.
    """
    rng = np.random.default_rng(seed)
    found = []
    for code in (0, 1):
        which = np.flatnonzero(np.asarray(dataset.split) == code)
        if max_windows is not None and len(which) > max_windows:
            which = np.sort(rng.choice(which, max_windows, replace=False))
        found.append(which.astype(np.int64))
    if not len(found[0]):
        raise InputError(
            "The dataset holds no training window, so no baseline can be trained on it. "
            "Evaluate without baselines (baselines=(), --baselines none), or with the dataset that has them."
        )
    return found[0], found[1]


def word_window(dataset, options: BaselineOptions) -> int | None:
    """Return how many central bases to take words from, None for all of them."""
    return options.kmer_window if dataset.kind == "genome" else None


def window_features(dataset, parts, features_of: Callable[[np.ndarray], np.ndarray], what: str) -> list:
    """Compute the features of several sets of windows, with progress, some windows at a time.

    Parameters
    ----------
    dataset : Dataset
        Source of windows; the structure of an RNA is taken off, bases (0 to 4) stay.
    parts : sequence of int64 (n,)
        Window numbers of each set.
    features_of : callable
        From uint8 (m, L) codes to an array (m, f).
    what : str
        Name of the features for the progress bar.

    Returns
    -------
    list of array
        One (n, f) for each set, which may be empty.
    """
    found = []
    with progress_bar(sum(len(which) for which in parts), f"Counting {what}", "windows") as progress:
        for which in parts:
            rows = [features_of(np.zeros((0, dataset.window), np.uint8))] if not len(which) else []
            for first in range(0, len(which), _ROWS):
                chosen = which[first : first + _ROWS]
                rows.append(features_of(bases_of(dataset.codes(chosen))))
                progress.advance(len(chosen))
            found.append(np.concatenate(rows))
    return found
