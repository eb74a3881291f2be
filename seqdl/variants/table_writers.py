"""HDF5 and Parquet output, appended block by block; the layout stands in `seqdl.variants.writers`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqdl.io.parquet import require_pyarrow
from seqdl.variants.scored import KEYS, SUMMARY, VERSION, ScoredBlock, ScoreMeta, column_names, stacked

_CHUNK_BYTES = 1 << 20
_GROUP_BYTES = 1 << 25


class H5Writer:
    """One growing dataset per column and per score; the arguments are those of `open_writer`."""

    def __init__(self, path: Path, meta: ScoreMeta) -> None:
        import h5py

        from seqdl.io.hdf5 import HDF5Writer

        self._file = file = HDF5Writer(path)
        file.attrs["format"], file.attrs["version"], file.attrs["meta"] = "seqdl-scores", VERSION, meta.json()
        text = h5py.string_dtype()
        for name in ("snp", "chr", "ref_allele", "alt_allele", "flag"):
            file.create_dataset(name, (0,), text, maxshape=(None,), chunks=(4096,))
        for name, kind in (("pos", "i8"), ("max_target", "i4")):
            file.create_dataset(name, (0,), kind, maxshape=(None,), chunks=(4096,))
        for name in ("max_ref", "max_alt", "max_abs_diff"):
            file.create_dataset(name, (0,), "f4", maxshape=(None,), chunks=(4096,))
        file["pos"].attrs["description"] = "1-based, as in VCF"
        file["max_target"].attrs["description"] = "place in target_ids of the largest |P(alt) - P(ref)|"
        file.create_dataset("target_ids", data=list(meta.targets), dtype=text)
        file.create_dataset("target_labels", data=list(meta.target_labels or meta.targets), dtype=text)
        targets = len(meta.targets)
        rows = max(1, _CHUNK_BYTES // (4 * targets))
        for column in meta.columns:
            name = column.name
            data = file.create_dataset(
                name, (0, targets), "f4", maxshape=(None, targets), chunks=(rows, targets)
            )
            data.attrs["formula"], data.attrs["description"] = column.formula, column.meaning

    def write(self, block: ScoredBlock) -> None:
        """Append a block's scored rows."""
        chunk = block.chunk
        columns = {
            "snp": block.scored(chunk.ids),
            "chr": block.scored(chunk.chroms),
            "pos": chunk.pos[block.rows],
            "ref_allele": block.scored(chunk.refs),
            "alt_allele": block.scored(chunk.alts),
            "flag": block.flags,
            "max_target": block.max_target,
            "max_ref": block.max_ref,
            "max_alt": block.max_alt,
            "max_abs_diff": block.max_abs_diff,
            **block.values,
        }
        before = self._file["pos"].shape[0]
        for name, values in columns.items():
            if len(values):
                self._file[name].resize(before + len(values), axis=0)
                self._file[name][before:] = values
        self._file.check()

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class ParquetWriter:
    """A wide table, row groups of about 32 MB; the arguments are those of `open_writer`."""

    def __init__(self, path: Path, meta: ScoreMeta) -> None:
        import pyarrow as pa

        parquet = require_pyarrow()
        self._meta = meta
        text, number = pa.string(), pa.float32()
        kinds = [text, pa.int64(), text, text, text, text, text, number, number, number]
        names = [name.lstrip("#") for name in KEYS] + list(SUMMARY)
        fields = [*zip(names, kinds, strict=True), *((name, number) for name in column_names(meta))]
        self._schema = pa.schema(fields, metadata={"seqdl": meta.json()})
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._waiting: list[object] = []
        self._bytes = 0

    def write(self, block: ScoredBlock) -> None:
        """Append a block's scored rows; they are written when a row group is full."""
        import pyarrow as pa

        chunk, values = block.chunk, stacked(block, self._meta)
        columns = [
            block.scored(chunk.chroms), chunk.pos[block.rows], block.scored(chunk.ids),
            block.scored(chunk.refs), block.scored(chunk.alts), block.flags,
            [self._meta.targets[t] for t in block.max_target.tolist()],
            block.max_ref, block.max_alt, block.max_abs_diff,
            *np.ascontiguousarray(values.T),
        ]  # fmt: skip
        arrays = [pa.array(c, type=f.type) for c, f in zip(columns, self._schema, strict=True)]
        self._waiting.append(pa.Table.from_arrays(arrays, schema=self._schema))
        self._bytes += values.nbytes
        if self._bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting).combine_chunks())
        self._waiting, self._bytes = [], 0

    def close(self) -> None:
        """Finish the file."""
        self._flush()
        self._writer.close()
