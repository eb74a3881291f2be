"""Write attributions to HDF5, to the .npz files that TF-MoDISco reads or to bigWig, and read the HDF5 back.

HDF5 layout (format ``seqdl-attribution``, version 2), channels last as everywhere in seqdl:

================ ======== =========== ==========================================================
dataset          dtype    shape       meaning
================ ======== =========== ==========================================================
values           float32  (n, L, 4)   contributions, channels A, C, G, T
hypothetical     float32  (n, L, 4)   what each base would contribute in that place
codes            uint8    (n, L)      bases: A 0, C 1, G 2, T 3, N 4
logits           float32  (n,)        the number explained: the target's log odds, or see `head`
reference_logits float32  (n,)        the same for the references; only for methods that have one
delta            float32  (n,)        how far the sum is off; only for methods with a reference
chrom            str      (n,)        contig, or the sequence's name
start, end       int64    (n,)        0-based, half-open
strand           str      (n,)        "+", "-" or "."
name             str      (n,)        the region's name
================ ======== =========== ==========================================================

The root's attributes hold format, version, target, method, head, reference, seqdl's version and the genome's
name and checksum. Version 1 had no hypothetical contributions, no reference_logits and no head; it is read as
before.

``NAME.npz`` holds hypothetical contributions and ``NAME.onehot.npz`` the sequences, each as ``arr_0`` of
shape (n, 4, L): ``modisco motifs -s NAME.onehot.npz -a NAME.npz -n 20000 -o modisco.h5``; modisco multiplies
the two itself.

``NAME.bw`` holds each base's contribution along the genome: see `seqdl.interpret.contribution_tracks`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqdl.encoding import one_hot
from seqdl.errors import InputError
from seqdl.files import atomic_path, require_file
from seqdl.version import __version__

FORMAT, VERSION = "seqdl-attribution", 2
SUFFIXES = (".h5", ".hdf5", ".npz", ".bw", ".bigwig")


def check_suffix(path: str | Path) -> str:
    """Return the output's suffix.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    str
        In lower case; ".bw" for ".bigwig".

    Raises
    ------
    InputError
        If it is not one of `SUFFIXES`; better said before the work than after it.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"Attributions are written as .h5 or .npz, or as .bw. Received: {str(path)!r}.")
    return ".bw" if suffix == ".bigwig" else suffix


def write_attribution(path: str | Path, attribution, run=None, genome=None) -> list[Path]:
    """Write an attribution, whole or not at all; the suffix chooses the format.

    Parameters
    ----------
    path : str or Path
        ``.h5``, ``.npz`` or ``.bw``; see this module's text for the layouts.
    attribution : seqdl.interpret.attribute.Attribution
    run : Run, optional
        Its genome's name and checksum are noted in the HDF5 file.
    genome : str, Path or Genome, optional
        Whose contigs a ``.bw`` lies on; needed for it.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        If the suffix is unknown, or a ``.bw`` has no genome.
    """
    path = Path(path)
    suffix = check_suffix(path)
    if suffix == ".bw":
        from seqdl.interpret.contribution_tracks import write_contribution_bigwig

        if genome is None:
            raise InputError("A .bw track lies on a genome: give `genome` (--genome g.fa), or write .h5.")
        write_contribution_bigwig(path, attribution, genome)
        return [path]
    if suffix == ".npz":
        other = path.with_suffix(".onehot.npz")
        scores = attribution.values if attribution.hypothetical is None else attribution.hypothetical
        with atomic_path(path) as first, atomic_path(other) as second:  # both, or neither
            for name, array in ((first, scores), (second, one_hot(attribution.codes, "int8"))):
                with open(name, "wb") as handle:
                    np.savez_compressed(handle, array.transpose(0, 2, 1))
        return [path, other]
    with atomic_path(path) as temporary:
        _write_h5(temporary, attribution, run)
    return [path]


def _write_h5(path: Path, attribution, run) -> None:
    from seqdl.io.hdf5 import HDF5Writer, write_regions

    with HDF5Writer(path) as file:
        file.attrs.update(
            {
                "format": FORMAT,
                "version": VERSION,
                "target": attribution.target,
                "method": attribution.method,
                "head": attribution.head,
                "reference": attribution.reference,
                "seqdl": __version__,
                "layout": "(n, length, 4), channels A C G T; TF-MoDISco wants (n, 4, length)",
            }
        )
        genome = {} if run is None else run.card.get("genome") or {}
        for key in ("name", "checksum"):
            if genome.get(key):
                file.attrs[f"genome_{key}"] = genome[key]
        length = attribution.values.shape[1]
        chunks = (1, length, 4) if len(attribution.regions) else None
        for key in ("values", "hypothetical"):
            if getattr(attribution, key) is not None:
                file.create_dataset(
                    key, data=getattr(attribution, key), chunks=chunks, compression="gzip" if chunks else None
                )
        for key in ("codes", "logits", "delta", "reference_logits"):
            if getattr(attribution, key) is not None:
                file[key] = getattr(attribution, key)
        write_regions(file, attribution.regions)


def read_attribution(path: str | Path):
    """Read an attribution from the HDF5 file that `write_attribution` made.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    seqdl.interpret.attribute.Attribution

    Raises
    ------
    InputError
        If the file is missing, no HDF5, or of another format or a newer version.
    """
    import h5py

    from seqdl.interpret.attribute import Attribution
    from seqdl.io.hdf5 import read_regions, require_format

    path = require_file(path, "attribution")
    try:
        with h5py.File(path, "r") as file:
            require_format(file, path, FORMAT, VERSION)
            found = Attribution(
                file["values"][:],
                read_regions(file),
                str(file.attrs["target"]),
                str(file.attrs["method"]),
                file["codes"][:],
                file["logits"][:],
                *(
                    file[key][:] if key in file else None
                    for key in ("delta", "hypothetical", "reference_logits")
                ),
                str(file.attrs.get("head", "logit")),
                str(file.attrs.get("reference", "")),
            )
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not an HDF5 file, or it is cut off: {error}.") from error
    shape = found.codes.shape
    arrays = [array for array in (found.values, found.hypothetical) if array is not None]
    if len(shape) != 2 or len(found.regions) != shape[0] or any(a.shape != (*shape, 4) for a in arrays):
        raise InputError(
            f"{path} is damaged: its arrays are not of one shape ({found.codes.shape} codes, "
            f"{found.values.shape} contributions, {len(found.regions)} regions). Write it anew."
        )
    return found
