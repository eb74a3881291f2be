"""BAM and CRAM files: ends or fragments of kept reads counted on a genome's rows, contig by contig."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from seqdl.errors import InputError
from seqdl.files import is_gzip
from seqdl.io.rows import DepthCounter, EndCounter, Rows
from seqdl.io.signal import Binned, Reading, lacking_contigs, match_contigs

# Unmapped, secondary, failed, duplicate, supplementary: never counted.
_LEFT_OUT = 0x4 | 0x100 | 0x200 | 0x400 | 0x800
_PAIRED, _PROPER, _REVERSE, _FIRST = 0x1, 0x2, 0x10, 0x40
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BLOCK = 1 << 20  # reads whose numbers are held at once
_CRAM_FIELDS = 0x1FF  # name to mate's place and template length: no bases, so no reference is needed


def read_alignments(
    path: Path,
    rows: Rows,
    reading: Reading,
    alias: Mapping[str, str] | str | Path | None = None,
    advance: Callable[[int], None] = lambda bases: None,
) -> Binned:
    """Count reads on rows.

    Parameters
    ----------
    path : Path
        Sorted by place, with its index.
    rows : Rows
    reading : Reading
        "ends": the 5' end of every kept read, so both ends of a pair. "coverage": a pair once, from its
        left to its right end, and a single read over the bases from its first to its last. Of paired
        reads only proper pairs count. With `stranded`, ends lie on their read's strand and fragments on
        that of the first read.
    alias : mapping or path, optional
    advance : callable
        Called with the bases of the genome that are done.

    Returns
    -------
    binned : Binned

    Raises
    ------
    InputError
        If the index lacks, or the file is damaged, unsorted or of another assembly.
    """
    strands = 2 if reading.stranded else 1
    counters = [(EndCounter if reading.signal == "ends" else DepthCounter)(rows) for _ in range(strands)]
    collect = _ends if reading.signal == "ends" else _fragments
    with _open(path) as handle:
        found = dict(zip(handle.references, handle.lengths, strict=True))
        names, notes = match_contigs(path, found, rows, alias)
        for contig, name in names.items():
            for numbers in collect(handle.fetch(name), reading):
                parts = [numbers[:, numbers[0] == s] for s in (0, 1)] if reading.stranded else [numbers]
                for counter, part in zip(counters, parts, strict=True):
                    counter.add(contig, *part[1:])
            advance(int(rows.sizes[contig]))
    mean = reading.statistic == "mean"
    return Binned(
        np.stack([c.values(mean) for c in counters]), "alignments", sum(c.inside for c in counters),
        sum(c.outside for c in counters), lacking_contigs(rows, names), tuple(notes),
    )  # fmt: skip


def _ends(reads, reading: Reading):
    """Yield (strand, place) of kept reads' 5' ends, int64 (2, n), a block at a time."""
    left, right = reading.shift
    least, out = reading.min_mapq, array("q")
    for read in reads:
        flag = read.flag
        if flag & _LEFT_OUT or (flag & _PAIRED and not flag & _PROPER) or read.mapping_quality < least:
            continue
        if flag & _REVERSE:
            out.extend((1, read.reference_end - 1 + right))
        else:
            out.extend((0, read.reference_start + left))
        if len(out) >= 2 * _BLOCK:
            yield np.frombuffer(out, np.int64).reshape(-1, 2).T.copy()
            out = array("q")
    yield np.array(out, np.int64).reshape(-1, 2).T


def _fragments(reads, reading: Reading):
    """Yield (strand, start, end) of kept fragments, int64 (3, n); a pair is taken at its left read."""
    least, out = reading.min_mapq, array("q")
    for read in reads:
        flag = read.flag
        if flag & _LEFT_OUT or read.mapping_quality < least:
            continue
        start, reverse = read.reference_start, bool(flag & _REVERSE)
        if flag & _PAIRED:
            if not flag & _PROPER:
                continue
            length = read.template_length
            # Left is who has the positive length; where both begin and end together, the first read.
            if length < 0 or (length == 0 and not flag & _FIRST):
                continue
            end = start + length if length else read.reference_end
            reverse ^= not flag & _FIRST
        else:
            end = read.reference_end
        out.extend((reverse, start, end))
        if len(out) >= 3 * _BLOCK:
            yield np.frombuffer(out, np.int64).reshape(-1, 3).T.copy()
            out = array("q")
    yield np.array(out, np.int64).reshape(-1, 3).T


def _ends_well(path: Path) -> bool:
    """Tell whether a file ends with the empty block that closes BGZF (SAM specification, 4.1.2)."""
    with open(path, "rb") as handle:
        handle.seek(max(path.stat().st_size - len(_BGZF_END), 0))
        return handle.read() == _BGZF_END


@contextmanager
def _open(path: Path):
    """Open a BAM or CRAM with its index; what goes wrong while it is read is told with its name."""
    import pysam

    # Asked before htslib does: pysam would print a traceback of its own while it closes such a file.
    if is_gzip(path) and not _ends_well(path):
        raise InputError(
            f"The track {path} is truncated: the mark at a BAM file's end is missing. Make or fetch it again."
        )
    verbosity = pysam.set_verbosity(0)  # htslib would print its own complaint besides ours
    try:
        with pysam.AlignmentFile(
            str(path), format_options=[b"required_fields=%d" % _CRAM_FIELDS], threads=2
        ) as handle:
            if not handle.has_index():
                raise InputError(
                    f"The track {path} has no index. Make one: samtools index {path} (sort it by place "
                    f"first: samtools sort), or python -c \"import pysam; pysam.index('{path}')\"."
                )
            yield handle
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(
            f"The track {path} is truncated, damaged or no BAM or CRAM: {error}. Make or fetch it again."
        ) from error
    finally:
        pysam.set_verbosity(verbosity)
