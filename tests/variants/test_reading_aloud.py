"""The sentence about a variant says what was computed, in numbers that a person can repeat, and no more."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqdl.variants.background import Background
from seqdl.variants.reading_aloud import CAUTION, reading

chances = st.floats(0, 1, width=32)


def test_the_sentence_of_the_documentation():
    said = reading("CTCF", 0.62, 0.21, 99.97, 4 / 10_001, 10_000, among="common variants")
    assert said == (
        "The alternative allele lowers the predicted probability of CTCF from 0.62 to 0.21; 3 of 10,000 "
        "common variants change it as much or more (percentile 99.97)."
    )


@given(chances, chances)
def test_the_direction_is_that_of_the_change_and_swapping_turns_it(ref, alt):
    there, back = reading("X", ref, alt), reading("X", alt, ref)
    assert ("raises" in there) == ("lowers" in back) and ("does not change" in there) == (ref == alt)
    if "raises" in there:
        assert alt > ref
    if ref != alt and "hardly" not in there:
        one, other = re.search(r"from (.*) to (.*)\.$", there).groups()
        assert one != other


@given(chances)
def test_a_chance_that_is_not_1_is_not_called_1(ref):
    said = reading("X", ref, 0.5 if ref != 0.5 else 0.25)
    told = re.search(r"from (\S+|above \S+) to", said)
    if told:
        number = told.group(1).replace("above ", "")
        assert (number == "1") == (ref == 1.0)
        assert math.isclose(float(number), ref, rel_tol=0.06, abs_tol=1e-12) or ref > 0.99
        assert "e" not in number


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40), st.floats(-1, 1, width=32))
def test_the_count_is_that_of_the_background(known, change):
    sizes = np.sort(np.abs(np.array(known, np.float32)))
    background = Background(len(sizes), "numbers", {"diff": sizes[None]}, sizes)
    percentile, p = (x.item() for x in background.compare("diff", np.array([[change]], np.float32)))
    said = reading("X", 0.0, 0.5, percentile, p, len(sizes))
    as_much = int((sizes >= abs(np.float32(change))).sum())
    found = "none of" if as_much == 0 else f"{as_much:,} of"
    assert f"{found} {len(sizes):,} background variants" in said
    assert ("ordinary" in said) == (as_much > 0 and percentile < 90)


@pytest.mark.parametrize("size", [100, 9_999, 1_000_000])
def test_counts_survive_float32(size):
    for as_much in (1, 7, size // 3, size):
        p = np.float32((1 + as_much) / (size + 1))
        assert f"; {as_much:,} of {size:,} " in reading("X", 0.1, 0.9, 95.0, p, size)


def test_one_variant_changes_and_several_change():
    assert "1 of 1,000 background variants changes it" in reading("X", 0.1, 0.9, 99.9, 2 / 1001, 1000)
    assert "2 of 1,000 background variants change it" in reading("X", 0.1, 0.9, 99.8, 3 / 1001, 1000)


def test_a_percentile_is_never_rounded_up_to_100():
    assert "(percentile 99.99)" in reading("X", 0.1, 0.9, 99.999, 2 / 100_001, 100_000)


def test_small_and_large_numbers_are_written_out():
    assert "from 0.000030 to 0.000021" in reading("X", 3e-5, 2.1e-5)
    assert "total coverage of ATAC from 1,812 to 640." in reading("ATAC", 1812.3, 640.2, task="coverage")
    assert "hardly changes the predicted probability of X (0.62)" in reading("X", 0.62, 0.620001)
    assert "does not change the predicted probability of X (0.50)" in reading("X", 0.5, 0.5)


def test_what_is_not_known_is_not_made_up():
    assert reading("X", math.nan, 0.5) == "The predicted probability of X is not known for both alleles."
    assert reading("X", 0.1, 0.5, math.nan, math.nan, 100).endswith("from 0.10 to 0.50.")


@given(chances, chances, st.floats(0, 100), st.floats(1e-4, 1))
def test_no_sentence_claims_more_than_a_prediction(ref, alt, percentile, p):
    said = reading("X", ref, alt, percentile, p, 10_000)
    assert "predicted" in said and said.endswith(".")
    assert not re.search(r"pathogenic|disease|caus|harm|damag|benign|risk|proves?\b|significant", said)
    assert "not measured" in CAUTION and "health" in CAUTION
