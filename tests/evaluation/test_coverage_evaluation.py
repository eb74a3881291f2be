"""A whole evaluation of coverage: numbers equal scipy's, in parts of any size; files, words, refusals."""

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import d2_tweedie_score

from seqdl.cli.main import main
from seqdl.cli.show_coverage import coverage_sentences
from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.evaluation.coverage_pictures import EDGES, Scatter
from seqdl.evaluation.evaluate import evaluate
from seqdl.prediction.predictor import Predictor
from seqdl.training.run import Run
from tests.toy_coverage_run import toy_coverage_run

OPTIONS = {"bootstrap": 30, "block": 4, "kmer_length": 3}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    run, data = toy_coverage_run(tmp_path_factory.mktemp("coverage"))
    return run, data


@pytest.fixture(scope="module")
def result(toy):
    return evaluate(*toy, **OPTIONS)


def test_numbers_are_scipys_and_scikit_learns(toy, result):
    data = Dataset.open(toy[1])
    indices = data.indices("test")
    observed = data.values(indices).astype(float)
    predicted = Predictor(Run.open(toy[0])).coverage(data.codes(indices)).astype(float)
    mine = result.targets[result.targets["model"] == "network"].set_index("target")
    for place, name in enumerate(data.target_names):
        known = np.isfinite(observed[..., place])
        y, x = observed[..., place][known], predicted[..., place][known]
        row = mine.loc[name]
        assert row["pearson"] == pytest.approx(pearsonr(x, y).statistic, rel=1e-6)
        assert row["deviance_explained"] == pytest.approx(d2_tweedie_score(y, x, power=1), rel=1e-5)
        assert row["pearson_lo"] <= row["pearson"] <= row["pearson_hi"]
        assert (row["bins"], row["in_medians"]) == (known.sum(), 1)
    assert len(result.targets) == 2 * 4


def test_metrics_hold_the_contract(toy, result):
    metrics = result.metrics
    assert (metrics["format"], metrics["version"], metrics["task"]) == ("seqdl-metrics", 2, "coverage")
    assert (metrics["n_windows"], metrics["n_bins"], metrics["resolution"]) == (128, 8, 32)
    assert [model["name"] for model in metrics["models"]] == ["network", "mean", "gc", "kmer"]
    network, mean, _, kmer = metrics["models"]
    assert network["median_pearson"] > 0.9 > kmer["median_pearson"] > mean["median_pearson"] == 0
    assert network["across_tracks"] is None  # two tracks are too few
    assert network["by_category"]["ATAC"]["n_targets"] == 2
    controls = metrics["controls"]
    assert network["median_jsd"] < controls["jsd_average"] < controls["jsd_shuffled"]
    pairs = {(entry["baseline"], entry["metric"]): entry for entry in metrics["comparisons"]}
    assert len(pairs) == 12
    for metric in ("pearson", "profile_pearson", "deviance_explained", "jsd"):
        assert pairs["kmer", metric]["better"] == pairs["kmer", metric]["clearly_better"] == 2
    assert pairs["kmer", "jsd"]["median_difference"] < 0 < pairs["kmer", "pearson"]["median_difference"]
    assert Run.open(toy[0]).card["metrics"]["test"]["median_pearson"] == network["median_pearson"]


def test_files_hold_what_is_returned(toy, result):
    assert all(path.is_file() for path in result.files)
    assert result.metrics == json.loads((toy[0] / "metrics.json").read_text()) == Run.open(toy[0]).metrics()
    found = pd.read_csv(toy[0] / "metrics.tsv", sep="\t", keep_default_na=False, na_values=["nan"])
    pd.testing.assert_frame_equal(found, result.targets, check_dtype=False, rtol=1e-4)
    assert (result.calibration, result.curves) == (None, None)
    names = {path.name for path in (toy[0] / "figures").iterdir()}
    assert names == {
        f"{name}.{suffix}" for name in ("tracks", "scatter", "examples") for suffix in ("png", "svg")
    }
    scatter = pd.read_csv(toy[0] / "scatter.tsv", sep="\t")
    assert scatter["bins"].sum() == result.targets["bins"][:2].sum()
    examples = pd.read_csv(toy[0] / "examples.tsv", sep="\t")
    assert list(examples.columns[-3:]) == ["observed", "network", "kmer"]
    assert (examples.groupby(["region", "target"])["start"].diff().dropna() == 32).all()
    assert examples["chrom"].unique().tolist() == ["chrC"]


@pytest.mark.parametrize("numbers", [1, 20_000])
def test_parts_of_any_size_give_the_same(toy, result, tmp_path, monkeypatch, numbers):
    monkeypatch.setattr("seqdl.evaluation.coverage_baselines._NUMBERS", numbers)
    again = evaluate(*toy, out=tmp_path, batch_size=16, **OPTIONS)
    columns = ["pearson", "pearson_lo", "deviance", "jsd", "profile_pearson", "jsd_average"]
    np.testing.assert_allclose(again.targets[columns], result.targets[columns], rtol=2e-3, atol=2e-3)


