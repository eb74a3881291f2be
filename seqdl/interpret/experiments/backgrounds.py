"""Backgrounds: the sequences that motifs are put into. Shuffled, real, or drawn at random; always seeded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqdl.encoding import N, dinucleotide_shuffle
from seqdl.errors import InputError, require_at_least
from seqdl.interpret.experiments.outputs import is_function
from seqdl.progress import say


def backgrounds(
    run,
    n: int = 100,
    *,
    genome=None,
    bed: str | Path | None = None,
    fasta: str | Path | None = None,
    codes: np.ndarray | None = None,
    data=None,
    shuffle: bool = True,
    gc: float = 0.5,
    seed: int = 0,
    alias: str | Path | None = None,
    allow_genome_mismatch: bool = False,
) -> np.ndarray:
    """Make backgrounds of a run's width.

    Parameters
    ----------
    run : str, Path or Run
    n : int
        How many.
    genome, bed, fasta, codes, alias, allow_genome_mismatch
        Real windows, as in `seqdl.attribute`: regions of a genome, sequences, or codes.
    data : str, Path or Dataset, optional
        Windows of a dataset. Give at most one of `bed`, `fasta`, `codes` and `data`.
    shuffle : bool
        Shuffle real windows so that each keeps its dinucleotides: what they hold is gone, what they are made
        of stays. Otherwise they are taken as they are.
    gc : float
        Without real windows: bases are drawn at random, G and C with this share.
    seed : int
        Of all draws.

    Returns
    -------
    codes : uint8 array, (n, window)
        Without N: windows that hold one are left out. With fewer windows than `n` each is shuffled several
        times; unshuffled there are only so many.

    Raises
    ------
    InputError
        If there is more than one source, each of its windows holds N, or a width or genome does not fit.
    """
    from seqdl.training.run import Run

    run = Run.open(run)
    given = {"bed": bed, "fasta": fasta, "codes": codes, "data": data}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise InputError(f"Give at most one source of backgrounds. Received: {', '.join(named)}.")
    require_at_least(1, n=n)
    require_at_least(0, seed=seed)
    rng = np.random.default_rng(seed)
    if not named:
        return random_sequences(n, run.window, gc, rng)
    if data is not None:
        return choose(_of_dataset(run, data, genome, n, rng), n, shuffle, rng)
    from seqdl.interpret.windows import read_windows

    codes, _ = read_windows(
        run, genome=genome, bed=bed, fasta=fasta, codes=codes, alias=alias,
        allow_genome_mismatch=allow_genome_mismatch,
    )  # fmt: skip
    return choose(codes, n, shuffle, rng)


def default_backgrounds(run, codes: np.ndarray | None, seed: int) -> np.ndarray:
    """Return the backgrounds, checked; 100 random sequences of a run's width for None.

    Parameters
    ----------
    run : str, Path, Run, or callable
    codes : uint8 array, (n, L), or None
    seed : int
        Of the random sequences.

    Returns
    -------
    uint8 array, (n, L)

    Raises
    ------
    InputError
        If a function of the user's comes without backgrounds, or one is all N or of another width.
    """
    if is_function(run):
        if codes is None:
            raise InputError("A function needs `backgrounds`: only a run tells how long its sequences are.")
        return check_backgrounds(codes)
    from seqdl.training.run import Run

    run = Run.open(run)
    if codes is None:
        return backgrounds(run, seed=seed)
    codes = check_backgrounds(codes)
    if codes.shape[1] != run.window:
        raise InputError(f"The run reads {run.window} bases. Received: sequences of {codes.shape[1]}.")
    return codes


def check_backgrounds(codes: np.ndarray) -> np.ndarray:
    """Return sequences as uint8 (n, L), checked.

    Parameters
    ----------
    codes : int array, (n, L)

    Returns
    -------
    uint8 array, (n, L)

    Raises
    ------
    InputError
        If they are no codes, or one is all N.
    """
    codes = np.atleast_2d(np.asarray(codes))
    if (
        codes.ndim != 2
        or not codes.size
        or codes.dtype.kind not in "ui"
        or codes.max() > N
        or codes.min() < 0
    ):
        raise InputError(
            "Sequences are whole numbers from 0 to 4 (A 0, C 1, G 2, T 3, N 4) of the shape (n, L). "
            f"Received: {codes.dtype} {codes.shape}."
        )
    unknown = (codes == N).all(axis=1)
    if unknown.any():
        raise InputError(f"Sequence {int(np.argmax(unknown)) + 1} of {len(codes)} is all N. Take it out.")
    return codes.astype(np.uint8)


def random_sequences(n: int, length: int, gc: float, rng: np.random.Generator) -> np.ndarray:
    """Draw sequences, uint8 (n, length), whose bases are G or C with the share `gc`.

    Parameters
    ----------
    n, length : int
    gc : float
        0 to 1.
    rng : numpy Generator

    Returns
    -------
    uint8 array, (n, length)

    Raises
    ------
    InputError
        If `gc` is no share.
    """
    if not 0 <= gc <= 1:
        raise InputError(f"`gc` is a share, 0 to 1. Received: {gc}.")
    return rng.choice(4, (n, length), p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]).astype(np.uint8)


def choose(codes: np.ndarray, n: int, shuffle: bool, rng: np.random.Generator) -> np.ndarray:
    """Choose `n` of real windows, without those that hold N, and shuffle them if asked to.

    Parameters
    ----------
    codes : uint8 array, (m, L)
    n : int
    shuffle : bool
    rng : numpy Generator

    Returns
    -------
    chosen : uint8 array, (n, L)
        Fewer where there are not so many and they are not shuffled.

    Raises
    ------
    InputError
        If no window is without N.
    """
    known = np.flatnonzero((codes < N).all(axis=1))
    if not len(known):
        every = " (they are all N)" if (codes == N).all() else ""
        raise InputError(
            f"A background has no N, but each of the {len(codes):,} windows holds one{every}. Give others."
        )
    if len(known) < len(codes):
        say(f"{len(codes) - len(known):,} of {len(codes):,} windows hold an N and are left out.")
    order = rng.permutation(known)
    if not shuffle:
        if len(order) < n:
            say(f"There are {len(order):,} backgrounds, not {n:,}.")
        return codes[order[:n]]
    return dinucleotide_shuffle(codes[np.resize(order, n)], rng)


def _of_dataset(run, data, genome, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw windows of a dataset: more than needed, since some may hold N."""
    from seqdl.data.dataset import Dataset

    data = Dataset.open(data, genome)
    if data.window != run.window or data.structured:
        raise InputError(
            f"The dataset {data.path} has windows of {data.window} bases"
            f"{' with their structure' if data.structured else ''}, the run reads {run.window} bases."
        )
    return data.codes(np.sort(rng.choice(data.n, min(data.n, 4 * n + 100), replace=False)))
