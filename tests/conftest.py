"""What holds for every test: an own cache folder, no deadline on a busy machine, quiet TensorFlow."""

import os
import platform
from importlib.metadata import distributions

import pytest
from hypothesis import settings

from seqdl.cli.quiet import quiet_tensorflow
from seqdl.progress import set_quiet

quiet_tensorflow()
# Speed belongs in benchmarks/: a test that times out on a busy machine says nothing about the code.
settings.register_profile("seqdl", deadline=None)
settings.load_profile("seqdl")


def pytest_terminal_summary(terminalreporter):
    """Say on which versions the tests were run."""
    names = ("tensorflow", "keras", "jax", "numpy", "pandas", "scikit-learn", "matplotlib")
    here = {item.name.lower(): item.version for item in distributions() if item.name}
    versions = ", ".join(f"{name} {here[name]}" for name in names if name in here)
    terminalreporter.write_line(f"Python {platform.python_version()}, {versions}")


@pytest.fixture(autouse=True)
def speaking():
    """Let each test hear what is said: a command with --quiet leaves the process quiet."""
    set_quiet(False)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Keep the user's cache out of the tests."""
    before = os.environ.get("SEQDL_CACHE")
    os.environ["SEQDL_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["SEQDL_CACHE"]
    else:
        os.environ["SEQDL_CACHE"] = before
