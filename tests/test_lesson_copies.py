"""Lessons come as copies that never replace what a student wrote."""

import subprocess
import sys

import pytest

from seqdl.cli.main import main
from seqdl.errors import InputError
from seqdl.lessons import copy_lessons, lesson_folder, list_lessons


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_lesson_is_listed_and_copied_byte_for_byte(tmp_path, capsys):
    lessons = list_lessons()
    assert len(lessons) >= 1 and all(lesson.title and lesson.goal for lesson in lessons)
    assert main(["notebooks", "--out", str(tmp_path / "a")]) == 0
    names = [lesson.name for lesson in lessons]
    expected = ["README.md", *(f"{n}.ipynb" for n in names), *(f"answers/{n}.ipynb" for n in names)]
    assert files(tmp_path / "a") == sorted(expected)
    for name in expected:
        assert (tmp_path / "a" / name).read_bytes() == (lesson_folder() / name).read_bytes()
    assert main(["notebooks"]) == 0
    out = capsys.readouterr().out
    assert all(lesson.name in out and lesson.title in out for lesson in lessons)


@pytest.mark.parametrize("word", ["0", "00", "00_first_steps", "first_steps", "00_first_steps.ipynb"])
def test_a_lesson_is_known_by_its_name_or_number(tmp_path, word):
    copy_lessons(tmp_path, [word, word], answers=False)
    assert files(tmp_path) == ["00_first_steps.ipynb", "README.md"]


def test_what_a_student_wrote_is_never_replaced(tmp_path):
    copy_lessons(tmp_path, ["0"])
    worked = tmp_path / "00_first_steps.ipynb"
    worked.write_text("mine")
    before = files(tmp_path)
    with pytest.raises(InputError, match="00_first_steps.ipynb.*--overwrite"):
        copy_lessons(tmp_path)
    assert worked.read_text() == "mine" and files(tmp_path) == before
    copy_lessons(tmp_path, ["0"], overwrite=True)
    assert worked.read_text() != "mine"


def test_more_lessons_come_beside_earlier_ones(tmp_path):
    (tmp_path / "README.md").write_text("of the class")
    copy_lessons(tmp_path, ["0"])
    copy_lessons(tmp_path, ["1"])
    assert {"00_first_steps.ipynb", "01_neuron_to_network.ipynb"} <= set(files(tmp_path))
    assert (tmp_path / "README.md").read_text() == "of the class"


@pytest.mark.parametrize(
    "argv, words",
    [
        (["--lessons", "77"], ["'77'", "00_first_steps"]),
        (["--lessons", "first_step"], ["'first_step'", "Did you mean"]),
        (["--lessons", ","], ["no lesson"]),
    ],
)
def test_bad_names_are_told(tmp_path, capsys, argv, words):
    assert main(["notebooks", "--out", str(tmp_path / "x"), *argv]) == 2
    err = capsys.readouterr().err
    assert all(word in err for word in words), err
    assert not (tmp_path / "x").exists()


def test_bad_folders_are_told(tmp_path):
    (tmp_path / "f").write_text("")
    for folder, words in [(tmp_path / "f", "is a file"), (lesson_folder(), "come from")]:
        with pytest.raises(InputError, match=words):
            copy_lessons(folder, overwrite=True)


def test_copying_loads_nothing_heavy(tmp_path):
    code = (
        "import sys; from seqdl.cli.main import main; main(['notebooks', '--out', sys.argv[1]])\n"
        "assert not {'keras', 'tensorflow', 'numpy', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], check=True)
