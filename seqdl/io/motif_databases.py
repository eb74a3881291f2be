"""Databases of motifs that a user can name: a file, a word, or a release of JASPAR."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from seqdl.errors import InputError, MissingDependencyError
from seqdl.io.motifs import Motif, read_motifs
from seqdl.words import suggest

DATABASES = {
    "jaspar": "jaspar_2024_consensus.meme",
    "jaspar-vertebrates": "JASPAR2022_vertebrates.pfm",
    "hocomoco": "H12CORE_meme_format.meme",
    "macisaac": "macisaac_yeast.v1.meme",
}
"""Databases by name, and their files in ``$SEQDL_DATA/motifs``."""


def find_database(name: str | Path) -> list[Motif]:
    """Read the motifs of a database that is named by a path or by a word.

    Parameters
    ----------
    name : str or Path
        A MEME or JASPAR file; or a key of `DATABASES`, whose file is looked for in ``$SEQDL_DATA/motifs``; or
        ``"jaspar:2024:fungi"`` (release and taxonomic group, both may be left out after the colon) where the
        package pyjaspar is installed.

    Returns
    -------
    list of Motif

    Raises
    ------
    InputError
        If nothing of that name is there; the message lists what there is.
    MissingDependencyError
        For a ``jaspar:`` name without pyjaspar.
    """
    text = str(name)
    if Path(text).expanduser().exists():
        return read_motifs(name)
    if text.lower().startswith("jaspar:"):
        return _from_pyjaspar(text)
    folder = os.environ.get("SEQDL_DATA")
    file = Path(folder).expanduser() / "motifs" / DATABASES.get(text.lower(), "") if folder else None
    if text.lower() in DATABASES and file is not None and file.is_file():
        return read_motifs(file)
    if text.lower() in DATABASES:
        where = f"{file} is not there" if file is not None else "SEQDL_DATA is not set"
        why = f"The motif database {text!r} is looked for in $SEQDL_DATA/motifs, but {where}."
    else:
        why = f"There is no motif file or database {text!r}.{suggest(text, DATABASES)}"
    raise InputError(
        f"{why} Give a MEME or JASPAR file; or one of {', '.join(DATABASES)} with $SEQDL_DATA set; or "
        "'jaspar:2024:fungi' (release and group) with `pip install pyjaspar`."
    )


def _from_pyjaspar(text: str) -> list[Motif]:
    import warnings

    parts = (text.split(":") + ["", ""])[1:3]
    try:
        with warnings.catch_warnings():  # Biopython warns of names that it moved
            warnings.simplefilter("ignore")
            import pyjaspar
    except ImportError as error:
        raise MissingDependencyError(
            f"The database {text!r} is read through the package pyjaspar. Install it: pip install pyjaspar."
        ) from error
    release = f"JASPAR{parts[0]}" if parts[0] else pyjaspar.JASPAR_LATEST_RELEASE
    if release not in pyjaspar.jaspar_releases:
        years = [known.removeprefix("JASPAR") for known in pyjaspar.jaspar_releases]
        raise InputError(f"pyjaspar has no JASPAR release {parts[0]!r}. It has {', '.join(years)}.")
    database = pyjaspar.jaspardb(release=release)
    try:
        with warnings.catch_warnings():  # nothing found is said below
            warnings.simplefilter("ignore")
            group = [parts[1]] if parts[1] else None
            found = database.fetch_motifs(collection="CORE", tax_group=group)
    finally:
        database.conn.close()
    if not found:
        groups = "vertebrates, plants, fungi, insects, nematodes, urochordates"
        raise InputError(f"{release} has no motifs of the group {parts[1]!r}. Groups: {groups}.")
    motifs = []
    for item in found:
        counts = np.array([item.counts[base] for base in "ACGT"], np.float64).T
        sums = counts.sum(axis=1, keepdims=True)
        source = f"{release} {parts[1]}".strip()
        motifs.append(Motif(item.matrix_id, item.name, counts / sums, float(sums.mean()), source))
    return motifs
