"""Transformed values can be turned back; scales do what they say; what does not fit float16 is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqdl.data.transform import Transform, fit_transform, read_cap, read_scale, to_float16
from seqdl.errors import InputError

VALUES = st.lists(st.floats(0, 1e4, width=32), min_size=1, max_size=50)


@given(VALUES, st.booleans(), st.none() | st.floats(1, 100), st.floats(0.01, 100))
def test_turning_back(values, sqrt, soft_cap, factor):
    values = np.array(values, np.float32)
    transform = Transform(sqrt, soft_cap, None, factor)
    np.testing.assert_allclose(transform.invert(transform.apply(values)), values, rtol=1e-3, atol=2e-3)
    assert Transform.from_dict(transform.to_dict() | {"name": "x"}) == transform


@given(VALUES, st.booleans(), st.none() | st.floats(1, 100), st.none() | st.floats(1, 200))
def test_order_is_kept_and_zero_stays_zero(values, sqrt, soft_cap, cap):
    transform = Transform(sqrt, soft_cap, cap, 2.0)
    out = transform.apply(np.sort(np.array([0.0, *values], np.float32)))
    assert out[0] == 0 and (np.diff(out) >= -1e-4).all()
    if cap is not None:
        assert out.max() <= 2 * cap * (1 + 1e-6)


def test_formulas_are_basenjis():
    assert Transform(sqrt=True).apply([3.0]).tolist() == [1.0]
    # basenji_data_read.py: clip_soft - 1 + sqrt(x - clip_soft + 1)
    assert Transform(soft_cap=32).apply([40.0, 32.0]).tolist() == [34.0, 32.0]
    both = Transform(sqrt=True, soft_cap=2.0, cap=2.5, factor=10.0).apply([0.0, 3.0, 35.0, 1e6])
    np.testing.assert_allclose(both, [0, 10, 10 * (1 + np.sqrt(4)) if 1 + np.sqrt(4) < 2.5 else 25, 25])
    assert np.isnan(Transform(sqrt=True, soft_cap=2.0).apply([np.nan])).all()


@given(st.lists(st.floats(0.125, 1e3, width=32), min_size=4, max_size=40), st.booleans())
def test_scales(values, sqrt):
    values = np.array([*values, np.nan], np.float32)
    train = np.arange(len(values)) % 2 == 0
    mean = fit_transform(values, train, sqrt=sqrt, scale="mean")
    assert np.nanmean(mean.apply(values)[train]) == pytest.approx(1, rel=1e-4)
    total = fit_transform(values, train, sqrt=sqrt, scale="total")
    assert np.nansum(total.apply(values), dtype=np.float64) == pytest.approx(1e6, rel=1e-4)
    assert fit_transform(values, train, scale=3.0).factor == 3.0


def test_scale_and_quantile_never_see_held_out_rows():
    values = np.array([1, 2, 3, 4, 1000], np.float32)
    train = np.array([1, 1, 1, 1, 0], bool)
    assert fit_transform(values, train, cap="50%").cap == 2.5
    assert fit_transform(values, train, scale="mean").factor == pytest.approx(1 / 2.5)


def test_nothing_to_scale_or_to_cap():
    zeros = np.zeros(5, np.float32)
    with pytest.raises(InputError, match="nothing to scale"):
        fit_transform(zeros, np.ones(5, bool), scale="mean")
    with pytest.raises(InputError, match="would be 0"):
        fit_transform(zeros, np.ones(5, bool), cap="99%")


def test_words():
    assert read_cap(None) is None and read_cap("3") == 3.0 and read_cap("99.5%") == "99.5%"
    assert read_scale("mean") == "mean" and read_scale("0.5") == 0.5
    for wrong in (0, -1, "x", "0%", "100%", "nan"):
        with pytest.raises(InputError, match="cap"):
            read_cap(wrong)
    for wrong in (0, "median", "-1", "inf"):
        with pytest.raises(InputError, match="scale"):
            read_scale(wrong)


def test_float16():
    stored, note = to_float16(np.array([1, 70_000, np.nan, 1e-9], np.float32))
    assert stored.dtype == np.float16 and stored[1] == 65504 and np.isnan(stored[2]) and stored[3] == 0
    assert "1 values above 65,504 (at most 70,000)" in note and "too small" in note
    assert to_float16(np.array([1, np.nan], np.float32))[1] == ""


@pytest.mark.parametrize("far", [1e300, "1e40", 1e-300])
def test_caps_and_factors_that_float32_cannot_hold(far):
    for read in (read_cap, read_scale):
        with pytest.raises(InputError, match="1e-30 to 1e"):
            read(far)


def test_values_beyond_float32_are_capped_and_told():
    stored, note = to_float16(Transform(factor=1e30).apply(np.array([0.0, 1e10], np.float32)))
    assert stored.tolist() == [0.0, 65504.0] and "1 values above 65,504" in note
