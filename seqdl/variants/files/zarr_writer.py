"""Zarr output: a folder with the arrays of the HDF5 file; it appears whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from seqdl.errors import InputError, MissingDependencyError
from seqdl.files import require_writable
from seqdl.variants.files.table_writers import (
    FORMAT,
    Array,
    arrays_of,
    note_arrays,
    root_attributes,
    rows_of,
    target_columns,
)
from seqdl.variants.scored import ScoredBlock, ScoreMeta

_CHUNK_BYTES = 1 << 22  # each chunk is a file
_ROWS_AT_LEAST, _ROWS_AT_MOST = 1 << 10, 1 << 16


def require_zarr():
    """Import zarr.

    Raises
    ------
    MissingDependencyError
        If it is not installed, or older than 3.
    """
    try:
        import zarr
    except ImportError as error:
        raise MissingDependencyError(
            "Zarr needs zarr, which is not installed: pip install 'seqdl[zarr]'. Or use .h5 or .parquet."
        ) from error
    if int(zarr.__version__.split(".")[0]) < 3:
        raise MissingDependencyError(
            f"Zarr needs zarr 3 or newer: pip install 'seqdl[zarr]'. Received: zarr {zarr.__version__}."
        )
    return zarr


@contextmanager
def atomic_folder(target: str | Path, folder: str | Path | None = None) -> Iterator[Path]:
    """Yield a folder's path to write aside, the twin of `seqdl.files.atomic_path`.

    Parameters
    ----------
    target : path
        Where the finished folder shall stand; a table of scores that stands there is replaced.
    folder : path, optional
        An existing folder on the same file system to write aside in, by default the target's own.

    Yields
    ------
    path : Path
        Hidden; nothing stands there yet.

    Raises
    ------
    InputError
        If it cannot be written, or would replace something else than a table of scores.
    """
    target = Path(target).expanduser()
    require_replaceable(target)
    mark = f"{os.getpid()}.{os.urandom(3).hex()}"
    name = f".{target.stem}.{mark}.part{target.suffix}"
    aside = require_writable(target.with_name(name) if folder is None else Path(folder) / name)
    before = target.with_name(f".{target.stem}.{mark}.old{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {target.parent}: {error.strerror}.") from error
    try:
        yield aside
        # A folder cannot replace another one in a single step: for a moment none has the name.
        if target.exists():
            os.rename(target, before)
        os.rename(aside, target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        if before.exists() and not target.exists():
            os.rename(before, target)
        raise
    shutil.rmtree(before, ignore_errors=True)


def require_replaceable(target: Path) -> None:
    """Check that what stands at a folder's place, if anything, is a table of scores.

    Raises
    ------
    InputError
        If it is something else.
    """
    if target.exists() and not _is_ours(target):
        raise InputError(
            f"Cannot write {target}: it exists and is no table of scores that seqdl wrote. "
            "Give another name, or remove it."
        )


def _is_ours(folder: Path) -> bool:
    try:
        return json.loads((folder / ".zattrs").read_text(encoding="utf-8")).get("format") == FORMAT
    except (OSError, ValueError, AttributeError):
        return False


class ZarrWriter:
    """One growing array per column and per score.

    Parameters
    ----------
    path : Path
        Ends in .zarr.
    meta : ScoreMeta
    storage : {"float32", "float16"}
        Of the effects.
    target_table : sequence of mappings, one per target, or empty
        What else is known of the targets.
    """

    def __init__(
        self,
        path: Path,
        meta: ScoreMeta,
        storage: str = "float32",
        target_table: Sequence[Mapping[str, object]] = (),
    ) -> None:
        self._zarr = require_zarr()
        self._path, self._meta = path, meta
        # Version 2 of the format is what every reader knows; texts have a settled encoding in it.
        self._group = self._zarr.open_group(str(path), mode="w", zarr_format=2)
        self._group.attrs.update(root_attributes(meta, storage))
        rows = _CHUNK_BYTES // (4 * len(meta.targets))
        self._chunk_rows = min(max(rows, _ROWS_AT_LEAST), _ROWS_AT_MOST)
        self._arrays = arrays_of(meta, storage)
        self._create(self._arrays)
        columns = target_columns(meta, target_table)
        columns = {
            "target_ids": columns["name"],
            "target_labels": columns["label"],
            **{f"targets/{key.replace('/', '_')}": values for key, values in columns.items()},
        }
        for name, values in columns.items():
            data = self._new(name, (len(values),), (len(values),), str)
            data.attrs["_ARRAY_DIMENSIONS"] = ["target"]
            data[:] = np.array(values, dtype=object)
        self._waiting: dict[str, list] = {}
        self._rows = 0
        self._begun = self._closed = False

    def _new(self, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], kind):
        return self._group.create_array(name, shape=shape, chunks=chunks, dtype=kind)

    def _create(self, arrays: Mapping[str, Array]) -> None:
        for name, array in arrays.items():
            width = () if array.targets is None else (array.targets,)
            kind = str if array.kind == "text" else array.kind
            data = self._new(name, (0, *width), (self._chunk_rows, *width), kind)
            # What xarray takes the dimensions' names from.
            data.attrs.update({**array.attrs, "_ARRAY_DIMENSIONS": ["allele", "target"][: 1 + len(width)]})

    def _begin(self, notes: Mapping[str, list[str] | np.ndarray]) -> None:
        if not self._begun:
            self._create(note_arrays(self._meta, notes))
        self._begun = True

    def write(self, block: ScoredBlock) -> None:
        """Append a block's scored rows; they are written when a chunk is full."""
        self._begin(block.notes)
        for name, values in rows_of(block, self._meta, self._arrays).items():
            values = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
            self._waiting.setdefault(name, []).append(values)
        self._rows += len(block.rows)
        self._flush(self._rows - self._rows % self._chunk_rows)

    def _flush(self, rows: int) -> None:
        """Write the first `rows` of what waits: each chunk's file is written once."""
        if rows:
            for name, parts in self._waiting.items():
                values = np.concatenate(parts)
                self._group[name].append(values[:rows])
                self._waiting[name] = [values[rows:]]
        self._rows -= rows

    def close(self) -> None:
        """Let go of the folder."""
        if not self._closed:
            self._closed = True
            self._begin({})
            self._flush(self._rows)
            self._zarr.consolidate_metadata(str(self._path), zarr_format=2)

    def finish(self) -> str:
        """Finish the folder; there is nothing to note."""
        self.close()
        return ""
