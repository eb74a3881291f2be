"""Sets and intervals hold the truth as often as they promise, on data that is exchangeable."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from seqdl.errors import InputError
from seqdl.uncertainty.conformal import (
    bound,
    check_level,
    fit_band,
    fit_label_sets,
    share_interval,
)


def labelled(n, seed, slope=3.0, rate=0.3, targets=2):
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, targets)) < rate).astype(np.uint8)
    return (slope * labels + rng.normal(size=labels.shape)).astype(np.float32), labels


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.floats(0.05, 0.95))
def test_the_bound_is_the_smallest_that_enough_scores_reach(scores, level):
    scores = np.array(scores)
    found, needed = bound(scores, level), np.ceil(round((len(scores) + 1) * level, 9))
    assert (scores <= found).sum() >= min(needed, len(scores))
    if np.isfinite(found):
        assert (scores < found).sum() < needed
    else:
        assert needed > len(scores)


def test_bounds_by_hand():
    assert bound(np.arange(1, 10), 0.9) == 9 and bound(np.arange(1, 9), 0.9) == np.inf
    assert bound(np.array([3.0, 1.0, 2.0]), 0.5) == 2.0


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_coverage_lies_in_the_binomial_band_about_its_level(level):
    """Over many draws of calibration and test data; each draw's shares average to the level."""
    hits = total = 0
    for seed in range(150):
        z, y = labelled(200, seed, targets=1)
        new, truth = labelled(200, seed + 10_000, targets=1)
        sets = fit_label_sets(z, y, level).sets(new)
        for label in (0, 1):
            mask = truth == label
            # One test window a draw and class: those are independent of each other.
            one = np.flatnonzero(mask[:, 0])[0]
            hits += int((sets[one, 0] >> label) & 1)
            total += 1
    low, high = binom.interval(0.999, total, level)
    assert low <= hits <= high


def test_each_class_is_covered_by_itself_even_when_the_other_is_common():
    z, y = labelled(4000, 1, slope=1.0, rate=0.05, targets=1)
    new, truth = labelled(40_000, 2, slope=1.0, rate=0.05, targets=1)
    sets = fit_label_sets(z, y, 0.9).sets(new)
    for label in (0, 1):
        assert abs(((sets >> label) & 1)[truth == label].mean() - 0.9) < 0.05


def test_rare_targets_share_a_bound_and_too_rare_ones_keep_all_labels_possible():
    z, y = labelled(500, 3, targets=4)
    y[:, 2:] = 0
    y[:3, 2] = y[:3, 3] = 1  # three positives each: six together are too few for 0.9
    fitted = fit_label_sets(z, y, 0.9)
    assert fitted.pooled[1].tolist() == [False, False, True, True] and not fitted.pooled[0].any()
    assert (fitted.sets(np.array([[-50.0] * 4]))[0, 2:] & 2).all()
    y[:10, 2] = 1
    y[:8, 3] = 1
    again = fit_label_sets(z, y, 0.9)
    assert again.pooled[1].tolist() == [False, False, False, True]


def test_a_higher_level_never_takes_a_label_away():
    z, y = labelled(400, 4)
    smaller, larger = (fit_label_sets(z, y, level).sets(z) for level in (0.7, 0.95))
    assert ((smaller & larger) == smaller).all()


@pytest.mark.parametrize("normalise", [False, True])
def test_intervals_of_totals_hold_what_they_promise(normalise):
    hits = total = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        x = rng.uniform(0, 8, (100, 1))
        y = x + 0.3 + rng.normal(size=x.shape) * np.exp(0.2 * x)  # biased, and wider where x is large
        low, high = fit_band(x[:-1], y[:-1], 0.9, normalise, seed).interval(x[-1:])
        hits += int(low[0, 0] <= y[-1, 0] <= high[0, 0])
        total += 1
    low, high = binom.interval(0.999, total, 0.9)
    assert low <= hits <= high


def test_a_normalised_interval_widens_where_residuals_do():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 8, (4000, 1))
    y = x + rng.normal(size=x.shape) * np.exp(0.3 * x)
    band = fit_band(x, y, 0.9, normalise=True)
    assert abs(band.tilt[0] - 0.3) < 0.05
    for few in (x < 2, x > 6):
        low, high = (side[few] for side in band.interval(x))
        assert 0.85 < ((y[few] >= low) & (y[few] <= high)).mean() < 0.95


def test_unknown_totals_are_left_out_and_too_few_give_no_bound():
    x = np.zeros((20, 2))
    y = np.tile(np.arange(20.0)[:, None], (1, 2))
    y[5:, 1] = np.nan
    half = fit_band(x, y, 0.9).half
    assert half[0] == 18 and half[1] == np.inf


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 200), st.data())
def test_the_interval_of_a_share_holds_it(n, data):
    hits = data.draw(st.integers(0, n))
    low, high = share_interval(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    wider = share_interval(hits, n, 0.99)
    assert wider[0] <= low and high <= wider[1]


@pytest.mark.parametrize("level", [0, 1, -0.1, 90, float("nan")])
def test_levels_that_make_no_sense(level):
    with pytest.raises(InputError, match="`level`"):
        check_level(level)
