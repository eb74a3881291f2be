"""Patterns that TF-MoDISco found: what they are, and their HDF5 file.

The file is modisco-lite's own (``pos_patterns/pattern_0/...``, which its reports read) with what it lacks
beside it: the attributes ``format``, ``version``, ``target``, ``method``, ``input`` (a hash of what went
in) and ``settings``, and the group ``windows`` (``chrom``, ``start``, ``end``, ``strand``, ``name``), so
that a seqlet's ``example_idx`` and ``start`` become a place on the genome. A file without these is read as
well, but its seqlets then have no place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.files import require_file
from seqdl.io.motifs import Motif

FORMAT, VERSION = "seqdl-patterns", 1
FILE = "patterns.h5"
SHARE = 0.3
SEQLET_COLUMNS = ("chrom", "start", "end", "pattern", "contribution", "strand", "window")


class Pattern(NamedTuple):
    """Stretches of sequence with alike contributions, aligned.

    Attributes
    ----------
    name : str
        "pos_0", "neg_0", ...; numbered by the number of seqlets within each sign.
    sign : {"+", "-"}
        Whether it raises or lowers the target.
    motif : Motif
        How often each base stands at each place of the seqlets; `Motif.sites` is their number.
    contributions : float32 array, (w, 4)
        Mean contribution of each base at each place (the contribution weight matrix, CWM).
    hypothetical : float32 array, (w, 4)
        Mean hypothetical contribution.
    """

    name: str
    sign: str
    motif: Motif
    contributions: np.ndarray
    hypothetical: np.ndarray

    @property
    def seqlets(self) -> int:
        """Number of seqlets behind it."""
        return int(self.motif.sites)

    def core(self, share: float = SHARE, pad: int = 0) -> tuple[int, int]:
        """Find the part that contributes.

        Parameters
        ----------
        share : float
            From the first to the last place whose contribution (sum of absolute values) reaches this share of
            the strongest place's.
        pad : int
            Places to add on both sides, as far as there are any.

        Returns
        -------
        start, end : int
            0-based and half-open.
        """
        strength = np.abs(self.contributions).sum(axis=1)
        strong = np.flatnonzero(strength >= share * strength.max())
        return max(int(strong[0]) - pad, 0), min(int(strong[-1]) + 1 + pad, len(strength))

    def trimmed(self, share: float = SHARE, pad: int = 0) -> Pattern:
        """Return the pattern cut to its `core`."""
        start, end = self.core(share, pad)
        motif = Motif(self.name, self.name, self.motif.probabilities[start:end], self.motif.sites)
        return self._replace(
            motif=motif,
            contributions=self.contributions[start:end],
            hypothetical=self.hypothetical[start:end],
        )


class Discovery(NamedTuple):
    """What a search for motifs found.

    Attributes
    ----------
    patterns : tuple of Pattern
        Positive ones first, each sign by its number of seqlets.
    seqlets : pandas.DataFrame
        One row a seqlet of a pattern: chrom, start, end (0-based, half-open, on the genome), pattern,
        contribution (their sum over the seqlet), strand (as the pattern is read), window (row of the input).
    target : str
        The explained target.
    method : str
        The method of attribution.
    found : tuple of int
        Seqlets with positive and with negative contribution, before clustering.
    settings : dict
        What was asked for.
    """

    patterns: tuple[Pattern, ...]
    seqlets: object
    target: str
    method: str
    found: tuple[int, int]
    settings: dict


def write_patterns(raw: Path, target: Path, *, order: np.ndarray, regions, attributes: dict) -> None:
    """Complete modisco-lite's file with places and provenance, and put it where it belongs.

    Parameters
    ----------
    raw : Path
        What `modiscolite.io.save_hdf5` wrote; it is changed.
    target : Path
        Appears whole or not at all.
    order : int array, (n,)
        Row of the input that each of modisco's examples is.
    regions : sequence of Interval, length n
        The windows that modisco saw, in the input's order.
    attributes : dict
        More attributes of the root.
    """
    import shutil

    import h5py

    from seqdl.files import atomic_path
    from seqdl.io.hdf5 import write_regions

    with h5py.File(raw, "r+") as file:

        def rename(name: str, item) -> None:
            if name.endswith("/example_idx"):
                item[...] = order[item[...]]

        file.visititems(rename)
        file.attrs.update({"format": FORMAT, "version": VERSION, **attributes})
        write_regions(file.create_group("windows"), regions)
    with atomic_path(target) as aside:
        shutil.copyfile(raw, aside)


def stored_input(path: str | Path) -> str:
    """Return the hash of the input that a file of patterns was made from; "" where there is none."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            known = file.attrs.get("format") == FORMAT and file.attrs.get("version") == VERSION
            return str(file.attrs.get("input", "")) if known else ""
    except OSError:
        return ""


