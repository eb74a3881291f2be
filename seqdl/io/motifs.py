"""Motifs: read MEME and JASPAR files, write MEME, and find the databases that a user can name.

A motif is a matrix of base probabilities, one row a place, columns A, C, G, T. What is read is checked: a row
that misses the sum of 1 by at most 0.01 was rounded and is rescaled, a row that misses it by more is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seqdl.errors import InputError, MissingDependencyError
from seqdl.files import read_lines, write_text
from seqdl.io.motif_formats import ROUNDING, parse_counts, parse_meme
from seqdl.words import suggest

DATABASES = {
    "jaspar": "jaspar_2024_consensus.meme",
    "jaspar-vertebrates": "JASPAR2022_vertebrates.pfm",
    "hocomoco": "H12CORE_meme_format.meme",
    "macisaac": "macisaac_yeast.v1.meme",
}
"""Databases by name, and their files in ``$SEQDL_DATA/motifs``."""

_UNIFORM = np.full(4, 0.25)


@dataclass(frozen=True, eq=False)
class Motif:
    """What a protein or a filter binds, as base probabilities.

    Parameters
    ----------
    id : str
        Unique in its file, such as "MA0359.1"; no blanks.
    name : str
        What people call it, such as "RAP1"; the `id` where nothing else is known.
    probabilities : float64 array, (w, 4)
        One row a place, columns A, C, G, T.
    sites : float
        Sequences behind it; MEME's 20 where a file does not say.
    source : str
        File or database that it came from.

    Raises
    ------
    InputError
        If the matrix has another shape, or a row misses the sum of 1 by more than 0.01 (within that it is
        rescaled).

    Examples
    --------
    >>> Motif("m", "m", np.eye(4)).consensus
    'ACGT'
    """

    id: str
    name: str
    probabilities: np.ndarray
    sites: float = 20.0
    source: str = ""

    def __post_init__(self) -> None:
        rows = np.array(self.probabilities, np.float64)
        if rows.ndim != 2 or rows.shape[1] != 4 or not len(rows):
            raise InputError(f"The motif {self.id!r} has no rows of four numbers. Received: {rows.shape}.")
        sums = rows.sum(axis=1)
        wrong = ~(np.abs(sums - 1) <= ROUNDING) | (rows < -1e-9).any(axis=1)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise InputError(
                f"The rows of a motif are probabilities that add up to 1. Row {at + 1} of {self.id!r} is "
                f"{rows[at].tolist()}, with the sum {sums[at]:.4g}."
            )
        rows = np.maximum(rows, 0)
        object.__setattr__(self, "probabilities", rows / rows.sum(axis=1, keepdims=True))
        object.__setattr__(self, "name", self.name or self.id)

    @property
    def width(self) -> int:
        """Number of places."""
        return len(self.probabilities)

    @property
    def consensus(self) -> str:
        """The likeliest base at each place; lower case where it has less than half, n below 0.3."""
        return consensus(self.probabilities)

    def reverse_complement(self) -> Motif:
        """Return the same motif read on the other strand."""
        return replace(self, probabilities=self.probabilities[::-1, ::-1])


def consensus(probabilities: np.ndarray) -> str:
    """Write a matrix of probabilities, (w, 4), as letters.

    Parameters
    ----------
    probabilities : float array, (w, 4)

    Returns
    -------
    str
        The likeliest base at each place; lower case where it has less than half, n below 0.3.
    """
    best = probabilities.argmax(axis=1)
    share = probabilities.max(axis=1)
    return "".join(
        "n" if part < 0.3 else "ACGT"[base] if part >= 0.5 else "acgt"[base]
        for base, part in zip(best, share, strict=True)
    )


def information_matrix(motif, background: np.ndarray | None = None) -> np.ndarray:
    """Return letter heights in bits: each row's information shared out by probability.

    Parameters
    ----------
    motif : Motif or FilterMotif
        Anything with ``probabilities``.
    background : float array, (4,), optional
        Base frequencies; uniform when None.

    Returns
    -------
    float64 array, (w, 4)
        Never negative.
    """
    p = motif.probabilities
    background = _UNIFORM if background is None else np.asarray(background, np.float64)
    logs = np.log2(np.where(p > 0, p, 1.0) / background)  # a base that never stands there adds nothing
    return p * np.maximum((p * logs).sum(axis=1, keepdims=True), 0.0)


def read_motifs(path: str | Path) -> list[Motif]:
    """Read all motifs of a MEME (minimal or full text) or JASPAR file, plain or gzipped.

    Parameters
    ----------
    path : str or Path
        The format is told by the content. JASPAR files hold counts, as four rows (with or without a letter in
        front) or as one row a place.

    Returns
    -------
    list of Motif
        In the file's order.

    Raises
    ------
    InputError
        With file, motif and line: a row that does not add up to 1, a motif that has log-odds only, another
        alphabet, a matrix that is cut off; or a file that is neither format.
    """
    lines = [(number, line.strip()) for number, line in read_lines(path, "motif file") if line.strip()]
    first = next((line for _, line in lines if not line.startswith("#")), "")
    if first.startswith("MEME"):
        found = parse_meme(str(path), lines)
    elif first.startswith(">"):
        found = parse_counts(str(path), lines)
    else:
        raise InputError(
            f"{path} is neither a MEME file (it begins with 'MEME version') nor a JASPAR file of counts (a "
            f"motif begins with '>'). It begins with {first[:40]!r}."
        )
    if not found:
        raise InputError(f"{path} holds no motif.")
    return [Motif(*parts, source=Path(path).name) for parts in found]


def write_motifs(path: str | Path, motifs: Iterable, background: np.ndarray | None = None) -> None:
    """Write motifs in the MEME minimal format (version 4), which Tomtom, FIMO and others read.

    Parameters
    ----------
    path : str or Path
        Appears whole or not at all.
    motifs : iterable of Motif
    background : float array, (4,), optional
        Base frequencies; uniform when None.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    background = _UNIFORM if background is None else np.asarray(background, np.float64)
    frequencies = " ".join(f"{base} {share:.5f}" for base, share in zip("ACGT", background, strict=True))
    lines = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -", "",
             "Background letter frequencies", frequencies, ""]  # fmt: skip
    for motif in motifs:
        identity = re.sub(r"\s+", "_", motif.id)
        name = re.sub(r"\s+", "_", motif.consensus if motif.name == motif.id else motif.name)
        lines.append(f"MOTIF {identity} {name}")
        lines.append(f"letter-probability matrix: alength= 4 w= {motif.width} nsites= {motif.sites:g} E= 0")
        lines += [" " + " ".join(f"{value:.6f}" for value in row) for row in motif.probabilities]
        lines.append("")
    write_text(path, "\n".join(lines))


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


def motif_named(motifs: list[Motif], name: str) -> Motif:
    """Find one motif by its id or its name; upper and lower case are the same.

    Parameters
    ----------
    motifs : list of Motif
    name : str

    Returns
    -------
    Motif
        The first of that id, otherwise of that name.

    Raises
    ------
    InputError
        If there is none; the nearest name is suggested.
    """
    for key in ("id", "name"):
        for motif in motifs:
            if getattr(motif, key).lower() == name.lower():
                return motif
    known = [key for motif in motifs for key in (motif.id, motif.name)]
    raise InputError(f"There is no motif {name!r} among {len(motifs)}.{suggest(name, known)}")
