"""`predict`: a run over regions, sequences or a genome, into a file or into memory; `Predictor` runs it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.encoding import RNA
from seqdl.errors import InputError
from seqdl.files import require_other
from seqdl.genome import Genome
from seqdl.prediction.predictor import Predictor, default_batch_size
from seqdl.prediction.rna_sources import rna_windows
from seqdl.prediction.sources import region_windows, sequence_windows
from seqdl.prediction.tasks import require_dna
from seqdl.prediction.tracks import is_big_wig, predict_tracks
from seqdl.prediction.writers import FORMAT, VERSION, check_suffix, open_writer
from seqdl.progress import progress_bar
from seqdl.training.run import Run
from seqdl.version import __version__
from seqdl.words import suggest

if TYPE_CHECKING:
    import pandas as pd

# Windows held in memory at a time, about: enough to keep the device busy, whatever the file's size.
_ROWS = 2048
_NUMBERS = 16_000_000  # bases and values


class Predictions(NamedTuple):
    """What came out.

    Attributes
    ----------
    path : Path or None
        The file, or folder of tracks, written.
    n : int
        Windows predicted.
    targets : list of str
    flags : dict
        Flag ("OUT_OF_RANGE", "N_IN_WINDOW") → number of windows.
    windows : pandas.DataFrame or None
        Where each window lies; None if written to a file.
    values : float32 array, shape (n, targets) or (n, bins, targets), or None
        Probabilities, logits, or coverage; None if written to a file.
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
    bigwig: bool = False,
    regions: str | Path | None = None,
    overlap: float = 0.0,
    batch_size: int | None = None,
    strand_average: bool | None = None,
    precision: str = "float32",
    allow_genome_mismatch: bool = False,
) -> Predictions:
    """Predict regions of a BED file or sequences of a FASTA file, in the file's order, or a whole genome.

    Parameters
    ----------
    run : Run or path
        A run, or its folder.
    genome : Genome or path, optional
        Needed with `bed`; must be the run's own, by checksum.
    bed, fasta : path, optional
        Exactly one of them, unless tracks are written. A window is laid on the middle base of each region
        (its size does not matter), on the + strand. A sequence has the window's length, or see `lengths`.
    out : path, optional
        ``.tsv``, ``.tsv.gz``, ``.h5`` or ``.parquet``; of coverage ``.h5``, which holds (windows, bins,
        targets). Appears whole or not at all. Without it the numbers are returned. With `bigwig`: a
        folder, or a file ending in ``.bw``.
    targets : sequence of str, optional
        Only these, in this order.
    logits : bool
        Write log odds (natural logarithm) instead of probabilities.
    lengths : {"error", "pad", "centre", "tile"}
        What to do with a sequence of another length: refuse; N after a shorter one (refuse a longer one);
        its middle; windows every `step` bases. Of a run on RNA, a shorter sequence is always taken whole.
    step : int, optional
        For "tile", bp; the window's length if left out.
    alias : path, optional
        Table of contig names, file to genome.
    clip : bool
        Cut regions at their contig's end, leave out those past it, instead of raising.
    bigwig : bool
        Predict along the whole genome, or along `regions`, and write one bigWig track a target; see
        `seqdl.prediction.tracks.predict_tracks`. An `out` that ends in ``.bw`` means the same.
    regions : path, optional
        BED file: only these stretches of the tracks.
    overlap : float
        For tracks: share of a window's middle that the next window predicts as well; the mean is written.
    batch_size : int, optional
        Windows in a batch; 256, and fewer of long windows, if left out.
    strand_average : bool, optional
        Average both strands' predictions; by default what the run's card says.
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
    >>> predict("run/", genome="g.fa", out="tracks/", bigwig=True, overlap=0.5).path
    PosixPath('tracks')
    """
    bigwig = bigwig or (out is not None and is_big_wig(out))
    if bigwig:
        _check_tracks(genome, bed, fasta, out, logits)
        if lengths != "error" or step is not None:
            raise InputError(
                "`lengths` and `step` are for sequences (`fasta`); tracks are tiled (`overlap`)."
            )
    elif regions is not None or overlap:
        raise InputError("`regions` and `overlap` are for tracks: add `bigwig` (--bigwig), or give `bed`.")
    else:
        _check_windows(genome, bed, fasta)
    if out is not None and not bigwig:
        check_suffix(out)
    if out is not None:
        require_other(out, genome, bed, fasta, regions, alias)
    run = Run.open(run)
    names = list(run.target_names)
    columns = _choose(names, targets)
    _check_task(run, out if not bigwig else None, logits)
    if genome is not None:
        require_dna(run, "Predicting places of a genome")
        genome = genome if isinstance(genome, Genome) else Genome(genome)
        run.check_genome(genome, allow_mismatch=allow_genome_mismatch)
    if bigwig:
        predictor = Predictor(run, batch_size, strand_average, precision)
        path, n = predict_tracks(
            run, predictor, genome, out, columns, regions=regions, overlap=overlap, alias=alias, clip=clip
        )
        return Predictions(path, n, [names[i] for i in columns], {}, None, None)
    batch = batch_size or default_batch_size(run.window)
    rows = batch * max(1, _rows_at_once(run) // batch)
    if bed is not None:
        source = region_windows(bed, genome, run.window, rows, alias, clip)
    elif run.card["alphabet"] == RNA:
        source = rna_windows(fasta, run.window, rows, run.structured, lengths, step)
    else:
        source = sequence_windows(fasta, run.window, rows, lengths, step)
    predictor = Predictor(run, batch_size, strand_average, precision)
    forward = predictor.logits if logits else predictor.values
    chosen = [names[i] for i in columns]
    flags: Counter = Counter()
    with progress_bar(source.total, "Predicting", "windows") as progress:

        def results():
            for part in source.parts:
                values = forward(part.codes)
                flags.update(part.columns["flag"].tolist())
                progress.advance(len(values))
                yield part.columns, values if targets is None else values[..., columns]

        if out is None:
            windows, values = _collect(results())
        else:
            windows = values = None
            about = _about(run, predictor, genome, bed or fasta, source.rule, logits)
            with open_writer(out, chosen, about, _bins(run)) as writer:
                for part_columns, part_values in results():
                    writer.write(part_columns, part_values)
    n = sum(flags.values())
    unusual = {name: count for name, count in flags.items() if name != "."}
    return Predictions(Path(out) if out is not None else None, n, chosen, unusual, windows, values)


def _check_tracks(genome, bed, fasta, out, logits: bool) -> None:
    if genome is None or out is None:
        raise InputError(
            "Tracks need `genome` (--genome) and `out` (--out): a folder, or a file ending in .bw."
        )
    if bed is not None or fasta is not None:
        raise InputError(
            "Tracks are written of a whole genome, or of `regions` (--regions BED): leave `bed` and `fasta` "
            "out."
        )
    if logits:
        raise InputError("Tracks hold probabilities or coverage: leave `logits` out.")


def _check_windows(genome, bed, fasta) -> None:
    if (bed is None) == (fasta is None):
        raise InputError(
            "Give either `bed` (with `genome`) or `fasta`, or ask for tracks of a genome (`bigwig`): what "
            "shall be predicted?"
        )
    if bed is not None and genome is None:
        raise InputError("Regions of a BED file need their genome: give `genome` (--genome).")
    if fasta is not None and genome is not None:
        raise InputError("Sequences of a FASTA file need no genome: leave `genome` out, or give `bed`.")


def _check_task(run: Run, out, logits: bool) -> None:
    if run.task == "coverage":
        if logits:
            raise InputError("The run predicts coverage, which has no log odds: leave `logits` out.")
        if out is not None and check_suffix(out) != ".h5":
            bins, n = run.output_shape
            raise InputError(
                f"The run predicts {bins:,} bins of {n:,} targets a window, which is no table: write them to "
                ".h5, or as bigWig tracks (--bigwig)."
            )


def _bins(run: Run) -> int | None:
    """Return the number of values along a window; None for labels."""
    return run.output_shape[0] if run.task == "coverage" else None


def _rows_at_once(run: Run) -> int:
    """Return how many windows to hold at once: fewer where they, or what is predicted, are large."""
    return min(_ROWS, max(1, _NUMBERS // (run.window + int(np.prod(run.output_shape)))))


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


def _kind(run: Run, logits: bool) -> str:
    if run.task == "coverage":
        return (
            f"coverage in the unit trained on: {run.output_shape[0]} values of {run.resolution} bp, the "
            f"first beginning {(run.window - run.bin) // 2} bases into the window"
        )
    return "log odds (natural logarithm)" if logits else "probabilities"


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
    about["values"] = _kind(run, logits)
    about["flag"] = "OUT_OF_RANGE: padded with N past an end; N_IN_WINDOW: unknown bases; .: neither"
    return about
