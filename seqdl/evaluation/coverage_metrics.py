"""Metrics of coverage predictions, from sums that windows add to: exact, in one pass, in constant memory.

Every metric of a track follows from sums over its known bins (`_TRACK`), kept apart by genomic block. A
bootstrap resample of the blocks is then one matrix product with the blocks' weights, and its metrics are
exactly those of the resampled bins, although no array of all bins ever exists.

What is measured, for every track
---------------------------------
pearson : correlation of observed and predicted over all known bins: does the signal rise where it should?
profile_pearson : the same correlation inside each window, averaged over windows: are the shapes inside a
    window right, whatever the windows' levels? Windows whose observed values are all equal have no shape and
    are left out; a prediction without any shape counts as 0.
deviance : mean Poisson deviance of a bin, ``2 (y log(y / mu) - y + mu)``; 0 is perfect.
deviance_explained : ``1 - deviance / deviance of the mean``, with the mean of the bins measured; 1 is
    perfect, 0 no better than the mean (Cameron and Windmeijer 1997; scikit-learn's ``d2_tweedie_score``).
jsd : Jensen-Shannon distance (square root of the divergence, base 2) of observed and predicted profile, each
    divided by its sum, averaged over windows with any signal; 0 is perfect, 1 no overlap.

And over tracks: ``across_tracks``, the correlation over tracks at each bin, averaged over bins, on values
less the track's training mean, in its training deviations: is it known *which* tracks have signal here?
It needs three tracks or more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError

# A prediction of 0 where something was observed would be infinitely wrong.
SMALLEST = 1e-6
_TRACK = (
    "n", "x", "y", "xx", "yy", "xy",  # values less a centre, in units of a scale: correlation does not mind
    "n_counts", "counts", "predicted", "y_log_y", "y_log_x",  # as they are: the deviance; counts only
    "n_shapes", "shapes", "n_profiles", "distances",  # windows
)  # fmt: skip
_CELLS = 8_000_000  # numbers of the resamples' sums that are held at once


class CoverageMetrics(NamedTuple):
    """Hold the metrics of every track; the module says what they are.

    Attributes
    ----------
    pearson, profile_pearson, deviance, deviance_explained, jsd : float64 (T,) or (R, T)
        NaN where a metric is not defined: nothing known, or nothing that varies.
    across_tracks : float64 () or (R,)
        Over tracks at each bin; NaN for fewer than three tracks.
    """

    pearson: np.ndarray
    profile_pearson: np.ndarray
    deviance: np.ndarray
    deviance_explained: np.ndarray
    jsd: np.ndarray
    across_tracks: np.ndarray


class CoverageSums:
    """Collect the sums of one model's predictions beside what was observed.

    Parameters
    ----------
    n_blocks : int
        Genomic blocks, which a bootstrap draws.
    centre, scale : float array, shape (T,)
        Roughly the tracks' means and standard deviations: keeps the sums free of rounding.

    Attributes
    ----------
    by_track : float64 (n_blocks, T, sums)
    by_bin : float64 (n_blocks, 2)
        Bins counted and the sum of their correlations over tracks.
    negative : int
        Observed values below 0: no counts, so left out of the deviance and of the profiles.
    """

    def __init__(self, n_blocks: int, centre: np.ndarray, scale: np.ndarray) -> None:
        self.centre = np.asarray(centre, np.float64)
        self.scale = np.where(np.asarray(scale) > 0, scale, 1.0).astype(np.float64)
        self.by_track = np.zeros((n_blocks, len(self.centre), len(_TRACK)))
        self.by_bin = np.zeros((n_blocks, 2))
        self.negative = 0

    def add(self, blocks: np.ndarray, observed: np.ndarray, predicted: np.ndarray) -> None:
        """Add windows.

        Parameters
        ----------
        blocks : int array, shape (m,)
            Block of each window.
        observed : float array, shape (m, n_bins, T)
            NaN where a value is not known.
        predicted : float array of the same shape, or one that broadcasts to it
            0 or more.

        Raises
        ------
        InputError
            If the shapes differ.
        """
        observed = np.asarray(observed, np.float64)
        if observed.ndim != 3 or observed.shape[2] != len(self.centre):
            raise InputError(
                f"`observed` must have the shape (windows, bins, {len(self.centre)}). "
                f"Received: {observed.shape}."
            )
        try:
            predicted = np.broadcast_to(np.asarray(predicted, np.float64), observed.shape)
        except ValueError:
            raise InputError(
                f"`predicted` must have the shape {observed.shape} of what was observed. Received: "
                f"{np.shape(predicted)}."
            ) from None
        known = np.isfinite(observed)
        y = np.where(known, (observed - self.centre) / self.scale, 0.0)
        x = np.where(known, (predicted - self.centre) / self.scale, 0.0)
        sums = {"n": known.sum(axis=1), "x": x.sum(axis=1), "y": y.sum(axis=1)}
        sums |= {a + b: np.einsum("mbt,mbt->mt", u, v) for a, u, b, v in _pairs(x, y)}
        correlation, varies = _correlation(**sums)
        sums["n_shapes"], sums["shapes"] = varies, np.where(varies, np.nan_to_num(correlation), 0.0)
        sums |= self._counts(observed, predicted, known)
        stacked = np.stack([sums[name].astype(np.float64, copy=False) for name in _TRACK], axis=-1)
        np.add.at(self.by_track, blocks, stacked)
        if len(self.centre) > 2:
            over = {"n": known.sum(axis=2), "x": x.sum(axis=2), "y": y.sum(axis=2)}
            over |= {a + b: np.einsum("mbt,mbt->mb", u, v) for a, u, b, v in _pairs(x, y)}
            correlation, varies = _correlation(**over)
            found = np.where(varies, np.nan_to_num(correlation), 0.0)
            np.add.at(self.by_bin, blocks, np.stack([varies.sum(axis=1), found.sum(axis=1)], axis=-1))

    def _counts(self, observed: np.ndarray, predicted: np.ndarray, known: np.ndarray) -> dict:
        """Sum what holds for counts only: deviance, and distance of profiles."""
        from scipy.special import xlogy

        counted = known & (np.nan_to_num(observed) >= 0)
        self.negative += int(known.sum() - counted.sum())
        y = np.where(counted, observed, 0.0)
        x = np.where(counted, np.maximum(predicted, SMALLEST), 0.0)
        sums = {
            "n_counts": counted.sum(axis=1), "counts": y.sum(axis=1), "predicted": x.sum(axis=1),
            "y_log_y": xlogy(y, y).sum(axis=1),
            "y_log_x": xlogy(y, np.where(counted, x, 1.0)).sum(axis=1),
        }  # fmt: skip
        signal = (sums["counts"] > 0) & (sums["n_counts"] > 1)
        distance = profile_distance(y, x)
        sums["n_profiles"], sums["distances"] = signal, np.where(signal, distance, 0.0)
        return sums

    def metrics(self) -> CoverageMetrics:
        """Return the metrics of all that was added, float64 (T,) each."""
        return _metrics(self.by_track.sum(axis=0), self.by_bin.sum(axis=0))

    def replicates(self, weights: np.ndarray) -> CoverageMetrics:
        """Return the metrics in every resample of the blocks.

        Parameters
        ----------
        weights : float64 (n_blocks, R)
            How often each block occurs in each resample.

        Returns
        -------
        metrics : CoverageMetrics
            float64 (R, T) each; ``across_tracks`` (R,).
        """
        n_blocks, n_tracks, n_sums = self.by_track.shape
        n_resamples = weights.shape[1]
        by_bin = weights.T @ self.by_bin
        step = max(1, _CELLS // max(n_resamples * n_sums, 1))
        parts = []
        for first in range(0, n_tracks, step):
            part = self.by_track[:, first : first + step]
            drawn = weights.T @ part.reshape(n_blocks, -1)
            parts.append(_metrics(drawn.reshape(n_resamples, part.shape[1], n_sums), by_bin))
        joined = [np.concatenate(columns, axis=1) for columns in zip(*(p[:-1] for p in parts), strict=True)]
        return CoverageMetrics(*joined, parts[0].across_tracks)

    def bins(self) -> np.ndarray:
        """Return the number of known bins of each track, int64 (T,)."""
        return self.by_track[..., _TRACK.index("n")].sum(axis=0).astype(np.int64)

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean observed and predicted value of each track, float64 (T,) each."""
        total = self.by_track.sum(axis=0)
        n = np.where(total[:, 0] > 0, total[:, 0], np.nan)
        x, y = (total[:, _TRACK.index(name)] / n * self.scale + self.centre for name in "xy")
        return y, x


