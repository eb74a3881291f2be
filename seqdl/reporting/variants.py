"""The section on variants: those that change a prediction most, in a table, in words and in pictures."""

from __future__ import annotations

import re

import numpy as np

from seqdl.errors import SeqdlError
from seqdl.intervals import Variant
from seqdl.plot.style import figure_uri
from seqdl.reporting.blocks import Cell, Missing, Picture, Section, Table, Text, number, signed
from seqdl.reporting.inputs import Inputs
from seqdl.reporting.scored import LARGE, ScoredVariants
from seqdl.variants.reading_aloud import CAUTION, reading
from seqdl.words import count

TITLE = "Variants that change the most"
_AMONG = re.compile(r"among ([\d,]+) (.+)")  # as the columns of a background are described
MARKED = 5  # variants with a name in the picture along the genome


def variant_section(found: Inputs) -> Section:
    """Show the variants that change a prediction most, and a picture of each.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Section
    """
    scored = found.scores
    if scored is None or not scored.total:
        why = found.reasons.get("scores", "No table of scored variants was found in the run's folder.")
        if scored is not None:
            why = f"{scored.path.name} holds no scored allele."
        return Section("variants", TITLE, "", short="Variants", blocks=[Missing(
            f"{why} This scores a VCF; a table of that name is found by itself, any other with --scores:",
            f"seqdl score-variants --run {found.folder} --genome {found.genome_name} --vcf variants.vcf.gz "
            f"--out {found.folder.rstrip('/')}/scores.tsv.gz",
        )])  # fmt: skip
    least = LARGE[scored.meta.get("task", "binary")]
    verb = "moves" if scored.large == 1 else "move"
    what = "some total at least twofold" if scored.coverage else f"some prediction by {least:g} or more"
    words = (
        f"{count(scored.total, 'allele')} scored from {scored.path.name}; {scored.large:,} {verb} {what}. "
        "A large change says that the network's prediction depends on the allele, not that the variant "
        "causes a trait."
    )
    blocks = [_table(scored), *_readings(scored, found.top), _along(scored), *_frequency(found)]
    blocks += _pictures(found, scored)
    return Section("variants", TITLE, words, blocks, "Variants")


def _allele(text: str) -> str:
    return text if len(text) <= 12 else f"{text[:9]}… ({len(text)} bp)"


def _name(row) -> str:
    return f"{row.chrom}:{row.pos:,} {_allele(row.ref)}>{_allele(row.alt)}"


def _table(scored: ScoredVariants) -> Table:
    variants = scored.top.variants
    percentile = "max_percentile" in variants
    rows = []
    for row in variants.itertuples():
        change = row.max_alt - row.max_ref
        cells = [
            Cell(f"{row.chrom}:{row.pos:,}"),
            Cell("" if row.id == "." else str(row.id)),
            Cell(_allele(row.ref)),
            Cell(_allele(row.alt)),
            Cell(str(row.max_target)),
            Cell(number(row.max_ref), row.max_ref),
            Cell(number(row.max_alt), row.max_alt),
            Cell(signed(change), change),
        ]
        if percentile:
            cells.append(Cell(number(row.max_percentile, 2), row.max_percentile))
        rows.append([*cells, Cell("" if row.flag == "." else str(row.flag).replace(";", ", "))])
    what = ("total(ref)", "total(alt)") if scored.coverage else ("P(ref)", "P(alt)")
    columns = ["place", "id", "ref", "alt", "target changed most", *what, "alt − ref"]
    numeric = [5, 6, 7]
    caption = "Positions are 1-based, as in the VCF. Sign: alt − ref, positive is a gain."
    if percentile:
        numeric.append(len(columns))
        columns.append("percentile")
        told = {name: (formula, meaning) for name, formula, meaning in scored.meta["notes"]}
        caption += f" Percentile: {'; '.join(told['max_percentile'])}."
    return Table((*columns, "flag"), rows, caption, numeric=tuple(numeric))


