"""`Calibration`: what held-out windows taught about a run's numbers, in one file beside it.

HDF5, format "seqdl-calibration", version 1. Attributes: seqdl, run (SHA-256 of the model file), model, task,
level, split, n, seed, strand_average. ``targets`` (UTF-8), ``measured`` (JSON), ``notes`` (UTF-8). Groups,
each where it was made: scaling, conformal, band, composition, effects/<score>, causal; a group holds the
fields of the tuple of that name, (T,) float64 or bool unless its class says otherwise.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from seqdl.errors import InputError
from seqdl.files import atomic_path, require_file, sha256
from seqdl.uncertainty.conformal import Band, LabelSets
from seqdl.uncertainty.effects import Causal, EffectBand
from seqdl.uncertainty.platt import Scaling
from seqdl.uncertainty.unlike import Composition
from seqdl.version import __version__

FORMAT, VERSION = "seqdl-calibration", 1
FILE = "calibration.h5"
_PARTS = {"scaling": Scaling, "conformal": LabelSets, "band": Band, "composition": Composition}
_ATTRIBUTES = {
    "run": str,
    "model": str,
    "task": str,
    "level": float,
    "split": str,
    "n": int,
    "seed": int,
    "strand_average": bool,
}


@dataclass(frozen=True)
class Calibration:
    """Calibrated probabilities, conformal sets and intervals, and what is unlike the training data.

    Attributes
    ----------
    run, model : str
        SHA-256 of the model file, and what the network is called.
    task : {"binary", "coverage"}
    targets : tuple of str
    level : float
        What the sets and intervals aim at.
    split, n, seed
        Windows that it was made from: their split, how many, and the seed of all draws.
    strand_average : bool
        Whether the predictions were means over both strands.
    measured : dict
        ``rows``: what the numbers hold on windows that had no part in them (what, nominal, measured, low,
        high, n); ``targets``: the same by target.
    notes : tuple of str
        What else is to be known.
    scaling, conformal, band, composition, effects, causal
        The fitted parts; None (or no entry) where there is none.
    """

    run: str
    model: str
    task: str
    targets: tuple[str, ...]
    level: float
    split: str
    n: int
    seed: int
    strand_average: bool
    measured: dict = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    scaling: Scaling | None = None
    conformal: LabelSets | None = None
    band: Band | None = None
    composition: Composition | None = None
    effects: dict[str, EffectBand] = field(default_factory=dict)
    causal: Causal | None = None

    @classmethod
    def open(cls, path: str | Path, model_file: str | Path | None = None) -> Calibration:
        """Read a calibration.

        Parameters
        ----------
        path : path
            What `calibrate` wrote, or a run's folder that holds it.
        model_file : path, optional
            The run's model: a calibration of another one is refused.

        Raises
        ------
        InputError
            If the file is missing, damaged, of another format, or of another run.
        """
        import h5py

        from seqdl.io.hdf5 import require_format

        path = Path(path).expanduser()
        path = require_file(path / FILE if path.is_dir() else path, "calibration")
        try:
            with h5py.File(path, "r") as f:
                require_format(f, path, FORMAT, VERSION)
                parts = {name: _read(f[name], kind) for name, kind in _PARTS.items() if name in f}
                found = cls(
                    **{name: kind(f.attrs[name]) for name, kind in _ATTRIBUTES.items()},
                    targets=tuple(f["targets"].asstr()[:].tolist()),
                    measured=json.loads(f["measured"].asstr()[()]),
                    notes=tuple(f["notes"].asstr()[:].tolist()),
                    effects={name: _read(group, EffectBand) for name, group in f["effects"].items()},
                    causal=_read(f["causal"], Causal) if "causal" in f else None,
                    **parts,
                )
        except (OSError, KeyError, ValueError, TypeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"The calibration {path} is damaged or no HDF5 file: {error}. Make it again: seqdl calibrate."
            ) from error
        found._check_shapes(path)
        if model_file is not None:
            found.require_model(model_file, path)
        return found

    def save(self, path: str | Path) -> Path:
        """Write the file, whole or not at all; return its path."""
        import h5py

        from seqdl.io.hdf5 import HDF5Writer

        text = h5py.string_dtype("utf-8")
        with atomic_path(path) as aside, HDF5Writer(aside) as f:
            f.attrs.update(format=FORMAT, version=VERSION, seqdl=__version__)
            f.attrs.update({name: getattr(self, name) for name in _ATTRIBUTES})
            f.create_dataset("targets", data=list(self.targets), dtype=text)
            f.create_dataset("notes", data=np.array(self.notes, object), dtype=text)
            f.create_dataset("measured", data=json.dumps(self.measured, allow_nan=False), dtype=text)
            parts = {name: getattr(self, name) for name in (*_PARTS, "causal")}
            parts |= {f"effects/{name}": band for name, band in self.effects.items()}
            f.create_group("effects")
            for name, part in parts.items():
                if part is not None:
                    group = f.create_group(name)
                    for key, value in part._asdict().items():
                        group[key] = value
        return Path(path).expanduser()

    def require_model(self, model_file: str | Path, where: str | Path = "this calibration") -> None:
        """Refuse another run's model file.

        Raises
        ------
        InputError
            If the calibration was made with another one.
        """
        if sha256(model_file) != self.run:
            raise InputError(
                f"{where} was made for another run ({self.model}, model {self.run[:12]}) than {model_file}. "
                "Its probabilities and intervals would be wrong here. Make one: seqdl calibrate --run ..."
            )

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities, float32 (m, T), of the network's log odds (m, T)."""
        return self._part("scaling").probabilities(self._columns(logits, "logits"))

    def label_sets(self, logits: np.ndarray) -> np.ndarray:
        """Return the possible labels, uint8 (m, T): 1 if label 0 is among them, plus 2 if label 1 is."""
        return self._part("conformal").sets(self._columns(logits, "logits"))

    def total_interval(self, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bound the observed total coverage of windows.

        Parameters
        ----------
        totals : float array, shape (m, T)
            ``log2(1 + total)`` of the predicted coverage over a window's bins, in the run's unit.

        Returns
        -------
        low, high : float32 arrays, shape (m, T)
            Also as ``log2(1 + total)``; never below 0.
        """
        low, high = self._part("band").interval(self._columns(totals, "totals"))
        return np.maximum(low, np.float32(0)), high

    def effect_interval(self, score: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the bounds of the effects, float32 (m, T) each, of scores (m, T); None without a fit."""
        band = self.effects.get(score)
        return None if band is None else band.interval(self._columns(values, "values"))

    def p_causal(self, values: np.ndarray) -> np.ndarray | None:
        """Return the probability of the label 1 from values (m, T) of the score ``causal.score``.

        Returns
        -------
        probability : float32 array, shape (m, T) by target or (m,) by allele, or None without a fit
        """
        return None if self.causal is None else self.causal.probabilities(self._columns(values, "values"))

    def unlike(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Measure windows' distance from the training windows; see `Composition.unlike`."""
        return self._part("composition").unlike(codes)

    def take(self, places: np.ndarray) -> Calibration:
        """Return the calibration of some targets, by their places, in that order.

        A probability by allele is a matter of all targets: it is there only while all are.
        """
        places = np.asarray(places, np.int64)
        whole = set(places.tolist()) == set(range(len(self.targets)))

        def of(part):
            return None if part is None else type(part)(*(value[..., places] for value in part))

        by_target = self.causal is None or self.causal.by == "target"
        return replace(
            self,
            targets=tuple(self.targets[i] for i in places.tolist()),
            scaling=of(self.scaling),
            conformal=of(self.conformal),
            band=of(self.band),
            effects={name: of(band) for name, band in self.effects.items()},
            causal=self.causal if by_target or whole else None,
        )

    def _part(self, name: str):
        part = getattr(self, name)
        if part is None:
            raise InputError(f"This calibration of {self.model} ({self.task}) has no {name}.")
        return part

    def _columns(self, values: np.ndarray, name: str) -> np.ndarray:
        values = np.asarray(values)
        if values.ndim != 2 or values.shape[1] != len(self.targets):
            raise InputError(
                f"`{name}` must have the shape (m, {len(self.targets)}). Received: {values.shape}."
            )
        return values

    def _check_shapes(self, path: Path) -> None:
        parts = [self.scaling, self.conformal, self.band, *self.effects.values()]
        if any(value.shape[-1:] != (len(self.targets),) for part in parts if part for value in part):
            raise InputError(f"The calibration {path} is damaged: its parts differ in the number of targets.")


def _read(group, kind):
    """Read a tuple that `Calibration.save` wrote."""
    values = {name: group[name][()] for name in kind._fields}
    return kind(**{n: v.decode() if isinstance(v, bytes) else v for n, v in values.items()})
