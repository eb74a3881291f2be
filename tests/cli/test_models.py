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


def test_list_says_what_goes_in_and_comes_out(capsys):
    assert call("list", "--task", "coverage") == 0
    out = capsys.readouterr().out
    assert "131,072 bp, 4,229 targets" in out and "doi:10.1101/gr.227819.117" in out
    assert "Basenji (basenji)\n  input  (window, 4)" in out
    assert "deepsea" not in out
    # Where the paper's size differs from the paper; a single target is one.
    assert "differs: no bias (control) tracks" in out and "1 target " in out


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


def test_show_tells_what_is_trained_and_how_far_a_position_sees(capsys):
    assert call("show", "basset") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "4,140,464 parameters, 4,135,064 of them trained, at 600 bp and 164 targets" in out
    assert (
        "receptive field: 168 bp (a position of the layer 'conv3_pool'); what follows sees the whole" in out
    )
    assert "task binary" in out


def test_show_a_coverage_network(capsys):
    sizes = ("--window", "1024", "--bin", "512", "--resolution", "32")
    assert call("show", "basenji", "--preset", "small", "--targets", "2", *sizes) == 0
    out = capsys.readouterr().out
    assert "1,024 bp (a position of the layer 'coverage')" in out
    assert "16 x 2" in out and "task   coverage" in out
    with pytest.raises(InputError, match="takes no `bin`"):
        call("show", "deepsea", "--bin", "200")


def test_show_says_where_the_reach_is_not_known(capsys, monkeypatch):
    def unknown(model):
        raise InputError("The reach of the layer 'odd' (Odd) is not known.")

    monkeypatch.setattr("seqdl.models.reach.reach_by_layer", unknown)
    assert call("show", "deepbind", "--channels", "7") == 0
    assert "receptive field: not known. The reach of the layer 'odd'" in capsys.readouterr().out


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