def _readings(scored: ScoredVariants, top: int) -> list:
    """Say the first of the table in sentences; each is compared with the background on its own target."""
    variants = scored.top.variants.head(top)
    if not len(variants):
        return []
    task = scored.meta.get("task", "binary")
    size = "logSAD" if task == "coverage" else "diff"
    places = {name: i for i, name in enumerate(scored.meta["targets"])}
    meanings = {name: meaning for name, _, meaning in scored.meta["columns"]}
    background = _AMONG.search(meanings.get(f"{size}_percentile", ""))
    sentences = []
    for k, row in enumerate(variants.itertuples()):
        compared = {}
        if background:
            found = {
                key: float(scored.top.scores[f"{size}_{key}"][k, places[row.max_target]])
                for key in ("percentile", "p")
            }
            compared = {**found, "n": int(background[1].replace(",", "")), "among": background[2]}
        words = reading(str(row.max_target), float(row.max_ref), float(row.max_alt), task=task, **compared)
        sentences.append(Text(f"{_name(row)}: {words[0].lower()}{words[1:]}"))
    caution = CAUTION
    if background:
        caution += (
            " The sentences compare one target; the table's percentile is among the background variants' own "
            "largest effects, so that the choice of the target is accounted for."
        )
    return [*sentences, Text(caution)]


def _along(scored: ScoredVariants) -> Picture:
    from seqdl.plot.variant_scores import plot_along

    variants = scored.top.variants
    marked = variants[variants["chrom"] == scored.contig].head(MARKED)
    marks = [
        (row.pos, row.max_abs_diff, _name(row) if row.id == "." else row.id) for row in marked.itertuples()
    ]
    label = scored.meta.get("best", ["|P(alt) - P(ref)|"])[0].replace("-", "−")
    figure = plot_along(scored.contig, scored.positions, scored.sizes, label=f"largest {label}", marks=marks)
    caption = f"The largest effect on any target, along {scored.contig}; the first of the table are named."
    alt = (
        f"Effects of {count(scored.total, 'allele')} along {scored.contig}; the largest is {marks[0][1]:.3f}."
    )
    return Picture(figure_uri(figure), alt, caption, wide=True)


def _frequency(found: Inputs) -> list:
    if found.frequency is None:
        return []
    from seqdl.plot.variant_scores import plot_frequency

    text, figure = found.frequency.text(), plot_frequency(found.frequency)
    words = (
        "If large effects harmed people, selection would keep such alleles rare, and rare alleles would have "
        "larger effects than common ones. Frequencies are those of the VCF."
    )
    return [Text(words), Picture(figure_uri(figure), f"Distributions of effects. {text}", text, wide=True)]


def _pictures(found: Inputs, scored: ScoredVariants) -> list:
    from seqdl.interpret.variants import explain_variants
    from seqdl.plot.variants import plot_variant

    table = scored.top.variants.head(found.top)
    if scored.coverage or not len(table):
        return []
    if found.genome is None:
        return [Missing(
            f"{found.reasons.get('genome', 'The genome is not here.')} Pictures of the variants need it:",
            f"seqdl report --run {found.folder} --genome {found.genome_name}",
        )]  # fmt: skip
    if not set(table["max_target"]) <= set(found.run.target_names):
        return [Text("These scores are means over categories of targets; pictures are of single targets.")]
    variants = [
        Variant(str(r.chrom), int(r.pos), str(r.ref), str(r.alt), str(r.id)) for r in table.itertuples()
    ]
    try:
        explained = explain_variants(found.run, found.genome, variants, list(table["max_target"]))
    except SeqdlError as error:
        return [Missing(f"The variants could not be drawn: {error}")]
    differences = scored.top.scores.get("diff")
    pictures: list = [Text(
        "Each picture shows the bases around the variant as the network sees them: a tall letter pushes the "
        "target's logit up, a letter below the line pulls it down (gradient times input). The variant "
        "stands on yellow."
    )]  # fmt: skip
    for row, (item, place) in enumerate(zip(explained, table.itertuples(), strict=True)):
        word = "raises" if item.alt_probability > item.ref_probability else "lowers"
        identity = "" if place.id in (".", "") else f" ({place.id})"
        caption = (
            f"{_name(place)}{identity} {word} {item.target} "
            f"from {item.ref_probability:.3f} to {item.alt_probability:.3f}."
        )
        figure = plot_variant(
            item, scored.meta["targets"] if differences is not None else None,
            None if differences is None else np.asarray(differences[row]),
        )  # fmt: skip
        alt = f"Logos of the reference and alternative sequence. {caption}"
        pictures.append(Picture(figure_uri(figure), alt, caption, wide=True))
    return pictures
