"""Gapped k-mers: the map holds exactly the features a slow count finds, and the fit is scikit-learn's."""

from collections import Counter
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from seqdl.data.dataset import Dataset
from seqdl.data.dataset_file import Sequences, write_dataset
from seqdl.encoding import decode, encode, reverse_complement
from seqdl.errors import InputError
from seqdl.evaluation.baselines import BaselineOptions, default_baselines, fit_baseline
from seqdl.evaluation.gapped_kmers import fit_gapped, word_matrix
from seqdl.evaluation.gapped_words import gapped_words, walsh_hadamard, words


def slow_counts(text: str, length: int, informative: int, both_strands: bool) -> Counter:
    """Count gapped words one by one, as letters with dots for gaps."""
    strands = [text, decode(reverse_complement(encode(text)))] if both_strands else [text]
    found = Counter()
    for strand in strands:
        for start in range(len(strand) - length + 1):
            word = strand[start : start + length]
            if "N" in word:
                continue
            for places in combinations(range(length), informative):
                found["".join(word[i] if i in places else "." for i in range(length))] += 1
    return found


def rows_of(texts: list[str]) -> np.ndarray:
    """Return codes padded with N on the right, as a dataset gives them."""
    width = max(map(len, texts))
    return np.stack([encode(text + "N" * (width - len(text))) for text in texts])


sequences = st.lists(
    st.text("ACGT", min_size=8, max_size=20) | st.text("ACGTN", max_size=20), min_size=2, max_size=5
).filter(lambda texts: any(texts))
kinds = st.integers(2, 5).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n), st.booleans()))


@given(sequences, kinds)
@settings(max_examples=60, deadline=None)
def test_products_of_sequences_equal_those_of_slow_counts(texts, kind):
    """All a linear model with a ridge penalty sees of its features is the matrix of their products."""
    length, informative, both_strands = kind
    space = gapped_words(*kind)
    matrix = word_matrix(words(rows_of(texts), length), space)
    features = space.coefficients(matrix.toarray().T)
    slow = [slow_counts(text, *kind) for text in texts]
    strands = 2 if both_strands else 1
    n = [max(sum(c.values()) / comb(length, informative) / strands, 1) for c in slow]
    for i, first in enumerate(slow):
        for j, second in enumerate(slow):
            product = sum(count * second[word] for word, count in first.items()) / strands**2
            unit = np.sqrt(n[i] * n[j]) * comb(length, informative) / strands
            assert features[:, i] @ features[:, j] == pytest.approx(product / unit, rel=1e-4, abs=1e-4)


@given(sequences, kinds)
@settings(max_examples=30, deadline=None)
def test_strands_score_alike_and_padding_does_not_count(texts, kind):
    length, informative, _ = kind
    space = gapped_words(length, informative)
    weights = np.random.default_rng(0).normal(size=(len(space.first), 2)).astype(np.float32)
    table = space.tables(weights)

    def score(codes):
        return word_matrix(words(codes, length), space) @ table

    codes = rows_of(texts)
    padded = np.pad(codes, ((0, 0), (3, 9)), constant_values=4)
    np.testing.assert_allclose(score(codes), score(reverse_complement(codes)), atol=1e-3)
    np.testing.assert_allclose(score(codes), score(padded), atol=1e-3)
    unknown = np.full((1, 30), 4, np.uint8)
    assert (score(unknown) == 0).all() and score(unknown[:, :1]).shape == (1, 2)


def test_coefficients_are_as_many_as_independent_gapped_words():
    by_order = [comb(10, d) * 3**d for d in range(7)]
    assert len(gapped_words(10, 6, both_strands=False).first) == sum(by_order) == 235_012
    assert len(gapped_words(10, 6).first) == 117_694
    # For short words, against the rank of the slow features of all words.
    every = [decode(np.array(word, np.uint8)) for word in np.ndindex(4, 4, 4, 4)]
    for both_strands in (False, True):
        counts = pd.DataFrame([slow_counts(word, 4, 2, both_strands) for word in every]).fillna(0)
        assert np.linalg.matrix_rank(counts.to_numpy()) == len(gapped_words(4, 2, both_strands).first)


