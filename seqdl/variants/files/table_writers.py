"""Scores as arrays, for HDF5 and Zarr, and HDF5 output; the layout stands in `seqdl.variants.files.writers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.variants.coverage_scores import COVERAGE_SCORES
from seqdl.variants.scored import VERSION, ScoredBlock, ScoreMeta
from seqdl.variants.scores import SCORES

FORMAT = "seqdl-scores"
ROUNDING = "float16: a relative error of up to 2^-11 (0.05 %), an absolute one of up to 2^-25 below 6.1e-5"
FLOAT16_AT_MOST = 65504.0
_CHUNK_BYTES = 1 << 18
_TEXTS = {"snp": "ids", "chr": "chroms", "ref_allele": "refs", "alt_allele": "alts"}


class Array(NamedTuple):
    """One growing array: `kind` is "text" or a NumPy code; `targets` columns, or None for one dimension."""

    kind: str
    targets: int | None
    attrs: dict[str, str]


def arrays_of(meta: ScoreMeta, storage: str) -> dict[str, Array]:
    """Return the arrays of a table but for its notes.

    Parameters
    ----------
    meta : ScoreMeta
    storage : {"float32", "float16"}
        Of the effects; predictions, derived columns and the summary stay float32: percentiles near 100,
        small p-values and large totals would lose what they are for.

    Returns
    -------
    arrays : dict of Array
        By their name.
    """
    size, predictions = meta.best
    arrays = {name: Array("text", None, {}) for name in (*_TEXTS, "flag")}
    arrays["pos"] = Array("i8", None, {"description": "1-based, as in VCF"})
    arrays["max_target"] = Array("i4", None, {"description": f"place in target_ids of the largest {size}"})
    for name, allele in (("max_ref", "reference"), ("max_alt", "alternative")):
        told = f"of that target ({predictions}) for the {allele} allele"
        arrays[name] = Array("f4", None, {"description": told})
    arrays["max_abs_diff"] = Array("f4", None, {"description": size})
    known = COVERAGE_SCORES if meta.task == "coverage" else SCORES
    for column in meta.columns:
        attrs = {"formula": column.formula, "description": column.meaning}
        half = storage == "float16" and column.name in known and known[column.name].effect
        if half:
            attrs["rounding"] = ROUNDING
        arrays[column.name] = Array("f2" if half else "f4", len(meta.targets), attrs)
    return arrays


def note_arrays(meta: ScoreMeta, notes: Mapping[str, list[str] | np.ndarray]) -> dict[str, Array]:
    """Return the arrays of the notes, "notes/<name>"; the first block knows which of them are numbers."""
    return {
        f"notes/{note.name}": Array(
            "f4" if isinstance(notes.get(note.name), np.ndarray) else "text",
            None,
            {"formula": note.formula, "description": note.meaning},
        )
        for note in meta.notes
    }


def rows_of(block: ScoredBlock, meta: ScoreMeta, arrays: Mapping[str, Array]) -> dict[str, np.ndarray | list]:
    """Return a block's scored rows, array by array.

    Raises
    ------
    InputError
        If a score does not fit into float16.
    """
    chunk = block.chunk
    rows: dict[str, np.ndarray | list] = {
        name: block.scored(getattr(chunk, source)) for name, source in _TEXTS.items()
    }
    rows |= {"flag": block.flags, "pos": chunk.pos[block.rows], "max_target": block.max_target}
    rows |= {"max_ref": block.max_ref, "max_alt": block.max_alt, "max_abs_diff": block.max_abs_diff}
    for name in meta.scores:
        values = block.values[name]
        if arrays[name].kind == "f2":
            values = _halved(name, values, block, meta)
        rows[name] = values
    rows |= {f"notes/{note.name}": block.notes[note.name] for note in meta.notes}
    return rows


def _halved(name: str, values: np.ndarray, block: ScoredBlock, meta: ScoreMeta) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        large = np.argwhere(np.isfinite(values) & (np.abs(values) > FLOAT16_AT_MOST))
    if len(large):
        row, target = large[0].tolist()
        chunk, i = block.chunk, int(block.rows[row])
        raise InputError(
            f"The score {name} of {chunk.chroms[i]}:{chunk.pos[i]} {chunk.refs[i]}>{chunk.alts[i]} "
            f"for target {meta.targets[target]!r} is {values[row, target]:g}, more than float16 can hold "
            f"({FLOAT16_AT_MOST:g}). Store float32, or leave this score out."
        )
    return values.astype(np.float16)


def target_columns(meta: ScoreMeta, table: Sequence[Mapping[str, object]]) -> dict[str, list[str]]:
    """Return what is known of the targets, column by column: name, label, then what a card's rows hold.

    Parameters
    ----------
    meta : ScoreMeta
    table : sequence of mappings, one per target, or empty

    Returns
    -------
    columns : dict of lists of str
        An empty text where nothing is known.
    """
    columns = {"name": list(meta.targets), "label": list(meta.target_labels or meta.targets)}
    if len(table) == len(meta.targets):
        for key in dict.fromkeys(key for row in table for key in row if key not in columns):
            found = [row.get(key) for row in table]
            columns[str(key)] = ["" if value is None else str(value) for value in found]
    return columns


def root_attributes(meta: ScoreMeta, storage: str) -> dict[str, object]:
    """Return the attributes of the whole: format, version, meta (JSON), storage, and a text to be read."""
    about = "\n".join(f"{key}: {value}" for key, value in meta.lines())
    attrs = {"format": FORMAT, "version": VERSION, "meta": meta.json(), "about": about, "storage": storage}
    return attrs | ({"rounding": ROUNDING} if storage == "float16" else {})


class H5Writer:
    """One growing dataset per column and per score; the arguments are those of `open_writer`."""

    def __init__(
        self,
        path: Path,
        meta: ScoreMeta,
        storage: str = "float32",
        compression: str = "none",
        target_table: Sequence[Mapping[str, object]] = (),
    ) -> None:
        import h5py

        from seqdl.io.hdf5 import HDF5Writer

        self._meta, self._packed = meta, None if compression == "none" else compression
        self._file = file = HDF5Writer(path)
        text = h5py.string_dtype()
        for key, value in root_attributes(meta, storage).items():
            file.attrs[key] = value
        self._arrays = arrays_of(meta, storage)
        self._create(self._arrays)
        columns = target_columns(meta, target_table)
        file.create_dataset("target_ids", data=columns["name"], dtype=text)
        file.create_dataset("target_labels", data=columns["label"], dtype=text)
        for key, values in columns.items():
            file.create_dataset(f"targets/{key.replace('/', '_')}", data=values, dtype=text)
        self._begun = False

    def _create(self, arrays: Mapping[str, Array]) -> None:
        import h5py

        for name, array in arrays.items():
            kind = h5py.string_dtype() if array.kind == "text" else array.kind
            if array.targets is None:
                data = self._file.create_dataset(name, (0,), kind, maxshape=(None,), chunks=(4096,))
            else:
                width = array.targets
                rows = max(1, _CHUNK_BYTES // (np.dtype(kind).itemsize * width))
                data = self._file.create_dataset(
                    name, (0, width), kind, maxshape=(None, width), chunks=(rows, width),
                    compression=self._packed, shuffle=self._packed is not None,
                )  # fmt: skip
            for key, value in array.attrs.items():
                data.attrs[key] = value

    def _begin(self, notes: Mapping[str, list[str] | np.ndarray]) -> None:
        if not self._begun:
            self._create(note_arrays(self._meta, notes))
        self._begun = True

    def write(self, block: ScoredBlock) -> None:
        """Append a block's scored rows."""
        self._begin(block.notes)
        if not len(block.rows):
            return
        before = self._file["pos"].shape[0]
        for name, values in rows_of(block, self._meta, self._arrays).items():
            self._file[name].resize(before + len(values), axis=0)
            self._file[name][before:] = values
        self._file.check()

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._begin({})
            self._file.close()

    def finish(self) -> str:
        """Close the file; there is nothing to note."""
        self.close()
        return ""
