"""The core of in-silico mutagenesis: every mutant is the string built by hand."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.encoding import N, decode, encode, one_hot
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.interpret.heads import output_function
from seqdl.interpret.mutagenesis.edits import Edits, apply_edits
from seqdl.interpret.mutagenesis.mutate import base_scores, importance, mutate_codes
from seqdl.variants.alleles import allele_windows, encode_alleles

WEIGHTS = np.random.default_rng(5).normal(size=(12, 4)).astype(np.float32)
ALL = ("substitution", "deletion", "insertion", "ablation")


def linear(codes):
    """Return the sum of the weights of the bases that are there: a model whose effects are known."""
    return (one_hot(codes) * WEIGHTS[: codes.shape[1]]).sum(axis=(1, 2))[:, None]


def as_numbers(codes):
    """Return each sequence itself as the output: what was evaluated can be read off."""
    return codes.astype(np.float32)


letters = st.text("ACGTN", min_size=6, max_size=12).filter(lambda text: set(text) != {"N"})


@given(text=letters, tail=st.text("ACGTN", max_size=2), data=st.data())
@settings(max_examples=40)
def test_mutants_are_the_strings_that_are_built_by_hand(text, tail, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    if set(text[start:end]) == {"N"}:
        return
    codes = encode(text)[None]
    right = encode(tail)[None] if tail else None
    result = mutate_codes(as_numbers, codes, kinds=ALL[:3], start=start, end=end, right=right, batch_size=4)
    np.testing.assert_array_equal(result.reference[0], codes[0])

    def by_hand(mutant):
        return encode(mutant).astype(np.float32) - codes[0]

    follows = (tail + "N")[0]
    for i, place in enumerate(range(start, end)):
        known = text[place] != "N"
        for b, base in enumerate("ACGT"):
            substituted = text[:place] + base + text[place + 1 :]
            expected = by_hand(substituted) if known else np.full(len(text), np.nan)
            np.testing.assert_array_equal(result.substitutions[0, i, b], expected)
            inserted = (text[:place] + base + text[place:])[: len(text)]
            np.testing.assert_array_equal(result.insertions[0, i, b], by_hand(inserted))
        deleted = text[:place] + text[place + 1 :] + follows
        expected = by_hand(deleted) if known else np.full(len(text), np.nan)
        np.testing.assert_array_equal(result.deletions[0, i], expected)


@given(
    text=st.text("ACGTN", min_size=4, max_size=14),
    tail=st.text("ACGT", max_size=5),
    removed=st.integers(0, 4),
    inserted=st.text("ACGT", max_size=4),
    data=st.data(),
)
@settings(max_examples=60)
def test_any_edit_is_a_splice_cut_to_the_window(text, tail, removed, inserted, data):
    start = data.draw(st.integers(0, len(text) - max(removed, len(inserted))))
    edits = Edits(np.array([0]), np.array([start]), removed, encode(inserted)[None])
    spliced = text[:start] + inserted + text[start + removed :] + tail + "N" * 9
    mutant = apply_edits(encode(text)[None], edits, encode(tail)[None])
    assert decode(mutant[0]) == spliced[: len(text)]


def test_mutants_are_those_that_variants_are_scored_with():
    rng = np.random.default_rng(1)
    genome = Genome.from_arrays({"c": rng.integers(0, 4, 60).astype(np.uint8)})
    start, window = 15, 24
    codes, right = genome.gather([0], [start], window), genome.gather([0], [start + window], 1)
    result = mutate_codes(as_numbers, codes, kinds=ALL[:3], right=right)
    letter = genome.sequence("c", 0, 60)
    for i in range(1, window - 1):
        ref = letter[start + i]
        cases = [(result.substitutions[0, i, b], i, ref, base) for b, base in enumerate("ACGT")]
        cases.append((result.deletions[0, i], i - 1, letter[start + i - 1] + ref, letter[start + i - 1]))
        cases += [
            (result.insertions[0, i, b], i - 1, letter[start + i - 1], letter[start + i - 1] + base)
            for b, base in enumerate("ACGT")
        ]
        for effect, anchor, before, after in cases:
            pair = allele_windows(
                genome, np.array([0]), np.array([start + anchor]), encode_alleles([before]),
                encode_alleles([after]), window, anchor,
            )  # fmt: skip
            np.testing.assert_array_equal(effect + codes[0], pair.alt[0])


def test_a_linear_models_mutagenesis_is_the_difference_of_its_weights():
    codes = np.stack([encode("ACGTNACGTTGA"), encode("TTTTGACCAGNN")])
    result = mutate_codes(linear, codes)
    there = (one_hot(codes) * WEIGHTS).sum(axis=2, keepdims=True)
    expected = np.where((codes == N)[..., None], np.nan, WEIGHTS - there)
    np.testing.assert_allclose(result.substitutions[..., 0], expected, atol=1e-5)
    known = codes < N
    assert not result.substitutions[known, codes[known]].any()
    np.testing.assert_allclose(
        base_scores(result)[known, 0], -expected[known].sum(axis=1) / 3, rtol=1e-4, atol=1e-5
    )
    assert np.isnan(importance(result)[~known]).all() and (importance(result)[known] > 0).all()


@pytest.mark.parametrize("shuffle", ["dinucleotide", "mononucleotide", "random"])
def test_ablation_shuffles_one_kmer_at_a_time_and_averages(shuffle):
    codes = np.stack([encode("ACGTTGCATTGA"), encode("TTNTGACCAGAC")])
    seen = []

    def func(batch):
        seen.append(batch.copy())
        return linear(batch)

    result = mutate_codes(
        func, codes, kinds=("ablation",), start=1, end=11, kmer=6, step=2, draws=7, shuffle=shuffle,
        batch_size=7, seed=3,
    )  # fmt: skip
    assert result.ablation_starts.tolist() == [1, 3, 5]
    known = [(0, 1), (0, 3), (0, 5), (1, 3), (1, 5)]
    assert np.isfinite(result.ablations[..., 0]).tolist() == [[True] * 3, [False, True, True]]
    for (row, first), mutants in zip(known, seen[1:], strict=True):
        outside = np.ones(12, bool)
        outside[first : first + 6] = False
        assert (mutants[:, outside] == codes[row, outside]).all()
        inside = mutants[:, ~outside]
        if shuffle != "random":
            assert (np.sort(inside) == np.sort(codes[row, ~outside])).all()
        if shuffle == "dinucleotide":
            pairs = np.sort(inside[:, :-1] * 4 + inside[:, 1:])
            word = codes[row, ~outside]
            assert (pairs == np.sort(word[:-1] * 4 + word[1:])).all()
        effect = (linear(mutants) - linear(codes[row : row + 1])).mean()
        found = result.ablations[row, result.ablation_starts.tolist().index(first), 0]
        assert found == pytest.approx(effect, abs=1e-5)


def test_batches_have_one_size_and_do_not_change_the_result():
    codes = np.random.default_rng(0).integers(0, 5, (5, 12)).astype(np.uint8)
    codes[:, 0] = 2
    results = []
    for size in (1, 7, 500):
        sizes = set()

        def func(batch, sizes=sizes):
            sizes.add(len(batch))
            return linear(batch)

        results.append(mutate_codes(func, codes, kinds=ALL, kmer=3, batch_size=size, seed=2))
        assert sizes == {size}
    for other in results[1:]:
        for kind in ("reference", "substitutions", "deletions", "insertions", "ablations"):
            np.testing.assert_allclose(
                getattr(other, kind), getattr(results[0], kind), atol=1e-5, equal_nan=True
            )


def test_an_attribution_can_be_measured_instead_of_a_prediction():
    codes = encode("ACGTACGTACGT")[None]
    result = mutate_codes(lambda batch: one_hot(batch) * WEIGHTS, codes, start=4, end=7)
    assert result.substitutions.shape == (1, 3, 4, 12, 4)
    changed = np.abs(result.substitutions[0]).sum(axis=-1) > 0
    for i in range(3):
        for base in range(4):
            expected = [] if base == codes[0, 4 + i] else [4 + i]
            assert np.flatnonzero(changed[i, base]).tolist() == expected


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"start": 4, "end": 13}, "within the sequence, 0 to 12"),
        ({"start": 5, "end": 5}, "within the sequence"),
        ({"kinds": ("substitutions",)}, "`kinds` is one of"),
        ({"kinds": ()}, "at least one of"),
        ({"kinds": ("ablation",), "kmer": 13}, "at most the window's 12"),
        ({"kinds": ("ablation",), "draws": 0}, "at least 1"),
        ({"shuffle": "kmer"}, "`shuffle` is one of"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_bad_choices_get_a_sentence(choices, words):
    with pytest.raises(InputError, match=words):
        mutate_codes(linear, encode("ACGTACGTACGT")[None], **choices)


def test_a_keras_model_alone_can_be_mutated():
    x = keras.Input((12, 4))
    y = keras.layers.Dense(1, use_bias=False, name="logits")(keras.layers.Flatten()(x))
    model = keras.Model(x, keras.layers.Activation("sigmoid")(y))
    model.get_layer("logits").set_weights([WEIGHTS.reshape(-1, 1)])
    codes = encode("ACGTTTGACCAG")[None]
    found = mutate_codes(output_function(model, batch_size=8), codes, batch_size=8)
    np.testing.assert_allclose(found.substitutions, mutate_codes(linear, codes).substitutions, atol=1e-5)
