"""The history of a training as a table: one row an epoch."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from seqdl.errors import InputError
from seqdl.files import write_text


def write_history(path: Path, rows: list[dict]) -> None:
    """Write rows as CSV, whole or not at all; a column that a row lacks is empty there.

    Parameters
    ----------
    path : Path
    rows : list of dict
        At least one.
    """
    text = io.StringIO()
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_history(path: str | Path) -> list[dict[str, float]]:
    """Read a history file: one dict an epoch.

    Raises
    ------
    InputError
        If it holds no numbers, or not those of a training.
    """
    try:
        with open(path, newline="", encoding="utf-8") as handle:
            rows = [
                {k: float(v) for k, v in row.items() if v not in ("", None)} for row in csv.DictReader(handle)
            ]
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"The history {path} is damaged: {error}. Copy the run again from where it was trained."
        ) from error
    if rows and not {"epoch", "loss"} <= rows[0].keys():
        raise InputError(
            f"The history {path} has no columns 'epoch' and 'loss'. It has: {', '.join(rows[0])}."
        )
    return rows
