"""Write in-silico mutagenesis to HDF5 or to a long table, and read the HDF5 back.

HDF5 layout (format ``seqdl-mutagenesis``, version 1); ``w`` is the mutated window, ``t`` the targets:

=============== ======== ============== ===========================================================
dataset         dtype    shape          meaning
=============== ======== ============== ===========================================================
codes           uint8    (n, L)         bases: A 0, C 1, G 2, T 3, N 4
reference       float32  (n, t)         outputs of the unchanged sequences
substitutions   float32  (n, w, 4, t)   effect of A, C, G, T; 0 at the base itself, NaN at N
deletions       float32  (n, w, t)      effect of taking the base out; NaN at N
insertions      float32  (n, w, 4, t)   effect of A, C, G, T before the base
ablations       float32  (n, p, t)      mean effect of shuffling a k-mer; NaN where it holds an N
ablation_starts int64    (p,)           first base of each k-mer in the sequence
targets         str      (t,)           their names
chrom           str      (n,)           contig, or the sequence's name
start, end      int64    (n,)           0-based, half-open
strand, name    str      (n,)           "+", "-" or "."; the region's name
=============== ======== ============== ===========================================================

Only what was asked for is there. The root's attributes hold format, version, ``window`` (the mutated part
of each sequence, 0-based and half-open), ``settings`` (JSON), seqdl's version, and the genome's name and
checksum.

The table (``.tsv``, ``.tsv.gz``) has lines ``##key=value``, then one row a mutant: chrom, start and end (of
what is replaced, 0-based and half-open; an insertion lies before ``start``, which is its ``end``), name,
kind, ref, alt ("-" for nothing, "*" for a shuffled k-mer), and the effect on each target.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seqdl.encoding import N, decode
from seqdl.errors import InputError
from seqdl.files import atomic_path, full_suffix, require_file, require_writable
from seqdl.interpret.mutagenesis.mutate import Mutagenesis
from seqdl.version import __version__

FORMAT, VERSION = "seqdl-mutagenesis", 1
SUFFIXES = (".h5", ".hdf5", ".tsv", ".tsv.gz")
_ARRAYS = ("substitutions", "deletions", "insertions", "ablations", "ablation_starts")
_COLUMNS = ("chrom", "start", "end", "name", "kind", "ref", "alt")


def check_suffix(path: str | Path) -> str:
    """Return the output's suffix.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    str

    Raises
    ------
    InputError
        If it is not one of `SUFFIXES`, or nothing can be written there; better said before the work than
        after it.
    """
    suffix = full_suffix(path)
    if suffix not in SUFFIXES:
        raise InputError(f"Mutagenesis is written as .h5, .tsv or .tsv.gz. Received: {str(path)!r}.")
    require_writable(path)
    return suffix


def write_mutagenesis(path: str | Path, result: Mutagenesis, run=None) -> None:
    """Write a run's mutagenesis, whole or not at all; the suffix chooses the format.

    Parameters
    ----------
    path : str or Path
        ``.h5``, ``.tsv`` or ``.tsv.gz``; see this module's text for the layouts.
    result : Mutagenesis
        With regions and targets, as `seqdl.interpret.mutagenesis.regions.mutagenesis` returns it.
    run : Run, optional
        Its genome's name and checksum are noted.

    Raises
    ------
    InputError
        If the suffix is unknown.
    """
    about = about_file(run, result.start, result.end, result.settings or {})
    if check_suffix(path) in (".h5", ".hdf5"):
        with atomic_path(path) as temporary:
            _write_h5(temporary, result, about)
        return
    from seqdl.prediction.writers import open_writer

    with open_writer(path, list(result.targets), about) as writer:
        for row in range(len(result.codes)):
            for columns, values in _rows(result, row):
                writer.write(columns, values)


def about_file(run, start: int, end: int, settings: dict) -> dict:
    """Return what a file says of itself: attributes of HDF5, the first lines of a table.

    Parameters
    ----------
    run : Run or None
        Its genome's name and checksum are noted.
    start, end : int
        The mutated part of each window.
    settings : dict
    """
    about = {"format": FORMAT, "version": VERSION, "seqdl": __version__, "window": [start, end],
             "settings": settings}  # fmt: skip
    genome = {} if run is None else run.card.get("genome") or {}
    return about | {f"genome_{key}": genome[key] for key in ("name", "checksum") if genome.get(key)}


def _write_h5(path: Path, result: Mutagenesis, about: dict) -> None:
    import h5py

    from seqdl.io.hdf5 import HDF5Writer, write_regions

    with HDF5Writer(path) as file:
        for key, value in about.items():
            file.attrs[key] = json.dumps(value) if isinstance(value, dict) else value
        file["codes"], file["reference"] = result.codes, result.reference
        for key in _ARRAYS:
            values = getattr(result, key)
            if values is not None and values.ndim > 1:
                file.create_dataset(key, data=values, chunks=(1, *values.shape[1:]), compression="gzip")
            elif values is not None:
                file[key] = values
        file.create_dataset("targets", data=list(result.targets), dtype=h5py.string_dtype("utf-8"))
        write_regions(file, result.regions)


def read_mutagenesis(path: str | Path) -> Mutagenesis:
    """Read mutagenesis from the HDF5 file that `write_mutagenesis` made.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Mutagenesis

    Raises
    ------
    InputError
        If the file is missing, no HDF5, or of another format or a newer version.
    """
    import h5py

    from seqdl.io.hdf5 import read_regions, require_format

    path = require_file(path, "mutagenesis file")
    try:
        with h5py.File(path, "r") as file:
            require_format(file, path, FORMAT, VERSION)
            start, end = (int(place) for place in file.attrs["window"])
            return Mutagenesis(
                file["codes"][:], start, end, file["reference"][:],
                **{key: file[key][:] if key in file else None for key in _ARRAYS},
                regions=read_regions(file), targets=tuple(file["targets"].asstr()[:]),
                settings=json.loads(file.attrs["settings"]),
            )  # fmt: skip
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not an HDF5 file, or it is cut off: {error}.") from error


def _rows(result: Mutagenesis, row: int) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Yield the table's rows of one sequence, kind by kind: columns (m,) and effects (m, t)."""
    region, codes = result.regions[row], result.codes[row]
    places = np.arange(result.start, result.end)
    here = codes[places]
    letters = np.array(list("ACGTN"), object)

    def block(kind, starts, length, ref, alt, values):
        first = region.start + starts
        return table_columns(region.chrom, first, length, region.name, kind, ref, alt), values

    if result.substitutions is not None:
        at, base = np.nonzero((here[:, None] < N) & (here[:, None] != np.arange(4)))
        yield block("substitution", places[at], 1, letters[here[at]], letters[base],
                    result.substitutions[row, at, base])  # fmt: skip
    nothing = np.full(4 * len(places), "-", object)
    if result.deletions is not None:
        at = np.flatnonzero(here < N)
        yield block("deletion", places[at], 1, letters[here[at]], nothing[: len(at)],
                    result.deletions[row, at])  # fmt: skip
    if result.insertions is not None:
        at, base = (part.ravel() for part in np.indices((len(places), 4)))
        yield block("insertion", places[at], 0, nothing, letters[base], result.insertions[row, at, base])
    if result.ablations is not None:
        kmer = (result.settings or {}).get("kmer", 1)
        words = codes[result.ablation_starts[:, None] + np.arange(kmer)]
        at = np.flatnonzero((words < N).all(axis=1))
        text = np.array([decode(word) for word in words[at]], object)
        yield block("ablation", result.ablation_starts[at], kmer, text, np.full(len(at), "*", object),
                    result.ablations[row, at])  # fmt: skip


def table_columns(chrom, start: np.ndarray, length: int, name, kind: str, ref, alt) -> dict[str, np.ndarray]:
    """Return the table's columns of some mutants.

    Parameters
    ----------
    chrom, name, ref, alt : str, or object array of str, (m,)
    start : int64 array, (m,)
        First base that is replaced, on its contig.
    length : int
        Bases replaced.
    kind : str

    Returns
    -------
    dict of str to array, (m,)
    """
    words = (np.broadcast_to(np.asarray(word, object), start.shape) for word in (name, kind, ref, alt))
    chrom = np.broadcast_to(np.asarray(chrom, object), start.shape)
    return dict(zip(_COLUMNS, (chrom, start, start + length, *words), strict=True))
