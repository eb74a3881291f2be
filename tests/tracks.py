"""Small tracks written by other libraries, and the genome of two contigs that they lie on."""

import os
import shutil

import pytest

from seqdl.io.rows import lay_rows
from seqdl.io.signal import Reading, read_signal

SIZES = {"chr1": 1000, "chr2": 333}
NAMES, LENGTHS = tuple(SIZES), tuple(SIZES.values())
needs_bedtools = pytest.mark.skipif(
    shutil.which("bedtools") is None, reason="the program bedtools is not installed"
)
needs_data = pytest.mark.skipif("SEQDL_DATA" not in os.environ, reason="real fragments: set SEQDL_DATA")


def rows_of(resolution, names=NAMES, sizes=LENGTHS):
    return lay_rows(names, sizes, resolution)


def read(path, resolution=10, names=NAMES, sizes=LENGTHS, alias=None, **reading):
    return read_signal(path, rows_of(resolution, names, sizes), Reading(**reading), alias)


def write_bigwig(path, intervals, sizes=None):
    """Write (contig, start, end, value) as a bigWig."""
    import pyBigWig

    with pyBigWig.open(str(path), "w") as handle:
        handle.addHeader(list((sizes or SIZES).items()))
        for chrom, start, end, value in intervals:
            handle.addEntries([chrom], [start], ends=[end], values=[float(value)])
    return path


def write_bam(path, reads, sizes=None, index=True):
    """Write reads (contig, start, length, flag, mapq, template length) as a sorted BAM or CRAM."""
    import pysam

    sizes = sizes or SIZES
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": n, "LN": k} for n, k in sizes.items()]}
    order = list(sizes)
    mode = "wc" if path.suffix == ".cram" else "wb"
    options = {"format_options": [b"no_ref=1"]} if mode == "wc" else {}
    with pysam.AlignmentFile(str(path), mode, header=header, **options) as handle:
        for i, (chrom, start, length, flag, mapq, template) in enumerate(
            sorted(reads, key=lambda r: (order.index(r[0]), r[1]))
        ):
            read = pysam.AlignedSegment(handle.header)
            read.query_name, read.flag, read.mapping_quality = f"r{i}", flag, mapq
            read.reference_id, read.reference_start = order.index(chrom), start
            read.query_sequence, read.cigarstring = "A" * length, f"{length}M"
            if flag & 1:
                read.next_reference_id, read.next_reference_start = order.index(chrom), start
                read.template_length = template
            handle.write(read)
    if index:
        pysam.index(str(path))
    return path


def pair(chrom, start, end, length=20, mapq=60, first_left=True):
    """Return the two reads of a proper pair from `start` to `end`."""
    left, right = (0x63, 0x93) if first_left else (0xA3, 0x53)
    return [
        (chrom, start, length, left, mapq, end - start),
        (chrom, end - length, length, right, mapq, start - end),
    ]
