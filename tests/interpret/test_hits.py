"""Hits: planted motifs come back at their places and strands; of overlapping hits the best stays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.errors import InputError
from seqdl.interpret.motifs.hits import best_of_overlapping, call_hits, write_hits
from seqdl.interpret.motifs.patterns import read_patterns
from seqdl.io.bed import read_bed
from tests.toy_motifs import DOWN, UP, planted, write_toy_patterns


@pytest.fixture(scope="module")
def patterns(tmp_path_factory):
    attribution, truth = planted(seed=1)
    return read_patterns(write_toy_patterns(tmp_path_factory.mktemp("patterns"), attribution, truth)).patterns


def planted_hits(truth):
    names = ("pos_0", "neg_0")
    return {
        (1000 * row + place, 1000 * row + place + 10, names[which], strand)
        for row, place, which, strand in truth
    }


def called(hits):
    return {(row.start, row.end, row.pattern, row.strand) for row in hits.itertuples()}


def test_a_pattern_is_cut_to_what_contributes(patterns):
    assert [pattern.trimmed().motif.consensus for pattern in patterns] == [UP, DOWN]
    assert patterns[0].trimmed(pad=2).motif.width == 14 and patterns[0].trimmed(pad=99).motif.width == 20


def test_planted_motifs_come_back_at_their_places_on_their_strands(patterns):
    attribution, truth = planted(seed=2)
    hits = call_hits(attribution, patterns, names={"pos_0": "REB1"})
    assert called(hits) == planted_hits(truth)
    assert set(hits["name"]) == {"REB1", "neg_0"} and (hits["chrom"] == "chrI").all()
    assert (hits["similarity"] > 0.95).all() and hits["importance"].between(0.6, 1.4).all()
    assert hits["start"].is_monotonic_increasing


def test_a_site_that_contributes_nothing_is_no_hit(patterns):
    attribution, truth = planted(seed=2)
    silent = attribution._replace(values=attribution.values * 0.1)
    assert len(call_hits(silent, patterns)) == 0
    assert called(call_hits(silent, patterns, min_importance=0.05)) == planted_hits(truth)


@pytest.mark.slow
def test_a_scan_of_the_sequence_finds_the_same_places(patterns):
    pytest.importorskip("memelite")
    attribution, truth = planted(seed=2)
    hits = call_hits(
        attribution._replace(values=attribution.values * 0.1), patterns, method="sequence", max_p=1e-5
    )
    assert called(hits) >= planted_hits(truth) and (hits["p"] <= 1e-5).all()


def test_windows_that_overlap_call_a_place_once(patterns):
    attribution, truth = planted(seed=3)
    twice = attribution._replace(
        values=np.concatenate([attribution.values] * 2), codes=np.concatenate([attribution.codes] * 2),
        regions=attribution.regions * 2,
    )  # fmt: skip
    assert called(call_hits(twice, patterns)) == planted_hits(truth)
    assert len(call_hits(twice, patterns)) == len(truth)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(1, 3), st.integers(20, 300))
def test_the_choice_of_hits_is_the_greedy_one(seed, n, contigs, length):
    rng = np.random.default_rng(seed)
    contig, start = rng.integers(0, contigs, n), rng.integers(-20, length, n)
    end, score = start + rng.integers(1, 25, n), rng.permutation(n).astype(float)
    taken = np.zeros((contigs, length + 60), bool)
    expected = np.zeros(n, bool)
    for i in np.argsort(-score):
        place = taken[contig[i], start[i] + 20 : end[i] + 20]
        if not place.any():
            place[:] = expected[i] = True
    np.testing.assert_array_equal(best_of_overlapping(contig, start, end, score), expected)


def test_hits_are_a_bed_file(patterns, tmp_path):
    attribution, truth = planted(seed=2)
    hits = call_hits(attribution, patterns)
    write_hits(tmp_path / "hits.bed", hits)
    lines = (tmp_path / "hits.bed").read_text().splitlines()
    assert lines[0].startswith("#chrom\tstart\tend\tname") and len(lines) == len(truth) + 1
    assert all(len(line.split("\t")) == 9 and 0 <= int(line.split("\t")[4]) <= 1000 for line in lines[1:])
    assert sorted(read_bed(tmp_path / "hits.bed").start) == sorted(hits["start"])


@pytest.mark.parametrize(
    ("choices", "words"),
    [({"method": "magic"}, "is one of"), ({"min_similarity": 0}, "between 0 and 1"),
     ({"max_p": 2}, "between 0 and 1"), ({"min_importance": -1}, "at least 0")],
)  # fmt: skip
def test_bad_numbers_are_refused(patterns, choices, words):
    with pytest.raises(InputError, match=words):
        call_hits(planted()[0], patterns, **choices)
    with pytest.raises(InputError, match="no pattern"):
        call_hits(planted()[0], ())
