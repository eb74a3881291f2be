"""The description that every table of scores carries: read, checked, and what is said where it is wrong."""

from __future__ import annotations

import json
from pathlib import Path

from seqdl.errors import InputError
from seqdl.io.bgzip import is_cut_off
from seqdl.variants.files.table_writers import FORMAT
from seqdl.variants.scored import VERSION
from seqdl.variants.scores import SCORES


def foreign(path: Path) -> InputError:
    """Make the error for a file that is no table of scores."""
    return InputError(
        f"{path} is not a table of scores that seqdl wrote, or is damaged: its description is missing."
    )


def damaged(path: Path, why: object) -> InputError:
    """Make the error for a table of scores that cannot be read to its end."""
    return InputError(f"The table of scores {path} is damaged or cut off: {why}. Score again.")


def read_description(path: Path, text: str | bytes | None) -> dict:
    """Parse a table's description, and lift one of version 1 to what version 2 says.

    Parameters
    ----------
    path : Path
        Of the table, for messages.
    text : str or bytes
        What `ScoreMeta.json` made.

    Returns
    -------
    meta : dict

    Raises
    ------
    InputError
        If it is no such description, or of a newer version.
    """
    try:
        meta = json.loads(text)
    except (ValueError, TypeError) as error:
        raise foreign(path) from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise foreign(path)
    version = meta.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise InputError(
            f"{path} is a table of scores of version {version}; this seqdl reads up to version {VERSION}. "
            "Update seqdl."
        )
    if not all(isinstance(meta.get(key), list) for key in ("targets", "scores")):
        raise foreign(path)
    if version == 1:
        known = [SCORES[name] for name in meta["scores"] if name in SCORES]
        meta |= {"columns": [[s.name, s.formula, s.meaning] for s in known], "notes": [], "task": "binary"}
    return meta


def require_end(path: Path) -> None:
    """Refuse a text that was cut off: the rest of a number is a number as well."""
    if path.suffix == ".gz":
        if is_cut_off(path):
            raise damaged(path, "bgzip's end marker is missing")
        return
    with open(path, "rb") as handle:
        handle.seek(-1, 2)
        if handle.read() != b"\n":
            raise damaged(path, "its last line has no end")
