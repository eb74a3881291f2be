"""What is written with commas between: words, and whole numbers."""

from __future__ import annotations

import argparse


def words(text: str | None) -> list[str] | None:
    """Return the words between commas; None for None."""
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def numbers(text: str) -> tuple[int, ...]:
    """Read whole numbers; a `type` for argparse.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is something else.
    """
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"whole numbers with commas between, not {text!r}") from None
