"""Find what a report can be made of: the run's own files, its dataset, genome and scored variants."""

from __future__ import annotations

import itertools
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqdl.errors import InputError, SeqdlError
from seqdl.interpret.windows import open_genome

SCORE_SUFFIXES = (".tsv.gz", ".tsv", ".h5", ".parquet", ".zarr", ".vcf.gz", ".vcf")
TABLE_ROWS = 20  # variants in the table


@dataclass
class Inputs:
    """Everything that could be opened; what could not is None, with the reason in `reasons`."""

    run: Any
    card: dict
    metrics: dict | None = None
    table: Any = None  # metrics.tsv: one row per target and model
    calibration: Any = None
    curves: Any = None  # curves.tsv: median ROC and precision-recall by category
    scatter: Any = None  # scatter.tsv of coverage: bins by observed and predicted value
    examples: Any = None  # examples.tsv of coverage: stretches of tracks
    history: Any = None
    dataset: Any = None
    genome: Any = None
    scores: Any = None  # seqdl.reporting.scored.ScoredVariants
    frequency: Any = None  # seqdl.variants.frequency.FrequencyComparison
    top: int = 5
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The run's folder as a user would type it."""
        return shlex.quote(str(self.run.path))

    @property
    def dataset_name(self) -> str:
        """The dataset's path as a user would type it, for the commands in the page."""
        return shlex.quote(str((self.card.get("dataset") or {}).get("path") or "ds.h5"))

    @property
    def genome_name(self) -> str:
        """The genome's path as a user would type it."""
        return shlex.quote(str((self.card.get("dataset") or {}).get("genome_path") or "genome.fa"))


def gather(run, *, data=None, genome=None, scores=None, vcf=None, top: int = 5) -> Inputs:
    """Open all inputs of a report; a missing one is noted, a given one that does not open is an error.

    Parameters
    ----------
    run : Run
    data : str, Path or Dataset, optional
        The dataset; by default where the card says.
    genome : str, Path or Genome, optional
        The genome; by default where the card or the dataset says.
    scores : str or Path, optional
        Scored variants; by default the newest readable ``*scores*`` file in the run's folder.
    vcf : str or Path, optional
        The VCF that was scored, for the allele frequencies in its INFO column.
    top : int
        Variants to draw.

    Returns
    -------
    Inputs

    Raises
    ------
    InputError
        If something that was named cannot be used.
    """
    found = Inputs(run, run.card, top=top)
    folder = run.folder
    found.metrics = run.metrics()
    if found.metrics is not None:
        # Without it the tables are leavings: of a run that a later training has replaced.
        found.table = _table(folder / "metrics.tsv")
        coverage = found.metrics.get("task") == "coverage"
        for name in ("scatter", "examples") if coverage else ("calibration", "curves"):
            setattr(found, name, _table(folder / f"{name}.tsv"))
    found.history = _history(run)
    if genome is not None:
        found.genome = open_genome(run, genome)
    _open_dataset(found, data)
    if found.genome is None:
        _find_genome(found)
    _open_scores(found, scores, folder)
    if vcf is not None:
        _compare_frequencies(found, vcf)
    return found


def _table(path: Path):
    import pandas as pd

    if not path.is_file() or path.stat().st_size == 0:
        return None
    try:
        with open(
            path, encoding="utf-8"
        ) as handle:  # stamps stand above the header, as lines that begin with #
            stamps = sum(1 for _ in itertools.takewhile(lambda line: line.startswith("#"), handle))
        table = pd.read_csv(path, sep="\t", skiprows=stamps, keep_default_na=False, na_values=["nan", ""])
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a table: {error}. Make it anew.") from None
    return table if len(table) else None


def _history(run):
    import pandas as pd

    rows = run.history()
    return pd.DataFrame(rows) if rows else None


def _open_dataset(found: Inputs, data) -> None:
    from seqdl.data.dataset import Dataset

    given = data is not None
    data = data if given else (found.card.get("dataset") or {}).get("path")
    if not data:
        found.reasons["dataset"] = "The card names no dataset."
        return
    try:
        found.dataset = Dataset.open(data, genome=getattr(found.genome, "path", None))
    except (SeqdlError, OSError) as error:
        if given:
            raise
        found.reasons["dataset"] = f"The dataset {data} could not be opened here ({_short(error)})."


def _find_genome(found: Inputs) -> None:
    path = (found.card.get("dataset") or {}).get("genome_path")
    try:
        if path and Path(path).is_file():
            found.genome = open_genome(found.run, path)
        elif found.dataset is not None and found.dataset.kind == "genome":
            found.genome = open_genome(found.run, found.dataset.genome)
        else:
            found.reasons["genome"] = "The genome's file is not known here."
    except (SeqdlError, OSError) as error:
        found.reasons["genome"] = f"The genome could not be opened here ({_short(error)})."


def _open_scores(found: Inputs, scores, folder: Path) -> None:
    from seqdl.reporting.scored import survey_scores

    most = max(TABLE_ROWS, found.top)
    if scores is not None:
        found.scores = survey_scores(scores, most)
        return
    files = [
        path
        for path in folder.glob("*scores*")
        if path.name.endswith(SCORE_SUFFIXES) and "reject" not in path.name and not path.name.startswith(".")
    ]
    for path in sorted(files, key=lambda path: -path.stat().st_mtime):
        try:
            found.scores = survey_scores(path, most)
            return
        except (SeqdlError, OSError) as error:
            found.reasons["scores"] = f"{path.name} in the run's folder could not be read ({_short(error)})."


def _compare_frequencies(found: Inputs, vcf) -> None:
    from seqdl.variants.frequency import compare_frequencies

    if found.scores is None:
        why = found.reasons.get("scores", "The run's folder holds no table of scores.")
        raise InputError(
            f"`vcf` gives the allele frequencies of scored variants. {why} Name it with `scores`."
        )
    found.frequency = compare_frequencies(found.scores.path, vcf)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:240].rstrip(".")
