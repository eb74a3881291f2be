"""Weights of positives and of windows."""

import numpy as np
import pytest

from seqdl import Dataset, InputError, Run, fit
from seqdl.training.targets import log_odds
from seqdl.training.weights import HIGHEST_WEIGHT, balanced_weights, read_weights
from tests.toy import TINY, toy_dataset

CHOICES = {"epochs": 2, "batch_size": 32, "overrides": TINY, "max_shift": 5, "deterministic": True}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    return folder, toy_dataset(folder)


def test_balanced_weights_make_both_classes_count_alike_within_bounds():
    rates = np.array([0.5, 0.25, 0.1, 1e-4, 0.9])
    found = balanced_weights(rates)
    np.testing.assert_allclose(found, [1, 3, 9, HIGHEST_WEIGHT, 1])
    # A network without features then starts at even odds, where the weight is not cut off.
    np.testing.assert_allclose(log_odds(rates, found)[:3], 0, atol=1e-12)


def test_class_weights_raise_the_predictions(toy):
    folder, data = toy
    means = []
    for weights in ("none", "balanced"):
        run = fit(data, folder / weights, class_weights=weights, **CHOICES)
        x = np.zeros((4, run.window, 4), np.float32)
        means.append(float(np.mean(run.model.predict(x, verbose=0))))
    assert means[1] > means[0] + 0.1


def test_weights_are_read_from_npy_and_text_and_scaled(toy, tmp_path):
    data = Dataset.open(toy[1])
    weights = np.random.default_rng(0).random(data.n)
    np.save(tmp_path / "w.npy", weights)
    (tmp_path / "w.txt").write_text("".join(f"{w!r}\n" for w in weights.tolist()))
    found = [read_weights(w, data) for w in (weights, tmp_path / "w.npy", tmp_path / "w.txt")]
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)
    assert found[0][data.indices("train")].mean() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(found[0] / found[0][0], weights / weights[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\n2\n", "one number a window"), ("1\nx\n", "^[^:]*w.txt, line 2: a weight is one number"),
        ("", "is empty"),
        ("{n}-1\n", "0 or more"), ("{n}nan\n", "0 or more"), ("{zero}0\n", "all training windows are zero"),
    ],
)  # fmt: skip
def test_weights_that_make_no_sense(toy, tmp_path, text, words):
    data = Dataset.open(toy[1])
    file = tmp_path / "w.txt"
    file.write_text(text.format(n="1\n" * (data.n - 1), zero="0\n" * (data.n - 1)))
    with pytest.raises(InputError, match=words):
        read_weights(file, data)


def test_damaged_npy_files(toy, tmp_path):
    data = Dataset.open(toy[1])
    (tmp_path / "w.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(InputError, match="Cannot read"):
        read_weights(tmp_path / "w.npy", data)
    np.save(tmp_path / "w.npy", np.array(["a"] * data.n, object), allow_pickle=True)
    with pytest.raises(InputError, match="Cannot read"):
        read_weights(tmp_path / "w.npy", data)
    with pytest.raises(InputError, match="one number a window"):
        read_weights(np.ones((data.n, 2)), data)


def test_equal_weights_change_nothing_and_others_do(toy):
    folder, data = toy
    n = Dataset.open(data).n
    plain = fit(data, folder / "plain", **CHOICES)
    same = fit(data, folder / "same", sample_weights=np.full(n, 3.0), **CHOICES)
    np.testing.assert_allclose(plain.history()[-1]["loss"], same.history()[-1]["loss"], rtol=1e-4)
    uneven = np.where(np.arange(n) % 2, 1.0, 0.0)
    other = fit(data, folder / "uneven", sample_weights=uneven, **CHOICES)
    assert other.history()[-1]["loss"] != pytest.approx(plain.history()[-1]["loss"], rel=1e-4)
    # An array is kept beside the run, so that its configuration reproduces it.
    from seqdl.cli.main import main

    again = ["train", "--config", str(other.path / "config.json"), "--out", str(folder / "again"), "--quiet"]
    assert main(again) == 0
    assert Run.open(folder / "again").history()[-1]["loss"] == other.history()[-1]["loss"]
    assert (
        Run.open(folder / "again").card["training"]["sample_weights_sha256"]
        == other.card["training"]["sample_weights_sha256"]
    )


def test_a_training_is_not_resumed_with_other_weights(toy, monkeypatch):
    folder, data = toy
    from seqdl.training import callbacks

    real = callbacks.WriteDown.on_epoch_end

    def killed(self, epoch, logs=None):
        real(self, epoch, logs)
        raise KeyboardInterrupt

    monkeypatch.setattr(callbacks.WriteDown, "on_epoch_end", killed)
    weights = np.arange(1.0, Dataset.open(data).n + 1)
    with pytest.raises(KeyboardInterrupt):
        fit(data, folder / "cut", sample_weights=weights, **CHOICES)
    monkeypatch.undo()
    with pytest.raises(InputError, match="other sample weights"):
        fit(data, folder / "cut", resume=True, sample_weights=weights[::-1].copy(), **CHOICES)
    resumed = fit(data, folder / "cut", resume=True, sample_weights=weights, **CHOICES)
    whole = fit(data, folder / "uncut", sample_weights=weights, **CHOICES)
    assert resumed.history()[-1]["loss"] == whole.history()[-1]["loss"]
