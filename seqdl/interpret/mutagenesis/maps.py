"""Maps of whole regions as HDF5 or as a table, appended to as bases are mutated.

The layouts are those of `seqdl.interpret.mutagenesis.files`. In HDF5 a row is a window, of which the middle
quarter was mutated; bases that no region holds are NaN there, as N are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from seqdl.files import atomic_path
from seqdl.interpret.mutagenesis.files import about_file, check_suffix, table_columns
from seqdl.interpret.mutagenesis.mutants import OTHERS, other_bases
from seqdl.interpret.mutagenesis.tiles import Tiles

_CHUNK = 1 << 18  # numbers of an HDF5 chunk, about
_KEYS = ("chrom", "strand", "name", "start", "end")


@contextmanager
def open_map(
    path: str | Path, run, tiles: Tiles, genome, targets: tuple[str, ...], settings: dict
) -> Iterator:
    """Open a map that appears whole or not at all; the suffix chooses the format.

    Parameters
    ----------
    path : str or Path
        ``.h5``, ``.tsv`` or ``.tsv.gz``.
    run : Run
    tiles : Tiles
    genome : Genome
    targets : tuple of str
    settings : dict
        What is known of them before the work.

    Yields
    ------
    seqdl.interpret.mutagenesis.saturate.Sink
    """
    about = about_file(run, tiles.left, tiles.left + tiles.length, settings)
    if check_suffix(path) in (".h5", ".hdf5"):
        with atomic_path(path) as aside, closing(_Windows(aside, about, tiles, genome, targets)) as sink:
            yield sink
        return
    from seqdl.prediction.writers import open_writer

    with open_writer(path, list(targets), about) as writer:
        yield _Table(writer, genome)


class _Windows:
    def __init__(self, path: Path, about: dict, tiles: Tiles, genome, targets: tuple[str, ...]) -> None:
        import h5py

        from seqdl.io.hdf5 import HDF5Writer

        self._genome, self._tiles = genome, tiles
        self._before = self._rows = 0  # windows before this block, and with it
        self._file = HDF5Writer(path)
        for key, value in about.items():
            self._file.attrs[key] = json.dumps(value) if isinstance(value, dict) else value
        text, t, w = h5py.string_dtype("utf-8"), len(targets), tiles.length
        self._file.create_dataset("targets", data=list(targets), dtype=text)
        self._add("codes", np.uint8, (tiles.window,))
        self._add("reference", np.float32, (t,))
        self._add("substitutions", np.float32, (w, 4, t), (1, min(w, max(1, _CHUNK // (4 * t))), 4, t))
        for key in _KEYS:
            self._add(key, np.int64 if key in ("start", "end") else text, ())

    def _add(self, name: str, dtype, shape: tuple[int, ...], chunks=None) -> None:
        fill = {"fillvalue": np.nan, "compression": "gzip"} if chunks else {}
        self._file.create_dataset(
            name, (0, *shape), dtype, maxshape=(None, *shape), chunks=chunks or True, **fill
        )

    def begin(self, block, reference: np.ndarray) -> None:
        n = len(block.codes)
        self._before, self._rows = self._rows, self._rows + n
        columns = {
            "codes": block.codes, "reference": reference.reshape(n, -1),
            "chrom": [self._genome.names[contig] for contig in block.contigs], "strand": ["."] * n,
            "name": block.names, "start": block.windows, "end": block.windows + self._tiles.window,
        }  # fmt: skip
        self._file["substitutions"].resize(self._rows, axis=0)
        for key, values in columns.items():
            self._file[key].resize(self._rows, axis=0)
            self._file[key][self._before :] = values
        self._file.check()

    def write(self, block, piece) -> None:
        cuts = np.flatnonzero(np.diff(piece.rows)) + 1
        for part in np.split(np.arange(len(piece.rows)), cuts):
            at = piece.places[part] - self._tiles.left
            low, high = int(at[0]), int(at[-1]) + 1
            values = np.full((high - low, *piece.effects.shape[1:]), np.nan, np.float32)
            values[at - low] = piece.effects[part]
            self._file["substitutions"][self._before + int(piece.rows[part[0]]), low:high] = values

    def finish(self, settings: dict) -> None:
        self._file.attrs["settings"] = json.dumps(settings)

    def close(self) -> None:
        self._file.close()


class _Table:
    def __init__(self, writer, genome) -> None:
        self._writer, self._genome = writer, genome

    def begin(self, block, reference: np.ndarray) -> None:
        """Windows themselves are not written."""

    def write(self, block, piece) -> None:
        others = np.sort(other_bases(piece.codes), axis=1)
        values = np.take_along_axis(piece.effects, others[..., None].astype(np.int64), axis=1)
        rows = np.repeat(piece.rows, OTHERS)
        chrom = np.array(self._genome.names, object)[block.contigs[rows]]
        start = block.windows[rows] + np.repeat(piece.places, OTHERS)
        letters = np.array(list("ACGT"), object)
        columns = table_columns(
            chrom, start, 1, np.array(block.names, object)[rows], "substitution",
            letters[np.repeat(piece.codes, OTHERS)], letters[others.ravel()],
        )  # fmt: skip
        self._writer.write(columns, values.reshape(len(rows), -1))

    def finish(self, settings: dict) -> None:
        """A table's head was written first: it lacks what the engine gained."""
