"""Training on coverage: the right loss, start and measures, and whatever does not fit named."""

import json
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from seqdl import Dataset, InputError, Run, fit
from seqdl.training.config import TrainingConfig
from seqdl.training.prepare import prepare
from seqdl.training.resolve import resolve
from seqdl.training.targets import coverage_facts, invert_link
from seqdl.training.validation import Moments
from tests.toy import toy_dataset
from tests.toy_coverage import toy_coverage_dataset

TINY = {
    "filters": (8, 8), "kernel_sizes": (9, 5), "dropouts": (0.0, 0.1), "pool_sizes": (4, 8),
    "dilated_filters": 4, "dilated_blocks": 2, "final_filters": 8,
}  # fmt: skip
PROFILE = {"model": "bpnet", "overrides": {"filters": 8, "kernel_size": 9, "dilated_layers": 2}}
CHOICES = {"epochs": 2, "batch_size": 32, "patience": 0, "deterministic": True}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    data = toy_coverage_dataset(folder)
    return folder, data, fit(data, folder / "run", overrides=TINY, **CHOICES)


def prepared(data, **choices):
    config, _ = resolve(TrainingConfig.from_dict({"batch_size": 32, **choices}), data)
    return prepare(data, config)


def test_a_run_on_coverage(toy):
    _, data, run = toy
    assert (run.task, run.resolution, run.output_shape) == ("coverage", 32, (8, 2))
    row = run.history()[-1]
    assert {"loss", "val_loss", "val_pearson"} <= row.keys() and "val_auroc" not in row
    training = run.card["training"]
    assert (training["model"], training["preset"], training["loss"]) == ("basenji", "small", "poisson")
    assert training["max_shift"] == 3 and set(run.card["metrics"]["validation"]) == {
        "val_loss",
        "val_pearson",
    }
    assert run.model.output_shape == (None, 8, 2)
    assert json.loads((run.path / "config.json").read_text())["data"] == str(data)


def test_an_untrained_network_predicts_the_means(toy):
    data = Dataset.open(toy[1])
    facts = coverage_facts(data)
    values = data.values(data.indices("train")).astype(np.float64)
    np.testing.assert_allclose(facts.means, np.nanmean(values, axis=(0, 1)), rtol=1e-6)
    assert facts.least == np.nanmin(values) == 0
    network = prepared(data, overrides=TINY).network
    for layer in ("linear",):
        kernel = network.get_layer(layer).kernel
        kernel.assign(np.zeros(kernel.shape, np.float32))
    codes = np.zeros((1, data.window, 4), np.float32)
    found = np.asarray(network(codes))
    np.testing.assert_allclose(found, np.broadcast_to(facts.means, found.shape), rtol=1e-3)
    network = prepared(data, **PROFILE).network
    kernel = network.get_layer("counts").kernel
    kernel.assign(np.zeros(kernel.shape, np.float32))
    np.testing.assert_allclose(np.asarray(network(codes)).sum(axis=1)[0], facts.totals, rtol=1e-3)


@pytest.mark.parametrize("link", ["softplus", "exponential", "relu"])
def test_any_link_is_inverted(link):
    import keras

    layer, means = keras.layers.Activation(link), np.array([0.01, 0.7, 12.0, 300.0])
    linear = invert_link(layer, means)
    np.testing.assert_allclose(np.asarray(layer(linear.astype("float32"))), means, rtol=1e-3)


