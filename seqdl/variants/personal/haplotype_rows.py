"""Rows of one contig that wait until all that their windows can show has been read, and their windows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.genome import Genome
from seqdl.variants.alleles import Alleles, genome_letters
from seqdl.variants.personal.haplotype_edits import Applied, Edit, Haplotype, personal_windows

_FAR = np.iinfo(np.int64).max


class Row(NamedTuple):
    """One ALT allele on one haplotype.

    Attributes
    ----------
    record, chrom, pos, name, ref, alt
        As in a `VcfChunk`.
    haplotype : int
        1 or 2; 0 where it is unknown.
    edit : Edit or None
        What the allele does to its haplotype, if it was applied.
    reason, detail : str
        Why not, otherwise.
    swapped : bool
        Whether the genome carries ALT instead of REF.
    """

    record: int
    chrom: str
    pos: int
    name: str
    ref: str
    alt: str
    haplotype: int
    edit: Edit | None = None
    reason: str = ""
    detail: str = ""
    swapped: bool = False


class Finished(NamedTuple):
    """A row, and its windows if it can be scored.

    Attributes
    ----------
    row : Row
    reason, detail : str
        Why it is rejected, and what was found; empty if it is not.
    ref, alt, right : uint8 array, shape (window,), or None
        Windows; `right` of indels only, if asked for.
    flags : str
        Joined by ";", or ".".
    variants : int
        Variants of the haplotype in the window.
    """

    row: Row
    reason: str
    detail: str
    ref: np.ndarray | None = None
    alt: np.ndarray | None = None
    right: np.ndarray | None = None
    flags: str = "."
    variants: int = 0


class Stretch:
    """The part of a contig that is being read: both haplotypes, and the rows that wait.

    Parameters
    ----------
    genome : Genome
    contig_id : int
        -1 for a contig that the genome has not.
    window, anchor : int
        Bases of a window, and the index of the variant's first base in it.
    context : bool
        Take the haplotype without the variant as the ref window, not the genome.
    both_sides : bool
        Build the right-aligned windows of indels.
    """

    def __init__(
        self, genome: Genome, contig_id: int, window: int, anchor: int, context: bool, both_sides: bool
    ) -> None:
        self.contig_id = contig_id
        self._genome, self._window, self._anchor = genome, window, anchor
        self._context, self._both_sides = context, both_sides
        self._haplotypes = (Haplotype(), Haplotype())
        self._waiting: list[Row] = []
        self._phases: list[tuple[int, int, int]] = []  # start, end, number of the phase set
        self._phase_sets: dict[str, int] = {}
        self._left_out: list[tuple[int, int, int]] = []  # start, end, haplotype

    def add(self, edit: Edit, haplotype: int) -> Edit | None:
        """Put an edit into a haplotype; return the one that is in its way, if there is one."""
        return self._haplotypes[haplotype - 1].add(edit)

    def wait(self, row: Row, phase_set: str | None) -> None:
        """Take a row whose edit was applied; `phase_set` is None where both haplotypes carry the same."""
        self._waiting.append(row)
        if phase_set is not None:
            number = self._phase_sets.setdefault(phase_set, len(self._phase_sets))
            self._phases.append((row.edit.start, row.edit.end, number))

    def leave_out(self, row: Row, stop: int) -> None:
        """Take a rejected row, which would have changed the genome until `stop` (0-based, not included)."""
        self._waiting.append(row)
        if stop >= row.pos:
            self._left_out.append((row.pos - 1, stop, row.haplotype))

    def finish(self, frontier: int | None) -> list[Finished]:
        """Return the rows that are not changed by what begins at or behind `frontier`, or all of them."""
        frontier = _FAR if frontier is None else frontier
        applied = [haplotype.applied() for haplotype in self._haplotypes]
        placed = [self._placed(applied[k], k) for k in range(2)]
        ready = len(self._waiting)
        for one in placed:
            late = one.rows[one.seen_high > frontier]
            ready = min(ready, int(late[0])) if late.size else ready
        done = [Finished(row, row.reason, row.detail) for row in self._waiting[:ready]]
        for k in range(2):
            for i, finished in self._windows(applied[k], placed[k].until(ready), k):
                done[i] = finished
        self._waiting = self._waiting[ready:]
        self._forget(applied, frontier)
        return done

    def _placed(self, applied: Applied, k: int) -> _Placed:
        """Find the windows of a haplotype's rows that were applied."""
        numbers = [
            i for i, row in enumerate(self._waiting) if row.edit is not None and row.haplotype == k + 1
        ]
        rows = [self._waiting[i] for i in numbers]
        own = np.array([self._haplotypes[k].index(row.edit) for row in rows], np.int64)
        starts = np.array([row.pos - 1 for row in rows], np.int64)
        growth = np.array([row.edit.growth for row in rows], np.int64)
        begins = applied.places(starts, own) - self._anchor
        ends = begins + self._window
        # Other windows of the row see more: without an insertion further to the right, with the right side
        # of a deletion held in place further to the left.
        more = np.maximum(growth, 0) if self._context or self._both_sides else 0
        less = np.minimum(growth, 0) if self._both_sides else 0
        spans = *applied.span(begins, ends), *applied.span(begins + less, ends + more)
        return _Placed(np.array(numbers, np.int64), own, growth, begins, *spans)

    def _windows(self, applied: Applied, placed: _Placed, k: int):
        """Yield (number, finished row) of those rows of a haplotype that are finished."""
        if not placed.rows.size:
            return
        rows = [self._waiting[i] for i in placed.rows.tolist()]
        phases = self._phase_trouble(placed)
        fitting = np.array([max(len(row.ref), len(row.alt)) for row in rows]) <= self._window - self._anchor
        good = np.flatnonzero(fitting & (phases == ""))
        for j in np.flatnonzero(~fitting).tolist():
            detail = f"haplotype {k + 1}: an allele is longer than {self._window - self._anchor} bases"
            yield int(placed.rows[j]), Finished(rows[j], "OUT_OF_RANGE", detail)
        for j in np.flatnonzero(fitting & (phases != "")).tolist():
            yield int(placed.rows[j]), Finished(rows[j], "PHASE_SET", f"haplotype {k + 1}: {phases[j]}")
        if not good.size:
            return
        rows, placed = [rows[j] for j in good.tolist()], placed.take(good)
        alt = personal_windows(self._genome, self.contig_id, applied, placed.begins, self._window)
        if self._context:
            ref = self._without(applied, placed, alt)
            ends = placed.begins + np.maximum(self._window + placed.growth, 1)
            low, high = placed.low, applied.span(placed.begins, ends)[1]
        else:
            low = np.array([row.pos - 1 for row in rows], np.int64) - self._anchor
            high = low + self._window
            ref = self._genome.gather(np.full(len(rows), self.contig_id), low, self._window)
        right = {}
        if self._both_sides and (moved := np.flatnonzero(placed.growth)).size:
            begins = (placed.begins + placed.growth)[moved]
            codes = personal_windows(self._genome, self.contig_id, applied, begins, self._window)
            right = dict(zip(moved.tolist(), codes, strict=True))
        first, last = applied.crossed(placed.begins, placed.begins + self._window)
        others = last - first - ((placed.own >= first) & (placed.own < last))
        flags = self._flags(ref, alt, (low, high), placed, k)
        for j, row in enumerate(rows):
            yield (
                int(placed.rows[j]),
                Finished(row, "", "", ref[j], alt[j], right.get(j), flags[j], int(others[j]) + 1),
            )

    def _without(self, applied: Applied, placed: _Placed, alt: np.ndarray) -> np.ndarray:
        """Build the haplotype without each row's own edit: as `alt` until there, then the genome, then on."""
        ref = alt.copy()
        moved = np.flatnonzero(placed.own >= 0)
        if not moved.size:
            return ref
        own = placed.own[moved]
        starts, ends = applied.starts[own], applied.ends[own]
        at = applied.firsts[own] - placed.begins[moved]
        later = placed.begins[moved] + placed.growth[moved]
        later = personal_windows(self._genome, self.contig_id, applied, later, self._window)
        behind = np.arange(self._window) >= (at + ends - starts)[:, None]
        ref[moved] = np.where(behind, later, ref[moved])
        replaced = Alleles(
            np.zeros((ends - starts).sum(), np.uint8), np.concatenate([[0], np.cumsum(ends - starts)])
        )
        places = at[replaced.rows] + replaced.places
        inside = (places >= 0) & (places < self._window)
        bases = genome_letters(self._genome, np.full(len(moved), self.contig_id), starts, replaced)
        ref[moved[replaced.rows[inside]], places[inside]] = bases[inside]
        return ref

    def _phase_trouble(self, placed: _Placed) -> np.ndarray:
        """Say for each row which phase sets stand in its window, if they are two; "" otherwise."""
        said = np.full(len(placed.rows), "", object)
        if len(self._phase_sets) < 2:
            return said
        starts, ends, sets = np.array(self._phases, np.int64).reshape(-1, 3).T
        inside = (starts < placed.seen_high[:, None]) & (ends > placed.seen_low[:, None])
        least = np.where(inside, sets, _FAR).min(axis=1, initial=_FAR)
        most = np.where(inside, sets, -1).max(axis=1, initial=-1)
        names = [name or "none" for name in self._phase_sets]
        for j in np.flatnonzero(least < most).tolist():
            said[j] = f"its window holds variants of the phase sets {names[least[j]]} and {names[most[j]]}"
        return said

    def _flags(
        self,
        ref: np.ndarray,
        alt: np.ndarray,
        of_ref: tuple[np.ndarray, np.ndarray],
        placed: _Placed,
        k: int,
    ) -> list[str]:
        size = int(self._genome.sizes[self.contig_id])
        unknown, padded = np.zeros(len(alt), bool), np.zeros(len(alt), bool)
        for codes, (low, high) in ((ref, of_ref), (alt, (placed.low, placed.high))):
            outside = np.clip(-low, 0, self._window) + np.clip(high - size, 0, self._window)
            padded |= outside > 0
            unknown |= (codes == N).sum(axis=1) > outside
        marks = [(span[0], span[1]) for span in self._left_out if span[2] in (0, k + 1)]
        starts, ends = np.array(marks, np.int64).reshape(-1, 2).T
        left_out = ((starts < placed.seen_high[:, None]) & (ends > placed.seen_low[:, None])).any(axis=1)
        names = ("N_IN_WINDOW", "WINDOW_PADDED", "VARIANT_LEFT_OUT")
        marks = np.stack([unknown, padded, left_out], axis=1)
        return [";".join(n for n, on in zip(names, row, strict=True) if on) or "." for row in marks.tolist()]

    def _forget(self, applied: list[Applied], frontier: int) -> None:
        """Drop what no window of a later row can reach."""
        if frontier == _FAR:
            return
        first = min([row.pos - 1 for row in self._waiting[:1]] + [frontier])
        lows = []
        for one in applied:
            begin = one.places(np.array([first]), np.array([-1])) - self._anchor - self._window
            lows.append(int(one.span(begin, begin + 1)[0][0]))
        for haplotype, low in zip(self._haplotypes, lows, strict=True):
            haplotype.forget(low)
        self._phases = [mark for mark in self._phases if mark[1] >= min(lows)]
        self._left_out = [mark for mark in self._left_out if mark[1] >= min(lows)]


class _Placed(NamedTuple):
    """Windows of some waiting rows.

    Attributes
    ----------
    rows, own : int64 array, shape (n,)
        Numbers of the rows and of their edits.
    growth : int64 array, shape (n,)
        Bases that their edits add.
    begins : int64 array, shape (n,)
        Of the windows, on the haplotype.
    low, high : int64 array, shape (n,)
        The genome's stretch in the alt window.
    seen_low, seen_high : int64 array, shape (n,)
        The same of all windows that are built for a row.
    """

    rows: np.ndarray
    own: np.ndarray
    growth: np.ndarray
    begins: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seen_low: np.ndarray
    seen_high: np.ndarray

    def take(self, places: np.ndarray) -> _Placed:
        """Return some of them."""
        return _Placed(*(values[places] for values in self))

    def until(self, row: int) -> _Placed:
        """Return those of the rows before one."""
        return self.take(np.flatnonzero(self.rows < row))
