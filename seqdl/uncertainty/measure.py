"""Whether a calibration keeps its promise: every number beside its nominal value, on windows it never saw.

Intervals of shares over many targets come from resampling stretches of the genome, since neighbouring windows
are alike; those of a single target are Clopper and Pearson's, which take the windows for independent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from seqdl.encoding import bases_of
from seqdl.evaluation.metrics import finite_or_none
from seqdl.evaluation.resampling import pair
from seqdl.interpret.references import shuffle_known
from seqdl.uncertainty.conformal import Band, LabelSets, share_interval
from seqdl.uncertainty.platt import Scaling, log_losses
from seqdl.uncertainty.unlike import QUANTILE, Composition, simple_repeats

CONFIDENCE = 0.95
BINS = 15
TRIED = 2000  # windows of each kind that the flag is tried on


class Resamples(NamedTuple):
    """Blocks of windows (n,) and how often each occurs in each resample (B, R); see `resampling`."""

    blocks: np.ndarray
    weights: np.ndarray

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of values (n, ...) in each resample, (R, ...)."""
        flat = np.asarray(values, np.float64).reshape(len(values), -1)
        by_block = np.zeros((len(self.weights), flat.shape[1]))
        np.add.at(by_block, self.blocks, flat)
        return (self.weights.T @ by_block).reshape(-1, *values.shape[1:])

    def share(self, hits: np.ndarray, counted: np.ndarray) -> list[float] | None:
        """Return the interval of ``hits.sum() / counted.sum()`` over arrays (n,)."""
        if not self.weights.shape[1]:
            return None
        with np.errstate(invalid="ignore", divide="ignore"):
            return pair(self.sums(hits) / self.sums(counted), CONFIDENCE)


def row(what: str, nominal: float | None, measured: float, interval, n: int) -> dict:
    """Make one line of what was measured, fit for JSON."""
    low, high = interval or (None, None)
    return {
        "what": what,
        "nominal": nominal,
        "measured": finite_or_none(measured),
        "low": low,
        "high": high,
        "n": int(n),
    }


def share_row(what: str, nominal: float | None, hits: np.ndarray) -> dict:
    """Make the line of a share of independent cases, bool (n,), with Clopper and Pearson's interval."""
    hits = np.asarray(hits, bool)
    interval = share_interval(int(hits.sum()), len(hits), CONFIDENCE)
    return row(what, nominal, hits.mean() if len(hits) else np.nan, interval, len(hits))


def measure_scaling(
    scaling: Scaling, logits: np.ndarray, labels: np.ndarray, draws: Resamples, names: list[str]
) -> tuple[list[dict], list[dict], list[str]]:
    """Compare calibration error and log loss before and after.

    Parameters
    ----------
    scaling : Scaling
    logits : float32 array, shape (n, T)
    labels : uint8 array, shape (n, T)
    draws : Resamples
    names : list of str
        Of the targets.

    Returns
    -------
    rows, targets : list of dict
        For all targets together, and for each.
    notes : list of str
        Where calibration made the log loss worse.
    """
    scaled = scaling.logits(logits)
    rows, losses = [], {}
    for when, z in (("before", logits), ("after", scaled)):
        error, interval = _error(expit(np.asarray(z, np.float64)), labels, draws)
        rows.append(row(f"calibration error {when}", 0.0, error, interval, len(z)))
        losses[when] = log_losses(z, labels)
    for when, loss in losses.items():
        mean = loss.mean(axis=1)
        interval = draws.share(mean, np.ones(len(mean)))
        rows.append(row(f"log loss {when}, nats", None, mean.mean(), interval, len(mean)))
    change = losses["after"] - losses["before"]
    mean = change.mean(axis=1)
    interval = draws.share(mean, np.ones(len(mean)))
    rows.append(row("log loss, after - before", None, mean.mean(), interval, len(mean)))
    by_target = change.mean(axis=0)
    targets = [
        {
            "log_loss_before": float(losses["before"][:, t].mean()),
            "log_loss_after": float(losses["after"][:, t].mean()),
            "pooled": bool(scaling.pooled[t]),
        }
        for t in range(labels.shape[1])
    ]
    notes = []
    if mean.mean() > 0:
        notes.append(
            f"Calibration makes the log loss of the held-out windows worse ({mean.mean():+.2g} nats): the "
            "uncalibrated probabilities are the better ones there."
        )
    worse = np.flatnonzero(by_target > 0)
    if worse.size:
        most = max(worse.tolist(), key=lambda t: by_target[t])
        notes.append(
            f"The log loss is worse after calibration on {worse.size} of {len(by_target)} targets, most on "
            f"{names[most]} ({by_target[most]:+.2g} nats)."
        )
    return rows, targets, notes


