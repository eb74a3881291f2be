"""Background and calibration of a real run beside its scores, through the whole command."""

import numpy as np
import pytest
from variant_cases import letters, other

from seqdl.genome import Genome
from seqdl.uncertainty.calibrate import calibrate
from seqdl.uncertainty.calibration import Calibration
from seqdl.variants.files.reading import read_scores
from seqdl.variants.score import score_variants

HEAD = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def write_snvs(path, genome, contig, positions):
    rows = [(letters(genome, contig, pos), pos) for pos in positions]
    path.write_text(HEAD + "".join(f"{contig}\t{p}\t.\t{r}\t{other(r)}\t.\t.\t.\n" for r, p in rows))
    return path


@pytest.mark.slow
def test_calibrated_columns_are_those_of_the_predictions(tmp_path):
    from tests.toy import toy_run

    run, data = toy_run(tmp_path, epochs=1)
    calibrate(run, data)
    genome = Genome(tmp_path / "toy.fa")
    vcf = write_snvs(tmp_path / "v.vcf", genome, "chrC", range(500, 900, 7))
    score_variants(run, vcf, genome, tmp_path / "s.h5", scores="all", spread=["dropout"], draws=3)
    table = read_scores(tmp_path / "s.h5")
    found = Calibration.open(run.path, run.path / "model.keras")
    for allele in ("ref", "alt"):
        p = table.scores[allele].astype(np.float64)
        expected = found.probabilities(np.log(p) - np.log1p(-p))
        np.testing.assert_allclose(table.scores[f"{allele}_calibrated"], expected, rtol=1e-4, atol=1e-6)
    windows = genome.gather(np.full(len(table.variants), 2), table.variants["pos"].to_numpy() - 1 - 100, 200)
    for row, alt in enumerate(table.variants["alt"]):
        windows[row, 100] = "ACGT".index(alt)
    distance, unlike = found.unlike(windows)
    np.testing.assert_allclose(table.variants["unlike"], distance, rtol=1e-4)
    assert [("UNLIKE_TRAINING" in flag) for flag in table.variants["flag"]] == unlike.tolist()
    assert (table.scores["diff_sd_dropout"] > 0).any()
    score_variants(run, vcf, genome, tmp_path / "plain.h5", calibration="none", scores="all")
    plain = read_scores(tmp_path / "plain.h5")
    assert "ref_calibrated" not in plain.scores and "unlike" not in plain.variants
    np.testing.assert_array_equal(plain.scores["diff"], table.scores["diff"])


def test_coverage_runs_have_intervals_of_their_totals(tmp_path):
    from tests.toy_coverage_run import toy_coverage_run

    run, data = toy_coverage_run(tmp_path)
    calibrate(run, data)
    contig = "chrA"
    genome = Genome(next(p for p in tmp_path.iterdir() if p.suffix == ".fa"))
    vcf = write_snvs(tmp_path / "v.vcf", genome, contig, range(3000, 3400, 20))
    score_variants(run, vcf, genome, tmp_path / "s.tsv", scores="all")
    table = read_scores(tmp_path / "s.tsv")
    total = np.log2(1 + table.scores["alt"].astype(np.float64))
    assert (table.scores["alt_low"] <= total).all() and (total <= table.scores["alt_high"]).all()
    assert (table.scores["alt_high"] > table.scores["alt_low"]).any()
    np.testing.assert_allclose(
        table.scores["SAD"], table.scores["alt"] - table.scores["ref"], rtol=1e-3, atol=1e-3
    )
