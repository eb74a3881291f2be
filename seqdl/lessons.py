"""The lessons that come with seqdl: which there are, and copies of them for a reader to work in."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from seqdl.errors import InputError
from seqdl.files import atomic_path, require_writable
from seqdl.words import few, suggest


@dataclass(frozen=True)
class Lesson:
    """A notebook.

    Attributes
    ----------
    name : str
        ``"02_convolutions"``; its file is ``name + ".ipynb"``, and its answers are ``answers/`` of that.
    title : str
        What it is called.
    goal : str
        What a reader can do afterwards.
    """

    name: str
    title: str
    goal: str


def lesson_folder() -> Path:
    """Return the folder of the shipped notebooks, in an installed package or a clone."""
    package = Path(__file__).resolve().parent
    inside = package / "notebooks"
    return inside if inside.is_dir() else package.parent / "notebooks"


def list_lessons() -> list[Lesson]:
    """List the lessons, in their order.

    Returns
    -------
    lessons : list of Lesson
    """
    return [_read(path) for path in sorted(lesson_folder().glob("[0-9][0-9]_*.ipynb"))]


def copy_lessons(
    folder: str | Path, lessons: list[str] | None = None, *, answers: bool = True, overwrite: bool = False
) -> list[Path]:
    """Copy lessons into a folder, with the timetable where the folder has no README.md of its own.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    lessons : list of str, optional
        Names or numbers (``"02_convolutions"``, ``"2"``); all of them if not given.
    answers : bool
        Copy their answers too, into ``answers/``.
    overwrite : bool
        Replace what is there. Otherwise a notebook in which somebody may have worked is never touched.

    Returns
    -------
    written : list of Path

    Raises
    ------
    InputError
        If a lesson is not known, a file is there already, or the folder cannot be written.
    """
    if lessons is not None and not lessons:
        raise InputError("`lessons` names no lesson. Leave it out for all of them.")
    names = [lesson.name for lesson in list_lessons()]
    if lessons is not None:
        names = list(dict.fromkeys(_find(word) for word in lessons))
    files = [f"{name}.ipynb" for name in names]
    if answers:
        files += [f"answers/{name}.ipynb" for name in names]
    source, folder = lesson_folder(), Path(folder).expanduser()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"The lessons go to a folder, and {folder} is a file. Name another one.")
    if folder.resolve() == source.resolve():
        raise InputError(f"{folder} is the folder that the lessons come from. Name another one.")
    there = [name for name in files if (folder / name).exists()]
    if there and not overwrite:
        raise InputError(
            f"{folder} has these files already, and somebody may have worked in them: {few(there)}. "
            "Name another folder, or replace them (overwrite=True, --overwrite)."
        )
    if overwrite or not (folder / "README.md").exists():  # nobody works in it: it does not stand in the way
        files.append("README.md")
    written = []
    for name in files:
        target = require_writable(folder / name)
        with atomic_path(target) as temporary:
            shutil.copyfile(source / name, temporary)
        written.append(target)
    return written


def _find(word: str) -> str:
    names = [lesson.name for lesson in list_lessons()]
    word = str(word).removesuffix(".ipynb")
    found = [name for name in names if word in (name, name[3:]) or word.zfill(2) == name[:2]]
    if len(found) != 1:
        raise InputError(
            f"No lesson is called {word!r}.{suggest(word, names)} There are: {', '.join(names)}. "
            "A number will do."
        )
    return found[0]


def _read(path: Path) -> Lesson:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lines = "".join(cells[0]["source"]).split("\n")
    goal = next((line for line in lines if line.startswith("**Goal.**")), "")
    return Lesson(path.stem, lines[0].partition("·")[2].strip(), goal.removeprefix("**Goal.**").strip())