def read_patterns(path: str | Path) -> Discovery:
    """Read patterns from `seqdl motifs discover`'s folder, or from an HDF5 file of it or of modisco-lite.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Discovery

    Raises
    ------
    InputError
        If there is no such file, it is no HDF5, of a newer version, or holds no pattern groups at all.
    """
    import h5py
    import pandas as pd

    path = Path(path).expanduser()
    if path.is_dir():
        path = path / FILE
    path = require_file(path, "file of patterns")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format", FORMAT) != FORMAT or file.attrs.get("version", 0) > VERSION:
                raise InputError(
                    f"{path} is no file of patterns of version <= {VERSION}. Received: "
                    f"{file.attrs.get('format')!r}, version {file.attrs.get('version')!r}."
                )
            if "format" not in file.attrs and not {"pos_patterns", "neg_patterns"} & set(file):
                raise InputError(f"{path} holds no patterns of TF-MoDISco (no group pos_patterns).")
            windows = None
            if "windows" in file:
                windows = (file["windows/chrom"].asstr()[:], file["windows/start"][:])
            patterns, tables = [], []
            for sign, word in (("+", "pos"), ("-", "neg")):
                group = file.get(f"{word}_patterns", {})
                for key in sorted(group, key=lambda name: int(name.rpartition("_")[2])):
                    pattern = _pattern(group[key], f"{word}_{key.rpartition('_')[2]}", sign)
                    patterns.append(pattern)
                    tables.append(_seqlets(group[key]["seqlets"], pattern.name, windows))
            empty = pd.DataFrame(columns=list(SEQLET_COLUMNS))
            return Discovery(
                tuple(patterns),
                pd.concat(tables, ignore_index=True) if tables else empty,
                str(file.attrs.get("target", "")),
                str(file.attrs.get("method", "")),
                tuple(int(number) for number in file.attrs.get("found", (0, 0))),
                json.loads(file.attrs.get("settings", "{}")),
            )
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not an HDF5 file of patterns, or it is cut off: {error}.") from error


def _pattern(group, name: str, sign: str) -> Pattern:
    counts = group["sequence"][:].astype(np.float64)
    sums = counts.sum(axis=1, keepdims=True)
    rows = np.where(sums > 0, counts / np.where(sums > 0, sums, 1), 0.25)  # a place of N alone says nothing
    number = float(group["seqlets/n_seqlets"][0])
    motif = Motif(name, name, rows, number, "TF-MoDISco")
    return Pattern(
        name, sign, motif, group["contrib_scores"][:].astype(np.float32),
        group["hypothetical_contribs"][:].astype(np.float32),
    )  # fmt: skip


def _seqlets(group, name: str, windows):
    import pandas as pd

    row, start, end = (group[key][:].astype(np.int64) for key in ("example_idx", "start", "end"))
    chrom = np.array([""] * row.size, object)
    if windows is not None:
        chrom, offset = windows[0][row], windows[1][row]
        start, end = start + offset, end + offset
    turned = group["is_revcomp"][:].astype(bool)
    total = group["contrib_scores"][:].sum(axis=(1, 2))
    columns = (chrom, start, end, name, total, np.where(turned, "-", "+"), row)
    return pd.DataFrame(dict(zip(SEQLET_COLUMNS, columns, strict=True)))
