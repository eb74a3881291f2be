"""The pieces that a report's page is made of: sections hold figures, tables, tiles, notes.

Builders fill these and know nothing of HTML; the template draws these and knows nothing of biology.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Picture:
    """A figure as a ``data:`` address, with the words for those who cannot see it and a caption."""

    uri: str
    alt: str
    caption: str = ""
    wide: bool = False
    limit: int = 0  # px: no wider than this, so that its letters stay as large as the page's
    kind: str = "picture"


@dataclass(frozen=True)
class Cell:
    """A table's cell: what is shown, what it sorts by, and optionally a small dot-and-whisker picture.

    Parameters
    ----------
    text : str
        What is shown.
    order : float or str, optional
        What the column sorts by; the text when None.
    spark : tuple of float, optional
        (low, value, high, baseline), each from 0 to 1 of the drawn scale; NaN is not drawn.
    note : str
        Shown small below the text.
    """

    text: str
    order: Any = None
    spark: tuple[float, float, float, float] | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table whose columns a reader can sort, and whose rows a reader can filter when there are many."""

    columns: tuple[str, ...]
    rows: list[list[Cell]]
    caption: str = ""
    numeric: tuple[int, ...] = ()  # columns aligned to the right
    shown: int = 15  # rows before the reader asks for all
    help: dict[str, str] = field(
        default_factory=dict
    )  # column -> one line, shown when the pointer rests there
    kind: str = "table"

    @property
    def long(self) -> bool:
        """Whether there are more rows than are shown at first."""
        return len(self.rows) > self.shown


@dataclass(frozen=True)
class Tile:
    """One headline number with its name and one line of context."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Fold:
    """Preformatted text that a reader opens on demand."""

    title: str
    text: str
    kind: str = "fold"


@dataclass(frozen=True)
class Terms:
    """A glossary: term and explanation."""

    items: list[tuple[str, str]]
    kind: str = "terms"


@dataclass(frozen=True)
class Missing:
    """What cannot be shown, and the command that makes it."""

    text: str
    command: str = ""
    kind: str = "missing"


@dataclass(frozen=True)
class Section:
    """A part of the page: a title, what to take from it in one or two sentences, and its pieces."""

    id: str
    title: str
    reading: str = ""
    blocks: list = field(default_factory=list)
    short: str = ""  # for the row of links at the top


@dataclass(frozen=True)
class Headline:
    """The box at the top: what was trained and how well, in words; numbers; what to be careful about."""

    title: str
    subtitle: str
    sentences: list[str]
    verdict: str  # "good", "even", "bad" or "unknown": the box's colour
    tiles: list[Tile]
    caveats: list[str]


def number(value: float, digits: int = 3) -> str:
    """Write a number for a table: "–" for one that is not known, thousands apart.

    Parameters
    ----------
    value : float, int or None
        None and NaN are not known.
    digits : int
        Decimals; an int, or a whole number of 10 or more, has none.

    Returns
    -------
    str
    """
    if value is None or value != value:
        return "–"
    if isinstance(value, int) or float(value).is_integer() and abs(value) >= 10:
        return f"{int(value):,}"
    return f"{value:.{digits}f}".replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """Write a difference with its sign: "+0.120", "−0.031"; "–" for one that is not known.

    Parameters
    ----------
    value : float
        NaN is not known.
    digits : int
        Decimals.

    Returns
    -------
    str
        With a true minus sign (U+2212), not a hyphen.
    """
    return "–" if value != value else f"{value:+.{digits}f}".replace("-", "−")


def span(low: float, high: float, digits: int = 3) -> str:
    """Write an interval: "0.818–0.991", or with "to" where a minus sign would stand beside the dash.

    Parameters
    ----------
    low, high : float
        Both known.
    digits : int
        Decimals.

    Returns
    -------
    str
    """
    between = " to " if min(low, high) < 0 else "–"
    return f"{low:.{digits}f}{between}{high:.{digits}f}".replace("-", "−")


def listing(names, most: int = 8) -> str:
    """Write "a, b and c", or the first few "and 12 more".

    Parameters
    ----------
    names : iterable
        Written with `str`.
    most : int
        How many names at most.

    Returns
    -------
    str
        Empty for no names.
    """
    names = [str(name) for name in names]
    if len(names) > most:
        return ", ".join(names[:most]) + f" and {len(names) - most:,} more"
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + "".join(names[-1:])
