"""Wording that messages share."""

import pytest

from seqdl.words import duration, few, suggest


@pytest.mark.parametrize("seconds, words", [(8.2, "8 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_a_few_names_say_how_many_there_are():
    assert few([], 2) == ""
    assert few(["a", "b"], 2) == "a, b"
    assert few(range(5), 2) == "0, 1, … (5 in all)"


def test_a_suggestion_needs_a_near_name():
    assert suggest("trian", ["train", "report"]) == " Did you mean 'train'?"
    assert suggest("xyz", ["train", "report"]) == ""
