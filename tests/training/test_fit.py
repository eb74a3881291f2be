"""Training: the same seed gives the same weights, and a killed training resumed equals an unbroken one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from seqdl import Dataset, InputError, Run, fit
from seqdl.training.config import TrainingConfig
from seqdl.training.resolve import resolve
from tests.toy import TINY, toy_dataset

CHOICES = {
    "epochs": 4,
    "batch_size": 32,
    "max_shift": 5,
    "overrides": TINY,
    "patience": 0,
    "deterministic": True,
}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    data = toy_dataset(folder)
    return folder, data, fit(data, folder / "whole", **CHOICES)


def same_weights(a: Run, b: Run) -> bool:
    """Compare bit for bit."""
    return all(
        np.array_equal(x, y) for x, y in zip(a.model.get_weights(), b.model.get_weights(), strict=True)
    )


def test_same_seed_same_weights(toy):
    folder, data, whole = toy
    again = fit(data, folder / "again", **CHOICES)
    assert same_weights(whole, again)
    assert [r["loss"] for r in whole.history()] == [r["loss"] for r in again.history()]
    other = fit(data, folder / "other", **{**CHOICES, "seed": 1})
    assert not same_weights(whole, other)


def test_resume_equals_unbroken(toy, monkeypatch):
    folder, data, whole = toy
    from seqdl.training import callbacks

    real = callbacks.WriteDown.on_epoch_end

    def killed(self, epoch, logs=None):
        real(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(callbacks.WriteDown, "on_epoch_end", killed)
    with pytest.raises(KeyboardInterrupt):
        fit(data, folder / "broken", **CHOICES)
    monkeypatch.undo()
    with pytest.raises(InputError, match="--resume"):
        Run.open(folder / "broken")
    with pytest.raises(InputError, match="unfinished training"):
        fit(data, folder / "broken", **CHOICES)
    with pytest.raises(InputError, match="learning_rate: 0.5, was"):
        fit(data, folder / "broken", resume=True, **{**CHOICES, "learning_rate": 0.5})
    resumed = fit(data, folder / "broken", resume=True, **CHOICES)
    assert same_weights(whole, resumed)
    drop = [{k: v for k, v in row.items() if k != "seconds"} for row in resumed.history()]
    assert drop == [{k: v for k, v in row.items() if k != "seconds"} for row in whole.history()]


@pytest.mark.slow
def test_resume_after_a_real_kill(toy):
    folder, data, whole = toy
    command = [
        sys.executable, "-m", "seqdl", "train", "--data", str(data), "--out", str(folder / "killed"), "--epochs", "4",
        "--batch-size", "32", "--max-shift", "5", "--patience", "0", "--deterministic",
        *(word for k, v in TINY.items() for word in ("--set", f"{k}={json.dumps(v)}")),
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    history = folder / "killed" / "history.csv"
    end = time.monotonic() + 240
    while not history.exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "killed" / "model.keras").exists(), "the training was over before the kill"
    subprocess.run([*command, "--resume"], check=True, stderr=subprocess.DEVNULL)
    assert same_weights(whole, Run.open(folder / "killed"))


def test_the_card_says_what_it_is(toy):
    _, data, run = toy
    card = run.card
    said = (card["format"], card["version"], card["task"], card["alphabet"], card["n_policy"])
    assert said == ("seqdl-run", 2, "binary", "ACGT", "zeros")
    assert (run.window, run.bin, run.anchor, run.target_names) == (200, 100, 100, ["alpha", "beta"])
    assert card["split"]["kind"] == "chromosome" and card["split"]["test"] == {
        "windows": 200,
        "contigs": ["chrC"],
    }
    assert card["packages"]["keras"] and card["genome"]["contigs"]["chrA"]["length"] == 60_000
    assert card["dataset"]["genome_path"].endswith("toy.fa")
    assert set(card["metrics"]["validation"]) == {"val_loss", "val_auroc", "val_auprc"}
    alone = Run.open(run.path / "model.keras")
    assert alone.card == card
    assert json.loads((run.path / "config.json").read_text())["seed"] == 0


def test_the_genome_is_checked(toy, tmp_path):
    from seqdl import Genome

    _, data, run = toy
    from seqdl import Dataset

    genome = Dataset.open(data).genome
    assert "run's own" in run.check_genome(genome)
    contigs = {name: genome.codes(name) for name in genome.names}
    more = Genome.from_arrays({**contigs, "chrM": np.zeros(50, np.uint8)})
    assert "new to it" in run.check_genome(more)
    changed = Genome.from_arrays({**contigs, "chrB": contigs["chrB"][::-1]})
    with pytest.raises(InputError, match=r"1 of 3 contigs.*chrB.*--allow-genome-mismatch"):
        run.check_genome(changed)
    assert "chrB" in run.check_genome(changed, allow_mismatch=True)
    with pytest.raises(InputError, match="shares no contig name"):
        run.check_genome(Genome.from_arrays({"1": "ACGT"}))


def test_finished_runs_are_not_overwritten_in_silence(toy):
    folder, data, _ = toy
    with pytest.raises(InputError, match="--overwrite"):
        fit(data, folder / "whole", **CHOICES)
    with pytest.raises(InputError, match="nothing to resume"):
        fit(data, folder / "whole", resume=True, **CHOICES)


def test_a_choice_that_changes_nothing_is_told(toy):
    _, data, _ = toy
    told = resolve(TrainingConfig(focal_gamma=3.0, nesterov=True, end_rate=0.5), Dataset.open(data))[1]
    assert [note.split(" is ")[0] for note in told] == ["`focal_gamma`", "`nesterov`", "`end_rate`"]
    looked_at = TrainingConfig(loss="focal", focal_gamma=3.0, optimizer="sgd", nesterov=True)
    assert resolve(looked_at, Dataset.open(data))[1] == []


def test_early_stopping_keeps_the_best_epoch(toy):
    folder, data, _ = toy
    run = fit(data, folder / "early", **{**CHOICES, "epochs": 30, "patience": 1, "monitor": "val_loss"})
    history = [row["val_loss"] for row in run.history()]
    assert len(history) < 30
    assert run.card["training"]["best_epoch"] == int(np.argmin(history)) + 1


def test_mixed_precision_trains_and_the_run_is_float32(toy):
    folder, data, _ = toy
    run = fit(data, folder / "bf16", **{**CHOICES, "epochs": 1, "precision": "mixed_bfloat16"})
    assert {layer.compute_dtype for layer in run.model.layers} == {"float32"}
    assert all(w.dtype == np.float32 for w in run.model.get_weights())


def test_tensorboard_logs_on_request(toy):
    pytest.importorskip("tensorboard")
    folder, data, _ = toy
    fit(data, folder / "board", **{**CHOICES, "epochs": 1}, tensorboard=folder / "logs")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    [log] = [p for p in (folder / "logs").rglob("*events*") if p.is_file() and "train" in str(p)]
    assert log.stat().st_size > 0
    found = EventAccumulator(str(log.parent))
    found.Reload()
    assert any("val_auprc" in tag or "loss" in tag for tag in found.Tags()["tensors"])


def test_all_zero_labels_are_refused(toy, tmp_path):
    import h5py

    _, data, _ = toy
    path = tmp_path / "zero.h5"
    path.write_bytes(data.read_bytes())
    with h5py.File(path, "r+") as f:
        f["labels"][:] = 0
    with pytest.raises(InputError, match="No training window"):
        fit(path, tmp_path / "run", **CHOICES)


@pytest.mark.parametrize(
    "choices, words",
    [
        ({"optimizer": "adamm"}, "Did you mean 'adam"),
        ({"epochs": 0}, "at least 1"),
        ({"learning_rate": -1.0}, "positive"),
        ({"batchsize": 3}, "Did you mean 'batch_size'"),
        ({"precision": "fp8"}, "must be one of"),
        ({"warmup": 1.5}, "less than 1"),
    ],
)
def test_bad_choices_are_refused(choices, words):
    with pytest.raises(InputError, match=words):
        TrainingConfig.from_dict(choices)


@pytest.mark.slow
def test_jax_trains_without_tensorflow(toy):
    pytest.importorskip("jax")
    folder, data, _ = toy
    program = (
        "import sys; sys.modules['tensorflow'] = None; import seqdl;"  # as if it were not installed
        f"run = seqdl.fit({str(data)!r}, {str(folder / 'jax')!r}, epochs=2, batch_size=32, overrides={TINY!r});"
        "print(len(run.history()))"
    )
    env = {**os.environ, "KERAS_BACKEND": "jax"}
    found = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr[-2000:]
    assert found.stdout.strip() == "2"
    # What JAX trained, TensorFlow opens.
    assert Run.open(folder / "jax").model.output_shape == (None, 2)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"genome": "nowhere.fa"}, "does not exist"), ({"max_shift": 200}, "max_shift"), ({"model": "deepsee"}, "deepsea"),
        ({"batch_size": 10_000}, "batch"), ({"tensorboard": __file__}, "is a file"),
    ],
)  # fmt: skip
def test_a_training_that_cannot_begin_leaves_everything_as_it_was(toy, tmp_path, choices, words):
    folder, data, whole = toy
    kept = tmp_path / "kept"
    shutil.copytree(whole.path, kept)
    with pytest.raises(InputError, match=words):
        fit(data, kept, overwrite=True, **{**CHOICES, **choices})
    assert same_weights(Run.open(kept), whole)
    with pytest.raises(InputError, match=words):
        fit(data, tmp_path / "new", **{**CHOICES, **choices})
    assert not (tmp_path / "new").exists()


def damaged(data, path, change):
    shutil.copy(data, path)
    with h5py.File(path, "r+") as f:
        change(f)
    return path


def test_a_validation_split_without_positives(toy, tmp_path):
    def no_valid(f):
        f["labels"][:] = f["labels"][:] * (f["windows/split"][:] != 1)[:, None]

    data = damaged(toy[1], tmp_path / "d.h5", no_valid)
    with pytest.raises(InputError, match="--monitor val_loss"):
        fit(data, tmp_path / "run", **CHOICES, monitor="val_auprc")
    run = fit(data, tmp_path / "run", **{**CHOICES, "epochs": 1, "monitor": "val_loss"})
    assert np.isfinite(run.card["training"]["best_value"])


def test_damaged_datasets_are_refused_when_opened_or_before_training(toy, tmp_path):
    def replace(name, value):
        def change(f):
            del f[name]
            f[name] = value

        return change

    for change in (
        lambda f: f.attrs.__delitem__("window"), lambda f: f.attrs.__setitem__("window", 0),
        lambda f: f.attrs.__setitem__("provenance", "{"), lambda f: f["labels"].attrs.__setitem__("n_targets", 99),
        replace("windows/start", np.arange(10)), replace("targets/name", ["alpha", "alpha"]),
        replace("windows/contig", np.full(1000, 99, np.int32)), lambda f: f.__delitem__("targets/cell"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=r"damaged|two targets"):
            fit(damaged(toy[1], tmp_path / "d.h5", change), tmp_path / "run", **CHOICES)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "choices",
    [
        {"learning_rate": float("nan")},
        {"weight_decay": float("inf")},
        {"momentum": 5},
        {"seed": 2**40},
        {"reverse_complement": "no"},
        {"overrides": [1]},
        {"model": 5},
    ],
)
def test_choices_of_the_wrong_kind(choices):
    with pytest.raises(InputError, match=next(iter(choices))):
        TrainingConfig.from_dict(choices)
