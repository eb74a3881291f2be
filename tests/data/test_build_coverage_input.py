"""Coverage that cannot be built is refused by name: of the track, the contig, the argument."""

import numpy as np
import pytest
from coverage_cases import CHROMS, SIZES

from seqdl import InputError, build_dataset
from tests.tracks import write_bigwig


def test_a_contig_that_a_track_lacks(build_coverage, tracks, coverage_genome, tmp_path):
    short = tmp_path / "short.bw"
    write_bigwig(short, [("c1", 0, 4000, 2), ("c2", 0, 2000, 1)], {"c1": 4096, "c2": 2100})
    with pytest.raises(InputError, match=r"short.bw lacks c3 of the genome \(its contigs are c1, c2\)"):
        build_coverage(short)
    _, data = build_coverage(short, missing="zero")
    assert (data.values(data.indices("test")) == 0).all()
    with pytest.raises(InputError, match="test"):
        build_coverage(short, missing="unknown")  # no test window is known
    report, data = build_coverage([short, "frag.bed"], missing="unknown")
    test = data.values(data.indices("test"))
    assert np.isnan(test[..., 0]).all() and not np.isnan(test[..., 1]).any()
    assert any("lacks c3: not known there" in n for n in report.notes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"resolution": 24}, "`resolution` divides `bin`"),
        ({"train_stride": 8, "resolution": 16}, "multiple of the resolution"),
        ({"missing": "no"}, "`missing` is one of"),
        ({"signal": "cuts"}, "`signal` is one of"),
        ({"soft_cap": 0.5}, "soft_cap"),
        ({"soft_cap": float("nan")}, "`soft_cap` is a value, 1 or more"),
        ({"cap": "-3"}, "`cap`"),
        ({"cap": "%"}, "between 0% and 100%"),
        ({"scale": "median"}, "`scale`"),
        ({"max_unknown": 1.0}, "`max_unknown` is a share"),
        ({"windows": "labelled"}, "has no labels, and takes no windows"),
        ({"peaks": "x.bed"}, "takes no peaks"),
        ({"files": "none.bw"}, "does not exist"),
        ({"stranded": True}, "from BAM and CRAM"),
        ({"test_chroms": "c9"}, "c9"),
        (
            {"random_split": "0.1,0.1", "test_chroms": None, "valid_chroms": None, "train_stride": 16},
            "random split",
        ),
    ],
)
def test_bad_arguments_are_named(build_coverage, changes, says):
    with pytest.raises(InputError, match=says):
        build_coverage(**changes)


def test_flags_of_coverage_with_peaks_are_refused(coverage_genome, tracks, tmp_path):
    with pytest.raises(InputError, match="resolution, blacklist"):
        build_dataset(
            coverage_genome,
            tracks / "frag.bed",
            128,
            64,
            tmp_path / "x.h5",
            resolution=16,
            blacklist="b.bed",
            **CHROMS,
        )


def test_nothing_but_a_dataset_is_replaced(build_coverage, tracks, tmp_path):
    track = tmp_path / "mine.bed"
    track.write_bytes((tracks / "frag.bed").read_bytes())
    with pytest.raises(InputError, match="would replace .*mine.bed, which is no dataset"):
        build_coverage(track, out=track)
    assert track.read_bytes() == (tracks / "frag.bed").read_bytes()
    with pytest.raises(InputError, match="it is a folder"):
        build_coverage(out=tmp_path)
    build_coverage()
    build_coverage()  # a dataset is replaced


def test_a_track_without_signal_is_told(build_coverage, tmp_path):
    track = write_bigwig(tmp_path / "flat.bw", [("c1", 0, 4096, 0)], SIZES)
    notes = build_coverage(track)[0].notes
    assert any("flat: no value of the track is above 0" in note for note in notes)
    assert not any("above 0" in note for note in build_coverage()[0].notes)


@pytest.mark.parametrize(
    ("columns", "values", "says"),
    [
        ("cap\tclip", "1\t2", "`cap` and `clip` are two words.*target 'frag' in"),
        ("shift", "x", "`shift of the target 'frag' in"),
        ("scale", "x", "scale of the target 'frag' in"),
    ],
)
def test_a_target_table_is_named_where_it_is_wrong(build_coverage, tracks, tmp_path, columns, values, says):
    table = tmp_path / "t.tsv"
    table.write_text(f"file\tname\t{columns}\n{tracks / 'frag.bed'}\tfrag\t{values}\n")
    with pytest.raises(InputError, match=says):
        build_coverage(table)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"resolution": 16, "train_stride": 8}, "take no train_stride, resolution"),
        ({"min_peaks": 2, "bin": 10, "blacklist": "b.bed"}, "take no bin, min_peaks, blacklist"),
    ],
)
def test_sequences_take_no_flags_of_a_genome(tmp_path, flags, says):
    fasta = tmp_path / "p.fa"
    fasta.write_text(">a\nACGT\n")
    with pytest.raises(InputError, match=says):
        build_dataset(
            fasta=fasta, negatives="shuffle", random_split="0.2,0.2", out=tmp_path / "x.h5", **flags
        )
