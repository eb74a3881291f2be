"""Tiling by itself: every base once, whatever is asked for, in parts of any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.prediction.tiles import make_tiling, predict_contig, wanted_windows


def gc_bins(tiling):
    """Return a model that knows each base's place: the values of a window are its bins' mean codes."""
    left = (tiling.window - tiling.bin) // 2

    def forward(codes):
        middle = codes[:, left : left + tiling.bin].astype(np.float32)
        bins = middle.reshape(len(codes), -1, tiling.bin // tiling.width).mean(axis=2)
        return np.stack([bins, 2 * bins], axis=-1)

    return forward


def values_of(genome, tiling, windows, rows, forward=None, contig=0):
    n_units = -(-int(genome.sizes[contig]) // tiling.unit)
    out = np.full((n_units, 2), np.nan, np.float32)
    done, last = [], 0
    for first, values in predict_contig(
        forward or gc_bins(tiling), genome, contig, tiling, windows, rows, done.append
    ):
        assert first >= last
        last = first + len(values)
        out[first:last] = values
    assert sum(done) == len(windows)
    return out


@settings(max_examples=40)
@given(
    length=st.integers(1, 700), bins=st.integers(1, 6), resolution=st.integers(1, 9),
    flank=st.integers(0, 20), overlap=st.sampled_from([0.0, 0.3, 0.5, 0.8]), rows=st.integers(1, 9),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_every_unit_has_its_value_whatever_the_parts(length, bins, resolution, flank, overlap, rows, seed):
    codes = np.random.default_rng(seed).integers(0, 4, length).astype(np.uint8)
    genome = Genome.from_arrays({"c": codes})
    tiling = make_tiling(bins * resolution + 2 * flank, bins * resolution, resolution, overlap)
    windows, units = wanted_windows(tiling, length, None)
    found = values_of(genome, tiling, windows, rows)
    padded = np.concatenate([codes, np.full(-length % resolution, 4, np.uint8)]).reshape(-1, resolution)
    np.testing.assert_allclose(found[:, 0], padded.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], 2 * found[:, 0], rtol=1e-5)
    assert units.all()


@settings(max_examples=30)
@given(data=st.data(), overlap=st.sampled_from([0.0, 0.5, 0.75]), rows=st.integers(1, 7))
def test_a_value_does_not_depend_on_what_else_is_asked_for(data, overlap, rows):
    rng = np.random.default_rng(1)
    genome = Genome.from_arrays({"c": rng.integers(0, 4, 1000).astype(np.uint8)})
    tiling = make_tiling(80, 40, 10, overlap)
    noise = rng.random((2000, 4, 2)).astype(np.float32)

    def forward(codes):  # each window has values of its own, so that a missing one would show
        return noise[codes.astype(np.int64) @ np.arange(80) % 2000]

    starts = data.draw(st.lists(st.integers(0, 995), min_size=1, max_size=4))
    regions = np.array([(s, min(s + data.draw(st.integers(1, 90)), 1000)) for s in starts])
    windows, units = wanted_windows(tiling, 1000, regions)
    inside = np.zeros(1000, bool)
    for low, high in regions:
        inside[low:high] = True
    np.testing.assert_array_equal(units, inside.reshape(-1, 10).any(axis=1))
    whole = values_of(genome, tiling, np.arange(tiling.count(1000)), 4, forward)
    part = values_of(genome, tiling, windows, rows, forward)
    np.testing.assert_allclose(part[units], whole[units], rtol=1e-5)


def test_what_lies_between_regions_is_not_held():
    genome = Genome.from_arrays({"c": np.zeros(100_000, np.uint8)})
    tiling = make_tiling(80, 40, 10, 0.5)
    windows, _ = wanted_windows(tiling, 100_000, np.array([(5, 6), (99_000, 99_001)]))
    stretches = list(predict_contig(gc_bins(tiling), genome, 0, tiling, windows, 1000, lambda n: None))
    assert sum(len(values) for _, values in stretches) < 20


def test_values_of_labels_are_means_of_the_windows_over_them():
    genome = Genome.from_arrays({"c": np.zeros(40, np.uint8)})
    tiling = make_tiling(20, 10, 0, 0.5)
    assert (tiling.unit, tiling.step, tiling.width) == (5, 1, 2)
    counter = iter(range(100))

    def forward(codes):
        return np.array([[next(counter)] * 2 for _ in codes], np.float32)

    found = values_of(genome, tiling, np.arange(8), 3, forward)
    np.testing.assert_allclose(found[:, 0], [0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5])


def test_nearer_to_the_middle_counts_more():
    tiling = make_tiling(40, 40, 10, 0.5)
    assert tiling.weights.tolist() == [1, 2, 2, 1]
    assert make_tiling(40, 40, 10, 0).weights.tolist() == [1, 1, 1, 1]


def test_windows_without_a_known_middle_are_left_out():
    codes = np.zeros(400, np.uint8)
    codes[95:215] = 4
    genome = Genome.from_arrays({"c": codes})
    tiling = make_tiling(60, 40, 10, 0)
    seen = []

    def forward(codes):
        seen.append(len(codes))
        return gc_bins(tiling)(codes)

    found = values_of(genome, tiling, np.arange(10), 4, forward)
    assert sum(seen) == 8  # 120-160 and 160-200 hold N alone
    assert np.isnan(found[12:20]).all()
    assert np.isfinite(np.delete(found, np.s_[12:20], axis=0)).all()


@pytest.mark.parametrize("overlap", [-0.1, 1.0, 2])
def test_an_overlap_out_of_range_is_refused(overlap):
    with pytest.raises(InputError, match="`overlap` must be a share"):
        make_tiling(100, 50, 10, overlap)


def test_the_step_of_labels_divides_the_bin():
    for overlap in (0.1, 0.33, 0.5, 0.9, 0.99):
        tiling = make_tiling(1000, 200, 0, overlap)
        assert 200 % tiling.unit == 0
        assert tiling.unit * tiling.width == 200
