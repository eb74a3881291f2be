"""bigWig: rows equal the intervals that were written; what no coverage can be is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.errors import InputError
from seqdl.io.rows import row_widths
from tests.tracks import SIZES, read, rows_of, write_bigwig


@settings(max_examples=30)
@given(st.data(), st.sampled_from([1, 10, 32, 128, 700]))
def test_bigwig_equals_its_intervals(tmp_path_factory, data, resolution):
    intervals, dense = [], {name: np.full(size, np.nan) for name, size in SIZES.items()}
    for name, size in SIZES.items():
        cuts = sorted(data.draw(st.sets(st.integers(0, size), min_size=2, max_size=20)))
        for start, end in zip(cuts, cuts[1:], strict=False):
            if data.draw(st.booleans()):
                value = data.draw(st.integers(0, 50)) / 4
                intervals.append((name, start, end, value))
                dense[name][start:end] = value
    if not intervals:
        intervals, dense["chr1"][:10] = [("chr1", 0, 10, 1.0)], 1.0
    path = write_bigwig(tmp_path_factory.mktemp("b") / "x.bw", intervals)
    rows = rows_of(resolution)
    sums = np.concatenate(
        [np.add.reduceat(np.nan_to_num(d), np.arange(0, len(d), resolution)) for d in dense.values()]
    )
    known = np.concatenate(
        [
            np.add.reduceat((~np.isnan(d)).astype(int), np.arange(0, len(d), resolution))
            for d in dense.values()
        ]
    )
    np.testing.assert_allclose(read(path, resolution).values[0], sums, rtol=1e-6)
    mean = read(path, resolution, statistic="mean").values[0]
    np.testing.assert_allclose(mean, sums / row_widths(rows), rtol=1e-6)
    unknown = read(path, resolution, statistic="mean", absent="unknown").values[0]
    np.testing.assert_array_equal(np.isnan(unknown), known == 0)
    np.testing.assert_allclose(unknown[known > 0], sums[known > 0] / known[known > 0], rtol=1e-6)


def test_rows_are_never_cut_by_a_chunk(tmp_path, monkeypatch):
    path = write_bigwig(tmp_path / "x.bw", [("chr1", s, s + 7, s + 1) for s in range(0, 990, 7)])
    whole = read(path, 32).values
    monkeypatch.setattr("seqdl.io.bigwig._CHUNK", 70)
    np.testing.assert_array_equal(read(path, 32).values, whole)


def test_bigwig_lacks_contigs(tmp_path):
    path = write_bigwig(tmp_path / "x.bw", [("chr1", 0, 10, 1)], {"chr1": 1000})
    binned = read(path, 100)
    assert binned.lacking == ("chr2",) and binned.values[0, 10:].sum() == 0
    # What they are is asked for elsewhere (`missing`), whatever the other contigs' bases without a value are.
    assert read(path, 100, absent="unknown").values[0, 10:].sum() == 0


@pytest.mark.parametrize("value", [-1.5, float("inf")])
def test_bigwig_with_impossible_values(tmp_path, value):
    path = write_bigwig(tmp_path / "x.bw", [("chr1", 0, 10, 1), ("chr2", 41, 50, value)])
    with pytest.raises(
        InputError, match=r"x.bw:chr2:41: coverage is 0 or more and finite. Received: (-1.5|inf)"
    ):
        read(path)


def test_what_is_no_bigwig(tmp_path):
    fake = tmp_path / "x.bw"
    fake.write_text("chr1\t0\t9\n")
    with pytest.raises(InputError, match="no bigWig, BAM, CRAM or fragment file"):
        read(fake)
    whole = write_bigwig(tmp_path / "y.bw", [("chr1", s, s + 1, s % 9 + 1) for s in range(0, 999, 2)])
    whole.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(InputError, match="y.bw"):
        read(whole)
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "none.bw")


def test_a_file_without_any_value_is_read_as_such(tmp_path):
    path = write_bigwig(tmp_path / "x.bw", [])
    assert (read(path, 32).values == 0).all()
    assert np.isnan(read(path, 32, absent="unknown").values).all()
