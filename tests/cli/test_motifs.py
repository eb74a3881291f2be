"""`seqdl motifs`: every sub-verb writes what it says, and wrong input is a sentence, not a trace."""

import json
import sys

import numpy as np
import pytest

from seqdl.cli.main import main
from seqdl.encoding import encode
from seqdl.interpret.writers import write_attribution
from seqdl.io.motifs import Motif, read_motifs, write_motifs
from tests.toy_motifs import UP, planted, toy_match, write_toy_patterns
from tests.toy_report import MOTIFS, make_run


def database(path, words):
    """Write known motifs: the words, named TF0, TF1, ..., among random ones."""
    rng = np.random.default_rng(3)
    known = [Motif(f"K{i}", f"TF{i}", np.eye(4)[encode(word)] * 0.92 + 0.02) for i, word in enumerate(words)]
    known += [Motif(f"R{i}", f"R{i}", rng.dirichlet(np.full(4, 0.2), 9)) for i in range(30)]
    write_motifs(path, known)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.mark.slow
def test_filters_are_written_and_named(run, tmp_path, capsys):
    pytest.importorskip("memelite")
    known = database(tmp_path / "known.meme", MOTIFS)
    out = tmp_path / "filters"
    code = main(["motifs", "filters", "--run", str(run), "--data", str(run.parent / "ds.h5"), "--database",
                 str(known), "--out", str(out), "--windows", "500"])  # fmt: skip
    assert code == 0
    said = capsys.readouterr().out
    assert {"TF0", "TF1", "TF2"} <= set(said.split())
    assert {path.name for path in out.iterdir()} == {
        "filters.meme", "filters.tsv", "filters.png", "filters.svg", "matches.tsv", "motifs.json"
    }  # fmt: skip
    summary = json.loads((out / "motifs.json").read_text())
    named = {
        item["match"]["name"] for item in summary["motifs"] if item["match"] and item["match"]["q"] < 0.01
    }
    assert {"TF0", "TF1", "TF2"} <= named and summary["kind"] == "filters"
    assert len(read_motifs(out / "filters.meme")) == len(summary["motifs"])


@pytest.mark.slow
def test_motifs_are_discovered_named_and_resumed(tmp_path, capsys):
    pytest.importorskip("memelite")
    pytest.importorskip("modiscolite")
    attribution, _ = planted(n=300, words=(UP,), signs=(1,), noise=0.05, mutated=0.05)
    write_attribution(tmp_path / "attr.h5", attribution)
    known = database(tmp_path / "known.meme", [UP])
    out = tmp_path / "toy"
    words = ["motifs", "discover", "--attributions", str(tmp_path / "attr.h5"), "--database", str(known),
             "--out", str(out), "--min-seqlets", "50", "--leiden-runs", "2"]  # fmt: skip
    assert main(words) == 0
    said = capsys.readouterr().out
    assert " of toy from " in said and "TF0" in said
    assert {path.name for path in out.iterdir()} == {
        "patterns.h5", "patterns.meme", "patterns.tsv", "patterns.png", "patterns.svg", "seqlets.bed",
        "matches.tsv", "motifs.json",
    }  # fmt: skip
    before = (out / "patterns.h5").stat().st_mtime_ns
    assert main([*words, "--resume"]) == 0
    assert (out / "patterns.h5").stat().st_mtime_ns == before
    assert "they are read, not made again" in capsys.readouterr().err


