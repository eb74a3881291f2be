"""Numbers about coverage as it is stored, and what a build of it reports."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.data.dataset_file import SPLITS
from seqdl.words import count

_SHOWN = 5


class RowTally:
    """Counts what rows hold, a block at a time.

    Parameters
    ----------
    n_targets : int
    """

    def __init__(self, n_targets: int) -> None:
        self._rows = 0
        self._known = np.zeros(n_targets, np.int64)
        self._zero = np.zeros(n_targets, np.int64)
        self._sum = np.zeros(n_targets)
        self._most = np.zeros(n_targets, np.float32)

    def add(self, block: np.ndarray) -> None:
        """Count rows: float16 array, shape (m, n_targets)."""
        known = ~np.isnan(block)
        filled = np.where(known, block, 0).astype(np.float32)
        self._rows += len(block)
        self._known += known.sum(axis=0)
        self._zero += (block == 0).sum(axis=0)
        self._sum += filled.sum(axis=0, dtype=np.float64)
        if len(block):
            self._most = np.maximum(self._most, filled.max(axis=0))

    def watch(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Pass blocks on and count each."""
        for block in blocks:
            self.add(block)
            yield block

    def table(self, names: Sequence[str]):
        """Return what was counted.

        Parameters
        ----------
        names : sequence of str
            Of the targets.

        Returns
        -------
        table : pandas DataFrame
            One row a target: name; mean and max of the known values; zeros, the share of the known values
            that are 0; unknown, the share of all that are not known.
        """
        import pandas as pd

        known = np.maximum(self._known, 1)
        mean = np.where(self._known > 0, self._sum / known, np.nan)
        return pd.DataFrame(
            {
                "name": list(names),
                "mean": mean,
                "max": self._most.astype(np.float64),
                "zeros": self._zero / known,
                "unknown": 1 - self._known / max(self._rows, 1),
            }
        )


def describe_tracks(table) -> list[str]:
    """Write the table of `RowTally` as lines: all targets where they are few, else the ends by mean.

    Parameters
    ----------
    table : pandas DataFrame

    Returns
    -------
    lines : list of str
    """
    wide = max(6, *(len(str(n)) for n in table["name"]))
    lines = [f"  {'target':<{wide}} {'mean':>10} {'max':>10} {'zeros':>8} {'unknown':>8}"]
    order = table.sort_values("mean", ascending=False, kind="stable")
    some = [order] if len(order) <= 2 * _SHOWN + 1 else [order.iloc[:_SHOWN], order.iloc[-_SHOWN:]]
    for i, part in enumerate(some):
        lines += ["  …"] * (i > 0)
        lines += [
            f"  {r.name:<{wide}} {r.mean:>10.4g} {r.max:>10,.4g} {r.zeros:>8.1%} {r.unknown:>8.1%}"
            for r in part.itertuples(index=False, name="TrackRow")
        ]
    return lines


class CoverageReport(NamedTuple):
    """What was built.

    Attributes
    ----------
    path : Path
        The dataset.
    n_windows, n_targets, n_rows, resolution : int
        Windows, targets, stored rows, and bases of a row.
    splits : dict
        Windows of each of train, valid, test.
    tracks : pandas DataFrame
        Of `RowTally.table`, over all stored rows.
    split_kind : str
    notes : tuple of str
        What was renamed, left out or is worth knowing.
    seconds : float
    """

    path: Path
    n_windows: int
    n_targets: int
    n_rows: int
    resolution: int
    splits: dict[str, int]
    tracks: object
    split_kind: str
    notes: tuple[str, ...]
    seconds: float

    def summary(self) -> str:
        """Say it in a few lines."""
        lines = [
            f"{self.path}: {self.n_windows:,} windows, {count(self.n_targets, 'target')}, "
            f"{self.n_rows:,} rows of {self.resolution:,} bp ({self.seconds:.1f} s)",
            *(f"  {name:<5} {self.splits[name]:>10,} windows" for name in SPLITS),
            *describe_tracks(self.tracks),
        ]
        if self.split_kind == "random":
            lines.append(
                "  The split is random over windows: every result made from this file is stamped with that."
            )
        return "\n".join(lines)


def report_coverage(
    path: str | Path, windows, tally: RowTally, names: Sequence[str], resolution: int, n_rows: int,
    notes: Sequence[str], began: float,
) -> CoverageReport:  # fmt: skip
    """Report on a dataset that was written.

    Parameters
    ----------
    path : path
    windows : seqdl.data.coverage_rows.Windows
    tally : RowTally
        Of all rows.
    names : sequence of str
        Of the targets.
    resolution, n_rows : int
    notes : sequence of str
    began : float
        When the build began, by `time.monotonic`.

    Returns
    -------
    report : CoverageReport
    """
    counts = np.bincount(windows.split, minlength=len(SPLITS))
    return CoverageReport(
        path=Path(path), n_windows=len(windows.rows), n_targets=len(names), n_rows=n_rows,
        resolution=resolution, splits={name: int(counts[code]) for code, name in enumerate(SPLITS)},
        tracks=tally.table(names), split_kind=windows.kind, notes=tuple(notes),
        seconds=time.monotonic() - began,
    )  # fmt: skip