def test_transform_is_its_own_inverse_and_the_map_is_transposed():
    rng = np.random.default_rng(1)
    tables = rng.normal(size=(4**6, 3)).astype(np.float32)
    np.testing.assert_allclose(walsh_hadamard(walsh_hadamard(tables)), tables, atol=1e-4)
    two = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    whole = np.ones((1, 1))
    for _ in range(12):
        whole = np.kron(whole, two)
    np.testing.assert_allclose(walsh_hadamard(tables), whole @ tables, atol=1e-4)
    space = gapped_words(6, 4)
    weights = rng.normal(size=(len(space.first), 3)).astype(np.float32)
    product = (space.tables(weights) * tables).sum()
    assert product == pytest.approx((weights * space.coefficients(tables)).sum(), rel=1e-3)


@pytest.fixture(scope="module")
def problem():
    """500 sequences of 15 to 30 bases; targets depend on A..C, on nothing, and are rare."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), rng.integers(15, 31))) for _ in range(500)]
    hits = np.array([sum(t[i] == "A" and t[i + 3] == "C" for i in range(len(t) - 3)) for t in texts])
    logits = np.stack([hits - 1.5, np.zeros(500), hits - 5.0], axis=1)
    return texts, (rng.random((500, 3)) < 1 / (1 + np.exp(-logits))).astype(np.uint8)


@pytest.mark.parametrize("penalty", [3e-2, 1e-3])
def test_joint_fit_equals_scikit_learn_on_the_slow_counts(problem, penalty):
    texts, labels = problem
    space = gapped_words(4, 2)
    matrix = word_matrix(words(rows_of(texts), 4), space)
    model = fit_gapped(matrix, labels, space, penalties=(penalty,), max_iter=2000, tolerance=1e-13)
    counts = pd.DataFrame([slow_counts(text, 4, 2, True) for text in texts]).fillna(0).to_numpy() / 2
    counts /= np.sqrt(np.array([len(text) - 3 for text in texts]) * comb(4, 2) / 2)[:, None]
    for t in range(labels.shape[1]):
        prior = (labels[:, t].sum() + 0.5) / (len(labels) + 1)
        strength = penalty * len(labels) * prior * (1 - prior)
        peer = LogisticRegression(C=1 / strength, tol=1e-8, max_iter=5000).fit(counts, labels[:, t])
        np.testing.assert_allclose(model.logits(matrix)[:, t], peer.decision_function(counts), atol=5e-3)


def test_each_target_gets_the_penalty_that_validates_best_whatever_the_threads(problem):
    texts, labels = problem
    labels = np.tile(labels, (1, 7))  # two groups
    space = gapped_words(4, 2)
    matrix = word_matrix(words(rows_of(texts), 4), space)
    parts = matrix[:300], labels[:300], space, matrix[300:], labels[300:]
    penalties = (3e-2, 1e-2, 3e-3)
    found = fit_gapped(*parts, penalties=penalties, threads=2)
    alone = fit_gapped(*parts, penalties=penalties)
    np.testing.assert_array_equal(found.coefficients, alone.coefficients)
    assert found.path == alone.path and set(found.penalty) <= {penalty for penalty, _ in found.path}
    logits = found.logits(matrix[300:])
    loss = (np.logaddexp(0, logits) - labels[300:] * logits).mean()
    assert loss <= min(value for _, value in found.path) + 1e-6


def test_target_without_positives_stays_near_zero(problem):
    texts, labels = problem
    space = gapped_words(4, 2)
    matrix = word_matrix(words(rows_of(texts), 4), space)
    logits = fit_gapped(matrix, np.zeros((500, 1), np.uint8), space).logits(matrix)
    assert np.isfinite(logits).all() and logits.max() < -5


def spaced_motif_dataset(path, n=1500):
    """Write sequences of 40 to 60 bases, padded: TGA and TCA 4 bases apart, or the same ones 5 or 6 apart."""
    rng = np.random.default_rng(3)
    labels = (np.arange(n) % 2).astype(np.uint8)[:, None]
    codes = []
    for (positive,) in labels:
        gap = 4 if positive else rng.choice([5, 6])
        row = rng.integers(0, 4, rng.integers(40, 61)).astype(np.uint8)
        at = rng.integers(0, len(row) - 12)
        row[at : at + 3], row[at + 3 + gap : at + 6 + gap] = encode("TGA"), encode("TCA")
        codes.append(row)
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in codes])])
    return write_dataset(
        path, window=60, bin=60, labels=labels, targets=pd.DataFrame({"name": ["spaced"]}),
        split=np.repeat([0, 1, 2], [n * 3 // 5, n // 5, n // 5]).astype(np.uint8), split_kind="groups",
        sequences=Sequences(np.concatenate(codes), offsets, [f"s{i}" for i in range(n)]),
        sequence_ids=np.arange(n),
    )  # fmt: skip


def test_gapped_words_find_a_spaced_motif_that_words_without_gaps_miss(tmp_path):
    data = Dataset.open(spaced_motif_dataset(tmp_path / "spaced.h5"))
    test = data.indices("test")
    with threadpool_limits(1):
        found = {name: fit_baseline(name, data, test, threads=1) for name in ("gkm", "kmer")}
    areas = {name: roc_auc_score(data.labels(test), made.probabilities) for name, made in found.items()}
    assert areas["gkm"] > 0.85 > 0.65 > areas["kmer"]
    p = found["gkm"].probabilities
    assert p.dtype == np.float32 and p.shape == (len(test), 1) and 0 < p.min() < p.max() < 1
    assert found["gkm"].label == "gapped 10-mer (of 6) logistic regression"
    details = found["gkm"].details
    assert details["train_windows"] == 900 and details["coefficients"] == 117_694
    assert details["penalty"] in {float(penalty) for penalty in details["validation_log_loss"]}


def test_default_baselines_depend_on_the_dataset_and_say_what_costs_too_much(capsys):
    class Data:
        task, alphabet, n_targets = "binary", "dna", 20

    assert default_baselines(Data) == ("gc_length", "kmer", "gkm") and not capsys.readouterr().err
    Data.n_targets = 21
    assert default_baselines(Data) == ("gc_length", "kmer")
    assert "--baselines gc_length kmer gkm adds it" in capsys.readouterr().err
    Data.alphabet = "rna"
    assert "gkm" not in default_baselines(Data)


def test_bad_input_is_named(problem, tmp_path):
    with pytest.raises(InputError, match="gkm_length.*between 2 and 11. Received: 12"):
        gapped_words(12, 6)
    with pytest.raises(InputError, match="gkm_informative.*Received: 7"):
        gapped_words(6, 7)
    with pytest.raises(InputError, match="threads"):
        BaselineOptions(threads=0)
    space = gapped_words(4, 2)
    with pytest.raises(InputError, match="same number of windows"):
        fit_gapped(word_matrix(words(rows_of(["ACGTA"]), 4), space), problem[1], space)
    from tests.toy import toy_dataset

    data = Dataset.open(toy_dataset(tmp_path))
    with pytest.raises(InputError, match="at least one 10-mer. Received: 9"):
        fit_baseline("gkm", data, data.indices("test"), kmer_window=9)
    data.task = "coverage"
    with pytest.raises(InputError, match="gkm is made for binary targets. Received: a dataset of coverage"):
        fit_baseline("gkm", data, data.indices("test"))


def test_figures_show_the_gapped_baselines_by_their_names():
    from seqdl.evaluation.curves import category_curves
    from seqdl.plot.evaluation import plot_category_curves

    rng = np.random.default_rng(0)
    labels = (rng.random((200, 2)) < 0.3).astype(np.uint8)
    by_model = {name: rng.random((200, 2)) for name in ("network", "gc_length", "kmer", "gkm", "lsgkm")}
    curves = category_curves(labels, by_model, ["a", "a"], np.ones(2, bool))
    axes = plot_category_curves(curves).axes[0]
    labelled = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labelled == [
        "network",
        "gkm-SVM",
        "gapped k-mers",
        "k-mer regression",
        "GC and length",
        "guessing",
    ]
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 6