@pytest.mark.slow
def test_matching_writes_a_table_and_a_picture(tmp_path, capsys):
    pytest.importorskip("memelite")
    known = database(tmp_path / "known.meme", MOTIFS)
    query = tmp_path / "query.meme"
    turned = Motif("q", "q", np.eye(4)[encode(MOTIFS[1])][::-1, ::-1] * 0.8 + 0.05)
    write_motifs(query, [turned])
    out, plot = tmp_path / "matches.tsv", tmp_path / "matches.png"
    code = main(["motifs", "match", "--motifs", str(query), "--database", str(known), "--out", str(out),
                 "--plot", str(plot)])  # fmt: skip
    assert code == 0 and plot.read_bytes().startswith(b"\x89PNG")
    header, first, *_ = (line.split("\t") for line in out.read_text().splitlines())
    row = dict(zip(header, first, strict=True))
    assert (row["query"], row["match_name"], row["strand"]) == ("q", "TF1", "-") and float(row["q"]) < 0.01
    assert (
        main(["motifs", "match", "--motifs", str(query), "--database", str(known), "--out", str(query)]) == 2
    )
    assert "one of the inputs" in capsys.readouterr().err


def test_hits_are_called_with_the_names_of_the_summary(tmp_path, capsys):
    from seqdl.interpret.motifs.folder import match_entry, write_summary

    attribution, truth = planted()
    folder = write_toy_patterns(tmp_path / "p", attribution, truth)
    entries = [{"name": "pos_0", "match": match_entry(toy_match("pos_0"))}, {"name": "neg_0", "match": None}]
    write_summary(folder, "patterns", entries, target="toy")
    write_attribution(tmp_path / "attr.h5", attribution)
    out = tmp_path / "hits.bed"
    words = ["motifs", "hits", "--patterns", str(folder), "--attributions", str(tmp_path / "attr.h5")]
    assert main([*words, "--out", str(out)]) == 0
    assert "REB1 30" in capsys.readouterr().out and len(out.read_text().splitlines()) == len(truth) + 1
    write_attribution(tmp_path / "other.h5", attribution._replace(target="another"))
    before = (folder / "patterns.h5").read_bytes()
    assert main([*words, "--out", str(folder / "patterns.h5")]) == 2
    assert "one of the inputs" in capsys.readouterr().err
    assert (folder / "patterns.h5").read_bytes() == before
    words[-1] = str(tmp_path / "other.h5")
    assert main([*words, "--out", str(out)]) == 2
    assert "both of one target" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["match", "--motifs", "none.meme", "--database", "x", "--out", "m.tsv"], "does not exist"),
        (["match", "--motifs", "x.meme", "--database", "x", "--out", "m.tsv", "--plot", "p.gif"], ".png"),
        (["discover", "--out", "x"], "Give a `run` and regions"),
        (["discover", "--attributions", "a.h5", "--bed", "b.bed", "--out", "x"], "not both"),
        (["hits", "--patterns", "nowhere", "--attributions", "a.h5", "--out", "h.bed"], "does not exist"),
    ],
)  # fmt: skip
def test_wrong_input_is_a_sentence(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert main(["motifs", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("seqdl: error:") and said in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("package", "said"), [("modiscolite", "modisco-lite"), ("memelite", "memelite")])
def test_a_missing_package_is_said_before_any_work(tmp_path, monkeypatch, capsys, package, said):
    pytest.importorskip("modiscolite")
    monkeypatch.setitem(sys.modules, package, None)
    write_attribution(tmp_path / "a.h5", planted(n=4)[0])
    base = ["motifs", "discover", "--attributions", str(tmp_path / "a.h5"), "--out", str(tmp_path / "out")]
    assert main([*base, "--database", str(database(tmp_path / "x.meme", ["TTACCCGTA"]))]) == 2
    error = capsys.readouterr().err
    assert f"needs {said}" in error or f"package {said}" in error
    assert "TF-MoDISco:" not in error and not (tmp_path / "out").exists()


def test_an_unknown_target_or_database_is_said_before_any_work(run, capsys):
    base = ["motifs", "discover", "--run", str(run), "--genome", "g.fa", "--bed", "b.bed"]
    assert main([*base, "--target", "GATA2"]) == 2
    assert "Did you mean 'GATA1'" in capsys.readouterr().err
    assert main([*base, "--target", "GATA1", "--database", "hocomocco"]) == 2
    assert "Did you mean 'hocomoco'" in capsys.readouterr().err