def test_profile_networks_take_their_own_loss(toy):
    folder, data, _ = toy
    run = fit(data, folder / "profile", **PROFILE, **CHOICES)
    training = run.card["training"]
    totals = coverage_facts(Dataset.open(data)).totals
    assert training["loss"] == "profile" and training["count_weight"] == pytest.approx(totals.mean() / 2)
    assert run.history()[-1]["loss"] < run.history()[0]["loss"]
    assert run.history()[-1]["val_loss"] < 1.2 * training["base_loss"]["valid"]


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"loss": "bce"}, "'bce' does not fit coverage.*poisson"),
        ({"loss": "focal"}, "'focal' does not fit"),
        ({"loss": "profile"}, "profile and a count head"), ({"model": "deepsea"}, "Models that fit: basenji"),
        ({"monitor": "val_auroc"}, "val_auroc.*val_loss, val_pearson"),
        ({"class_weights": "balanced"}, "class_weights"),
    ],
)  # fmt: skip
def test_what_does_not_fit_coverage_is_named(toy, tmp_path, choices, words):
    with pytest.raises(InputError, match=words):
        fit(toy[1], tmp_path / "run", **{**CHOICES, **choices})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"loss": "poisson"}, "'poisson' does not fit labels"),
        ({"loss": "mse"}, "'mse' does not fit labels"),
        ({"model": "basenji"}, "Models that fit:.*deepsea"), ({"monitor": "val_pearson"}, "val_pearson"),
    ],
)  # fmt: skip
def test_what_does_not_fit_labels_is_named(tmp_path, choices, words):
    with pytest.raises(InputError, match=words):
        fit(toy_dataset(tmp_path), tmp_path / "run", **choices)


def changed(data, path, change):
    shutil.copy(data, path)
    with h5py.File(path, "r+") as f:
        values = f["coverage"][:]
        f["coverage"][:] = change(values)
    return path


def test_coverage_that_teaches_nothing_or_is_negative(toy, tmp_path):
    for change, choices, words in (
        (lambda v: v - 3, {}, "'poisson' is of counts.*-3.*--loss mse"),
        (lambda v: v - 3, PROFILE, "'profile' is of counts"),
        (lambda v: v * 0, {}, "zero, so there is nothing to learn"),
        (lambda v: np.where([True, False], np.nan, v), {}, "known value of alpha"),
    ):
        data = changed(toy[1], tmp_path / "d.h5", change)
        with pytest.raises(InputError, match=words):
            fit(data, tmp_path / "run", **{**CHOICES, "epochs": 1, **choices})
    data = changed(toy[1], tmp_path / "d.h5", lambda v: v - 3)
    fit(data, tmp_path / "run", loss="mse", overrides=TINY, **{**CHOICES, "epochs": 1})


def test_pearson_by_batches_is_numpys():
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 6, 3)), rng.random((40, 6, 3)) + 5
    y[rng.random(y.shape) < 0.2] = np.nan
    y[..., 2] = 5.1
    moments = Moments(3)
    for first in range(0, 40, 7):
        moments.add(x[first : first + 7], y[first : first + 7])
    found = moments.pearson()
    for target in range(2):
        known = ~np.isnan(y[..., target])
        expected = np.corrcoef(x[..., target][known], y[..., target][known])[0, 1]
        assert found[target] == pytest.approx(expected, rel=1e-9)
    assert np.isnan(found[2])


def test_a_coverage_run_reproduces_itself_from_its_configuration(toy):
    folder, _, run = toy
    from seqdl.cli.main import main

    argv = ["train", "--config", str(run.path / "config.json"), "--out", str(folder / "again"), "--quiet"]
    assert main(argv) == 0
    again = Run.open(folder / "again")
    for mine, theirs in zip(run.model.get_weights(), again.model.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)
    drop = [{k: v for k, v in row.items() if k != "seconds"} for row in run.history()]
    assert drop == [{k: v for k, v in row.items() if k != "seconds"} for row in again.history()]


@pytest.mark.slow
def test_jax_trains_coverage_and_profiles_without_tensorflow(toy):
    pytest.importorskip("jax")
    folder, data, run = toy
    program = (
        "import sys; sys.modules['tensorflow'] = None; import seqdl;"
        f"a = seqdl.fit({str(data)!r}, {str(folder / 'jax')!r}, overrides={TINY!r}, **{CHOICES!r});"
        f"seqdl.fit({str(data)!r}, {str(folder / 'jax2')!r}, schedule='plateau', l2=1e-4, max_norm=2.0,"
        f" **{PROFILE!r}, **{CHOICES!r}); print(a.history()[0]['val_loss'])"
    )
    env = {**os.environ, "KERAS_BACKEND": "jax"}
    found = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr[-2000:]
    # The same data and start; only the draws of the initial weights differ between backends.
    assert float(found.stdout) == pytest.approx(run.history()[0]["val_loss"], rel=0.5)
