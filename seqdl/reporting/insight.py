"""Sections on what the network has learned: the top variants with a picture each, its first filters."""

from __future__ import annotations

import numpy as np

from seqdl.errors import SeqdlError
from seqdl.intervals import Variant
from seqdl.plot.style import figure_uri
from seqdl.reporting.blocks import Cell, Missing, Picture, Section, Table, Text, number, signed
from seqdl.reporting.inputs import Inputs
from seqdl.words import count

FILTER_WINDOWS = 1000  # windows that the filters are shown; more changes a logo little
TABLE_ROWS = 20


def variant_section(found: Inputs) -> Section:
    """Show the variants that change a prediction most, and a picture of each.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Section
    """
    title = "Variants that change the most"
    if found.scores is None or not len(found.scores.variants):
        why = found.reasons.get("scores", "No table of scored variants was found in the run's folder.")
        return Section("variants", title, "", short="Variants", blocks=[Missing(
            f"{why} This scores a VCF; a table of that name is found by itself, any other with --scores:",
            f"seqdl score-variants --run {found.folder} --genome {found.genome_name} --vcf variants.vcf.gz "
            f"--out {found.folder.rstrip('/')}/scores.tsv.gz",
        )])  # fmt: skip
    table = found.scores.variants
    strength = np.abs(np.nan_to_num(table["max_abs_diff"].to_numpy(float)))
    order = np.argsort(-strength, kind="stable")
    chosen = table.iloc[order[: max(TABLE_ROWS, found.top)]]
    rows = [
        [
            Cell(f"{row.chrom}:{row.pos:,}"),
            Cell("" if row.id == "." else str(row.id)),
            Cell(_allele(row.ref)),
            Cell(_allele(row.alt)),
            Cell(str(row.max_target)),
            Cell(number(row.max_ref), row.max_ref),
            Cell(number(row.max_alt), row.max_alt),
            Cell(signed(row.max_alt - row.max_ref), row.max_alt - row.max_ref),
        ]
        for row in chosen.itertuples()
    ]
    columns = ("place", "id", "ref", "alt", "target changed most", "P(ref)", "P(alt)", "alt − ref")
    caption = "Positions are 1-based, as in the VCF. Sign: alt − ref, positive is a gain."
    blocks: list = [Table(columns, rows, caption, numeric=(5, 6, 7))]
    total, large = len(table), int((strength >= 0.1).sum())
    reading = (
        f"{count(total, 'allele')} scored from {found.scores_path.name}; "
        f"{large:,} {'moves' if large == 1 else 'move'} some prediction by 0.1 or more. "
        "A large change says that the network's prediction depends on the allele, not that the variant "
        "causes a trait."
    )
    blocks += _variant_pictures(found, order[: found.top])
    return Section("variants", title, reading, blocks, "Variants")


def _allele(text: str) -> str:
    return text if len(text) <= 12 else f"{text[:9]}… ({len(text)} bp)"


def _variant_pictures(found: Inputs, rows: np.ndarray) -> list:
    from seqdl.interpret.variants import explain_variants
    from seqdl.plot.variants import plot_variant

    if found.genome is None:
        return [Missing(
            f"{found.reasons.get('genome', 'The genome is not here.')} Pictures of the variants need it:",
            f"seqdl report --run {found.folder} --genome {found.genome_name}",
        )]  # fmt: skip
    table = found.scores.variants.iloc[rows]
    variants = [
        Variant(str(r.chrom), int(r.pos), str(r.ref), str(r.alt), str(r.id)) for r in table.itertuples()
    ]
    try:
        explained = explain_variants(found.run, found.genome, variants, list(table["max_target"]))
    except SeqdlError as error:
        return [Missing(f"The variants could not be drawn: {error}")]
    differences = found.scores.scores.get("diff")
    pictures = [Text(
        "Each picture shows the bases around the variant as the network sees them: a tall letter pushes the "
        "target's logit up, a letter below the line pulls it down (gradient times input). The variant "
        "stands on yellow."
    )]  # fmt: skip
    for row, item in zip(rows, explained, strict=True):
        change = item.alt_probability - item.ref_probability
        word = "raises" if change > 0 else "lowers"
        variant = item.variant
        name = f"{variant.chrom}:{variant.pos:,} {_allele(variant.ref)}>{_allele(variant.alt)}"
        identity = "" if variant.id in (".", "") else f" ({variant.id})"
        caption = (
            f"{name}{identity} {word} {item.target} "
            f"from {item.ref_probability:.3f} to {item.alt_probability:.3f}."
        )
        figure = plot_variant(
            item, found.scores.targets if differences is not None else None,
            None if differences is None else differences[row],
        )  # fmt: skip
        alt = f"Logos of the reference and alternative sequence. {caption}"
        pictures.append(Picture(figure_uri(figure), alt, caption, wide=True))
    return pictures


def filter_section(found: Inputs) -> Section:
    """Show the first layer's filters as the motifs of the sequences that excite them.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Section
    """
    title = "What its first layer looks for"
    if found.dataset is None or (found.dataset.kind == "genome" and found.genome is None):
        why = found.reasons.get("dataset") if found.dataset is None else found.reasons.get("genome", "")
        command = f"seqdl report --run {found.folder} --data {found.dataset_name}"
        if (found.card.get("genome") or {}).get("name"):
            command += f" --genome {found.genome_name}"
        return Section("filters", title, "", short="Filters", blocks=[Missing(
            f"{why} Filters are shown as the real sequences that excite them, so they need the dataset and "
            "its genome:",
            command,
        )])  # fmt: skip
    from seqdl.interpret.motifs.filters import choose_windows, filter_motifs, first_layer
    from seqdl.io.motifs import information_matrix
    from seqdl.plot.logos import plot_filters

    try:
        windows = choose_windows(found.dataset, FILTER_WINDOWS)
        motifs = filter_motifs(found.run.model, found.dataset.codes(windows))
        total = first_layer(found.run.model).filters
    except SeqdlError as error:
        return Section("filters", title, "", [Missing(str(error))], "Filters")
    if not motifs:
        return Section(
            "filters", title, "No filter of the first layer fires often enough to draw it.", [], "Filters"
        )
    shown = motifs[:16]
    reading = (
        f"{len(motifs)} of {count(total, 'filter')} fire at ten or more places in {len(windows):,} windows; "
        f"these are the {len(shown)} most specific. A known motif among them is a good sign; a filter that "
        "looks like nothing is common, since later layers combine several."
    )
    alt = "Logos of filters: " + "; ".join(
        f"{item.name} {item.consensus}, {information_matrix(item).sum():.1f} bits" for item in shown
    )
    picture = Picture(
        figure_uri(plot_filters(shown)), alt,
        "Sub-sequences whose activation exceeds half of the filter's largest; "
        "letter heights in bits (0 to 2).",
        wide=True,
    )  # fmt: skip
    return Section("filters", title, reading, [picture], "Filters")