def copied(toy, tmp_path, **attributes):
    path = tmp_path / "other.h5"
    shutil.copy(toy[1], path)
    with h5py.File(path, "a") as f:
        f.attrs.update(attributes)
    return path


def test_unknown_and_silent_tracks_are_listed(toy, tmp_path):
    path = copied(toy, tmp_path)
    with h5py.File(path, "a") as f:
        f["coverage"][:, 1] = np.nan
    found = evaluate(toy[0], path, out=tmp_path / "out", baselines=["mean"], bootstrap=0)
    assert found.metrics["targets_unscored"] == ["beta"]
    assert found.metrics["targets_scored"] == 1
    assert any("not the dataset file" in note for note in found.metrics["notes"])
    assert found.targets["pearson"].isna().tolist() == [False, True] * 2
    with h5py.File(path, "a") as f:
        f["coverage"][:] = np.nan
    with pytest.raises(InputError, match="Not one value"):
        evaluate(toy[0], path, out=tmp_path / "none", baselines=[], bootstrap=0)
    assert not (tmp_path / "none").exists()


def test_negative_values_are_said(toy, tmp_path):
    path = copied(toy, tmp_path)
    with h5py.File(path, "a") as f:
        f["coverage"][-5:, 0] = -2
    found = evaluate(toy[0], path, out=tmp_path / "out", baselines=[], bootstrap=0)
    assert any("values are negative" in note for note in found.metrics["notes"])


def test_random_split_is_stamped(toy, tmp_path):
    path = copied(toy, tmp_path, random_split=True)
    evaluate(toy[0], path, out=tmp_path / "out", baselines=[], bootstrap=0)
    for name in ("metrics.tsv", "scatter.tsv", "examples.tsv"):
        assert (tmp_path / "out" / name).read_text().startswith("# RANDOM SPLIT: leaks")


def test_what_does_not_fit_is_refused(toy, tmp_path):
    with pytest.raises(InputError, match="No baseline of coverage is called 'kmers'. Did you mean 'kmer'"):
        evaluate(*toy, baselines=["kmers"])
    with pytest.raises(InputError, match="resolution of 32 bp.*64 bp"):
        evaluate(toy[0], copied(toy, tmp_path, resolution=64))
    card = json.loads((toy[0] / "card.json").read_text())
    run = tmp_path / "run"
    shutil.copytree(toy[0], run)
    (run / "card.json").write_text(json.dumps({**card, "task": "binary", "resolution": 0}))
    with pytest.raises(InputError, match="predicts binary labels.*holds coverage"):
        evaluate(run, toy[1])
    with pytest.raises(InputError, match="block"):
        evaluate(*toy, block=0)


def test_command_line_says_what_the_numbers_mean(toy, tmp_path, capsys):
    words = ["evaluate", "--run", str(toy[0]), "--data", str(toy[1]), "--out", str(tmp_path)]
    words += ["--bootstrap", "20", "--block", "4", "--kmer-length", "3"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "128 test windows of 8 bins of 32 bp, 2 of 2 tracks measured, both strands averaged" in out
    assert "The network beats 3-mer ridge regression on 2 of 2 tracks by Pearson" in out
    assert "the average training profile reaches" in out and "metrics.json" in out


def test_sentences_say_so_when_the_network_loses(result):
    entry = {
        "baseline": "kmer", "metric": "pearson", "better": 1, "of": 3, "clearly_better": 0,
        "clearly_worse": 1, "median_difference": -0.1, "median_difference_ci": None, "p": None,
    }  # fmt: skip
    metrics = {**result.metrics, "comparisons": [entry], "targets_unscored": ["x"], "notes": ["Note."]}
    said = coverage_sentences(metrics)
    assert said[0] == (
        "The network does not beat 3-mer ridge regression on most tracks by Pearson (only 1 of 3) (median "
        "-0.100)."
    )
    assert "1 track without any known value" in said[-2] and said[-1] == "Note."


def test_scatter_counts_every_known_bin_in_its_cell():
    scatter = Scatter(np.array([2.0, 1.0]), ["a", "b"])
    observed = np.array([[[0.0, 1.0], [np.nan, 3.0]], [[4.0, np.nan], [2e9, 0.001]]])
    scatter.add(observed, np.ones_like(observed))
    table = scatter.table()
    assert table["bins"].sum() == 6
    at = {(row.observed, row.predicted): row.bins for row in table.itertuples()}
    assert at[0.0, 0.5] == 1 and at[1.0, 1.0] == 1 and at[2.0, 0.5] == 1 and at[0.0, 1.0] == 1
    assert at[EDGES[-2], 0.5] == 1
