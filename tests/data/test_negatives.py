"""Negatives hold no peak, match what they promise to match, and leave no temporary file."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.data.bins import Peaks
from seqdl.data.negatives import (
    GC_STEP,
    excluded_regions,
    how_many,
    match_gc,
    regions_without_peaks,
    repeats,
    require_bedtools,
    sample_background,
    shuffle_positives,
)  # fmt: skip
from seqdl.data.regions import merge
from seqdl.errors import InputError, MissingDependencyError
from seqdl.genome import Genome

GENOME = Genome.from_arrays({"b": "A" * 50, "a": "C" * 30, "empty": "G" * 7})
needs_bedtools = pytest.mark.skipif(
    shutil.which("bedtools") is None, reason="the program bedtools is not installed"
)


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Point temporary files at an empty folder, and find it empty afterwards."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


@needs_bedtools
def test_without_peaks_is_the_complement():
    ids, start, end = np.array([0, 0, 1, 0]), np.array([5, 8, 0, 40]), np.array([10, 20, 30, 50])
    zeros = np.zeros(4, np.int32)
    free = regions_without_peaks(GENOME, Peaks(zeros, ids, start, end, zeros))
    found = {(c, p) for c, s, e in zip(*free) for p in range(s, e)}
    taken = {(c, p) for c, s, e in zip(ids, start, end) for p in range(s, e)}
    every = {(c, p) for c, n in enumerate(GENOME.names) for p in range(GENOME.lengths[n])}
    assert found == every - taken


@needs_bedtools
def test_excluded_regions_are_united_and_clipped(tmp_path):
    path = tmp_path / "black.bed"
    path.write_text("chra\t20\t90\nb\t0\t5\nb\t3\t9\nother\t1\t2\nchra\t40\t50\n")
    regions, notes = excluded_regions(path, GENOME)
    assert [c.tolist() for c in regions] == [c.tolist() for c in merge(
        np.array([0, 1], np.int32), np.array([0, 20]), np.array([9, 30]))]  # fmt: skip
    assert "exclude: 2 regions, 19 bp" in notes and any("2 regions lie outside" in n for n in notes)


def test_missing_bedtools_says_how_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependencyError, match="apt-get install bedtools.*does not need it"):
        require_bedtools("Excluding")


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 400), st.floats(0.05, 6), st.integers(0, 9))
def test_counts_and_no_repetition(positives, candidates, ratio, seed):
    rng = np.random.default_rng(seed)
    wanted = how_many(positives, ratio)
    drawn = sample_background(candidates, wanted, rng)
    assert len(drawn) == len(set(drawn.tolist())) == min(wanted, candidates)
    matched = match_gc(rng.random(positives), rng.random(candidates), wanted, rng)
    assert len(matched) == len(set(matched.tolist())) == min(wanted, candidates)
    assert matched.max() < candidates
    again = repeats(positives, wanted, rng)
    assert len(again) == wanted and np.ptp(np.bincount(again, minlength=positives)) <= 1


def test_gc_is_matched_where_candidates_abound():
    rng = np.random.default_rng(0)
    positive, candidate = rng.normal(0.6, 0.05, 500).clip(0, 1), rng.normal(0.4, 0.15, 50_000).clip(0, 1)
    chosen = candidate[match_gc(positive, candidate, 500, rng)]
    assert abs(np.sort(chosen) - np.sort(positive)).max() <= 2 * GC_STEP


def test_gc_falls_back_to_the_nearest():
    rng = np.random.default_rng(0)
    chosen = match_gc(np.full(4, 0.5), np.array([0.1, 0.44, 0.9, 0.56, 0.2, 0.48]), 3, rng)
    assert set(chosen.tolist()) == {1, 3, 5}


def test_ratio_must_be_positive():
    with pytest.raises(InputError, match="negative_ratio"):
        how_many(3, 0)


def test_shuffles_keep_dinucleotides():
    codes = np.random.default_rng(1).integers(0, 4, (20, 60)).astype(np.uint8)
    (shuffled,) = shuffle_positives(iter([codes]), seed=2)

    def count(x):
        return np.stack([np.bincount(5 * row[:-1] + row[1:], minlength=25) for row in x])

    np.testing.assert_array_equal(count(shuffled), count(codes))
    assert (shuffled != codes).any(axis=1).all()
    assert Path(tempfile.gettempdir()).exists()
