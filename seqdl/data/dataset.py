"""`Dataset`: one versioned HDF5 file of positions, labels, targets and split; bases stay in the genome.

Layout (format "seqdl-dataset", version 1)::

    /                attrs: format, version, kind, window, bin, split_kind, random_split, genome_*, provenance (JSON)
    /contigs         name, length, md5                    of the genome the positions refer to
    /windows         contig int32, start int64, split uint8, origin uint8, sequence int64
    /labels          uint8 (n, ceil(T / 8)), bits in numpy's order, attr n_targets
    /targets         name, cell, assay, treatment, category, unit
    /sequences       codes uint8 (flat), offsets int64, name   only what has no place in a genome

A window is a place in the genome, or, where ``sequence >= 0``, a row of /sequences: sequence-only
datasets and shuffled negatives.
"""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError
from seqdl.files import atomic_path, require_file

FORMAT, VERSION = "seqdl-dataset", 1
SPLITS = ("train", "valid", "test")
TARGET_COLUMNS = ("name", "cell", "assay", "treatment", "category", "unit")
ORIGINS = ("tiled", "background", "gc-matched", "shuffled")


class Contigs(NamedTuple):
    """The contigs that window positions refer to: names, lengths (bases), MD5 sums."""

    names: tuple[str, ...]
    lengths: np.ndarray
    md5: tuple[str, ...]


class Sequences(NamedTuple):
    """Stored sequences: flat uint8 `codes`, int64 `offsets` (n + 1), `names`."""

    codes: np.ndarray
    offsets: np.ndarray
    names: list[str]


def write_dataset(
    path: str | Path,
    *,
    window: int,
    bin: int,
    labels: np.ndarray,
    targets,
    split: np.ndarray,
    split_kind: str,
    contig_ids: np.ndarray | None = None,
    starts: np.ndarray | None = None,
    origin: np.ndarray | None = None,
    contigs: Contigs | None = None,
    genome_path: str | Path | None = None,
    genome_name: str = "",
    genome_checksum: str = "",
    sequences: Sequences | None = None,
    sequence_ids: np.ndarray | None = None,
    provenance: dict | None = None,
) -> Path:
    """Write a dataset file, whole or not at all.

    Parameters
    ----------
    path : path
        The HDF5 file to write.
    window, bin : int
        Input length and labelled central stretch, in bases.
    labels : uint8 array, shape (n, n_targets)
        0 or 1; stored as bits.
    targets : pandas DataFrame
        One row a target; the columns of `TARGET_COLUMNS`, missing ones are filled with "".
    split : uint8 array, shape (n,)
        0 train, 1 valid, 2 test.
    split_kind : str
        "chromosome", "regions", "folds", "groups" or "random"; "random" is stamped on every result.
    contig_ids, starts : int arrays, shape (n,), optional
        Place of each window: index into `contigs` and 0-based first base (may lie outside).
    origin : uint8 array, shape (n,), optional
        Index into `ORIGINS`.
    contigs : Contigs, optional
        Of the genome; needed with positions.
    genome_path, genome_name, genome_checksum : optional
        Where the genome was and what it is.
    sequences : Sequences, optional
        What has no place in a genome.
    sequence_ids : int64 array, shape (n,), optional
        Row of `sequences` for each window, -1 for a window in the genome.
    provenance : dict, optional
        Anything else worth keeping; written as JSON.

    Returns
    -------
    path : Path
    """
    import h5py

    from seqdl.io.hdf5 import HDF5Writer

    n = len(split)
    kind = "genome" if contigs is not None else "sequences"
    none = np.full(n, -1, np.int64)
    text = h5py.string_dtype()
    with atomic_path(path) as aside:
        with HDF5Writer(aside) as f:
            f.attrs.update(
                format=FORMAT, version=VERSION, kind=kind, window=window, bin=bin, split_kind=split_kind,
                random_split=split_kind == "random", genome_path=str(genome_path or ""), genome_name=genome_name,
                genome_checksum=genome_checksum, provenance=json.dumps(provenance or {}, default=str),
            )  # fmt: skip
            if contigs is not None:
                g = f.create_group("contigs")
                g.create_dataset("name", data=list(contigs.names), dtype=text)
                g["length"] = np.asarray(contigs.lengths, np.int64)
                g.create_dataset("md5", data=list(contigs.md5), dtype=text)
            g = f.create_group("windows")
            g["contig"] = np.asarray(none if contig_ids is None else contig_ids, np.int32)
            g["start"] = np.asarray(np.zeros(n) if starts is None else starts, np.int64)
            g["split"] = np.asarray(split, np.uint8)
            g["origin"] = np.zeros(n, np.uint8) if origin is None else np.asarray(origin, np.uint8)
            g["sequence"] = none if sequence_ids is None else np.asarray(sequence_ids, np.int64)
            packed = f.create_dataset("labels", data=np.packbits(np.asarray(labels, bool), axis=1))
            packed.attrs["n_targets"] = labels.shape[1]
            g = f.create_group("targets")
            for column in TARGET_COLUMNS:
                values = targets[column] if column in targets else [""] * labels.shape[1]
                g.create_dataset(column, data=[str(v) for v in values], dtype=text)
            if sequences is not None:
                g = f.create_group("sequences")
                g["codes"] = np.asarray(sequences.codes, np.uint8)
                g["offsets"] = np.asarray(sequences.offsets, np.int64)
                g.create_dataset("name", data=list(sequences.names), dtype=text)
    return Path(path)


