"""`seqdl calibrate` on small runs: the file, its round trip, what it refuses, and the columns it gives."""

import argparse
import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from seqdl.cli import calibrate as cli
from seqdl.data.dataset import Dataset
from seqdl.encoding import decode, encode, reverse_complement
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.prediction.predictor import Predictor
from seqdl.training.run import MODEL, Run
from seqdl.uncertainty.calibrate import calibrate
from seqdl.uncertainty.calibration import Calibration
from seqdl.uncertainty.derived import derive, derived_columns, derived_notes
from seqdl.uncertainty.windows import genome_windows, log_totals
from tests.toy import toy_run
from tests.toy_coverage_run import toy_coverage_run


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrate")
    run, data = toy_run(folder, epochs=3)
    return run, data, calibrate(run, data, level=0.8, bootstrap=50)


@pytest.fixture(scope="module")
def coverage(tmp_path_factory):
    run, data = toy_coverage_run(tmp_path_factory.mktemp("calibrate_coverage"))
    return run, data, calibrate(run, data, bootstrap=50)


def measured(calibration, what):
    return next(entry for entry in calibration.measured["rows"] if entry["what"] == what)


def test_what_is_measured_is_the_test_split(binary):
    run, data, made = binary
    data = Dataset.open(data)
    indices = data.indices("test")
    z, labels = Predictor(run).logits(data.codes(indices)), data.labels(indices)
    sets = made.label_sets(z)
    for label in (0, 1):
        entry = measured(made, f"label {label} in its set")
        mask = labels == label
        assert entry["measured"] == pytest.approx((((sets >> label) & 1)[mask] == 1).mean())
        assert entry["n"] == mask.sum() and entry["nominal"] == 0.8
        assert entry["low"] <= entry["measured"] <= entry["high"]
    hits = [one["label1"] for one in made.measured["targets"]]
    assert [one[1] for one in hits] == labels.sum(axis=0).tolist()
    assert measured(made, "sets of one label")["n"] == labels.size
    assert measured(made, "flagged: simple repeats")["measured"] > 0.9


def test_the_file_gives_back_what_was_made(binary):
    run, data, made = binary
    found = Calibration.open(run.folder, run.folder / MODEL)
    assert found.measured == made.measured and found.notes == made.notes
    z = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    codes = np.random.default_rng(1).integers(0, 4, (9, 200)).astype(np.uint8)
    np.testing.assert_array_equal(found.probabilities(z), made.probabilities(z))
    np.testing.assert_array_equal(found.label_sets(z), made.label_sets(z))
    np.testing.assert_array_equal(found.unlike(codes), made.unlike(codes))
    plain = ("run", "model", "task", "targets", "level", "split", "n", "seed", "strand_average")
    assert all(getattr(found, name) == getattr(made, name) for name in plain)
    assert found.n == len(Dataset.open(data).indices("valid"))


def test_the_same_arguments_give_the_same_calibration(binary, tmp_path):
    run, data, made = binary
    again = calibrate(run, data, level=0.8, bootstrap=50, out=tmp_path / "again.h5")
    assert again.measured == made.measured


def test_take_keeps_the_targets_numbers(binary):
    made = binary[2]
    z = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    one = made.take(np.array([1]))
    assert one.targets == ("beta",)
    np.testing.assert_array_equal(one.probabilities(z[:, 1:]), made.probabilities(z)[:, 1:])
    np.testing.assert_array_equal(one.label_sets(z[:, 1:]), made.label_sets(z)[:, 1:])


def test_another_run_is_refused(binary, tmp_path):
    run, _, made = binary
    other = tmp_path / MODEL
    other.write_bytes((run.folder / MODEL).read_bytes() + b" ")
    with pytest.raises(InputError, match="made for another run"):
        Calibration.open(run.folder, other)
    made.require_model(run.folder / MODEL)


