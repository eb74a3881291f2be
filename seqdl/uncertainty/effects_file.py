"""Variants with known effects, from a table or a VCF, and what a run scores them."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.files import full_suffix, read_lines, require_file
from seqdl.words import few, suggest

COLUMNS = ("chrom", "pos", "ref", "alt", "target", "effect")
_OPTIONAL = {"target"}
_VCF = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")


class Effects(NamedTuple):
    """Known effects, one row an allele and target.

    Attributes
    ----------
    alleles : list of (chrom, pos, ref, alt)
        As the file spells them, `pos` 1-based; n rows.
    sites : int64 array, shape (n,)
        Number of the row's place (contig and position): what stands there is kept together.
    targets : list of str, length n, or None
        None where the file names none.
    effect : float64 array, shape (n,)
    """

    alleles: list[tuple[str, int, str, str]]
    sites: np.ndarray
    targets: list[str] | None
    effect: np.ndarray

    @property
    def labels(self) -> bool:
        """Whether the effects are labels, 0 and 1."""
        return set(np.unique(self.effect)) == {0.0, 1.0}

    def take(self, rows: np.ndarray) -> Effects:
        """Return some of the rows, in that order."""
        return Effects(
            [self.alleles[i] for i in rows.tolist()],
            np.unique(self.sites[rows], return_inverse=True)[1].astype(np.int64),
            None if self.targets is None else [self.targets[i] for i in rows.tolist()],
            self.effect[rows],
        )


def read_effects(path: str | Path) -> Effects:
    """Read variants with known effects.

    Parameters
    ----------
    path : path
        A table with tabs (plain or gzip) whose first line names the columns chrom, pos (1-based), ref, alt,
        effect and, where a run has several targets, target; or a VCF whose INFO has EFFECT (a number for each
        ALT allele) and perhaps TARGET. A target "." or "" is none.

    Returns
    -------
    effects : Effects

    Raises
    ------
    InputError
        Naming the line that cannot be used.
    """
    path = require_file(path, "table of effects")
    rows = _read_vcf(path) if full_suffix(path) in _VCF else _read_table(path)
    if not rows:
        raise InputError(f"The table of effects {path} holds no variant.")
    named = [bool(row[4]) for row in rows]
    if any(named) and not all(named):
        raise InputError(
            f"The table of effects {path} names a target in {sum(named)} of {len(rows)} rows: name one in "
            "all of them, or in none."
        )
    twice = next((key for key, times in Counter(row[:5] for row in rows).items() if times > 1), None)
    if twice is not None:
        raise InputError(f"The table of effects {path} has two effects of {_spell(twice)}: keep one.")
    places = {place: i for i, place in enumerate(dict.fromkeys(row[:2] for row in rows))}
    return Effects(
        [row[:4] for row in rows],
        np.array([places[row[:2]] for row in rows], np.int64),
        [row[4] for row in rows] if all(named) else None,
        np.array([row[5] for row in rows], np.float64),
    )


def _spell(key: tuple) -> str:
    return f"{key[0]}:{key[1]} {key[2]}>{key[3]}" + (f" on {key[4]}" if key[4] else "")


def _read_table(path: Path) -> list[tuple]:
    rows, places = [], None
    for number, line in read_lines(path, "table of effects"):
        if line.startswith("##") or not line.strip():
            continue
        fields = line.split("\t")
        if places is None:
            places = _header(path, number, fields)
            continue
        where = f"The table of effects {path}, line {number}"
        if len(fields) <= max(places.values()):
            raise InputError(
                f"{where}, has {len(fields)} fields with tabs between, and the heading names more. "
                f"Received: {line[:60]!r}."
            )
        found = {name: fields[i].strip() for name, i in places.items()}
        if not found["pos"].isdigit() or int(found["pos"]) < 1:
            raise InputError(f"{where}: `pos` is a 1-based position. Received: {found['pos']!r}.")
        rows.append(
            (
                found["chrom"],
                int(found["pos"]),
                found["ref"].upper(),
                found["alt"].upper(),
                _target(found.get("target", "")),
                _number(where, found["effect"]),
            )
        )
    return rows


def _header(path: Path, number: int, fields: list[str]) -> dict[str, int]:
    names = [field.strip().lstrip("#").lower() for field in fields]
    missing = [name for name in COLUMNS if name not in names and name not in _OPTIONAL]
    if missing:
        raise InputError(
            f"The table of effects {path}, line {number}, must name the columns {', '.join(COLUMNS)} (target "
            f"may be left out), with tabs between. Missing: {', '.join(missing)}."
            f"{suggest(missing[0], names)} Received: {few(fields)}."
        )
    return {name: names.index(name) for name in COLUMNS if name in names}


def _read_vcf(path: Path) -> list[tuple]:
    from seqdl.io.vcf import read_info

    rows = []
    for chrom, pos, ref, alts, info in read_info(path):
        entries = dict(item.partition("=")[::2] for item in info.split(";"))
        where = f"The VCF {path}, {chrom}:{pos}"
        if "EFFECT" not in entries:
            raise InputError(f"{where}: INFO has no EFFECT, a number for each ALT allele.")
        effects, targets = entries["EFFECT"].split(","), entries.get("TARGET", "").split(",")
        if len(effects) != len(alts):
            raise InputError(
                f"{where}: EFFECT must have one number for each ALT allele. Received: {info[:60]}."
            )
        for k, (alt, effect) in enumerate(zip(alts, effects, strict=True)):
            target = _target(targets[min(k, len(targets) - 1)])
            rows.append((chrom, pos, ref.upper(), alt.upper(), target, _number(where, effect)))
    return rows


def _target(text: str) -> str:
    return "" if text == "." else text


def _number(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f"{where}: the effect must be a finite number. Received: {text!r}.")
    return value


def target_places(effects: Effects, names: list[str]) -> np.ndarray:
    """Find each row's target among the run's.

    Parameters
    ----------
    effects : Effects
    names : list of str
        Of the run.

    Returns
    -------
    places : int64 array, shape (n,)

    Raises
    ------
    InputError
        If one is unknown, or measured effects name none and the run has several.
    """
    if effects.targets is None:
        if len(names) > 1:
            raise InputError(
                f"Measured effects need a column `target`, since the run has {len(names)} targets. (Labels, "
                "0 and 1, may do without.)"
            )
        return np.zeros(len(effects.effect), np.int64)
    known = {name: i for i, name in enumerate(names)}
    for target in dict.fromkeys(effects.targets):
        if target not in known:
            raise InputError(
                f"The table of effects names the target {target!r}, which the run does not have (it has "
                f"{few(names)}).{suggest(target, names)}"
            )
    return np.array([known[target] for target in effects.targets], np.int64)


def score_effects(run, effects: Effects, genome, scores: tuple[str, ...], **choices):
    """Score the variants of a table of effects by `seqdl.score_variants`.

    Parameters
    ----------
    run : Run
    effects : Effects
        With n rows.
    genome : Genome
        That the positions belong to.
    scores : tuple of str
    **choices
        Passed to `score_variants`.

    Returns
    -------
    rows : int64 array, shape (m,)
        The rows whose alleles were scored.
    values : dict of float32 arrays, shape (m, targets)
        By score.

    Raises
    ------
    InputError
        If none was scored: then the file belongs to another genome, most likely.
    """
    from seqdl.variants.files.reading import read_scores
    from seqdl.variants.score import score_variants

    unique = list(dict.fromkeys(effects.alleles))
    contigs = dict.fromkeys(allele[0] for allele in unique)
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={name}>" for name in contigs)]
    lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t." for chrom, pos, ref, alt in unique]
    with tempfile.TemporaryDirectory(prefix="seqdl_effects_") as folder:
        vcf, out = Path(folder) / "effects.vcf", Path(folder) / "scores.h5"
        vcf.write_text("\n".join(lines) + "\n", encoding="utf-8")
        # Not with what lies beside the run: an earlier calibration is what is being made anew.
        summary = score_variants(
            run, vcf, genome, out, scores=scores, background=None, calibration=None, **choices
        )
        if not summary.scored:
            raise InputError(
                f"None of the {len(unique)} variants with a known effect could be scored "
                f"({', '.join(f'{n} {reason}' for reason, n in summary.rejected.items())}). Do their "
                "positions belong to the dataset's genome?"
            )
        table = read_scores(out)
    found = table.variants
    keys = zip(found.chrom, found.pos.tolist(), found.ref.str.upper(), found.alt.str.upper(), strict=True)
    place = {key: i for i, key in enumerate(keys)}
    at = np.array([place.get(allele, -1) for allele in effects.alleles], np.int64)
    rows = np.flatnonzero(at >= 0)
    return rows, {name: table.scores[name][at[rows]] for name in scores}
