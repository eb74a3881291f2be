"""Laws of every lesson: a twin with outputs, a lesson without, one way to begin, public names only."""

import ast
import os
import re
import subprocess
import sys
import sysconfig
from configparser import ConfigParser
from importlib.metadata import packages_distributions

import nbformat
import pytest

from notebooks import make_lessons
from notebooks.make_lessons import MARK, SET_UP, TWINS, tags
from tests.notebooks.lessons import NOTEBOOKS

NAMES = make_lessons.names()


def read(path):
    return nbformat.read(path, as_version=4)


def code_of(cells):
    """Return the source of code cells, without the lines that only IPython reads."""
    cells = [cell for cell in cells if cell.cell_type == "code"]
    lines = [line for cell in cells for line in cell.source.split("\n") if not line.lstrip().startswith("%")]
    return "\n".join(lines)


def test_there_are_lessons_and_each_has_its_number_once():
    numbers = [name[:2] for name in NAMES]
    assert numbers == [f"{number:02d}" for number in range(len(NAMES))]


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_is_its_twin_without_answers(name):
    lesson = read(NOTEBOOKS / f"{name}.ipynb")
    nbformat.validate(lesson)
    assert lesson == make_lessons.lesson_of(make_lessons.read_twin(name))
    assert not any(cell.get("outputs") for cell in lesson.cells) and MARK not in str(lesson)


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_was_run_from_top_to_bottom_without_an_error(name):
    twin = read(TWINS / f"{name}.ipynb")
    nbformat.validate(twin)
    code = [cell for cell in twin.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    printed = "".join(output.get("text", "") for output in outputs)
    assert "Traceback" not in printed and "Warning" not in printed
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert (TWINS / f"{name}.ipynb").stat().st_size < 1_500_000


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_begins_as_every_lesson_does(name):
    twin = read(TWINS / f"{name}.ipynb")
    assert twin == make_lessons.read_twin(name)  # the badge and the set-up cell are those of make_lessons
    head = next(cell.source for cell in twin.cells if "answer" not in tags(cell))
    assert head.startswith(f"# {name[:2]} · ")
    assert make_lessons.badge(name) in head
    for word in ("**Goal.**", "**Time.**", "**You need**"):
        assert word in head, word
    first = next(cell for cell in twin.cells if cell.cell_type == "code")
    assert first.source == make_lessons.set_up_cell() and first.source.startswith(SET_UP)


@pytest.mark.parametrize("name", NAMES)
def test_exercises_have_a_task_and_an_answer_and_nothing_hangs_on_them(name):
    twin = read(TWINS / f"{name}.ipynb")
    exercises = [cell for cell in twin.cells if "exercise" in tags(cell)]
    assert exercises
    for cell in exercises:
        task, answer = cell.source.split(MARK)
        assert task.strip() and all(line.startswith("#") for line in task.strip().split("\n"))
        assert code_of([nbformat.v4.new_code_cell(answer)]).strip()
    # A student who skips an exercise can go on: what only answers define, only answers use.
    kept = [cell for cell in twin.cells if not {"exercise", "answer"} & set(tags(cell))]
    defined = _stored(code_of(kept))
    made = _stored(code_of(exercises)) - defined
    used = {node.id for node in ast.walk(ast.parse(code_of(kept))) if isinstance(node, ast.Name)}
    assert not made & used


def _stored(source):
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


@pytest.mark.parametrize("name", NAMES)
def test_lessons_use_public_names_and_hide_no_error(name):
    tree = ast.parse(code_of(read(TWINS / f"{name}.ipynb").cells))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seqdl"):
            path = [*node.module.split("."), *(alias.name for alias in node.names)]
            assert not [part for part in path if part.startswith("_")], path
        if isinstance(node, ast.Attribute):
            assert not re.match(r"_[a-z]", node.attr), node.attr
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None and ast.unparse(node.type) not in ("Exception", "BaseException")


def test_the_timetable_has_every_lesson_and_no_other():
    text = (NOTEBOOKS / "README.md").read_text()
    assert sorted(set(re.findall(r"\]\(([0-9]{2}_\w+)\.ipynb\)", text))) == NAMES
    assert sorted(set(re.findall(r"\]\(answers/([0-9]{2}_\w+)\.ipynb\)", text))) == NAMES
    for name in NAMES:
        assert make_lessons.badge(name) in text


def test_the_set_up_cell_looks_for_every_package_that_seqdl_needs():
    config = ConfigParser()
    config.read(NOTEBOOKS.parent / "setup.cfg")
    needed = {re.match(r"[\w-]+", line)[0].lower() for line in config["options"]["install_requires"].split()}
    looked_for = set(re.search(r'needs = "(.*)"', make_lessons.set_up_cell())[1].split())
    brought = packages_distributions()
    assert needed == {name.lower() for module in looked_for for name in brought[module]} & needed
    assert len(looked_for) == len(needed)


def test_a_clone_with_its_packages_needs_no_installation():
    """Without `-S` Python would find an editable seqdl; with it only what the packages' folder holds."""
    code = (
        "import importlib.util, sys\n"
        "if importlib.util.find_spec('seqdl'): sys.exit(77)\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_cell(sys.stdin.read()).raise_error()\n"
        "print(sys.modules['seqdl'].__file__)"
    )
    environment = {**os.environ, "PYTHONPATH": sysconfig.get_paths()["purelib"]}
    run = subprocess.run(
        [sys.executable, "-S", "-c", code], input=make_lessons.set_up_cell(), cwd=NOTEBOOKS, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    if run.returncode == 77:
        pytest.skip("seqdl is installed among the packages themselves")
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().endswith(str(NOTEBOOKS.parent / "seqdl" / "__init__.py"))
