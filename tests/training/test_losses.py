"""Losses against the formulas of numpy and scipy, and what they do not see."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, gammaln, log_softmax, logsumexp

from seqdl.training import losses

SHAPE = (3, 4)
LOGITS = arrays(np.float32, SHAPE, elements=st.floats(-30, 30, width=32))
LABELS = arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0]))
COUNTS = arrays(np.float32, (2, 5, 3), elements=st.integers(0, 300).map(float))
VALUES = arrays(np.float32, (2, 5, 3), elements=st.floats(-8, 8, width=32))


def close(found, expected, **limits):
    np.testing.assert_allclose(np.asarray(found), expected, **{"rtol": 2e-4, "atol": 2e-5, **limits})


@settings(max_examples=30, deadline=None)
@given(LABELS, LOGITS, arrays(np.float64, 4, elements=st.floats(1, 20)))
def test_cross_entropy_is_the_log_likelihood(labels, logits, weight):
    x = logits.astype(np.float64)
    log_p, log_q = -np.logaddexp(0, -x), -np.logaddexp(0, x)
    close(losses.bce(labels, logits), -np.where(labels == 1, log_p, log_q))
    weighted = losses.bce(labels, logits, positive_weight=weight.astype(np.float32))
    close(weighted, -np.where(labels == 1, weight * log_p, log_q))


@settings(max_examples=30, deadline=None)
@given(LABELS, LOGITS, st.floats(0, 5), st.floats(0.05, 0.95))
def test_focal_loss_is_the_papers_formula(labels, logits, gamma, alpha):
    p = expit(logits.astype(np.float64))
    true = np.where(labels == 1, p, 1 - p)
    log_true = -np.logaddexp(0, -logits.astype(np.float64) * (2 * labels - 1))
    side = np.where(labels == 1, alpha, 1 - alpha)
    expected = -side * (1 - true) ** gamma * log_true
    close(losses.focal(labels, logits, gamma=gamma, alpha=alpha), expected, rtol=2e-3)
    close(losses.focal(labels, logits, gamma=0.0), losses.bce(labels, logits))


@settings(max_examples=30, deadline=None)
@given(COUNTS, VALUES)
def test_poisson_is_half_the_deviance(counts, values):
    expected = np.exp(values).astype(np.float64)
    y = counts.astype(np.float64)

    def minus_log_likelihood(mu):
        return mu - y * np.log(np.maximum(mu, 1e-300)) + gammaln(y + 1)

    saturated = np.where(y > 0, minus_log_likelihood(np.maximum(y, 1e-9)), 0)
    close(
        losses.poisson(counts, np.exp(values)),
        minus_log_likelihood(expected) - saturated,
        atol=2e-2,
        rtol=2e-3,
    )
    close(losses.poisson(counts, counts), 0 * y)
    assert (np.asarray(losses.poisson(counts, np.exp(values))) >= -1e-3).all()


@settings(max_examples=30, deadline=None)
@given(COUNTS, VALUES)
def test_multinomial_is_the_log_likelihood_less_its_best(counts, logits):
    y = counts.astype(np.float64)
    shares = y / np.maximum(y.sum(axis=1, keepdims=True), 1)
    best = (y * np.log(np.where(y > 0, shares, 1))).sum(axis=1)
    expected = best - (y * log_softmax(logits.astype(np.float64), axis=1)).sum(axis=1)
    close(losses.multinomial(counts, logits), expected, rtol=2e-3, atol=2e-2)
    # A shift of all logits changes no share.
    close(losses.multinomial(counts, logits + 3), expected, rtol=2e-3, atol=2e-2)


def test_an_unknown_bin_is_as_if_it_were_not_there():
    rng = np.random.default_rng(0)
    counts = rng.poisson(5, (2, 6, 3)).astype(np.float32)
    logits = rng.normal(size=counts.shape).astype(np.float32)
    known = np.ones_like(counts)
    known[:, 4] = 0
    kept = [0, 1, 2, 3, 5]
    close(losses.multinomial(counts, logits, known), losses.multinomial(counts[:, kept], logits[:, kept]))


def test_profile_adds_the_log_counts_error():
    rng = np.random.default_rng(1)
    counts = rng.poisson(5, (2, 6, 3)).astype(np.float32)
    logits = rng.normal(size=counts.shape).astype(np.float32)
    log_total = rng.normal(3, 1, (2, 1, 3)).astype(np.float32)
    outputs = np.concatenate([logits, log_total], axis=1)
    error = (np.log1p(counts.sum(axis=1)) - log_total[:, 0]) ** 2
    close(losses.profile(counts, outputs, 7.0), np.asarray(losses.multinomial(counts, logits)) + 7 * error)
    known = np.ones_like(counts)
    known[0, 2, 1] = 0  # the total of that window and target is not known then
    error[0, 1] = 0
    expected = np.asarray(losses.multinomial(counts, logits, known)) + 7 * error
    close(losses.profile(counts, outputs, 7.0, known), expected)
    share = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    close(losses.expected_coverage(outputs), share * np.maximum(np.expm1(log_total), 0))


@pytest.mark.parametrize("name", ["bce", "focal", "poisson", "mse", "profile"])
def test_unknown_targets_cost_nothing_and_give_no_gradient(name):
    rng = np.random.default_rng(2)
    binary = name in ("bce", "focal")
    shape = (4, 3) if binary else (4, 6, 3)
    targets = rng.integers(0, 2, shape).astype(np.float32)
    outputs = rng.random((4, 7, 3) if name == "profile" else shape).astype(np.float32) + 0.5
    loss = losses.TargetLoss(name, **({"count_weight": 2.0} if name == "profile" else {}))
    targets[1] = np.nan  # a whole window
    rest = [0, 2, 3]
    assert float(loss(targets, outputs)) == pytest.approx(float(loss(targets[rest], outputs[rest])), rel=1e-5)
    targets[2, ..., 0] = np.nan
    changed = outputs.copy()
    changed[1] += 5
    changed[2, ..., 0] += 5
    assert float(loss(targets, changed)) == pytest.approx(float(loss(targets, outputs)), rel=1e-6)
    assert np.isfinite(float(loss(np.full_like(targets, np.nan), outputs)))
    sums, counts = loss.sums(targets, outputs)
    assert float(np.sum(sums) / np.sum(counts)) == pytest.approx(float(loss(targets, outputs)), rel=1e-5)
    assert int(np.asarray(counts)[1]) == 0


def test_gradients_stay_finite_where_targets_are_unknown_and_predictions_extreme():
    import tensorflow as tf

    targets = np.array([[np.nan, 0, 3, 1e4]], np.float32)[..., None]
    for name, values in (("poisson", [1e-20, 1e-20, 1e-20, 1e4]), ("mse", [1, 2, 3, 4])):
        outputs = tf.Variable(np.array([values], np.float32)[..., None])
        with tf.GradientTape() as tape:
            value = losses.TargetLoss(name)(targets, outputs)
        gradient = np.asarray(tape.gradient(value, outputs))
        assert np.isfinite(gradient).all() and gradient[0, 0, 0] == 0


def test_sample_weights_weigh_windows():
    targets, outputs = np.zeros((2, 1), np.float32), np.array([[0.0], [3.0]], np.float32)
    loss = losses.TargetLoss("bce")
    each = np.asarray(losses.bce(targets, outputs))[:, 0]
    weighted = float(loss(targets, outputs, sample_weight=np.array([2.0, 0.0], np.float32)))
    assert weighted == pytest.approx(each[0], rel=1e-6)
