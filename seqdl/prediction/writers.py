"""Prediction files: TSV, HDF5 or Parquet by the suffix, written part by part, readable again.

TSV (``.tsv``, ``.tsv.gz`` as bgzip): lines ``##key=value`` say what was run on what; one header line that
begins with ``#``; then one row a window: the window's columns, then one column a target.
HDF5 (``.h5``): data sets ``values`` float32, (n, targets) or, of coverage, (n, bins, targets), ``targets``
and ``columns/<name>``; the keys are attributes of the root, ``format`` "seqdl-predictions", ``version`` 1.
Parquet (``.parquet``): the same table; the keys are metadata of the schema under ``seqdl``.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from seqdl.errors import InputError
from seqdl.files import atomic_path, full_suffix, read_lines, require_file
from seqdl.io.bgzip import open_bytes
from seqdl.io.parquet import require_pyarrow

if TYPE_CHECKING:
    import pandas as pd

FORMAT, VERSION = "seqdl-predictions", 1
SUFFIXES = (".tsv", ".tsv.gz", ".h5", ".hdf5", ".parquet")


class Writer(Protocol):
    """Takes windows part by part."""

    def write(self, columns: dict[str, np.ndarray], values: np.ndarray) -> None:
        """Append windows: their columns, and float32 values of shape (n, targets) or (n, bins, targets)."""

    def close(self) -> None:
        """Finish the file."""


class Table(NamedTuple):
    """A prediction file, read back.

    Attributes
    ----------
    windows : pandas.DataFrame, n rows
        Where each window lies, and its flag.
    targets : list of str
    values : float32 array, shape (n, targets), or (n, bins, targets) of coverage
    about : dict
        What was run on what.
    """

    windows: pd.DataFrame
    targets: list[str]
    values: np.ndarray
    about: dict


def check_suffix(path: str | Path) -> str:
    """Return the suffix of an output file, ``.h5`` for ``.hdf5``.

    Raises
    ------
    InputError
        If predictions are not written in that format.
    MissingDependencyError
        For Parquet without pyarrow.
    """
    suffix = full_suffix(path)
    if suffix not in SUFFIXES:
        raise InputError(
            f"The output's suffix decides the format: {', '.join(SUFFIXES)}. Received: {Path(path).name}."
        )
    if suffix == ".parquet":
        require_pyarrow()
    return ".h5" if suffix == ".hdf5" else suffix


@contextmanager
def open_writer(
    path: str | Path, targets: list[str], about: dict, bins: int | None = None
) -> Iterator[Writer]:
    """Open a prediction file that appears under its name only when it is whole.

    Parameters
    ----------
    path : path
        Its suffix decides the format.
    targets : list of str
        Columns of the values.
    about : dict
        What was run on what; values that JSON knows.
    bins : int, optional
        Values along a window, of coverage; HDF5 alone takes them.

    Yields
    ------
    writer : Writer

    Raises
    ------
    InputError
        If the suffix is unknown or the folder cannot be written.
    """
    suffix = check_suffix(path)
    with atomic_path(path) as aside:
        if suffix == ".h5":
            writer: Writer = _HDF5(aside, targets, about, bins)
        elif bins is not None:
            raise InputError(f"Coverage is no table: write it to .h5. Received: {Path(path).name}.")
        else:
            writer = (_Parquet if suffix == ".parquet" else _Text)(aside, targets, about)
        try:
            yield writer
        finally:
            writer.close()


class _Text:
    def __init__(self, path: Path, targets: list[str], about: dict) -> None:
        self._file = open_bytes(path)
        self._targets = targets
        self._began = False
        for key, value in about.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self._file.write(f"##{key}={text}\n".encode())

    def write(self, columns: dict[str, np.ndarray], values: np.ndarray) -> None:
        if not self._began:
            names = "\t".join([*columns, *self._targets]).replace("\n", " ")
            self._file.write(f"#{names}\n".encode())
            self._began = True
        pattern = "\t".join(["%s"] * len(columns) + ["%.6g"] * values.shape[1]) + "\n"
        rows = zip(zip(*(c.tolist() for c in columns.values()), strict=True), values.tolist(), strict=True)
        self._file.write("".join(pattern % (*head, *numbers) for head, numbers in rows).encode())

    def close(self) -> None:
        self._file.close()


class _HDF5:
    def __init__(self, path: Path, targets: list[str], about: dict, bins: int | None) -> None:
        import h5py

        from seqdl.io.hdf5 import HDF5Writer

        self._file = HDF5Writer(path)
        self._file.attrs.update({"format": FORMAT, "version": VERSION, "about": json.dumps(about)})
        self._text = h5py.string_dtype()
        self._file.create_dataset("targets", data=np.array(targets, object), dtype=self._text)
        one = (len(targets),) if bins is None else (bins, len(targets))
        rows = max(1, (1 << 18) // max(int(np.prod(one)), 1))
        self._values = self._file.create_dataset(
            "values", (0, *one), "f4", maxshape=(None, *one), chunks=(rows, *(max(n, 1) for n in one)),
            compression="gzip", compression_opts=1, shuffle=True,
        )  # fmt: skip
        self._columns: dict = {}

    def write(self, columns: dict[str, np.ndarray], values: np.ndarray) -> None:
        n = len(values)
        if not self._columns:
            group = self._file.create_group("columns", track_order=True)
            for name, column in columns.items():
                kind = column.dtype if column.dtype.kind in "iu" else self._text
                self._columns[name] = group.create_dataset(name, (0,), kind, maxshape=(None,), chunks=(8192,))
        at = len(self._values)
        self._values.resize(at + n, axis=0)
        self._values[at:] = values
        for name, column in columns.items():
            data = self._columns[name]
            data.resize(at + n, axis=0)
            data[at:] = column if column.dtype.kind in "iu" else column.astype(object)
        self._file.check()

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path, targets: list[str], about: dict) -> None:
        self._path, self._targets, self._about, self._writer = path, targets, about, None

    def write(self, columns: dict[str, np.ndarray], values: np.ndarray) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays = [pa.array(c if c.dtype.kind in "iu" else c.astype(object)) for c in columns.values()]
        arrays += [pa.array(values[:, j]) for j in range(values.shape[1])]
        table = pa.Table.from_arrays(arrays, names=[*columns, *self._targets])
        about = {"format": FORMAT, "version": VERSION, "columns": list(columns), "about": self._about}
        table = table.replace_schema_metadata({"seqdl": json.dumps(about)})
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="zstd")
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def read_predictions(path: str | Path) -> Table:
    """Read a prediction file of any of the formats.

    Parameters
    ----------
    path : path
        Written by `seqdl.predict`.

    Returns
    -------
    table : Table

    Raises
    ------
    InputError
        If it is no prediction file.
    """
    path = require_file(path, "prediction file")
    return {".h5": _read_hdf5, ".parquet": _read_parquet}.get(check_suffix(path), _read_text)(path)


def read_about(path: str | Path, what: str) -> tuple[dict[str, str], int]:
    """Read the lines ``##key=value`` that stand above a table.

    Parameters
    ----------
    path : path
    what : str
        What it should be, for messages.

    Returns
    -------
    about : dict of str to str
    skip : int
        How many lines they are; the table's header follows.

    Raises
    ------
    InputError
        If the file is missing, empty, cut off, or not text.
    """
    about, skip = {}, 0
    for _, line in read_lines(path, what):
        if not line.startswith("##"):
            break
        key, _, value = line[2:].partition("=")
        about[key] = value
        skip += 1
    return about, skip


def _read_text(path: Path) -> Table:
    import pandas as pd

    about, skip = read_about(path, "prediction file")
    if about.get("format") != FORMAT:
        raise InputError(f"{path} is not a prediction file of seqdl (no line ##format={FORMAT}).")
    kinds = {"#chrom": str, "#name": str, "name": str}
    try:
        frame = pd.read_csv(path, sep="\t", skiprows=skip, keep_default_na=False, na_values=[], dtype=kinds)
        frame = frame.rename(columns={frame.columns[0]: frame.columns[0].lstrip("#")})
        split = list(frame.columns).index("flag") + 1
        values = frame.iloc[:, split:].to_numpy(np.float32)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"The prediction file {path} is damaged or cut off: {error}. Predict again."
        ) from error
    return Table(frame.iloc[:, :split], list(frame.columns[split:]), values, about)


def _read_hdf5(path: Path) -> Table:
    import h5py
    import pandas as pd

    try:
        with h5py.File(path, "r") as f:
            if f.attrs.get("format") != FORMAT:
                raise InputError(
                    f"{path} is not a prediction file of seqdl (its format is {f.attrs.get('format')!r})."
                )
            columns = {}
            for name, data in f["columns"].items():
                columns[name] = data.asstr()[:] if h5py.check_string_dtype(data.dtype) else data[:]
            targets = list(f["targets"].asstr()[:])
            return Table(pd.DataFrame(columns), targets, f["values"][:], json.loads(f.attrs["about"]))
    except (OSError, KeyError) as error:
        raise InputError(f"{path} is not a readable HDF5 file of predictions ({error}).") from error


def _read_parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        about = json.loads(table.schema.metadata[b"seqdl"])
    except (pa.ArrowInvalid, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a Parquet file of seqdl's predictions ({error}).") from error
    frame = table.to_pandas()
    split = len(about["columns"])
    values = frame.iloc[:, split:].to_numpy(np.float32)
    return Table(frame.iloc[:, :split], list(frame.columns[split:]), values, about["about"])
