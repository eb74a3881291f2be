"""Turn what a user wants explained (regions, sequences, codes) into windows of a run's width."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError
from seqdl.intervals import Interval
from seqdl.prediction.sources import region_windows, sequence_windows

ROWS = 4096  # windows read at a time


def read_windows(
    run, *, genome=None, bed=None, fasta=None, codes=None, alias=None, allow_genome_mismatch: bool = False
) -> tuple[np.ndarray, tuple[Interval, ...]]:
    """Read windows from exactly one source.

    Parameters
    ----------
    run : Run
        Gives the window's width and checks the genome.
    genome : str, Path or Genome, optional
        Needed with `bed`.
    bed : str or Path, optional
        Regions; a window is laid on each as `seqdl.prediction.sources.region_windows` does.
    fasta : str or Path, optional
        Sequences of exactly the window's width.
    codes : uint8 array, (n, window), optional
        Bases A 0, C 1, G 2, T 3, N 4.
    alias : str or Path, optional
        Table of contig names, BED file to genome.
    allow_genome_mismatch : bool
        Go on with another genome than the run's.

    Returns
    -------
    codes : uint8 array, (n, window)
    regions : tuple of Interval, length n
        The windows; for sequences, contig is the sequence's name.

    Raises
    ------
    InputError
        If there is not exactly one source, the genome is missing or another, or a width does not fit.
    """
    given = [name for name, value in (("bed", bed), ("fasta", fasta), ("codes", codes)) if value is not None]
    if len(given) != 1:
        raise InputError(
            f"Give exactly one of `bed`, `fasta` and `codes`. Received: {', '.join(given) or 'none'}."
        )
    if bed is not None:
        genome = open_genome(run, genome, allow_genome_mismatch)
        source = region_windows(bed, genome, run.window, ROWS, alias=alias)
        return _from_source(source, ("chrom", "window_start", "name"))
    if fasta is not None:
        return _from_source(sequence_windows(fasta, run.window, ROWS), ("name", "start", "name"))
    codes = np.atleast_2d(np.asarray(codes))
    if codes.ndim != 2 or codes.shape[1] != run.window or not len(codes):
        raise InputError(
            f"`codes` must have the shape (n, {run.window}), the run's window. Received: {codes.shape}."
        )
    if codes.dtype.kind not in "ui" or codes.max() > N or codes.min() < 0:
        raise InputError("`codes` must be whole numbers from 0 to 4 (A 0, C 1, G 2, T 3, N 4).")
    names = [f"sequence_{row + 1}" for row in range(len(codes))]
    return codes.astype(np.uint8), tuple(Interval(name, 0, run.window, ".", name) for name in names)


def open_genome(run, genome, allow_mismatch: bool = False):
    """Open a genome and check it against a run's card.

    Parameters
    ----------
    run : Run
    genome : str, Path, Genome or None
    allow_mismatch : bool
        Go on with another genome than the run's.

    Returns
    -------
    Genome

    Raises
    ------
    InputError
        If none is given, or it is not the run's.
    """
    from seqdl.genome import Genome

    if genome is None:
        raise InputError("Regions need the genome they lie on: give `genome` (--genome g.fa).")
    if isinstance(genome, (str, Path)):
        genome = Genome(genome)
    run.check_genome(genome, allow_mismatch=allow_mismatch)
    return genome


def _from_source(source, names: tuple[str, str, str]) -> tuple[np.ndarray, tuple[Interval, ...]]:
    """Take all windows of a source: the same ones, by the same code, that `seqdl predict` reads."""
    parts = list(source.parts)
    codes = np.concatenate([part.codes for part in parts])
    chrom, start, name = (np.concatenate([part.columns[key] for part in parts]) for key in names)
    width = codes.shape[1]
    return codes, tuple(
        Interval(str(contig), int(first), int(first) + width, ".", str(label))
        for contig, first, label in zip(chrom, start, name, strict=True)
    )
