"""Windows without a label: genome background, GC-matched background, shuffled positives; excluded regions."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from seqdl.data.bins import Peaks
from seqdl.data.regions import Regions
from seqdl.encoding import dinucleotide_shuffle
from seqdl.errors import InputError, MissingDependencyError
from seqdl.io.bed import place, read_bed
from seqdl.io.chromosomes import reconcile

NEGATIVES = ("none", "background", "gc", "shuffle")  # in the order of seqdl.data.dataset_file.ORIGINS
GC_STEP = 0.02  # width of a class of GC content
_SHUFFLE_BLOCK = 8192  # windows shuffled at once: bounds memory


def require_bedtools(why: str) -> None:
    """Check that the bedtools program is there.

    Parameters
    ----------
    why : str
        What needs it, for the message.

    Raises
    ------
    MissingDependencyError
        If not; with the command that installs it.
    """
    if shutil.which("bedtools") is None:
        raise MissingDependencyError(
            f"{why} needs the program bedtools, which is not on the PATH. Install it with: sudo apt-get "
            "install bedtools (or: conda install -c bioconda bedtools). A build without --exclude, and "
            "without --negatives background or gc, does not need it."
        )


def excluded_regions(path: str | Path, genome, alias=None) -> tuple[Regions, list[str]]:
    """Read regions that no window may touch, united by bedtools.

    Parameters
    ----------
    path : path
        BED file; what lies past a contig's end is cut off, since a blacklist is made for whole assemblies.
    genome : seqdl.Genome
    alias : mapping or path, optional
        As in `seqdl.io.chromosomes.reconcile`.

    Returns
    -------
    regions : Regions
    notes : list of str

    Raises
    ------
    InputError
        If the file is not usable.
    MissingDependencyError
        If bedtools is not installed.
    """
    require_bedtools("Excluding regions (--exclude)")
    table = read_bed(path, "BED file of excluded regions")
    names = reconcile(table.chrom, genome.names, alias, what="exclude")
    placed = place(table, names, genome.names, genome.sizes, clip=True)
    with _bedtools() as pybedtools:
        united = _bed(pybedtools, placed.contig_ids, placed.table.start, placed.table.end).sort().merge()
        regions = _regions(united)
    notes = names.report.splitlines()
    if placed.unknown or placed.outside:
        notes.append(
            f"exclude: {placed.unknown + placed.outside:,} regions lie outside the genome: not needed"
        )
    notes.append(f"exclude: {len(regions.start):,} regions, {int((regions.end - regions.start).sum()):,} bp")
    return regions, notes


def regions_without_peaks(genome, peaks: Peaks) -> Regions:
    """Find, with bedtools, the stretches of a genome where no target has a peak.

    Parameters
    ----------
    genome : seqdl.Genome
    peaks : Peaks
        Of all targets.

    Returns
    -------
    regions : Regions

    Raises
    ------
    MissingDependencyError
        If bedtools is not installed.
    """
    require_bedtools("Drawing background windows (--negatives)")
    with _bedtools() as pybedtools:
        sizes = Path(pybedtools.get_tempdir()) / "contigs.sizes"
        # bedtools sorts by name as text; zero-padded ids keep the genome's order.
        sizes.write_text(
            "".join(f"{_label(i)}\t{genome.lengths[name]}\n" for i, name in enumerate(genome.names))
        )
        taken = _bed(pybedtools, peaks.contig_ids, peaks.start, peaks.end).sort().merge()
        return _regions(taken.complement(g=str(sizes)))


def how_many(positives: int, ratio: float) -> int:
    """Return how many negatives `ratio` asks for.

    Parameters
    ----------
    positives : int
        Windows that carry a target.
    ratio : float
        Negatives a positive, above 0.

    Returns
    -------
    wanted : int
        Rounded, and at least 1.

    Raises
    ------
    InputError
        If the ratio is not positive.
    """
    if not ratio > 0:
        raise InputError(
            f"`negative_ratio` must be a positive number of negatives a positive. Received: {ratio}."
        )
    return max(1, round(positives * ratio))


def sample_background(candidates: int, wanted: int, rng: np.random.Generator) -> np.ndarray:
    """Draw background windows without replacement, all of them if there are fewer than wanted.

    Parameters
    ----------
    candidates, wanted : int
        How many there are, and how many are asked for.
    rng : numpy Generator

    Returns
    -------
    chosen : int64 array
        Ascending indices of candidates.
    """
    return np.sort(rng.permutation(candidates)[:wanted])


def match_gc(
    positive_gc: np.ndarray, candidate_gc: np.ndarray, wanted: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw windows whose GC content is distributed as the positives'.

    Parameters
    ----------
    positive_gc : float array, shape (n,)
        GC content of positives, 0 to 1.
    candidate_gc : float array, shape (m,)
    wanted : int
        How many to draw; each candidate is drawn at most once.
    rng : numpy Generator

    Returns
    -------
    chosen : int64 array
        Ascending indices of candidates; fewer than `wanted` only if there are not so many.

    Notes
    -----
    GC is cut into classes 0.02 wide and each is filled in proportion. Where a class has too few
    candidates, the nearest classes that still have some fill in.
    """
    classes = round(1 / GC_STEP) + 1
    have = _by_class(candidate_gc, rng)
    share = np.bincount(_gc_class(positive_gc), minlength=classes) / len(positive_gc)
    need = np.floor(share * wanted).astype(np.int64)
    # Largest remainders get what rounding down left over.
    need[np.argsort(need - share * wanted, kind="stable")[: wanted - need.sum()]] += 1
    used = np.zeros(classes, np.int64)
    supply = np.array([len(h) for h in have])
    for distance in range(classes):
        for sign in (-1, 1) if distance else (1,):
            there = np.arange(classes) + sign * distance
            for gc, source in zip(np.flatnonzero(need), there[need > 0], strict=True):
                if 0 <= source < classes:
                    take = min(need[gc], supply[source] - used[source])
                    used[source] += take
                    need[gc] -= take
    return np.sort(np.concatenate([h[:u] for h, u in zip(have, used, strict=True)]))


