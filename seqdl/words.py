"""The wording that messages share: a suggestion, a few of many names, a number of things, a time span."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterable


def suggest(name: str, names: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest of `names`, or an empty string.

    Parameters
    ----------
    name : str
        What was given.
    names : iterable of str
        What would have been allowed.

    Returns
    -------
    str
        Begins with a blank, to follow a sentence; empty where nothing is near.
    """
    near = difflib.get_close_matches(name, list(names), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def few(names: Iterable[object], most: int = 6) -> str:
    """Write names with commas, or the first ones and how many there are.

    Parameters
    ----------
    names : iterable of object
        Written with `str`.
    most : int
        How many names at most.

    Returns
    -------
    str

    Examples
    --------
    >>> few(["chr1", "chr2", "chr3"], most=2)
    'chr1, chr2, … (3 in all)'
    """
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")


def count(n: int, noun: str, plural: str | None = None) -> str:
    """Write "1 target", "2 targets", "1,200 targets".

    Parameters
    ----------
    n : int
    noun : str
        In the singular.
    plural : str, optional
        Where it is not `noun` and an "s".

    Returns
    -------
    str
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """Write a time span as a person says it: "8 s", "3 min 20 s", "2 h 5 min"."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def time_left(seconds: float) -> str:
    """Write how long something will still take, and until when: "about 3 min 20 s left (until 14:05:10)"."""
    until = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
    return f"about {duration(seconds)} left (until {until})"
