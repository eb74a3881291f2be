"""Platt scaling: probabilities that mean what they say, in the order in which they were."""

import numpy as np
import pytest
from scipy.special import expit

from seqdl.errors import InputError
from seqdl.evaluation.calibration import calibration_error
from seqdl.uncertainty.platt import FEWEST_POSITIVES, fit_line, fit_scaling, log_losses


def drawn(n, seed, slope=1.0, intercept=0.0, targets=1):
    """Draw true log odds and labels; return log odds as an over- or under-confident network gives them."""
    rng = np.random.default_rng(seed)
    true = rng.normal(-1, 2, (n, targets))
    labels = (rng.random(true.shape) < expit(true)).astype(np.uint8)
    return ((true - intercept) / slope).astype(np.float32), labels


def test_the_line_that_made_the_labels_is_found():
    z, y = drawn(40_000, 0, slope=0.4, intercept=-0.7)
    slope, intercept = fit_line(z, y)
    assert abs(slope - 0.4) < 0.02 and abs(intercept + 0.7) < 0.06


def test_the_fit_is_a_minimum():
    z, y = drawn(500, 1, slope=0.5)
    on, off = y.sum(), (1 - y).sum()
    wanted = np.where(y, (on + 1) / (on + 2), 1 / (off + 2))

    def loss(line):
        x = line[0] * z.astype(float) + line[1]
        return -(wanted * np.log(expit(x)) + (1 - wanted) * np.log(expit(-x))).sum()

    best = np.array(fit_line(z, y))
    for away in ([1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3]):
        assert loss(best + away) > loss(best)


def test_calibration_error_falls_on_over_confident_log_odds():
    z, y = drawn(4000, 2, slope=0.3, targets=3)  # three times too sure
    new, truth = drawn(4000, 3, slope=0.3, targets=3)
    scaling = fit_scaling(z, y, 0)
    before = calibration_error(truth, expit(new.astype(np.float64)))
    after = calibration_error(truth, scaling.probabilities(new))
    assert (before > 0.08).all() and (after < before / 3).all()
    assert (log_losses(scaling.logits(new), truth).mean(axis=0) < log_losses(new, truth).mean(axis=0)).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_probabilities_rise_with_the_log_odds(sign):
    """Even where the log odds point the wrong way in the calibration data."""
    z, y = drawn(300, 4, targets=2)
    line = np.linspace(-30, 30, 200)[:, None] * np.ones(2)
    p = fit_scaling(sign * z, y, 0).probabilities(line)
    assert (np.diff(p, axis=0) >= 0).all() and (np.diff(p[80:120], axis=0) > 0).all()
    assert ((p >= 0) & (p <= 1)).all()


def test_separated_labels_give_finite_lines():
    z = np.array([-2.0, -1.0, 1.0, 2.0])
    slope, intercept = fit_line(z, z > 0)
    assert 0 < slope < 20 and np.isfinite(intercept)
    assert np.isfinite(fit_line(1e4 * z, z > 0)).all()
    assert np.isfinite(fit_line(np.zeros(5), np.array([0, 0, 0, 1, 1]))).all()


def test_rare_targets_share_one_line():
    z, y = drawn(2000, 5, slope=0.5, targets=4)
    y[:, 2] = 0
    y[: FEWEST_POSITIVES - 1, 2] = 1
    y[:, 3] = 0
    scaling = fit_scaling(z, y, 0)
    assert scaling.pooled.tolist() == [False, False, True, True]
    assert scaling.slope[2] == scaling.slope[3] == fit_line(z, y)[0]
    assert scaling.slope[0] != scaling.slope[1]


def test_losses_of_extreme_log_odds_are_exact():
    z = np.array([[800.0, -800.0, 0.0]])
    np.testing.assert_allclose(log_losses(z, np.array([[0, 0, 1]])), [[800, 0, np.log(2)]])


def test_bad_input():
    with pytest.raises(InputError, match="finite"):
        fit_line(np.array([np.nan]), np.array([1]))
    with pytest.raises(InputError, match="one label a window"):
        fit_line(np.zeros(3), np.zeros(2))
