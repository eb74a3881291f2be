"""Tables of plain text for the terminal."""

from __future__ import annotations


def print_table(rows: list[tuple[str, ...]], right: set[int]) -> None:
    """Print rows in aligned columns; those in `right` are aligned to the right.

    Parameters
    ----------
    rows : list of tuple of str
        At least one, all of the same length; a heading is a row too.
    right : set of int
        0-based columns to align to the right.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
