"""Open a model file that somebody else made: checked first, then rebuilt in Keras's safe mode."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from seqdl.errors import InputError
from seqdl.models import archive

if TYPE_CHECKING:
    import keras


def read_card(path: str | Path) -> dict | None:
    """Read the card inside a `.keras` file, without Keras; None if there is none.

    Raises
    ------
    InputError
        If the file is no sound model file, see `seqdl.models.archive`.
    """
    if archive.CARD not in archive.read_members(path):
        return None
    return archive.read_json(path, archive.CARD)


def load_model_file(path: str | Path) -> keras.Model:
    """Open a `.keras` file safely, uncompiled.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    model : keras.Model

    Raises
    ------
    InputError
        If the file is missing, cut off or damaged; holds members that do not belong there, a Lambda
        layer, or a class that is neither Keras's own nor registered; or its weights do not fit.

    Notes
    -----
    The configuration that was checked is the one that is rebuilt: Keras gets the object, not the
    file. A training configuration in the file is left unread.
    """
    path = Path(path).expanduser()
    archive.read_members(path)
    config = archive.read_json(path, archive.CONFIG)
    _drop_training(config)

    import keras

    import seqdl.layers  # noqa: F401  registers seqdl's layers by name

    archive.check_config(config, set(keras.saving.get_custom_objects()), str(path))
    with tempfile.TemporaryDirectory(prefix="seqdl-") as folder:
        weights = Path(folder) / archive.WEIGHTS
        try:
            with (
                zipfile.ZipFile(path) as bundle,
                bundle.open(archive.WEIGHTS) as source,
                open(weights, "wb") as sink,
            ):
                shutil.copyfileobj(source, sink, 1 << 22)
        except (zipfile.BadZipFile, EOFError) as error:
            raise InputError(f"{path}: its weights are damaged ({error}). Fetch the file again.") from error
        archive.check_weights(weights, str(path))
        try:
            model = keras.saving.deserialize_keras_object(config, safe_mode=True)
            if not isinstance(model, keras.Model):
                raise TypeError(f"it describes a {type(model).__name__}, not a model")
            if not model.built:
                raise ValueError("it does not say its input's shape")
            model.load_weights(weights)
        except Exception as error:
            # Keras and its backends share no base class; what a strange file makes them raise is its fault.
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
            raise InputError(
                f"{path} cannot be rebuilt with Keras {keras.__version__}: {reason} "
                f"Is the file damaged, or from another version of Keras?"
            ) from error
    return model


def _drop_training(config: dict) -> None:
    """Take optimizers and losses out, of inner models too: of no use here, and a place to hide things."""
    pending: list = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            item.pop("compile_config", None)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
