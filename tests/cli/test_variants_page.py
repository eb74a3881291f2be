"""docs/variants.md says what the code does: scores, reasons, flags and the command line's flags."""

import argparse
import re
from importlib import import_module
from pathlib import Path

import pytest

from seqdl.variants.annotate import FROM_BACKGROUND
from seqdl.variants.coverage_scores import COVERAGE_SCORES, SUM_PSEUDOCOUNT
from seqdl.variants.scores import PSEUDOCOUNT, SCORES
from seqdl.variants.screen import FLAGS, REASONS
from seqdl.variants.files.writers import SUFFIXES

PAGE = Path(__file__).parents[2] / "docs" / "variants.md"
VERBS = ("score_variants", "background", "calibrate", "report")
OF_DASK = {"--nthreads", "--scheduler-file", "--gres"}


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def table(page, heading):
    """Return the names in code type in the first column of the table under a heading row."""
    body = page[page.index(heading) :].split("\n\n")[0].splitlines()[2:]
    return [name for line in body for name in re.findall(r"`([^`]+)`", line.split("|")[1])]


def test_each_score_has_a_row_with_its_sign(page):
    first, second = (m.start() for m in re.finditer(re.escape("| name | formula | swapped alleles |"), page))
    for start, known, own in ((first, SCORES, "binary"), (second, COVERAGE_SCORES, "coverage")):
        part = page[start:]
        assert table(part, "| name | formula") == [*known, FROM_BACKGROUND[own]]
        for line in part.split("\n\n")[0].splitlines()[2:]:
            name = re.search(r"`(\w+)`", line)[1]
            if name in known and known[name].effect:
                assert ("flip the sign" in line) == known[name].signed, name
    assert f"(P(alt) + {PSEUDOCOUNT:f}".rstrip("0") in page
    assert f"log2(Σ alt + {SUM_PSEUDOCOUNT:g})" in page


def test_each_reason_and_flag_is_explained(page):
    assert set(table(page, "| rejected as |")) <= set(REASONS)
    for name in (*REASONS, *FLAGS):
        assert f"`{name}`" in page, name


def test_each_format_has_a_row(page):
    assert set(table(page, "| suffix | what |")) >= set(SUFFIXES)


def test_each_flag_of_the_command_line_is_one(page):
    known = set()
    for verb in VERBS:
        parser = argparse.ArgumentParser()
        import_module(f"seqdl.cli.{verb}").add_arguments(parser)
        known |= {option for action in parser._actions for option in action.option_strings}
    found = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page)) - OF_DASK
    assert found <= known, found - known
    assert len(found) > 20
