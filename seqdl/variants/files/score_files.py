"""Files of scores opened for reading in pieces; see `seqdl.variants.files.streaming`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.errors import InputError, SeqdlError
from seqdl.files import full_suffix, read_lines, require_file
from seqdl.variants.files.description import damaged, foreign, read_description, require_end
from seqdl.variants.files.parquet_writer import long_name
from seqdl.variants.scored import KEYS, SUMMARY

if TYPE_CHECKING:
    import pandas as pd

ROWS = 16_384  # alleles in a piece
_CELLS = 1 << 21  # numbers of a text that are parsed at once
_FRONT = [name.lstrip("#").lower() for name in (*KEYS, *SUMMARY)]
_H5_NAMES = {"chrom": "chr", "id": "snp", "ref": "ref_allele", "alt": "alt_allele"}


class Rows(NamedTuple):
    """A few alleles with everything that is known of them.

    Attributes
    ----------
    variants : DataFrame
        As `stream_scores` yields it, in the order that was asked for.
    scores : dict of float32 arrays, shape (n, targets)
        By the score's name.
    """

    variants: pd.DataFrame
    scores: dict[str, np.ndarray]


@contextmanager
def open_scores(path: str | Path) -> Iterator[_Tsv | _Parquet | _Arrays]:
    """Open a file of scores: its ``meta``, its ``pieces(mean_of, rows)`` and its ``rows(numbers)``.

    Parameters
    ----------
    path : path
        .tsv, .tsv.gz, .h5, .zarr or .parquet.

    Raises
    ------
    InputError
        If it is missing, damaged or of another kind; also where that shows later, inside the block.
    """
    kinds = {".tsv": _Tsv, ".tsv.gz": _Tsv, ".parquet": _Parquet, ".h5": _Arrays, ".zarr": _Arrays}
    suffix = full_suffix(path)
    if suffix not in kinds:
        raise InputError(f"A table of scores ends in {', '.join(kinds)}. Received: {str(path)!r}.")
    if suffix != ".zarr":
        path = require_file(path, "table of scores")
    try:
        table = kinds[suffix](Path(path))
    except SeqdlError:
        raise
    except (OSError, KeyError, ValueError) as error:
        raise foreign(path) from error
    try:
        yield table
    except (OSError, KeyError, EOFError) as error:
        raise damaged(path, error) from error
    finally:
        table.close()


def _note_names(meta: dict) -> list[str]:
    return [name for name, _, _ in meta["notes"]]


def _frame(columns: dict[str, object]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns)


def _mean_abs(values: np.ndarray) -> np.ndarray:
    return np.abs(values).mean(axis=1, dtype=np.float64).astype(np.float32)


class _Tsv:
    """Text: a line is cut after the front columns; what stands behind is read only where it is asked for."""

    def __init__(self, path: Path) -> None:
        self._path, meta = path, None
        self._numeric = {*_FRONT[-3:]}
        for _, line in read_lines(path, "table of scores"):
            if line.startswith("##meta="):
                meta = line[len("##meta=") :]
            elif line.startswith("##numeric-notes="):
                self._numeric.update(line.partition("=")[2].split(","))
            elif not line.startswith("##"):
                break
        self.meta = read_description(path, meta)
        require_end(path)
        self._names = [*_FRONT, *_note_names(self.meta)]
        self._cells = len(self.meta["targets"]) * len(self.meta["scores"])

    def _lines(self) -> Iterator[str]:
        return (line for _, line in read_lines(self._path, "table of scores") if not line.startswith("#"))

    def pieces(self, mean_of: str | None, rows: int) -> Iterator[pd.DataFrame]:
        lines, front = self._lines(), len(self._names)
        if mean_of is not None:
            rows = max(1, min(rows, _CELLS // max(self._cells, 1)))
        while cells := [self._cut(line, front + (mean_of is not None)) for line in islice(lines, rows)]:
            columns = self._columns(cells)
            if mean_of is not None:
                columns["mean_abs"] = _mean_abs(self._values(cells)[mean_of])
            yield _frame(columns)

    def _cut(self, line: str, keep: int) -> list[str]:
        """Return a line's front cells, and all the others as one text if that is to be kept."""
        cells = line.split("\t", len(self._names))
        if len(cells) <= len(self._names):
            raise InputError(f"The table of scores {self._path} is damaged or cut off. Score again.")
        return cells[:keep]

    def _columns(self, cells: list[list[str]]) -> dict[str, object]:
        kinds = dict.fromkeys(self._numeric, np.float32) | {"pos": np.int64}
        found = zip(self._names, zip(*cells, strict=True), strict=False)
        return {n: np.array(column, kinds[n]) if n in kinds else list(column) for n, column in found}

    def _values(self, cells: list[list[str]]) -> dict[str, np.ndarray]:
        cube = np.empty((len(cells), self._cells), np.float32)
        for row, line in zip(cube, cells, strict=True):
            texts = line[-1].split("\t")
            if len(texts) != self._cells:
                raise InputError(f"The table of scores {self._path} is damaged or cut off. Score again.")
            row[:] = texts
        cube = cube.reshape(len(cells), len(self.meta["targets"]), len(self.meta["scores"]))
        return {name: cube[:, :, k] for k, name in enumerate(self.meta["scores"])}

    def rows(self, numbers: list[int]) -> Rows:
        wanted = set(numbers)
        kept = {
            i: line
            for i, line in enumerate(islice(self._lines(), max(numbers, default=-1) + 1))
            if i in wanted
        }
        cells = [self._cut(kept[i], len(self._names) + 1) for i in numbers]
        if not cells:
            return Rows(_frame({name: [] for name in self._names}), {})
        return Rows(_frame(self._columns(cells)), self._values(cells))

    def close(self) -> None:
        pass


