"""What the verbs that explain have in common: flags of the number and of the genome, and their reading."""

from __future__ import annotations

import argparse


def add_head_flags(parser: argparse.ArgumentParser) -> None:
    """Add what says which number of a prediction is meant: --head, --bins and --strand-average."""
    parser.add_argument(
        "--head", choices=("logit", "counts", "profile"),
        help="the number meant (default: logit of labels, counts of coverage)",
    )  # fmt: skip
    parser.add_argument(
        "--bins", metavar="FIRST-LAST", help="of coverage: only these bins, 0-based half-open"
    )
    parser.add_argument(
        "--strand-average", action=argparse.BooleanOptionalAction, default=None,
        help="mean of both strands (default: as the run's card says)",
    )  # fmt: skip


def add_genome_flags(parser: argparse.ArgumentParser) -> None:
    """Add what reconciles regions, a genome and a run: --alias and --allow-genome-mismatch."""
    parser.add_argument(
        "--alias", metavar="TSV", help="contig names: lines of name in the BED<TAB>name in the genome"
    )
    parser.add_argument(
        "--allow-genome-mismatch", action="store_true",
        help="go on with another genome than the run was trained on",
    )  # fmt: skip


def span(text: str | None, flag: str) -> tuple[int, int] | None:
    """Read "3-8" as (3, 8); None for None.

    Parameters
    ----------
    text : str or None
    flag : str
        For the message.

    Returns
    -------
    (int, int) or None

    Raises
    ------
    InputError
        If it is no such text.
    """
    from seqdl.errors import InputError

    if text is None:
        return None
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit()):
        raise InputError(f"{flag} is written FIRST-LAST, such as 3-8. Received: {text!r}.")
    return int(first), int(last)
