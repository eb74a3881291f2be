"""Scores on strips are those of whole passes: of every kind of variant, strand, shift and tile."""

import numpy as np
import pytest
from variant_cases import LinearNetwork, letters, other

from seqdl import InputError
from seqdl.genome import Genome
from seqdl.incremental.pairs import PairedForward
from seqdl.prediction.predictor import Predictor
from seqdl.training.run import Run
from seqdl.variants.files.reading import read_scores
from seqdl.variants.score import score_variants

HEAD = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    from tests.toy import toy_run

    folder = tmp_path_factory.mktemp("toy")
    run, _ = toy_run(folder, epochs=1)
    return run, folder / "toy.fa"


def write_mixed(path, fasta, contig="chrC", end=20_000):
    """Write SNVs everywhere, both contig ends among them, MNPs, indels and several ALTs."""
    genome, rows = Genome(fasta), []

    def add(pos, size, alt):
        rows.append((pos, letters(genome, contig, pos, size), alt))

    rng = np.random.default_rng(5)
    for pos in [1, 2, 50, end - 1, end, *sorted(rng.integers(100, end - 100, 40).tolist())]:
        first = letters(genome, contig, pos)
        add(pos, 1, ",".join(base for base in "ACGT" if base != first) if pos % 3 else other(first))
    for pos, size in ((3000, 2), (3500, 3), (4000, 9), (4500, 20)):
        text = letters(genome, contig, pos, size)
        add(pos, size, "".join(other(base) for base in text))
    add(5000, 1, letters(genome, contig, 5000) + "GATTACA")
    add(5100, 5, letters(genome, contig, 5100))
    add(5200, 3, "TTCTT")
    lines = [f"{contig}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n" for pos, ref, alt in sorted(rows)]
    path.write_text(HEAD + "".join(lines))
    return path


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"strand_average": False},
        {"shifts": (0, 3, -2), "spread": ["strands", "shifts"], "strand_average": True},
        {"share_reference": 32},
    ],
    ids=["both strands", "one strand", "shifts", "tiles"],
)
def test_strips_give_the_scores_of_whole_passes(tmp_path, toy, choices):
    run, fasta = toy
    vcf = write_mixed(tmp_path / "v.vcf", fasta)
    for engine in ("full", "incremental"):
        score_variants(run, vcf, fasta, tmp_path / f"{engine}.h5", engine=engine, scores="all", **choices)
    full, strips = (read_scores(tmp_path / f"{engine}.h5") for engine in ("full", "incremental"))
    assert full.variants.drop(columns=["max_ref", "max_alt", "max_abs_diff", "max_target"]).equals(
        strips.variants.drop(columns=["max_ref", "max_alt", "max_abs_diff", "max_target"])
    )
    assert np.abs(full.scores["diff"]).max() > 1e-4
    for name, values in full.scores.items():
        if "_sign_" not in name:  # the sign of what is nearly nothing may be either
            np.testing.assert_allclose(strips.scores[name], values, atol=1e-5, err_msg=name)
    assert dict(strips.meta["settings"])["engine"].startswith("incremental")
    assert "engine" not in dict(full.meta["settings"])


def test_strips_are_taken_by_chunks_that_gain_by_them(tmp_path, toy, monkeypatch):
    """Few variants of a small network pass whole, bit by bit; what is worth it goes on strips, bit by bit."""
    run, fasta = toy
    vcf = write_mixed(tmp_path / "v.vcf", fasta)

    def diffs(engine, **choices):
        score_variants(run, vcf, fasta, tmp_path / "s.h5", engine=engine, **choices)
        found = read_scores(tmp_path / "s.h5")
        return found.scores["diff"], dict(found.meta["settings"]).get("engine", "")

    (full, _), (strips, _) = diffs("full"), diffs("incremental")
    assert (full != strips).any()
    few, said = diffs("auto")
    np.testing.assert_array_equal(few, full)
    assert "where it pays" in said
    monkeypatch.setattr("seqdl.variants.scorer.WORTH", 1.0)
    many, _ = diffs("auto")
    np.testing.assert_array_equal(many, strips)
    with pytest.warns(UserWarning, match="bfloat16"):
        assert diffs("auto", precision="bfloat16")[1] == ""  # strips are for float32 alone


