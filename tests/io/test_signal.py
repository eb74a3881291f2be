"""Tracks as binned arrays: nothing is lost or counted twice, at any resolution; what is no track is named."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.errors import InputError
from seqdl.io.rows import DepthCounter, EndCounter, row_widths
from seqdl.io.signal import Reading, parse_shift, signal_kind
from tests.tracks import LENGTHS, NAMES, SIZES, needs_data, read, rows_of, write_bam, write_bigwig


def test_rows_cover_the_genome_and_the_last_is_short():
    rows = rows_of(100)
    assert len(rows) == 14 and rows.of(1) == slice(10, 14)
    assert row_widths(rows).tolist() == [100.0] * 13 + [33.0]
    with pytest.raises(InputError, match="1 or more. Received: 0"):
        rows_of(0)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(-50, 1050), st.integers(1, 400)), max_size=30),
    st.sampled_from([1, 7, 32, 128, 999, 5000]),
)
def test_depth_and_ends_equal_counting_base_by_base(fragments, resolution):
    rows = rows_of(resolution)
    ids = np.array([f[0] for f in fragments], np.int64)
    starts = np.array([f[1] for f in fragments], np.int64)
    ends = starts + np.array([f[2] for f in fragments], np.int64)
    depth, cuts = DepthCounter(rows), EndCounter(rows)
    depth.add(ids, starts, ends)
    cuts.add(ids, starts)
    expected_depth, expected_cuts = [], []
    for contig, size in enumerate(LENGTHS):
        bases, cut = np.zeros(size), np.zeros(size)
        for i, s, e in zip(ids, starts, ends, strict=True):
            if i == contig:
                bases[max(s, 0) : max(e, 0)] += 1
                cut[s : s + 1] += 0 <= s < size
        edges = np.arange(0, size, resolution)
        expected_depth += np.add.reduceat(bases, edges).tolist()
        expected_cuts += np.add.reduceat(cut, edges).tolist()
    np.testing.assert_array_equal(depth.values(), expected_depth)
    np.testing.assert_array_equal(cuts.values(), expected_cuts)
    np.testing.assert_allclose(depth.values(mean=True) * row_widths(rows), expected_depth, rtol=1e-5)
    assert cuts.inside + cuts.outside == len(fragments) and cuts.values().sum() == cuts.inside


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.integers(0, 900), st.integers(1, 90)), min_size=1, max_size=40
    ),
    st.sampled_from([1, 10, 32, 128]),
    st.sampled_from([(0, 0), (4, -5), (-30, 30)]),
)
def test_every_end_on_the_genome_is_counted_once(tmp_path_factory, fragments, resolution, shift):
    path = tmp_path_factory.mktemp("f") / "f.bedpe"
    path.write_text("".join(f"{c}\t{s}\t{s + w}\n" for c, s, w in fragments))
    binned = read(path, resolution, shift=shift)
    places = [(c, s + shift[0]) for c, s, _ in fragments] + [
        (c, s + w - 1 + shift[1]) for c, s, w in fragments
    ]
    inside = [(c, p) for c, p in places if 0 <= p < SIZES[c]]
    assert binned.values.sum() == binned.inside == len(inside)
    assert binned.outside == 2 * len(fragments) - len(inside)
    rows = rows_of(resolution)
    expected = np.zeros(len(rows))
    for chrom, p in inside:
        expected[rows.first[NAMES.index(chrom)] + p // resolution] += 1
    np.testing.assert_array_equal(binned.values[0], expected)


def test_resolutions_agree(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "f.tsv"
    starts = rng.integers(0, 900, 500)
    path.write_text("".join(f"chr1\t{s}\t{s + 60}\n" for s in starts))
    for signal in ("ends", "coverage"):
        fine = read(path, 1, signal=signal).values[0][:1000]
        for resolution in (2, 10, 125):
            coarse = read(path, resolution, signal=signal).values[0][: 1000 // resolution]
            np.testing.assert_array_equal(coarse, fine.reshape(-1, resolution).sum(axis=1))


def test_10x_and_gzip_and_headers_and_unknown_contigs(tmp_path):
    path = tmp_path / "fragments.tsv.gz"
    text = "# id=x\n#\nchr1\t10\t50\tAAAC-1\t3\nchrM\t0\t9\tAAAC-1\t1\nchr2\t5\t20\tAAAG-1\t1\n"
    path.write_bytes(gzip.compress(text.encode()))
    binned = read(path)
    # The fifth column counts duplicates of one fragment: it is one insertion all the same.
    assert binned.inside == 4 and binned.kind == "fragments" and binned.lacking == ()
    assert any("1 fragments on contigs" in n for n in binned.notes)
    assert any("not in the genome: chrM" in n for n in binned.notes)


def test_text_with_strands_holds_reads_of_one_end(tmp_path):
    path = tmp_path / "reads.bed"
    path.write_text("chr1\t10\t50\t.\t.\t+\nchr1\t110\t150\t.\t.\t-\n")
    assert np.flatnonzero(read(path, 1).values[0]).tolist() == [10, 149]
    assert np.flatnonzero(read(path, 1, shift=(4, -5)).values[0]).tolist() == [14, 144]
    assert read(path, 1, signal="coverage").values.sum() == 80


def test_contig_names_are_matched(tmp_path):
    path = tmp_path / "f.bed"
    path.write_text("1\t10\t50\nchr2\t0\t3\n")
    binned = read(path)
    assert binned.inside == 4 and any("1 → chr1" in n for n in binned.notes)
    roman = read(path, 10, ("chrI", "chrII"))
    assert roman.inside == 4 and any("roman" in n for n in roman.notes)
    assert read(path, 10, ("a", "b"), alias={"1": "a", "chr2": "b"}).inside == 4
    with pytest.raises(InputError, match="none of its contig names"):
        read(path, 10, ("scaffold_a", "scaffold_b"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("chr1\t5\t9\nchr1\t1\n", r"f.bed:2"),
        ("chr1\t1\t5\nchr1\tx\t9\n", r"f.bed:2: a fragment line is tab-separated"),
        ("chr1\t1\t5\nchr1\t9\t9\n", r"f.bed:2: .*start < end.*Received: chr1:9-9"),
        ("chr1\t-4\t9\n", r"f.bed:1: .*Received: chr1:-4-9"),
        ("chr1\t1\t5\t.\t.\t+\n" * 150 + "chr1\t1\t5\t.\t.\t?\n", r"f.bed:151: column 6 is the strand"),
        ("chr1 1 5\n", r"f.bed:1: a fragment line is tab-separated"),
        ("# nothing\n", "holds no fragment"),
        ("chr1\t1\t5\t0.5\nchr1\t5\t9\t2\n", "bedGraph or wiggle"),
        ("track type=bedGraph\nchr1\t1\t5\t0.5\n", "bedGraph or wiggle"),
        ("chr1\t1\t5\tchr1\t40\t50\tr\t9\t+\t-\n".replace("\tr", "\t60\tr", 1), "tab-separated|BEDPE"),
        ("chr1\t1\t5\tchr1\t40\t50\tr1\t9\t+\t-\n", "BEDPE with two contigs"),
    ],
)
def test_bad_fragments_are_named(tmp_path, text, says):
    path = tmp_path / "f.bed"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read(path)


def test_truncated_gzip_is_named(tmp_path):
    path = tmp_path / "f.tsv.gz"
    rng = np.random.default_rng(0)
    text = "".join(f"chr1\t{s}\t{s + 20}\n" for s in rng.integers(0, 900, 20_000))
    path.write_bytes(gzip.compress(text.encode())[:-2000])
    with pytest.raises(InputError, match="truncated or damaged"):
        read(path)


@needs_data
def test_real_fragments_keep_their_ends():
    folder = Path(os.environ["SEQDL_DATA"]) / "yeast"
    path = folder / "atac_SRR1822137_fragments.bedpe.gz"
    import pandas as pd

    table = pd.read_csv(path, sep="\t", header=None, usecols=[0, 1, 2], names=["chrom", "start", "end"])
    table = table[table["chrom"] != "chrM"]
    sizes = table.groupby("chrom", sort=False)["end"].max() + 10
    for resolution in (32, 128):
        binned = read(path, resolution, tuple(sizes.index), tuple(sizes))
        assert binned.values.sum() == binned.inside == 2 * len(table) and binned.outside == 0


def test_kinds(tmp_path):
    bed = tmp_path / "f.tsv"
    bed.write_text("chr1\t0\t9\n")
    assert signal_kind(bed) == "fragments"
    assert signal_kind(write_bigwig(tmp_path / "a.bigWig", [("chr1", 0, 9, 1)])) == "bigwig"
    assert signal_kind(write_bam(tmp_path / "a.bam", [("chr1", 0, 9, 0, 0, 0)])) == "alignments"


def test_shifts():
    assert parse_shift("tn5") == (4, -5) == parse_shift("4,-5") == parse_shift([4, -5])
    assert parse_shift(None) == (0, 0)
    for wrong in ("4", "a,b", "1,2,3", "5000,0"):
        with pytest.raises(InputError, match="shift"):
            parse_shift(wrong)
    with pytest.raises(InputError, match="`signal` is one of ends, coverage. Received: 'cuts'"):
        Reading(signal="cuts")
