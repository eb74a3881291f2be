"""TSV output, plain or bgzip with an index; the layout stands in `seqdl.variants.files.writers`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seqdl.variants.files.text_rows import IndexedText, format_rows, note_texts
from seqdl.variants.scored import KEYS, SUMMARY, VERSION, ScoredBlock, ScoreMeta, column_names, stacked
from seqdl.variants.screen import FLAGS

_CELLS_AT_ONCE = 100_000  # numbers that become text before they are written: about a megabyte


class TsvWriter:
    """One row per scored allele.

    Parameters
    ----------
    path : Path
        Ends in .tsv or .tsv.gz.
    meta : ScoreMeta
        For the header.
    contigs : mapping
        Lengths of contigs, for the index.
    """

    def __init__(self, path: Path, meta: ScoreMeta, contigs: Mapping[str, int | None]) -> None:
        self._meta = meta
        self._file = IndexedText(path, "tsv", contigs)
        self._labels = np.array([" ".join(target.split()) for target in meta.targets], dtype=object)
        self._begun = False

    def _begin(self, notes: Mapping[str, list[str] | np.ndarray]) -> None:
        """Write the header, once: the first block knows which notes are numbers."""
        if self._begun:
            return
        self._begun, meta = True, self._meta
        size, predictions = meta.best
        header = [
            ("seqdl-scores", str(VERSION)),
            *meta.lines(),
            *(("flag", f"{name}: {meaning}") for name, meaning in FLAGS.items()),
            ("max", f"MAX_TARGET has the largest {size}; MAX_REF and MAX_ALT are its {predictions}"),
        ]
        numbers = [note.name for note in meta.notes if isinstance(notes.get(note.name), np.ndarray)]
        if meta.notes:
            header.append(("numeric-notes", ",".join(numbers)))
        header.append(("meta", meta.json()))
        names = [*KEYS, *SUMMARY, *(note.name.upper() for note in meta.notes), *column_names(meta)]
        text = [" ".join(f"##{key}={value}".splitlines()) for key, value in header]
        self._file.write("\n".join([*text, "\t".join(names)]) + "\n")

    def write(self, block: ScoredBlock) -> None:
        """Append a block's scored rows."""
        self._begin(block.notes)
        if not len(block.rows):
            return
        chunk = block.chunk
        chroms, pos = block.scored(chunk.chroms), chunk.pos[block.rows]
        front = [
            chroms,
            list(map(str, pos.tolist())),
            *(block.scored(column) for column in (chunk.ids, chunk.refs, chunk.alts)),
            block.flags,
            self._labels[block.max_target].tolist(),
            format_rows(np.column_stack([block.max_ref, block.max_alt, block.max_abs_diff])),
            *(note_texts(block.notes[note.name]) for note in self._meta.notes),
        ]
        values = stacked(block, self._meta)
        step = max(1, _CELLS_AT_ONCE // values.shape[1])
        for start in range(0, len(pos), step):
            part = slice(start, start + step)
            columns = [*(column[part] for column in front), format_rows(values[part])]
            text = "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"
            self._file.write(text, chroms[part], pos[part])

    def close(self) -> None:
        """Let go of the file."""
        self._begin({})
        self._file.close()

    def finish(self) -> str:
        """Close the file and build its index; return a note if there is none."""
        self._begin({})
        return self._file.finish()
