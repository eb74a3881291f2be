"""No base of a kept window is in two splits; a chromosome has one split; a random split says so."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.data.regions import contained, covered, merge, overlapping, unknown_bases
from seqdl.data.split_regions import split_by_regions
from seqdl.data.splits import (
    DROPPED,
    TEST,
    TRAIN,
    VALID,
    groups_from_headers,
    read_folds,
    require_all_splits,
    split_at_random,
    split_by_chromosome,
    split_by_folds,
    split_by_groups,
)  # fmt: skip
from seqdl.errors import InputError
from seqdl.genome import Genome

GENOME = Genome.from_arrays({"chrI": "A" * 300, "chrII": "C" * 200, "chrIII": "G" * 100})
IDS = np.array([0, 0, 1, 2])

intervals = st.tuples(st.integers(0, 2), st.integers(0, 90), st.integers(1, 40)).map(
    lambda t: (t[0], t[1], t[1] + t[2])
)


@settings(deadline=None)
@given(st.lists(intervals, max_size=8), st.lists(intervals, min_size=1, max_size=8))
def test_regions_answer_as_sets_of_bases(regions, queries):
    columns = [np.array(c, np.int64) for c in zip(*regions)] if regions else [np.zeros(0, np.int64)] * 3
    united = merge(*columns)
    bases = {(c, p) for c, s, e in regions for p in range(s, e)}
    assert {(c, p) for c, s, e in zip(*united) for p in range(s, e)} == bases
    assert int((united.end - united.start).sum()) == len(bases)
    asked = [np.array(c, np.int64) for c in zip(*queries)]
    inside = [sum((c, p) in bases for p in range(s, e)) for c, s, e in queries]
    assert covered(united, *asked).tolist() == inside
    assert overlapping(united, *asked).tolist() == [i > 0 for i in inside]
    assert contained(united, *asked).tolist() == [i == e - s for i, (_, s, e) in zip(inside, queries)]


def test_unknown_bases_are_the_runs_of_n():
    found = unknown_bases(Genome.from_arrays({"a": "NNACNGTNNN", "b": "ACGT", "c": "N"}))
    assert list(zip(*(c.tolist() for c in found))) == [(0, 0, 2), (0, 4, 5), (0, 7, 10), (2, 0, 1)]


def test_chromosomes_are_reconciled_and_reported():
    split = split_by_chromosome(IDS, GENOME, "chr3", ["II"])
    assert split.assignment.tolist() == [TRAIN, TRAIN, VALID, TEST] and split.kind == "chromosome"
    assert "split: chr3 → chrIII (roman numerals)" in split.notes


@pytest.mark.parametrize("test, valid, message", [
    ("chrI", "chrII,chrI", "'chrI' is in two splits: valid and test"),
    ("chrI", "chr1", "two splits"),
    ("chrIIII", "chrI", "'chrIIII', which is not in the genome.*Did you mean 'chrIII'"),
])  # fmt: skip
def test_bad_chromosomes(test, valid, message):
    with pytest.raises(InputError, match=message):
        split_by_chromosome(IDS, GENOME, test, valid)


def test_folds_leave_the_rest_out(tmp_path):
    path = tmp_path / "fold.json"
    path.write_text(json.dumps({"train": ["chrI", "chr9"], "valid": ["chrIII"], "test": []}))
    split = split_by_folds(IDS, GENOME, path)
    assert split.assignment.tolist() == [TRAIN, TRAIN, DROPPED, VALID]
    assert any("chrII" in n and "in no fold" in n for n in split.notes) and any(
        "chr9" in n for n in split.notes
    )
    with pytest.raises(InputError, match="'test' is empty"):
        require_all_splits(split.assignment, split.kind)


@pytest.mark.parametrize("text, message", [
    ("{", "not JSON"), ("[]", "is an object"), ('{"train": []}', "is an object"),
    ('{"train": "chr1", "valid": [], "test": []}', "'train' is a list"),
])  # fmt: skip
def test_bad_folds(tmp_path, text, message):
    path = tmp_path / "fold.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_folds(path)


@settings(deadline=None)
@given(
    st.integers(1, 80), st.integers(0, 200), st.integers(1, 100), st.integers(0, 60), st.integers(1, 100),
)  # fmt: skip
def test_windows_of_two_splits_share_no_base(window, at, wide, gap, wide2):
    starts = np.arange(-((window - 1) // 2), 300, 7)  # as a tiling: each window holds a base
    ids = np.zeros(len(starts), int)
    begin = at + wide + gap
    if begin >= 300:
        return
    split = split_by_regions(
        ids, starts, window, GENOME, f"chrI:{at}-{at + wide}", f"chrI:{begin}-{begin + wide2}"
    )
    bases = {
        code: {p for s in starts[split.assignment == code] for p in range(s, s + window) if 0 <= p < 300}
        for code in (TRAIN, VALID, TEST)
    }
    assert (
        not bases[TRAIN] & bases[VALID] and not bases[TRAIN] & bases[TEST] and not bases[VALID] & bases[TEST]
    )
    assert bases[TEST] <= set(range(at, at + wide)) and bases[VALID] <= set(range(begin, begin + wide2))
    for start, code in zip(starts, split.assignment):
        inside = {p for p in range(start, start + window) if 0 <= p < 300}
        if inside <= set(range(at, at + wide)):
            assert code == TEST
        if not inside & (set(range(at, at + wide)) | set(range(begin, begin + wide2))):
            assert code == TRAIN


def test_regions_from_bed_names_and_text_mix(tmp_path):
    bed = tmp_path / "test.bed"
    bed.write_text("chr1\t0\t50\nchr1\t50\t100\n")
    starts, ids = np.array([0, 40, 60, 95, 150, 10, 10]), np.array([0, 0, 0, 0, 0, 1, 2])
    split = split_by_regions(ids, starts, 20, GENOME, bed, "chrII,chrIII:0-100")
    assert split.assignment.tolist() == [TEST, TEST, TEST, DROPPED, TRAIN, VALID, VALID]
    assert any("1 windows straddle" in n for n in split.notes)


@pytest.mark.parametrize("test, valid, message", [
    ("chrI:0-50", "chrI:49-60", "overlaps a test region"),
    ("chrI:400-500", "chrII", "begins past the end"),
    ("chrIIX", "chrII", "no BED file, no contig"),
    ("chrI:5", "chrII", "chrom:start-end"),
])  # fmt: skip
def test_bad_regions(test, valid, message):
    with pytest.raises(InputError, match=message):
        split_by_regions(IDS, IDS, 5, GENOME, test, valid)


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=20, max_size=300), st.integers(0, 5))
def test_a_group_is_never_cut(groups, seed):
    groups = np.array(groups)
    split = split_by_groups(groups, "0.2,0.2", seed)
    for group in set(groups.tolist()):
        assert len(set(split.assignment[groups == group].tolist())) == 1
    np.testing.assert_array_equal(split.assignment, split_by_groups(groups, (0.2, 0.2), seed).assignment)


def test_random_split_is_stamped_and_has_its_shares():
    split = split_at_random(1000, "0.1,0.2", 3)
    assert split.kind == "random" and "at random" in split.notes[0]
    assert np.bincount(split.assignment).tolist() == [700, 100, 200]


@pytest.mark.parametrize("bad", ["0.1", "a,b", "0.6,0.6", (0, 0.1)])
def test_bad_shares(bad):
    with pytest.raises(InputError, match="valid,test"):
        split_at_random(10, bad)


def test_groups_come_from_headers():
    assert groups_from_headers(["hsa-let-7 MI1", "mmu-mir-1 MI2"], r"^(\w+)-").tolist() == ["hsa", "mmu"]
    with pytest.raises(InputError, match="1 headers, such as 'x'"):
        groups_from_headers(["a-1", "x"], "^.-")
    with pytest.raises(InputError, match="regular expression"):
        groups_from_headers(["a"], "(")
