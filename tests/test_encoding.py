"""Laws of letters, codes and one-hot arrays."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seqdl.encoding import (
    codes_from_one_hot,
    decode,
    dinucleotide_shuffle,
    encode,
    gc_content,
    one_hot,
    reverse_complement,
    reverse_complement_one_hot,
)
from seqdl.errors import InputError

CODES = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=60), elements=st.integers(0, 4)
)


@given(st.text("ACGTN", max_size=200))
def test_letters_survive_the_round_trip(text):
    assert decode(encode(text)) == text


def test_case_rna_and_iupac():
    assert decode(encode("acguRYkmswbdhvn")) == "ACGT" + "N" * 11
    assert decode(encode(b"ACGT")) == "ACGT"


@pytest.mark.parametrize("text, letter", [("ACGTE", "E"), ("AC GT", " "), ("ACé", "é"), ("12", "1")])
def test_other_letters_are_refused_by_name(text, letter):
    with pytest.raises(InputError, match=repr(letter)):
        encode(text)


@given(CODES)
def test_reverse_complement_twice_is_identity(codes):
    assert np.array_equal(reverse_complement(reverse_complement(codes)), codes)


@given(CODES)
def test_one_hot_decodes_back_and_commutes_with_reverse_complement(codes):
    x = one_hot(codes)
    assert x.dtype == np.float32 and x.shape == (*codes.shape, 4)
    assert np.array_equal(codes_from_one_hot(x), codes)
    assert np.array_equal(x.sum(axis=-1), codes < 4)
    assert np.array_equal(one_hot(reverse_complement(codes)), reverse_complement_one_hot(x))


def test_channel_order_is_acgt():
    assert np.array_equal(one_hot(encode("ACGT")), np.eye(4, dtype=np.float32))


@given(CODES, st.sampled_from(["float32", "uint8", "float16", "bool"]))
def test_one_hot_is_the_same_whatever_lies_how(codes, dtype):
    slow = np.zeros((*codes.shape, 4), dtype)
    for place, code in np.ndenumerate(codes):
        if code < 4:
            slow[(*place, code)] = 1
    wide = np.full((*codes.shape, 8), 9, dtype)
    for given_codes in (codes, np.asfortranarray(codes), codes.astype(np.int64)):
        assert np.array_equal(one_hot(given_codes, dtype), slow)
        assert one_hot(given_codes, dtype).dtype == np.dtype(dtype)
        out = wide[..., :4].copy()
        assert one_hot(given_codes, out=out) is out and np.array_equal(out, slow)
    assert np.array_equal(one_hot(codes[:, ::-1], dtype), slow[:, ::-1])


def test_one_hot_fills_a_given_buffer():
    codes = encode("ACGTN")[None]
    out = np.full((1, 5, 4), 7, np.float32)
    assert one_hot(codes, out=out) is out
    assert np.array_equal(out, one_hot(codes))
    assert one_hot(codes, "uint8").dtype == np.uint8


@given(CODES)
def test_gc_is_the_share_among_known_bases(codes):
    for row, gc in zip(codes, gc_content(codes), strict=True):
        counts = Counter(decode(row))
        known = sum(counts[b] for b in "ACGT")
        assert gc == pytest.approx((counts["G"] + counts["C"]) / known if known else 0.5)


@given(CODES, st.integers(0, 2**31))
def test_shuffle_keeps_every_dinucleotide(codes, seed):
    shuffled = dinucleotide_shuffle(codes, seed)
    for before, after in zip(codes, shuffled, strict=True):
        assert Counter(zip(before, before[1:], strict=False)) == Counter(zip(after, after[1:], strict=False))
        assert before[0] == after[0] and before[-1] == after[-1]


def test_shuffle_is_seeded_and_shuffles():
    codes = np.random.default_rng(0).integers(0, 4, (50, 300)).astype(np.uint8)
    a, b, c = (dinucleotide_shuffle(codes, seed) for seed in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    assert (a != codes).mean() > 0.5


def test_shuffle_reaches_every_arrangement():
    # AACA has the dinucleotides AA, AC, CA: two Eulerian paths from A to A, AACA and ACAA, equally likely.
    codes = np.repeat(encode("AACA")[None], 2000, axis=0)
    found = Counter(decode(row) for row in dinucleotide_shuffle(codes, 0))
    assert set(found) == {"AACA", "ACAA"}
    assert abs(found["AACA"] - 1000) < 150
