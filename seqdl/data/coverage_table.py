"""The table of all tracks on all rows, while a coverage dataset is built: lent, filled, turned into rows."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.data.tracks import Track
from seqdl.data.transform import fit_transform, to_float16
from seqdl.errors import InputError
from seqdl.io.rows import Rows
from seqdl.io.signal import Binned, read_signal
from seqdl.progress import progress_bar
from seqdl.words import few

_IN_MEMORY = 1 << 28  # bytes of the table of all tracks; a larger one lies in a temporary file
_BLOCK = 1 << 28  # bytes of rows that are turned and written at once


class Filling(NamedTuple):
    """What the reading of every track has to know.

    Attributes
    ----------
    rows : Rows
    hidden : bool array, shape (rows,)
        Rows that are not known in any track.
    train : bool array, shape (rows,)
        Known rows of training windows: what scales and quantiles are taken from.
    used : frozenset of str
        Contigs with windows.
    missing : {"error", "zero", "unknown"}
        What one of these is where a track lacks it.
    alias : mapping or path, optional
    sqrt : bool
    soft_cap : float or None
    """

    rows: Rows
    hidden: np.ndarray
    train: np.ndarray
    used: frozenset[str]
    missing: str
    alias: object
    sqrt: bool
    soft_cap: float | None


class Filled(NamedTuple):
    """What reading all tracks gave.

    Attributes
    ----------
    unknown : int32 array, shape (rows,)
        Targets of which a row is not known.
    records : list of dict
        Of each target: name, kind of file, and its `Transform`.
    inside : list of int
        Ends, fragments or filled rows of each file.
    """

    unknown: np.ndarray
    records: list[dict]
    inside: list[int]


class _Taken(NamedTuple):
    """What one track gave: a record of each target, its count, and notes of its own and that others share."""

    records: list[dict]
    inside: int
    notes: list[str]
    shared: list[str]


def fill_table(
    table: np.ndarray, tracks: Sequence[Track], filling: Filling, notes: list[str], workers: int = 1
) -> Filled:
    """Read every track into its lines of the table.

    Parameters
    ----------
    table : float16 array, shape (n_targets, rows)
        Of `lend_table`; a memory map where there are several workers.
    tracks : sequence of Track
    filling : Filling
    notes : list of str
        Gets lines on what is worth knowing; what many files share is said once.
    workers : int
        Processes that read tracks.

    Returns
    -------
    filled : Filled

    Raises
    ------
    InputError
        If a track is not usable, or lacks a contig and `missing` is "error".
    """
    genome = int(filling.rows.sizes.sum())
    first = np.cumsum([0] + [len(t.targets) for t in tracks])
    unknown = np.zeros(len(filling.rows), np.int32)
    shared: Counter[str] = Counter()
    records, inside = [], []
    with progress_bar(genome * len(tracks), "Reading tracks", "bases") as progress:

        def one_by_one() -> Iterator[_Taken]:
            for at, track in zip(first, tracks, strict=False):
                yield _take(table, int(at), track, filling, progress.advance)

        def side_by_side() -> Iterator[_Taken]:
            with ProcessPoolExecutor(
                min(workers, len(tracks)),
                get_context("spawn"),
                _start,
                (table.filename, table.shape, filling),
            ) as pool:
                try:
                    yield from pool.map(_take_aside, first[:-1].tolist(), tracks)
                except BrokenProcessPool:
                    raise InputError(
                        "A process that read tracks was ended from outside, as happens where memory runs "
                        "out. Give fewer --workers: 1 reads one track at a time, in this process."
                    ) from None
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise

        for number, taken in enumerate(one_by_one() if workers == 1 else side_by_side()):
            progress.advance(genome * (number + 1) - progress.done)
            shared.update(taken.shared)
            notes += taken.notes
            records += taken.records
            inside.append(taken.inside)
            for line in table[first[number] : first[number + 1]]:
                unknown += np.isnan(line)
    for note, many in shared.items():
        notes.append(f"tracks: {note}" + (f" (in {many} files)" if len(tracks) > 1 else ""))
    return Filled(unknown, records, inside)


_aside: tuple[np.ndarray, Filling]  # of a worker process


def _start(path: str, shape: tuple[int, int], filling: Filling) -> None:
    """Open the table in a worker, once."""
    global _aside
    _aside = np.memmap(path, np.float16, "r+", shape=shape), filling


def _take_aside(at: int, track: Track) -> _Taken:
    table, filling = _aside
    return _take(table, at, track, filling, lambda bases: None)


def _take(
    table: np.ndarray, at: int, track: Track, filling: Filling, advance: Callable[[int], None]
) -> _Taken:
    """Read one track into the table, from line `at` on."""
    binned = read_signal(track.path, filling.rows, track.reading, filling.alias, advance)
    shared, notes, records = list(binned.notes), [], []
    if binned.outside:
        notes.append(
            f"{track.path.name}: {binned.outside:,} ends or fragments lie past their contig: left out"
        )
    shared += _hide(binned, track, filling)
    for line, (target, values) in enumerate(zip(track.targets, binned.values, strict=True), at):
        values[filling.hidden] = np.nan
        try:
            transform = fit_transform(
                values, filling.train, sqrt=filling.sqrt, soft_cap=filling.soft_cap, cap=track.cap,
                scale=track.scale,
            )  # fmt: skip
        except InputError as error:
            raise InputError(f"The track {track.path}: {error}.") from None
        table[line], note = to_float16(transform.apply(values))
        if note:
            notes.append(f"{target.name}: {note}")
        if not (table[line] > 0).any():
            notes.append(
                f"{target.name}: no value of the track is above 0: there is nothing to learn from it"
            )
        records.append({"name": target.name, "kind": binned.kind, **transform.to_dict()})
    return _Taken(records, binned.inside, notes, shared)


def _hide(binned: Binned, track: Track, filling: Filling) -> list[str]:
    """Treat contigs with windows that the track lacks as was asked for; say so."""
    rows, missing = filling.rows, filling.missing
    lacking = [name for name in binned.lacking if name in filling.used]
    if not lacking:
        return []
    if missing == "error":
        why = (
            "no fragment lies there"
            if binned.kind == "fragments"
            else f"its contigs are {few(n for n in rows.names if n not in binned.lacking)}"
        )
        raise InputError(
            f"The track {track.path} lacks {few(lacking)} of the genome ({why}). Say what they are with "
            "--missing zero (no signal) or --missing unknown (no loss and no metric counts them)."
        )
    if missing == "unknown":
        for name in lacking:
            binned.values[:, rows.of(rows.names.index(name))] = np.nan
    return [f"lacks {few(lacking)}: {'0' if missing == 'zero' else 'not known'} there"]


@contextmanager
def lend_table(out: Path, n_targets: int, n_rows: int, workers: int = 1) -> Iterator[np.ndarray]:
    """Lend a float16 table: in memory where it is small, else in a temporary file beside the dataset.

    Parameters
    ----------
    out : Path
        The dataset.
    n_targets, n_rows : int
    workers : int
        Processes that shall write to it: several can share a file only.

    Yields
    ------
    table : float16 array, shape (n_targets, n_rows)

    Raises
    ------
    InputError
        If the disk has no room for it and the dataset.
    """
    size = 2 * n_targets * n_rows
    if size <= _IN_MEMORY and workers == 1:
        yield np.empty((n_targets, n_rows), np.float16)
        return
    folder = out.expanduser().parent
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < 2 * size:
        raise InputError(
            f"The dataset needs about {2 * size / 1e9:,.1f} GB in {folder} while it is built (half after), "
            f"and {free / 1e9:,.1f} GB are free. Make room, or take a coarser --resolution or fewer tracks."
        )
    with tempfile.TemporaryDirectory(prefix=".seqdl-", dir=folder) as aside:
        yield np.memmap(Path(aside) / "tracks", np.float16, "w+", shape=(n_targets, n_rows))


def turn_table(table: np.ndarray, kept: np.ndarray) -> Iterator[np.ndarray]:
    """Turn the table into rows, a block at a time.

    Parameters
    ----------
    table : float16 array, shape (n_targets, rows)
    kept : bool array, shape (rows,)
        Rows that windows hold.

    Yields
    ------
    block : float16 array, shape (m, n_targets)
    """
    step = max(_BLOCK // (2 * len(table)), 1)
    with progress_bar(len(kept), "Writing", "rows") as progress:
        for first in range(0, len(kept), step):
            here = kept[first : first + step]
            if here.any():
                yield np.ascontiguousarray(table[:, first : first + step][:, here].T)
            progress.advance(len(here))
