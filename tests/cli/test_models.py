"""`seqdl models`: the list needs no Keras, the layer table adds up."""

import argparse
import subprocess
import sys

import pytest

from seqdl.cli import models as cli
from seqdl.errors import InputError


def call(*argv):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return cli.run(parser.parse_args(argv))


def test_list_shows_every_preset(capsys):
    assert call("list") == 0
    out = capsys.readouterr().out
    assert "52,843,119" in out
    assert "small" in out


def test_list_loads_no_keras():
    code = (
        "import argparse, sys; from seqdl.cli import models as m; p = argparse.ArgumentParser(); "
        "m.add_arguments(p)\n"
        "m.run(p.parse_args(['list'])); assert not {'keras', 'tensorflow', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_show_prints_paper_deviations_and_layers(capsys):
    assert call("show", "deepsea") == 0
    out = capsys.readouterr().out
    for text in (
        "Zhou J, Troyanskaya OG",
        "Threshold",
        "conv3",
        "53 x 960",
        "total",
        "52,843,119",
        "preset small",
    ):
        assert text in out


def test_show_another_size(capsys):
    assert call("show", "deepsea", "--preset", "small", "--window", "500", "--targets", "7") == 0
    out = capsys.readouterr().out
    assert "500 bp, 7 targets" in out
    assert "probabilities" in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("deepse",), "Did you mean"),
        (("deepsea", "--preset", "smal"), "Did you mean"),
        (("deepsea", "--window", "20"), "at least"),
        (("deepsea", "--targets", "0"), "positive whole number"),
    ],
)
def test_wrong_words_are_met_with_a_sentence(argv, message):
    with pytest.raises(InputError, match=message):
        call("show", *argv)
