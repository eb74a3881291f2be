"""Mutagenesis as bigWig tracks, one value a base and one file a target, for a genome browser.

``importance`` is the mean absolute effect of a base's three substitutions: how much it matters. ``score`` is
minus their mean effect: positive where losing the base costs the prediction. N, and what lies past a contig's
end, is a gap.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from seqdl.errors import InputError, require_one_of
from seqdl.files import atomic_path, require_other, require_writable, write_text
from seqdl.interpret.mutagenesis.mutants import OTHERS
from seqdl.interpret.mutagenesis.mutate import Mutagenesis, importance
from seqdl.version import __version__

TRACKS = ("importance", "score")
_MEANINGS = {
    "importance": "mean absolute effect of a base's three substitutions",
    "score": "minus the mean effect of a base's three substitutions",
}


def track_values(effects: np.ndarray, track: str) -> np.ndarray:
    """Make one number of a base's substitutions.

    Parameters
    ----------
    effects : float32 array, (..., 4, t)
        Of A, C, G, T; 0 for the base itself.
    track : {"importance", "score"}
        See this module's text.

    Returns
    -------
    float32 array, (..., t)
    """
    total = np.abs(effects).sum(axis=-2) if track == "importance" else -effects.sum(axis=-2)
    return total / np.float32(OTHERS)


def track_paths(bigwig: str | Path, targets: Sequence[str], *inputs) -> list[Path]:
    """Name the files of some targets, and refuse what cannot be written; better said before the work.

    Parameters
    ----------
    bigwig : str or Path
        A file, of one target; or a folder, in which files take the targets' names.
    targets : sequence of str
    *inputs : path, None or object
        What must not be replaced.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If it is neither, or cannot be written.
    MissingDependencyError
        If pyBigWig is not installed.
    """
    from seqdl.io.bigwig import require_pybigwig
    from seqdl.prediction.tracks import file_names, is_big_wig

    require_pybigwig()
    bigwig = Path(bigwig).expanduser()
    if is_big_wig(bigwig) and len(targets) > 1:
        raise InputError(
            f"One bigWig file holds one target, and there are {len(targets)}. Name one (--target), or give a "
            f"folder for all. Received: {str(bigwig)!r}."
        )
    if not is_big_wig(bigwig) and bigwig.suffix and not bigwig.is_dir():
        raise InputError(
            "A bigWig file's name ends in .bw or .bigwig, that of a folder has no suffix. "
            f"Received: {str(bigwig)!r}."
        )
    paths = [bigwig] if is_big_wig(bigwig) else [bigwig / f"{name}.bw" for name in file_names(targets)]
    for path in paths:
        require_other(path, *inputs)
        require_writable(path)
    return paths


class Tracks:
    """bigWig files of all targets that take mutated bases in the genome's order; use it as a context.

    Parameters
    ----------
    paths : list of Path
        From `track_paths`. All appear whole, or none.
    genome : Genome
        Opened already.
    track : {"importance", "score"}
    """

    def __init__(self, paths: list[Path], genome, track: str) -> None:
        require_one_of("track", track, TRACKS)
        self._paths, self._genome, self._track = paths, genome, track
        self._stack, self._files = ExitStack(), []

    def __enter__(self) -> Tracks:
        from seqdl.io.bigwig_writer import BigWigWriter
        from seqdl.prediction.tracks import make_room_for_files

        make_room_for_files(len(self._paths))
        with ExitStack() as stack:
            asides = [stack.enter_context(atomic_path(path)) for path in self._paths]
            self._files = [
                stack.enter_context(closing(BigWigWriter(aside, self._genome, 1))) for aside in asides
            ]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error) -> bool | None:
        return self._stack.__exit__(*error)

    def begin(self, block, reference: np.ndarray) -> None:
        """Windows themselves are not written."""

    def write(self, block, piece) -> None:
        """Append bases; see `seqdl.interpret.mutagenesis.saturate`."""
        self.append(
            block.contigs[piece.rows],
            block.windows[piece.rows] + piece.places,
            track_values(piece.effects, self._track),
        )

    def append(self, contigs: np.ndarray, places: np.ndarray, values: np.ndarray) -> None:
        """Append values, float32 (m, t), of bases that follow all before: contigs and places, int64 (m,)."""
        if not len(places):
            return
        cuts = np.flatnonzero((np.diff(places) != 1) | (np.diff(contigs) != 0)) + 1
        for rows in np.split(np.arange(len(places)), cuts):
            chrom, first = self._genome.names[contigs[rows[0]]], int(places[rows[0]])
            for file, column in zip(self._files, values[rows].T, strict=True):
                file.write(chrom, first, column)

    def finish(self, settings: dict) -> None:
        """A bigWig has no room for words; see `write_index`."""


def write_index(
    bigwig: str | Path, paths: list[Path], targets: Sequence[str], run, genome, track: str, settings: dict
) -> None:
    """Write ``tracks.json`` into a folder of tracks, as predictions have it; beside a single file nothing.

    Parameters
    ----------
    bigwig, paths
        As given to and by `track_paths`.
    targets : sequence of str
    run : Run
    genome : Genome
    track : {"importance", "score"}
    settings : dict
    """
    from seqdl.prediction.tracks import INDEX, is_big_wig

    if is_big_wig(bigwig):
        return
    index = {
        "format": "seqdl-tracks", "version": 1, "seqdl": __version__, "run": run.path.name,
        "model": run.label, "genome": f"{genome.name} {genome.checksum}", "values": _MEANINGS[track],
        "bases_a_value": 1, "settings": settings,
        "tracks": [{"file": path.name, "target": name} for path, name in zip(paths, targets, strict=True)],
    }  # fmt: skip
    write_text(Path(bigwig).expanduser() / INDEX, json.dumps(index, indent=1))


def write_tracks(paths: list[Path], result: Mutagenesis, genome, track: str = "importance") -> None:
    """Write mutagenesis of windows as bigWig, one file a target.

    Parameters
    ----------
    paths : list of Path
        One for each of the result's targets. All appear whole, or none.
    result : Mutagenesis
        Of regions of `genome`, with substitutions.
    genome : Genome
        Opened already.
    track : {"importance", "score"}
        See this module's text.

    Raises
    ------
    InputError
        If the sequences are no regions of the genome.
    MissingDependencyError
        If pyBigWig is not installed.

    Notes
    -----
    Where windows overlap the mean is written.
    """
    strange = [region.chrom for region in result.regions if region.chrom not in genome]
    if strange or not result.regions:
        raise InputError(
            f"A bigWig needs regions of the genome {genome.name}; {strange[:1] or 'nothing'} is none of them."
        )
    known = np.isfinite(importance(result)).all(axis=-1)
    values = track_values(result.substitutions, track)
    contigs = np.array([genome.contig_id(region.chrom) for region in result.regions])
    places = np.array([region.start for region in result.regions])[:, None] + np.arange(
        result.start, result.end
    )
    known &= (places >= 0) & (places < genome.sizes[contigs][:, None])
    with Tracks(paths, genome, track) as file:
        for contig in np.unique(contigs):
            rows = contigs == contig
            keep = known[rows]
            bases, inverse = np.unique(places[rows][keep], return_inverse=True)
            number = np.bincount(inverse)
            sums = [np.bincount(inverse, column) for column in values[rows][keep].T]
            mean = (np.stack(sums, axis=1) / number[:, None]).astype(np.float32)
            file.append(np.full(len(bases), contig), bases, mean)
