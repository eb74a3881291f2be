"""What a `.keras` file may hold: checked before Keras sees it, and without Keras.

A `.keras` file is a zip archive. seqdl opens one from a stranger, so everything in it is held
against a list of what may be there: the archive's members, the HDF5 file's links and sizes, and
every class that the configuration names.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from seqdl.errors import InputError
from seqdl.files import require_file

CONFIG, WEIGHTS, METADATA, CARD = "config.json", "model.weights.h5", "metadata.json", "seqdl_card.json"
REQUIRED = (METADATA, CONFIG, WEIGHTS)
# Largest size that a member may declare, bytes. A card of 5,000 targets has about 1 MB.
LARGEST = {METADATA: 1 << 20, CONFIG: 64 << 20, CARD: 256 << 20, WEIGHTS: 64 << 30}
# Weights are noise and do not compress; text does, hardly ever a hundredfold beyond a megabyte.
MAX_EXPANSION, FREE_EXPANSION = 200, 1 << 20

# Where Keras's own public classes live. Functions are not allowed anywhere.
_MODULES = {
    "keras", "keras.constraints", "keras.dtype_policies", "keras.initializers", "keras.layers",
    "keras.models", "keras.quantizers", "keras.regularizers",
}  # fmt: skip
# Paths under which Keras stores its two model classes and the operations of keras.ops in a functional graph.
_INNER_MODULES = {
    "keras.src.models.functional": {"Functional"},
    "keras.src.models.sequential": {"Sequential"},
}
_OPERATION_MODULES = {"keras.src.ops.core", "keras.src.ops.nn", "keras.src.ops.numpy", "keras.src.ops.math"}
_VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__tuple__", "__slice__", "__ellipsis__"}
# Layers of Keras that run code or read files named in the configuration.
_UNSAFE = {
    "Lambda": "runs code stored in the file",
    "__lambda__": "runs code stored in the file",
    "function": "names a function by its text",
    "TFSMLayer": "runs a TensorFlow graph from another file",
    "TorchModuleWrapper": "unpickles a PyTorch module",
    "JaxLayer": "runs a stored function",
    "FlaxLayer": "runs a stored function",
    "StringLookup": "may read any file as its vocabulary",
    "IntegerLookup": "may read any file as its vocabulary",
    "TextVectorization": "may read any file as its vocabulary",
}


def read_members(path: str | Path) -> dict[str, zipfile.ZipInfo]:
    """Check a `.keras` file's members by name and declared size.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    members : dict
        Name → what the archive says of it.

    Raises
    ------
    InputError
        If the file is no zip archive, is cut off, lacks a member, or has one that does not belong
        there, is there twice, is encrypted, or declares an absurd size.
    """
    path = require_file(path, "model file")
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError) as error:
        raise InputError(
            f"{path} is not a whole .keras file ({error}). It is a zip archive; was a download or copy "
            "cut off?"
        ) from error
    members: dict[str, zipfile.ZipInfo] = {}
    stored = 0
    for info in infos:
        name = info.filename
        if name not in LARGEST:
            raise InputError(
                f"{path} holds {name!r}, which does not belong into a seqdl model ({', '.join(LARGEST)}). "
                f"It was not opened."
            )
        if name in members:
            raise InputError(f"{path} holds {name} twice, so which one counts is unclear. It was not opened.")
        if info.flag_bits & 0x1:
            raise InputError(f"{path}: {name} is encrypted. Save the model without a password.")
        too_much = info.file_size > FREE_EXPANSION and info.file_size > MAX_EXPANSION * max(
            info.compress_size, 1
        )
        if info.file_size > LARGEST[name] or too_much:
            raise InputError(
                f"{path}: {name} says that it unpacks to {info.file_size:,} bytes from "
                f"{info.compress_size:,}. No model does; it was not opened."
            )
        stored += info.compress_size
        members[name] = info
    missing = [name for name in REQUIRED if name not in members]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}, so it is not a Keras 3 model file.")
    if stored > path.stat().st_size:
        raise InputError(
            f"{path} declares more bytes than it has; it is damaged or made up. It was not opened."
        )
    return members


def read_json(path: str | Path, name: str) -> dict:
    """Read one JSON member, whole and checked.

    Parameters
    ----------
    path : path
        A `.keras` file that `read_members` accepts.
    name : str
        The member.

    Raises
    ------
    InputError
        If it is damaged or no JSON object.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            value = json.loads(archive.read(name))
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: {name} cannot be read ({error}). The file is damaged; fetch it again."
        ) from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: {name} must be a JSON object. The file is damaged or made up.")
    return value


