"""What a run of `make_background` made, in numbers and in words."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_FEW, _LISTED = 1000, 20


class BackgroundSummary(NamedTuple):
    """What `make_background` made.

    Attributes
    ----------
    path : Path
    n : int
        Variants that were scored.
    source : str
        What they are, in words.
    rejected : dict of int
        Variants that could not be scored, by reason.
    score : str
        What an allele's largest effect goes by.
    median, top : float
        Median and 99th percentile of the largest effect over the targets.
    targets : tuple of (str, float, float)
        Name, and median and 99th percentile of the size of the effect, of each target.
    """

    path: Path
    n: int
    source: str
    rejected: dict[str, int]
    score: str
    median: float
    top: float
    targets: tuple[tuple[str, float, float], ...]

    def text(self) -> str:
        """Return the summary as lines for a person."""
        lines = [
            f"{self.n:,} {self.source}",
            *(f"  rejected {n:,} {reason}" for reason, n in self.rejected.items()),
            f"largest |{self.score}| over the targets: median {self.median:.3g}, 99th percentile "
            f"{self.top:.3g}",
        ]
        if len(self.targets) <= _LISTED:
            lines += [
                f"  {name}: median {median:.3g}, 99th percentile {top:.3g}"
                for name, median, top in self.targets
            ]
        else:
            medians, tops = (sorted(one[k] for one in self.targets) for k in (1, 2))
            lines.append(
                f"  of {len(self.targets):,} targets: medians {medians[0]:.3g} to {medians[-1]:.3g}, "
                f"99th percentiles {tops[0]:.3g} to {tops[-1]:.3g}"
            )
        lines.append(f"the smallest p-value that it can give: {1 / (self.n + 1):.2g}")
        if self.n < _FEW:
            lines.append(f"  note: a background of fewer than {_FEW:,} variants is small")
        return "\n".join([*lines, f"background: {self.path}"])
