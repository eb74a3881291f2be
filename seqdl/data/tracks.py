"""The tracks of a coverage dataset: which file becomes which targets, read and transformed how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.data.targets import Target, collect_targets
from seqdl.data.transform import read_cap, read_scale
from seqdl.errors import InputError
from seqdl.files import read_lines
from seqdl.io.signal import Reading, parse_shift, signal_kind
from seqdl.words import suggest

# Columns of a target table that only tracks have; `clip` is what Basenji's tables call the cap.
TRACK_COLUMNS = ("shift", "cap", "clip", "scale", "strand_pair")


class Track(NamedTuple):
    """One file and what becomes of it.

    Attributes
    ----------
    path : Path
    kind : {"bigwig", "alignments", "fragments"}
    reading : Reading
    cap : float, str or None
        As in `seqdl.data.transform.fit_transform`.
    scale : float or str
    targets : tuple of Target
        One, or the two strands.
    """

    path: Path
    kind: str
    reading: Reading
    cap: float | str | None
    scale: float | str
    targets: tuple[Target, ...]


def collect_tracks(
    files: Sequence[str | Path] | str | Path,
    table: str | Path | None,
    category: str,
    reading: Reading,
    resolution: int,
    cap: float | str | None = None,
    scale: float | str = "none",
) -> tuple[list[Track], np.ndarray | None, list[str]]:
    """List tracks, what each is read as, and which targets change places on the other strand.

    Parameters
    ----------
    files : path or sequence of paths
        Tracks, folders of them, or one target table that names them.
    table : path, optional
        Target table that describes the files.
    category : str
    reading : Reading
        For tracks of which the table says nothing else.
    resolution : int
    cap, scale
        The same.

    Returns
    -------
    tracks : list of Track
    strand_pairs : int array, shape (targets,), or None
        None where no target has another on the other strand.
    notes : list of str

    Raises
    ------
    InputError
        If a file is no track, or the table's columns are not usable.
    """
    files = [files] if isinstance(files, (str, Path)) else list(files)
    if table is None and len(files) == 1 and _is_table(files[0]):
        files, table = None, files[0]
    targets, notes = collect_targets(files, table, category, "coverage", TRACK_COLUMNS)
    tracks = []
    for target in targets:
        extra, where = target.extra, f" of the target {target.name!r} in {table}"
        kind = signal_kind(target.path)
        if "cap" in extra and "clip" in extra:
            raise InputError(f"`cap` and `clip` are two words for one thing: give one{where}.")
        own = reading
        if "shift" in extra:
            own = replace(reading, shift=parse_shift(extra["shift"], f"shift{where}"))
        if own.stranded and kind != "alignments":
            raise InputError(
                f"Strands (--stranded) are read from BAM and CRAM; {target.path} is none. Give one file a "
                "strand, and the other's name in the target table's column strand_pair."
            )
        unit = _unit(kind, own, resolution) if target.unit == Target._field_defaults["unit"] else target.unit
        names = (f"{target.name}+", f"{target.name}-") if own.stranded else (target.name,)
        tracks.append(
            Track(
                path=target.path, kind=kind, reading=own,
                cap=read_cap(extra.get("cap", extra.get("clip")), f"cap{where}") or cap,
                scale=read_scale(extra["scale"], f"scale{where}") if "scale" in extra else scale,
                targets=tuple(target._replace(name=n, unit=unit) for n in names),
            )
        )  # fmt: skip
    return tracks, _strand_pairs(tracks), notes


def _is_table(path: str | Path) -> bool:
    """Tell a target table, whose header names a column of files, from a track."""
    path = Path(path).expanduser()
    if path.is_dir() or path.suffix.lower() not in (".tsv", ".txt") or not path.exists():
        return False
    for _, line in read_lines(path, "track or target table"):
        if line.strip() and not line.startswith("##"):
            return bool({"file", "path"} & {h.strip().lstrip("#").lower() for h in line.split("\t")})
    return False


def _unit(kind: str, reading: Reading, resolution: int) -> str:
    """Say what a value counts, before transformations."""
    what = "signal" if kind == "bigwig" else {"ends": "ends", "coverage": "covered bases"}[reading.signal]
    return f"{what} / bp" if reading.statistic == "mean" else f"{what} / {resolution} bp"


def _strand_pairs(tracks: list[Track]) -> np.ndarray | None:
    names = [t.name for track in tracks for t in track.targets]
    twice = next((n for n in names if names.count(n) > 1), None) if len(set(names)) < len(names) else None
    if twice:
        raise InputError(f"Two targets are called {twice!r}. Give names in a target table (--targets).")
    place = {name: i for i, name in enumerate(names)}
    pairs, at = np.arange(len(names)), 0
    for track in tracks:
        other = track.targets[0].extra.get("strand_pair")
        if len(track.targets) == 2:
            pairs[at : at + 2] = at + 1, at
        elif other is not None:
            if other not in place:
                raise InputError(
                    f"The strand_pair of {names[at]!r} is the name of a target. Received: {other!r}."
                    f"{suggest(other, names)}"
                )
            pairs[at] = place[other]
        at += len(track.targets)
    wrong = np.flatnonzero(pairs[pairs] != np.arange(len(pairs)))
    if wrong.size:
        first = int(wrong[0])
        raise InputError(
            f"Strand pairs go both ways: {names[first]!r} names {names[pairs[first]]!r}, which names "
            f"{names[pairs[pairs[first]]]!r}."
        )
    return pairs if (pairs != np.arange(len(pairs))).any() else None
