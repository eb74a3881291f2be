"""The small genome of coverage datasets, and its tracks read directly."""

from seqdl.io.rows import lay_rows
from seqdl.io.signal import Reading, read_signal

SIZES = {"c1": 4096, "c2": 2100, "c3": 2080}
CHROMS = {"test_chroms": "c3", "valid_chroms": "c2"}


def direct(path, resolution=16, **reading):
    """Read a track onto the rows of the whole genome; return contig → values."""
    rows = lay_rows(tuple(SIZES), tuple(SIZES.values()), resolution)
    values = read_signal(path, rows, Reading(**reading)).values
    return {name: values[:, rows.of(i)] for i, name in enumerate(SIZES)}
