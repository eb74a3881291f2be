"""`score_variants` on a sample's own haplotypes, whole command."""

import numpy as np
import pytest
from scipy.special import expit
from variant_cases import letters, other

from seqdl import InputError
from seqdl.encoding import encode
from seqdl.variants.files.reading import read_scores
from seqdl.variants.score import score_variants

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=chrA,length=3000>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tme\tyou\n"
)


@pytest.fixture
def phased(genome, write_vcf):
    """Two variants in one window on haplotype 1, one of them on both, and one far away."""
    rows = []
    for pos, mine in ((300, "1|0"), (305, "1|1"), (900, "0|1"), (950, "0|0"), (960, ".|.")):
        ref = letters(genome, "chrA", pos)
        rows.append(("chrA", pos, ".", ref, other(ref), ".", ".", ".", "GT", mine, "0/1"))
    return write_vcf(rows, header=HEADER)


def predicted(network, text):
    return expit(network.logits(encode(text)[None])[0].astype(np.float64))


def test_each_row_is_an_allele_in_the_samples_own_sequence(tmp_path, network, genome, phased):
    contig = letters(genome, "chrA", 1, 3000)
    both = list(contig)
    for pos in (300, 305):
        both[pos - 1] = other(contig[pos - 1])
    second = list(contig)
    second[305 - 1] = both[305 - 1]
    haplotypes = {"1": "".join(both), "2": "".join(second)}
    score_variants(network, phased, genome, tmp_path / "s.tsv", haplotypes="me", scores=["ref", "alt"])
    table = read_scores(tmp_path / "s.tsv")
    found = list(zip(table.variants["pos"], table.variants["haplotype"].astype(str), strict=True))
    assert found == [(300, "1"), (305, "1"), (305, "2"), (900, "2")]
    assert table.variants["haplotype_variants"].tolist() == [2, 2, 1, 1]
    for row, (pos, haplotype) in enumerate(found[:3]):
        begin = pos - 1 - 20
        alt = predicted(network, haplotypes[haplotype][begin : begin + 40])
        np.testing.assert_allclose(table.scores["alt"][row], alt, rtol=1e-5)
        np.testing.assert_allclose(
            table.scores["ref"][row], predicted(network, contig[begin : begin + 40]), rtol=1e-5
        )


def test_context_leaves_this_variant_out_of_the_haplotype(tmp_path, network, genome, phased):
    choices = {"haplotypes": "me", "haplotype_effect": "context", "scores": ["ref"]}
    score_variants(network, phased, genome, tmp_path / "s.h5", **choices)
    contig = letters(genome, "chrA", 1, 3000)
    without = contig[:304] + other(contig[304]) + contig[305:]  # 305 is there, 300 is not
    got = read_scores(tmp_path / "s.h5").scores["ref"][0]
    np.testing.assert_allclose(got, predicted(network, without[279:319]), rtol=1e-5)


def test_what_cannot_be_is_said(tmp_path, network, genome, phased):
    out = tmp_path / "s.tsv"
    with pytest.raises(InputError, match="not phased"):
        score_variants(network, phased, genome, out, haplotypes="you")
    summary = score_variants(network, phased, genome, out, haplotypes="you", on_unphased="skip")
    assert summary.rejected == {"UNPHASED": 5} and summary.scored == 0
    with pytest.raises(InputError, match="mee"):
        score_variants(network, phased, genome, out, haplotypes="mee")
    with pytest.raises(InputError, match="Write a table"):
        score_variants(network, phased, genome, tmp_path / "s.vcf", haplotypes="me")
    with pytest.raises(InputError, match="leave out"):
        score_variants(network, phased, genome, out, haplotypes="me", normalize=True)


def test_a_sample_that_carries_nothing_is_said(tmp_path, network, genome, write_vcf):
    ref = letters(genome, "chrA", 300)
    vcf = write_vcf([("chrA", 300, ".", ref, other(ref), ".", ".", ".", "GT", "0|0", "1|1")], header=HEADER)
    summary = score_variants(network, vcf, genome, tmp_path / "s.tsv", haplotypes="me")
    assert (summary.scored, summary.rejected) == (0, {})
    assert "the sample carries no alternative allele" in summary.text()
    assert not len(read_scores(tmp_path / "s.tsv").variants)


def test_normalised_alleles_are_scored_and_named(tmp_path, network, genome, write_vcf):
    """A deletion written two bases too far right in a run is the same as the left-aligned one."""
    contig = letters(genome, "chrA", 1, 3000)
    at = next(i for i in range(100, 900) if contig[i] == contig[i + 1] == contig[i + 2] != contig[i - 1])
    late = ("chrA", at + 2, ".", contig[at + 1 : at + 3], contig[at + 1], ".", ".", ".")
    early = ("chrA", at, ".", contig[at - 1 : at + 1], contig[at - 1], ".", ".", ".")
    vcf = write_vcf([early, late])
    score_variants(network, vcf, genome, tmp_path / "s.tsv", normalize=True)
    table = read_scores(tmp_path / "s.tsv")
    np.testing.assert_array_equal(table.scores["diff"][0], table.scores["diff"][1])
    assert table.variants["normalized"].tolist() == [".", f"{at}:{early[3]}:{early[4]}"]
    assert table.variants["pos"].tolist() == [at, at + 2]  # the record stays as it is
    score_variants(network, vcf, genome, tmp_path / "plain.tsv")
    plain = read_scores(tmp_path / "plain.tsv").scores["diff"]
    assert not np.array_equal(plain[0], plain[1])
