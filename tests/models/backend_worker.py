"""One backend's part of test_backends.py: build or open every network, predict, train one step, save.

    KERAS_BACKEND=jax python backend_worker.py FOLDER [BEGUN]

Without BEGUN each network is built here; with it the networks are opened from that folder, another
backend's work. FOLDER gets, of each network, the files NAME.keras (before the step), NAME.after.keras
and NAME.npz with what was measured, or NAME.error with what went wrong; and state.json with this
process's backend. The other backends cannot be imported here, as if they were not installed.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import numpy as np

BATCH = 4
BACKENDS = ("tensorflow", "jax", "torch")


class Without:
    """A finder of modules that does not find the other backends; Keras imports what it finds."""

    def __init__(self, finder, backend):
        self.finder, self.hidden = finder, set(BACKENDS) - {backend}

    def find_spec(self, name, path=None, target=None):
        """Find a module, or nothing."""
        return None if name.partition(".")[0] in self.hidden else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        """Leave the rest to the finder."""
        return getattr(self.finder, name)


def cases():
    """List (name, entry, preset): the small preset of each network, or all where none is called small."""
    from seqdl.models import list_models

    for entry in list_models():
        if not entry.build.__module__.startswith("seqdl."):
            continue  # a test of another file has registered one of its own
        small = [preset for preset in entry.presets if preset.name == "small"] or entry.presets
        for preset in small:
            yield f"{entry.name}-{preset.name}", entry, preset


def shrunken(options):
    """Return overrides that make a network quick and repeatable: few filters and units, no dropout."""

    def smaller(name, value):
        if isinstance(value, (tuple, list)):
            return [smaller(name, item) for item in value]
        if "dropout" in name:
            return 0.0
        return min(value, 8) if isinstance(value, int) and not isinstance(value, bool) else value

    wanted = ("dropout", "filters", "units", "detectors")
    return {
        name: smaller(name, value)
        for name, value in options.items()
        if value and any(word in name for word in wanted)
    }


def build(entry, preset):
    """Build a small network with weights that no layer starts with."""
    import keras

    from seqdl.models import build_model

    keras.utils.set_random_seed(0)
    model = build_model(entry.name, preset.window, 2, preset.name, **shrunken(entry.options(preset.name)))
    rng = np.random.default_rng(0)
    model.set_weights([
        weight + rng.uniform(0.05, 0.2, weight.shape).astype("float32") * (weight.ndim == 1)
        for weight in model.get_weights()
    ])  # fmt: skip
    return model


def example(model):
    """Return one-hot input with an N and a short sequence, and targets."""
    rng = np.random.default_rng(1)
    window, channels = model.input_shape[1:]
    x = np.zeros((BATCH, window, channels), "float32")
    rows = rng.integers(0, 4, (BATCH, window))
    np.put_along_axis(x, rows[..., None], 1, axis=2)
    x[0, window // 2] = 0
    x[1, window * 3 // 4 :] = 0
    return x, rng.integers(0, 2, (BATCH, *model.output_shape[1:])).astype("float32")


def measure(model, after):
    """Predict, train one step, save, reload, predict again; return arrays by name."""
    import keras

    from seqdl.models.load import load_model_file
    from seqdl.models.save import save_model_file

    coverage = len(model.output_shape) == 3
    loss = keras.losses.Poisson() if coverage else keras.losses.BinaryCrossentropy()
    x, y = example(model)
    found = {"before": model.predict_on_batch(x)}
    # Plain descent: its step is the gradient itself, so that a gradient that differs is seen.
    model.compile(
        keras.optimizers.SGD(0.01, clipnorm=1.0), loss,
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )  # fmt: skip
    found["loss"] = np.float64(model.train_on_batch(x, y))
    found["after"] = model.predict_on_batch(x)
    found["loss_after"] = np.float64(model.test_on_batch(x, y))
    found["reloaded"] = load_model_file(save_model_file(model, after)).predict_on_batch(x)
    return {name: np.asarray(value) for name, value in found.items()}


def main(folder, begun=None):
    """Work through every network."""
    import keras

    from seqdl.models.load import load_model_file
    from seqdl.models.save import save_model_file

    for name, entry, preset in cases():
        try:
            if begun is None:
                model = build(entry, preset)
                save_model_file(model, folder / f"{name}.keras")
            else:
                model = load_model_file(begun / f"{name}.keras")
            np.savez(folder / f"{name}.npz", **measure(model, folder / f"{name}.after.keras"))
        except Exception:  # one network's trouble is that network's: the others are compared
            (folder / f"{name}.error").write_text(traceback.format_exc())
        keras.backend.clear_session()
    loaded = [name for name in BACKENDS if name in sys.modules]
    (folder / "state.json").write_text(json.dumps({"backend": keras.backend.backend(), "loaded": loaded}))


if __name__ == "__main__":
    sys.meta_path[:] = [Without(finder, os.environ["KERAS_BACKEND"]) for finder in sys.meta_path]
    main(*map(Path, sys.argv[1:]))
