"""`Background`: the scores of many ordinary variants, which tell how unusual another one is.

HDF5, format "seqdl-background", version 1. Attributes: seqdl, meta (JSON: run, the SHA-256 of the model
file, or the network's label; source in words; the genome; the choices that decide the numbers).
``targets`` (UTF-8); ``variants/`` chrom, pos (1-based), ref, alt; ``scores/<name>`` float32 (targets, n), as
they were computed, in the order of the variants; of coverage also ``scores/active``, the larger allele's
total.

Unsorted, so that it also answers for a few targets alone: the largest effect over those can be taken of
each background variant.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqdl.errors import InputError
from seqdl.files import atomic_path, require_file, sha256
from seqdl.variants.network import Network
from seqdl.variants.options import ScoringOptions
from seqdl.version import __version__
from seqdl.words import few

FORMAT, VERSION = "seqdl-background", 1
FILE = "background.h5"
ACTIVE = "active"
_ALIASES = {"abs_diff": "diff"}  # of one magnitude
# What must agree, or scores and background are not comparable.
_DECIDING = ("strand_average", "shifts", "share_reference", "precision")


@dataclass(frozen=True)
class Background:
    """Sorted magnitudes of background scores.

    Attributes
    ----------
    n : int
        Variants.
    source : str
        What they are, in words.
    scores : dict of float32 arrays, shape (targets, n)
        |score|, ascending in each row.
    largest : float32 array, shape (n,)
        Each variant's largest effect over the targets, ascending.
    """

    n: int
    source: str
    scores: dict[str, np.ndarray]
    largest: np.ndarray

    def percentiles(self, score: str, values: np.ndarray) -> np.ndarray:
        """Tell which share of the background is less unusual.

        Parameters
        ----------
        score : str
        values : float32 array, shape (m, targets)
            Scores; their magnitude counts, so a loss and a gain of one size are alike.

        Returns
        -------
        percentiles : float32 array, shape (m, targets)
            100 * (those with a smaller magnitude + half of those with the same) / n; NaN where the score is.

        Raises
        ------
        InputError
            If the background has no such score, or another number of targets.
        """
        return self.compare(score, values)[0]

    def p_values(self, score: str, values: np.ndarray) -> np.ndarray:
        """Tell how often the background is at least as unusual.

        Parameters
        ----------
        score, values
            As in `percentiles`.

        Returns
        -------
        p : float32 array, shape (m, targets)
            (1 + those with at least this magnitude) / (n + 1); never 0 (Phipson & Smyth, Stat Appl Genet
            Mol Biol 2010). Not corrected for the number of variants or targets. NaN where the score is.

        Raises
        ------
        InputError
            As `percentiles`.
        """
        return self.compare(score, values)[1]

    def compare(self, score: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return `percentiles` and `p_values` at the price of one."""
        name = _ALIASES.get(score, score)
        if name not in self.scores:
            raise InputError(f"The background has no {score!r}; it has {few(self.scores)}.")
        known, sizes = self.scores[name], np.abs(np.asarray(values, np.float32))
        if sizes.ndim != 2 or sizes.shape[1] != len(known):
            raise InputError(f"`values` must have the shape (m, {len(known)}). Received: {sizes.shape}.")
        sizes = np.ascontiguousarray(sizes.T)
        percentiles, p = np.empty(sizes.shape, np.float32), np.empty(sizes.shape, np.float32)
        for target, row in enumerate(known):
            percentiles[target], p[target] = self._places(row, sizes[target])
        return percentiles.T, p.T

    def of_largest(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return percentile and p of alleles' largest effects, float32 (m,) each."""
        percentiles, p = self._places(self.largest, np.abs(np.asarray(values, np.float32)))
        return percentiles.astype(np.float32), p.astype(np.float32)

    def _places(self, row: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return percentile and p, float64 (m,), of sizes (m,) in a sorted row (n,)."""
        below = row.searchsorted(sizes)
        # Ties are rare but at 0: the right ends are looked up for them alone.
        same = np.flatnonzero(row[np.minimum(below, self.n - 1)] == sizes)
        percentiles, p = 100.0 * below / self.n, (1.0 + self.n - below) / (self.n + 1)
        percentiles[same] = 50.0 * (below[same] + row.searchsorted(sizes[same], "right")) / self.n
        unknown = np.isnan(sizes)
        if unknown.any():
            percentiles[unknown] = p[unknown] = np.nan
        return percentiles, p


def fingerprint(network: Network, options: ScoringOptions, anchor: int) -> dict:
    """Describe what a background must have in common with the scores that it is compared with."""
    choices = options.described()
    choices["strand_average"] = network.strand_average
    return {
        "run": sha256(network.model_file) if network.model_file else network.label,
        "model": network.label,
        "targets": hashlib.sha256("\n".join(network.target_names).encode()).hexdigest(),
        "window": network.window,
        "anchor": anchor,
        **{key: choices[key] for key in _DECIDING},
    }


def write_background(
    path: str | Path,
    described: Mapping,
    targets: Sequence[str],
    variants: Mapping[str, Sequence],
    scores: Mapping[str, np.ndarray],
) -> Path:
    """Write a background, whole or not at all.

    Parameters
    ----------
    path : path
    described : mapping
        From `fingerprint`, with ``source`` and ``score`` (the one that an allele's largest effect goes by).
    targets : sequence of str
    variants : mapping
        chrom, pos, ref, alt, each of length n.
    scores : mapping of float32 arrays, shape (targets, n)

    Returns
    -------
    path : Path
    """
    import h5py

    from seqdl.io.hdf5 import HDF5Writer

    text = h5py.string_dtype("utf-8")
    with atomic_path(path) as aside, HDF5Writer(aside) as file:
        file.attrs.update(format=FORMAT, version=VERSION, seqdl=__version__, meta=json.dumps(dict(described)))
        file.create_dataset("targets", data=list(targets), dtype=text)
        group = file.create_group("variants")
        for name in ("chrom", "ref", "alt"):
            group.create_dataset(name, data=list(variants[name]), dtype=text)
        group["pos"] = np.asarray(variants["pos"], np.int64)
        group = file.create_group("scores")
        for name, values in scores.items():
            group[name] = np.ascontiguousarray(values, np.float32)
    return Path(path).expanduser()


def read_background(
    path: str | Path,
    scores: Sequence[str] | None = None,
    expected: Mapping | None = None,
    chosen: np.ndarray | None = None,
) -> Background:
    """Read what is needed of a background.

    Parameters
    ----------
    path : path
        What `seqdl background` wrote, or the run's folder that holds it.
    scores : sequence of str, optional
        Whose distributions are wanted; all by default.
    expected : mapping, optional
        From `fingerprint`; a background that differs is refused.
    chosen : int64 array, optional
        Places of the wanted targets; all by default. No others are read into memory.

    Returns
    -------
    background : Background

    Raises
    ------
    InputError
        If it is missing, damaged, of another run or made with other choices, or lacks a score.
    """
    import h5py

    from seqdl.io.hdf5 import map_rows, require_format

    path = Path(path).expanduser()
    path = require_file(path / FILE if path.is_dir() else path, "background")
    try:
        with h5py.File(path, "r") as file:
            require_format(file, path, FORMAT, VERSION)
            meta = json.loads(file.attrs["meta"])
            for key, value in (expected or {}).items():
                if meta.get(key) != value:
                    raise InputError(_differs(path, key, meta, value))
            there, best, source = sorted(file["scores"]), meta["score"], str(meta["source"])
            names = dict.fromkeys(there if scores is None else (_ALIASES.get(name, name) for name in scores))
            missing = [name for name in (*names, best) if name not in there]
            if missing:
                raise InputError(
                    f"The background {path} has no {few(missing)}; it has {few(there)}. Make it again: "
                    "seqdl background."
                )
            shape = len(file["targets"]), len(file["variants/pos"])
            if not all(shape) or any(file["scores"][name].shape != shape for name in (*names, best)):
                raise ValueError("its parts differ in length, or are empty")
            # Mapped below: what is not float32 would be taken for it, or for addresses in memory.
            if any(file["scores"][name].dtype != np.float32 for name in (*names, best)):
                raise ValueError("its scores are not float32")
        found: dict[str, np.ndarray] = {}
        for name in dict.fromkeys((best, *names)):
            rows = map_rows(path, f"scores/{name}")
            sizes = np.abs(rows if chosen is None else rows[chosen])
            if not np.isfinite(sizes).all():
                raise ValueError(f"{name} holds numbers that are not finite")
            if name == best:
                largest = np.sort(sizes.max(axis=0))
            if name in names:
                sizes.sort(axis=1)
                found[name] = sizes
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"The background {path} is damaged or no HDF5 file: {error}. Make it again: seqdl background."
        ) from error
    return Background(n=shape[1], source=source, scores=found, largest=largest)


def _differs(path: Path, key: str, meta: Mapping, value: object) -> str:
    if key in ("run", "model"):
        found = f"for another run ({meta.get('model')})"
    elif key == "targets":
        found = "for other targets than the run has"
    else:
        found = f"with {key} {_spelled(meta.get(key))}, and now it is {_spelled(value)}"
    return (
        f"The background {path} was made {found}: percentiles would be wrong. Make one with the same "
        "choices (seqdl background), or leave it out (--background none)."
    )


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
