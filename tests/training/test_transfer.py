"""Transfer: what is taken over, what is frozen, and that it is written down and resumable."""

import shutil

import h5py
import numpy as np
import pytest

from seqdl import Dataset, InputError, Run, fit
from seqdl.files import sha256
from seqdl.training.config import TrainingConfig
from seqdl.training.transfer import seen_before
from tests.toy import TINY, toy_dataset

CHOICES = {"epochs": 2, "batch_size": 32, "max_shift": 5, "patience": 0, "deterministic": True}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    data = toy_dataset(folder)
    return folder, data, fit(data, folder / "source", overrides=TINY, **CHOICES)


@pytest.fixture(scope="module")
def others(toy):
    """The same windows with one target, called gamma."""
    folder, data, _ = toy
    path = folder / "others.h5"
    shutil.copy(data, path)
    with h5py.File(path, "r+") as f:
        labels = np.unpackbits(f["labels"][:], axis=1, count=2)[:, :1]
        del f["labels"]
        f["labels"] = np.packbits(labels, axis=1)
        f["labels"].attrs["n_targets"] = 1
        for name, values in list(f["targets"].items()):
            first = values[:1]
            del f[f"targets/{name}"]
            f[f"targets/{name}"] = [b"gamma"] if name == "name" else first
    return path


def weights_of(run, layer):
    return run.model.get_layer(layer).get_weights()


def equal(one, other, layer):
    return all(
        np.array_equal(a, b) for a, b in zip(weights_of(one, layer), weights_of(other, layer), strict=True)
    )


TRUNK = ("conv1", "conv1_norm", "conv2", "conv2_norm", "dense", "dense_norm")


def test_a_relative_source_is_written_down_for_another_folder(toy, tmp_path, monkeypatch):
    """As the command line gives it: inside the configuration, and relative to where it was typed."""
    folder, data, source = toy
    monkeypatch.chdir(folder)
    choices = {**CHOICES, "epochs": 1}
    first = fit(data, tmp_path / "first", TrainingConfig(from_run="source", freeze="trunk", **choices))
    monkeypatch.chdir(tmp_path)
    config = TrainingConfig.from_file("first/config.json")
    assert config.from_run == str(source.path.resolve())
    again = fit(data, "again", config)
    assert [row["val_loss"] for row in again.history()] == [row["val_loss"] for row in first.history()]


def test_a_start_from_windows_that_are_held_out_here_is_told(toy, others):
    _, data, source = toy
    data, others = Dataset.open(data), Dataset.open(others)
    assert seen_before(source, data) == "" and seen_before(source, others) == ""
    turned = np.array([2, 1, 0], np.uint8)
    for other in (data, others):
        split = other.with_split(turned[other.split], "folds", {"number": 1, "of": 3})
        assert "was trained on" in seen_before(source, split) and "held out here" in seen_before(
            source, split
        )


def test_a_frozen_trunk_keeps_its_weights_and_its_statistics(toy, others):
    folder, _, source = toy
    run = fit(others, folder / "head", from_run=source, freeze="trunk", **CHOICES)
    assert run.target_names == ["gamma"] and run.model.output_shape == (None, 1)
    assert all(equal(run, source, layer) for layer in TRUNK), "BatchNorm's means too"
    assert run.card["training"]["transfer"] == {
        "run": "deepsea small", "path": str(source.path.resolve()),
        "model_sha256": sha256(source.path / "model.keras"),
        "head": "new", "frozen": list(TRUNK),
    }  # fmt: skip
    assert run.card["model"]["overrides"]["filters"] == [8, 8], "the source's architecture"


