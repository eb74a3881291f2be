"""A built coverage dataset says what the tracks said, at every window; what does not fit is named."""

import os
from pathlib import Path

import numpy as np
import pytest
from coverage_cases import CHROMS, SIZES, direct

from seqdl import Dataset, Genome, InputError, build_dataset
from seqdl.cli.main import main
from seqdl.data.inspect import inspect_dataset
from seqdl.data.transform import Transform
from seqdl.training.make_card import make_card
from tests.tracks import needs_bedtools, needs_data, write_bigwig


@pytest.mark.parametrize("stride", [None, 16, 32])
def test_a_window_holds_its_own_middle(build_coverage, tracks, stride):
    report, data = build_coverage(["frag.bed", "big.bw"], train_stride=stride)
    frag, big = direct(tracks / "frag.bed"), direct(tracks / "big.bw")
    assert data.task == "coverage" and (data.n_bins, data.resolution, data.n_targets) == (4, 16, 2)
    values = data.values(np.arange(data.n))
    assert values.dtype == np.float16 and values.shape == (data.n, 4, 2)
    for i in range(data.n):
        first, odd = divmod(int(data.starts[i]) + 32, 16)
        assert odd == 0
        expected = np.stack([frag[data.chroms[i]][0], big[data.chroms[i]][0]], axis=1)[first : first + 4]
        known = ~np.isnan(values[i])
        np.testing.assert_array_equal(values[i][known], expected.astype(np.float16)[known])
        # Bases 1030 to 1040 of c1 are N: that row is not known.
        unknown = (data.chroms[i] == "c1") & (np.arange(first, first + 4) == 64)
        np.testing.assert_array_equal(known.all(axis=1), ~unknown)
    assert report.n_windows == data.n and report.splits["train"] == (data.split == 0).sum()
    if stride:
        assert len(np.unique(np.diff(np.sort(data.starts[data.indices("train")])))) == 1
        assert report.n_rows < data.n * 4  # rows are shared
        assert set(data.chroms[data.split == 0]) == {"c1"}