def test_coverage_on_strips(tmp_path):
    from tests.toy_coverage_run import toy_coverage_run

    run, _ = toy_coverage_run(tmp_path)
    fasta = next(path for path in tmp_path.iterdir() if path.suffix == ".fa")
    vcf = write_mixed(tmp_path / "v.vcf", fasta, "chrA", Genome(fasta).lengths["chrA"])
    for engine in ("full", "incremental"):
        score_variants(run, vcf, fasta, tmp_path / f"{engine}.h5", engine=engine, scores="all")
    full, strips = (read_scores(tmp_path / f"{engine}.h5").scores for engine in ("full", "incremental"))
    assert np.abs(full["SAD"]).max() > 1e-3
    for name in ("ref", "alt", "SAD", "D1", "D2", "SAX", "logSAD"):
        np.testing.assert_allclose(strips[name], full[name], rtol=1e-4, atol=1e-3, err_msg=name)


def test_only_what_differs_in_few_bases_goes_on_strips(toy, monkeypatch):
    """Counted in windows that pass whole: the references are computed along with their strips."""
    predictor = Predictor(Run.open(toy[0]), strand_average=False, engine="incremental")
    whole = []
    pairs = predictor._pairs
    monkeypatch.setattr(pairs, "_full", lambda codes: whole.append(len(codes)) or predictor._forward(codes))
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (40, 200)).astype(np.uint8)
    of = np.arange(40)
    codes[20:35], of[20:35] = codes[:15], of[:15]
    codes[np.arange(20, 35), rng.integers(0, 200, 15)] = 4  # an N is a change too
    of[35:] = 0  # these have nothing in common with it
    first = pairs(codes, of)
    del whole[:]  # the check is done
    again = pairs(codes, of)
    np.testing.assert_array_equal(first, again)
    assert sum(whole) == 40 - 15 - 15
    np.testing.assert_allclose(again, predictor._forward(codes), atol=1e-5)
    same = pairs(codes[[0, 0, 1]], np.array([0, 0, 2]))
    np.testing.assert_array_equal(same[0], same[1])


def test_strips_that_are_off_are_said_and_left(toy, monkeypatch, capsys):
    """A check that fails falls back to whole passes, whatever the strips say."""
    predictor = Predictor(Run.open(toy[0]), strand_average=False, engine="incremental")
    honest = PairedForward._on_strips

    def wrong(self, *args):
        for places, outputs in honest(self, *args):
            yield places, outputs + 0.01

    monkeypatch.setattr(PairedForward, "_on_strips", wrong)
    codes = np.random.default_rng(1).integers(0, 4, (2, 200)).astype(np.uint8)
    codes[1] = codes[0]
    codes[1, 90] = (codes[0, 90] + 1) % 4
    found = predictor.logits(codes, np.array([0, 0]))
    np.testing.assert_array_equal(found, predictor.logits(codes))
    assert "passed whole" in capsys.readouterr().err


def test_what_has_no_strips_is_refused(tmp_path, toy, genome, write_vcf):
    run, fasta = toy
    vcf = write_mixed(tmp_path / "v.vcf", fasta)
    with pytest.raises(InputError, match="float32 only"), pytest.warns(UserWarning, match="bfloat16"):
        score_variants(run, vcf, fasta, tmp_path / "s.tsv", engine="incremental", precision="bfloat16")
    with pytest.raises(InputError, match="needs a run folder"):
        score_variants(LinearNetwork(), vcf, fasta, tmp_path / "s.tsv", engine="incremental")
    with pytest.raises(InputError, match="`engine` is one of auto, incremental, full"):
        score_variants(run, vcf, fasta, tmp_path / "s.tsv", engine="fast")
