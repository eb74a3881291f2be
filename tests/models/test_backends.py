"""Every network computes the same on every backend: the same predictions, gradient and step from one file."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seqdl.models.load import load_model_file

sys.path.insert(0, str(Path(__file__).parent))
try:
    import backend_worker
finally:
    sys.path.pop(0)

WORKER = Path(backend_worker.__file__)
CASES = [name for name, _, _ in backend_worker.cases()]
OTHERS = ("jax", "torch")
# Two processes start a backend and compile every network; a busy machine takes its time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def work(backend, folder, *begun):
    """Run the worker in a process of its own: a backend is chosen once a process."""
    folder.mkdir()
    result = subprocess.run(
        [sys.executable, str(WORKER), str(folder), *map(str, begun)],
        env={**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True, text=True, timeout=800, check=False,
    )  # fmt: skip
    assert result.returncode == 0, f"{backend}:\n{result.stderr[-4000:]}"
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """TensorFlow builds, saves and measures every network."""
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow, the backend to compare with, is not installed")
    return work("tensorflow", tmp_path_factory.mktemp("backends") / "tensorflow")


@pytest.fixture(scope="module", params=OTHERS)
def second(request, first):
    """Another backend opens those files and measures the same."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return work(request.param, first.parent / request.param, first)


def close(a, b, message):
    """Compare to a few parts in a hundred thousand of the largest number: sums are ordered differently."""
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5 * np.abs(b).max(), err_msg=message)


def test_a_backend_loads_no_other(first, second):
    assert json.loads((first / "state.json").read_text())["backend"] == "tensorflow"
    state = json.loads((second / "state.json").read_text())
    assert state == {"backend": second.name, "loaded": [second.name]}


@pytest.mark.parametrize("name", CASES)
def test_same_numbers(name, first, second):
    for folder in (first, second):
        error = folder / f"{name}.error"
        assert not error.exists(), f"{folder.name}:\n{error.read_text()}"
    here, there = np.load(first / f"{name}.npz"), np.load(second / f"{name}.npz")
    for key in ("before", "loss", "after", "loss_after"):
        assert np.isfinite(there[key]).all()
        close(there[key], here[key], f"{name}: {key}")
    # The step changed something, so that equal numbers after it mean an equal gradient.
    assert np.abs(here["after"] - here["before"]).max() > 50 * 2e-5 * np.abs(here["after"]).max()
    close(there["reloaded"], there["after"], f"{name}: reloaded")
    # The other way round: what that backend trained and saved opens here.
    model = load_model_file(second / f"{name}.after.keras")
    x, _ = backend_worker.example(model)
    close(model.predict_on_batch(x), there["after"], f"{name}: its file, opened here")
