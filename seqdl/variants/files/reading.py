"""Read a table of scores back, whichever format it was written in."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.files import full_suffix, read_lines, require_file
from seqdl.variants.files.description import damaged, foreign, read_description, require_end
from seqdl.variants.files.parquet_writer import long_name

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ["chrom", "pos", "id", "ref", "alt", "flag", "max_target", "max_ref", "max_alt", "max_abs_diff"]
_FLOATS = _COLUMNS[-3:]
_ARRAYS = {
    "chrom": "chr",
    "pos": "pos",
    "id": "snp",
    "ref": "ref_allele",
    "alt": "alt_allele",
    "flag": "flag",
}


class ScoreTable(NamedTuple):
    """Scores as they were written.

    Attributes
    ----------
    variants : DataFrame
        One row per scored allele: chrom, pos (1-based), id, ref, alt, flag, max_target (name), max_ref,
        max_alt, max_abs_diff, and the notes by their names.
    targets : list of str
        Names of the targets.
    scores : dict of float32 arrays, shape (n, targets)
        By the score's name.
    meta : dict
        How they were made: window, anchor, genome, sign, columns, ….
    """

    variants: pd.DataFrame
    targets: list[str]
    scores: dict[str, np.ndarray]
    meta: dict


def read_scores(path: str | Path) -> ScoreTable:
    """Read a table of variant scores, .tsv, .tsv.gz, .h5, .zarr or .parquet (wide or long).

    Parameters
    ----------
    path : path
        What `score_variants` wrote, in this or an earlier version.

    Returns
    -------
    table : ScoreTable

    Raises
    ------
    InputError
        If it is missing, damaged, of another kind or a newer version, or a VCF (read that with pysam or
        bcftools).
    MissingDependencyError
        If the package that reads it is missing.
    """
    path = Path(path).expanduser()
    suffix = full_suffix(path)
    if not (suffix == ".zarr" and path.is_dir()):
        require_file(path, "table of scores")
    readers = {
        ".tsv": _read_tsv,
        ".tsv.gz": _read_tsv,
        ".h5": _read_h5,
        ".zarr": _read_zarr,
        ".parquet": _read_parquet,
    }
    if suffix not in readers:
        raise InputError(f"A table of scores ends in {', '.join(readers)}. Received: {str(path)!r}.")
    return readers[suffix](path)


def _names(meta: dict) -> list[str]:
    """Return the names of the columns that an allele has once."""
    return [*_COLUMNS, *(note[0] for note in meta["notes"])]


def _table(path: Path, frame: pd.DataFrame, meta: dict) -> ScoreTable:
    """Take a wide frame apart: the alleles' columns, then "<target>:<score>", target by target."""
    names, targets, scores = _names(meta), meta["targets"], meta["scores"]
    if frame.shape[1] != len(names) + len(targets) * len(scores):
        raise damaged(path, f"it has {frame.shape[1]} columns, and its description names others")
    variants = frame.iloc[:, : len(names)].set_axis(names, axis=1)
    values = frame.iloc[:, len(names) :].to_numpy(np.float32)
    cube = values.reshape(len(variants), len(targets), len(scores))
    return ScoreTable(
        variants,
        list(targets),
        {name: np.ascontiguousarray(cube[:, :, k]) for k, name in enumerate(scores)},
        meta,
    )


def _read_tsv(path: Path) -> ScoreTable:
    import pandas as pd

    meta = header = None
    numeric: set[str] = set()
    for number, line in read_lines(path, "table of scores"):
        if line.startswith("##meta="):
            meta = read_description(path, line[len("##meta=") :])
        elif line.startswith("##numeric-notes="):
            numeric = set(line.partition("=")[2].split(","))
        elif not line.startswith("##"):
            header = (number, line.split("\t"))
            break
    if meta is None or header is None:
        raise foreign(path)
    require_end(path)
    number, names = header
    texts = {0, 2, 3, 4, 5, 6}
    texts |= {i for i, name in enumerate(_names(meta)) if i >= len(_COLUMNS) and name not in numeric}
    try:
        frame = pd.read_csv(
            path,
            sep="\t",
            skiprows=number,
            header=None,
            names=range(len(names)),
            dtype={i: str if i in texts else np.float32 for i in range(len(names))} | {1: np.int64},
            keep_default_na=False,
            na_values={i: ["nan"] for i in range(len(names)) if i not in texts},
            quoting=3,
            compression="gzip" if path.suffix == ".gz" else None,
        )
    except (ValueError, OSError, EOFError, zlib.error) as error:
        _require_fields(path, len(names))
        raise damaged(path, error) from error
    return _table(path, frame, meta)


