"""`filters_as_motifs` and `motifs_of_target`: a folder of named motifs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError, require_at_least
from seqdl.files import require_writable
from seqdl.interpret.motifs.folder import SUMMARY, match_entry, write_matches, write_summary
from seqdl.interpret.motifs.patterns import FILE, Discovery
from seqdl.io.motif_databases import find_database
from seqdl.io.motifs import Motif, write_motifs
from seqdl.progress import say
from seqdl.words import count

PAD = 4  # places kept on both sides of a pattern's core, for matching and drawing


class NamedMotifs(NamedTuple):
    """Motifs and what they match.

    Attributes
    ----------
    motifs : tuple of Motif
        Filters, or patterns cut to their cores with four more places on both sides.
    matches : pandas.DataFrame or None
        See `seqdl.interpret.motifs.matching.match_motifs`; None without a database.
    names : dict
        Motif's id -> its believed match; see `seqdl.interpret.motifs.matching.best_matches`.
    discovery : Discovery or None
        What TF-MoDISco found; None for filters.
    folder : Path
        Where all was written.
    """

    motifs: tuple[Motif, ...]
    matches: object
    names: dict
    discovery: Discovery | None
    folder: Path


def filters_as_motifs(
    run,
    data,
    out: str | Path,
    *,
    genome=None,
    database: str | Path | None = None,
    threshold: float = 0.5,
    windows: int = 4000,
    batch_size: int = 256,
    top: int = 5,
    jobs: int | None = None,
) -> NamedMotifs:
    """Read a network's first layer as motifs, name them, and write a folder.

    Parameters
    ----------
    run : str, Path or Run
    data : str, Path or Dataset
        Its training windows are shown to the filters, labelled ones first.
    out : str or Path
        Folder: ``filters.meme``, ``filters.tsv``, ``matches.tsv``, ``filters.png``, ``filters.svg``,
        ``motifs.json``.
    genome : str or Path, optional
        The dataset's genome, if it is not where the dataset says.
    database : str or Path, optional
        See `seqdl.io.motif_databases.find_database`; without one nothing is matched.
    threshold, batch_size
        See `seqdl.interpret.motifs.filters.filter_motifs`.
    windows : int
        Show so many windows.
    top : int
        Matches to list of each filter.
    jobs : int, optional
        Threads of the matching; all by default.

    Returns
    -------
    NamedMotifs
        The most informative filter first.

    Raises
    ------
    InputError
        If the run, the dataset or the database cannot be used, or no filter fires at ten places.
    """
    from seqdl.data.dataset import Dataset
    from seqdl.interpret.heads import require_finite_weights
    from seqdl.interpret.motifs.filters import choose_windows, filter_motifs
    from seqdl.plot.motifs import plot_matches
    from seqdl.prediction.tasks import require_dna
    from seqdl.training.run import Run

    require_at_least(1, windows=windows, batch_size=batch_size)
    require_writable(Path(out) / SUMMARY)
    known = None if database is None else _database(database)
    run = Run.open(run)
    if known is not None:
        require_dna(run, "Naming filters, by both strands of known motifs,")
    dataset = data if isinstance(data, Dataset) else Dataset.open(data, genome=genome)
    if dataset.window != run.window:
        raise InputError(
            f"The dataset {dataset.path} has windows of {dataset.window} bases, the run reads {run.window} "
            "bases: give the dataset it was trained on."
        )
    require_finite_weights(run.model)
    rows = choose_windows(dataset, windows)
    found = filter_motifs(run.model, dataset.codes(rows), threshold=threshold, batch_size=batch_size)
    if not found:
        raise InputError(
            f"No filter of the first layer fires at ten places in {len(rows):,} windows: show more windows, "
            f"or lower the threshold. Received: {threshold}."
        )
    motifs = tuple(item.motif for item in found)
    matches, names = _match(motifs, known, top, jobs)
    folder = Path(out)
    write_motifs(folder / "filters.meme", motifs)
    _write_rows(folder / "filters.tsv", (
        {"filter": item.name, "consensus": item.consensus, "bits": round(item.information, 3),
         "sites": item.sites, "windows": round(item.windows, 4), "maximum": round(item.maximum, 4),
         **_columns(names.get(item.name))}
        for item in found
    ))  # fmt: skip
    order = sorted(motifs, key=lambda motif: names[motif.id].q if motif.id in names else np.inf)
    title = f"First-layer filters of {run.card['model']['name']}"
    _pictures(folder, "filters", plot_matches(order, names, known or (), title=title))
    if matches is not None:
        write_matches(folder / "matches.tsv", matches)
    entries = [
        {"name": item.name, "sign": "", "sites": item.sites, "consensus": item.consensus,
         "match": match_entry(names.get(item.name))}
        for item in found
    ]  # fmt: skip
    settings = {"threshold": threshold, "windows": len(rows)}
    write_summary(
        folder, "filters", entries, target=None, method="filters", settings=settings,
        database=None if database is None else str(database),
    )  # fmt: skip
    return NamedMotifs(motifs, matches, names, None, folder)


def motifs_of_target(
    attribution,
    out: str | Path,
    *,
    database: str | Path | None = None,
    top: int = 5,
    jobs: int | None = None,
    resume: bool = False,
    **choices,
) -> NamedMotifs:
    """Discover the motifs in a target's contributions, name them, and write a folder.

    Parameters
    ----------
    attribution : Attribution
    out : str or Path
        Folder: ``patterns.h5`` (modisco-lite's format), ``patterns.meme``, ``patterns.tsv``, ``seqlets.bed``,
        ``matches.tsv``, ``patterns.png``, ``patterns.svg``, ``motifs.json``.
    database, top, jobs
        As `filters_as_motifs`.
    resume, **choices
        As `seqdl.interpret.motifs.discovery.discover_motifs`.

    Returns
    -------
    NamedMotifs

    Raises
    ------
    InputError
        See `seqdl.interpret.motifs.discovery.discover_motifs`.
    MissingDependencyError
        Without modisco-lite or memelite.
    """
    from seqdl.files import write_text
    from seqdl.interpret.motifs.discovery import discover_motifs
    from seqdl.plot.motifs import plot_patterns

    known = None if database is None else _database(database)
    folder = Path(out)
    discovery = discover_motifs(attribution, folder / FILE, resume=resume, **choices)
    cut = [pattern.trimmed(pad=PAD) for pattern in discovery.patterns]
    motifs = tuple(pattern.motif for pattern in cut)
    matches, names = _match(motifs, known, top, jobs)
    write_motifs(folder / "patterns.meme", motifs)
    _write_rows(folder / "patterns.tsv", (
        {"pattern": pattern.name, "sign": pattern.sign, "seqlets": pattern.seqlets,
         "consensus": pattern.motif.consensus, "contribution": round(float(pattern.contributions.sum()), 4),
         **_columns(names.get(pattern.name))}
        for pattern in cut
    ))  # fmt: skip
    bed = "".join(
        f"{row.chrom}\t{row.start}\t{row.end}\t{row.pattern}\t{row.contribution:.4f}\t{row.strand}\n"
        for row in discovery.seqlets.sort_values(["chrom", "start"]).itertuples(index=False)
    )
    write_text(folder / "seqlets.bed", bed)
    title = f"{discovery.target}: motifs from {discovery.method.replace('_', ' ')}"
    _pictures(folder, "patterns", plot_patterns(cut, names, known or (), title=title))
    if matches is not None:
        write_matches(folder / "matches.tsv", matches)
    entries = [
        {"name": pattern.name, "sign": pattern.sign, "sites": pattern.seqlets,
         "consensus": pattern.motif.consensus, "match": match_entry(names.get(pattern.name))}
        for pattern in cut
    ]  # fmt: skip
    write_summary(
        folder, "patterns", entries, target=discovery.target, method=discovery.method,
        settings=discovery.settings, found=list(discovery.found), windows=len(attribution.codes),
        database=None if database is None else str(database),
    )  # fmt: skip
    return NamedMotifs(motifs, matches, names, discovery, folder)


def _database(name) -> list[Motif]:
    """Read the motifs to match with; what that needs is said before the work."""
    from seqdl.interpret.motifs.matching import require_memelite

    require_memelite()
    return find_database(name)


def _match(motifs, known, top: int, jobs: int | None) -> tuple:
    from seqdl.interpret.motifs.matching import best_matches, match_motifs

    if known is None or not motifs:
        return None, {}
    say(
        f"Matching {count(len(motifs), 'motif')} with {len(known):,} known ones (the first time on a "
        "machine, memelite compiles)."
    )
    table = match_motifs(motifs, known, top=top, jobs=jobs)
    return table, best_matches(table)


def _columns(match) -> dict:
    """Return the columns that tables of motifs show of a match; empty ones without."""
    if match is None:
        return {"match_id": "", "match_name": "", "q": "", "similarity": "", "strand": ""}
    return {
        "match_id": match.match_id, "match_name": match.match_name, "q": f"{match.q:.3g}",
        "similarity": f"{match.similarity:.3f}", "strand": match.strand,
    }  # fmt: skip


def _write_rows(path: Path, rows) -> None:
    import pandas as pd

    from seqdl.files import write_text

    write_text(path, pd.DataFrame(list(rows)).to_csv(sep="\t", index=False))


def _pictures(folder: Path, name: str, figure) -> None:
    from seqdl.plot.style import save_figure

    for suffix in (".png", ".svg"):
        save_figure(figure, folder / f"{name}{suffix}")
