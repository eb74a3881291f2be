"""A whole evaluation: numbers equal scikit-learn's, nothing is dropped in silence, what does not fit is refused."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.evaluation.curves import GRID, category_curves, roc_and_pr
from seqdl.evaluation.evaluate import check_match, evaluate
from seqdl.evaluation.outputs import read_predictions
from seqdl.evaluation.summary import Scored, compare, group_targets, score_model
from seqdl.training.run import Run
from tests.toy import toy_run

OPTIONS = {"bootstrap": 40, "block": 4, "kmer_length": 5, "baselines": ("gc_length", "kmer")}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return toy_run(tmp_path_factory.mktemp("evaluate"), epochs=1)


@pytest.fixture(scope="module")
def result(trained):
    return evaluate(*trained, **OPTIONS)


def test_numbers_are_scikit_learns_on_the_predictions_written(trained, result):
    run, data = trained
    models, labels, targets = read_predictions(run.path / "predictions.h5")
    assert list(models) == ["gc_length", "kmer", "network"] and targets == run.target_names
    dataset = Dataset.open(data)
    np.testing.assert_array_equal(labels, dataset.labels(dataset.indices("test")))
    for row in result.targets.itertuples():
        y, p = labels[:, targets.index(row.target)], models[row.model][:, targets.index(row.target)]
        assert row.auroc == pytest.approx(roc_auc_score(y, p))
        assert row.auprc == pytest.approx(average_precision_score(y, p))
        assert row.auroc_lo <= row.auroc <= row.auroc_hi
        assert row.positives == y.sum() and row.positives + row.negatives == len(y)


def test_files_hold_what_is_returned(trained, result):
    folder = trained[0].path
    assert all(path.is_file() for path in result.files)
    assert result.metrics == json.loads((folder / "metrics.json").read_text()) == trained[0].metrics()
    told = json.loads((folder / "card.json").read_text())["metrics"]
    assert (
        told["test"]["median_auroc"] == result.metrics["models"][0]["median_auroc"] and "validation" in told
    )
    for name, table in (
        ("metrics", result.targets),
        ("calibration", result.calibration),
        ("curves", result.curves),
    ):
        found = pd.read_csv(
            folder / f"{name}.tsv", sep="\t", comment="#", keep_default_na=False, na_values=["nan"]
        )
        pd.testing.assert_frame_equal(found, table, check_dtype=False, rtol=1e-4)
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {"curves.png", "curves.svg", "calibration.png", "calibration.svg"}
    assert not [path for path in folder.rglob("*.part*")]


def test_metrics_hold_the_contract(result):
    metrics = result.metrics
    assert (metrics["format"], metrics["version"], metrics["split"]) == ("seqdl-metrics", 2, "test")
    assert metrics["task"] == "binary"
    assert metrics["n_windows"] == 200 and metrics["targets_scored"] == 2 and metrics["random_split"] is False
    assert [model["name"] for model in metrics["models"]] == ["network", "gc_length", "kmer"]
    for model in metrics["models"]:
        low, high = model["median_auprc_ci"]
        assert low <= model["median_auprc"] <= high
        assert model["by_category"]["TF"]["median_auroc"] == model["median_auroc"]
        assert 0 <= model["ece"] <= model["ece_macro"] <= 1
    kmer = next(entry for entry in metrics["comparisons"] if entry["baseline"] == "kmer")
    assert kmer["metric"] == "auprc" and kmer["of"] == 2 and 0 < kmer["p"] <= 1


def test_seed_repeats_the_result(trained, result, tmp_path):
    again = evaluate(*trained, out=tmp_path, **OPTIONS)
    assert again.metrics == result.metrics
    assert again.files[-1] == tmp_path / "metrics.json"


def test_other_split_does_not_overwrite_the_test_numbers(trained, result):
    run, data = trained
    before = (run.path / "metrics.json").read_bytes()
    found = evaluate(run, data, split="valid", baselines=(), bootstrap=0)
    assert found.metrics["split"] == "valid" and found.metrics["models"][0]["median_auroc_ci"] is None
    assert (run.path / "metrics.json").read_bytes() == before
    assert (run.path / "evaluation_valid" / "metrics.json").is_file()


def changed(data, path, **attributes):
    """Copy a dataset with other attributes."""
    path.write_bytes(data.read_bytes())
    with h5py.File(path, "a") as f:
        f.attrs.update(attributes)
    return path


def test_random_split_is_stamped_on_everything(trained, tmp_path):
    run, data = trained
    leaky = changed(data, tmp_path / "leaky.h5", split_kind="random", random_split=True)
    found = evaluate(run, leaky, out=tmp_path, baselines=(), bootstrap=0)
    assert found.metrics["random_split"] is True
    for name in ("metrics.tsv", "calibration.tsv", "curves.tsv"):
        assert (tmp_path / name).read_text().startswith("# RANDOM SPLIT: leaks")
    assert h5py.File(tmp_path / "predictions.h5").attrs["random_split"]
    assert any("not the dataset file" in note for note in found.metrics["notes"])


def test_targets_that_cannot_be_scored_are_listed_and_kept(trained, tmp_path):
    run, data = trained
    path = changed(data, tmp_path / "rare.h5")
    dataset = Dataset.open(data)
    labels = dataset.labels()
    labels[dataset.indices("test"), 0] = 0
    labels[dataset.indices("test")[:3], 1] = 1
    labels[dataset.indices("test")[3:], 1] = 0
    with h5py.File(path, "a") as f:
        f["labels"][:] = np.packbits(labels, axis=1)
    found = evaluate(run, path, out=tmp_path, **{**OPTIONS, "baselines": ()})
    assert found.metrics["targets_without_positives"] == ["alpha"]
    assert found.metrics["targets_below_min_positives"] == ["beta"]
    assert found.metrics["targets_scored"] == 0 and found.metrics["models"][0]["median_auprc"] is None
    assert len(found.targets) == 2 and found.targets["auroc"].isna().tolist() == [True, False]
    with h5py.File(path, "a") as f:
        f["labels"][:] = 0
    with pytest.raises(InputError, match="carries any target"):
        evaluate(run, path, out=tmp_path)


def test_a_dataset_that_is_not_the_runs_is_refused(trained, tmp_path):
    run, data = trained
    with pytest.raises(InputError, match="window of 200 bp.*300 bp.*--window 200"):
        evaluate(run, changed(data, tmp_path / "w.h5", window=300))
    other = changed(data, tmp_path / "t.h5")
    with h5py.File(other, "a") as f:
        f["targets/name"][1] = "gamma"
    with pytest.raises(InputError, match="first: 'beta'.*first: 'gamma'"):
        evaluate(run, other)
    with h5py.File(other, "a") as f:
        f["targets/name"][0], f["targets/name"][1] = "beta", "alpha"
    with pytest.raises(InputError, match="another order"):
        check_match(Run.open(run.path), Dataset.open(other))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"baselines": ["kmers"]}, "Did you mean 'kmer'"),
        ({"bootstrap": -1}, "bootstrap"),
        ({"confidence": 95}, "confidence"),
        ({"min_positives": 0}, "min_positives"),
        ({"block": 0}, "block"),
        ({"split": "tset"}, "split"),
    ],
)
def test_bad_options_are_named(trained, options, words):
    with pytest.raises(InputError, match=words):
        evaluate(*trained, **options)


def test_paired_comparison_sees_a_small_but_steady_gain():
    rng = np.random.default_rng(0)
    labels = (rng.random((2000, 6)) < 0.1).astype(np.uint8)
    noise = rng.normal(size=labels.shape)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    from seqdl.evaluation.metrics import bootstrap_weights

    weights = bootstrap_weights(200, 200)
    score = lambda name, gain: score_model(  # noqa: E731
        name, name, labels, sigmoid(noise + gain * labels).astype(np.float32), np.arange(2000) // 10, weights
    )
    network, weaker = score("network", 1.3), score("weaker", 1.2)
    groups = group_targets(labels, list("abcdef"), 10)
    first = compare(network, weaker, groups, 0.95)[0]
    assert first["better"] == first["of"] == 6 and first["p"] < 0.02 and first["median_difference_ci"][0] > 0
    same = compare(network, Scored("copy", *network[1:]), groups, 0.95)[0]
    assert same["better"] == 0 and same["p"] == 1 and same["median_difference"] == 0


def test_curves_enclose_the_areas():
    rng = np.random.default_rng(1)
    labels = (rng.random((3000, 5)) < 0.2).astype(np.uint8)
    scores = np.round(rng.normal(size=labels.shape) + labels, 1)  # ties
    for t in range(5):
        tpr, precision = roc_and_pr(labels[:, t].astype(bool), scores[:, t])
        assert np.trapezoid(tpr, GRID) == pytest.approx(roc_auc_score(labels[:, t], scores[:, t]), abs=0.005)
        assert precision.mean() == pytest.approx(
            average_precision_score(labels[:, t], scores[:, t]), abs=0.02
        )
        assert (
            (np.diff(tpr) >= 0).all()
            and tpr[-1] == 1
            and precision[-1] == pytest.approx(labels[:, t].mean(), abs=0.01)
        )
    table = category_curves(
        labels, {"network": scores}, ["a", "a", "b", "", "b"], np.array([1, 1, 1, 1, 0], bool)
    )
    sizes = table.drop_duplicates("category").set_index("category")["n_targets"]
    assert sizes.to_dict() == {"all": 4, "a": 2, "b": 1}