def shuffle_positives(codes: Iterator[np.ndarray], seed: int) -> Iterator[np.ndarray]:
    """Shuffle windows so that each keeps its dinucleotide counts, block by block.

    Parameters
    ----------
    codes : iterator of uint8 arrays, shape (n, window)
    seed : int

    Yields
    ------
    shuffled : uint8 array, shape (n, window)
    """
    rng = np.random.default_rng(seed)
    for block in codes:
        yield dinucleotide_shuffle(block, rng)


def blocks(n: int, size: int = _SHUFFLE_BLOCK) -> Iterator[slice]:
    """Cut n items into slices of at most `size`.

    Parameters
    ----------
    n : int
        Items in all.
    size : int
        Items in a slice, at least 1; the last slice may be shorter.

    Yields
    ------
    part : slice
        In order, without gaps; none where `n` is 0.
    """
    for at in range(0, n, size):
        yield slice(at, min(at + size, n))


def repeats(n: int, wanted: int, rng: np.random.Generator) -> np.ndarray:
    """Choose which of n positives to shuffle, evenly: every one `wanted // n` times, and some once more.

    Parameters
    ----------
    n : int
        Positives, at least 1.
    wanted : int
        Shuffled windows to make of them.
    rng : numpy.random.Generator
        Chooses the ``wanted % n`` positives that come once more.

    Returns
    -------
    chosen : int64 array, shape (wanted,)
        0-based, sorted.
    """
    whole = np.repeat(np.arange(n), wanted // n)
    return np.sort(np.concatenate([whole, rng.permutation(n)[: wanted % n]]))


def _gc_class(gc: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(np.asarray(gc) / GC_STEP), 0, round(1 / GC_STEP)).astype(np.int64)


def _by_class(gc: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """List each GC class's members in random order."""
    order = rng.permutation(len(gc))
    classes = _gc_class(gc)[order]
    order = order[np.argsort(classes, kind="stable")]
    bounds = np.cumsum(np.bincount(classes, minlength=round(1 / GC_STEP) + 1))
    return np.split(order, bounds[:-1])


@contextmanager
def _bedtools():
    """Give pybedtools with a temporary folder of its own that is removed with everything in it."""
    import pybedtools

    before = pybedtools.get_tempdir()
    with tempfile.TemporaryDirectory(prefix="seqdl-bedtools-") as folder:
        pybedtools.set_tempdir(folder)
        try:
            yield pybedtools
        finally:
            pybedtools.cleanup(remove_all=False)
            pybedtools.set_tempdir(before)


def _label(contig_id: int) -> str:
    return f"{contig_id:09d}"


def _bed(pybedtools, contig_ids: np.ndarray, start: np.ndarray, end: np.ndarray):
    path = Path(pybedtools.get_tempdir()) / f"{len(list(Path(pybedtools.get_tempdir()).iterdir()))}.bed"
    with open(path, "w", encoding="ascii") as handle:
        rows = zip(contig_ids.tolist(), start.tolist(), end.tolist(), strict=True)
        handle.writelines(f"{_label(c)}\t{s}\t{e}\n" for c, s, e in rows)
    return pybedtools.BedTool(str(path))


def _regions(bed) -> Regions:
    """Read a BedTool's result back into arrays."""
    rows = [line.split("\t")[:3] for line in Path(bed.fn).read_text(encoding="ascii").splitlines()]
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Regions(columns[:, 0].astype(np.int32), columns[:, 1], columns[:, 2])
