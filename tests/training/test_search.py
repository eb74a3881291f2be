"""Search: the space is checked by name, a resume changes nothing, the test split is never read."""

import builtins
import json

import numpy as np
import pandas as pd
import pytest

from seqdl import Dataset, InputError, MissingDependencyError, Run, search
from seqdl.cli.main import main
from seqdl.training.config import TrainingConfig
from seqdl.training.search_space import apply_values, default_space, read_space
from tests.toy import TINY
from tests.toy_folds import folds_dataset

pytest.importorskip("optuna")
CHOICES = {
    "epochs": 2,
    "batch_size": 32,
    "max_shift": 5,
    "overrides": TINY,
    "patience": 0,
    "model": "deepsea",
}
SPACE = {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "dense_units": [4, 8]}
CONFIG = TrainingConfig(model="deepsea", preset="small")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    return folder, folds_dataset(folder)


@pytest.fixture(scope="module")
def searched(toy):
    folder, data = toy
    return folder / "search", search(data, folder / "search", trials=3, space=SPACE, **CHOICES)


def pretend(monkeypatch, values=None, fails=()):
    """Put a quick stand-in for training in place, whose loss is least at a learning rate of 1e-3."""
    from seqdl.training import fit as module

    seen = []

    def fit(data, out, config, *, overwrite, on_epoch):
        seen.append(config)
        if len(seen) - 1 in fails:
            raise InputError("the window is too short")
        out.mkdir(parents=True)
        value = abs(np.log10(config.learning_rate) + 3) if values is None else values[len(seen) - 1]
        for epoch in range(config.epochs):
            on_epoch(epoch, {"loss": 1.0, "val_loss": value + 1 / (epoch + 1)})
        (out / "config.json").write_text(json.dumps(config.to_dict()))
        (out / "model.keras").write_text("x")

        class Finished:
            card = {"training": {"best_value": value + 1 / config.epochs, "best_epoch": config.epochs}}

        return Finished()

    monkeypatch.setattr(module, "fit", fit)
    monkeypatch.setattr(Run, "open", classmethod(lambda cls, path: path))
    return seen


def test_the_best_trial_is_a_run_and_its_choices_are_written(toy, searched):
    out, found = searched
    assert list(found.table["state"]) == ["finished"] * 3
    assert found.value == found.table["value"].min() == found.run.card["training"]["best_value"]
    kept = [path.parent.name for path in out.glob("trials/*/model.keras")]
    assert kept == [f"{found.table['trial'][found.table['value'].idxmin()]:04d}"]
    best = found.table.loc[found.table["value"].idxmin()]
    assert found.config.learning_rate == best["learning_rate"]
    assert found.config.overrides["dense_units"] == json.loads(best["dense_units"])
    assert TrainingConfig.from_file(out / "config.json") == found.config
    table = pd.read_csv(out / "trials.tsv", sep="\t")
    assert list(table.columns)[-3:] == ["learning_rate", "dense_units", "reason"]
    assert (out / "search.svg").read_text().startswith("<?xml")
    plan = json.loads((out / "search.json").read_text())
    assert plan["best"]["run"] == f"trials/{kept[0]}" and plan["trials"]["finished"] == 3


def test_the_test_split_is_never_read(toy, tmp_path, monkeypatch):
    _, data = toy
    asked = []
    real = Dataset.codes

    def codes(self, indices, shift=None):
        asked.append(np.asarray(indices))
        return real(self, indices, shift)

    monkeypatch.setattr(Dataset, "codes", codes)
    search(data, tmp_path / "s", trials=1, space=SPACE, **{**CHOICES, "epochs": 1})
    read = np.unique(np.concatenate(asked))
    split = Dataset.open(data).split
    assert (split[read] != 2).all() and set(split[read]) == {0, 1}


