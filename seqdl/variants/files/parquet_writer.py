"""Parquet output, wide or long; the layout stands in `seqdl.variants.files.writers`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from seqdl.io.parquet import require_pyarrow
from seqdl.variants.files.table_writers import target_columns
from seqdl.variants.scored import KEYS, SUMMARY, ScoredBlock, ScoreMeta, column_names, stacked

_GROUP_BYTES = 1 << 25
_TEXT_BYTES = 6 * 4  # what a row's texts take as places in a dictionary


def long_name(score: str) -> str:
    """Return a score's column in the long layout, where ``ref`` and ``alt`` are the alleles' letters."""
    return f"{score}_prediction" if score in ("ref", "alt") else score


class ParquetWriter:
    """A table in row groups of about 32 MB.

    Parameters
    ----------
    path : Path
        Ends in .parquet.
    meta : ScoreMeta
        For the schema's metadata.
    layout : {"wide", "long"}
        A column per target and score, or a row per allele and target.
    target_table : sequence of mappings, one per target, or empty
        What else is known of the targets.
    """

    def __init__(
        self,
        path: Path,
        meta: ScoreMeta,
        layout: str = "wide",
        target_table: Sequence[Mapping[str, object]] = (),
    ) -> None:
        require_pyarrow()
        self._path, self._meta, self._long = path, meta, layout == "long"
        columns = target_columns(meta, target_table)
        targets = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        self._metadata = {"seqdl": meta.json(), "seqdl_layout": layout, "seqdl_targets": json.dumps(targets)}
        self._numbers = len(meta.scores) * (1 if self._long else len(meta.targets))
        self._group_rows = max(1, _GROUP_BYTES // (4 * (self._numbers + 3) + 8 + _TEXT_BYTES))
        self._writer = self._schema = None
        self._waiting: list[object] = []
        self._rows = 0
        self._closed = False

    def _begin(self, notes: Mapping[str, list[str] | np.ndarray]) -> None:
        """Open the file, once: the first block knows which notes are numbers."""
        if self._writer is not None:
            return
        import pyarrow as pa

        meta, parquet = self._meta, require_pyarrow()
        # Dictionaries in memory; in the file they are an encoding, and the columns are plain strings.
        text, number = pa.dictionary(pa.int32(), pa.string()), pa.float32()
        keys = list(zip([key.lstrip("#") for key in KEYS], [text, pa.int64(), text, text, text], strict=True))
        summary = list(zip(SUMMARY, [text, text, number, number, number], strict=True))
        told = [
            (note.name.upper(), number if isinstance(notes.get(note.name), np.ndarray) else text)
            for note in meta.notes
        ]
        if self._long:
            scores = [(long_name(name), number) for name in meta.scores]
            keys, told, summary = ([(n.lower(), k) for n, k in part] for part in (keys, told, summary))
            fields = [*keys, summary[0], ("target", text), *scores, *told, *summary[1:]]
        else:
            scores = [(name, number) for name in column_names(meta)]
            fields = [*keys, *summary, *told, *scores]
        self._schema = pa.schema(fields)
        names = {name for name, _ in scores}
        self._writer = parquet.ParquetWriter(
            self._path, self._schema, compression="zstd", store_schema=False,
            use_dictionary=[name for name, _ in fields if name not in names and name.lower() != "pos"],
        )  # fmt: skip
        self._writer.add_key_value_metadata(self._metadata)

    def write(self, block: ScoredBlock) -> None:
        """Append a block's scored rows; they are written when a row group is full."""
        import pyarrow as pa

        self._begin(block.notes)
        for columns in self._long_rows(block) if self._long else self._wide_rows(block):
            table = pa.Table.from_arrays(columns, schema=self._schema)
            self._waiting.append(table)
            self._rows += len(table)
            self._flush(self._group_rows)

    def _alleles(self, block: ScoredBlock) -> tuple[list, list, list]:
        """Return the columns that an allele has once: keys, summary, notes."""
        chunk = block.chunk
        labels = np.array(self._meta.targets, dtype=object)[block.max_target].tolist()
        keys = [_texts(block.scored(chunk.chroms)), _array(chunk.pos[block.rows])]
        keys += [_texts(block.scored(column)) for column in (chunk.ids, chunk.refs, chunk.alts)]
        summary = [_texts(block.flags), _texts(labels)]
        summary += [_array(x) for x in (block.max_ref, block.max_alt, block.max_abs_diff)]
        notes = [block.notes[note.name] for note in self._meta.notes]
        return keys, summary, [_array(x) if isinstance(x, np.ndarray) else _texts(x) for x in notes]

    def _wide_rows(self, block: ScoredBlock) -> Iterator[list]:
        keys, summary, notes = self._alleles(block)
        values = np.ascontiguousarray(stacked(block, self._meta).T)
        yield [*keys, *summary, *notes, *map(_array, values)]

    def _long_rows(self, block: ScoredBlock) -> Iterator[list]:
        """Yield stretches of a block with at most a row group's rows each."""
        import pyarrow as pa

        keys, summary, notes = self._alleles(block)
        targets = pa.array(self._meta.targets)
        number = len(targets)
        step = max(1, self._group_rows // number)
        for start in range(0, len(block.rows), step):
            part = slice(start, min(start + step, len(block.rows)))
            every = np.repeat(np.arange(part.start, part.stop, dtype=np.int32), number)
            places = np.tile(np.arange(number, dtype=np.int32), part.stop - part.start)
            repeated = [column.take(pa.array(every)) for column in (*keys, *summary, *notes)]
            k, s = len(keys), len(keys) + len(summary)
            scores = [_array(block.values[name][part].ravel()) for name in self._meta.scores]
            target = pa.DictionaryArray.from_arrays(pa.array(places), targets)
            yield [*repeated[:k], repeated[k], target, *scores, *repeated[s:], *repeated[k + 1 : s]]

    def _flush(self, at_least: int) -> None:
        """Write full row groups, or all that waits."""
        import pyarrow as pa

        while self._rows >= max(at_least, 1):
            table = pa.concat_tables(self._waiting).unify_dictionaries()
            group = table.slice(0, self._group_rows)
            self._writer.write_table(group.combine_chunks(), row_group_size=self._group_rows)
            self._rows -= len(group)
            self._waiting = [table.slice(len(group))] if self._rows else []

    def close(self) -> None:
        """Let go of the file."""
        if not self._closed:
            self._closed = True
            self._begin({})
            self._flush(1)
            self._writer.close()

    def finish(self) -> str:
        """Close the file; there is nothing to note."""
        self.close()
        return ""


def _texts(values: list[str]):
    import pyarrow as pa

    return pa.array(values, pa.string()).dictionary_encode()


def _array(values: np.ndarray):
    import pyarrow as pa

    return pa.array(values)
