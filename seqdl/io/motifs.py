"""Motifs: read MEME and JASPAR files, and write MEME. Databases by name: `seqdl.io.motif_databases`.

A motif is a matrix of base probabilities, one row a place, columns A, C, G, T. What is read is checked: a row
that misses the sum of 1 by at most 0.01 was rounded and is rescaled, a row that misses it by more is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seqdl.errors import InputError
from seqdl.files import read_lines, write_text
from seqdl.io.motif_formats import ROUNDING, parse_counts, parse_meme
from seqdl.words import suggest

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
