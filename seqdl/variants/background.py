"""`Background`: the scores of many ordinary variants, which tell how unusual another one is.

HDF5, format "seqdl-background", version 1. Attributes: seqdl, meta (JSON: run, the SHA-256 of the model
file, or the network's label; source in words; the choices that decide the numbers). ``targets`` (UTF-8);
``variants/`` chrom, pos (1-based), ref, alt; ``scores/<name>`` float32 (targets, n), as they were
computed, in the order of the variants; of coverage also ``scores/active``, the larger allele's total.

Unsorted, so that it also answers for a few targets alone: the largest effect over those can be taken of
each background variant.
"""

from __future__ import annotations

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
_DECIDING = ("strand_average", "shifts", "share_reference", "normalize", "precision")


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
            100 * (those with a smaller magnitude + half of those with the same) / n.
        """
        below, upto = self._ranks(score, values)
        return (50.0 * (below + upto) / self.n).astype(np.float32)

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
            Mol Biol 2010). Not corrected for the number of variants or targets.
        """
        below, _ = self._ranks(score, values)
        return ((1 + self.n - below) / (self.n + 1)).astype(np.float32)

    def of_largest(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return percentile and p of alleles' largest effects, float32 (m,) each."""
        below, upto = _ranks(self.largest, np.abs(values))
        percentile = 50.0 * (below + upto) / self.n
        return percentile.astype(np.float32), ((1 + self.n - below) / (self.n + 1)).astype(np.float32)

    def _ranks(self, score: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        known = self.scores[_ALIASES.get(score, score)]
        sizes = np.abs(np.asarray(values, np.float32))
        below, upto = np.empty(sizes.shape, np.int64), np.empty(sizes.shape, np.int64)
        for target in range(sizes.shape[1]):
            below[:, target], upto[:, target] = _ranks(known[target], sizes[:, target])
        return below, upto


def _ranks(known: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.searchsorted(known, values, "left"), np.searchsorted(known, values, "right")


def fingerprint(network: Network, options: ScoringOptions, anchor: int) -> dict:
    """Describe what a background must have in common with the scores that it is compared with."""
    choices = options.described()
    choices["strand_average"] = network.strand_average
    return {
        "run": sha256(network.model_file) if network.model_file else network.label,
        "model": network.label,
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
    scores : mapping of float32 arrays, shape (n, targets)

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
            group[name] = np.ascontiguousarray(np.asarray(values, np.float32).T)
    return Path(path).expanduser()


def read_background(
    path: str | Path, scores: Sequence[str], expected: Mapping | None = None, chosen: np.ndarray | None = None
) -> Background:
    """Read what is needed of a background.

    Parameters
    ----------
    path : path
        What `seqdl background` wrote, or the run's folder that holds it.
    scores : sequence of str
        Whose distributions are wanted.
    expected : mapping, optional
        From `fingerprint`; a background that differs is refused.
    chosen : int64 array, optional
        Places of the wanted targets; all by default.

    Returns
    -------
    background : Background

    Raises
    ------
    InputError
        If it is missing, damaged, of another run or made with other choices, or lacks a score.
    """
    import h5py

    from seqdl.io.hdf5 import require_format

    path = Path(path).expanduser()
    path = require_file(path / FILE if path.is_dir() else path, "background")
    try:
        with h5py.File(path, "r") as file:
            require_format(file, path, FORMAT, VERSION)
            meta = json.loads(file.attrs["meta"])
            for key, value in (expected or {}).items():
                if meta.get(key) != value:
                    raise InputError(_differs(path, key, meta, value))
            there, stored = set(file["scores"]), {}
            names = dict.fromkeys(_ALIASES.get(name, name) for name in scores)
            missing = [name for name in (*names, meta["score"]) if name not in there]
            if missing:
                raise InputError(
                    f"The background {path} has no {few(missing)}; it has {few(sorted(there))}. Make it "
                    "again: seqdl background."
                )
            for name in dict.fromkeys((*names, meta["score"])):
                stored[name] = np.abs(file["scores"][name][:])
    except (OSError, KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"The background {path} is damaged or no HDF5 file: {error}. Make it again: seqdl background."
        ) from error
    if chosen is not None:
        stored = {name: x[chosen] for name, x in stored.items()}
    largest = np.sort(stored[meta["score"]].max(axis=0))
    return Background(
        n=len(largest),
        source=meta["source"],
        scores={name: np.sort(stored[name], axis=1) for name in names},
        largest=largest,
    )


def _differs(path: Path, key: str, meta: Mapping, value: object) -> str:
    if key in ("run", "model"):
        found = f"for another run ({meta.get('model')})"
    else:
        found = f"with {key} {meta.get(key)}, and now it is {value}"
    return (
        f"The background {path} was made {found}: percentiles would be wrong. Make one with the same "
        "choices (seqdl background), or leave it out (--background none)."
    )
