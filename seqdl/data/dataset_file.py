"""The file behind a `Dataset`: its layout, how it is written, and the check of its parts.

Layout (format "seqdl-dataset", version 2)::

    /                attrs: format, version, kind, task, alphabet, structured, window, bin, resolution,
                     split_kind, random_split, genome_*, provenance (JSON)
    /contigs         name, length, md5                    of the genome the positions refer to
    /windows         contig int32, start int64, split uint8, origin uint8, sequence int64; optional
                     group int32; for coverage row int64: the first row of the window in /coverage
    /labels          uint8 (n, ceil(T / 8)), bits in numpy's order, attr n_targets   (task "binary")
    /coverage        float16 (rows, T), contiguous, attr n_targets                   (task "coverage")
    /targets         name, cell, assay, treatment, category, unit; optional strand_pair int32
    /sequences       codes uint8 (flat), offsets int64, name   only what has no place in a genome

A window is a place in the genome, or, where ``sequence >= 0``, a row of /sequences: sequence-only
datasets and shuffled negatives. Stored sequences may be shorter than the window.

A row of /coverage is one stretch of `resolution` bases, and a window's target is ``bin //
resolution`` rows from its own row on: windows that overlap share rows, and nothing is stored twice.
NaN is a value that is not known (a blacklisted stretch, a contig that a track has not).

Version 1 had binary labels alone: it lacks task, alphabet, structured, resolution, group, row and
strand_pair, and is read as binary DNA.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.files import atomic_path

FORMAT, VERSION = "seqdl-dataset", 2
TASKS = ("binary", "coverage")
SPLITS = ("train", "valid", "test")
TARGET_COLUMNS = ("name", "cell", "assay", "treatment", "category", "unit")
ORIGINS = ("tiled", "background", "gc-matched", "shuffled")


class Contigs(NamedTuple):
    """The contigs that window positions refer to: names, lengths (bases), MD5 sums."""

    names: tuple[str, ...]
    lengths: np.ndarray
    md5: tuple[str, ...]


class Sequences(NamedTuple):
    """Stored sequences: flat uint8 `codes`, int64 `offsets` (n + 1), `names`, folding `energies` (n,)."""

    codes: np.ndarray
    offsets: np.ndarray
    names: list[str]
    energies: np.ndarray | None = None  # float32, kcal/mol; NaN where not known


class Coverage(NamedTuple):
    """Coverage targets on their way into a file, a block of rows at a time.

    Attributes
    ----------
    resolution : int
        Bases a row.
    n_rows, n_targets : int
    blocks : iterable of float16 arrays, shape (m, n_targets)
        All rows, in order; NaN where a value is not known.
    window_rows : int64 array, shape (n,)
        First row of each window's ``bin // resolution``.
    """

    resolution: int
    n_rows: int
    n_targets: int
    blocks: Iterable[np.ndarray]
    window_rows: np.ndarray


def write_dataset(
    path: str | Path,
    *,
    window: int,
    bin: int,
    targets,
    split: np.ndarray,
    split_kind: str,
    labels: np.ndarray | None = None,
    coverage: Coverage | None = None,
    structured: bool = False,
    alphabet: str = "dna",
    groups: np.ndarray | None = None,
    strand_pairs: np.ndarray | None = None,
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
    targets : pandas DataFrame
        One row a target; the columns of `TARGET_COLUMNS`, missing ones are filled with "".
    split : uint8 array, shape (n,)
        0 train, 1 valid, 2 test.
    split_kind : str
        "chromosome", "regions", "folds", "groups" or "random"; "random" is stamped on every result.
    labels : uint8 array, shape (n, n_targets), optional
        0 or 1; stored as bits. Either these or `coverage`.
    coverage : Coverage, optional
    structured : bool
        Whether `sequences` hold bases with their secondary structure, see `seqdl.encoding.add_structure`.
    alphabet : {"dna", "rna"}
        What the letters mean: RNA has one strand.
    groups : int array, shape (n,), optional
        Group of each window (family, species, cluster), -1 for none: folds never cut one.
    strand_pairs : int array, shape (n_targets,), optional
        The target that a target becomes on the other strand; itself where left out.
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

    if (labels is None) == (coverage is None):
        raise ValueError("a dataset has either labels or coverage")
    n, n_targets = len(split), labels.shape[1] if coverage is None else coverage.n_targets
    kind = "genome" if contigs is not None else "sequences"
    none = np.full(n, -1, np.int64)
    text = h5py.string_dtype()
    with atomic_path(path) as aside:
        with HDF5Writer(aside) as f:
            f.attrs.update(
                format=FORMAT, version=VERSION, kind=kind, window=window, bin=bin, split_kind=split_kind,
                task="binary" if coverage is None else "coverage", alphabet=alphabet, structured=structured,
                resolution=0 if coverage is None else coverage.resolution,
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
            if groups is not None:
                g["group"] = np.asarray(groups, np.int32)
            if coverage is None:
                values = f.create_dataset("labels", data=np.packbits(np.asarray(labels, bool), axis=1))
            else:
                g["row"] = np.asarray(coverage.window_rows, np.int64)
                values = f.create_dataset("coverage", (coverage.n_rows, n_targets), np.float16)
                at = 0
                for block in coverage.blocks:
                    values[at : at + len(block)] = block
                    at += len(block)
                if at != coverage.n_rows:
                    raise ValueError(f"coverage of {at} rows, and {coverage.n_rows} were promised")
            values.attrs["n_targets"] = n_targets
            g = f.create_group("targets")
            for column in TARGET_COLUMNS:
                words = targets[column] if column in targets else [""] * n_targets
                g.create_dataset(column, data=[str(v) for v in words], dtype=text)
            if strand_pairs is not None:
                g["strand_pair"] = np.asarray(strand_pairs, np.int32)
            if sequences is not None:
                g = f.create_group("sequences")
                g["codes"] = np.asarray(sequences.codes, np.uint8)
                g["offsets"] = np.asarray(sequences.offsets, np.int64)
                g.create_dataset("name", data=list(sequences.names), dtype=text)
                if sequences.energies is not None:
                    g["energy"] = np.asarray(sequences.energies, np.float32)
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
    if f.attrs.get("task", "binary") == "binary":
        shapes["labels"] = (n, -(-n_targets // 8))
    else:
        resolution = int(f.attrs["resolution"])
        if resolution < 1 or bin % resolution:
            raise ValueError(f"a bin of {bin} bases in stretches of {resolution}")
        shapes |= {"coverage": (len(f["coverage"]), n_targets), "windows/row": (n,)}
    shapes |= {f"targets/{name}": (n_targets,) for name in TARGET_COLUMNS}
    for name, shape in shapes.items():
        if f[name].shape != shape:
            raise ValueError(f"{name} has the shape {f[name].shape}, and should have {shape}")
    for name, dtype in (("labels", np.uint8), ("coverage", np.float16)):
        if name in shapes and f[name].dtype != dtype:
            raise ValueError(f"{name} are {f[name].dtype}, and should be {np.dtype(dtype)}")
