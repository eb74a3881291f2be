"""How much targets' positives and windows count in the loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.files import require_file

# A target with three positives would otherwise have a gradient of those three windows alone.
HIGHEST_WEIGHT = 20.0


def balanced_weights(rates: np.ndarray) -> np.ndarray:
    """Weigh each target's positives so that they count as much as its negatives.

    Parameters
    ----------
    rates : float array, shape (n_targets,)
        Share of positive training windows.

    Returns
    -------
    positive_weight : float64 array, shape (n_targets,)
        Negatives / positives, between 1 and `HIGHEST_WEIGHT`.
    """
    return np.clip((1 - rates) / rates, 1.0, HIGHEST_WEIGHT)


def read_weights(source: np.ndarray | str | Path, data: Dataset) -> np.ndarray:
    """Read one weight a window, and scale them to a mean of 1 over the training windows.

    Parameters
    ----------
    source : array or path
        ``.npy``, or text with one number a line, in the dataset's order: all of its windows.
    data : Dataset

    Returns
    -------
    weights : float32 array, shape (n,)

    Raises
    ------
    InputError
        If there are more or fewer than windows, one is negative or no number, or all training windows'
        are zero.
    """
    where = "`sample_weights`" if isinstance(source, np.ndarray) else f"the weights in {source}"
    weights = source if isinstance(source, np.ndarray) else _read(source)
    weights = np.asarray(weights)
    if weights.ndim == 2 and 1 in weights.shape:
        weights = weights.reshape(-1)
    if weights.shape != (data.n,) or weights.dtype.kind not in "iuf":
        raise InputError(
            f"There must be one number a window, {data.n:,} for {data.path}, in its order. Received for "
            f"{where}: shape {weights.shape}, {weights.dtype}."
        )
    weights = weights.astype(np.float64)
    bad = ~np.isfinite(weights) | (weights < 0)
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"A window's weight is 0 or more. Received for window {first} in {where}: {weights[first]}."
        )
    mean = weights[data.indices("train")].mean()
    if not mean > 0:
        raise InputError(f"The weights of all training windows are zero in {where}: nothing would be learnt.")
    return (weights / mean).astype(np.float32)


def _read(path: str | Path) -> np.ndarray:
    file = require_file(path, "file of sample weights")
    try:
        if file.suffix == ".npy":
            with open(file, "rb") as handle:
                return np.lib.format.read_array(handle, allow_pickle=False)
        text = file.read_text(encoding="utf-8").split("\n")
        lines = text[:-1] if text[-1] == "" else text
        values = np.empty(len(lines))
        for number, line in enumerate(lines):
            try:
                values[number] = float(line)
            except ValueError:
                raise InputError(
                    f"{file}, line {number + 1}: a weight is one number. Received: {line[:40]!r}."
                ) from None
        return values
    except InputError:
        raise
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"Cannot read sample weights from {file}: {error}.") from error
