"""What a verb needs of a run, said before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqdl.encoding import RNA
from seqdl.errors import InputError

if TYPE_CHECKING:
    from seqdl.training.run import Run


def require_labels(run: Run, what: str) -> None:
    """Refuse a run that predicts coverage.

    Parameters
    ----------
    run : Run
    what : str
        What shall be done, such as "Scoring variants".

    Raises
    ------
    InputError
        That says what the run is and what it is good for.
    """
    if run.task == "coverage":
        bins, tracks = run.output_shape
        raise InputError(
            f"{what} compares the log odds of labels, one a window. This run predicts coverage, {bins:,} "
            f"bins of {tracks:,} tracks a window, which has none. Give a run of binary labels; or predict "
            "the tracks (`seqdl predict --bigwig`)."
        )


def require_bases(run: Run, what: str) -> None:
    """Refuse a run whose input holds the secondary structure as well.

    Parameters
    ----------
    run : Run
    what : str

    Raises
    ------
    InputError
    """
    if run.structured:
        raise InputError(
            f"{what} needs a run that reads bases alone. This one reads each base with its secondary "
            "structure, which changes when a base does: train one on sequences without structure."
        )


def require_dna(run: Run, what: str) -> None:
    """Refuse a run that reads RNA where places in a genome are needed.

    Parameters
    ----------
    run : Run
    what : str

    Raises
    ------
    InputError
    """
    if run.card["alphabet"] == RNA:
        raise InputError(
            f"{what} needs a run that reads DNA, windows of a genome. This one reads RNA sequences, which "
            "have no place there."
        )
