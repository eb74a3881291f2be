"""bigWig files read onto a genome's rows, a few million bases at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from seqdl.errors import InputError, MissingDependencyError
from seqdl.io.rows import Rows, row_widths
from seqdl.io.signal import Binned, Reading, lacking_contigs, match_contigs

_CHUNK = 1 << 20  # bases: 4 MB as float32, which caches still hold


def require_pybigwig():
    """Return the module pyBigWig.

    Raises
    ------
    MissingDependencyError
        If it is not installed, or was built without numpy.
    """
    try:
        import pyBigWig
    except ImportError:
        raise MissingDependencyError("bigWig files need the package pyBigWig: pip install pyBigWig") from None
    if not pyBigWig.numpy:
        raise MissingDependencyError(
            "The installed pyBigWig was built without numpy: pip install --force-reinstall pyBigWig"
        )
    return pyBigWig


def open_bigwig(path: str | Path):
    """Open a bigWig for reading.

    Raises
    ------
    InputError
        If it is no bigWig or damaged.
    MissingDependencyError
        If pyBigWig is not installed.
    """
    module = require_pybigwig()
    try:
        handle = module.open(str(path))
    except RuntimeError:
        handle = None
    if handle is None or not handle.isBigWig():
        raise InputError(f"The track {path} is no bigWig file, or damaged. Fetch it again.")
    return handle


def read_bigwig(
    path: Path,
    rows: Rows,
    reading: Reading,
    alias: Mapping[str, str] | str | Path | None = None,
    advance: Callable[[int], None] = lambda bases: None,
) -> Binned:
    """Read a bigWig onto rows.

    Parameters
    ----------
    path : Path
    rows : Rows
    reading : Reading
        Its `statistic` and `absent` count.
    alias : mapping or path, optional
    advance : callable
        Called with the bases of the genome that are done.

    Returns
    -------
    binned : Binned

    Raises
    ------
    InputError
        If it is damaged, of another assembly, or holds a value that is negative or infinite.
    """
    handle = open_bigwig(path)
    try:
        names, notes = match_contigs(path, handle.chroms() or {}, rows, alias)
        values = np.zeros(len(rows), np.float32)
        widths, filled = row_widths(rows), 0
        # Whole rows a chunk, so that no row is cut by a chunk's border.
        step = max(_CHUNK // rows.resolution, 1)
        for contig, name in names.items():
            part, size = rows.of(contig), int(rows.sizes[contig])
            for first in range(part.start, part.stop, step):
                last = min(first + step, part.stop)
                start = (first - part.start) * rows.resolution
                bases = _bases(handle, path, name, start, min(start + (last - first) * rows.resolution, size))
                advance(len(bases))
                sums, known = _bin(bases, rows.resolution)
                filled += int((known > 0).sum())
                if reading.absent == "zero":
                    values[first:last] = sums / widths[first:last] if reading.statistic == "mean" else sums
                    continue
                with np.errstate(invalid="ignore"):
                    mean = sums / known  # 0 / 0: NaN, not known
                values[first:last] = mean if reading.statistic == "mean" else mean * widths[first:last]
    finally:
        handle.close()
    return Binned(values[None], "bigwig", filled, 0, lacking_contigs(rows, names), tuple(notes))


def _bases(handle, path: Path, name: str, start: int, end: int) -> np.ndarray:
    """Read the values of single bases, float32, NaN where there is none; refuse what no coverage can be."""
    try:
        bases = np.asarray(handle.values(name, start, end, numpy=True))
    except RuntimeError as error:
        raise InputError(
            f"The track {path} is truncated or damaged at {name}:{start}-{end}: {error}. Fetch it again."
        ) from error
    if not len(bases):  # what pyBigWig gives of a file without any value
        return np.full(end - start, np.nan, np.float32)
    # fmin and fmax pass NaN over: two quick looks instead of a mask.
    if np.fmin.reduce(bases) < 0 or np.fmax.reduce(bases) == np.inf:
        at = int(np.argmax((bases < 0) | np.isinf(bases)))
        raise InputError(
            f"{path}:{name}:{start + at}: coverage is 0 or more and finite. Received: {bases[at]:g}. A "
            "track of logarithms, or of the reverse strand below zero, has to be made positive first."
        )
    return bases


def _bin(bases: np.ndarray, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Sum rows of bases; return sums, and how many bases of each row have a value."""
    absent = np.isnan(bases)
    bases[absent] = 0
    whole = len(bases) // resolution * resolution
    sums = bases[:whole].reshape(-1, resolution).sum(axis=1)
    known = resolution - np.count_nonzero(absent[:whole].reshape(-1, resolution), axis=1)
    if whole < len(bases):
        sums = np.append(sums, bases[whole:].sum())
        known = np.append(known, np.count_nonzero(~absent[whole:]))
    return sums, known
