"""Fragment files (contig, start, end; plain or gzipped) on a genome's rows, a block of lines at a time."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from seqdl.errors import InputError
from seqdl.files import is_gzip, read_lines
from seqdl.io.chromosomes import reconcile
from seqdl.io.rows import DepthCounter, EndCounter, Rows
from seqdl.io.signal import Binned, Reading, lacking_contigs, say_names

_BLOCK = 1 << 20  # lines
_HEADERS = ("#", "track ", "track\t", "browser ")
_SAMPLE = 100  # lines that tell what the columns are


def read_fragments(
    path: Path,
    rows: Rows,
    reading: Reading,
    alias: Mapping[str, str] | str | Path | None = None,
    advance: Callable[[int], None] = lambda bases: None,
) -> Binned:
    """Count fragments, or single reads, on rows.

    Parameters
    ----------
    path : Path
        Tab-separated. Where the sixth column is a strand, each line is a read, of which only the 5' end
        is an end; otherwise a fragment with two ends.
    rows : Rows
    reading : Reading
        Its `signal`, `shift` and `statistic` count.
    alias : mapping or path, optional
    advance : callable
        Called with the bases of the genome that are done.

    Returns
    -------
    binned : Binned
        Its `lacking` are contigs on which no fragment lies.

    Raises
    ------
    InputError
        With file and line: columns that are no fragments; or the file is truncated, or of another genome.
    """
    skip, stranded = _look(path)
    ends = reading.signal == "ends"
    counter = EndCounter(rows) if ends else DepthCounter(rows)
    contigs = _Contigs(path, rows, alias)
    left, right = reading.shift
    lines, whole, size, done = 0, int(rows.sizes.sum()), path.stat().st_size, 0
    for chrom, start, end, strand, place in _blocks(path, skip, stranded):
        now = whole * place // size
        advance(now - done)
        done = now
        if not ((start >= 0) & (start < end)).all():
            raise _first_bad_line(path)
        lines += len(start)
        ids = contigs.ids(chrom)
        here = ids >= 0
        ids, start, end = ids[here], start[here], end[here]
        if not ends:
            counter.add(ids, start, end)
        elif strand is None:
            counter.add(ids, start + left)
            counter.add(ids, end - 1 + right)
        else:
            reverse = strand[here] == "-"
            counter.add(ids, np.where(reverse, end - 1 + right, start + left))
    if not lines:
        raise InputError(f"The track {path} holds no fragment (only headers, comments or empty lines).")
    notes = contigs.notes()
    if contigs.dropped:
        notes.append(f"{contigs.dropped:,} fragments on contigs that the genome has not: left out")
    return Binned(
        counter.values(reading.statistic == "mean")[None], "fragments", counter.inside, counter.outside,
        lacking_contigs(rows, contigs.seen()), tuple(notes),
    )  # fmt: skip


class _Contigs:
    """Names as they appear in blocks, each looked up once."""

    def __init__(self, path: Path, rows: Rows, alias) -> None:
        self._path, self._rows, self._alias = path, rows, alias
        self._place = {name: i for i, name in enumerate(rows.names)}
        self._known: dict[str, int] = {}
        self.dropped = 0

    def ids(self, chrom) -> np.ndarray:
        """Return contig ids, -1 for contigs that the genome has not, of a block's pandas categories."""
        names = [str(n) for n in chrom.cat.categories]
        new = [n for n in names if n not in self._known]
        if new:
            found = self._match(new).mapping
            self._known.update({n: self._place[found[n]] if n in found else -1 for n in new})
        ids = np.array([self._known[n] for n in names], np.int64)[chrom.cat.codes.to_numpy()]
        self.dropped += int((ids < 0).sum())
        return ids

    def _match(self, names, allow_none: bool = True):
        return reconcile(names, self._rows.names, self._alias, what=self._path.name, allow_none=allow_none)

    def seen(self) -> list[int]:
        """Return the places of the genome's contigs that occurred."""
        return [i for i in self._known.values() if i >= 0]

    def notes(self) -> list[str]:
        """Say what became of all names; raise where the genome has none of them."""
        return say_names(self._match(self._known, allow_none=False))


