"""The dataset file: coverage rows that windows share, groups, strands, and files of version 1."""

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.data.dataset import Dataset
from seqdl.data.dataset_file import Coverage, Sequences, write_dataset
from seqdl.data.pipeline import BatchSource, reverse_values
from seqdl.encoding import reverse_complement
from tests.toy import toy_dataset
from tests.toy_coverage import toy_coverage_dataset


def write_coverage(path, values, rows, n_bins, blocks, **more):
    """Write a dataset of stored sequences with the given coverage."""
    n, window = len(rows), 8 * n_bins
    codes = np.random.default_rng(0).integers(0, 4, n * window).astype(np.uint8)
    return write_dataset(
        path, window=window, bin=4 * n_bins, targets=pd.DataFrame({"name": list("abcdefgh")[: values.shape[1]]}),
        split=np.zeros(n), split_kind="random", sequence_ids=np.arange(n),
        sequences=Sequences(codes, np.arange(n + 1) * window, [str(i) for i in range(n)]),
        coverage=Coverage(4, len(values), values.shape[1], np.array_split(values, blocks), rows), **more,
    )  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 3), st.integers(1, 5))
def test_a_window_of_coverage_is_its_rows(tmp_path_factory, seed, n_bins, n_targets, blocks):
    rng = np.random.default_rng(seed)
    values = rng.gamma(1.0, 5.0, (30, n_targets)).astype(np.float16)
    values[rng.random(values.shape) < 0.1] = np.nan
    rows = rng.integers(0, 31 - n_bins, 12)
    path = write_coverage(tmp_path_factory.mktemp("c") / "c.h5", values, rows, n_bins, blocks)
    data = Dataset.open(path)
    assert (data.task, data.n_bins, data.resolution, data.channels) == ("coverage", n_bins, 4, 4)
    chosen = rng.integers(0, 12, 7)
    expected = np.stack([values[r : r + n_bins] for r in rows[chosen]])
    found = data.values(chosen)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, expected)


def test_on_the_other_strand_coverage_runs_backwards_and_strands_change_places(tmp_path):
    values = np.arange(60, dtype=np.float16).reshape(20, 3)
    pairs = np.array([1, 0, 2])
    path = write_coverage(tmp_path / "c.h5", values, np.arange(10), 4, 1, strand_pairs=pairs)
    data = Dataset.open(path)
    source = BatchSource(data, "train", 10, reverse_complement=True, seed=3)
    (codes, got), order = next(iter(source.epoch(0))), source.order(0)
    forward, plain = data.values(order), data.codes(order)
    turned = (codes == reverse_complement(plain)).all(axis=1)
    assert 0 < turned.sum() < 10
    np.testing.assert_array_equal(got[~turned], forward[~turned])
    np.testing.assert_array_equal(got[turned], forward[turned][:, ::-1][..., pairs])
    np.testing.assert_array_equal(reverse_values(reverse_values(forward, pairs), pairs), forward)


def test_a_promise_of_rows_is_kept(tmp_path):
    with pytest.raises(ValueError, match="rows"):
        write_dataset(
            tmp_path / "c.h5", window=8, bin=4, targets=pd.DataFrame({"name": ["a"]}), split=np.zeros(1),
            split_kind="random", coverage=Coverage(4, 5, 1, [np.zeros((3, 1))], np.zeros(1)),
        )  # fmt: skip
    assert not (tmp_path / "c.h5").exists()


def test_a_file_of_version_1_is_read_as_binary_dna(tmp_path):
    path = toy_dataset(tmp_path)
    before = Dataset.open(path)
    with h5py.File(path, "r+") as f:
        f.attrs["version"] = 1
        for name in ("task", "alphabet", "structured", "resolution"):
            del f.attrs[name]
    after = Dataset.open(path)
    assert (after.task, after.alphabet, after.structured, after.channels) == ("binary", "dna", False, 4)
    assert after.groups is None and after.strand_pairs.tolist() == list(range(after.n_targets))
    rows = np.arange(after.n)
    np.testing.assert_array_equal(after.values(rows), before.labels(rows))


@pytest.mark.parametrize("part", ["coverage", "windows/row"])
def test_damaged_coverage_is_named(tmp_path, part):
    from seqdl.errors import InputError

    path = toy_coverage_dataset(tmp_path)
    with h5py.File(path, "r+") as f:
        del f[part]
    with pytest.raises(InputError, match="damaged"):
        Dataset.open(path)
