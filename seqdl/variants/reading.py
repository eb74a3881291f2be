"""Read a table of scores back, whichever format it was written in."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.files import full_suffix, read_lines, require_file

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ["chrom", "pos", "id", "ref", "alt", "flag", "max_target", "max_ref", "max_alt", "max_abs_diff"]
_FLOATS = _COLUMNS[-3:]


class ScoreTable(NamedTuple):
    """Scores as they were written.

    Attributes
    ----------
    variants : DataFrame
        One row per scored allele: chrom, pos (1-based), id, ref, alt, flag, max_target (name), max_ref,
        max_alt, max_abs_diff.
    targets : list of str
        Names of the targets.
    scores : dict of float32 arrays, shape (n, targets)
        By the score's name.
    meta : dict
        How they were made: window, anchor, genome, sign, ….
    """

    variants: pd.DataFrame
    targets: list[str]
    scores: dict[str, np.ndarray]
    meta: dict


def read_scores(path: str | Path) -> ScoreTable:
    """Read a table of variant scores, .tsv, .tsv.gz, .h5 or .parquet.

    Parameters
    ----------
    path : path
        What `score_variants` wrote.

    Returns
    -------
    table : ScoreTable

    Raises
    ------
    InputError
        If it is missing, damaged, of another kind, or a VCF (read that with pysam or bcftools).
    """
    path = require_file(path, "table of scores")
    readers = {".tsv": _read_tsv, ".tsv.gz": _read_tsv, ".h5": _read_h5, ".parquet": _read_parquet}
    suffix = full_suffix(path)
    if suffix not in readers:
        raise InputError(f"A table of scores ends in {', '.join(readers)}. Received: {str(path)!r}.")
    return readers[suffix](path)


def _foreign(path: Path) -> InputError:
    return InputError(
        f"{path} is not a table of scores that seqdl wrote, or is damaged: its description is missing."
    )


def _described(path: Path, text: str | bytes) -> dict:
    try:
        return json.loads(text)
    except ValueError as error:
        raise _foreign(path) from error


def _table(variants: pd.DataFrame, values: np.ndarray, meta: dict) -> ScoreTable:
    """Take the columns "<target>:<score>", target by target, apart."""
    cube = values.reshape(len(variants), len(meta["targets"]), len(meta["scores"]))
    scores = {name: np.ascontiguousarray(cube[:, :, k]) for k, name in enumerate(meta["scores"])}
    return ScoreTable(variants, list(meta["targets"]), scores, meta)


def _read_tsv(path: Path) -> ScoreTable:
    import pandas as pd

    meta = header = None
    for number, line in read_lines(path, "table of scores"):
        if line.startswith("##meta="):
            meta = _described(path, line[len("##meta=") :])
        elif not line.startswith("##"):
            header = (number, line.lstrip("#").split("\t"))
            break
    if meta is None or header is None:
        raise _foreign(path)
    number, names = header
    texts = dict.fromkeys((0, 2, 3, 4, 5, 6), str)
    try:
        frame = pd.read_csv(
            path,
            sep="\t",
            skiprows=number,
            header=None,
            names=range(len(names)),
            dtype={i: texts.get(i, np.float32) for i in range(len(names))} | {1: np.int64},
            keep_default_na=False,
            compression="gzip" if path.suffix == ".gz" else None,
        )
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"The table of scores {path} is damaged or cut off: {error}. Score again."
        ) from error
    variants = frame.iloc[:, : len(_COLUMNS)].set_axis(_COLUMNS, axis=1)
    return _table(variants, frame.iloc[:, len(_COLUMNS) :].to_numpy(np.float32), meta)


def _read_parquet(path: Path) -> ScoreTable:
    from seqdl.io.parquet import require_pyarrow

    parquet = require_pyarrow()
    try:
        table = parquet.read_table(path)
    except (OSError, ValueError) as error:
        raise _foreign(path) from error
    described = (table.schema.metadata or {}).get(b"seqdl")
    if described is None:
        raise _foreign(path)
    frame = table.to_pandas()
    variants = frame.iloc[:, : len(_COLUMNS)].set_axis(_COLUMNS, axis=1)
    return _table(variants, frame.iloc[:, len(_COLUMNS) :].to_numpy(np.float32), _described(path, described))


def _read_h5(path: Path) -> ScoreTable:
    import h5py
    import pandas as pd

    try:
        with h5py.File(path, "r") as file:
            meta = json.loads(file.attrs["meta"])
            columns = {
                "chrom": file["chr"].asstr()[:],
                "pos": file["pos"][:],
                "id": file["snp"].asstr()[:],
                "ref": file["ref_allele"].asstr()[:],
                "alt": file["alt_allele"].asstr()[:],
                "flag": file["flag"].asstr()[:],
                "max_target": np.array(meta["targets"], dtype=object)[file["max_target"][:]],
                **{name: file[name][:] for name in _FLOATS},
            }
            scores = {name: file[name][:] for name in meta["scores"]}
    except (OSError, KeyError, ValueError) as error:
        raise _foreign(path) from error
    return ScoreTable(pd.DataFrame(columns), list(meta["targets"]), scores, meta)
