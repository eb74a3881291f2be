"""A built dataset says what the files said; negatives are negatives; bad input stops with a sentence."""

import gzip
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from seqdl.data.build import build_dataset
from seqdl.data.dataset import Dataset
from seqdl.data.inspect import inspect_dataset
from seqdl.encoding import N, decode, encode
from seqdl.errors import InputError, MissingDependencyError
from seqdl.genome import Genome

needs_bedtools = pytest.mark.skipif(
    shutil.which("bedtools") is None, reason="the program bedtools is not installed"
)
needs_data = pytest.mark.skipif(
    "SEQDL_DATA" not in os.environ, reason="real genomes and peaks: set SEQDL_DATA"
)
CHROMS = {"test_chroms": "c3", "valid_chroms": "c2"}


@pytest.fixture
def genome(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "g.fa"
    with open(path, "w") as handle:
        for name, length in (("c1", 2050), ("c2", 1000), ("c3", 1010)):
            codes = rng.integers(0, 4, length).astype(np.uint8)
            if name == "c1":
                codes[500:530] = N
            handle.write(f">{name}\n{decode(codes)}\n")
    return path


@pytest.fixture
def peaks(tmp_path):
    folder = tmp_path / "peaks"
    folder.mkdir()
    (folder / "A.bed").write_text("c1\t0\t50\nc1\t905\t906\nc2\t100\t160\nc3\t400\t460\n")
    (folder / "B.bed").write_text("c1\t0\t50\nc2\t120\t150\nc3\t990\t1005\n")
    return folder


@pytest.fixture
def build(genome, peaks, tmp_path):
    def run(**changes):
        arguments = (
            dict(genome=genome, peaks=peaks, window=100, bin=20, out=tmp_path / "ds.h5", **CHROMS) | changes
        )
        return build_dataset(**arguments), Dataset.open(arguments["out"])

    return run


def test_windows_labels_and_split(build, genome):
    report, data = build(category="TF")
    # 102 + 50 + 50 whole bins; bins 25 and 26 of c1 hold N (500 to 530).
    assert (report.n_windows, report.n_targets, data.n) == (200, 2, 200)
    assert report.splits == {"train": 100, "valid": 50, "test": 50}
    assert data.target_names == ["A", "B"] and data.targets["category"].tolist() == ["TF", "TF"]
    assert any("2 of 202 bins hold N" in n for n in report.notes)
    labels = data.labels()
    found = {
        (chrom, int(start) + 40, data.target_names[t])
        for (row, t) in np.argwhere(labels)
        for chrom, start in [(data.chroms[row], data.starts[row])]
    }
    assert found == {
        ("c1", 0, "A"), ("c1", 20, "A"), ("c1", 900, "A"), ("c2", 100, "A"), ("c2", 120, "A"),
        ("c2", 140, "A"),
        ("c3", 400, "A"), ("c3", 420, "A"), ("c3", 440, "A"),
        ("c1", 0, "B"), ("c1", 20, "B"), ("c2", 120, "B"), ("c3", 980, "B"),
    }  # fmt: skip
    assert report.labelled == len({f[:2] for f in found}) and sum(report.positives.values()) == len(found)
    wanted = Genome(genome)
    for row in (0, 51, 149, 199):
        start = int(data.starts[row])
        np.testing.assert_array_equal(
            data.codes([row])[0], wanted.fetch(data.chroms[row], start, start + 100)
        )


def test_max_n_and_exact_tiling(build):
    report, data = build(max_n=0.0)
    assert (data.starts >= 0).all() and not (data.codes(np.arange(data.n)) == N).any()
    assert any("more than 0% N" in n for n in report.notes)


def test_regions_do_not_leak(build):
    report, data = build(test_chroms="c3", valid_chroms=None, valid_regions="c1:1000-2050", windows="all")
    assert report.split_kind == "regions"
    valid = data.starts[data.split == 1]
    assert valid.min() >= 1000
    on_c1 = data.chroms == "c1"
    assert data.starts[(data.split == 0) & on_c1].max() + 100 <= 1000
    assert any("straddle" in n for n in report.notes)


def test_folds_and_random(build, tmp_path):
    folds = tmp_path / "f.json"
    folds.write_text(json.dumps({"train": ["c1"], "valid": ["c2"], "test": ["c3"]}))
    none = dict(test_chroms=None, valid_chroms=None)
    report, data = build(folds=folds, **none)
    assert data.split_kind == "folds" and report.splits["train"] == 100
    report, data = build(random_split="0.2,0.2", **none)
    assert data.random_split and "stamped" in report.summary() and any("at random" in n for n in report.notes)


def test_same_seed_same_file_contents(build):
    none = dict(
        test_chroms=None, valid_chroms=None, random_split=(0.2, 0.2), windows="labelled", negatives="shuffle"
    )
    one, two = build(seed=3, **none)[1], build(seed=3, **none)[1]
    np.testing.assert_array_equal(one.split, two.split)
    np.testing.assert_array_equal(one.codes(np.arange(one.n)), two.codes(np.arange(two.n)))


@needs_bedtools
@pytest.mark.parametrize("kind, origin", [("background", 1), ("gc", 2)])
def test_background_holds_no_peak(build, kind, origin):
    report, data = build(windows="labelled", negatives=kind, negative_ratio=2)
    labels = data.labels()
    assert not labels[data.origin == origin].any() and labels[data.origin == 0].any(axis=1).all()
    for split in range(3):
        here = data.split == split
        assert (data.origin[here] == origin).sum() == 2 * (data.origin[here] == 0).sum()
    taken = {("c1", p) for p in (*range(50), 905)} | {("c2", p) for p in range(100, 160)}
    taken |= {("c3", p) for p in (*range(400, 460), *range(990, 1005))}
    for row in np.flatnonzero(data.origin == origin):
        first = data.starts[row] + 40
        assert not taken & {(data.chroms[row], p) for p in range(first, first + 20)}
    assert any(f"windows, {kind}" in n for n in report.notes)


def test_shuffles_keep_composition_and_split_without_bedtools(build, monkeypatch):
    monkeypatch.setenv("PATH", "")
    _, data = build(windows="labelled", negatives="shuffle", negative_ratio=1)
    shuffled = np.flatnonzero(data.origin == 3)
    assert len(shuffled) * 2 == data.n and (data.contig_ids[shuffled] == -1).all()
    assert not data.labels(shuffled).any()
    for split in range(3):
        mine = [np.flatnonzero((data.split == split) & (data.origin == o)) for o in (0, 3)]
        pairs = [
            sorted(
                np.bincount(5 * c[:-1] + c[1:], minlength=25).tolist() for c in data.codes(rows).astype(int)
            )
            for rows in mine
        ]
        assert pairs[0] == pairs[1]


@needs_bedtools
def test_excluded_windows_are_not_there(build, tmp_path):
    bed = tmp_path / "black.bed"
    bed.write_text("c1\t700\t800\nchrUn\t0\t9\n")
    report, data = build(exclude=bed)
    on_c1 = data.chroms == "c1"
    assert not (on_c1 & (data.starts < 800) & (data.starts + 100 > 700)).any()
    assert report.n_windows == 200 - 9 and any("9 windows touch" in n for n in report.notes)


def test_without_bedtools_only_what_needs_it_stops(build, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert build()[0].n_windows == 200
    with pytest.raises(MissingDependencyError, match="apt-get install bedtools"):
        build(exclude=tmp_path / "x.bed")
    with pytest.raises(MissingDependencyError, match="apt-get install bedtools"):
        build(windows="labelled", negatives="gc")


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(window=101), "even number"),
        (dict(window=10), "at least `bin`"),
        (dict(genome=None), "needs a `genome`"),
        (dict(test_chroms=None, valid_chroms=None), "Received: none"),
        (dict(folds="x.json"), "one of them. Received: folds, test_chroms"),
        (dict(valid_chroms=None), "'valid' is empty.*--valid-chroms"),
        (dict(valid_chroms="c3"), "two splits"),
        (dict(negatives="gc"), "--windows labelled"),
        (dict(negatives="fake", windows="labelled"), "`negatives` is one of"),
        (dict(windows="some"), "`windows` is one of"),
        (dict(max_n=2), "max_n"),
        (dict(min_positives=100), "Labels would be all 0"),
        (dict(peaks=None), "needs `peaks`"),
        (dict(group_by="x"), "take no group_by"),
        (dict(bin=4000, window=4000), "No window is left"),
        (dict(negatives="shuffle", windows="labelled", negative_ratio=-1), "negative_ratio"),
    ],
)
def test_bad_combinations(build, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        build(**changes)
    assert not (tmp_path / "ds.h5").exists() and not list(tmp_path.glob(".*part*"))


def test_a_target_without_labelled_windows_is_listed(build, peaks):
    (peaks / "C.bed").write_text("c1\t505\t525\n")
    report, data = build()
    assert data.target_names == ["A", "B"]
    assert "targets: 1 with fewer than 1 labelled windows left out: C (0)" in report.notes


def test_inspect_counts_what_was_built(build):
    report, data = build()
    seen = inspect_dataset(data.path)
    assert seen.splits == report.splits and seen.n_targets == 2
    np.testing.assert_array_equal(seen.positives[:, 0], [3, 3, 3])
    assert seen.without_positives == {"train": [], "valid": [], "test": []}
    assert seen.contigs == {"train": ["c1"], "valid": ["c2"], "test": ["c3"]}
    files = seen.provenance["files"]
    assert [f["file"] for f in files] == ["A.bed", "B.bed"] and len(files[0]["sha256"]) == 64
    text = seen.summary()
    assert "200 windows of 100 bp" in text and "label_rule = half" in text and "checksum" in text


@pytest.fixture
def fastas(tmp_path):
    rng = np.random.default_rng(1)

    def write(name, n, prefix):
        path = tmp_path / name
        with gzip.open(path, "wt") as handle:
            for i in range(n):
                handle.write(
                    f">{prefix}{i} family={i % 7}\n{decode(rng.integers(0, 4, 30).astype(np.uint8))}\n"
                )
        return path

    return write("pos.fa.gz", 60, "p"), write("neg.fa.gz", 90, "n")


def test_sequences_with_groups(fastas, tmp_path):
    out = tmp_path / "seq.h5"
    report = build_dataset(
        fasta=fastas[0],
        negatives_fasta=fastas[1],
        group_by=r"family=(\d+)",
        random_split="0.2,0.2",
        out=out,
        seed=1,
    )
    data = Dataset.open(out)
    assert (data.kind, data.window, data.n, data.split_kind) == ("sequences", 30, 150, "groups")
    assert data.target_names == ["pos"] and data.labels()[:, 0].tolist() == [1] * 60 + [0] * 90
    assert not data.random_split and report.labelled == 60
    family = np.array([*(np.arange(60) % 7), *(np.arange(90) % 7)])
    for group in range(7):
        assert len(set(data.split[family == group].tolist())) == 1
    with gzip.open(fastas[0], "rt") as handle:
        np.testing.assert_array_equal(data.codes([0])[0], encode(handle.read().split("\n")[1]))
    assert "sequences" in inspect_dataset(out).kind and inspect_dataset(out).summary()


def test_sequences_shuffled_stay_with_their_source(fastas, tmp_path):
    out = tmp_path / "seq.h5"
    build_dataset(fasta=fastas[0], negatives="shuffle", negative_ratio=2, random_split="0.2,0.2", out=out)
    data = Dataset.open(out)
    assert data.n == 180 and data.random_split
    codes = data.codes(np.arange(180)).astype(int)
    counts = [tuple(np.bincount(5 * c[:-1] + c[1:], minlength=25)) for c in codes]
    split_of = dict(zip(counts[:60], data.split[:60]))
    assert all(split_of[c] == s for c, s in zip(counts[60:], data.split[60:]))


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(random_split=None), "--group-by"),
        (dict(negatives_fasta=None), "need negatives"),
        (dict(negatives="shuffle"), "one of the two"),
        (dict(negatives_fasta=None, negatives="gc"), "drawn from a genome"),
        (dict(window=20), r"must have 20 bases.*60 of 60.*p0 \(30\)"),
        (dict(peaks="x"), "take no peaks"),
    ],
)
def test_bad_sequences(fastas, tmp_path, changes, message):
    arguments = dict(
        fasta=fastas[0], negatives_fasta=fastas[1], random_split="0.1,0.1", out=tmp_path / "x.h5"
    )
    with pytest.raises(InputError, match=message):
        build_dataset(**(arguments | changes))


