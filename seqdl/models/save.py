"""Write a model with its card into one `.keras` file, whole or not at all."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from seqdl.errors import InputError
from seqdl.files import atomic_path
from seqdl.models.archive import CARD

if TYPE_CHECKING:
    import keras


def save_model_file(model: keras.Model, path: str | Path, card: dict | None = None) -> Path:
    """Save a model for prediction, without its optimizer.

    Parameters
    ----------
    model : keras.Model
        Functional or sequential models are saved uncompiled, which leaves the optimizer's weights
        out: for Adam two thirds of the file.
    path : path
        A name that ends in ``.keras``.
    card : dict, optional
        Put into the archive as ``seqdl_card.json``.

    Returns
    -------
    path : Path

    Raises
    ------
    InputError
        If the name does not end in ``.keras``.
    """
    import keras

    path = Path(path).expanduser()
    if path.suffix != ".keras":
        raise InputError(f"A model file's name ends in .keras. Received: {path.name}.")
    if model.compiled and getattr(model, "inputs", None):
        inputs, outputs = (t[0] if len(t) == 1 else t for t in (model.inputs, model.outputs))
        model = keras.Model(inputs, outputs, name=model.name)
    with atomic_path(path) as aside:
        model.save(aside)
        if card is not None:
            with zipfile.ZipFile(aside, "a") as bundle:
                # A fixed time stamp: the same model and card give the same bytes for this member.
                bundle.writestr(zipfile.ZipInfo(CARD), json.dumps(card, indent=1, allow_nan=False))
    return path
