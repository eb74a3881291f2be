"""The command line's frame: light to start, right exit codes, words instead of stack traces."""

import subprocess
import sys

import pytest

from seqdl.cli import main as frame
from seqdl.cli.main import VERBS, main


def modules_after(program: str) -> set[str]:
    """Run a program in a new interpreter; return the heavy modules that it loaded."""
    code = f"{program}\nimport sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(eval(found.stdout.splitlines()[-1]))


HEAVY = ("tensorflow", "keras", "jax", "torch", "pandas", "matplotlib", "sklearn", "h5py", "pysam", "scipy")


def test_import_is_light():
    assert modules_after("import seqdl; seqdl.Interval('c', 0, 5)") == set()


@pytest.mark.parametrize("verb", [[], *([v] for v in VERBS), ["data", "build"]], ids=" ".join)
def test_help_is_light_and_shows_examples(verb):
    program = f"from seqdl.cli.main import main; assert main({[*verb, '--help']!r}) == 0"
    assert modules_after(program) & {"tensorflow", "keras", "jax", "torch"} == set()


@pytest.mark.parametrize("verb", [[], *([v] for v in VERBS if v != "data"), ["data", "build"]], ids=" ".join)
def test_every_help_has_examples(verb, capsys):
    assert main([*verb, "--help"]) == 0
    assert "examples:" in capsys.readouterr().out


def test_unknown_verb_suggests_the_nearest(capsys):
    assert main(["trian"]) == 2
    assert "Did you mean 'train'" in capsys.readouterr().err


def test_wrong_usage_is_2(capsys):
    assert main(["train"]) == 2
    assert "--data" in capsys.readouterr().err


@pytest.mark.parametrize("shifts", [["--shifts", "-1,0,1"], ["--shifts=-1,0,1"], ["--shifts", "1,-2"]])
def test_a_list_may_begin_with_a_negative_number(monkeypatch, shifts):
    from seqdl.cli import score_variants

    seen = []
    monkeypatch.setattr(score_variants, "run", lambda args: seen.append(args.shifts))
    assert main(["score-variants", "--run", "r", "-g", "g", "--vcf", "v", *shifts, "--out", "o.tsv"]) == 0
    assert seen == [(1, -2) if shifts[1:] == ["1,-2"] else (-1, 0, 1)]


def test_input_errors_are_2_and_one_sentence(capsys, tmp_path):
    assert main(["train", "--data", str(tmp_path / "no.h5"), "--out", str(tmp_path / "run")]) == 2
    err = capsys.readouterr().err
    assert "does not exist" in err and "Traceback" not in err


@pytest.mark.parametrize(
    "error, code, words",
    [
        (RuntimeError("boom"), 1, "internal error"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device", "x.h5"), 2, "disk is full"),
        (OSError(27, "File too large"), 2, "ulimit -f"),
        (MemoryError(), 2, "memory"),
    ],
)
def test_every_failure_has_its_code(monkeypatch, capsys, error, code, words):
    def fail(argv):
        raise error

    monkeypatch.setattr(frame, "_dispatch", fail)
    assert main(["train"]) == code
    assert words in capsys.readouterr().err


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("seqdl 0.")


def test_a_backend_without_memory_gets_words(capsys, monkeypatch):
    class ResourceExhaustedError(Exception):
        """As TensorFlow's is called."""

    for error in (
        ResourceExhaustedError("OOM"),
        RuntimeError("RESOURCE_EXHAUSTED: out of memory"),
        MemoryError(),
    ):
        monkeypatch.setattr(frame, "_dispatch", lambda argv, error=error: (_ for _ in ()).throw(error))
        assert main(["train"]) == 2
        assert "not enough memory. A smaller --batch-size" in capsys.readouterr().err
