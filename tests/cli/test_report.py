"""`seqdl report` and `seqdl attribute` as a user types them."""

import pytest

from seqdl.cli.main import main
from tests.toy_report import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("cli"))


def test_report_says_where_the_page_is(run, capsys):
    assert main(["report", "--run", str(run)]) == 0
    assert str(run / "report.html") in capsys.readouterr().out
    assert (run / "report.html").stat().st_size > 10_000


def test_attribute_writes_values_and_a_picture(run, tmp_path, capsys):
    bed = tmp_path / "r.bed"
    bed.write_text("chrI\t300\t420\ta\nchrII\t300\t420\tb\n")
    out, picture = tmp_path / "attr.h5", tmp_path / "logos.png"
    words = ["attribute", "--run", str(run), "--genome", str(run.parent / "genome.fa"), "--bed", str(bed)]
    assert main([*words, "--target", "CTCF", "--out", str(out), "--plot", str(picture)]) == 0
    assert "2 windows of 200 bases" in capsys.readouterr().out
    assert out.exists() and picture.read_bytes()[:4] == b"\x89PNG"
    assert main([*words, "--target", "CTFC", "--out", str(out)]) == 2
    assert "Did you mean 'CTCF'?" in capsys.readouterr().err
    assert main([*words, "--target", "CTCF", "--out", str(out), "--plot", "logos.txt"]) == 2
    assert ".png, .svg or .pdf" in capsys.readouterr().err


def test_help_shows_examples(capsys):
    for verb in ("report", "attribute"):
        assert main([verb, "--help"]) == 0
        assert f"seqdl {verb} --run run/" in capsys.readouterr().out
