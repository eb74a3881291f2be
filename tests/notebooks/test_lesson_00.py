"""What lesson 00 says holds."""

import pytest

from tests.notebooks.lessons import run_lesson


@pytest.mark.slow
def test_first_steps():
    seen = run_lesson("00_first_steps", "before", "table", "causal_auroc", "lazy_accuracy", "lazy_auroc")
    assert abs(sum(seen["before"]) / len(seen["before"]) - 0.5) < 0.15  # an untrained network guesses
    trained = [row[-1] for row in seen["table"]]
    assert sum(trained) / len(trained) > 0.7
    assert seen["causal_auroc"] > 0.7
    assert seen["lazy_accuracy"] > 0.88 and seen["lazy_auroc"] == 0.5
