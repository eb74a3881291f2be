"""bigWig tracks: what the Predictor says, at its place; names, ends, gaps, regions; all files or none."""

import json

import numpy as np
import pytest

from seqdl.cli.main import main
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.prediction.predict import predict
from seqdl.prediction.predictor import Predictor
from seqdl.prediction.tracks import file_names
from seqdl.prediction.writers import read_predictions
from seqdl.training.run import Run
from tests.toy_coverage import BIN, WINDOW
from tests.toy_coverage_run import toy_coverage_run

pyBigWig = pytest.importorskip("pyBigWig")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracks")
    run, _ = toy_coverage_run(folder)
    return Run.open(run), Genome(folder / "toy_coverage.fa")


def odd_genome():
    """Return contigs that end inside a bin, are shorter than one, or hold a long gap."""
    rng = np.random.default_rng(5)
    contigs = {"c1": rng.integers(0, 4, 3001), "c2": rng.integers(0, 4, 20), "c3": rng.integers(0, 4, 2000)}
    contigs["c3"][500:1100] = 4
    return Genome.from_arrays({name: codes.astype(np.uint8) for name, codes in contigs.items()})


def read(path, chrom, length):
    with pyBigWig.open(str(path)) as track:
        return track.values(chrom, 0, length, numpy=True)


