"""The section on what the network has learned: its first filters as motifs."""

from __future__ import annotations

from seqdl.errors import SeqdlError
from seqdl.plot.style import figure_uri
from seqdl.reporting.blocks import Missing, Picture, Section
from seqdl.reporting.inputs import Inputs
from seqdl.words import count

FILTER_WINDOWS = 1000  # windows that the filters are shown; more changes a logo little


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
