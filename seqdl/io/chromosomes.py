"""Contig names brought to the genome's spelling: by stated rules, with a report, never in silence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from seqdl.errors import InputError
from seqdl.files import read_lines
from seqdl.words import few, suggest

EXACT = "same name"
ALIAS = "alias table"
PREFIX = "chr prefix"
MITOCHONDRION = "mitochondrion"
ROMAN = "roman numerals"

_PREFIX = re.compile(r"^chr", re.IGNORECASE)
_MITOCHONDRIAL = {"m", "mt", "mito", "mtdna"}


class Reconciliation(NamedTuple):
    """What became of each name.

    Attributes
    ----------
    mapping : dict
        Name in the file → name in the genome, for every name that was recognised (same names too).
    rules : dict
        Name in the file → the rule that recognised it.
    unmatched : tuple of str
        Names that no rule brings to the genome, in order of appearance.
    report : str
        One or more lines for a person; empty when every name was the genome's own.
    """

    mapping: dict[str, str]
    rules: dict[str, str]
    unmatched: tuple[str, ...]
    report: str


def reconcile(
    names: Iterable[str],
    genome_names: Iterable[str],
    alias: Mapping[str, str] | str | Path | None = None,
    what: str = "file",
    allow_none: bool = False,
) -> Reconciliation:
    """Bring contig names to a genome's spelling.

    Parameters
    ----------
    names : iterable of str
        Names in a file; repetitions are fine.
    genome_names : iterable of str
        The genome's contigs.
    alias : mapping or path, optional
        From → to, or a two-column TSV of it; goes before every other rule.
    what : str
        Whose names they are, for the report ("peaks").
    allow_none : bool
        Return instead of raising when no name at all is recognised.

    Returns
    -------
    result : Reconciliation

    Raises
    ------
    InputError
        If a name could be two of the genome's contigs, an alias leads to no contig, or no name is known.

    Notes
    -----
    In this order, the first that applies: the alias table; the same name; ``chr1`` ↔ ``1`` (the
    prefix in any case); ``chrM`` ↔ ``MT`` and other spellings of the mitochondrion; arabic to roman
    numerals (``chr4`` → ``chrIV``), only where the genome itself counts I, II, III, …, and only as
    far as it counts without a gap, so that a sex chromosome ``X`` is never taken for the tenth.

    Examples
    --------
    >>> reconcile(["22"], ["chr21", "chr22"], what="peaks").report
    'peaks: 22 → chr22 (chr prefix)'
    """
    names = list(dict.fromkeys(str(n) for n in names))
    genome_names = tuple(genome_names)
    table = read_alias(alias) if isinstance(alias, (str, Path)) else dict(alias or {})
    by_core, mitochondria, roman = _index(genome_names)
    known = set(genome_names)
    mapping, rules, unmatched = {}, {}, []
    for name in names:
        if name in table:
            found, rule = [table[name]], ALIAS
            if table[name] not in known:
                raise InputError(
                    f"The alias {name} → {table[name]} leads to no contig of the genome "
                    f"({few(genome_names)}).{suggest(table[name], genome_names)}"
                )
        elif name in known:
            found, rule = [name], EXACT
        else:
            found, rule = _look_up(name, by_core, mitochondria, roman)
        if len(found) > 1:
            raise InputError(
                f"{what}: the contig name {name!r} could be {' or '.join(map(repr, found))} of the genome. "
                f"Say which with an alias table (--alias: a line '{name}<TAB>{found[0]}')."
            )
        if found:
            mapping[name], rules[name] = found[0], rule
        else:
            unmatched.append(name)
    if names and not mapping and not allow_none:
        raise InputError(
            f"{what}: none of its contig names is in the genome. Found: {few(names)}; the genome has: "
            f"{few(genome_names)}. Is this the right assembly? Otherwise give an alias table (--alias "
            "names.tsv, lines of from<TAB>to)."
        )
    return Reconciliation(mapping, rules, tuple(unmatched), _report(what, mapping, rules, unmatched))


def read_alias(path: str | Path) -> dict[str, str]:
    """Read an alias table: lines of from<TAB>to; lines that begin with # are skipped.

    Raises
    ------
    InputError
        If a line has not two columns, or one name leads to two contigs.
    """
    table: dict[str, str] = {}
    for number, line in read_lines(path, "alias table"):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        if len(fields) != 2 or not fields[0].strip() or not fields[1].strip():
            raise InputError(f"{path}:{number}: an alias line is from<TAB>to. Received: {line!r}.")
        source, target = (f.strip() for f in fields)
        if table.get(source, target) != target:
            raise InputError(
                f"{path}:{number}: {source!r} is given two names, {table[source]!r} and {target!r}."
            )
        table[source] = target
    if not table:
        raise InputError(f"The alias table {path} holds no line of from<TAB>to.")
    return table


def to_roman(number: int) -> str:
    """Write a number from 1 to 3999 in roman numerals."""
    text = ""
    for value, letters in (
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
        (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    ):  # fmt: skip
        text += letters * (number // value)
        number %= value
    return text


def _index(genome_names: tuple[str, ...]) -> tuple[dict[str, list[str]], list[str], dict[int, list[str]]]:
    """Look names up without prefix; collect mitochondria, and roman numbers as far as they are contiguous."""
    by_core: dict[str, list[str]] = {}
    for name in genome_names:
        by_core.setdefault(_core(name), []).append(name)
    mitochondria = [n for core, found in by_core.items() if core.lower() in _MITOCHONDRIAL for n in found]
    roman: dict[int, list[str]] = {}
    if not any(core.isdigit() for core in by_core):
        number = 1
        while to_roman(number) in by_core:
            roman[number] = by_core[to_roman(number)]
            number += 1
    # "I" and "II" at least: one contig named I is no counting.
    return by_core, mitochondria, roman if len(roman) > 1 else {}


def _look_up(
    name: str, by_core: dict[str, list[str]], mitochondria: list[str], roman: dict[int, list[str]]
) -> tuple[list[str], str]:
    core = _core(name)
    if core in by_core:
        return by_core[core], PREFIX
    if core.lower() in _MITOCHONDRIAL and mitochondria:
        return mitochondria, MITOCHONDRION
    if core.isascii() and core.isdigit() and int(core) in roman:
        return roman[int(core)], ROMAN
    return [], ""


def _core(name: str) -> str:
    return _PREFIX.sub("", name) or name


def _report(what: str, mapping: dict[str, str], rules: dict[str, str], unmatched: list[str]) -> str:
    lines = []
    for rule in (ALIAS, PREFIX, MITOCHONDRION, ROMAN):
        changed = [n for n, r in rules.items() if r == rule and mapping[n] != n]
        if changed:
            many = f" for {len(changed)} names" if len(changed) > 1 else ""
            lines.append(f"{what}: {changed[0]} → {mapping[changed[0]]} ({rule}){many}")
    sources: dict[str, list[str]] = {}
    for name, target in mapping.items():
        sources.setdefault(target, []).append(name)
    lines += [f"{what}: {' and '.join(s)} are all read as {t}" for t, s in sources.items() if len(s) > 1]
    if unmatched:
        lines.append(f"{what}: not in the genome: {few(unmatched)}")
    return "\n".join(lines)
