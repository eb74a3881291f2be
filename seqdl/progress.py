"""Sentences and progress for a person: on standard error, with a rate and a finishing time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from seqdl.words import time_left

_APPEARS_AFTER = 1.0  # seconds: what is over at once needs no bar
_PLAIN_EVERY = 15.0  # seconds between lines where standard error is not a terminal
_quiet = False
_open = 0  # bars that are shown now
_interrupted = False


def set_quiet(quiet: bool) -> None:
    """Silence (or un-silence) notes and progress; errors are still printed."""
    global _quiet
    _quiet = quiet


@contextmanager
def hushed(hush: bool = True) -> Iterator[bool]:
    """Silence notes and progress inside a block (or let them speak again), and restore what was before.

    Parameters
    ----------
    hush : bool
        Whether to be quiet inside.

    Yields
    ------
    before : bool
        Whether it was quiet outside: ``hushed(before)`` inside the block speaks as the user asked for.
    """
    global _quiet
    before, _quiet = _quiet, hush
    try:
        yield before
    finally:
        _quiet = before


def interrupt() -> bool:
    """Note a Ctrl-C; return whether the work under way will raise KeyboardInterrupt itself, at its next step.

    An interrupt between two steps leaves nothing half-done, and cannot be lost: raised at any place,
    it may hit a destructor or a call-back of C code, where Python only prints it and goes on.
    A second one is not postponed.
    """
    global _interrupted
    postponed = _open > 0 and not _interrupted
    _interrupted = postponed
    return postponed


def say(text: str) -> None:
    """Print one of seqdl's own sentences to standard error, unless quiet."""
    if not _quiet:
        print(text, file=sys.stderr, flush=True)


class Progress:
    """Counts what is done; shows itself only when the work takes longer than a moment.

    Parameters
    ----------
    total : int or None
        How much there is; None when it is not known beforehand (then there is no finishing time).
    description : str
        What is being done, such as "Scoring variants".
    unit : str
        What is counted, in the plural.
    """

    def __init__(self, total: int | None, description: str, unit: str) -> None:
        self.total, self.description, self.unit = total, description, unit
        self.done = 0
        self._began = time.monotonic()
        # The rate counts from the end of the first step: that one compiles, opens and reads ahead.
        self._first: tuple[float, int] | None = None
        self._said = self._began
        self._bar = None
        self._task = None

    def advance(self, n: int = 1) -> None:
        """Count `n` more as done; a Ctrl-C that was noted meanwhile is raised here."""
        if _interrupted:
            raise KeyboardInterrupt
        self.done += n
        now = time.monotonic()
        if n:
            self._first = self._first or (now, self.done)
        if _quiet or now - self._began < _APPEARS_AFTER:
            return
        if sys.stderr.isatty():
            self._show_bar()
        elif now - self._said >= _PLAIN_EVERY:
            self._said = now
            say(self.line())

    def line(self) -> str:
        """Return the state as one plain line with rate and finishing time."""
        rate = self._rate()
        text = f"{self.description}: {self.done:,}"
        if self.total:
            text += f" of {self.total:,}"
        text += f" {self.unit}, {rate:,.0f}/s" if rate >= 10 else f" {self.unit}, {rate:,.1f}/s"
        if self.total and rate:
            left = max(self.total - self.done, 0) / rate
            text += f", {time_left(left)}"
        return text

    def _rate(self) -> float:
        began, before = self._first or (self._began, 0)
        now = time.monotonic()
        if self.done == before:
            began, before = self._began, 0
        return (self.done - before) / max(now - began, 1e-9)

    def close(self) -> None:
        """Take the bar away; what was said stays."""
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done)
            self._bar.stop()
            self._bar = None

    def _show_bar(self) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(self.description, total=self.total, rate="")
            self._bar.start()
        rate = self._rate()
        self._bar.update(self._task, completed=self.done, rate=f"{rate:,.0f} {self.unit}/s")


@contextmanager
def progress_bar(total: int | None, description: str, unit: str = "windows") -> Iterator[Progress]:
    """Show progress over a block of work; call ``advance(n)`` on what it yields.

    Parameters
    ----------
    total : int or None
        How much there is, if known.
    description : str
        What is being done.
    unit : str
        What is counted, in the plural.

    Raises
    ------
    KeyboardInterrupt
        At the end of the block, for a Ctrl-C that came after the last step.
    """
    global _open, _interrupted
    progress = Progress(total, description, unit)
    _open += 1
    noted = False
    try:
        yield progress
    finally:
        _open -= 1
        if not _open:
            noted, _interrupted = _interrupted, False
        progress.close()
    if noted:
        raise KeyboardInterrupt


def track(items: Iterable, total: int | None, description: str, unit: str = "windows") -> Iterator:
    """Iterate with progress, one count an item.

    Parameters
    ----------
    items : iterable
        What to go through.
    total : int or None
        How many there are; taken from ``len`` when None and known.
    description, unit : str
        As in `progress_bar`.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    with progress_bar(total, description, unit) as progress:
        for item in items:
            yield item
            progress.advance()
