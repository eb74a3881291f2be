"""Predictions along a genome as bigWig tracks, one file a target, for a genome browser."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from seqdl.errors import InputError
from seqdl.files import atomic_path, full_suffix, write_text
from seqdl.genome import Genome
from seqdl.io.bigwig import require_pybigwig
from seqdl.io.bigwig_writer import BigWigWriter
from seqdl.prediction.predictor import Predictor
from seqdl.prediction.sources import place_regions
from seqdl.prediction.tiles import make_tiling, predict_contig, wanted_windows
from seqdl.prediction.writers import SUFFIXES as TABLES
from seqdl.progress import progress_bar, say
from seqdl.training.run import Run
from seqdl.version import __version__

SUFFIXES = (".bw", ".bigwig")
INDEX = "tracks.json"
_NUMBERS = 16_000_000  # bases and values held at once, about
_SPARE_FILES = 64  # file handles left to everything else


def predict_tracks(
    run: Run,
    predictor: Predictor,
    genome: Genome,
    out: str | Path,
    columns: Sequence[int],
    *,
    regions: str | Path | None = None,
    overlap: float = 0.0,
    alias: str | Path | None = None,
    clip: bool = False,
) -> tuple[Path, int]:
    """Predict a genome, or regions of it, and write one bigWig a target.

    Windows lie side by side from each contig's first base on, each predicting its middle, so the value at a
    place does not depend on what else was asked for. Where windows overlap, their values are averaged, the
    less counting the nearer they are to a window's edge. Past a contig's ends windows hold N; a window whose
    middle holds no known base is not predicted, which leaves a gap.

    Parameters
    ----------
    run : Run
    predictor : Predictor
        Of that run.
    genome : Genome
        Checked already.
    out : path
        A file ending in .bw for a single target, or a folder: the files take the targets' names, and
        ``tracks.json`` there lists them.
    columns : sequence of int
        Places of the targets to write.
    regions : path, optional
        BED file: only values that touch one of its regions; by default the whole genome.
    overlap : float
        Share of a window's middle that the next window predicts as well.
    alias, clip
        As in `seqdl.predict`, for the regions.

    Returns
    -------
    out : Path
        The file or folder.
    n : int
        Windows predicted.

    Raises
    ------
    InputError
        If the arguments do not fit together. Files appear all of them and whole, or not at all.
    """
    require_pybigwig()
    names = [run.target_names[i] for i in columns]
    out = Path(out).expanduser()
    single = is_big_wig(out)
    if not single and full_suffix(out) in TABLES and not out.is_dir():
        raise InputError(
            f"Tracks are bigWig files: give `out` a folder, or a name that ends in .bw. Received: {out}."
        )
    if single and len(names) > 1:
        raise InputError(
            f"One bigWig file holds one target, and {len(names)} are to be written. Give a folder, or one of "
            "them (--targets)."
        )
    paths = [out] if single else [out / f"{name}.bw" for name in file_names(names)]
    make_room_for_files(len(paths))
    tiling = make_tiling(run.window, run.bin, run.resolution, overlap)
    of_contig = _regions(regions, genome, alias, clip)
    plan = []
    for contig in range(len(genome.names)):
        if of_contig is None or contig in of_contig:
            chosen = None if of_contig is None else of_contig[contig]
            plan.append((contig, *wanted_windows(tiling, int(genome.sizes[contig]), chosen)))
    total = sum(len(windows) for _, windows, _ in plan)
    batch = predictor.batch_size
    rows = max(1, _NUMBERS // (tiling.window + tiling.width * predictor.n_targets) // batch) * batch
    written = False
    with ExitStack() as stack:
        asides = [stack.enter_context(atomic_path(path)) for path in paths]
        files = [stack.enter_context(closing(BigWigWriter(aside, genome, tiling.unit))) for aside in asides]
        progress = stack.enter_context(progress_bar(total, "Predicting", "windows"))
        for contig, windows, units in plan:
            stretches = predict_contig(
                predictor.values, genome, contig, tiling, windows, rows, progress.advance
            )
            for first, values in stretches:
                values[~units[first : first + len(values)]] = np.nan
                written = written or bool(np.isfinite(values).any())
                for file, column in zip(files, columns, strict=True):
                    file.write(genome.names[contig], first, values[:, column])
        if not written:
            raise InputError(
                "Nothing was predicted, so there is no track: the genome, or the regions, hold no known base."
            )
    if not single:
        write_text(out / INDEX, json.dumps(_index(run, predictor, genome, tiling, names, paths), indent=1))
    say(f"{len(paths):,} bigWig file{'s' if len(paths) > 1 else ''} of {tiling.unit} bp a value.")
    return out, total


def is_big_wig(path: str | Path) -> bool:
    """Tell whether a path names a bigWig file."""
    return Path(path).suffix.lower() in SUFFIXES


def file_names(targets: Sequence[str]) -> list[str]:
    """Make file names of target names: letters, digits and ``._+-`` stay, and no two are alike.

    Parameters
    ----------
    targets : sequence of str

    Returns
    -------
    names : list of str
        Without a suffix.
    """
    names, seen = [], set()
    for number, target in enumerate(targets, 1):
        name = re.sub(r"[^\w.+-]+", "_", target).strip("._") or "target"
        name = name[:120] if name[:120].lower() not in seen else f"{name[:110]}_{number}"
        seen.add(name.lower())
        names.append(name)
    return names


def make_room_for_files(n: int) -> None:
    """Let this process hold `n` files open at once beside those of its own, as far as the system lets.

    Parameters
    ----------
    n : int

    Raises
    ------
    InputError
        If the system does not.
    """
    try:
        import resource
    except ImportError:  # not on Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and n + _SPARE_FILES > soft:
        wanted = n + _SPARE_FILES
        if hard != resource.RLIM_INFINITY and wanted > hard:
            raise InputError(
                f"{n:,} tracks are written at once, and this system lets a program open {hard:,} files. "
                "Write some at a time: --targets A,B,C."
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _regions(bed, genome: Genome, alias, clip: bool) -> dict[int, np.ndarray] | None:
    """Read the regions, by contig: int64 (n, 2) each."""
    if bed is None:
        return None
    placed = place_regions(bed, genome, alias, clip)
    both = np.stack([placed.table.start, placed.table.end], axis=1)
    return {int(i): both[placed.contig_ids == i] for i in np.unique(placed.contig_ids)}


def _index(run: Run, predictor: Predictor, genome: Genome, tiling, names, paths) -> dict:
    """Say what the files are: a bigWig has no room for it. Names of files only, no folders."""
    table, made = run.targets.set_index("name"), {t["name"]: t for t in run.card.get("transforms") or []}
    return {
        "format": "seqdl-tracks", "version": 1, "seqdl": __version__, "run": run.path.name,
        "model": run.label, "genome": f"{genome.name} {genome.checksum}",
        "values": "probabilities" if run.task == "binary" else "coverage, in the unit trained on",
        "bases_a_value": tiling.unit, "overlapping_windows": -(-tiling.width // tiling.step),
        "strand_average": predictor.strand_average, "precision": predictor.precision,
        "tracks": [
            {"file": path.name, "target": name,
             **{key: str(table.at[name, key]) for key in ("cell", "assay", "category", "unit")},
             "transform": made.get(name)}
            for name, path in zip(names, paths, strict=True)
        ],
    }  # fmt: skip
