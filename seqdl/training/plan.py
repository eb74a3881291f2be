"""The plan of a work of many runs (folds, members, trials): written before the first, checked at a resume."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from seqdl.errors import InputError
from seqdl.files import write_text
from seqdl.training.config import TrainingConfig


def begin_plan(
    out: Path,
    name: str,
    plan: dict,
    *,
    what: str,
    compared: dict[str, str],
    files: Sequence[str] = (),
    folders: Sequence[str] = (),
    resume: bool = False,
    overwrite: bool = False,
) -> bool:
    """Make the folder of a work of many runs and write its plan, or find the same plan to go on with.

    Parameters
    ----------
    out : Path
        The folder.
    name : str
        File of the plan, in it.
    plan : dict
        JSON-ready, with "format", "version" and "config" (of a `TrainingConfig`).
    what : str
        What it is, for messages: "a cross-validation".
    compared : dict of str to str
        Keys of the plan that must be the same at a resume, beside the configuration, and the words for
        one that is not.
    files, folders : sequence of str
        What the work writes into `out`: taken away before a fresh start. Folders are only taken away where
        an earlier plan says that they are such a work's.
    resume, overwrite : bool
        As given by the user; `resume` goes before `overwrite`.

    Returns
    -------
    resumed : bool

    Raises
    ------
    InputError
        If the folder holds another work, or this one was begun with other choices.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; a folder is needed.")
    path = out / name
    old = read_plan(path, plan, what) if path.exists() else None
    if old is not None and resume:
        _check_same(out, path, old, plan, what, compared)
        return True
    if not overwrite and (old is not None or any((out / file).exists() for file in files)):
        raise InputError(
            f"{out} holds {what if old is not None else 'a run'}. "
            f"{'Go on with --resume, or start' if old is not None else 'Choose another --out, or start'} "
            "afresh with --overwrite."
        )
    for folder in folders:
        place = out / folder
        if place.is_dir() and old is None and any(place.iterdir()):
            raise InputError(f"{place} is there already, and is not part of {what}. Choose another --out.")
        if place.is_dir():
            shutil.rmtree(place)
    for file in (*files, name):
        (out / file).unlink(missing_ok=True)
    write_text(path, json.dumps(plan, indent=1))
    return False


def read_plan(path: Path, like: dict, what: str) -> dict:
    """Read a plan.

    Parameters
    ----------
    path : Path
    like : dict
        A plan of the wanted format and version.
    what : str
        What it should be, for messages.

    Raises
    ------
    InputError
        If it is damaged, of another kind, or of a newer version.
    """
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}. Choose another --out.") from error
    if not isinstance(plan, dict) or plan.get("format") != like["format"]:
        raise InputError(f"{path} was not written by {what} of seqdl. Choose another --out.")
    version = plan.get("version")
    if not isinstance(version, int) or version > like["version"]:
        raise InputError(f"{path} has version {version!r}; this seqdl reads up to {like['version']}.")
    return plan


def _check_same(out: Path, path: Path, old: dict, new: dict, what: str, compared: dict[str, str]) -> None:
    changed = TrainingConfig.from_dict(new["config"]).differences(
        TrainingConfig.from_dict(old.get("config", {}), str(path))
    )
    changed += [words for key, words in compared.items() if old.get(key) != new.get(key)]
    if changed:
        raise InputError(
            f"{out} was begun with other choices ({'; '.join(changed)}), so resuming would mix {what} with "
            "another. Use the same ones, or start afresh with --overwrite."
        )
