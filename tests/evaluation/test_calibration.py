"""Calibration curves: perfect probabilities lie on the diagonal, and the error counts what is off."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from seqdl.errors import InputError
from seqdl.evaluation.calibration import calibration_error, reliability


def drawn(n=20_000, targets=4, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.5, 3, (n, targets)).astype(np.float32)
    return (rng.random(p.shape) < p).astype(np.uint8), p


@pytest.mark.parametrize("binning", ["uniform", "quantile"])
def test_honest_probabilities_lie_on_the_diagonal(binning):
    labels, p = drawn()
    curve = reliability(labels, p, binning=binning)
    assert curve.n.sum() == labels.size
    assert curve.error < 0.005
    many = curve.n > 2000
    np.testing.assert_allclose(curve.observed[many], curve.mean_predicted[many], atol=0.03)
    np.testing.assert_array_equal(curve.hi[:-1], curve.lo[1:])


@pytest.mark.parametrize("binning", ["uniform", "quantile"])
def test_curve_is_scikit_learns(binning):
    labels, p = drawn(3000, 1)
    curve = reliability(labels, p, n_bins=10, binning=binning)
    observed, predicted = calibration_curve(labels[:, 0], p[:, 0].astype(float), n_bins=10, strategy=binning)
    filled = curve.n > 0
    np.testing.assert_allclose(curve.observed[filled], observed)
    np.testing.assert_allclose(curve.mean_predicted[filled], predicted)


def test_overconfidence_is_measured():
    labels = np.zeros((100, 2), np.uint8)
    labels[:20] = 1
    p = np.full(labels.shape, 0.5, np.float32)
    assert reliability(labels, p).error == pytest.approx(0.3)
    np.testing.assert_allclose(calibration_error(labels, p), 0.3)
    np.testing.assert_allclose(calibration_error(labels, labels.astype(np.float32)), 0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_error_of_one_target_equals_its_curves(seed, bins):
    rng = np.random.default_rng(seed)
    p = np.round(rng.random((200, 1)), 2) / 1.0000001
    labels = (rng.random((200, 1)) < 0.4).astype(np.uint8)
    assert calibration_error(labels, p, bins)[0] == pytest.approx(reliability(labels, p, bins).error)


def test_equal_predictions_make_one_bin():
    labels = np.array([[0], [1]], np.uint8)
    curve = reliability(labels, np.full((2, 1), 0.25), binning="quantile")
    assert curve.n.tolist() == [2] and curve.observed.tolist() == [0.5]


@pytest.mark.parametrize(
    ("p", "options", "words"),
    [(1.5, {}, "between 0 and 1"), (np.nan, {}, "between 0 and 1"), (0.5, {"binning": "log"}, "binning"), (0.5, {"n_bins": 0}, "n_bins")],
)  # fmt: skip
def test_bad_input_is_named(p, options, words):
    with pytest.raises(InputError, match=words):
        reliability(np.ones((2, 1), np.uint8), np.full((2, 1), p), **options)