def test_a_resumed_search_draws_what_an_unbroken_one_draws(toy, tmp_path, monkeypatch):
    _, data = toy
    pretend(monkeypatch)
    whole = search(data, tmp_path / "whole", trials=12, space=SPACE, pruner="none", **CHOICES)
    search(data, tmp_path / "parts", trials=5, space=SPACE, pruner="none", **CHOICES)
    from seqdl.training import fit as module

    ours = module.fit

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "fit", killed)
    with pytest.raises(KeyboardInterrupt):
        search(data, tmp_path / "parts", trials=12, space=SPACE, pruner="none", resume=True, **CHOICES)
    monkeypatch.setattr(module, "fit", ours)
    with open(tmp_path / "parts" / "trials.journal", "a") as journal:
        journal.write('{"op_code": 8, "work')  # as a power cut leaves it
    parts = search(data, tmp_path / "parts", trials=12, space=SPACE, pruner="none", resume=True, **CHOICES)
    assert len(parts.table) == 12
    columns = ["value", "learning_rate", "dense_units", "state"]
    pd.testing.assert_frame_equal(parts.table[columns], whole.table[columns])
    assert whole.table["learning_rate"].nunique() == 12  # and no two trials draw the same
    shares = json.loads((tmp_path / "whole" / "search.json").read_text())["importances"]
    assert sum(shares.values()) == pytest.approx(1, abs=0.01) and shares["learning_rate"] > 0.5


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_hopeless_trials_are_pruned(toy, tmp_path, monkeypatch, pruner):
    _, data = toy
    pretend(monkeypatch, values=[1, 1.1, 1.2, 1.3, 1.1, 1.2, *[9] * 6])
    found = search(data, tmp_path / "s", trials=12, space=SPACE, pruner=pruner, **{**CHOICES, "epochs": 9})
    late = found.table[6:]
    assert (late["state"] == "pruned").any() and late.loc[late["state"] == "pruned", "value"].isna().all()
    assert (late.loc[late["state"] == "pruned", "epochs_run"] < 9).all()
    assert found.table["value"].idxmin() == 0 and (found.table["reason"] == "pruned").any()


def test_failed_trials_are_told_and_do_not_end_the_search(toy, tmp_path, monkeypatch):
    _, data = toy
    pretend(monkeypatch, fails=(1,))
    found = search(data, tmp_path / "s", trials=3, space=SPACE, **CHOICES)
    assert list(found.table["state"]) == ["finished", "failed", "finished"]
    assert found.table["reason"][1] == "the window is too short"
    pretend(monkeypatch, fails=range(9))
    with pytest.raises(InputError, match=r"first 3 trials failed.*window is too short"):
        search(data, tmp_path / "f", trials=9, space=SPACE, **CHOICES)
    with pytest.raises(InputError, match=r"Every trial.*failed.*window is too short.*--overwrite"):
        search(data, tmp_path / "g", trials=2, space=SPACE, **CHOICES)


def test_a_damaged_record_is_named(toy, tmp_path, monkeypatch):
    _, data = toy
    pretend(monkeypatch)
    search(data, tmp_path / "s", trials=1, space=SPACE, **CHOICES)
    (tmp_path / "s" / "trials.journal").write_text("garbage\n")
    with pytest.raises(InputError, match=r"trials.journal:1: the record of trials is damaged.*--overwrite"):
        search(data, tmp_path / "s", trials=2, space=SPACE, resume=True, **CHOICES)


def test_time_is_kept(toy, tmp_path, monkeypatch):
    _, data = toy
    pretend(monkeypatch)
    with pytest.raises(InputError, match="No trial"):
        search(data, tmp_path / "s", trials=3, space=SPACE, timeout=1e-6, **CHOICES)
    with pytest.raises(InputError, match="No trial"):  # not even one that was begun
        search(data, tmp_path / "t", trials=3, space=SPACE, timeout=1e-12, **CHOICES)
    found = search(data, tmp_path / "s", trials=2, space=SPACE, resume=True, **CHOICES)
    assert (found.table["state"] == "finished").any()


def test_two_searches_are_not_mixed(toy, searched):
    _, data = toy
    out, _ = searched
    with pytest.raises(InputError, match="--resume"):
        search(data, out, space=SPACE, **CHOICES)
    with pytest.raises(InputError, match="another space"):
        search(data, out, space={"learning_rate": [1e-3, 1e-2]}, resume=True, **CHOICES)
    with pytest.raises(InputError, match="epochs: 5, was 2"):
        search(data, out, space=SPACE, resume=True, **{**CHOICES, "epochs": 5})


