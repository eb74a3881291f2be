"""`seqdl marginalize` through the command line: put in, taken out, two at every distance, bad input."""

import numpy as np
import pandas as pd
import pytest

from seqdl.cli.main import main
from seqdl.cli.marginalize import read_distances
from seqdl.encoding import encode, one_hot
from seqdl.interpret.experiments.backgrounds import backgrounds
from seqdl.interpret.experiments.marginalize import marginalize
from seqdl.interpret.experiments.tables import read_table, write_table
from seqdl.io.motifs import Motif, write_motifs
from tests.toy_report import MOTIFS, make_genome, make_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("marginalize")).parent
    _, places = make_genome(folder)
    rows = [f"{chrom}\t{at}\t{at + 12}" for chrom, at, which in places if which == 1]
    (folder / "sites.bed").write_text("\n".join(rows[:12]) + "\n")
    names = ("CTCF", "GATA", "AP-1")
    motifs = [
        Motif(f"M{i}", name, one_hot(encode(word)) * 0.96 + 0.01)
        for i, (name, word) in enumerate(zip(names, MOTIFS, strict=True))
    ]
    write_motifs(folder / "motifs.meme", motifs)
    return folder


def verb(folder, *more):
    return main(["marginalize", "--run", str(folder / "run"), *(str(word) for word in more)])


def test_a_motif_in_shuffled_windows_of_a_dataset(folder, tmp_path, capsys):
    out, picture = tmp_path / "effect.tsv", tmp_path / "effect.png"
    more = ["--data", folder / "ds.h5", "-n", "20", "--seed", "3", "--at", "50"]
    assert verb(folder, "--motif", MOTIFS[1], *more, "--out", out, "--plot", picture) == 0
    table, about = read_table(out)
    codes = backgrounds(folder / "run", 20, data=folder / "ds.h5", seed=3)
    expected = marginalize(folder / "run", MOTIFS[1], codes, at=50).table
    np.testing.assert_allclose(table.effect, expected.effect, rtol=1e-4, atol=1e-5)
    best = table.loc[table.effect.idxmax()]
    assert best.target == "GATA1" and best.low > 2 and about["at"] == [50]
    assert f"Largest effect: {MOTIFS[1]} on GATA1" in capsys.readouterr().out
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_many_motifs_against_all_targets(folder, tmp_path):
    out, picture = tmp_path / "effects.tsv.gz", tmp_path / "effects.svg"
    assert verb(folder, "--motifs", folder / "motifs.meme", "-n", "12", "--out", out, "--plot", picture) == 0
    table = read_table(out)[0]
    assert len(table) == 3 * 6
    own = table[table.target != "DNase"]  # which all motifs raise
    best = own.loc[own.groupby("motif").effect.idxmax()].set_index("motif").target
    assert best["GATA"] == "GATA1" and best["AP-1"] == "AP1" and best["CTCF"].startswith("CTCF")
    assert "<svg" in picture.read_text()
    some = tmp_path / "some.tsv"
    one = ["--names", "ap-1", "--target", "AP1,GATA1", "-n", "5", "--no-sample"]
    assert verb(folder, "--motifs", folder / "motifs.meme", *one, "--out", some, "--plot", picture) == 0
    assert read_table(some)[0].target.tolist() == ["AP1", "GATA1"]


def test_two_motifs_at_every_distance(folder, tmp_path, capsys):
    out, picture = tmp_path / "pair.tsv", tmp_path / "pair.png"
    more = ["--with", "TGACTCA", "--distances", "0-20:10,3", "--orientations=++,--", "--target", "AP1,GATA1"]
    assert verb(folder, "--motif", MOTIFS[1], *more, "-n", "6", "--out", out, "--plot", picture) == 0
    table = read_table(out)[0]
    assert sorted(set(table.distance)) == [0, 3, 10, 20] and set(table.orientation) == {"++", "--"}
    assert "4 distances" in capsys.readouterr().out and picture.exists()
    named = ["--motifs", folder / "motifs.meme", "--names", "GATA", "--with", "AP-1", "--distances", "4"]
    assert verb(folder, *named, "-n", "3", "--out", out) == 0
    assert read_table(out)[1]["second"] == "AP-1"


def test_a_motif_taken_out_of_the_windows_that_hold_it(folder, tmp_path, capsys):
    out, picture = tmp_path / "out.tsv", tmp_path / "out.png"
    source = ["--genome", folder / "genome.fa", "--bed", folder / "sites.bed"]
    more = ["--ablate", "--draws", "2", "--target", "GATA1,AP1"]
    assert verb(folder, "--motif", MOTIFS[1], *more, *source, "--out", out, "--plot", picture) == 0
    table = read_table(out)[0].set_index("target")
    assert table.high["GATA1"] < -2 < table.control["GATA1"] and table.sequences["GATA1"] == 12
    assert "over 12 windows that hold it" in capsys.readouterr().out and picture.exists()


def test_distances_are_read_as_written():
    assert read_distances("5-8") == [5, 6, 7, 8]
    assert read_distances("0-20:10, 3") == [0, 10, 20, 3]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "Give a motif with --motif"),
        (["--motif", "TGAXTCA"], "'X' at index 3"),
        (["--motif", "A" * 201], "201 bases and the window 200"),
        (["--motif", "ACGT", "--target", "GATA2"], "Did you mean 'GATA1'?"),
        (["--motif", "ACGT", "--with", "ACGT", "--distances", "0-300"], "greatest that fits is 192"),
        (["--motif", "ACGT", "--with", "ACGT", "--distances", "9-3"], "written 5-100"),
        (["--motif", "ACGT", "--motif", "CCC", "--with", "ACGT"], "one first motif"),
        (["--motif", "ACGT", "--with", "ACGT", "--ablate"], "not both"),
        (["--motif", "ACGT", "--ablate"], "needs real windows"),
        (["--names", "AP-1"], "give it with --motifs"),
        (["--motif", "ACGT", "--gc", "60"], "is a share"),
        (["--motif", "ACGT", "--plot", "a.gif"], "must end in .png"),
        (["--motif", "ACGT", "--data", "none.h5"], "does not exist"),
    ],
)
def test_bad_input_gets_a_sentence(folder, tmp_path, capsys, more, words):
    assert verb(folder, *more, "-n", "3", "--out", tmp_path / "a.tsv") == 2
    told = capsys.readouterr().err
    assert words in told and "Traceback" not in told
    assert not list(tmp_path.iterdir())


def test_the_table_does_not_replace_an_input(folder, capsys):
    bed = folder / "copy.tsv"
    bed.write_text((folder / "sites.bed").read_text())
    more = ["--motif", "ACGT", "--genome", folder / "genome.fa", "--bed", bed, "--out", bed]
    assert verb(folder, *more) == 2
    assert "one of the inputs" in capsys.readouterr().err


def test_names_come_back_as_they_were_written(tmp_path):
    columns = {"motif": ["NA", "12"], "target": ["null", "7"], "backgrounds": [3, 4], "effect": [1.5, np.nan]}
    write_table(tmp_path / "t.tsv", pd.DataFrame(columns), {"seed": 1})
    table, settings = read_table(tmp_path / "t.tsv")
    assert table.motif.tolist() == ["NA", "12"] and table.target.tolist() == ["null", "7"]
    assert settings == {"seed": 1}
    np.testing.assert_array_equal(table.effect, [1.5, np.nan])
