"""Scores: stated formulas, one sign, exact flips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqdl.errors import InputError
from seqdl.variants.scores import PSEUDOCOUNT, SCORES, check_scores, compute_scores, outputs_from_logits

logits = arrays(np.float32, (4, 3), elements=st.floats(-60, 60, width=32))


@given(logits, logits)
def test_swapping_the_alleles_flips_the_sign_exactly(ref, alt):
    r, a = outputs_from_logits(ref), outputs_from_logits(alt)
    there, back = compute_scores(SCORES, r, a), compute_scores(SCORES, a, r)
    for name in ("diff", "logit_diff", "logfc"):
        np.testing.assert_array_equal(there[name], -back[name])
    np.testing.assert_array_equal(there["abs_diff"], back["abs_diff"])
    np.testing.assert_array_equal(there["ref"], back["alt"])
    assert all(v.dtype == np.float32 and np.isfinite(v).all() for v in there.values())


@given(logits, logits)
def test_the_formulas_say_what_the_functions_do(ref, alt):
    r, a = outputs_from_logits(ref), outputs_from_logits(alt)
    values = compute_scores(SCORES, r, a)
    np.testing.assert_allclose(values["diff"], (a.p - r.p), atol=1e-7)
    np.testing.assert_allclose(
        values["logfc"], np.log2((a.p + PSEUDOCOUNT) / (r.p + PSEUDOCOUNT)), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(values["logit_diff"], np.float32(alt) - np.float32(ref), atol=1e-5)
    assert (
        np.sign(values["diff"][values["diff"] != 0]) == np.sign(values["logit_diff"][values["diff"] != 0])
    ).all()


def test_names_are_checked_and_ordered():
    assert check_scores(["logfc", "ref"]) == ("ref", "logfc")
    assert check_scores("all") == tuple(SCORES)
    with pytest.raises(InputError, match="'dif'. Did you mean 'diff'"):
        check_scores(["dif"])
    with pytest.raises(InputError, match="at least one"):
        check_scores([])
