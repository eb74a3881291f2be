"""What calibration reads of a dataset: windows of a split, and what the run predicts for them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.prediction.predictor import Predictor
from seqdl.progress import progress_bar

_ROWS = 4096


class Outcome(NamedTuple):
    """Predictions beside what was observed, of n windows.

    Attributes
    ----------
    indices : int64 array, shape (n,)
        Their numbers in the dataset.
    predicted, observed : arrays, shape (n, T)
        Log odds (float32) and labels (uint8); of coverage ``log2(1 + total)`` over the window's bins,
        float64, NaN where a bin was not observed.
    """

    indices: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray


def draw_windows(data, split: str, most: int, seed: int) -> np.ndarray:
    """Return the numbers of a split's windows, int64, in order; a random part where there are too many."""
    indices = data.indices(split)
    if len(indices) > most:
        indices = np.sort(np.random.default_rng(seed).choice(indices, most, replace=False))
    return indices


def predict_windows(predictor: Predictor, data, indices: np.ndarray) -> Outcome:
    """Predict windows, and read what was observed there.

    Parameters
    ----------
    predictor : Predictor
    data : Dataset
        Of the predictor's task.
    indices : int64 array, shape (n,)

    Returns
    -------
    Outcome
    """
    binary = data.task == "binary"
    shape = (len(indices), data.n_targets)
    predicted = np.empty(shape, np.float32 if binary else np.float64)
    observed = np.empty(shape, np.uint8 if binary else np.float64)
    size = predictor.batch_size * max(1, _ROWS // predictor.batch_size)
    with progress_bar(len(indices), "Predicting", "windows") as progress:
        for first in range(0, len(indices), size):
            part, rows = indices[first : first + size], slice(first, first + size)
            codes, values = data.codes(part), data.values(part)
            if binary:
                predicted[rows], observed[rows] = predictor.logits(codes), values
            else:
                predicted[rows] = log_totals(predictor.coverage(codes))
                observed[rows] = log_totals(values)
            progress.advance(len(part))
    return Outcome(indices, predicted, observed)


def log_totals(values: np.ndarray) -> np.ndarray:
    """Return ``log2(1 + total)`` over the bins, float64 (m, T), of coverage (m, bins, T); at least 0."""
    return np.log2(1 + np.maximum(np.asarray(values, np.float64).sum(axis=1), 0))


def genome_windows(genome: str | Path | Genome, window: int, n: int, seed: int) -> tuple[str, np.ndarray]:
    """Draw windows of known bases from a genome.

    Parameters
    ----------
    genome : Genome or path
        FASTA or 2bit.
    window, n : int
        Bases of a window, and how many at most.
    seed : int

    Returns
    -------
    name : str
        The genome's.
    codes : uint8 array, shape (m, window)
        Those of twice `n` windows drawn, at most `n`, that hold no N.

    Raises
    ------
    InputError
        If no such window was met.
    """
    genome = genome if isinstance(genome, Genome) else Genome(genome)
    rng = np.random.default_rng(seed)
    room = np.maximum(genome.sizes - window + 1, 0)
    if room.any():
        place = np.sort(rng.integers(0, room.sum(), 20 * n))
        contigs = np.searchsorted(np.cumsum(room), place, "right")
        starts = place - (np.cumsum(room) - room)[contigs]
        inside = genome.gather(contigs, starts + window // 2, 1)[:, 0] < 4  # most N lie in long runs
        picked = rng.permutation(np.flatnonzero(inside))[: 2 * n]
        codes = genome.gather(contigs[picked], starts[picked], window)
        codes = codes[(codes < 4).all(axis=1)][:n]
        if len(codes):
            return genome.name, codes
    raise InputError(f"No window of {window} known bases was met in the genome {genome.name}.")
