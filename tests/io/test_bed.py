"""BED files: all dialects read alike, and bad lines are named."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.errors import InputError
from seqdl.io.bed import place, read_bed
from seqdl.io.chromosomes import reconcile


def write(tmp_path, text, name="x.bed"):
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


def test_bed3_to_bed12_with_headers_and_carriage_returns(tmp_path):
    text = (
        "browser position chr1\r\ntrack name=x\r\n# note\r\n\r\n"
        "chr1\t1\t5\r\nchr1\t2\t6\tpeak\t7.5\t-\r\nchr2\t0\t9\tp\t.\t.\t0\t9\t0\t1\t9\t0\r\n"
    )
    table = read_bed(write(tmp_path, text))
    assert table.chrom.tolist() == ["chr1", "chr1", "chr2"]
    assert table.start.tolist() == [1, 2, 0] and table.end.tolist() == [5, 6, 9]
    assert table.start.dtype == table.summit.dtype == np.int64
    assert table.name.tolist() == [".", "peak", "p"]
    np.testing.assert_array_equal(table.score, [np.nan, 7.5, np.nan])
    assert table.strand.tolist() == [".", "-", "."]
    assert table.summit.tolist() == [-1, -1, -1]
    assert table.line.tolist() == [5, 6, 7] and table.where(1).endswith("x.bed:6")


def test_blanks_instead_of_tabs(tmp_path):
    assert read_bed(write(tmp_path, "chr1 10  20\n")).end.tolist() == [20]


@pytest.mark.parametrize("name", ["x.narrowPeak", "x.bed"])
def test_narrow_peak_summits(tmp_path, name):
    line = "chr1\t100\t300\t.\t0\t.\t1.5\t-1\t2.5\t{}\n"
    table = read_bed(
        write(tmp_path, line.format(60) + line.format(-1) + line.format(0) + line.format(200), name)
    )
    assert table.summit.tolist() == [160, -1, 100, 299]


def test_broad_peak_has_no_summit(tmp_path):
    assert read_bed(write(tmp_path, "chr1\t1\t3\t.\t0\t.\t1\t2\t3\n", "x.broadPeak")).summit.tolist() == [-1]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 10**9), st.integers(1, 10**6)),
        min_size=1,
        max_size=30,
    )
)
def test_written_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("bed") / "x.bed.gz"
    with gzip.open(path, "wt") as handle:
        handle.writelines(f"{c}\t{s}\t{s + w}\n" for c, s, w in rows)
    table = read_bed(path)
    assert list(zip(table.chrom, table.start, table.end - table.start)) == rows


@pytest.mark.parametrize(
    "text, message",
    [
        ("chr1\t1\t5\nchr1\t5\t5\n", r"x.bed:2: start < end"),
        ("chr1\t-1\t5\n", r"x.bed:1: a start is 0 or more"),
        ("chr1\t1\n", r"x.bed:1: .*at least 3 columns.*Received 2"),
        ("chr1\t1.5\t5\n", r"x.bed:1: columns 2 and 3 are whole numbers"),
        ("chr1\t1_0\t50\n", r"whole numbers"),
        (f"chr1\t1\t{10**30}\n", r"whole numbers"),
        ("chr1\t1\t5\tn\t0\tplus\n", r"x.bed:1: column 6 is the strand"),
        ("chr1\t1\t5\t.\t0\t.\t1\t1\t1\t5\n", r"x.bed:1: the summit's offset"),
        ("chr1\t1\t5\t.\t0\t.\t1\t1\t1\tx\n", r"x.bed:1: column 10"),
        ("# only\n", r"holds no interval"),
        ("", r"empty"),
        ("chr1\t1\t\x00\n", r"not a text file"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_bed(write(tmp_path, text))


def test_short_narrow_peak_line(tmp_path):
    with pytest.raises(InputError, match="10 columns. Received: 3"):
        read_bed(write(tmp_path, "chr1\t1\t5\n", "x.narrowPeak"))


def test_truncated_gzip_and_missing_file(tmp_path):
    path = tmp_path / "x.bed.gz"
    rows = "".join(f"chr1\t{i}\t{i * 7 % 1000 + i + 1}\n" for i in range(3000))
    path.write_bytes(gzip.compress(rows.encode())[:-200])
    with pytest.raises(InputError, match="truncated"):
        read_bed(path)
    with pytest.raises(InputError, match="does not exist.*x.bed.gz"):
        read_bed(tmp_path / "x.bed")


def test_place_drops_unknown_contigs_and_refuses_or_clips_the_end(tmp_path):
    table = read_bed(write(tmp_path, "1\t0\t5\n2\t90\t120\n2\t100\t130\nUn\t1\t2\n2\t0\t100\n"))
    names = reconcile(table.chrom, ["chr1", "chr2"])
    with pytest.raises(InputError, match=r"x.bed:2: .*ends 20 bases past.*2 of 4.*--clip"):
        place(table, names, ["chr1", "chr2"], [10, 100])
    placed = place(table, names, ["chr1", "chr2"], [10, 100], clip=True)
    assert placed.contig_ids.tolist() == [0, 1, 1] and placed.table.end.tolist() == [5, 100, 100]
    assert (placed.unknown, placed.clipped, placed.outside) == (1, 1, 1)
