"""Metrics of coverage against scipy and scikit-learn, with gaps; the bootstrap against resampled bins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import pearsonr
from sklearn.metrics import d2_tweedie_score, mean_tweedie_deviance

from seqdl.errors import InputError
from seqdl.evaluation.coverage_metrics import CoverageSums, profile_distance, shuffled_profiles


def made(seed=0, n=30, bins=8, tracks=4, unknown=0.1):
    rng = np.random.default_rng(seed)
    predicted = rng.gamma(1.0, 4.0, (n, bins, tracks)).astype(np.float32) + 0.01
    observed = rng.poisson(predicted * rng.gamma(4, 0.25, predicted.shape)).astype(np.float64)
    observed[rng.random(observed.shape) < unknown] = np.nan
    return observed, predicted


def sums_of(observed, predicted, blocks=None, n_blocks=1):
    sums = CoverageSums(n_blocks, np.full(observed.shape[2], 3.0), np.full(observed.shape[2], 5.0))
    blocks = np.zeros(len(observed), int) if blocks is None else blocks
    for first in range(0, len(observed), 7):  # in parts, as an evaluation does
        part = slice(first, first + 7)
        sums.add(blocks[part], observed[part], predicted[part])
    return sums


def test_metrics_are_scipys_and_scikit_learns():
    observed, predicted = made()
    found = sums_of(observed, predicted).metrics()
    for t in range(observed.shape[2]):
        known = np.isfinite(observed[..., t])
        y, x = observed[..., t][known], predicted[..., t][known].astype(float)
        assert found.pearson[t] == pytest.approx(pearsonr(x, y).statistic, rel=1e-9)
        assert found.deviance[t] == pytest.approx(mean_tweedie_deviance(y, x, power=1), rel=1e-9)
        assert found.deviance_explained[t] == pytest.approx(d2_tweedie_score(y, x, power=1), rel=1e-9)
        shapes, distances = [], []
        for window in range(len(observed)):
            here = known[window]
            y, x = observed[window, here, t], predicted[window, here, t].astype(float)
            if len(y) > 1 and np.ptp(y) > 0:
                shapes.append(pearsonr(x, y).statistic)
            if len(y) > 1 and y.sum() > 0:
                distances.append(jensenshannon(y, x, base=2))
        assert found.profile_pearson[t] == pytest.approx(np.mean(shapes), rel=1e-9)
        assert found.jsd[t] == pytest.approx(np.mean(distances), rel=1e-9)


def test_correlation_across_tracks_is_that_of_standardised_values_at_each_bin():
    observed, predicted = made(unknown=0.0)
    y, x = ((v - 3.0) / 5.0 for v in (observed, predicted.astype(float)))
    each = [pearsonr(x[i, b], y[i, b]).statistic for i in range(30) for b in range(8) if np.ptp(y[i, b]) > 0]
    assert sums_of(observed, predicted).metrics().across_tracks == pytest.approx(np.mean(each), rel=1e-9)
    few = sums_of(observed[..., :2], predicted[..., :2]).metrics()
    assert np.isnan(few.across_tracks)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_replicates_are_the_metrics_of_the_resampled_windows(seed):
    observed, predicted = made(seed)
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 5, len(observed))
    weights = rng.multinomial(5, np.full(5, 0.2), size=3).T.astype(float)
    found = sums_of(observed, predicted, blocks, 5).replicates(weights)
    for r in range(3):
        drawn = np.concatenate([np.tile(np.flatnonzero(blocks == b), int(weights[b, r])) for b in range(5)])
        expected = sums_of(observed[drawn], predicted[drawn]).metrics()
        for name in expected._fields:
            np.testing.assert_allclose(
                getattr(found, name)[r], getattr(expected, name), rtol=1e-8, err_msg=name
            )


def test_replicates_in_parts_equal_those_at_once(monkeypatch):
    observed, predicted = made()
    sums = sums_of(observed, predicted, np.arange(30) % 6, 6)
    weights = np.random.default_rng(0).multinomial(6, np.full(6, 1 / 6), size=20).T.astype(float)
    whole = sums.replicates(weights)
    monkeypatch.setattr("seqdl.evaluation.coverage_metrics._CELLS", 1)
    for a, b in zip(sums.replicates(weights), whole, strict=True):
        np.testing.assert_allclose(a, b)


def test_perfect_shifted_and_constant_predictions():
    observed, _ = made(unknown=0.0)
    perfect = sums_of(observed, observed).metrics()
    np.testing.assert_allclose(perfect.pearson, 1)
    np.testing.assert_allclose(perfect.deviance, 0, atol=1e-4)  # a prediction of 0 is lifted to 1e-6
    np.testing.assert_allclose(perfect.jsd, 0, atol=1e-3)
    doubled = sums_of(observed, 2 * observed + 1).metrics()
    np.testing.assert_allclose(doubled.pearson, 1)
    assert (doubled.deviance_explained < perfect.deviance_explained).all()
    constant = sums_of(observed, np.full_like(observed, 3.7)).metrics()
    np.testing.assert_array_equal(constant.pearson, 0)
    np.testing.assert_array_equal(constant.profile_pearson, 0)
    mean = sums_of(observed, np.zeros_like(observed) + observed.mean(axis=(0, 1))).metrics()
    np.testing.assert_allclose(mean.deviance_explained, 0, atol=1e-9)


def test_what_cannot_be_measured_is_nan():
    observed, predicted = made()
    observed[..., 0], observed[..., 1], observed[..., 2] = np.nan, 4.0, 0.0
    found = sums_of(observed, predicted).metrics()
    assert np.isnan(found.pearson).tolist() == [True, True, True, False]
    assert np.isnan(found.jsd).tolist() == [True, False, True, False]
    assert np.isnan(found.deviance).tolist() == [True, False, False, False]
    assert np.isnan(found.deviance_explained).tolist() == [True, True, True, False]


def test_negative_values_count_for_correlation_alone():
    observed, predicted = made(unknown=0.0)
    observed[3, 2, 1] = -5.0
    sums = sums_of(observed, predicted)
    y, x = observed[..., 1].ravel(), predicted[..., 1].ravel().astype(float)
    assert sums.negative == 1
    assert sums.metrics().pearson[1] == pytest.approx(pearsonr(x, y).statistic)
    kept = y >= 0
    assert sums.metrics().deviance[1] == pytest.approx(mean_tweedie_deviance(y[kept], x[kept], power=1))


def test_counts_and_means_are_those_of_the_known_bins():
    observed, predicted = made()
    sums = sums_of(observed, predicted)
    np.testing.assert_array_equal(sums.bins(), np.isfinite(observed).sum(axis=(0, 1)))
    mean, of_predicted = sums.means()
    np.testing.assert_allclose(mean, np.nanmean(observed, axis=(0, 1)))
    expected = np.nanmean(np.where(np.isfinite(observed), predicted, np.nan), axis=(0, 1))
    np.testing.assert_allclose(of_predicted, expected, rtol=1e-6)


def test_shapes_that_do_not_fit_are_refused():
    observed, predicted = made()
    with pytest.raises(InputError, match="`observed`"):
        CoverageSums(1, np.zeros(3), np.ones(3)).add(np.zeros(30, int), observed, predicted)
    sums = CoverageSums(1, np.zeros(4), np.ones(4))
    with pytest.raises(InputError, match="`predicted`"):
        sums.add(np.zeros(30, int), observed, predicted[:, :5])


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_profile_distance_is_a_distance(seed):
    a, b, c = np.random.default_rng(seed).gamma(0.5, 1, (3, 4, 9, 2))
    assert (profile_distance(a, a) < 1e-6).all()
    np.testing.assert_allclose(profile_distance(a, b), profile_distance(b, a))
    np.testing.assert_allclose(profile_distance(a, b), profile_distance(3 * a, b / 7))
    assert (profile_distance(a, c) <= profile_distance(a, b) + profile_distance(b, c) + 1e-12).all()


def test_shuffled_profiles_keep_counts_and_tracks_together():
    observed, _ = made()
    shuffled = shuffled_profiles(observed, 1)
    np.testing.assert_allclose(shuffled.sum(axis=1), np.nan_to_num(observed).sum(axis=1))
    rows = [set(map(tuple, values)) for values in (np.nan_to_num(observed[0]), shuffled[0])]
    assert rows[0] == rows[1]
    assert not np.array_equal(shuffled, np.nan_to_num(observed))
