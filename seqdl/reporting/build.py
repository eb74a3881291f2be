"""Write a run's report: one HTML file that needs nothing but itself."""

from __future__ import annotations

import datetime
from importlib.resources import files
from pathlib import Path

from seqdl.encoding import ALPHABET
from seqdl.errors import InputError
from seqdl.files import write_text
from seqdl.version import __version__


def report(run, out=None, data=None, genome=None, scores=None, top: int = 5, vcf=None) -> Path:
    """Write a self-contained HTML page on a run: data, training, performance, variants, filters, card.

    What does not apply to a run is not on its page: calibration is of labels, example tracks are of coverage.

    Nothing on the page is fetched from a network: styles, pictures and the script that sorts the tables
    are inside. A section whose input is missing says which command makes it.

    Parameters
    ----------
    run : str, Path or Run
        A trained run, best an evaluated one.
    out : str or Path, optional
        The page; ``report.html`` in the run's folder by default. Appears whole or not at all.
    data : str, Path or Dataset, optional
        The dataset; by default where the run's card says.
    genome : str, Path or Genome, optional
        The genome; by default where the card or the dataset says.
    scores : str or Path, optional
        Scored variants (.tsv, .tsv.gz, .h5, .zarr or .parquet); by default the newest ``*scores*``
        file of the run's folder. It may be of any size.
    top : int
        Variants to draw.
    vcf : str or Path, optional
        The VCF that was scored: common and rare alleles are compared by its INFO AF.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If the run or something else that was named cannot be used.

    Examples
    --------
    >>> seqdl.report("run/")  # doctest: +SKIP
    PosixPath('run/report.html')
    """
    from seqdl.progress import progress_bar
    from seqdl.reporting.inputs import gather
    from seqdl.reporting.overview import headline
    from seqdl.reporting.reference import glossary_section
    from seqdl.training.run import Run

    if top < 0:
        raise InputError(f"`top` must not be negative. Received: {top}.")
    run = Run.open(run)
    target = Path(out) if out is not None else run.folder / "report.html"
    if target.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"A report is an HTML page: `out` must end in .html. Received: {str(target)!r}.")
    found = gather(run, data=data, genome=genome, scores=scores, vcf=vcf, top=top)
    builders = _coverage_builders(found) if run.task == "coverage" else _binary_builders(run)
    sections = []
    with progress_bar(len(builders), "Writing the report", "sections") as bar:
        for build in builders:
            sections.append(build(found))
            bar.advance()
    sections.append(glossary_section(run.task))
    write_text(target, render(headline(found), sections))
    return target


def _binary_builders(run) -> list:
    from seqdl.reporting import data_sections, insight, motifs, performance, reference, variants

    found = [
        data_sections.dataset_section, data_sections.training_section, performance.performance_section,
        performance.target_section, performance.calibration_section,
    ]  # fmt: skip
    if run.card["alphabet"] == ALPHABET:  # a variant lies in a genome, and filters are shown as DNA
        found += [variants.variant_section, motifs.motif_section, insight.filter_section]
    return [*found, reference.card_section]


def _coverage_builders(found) -> list:
    from seqdl.reporting import coverage, data_sections, insight, motifs, reference, variants

    scored = [variants.variant_section] if found.scores else []
    return [
        data_sections.dataset_section, data_sections.training_section, coverage.coverage_performance_section,
        coverage.track_section, coverage.example_section, *scored, motifs.motif_section,
        insight.filter_section, reference.card_section,
    ]  # fmt: skip


def render(headline, sections) -> str:
    """Fill the page's template; every text is escaped, whatever a target may be called.

    Parameters
    ----------
    headline : seqdl.reporting.blocks.Headline
    sections : list of seqdl.reporting.blocks.Section

    Returns
    -------
    str
        HTML.
    """
    import jinja2

    folder = files("seqdl.reporting") / "page"
    read = {
        name: (folder / name).read_text(encoding="utf-8")
        for name in ("template.html", "style.css", "table.js")
    }
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(read["template.html"]).render(
        headline=headline, sections=sections, style=read["style.css"], script=read["table.js"],
        version=__version__, date=datetime.date.today().isoformat(),
    )  # fmt: skip
