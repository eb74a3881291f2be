"""The two text formats of motifs: MEME, and the counts of JASPAR. `seqdl.io.motifs` is the way in."""

from __future__ import annotations

import re

import numpy as np

from seqdl.errors import InputError

Parsed = tuple[str, str, np.ndarray, float]  # id, name, probabilities (w, 4), sites
ROUNDING = 1e-2

_TWICE = re.compile(r"^(?P<id>MA\d+\.\d+)_(?P=id)\.(?P<name>.+)$")  # "MA0004.1_MA0004.1.Arnt"
_HOCOMOCO = re.compile(r"^(?P<name>.+?)(_[A-Z]+)?\.H\d+[A-Z]+\..+$")  # "AHR.H12CORE.0.P.B"
_BASE = re.compile(r"^\s*(?P<base>[ACGTU])\s*[\[|:]?\s*(?=[\d.\s])")


def parse_meme(path: str, lines: list[tuple[int, str]]) -> list[Parsed]:
    """Go through a MEME file; a motif's log-odds matrix is passed over when its probabilities follow.

    Parameters
    ----------
    path : str
        For messages.
    lines : list of (line number, line)
        Without empty lines.

    Returns
    -------
    list of (id, name, probabilities (w, 4), sites)

    Raises
    ------
    InputError
        See `seqdl.io.motifs.read_motifs`.
    """
    motifs: list[Parsed] = []
    header, begun, odds = "", 0, False
    at = 0

    def finish() -> None:
        if begun and odds:
            raise InputError(
                f"{path}:{begun}: the motif {header!r} has a log-odds matrix only, from which probabilities "
                "cannot be had. Give a file with 'letter-probability matrix' (in MEME's text output: convert "
                "with meme2meme)."
            )
        if begun:
            raise InputError(f"{path}:{begun}: the motif {header!r} has no letter-probability matrix.")

    while at < len(lines):
        number, line = lines[at]
        at += 1
        if line.startswith("ALPHABET"):
            letters = line.partition("=")[2].strip() if "=" in line else line.partition(" ")[2]
            letters = letters.strip('" ')
            if letters not in ("ACGT", "ACGU") and not letters.startswith(("DNA", "RNA")):
                raise InputError(f"{path}:{number}: the alphabet must be ACGT. Received: {letters!r}.")
        elif line.startswith("MOTIF"):
            finish()
            header, begun, odds = line[5:].strip(), number, False
            if not header:
                raise InputError(f"{path}:{number}: a motif needs a name: 'MOTIF id name'.")
        elif line.startswith("log-odds matrix"):
            odds = True
        elif line.startswith("letter-probability matrix"):
            if not begun:
                continue  # MEME's text output repeats a matrix in sections of its own
            rows, at = _rows(path, header, lines, at, line)
            motifs.append(_labelled(path, header, rows, _number(line, "nsites", 20.0)))
            begun, odds = 0, False
    finish()
    return motifs


def _number(line: str, key: str, default: float) -> float:
    match = re.search(rf"\b{key}\s*=\s*(\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)", line)
    return float(match[1]) if match else default


def _rows(path, header, lines, at, title) -> tuple[np.ndarray, int]:
    """Read the rows after a matrix's title line; returns (rows (w, 4), place of the next line)."""
    width = int(_number(title, "w", 0))
    rows = []
    while at < len(lines) and (not width or len(rows) < width):
        number, line = lines[at]
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            break
        if len(row) != 4:
            raise InputError(
                f"{path}:{number}: a row of {header!r} has four numbers (A, C, G, T). Received: {line!r}."
            )
        if not abs(sum(row) - 1) <= ROUNDING or min(row) < 0:
            raise InputError(
                f"{path}:{number}: the probabilities in row {len(rows) + 1} of {header!r} do not add up to 1 "
                f"(within {ROUNDING}). Received: {line!r}, with the sum {sum(row):.4g}. Counts belong in a "
                "JASPAR file; here they are divided by their sum."
            )
        rows.append(row)
        at += 1
    if not rows or (width and len(rows) < width):
        raise InputError(
            f"{path}:{lines[at - 1][0]}: the matrix of {header!r} ends after {len(rows)} of "
            f"{width or 'at least 1'} rows."
        )
    return np.array(rows), at


def _labelled(path: str, header: str, rows: np.ndarray, sites: float) -> Parsed:
    """Make a motif, taking its name from the header or, where known databases write it, from the id."""
    identity, _, name = header.replace("\t", " ").partition(" ")
    twice, hocomoco = _TWICE.match(identity), _HOCOMOCO.match(identity)
    if twice:
        identity, name = twice["id"], twice["name"]
    elif not name.strip() and hocomoco:
        name = hocomoco["name"]
    return identity, name.strip() or identity, rows, sites


def parse_counts(path: str, lines: list[tuple[int, str]]) -> list[Parsed]:
    """Go through a JASPAR file; whether rows are places or bases is decided over the whole file.

    Parameters
    ----------
    path : str
        For messages.
    lines : list of (line number, line)
        Without empty lines.

    Returns
    -------
    list of (id, name, probabilities (w, 4), sites)

    Raises
    ------
    InputError
        See `seqdl.io.motifs.read_motifs`.
    """
    found: list[tuple[int, str, list[list[float]], bool]] = []
    for number, line in lines:
        if line.startswith("#"):
            continue
        if line.startswith(">"):
            found.append((number, line[1:].strip(), [], False))
            continue
        start, header, rows, lettered = found[-1]
        label = _BASE.match(line)
        if label:
            if "ACGT".find(label["base"].replace("U", "T")) != len(rows):
                raise InputError(
                    f"{path}:{number}: the rows of {header!r} must come in the order A, C, G, T."
                )
            found[-1] = (start, header, rows, True)
            line = line[label.end() :]
        try:
            rows.append([float(word) for word in line.strip(" []|").split()])
        except ValueError:
            raise InputError(
                f"{path}:{number}: a row of {header!r} holds counts. Received: {line!r}."
            ) from None
    for number, header, rows, _ in found:
        if not header or not rows or len({len(row) for row in rows}) > 1:
            raise InputError(
                f"{path}:{number}: the motif {header!r} has no name, no rows, or rows of unequal length."
            )

    wide = [len(rows) == 4 and len(rows[0]) != 4 for _, _, rows, _ in found]
    tall = [len(rows) != 4 and len(rows[0]) == 4 for _, _, rows, _ in found]
    motifs = []
    for (number, header, rows, lettered), is_wide, is_tall in zip(found, wide, tall, strict=True):
        matrix = np.array(rows)
        if lettered or is_wide:
            matrix = matrix.T
        elif not is_tall and (any(wide) == any(tall) or matrix.shape != (4, 4)):
            raise InputError(
                f"{path}:{number}: the counts of {header!r} have the shape {matrix.shape}, which does not "
                "tell bases from places. Write each base's row with its letter: 'A [ 4 19 0 ]'."
            )
        elif not is_tall and any(wide):
            matrix = matrix.T
        sums = matrix.sum(axis=1)
        if matrix.shape[1] != 4 or (matrix < 0).any() or not (sums > 0).all():
            raise InputError(
                f"{path}:{number}: the motif {header!r} needs four counts at each place, none negative and "
                "not all zero."
            )
        probabilities = matrix / sums[:, None]
        counts = float(sums.mean())
        motifs.append(_labelled(path, header, probabilities, counts if counts > 1.5 else 20.0))
    return motifs