def _check_shapes(f, n: int, n_targets: int) -> None:
    """Raise ValueError where the parts of an opened file do not fit together; reads no data."""
    window, bin = int(f.attrs["window"]), int(f.attrs["bin"])
    if not 1 <= bin <= window:
        raise ValueError(f"a window of {window} bases with a bin of {bin}")
    shapes = {f"windows/{name}": (n,) for name in ("contig", "start", "split", "origin", "sequence")}
    shapes["labels"] = (n, -(-n_targets // 8))
    shapes |= {f"targets/{name}": (n_targets,) for name in TARGET_COLUMNS}
    for name, shape in shapes.items():
        if f[name].shape != shape:
            raise ValueError(f"{name} has the shape {f[name].shape}, and should have {shape}")
    if f["labels"].dtype != np.uint8:
        raise ValueError(f"labels are {f['labels'].dtype}, and should be uint8")


class Dataset:
    """A built dataset, opened lazily: positions and labels stay small, bases come from the genome.

    Use `Dataset.open`. Attributes are read when first asked for.

    Attributes
    ----------
    kind : {"genome", "sequences"}
    window, bin : int
        Bases.
    n, n_targets : int
        Windows and targets.
    split_kind : str
    random_split : bool
        True when windows were split at random, which leaks between neighbours.
    provenance : dict
    """

    def __init__(self, path: Path, attrs: dict, n: int, n_targets: int, genome_path: str | Path | None) -> None:
        self.path = path
        self.kind: str = attrs["kind"]
        self.window, self.bin = int(attrs["window"]), int(attrs["bin"])
        self.n, self.n_targets = n, n_targets
        self.split_kind: str = attrs["split_kind"]
        self.random_split = bool(attrs["random_split"])
        self.genome_name: str = attrs["genome_name"]
        self.genome_checksum: str = attrs["genome_checksum"]
        self.provenance: dict = json.loads(attrs["provenance"])
        self._genome_override = genome_path
        self._genome_path: str = attrs["genome_path"]

    @classmethod
    def open(cls, path: str | Path, genome: str | Path | None = None) -> Dataset:
        """Open a dataset file.

        Parameters
        ----------
        path : path
            A file written by `build_dataset`.
        genome : path, optional
            The genome's place, when it has moved since the build.

        Raises
        ------
        InputError
            If the file is missing, damaged, no dataset, or of a newer version.
        """
        import h5py

        path = require_file(path, "dataset")
        try:
            with h5py.File(path, "r") as f:
                attrs = dict(f.attrs)
                if attrs.get("format") != FORMAT:
                    raise InputError(f"{path} is an HDF5 file but no seqdl dataset; build one with `seqdl data build`.")
                if int(attrs.get("version", 0)) > VERSION:
                    raise InputError(
                        f"{path} has dataset version {attrs['version']}, this seqdl reads up to {VERSION}. "
                        f"Upgrade it: pip install -U seqdl"
                    )
                n, n_targets = len(f["windows/split"]), int(f["labels"].attrs["n_targets"])
                _check_shapes(f, n, n_targets)
            return cls(path, attrs, n, n_targets, genome)
        except InputError:
            raise
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise InputError(f"The dataset {path} is damaged or no HDF5 file: {error}. Build it again.") from error

    def __repr__(self) -> str:
        return f"Dataset({str(self.path)!r}, {self.n:,} windows of {self.window} bp, {self.n_targets} targets)"

    def _column(self, name: str) -> np.ndarray:
        import h5py

        try:
            with h5py.File(self.path, "r") as f:
                return f[name][:]
        except (OSError, KeyError) as error:
            raise InputError(f"The dataset {self.path} is damaged at {name!r}: {error}. Build it again.") from error

    def _strings(self, name: str) -> list[str]:
        return [v.decode("utf-8") for v in self._column(name)]

    @cached_property
    def split(self) -> np.ndarray:
        """uint8 (n,): 0 train, 1 valid, 2 test."""
        return self._column("windows/split")

    @cached_property
    def starts(self) -> np.ndarray:
        """int64 (n,): 0-based first base of each window."""
        return self._column("windows/start")

    @cached_property
    def contig_ids(self) -> np.ndarray:
        """int32 (n,): index into `contigs`, -1 where the window is a stored sequence."""
        ids = self._column("windows/contig")
        if ids.size and (ids.min() < -1 or ids.max() >= len(self.contigs.names)):
            raise InputError(f"The dataset {self.path} is damaged: windows lie on contigs that it has not. Build it again.")
        return ids

    @cached_property
    def origin(self) -> np.ndarray:
        """uint8 (n,): index into `ORIGINS`."""
        return self._column("windows/origin")

    @cached_property
    def contigs(self) -> Contigs:
        """Contigs that positions refer to (empty for sequence-only datasets)."""
        if self.kind != "genome":
            return Contigs((), np.zeros(0, np.int64), ())
        return Contigs(
            tuple(self._strings("contigs/name")), self._column("contigs/length"), tuple(self._strings("contigs/md5"))
        )

    @property
    def chroms(self) -> np.ndarray:
        """Contig name of each window, object (n,); "" for stored sequences."""
        return np.array([*self.contigs.names, ""], object)[self.contig_ids]

    @cached_property
    def targets(self):
        """The target table: a pandas DataFrame with the columns of `TARGET_COLUMNS`."""
        import pandas as pd

        table = pd.DataFrame({c: self._strings(f"targets/{c}") for c in TARGET_COLUMNS})
        twice = table["name"][table["name"].duplicated()]
        if len(twice):
            raise InputError(f"The dataset {self.path} has two targets called {twice.iloc[0]!r}. Build it again.")
        return table

    @property
    def target_names(self) -> list[str]:
        """Names of the targets, in label order."""
        return list(self.targets["name"])

    @cached_property
    def genome(self):
        """The `Genome` of the positions; checked against the contigs recorded at the build.

        Raises
        ------
        InputError
            If it has moved or is another genome.
        """
        from seqdl.genome import Genome

        if self._genome_override:
            require_file(self._genome_override, "genome file")
        place = self._genome_override or self._genome_path
        if not place or not os.path.exists(place):
            raise InputError(
                f"The dataset {self.path} was built on the genome {place or '(unknown)'}, which is not there now. "
                f"Say where it is with --genome (argument `genome`)."
            )
        genome = Genome(place)
        if genome.checksum != self.genome_checksum:
            raise InputError(
                f"The genome {place} is not the one that {self.path} was built on: checksum {genome.checksum}, "
                f"expected {self.genome_checksum}. Positions would mean other bases; build the dataset again."
            )
        return genome

    @cached_property
    def _packed(self) -> np.ndarray:
        return self._column("labels")

    @cached_property
    def _stored(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        ids = self._column("windows/sequence")
        if (ids < 0).all():
            return None
        return ids, self._column("sequences/codes"), self._column("sequences/offsets")

    def indices(self, split: str) -> np.ndarray:
        """Return the window numbers, int64, of one split.

        Parameters
        ----------
        split : {"train", "valid", "test"}

        Raises
        ------
        InputError
            If there is no such split, or it is empty.
        """
        if split not in SPLITS:
            raise InputError(f"`split` must be one of {', '.join(SPLITS)}. Received: {split!r}.")
        found = np.flatnonzero(self.split == SPLITS.index(split))
        if not found.size:
            raise InputError(f"The dataset {self.path} has no {split} windows; build it with a {split} split.")
        return found

    def labels(self, indices: np.ndarray | None = None) -> np.ndarray:
        """Return labels as uint8, shape (m, n_targets), of the given windows (all by default)."""
        packed = self._packed if indices is None else self._packed[indices]
        return np.unpackbits(packed, axis=1, count=self.n_targets)

    def codes(self, indices: np.ndarray, shift: np.ndarray | None = None) -> np.ndarray:
        """Read windows' bases.

        Parameters
        ----------
        indices : int array, shape (m,)
            Window numbers.
        shift : int array, shape (m,), optional
            Bases to move each window by; stored sequences are padded with N on the open side.

        Returns
        -------
        codes : uint8 array, shape (m, window)
        """
        indices = np.asarray(indices)
        shift = np.zeros(len(indices), np.int64) if shift is None else shift
        if self._stored is None:
            return self.genome.gather(self._genome_ids[indices], self.starts[indices] + shift, self.window)
        ids, flat, offsets = self._stored
        out = np.empty((len(indices), self.window), np.uint8)
        placed = ids[indices] < 0
        if placed.any():
            here = indices[placed]
            out[placed] = self.genome.gather(self._genome_ids[here], self.starts[here] + shift[placed], self.window)
        rows = ids[indices[~placed]]
        places = offsets[rows, None] + shift[~placed, None] + np.arange(self.window)
        known = (places >= offsets[rows, None]) & (places < offsets[rows + 1, None])
        out[~placed] = np.where(known, flat.take(places, mode="clip"), N)
        return out

    @cached_property
    def _genome_ids(self) -> np.ndarray:
        """Contig ids in the opened genome: the same contigs may stand in another order there."""
        order = self.genome.contig_ids(self.contigs.names)
        return np.append(order, -1)[self.contig_ids]