@pytest.mark.parametrize("batch_size", [3, 64])
def test_a_value_is_the_predictors_for_the_window_about_it(toy, tmp_path, batch_size):
    run, genome = toy
    found = predict(run, genome=genome, out=tmp_path / "t", bigwig=True, batch_size=batch_size)
    assert found.path == tmp_path / "t"
    assert found.n == sum(n // BIN for n in genome.lengths.values())
    predictor = Predictor(run, 16)
    for chrom in ("chrB", "chrC"):
        starts = np.arange(0, genome.lengths[chrom], BIN) - (WINDOW - BIN) // 2
        ids = np.full(len(starts), genome.contig_id(chrom))
        expected = predictor.coverage(genome.gather(ids, starts, WINDOW)).reshape(-1, 2)
        for place, name in enumerate(run.target_names):
            values = read(tmp_path / "t" / f"{name}.bw", chrom, genome.lengths[chrom])
            np.testing.assert_allclose(values, np.repeat(expected[:, place], 32), rtol=1e-6, atol=1e-6)
    about = json.loads((tmp_path / "t" / "tracks.json").read_text())
    assert [item["file"] for item in about["tracks"]] == ["alpha.bw", "beta.bw"]
    assert about["bases_a_value"] == 32
    assert str(tmp_path) not in json.dumps(about)


def test_ends_and_gaps(toy, tmp_path):
    run, genome = toy[0], odd_genome()
    predict(run, genome=genome, out=tmp_path / "a.bw", targets=["alpha"], allow_genome_mismatch=True)
    with pyBigWig.open(str(tmp_path / "a.bw")) as track:
        assert track.chroms() == dict(genome.lengths)
        assert track.intervals("c1")[-1][:2] == (2976, 3001)
        assert track.intervals("c2")[-1][:2] == (0, 20)
    values = read(tmp_path / "a.bw", "c3", 2000)
    assert np.isnan(values[512:1024]).all()  # two windows whose middle holds N alone
    assert np.isfinite(values[:512]).all() and np.isfinite(values[1024:]).all()


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_regions_are_cut_out_of_the_whole(toy, tmp_path, overlap):
    run, genome = toy
    bed = tmp_path / "r.bed"
    bed.write_text("chrB\t1000\t1300\nchrC\t31000\t32768\nchrB\t5000\t5010\n")
    arguments = {"genome": genome, "targets": ["beta"], "overlap": overlap}
    predict(run, out=tmp_path / "whole.bw", **arguments)
    part = predict(run, out=tmp_path / "part.bw", regions=bed, **arguments)
    assert part.n < 30
    for chrom, places in (("chrB", [(992, 1312), (4992, 5024)]), ("chrC", [(30976, 32768)])):
        whole, some = (read(tmp_path / f"{name}.bw", chrom, 32768) for name in ("whole", "part"))
        inside = np.zeros(32768, bool)
        for low, high in places:
            inside[low:high] = True
        np.testing.assert_array_equal(np.isfinite(some), inside)
        np.testing.assert_allclose(some[inside], whole[inside], rtol=1e-5)


def test_overlap_averages_windows(toy, tmp_path):
    run, genome = toy
    predict(run, genome=genome, out=tmp_path / "o.bw", targets=["alpha"], overlap=0.5)
    predictor = Predictor(run, 4)
    starts = np.array([2, 3]) * 128 - 128
    two = predictor.coverage(genome.gather(np.full(2, genome.contig_id("chrC")), starts, WINDOW))[..., 0]
    # The second window begins at half of the first: bins 4 to 7 of one are 0 to 3 of the other.
    expected = (two[0, 4:] * [4, 3, 2, 1] + two[1, :4] * [1, 2, 3, 4]) / 5
    values = read(tmp_path / "o.bw", "chrC", 32768)[3 * 128 : 4 * 128 : 32]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


def test_labels_have_tracks_too(tmp_path):
    from tests.toy_report import BIN as BIN_OF_LABELS
    from tests.toy_report import WINDOW as WINDOW_OF_LABELS
    from tests.toy_report import make_run

    run = Run.open(make_run(tmp_path))
    genome = Genome(tmp_path / "genome.fa")
    predict(run, genome=genome, out=tmp_path / "tracks", bigwig=True)
    names = {path.name for path in (tmp_path / "tracks").iterdir()}
    assert names == {"CTCF.bw", "CTCF_GM.bw", "GATA1.bw", "AP1.bw", "DNase.bw", "H3K4me1_b.bw", "tracks.json"}
    starts = np.arange(0, 25_000, BIN_OF_LABELS) - (WINDOW_OF_LABELS - BIN_OF_LABELS) // 2
    windows = genome.gather(np.full(len(starts), genome.contig_id("chrIV")), starts, WINDOW_OF_LABELS)
    expected = Predictor(run, 32).probabilities(windows)[:, 2]
    values = read(tmp_path / "tracks" / "GATA1.bw", "chrIV", 25_000)
    np.testing.assert_allclose(values, np.repeat(expected, BIN_OF_LABELS), rtol=1e-5, atol=1e-7)


def test_command_line(toy, tmp_path, capsys):
    run, genome = toy
    words = ["predict", "--run", str(run.path), "--genome", str(genome.path), "--bigwig", "--targets", "beta"]
    assert main([*words, "--out", str(tmp_path / "x.bigWig"), "--overlap", "0.25"]) == 0
    assert "1 target:" in capsys.readouterr().out
    assert (tmp_path / "x.bigWig").stat().st_size > 1000
    assert main([*words, "--out", str(tmp_path / "y.bw"), "--overlap", "1.5"]) == 2
    assert "`overlap`" in capsys.readouterr().err


def test_windows_of_a_bed_file_go_to_hdf5_and_to_nothing_else(toy, tmp_path):
    run, genome = toy
    bed = tmp_path / "r.bed"
    bed.write_text("chrC\t1000\t1300\tone\nchrB\t0\t10\ttwo\nchrC\t7000\t7001\tthree\n")
    memory = predict(run, genome=genome, bed=bed, batch_size=2)
    assert memory.values.shape == (3, 8, 2)
    predict(run, genome=genome, bed=bed, out=tmp_path / "p.h5", batch_size=2, targets=["beta"])
    table = read_predictions(tmp_path / "p.h5")
    assert table.values.shape == (3, 8, 1)
    np.testing.assert_array_equal(table.values[..., 0], memory.values[..., 1])
    assert table.windows["name"].tolist() == ["one", "two", "three"]
    assert "8 values of 32 bp, the first beginning 128 bases" in table.about["values"]
    codes = genome.fetch("chrC", 1150 - 256, 1150 + 256)[None]
    np.testing.assert_allclose(memory.values[:1], Predictor(run, 2).coverage(codes), rtol=1e-6)
    for suffix in (".tsv", ".tsv.gz", ".parquet"):
        with pytest.raises(InputError, match="8 bins of 2 targets a window, which is no table"):
            predict(run, genome=genome, bed=bed, out=tmp_path / f"p{suffix}")


def test_bad_input_is_named_and_leaves_nothing(toy, tmp_path):
    run, genome = toy
    out, bed = tmp_path / "t", tmp_path / "r.bed"
    bed.write_text("chrZ\t1\t5\n")
    nothing = Genome.from_arrays({"chrA": np.full(500, 4, np.uint8)})
    other = {"genome": nothing, "allow_genome_mismatch": True}
    wrong = [
        ({"genome": None}, "need `genome`"),
        ({"out": None}, "need `genome`"),
        ({"bed": bed}, "leave `bed` and `fasta` out"),
        ({"logits": True}, "leave `logits` out"),
        ({"regions": bed}, "Found: chrZ"),
        ({"out": tmp_path / "a.bw"}, "One bigWig file holds one target, and 2"),
        ({"out": tmp_path / "a.tsv.gz"}, "a folder, or a name that ends in .bw"),
        ({"overlap": 1.0}, "`overlap`"),
        ({"step": 3}, "are for sequences"),
        ({"lengths": "pad"}, "are for sequences"),
        ({"targets": ["gamma"]}, "no target 'gamma'"),
        ({"bigwig": False, "regions": bed, "bed": bed, "out": None}, "are for tracks"),
        (other, "hold no known base"),
    ]
    for arguments, words in wrong:
        with pytest.raises(InputError, match=words):
            predict(run, **{"genome": genome, "out": out, "bigwig": True, **arguments})
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != bed]


def test_interrupted_tracks_leave_nothing(toy, tmp_path, monkeypatch):
    run, genome = toy
    calls = []

    def stop(self, codes):
        calls.append(len(codes))
        if len(calls) > 1:
            raise KeyboardInterrupt
        return np.zeros((len(codes), 8, 2), np.float32)

    monkeypatch.setattr(Predictor, "coverage", stop)
    monkeypatch.setattr("seqdl.prediction.tracks._NUMBERS", 1)
    with pytest.raises(KeyboardInterrupt):
        predict(run, genome=genome, out=tmp_path / "t", bigwig=True, batch_size=4)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_file_that_cannot_be_made_is_told_and_does_not_crash(toy, tmp_path):
    run, genome = toy
    with pytest.raises(OSError, match="name too long"):
        predict(run, genome=genome, out=tmp_path / f"{'x' * 260}.bw", bigwig=True, targets=["alpha"])


def test_names_of_files_are_safe_and_never_alike():
    found = file_names(["CTCF", "ctcf", "a/b", "a b", "..", "x" * 300, "../../etc"])
    assert len({name.lower() for name in found}) == 7
    assert all("/" not in name and not name.startswith(".") and len(name) <= 130 for name in found)
    assert found[0] == "CTCF" and found[2] == "a_b"
