"""`predict`: a run over regions or sequences, into a file or into memory. `Predictor` is its engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.prediction.predictor import Predictor
from seqdl.prediction.sources import region_windows, sequence_windows
from seqdl.prediction.writers import FORMAT, VERSION, check_suffix, open_writer
from seqdl.progress import progress_bar
from seqdl.training.run import Run
from seqdl.version import __version__
from seqdl.words import suggest

if TYPE_CHECKING:
    import pandas as pd

# Windows held in memory at a time, about: enough to keep the device busy, whatever the file's size.
_ROWS = 2048


class Predictions(NamedTuple):
    """What came out.

    Attributes
    ----------
    path : Path or None
        The file written.
    n : int
        Windows predicted.
    targets : list of str
    flags : dict
        Flag ("OUT_OF_RANGE", "N_IN_WINDOW") → number of windows.
    windows : pandas.DataFrame or None
        Where each window lies; None if written to a file.
    values : float32 array, shape (n, targets), or None
        Probabilities, or logits; None if written to a file.
    """

    path: Path | None
    n: int
    targets: list[str]
    flags: dict[str, int]
    windows: pd.DataFrame | None
    values: np.ndarray | None


def predict(
    run: Run | str | Path,
    *,
    genome: Genome | str | Path | None = None,
    bed: str | Path | None = None,
    fasta: str | Path | None = None,
    out: str | Path | None = None,
    targets: Sequence[str] | None = None,
    logits: bool = False,
    lengths: str = "error",
    step: int | None = None,
    alias: str | Path | None = None,
    clip: bool = False,
    batch_size: int = 256,
    strand_average: bool | None = None,
    precision: str = "float32",
    allow_genome_mismatch: bool = False,
) -> Predictions:
    """Predict every region of a BED file, or every sequence of a FASTA file, in the file's order.

    Parameters
    ----------
    run : Run or path
        A run, or its folder.
    genome : Genome or path, optional
        Needed with `bed`; must be the run's own, by checksum.
    bed, fasta : path, optional
        Exactly one of them. A window is laid on the middle base of each region (its size does not
        matter), on the + strand. A sequence has the window's length, or see `lengths`.
    out : path, optional
        ``.tsv``, ``.tsv.gz``, ``.h5`` or ``.parquet``; appears whole or not at all. Without it the
        numbers are returned.
    targets : sequence of str, optional
        Only these, in this order.
    logits : bool
        Write log odds (natural logarithm) instead of probabilities.
    lengths : {"error", "centre", "tile"}
        What to do with a sequence of another length: refuse; its middle; windows every `step` bases.
    step : int, optional
        For "tile", bp; the window's length if left out.
    alias : path, optional
        Table of contig names, file to genome.
    clip : bool
        Cut regions at their contig's end, leave out those past it, instead of raising.
    batch_size : int
        Windows in a batch.
    strand_average : bool, optional
        Average both strands' probabilities; by default what the run's card says.
    precision : {"float32", "bfloat16"}
        bfloat16 is faster on some machines and less exact.
    allow_genome_mismatch : bool
        Predict on another genome than the run's.

    Returns
    -------
    predictions : Predictions

    Raises
    ------
    InputError
        If the arguments, the files, the genome or the run do not fit together; the message says what
        differs.

    Examples
    --------
    >>> predict("run/", genome="g.fa", bed="regions.bed", out="pred.tsv.gz").n
    1000
    """
    if (bed is None) == (fasta is None):
        raise InputError("Give either `bed` (with `genome`) or `fasta`: what shall be predicted?")
    if bed is not None and genome is None:
        raise InputError("Regions of a BED file need their genome: give `genome` (--genome).")
    if fasta is not None and genome is not None:
        raise InputError("Sequences of a FASTA file need no genome: leave `genome` out, or give `bed`.")
    if out is not None:
        check_suffix(out)
    run = Run.open(run)
    names = list(run.target_names)
    columns = _choose(names, targets)
    rows = batch_size * max(1, _ROWS // max(batch_size, 1))
    if bed is not None:
        genome = genome if isinstance(genome, Genome) else Genome(genome)
        run.check_genome(genome, allow_mismatch=allow_genome_mismatch)
        source = region_windows(bed, genome, run.window, rows, alias, clip)
    else:
        source = sequence_windows(fasta, run.window, rows, lengths, step)
    predictor = Predictor(run, batch_size, strand_average, precision)
    forward = predictor.logits if logits else predictor.probabilities
    chosen = [names[i] for i in columns]
    flags: Counter = Counter()
    with progress_bar(source.total, "Predicting", "windows") as progress:

        def results():
            for part in source.parts:
                values = forward(part.codes)
                flags.update(part.columns["flag"].tolist())
                progress.advance(len(values))
                yield part.columns, values if targets is None else values[:, columns]

        if out is None:
            windows, values = _collect(results())
        else:
            windows = values = None
            about = _about(run, predictor, genome, bed or fasta, source.rule, logits)
            with open_writer(out, chosen, about) as writer:
                for part_columns, part_values in results():
                    writer.write(part_columns, part_values)
    n = sum(flags.values())
    unusual = {name: count for name, count in flags.items() if name != "."}
    return Predictions(Path(out) if out is not None else None, n, chosen, unusual, windows, values)


def _choose(names: list[str], targets: Sequence[str] | None) -> list[int]:
    if targets is None:
        return list(range(len(names)))
    if isinstance(targets, str) or not len(targets):
        raise InputError(f"`targets` must be a list of target names. Received: {targets!r}.")
    place = {name: i for i, name in enumerate(names)}
    for name in targets:
        if name not in place:
            raise InputError(f"The run has no target {name!r} among its {len(names)}.{suggest(name, names)}")
    return [place[name] for name in targets]


def _collect(results) -> tuple[pd.DataFrame, np.ndarray]:
    import pandas as pd

    columns, values = zip(*results, strict=True)
    table = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
    return pd.DataFrame(table), np.concatenate(values)


def _about(run: Run, predictor: Predictor, genome: Genome | None, source, rule: str, logits: bool) -> dict:
    """Say in the file what its numbers are; only names of files, since folders are nobody's business."""
    about = {
        "format": FORMAT,
        "version": VERSION,
        "seqdl": __version__,
        "run": run.path.name,
        "model": run.label,
        "input": Path(source).name,
    }
    if genome is not None:
        about["genome"] = f"{genome.name} {genome.checksum}"
    about["window"] = rule
    about["strand_average"] = predictor.strand_average
    about["precision"] = predictor.precision
    about["values"] = "log odds (natural logarithm)" if logits else "probabilities"
    about["flag"] = "OUT_OF_RANGE: padded with N past an end; N_IN_WINDOW: unknown bases; .: neither"
    return about