def profile_distance(observed: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Compute the Jensen-Shannon distance of profiles.

    Parameters
    ----------
    observed, predicted : float64 (m, n_bins, T)
        0 or more; each profile is divided by its own sum here.

    Returns
    -------
    distance : float64 (m, T)
        Square root of the divergence in bits, 0 to 1. A profile without any signal is taken as 0 everywhere:
        leave such windows out.

    References
    ----------
    Lin, Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Theory 37 (1991); scipy's
    ``jensenshannon(p, q, base=2)``.
    """
    from scipy.special import entr

    p, q = (
        values / np.maximum(values.sum(axis=1, keepdims=True), 1e-300) for values in (observed, predicted)
    )
    middle = entr((p + q) / 2).sum(axis=1)
    divergence = (middle - (entr(p).sum(axis=1) + entr(q).sum(axis=1)) / 2) / np.log(2)
    return np.sqrt(np.clip(divergence, 0.0, 1.0))


def shuffled_profiles(observed: np.ndarray, seed: int) -> np.ndarray:
    """Shuffle the bins of each window, the same way for all its tracks: right counts in wrong places.

    Parameters
    ----------
    observed : float array, shape (m, n_bins, T)
        Unknown values (NaN) come out as 0.
    seed : int

    Returns
    -------
    shuffled : float64 array of the same shape
    """
    order = np.random.default_rng(seed).random(observed.shape[:2]).argsort(axis=1)
    return np.nan_to_num(np.take_along_axis(np.asarray(observed, np.float64), order[:, :, None], axis=1))


def _pairs(x, y):
    return (("x", x, "x", x), ("y", y, "y", y), ("x", x, "y", y))


def _correlation(n, x, y, xx, yy, xy) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlation, NaN where the prediction is constant, and where what was observed varies."""
    with np.errstate(invalid="ignore", divide="ignore"):
        var_x, var_y = xx - x * x / n, yy - y * y / n
        # What rounding leaves of the variance of equal numbers is no variance.
        varies = (n > 1) & (var_y > 1e-10 * yy)
        found = (xy - x * y / n) / np.sqrt(var_x * var_y)
    return np.where(varies & (var_x > 1e-10 * xx), np.clip(found, -1, 1), np.nan), varies


def _metrics(total: np.ndarray, by_bin: np.ndarray) -> CoverageMetrics:
    """Turn sums (..., T, sums) and (..., 2) into metrics."""
    from scipy.special import xlogy

    s = {name: total[..., place] for place, name in enumerate(_TRACK)}
    pearson, varies = _correlation(*(s[name] for name in _TRACK[:6]))
    with np.errstate(invalid="ignore", divide="ignore"):
        n = np.where(s["n_counts"] > 0, s["n_counts"], np.nan)
        deviance = 2 * np.maximum(s["y_log_y"] - s["y_log_x"] - s["counts"] + s["predicted"], 0) / n
        null = 2 * (s["y_log_y"] - xlogy(s["counts"], s["counts"] / n)) / n
        explained = np.where(null > 1e-12, 1 - deviance / null, np.nan)
        return CoverageMetrics(
            # A constant prediction correlates with nothing.
            np.where(varies, np.nan_to_num(pearson), np.nan),
            s["shapes"] / s["n_shapes"],
            deviance,
            explained,
            s["distances"] / s["n_profiles"],
            by_bin[..., 1] / by_bin[..., 0],
        )
