"""`seqdl data`: the commands of the README work, speak plainly, and answer with the right exit code."""

import subprocess
import sys

import numpy as np
import pytest

from seqdl.cli.main import main
from seqdl.encoding import decode


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    with open(tmp_path / "g.fa", "w") as handle:
        for name in ("chrI", "chrII", "chrIII"):
            handle.write(f">{name}\n{decode(rng.integers(0, 4, 2000).astype(np.uint8))}\n")
    folder = tmp_path / "peaks"
    folder.mkdir()
    (folder / "A.bed").write_text("chr1\t100\t300\nchr2\t100\t300\nchr3\t100\t300\n")
    return tmp_path


def build(files, *more):
    words = [
        "data",
        "build",
        "--genome",
        str(files / "g.fa"),
        "--peaks",
        str(files / "peaks"),
        "--window",
        "400",
    ]
    return main([*words, "--out", str(files / "ds.h5"), *more])


def test_build_then_inspect(files, capsys):
    assert build(files, "--test-chroms", "chrIII", "--valid-chroms", "chrII") == 0
    out = capsys.readouterr()
    assert "30 windows, 1 target," in out.out
    assert "peaks: chr1 → chrI (roman numerals) for 3 names" in out.err
    table = files / "targets.tsv"
    assert main(["data", "inspect", str(files / "ds.h5"), "--targets-out", str(table)]) == 0
    assert "Split by chromosome" in capsys.readouterr().out
    assert table.read_text().splitlines()[0].split("\t")[-3:] == ["train", "valid", "test"]


def test_quiet_says_nothing_but_the_result(files, capsys):
    assert build(files, "--test-chroms", "chrIII", "--valid-chroms", "chrII", "--quiet") == 0
    out = capsys.readouterr()
    assert out.err == "" and "30 windows" in out.out


@pytest.mark.parametrize(
    "words, message",
    [
        (("--test-chroms", "chrIII", "--valid-chroms", "chrIII"), "two splits"),
        (("--test-chroms", "chrIX", "--valid-chroms", "chrII"), "not in the genome"),
        ((), "Received: none"),
        (("--random-split", "2,3"), "sum to less than 1"),
        (("--alias", "missing.tsv", "--random-split"), "missing.tsv does not exist"),
    ],
)
def test_wrong_input_is_two_with_one_sentence(files, capsys, words, message):
    assert build(files, *words) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert not (files / "ds.h5").exists()


def test_wrong_file_names_file_and_line(files, capsys):
    (files / "peaks" / "B.bed").write_text("chr1\t5\t5\n")
    assert build(files, "--random-split") == 2
    assert "B.bed:1: start < end" in capsys.readouterr().err


def test_inspect_of_something_else(files, capsys):
    assert main(["data", "inspect", str(files / "g.fa")]) == 2
    assert "no HDF5 file" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["build", "inspect", "list", "fetch", "simulate"])
def test_every_verb_has_help(verb, capsys):
    assert main(["data", verb, "--help"]) == 0
    assert "xamples:" in capsys.readouterr().out


def test_help_is_light():
    code = (
        "import sys; from seqdl.cli.main import main; main(['data', 'build', '--help']); "
        "print([m for m in ('tensorflow', 'keras', 'pandas', 'h5py', 'pybedtools') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
