"""BAM and CRAM: ends and depth of kept reads, as other programs count them; damage is named."""

import subprocess

import numpy as np
import pytest

from seqdl.errors import InputError
from tests.tracks import NAMES, needs_bedtools, pair, read, write_bam


def test_both_ends_of_pairs_and_one_of_single_reads(tmp_path):
    reads = [*pair("chr1", 100, 250), ("chr1", 400, 20, 0, 60, 0), ("chr2", 50, 20, 16, 60, 0)]
    path = write_bam(tmp_path / "x.bam", reads)
    binned = read(path, 1)
    assert np.flatnonzero(binned.values[0]).tolist() == [100, 249, 400, 1000 + 69]
    assert binned.inside == 4 and binned.kind == "alignments"
    shifted = read(path, 1, shift=(4, -5))
    assert np.flatnonzero(shifted.values[0]).tolist() == [104, 244, 404, 1000 + 64]
    covered = read(path, 1, signal="coverage").values[0]
    assert covered.sum() == 150 + 20 + 20 and covered[[99, 100, 249, 250]].tolist() == [0, 1, 1, 0]


def test_what_is_left_out(tmp_path):
    out = [("chr1", 10, 20, flag, 60, 0) for flag in (0x100, 0x200, 0x400, 0x800)]
    improper = [("chr1", 30, 20, 0x41, 60, 0)]
    path = write_bam(tmp_path / "x.bam", [*out, *improper, ("chr1", 500, 20, 0, 9, 0)])
    assert np.flatnonzero(read(path, 1).values[0]).tolist() == [500]
    assert read(path, 1, min_mapq=10).inside == 0


def test_strands_are_two_tracks(tmp_path):
    reads = [*pair("chr1", 100, 250), *pair("chr1", 300, 400, first_left=False)]
    path = write_bam(tmp_path / "x.bam", reads)
    ends = read(path, 1, stranded=True).values
    assert [np.flatnonzero(v).tolist() for v in ends] == [[100, 300], [249, 399]]
    covered = read(path, 1, stranded=True, signal="coverage").values
    assert [int(v.sum()) for v in covered] == [150, 100]
    with pytest.raises(InputError, match="from BAM and CRAM"):
        bed = tmp_path / "f.bed"
        bed.write_text("chr1\t0\t9\n")
        read(bed, stranded=True)


def test_cram_needs_no_reference(tmp_path):
    reads = [*pair("chr1", 100, 250), ("chr2", 50, 20, 16, 60, 0)]
    bam, cram = write_bam(tmp_path / "x.bam", reads), write_bam(tmp_path / "y.cram", reads)
    np.testing.assert_array_equal(read(bam, 10).values, read(cram, 10).values)


@needs_bedtools
def test_ends_equal_bedtools(tmp_path):
    rng = np.random.default_rng(1)
    reads = [
        (str(rng.choice(NAMES)), int(s), 30, int(rng.choice([0, 16])), 60, 0)
        for s in rng.integers(0, 300, 400)
    ]
    path = write_bam(tmp_path / "x.bam", reads)
    for signal, flags in (("ends", ["-5"]), ("coverage", [])):
        out = subprocess.run(
            ["bedtools", "genomecov", "-ibam", str(path), "-d", *flags],
            capture_output=True,
            text=True,
            check=True,
        )
        expected = [int(line.split("\t")[2]) for line in out.stdout.splitlines()]
        np.testing.assert_array_equal(read(path, 1, signal=signal).values[0], expected)


def test_bad_alignments_are_named(tmp_path):
    path = write_bam(tmp_path / "x.bam", pair("chr1", 100, 250), index=False)
    with pytest.raises(InputError, match="has no index. Make one: samtools index"):
        read(path)
    longer = write_bam(tmp_path / "y.bam", [("chr1", 10, 20, 0, 60, 0)], {"chr1": 1001, "chr2": 333})
    with pytest.raises(
        InputError, match="chr1 has 1,001 bases, and chr1 of the genome 1,000: another assembly"
    ):
        read(longer)
    rng = np.random.default_rng(0)
    many = write_bam(
        tmp_path / "z.bam", [("chr1", int(s), 50, 0, 60, 0) for s in rng.integers(0, 900, 20_000)]
    )
    many.write_bytes(many.read_bytes()[:-5000])
    with pytest.raises(InputError, match="z.bam is truncated"):
        read(many)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_file_cut_off_is_told_without_htslibs_own_complaints(tmp_path, capfd, share):
    path = write_bam(tmp_path / "x.bam", [("chr1", 10 + i % 900, 20, 0, 60, 0) for i in range(3000)])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match="x.bam is truncated"):
        read(path, 32)
    assert capfd.readouterr() == ("", "")
