"""Parquet, which needs an optional package."""

from __future__ import annotations

from seqdl.errors import MissingDependencyError


def require_pyarrow():
    """Import pyarrow's Parquet module.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError(
            "Parquet needs pyarrow, which is not installed: pip install 'seqdl[parquet]'. "
            "Or use .tsv.gz or .h5."
        ) from error
    return pyarrow.parquet
