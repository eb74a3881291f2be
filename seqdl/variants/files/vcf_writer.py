"""VCF output: every record of the input, in order, with what was found in its INFO column.

- ``SEQDL_<SCORE>`` (Number=A, Type=Float): the score of the allele's target with the largest effect, which
  ``SEQDL_TARGET`` (Number=A, Type=String) names; or, where at most 20 targets were selected,
  ``SEQDL_<SCORE>_<target>`` for each of them.
- ``SEQDL_<NOTE>`` (Number=A, Type=Float or String): what is known of the allele beside its targets.
- ``SEQDL_FLAG`` (Number=A): warnings, joined by ``&``. ``SEQDL_REJECT``: why an allele has no score.

An allele without a value has "." in its place, so that Number=A stays aligned with ALT. Fields of an
earlier run of seqdl are replaced. A .vcf.gz is bgzip and gets a tabix index where its records are sorted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seqdl.variants.files.text_rows import IndexedText, format_rows
from seqdl.variants.files.vcf_text import contig_lines, escape, info_keys, info_line
from seqdl.variants.scored import ScoredBlock, ScoreMeta
from seqdl.variants.scores import SIGN
from seqdl.variants.screen import FLAGS, REASONS

PER_TARGET_AT_MOST = 20
_PREFIX = "SEQDL_"
_OWN_KEYS = ("TARGET", "FLAG", "REJECT")


class VcfWriter:
    """Appends INFO fields to the input's records.

    Parameters
    ----------
    path : Path
        Ends in .vcf or .vcf.gz (bgzip).
    meta : ScoreMeta
        Scores stand per target where at most 20 targets were chosen by name.
    header : str
        The input's header.
    contigs : mapping
        Lengths of contigs by their names in the VCF; those that the header lacks are declared.
    """

    def __init__(self, path: Path, meta: ScoreMeta, header: str, contigs: Mapping[str, int | None]) -> None:
        self._meta = meta
        self._per_target = meta.selected and len(meta.targets) <= PER_TARGET_AT_MOST
        self._labels = np.array([escape(t) for t in meta.targets], dtype=object)
        self._fields = self._score_fields()
        taken = (*_OWN_KEYS, *(key[len(_PREFIX) :] for key, _, _ in self._fields))
        notes = info_keys((*taken, *(note.name.upper() for note in meta.notes)))[len(taken) :]
        self._notes = [f"{_PREFIX}{key}" for key in notes]
        self._replaces = f"##INFO=<ID={_PREFIX}" in header
        self._file = IndexedText(path, "vcf", contigs)
        # The header waits for the first block, which knows whether a note is a number or a text.
        self._header: tuple[str, list[str]] | None = (header, contig_lines(contigs, header))

    def _score_fields(self) -> list[tuple[str, str, int | None]]:
        """Return (INFO key, score, target or None for the one with the largest effect)."""
        scores = self._meta.scores
        if not self._per_target:
            return [(f"{_PREFIX}{s.upper()}", s, None) for s in scores]
        keys = info_keys(self._meta.targets)
        return [(f"{_PREFIX}{s.upper()}_{key}", s, t) for t, key in enumerate(keys) for s in scores]

    def _begin(self, notes: Mapping[str, list[str] | np.ndarray]) -> None:
        """Write the header, once."""
        if self._header is None:
            return
        (header, contigs), self._header = self._header, None
        lines = [
            line for line in header.splitlines() if not line.startswith((f"##INFO=<ID={_PREFIX}", "##seqdl_"))
        ]
        columns = lines.pop()
        described = [" ".join(f"##seqdl_{k}={v}".splitlines()) for k, v in self._meta.lines()]
        lines += [*contigs, *described, *self._info_lines(notes), columns]
        self._file.write("\n".join(lines) + "\n")

    def _info_lines(self, notes: Mapping[str, list[str] | np.ndarray]) -> list[str]:
        lines = []
        columns = {column.name: column for column in self._meta.columns}
        for key, score, target in self._fields:
            where = "the target in SEQDL_TARGET" if target is None else f"target {self._meta.targets[target]}"
            told = f"{columns[score].formula} for {where}: {columns[score].meaning}; sign {SIGN}"
            lines.append(info_line(key, "A", "Float", told))
        if not self._per_target:
            largest = f"Target with the largest {self._meta.best[0]}"
            lines.append(info_line(f"{_PREFIX}TARGET", "A", "String", largest))
        for key, note in zip(self._notes, self._meta.notes, strict=True):
            kind = "Float" if isinstance(notes.get(note.name), np.ndarray) else "String"
            lines.append(info_line(key, "A", kind, f"{note.formula}: {note.meaning}"))
        flags = "; ".join(f"{name}: {meaning}" for name, meaning in FLAGS.items())
        lines.append(info_line(f"{_PREFIX}FLAG", "A", "String", f"Warnings, joined by & ({flags})"))
        reasons = "; ".join(f"{name}: {meaning}" for name, meaning in REASONS.items())
        # Number=. because a record without ALT has a reason and no allele.
        lines.append(info_line(f"{_PREFIX}REJECT", ".", "String", f"Why an allele has no score ({reasons})"))
        return lines

    def write(self, block: ScoredBlock) -> None:
        """Append all records of a block."""
        self._begin(block.notes)
        if not block.chunk.lines:
            return
        first = np.flatnonzero(np.diff(block.chunk.record, prepend=-1))
        bounds = [*first.tolist(), len(block.chunk.pos)]
        # One list per field, with its text for each record; a field that no allele of a record has is "".
        fields = [_by_record(key, texts, bounds) for key, texts in self._texts(block)]
        lines = []
        for line, *parts in zip(block.chunk.lines, *fields, strict=True):
            columns = line.split("\t", 8)
            columns[7] = self._merge(columns[7], parts)
            lines.append("\t".join(columns))
        chroms = [block.chunk.chroms[i] for i in first.tolist()]
        self._file.write("\n".join(lines) + "\n", chroms, block.chunk.pos[first])

    def _texts(self, block: ScoredBlock) -> list[tuple[str, list[str]]]:
        """Return (INFO key, text for each allele) of every field."""
        n, rows = len(block.chunk.pos), block.rows
        texts: list[tuple[str, list[str]]] = []
        every = np.arange(len(rows))
        for key, score, target in self._fields:
            picked = block.values[score][every, block.max_target if target is None else target]
            texts.append((key, _spread(n, rows, _numbers(picked))))
        if not self._per_target:
            texts.append((f"{_PREFIX}TARGET", _spread(n, rows, self._labels[block.max_target].tolist())))
        for key, note in zip(self._notes, self._meta.notes, strict=True):
            values = block.notes[note.name]
            told = _numbers(values) if isinstance(values, np.ndarray) else [escape(v) or "." for v in values]
            texts.append((key, _spread(n, rows, told)))
        texts.append((f"{_PREFIX}FLAG", _spread(n, rows, [f.replace(";", "&") for f in block.flags])))
        texts.append((f"{_PREFIX}REJECT", [reason or "." for reason in block.reasons]))
        return texts

    def _merge(self, info: str, parts: list[str]) -> str:
        kept = [] if info == "." else info.split(";")
        if self._replaces:
            kept = [item for item in kept if not item.startswith(_PREFIX)]
        return ";".join([*kept, *filter(None, parts)]) or "."

    def close(self) -> None:
        """Let go of the file."""
        self._begin({})
        self._file.close()

    def finish(self) -> str:
        """Close the file and build its index; return a note if there is none."""
        self._begin({})
        return self._file.finish()


def _numbers(values: np.ndarray) -> list[str]:
    """Write numbers, "." for what is missing."""
    texts = format_rows(values[:, None])
    for i in np.flatnonzero(np.isnan(values)).tolist():
        texts[i] = "."
    return texts


def _spread(n: int, rows: np.ndarray, texts: list[str]) -> list[str]:
    """Put the scored rows' texts to their places among `n` rows, "." elsewhere."""
    if len(rows) == n:
        return texts
    spread = ["."] * n
    for i, text in zip(rows.tolist(), texts, strict=True):
        spread[i] = text
    return spread


def _by_record(key: str, texts: list[str], bounds: list[int]) -> list[str]:
    """Join the texts of each record's alleles to "key=text,text"; "" where all are missing."""
    if len(bounds) - 1 < len(texts):
        found = (texts[a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True))
        texts = [",".join(x) if any(t != "." for t in x) else "." for x in found]
    return ["" if text == "." else f"{key}={text}" for text in texts]