def test_fine_tuning_starts_where_the_source_ended(toy):
    folder, data, source = toy
    still = {**CHOICES, "epochs": 1, "learning_rate": 1e-12, "optimizer": "sgd"}
    run = fit(data, folder / "same", from_run=str(source.path), **still)
    assert run.card["training"]["transfer"]["head"] == "kept"
    assert run.card["training"]["transfer"]["frozen"] == []
    for layer in ("conv1", "dense", "logits"):
        for mine, theirs in zip(weights_of(run, layer), weights_of(source, layer), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-7)
    tuned = fit(data, folder / "tuned", from_run=source, **CHOICES)
    assert not equal(tuned, source, "conv1")


def test_the_first_layers_alone_can_be_frozen(toy):
    folder, data, source = toy
    run = fit(data, folder / "two", from_run=source, freeze=2, **CHOICES)
    assert run.card["training"]["transfer"]["frozen"] == ["conv1", "conv1_norm"]
    assert (
        equal(run, source, "conv1") and equal(run, source, "conv1_norm") and not equal(run, source, "conv2")
    )


def test_the_command_says_from_and_freeze(toy, others):
    from seqdl.cli.main import main

    folder, _, source = toy
    argv = [
        "train",
        "--data",
        str(others),
        "--out",
        str(folder / "cli"),
        "--from",
        str(source.path),
        "--freeze",
        "trunk",
    ]
    assert main([*argv, "--epochs", "1", "--batch-size", "32", "--quiet"]) == 0
    assert equal(Run.open(folder / "cli"), source, "conv2")


def test_a_transfer_resumes_exactly_and_without_the_source(toy, others, monkeypatch):
    folder, _, source = toy
    from seqdl.training import callbacks

    moved = folder / "moved"
    shutil.copytree(source.path, moved)
    choices = {**CHOICES, "from_run": moved, "freeze": 4}
    whole = fit(others, folder / "whole", **choices)
    real = callbacks.WriteDown.on_epoch_end

    def killed(self, epoch, logs=None):
        real(self, epoch, logs)
        raise KeyboardInterrupt

    monkeypatch.setattr(callbacks.WriteDown, "on_epoch_end", killed)
    with pytest.raises(KeyboardInterrupt):
        fit(others, folder / "cut", **choices)
    monkeypatch.undo()
    shutil.rmtree(moved)
    resumed = fit(others, folder / "cut", resume=True, **choices)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True)
    )
    assert resumed.card["training"]["transfer"] == whole.card["training"]["transfer"]


def test_a_new_dropout_goes_before_the_sources(toy):
    folder, data, source = toy
    run = fit(data, folder / "dropout", from_run=source, dropout=0.3, **{**CHOICES, "epochs": 1})
    assert run.card["model"]["overrides"]["dropouts"] == [0.3, 0.3], "as many as there are layers"


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"model": "danq"}, "`model` is taken from.*'deepsea'.*'danq'"),
        ({"preset": "published"}, "`preset` is taken"),
        ({"overrides": {"dense_units": 9}}, "layer 'dense' has weights"),
        ({"freeze": 99}, "nothing is learnt"),
        ({"from_run": "nowhere"}, "no run at"), ({"freeze": "tronk"}, "Did you mean 'trunk'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(toy, tmp_path, choices, words):
    _, data, source = toy
    with pytest.raises(InputError, match=words):
        fit(data, tmp_path / "run", **{**CHOICES, "from_run": source, **choices})
    assert not (tmp_path / "run").exists()


def test_another_window_is_named(toy, tmp_path):
    _, data, source = toy
    path = tmp_path / "wide.h5"
    shutil.copy(data, path)
    with h5py.File(path, "r+") as f:
        f.attrs["window"] = 250
    with pytest.raises(InputError, match="windows of 200 bases.*has 250.*--window 200"):
        fit(path, tmp_path / "run", from_run=source, **CHOICES)


def test_a_run_never_replaces_the_one_that_it_starts_from(toy):
    _, data, source = toy
    for place in (source, source.path, source.path / "model.keras"):
        with pytest.raises(InputError, match="the same run"):
            fit(data, source.path, **{**CHOICES, "from_run": place}, overwrite=True)
    assert (source.path / "model.keras").exists()
