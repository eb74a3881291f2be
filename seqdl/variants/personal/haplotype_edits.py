"""The sequence of one haplotype: the genome with a person's variants in it, and places on both.

A variant becomes an edit: letters that stand instead of the genome's ``[start, end)``, after what REF and
ALT share is cut away, first at the left (there VCF puts the base before an indel), then at the right. The
edits of a haplotype do not overlap; two insertions at one place do, for nobody says which comes first.

A place on the haplotype is counted as on the genome, plus what the known edits left of it add or take
away. Edits that lie too far left are forgotten, so such a place means something only within one `Applied`.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

import numpy as np

from seqdl.encoding import encode
from seqdl.genome import Genome


class Edit(NamedTuple):
    """Letters instead of the genome's ``[start, end)``, 0-based and half-open.

    Attributes
    ----------
    start, end : int
    codes : uint8 array
        What stands there; empty for a deletion.
    """

    start: int
    end: int
    codes: np.ndarray

    @property
    def changes(self) -> bool:
        """Whether it is an edit at all; REF and ALT may be the same."""
        return self.end > self.start or len(self.codes) > 0

    @property
    def growth(self) -> int:
        """Bases by which the haplotype becomes longer."""
        return len(self.codes) - (self.end - self.start)


def smallest_edit(start: int, ref: str, alt: str) -> Edit:
    """Make the edit of one allele.

    Parameters
    ----------
    start : int
        0-based place of REF's first letter.
    ref, alt : str
        Letters A, C, G, T, N in capitals.

    Returns
    -------
    edit : Edit
        Empty on both sides where REF and ALT are the same.

    Examples
    --------
    >>> smallest_edit(9, "AC", "ACGG")[:2]
    (11, 11)
    """
    most = min(len(ref), len(alt))
    left = next((i for i in range(most) if ref[i] != alt[i]), most)
    most -= left
    right = next((i for i in range(most) if ref[-1 - i] != alt[-1 - i]), most)
    return Edit(start + left, start + len(ref) - right, encode(alt[left : len(alt) - right]))


def _overlap(one: Edit, other: Edit) -> bool:
    if one.start == one.end and other.start == other.end:
        return one.start == other.start
    first, last = max(one.start, other.start), min(one.end, other.end)
    if first == last and (one.start == one.end or other.start == other.end):  # an insertion and its place
        long = other if one.start == one.end else one
        return long.start < first < long.end
    return first < last


class Haplotype:
    """The edits of one haplotype of one contig, in order; the last ones are near where the file is read."""

    def __init__(self) -> None:
        self._edits: list[Edit] = []

    def add(self, edit: Edit) -> Edit | None:
        """Apply an edit; where it overlaps one that is applied already, leave it and return that one."""
        if not edit.changes:
            return None
        at = bisect_left(self._edits, edit[:2], key=lambda known: known[:2])
        for known in self._edits[max(0, at - 1) : at + 1]:
            if _overlap(known, edit):
                return known
        self._edits.insert(at, edit)
        return None

    def index(self, edit: Edit) -> int:
        """Return the number of an applied edit among those that are known, or -1 if it changes nothing."""
        return bisect_left(self._edits, edit[:2], key=lambda known: known[:2]) if edit.changes else -1

    def forget(self, before: int) -> None:
        """Drop the edits that end before a 0-based place of the genome."""
        self._edits = self._edits[bisect_left(self._edits, before, key=lambda known: known.end) :]

    def applied(self) -> Applied:
        """Return the edits as arrays."""
        starts = np.array([edit.start for edit in self._edits], np.int64)
        ends = np.array([edit.end for edit in self._edits], np.int64)
        sizes = np.array([len(edit.codes) for edit in self._edits], np.int64)
        shift = np.concatenate([[0], np.cumsum(sizes - (ends - starts))])
        first = starts + shift[:-1]
        return Applied(starts, ends, [edit.codes for edit in self._edits], shift, first, first + sizes)


class Applied(NamedTuple):
    """The known edits of a haplotype.

    Attributes
    ----------
    starts, ends : int64 array, shape (k,)
        What is replaced, on the genome.
    codes : list of uint8 array
        What stands there.
    shift : int64 array, shape (k + 1,)
        Haplotype's place minus genome's place, before each edit and after the last.
    firsts, lasts : int64 array, shape (k,)
        Where the codes stand on the haplotype, half-open.
    """

    starts: np.ndarray
    ends: np.ndarray
    codes: list[np.ndarray]
    shift: np.ndarray
    firsts: np.ndarray
    lasts: np.ndarray

    def places(self, starts: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Tell where variants begin on the haplotype.

        Parameters
        ----------
        starts : int64 array, shape (n,)
            0-based first base of each REF.
        own : int64 array, shape (n,)
            Number of each variant's own edit, or -1: what it inserts stands behind its place, not before.

        Returns
        -------
        places : int64 array, shape (n,)
            A base that another edit replaces is found in what replaces it, as far as that reaches.
        """
        before = np.searchsorted(self.ends, starts, "right")
        before = np.where((own >= 0) & (own < before), own, before)
        places = starts + self.shift[before]
        if len(self.starts):
            hold = np.minimum(before, len(self.starts) - 1)
            within = (before < len(self.starts)) & (before != own) & (self.starts[hold] < starts)
            inside = self.firsts[hold] + starts - self.starts[hold]
            places = np.where(within, np.minimum(inside, self.lasts[hold]), places)
        return places

    def crossed(self, begins: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers, half-open, of the edits that stretches of the haplotype show or cross."""
        return np.searchsorted(self.lasts, begins, "right"), np.searchsorted(self.firsts, ends, "left")

    def span(self, begins: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the stretches of the genome, 0-based and half-open, behind stretches of the haplotype.

        Parameters
        ----------
        begins, ends : int64 array, shape (n,)
            On the haplotype; none is empty.

        Returns
        -------
        begins, ends : int64 array, shape (n,)
            A stretch that begins or ends inside of an edit has all that is replaced there.
        """
        first = np.searchsorted(self.lasts, begins, "right")
        last = np.searchsorted(self.lasts, ends - 1, "right")
        low, high = begins - self.shift[first], ends - self.shift[last]
        if len(self.starts):
            hold = np.minimum(first, len(self.starts) - 1)
            low = np.where((first < len(self.starts)) & (self.firsts[hold] < begins), self.starts[hold], low)
            hold = np.minimum(last, len(self.starts) - 1)
            high = np.where((last < len(self.starts)) & (self.firsts[hold] < ends), self.ends[hold], high)
        return low, high


def personal_windows(
    genome: Genome, contig_id: int, applied: Applied, begins: np.ndarray, window: int
) -> np.ndarray:
    """Read windows of a haplotype.

    Parameters
    ----------
    genome : Genome
    contig_id : int
    applied : Applied
    begins : int64 array, shape (n,)
        Where each window begins on the haplotype.
    window : int
        Bases.

    Returns
    -------
    codes : uint8 array, shape (n, window)
        N outside the contig.
    """
    out = np.empty((len(begins), window), np.uint8)
    order = np.argsort(begins, kind="stable")
    # Windows that overlap are cut from one sequence, which is built once.
    cuts = np.flatnonzero(np.diff(begins[order]) > window) + 1
    for rows in np.split(order, cuts) if len(order) else ():
        first = int(begins[rows[0]])
        sequence = _sequence(genome, contig_id, applied, first, int(begins[rows[-1]]) + window)
        out[rows] = np.lib.stride_tricks.sliding_window_view(sequence, window)[begins[rows] - first]
    return out


def _sequence(genome: Genome, contig_id: int, applied: Applied, begin: int, end: int) -> np.ndarray:
    """Build the haplotype's codes from `begin` to `end`."""
    first, last = (int(number) for number in applied.crossed(np.int64(begin), np.int64(end)))
    # A stretch that begins inside of an edit is built from that edit on.
    build = min(begin, int(applied.firsts[first])) if first < last else begin
    place = low = build - int(applied.shift[first])
    rest = max(0, end - int(applied.lasts[last - 1] if first < last else build))
    high = (int(applied.ends[last - 1]) if first < last else place) + rest
    region = genome.gather(np.array([contig_id]), np.array([low]), high - low)[0]
    parts = []
    for k in range(first, last):
        parts += [region[place - low : applied.starts[k] - low], applied.codes[k]]
        place = int(applied.ends[k])
    parts.append(region[place - low : place - low + rest])
    return np.concatenate(parts)[begin - build : end - build]
