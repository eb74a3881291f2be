"""Baselines of coverage: features counted one by one, regressions against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from seqdl.data.dataset import Dataset
from seqdl.encoding import decode, reverse_complement
from seqdl.errors import InputError
from seqdl.evaluation.coverage_baselines import (
    bin_kmer_counts,
    fit_coverage_baseline,
    training_moments,
)
from seqdl.evaluation.kmers import kmer_groups
from seqdl.evaluation.ridge import PENALTIES, Products, choose_floors, solve_ridge
from tests.toy_coverage import toy_coverage_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return Dataset.open(toy_coverage_dataset(tmp_path_factory.mktemp("baselines")))


@pytest.fixture(scope="module")
def moments(data):
    return training_moments(data, data.indices("train"))


def test_moments_are_those_of_the_known_values(data, moments):
    values = data.values(data.indices("train")).astype(float)
    np.testing.assert_allclose(moments.mean, np.nanmean(values, axis=(0, 1)))
    np.testing.assert_allclose(moments.deviation, np.nanstd(values, axis=(0, 1)))
    np.testing.assert_allclose(moments.profile, np.nanmean(values, axis=0))


@pytest.mark.parametrize(("k", "half"), [(1, 0), (3, 0), (3, 2), (4, 1)])
def test_words_are_counted_around_each_bin(k, half):
    codes = np.random.default_rng(k).integers(0, 5, (3, 90)).astype(np.uint8)
    first, resolution, n_bins = 20, 10, 5
    found = bin_kmer_counts(codes, k, first, resolution, n_bins, half)
    group, n_groups = kmer_groups(k)
    expected = np.zeros((3, n_bins, n_groups))
    for row in range(3):
        for at in range(90 - k + 1):
            word = codes[row, at : at + k]
            if (word == 4).any():
                continue
            number = int("".join(map(str, word)), 4)
            for b in range(n_bins):
                low = first + (b - half) * resolution
                if low <= at + k // 2 < low + (2 * half + 1) * resolution:
                    expected[row, b, group[number]] += 1
    np.testing.assert_array_equal(found, expected)


def test_words_of_the_other_strand_are_the_same_words_in_turned_bins():
    codes = np.random.default_rng(0).integers(0, 4, (2, 96)).astype(np.uint8)
    forward = bin_kmer_counts(codes, 3, 24, 12, 4, 1)
    turned = bin_kmer_counts(reverse_complement(codes), 3, 24, 12, 4, 1)
    np.testing.assert_array_equal(forward[:, ::-1], turned)
    assert decode(codes[0]) != decode(reverse_complement(codes[0]))


def test_ridge_is_scikit_learns_with_the_penalty_that_does_best():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(12, 3))

    def draw(n):
        x = rng.poisson(3, (n, 12)).astype(np.float32)
        return x, x @ truth + rng.normal(0, 8, (n, 3)) + 5

    (x, y), (x_valid, y_valid) = draw(200), draw(300)
    mean = y.mean(axis=0)
    gathered = [
        Products.gather([(a[:100], b[:100]), (a[100:], b[100:])], mean)
        for a, b in ((x, y), (x_valid, y_valid))
    ]
    weights, penalty, losses = solve_ridge(*gathered)
    scale = x.std(axis=0)
    expected = {}
    for one in PENALTIES:
        model = Ridge(alpha=one * len(x)).fit((x - x.mean(axis=0)) / scale, y)
        left = y_valid - model.predict((x_valid - x.mean(axis=0)) / scale)
        expected[one] = ((left**2).mean(axis=0) / y_valid.var(axis=0)).mean(), model.coef_.T / scale[:, None]
        if f"{one:g}" in losses:
            assert losses[f"{one:g}"] == pytest.approx(expected[one][0], rel=1e-3)
    assert penalty == min(losses, key=losses.get) or f"{penalty:g}" == min(losses, key=losses.get)
    np.testing.assert_allclose(weights, expected[penalty][1], rtol=2e-3, atol=1e-4)


def test_unknown_values_count_as_the_mean_and_unknown_bins_not_at_all():
    x = np.arange(12, dtype=np.float32).reshape(6, 2)
    y = np.array([[1.0, 2], [np.nan, 5], [np.nan, np.nan], [4, 4], [0, 1], [2, 2]])
    mean = np.array([1.75, 2.8])
    found = Products.gather([(x, y)], mean)
    filled = np.where(np.isnan(y), mean, y)[[0, 1, 3, 4, 5]] - mean
    assert found.n == 5
    np.testing.assert_allclose(found.cross, x[[0, 1, 3, 4, 5]].T @ filled, rtol=1e-5)
    with pytest.raises(InputError, match="No bin"):
        Products.gather([(x, np.full((6, 2), np.nan))], mean)


def test_floors_are_those_of_least_deviance():
    values = np.array([[0.0, 1.0], [0.0, 3.0], [1.0, np.nan], [0.0, 2.0]])
    predicted = np.full((4, 2), -1.0)
    floors = choose_floors([(predicted[:2], values[:2]), (predicted[2:], values[2:])], np.array([1.0, 2.0]))
    np.testing.assert_allclose(floors, [0.2, 1.0])  # of .5, .2, .1 ... times the mean, nearest to .25 and 2


@pytest.mark.parametrize("name", ["gc", "kmer"])
def test_baselines_predict_each_bin_and_nothing_negative(data, moments, name):
    seen = []
    made = fit_coverage_baseline(name, data, moments, kmer_length=3, on_windows=seen.append)
    codes = data.codes(data.indices("test"))
    found = made.predict(codes)
    assert found.shape == (128, 8, 2)
    assert (found > 0).all()
    np.testing.assert_allclose(made.predict(codes[5:7]), found[5:7], rtol=1e-4)
    assert sum(seen) >= 511
    assert made.details["train_windows"] == made.details["train_windows_available"] == 511
    values = data.values(data.indices("train")).astype(float)
    np.testing.assert_allclose(
        made.predict(data.codes(data.indices("train"))).mean(), np.nanmean(values), rtol=0.25
    )


def test_the_words_of_the_motifs_are_worth_something(data, moments):
    made = fit_coverage_baseline("kmer", data, moments, kmer_length=4, kmer_window=100)
    indices = data.indices("test")
    observed, found = data.values(indices).astype(float), made.predict(data.codes(indices))
    known = np.isfinite(observed)
    assert np.corrcoef(observed[known], found[known])[0, 1] > 0.2


def test_few_windows_can_be_asked_for(data, moments):
    made = fit_coverage_baseline("gc", data, moments, max_windows=50, seed=3)
    assert made.details["train_windows"] == 50


def test_what_is_wrong_is_named(data, moments):
    with pytest.raises(InputError, match="Did you mean 'kmer'"):
        fit_coverage_baseline("kmers", data, moments)
    with pytest.raises(InputError, match="kmer_length"):
        fit_coverage_baseline("kmer", data, moments, kmer_length=9)