def test_the_default_space_fits_the_network(toy):
    data = Dataset.open(toy[1])
    names = [parameter.name for parameter in default_space(CONFIG, data)]
    assert names == ["learning_rate", "batch_size", "weight_decay", "dropout", "overrides.filters"]
    space = {parameter.name: parameter for parameter in default_space(CONFIG, data)}
    assert all(size <= 450 for size in space["batch_size"].choices)
    assert space["overrides.filters"].choices[0] == [32, 48, 64]
    for parameter in space.values():
        for value in parameter.ends():
            apply_values(CONFIG, {parameter.name: value})
    sgd = [
        p.name for p in default_space(TrainingConfig(model="deepsea", preset="small", optimizer="sgd"), data)
    ]
    assert "weight_decay" not in sgd and "l2" in sgd


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({}, "JSON object of names"), ([], "JSON object of names"),
        ({"learning_rat": [1, 2]}, "'learning_rat' is neither.*Did you mean 'learning_rate'"),
        ({"overrides.filter": [1, 2]}, "Did you mean 'filters'"),
        ({"epochs": [1, 2]}, "cannot be searched.*--epochs"),
        ({"seed": [1, 2]}, "cannot be searched"),
        ({"monitor": ["val_loss", "val_auprc"]}, "different numbers"),
        ({"loss": ["bce", "focal"]}, "changes what the validation loss measures"),
        ({"overrides": [{}, {}]}, "one by one"),
        ({"batch_size": 32}, r"must be \{\"low\""),
        ({"batch_size": [32]}, "two or more different"), ({"batch_size": [32, 32]}, "two or more different"),
        ({"batch_size": [32, -1]}, "`batch_size` must be"),
        ({"learning_rate": {"low": 1}}, r"must be \{\"low\""),
        ({"learning_rate": {"low": 1, "high": 0.1}}, "low must be less"),
        ({"learning_rate": {"low": 0, "high": 0.1, "log": True}}, "begins above 0"),
        ({"learning_rate": {"low": 0.1, "high": 0.2, "logg": True}}, "Did you mean 'log'"),
        ({"learning_rate": {"low": "a", "high": 0.2}}, "are numbers"),
        ({"momentum": {"low": 0.1, "high": 0.9, "step": 2}}, "step must be"),
        ({"momentum": {"low": 0.1, "high": 1.5}}, "`momentum`"),
        ({"dropout": {"low": 0.0, "high": 2.0}}, "`dropout`"),
        ({"preset": ["small", "published"], "filters": [[1], [2]]}, "Search the network first"),
        ({"dense_units": [1, 2], "overrides.dense_units": [3, 4]}, "twice"),
    ],
)  # fmt: skip
def test_spaces_that_make_no_sense_are_refused_by_name(space, words):
    with pytest.raises(InputError, match=words):
        read_space(space, CONFIG)


def test_a_space_file(tmp_path):
    path = tmp_path / "space.json"
    path.write_text(json.dumps({**SPACE, "weight_decay": {"low": 0, "high": 0.5, "step": 0.1}}))
    space = read_space(path, CONFIG)
    assert [parameter.label for parameter in space] == ["learning_rate", "dense_units", "weight_decay"]
    assert space[2].to_json() == {"low": 0.0, "high": 0.5, "step": 0.1}
    assert read_space({p.name: p.to_json() for p in space}, CONFIG) == space
    path.write_text("{")
    with pytest.raises(InputError, match="space.json is not JSON"):
        read_space(path, CONFIG)
    changed = apply_values(CONFIG, {"overrides.dense_units": 4, "learning_rate": 0.5})
    assert (changed.overrides, changed.learning_rate) == ({"dense_units": 4}, 0.5)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"trials": 0}, "`trials`"), ({"timeout": -1}, "`timeout`"),
        ({"pruner": "medan"}, "Did you mean 'median'"),
        ({"epoch": 3}, "Did you mean 'epochs'"),
    ],
)  # fmt: skip
def test_bad_arguments(toy, tmp_path, choices, words):
    with pytest.raises(InputError, match=words):
        search(toy[1], tmp_path / "s", **choices)
    assert not (tmp_path / "s").exists()


def test_without_optuna(toy, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "optuna":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"pip install 'seqdl\[tune\]'"):
        search(toy[1], tmp_path / "s")


def test_the_command(toy, tmp_path, monkeypatch, capsys):
    _, data = toy
    pretend(monkeypatch)
    (tmp_path / "space.json").write_text(json.dumps(SPACE))
    argv = ["tune", "--data", str(data), "--out", str(tmp_path / "s"), "--trials", "2", "--epochs", "3"]
    assert main([*argv, "--space", str(tmp_path / "space.json"), "--model", "deepsea"]) == 0
    told = capsys.readouterr()
    assert "trials: 2 finished" in told.out and f"--config {tmp_path / 's' / 'config.json'}" in told.out
    assert "Trial 2 of 2" in told.err
    assert json.loads((tmp_path / "s" / "config.json").read_text())["epochs"] == 3
