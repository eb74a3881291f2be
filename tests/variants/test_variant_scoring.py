"""Scoring end to end with a network of known weights: each allele once, in order, with the right sign."""

import os
from pathlib import Path

import numpy as np
import pysam
import pytest
from variant_cases import HEADER, LinearNetwork, letters, other

from seqdl.encoding import decode, encode
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.io.vcf import read_vcf
from seqdl.variants.files.reading import read_scores
from seqdl.variants.score import score_variants

DATA = os.environ.get("SEQDL_DATA")


def rejected(path):
    lines = [line.split("\t") for line in path.read_text().splitlines() if not line.startswith("#")]
    return [(f[0], int(f[1]), f[3], f[4], f[5]) for f in lines]


def by_hand(network, genome, chrom, pos, ref, alt):
    """Score one allele from the mutated contig as a string."""
    pad = "N" * network.window
    sequence = pad + decode(genome.codes(chrom)) + pad
    at = pos - 1 + len(pad)
    mutated = sequence[:at] + alt.upper() + sequence[at + len(ref) :]
    begin = at - network.window // 2
    z = [network.logits(encode(s[begin : begin + network.window])[None])[0] for s in (sequence, mutated)]
    p = 1 / (1 + np.exp(-np.array(z, np.float64)))
    return p[1] - p[0], np.float64(z[1]) - z[0]


@pytest.mark.parametrize("batch_size", [1, 3, 256])
def test_every_allele_comes_out_once_in_order(tmp_path, network, genome, write_vcf, mixed, batch_size):
    rows, reasons = mixed
    summary = score_variants(
        network, write_vcf(rows), genome, tmp_path / "s.tsv", batch_size=batch_size, alias={"chrY": "chrA"}
    )
    alleles = [(r[0], r[1], r[3], alt) for r in rows for alt in r[4].split(",")]
    table = read_scores(tmp_path / "s.tsv")
    scored = list(table.variants[["chrom", "pos", "ref", "alt"]].itertuples(index=False, name=None))
    assert scored == [a for a, reason in zip(alleles, reasons, strict=True) if not reason]
    assert rejected(summary.rejects) == [(*a, r) for a, r in zip(alleles, reasons, strict=True) if r]
    assert (summary.records, summary.alleles, summary.scored) == (len(rows), len(alleles), len(scored))
    assert summary.scored + sum(summary.rejected.values()) == summary.alleles
    for k, allele in enumerate(scored):
        diff, logit_diff = by_hand(network, genome, *allele)
        np.testing.assert_allclose(table.scores["diff"][k], diff, atol=1e-6)
        np.testing.assert_allclose(table.scores["logit_diff"][k], logit_diff, atol=1e-5)
        best = int(np.abs(diff).argmax())
        assert table.variants.max_target[k] == network.target_names[best]
        np.testing.assert_allclose(
            table.variants.max_alt[k] - table.variants.max_ref[k], diff[best], atol=1e-6
        )
    flags = dict(zip(scored, table.variants.flag, strict=True))
    assert [f for f in flags.values() if f != "."] == ["WINDOW_PADDED", "N_IN_WINDOW", "WINDOW_PADDED"]
    assert "##flag=N_IN_WINDOW: " in (tmp_path / "s.tsv").read_text()


def test_the_reference_window_of_a_multi_allelic_record_is_computed_once(
    tmp_path, network, genome, write_vcf
):
    ref = letters(genome, "chrA", 100)
    alts = [b for b in "ACGT" if b != ref]
    score_variants(
        network,
        write_vcf([("chrA", 100, ".", ref, ",".join(alts), ".", ".", ".")]),
        genome,
        tmp_path / "s.tsv",
    )
    assert network.seen == 4


def test_swapping_ref_and_alt_flips_the_differences(tmp_path, network, genome, write_vcf):
    """On the mutated genome the reversed record has the opposite effect, whatever the allele's type."""
    ref = letters(genome, "chrB", 200, 3)
    for alt in (other(ref[0]) + ref[1:], ref[0], ref + "ACGT", "TTTTT"):
        codes = {name: np.asarray(genome.codes(name)) for name in genome.names}
        codes["chrB"] = np.concatenate([codes["chrB"][:199], encode(alt), codes["chrB"][202:]])
        pairs = [(genome, ref, alt), (Genome.from_arrays(codes), alt, ref)]
        tables = []
        for where, a, b in pairs:
            vcf = write_vcf([("chrB", 200, ".", a, b, ".", ".", ".")])
            score_variants(network, vcf, where, tmp_path / "s.h5", scores="all")
            tables.append(read_scores(tmp_path / "s.h5").scores)
        for name in ("diff", "logit_diff", "logfc"):
            np.testing.assert_array_equal(tables[0][name], -tables[1][name])


