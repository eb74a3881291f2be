"""Where the time of a job went."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from seqdl.words import duration


class Clock:
    """Add up seconds by stage; each stage is timed by one thread at a time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began = time.monotonic()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the time inside the block to a stage."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - began

    @property
    def total(self) -> float:
        """Seconds since the clock was made."""
        return time.monotonic() - self._began

    def text(self, total: float) -> str:
        """Say the stages and their share of a whole of `total` seconds; they may overlap."""
        parts = (
            f"{stage} {duration(seconds)} ({seconds / max(total, 1e-9):.0%})"
            for stage, seconds in self.seconds.items()
        )
        return "; ".join(parts)
