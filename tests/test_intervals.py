"""Laws of the light nouns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqdl import InputError, Interval, Variant


@given(st.integers(-1000, 1000), st.integers(1, 500), st.integers(1, 700))
def test_resize_keeps_the_centre_at_half_the_width(start, width, new):
    interval = Interval("c", start, start + width)
    resized = interval.resize(new)
    assert resized.width == new
    assert resized.start + new // 2 == interval.center == resized.center


def test_parse_is_zero_based_half_open():
    assert Interval.parse("chrI:1,000-2,000") == Interval("chrI", 1000, 2000)
    assert Interval.parse("HLA:DRB1:5-9").chrom == "HLA:DRB1"


@pytest.mark.parametrize("text", ["chrI", "chrI:5", "chrI:9-5", "chrI:a-b", ""])
def test_bad_regions_are_refused(text):
    with pytest.raises(InputError):
        Interval.parse(text)


@pytest.mark.parametrize(
    "ref, alt, kind",
    [
        ("A", "C", "SNV"),
        ("AC", "GT", "MNP"),
        ("A", "AT", "INS"),
        ("AT", "A", "DEL"),
        ("AT", "GCC", "COMPLEX"),
    ],
)
def test_kinds(ref, alt, kind):
    assert Variant("c", 5, ref, alt).kind == kind


def test_positions_are_one_based():
    variant = Variant("c", 1, "ACG", "A")
    assert (variant.start, variant.end) == (0, 3)
    with pytest.raises(InputError, match="1-based"):
        Variant("c", 0, "A", "C")
    with pytest.raises(InputError, match="at least one base"):
        Variant("c", 4, "A", "")
