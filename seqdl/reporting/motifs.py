"""The section on motifs: what `seqdl motifs` found, target by target, if its folders lie in the run's."""

from __future__ import annotations

import base64
from pathlib import Path

from seqdl.errors import SeqdlError
from seqdl.interpret.motifs.folder import find_summaries
from seqdl.reporting.blocks import Cell, Missing, Picture, Section, Table, Text, listing, number, signed
from seqdl.reporting.inputs import Inputs
from seqdl.words import count

PICTURES = 6  # targets whose page of patterns is shown
LARGEST = 2_000_000  # bytes of a picture that the page takes in


def motif_section(found: Inputs) -> Section:
    """Show the motifs that TF-MoDISco found for each target, with their matches and effects.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Section
    """
    title = "Motifs that its predictions rest on"
    summaries = find_summaries(found.run.folder)
    patterns = _newest([item for item in summaries if item[1]["kind"] == "patterns"], "target")
    filters = [item for item in summaries if item[1]["kind"] == "filters"][:1]
    if not patterns and not filters:
        return Section("motifs", title, "", [Missing(
            "No motifs were looked for. This finds those of one target, in its peaks, and names them "
            "after a database; its folder lies in the run's by default:",
            f"seqdl motifs discover --run {found.folder} --genome {found.genome_name} --bed peaks.bed "
            f"--target {_quoted(found)} --database motifs.meme",
        )], "Motifs")  # fmt: skip
    rows = [row for folder, summary in patterns for row in _rows(folder, summary)]
    blocks: list = []
    if rows:
        columns = ("target", "motif", "match", "q", "alike", "seqlets", "sign", "effect", "consensus")
        blocks.append(Table(columns, rows, _caption(patterns), numeric=(3, 4, 5, 7), help={
            "q": "false discovery rate of the match over the database (TOMTOM, Benjamini and Hochberg)",
            "alike": "cosine of the aligned places, 1 for the same motif",
            "seqlets": "stretches of sequence behind the pattern",
            "sign": "+ raises the prediction, − lowers it",
            "effect": "mean change of the target's number when the motif is put into shuffled sequences",
        }))  # fmt: skip
    for folder, summary in patterns[:PICTURES]:
        blocks += _picture(folder / "patterns.png", _words(summary), (
            "Left: how often each base stands there, in bits. Middle: what each base contributes. Right: the "
            "known motif it matches."
        ))  # fmt: skip
    if len(patterns) > PICTURES:
        blocks.append(Text(f"Pictures of {len(patterns) - PICTURES} more targets lie in their folders."))
    for folder, summary in filters:
        named = [item for item in summary["motifs"] if item["match"]]
        words = f"{len(named)} of {count(len(summary['motifs']), 'filter')} match a known motif."
        blocks += _picture(folder / "filters.png", f"First-layer filters: {words}", (
            "What each filter fires at, beside the known motif; the surest matches first."
        ))  # fmt: skip
    return Section("motifs", title, _reading(patterns), blocks, "Motifs")


def _quoted(found: Inputs) -> str:
    import shlex

    return shlex.quote(str(found.run.target_names[0]))


def _newest(items: list, key: str) -> list:
    """Keep the first, which is the newest, of each value of a key."""
    seen: dict = {}
    for item in items:
        seen.setdefault(item[1].get(key), item)
    return list(seen.values())


def _effects(folder: Path, target: str) -> dict:
    """Return pattern -> (effect, low, high), or nothing where no table is there or it cannot be read."""
    from seqdl.interpret.experiments.tables import read_table
    from seqdl.interpret.motifs.in_run import EFFECTS

    path = folder / EFFECTS
    if not path.is_file():
        return {}
    try:
        table, _ = read_table(path)
    except SeqdlError:
        return {}
    table = table[table["target"] == target]
    return {
        str(row.motif): (float(row.effect), float(row.low), float(row.high)) for row in table.itertuples()
    }


def _rows(folder: Path, summary: dict) -> list[list[Cell]]:
    effects = _effects(folder, summary["target"])
    rows = []
    for item in summary["motifs"]:
        match, effect = item["match"], effects.get(item["name"])
        effect_cell = Cell("–", float("-inf"))
        if effect is not None:
            note = f"{signed(effect[1], 2)} to {signed(effect[2], 2)}"
            effect_cell = Cell(signed(effect[0], 2), effect[0], note=note)
        identity = "" if match is None or match["name"] == match["id"] else match["id"]
        rows.append([
            Cell(str(summary["target"])), Cell(item["name"].replace("_", " ")),
            Cell("–" if match is None else match["name"], note=identity),
            Cell("–", 2.0) if match is None else Cell(f"{match['q']:.2g}", match["q"]),
            Cell("–", -1.0) if match is None else Cell(number(match["similarity"], 2), match["similarity"]),
            Cell(f"{int(item['sites']):,}", int(item["sites"])),
            Cell(item["sign"].replace("-", "−")), effect_cell, Cell(item["consensus"]),
        ])  # fmt: skip
    return rows


def _caption(patterns: list) -> str:
    methods = sorted({summary["method"].replace("_", " ") for _, summary in patterns})
    databases = sorted({Path(summary["database"]).name for _, summary in patterns if summary["database"]})
    named = f"; names from {listing(databases)}" if databases else "; no database was given, so no names"
    return (
        f"Patterns of TF-MoDISco over contributions ({listing(methods)}){named}. A name is given where q is "
        "at most 0.05 and the aligned places are alike."
    )


def _words(summary: dict) -> str:
    positive, negative = summary.get("found") or (0, 0)
    return (
        f"{summary['target']}: {count(len(summary['motifs']), 'pattern')} from {positive:,} seqlets that "
        f"raise and {negative:,} that lower the prediction."
    )


def _picture(path: Path, words: str, caption: str) -> list:
    if not path.is_file() or path.stat().st_size > LARGEST:
        return []
    uri = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
    return [Picture(uri, f"Logos of motifs. {words}", f"{words} {caption}", wide=True)]


def _reading(patterns: list) -> str:
    if not patterns:
        return (
            "The first layer's filters, beside the known motifs that they match. Later layers combine "
            "several filters; `seqdl motifs discover` shows what the whole network uses."
        )
    strongest = []
    for _, summary in patterns:
        named = [item for item in summary["motifs"] if item["match"] and item["sign"] == "+"]
        if named:
            best = max(named, key=lambda item: item["sites"])
            strongest.append(f"{best['match']['name']} for {summary['target']}")
    said = f"The named motif with the most seqlets is {listing(strongest, 4)}. " if strongest else ""
    return (
        f"{said}A motif is what the network uses, not proof that a protein binds there: paralogues share "
        "motifs, and a motif that matches nothing may be new, or an artefact of the data."
    )
