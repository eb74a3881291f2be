"""Run a lesson as the tests do, and read what its variables hold at the end."""

import json
from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="lessons are run with nbclient")

from notebooks import make_lessons

NOTEBOOKS = Path(make_lessons.__file__).parent
_MARK = "seqdl-lesson-values "
_TELL = """
import json as _json
import numpy as _np
_values = {{name: globals()[name] for name in {names!r}}}
print({mark!r} + _json.dumps(_values, default=lambda x: _np.asarray(x).tolist()))
"""


def run_lesson(name, *variables):
    """Run the twin of a lesson on its fast setting; return these variables of it, as JSON has them."""
    tell = _TELL.format(mark=_MARK, names=variables)
    run = make_lessons.run_twin(make_lessons.read_twin(name), fast=True, also=tell)
    told = "".join(item.get("text", "") for item in run.cells[-1].outputs)
    return json.loads(told.split(_MARK, 1)[1])
