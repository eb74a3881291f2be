"""Write attributions to HDF5, or to the two .npz files that TF-MoDISco reads, and read the HDF5 back.

HDF5 layout (format ``seqdl-attribution``, version 1), channels last as everywhere in seqdl:

========== ======== =========== ==========================================================
dataset    dtype    shape       meaning
========== ======== =========== ==========================================================
values     float32  (n, L, 4)   contributions, channels A, C, G, T
codes      uint8    (n, L)      bases: A 0, C 1, G 2, T 3, N 4
logits     float32  (n,)        the target's log odds
delta      float32  (n,)        only for integrated gradients; see `Attribution`
chrom      str      (n,)        contig, or the sequence's name
start, end int64    (n,)        0-based, half-open
strand     str      (n,)        "+", "-" or "."
name       str      (n,)        the region's name
========== ======== =========== ==========================================================

The root's attributes hold format, version, target, method, seqdl's version and the genome's checksum.

``NAME.npz`` holds the contributions and ``NAME.onehot.npz`` the sequences, each as ``arr_0`` of shape
(n, 4, L): ``modisco motifs -s NAME.onehot.npz -a NAME.npz -n 20000 -o modisco.h5``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqdl.encoding import one_hot
from seqdl.errors import InputError
from seqdl.files import atomic_path, require_file
from seqdl.intervals import Interval
from seqdl.version import __version__

FORMAT, VERSION = "seqdl-attribution", 1
SUFFIXES = (".h5", ".hdf5", ".npz")


def check_suffix(path: str | Path) -> str:
    """Return the output's suffix.

    Raises
    ------
    InputError
        If it is not one of `SUFFIXES`; better said before the work than after it.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"Attributions are written as .h5 or .npz. Received: {str(path)!r}.")
    return suffix


def write_attribution(path: str | Path, attribution, run=None) -> list[Path]:
    """Write an attribution, whole or not at all; the suffix chooses the format.

    Parameters
    ----------
    path : str or Path
        ``.h5`` or ``.npz``; see this module's text for both layouts.
    attribution : seqdl.interpret.gradients.Attribution
    run : Run, optional
        Its genome's name and checksum are noted in the HDF5 file.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        If the suffix is unknown.
    """
    path = Path(path)
    if check_suffix(path) == ".npz":
        other = path.with_suffix(".onehot.npz")
        for name, array in ((path, attribution.values), (other, one_hot(attribution.codes, "int8"))):
            with atomic_path(name) as temporary, open(temporary, "wb") as handle:
                np.savez_compressed(handle, array.transpose(0, 2, 1))
        return [path, other]
    with atomic_path(path) as temporary:
        _write_h5(temporary, attribution, run)
    return [path]


def _write_h5(path: Path, attribution, run) -> None:
    import h5py

    from seqdl.io.hdf5 import HDF5Writer

    regions = attribution.regions
    text = h5py.string_dtype("utf-8")
    with HDF5Writer(path) as file:
        file.attrs.update(
            {
                "format": FORMAT,
                "version": VERSION,
                "target": attribution.target,
                "method": attribution.method,
                "seqdl": __version__,
                "layout": "(n, length, 4), channels A C G T; TF-MoDISco wants (n, 4, length)",
            }
        )
        genome = {} if run is None else run.card.get("genome") or {}
        for key in ("name", "checksum"):
            if genome.get(key):
                file.attrs[f"genome_{key}"] = genome[key]
        length = attribution.values.shape[1]
        chunks = (1, length, 4) if len(regions) else None
        file.create_dataset(
            "values", data=attribution.values, chunks=chunks, compression="gzip" if chunks else None
        )
        file["codes"] = attribution.codes
        file["logits"] = attribution.logits
        if attribution.delta is not None:
            file["delta"] = attribution.delta
        for key in ("chrom", "strand", "name"):
            file.create_dataset(key, data=[getattr(region, key) for region in regions], dtype=text)
        for key in ("start", "end"):
            file[key] = np.array([getattr(region, key) for region in regions], np.int64)


def read_attribution(path: str | Path):
    """Read an attribution from the HDF5 file that `write_attribution` made.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    seqdl.interpret.gradients.Attribution

    Raises
    ------
    InputError
        If the file is missing, no HDF5, or of another format or a newer version.
    """
    import h5py

    from seqdl.interpret.gradients import Attribution

    path = require_file(path, "attribution")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT or file.attrs.get("version", 0) > VERSION:
                raise InputError(
                    f"{path} holds no {FORMAT} of version <= {VERSION}. "
                    f"Received: {file.attrs.get('format')!r}, version {file.attrs.get('version')!r}."
                )
            columns = [file[key].asstr()[:] for key in ("chrom", "strand", "name")]
            regions = tuple(
                Interval(chrom, int(start), int(end), strand, name)
                for chrom, strand, name, start, end in zip(
                    *columns, file["start"][:], file["end"][:], strict=True
                )
            )
            return Attribution(
                file["values"][:],
                regions,
                str(file.attrs["target"]),
                str(file.attrs["method"]),
                file["codes"][:],
                file["logits"][:],
                file["delta"][:] if "delta" in file else None,
            )
    except (OSError, KeyError) as error:
        raise InputError(f"{path} is not an HDF5 file, or it is cut off: {error}.") from error
