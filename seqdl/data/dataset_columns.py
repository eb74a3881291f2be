"""The columns of a dataset file, each read when first asked for: the base of `Dataset`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from seqdl.data.dataset_file import TARGET_COLUMNS, Contigs
from seqdl.errors import InputError
from seqdl.files import sha256


class DatasetColumns:
    """Windows, targets and contigs of a dataset file, read lazily and kept.

    Attributes
    ----------
    path : Path
    kind : {"genome", "sequences"}
    n_targets : int
    """

    path: Path
    kind: str
    n_targets: int

    def _column(self, name: str) -> np.ndarray:
        import h5py

        try:
            with h5py.File(self.path, "r") as f:
                return f[name][:]
        except (OSError, KeyError) as error:
            raise InputError(
                f"The dataset {self.path} is damaged at {name!r}: {error}. Build it again."
            ) from error

    def _strings(self, name: str) -> list[str]:
        return [v.decode("utf-8") for v in self._column(name)]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file: what says that two runs saw the same data."""
        return sha256(self.path)

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
            raise InputError(
                f"The dataset {self.path} is damaged: windows lie on contigs that it has not. Build it again."
            )
        return ids

    @cached_property
    def origin(self) -> np.ndarray:
        """uint8 (n,): index into `seqdl.data.dataset_file.ORIGINS`."""
        return self._column("windows/origin")

    @cached_property
    def groups(self) -> np.ndarray | None:
        """int32 (n,): group of each window, -1 for none; None in a dataset without groups."""
        import h5py

        with h5py.File(self.path, "r") as f:
            return f["windows/group"][:] if "windows/group" in f else None

    @cached_property
    def energies(self) -> np.ndarray | None:
        """float32 (n,): each window's folding energy, kcal/mol, NaN where not known; None without any."""
        import h5py

        with h5py.File(self.path, "r") as f:
            if "sequences/energy" not in f:
                return None
            energies, rows = f["sequences/energy"][:], f["windows/sequence"][:]
        return np.where(rows >= 0, energies[rows], np.nan).astype(np.float32)

    @cached_property
    def contigs(self) -> Contigs:
        """Contigs that positions refer to (empty for sequence-only datasets)."""
        if self.kind != "genome":
            return Contigs((), np.zeros(0, np.int64), ())
        return Contigs(
            tuple(self._strings("contigs/name")),
            self._column("contigs/length"),
            tuple(self._strings("contigs/md5")),
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
            raise InputError(
                f"The dataset {self.path} has two targets called {twice.iloc[0]!r}. Build it again."
            )
        return table

    @property
    def target_names(self) -> list[str]:
        """Names of the targets, in label order."""
        return list(self.targets["name"])

    @cached_property
    def strand_pairs(self) -> np.ndarray:
        """int (n_targets,): the target that each target becomes on the other strand."""
        import h5py

        with h5py.File(self.path, "r") as f:
            if "targets/strand_pair" not in f:
                return np.arange(self.n_targets)
            pairs = f["targets/strand_pair"][:]
        if sorted(pairs) != list(range(self.n_targets)):
            raise InputError(f"The dataset {self.path} is damaged: its strand pairs are no permutation.")
        return pairs
