"""Baselines: features count what they say, both strands alike; the fit is scikit-learn's; they learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from seqdl.encoding import decode, encode, reverse_complement
from seqdl.errors import InputError
from seqdl.evaluation.baselines import fit_baseline, training_windows
from seqdl.evaluation.kmers import gc_length_features, kmer_counts, kmer_groups
from seqdl.evaluation.logistic import fit_logistic, log_loss
from tests.toy import toy_dataset

codes_arrays = st.integers(0, 2**32 - 1).map(
    lambda seed: (
        np.random.default_rng(seed).choice(5, (3, 40), p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8)
    )
)


@given(codes_arrays, st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_kmer_counts_equal_a_slow_count_and_do_not_see_the_strand(codes, k):
    group, n_groups = kmer_groups(k)
    slow = np.zeros((len(codes), n_groups), int)
    for row, window in enumerate(decode(window) for window in codes):
        for start in range(len(window) - k + 1):
            word = window[start : start + k]
            if "N" not in word:
                number = 0
                for base in encode(word):
                    number = 4 * number + int(base)
                slow[row, group[number]] += 1
    counts = kmer_counts(codes, k)
    np.testing.assert_array_equal(counts, slow)
    np.testing.assert_array_equal(kmer_counts(reverse_complement(codes), k), counts)


def test_kmer_groups_have_the_known_sizes():
    assert [kmer_groups(k)[1] for k in (1, 2, 3, 4, 5, 6)] == [2, 10, 32, 136, 512, 2080]
    with pytest.raises(InputError, match="between 1 and 8"):
        kmer_groups(9)


def test_kmers_are_counted_in_the_centre_and_large_counts_fit():
    codes = np.full((1, 1000), 1, np.uint8)
    codes[:, 300:700] = 0
    counts = kmer_counts(codes, 2, 400)
    assert counts.sum() == counts.max() == 399
    with pytest.raises(InputError, match="kmer_window"):
        kmer_counts(codes, 6, 4)


def test_gc_length_features_mean_what_they_say():
    codes = encode("CGCGAAAATTNN" + "N" * 4)[None]
    gc, centre, cpg, known = gc_length_features(codes, 8)[0]
    assert gc == pytest.approx(0.4) and centre == 0 and known == pytest.approx(10 / 16)
    assert cpg == pytest.approx(2 * 10 / (2 * 2))
    assert np.isfinite(gc_length_features(np.full((1, 10), 4, np.uint8))).all()


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    features = rng.poisson(2.0, (600, 12)).astype(np.uint8)
    features[:, 3] = features[:, 2]  # collinear
    features[:, 5] = 1  # constant
    logits = 0.5 * (features[:, [0, 1, 2]] - 2.0) + np.array([-2.5, 0.0, 1.0])
    labels = (rng.random((600, 3)) < 1 / (1 + np.exp(-logits))).astype(np.uint8)
    return features, labels


@pytest.mark.parametrize("penalty", [3.0, 0.05])
def test_joint_fit_equals_scikit_learn_target_by_target(problem, penalty):
    features, labels = problem
    model = fit_logistic(features, labels, penalties=(penalty,), max_iter=500, tolerance=1e-12)
    scaled = StandardScaler().fit_transform(features.astype(float))
    for t in range(labels.shape[1]):
        prior = (labels[:, t].sum() + 0.5) / (len(labels) + 1)
        strength = penalty * len(labels) * prior * (1 - prior)
        peer = LogisticRegression(C=1 / strength, tol=1e-8, max_iter=1000).fit(scaled, labels[:, t])
        np.testing.assert_allclose(model.logits(features)[:, t], peer.decision_function(scaled), atol=2e-3)
        np.testing.assert_allclose(
            model.probabilities(features)[:, t], peer.predict_proba(scaled)[:, 1], atol=1e-3
        )


def test_penalty_is_chosen_by_validation_loss(problem):
    features, labels = problem
    half = slice(0, 300), slice(300, 600)
    model = fit_logistic(features[half[0]], labels[half[0]], features[half[1]], labels[half[1]])
    assert model.penalty == min(model.path, key=lambda entry: entry[1])[0]
    assert log_loss(labels[half[1]], model.logits(features[half[1]])) == pytest.approx(
        min(loss for _, loss in model.path)
    )


def test_target_without_positives_stays_near_zero(problem):
    features, labels = problem
    labels = np.concatenate([labels, np.zeros((600, 1), np.uint8)], axis=1)
    p = fit_logistic(features, labels).probabilities(features)
    assert np.isfinite(p).all() and p[:, 3].max() < 0.02


def test_unequal_inputs_are_refused(problem):
    with pytest.raises(InputError, match="same number of windows"):
        fit_logistic(problem[0][:10], problem[1])


def test_kmer_baseline_finds_planted_words_and_composition_does_not(tmp_path):
    from sklearn.metrics import roc_auc_score

    from seqdl.data.dataset import Dataset

    data = Dataset.open(toy_dataset(tmp_path))
    test = data.indices("test")
    found = {name: fit_baseline(name, data, test, kmer_length=5) for name in ("kmer", "gc_length")}
    areas = {name: roc_auc_score(data.labels(test), made.probabilities) for name, made in found.items()}
    assert areas["kmer"] > 0.7 > areas["gc_length"]
    assert found["kmer"].label == "5-mer logistic regression"
    assert found["kmer"].details["train_windows"] == 600


def test_training_windows_are_drawn_from_their_split_only(tmp_path):
    from seqdl.data.dataset import Dataset

    data = Dataset.open(toy_dataset(tmp_path))
    train, valid = training_windows(data, 50, seed=1)
    assert len(train) == len(valid) == 50
    assert (data.split[train] == 0).all() and (data.split[valid] == 1).all()
    with pytest.raises(InputError, match="Did you mean 'kmer'"):
        fit_baseline("kmers", data, train)
