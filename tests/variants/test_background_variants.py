"""Where a background's variants come from: evenly drawn, at known bases, and shuffled as is said."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare
from variant_cases import HEADER, letters

from seqdl import InputError
from seqdl.encoding import N, decode
from seqdl.genome import Genome
from seqdl.variants.background_variants import (
    common_alleles,
    known_places,
    regions_for,
    shuffled_pieces,
    substitutions,
)

CONTIGS = {"chrA": "chrA", "chrB": "chrB"}
AF = HEADER.replace("##FILTER", '##INFO=<ID=AF,Number=A,Type=Float,Description="">\n##FILTER', 1)


@pytest.fixture
def many(write_vcf):
    """1,000 alleles, every second one common."""
    rows = [("chrA", i + 1, ".", "A", "C", ".", ".", f"AF={0.2 if i % 2 else 0.01}") for i in range(1000)]
    return write_vcf(rows, "many.vcf", AF)


def test_each_alt_has_its_own_frequency(write_vcf):
    rows = [("chrA", i, ".", "A", "C,G,T", ".", ".", "AF=0.04,0.05,.") for i in range(1, 301)]
    drawn = common_alleles(write_vcf(rows, header=AF), CONTIGS, 0.05, "AF", 1000, 1)
    assert drawn.alts == ["G"] * 300 and drawn.pos.tolist() == list(range(1, 301))


def test_what_has_no_sequence_or_no_contig_takes_no_place(write_vcf):
    rows = [
        ("chrA", i, ".", "A", f"C,<DEL>,*,A]chrB:{i}]", ".", ".", "AF=0.5,0.5,0.5,0.5") for i in range(1, 201)
    ]
    rows += [("chrZ", i, ".", "A", "C", ".", ".", "AF=0.5") for i in range(1, 201)]
    drawn = common_alleles(write_vcf(rows, header=AF), CONTIGS, 0.05, "AF", 150, 1)
    assert set(drawn.alts) == {"C"} and set(drawn.chroms) == {"chrA"} and len(drawn.pos) == 150


def test_the_sample_is_even_in_order_and_the_seeds_own(many):
    taken = Counter()
    for seed in range(80):
        drawn = common_alleles(many, CONTIGS, 0.05, "AF", 100, seed)
        assert len(set(drawn.pos.tolist())) == 100 and (np.diff(drawn.pos) > 0).all()
        taken.update(drawn.pos.tolist())
    assert set(taken) <= set(range(2, 1001, 2))
    parts = [sum(taken[p] for p in range(start, start + 100)) for start in range(2, 1001, 100)]
    assert chisquare(parts).pvalue > 1e-4
    again = common_alleles(many, CONTIGS, 0.05, "AF", 100, 7)
    np.testing.assert_array_equal(again.pos, common_alleles(many, CONTIGS, 0.05, "AF", 100, 7).pos)
    assert (again.pos != common_alleles(many, CONTIGS, 0.05, "AF", 100, 8).pos).any()


def test_without_a_limit_frequencies_are_not_looked_at(write_vcf):
    rows = [("chrA", i, ".", "A", "C", ".", ".", "AF=often") for i in range(1, 201)]
    vcf = write_vcf(rows, header=HEADER)
    assert len(common_alleles(vcf, CONTIGS, 0, "AF", 1000, 1).pos) == 200
    with pytest.raises(InputError, match="AF of chrA:1 must be a frequency"):
        common_alleles(vcf, CONTIGS, 0.05, "AF", 1000, 1)


def test_a_vcf_of_too_little_is_said_before_any_scoring(many, write_vcf):
    with pytest.raises(InputError, match="holds no records"):
        common_alleles(write_vcf([]), CONTIGS, 0.05, "AF", 100, 1)
    with pytest.raises(InputError, match=r"--af-field.*bcftools \+fill-tags.*--min-af 0"):
        common_alleles(many, CONTIGS, 0.05, "MAF", 100, 1)
    with pytest.raises(InputError, match=r"has 0 alleles with AF >= 0.3 .* at least 100"):
        common_alleles(many, CONTIGS, 0.3, "AF", 100, 1)


def test_places_are_known_different_inside_and_even(genome):
    left, right = 20, 19
    taken = Counter()
    for seed in range(60):
        ids, places = known_places(genome, regions_for(genome, None, None, left, right), 200, seed)
        assert len(set(zip(ids.tolist(), places.tolist(), strict=True))) == 200
        assert (genome.gather(ids, places, 1) < N).all()
        assert (places >= left).all() and (places + right < genome.sizes[ids]).all()
        taken.update(zip(ids.tolist(), (places // 500).tolist(), strict=True))
    assert set(taken) == {(0, i) for i in range(6)} | {(1, 0)}  # the contig of 12 bases holds no window
    known = [480, 500, 490, 500, 500, 481, 461]  # bases with room in each stretch, N left out
    counts = [taken[0, i] for i in range(6)] + [taken[1, 0]]
    assert chisquare(counts, np.array(known) * sum(counts) / sum(known)).pvalue > 1e-4


def test_the_last_base_with_room_is_drawn(genome):
    ids, places = known_places(genome, regions_for(genome, None, None, 20, 19), 10_000, 1)
    assert len(ids) == 480 + 500 + 490 + 500 + 500 + 481 + 461  # all there are
    assert {(0, 20), (0, 2980), (1, 20), (1, 480)} <= set(zip(ids.tolist(), places.tolist(), strict=True))


def test_intervals_are_kept_to_and_overlaps_count_once(genome, tmp_path):
    bed = tmp_path / "r.bed"
    bed.write_text("chrA\t200\t300\nA\t250\t320\nchrB\t0\t60\n")
    regions = regions_for(genome, bed, None, 20, 19)
    ids, places = known_places(genome, regions, 10_000, 1)
    expected = [(0, p) for p in range(200, 320)] + [(1, p) for p in range(20, 60)]
    assert list(zip(ids.tolist(), places.tolist(), strict=True)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chrA\t0\t10\n", "No base of the intervals of .* has a window of 40 bases"),
        ("chrA\t200\t250\n", "Only 50 known bases"),
        ("chrA\t1000\t1010\nchrA\t200\t290\n", "Only 90 known bases"),
        ("chrA\t200\t3001\n", "past its contig"),
        ("chrZ\t200\t300\n", "none of its contig names"),
    ],
)
def test_intervals_that_give_nothing_are_named(genome, tmp_path, text, message):
    bed = tmp_path / "r.bed"
    bed.write_text(text)
    with pytest.raises(InputError, match=message):
        known_places(genome, regions_for(genome, bed, None, 20, 19), 1000, 1)


def test_a_genome_of_n_or_of_scraps_is_named():
    with pytest.raises(InputError, match="Only 0 known bases"):
        nothing = Genome.from_arrays({"n": "N" * 500})
        known_places(nothing, regions_for(nothing, None, None, 20, 19), 100, 1)
    with pytest.raises(InputError, match="No base of the genome"):
        regions_for(Genome.from_arrays({"c": "ACGT" * 9}), None, None, 20, 19)


def test_each_of_the_other_bases_is_as_likely(genome):
    ids, places = known_places(genome, regions_for(genome, None, None, 20, 19), 3000, 1)
    drawn = substitutions(genome, ids, places, np.random.default_rng(1))
    pairs = Counter(zip(drawn.refs, drawn.alts, strict=True))
    assert len(pairs) == 12 and all(ref != alt for ref, alt in pairs)
    for ref in "ACGT":
        assert chisquare([n for (one, _), n in pairs.items() if one == ref]).pvalue > 1e-4
    assert [letters(genome, c, p) for c, p in zip(drawn.chroms[:50], drawn.pos[:50], strict=True)] == (
        drawn.refs[:50]
    )


def test_shuffled_windows_keep_their_dinucleotides_and_their_n(genome, monkeypatch):
    monkeypatch.setattr("seqdl.variants.background_variants._PIECE_WINDOWS", 64)
    ids, places = known_places(genome, regions_for(genome, None, None, 20, 19), 200, 3)
    places[:3] = [985, 1015, 990]  # windows that N reaches into
    ids[:3] = 0
    original = genome.gather(ids, places - 20, 40)
    pieces = list(shuffled_pieces(genome, ids, places, 40, 20, 5))
    assert [len(drawn.pos) for _, drawn in pieces] == [64, 64, 64, 8]
    shuffled = np.concatenate([piece.codes(piece.names[0]).reshape(-1, 40) for piece, _ in pieces])
    np.testing.assert_array_equal(shuffled == N, original == N)
    for before, after in zip(original, shuffled, strict=True):
        one, two = (decode(row[row < N]) for row in (before, after))
        pairs = [Counter(a + b for a, b in zip(x, x[1:], strict=False)) for x in (one, two)]
        assert pairs[0] == pairs[1]
    assert (shuffled != original).any(axis=1).mean() > 0.99
    for piece, drawn in pieces:
        codes = piece.codes(piece.names[0]).reshape(-1, 40)[:, 20]
        assert decode(codes) == "".join(drawn.refs) and all(
            r != a for r, a in zip(drawn.refs, drawn.alts, strict=True)
        )
        np.testing.assert_array_equal(drawn.pos, np.arange(len(drawn.pos)) * 40 + 21)


def test_a_chunk_is_a_stretch_of_what_was_drawn(genome):
    ids, places = known_places(genome, regions_for(genome, None, None, 20, 19), 200, 3)
    drawn = substitutions(genome, ids, places, np.random.default_rng(1))
    chunk = drawn.chunk(150, 250)
    assert chunk.record.tolist() == list(range(150, 200)) and chunk.refs == drawn.refs[150:]
    assert chunk.pos.tolist() == drawn.pos[150:].tolist() and chunk.alts == drawn.alts[150:]
