"""Tables of experiments as TSV: lines ``##key=value``, one header line that begins with ``#``, then rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqdl.errors import InputError
from seqdl.files import full_suffix, require_writable
from seqdl.version import __version__

if TYPE_CHECKING:
    import pandas as pd

FORMAT, VERSION = "seqdl-experiment", 1


def check_table_suffix(path: str | Path) -> str:
    """Return the output's suffix, ``.tsv`` or ``.tsv.gz``; better asked before the work than after it.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    str

    Raises
    ------
    InputError
        If it is another one, or nothing can be written there.
    """
    suffix = full_suffix(path)
    if suffix not in (".tsv", ".tsv.gz"):
        raise InputError(f"The table is written as .tsv or .tsv.gz. Received: {str(path)!r}.")
    require_writable(path)
    return suffix


def write_table(path: str | Path, table: pd.DataFrame, settings: dict) -> None:
    """Write an experiment's table, whole or not at all.

    Parameters
    ----------
    path : str or Path
        ``.tsv`` or ``.tsv.gz``.
    table : pandas.DataFrame
        Columns of numbers with a fraction come last.
    settings : dict
        What is to be known of it; values that JSON knows.

    Raises
    ------
    InputError
        If the suffix is another one.
    """
    from seqdl.prediction.writers import open_writer

    check_table_suffix(path)
    numbers = [name for name in table if table[name].dtype.kind == "f"]
    columns = {name: table[name].to_numpy() for name in table if name not in numbers}
    about = {"format": FORMAT, "version": VERSION, "seqdl": __version__, "settings": settings}
    with open_writer(path, numbers, about) as writer:
        writer.write(columns, table[numbers].to_numpy(np.float32))


def read_table(path: str | Path) -> tuple[pd.DataFrame, dict]:
    """Read a table that `write_table` made.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    table : pandas.DataFrame
    settings : dict

    Raises
    ------
    InputError
        If it is no such table.
    """
    import pandas as pd

    from seqdl.prediction.writers import read_about

    about, skip = read_about(path, "table of an experiment")
    if about.get("format") != FORMAT:
        raise InputError(f"{path} is no table of an experiment (no line ##format={FORMAT}).")
    try:
        # Names are text, and only what the writer puts for NaN is one: a motif may be called NA or 12.
        kinds = dict.fromkeys(("#motif", "#orientation", "#chrom", "target", "name"), str)
        table = pd.read_csv(
            path, sep="\t", skiprows=skip, keep_default_na=False, na_values=["nan"], dtype=kinds
        )
        settings = json.loads(about["settings"])
    except (ValueError, KeyError, EOFError) as error:
        raise InputError(f"The table {path} is damaged or cut off: {error}.") from error
    return table.rename(columns={table.columns[0]: table.columns[0].lstrip("#")}), settings
