"""Keep other voices off the screen: TensorFlow's start-up lines, warnings that seqdl says in its own words.

TensorFlow logs from C++ to file descriptor 2 before any Python setting is read, so the descriptor
itself is turned aside for the moment of the import, whenever and wherever that comes.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import logging
import os
import sys
import tempfile
from contextlib import contextmanager


@contextmanager
def stderr_aside():
    """Turn file descriptor 2 aside; what was written there is shown only if the block fails."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all: nothing to keep quiet
        yield
        return
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            aside.seek(0)
            os.write(2, aside.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


class _QuietFinder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as Python would, and runs its import with standard error aside."""

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module) -> None:
                with stderr_aside():
                    run(module)

            spec.loader.exec_module = exec_module
        return spec


@contextmanager
def said_precision(precision: str):
    """Say what bfloat16 costs in a sentence, in place of the library's warning."""
    import warnings

    from seqdl.prediction.precision import BFLOAT16_NOTE
    from seqdl.progress import say

    with warnings.catch_warnings():
        if precision == "bfloat16":
            say(f"Note: {BFLOAT16_NOTE}")
            warnings.filterwarnings("ignore", message="bfloat16 predicts")
        yield


def quiet_tensorflow() -> None:
    """Arrange that a later import of TensorFlow says nothing, unless it fails."""
    # Level 3 covers what TensorFlow says after its start; the finder what it says during it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Folds, members and trials each compile a network of their own, which is no mistake to be warned of.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if "tensorflow" not in sys.modules and not any(isinstance(f, _QuietFinder) for f in sys.meta_path):
        sys.meta_path.insert(0, _QuietFinder())
