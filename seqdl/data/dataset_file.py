"""The file behind a `Dataset`: its layout, how it is written, and the check of its parts.

Layout (format "seqdl-dataset", version 1)::

    /                attrs: format, version, kind, window, bin, split_kind, random_split, genome_*,
                     provenance (JSON)
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
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.files import atomic_path

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
                random_split=split_kind == "random", genome_path=str(genome_path or ""),
                genome_name=genome_name, genome_checksum=genome_checksum,
                provenance=json.dumps(provenance or {}, default=str),
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


def check_shapes(f, n: int, n_targets: int) -> None:
    """Raise ValueError where the parts of an opened file do not fit together; reads no data.

    Parameters
    ----------
    f : h5py.File
        An opened dataset file.
    n : int
        Windows that it should hold.
    n_targets : int
        Targets that it should hold.

    Raises
    ------
    ValueError
        That names the part, its shape or dtype, and what it should be.
    """
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
