"""`seqdl evaluate`: what it prints, how it ends."""

import numpy as np
import pytest

from seqdl.cli.evaluate import sentences
from seqdl.cli.main import main
from tests.toy import toy_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run, data = toy_run(tmp_path_factory.mktemp("cli_evaluate"), epochs=1)
    return str(run.path), str(data)


def test_prints_a_table_and_what_it_means(trained, capsys):
    run, data = trained
    code = main(
        [
            "evaluate", "--run", run, "--data", data, "--bootstrap", "20", "--block", "4", "--kmer-length", "4",
            "--baselines", "gc_length", "kmer",
        ]
    )  # fmt: skip
    out = capsys.readouterr().out
    assert code == 0
    assert "200 test windows, 2 of 2 targets" in out
    assert "median AUROC [95 %]" in out and "4-mer logistic regression" in out and "GC and length" in out
    assert "The network" in out and "paired bootstrap p" in out
    assert "metrics.json" in out and "RANDOM" not in out


def test_without_baselines_and_resamples(trained, capsys, tmp_path):
    run, data = trained
    arguments = ["evaluate", "--run", run, "--data", data, "--baselines", "none", "--bootstrap", "0"]
    assert main([*arguments, "--min-positives", "1000", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "2 targets with fewer than 1000 positives, not in the medians: alpha, beta." in out
    assert "No target has enough positives" in out


def test_wrong_input_is_one_sentence_and_code_2(trained, capsys, tmp_path):
    run, data = trained
    assert main(["evaluate", "--run", run, "--data", data, "--baselines", "kmers"]) == 2
    assert "Did you mean 'kmer'?" in capsys.readouterr().err
    assert main(["evaluate", "--run", str(tmp_path / "none"), "--data", data]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_sentences_say_so_when_the_network_loses():
    entry = {
        "baseline": "kmer", "metric": "auprc", "better": 3, "of": 9, "clearly_better": 0, "clearly_worse": 4,
        "median_difference": -0.021, "median_difference_ci": [-0.03, -0.01], "p": 0.004,
    }  # fmt: skip
    metrics = {
        "models": [
            {"name": "network", "label": "deepsea", "details": {}},
            {
                "name": "kmer",
                "label": "6-mer",
                "details": {"train_windows": 10, "train_windows_available": 20},
            },
        ],
        "comparisons": [entry],
        "min_positives": 10,
        "targets_without_positives": [f"t{i}" for i in np.arange(12)],
        "targets_without_negatives": [],
        "targets_below_min_positives": ["x"],
        "notes": ["Note."],
    }
    said = sentences(metrics)
    assert "does not beat 6-mer on most targets by AUPRC (only 3 of 9)" in said[0] and "p < 0.01" in said[0]
    assert "12 targets without a positive window" in said[1] and "… (12 in all)" in said[1]
    assert said[2].startswith("1 target with fewer than 10 positives")
    assert "10 of 20 training windows" in said[3] and said[4] == "Note."