def _look(path: Path) -> tuple[int, bool]:
    """Read the first lines: how many are headers, and whether lines are single reads with a strand."""
    skip, sample = 0, []
    for number, line in read_lines(path, "track"):
        if line.startswith(_HEADERS) or not line.strip():
            if not sample:
                skip = number
            if "bedgraph" in line.lower() or "wiggle" in line.lower():
                raise _values(path)
            continue
        fields = line.split("\t")
        if len(fields) < 3:
            raise _bad(path, number, line)
        sample.append(fields)
        if len(sample) >= _SAMPLE:
            break
    columns = {len(f) for f in sample}
    if columns == {4} and all(_is_number(f[3]) for f in sample):
        raise _values(path)
    if sample and min(columns) >= 6 and all(f[4].isdigit() and f[5].isdigit() for f in sample):
        raise InputError(
            f"The track {path} is BEDPE with two contigs a line. Give fragments as contig, start, end: for "
            f"pairs on one contig, awk -v OFS='\\t' '$1 == $4 {{print $1, $2, $6}}'."
        )
    if ".narrowpeak" in path.name.lower() or ".broadpeak" in path.name.lower():
        raise InputError(f"{path} holds peaks, not reads: give it with --peaks.")
    return skip, bool(sample) and min(columns) >= 6 and {f[5] for f in sample} <= {"+", "-"}


def _blocks(path: Path, skip: int, stranded: bool) -> Iterator[tuple]:
    """Yield chrom (categories), start, end (int64), strand or None of blocks of lines; and the bytes read."""
    import pandas as pd

    columns = [0, 1, 2, 5] if stranded else [0, 1, 2]
    types = {0: "category", 1: np.int64, 2: np.int64, 5: "category"}
    try:
        with open(path, "rb") as raw, gzip.open(raw) if is_gzip(path) else raw as handle:
            reader = pd.read_csv(
                handle, sep="\t", header=None, usecols=columns, dtype={c: types[c] for c in columns},
                skiprows=skip, comment="#", chunksize=_BLOCK, na_filter=False, engine="c",
            )  # fmt: skip
            for block in reader:
                strand = block[5].to_numpy().astype(str) if stranded else None
                if strand is not None and not np.isin(strand, ("+", "-")).all():
                    raise ValueError("a strand that is none")
                yield block[0], block[1].to_numpy(), block[2].to_numpy(), strand, raw.tell()
    except pd.errors.EmptyDataError:
        return
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"The track {path} is truncated or damaged: {error}. Fetch or compress it again."
        ) from error
    except (ValueError, OverflowError) as error:
        raise _first_bad_line(path, str(error), stranded) from error


def _first_bad_line(path: Path, why: str = "", stranded: bool = False) -> InputError:
    """Find the line that is no fragment, reading line by line: only where a block could not be read."""
    for number, line in read_lines(path, "track"):
        if line.startswith(_HEADERS) or not line.strip():
            continue
        fields = line.split("\t")
        try:
            start, end = int(fields[1]), int(fields[2])
        except (IndexError, ValueError):
            return _bad(path, number, line)
        if not 0 <= start < end or end >= 1 << 48:
            return InputError(
                f"{path}:{number}: a fragment has 0 <= start < end (0-based, half-open). Received: "
                f"{fields[0]}:{start}-{end}."
            )
        if stranded and (len(fields) < 6 or fields[5] not in ("+", "-")):
            return InputError(f"{path}:{number}: column 6 is the strand, + or -. Received: {line[:60]!r}.")
    return InputError(f"The track {path} cannot be read as fragments: {why}.")


def _bad(path: Path, number: int, line: str) -> InputError:
    return InputError(
        f"{path}:{number}: a fragment line is tab-separated: contig, start, end. Received: {line[:60]!r}."
    )


def _values(path: Path) -> InputError:
    return InputError(
        f"The track {path} holds intervals with a value (bedGraph or wiggle), not fragments. Make it a "
        "bigWig (bedGraphToBigWig); if column 4 is a name after all, keep columns 1 to 3 (cut -f 1-3)."
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
