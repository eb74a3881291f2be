"""The state of an unfinished training, after its last whole epoch: one HDF5 file, no pickle."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

from seqdl.errors import InputError
from seqdl.files import atomic_path
from seqdl.io.hdf5 import HDF5Writer

FORMAT, VERSION = "seqdl-checkpoint", 1


def save_state(path: str | Path, model, best: list[np.ndarray] | None, state: dict) -> None:
    """Write weights, optimizer variables, the best weights so far and a JSON state, whole or not at all.

    Parameters
    ----------
    path : path
    model : keras.Model
        Compiled; its variables and its optimizer's are written in order.
    best : list of arrays or None
        Weights of the best epoch.
    state : dict
        JSON-ready: epoch, history, best epoch, configuration.
    """
    with atomic_path(path) as aside:
        with HDF5Writer(aside) as f:
            f.attrs.update(format=FORMAT, version=VERSION)
            f.create_dataset("state", data=json.dumps(state), dtype=h5py.string_dtype())
            for group, arrays in (
                ("model", model.get_weights()),
                ("optimizer", [np.asarray(v) for v in model.optimizer.variables]),
                ("best", best or []),
            ):
                g = f.create_group(group)
                for i, array in enumerate(arrays):
                    g[f"{i:05d}"] = array


def read_state(path: str | Path) -> dict:
    """Read the JSON state of a checkpoint.

    Raises
    ------
    InputError
        If the file is damaged or of another kind.
    """
    try:
        with h5py.File(path, "r") as f:
            if f.attrs.get("format") != FORMAT or f.attrs["version"] > VERSION:
                raise InputError(
                    f"{path} is no checkpoint that this seqdl can read. Train again with --overwrite."
                )
            return json.loads(f["state"][()].decode("utf-8"))
    except (OSError, KeyError, json.JSONDecodeError) as error:
        raise InputError(
            f"The checkpoint {path} is damaged: {error}. Train again with --overwrite."
        ) from error


def restore(path: str | Path, model) -> list[np.ndarray]:
    """Put a checkpoint's weights and optimizer variables into a compiled model; return the best weights.

    Parameters
    ----------
    path : path
    model : keras.Model
        Compiled, of the same architecture and optimizer.

    Raises
    ------
    InputError
        If the file is damaged, or of another architecture or optimizer.
    """
    model.optimizer.build(model.trainable_variables)
    try:
        with h5py.File(path, "r") as f:
            groups = {
                name: [f[name][key][()] for key in sorted(f[name])] for name in ("model", "optimizer", "best")
            }
    except (OSError, KeyError) as error:
        raise InputError(
            f"The checkpoint {path} is damaged: {error}. Train again with --overwrite."
        ) from error
    shapes = [tuple(v.shape) for v in model.optimizer.variables]
    if [w.shape for w in groups["model"]] != [w.shape for w in model.get_weights()] or shapes != [
        a.shape for a in groups["optimizer"]
    ]:
        raise InputError(
            f"The checkpoint {path} belongs to another architecture or optimizer; train with --overwrite."
        )
    model.set_weights(groups["model"])
    for variable, value in zip(model.optimizer.variables, groups["optimizer"], strict=True):
        variable.assign(value)
    return groups["best"]
