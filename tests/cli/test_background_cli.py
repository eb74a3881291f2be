"""`seqdl background`: each flag is an argument, and what it makes is what score-variants then uses."""

import argparse
import inspect

import pytest

from seqdl.cli import background as cli
from seqdl.cli.main import main
from seqdl.variants.background import read_background
from seqdl.variants.make_background import make_background
from tests.toy_report import make_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("background")
    make_run(folder)
    return folder


@pytest.fixture
def call(folder):
    def run(*more):
        return main(
            ["background", "--run", str(folder / "run"), "-g", str(folder / "genome.fa"), *map(str, more)]
        )

    return run


def test_a_flag_is_an_argument_with_its_default():
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    flags = {action.dest: action.default for action in parser._actions if action.dest != "help"}
    arguments = {name: one.default for name, one in inspect.signature(make_background).parameters.items()}
    assert set(flags) == set(arguments)
    for name in set(flags) - {"run", "genome"}:
        assert flags[name] == arguments[name], name


def test_a_background_is_made_and_described(folder, call, capsys):
    assert call("--simulated", "--size", "120", "--seed", "4") == 0
    told = capsys.readouterr().out
    assert "120 random substitutions in genome" in told and "CTCF: median" in told
    assert f"background: {folder / 'run' / 'background.h5'}" in told
    assert read_background(folder / "run").n == 120


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--simulated", "--size", "99"], "`size` must be at least 100"),
        (["--vcf", "nowhere.vcf"], "nowhere.vcf does not exist"),
        (["--vcf", "nowhere.vcf", "--min-af", "1.5"], "`min_af` is an allele frequency"),
        (["--simulated", "--bed", "nowhere.bed"], "nowhere.bed does not exist"),
        (["--simulated", "--shuffled"], "not allowed with"),
        (["--simulated", "--shifts", "one"], "whole numbers with commas between"),
        ([], "is required"),
    ],
)
def test_what_cannot_be_is_one_sentence(folder, tmp_path, call, capsys, flags, words):
    assert call(*flags, "--out", tmp_path / "b.h5") == 2
    told = capsys.readouterr().err
    assert words in told and "Traceback" not in told
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced_against_the_users_will(tmp_path, call, capsys):
    out = tmp_path / "b.h5"
    out.write_text("precious")
    assert call("--simulated", "--size", "100", "--out", out, "--no-overwrite") == 2
    assert "`overwrite` is off" in capsys.readouterr().err and out.read_text() == "precious"


def test_regions_and_choices_reach_the_function(folder, tmp_path, call):
    bed, out = tmp_path / "r.bed", tmp_path / "b.h5"
    bed.write_text("chrI\t5000\t5600\n")
    choices = ["--anchor", "90", "--shifts=-1,1", "--no-strand-average", "--size", "100"]
    assert call("--shuffled", "--bed", bed, "--out", out, *choices) == 0
    expected = {"anchor": 90, "shifts": [-1, 1], "strand_average": False, "precision": "float32"}
    assert read_background(out, expected=expected).source.endswith("shuffled windows of genome (r.bed)")
