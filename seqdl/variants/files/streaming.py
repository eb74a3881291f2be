"""Read a file of scores in constant memory: the summary of every allele piece by piece, all columns of a few.

`seqdl.variants.files.reading.read_scores` holds the whole table, which a million alleles times a thousand targets
do not allow. Here are only the columns that each allele has once, or one number from all of its targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqdl.errors import InputError
from seqdl.variants.files.score_files import ROWS, Rows, open_scores

if TYPE_CHECKING:
    import pandas as pd


def read_meta(path: str | Path) -> dict:
    """Read how scores were made: targets, scores, columns, notes, window, genome, ….

    Parameters
    ----------
    path : path
        What `score_variants` wrote, but not as VCF.

    Returns
    -------
    meta : dict

    Raises
    ------
    InputError
        If it is missing, damaged or of another kind.
    """
    with open_scores(path) as table:
        return table.meta


def stream_scores(path: str | Path, mean_of: str | None = None, rows: int = ROWS) -> Iterator[pd.DataFrame]:
    """Yield the alleles of a file of scores piece by piece, with the columns that each has once.

    Parameters
    ----------
    path : path
        What `score_variants` wrote, but not as VCF.
    mean_of : str, optional
        A score: ``mean_abs``, the mean of its size over the targets, is added. Reading is slower then.
    rows : int
        Alleles in a piece.

    Yields
    ------
    frame : DataFrame
        chrom, pos (1-based), id, ref, alt, flag, max_target (name), max_ref, max_alt, max_abs_diff, and the
        notes of the file by their names.

    Raises
    ------
    InputError
        If the file is missing, damaged or of another kind, or has no such score.
    """
    with open_scores(path) as table:
        if mean_of is not None and mean_of not in table.meta["scores"]:
            raise InputError(
                f"{path} has no score {mean_of!r}; it has {', '.join(table.meta['scores'])}. "
                f"Score again with --scores {mean_of}."
            )
        yield from table.pieces(mean_of, rows)


def read_rows(path: str | Path, numbers: Sequence[int]) -> Rows:
    """Read single alleles of a file of scores.

    Parameters
    ----------
    path : path
        What `score_variants` wrote, but not as VCF.
    numbers : sequence of int
        0-based places in the file.

    Returns
    -------
    rows : Rows

    Raises
    ------
    InputError
        If the file is missing, damaged or of another kind.
    """
    with open_scores(path) as table:
        order = np.argsort(np.asarray(numbers, np.int64), kind="stable")
        found = table.rows([int(numbers[i]) for i in order])
        back = np.argsort(order)
        return Rows(
            found.variants.iloc[back].reset_index(drop=True),
            {name: values[back] for name, values in found.scores.items()},
        )