class _Parquet:
    """Wide or long; columns that are not asked for are not read."""

    def __init__(self, path: Path) -> None:
        from seqdl.io.parquet import require_pyarrow

        self._file = require_pyarrow().ParquetFile(path)
        self.meta = read_description(path, self._file.schema_arrow.metadata[b"seqdl"])
        self._names = [*_FRONT, *_note_names(self.meta)]
        there = {name.lower(): name for name in self._file.schema_arrow.names}
        self._stored = {name: there[name] for name in self._names}
        self._long = self._file.schema_arrow.metadata.get(b"seqdl_layout") == b"long"
        self._each = len(self.meta["targets"]) if self._long else 1

    def _value_columns(self, score: str) -> list[str]:
        if self._long:
            return [long_name(score)]
        return [f"{' '.join(target.split())}:{score}" for target in self.meta["targets"]]

    def pieces(self, mean_of: str | None, rows: int) -> Iterator[pd.DataFrame]:
        values = [] if mean_of is None else self._value_columns(mean_of)
        for batch in self._batches([*self._stored.values(), *values], rows):
            columns = self._columns(batch)
            if values:
                columns["mean_abs"] = _mean_abs(self._matrix(batch, values))
            yield _frame(columns)

    def _batches(self, columns: list[str], rows: int) -> Iterator[object]:
        """Yield tables of whole alleles: a long file's batches may end between two targets of one."""
        import pyarrow as pa

        left = None
        for batch in self._file.iter_batches(rows * self._each, columns=columns):
            table = pa.Table.from_batches([batch])
            table = table if left is None else pa.concat_tables([left, table])
            whole = table.num_rows // self._each * self._each
            left = table.slice(whole)
            if whole:
                yield table.slice(0, whole)

    def _columns(self, table) -> dict[str, object]:
        firsts = table.take(np.arange(0, table.num_rows, self._each)) if self._long else table
        return {name: firsts[stored].to_numpy() for name, stored in self._stored.items()}

    def _matrix(self, table, names: list[str]) -> np.ndarray:
        if self._long:
            return table[names[0]].to_numpy().reshape(-1, self._each)
        return np.stack([table[name].to_numpy() for name in names], axis=1)

    def rows(self, numbers: list[int]) -> Rows:
        import pyarrow as pa

        scores = {name: self._value_columns(name) for name in self.meta["scores"]}
        columns = [*self._stored.values(), *(column for names in scores.values() for column in names)]
        pieces, start = [], 0
        places = np.array(numbers, np.int64)
        for batch in self._batches(columns, ROWS):
            n = batch.num_rows // self._each
            here = places[(places >= start) & (places < start + n)] - start
            pieces.append(batch.take((here[:, None] * self._each + np.arange(self._each)).ravel()))
            start += n
        table = pa.concat_tables(pieces)
        return Rows(
            _frame(self._columns(table)), {name: self._matrix(table, names) for name, names in scores.items()}
        )

    def close(self) -> None:
        self._file.close()


class _Arrays:
    """HDF5 and Zarr, which hold the same arrays."""

    def __init__(self, path: Path) -> None:
        if path.suffix == ".h5":
            import h5py

            self._file = h5py.File(path, "r")
        else:
            from seqdl.variants.files.zarr_writer import require_zarr

            self._file = require_zarr().open_group(str(path), mode="r")
        self.meta = read_description(path, self._file.attrs["meta"])
        self._targets = np.array(self.meta["targets"], dtype=object)

    def _column(self, name: str, rows: slice | list[int]) -> object:
        key = f"notes/{name}" if name not in _FRONT else _H5_NAMES.get(name, name)
        values = self._file[key]
        if hasattr(values, "asstr") and values.dtype.kind == "O":
            values = values.asstr()
        found = self._taken(values, rows)
        if found.dtype.kind == "T":
            found = found.astype(object)
        return self._targets[found] if name == "max_target" else found

    def _taken(self, values, rows: slice | list[int]) -> np.ndarray:
        if isinstance(rows, slice) or not hasattr(values, "oindex"):
            return values[rows]
        return values.oindex[np.array(rows, np.int64)]

    def _columns(self, rows: slice | list[int]) -> dict[str, object]:
        return {name: self._column(name, rows) for name in (*_FRONT, *_note_names(self.meta))}

    def pieces(self, mean_of: str | None, rows: int) -> Iterator[pd.DataFrame]:
        total = self._file["pos"].shape[0]
        for start in range(0, total, rows):
            part = slice(start, min(start + rows, total))
            columns = self._columns(part)
            if mean_of is not None:
                columns["mean_abs"] = _mean_abs(self._file[mean_of][part])
            yield _frame(columns)

    def rows(self, numbers: list[int]) -> Rows:
        values = {name: self._taken(self._file[name], numbers) for name in self.meta["scores"]}
        return Rows(_frame(self._columns(numbers)), {n: x.astype(np.float32) for n, x in values.items()})

    def close(self) -> None:
        if hasattr(self._file, "close"):
            self._file.close()
