"""Make the lessons from their answers twins: run each twin, and take its answers out.

    python notebooks/make_lessons.py                    every lesson
    python notebooks/make_lessons.py 02_convolutions    one of them
    python notebooks/make_lessons.py --no-run           only take the answers out again

A twin, `answers/NN_name.ipynb`, is what people edit. It holds the whole lesson with its outputs; a code cell
tagged ``exercise`` gives the task in comments, then the line ``# --- answer ---``, then the answer; cells
tagged ``answer`` stand in the twin alone. The lesson is made from it and has neither answers nor outputs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from configparser import ConfigParser
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
TWINS = HERE / "answers"
MARK = "# --- answer ---"
SET_UP = "# --- set-up ---"
_KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def tags(cell) -> list[str]:
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


def address() -> str:
    """Return the project's public address, as `setup.cfg` has it."""
    config = ConfigParser()
    config.read(HERE.parent / "setup.cfg")
    return config["metadata"]["url"]


def badge(name: str) -> str:
    """Return the Markdown of the badge that opens a lesson on Colab."""
    place = address().removeprefix("https://github.com/")
    return (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github/{place}/blob/main/notebooks/{name}.ipynb)"
    )


def set_up_cell() -> str:
    """Return the source of the cell with which every lesson begins."""
    return (HERE / "set_up.txt").read_text().replace("{address}", address()).rstrip("\n")


def lesson_of(twin):
    """Take the answers and the outputs out of a twin.

    Parameters
    ----------
    twin : nbformat.NotebookNode

    Returns
    -------
    lesson : nbformat.NotebookNode
    """
    cells = []
    for cell in twin.cells:
        if "answer" in tags(cell):
            continue
        cell = nbformat.from_dict(cell)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.source = cell.source.split(MARK)[0].rstrip()
        cells.append(cell)
    return _in_one_form(nbformat.v4.new_notebook(cells=cells, metadata=_KERNEL))


def run_twin(twin, fast: bool = False, also: str = "", timeout: int = 600):
    """Run a twin from top to bottom in a fresh kernel and an empty folder.

    Parameters
    ----------
    twin : nbformat.NotebookNode
        Not changed.
    fast : bool
        Run the shorter version of the lesson.
    also : str
        Source of a cell that is run after the last one.
    timeout : int
        Seconds that one cell may take.

    Returns
    -------
    run : nbformat.NotebookNode
        The twin with its outputs.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    twin = nbformat.from_dict(twin)
    if also:
        twin.cells.append(nbformat.v4.new_code_cell(also))
    environment = {**os.environ, "SEQDL_FAST": "1" if fast else "0"}
    with tempfile.TemporaryDirectory(prefix="seqdl-lesson-") as folder:
        client = NotebookClient(
            twin, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        client.execute(env=environment, cwd=folder)
    for cell in twin.cells:
        cell.metadata.pop("execution", None)  # times of the day say nothing
    return _in_one_form(twin)


def read_twin(name: str):
    """Read the twin of a lesson, with the set-up cell and the badge put in.

    Parameters
    ----------
    name : str
        Such as ``"02_convolutions"``.

    Returns
    -------
    twin : nbformat.NotebookNode
    """
    twin = nbformat.read(TWINS / f"{name}.ipynb", as_version=4)
    for cell in twin.cells:
        if cell.cell_type == "code" and cell.source.startswith(SET_UP):
            cell.source = set_up_cell()
        elif cell.cell_type == "markdown":
            lines = cell.source.split("\n")
            cell.source = "\n".join(
                badge(name) if line.startswith("[![Open in Colab]") else line for line in lines
            )
    return _in_one_form(twin)


def names() -> list[str]:
    """Return the names of all lessons, in order."""
    return sorted(path.stem for path in TWINS.glob("[0-9][0-9]_*.ipynb"))


def _in_one_form(notebook):
    """Take off a notebook what changes from one run or editor to the next: cells' names, the kernel's own."""
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
    notebook.metadata = nbformat.from_dict(_KERNEL)
    return notebook


def main() -> int:
    """Make the lessons that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="such as 02_convolutions (default: all)")
    parser.add_argument("--no-run", action="store_true", help="keep the outputs that the twins have")
    args = parser.parse_args()
    for name in args.names or names():
        print(name, flush=True)
        twin = read_twin(name)
        if not args.no_run:
            twin = run_twin(twin)
        nbformat.write(twin, TWINS / f"{name}.ipynb")
        nbformat.write(lesson_of(twin), HERE / f"{name}.ipynb")
    return 0


if __name__ == "__main__":
    sys.exit(main())