def _error(p: np.ndarray, labels: np.ndarray, draws: Resamples) -> tuple[float, list[float] | None]:
    """Compute the expected calibration error of all targets together, as `seqdl evaluate` does."""
    which = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    cell = draws.blocks[:, None] * BINS + which
    gap = np.bincount(cell.ravel(), (p - labels).ravel(), minlength=len(draws.weights) * BINS)
    gap = gap.reshape(len(draws.weights), BINS)
    if not draws.weights.shape[1]:
        return float(np.abs(gap.sum(axis=0)).sum() / p.size), None
    sizes = np.bincount(draws.blocks, minlength=len(draws.weights)) * p.shape[1]
    replicates = np.abs(draws.weights.T @ gap).sum(axis=1) / (draws.weights.T @ sizes)
    return float(np.abs(gap.sum(axis=0)).sum() / p.size), pair(replicates, CONFIDENCE)


def measure_sets(
    conformal: LabelSets, logits: np.ndarray, labels: np.ndarray, level: float, draws: Resamples
) -> tuple[list[dict], list[dict]]:
    """Measure how often the label is in the set, among windows with and without it, and how large sets are.

    Parameters
    ----------
    conformal : LabelSets
    logits, labels, draws
        As in `measure_scaling`.
    level : float

    Returns
    -------
    rows, targets : list of dict
    """
    found, positive = conformal.sets(logits), labels > 0
    rows, targets = [], [{} for _ in range(labels.shape[1])]
    for label, mask in ((0, ~positive), (1, positive)):
        hits = mask & ((found & (1 << label)) > 0)
        n, of = hits.sum(axis=0), mask.sum(axis=0)
        interval = draws.share(hits.sum(axis=1), mask.sum(axis=1))
        share = hits.sum() / mask.sum() if mask.any() else np.nan
        rows.append(row(f"label {label} in its set", level, share, interval, int(mask.sum())))
        for t, entry in enumerate(targets):
            low, high = share_interval(int(n[t]), int(of[t]), CONFIDENCE)
            entry[f"label{label}"] = [int(n[t]), int(of[t]), low, high]
            entry[f"pooled{label}"] = bool(conformal.pooled[label, t])
    ones = np.ones(len(found)) * found.shape[1]
    for words, value in (("one label", None), ("both labels", 3), ("no label", 0)):
        hits = ((found == 1) | (found == 2)) if value is None else found == value
        interval = draws.share(hits.sum(axis=1), ones)
        rows.append(row(f"sets of {words}", None, hits.mean(), interval, found.size))
    return rows, targets


def measure_band(
    band: Band, predicted: np.ndarray, observed: np.ndarray, level: float, draws: Resamples
) -> tuple[list[dict], list[dict]]:
    """Measure how often the observed total lies in its interval.

    Parameters
    ----------
    band : Band
    predicted, observed : float arrays, shape (n, T)
        ``log2(1 + total)``; NaN where it is not known.
    level : float
    draws : Resamples

    Returns
    -------
    rows, targets : list of dict
    """
    known = np.isfinite(observed)
    low, high = band.interval(predicted)
    hits = known & (observed >= low) & (observed <= high)
    share = hits.sum() / max(known.sum(), 1)
    interval = draws.share(hits.sum(axis=1), known.sum(axis=1))
    rows = [row("total in its interval", level, share, interval, int(known.sum()))]
    width = (high - low).mean()
    rows.append(row("width of the interval, log2", None, width, None, int(known.sum())))
    targets = []
    for n, of in zip(hits.sum(axis=0).tolist(), known.sum(axis=0).tolist(), strict=True):
        targets.append({"total": [n, of, *share_interval(n, of, CONFIDENCE)]})
    return rows, targets


def measure_unlike(
    composition: Composition, codes: np.ndarray, others: dict[str, np.ndarray], draws: Resamples, seed: int
) -> list[dict]:
    """Measure how many windows are flagged: held-out ones, made-up ones, and those of other genomes.

    Parameters
    ----------
    composition : Composition
    codes : uint8 array, shape (n, W)
        The held-out windows.
    others : dict of uint8 arrays, shape (m, W)
        Windows of other genomes by name.
    draws : Resamples
        Of the n windows.
    seed : int

    Returns
    -------
    rows : list of dict
    """
    flags = composition.unlike(codes)[1]
    interval = draws.share(flags, np.ones(len(flags)))
    rows = [row("flagged: held-out windows", 1 - QUANTILE, flags.mean(), interval, len(flags))]
    rng = np.random.default_rng(seed)
    picked = bases_of(codes[np.sort(rng.choice(len(codes), min(TRIED, len(codes)), replace=False))])
    tried = {
        "shuffled by dinucleotides": shuffle_known(picked, rng),
        "uniform random": rng.integers(0, 4, (TRIED, codes.shape[1])).astype(np.uint8),
        "simple repeats": simple_repeats(TRIED, codes.shape[1], seed),
        **others,
    }
    return rows + [share_row(f"flagged: {name}", None, composition.unlike(x)[1]) for name, x in tried.items()]