def test_counts_are_kept(build_coverage, tracks):
    report, data = build_coverage(max_n=1.0, bin=16, window=16)
    whole = sum(v[:, : SIZES[c] // 16].sum() for c, v in direct(tracks / "frag.bed").items())
    hidden = direct(tracks / "frag.bed")["c1"][0, 64]
    assert np.nansum(data.values(np.arange(data.n)).astype(np.float64)) == whole - hidden
    assert report.tracks["mean"][0] * report.n_rows == pytest.approx(whole - hidden)


def test_blacklisted_rows_are_unknown_and_windows_of_them_left_out(build_coverage, tmp_path):
    black = tmp_path / "black.bed"
    black.write_text("c1\t300\t330\nc1\t2000\t2500\n")
    report, data = build_coverage(blacklist=black)
    assert any("2 regions of 530 bases" in n for n in report.notes)
    values = data.values(np.arange(data.n))
    middles = data.starts + 32
    for i in np.flatnonzero(data.chroms == "c1"):
        rows = middles[i] + 16 * np.arange(4)
        unknown = np.isnan(values[i, :, 0])
        expected = ((rows < 330) & (rows + 16 > 300)) | ((rows < 2500) & (rows + 16 > 2000))
        expected |= (rows < 1040) & (rows + 16 > 1030)
        np.testing.assert_array_equal(unknown, expected)
        assert unknown.mean() <= 0.5
    inside = (middles >= 2000) & (middles + 64 <= 2500) & (data.chroms == "c1")
    assert not inside.any() and any("not known" in n and "left out" in n for n in report.notes)
    assert report.tracks["unknown"][0] > 0


def test_transformations_are_recorded_and_turned_back(build_coverage, tracks):
    raw = direct(tracks / "big.bw")
    report, data = build_coverage("big.bw", sqrt=True, soft_cap=4, scale="mean")
    record = data.provenance["coverage"]["targets"][0]
    transform = Transform.from_dict(record)
    assert (
        record["name"] == "big" and record["kind"] == "bigwig" and transform.sqrt and transform.soft_cap == 4
    )
    assert make_card(data, {}, {}, True, {})["transforms"] == data.provenance["coverage"]["targets"]
    train = data.indices("train")
    here = np.array([raw["c1"][0, (s + 32) // 16 : (s + 32) // 16 + 4] for s in data.starts[train]])
    back = transform.invert(data.values(train)[..., 0].astype(np.float32))
    known = ~np.isnan(back)
    np.testing.assert_allclose(back[known], here[known], rtol=0.02)
    assert np.nanmean(data.values(train).astype(np.float64)) == pytest.approx(1, rel=1e-2)
    _, capped = build_coverage("big.bw", cap="50%")
    cap = capped.provenance["coverage"]["targets"][0]["cap"]
    assert np.nanmax(capped.values(np.arange(capped.n))) == pytest.approx(cap, rel=1e-3)


def test_strands_are_paired(build_coverage, tracks, tmp_path):
    _, data = build_coverage(["reads.bam", "frag.bed"], stranded=False)
    assert data.strand_pairs.tolist() == [0, 1]
    _, data = build_coverage("reads.bam", stranded=True)
    assert data.target_names == ["reads+", "reads-"] and data.strand_pairs.tolist() == [1, 0]
    both = direct(tracks / "reads.bam")["c2"][0]
    valid = data.indices("valid")
    first = (data.starts[valid] + 32) // 16
    np.testing.assert_array_equal(
        data.values(valid).sum(axis=2), both[first[:, None] + np.arange(4)].astype(np.float16)
    )
    table = tmp_path / "t.tsv"
    table.write_text(f"file\tname\tstrand_pair\n{tracks / 'big.bw'}\tp\tm\n{tracks / 'frag.bed'}\tm\tp\n")
    build_dataset(
        data.genome_path, coverage=table, window=128, bin=64, resolution=16, out=tmp_path / "p.h5", **CHROMS
    )
    data = Dataset.open(tmp_path / "p.h5")
    assert data.target_names == ["p", "m"] and data.strand_pairs.tolist() == [1, 0]


def test_a_target_table_says_more(coverage_genome, tracks, tmp_path):
    table = tmp_path / "t.tsv"
    table.write_text(
        "path\tname\tcell\tshift\tclip\tscale\n"
        f"{tracks / 'frag.bed'}\tatac\tK562\ttn5\t\t\n{tracks / 'big.bw'}\tsignal\t\t\t50\t0.5\n"
    )
    given = {"window": 128, "bin": 64, "resolution": 16, "out": tmp_path / "d.h5", **CHROMS}
    build_dataset(coverage_genome, coverage=table, **given)
    data = Dataset.open(tmp_path / "d.h5")
    assert data.target_names == ["atac", "signal"] and data.targets["cell"].tolist() == ["K562", ""]
    assert data.targets["unit"].tolist() == ["ends / 16 bp", "signal / 16 bp"]
    moved, big = direct(tracks / "frag.bed", shift=(4, -5)), direct(tracks / "big.bw")
    test = data.indices("test")
    first = (data.starts[test] + 32) // 16
    rows = first[:, None] + np.arange(4)
    np.testing.assert_array_equal(data.values(test)[..., 0], moved["c3"][0, rows])
    expected = (np.minimum(big["c3"][0, rows], 50) * 0.5).astype(np.float16)
    np.testing.assert_array_equal(data.values(test)[..., 1], expected)
    table.write_text(f"file\tscale\n{tracks / 'frag.bed'}\tbig\n")
    with pytest.raises(InputError, match="scale of the target 'frag' in .*t.tsv"):
        build_dataset(coverage_genome, coverage=table, **given)


@needs_bedtools
def test_excluded_regions_and_folds(build_coverage, tmp_path):
    bed = tmp_path / "out.bed"
    bed.write_text("c1\t2000\t2010\n")
    folds = {"train": ["c1"], "valid": ["c2"], "test": ["c3"]}
    _, whole = build_coverage()
    report, data = build_coverage(
        exclude=bed, folds=folds, test_chroms=None, valid_chroms=None, out=tmp_path / "e.h5", train_stride=32
    )
    c1 = data.starts[data.chroms == "c1"]
    assert ((c1 + 128 <= 2000) | (c1 >= 2010)).all() and data.split_kind == "folds"
    assert any("touch an excluded region" in n for n in report.notes)
    np.testing.assert_array_equal(data.starts[data.split == 2], whole.starts[whole.split == 2])


def test_names_of_files_of_a_folder(coverage_genome, tracks, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a_fragments.tsv", "b.bedpe", "targets.tsv", "c.bam.bai"):
        (folder / name).write_text((tracks / "frag.bed").read_text())
    given = {"window": 128, "bin": 64, "resolution": 16, "out": tmp_path / "d.h5", **CHROMS}
    report = build_dataset(coverage_genome, coverage=folder, **given)
    assert report.tracks["name"].tolist() == ["a_fragments", "b"]
    assert any("2 other files" in n for n in report.notes)
    report = build_dataset(coverage_genome, coverage=folder / "targets.tsv", **given)  # no table after all
    assert report.tracks["name"].tolist() == ["targets"]
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="holds no .bw, .bigWig"):
        build_dataset(coverage_genome, coverage=tmp_path / "none", **given)


def test_a_large_table_lies_in_a_file(build_coverage, monkeypatch, tmp_path):
    _, data = build_coverage(["frag.bed", "big.bw"])
    before = data.values(np.arange(data.n))
    monkeypatch.setattr("seqdl.data.coverage_table._IN_MEMORY", 0)
    monkeypatch.setattr("seqdl.data.coverage_table._BLOCK", 64)
    _, data = build_coverage(["frag.bed", "big.bw"], out=tmp_path / "other.h5")
    np.testing.assert_array_equal(data.values(np.arange(data.n)), before)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    monkeypatch.setattr(
        "seqdl.data.coverage_table.shutil.disk_usage", lambda p: type("U", (), {"free": 10})()
    )
    with pytest.raises(InputError, match="GB are free"):
        build_coverage(["frag.bed", "big.bw"])


def test_workers_read_the_same(build_coverage, tmp_path):
    files = ["frag.bed", "big.bw", "reads.bam"]
    report, data = build_coverage(files, scale="mean", blacklist=None)
    before = data.values(np.arange(data.n))
    other, data = build_coverage(files, scale="mean", workers=2, out=tmp_path / "other.h5")
    np.testing.assert_array_equal(data.values(np.arange(data.n)), before)
    assert other.notes == report.notes and other.tracks.equals(report.tracks)
    with pytest.raises(InputError, match="nothing to scale"):
        write_bigwig(tmp_path / "zero.bw", [("c1", 0, 9, 0)], SIZES)
        build_coverage([tmp_path / "zero.bw", *files], scale="mean", workers=2)
    with pytest.raises(InputError, match="`workers`"):
        build_coverage(workers=0)


def test_values_above_float16_are_capped_and_told(build_coverage, tmp_path):
    high = tmp_path / "high.bw"
    write_bigwig(high, [("c1", 0, 100, 1e6), ("c2", 0, 50, 1), ("c3", 0, 50, 1)], SIZES)
    report, data = build_coverage(high)
    assert np.nanmax(data.values(np.arange(data.n))) == 65504
    assert any("high: " in n and "above 65,504" in n for n in report.notes)


def test_the_command_and_its_reports(coverage_genome, tracks, tmp_path, capsys):
    out = tmp_path / "ds.h5"
    assert main([
        "data", "build", "--genome", str(coverage_genome), "--coverage", str(tracks), "--window", "128",
        "--bin", "64",
        "--resolution", "16", "--shift=4,-5", "--scale", "mean", "--test-chroms", "c3", "--valid-chroms",
        "c2", "--out", str(out),
    ]) == 0  # fmt: skip
    said = capsys.readouterr()
    assert "3 targets" in said.out and "rows of 16 bp" in said.out
    assert "other files" in said.err  # the BAM's index is no track
    table = tmp_path / "t.tsv"
    assert main(["data", "inspect", str(out), "--targets-out", str(table)]) == 0
    page = capsys.readouterr().out
    assert "4 values of 16 bp" in page and "values: transformed in 3 ways" in page and "unknown" in page
    assert table.read_text().splitlines()[0].endswith("mean\tmax\tzeros\tunknown")
    seen = inspect_dataset(out)
    assert seen.n_rows == len(Dataset.open(out).rows) and seen.splits["test"] > 0
    assert seen.tracks["mean"].between(0.9, 1.1).all()
    # What labels and sequences take is no part of the record.
    assert "negatives" not in seen.provenance["arguments"] and "shift" in seen.provenance["arguments"]


@needs_data
def test_real_yeast_cut_sites(tmp_path):
    folder = Path(os.environ["SEQDL_DATA"]) / "yeast"
    black = tmp_path / "rdna.bed"
    black.write_text("chrXII\t451000\t491200\n")
    genome = Genome(folder / "sacCer3.fa.gz", cache=tmp_path)
    report = build_dataset(
        genome, coverage=folder / "atac_SRR1822137_fragments.bedpe.gz", window=4096, bin=2048, resolution=128,
        shift="tn5", blacklist=black, test_chroms="chrXV,chrXVI", valid_chroms="chrXIV",
        out=tmp_path / "a.h5",
    )  # fmt: skip
    assert any("16,876 fragments on contigs that the genome has not" in n for n in report.notes)
    # Without the rDNA, its 178,501 fragments are the exception that they are: 6.4 ends a row elsewhere.
    assert 5 < report.tracks["mean"][0] < 8 and report.tracks["max"][0] < 2000