def test_damaged_files(binary, tmp_path):
    run = binary[0]
    whole = (run.folder / "calibration.h5").read_bytes()
    path = tmp_path / "c.h5"
    for content in (whole[: len(whole) // 2], b"no HDF5 file at all"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="damaged or no HDF5"):
            Calibration.open(path)
    for change in (
        lambda f: f.attrs.update(version=99),
        lambda f: f.attrs.update(format="else"),
        lambda f: f.__delitem__("targets"),
    ):
        path.write_bytes(whole)
        with h5py.File(path, "r+") as f:
            change(f)
        with pytest.raises(InputError):
            Calibration.open(path)
    path.write_bytes(whole)
    with h5py.File(path, "r+") as f:
        del f["scaling/slope"]
        f["scaling/slope"] = np.ones(3)
    with pytest.raises(InputError, match="number of targets"):
        Calibration.open(path)


def test_parts_that_are_not_there_and_wrong_shapes(binary):
    made = binary[2]
    assert made.effect_interval("diff", np.zeros((3, 2))) is None and made.p_causal(np.zeros((3, 2))) is None
    with pytest.raises(InputError, match="has no band"):
        made.total_interval(np.zeros((3, 2)))
    with pytest.raises(InputError, match=r"shape \(m, 2\)"):
        made.probabilities(np.zeros((3, 5)))


def test_totals_of_coverage_lie_in_their_intervals(coverage):
    run, data, made = coverage
    data = Dataset.open(data)
    indices = data.indices("test")
    predicted = log_totals(Predictor(Run.open(run)).coverage(data.codes(indices)))
    observed = log_totals(data.values(indices))
    known = np.isfinite(observed)
    low, high = made.total_interval(predicted)
    assert (low >= 0).all() and low.dtype == np.float32
    inside = (observed >= low) & (observed <= high)
    entry = measured(made, "total in its interval")
    assert entry["measured"] == pytest.approx(inside[known].mean(), abs=1e-9)
    assert entry["n"] == known.sum() < known.size
    assert 0.8 < entry["measured"] <= 1


def test_derived_columns_are_those_that_are_described(binary, coverage):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2, 7, 2)).astype(np.float32)
    bins = rng.random((2, 7, 8, 2)).astype(np.float32)
    for made, ref, alt in ((binary[2], *z), (coverage[2], *bins)):
        found = derive(made, ref, alt, {"diff": z[0]})
        columns = derived_columns(made, ("diff",))
        assert set(found) == {column.name for column in columns}
        assert all(value.dtype == np.float32 and value.shape == (7, 2) for value in found.values())
        assert [note.name for note in derived_notes(made, ("diff",))] == ["unlike"]


def effects_of(data, folder, run, n=150):
    """Write SNVs on the toy genome, with the network's own effect doubled and shifted as their truth."""
    data, rng = Dataset.open(data), np.random.default_rng(4)
    genome = data.genome
    starts = np.sort(rng.choice(np.arange(200, 19_000), n, replace=False))
    contig = genome.contig_id("chrC")
    ref = genome.gather(np.full(n, contig), starts - 100, 200)
    alt = ref.copy()
    alt[:, 100] = (alt[:, 100] + rng.integers(1, 4, n)) % 4
    predictor = Predictor(run)
    diff = predictor.logits(alt) - predictor.logits(ref)
    lines, labels = ["chrom\tpos\tref\talt\ttarget\teffect"], ["chrom\tpos\tref\talt\teffect"]
    large = np.abs(diff).max(axis=1) > np.median(np.abs(diff).max(axis=1))
    for i, start in enumerate(starts):
        key = f"chrC\t{start + 1}\t{decode(ref[i, 100:101])}\t{decode(alt[i, 100:101])}"
        for t, name in enumerate(run.target_names):
            lines.append(f"{key}\t{name}\t{2 * diff[i, t] + 1 + 0.01 * rng.normal()}")
        labels.append(f"{key}\t{int(large[i] if rng.random() < 0.9 else not large[i])}")
    lines.append("chrC\t500\tACGTACGTACGT\tA\talpha\t3")  # not what the genome carries
    (folder / "effects.tsv").write_text("\n".join(lines) + "\n")
    (folder / "labels.tsv").write_text("\n".join(labels) + "\n")
    return ref, alt


def test_effects_of_variants(binary, tmp_path):
    run, data, _ = binary
    ref, alt = effects_of(data, tmp_path, run)
    made = calibrate(run, data, bootstrap=0, effects=tmp_path / "effects.tsv", out=tmp_path / "e.h5")
    found = Calibration.open(tmp_path / "e.h5")
    band = found.effects["logit_diff"]
    np.testing.assert_allclose(band.slope, 2, atol=0.2)
    np.testing.assert_allclose(band.intercept, 1, atol=0.1)
    entry = measured(made, "effect in the interval of logit_diff")
    assert entry["n"] == 300 and 0.84 < entry["measured"] < 0.96
    assert any("1 of 301 known effects" in note for note in made.notes)
    z = Predictor(run).logits
    values = {"logit_diff": z(alt) - z(ref), "diff": np.zeros((len(ref), 2), np.float32)}
    columns = derive(found, z(ref), z(alt), values)
    assert {c.name for c in derived_columns(found, tuple(values))} == set(columns)
    middle = (columns["logit_diff_low"] + columns["logit_diff_high"]) / 2
    np.testing.assert_allclose(middle, 2 * values["logit_diff"] + 1, atol=0.3)


def test_an_earlier_calibration_is_not_in_the_way_of_a_new_one(binary, tmp_path):
    """The run's folder holds one that was made with the other choice of strands."""
    run, data, before = binary
    effects_of(data, tmp_path, run)
    made = calibrate(
        run, data, bootstrap=0, effects=tmp_path / "effects.tsv", out=tmp_path / "e.h5", max_windows=500,
        strand_average=not before.strand_average,
    )  # fmt: skip
    assert made.strand_average != before.strand_average and made.effects


