"""VCF output: every record of the input, in order, with what was found in its INFO column.

- ``SEQDL_<SCORE>`` (Number=A, Type=Float): the score of the allele's target with the largest
  ``|P(alt) - P(ref)|``, which ``SEQDL_TARGET`` (Number=A, Type=String) names; or, where at most 20 targets
  were selected, ``SEQDL_<SCORE>_<target>`` for each of them.
- ``SEQDL_FLAG`` (Number=A): warnings, joined by ``&``. ``SEQDL_REJECT``: why an allele has no score.

An allele without a value has "." in its place, so that Number=A stays aligned with ALT. Fields of an
earlier run of seqdl are replaced.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import numpy as np

from seqdl.io.bgzip import open_bytes
from seqdl.variants.scored import FLOAT, ScoredBlock, ScoreMeta
from seqdl.variants.scores import SIGN
from seqdl.variants.screen import FLAGS, REASONS

PER_TARGET_AT_MOST = 20
_PREFIX = "SEQDL_"
_RESERVED = " \t,;=%&|"


def _escape(text: str) -> str:
    """Percent-encode what VCF gives a meaning to."""
    return "".join(quote(c) if c in _RESERVED else c for c in text)


def _info(key: str, number: str, kind: str, description: str) -> str:
    description = description.replace("\\", "\\\\").replace('"', '\\"')
    return f'##INFO=<ID={key},Number={number},Type={kind},Description="{description}">'


def target_keys(targets: tuple[str, ...]) -> list[str]:
    """Turn target names into parts of INFO keys: letters, digits, "_" and "."; equal ones get a number."""
    keys: list[str] = []
    for target in targets:
        key = base = re.sub(r"[^0-9A-Za-z_.]+", "_", target)
        number = 2
        while key in keys:
            key, number = f"{base}_{number}", number + 1
        keys.append(key)
    return keys


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
    contigs : dict
        Lengths of contigs by their names in the VCF; those that the header lacks are declared.
    """

    def __init__(self, path: Path, meta: ScoreMeta, header: str, contigs: dict[str, int]) -> None:
        self._meta = meta
        self._per_target = meta.selected and len(meta.targets) <= PER_TARGET_AT_MOST
        self._labels = np.array([_escape(t) for t in meta.targets], dtype=object)
        self._file = open_bytes(path)
        self._replaces = f"##INFO=<ID={_PREFIX}" in header
        lines = [
            line for line in header.splitlines() if not line.startswith((f"##INFO=<ID={_PREFIX}", "##seqdl_"))
        ]
        columns = lines.pop()
        declared = set(re.findall(r"^##contig=<(?:.*,)?ID=([^,>]+)", header, re.MULTILINE))
        lines += [
            f"##contig=<ID={name},length={size}>" for name, size in contigs.items() if name not in declared
        ]
        lines += [f"##seqdl_{key}={value}" for key, value in meta.lines()]
        lines += [*self._info_lines(), columns]
        self._file.write(("\n".join(lines) + "\n").encode())

    def _fields(self) -> list[tuple[str, str, int | None]]:
        """Return (INFO key, score, target or None for the one with the largest effect)."""
        scores = self._meta.scores
        if not self._per_target:
            return [(f"{_PREFIX}{s.upper()}", s, None) for s in scores]
        keys = target_keys(self._meta.targets)
        return [(f"{_PREFIX}{s.upper()}_{key}", s, t) for t, key in enumerate(keys) for s in scores]

    def _info_lines(self) -> list[str]:
        lines = []
        formulas = {column.name: column.formula for column in self._meta.columns}
        for key, score, target in self._fields():
            where = "the target in SEQDL_TARGET" if target is None else f"target {self._meta.targets[target]}"
            lines.append(_info(key, "A", "Float", f"{formulas[score]} for {where}; sign {SIGN}"))
        if not self._per_target:
            lines.append(
                _info(f"{_PREFIX}TARGET", "A", "String", "Target with the largest |P(alt) - P(ref)|")
            )
        flags = "; ".join(f"{name}: {meaning}" for name, meaning in FLAGS.items())
        lines.append(_info(f"{_PREFIX}FLAG", "A", "String", f"Warnings, joined by & ({flags})"))
        reasons = "; ".join(f"{name}: {meaning}" for name, meaning in REASONS.items())
        # Number=. because a record without ALT has a reason and no allele.
        lines.append(_info(f"{_PREFIX}REJECT", ".", "String", f"Why an allele has no score ({reasons})"))
        return lines

    def write(self, block: ScoredBlock) -> None:
        """Append all records of a block."""
        n, rows = len(block.chunk.pos), block.rows
        texts: list[tuple[str, list[str]]] = []
        for key, score, target in self._fields():
            values = block.values[score]
            picked = values[np.arange(len(rows)), block.max_target if target is None else target]
            texts.append((key, _spread(n, rows, [FLOAT % v for v in picked.tolist()])))
        if not self._per_target:
            texts.append((f"{_PREFIX}TARGET", _spread(n, rows, self._labels[block.max_target].tolist())))
        texts.append((f"{_PREFIX}FLAG", _spread(n, rows, [f.replace(";", "&") for f in block.flags])))
        texts.append((f"{_PREFIX}REJECT", [reason or "." for reason in block.reasons]))
        first = np.flatnonzero(np.diff(block.chunk.record, prepend=-1))
        bounds = [*first.tolist(), n]
        out = []
        for line, a, b in zip(block.chunk.lines, bounds[:-1], bounds[1:], strict=True):
            # A field that is missing for every allele of the record is left out.
            parts = [
                f"{key}={','.join(text[a:b])}" for key, text in texts if any(t != "." for t in text[a:b])
            ]
            columns = line.split("\t", 8)
            columns[7] = self._merge(columns[7], parts)
            out.append("\t".join(columns))
        self._file.write(("\n".join(out) + "\n").encode())

    def _merge(self, info: str, parts: list[str]) -> str:
        kept = [] if info == "." else info.split(";")
        if self._replaces:
            kept = [item for item in kept if not item.startswith(_PREFIX)]
        return ";".join([*kept, *parts]) or "."

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def _spread(n: int, rows: np.ndarray, texts: list[str]) -> list[str]:
    """Put the scored rows' texts to their places among `n` rows, "." elsewhere."""
    spread = ["."] * n
    for i, text in zip(rows.tolist(), texts, strict=True):
        spread[i] = text
    return spread
