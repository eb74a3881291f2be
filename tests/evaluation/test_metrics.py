"""The fast metrics are scikit-learn's, weighted or not, ties or not; a block bootstrap draws whole blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from seqdl.errors import InputError
from seqdl.evaluation.metrics import (
    bootstrap_metrics,
    bootstrap_weights,
    genomic_blocks,
    nan_quantile,
    rank_metrics,
)  # fmt: skip


@st.composite
def scored_windows(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, t = draw(st.integers(4, 60)), draw(st.integers(1, 4))
    labels = (rng.random((n, t)) < draw(st.floats(0.05, 0.95))).astype(np.uint8)
    labels[0], labels[1] = 1, 0
    levels = draw(st.sampled_from([1, 2, 5, 1000]))  # few levels: many ties
    scores = (rng.integers(0, levels, (n, t)) / levels).astype(
        draw(st.sampled_from([np.float32, np.float64]))
    )
    return labels, scores, rng


@given(scored_windows())
@settings(max_examples=60, deadline=None)
def test_equals_scikit_learn_with_ties(case):
    labels, scores, _ = case
    found = rank_metrics(labels, scores)
    for t in range(labels.shape[1]):
        assert found.auroc[t] == pytest.approx(roc_auc_score(labels[:, t], scores[:, t]), abs=1e-12)
        assert found.auprc[t] == pytest.approx(average_precision_score(labels[:, t], scores[:, t]), abs=1e-12)


@given(scored_windows(), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_resamples_equal_scikit_learn_with_sample_weights(case, size):
    labels, scores, rng = case
    blocks = np.arange(len(labels)) // size
    weights = bootstrap_weights(int(blocks.max()) + 1, 6, seed=3) if blocks.max() else np.ones((1, 2))
    found = bootstrap_metrics(labels, scores, blocks, weights)
    for r in range(weights.shape[1]):
        weight = weights[blocks, r]
        for t in range(labels.shape[1]):
            y, drawn = labels[:, t], weight > 0
            if not y[drawn].any():
                assert np.isnan(found.auprc[r, t])
                continue
            expected = average_precision_score(y, scores[:, t], sample_weight=weight)
            assert found.auprc[r, t] == pytest.approx(expected, abs=1e-12)
            if y[drawn].all():
                assert np.isnan(found.auroc[r, t])
            else:
                expected = roc_auc_score(y[drawn], scores[drawn, t], sample_weight=weight[drawn])
                assert found.auroc[r, t] == pytest.approx(expected, abs=1e-12)


@given(scored_windows())
@settings(max_examples=20, deadline=None)
def test_only_the_order_of_scores_matters(case):
    labels, scores, _ = case
    one, two = rank_metrics(labels, scores), rank_metrics(labels, np.exp(3 * scores.astype(np.float64)) - 7)
    np.testing.assert_allclose(one.auroc, two.auroc)
    np.testing.assert_allclose(one.auprc, two.auprc)
    np.testing.assert_allclose(rank_metrics(labels, -scores).auroc, 1 - one.auroc)


def test_working_arrays_in_pieces_give_the_same(monkeypatch):
    from seqdl.evaluation import metrics

    rng = np.random.default_rng(0)
    labels, scores = (rng.random((200, 3)) < 0.3), rng.random((200, 3))
    blocks, weights = np.arange(200) // 5, bootstrap_weights(40, 17)
    whole = bootstrap_metrics(labels, scores, blocks, weights)
    monkeypatch.setattr(metrics, "_CELLS", 300)
    pieces = bootstrap_metrics(labels, scores, blocks, weights)
    np.testing.assert_allclose(whole.auroc, pieces.auroc, rtol=1e-12)
    np.testing.assert_allclose(whole.auprc, pieces.auprc, rtol=1e-12)


def test_target_without_positives_is_nan_and_keeps_its_place():
    labels = np.array([[0, 1], [0, 0], [0, 1]])
    found = rank_metrics(labels, np.array([[0.1, 0.9], [0.2, 0.1], [0.3, 0.8]]))
    assert np.isnan(found.auroc[0]) and np.isnan(found.auprc[0])
    assert (found.auroc[1], found.auprc[1]) == (1.0, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(bad):
    scores = np.array([[0.1], [bad]])
    with pytest.raises(InputError, match="finite"):
        rank_metrics(np.array([[0], [1]]), scores)


def test_blocks_are_stretches_of_the_genome_whatever_the_order():
    contigs = np.array([0, 0, 0, 1, 1, 0])
    starts = np.array([-400, 0, 4000, 0, 3999, -300])
    blocks = genomic_blocks(contigs, starts, 4000)
    assert blocks[0] == blocks[1] == blocks[5] != blocks[2]
    assert len(set(blocks[[0, 2, 3, 4]])) == 4  # -400 + 4000 = 3600 cuts the second contig too
    order = np.array([5, 3, 1, 0, 4, 2])
    np.testing.assert_array_equal(genomic_blocks(contigs[order], starts[order], 4000), blocks[order])
    assert sorted(set(blocks)) == list(range(len(set(blocks))))


def test_weights_draw_as_many_blocks_as_there_are_and_follow_the_seed():
    weights = bootstrap_weights(50, 30, seed=1)
    assert weights.shape == (50, 30) and (weights.sum(axis=0) == 50).all()
    np.testing.assert_array_equal(weights, bootstrap_weights(50, 30, seed=1))
    assert (weights != bootstrap_weights(50, 30, seed=2)).any()
    with pytest.raises(InputError, match="at least 2 blocks"):
        bootstrap_weights(1, 10)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    labels = np.zeros((1000, 150), np.uint8)
    labels[:100] = 1
    scores = rng.normal(size=labels.shape) + labels
    draws = bootstrap_metrics(labels, scores, np.arange(1000), bootstrap_weights(1000, 200)).auroc
    low, high = nan_quantile(draws, 0.025), nan_quantile(draws, 0.975)
    truth = 0.7602  # of two normals one standard deviation apart: Phi(1 / sqrt(2))
    assert 0.88 <= ((low <= truth) & (truth <= high)).mean() <= 1


def test_correlated_neighbours_need_blocks():
    """Ten copies of every window: blocks of ten give an interval as wide as the single windows would."""
    rng = np.random.default_rng(2)
    labels = (rng.random((200, 20)) < 0.3).astype(np.uint8)
    scores = rng.normal(size=labels.shape) + labels
    width = {}
    for name, copies, size in (("single", 1, 1), ("blocks", 10, 10), ("naive", 10, 1)):
        blocks = np.arange(200 * copies) // size
        weights = bootstrap_weights(int(blocks.max()) + 1, 100)
        draws = bootstrap_metrics(labels.repeat(copies, 0), scores.repeat(copies, 0), blocks, weights).auroc
        width[name] = np.mean(nan_quantile(draws, 0.975) - nan_quantile(draws, 0.025))
    assert width["blocks"] == pytest.approx(width["single"])
    assert width["naive"] < 0.5 * width["single"]


def test_quantiles_leave_nan_out():
    values = np.array([[1.0, np.nan, np.nan], [3.0, np.nan, 2.0]])
    np.testing.assert_array_equal(nan_quantile(values, 0.5), [2.0, np.nan, 2.0])
    assert np.isnan(nan_quantile(np.zeros((0, 2)), 0.5)).all()