def test_labels_of_variants(binary, tmp_path):
    run, data, _ = binary
    effects_of(data, tmp_path, run)
    made = calibrate(run, data, bootstrap=0, effects=tmp_path / "labels.tsv", out=tmp_path / "l.h5")
    found = Calibration.open(tmp_path / "l.h5")
    assert found.causal == made.causal and found.causal.by == "allele" and not found.effects
    p = found.p_causal(np.array([[0.0, 0.0], [50.0, 0.0]]))
    assert p.shape == (2,) and p[0] < 0.3 < 0.7 < p[1]
    ours = measured(made, "p_causal: log loss")["measured"]
    assert ours < measured(made, "p_causal: log loss of the share of causal ones alone")["measured"]
    assert found.take(np.array([0])).causal is None and found.take(np.array([1, 0])).causal is not None
    assert [note.name for note in derived_notes(found, ("logit_diff",))] == ["p_causal", "unlike"]


def test_the_command_prints_nominal_beside_measured(coverage, tmp_path, capsys):
    run, data, _ = coverage
    other = tmp_path / "other.fa"
    other.write_text(">x\n" + decode(np.tile(encode("ACGGC"), 400)) + "\n")
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    args = ["--run", run, "--data", data, "--out", tmp_path / "c.h5", "--normalise", "--other-genome", other]
    assert cli.run(parser.parse_args([str(word) for word in args])) == 0
    shown = capsys.readouterr().out
    assert "total in its interval" in shown and "0.9" in shown and "flagged: other" in shown
    assert "exchangeable" in shown or "on average" in shown
    assert Calibration.open(tmp_path / "c.h5").band.tilt.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": 1.2}, "`level`"),
        ({"split": "train"}, "`split` is one of valid, test"),
        ({"bootstrap": -1}, "`bootstrap`"),
        ({"block": 0}, "`block`"),
        ({"max_windows": 0}, "`max_windows`"),
        ({"normalise": True}, "`normalise` is for runs of coverage"),
        ({"effects": "nowhere.tsv"}, "does not exist"),
    ],
)
def test_bad_choices_write_nothing(binary, tmp_path, change, message):
    run, data, _ = binary
    with pytest.raises(InputError, match=message):
        calibrate(run, data, out=tmp_path / "c.h5", **change)
    assert not (tmp_path / "c.h5").exists()


def test_the_output_is_no_input_and_the_dataset_is_the_runs(binary, coverage):
    run, data, _ = binary
    with pytest.raises(InputError, match="one of the inputs"):
        calibrate(run, data, out=data)
    with pytest.raises(InputError, match="predicts binary labels"):
        calibrate(run, coverage[1])


def test_calibrating_on_the_test_split_leaves_nothing_to_measure(binary, tmp_path):
    run, data, _ = binary
    made = calibrate(run, data, split="test", bootstrap=0, out=tmp_path / "t.h5")
    assert made.measured["rows"] == [] and any("nothing was measured" in note for note in made.notes)
    json.dumps(made.measured, allow_nan=False)


def test_windows_of_another_genome_hold_known_bases():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 3000).astype(np.uint8)
    codes[:1500] = 4
    genome = Genome.from_arrays({"a": codes, "short": codes[2000:2020]})
    _, found = genome_windows(genome, 50, 40, 1)
    assert found.shape == (40, 50) and (found < 4).all()
    text = decode(codes)
    assert all(decode(row) in text for row in found)
    with pytest.raises(InputError, match="No window of 50 known bases"):
        genome_windows(Genome.from_arrays({"n": np.full(500, 4, np.uint8)}), 50, 10, 1)


def test_unlike_is_the_same_on_both_strands_after_the_round_trip(binary):
    made = binary[2]
    codes = np.random.default_rng(3).integers(0, 5, (20, 200)).astype(np.uint8)
    np.testing.assert_array_equal(made.unlike(codes), made.unlike(reverse_complement(codes)))
    bare = replace(made, composition=None)
    with pytest.raises(InputError, match="has no composition"):
        bare.unlike(codes)


def test_rare_targets_are_named_in_the_notes():
    from seqdl.uncertainty.calibrate import _shared
    from seqdl.uncertainty.conformal import fit_label_sets
    from seqdl.uncertainty.platt import fit_scaling

    rng = np.random.default_rng(0)
    labels = (rng.random((400, 3)) < (0.3, 0.3, 0.01)).astype(np.uint8)
    z = rng.normal(size=labels.shape) + 2.0 * labels
    parts = {"scaling": fit_scaling(z, labels, 0), "conformal": fit_label_sets(z, labels, 0.9)}
    said = " ".join(_shared(parts))
    assert "1 of 3 targets with fewer than 20 positives" in said and "left as they are" not in said
    assert "1 of 3 targets have too few positives for label sets" in said
    parts["scaling"] = fit_scaling(-z, labels, 0)
    assert "3 of 3" in _shared(parts)[0] and "left as they are" in _shared(parts)[0]
