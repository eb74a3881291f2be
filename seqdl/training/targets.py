"""What the training targets look like: where the network's output starts, and whether the loss fits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.words import few

# Values of coverage that are looked at, spread evenly over the training windows: enough for any mean.
_VALUES = 1 << 28
_WINDOWS = 256
_BASE_WINDOWS = 1 << 14
# No target starts at an expected coverage of nothing: its logarithm has no end.
_LEAST_MEAN = 1e-4


class CoverageFacts(NamedTuple):
    """What the training windows' coverage is like.

    Attributes
    ----------
    means : float64 (n_targets,)
        Mean of the known values.
    least : float
        Smallest known value.
    totals : float64 (n_targets,)
        Mean total of a window.
    """

    means: np.ndarray
    least: float
    totals: np.ndarray


def base_rates(data: Dataset) -> np.ndarray:
    """Measure each target's share of positive training windows, float64 (n_targets,), kept off 0 and 1.

    Raises
    ------
    InputError
        If no training window has any label.
    """
    rows = data.indices("train")
    counts = data.count_positives(rows)
    if not counts.any():
        raise InputError(
            f"No training window of {data.path} has a positive label, so there is nothing to learn. Do the "
            f"peaks lie on the training contigs? `seqdl data inspect` shows the counts."
        )
    return (counts + 0.5) / (len(rows) + 1.0)


def coverage_facts(data: Dataset) -> CoverageFacts:
    """Measure the training windows' coverage, on a spread of windows where there is very much of it.

    Raises
    ------
    InputError
        If a target has no known value there, or all values are zero.
    """
    rows = data.indices("train")
    per_window = data.n_bins * data.n_targets
    step = max(1, -(-len(rows) * per_window // _VALUES))
    rows = rows[::step]
    sums, known, least = np.zeros(data.n_targets), np.zeros(data.n_targets), np.inf
    block = max(1, min(_WINDOWS, (1 << 24) // per_window))
    for first in range(0, len(rows), block):
        values = data.values(rows[first : first + block]).reshape(-1, data.n_targets).astype(np.float32)
        here = ~np.isnan(values)
        known += here.sum(axis=0)
        sums += np.where(here, values, 0).sum(axis=0, dtype=np.float64)
        least = min(least, float(np.min(values, where=here, initial=np.inf)))
    if not known.all():
        names = [data.target_names[t] for t in np.flatnonzero(known == 0)]
        raise InputError(
            f"No training window of {data.path} has a known value of {few(names)}: its track says nothing "
            "about the training contigs. Leave it out, or split otherwise."
        )
    if not sums.any():
        raise InputError(
            f"The coverage of every training window of {data.path} is zero, so there is nothing to learn. "
            "`seqdl data inspect` shows the values."
        )
    means = sums / known
    return CoverageFacts(means, least, means * data.n_bins)


def base_losses(data: Dataset, loss, start: np.ndarray) -> dict[str, float]:
    """Measure the loss of a network that sees no sequence: the same output for every window.

    Parameters
    ----------
    data : Dataset
    loss : TargetLoss
    start : float array, shape (n_targets,), or (n_bins or n_bins + 1, n_targets)
        That output, from the training windows.

    Returns
    -------
    losses : dict
        Of "train" and "valid"; on a spread of windows where there are very many.
    """
    import keras

    found, start = {}, np.asarray(start, np.float32)
    for split in ("train", "valid"):
        rows = data.indices(split)
        rows = rows[:: max(1, len(rows) // _BASE_WINDOWS)]
        block = max(1, min(4096, (1 << 22) // start.size))
        total = count = 0.0
        for first in range(0, len(rows), block):
            values = data.values(rows[first : first + block]).astype(np.float32)
            outputs = np.broadcast_to(start, (len(values), *start.shape))
            sums, known = loss.sums(*map(keras.ops.convert_to_tensor, (values, outputs)))
            total += np.asarray(sums, np.float64).sum()
            count += np.asarray(known, np.float64).sum()
        found[split] = float(total / max(count, 1.0))
    return found


def log_odds(rates: np.ndarray, positive_weight: np.ndarray | None = None) -> np.ndarray:
    """Return the logits at which a network without features has the least loss, float64 (n_targets,).

    Parameters
    ----------
    rates : float array, shape (n_targets,)
        From `base_rates`.
    positive_weight : float array, shape (n_targets,), optional
        From `balanced_weights`.
    """
    odds = np.log(rates) - np.log1p(-rates)
    return odds if positive_weight is None else odds + np.log(positive_weight)


def start_coverage(network, facts: CoverageFacts) -> None:
    """Set the last biases of a coverage network so that it begins with the targets' means.

    Parameters
    ----------
    network : keras.Model
        With the layers "linear" and "coverage", whose link is inverted whatever it is; or the layers
        "profile" and "counts".
    facts : CoverageFacts
    """
    names = {layer.name for layer in network.layers}
    if "counts" in names:
        bias = getattr(network.get_layer("counts"), "bias", None)
        wanted = np.log1p(facts.totals)
    else:
        bias = getattr(network.get_layer("linear"), "bias", None) if "linear" in names else None
        wanted = invert_link(network.get_layer("coverage"), facts.means)
    if bias is not None and tuple(bias.shape) == wanted.shape:
        bias.assign(wanted.astype("float32"))


def invert_link(link, means: np.ndarray) -> np.ndarray:
    """Find the linear values that a link turns into the given means, by bisection.

    Parameters
    ----------
    link : keras.layers.Layer
        Elementwise and rising, such as softplus.
    means : float array, shape (n_targets,)

    Returns
    -------
    linear : float64 array, shape (n_targets,)
    """
    means = np.maximum(means, _LEAST_MEAN)
    low, high = np.full(means.shape, -30.0), np.maximum(means, 30.0)
    for _ in range(50):
        middle = (low + high) / 2
        above = np.asarray(link(middle[None, None].astype("float32")))[0, 0] > means
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2
