"""What a verb needs of a run, said before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqdl.encoding import RNA
from seqdl.errors import InputError

if TYPE_CHECKING:
    from seqdl.training.run import Run


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