def mismatching(genome):
    snv, far = letters(genome, "chrA", 400), letters(genome, "chrA", 500, 3)
    return [
        (
            "chrA",
            300,
            "good",
            letters(genome, "chrA", 300),
            other(letters(genome, "chrA", 300)),
            ".",
            ".",
            ".",
        ),
        ("chrA", 400, "swapped", other(snv), snv, ".", ".", "."),
        ("chrA", 500, "deletion", far[0] + other(far[1]) + far[2], far[0], ".", ".", "."),
        (
            "chrA",
            600,
            "neither",
            *[b for b in "ACGT" if b != letters(genome, "chrA", 600)][:2],
            ".",
            ".",
            ".",
        ),
    ]


def test_a_mismatching_ref_is_skipped_and_counted(tmp_path, network, genome, write_vcf):
    summary = score_variants(network, write_vcf(mismatching(genome)), genome, tmp_path / "s.tsv")
    assert summary.scored == 1
    assert (summary.rejected, summary.mismatches, summary.swapped) == ({"REF_MISMATCH": 3}, 3, 1)
    text = summary.rejects.read_text()
    assert text.count("\tthe genome has") == 3
    assert text.count("REF and ALT look swapped") == 1
    assert "another assembly" in summary.text()


def test_a_mismatching_ref_can_stop_everything(tmp_path, network, genome, write_vcf):
    with pytest.raises(InputError, match=r"record 2 \(chrA:400 .*the genome has"):
        score_variants(
            network, write_vcf(mismatching(genome)), genome, tmp_path / "s.tsv", ref_mismatch="error"
        )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.vcf"]


def test_flip_scores_swapped_alleles_as_the_record_has_them(tmp_path, network, genome, write_vcf):
    rows = mismatching(genome)
    summary = score_variants(network, write_vcf(rows), genome, tmp_path / "s.tsv", ref_mismatch="flip")
    table = read_scores(tmp_path / "s.tsv")
    assert table.variants.id.tolist() == ["good", "swapped"]
    assert table.variants.flag.tolist() == [".", "FLIPPED"]
    assert summary.flags == {"FLIPPED": 1}
    assert (table.variants.ref[1], table.variants.alt[1]) == (rows[1][3], rows[1][4])
    diff, _ = by_hand(network, genome, "chrA", 400, rows[1][4], rows[1][3])  # towards the record's REF
    np.testing.assert_allclose(table.scores["diff"][1], -diff, atol=1e-6)


def test_force_splices_both_alleles_into_the_genome(tmp_path, network, genome, write_vcf):
    rows = mismatching(genome)
    score_variants(network, write_vcf(rows), genome, tmp_path / "s.tsv", ref_mismatch="force")
    table = read_scores(tmp_path / "s.tsv")
    assert table.variants.flag.tolist() == [".", "FORCED", "FORCED", "FORCED"]
    own = letters(genome, "chrA", 600)
    to_alt, _ = by_hand(network, genome, "chrA", 600, own, rows[3][4])
    to_ref, _ = by_hand(network, genome, "chrA", 600, own, rows[3][3])
    np.testing.assert_allclose(table.scores["diff"][3], to_alt - to_ref, atol=1e-6)


def test_an_anchor_moves_the_window_and_is_recorded(tmp_path, network, genome, write_vcf):
    ref = letters(genome, "chrA", 100)
    vcf = write_vcf([("chrA", 100, ".", ref, other(ref), ".", ".", ".")])
    score_variants(network, vcf, genome, tmp_path / "s.tsv", anchor=3)
    table = read_scores(tmp_path / "s.tsv")
    assert table.meta["anchor"] == 3
    assert "##anchor=3 (0-based" in (tmp_path / "s.tsv").read_text()
    weights = network.weights[3]
    change = weights["ACGT".index(other(ref))] - weights["ACGT".index(ref)]
    np.testing.assert_allclose(table.scores["logit_diff"][0], change, atol=1e-5)


def test_contig_names_are_reconciled_and_unknown_ones_named(tmp_path, network, genome, write_vcf):
    ref = letters(genome, "chrA", 100)
    rows = [(name, 100, ".", ref, other(ref), ".", ".", ".") for name in ("A", "first", "nowhere")]
    summary = score_variants(network, write_vcf(rows), genome, tmp_path / "s.tsv", alias={"first": "chrA"})
    table = read_scores(tmp_path / "s.tsv")
    assert table.variants.chrom.tolist() == ["A", "first"]  # as the VCF spells them
    np.testing.assert_array_equal(table.scores["diff"][0], table.scores["diff"][1])
    assert summary.rejected == {"UNKNOWN_CONTIG": 1}
    with pytest.raises(InputError, match="none of its contig names is in the genome"):
        score_variants(network, write_vcf(rows[2:]), genome, tmp_path / "s.tsv")


