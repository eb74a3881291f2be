"""`seqdl ism` through the command line: files, pictures, and what is said of bad input."""

import pandas as pd
import pytest

from seqdl.cli.main import main
from seqdl.genome import Genome
from seqdl.interpret.mutagenesis.files import read_mutagenesis
from seqdl.interpret.mutagenesis.regions import mutagenesis
from tests.toy_report import make_genome, make_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("ism")).parent
    _, places = make_genome(folder)
    rows = [f"{chrom}\t{at}\t{at + 12}\tsite{i}" for i, (chrom, at, which) in enumerate(places) if which == 1]
    (folder / "sites.bed").write_text("\n".join(rows[:3]) + "\n")
    (folder / "unknown.fa").write_text(">lost\n" + "N" * 200 + "\n")
    return folder


def ism(folder, *more, bed="sites.bed"):
    given = ["--run", folder / "run", "--genome", folder / "genome.fa", "--bed", folder / bed, *more]
    return main(["ism", *(str(word) for word in given)])


def test_files_and_pictures_are_made(folder, tmp_path, capsys):
    out, picture = tmp_path / "ism.h5", tmp_path / "ism.png"
    more = ["--kinds", "all", "--kmer", "5", "--step", "2", "--draws", "2", "--top", "2"]
    assert ism(folder, "--target", "GATA1", "--width", "24", *more, "--out", out, "--plot", picture) == 0
    told = capsys.readouterr().out
    assert "Mutated 24 bases" in told and "3 windows under GATA1" in told and str(picture) in told
    assert picture.read_bytes()[:4] == b"\x89PNG"
    result = read_mutagenesis(out)
    assert result.substitutions.shape == (3, 24, 4, 1) and result.ablations.shape == (3, 10, 1)
    assert result.settings["kmer"] == 5 and result.settings["head"] == "logit"


def test_every_flag_reaches_the_function(folder, tmp_path):
    from seqdl.training.run import Run

    out = tmp_path / "ism.h5"
    more = ["--start", "95", "--end", "99", "--kinds", "deletion,ablation", "--kmer", "3", "--draws", "2",
            "--shuffle", "random", "--seed", "4", "--no-strand-average", "--batch-size", "32"]  # fmt: skip
    assert ism(folder, "--target", "AP1,1", *more, "--out", out) == 0
    found = read_mutagenesis(out)
    expected = mutagenesis(
        Run.open(folder / "run"), genome=Genome(folder / "genome.fa"), bed=folder / "sites.bed",
        target=["AP1", "CTCF_GM"], start=95, end=99, kinds=("deletion", "ablation"), kmer=3, draws=2,
        shuffle="random", seed=4, strand_average=False, batch_size=32,
    )  # fmt: skip
    assert found.substitutions is None and found.targets == ("AP1", "CTCF_GM")
    for name in ("deletions", "ablations", "reference"):
        assert (getattr(found, name) == getattr(expected, name)).all()
    assert found.settings == expected.settings


def test_a_track_for_the_genome_browser(folder, tmp_path):
    pyBigWig = pytest.importorskip("pyBigWig")
    out, track = tmp_path / "ism.tsv", tmp_path / "m.bw"
    assert ism(folder, "--target", "GATA1", "--width", "10", "--out", out, "--bigwig", track) == 0
    with pyBigWig.open(str(track)) as file:
        assert file.header()["nBasesCovered"] == 30 and file.header()["maxVal"] > 0.5


def test_whole_regions_go_straight_to_tracks(folder, tmp_path, capsys):
    pyBigWig = pytest.importorskip("pyBigWig")
    (folder / "loci.bed").write_text("chrI\t100\t400\ta\nchrI\t390\t420\tb\nchrII\t0\t7\tc\n")
    out = ["--out", tmp_path / "m.tsv", "--bigwig", tmp_path / "m.bw"]
    more = ["--target", "GATA1", "--whole-regions", "--track", "score", "--engine", "incremental"]
    assert ism(folder, *more, *out, bed="loci.bed") == 0
    told = capsys.readouterr().out
    assert "Mutated 327 bases of 2 regions once each, in 8 windows, under GATA1" in told
    assert f"{tmp_path / 'm.tsv'}, {tmp_path / 'm.bw'}" in told and "Engine: recomputes 1/" in told
    with pyBigWig.open(str(tmp_path / "m.bw")) as file:
        heights = file.values("chrI", 100, 420)
        assert file.header()["nBasesCovered"] == 327 and min(heights) < 0 < max(heights)
    rows = [line for line in (tmp_path / "m.tsv").read_text().splitlines() if line[0] != "#"]
    assert len(rows) == 3 * 327


def test_dependencies_are_written_and_drawn(folder, tmp_path, capsys):
    out, picture = tmp_path / "pairs.tsv", tmp_path / "pairs.svg"
    more = ["--width", "8", "--dependencies", "--top", "1"]
    assert ism(folder, "--target", "GATA1", *more, "--out", out, "--plot", picture) == 0
    told = capsys.readouterr().out
    assert "every two of 8 bases of 3 windows" in told and "Engine: " in told
    head = sum(line.startswith("##") for line in out.read_text().splitlines())
    assert len(pd.read_csv(out, sep="\t", skiprows=head)) == 3 * 28
    assert "<svg" in picture.read_text()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--width", "201"], "within the sequence, 0 to 200"),
        (["--kinds", "substitution,deletions"], "`kinds` is one of"),
        (["--target", "GATA2"], "Did you mean 'GATA1'?"),
        (["--plot", "a.png"], "--plot shows one target"),
        (["--plot", "a.bmp", "--target", "GATA1"], "must end in .png"),
        (["--bigwig", "a.bw", "--target", "GATA1", "--kinds", "deletion"], "--bigwig) needs regions"),
        (["--bins", "3:5"], "FIRST-LAST"),
        (["--whole-regions", "--width", "20"], "first base to their last"),
        (["--whole-regions", "--dependencies"], "are no track"),
        (["--whole-regions", "--plot", "a.png"], "--plot draws single windows"),
        (["--whole-regions", "--kinds", "all"], "substitutions alone"),
        (["--bigwig", "a.bw"], "one target, and there are 6"),
        (["--kinds", "ablation", "--width", "6"], "at most the window's 6 bases"),
    ],
)
def test_bad_input_gets_a_sentence(folder, tmp_path, capsys, more, words):
    assert ism(folder, *more, "--out", tmp_path / "ism.h5") == 2
    told = capsys.readouterr().err
    assert words in told and "Traceback" not in told
    assert not list(tmp_path.iterdir())


def test_an_output_must_be_named(folder, capsys):
    for more in ([], ["--whole-regions"], ["--dependencies", "--bigwig", "a.bw"]):
        assert ism(folder, *more) == 2
        assert "--out (-o)" in capsys.readouterr().err


def test_an_output_over_an_input_and_an_all_n_sequence_are_refused(folder, tmp_path, capsys):
    assert ism(folder, "--out", folder / "sites.bed") == 2
    assert ".h5, .tsv or .tsv.gz" in capsys.readouterr().err
    given = ["--run", folder / "run", "--fasta", folder / "unknown.fa", "--out", tmp_path / "a.h5"]
    assert main(["ism", *(str(word) for word in given)]) == 2
    assert "lost:0-200 are all N" in capsys.readouterr().err
