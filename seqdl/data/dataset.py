"""`Dataset`: one versioned HDF5 file of positions, labels, targets and split; bases stay in the genome."""

from __future__ import annotations

import json
import os
from copy import copy
from functools import cached_property
from pathlib import Path

import numpy as np

from seqdl.data.dataset_columns import DatasetColumns
from seqdl.data.dataset_file import FORMAT, SPLITS, VERSION, check_shapes
from seqdl.encoding import CHANNELS, STRUCTURE, N
from seqdl.errors import InputError
from seqdl.files import require_file

_BLOCK = 1 << 16  # windows whose labels are unpacked at once


class Dataset(DatasetColumns):
    """A built dataset, opened lazily: positions and labels stay small, bases come from the genome.

    Use `Dataset.open`. Attributes are read when first asked for.

    Attributes
    ----------
    kind : {"genome", "sequences"}
    task : {"binary", "coverage"}
        What the targets are: labels of a window, or values along its middle.
    alphabet : {"dna", "rna"}
    structured : bool
        Whether codes hold bases with their secondary structure.
    window, bin, resolution : int
        Bases; `resolution` is 0 for binary labels.
    n, n_targets : int
        Windows and targets.
    split_kind : str
    random_split : bool
        True when windows were split at random, which leaks between neighbours.
    genome_name, genome_path, genome_checksum : str
        Of the genome of the positions: its name, where it is, what it holds; "" without one.
    provenance : dict
    fold : dict or None
        What `with_split` was told of its split; None for the file's own.
    """

    fold: dict | None = None

    def __init__(
        self, path: Path, attrs: dict, n: int, n_targets: int, genome_path: str | Path | None
    ) -> None:
        self.path = path
        self.kind: str = attrs["kind"]
        self.task: str = attrs.get("task", "binary")
        self.alphabet: str = attrs.get("alphabet", "dna")
        self.structured = bool(attrs.get("structured", False))
        self.window, self.bin = int(attrs["window"]), int(attrs["bin"])
        self.resolution = int(attrs.get("resolution", 0))
        self.n, self.n_targets = n, n_targets
        self.split_kind: str = attrs["split_kind"]
        self.random_split = bool(attrs["random_split"])
        self.genome_name: str = attrs["genome_name"]
        self.genome_checksum: str = attrs["genome_checksum"]
        self.provenance: dict = json.loads(attrs["provenance"])
        self._genome_given = bool(genome_path)
        self.genome_path = (
            str(Path(genome_path).expanduser().resolve()) if genome_path else str(attrs["genome_path"])
        )

    @classmethod
    def open(cls, path: Dataset | str | Path, genome: str | Path | None = None) -> Dataset:
        """Open a dataset file.

        Parameters
        ----------
        path : path or Dataset
            A file written by `build_dataset`; an open dataset is returned as it is.
        genome : path, optional
            The genome's place, when it has moved since the build.

        Raises
        ------
        InputError
            If the file is missing, damaged, no dataset, or of a newer version.
        """
        import h5py

        if isinstance(path, Dataset):
            return path
        path = require_file(path, "dataset")
        try:
            with h5py.File(path, "r") as f:
                attrs = dict(f.attrs)
                if attrs.get("format") != FORMAT:
                    raise InputError(
                        f"{path} is an HDF5 file but no seqdl dataset; build one with `seqdl data build`."
                    )
                if int(attrs.get("version", 0)) > VERSION:
                    raise InputError(
                        f"{path} has dataset version {attrs['version']}, this seqdl reads up to {VERSION}. "
                        f"Upgrade it: pip install -U seqdl"
                    )
                stored = "labels" if attrs.get("task", "binary") == "binary" else "coverage"
                n, n_targets = len(f["windows/split"]), int(f[stored].attrs["n_targets"])
                check_shapes(f, n, n_targets)
            return cls(path, attrs, n, n_targets, genome)
        except InputError:
            raise
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"The dataset {path} is damaged or no HDF5 file: {error}. Build it again."
            ) from error

    def with_split(self, split: np.ndarray, kind: str, fold: dict | None = None) -> Dataset:
        """Return the same file under another split, as cross-validation needs it; nothing is written.

        Parameters
        ----------
        split : uint8 array, shape (n,)
            0 train, 1 valid, 2 test; 255 for windows that are left out.
        kind : str
            How it was made: "folds", ...; "random" is stamped on every result.
        fold : dict, optional
            What the cards of its runs shall tell of it.
        """
        split = np.asarray(split, np.uint8)
        if split.shape != (self.n,):
            raise InputError(f"`split` must have the shape ({self.n},). Received: {split.shape}.")
        other = copy(self)
        other.split_kind, other.random_split, other.fold = kind, kind == "random", fold
        # A cached property's value stands under its own name: this one is not read from the file.
        other.__dict__["split"] = split
        return other

    def __repr__(self) -> str:
        return (
            f"Dataset({str(self.path)!r}, {self.n:,} windows of {self.window} bp, {self.n_targets} targets)"
        )

    @cached_property
    def genome(self):
        """The `Genome` of the positions; checked against the contigs recorded at the build.

        Raises
        ------
        InputError
            If it has moved or is another genome.
        """
        from seqdl.genome import Genome

        place = self.genome_path
        if self._genome_given:
            require_file(place, "genome file")
        if not place or not os.path.exists(place):
            raise InputError(
                f"The dataset {self.path} was built on the genome {place or '(unknown)'}, which is not "
                f"there now. Say where it is with --genome (argument `genome`)."
            )
        genome = Genome(place)
        if genome.checksum != self.genome_checksum:
            raise InputError(
                f"The genome {place} is not the one that {self.path} was built on: checksum "
                f"{genome.checksum}, expected {self.genome_checksum}. Positions would mean other bases; "
                "build the dataset again."
            )
        return genome

    @property
    def channels(self) -> int:
        """Channels of a one-hot window: 4, or 7 with secondary structure."""
        return CHANNELS + (len(STRUCTURE) if self.structured else 0)

    @property
    def n_bins(self) -> int:
        """Values along a window of coverage; 1 for binary labels."""
        return self.bin // self.resolution if self.resolution else 1

    @cached_property
    def rows(self) -> np.ndarray:
        """float16 (rows, n_targets): all coverage, mapped from the file; NaN where not known."""
        from seqdl.io.hdf5 import map_rows

        return map_rows(self.path, "coverage")

    @cached_property
    def window_rows(self) -> np.ndarray:
        """int64 (n,): the first of each window's `n_bins` rows of coverage."""
        first = self._column("windows/row")
        if first.size and (first.min() < 0 or first.max() + self.n_bins > len(self.rows)):
            raise InputError(f"The dataset {self.path} is damaged: windows lie outside its coverage.")
        return first

    def values(self, indices: np.ndarray) -> np.ndarray:
        """Return the targets of the given windows, whatever the task.

        Parameters
        ----------
        indices : int array, shape (m,)

        Returns
        -------
        values : array
            uint8 (m, n_targets) of a binary dataset; float16 (m, n_bins, n_targets) of coverage, NaN where
            a value is not known.
        """
        if self.task == "binary":
            return self.labels(indices)
        first = self.window_rows[np.asarray(indices)]
        places = (first[:, None] + np.arange(self.n_bins)).reshape(-1)
        return self.rows.take(places, axis=0).reshape(len(first), self.n_bins, self.n_targets)

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
            raise InputError(
                f"The dataset {self.path} has no {split} windows; build it with a {split} split."
            )
        return found

    def labels(self, indices: np.ndarray | None = None) -> np.ndarray:
        """Return labels as uint8, shape (m, n_targets), of the given windows (all by default)."""
        packed = self._packed if indices is None else self._packed[indices]
        return np.unpackbits(packed, axis=1, count=self.n_targets)

    @cached_property
    def labelled(self) -> np.ndarray:
        """bool (n,): whether a window carries a label at all."""
        return self._packed.any(axis=1)

    def count_positives(self, indices: np.ndarray) -> np.ndarray:
        """Count the given windows that carry each target, int64 (n_targets,), a block at a time."""
        counts = np.zeros(self.n_targets, np.int64)
        for first in range(0, len(indices), _BLOCK):
            counts += self.labels(indices[first : first + _BLOCK]).sum(axis=0, dtype=np.int64)
        return counts

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
            out[placed] = self.genome.gather(
                self._genome_ids[here], self.starts[here] + shift[placed], self.window
            )
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