def test_nothing_to_score_is_explained(tmp_path, network, genome, write_vcf):
    summary = score_variants(network, write_vcf([]), genome, tmp_path / "s.tsv")
    assert "no records" in summary.text()
    assert len(read_scores(tmp_path / "s.tsv").variants) == 0
    for suffix in ("h5", "parquet", "vcf"):
        summary = score_variants(
            network,
            write_vcf([("chrA", 9, ".", "A", "<DUP>", ".", ".", ".")]),
            genome,
            tmp_path / f"s.{suffix}",
        )
        assert summary.rejected == {"SYMBOLIC": 1}
        assert "no allele could be scored; most (1) because" in summary.text()


class Interrupted(LinearNetwork):
    """Stops in the middle as Ctrl-C does."""

    def logits(self, codes):
        if self.seen > 20:
            raise KeyboardInterrupt
        return super().logits(codes)


@pytest.mark.parametrize("suffix", ["tsv", "tsv.gz", "vcf", "vcf.gz", "h5", "parquet"])
def test_an_interrupted_run_leaves_what_was_there(tmp_path, genome, write_vcf, suffix):
    vcf = write_vcf(
        [("chrA", 100 + i, ".", letters(genome, "chrA", 100 + i), "N", ".", ".", ".") for i in range(50)]
    )
    out = tmp_path / f"s.{suffix}"
    out.write_text("older result")
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        score_variants(Interrupted(), vcf, genome, out, batch_size=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert out.read_text() == "older result"


def test_arguments_are_checked_before_any_work(tmp_path, network, genome, write_vcf):
    vcf = write_vcf([])
    for options, message in (
        ({"out": "s.txt"}, "suffix, one of .tsv"),
        ({"scores": ["dif"]}, "Did you mean 'diff'"),
        ({"ref_mismatch": "fix"}, "must be one of error, skip, flip, force"),
        ({"anchor": 40}, "0 to 39. Received: 40"),
        ({"batch_size": 0}, "batch_size"),
        ({"targets": ["TT0"]}, "Did you mean 'T0'"),
        ({"out": "in.vcf"}, "must be three files"),
    ):
        arguments = {"out": "s.tsv", **options}
        with pytest.raises(InputError, match=message):
            score_variants(network, vcf, genome, tmp_path / arguments.pop("out"), **arguments)
    (tmp_path / "s.tsv").write_text("precious")
    with pytest.raises(InputError, match="exists"):
        score_variants(network, vcf, genome, tmp_path / "s.tsv", overwrite=False)
    assert (tmp_path / "s.tsv").read_text() == "precious"


def test_a_network_that_returns_nan_is_refused(tmp_path, network, genome, write_vcf, mixed):
    network.weights[:] = np.nan
    with pytest.raises(InputError, match="not finite"):
        score_variants(network, write_vcf(mixed[0]), genome, tmp_path / "s.tsv")
    assert not (tmp_path / "s.tsv").exists()


def test_a_header_of_another_assembly_is_noted(tmp_path, network, genome, write_vcf):
    vcf = write_vcf(
        [("chrA", 100, ".", letters(genome, "chrA", 100), "N", ".", ".", ".")],
        header=HEADER.replace("3000", "2999"),
    )
    assert (
        "gives chrA 2,999 bases, the genome's chrA has 3,000"
        in score_variants(network, vcf, genome, tmp_path / "s.h5").text()
    )


@pytest.mark.skipif(not DATA, reason="needs the real data: set SEQDL_DATA")
def test_all_1000_genomes_sites_of_the_slice_are_accounted_for(tmp_path):
    folder = Path(DATA) / "human_chr22"
    vcf = next(folder.glob("1000G_phase3_*.vcf.gz"))
    genome = Genome(folder / "hg19_chr22_1_22M.fa.gz", cache=tmp_path)
    network = LinearNetwork(window=100, targets=2)
    summary = score_variants(network, vcf, genome, tmp_path / "s.vcf.gz", scores="all")
    assert summary.records == 2185
    assert summary.scored + sum(summary.rejected.values()) == summary.alleles >= 2185
    assert summary.mismatches == 0
    with pysam.VariantFile(str(tmp_path / "s.vcf.gz")) as file:
        out = [(r.chrom, r.pos, r.ref, r.alts, "SEQDL_DIFF" in r.info) for r in file]
    given = [
        (c, p, r, a)
        for chunk in read_vcf(vcf)
        for c, p, r, a in zip(chunk.chroms, chunk.pos, chunk.refs, chunk.alts)
    ]
    assert [(c, p, r, a) for c, p, r, alts, _ in out for a in alts] == given
    assert sum(scored for *_, scored in out) == summary.scored