def _require_fields(path: Path, fields: int) -> None:
    """Name the line with too few or too many fields, if that is what pandas stumbled over."""
    for number, line in read_lines(path, "table of scores"):
        if not line.startswith("##") and line.count("\t") + 1 != fields:
            raise damaged(path, f"line {number} has {line.count(chr(9)) + 1} fields instead of {fields}")


def _read_parquet(path: Path) -> ScoreTable:
    from seqdl.io.parquet import require_pyarrow

    parquet = require_pyarrow()
    try:
        metadata = parquet.read_schema(path).metadata or {}
        if b"seqdl" not in metadata:
            raise foreign(path)
        meta = read_description(path, metadata[b"seqdl"])
        if metadata.get(b"seqdl_layout") == b"long":
            return _read_long(path, parquet, meta)
        frame = parquet.read_table(path).to_pandas()
    except InputError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise foreign(path) from error
    return _table(path, frame, meta)


def _read_long(path: Path, parquet, meta: dict) -> ScoreTable:
    """Read one row per allele and target: the alleles' columns from each allele's first row."""
    import pandas as pd

    targets, names = meta["targets"], _names(meta)
    table = parquet.read_table(path, read_dictionary=["chrom", "id", "ref", "alt", "flag", "target"])
    rows, width = len(table), len(targets)
    if rows % width or not _repeats(table.column("target"), targets):
        raise damaged(path, "it has not one row for each allele and target, in order")
    first = np.arange(0, rows, width)
    frame = {}
    for name in names:
        column = table.column(name.lower()).take(first).to_pandas()
        frame[name] = column.astype(str) if isinstance(column.dtype, pd.CategoricalDtype) else column
    scores = {
        name: table.column(long_name(name)).to_numpy().reshape(rows // width, width)
        for name in meta["scores"]
    }
    return ScoreTable(pd.DataFrame(frame), list(targets), scores, meta)


def _repeats(column, targets: list[str]) -> bool:
    """Tell whether a column of texts is the targets' names, over and over."""
    if not len(column):
        return True
    column = column.unify_dictionaries().combine_chunks()
    places = {name: i for i, name in enumerate(column.dictionary.to_pylist())}
    wanted = np.array([places.get(name, -1) for name in targets])
    return bool((column.indices.to_numpy().reshape(-1, len(targets)) == wanted).all())


def _from_arrays(
    columns: dict[str, object], targets: np.ndarray, scores: dict[str, np.ndarray], meta: dict
) -> ScoreTable:
    """Put together what HDF5 and Zarr hold."""
    import pandas as pd

    columns["max_target"] = np.array(meta["targets"], dtype=object)[targets]
    frame = pd.DataFrame({name: columns[name] for name in _names(meta)})
    values = {name: x.astype(np.float32, copy=False) for name, x in scores.items()}
    return ScoreTable(frame, list(meta["targets"]), values, meta)


def _read_h5(path: Path) -> ScoreTable:
    import h5py

    def column(data):
        return data.asstr()[:] if h5py.check_string_dtype(data.dtype) else data[:]

    try:
        with h5py.File(path, "r") as file:
            meta = read_description(path, file.attrs["meta"])
            return _from_arrays(*_columns(file, meta, column), meta)
    except InputError:
        raise
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise foreign(path) from error


def _read_zarr(path: Path) -> ScoreTable:
    from seqdl.variants.files.zarr_writer import require_zarr

    zarr = require_zarr()

    def column(data):
        values = data[:]
        return values.astype(object) if values.dtype.kind == "T" else values

    try:
        group = zarr.open_group(str(path), mode="r")
        meta = read_description(path, group.attrs["meta"])
        return _from_arrays(*_columns(group, meta, column), meta)
    except InputError:
        raise
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise foreign(path) from error


def _columns(group, meta: dict, column) -> tuple[dict[str, object], np.ndarray, dict[str, np.ndarray]]:
    """Return the alleles' columns, the places of max_target, and the scores of an HDF5 file or Zarr group."""
    columns = {name: column(group[key]) for name, key in _ARRAYS.items()}
    columns |= {name: column(group[name]) for name in _FLOATS}
    columns |= {name: column(group[f"notes/{name}"]) for name in _names(meta)[len(_COLUMNS) :]}
    return columns, group["max_target"][:], {name: group[name][:] for name in meta["scores"]}