def copied(folder: Path, name: str) -> Path:
    """Copy a genome, since its codes are kept beside it."""
    target = folder / Path(name).name
    shutil.copy(Path(os.environ["SEQDL_DATA"], name), target)
    return target


@needs_data
def test_yeast_has_the_known_size(tmp_path):
    report = build_dataset(
        copied(tmp_path, "yeast/sacCer3.fa.gz"), Path(os.environ["SEQDL_DATA"], "yeast/chipexo"), 1000, 200,
        tmp_path / "y.h5", min_peaks=200, test_chroms="chrXV,chrXVI", valid_chroms="chrXIV",
    )  # fmt: skip
    assert (report.n_windows, report.n_targets) == (60_349, 189)
    assert "peaks: chr1 → chrI (roman numerals) for 16 names" in report.notes
    assert report.seconds < 30


@needs_data
def test_human_slice_has_the_known_size(tmp_path):
    folder = Path(os.environ["SEQDL_DATA"], "human_chr22", "peaks")
    files = [
        f for cell in ("GM12878", "K562", "HeLa-S3") for f in sorted((folder / cell).glob("wgEncodeAwg*"))
    ]
    genome = copied(tmp_path, "human_chr22/hg19_chr22_1_22M.fa.gz")
    arguments = dict(genome=genome, peaks=files, out=tmp_path / "h.h5", random_split=(0.1, 0.1))
    report = build_dataset(label_rule="half-bin", **arguments)
    data = Dataset.open(report.path)
    enough = (data.labels().sum(axis=0, dtype=np.int64) >= 50).sum()
    assert (report.n_windows, report.n_targets, report.labelled, enough) == (28_491, 220, 5_451, 133)
    assert data.targets["category"].value_counts().to_dict() == {"TF": 217, "DNase": 3}
    assert "peaks: chr22 → 22 (chr prefix)" in report.notes