def check_config(config: dict, registered: set[str], where: str) -> None:
    """Refuse a configuration that names anything but Keras's own layers and seqdl's registered ones.

    Parameters
    ----------
    config : dict
        Content of config.json.
    registered : set of str
        Names registered by `keras.saving.register_keras_serializable`, such as "seqdl>OneHot".
    where : str
        The file, for the message.

    Raises
    ------
    InputError
        At a Lambda layer, a function, an unregistered class, or a class of Keras that reads or runs
        other files. A registered name counts only with seqdl's prefix or one registered by the user.
    """
    pending: list = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        if not isinstance(item, dict):
            continue
        pending.extend(item.values())
        if "class_name" in item:
            _check_class(item, registered, where)


def _check_class(item: dict, registered: set[str], where: str) -> None:
    name, module, label = item["class_name"], item.get("module"), item.get("registered_name")
    if not isinstance(name, str) or not all(isinstance(text, (str, type(None))) for text in (module, label)):
        raise InputError(f"{where} was not opened: its configuration is malformed near {str(name)[:60]!r}.")
    layer = item.get("config", {}).get("name") if isinstance(item.get("config"), dict) else None
    what = f"{name!r}" + (f" (layer {layer!r})" if layer else "")
    if name in _UNSAFE:
        raise InputError(
            f"{where} was not opened: it holds {what}, which {_UNSAFE[name]}. Build the same step from "
            f"layers or keras.ops, or a class registered under a package name, and save the model again."
        )
    if name in _VALUES and module is None:
        return
    # Keras looks a registered name up first, so it decides; built-in classes carry their own name or none.
    if label not in (None, name):
        if label in registered:
            return
    elif _is_built_in(name, module):
        return
    raise InputError(
        f"{where} was not opened: it holds {what} of {module or 'no module'}, which is neither one of "
        "Keras's own layers nor registered. If it is yours, decorate the class with "
        "@keras.saving.register_keras_serializable('your_package') and import it first."
    )


def _is_built_in(name: str, module: str | None) -> bool:
    import keras

    if module is None:
        return False
    if name in _INNER_MODULES.get(module, ()):
        return True
    if module in _OPERATION_MODULES:
        # Operations have no public class path; their module holds them next to functions and imports.
        from importlib import import_module

        found = getattr(import_module(module), name, None)
        return isinstance(found, type) and issubclass(found, keras.Operation) and found.__module__ == module
    if module not in _MODULES:
        return False
    space = keras
    for part in module.split(".")[1:]:
        space = getattr(space, part, None)
    return isinstance(getattr(space, name, None), type)


def check_weights(path: str | Path, where: str) -> None:
    """Refuse a weights file whose HDF5 structure leads elsewhere or declares more than it stores.

    Parameters
    ----------
    path : path
        The HDF5 file, unpacked.
    where : str
        The `.keras` file, for the message.

    Raises
    ------
    InputError
        At external or soft links, external or virtual data sets, a data set far larger than its
        stored bytes, or a file that is not HDF5.
    """
    import h5py

    def look(group: h5py.Group) -> None:
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise InputError(
                    f"{where} was not opened: its weights hold a link to another place ({name!r})."
                )
            item = group[name]
            if isinstance(item, h5py.Group):
                if item.id not in seen:
                    seen.append(item.id)
                    look(item)
                continue
            if item.is_virtual or item.external:
                raise InputError(
                    f"{where} was not opened: its weights take data from another file ({item.name})."
                )
            stored = item.id.get_storage_size()
            if item.nbytes > FREE_EXPANSION and item.nbytes > MAX_EXPANSION * max(stored, 1):
                raise InputError(
                    f"{where} was not opened: {item.name} declares {item.nbytes:,} bytes and stores "
                    f"{stored:,}."
                )

    seen: list = []
    try:
        with h5py.File(path, "r") as weights:
            look(weights)
    except (OSError, RuntimeError, KeyError, RecursionError) as error:
        raise InputError(f"{where}: its weights are damaged ({error}). Fetch the file again.") from error
