"""Targets of a dataset: which peak files, how they are called, and what they measure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from seqdl.data.bins import Peaks
from seqdl.data.dataset_file import TARGET_COLUMNS
from seqdl.data.encode_names import parse_encode_name
from seqdl.errors import InputError
from seqdl.files import read_lines
from seqdl.io.bed import BedTable, place, read_bed
from seqdl.io.chromosomes import reconcile
from seqdl.io.signal import SIGNAL_SUFFIX
from seqdl.progress import track
from seqdl.words import few, suggest

# What files of a folder are taken (tables are .tsv too), and what stands after a target's name.
_SUFFIXES = {
    "peaks": re.compile(r"\.(bed|narrowpeak|broadpeak)(\.b?gz)?$", re.IGNORECASE),
    "coverage": SIGNAL_SUFFIX,
}
_TABLE = re.compile(r"(?<!fragments)\.tsv(\.b?gz)?$", re.IGNORECASE)
_NAMED = {
    "peaks": ".bed, .narrowPeak or .broadPeak",
    "coverage": ".bw, .bigWig, .bam, .cram, .bed, .bedpe or fragments.tsv",
}


class Target(NamedTuple):
    """One target of the dataset: its file and its row in the target table; further columns in `extra`."""

    path: Path
    name: str
    cell: str = ""
    assay: str = ""
    treatment: str = ""
    category: str = ""
    unit: str = "peak"
    extra: Mapping[str, str] = MappingProxyType({})


def target_stem(path: str | Path, what: str = "peaks") -> str:
    """Return the name of a file of "peaks" or "coverage" without its suffixes, .gz among them."""
    return _SUFFIXES[what].sub("", Path(path).name)


def collect_targets(
    peaks: Sequence[str | Path] | str | Path | None,
    table: str | Path | None = None,
    category: str = "",
    what: str = "peaks",
    more: Sequence[str] = (),
) -> tuple[list[Target], list[str]]:
    """List the targets that files, folders of them and a target table describe.

    Parameters
    ----------
    peaks : path or sequence of paths, optional
        Files, and folders whose files with a known suffix are taken: ``*.bed``, ``*.narrowPeak`` and
        ``*.broadPeak`` for peaks, ``*.bw``, ``*.bam``, ``*.bedpe`` and more for coverage, also ``.gz``.
    table : path, optional
        TSV with a header: ``file`` (or ``path``), and any of name, cell, assay, treatment, category, unit.
        Together with `peaks` it describes those files; alone it also says which, relative to its own folder.
    category : str
        For targets of which nothing else says it.
    what : {"peaks", "coverage"}
        What the files hold.
    more : sequence of str
        Further columns of the table, kept in `Target.extra`.

    Returns
    -------
    targets : list of Target
        In the order given, files of a folder by name.
    notes : list of str
        What a person should know.

    Raises
    ------
    InputError
        If there are no files, two targets share a name, or the table is not usable.
    """
    notes: list[str] = []
    rows = read_target_table(table, more) if table is not None else {}
    if peaks is None:
        if table is None:
            raise InputError(f"A dataset needs `{what}` (files or folders) or a `targets` table.")
        base = Path(table).expanduser().parent
        files = [base / Path(file).expanduser() for file in rows]
        keys = list(rows)
    else:
        files = _list_files([peaks] if isinstance(peaks, (str, Path)) else peaks, notes, what)
        keys = [_key(f, rows) for f in files]
    targets, parsed = [], 0
    for file, key in zip(files, keys, strict=True):
        row = rows.get(key, {})
        stem = target_stem(file, what)
        known = parse_encode_name(stem) or {}
        parsed += bool(known) and not row.get("category")
        given = {k: v for k, v in row.items() if v}
        fields = {k: v for k, v in given.items() if k in TARGET_COLUMNS}
        fields = {"name": stem, "category": category} | known | fields
        targets.append(Target(path=file, **fields, extra={k: v for k, v in given.items() if k in more}))
    if parsed:
        notes.append(
            f"targets: {parsed} files have ENCODE uniform names; cell, assay and category are read from them"
        )
    if rows and peaks is not None:
        lacking = [t.path.name for t, k in zip(targets, keys, strict=True) if k not in rows]
        spare = len(rows) - len(set(keys) & set(rows))
        if lacking:
            notes.append(f"targets: {len(lacking)} files have no row in {table}, such as {lacking[0]}")
        if spare:
            notes.append(f"targets: {spare} rows of {table} name files that --{what} does not give; left out")
    return _unique_names(targets, notes), notes


def read_target_table(path: str | Path, more: Sequence[str] = ()) -> dict[str, dict[str, str]]:
    """Read a target table: file → its fields.

    Parameters
    ----------
    path : path
    more : sequence of str
        Columns to keep besides those of `TARGET_COLUMNS`.

    Returns
    -------
    rows : dict

    Raises
    ------
    InputError
        With file and line: no ``file`` or ``path`` column, a line of another width, a file named twice.
    """
    lines = [
        (n, line)
        for n, line in read_lines(path, "target table")
        if line.strip() and not line.startswith("##")
    ]
    header = [h.strip().lstrip("#").lower() for h in lines[0][1].split("\t")] if lines else []
    which = next((c for c in ("file", "path") if c in header), None)
    if which is None:
        raise InputError(
            f"{path}:{lines[0][0] if lines else 1}: a target table is tab-separated and its header "
            "has a column 'file'."
            f" Received: {', '.join(header) or 'nothing'}.{suggest('file', header)}"
        )
    known = (which, *TARGET_COLUMNS, *more)
    for column in header:
        near = get_close_matches(column, known, n=1, cutoff=0.75)
        if near and column not in known:
            # Passed over in silence, a misspelt 'scale' would leave a track unscaled.
            raise InputError(
                f"{path}:{lines[0][0]}: the column {column!r} is none of {', '.join(known)}. Did you mean "
                f"{near[0]!r}? If it is something else, give it another name."
            )
    rows: dict[str, dict[str, str]] = {}
    for number, line in lines[1:]:
        fields = [f.strip() for f in line.split("\t")]
        if len(fields) != len(header):
            raise InputError(
                f"{path}:{number}: the header has {len(header)} columns. Received {len(fields)}: {line!r}."
            )
        row = dict(zip(header, fields, strict=True))
        if not row[which] or row[which] in rows:
            raise InputError(f"{path}:{number}: each line names its own file. Received: {row[which]!r}.")
        rows[row[which]] = {k: v for k, v in row.items() if k in TARGET_COLUMNS or k in more}
    if not rows:
        raise InputError(f"The target table {path} has a header and no target.")
    return rows


def read_peaks(
    targets: Sequence[Target], genome, alias=None, clip: bool = False, min_peaks: int = 1
) -> tuple[list[Target], Peaks, list[int], list[str]]:
    """Read the targets' peaks onto a genome.

    Parameters
    ----------
    targets : sequence of Target
    genome : seqdl.Genome
    alias : mapping or path, optional
        As in `seqdl.io.chromosomes.reconcile`.
    clip : bool
        Cut peaks at the contig's end instead of raising.
    min_peaks : int
        Targets with fewer peaks on the genome's contigs are left out, and listed in the notes.

    Returns
    -------
    targets : list of Target
        Those that stay.
    peaks : Peaks
    counts : list of int
        Peaks of each target.
    notes : list of str

    Raises
    ------
    InputError
        If a file is not usable, or no target has enough peaks.
    """
    min_peaks = max(min_peaks, 1)
    reading = track(targets, None, "Reading peaks", "files")
    # A file of headers only is a target without peaks here: listed, as any with too few.
    tables: list[BedTable] = [read_bed(t.path, "peak file", allow_none=True) for t in reading]
    names = reconcile(
        (c for t in tables for c in np.unique(t.chrom.astype(str))), genome.names, alias, what="peaks"
    )
    notes = names.report.splitlines()
    kept, parts, counts, few, dropped = [], [], [], [], Counter()
    for target, table in zip(targets, tables, strict=True):
        placed = place(table, names, genome.names, genome.sizes, clip)
        dropped.update(unknown=placed.unknown, clipped=placed.clipped, outside=placed.outside)
        n = len(placed.contig_ids)
        if n < min_peaks:
            few.append(f"{target.name} ({n})")
            continue
        parts.append(
            (np.full(n, len(kept), np.int32), placed.contig_ids, *(placed.table[i] for i in (1, 2, 6)))
        )
        kept.append(target)
        counts.append(n)
    for key, text in (
        ("unknown", "peaks on contigs that the genome has not: left out"),
        ("clipped", "peaks cut at their contig's end (--clip)"),
        ("outside", "peaks wholly past their contig's end: left out (--clip)"),
    ):
        if dropped[key]:
            notes.append(f"peaks: {dropped[key]:,} {text}")
    if few:
        notes.append(f"targets: {len(few)} with fewer than {min_peaks} peaks left out: {', '.join(few)}")
    if not kept:
        raise InputError(
            f"No target has {min_peaks} peaks or more (--min-peaks); the {len(targets)} files have fewer."
        )
    return kept, Peaks(*(np.concatenate(column) for column in zip(*parts, strict=True))), counts, notes


def _list_files(paths: Sequence[str | Path], notes: list[str], what: str) -> list[Path]:
    suffix = _SUFFIXES[what]
    files: list[Path] = []
    for given in (Path(p).expanduser() for p in paths):
        if not given.is_dir():
            files.append(given)
            continue
        found = sorted(p for p in given.iterdir() if p.is_file() and not p.name.startswith("."))
        taken = [p for p in found if suffix.search(p.name) and not _TABLE.search(p.name)]
        if not taken:
            below = sorted({p.parent for p in given.glob("*/*") if suffix.search(p.name)})
            hint = f" Its sub-folders have: --{what} {' '.join(map(str, below[:3]))}" if below else ""
            raise InputError(f"The folder {given} holds no {_NAMED[what]} file.{hint}")
        if len(taken) < len(found):
            others = [p.name for p in found if p not in set(taken)]
            notes.append(f"{what}: {len(others)} other files in {given} are not {what}: {few(others)}")
        files += taken
    return list(dict.fromkeys(files))


def _key(file: Path, rows: dict[str, dict[str, str]]) -> str:
    """Find a file's row by its path as given, its end or its name."""
    for parts in range(len(file.parts), 0, -1):
        tail = str(Path(*file.parts[-parts:]))
        if tail in rows:
            return tail
    return str(file)


def _unique_names(targets: list[Target], notes: list[str]) -> list[Target]:
    """Put the folder before names that two files share; what still is not unique is an error."""
    twice = {n for n, k in Counter(t.name for t in targets).items() if k > 1}
    if twice:
        targets = [
            t._replace(name=f"{t.path.resolve().parent.name}_{t.name}") if t.name in twice else t
            for t in targets
        ]
        notes.append(
            f"targets: {len(twice)} names stand in several folders; the folder's name goes before them"
        )
    name, many = Counter(t.name for t in targets).most_common(1)[0]
    if many > 1:
        raise InputError(
            f"Two targets are called {name!r}: "
            f"{' and '.join(str(t.path) for t in targets if t.name == name)}. "
            f"Give names in a target table (--targets)."
        )
    return targets
