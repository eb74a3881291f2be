"""A run of coverage made by hand, without training: one convolution that knows the planted motifs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.encoding import encode, one_hot, reverse_complement
from seqdl.models.save import save_model_file
from seqdl.training.make_card import make_card
from tests.toy import MOTIFS
from tests.toy_coverage import BIN, RESOLUTION, WINDOW, toy_coverage_dataset


def toy_coverage_model():
    """Build a network (512, 4) to (8, 2): motif matches on both strands, blurred, about the middle."""
    import keras

    kernel = np.zeros((9, 4, 4), np.float32)
    for place, motif in enumerate(MOTIFS.values()):
        for strand, codes in enumerate((encode(motif), reverse_complement(encode(motif)))):
            kernel[:, :, 2 * place + strand] = one_hot(codes)
    width = 121
    blur = np.exp(-0.5 * ((np.arange(width) - width // 2) / 40.0) ** 2)
    spread = np.zeros((width, 4, 2), np.float32)
    for place in range(2):
        spread[:, 2 * place : 2 * place + 2, place] = 20.0 * blur[:, None]
    x = inputs = keras.Input((WINDOW, 4), name="sequence")
    x = keras.layers.Conv1D(4, 9, padding="same", activation="relu", name="conv1")(x)
    x = keras.layers.Conv1D(2, width, padding="same", name="blur")(x)
    x = keras.layers.Cropping1D((WINDOW - BIN) // 2, name="crop")(x)
    x = keras.layers.AveragePooling1D(RESOLUTION, name="linear")(x)
    outputs = keras.layers.Activation("relu", name="coverage", dtype="float32")(x)
    model = keras.Model(inputs, outputs, name="toy_coverage")
    model.get_layer("conv1").set_weights([kernel, np.full(4, -8.0, np.float32)])
    model.get_layer("blur").set_weights([spread, np.full(2, 0.5, np.float32)])
    return model


def toy_coverage_run(folder: Path, model=None, **dataset) -> tuple[Path, Path]:
    """Write dataset, genome and a run folder; return (run folder, dataset path)."""
    path = toy_coverage_dataset(folder, **dataset)
    data, model = Dataset.open(path), model or toy_coverage_model()
    described = {"name": "toy", "preset": "", "parameters": model.count_params(), "overrides": {}}
    training = {"monitor": "val_loss", "batch_size": 32, "seed": 0, "best_epoch": 3}
    card = make_card(data, described, training, True, {})
    run = folder / "run"
    run.mkdir()
    (run / "card.json").write_text(json.dumps(card))
    save_model_file(model, run / "model.keras", card)
    return run, path
