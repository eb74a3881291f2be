"""The distance of a window from the training windows: composition only, both strands alike."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.encoding import decode, encode, reverse_complement
from seqdl.errors import InputError
from seqdl.uncertainty.unlike import WORDS, composition, fit_composition, simple_repeats

WINDOW = 200


def genome_like(n, seed, gc=0.4):
    rng = np.random.default_rng(seed)
    share = np.clip(gc + 0.05 * rng.normal(size=(n, 1)), 0.05, 0.95)
    strong = rng.random((n, WINDOW)) < share
    return np.where(strong, rng.integers(1, 3, strong.shape), 3 * rng.integers(0, 2, strong.shape)).astype(
        np.uint8
    )


@pytest.fixture(scope="module")
def fitted():
    return fit_composition(composition(genome_like(3000, 0)), composition(genome_like(3000, 1)))


def test_frequencies_are_those_of_counting_words_one_by_one():
    codes = np.concatenate([genome_like(4, 5), genome_like(1, 6)])
    codes[1, 10:30] = 4
    other = str.maketrans("ACGT", "TGCA")
    words = ["".join(w) for w in product("ACGT", repeat=4)]
    kinds = sorted({min(w, w.translate(other)[::-1]) for w in words})
    assert len(kinds) == WORDS
    for row, found in zip(codes, composition(codes), strict=True):
        text, counts = decode(row), dict.fromkeys(kinds, 0)
        for i in range(WINDOW - 3):
            word = text[i : i + 4]
            if "N" not in word:
                counts[min(word, word.translate(other)[::-1])] += 1
        np.testing.assert_allclose(found, np.array(list(counts.values())) / sum(counts.values()))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.05, 0.95))
def test_both_strands_are_alike(fitted, seed, gc):
    codes = genome_like(3, seed, gc)
    codes[0, :20] = 4
    here, there = fitted.unlike(codes), fitted.unlike(reverse_complement(codes))
    np.testing.assert_array_equal(here[0], there[0])
    np.testing.assert_array_equal(here[1], there[1])


def test_one_held_out_window_in_a_thousand_is_flagged(fitted):
    flags = fitted.unlike(genome_like(20_000, 2))[1]
    # The threshold is a quantile of 3,000: Beta(3, 2998) in share, and 20,000 windows on top of it.
    assert 2 <= flags.sum() <= 80


def test_repeats_and_another_composition_are_flagged(fitted):
    assert fitted.unlike(simple_repeats(200, WINDOW, 0))[1].mean() > 0.95
    near, far = (np.median(fitted.unlike(genome_like(200, 3, gc))[0]) for gc in (0.4, 0.75))
    assert far > 1.3 * near
    assert fitted.unlike(genome_like(500, 3, 0.9))[1].mean() > 0.9


def test_windows_without_known_words_are_infinitely_far(fitted):
    codes = genome_like(3, 7)
    codes[0] = 4
    codes[1, ::4] = 4
    distance, flag = fitted.unlike(codes)
    assert np.isinf(distance[:2]).all() and flag[:2].all() and np.isfinite(distance[2])
    assert distance.dtype == np.float32 and flag.dtype == bool


def test_a_block_of_windows_gives_what_each_gives(fitted):
    codes = genome_like(5000, 8)
    np.testing.assert_allclose(fitted.unlike(codes)[0][-3:], fitted.unlike(codes[-3:])[0], rtol=1e-6)
    assert fitted.unlike(codes[:0])[0].shape == (0,)


def test_repeats_are_made_of_one_unit():
    codes = simple_repeats(50, 60, 3)
    assert all(any((row[k:] == row[:-k]).all() for k in range(1, 7)) for row in codes)


def test_bad_input():
    with pytest.raises(InputError, match="at least 4"):
        composition(encode("ACG")[None])
    with pytest.raises(InputError, match="at least 200"):
        fit_composition(composition(genome_like(50, 0)), composition(genome_like(50, 1)))
