"""Ensembles: one run that every command takes, and whose predictions are the mean of its members'."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

import seqdl
from seqdl import Dataset, InputError, Run, fit, fit_ensemble, join_runs
from seqdl.cli.main import main
from seqdl.interpret.motifs.filters import filter_motifs, first_layer
from seqdl.models.ensemble import ensemble_members, ensemble_models
from seqdl.models.load import load_model_file
from seqdl.models.save import save_model_file
from seqdl.prediction.predictor import Predictor
from seqdl.training.ensemble import member_predictions
from tests.toy import TINY
from tests.toy_folds import folds_dataset

CHOICES = {
    "epochs": 2,
    "batch_size": 32,
    "max_shift": 5,
    "overrides": TINY,
    "patience": 0,
    "model": "deepsea",
}
MEMBERS = 2


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    data = folds_dataset(folder)
    return folder, data, fit_ensemble(data, folder / "run", members=MEMBERS, **CHOICES)


@pytest.fixture(scope="module")
def codes(toy):
    return Dataset.open(toy[1]).codes(np.arange(40))


@given(
    values=st.lists(st.lists(st.floats(-80, 80), min_size=3, max_size=3), min_size=2, max_size=5),
)
@settings(max_examples=50)
def test_log_odds_of_the_mean_probability(values):
    from seqdl.layers import MeanOdds

    given = np.array(values, np.float32)
    found = np.asarray(MeanOdds(dtype="float32")([row[None] for row in given]))[0]
    assert np.isfinite(found).all()
    moderate = np.abs(given).max(axis=0) < 12  # beyond, the plain formula loses the digits that logs keep
    plain = logit(expit(given.astype(np.float64)).mean(axis=0))
    np.testing.assert_allclose(found[moderate], plain[moderate], rtol=2e-4, atol=2e-4)
    # Never outside what the members say, and certainty of all stays certainty.
    assert (found <= given.max(axis=0) + 1e-4).all() and (found >= given.min(axis=0) - 1e-4).all()


def test_it_predicts_the_mean_of_its_members(toy, codes):
    _, _, run = toy
    members = [Run.open(run.path / "members" / str(i + 1)) for i in range(MEMBERS)]
    each = np.stack([Predictor(member).probabilities(codes) for member in members])
    assert not np.allclose(each[0], each[1])
    np.testing.assert_allclose(Predictor(run).probabilities(codes), each.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(member_predictions(run, codes), each, atol=1e-6)
    np.testing.assert_allclose(expit(Predictor(run).logits(codes)), each.mean(axis=0), atol=1e-6)
    forward = member_predictions(run, codes, strand_average=False)
    np.testing.assert_allclose(
        Predictor(run, strand_average=False).probabilities(codes), forward.mean(axis=0), atol=1e-6
    )
    with pytest.raises(InputError, match="single network"):
        member_predictions(members[0], codes)


def test_members_differ_by_their_seeds_and_the_card_lists_them(toy):
    _, _, run = toy
    model = run.card["model"]
    assert (model["name"], run.label) == ("ensemble", "ensemble of 2 deepsea small")
    assert [member["seed"] for member in model["members"]] == [0, 1]
    members = [Run.open(run.path / "members" / str(i + 1)) for i in range(MEMBERS)]
    assert model["parameters"] == sum(member.card["model"]["parameters"] for member in members)
    assert run.member_histories() == [member.history() for member in members]
    assert members[0].member_histories() == [] and run.history() == []
    assert run.card["split"] == members[0].card["split"] and "seed" not in run.card["training"]
    alone = Run.open(run.path / "model.keras")  # the file that travels alone
    assert alone.card == run.card and len(ensemble_members(alone.model)) == MEMBERS
    assert ensemble_members(members[0].model) == []
    # Its own configuration makes it again.
    assert json.loads((run.path / "config.json").read_text())["seed"] == 0


def test_every_command_takes_it(toy, tmp_path):
    folder, data, run = toy
    genome = str(folder / "folds.fa")
    found = seqdl.evaluate(run, data, baselines=("gc_length",), bootstrap=20)
    assert found.metrics["models"][0]["label"] == run.label
    (tmp_path / "r.bed").write_text("chr6\t500\t700\nchr6\t900\t1100\n")
    predicted = seqdl.predict(run, genome=genome, bed=tmp_path / "r.bed", out=tmp_path / "p.tsv")
    assert (tmp_path / "p.tsv").exists() and len(predicted) > 0
    why = seqdl.attribute(
        run, genome=genome, bed=tmp_path / "r.bed", target="alpha", method="integrated_gradients"
    )
    assert np.abs(why.values).sum() > 0 and np.abs(why.delta).max() < 0.1 * np.abs(why.values).sum()
    base = "ACGT"[Dataset.open(data).genome.codes("chr6")[999]]
    alt = "A" if base != "A" else "C"
    (tmp_path / "v.vcf").write_text(f"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
                                    f"chr6\t1000\tx\t{base}\t{alt}\t.\t.\t.\n")  # fmt: skip
    assert seqdl.score_variants(run, tmp_path / "v.vcf", genome, tmp_path / "s.tsv").scored == 1
    page = seqdl.report(run, out=tmp_path / "r.html", scores=tmp_path / "s.tsv").read_text()
    assert "An ensemble of 2 deepsea small" in page and "2 networks were trained apart" in page


def test_filters_are_those_of_the_first_member(toy, codes):
    _, _, run = toy
    first = Run.open(run.path / "members" / "1").model
    assert first_layer(run.model).filters == first_layer(first).filters == 8
    ours, theirs = (filter_motifs(model, codes, min_sites=1) for model in (run.model, first))
    assert [motif.consensus for motif in ours] == [motif.consensus for motif in theirs]


def test_in_bfloat16(toy, codes):
    _, _, run = toy
    with pytest.warns(UserWarning, match="bfloat16"):
        rough = Predictor(run, precision="bfloat16").probabilities(codes)
    np.testing.assert_allclose(rough, Predictor(run).probabilities(codes), atol=0.05)


def test_a_resume_trains_only_what_is_missing(toy, tmp_path, monkeypatch):
    folder, data, run = toy
    from seqdl.training import fit as module

    with pytest.raises(InputError, match="holds a finished ensemble"):
        fit_ensemble(data, run.path, members=MEMBERS, resume=True, **CHOICES)
    with pytest.raises(InputError, match="--resume"):
        fit_ensemble(data, run.path, members=MEMBERS, **CHOICES)
    broken = tmp_path / "broken"
    shutil.copytree(run.path, broken)
    (broken / "model.keras").unlink()
    with pytest.raises(InputError, match="learning_rate: 0.5, was"):
        fit_ensemble(data, broken, members=MEMBERS, resume=True, **{**CHOICES, "learning_rate": 0.5})
    with pytest.raises(InputError, match="another number of members"):
        fit_ensemble(data, broken, members=3, resume=True, **CHOICES)
    monkeypatch.setattr(module, "fit", lambda *a, **k: pytest.fail("trained again"))
    again = fit_ensemble(data, broken, members=MEMBERS, resume=True, **CHOICES)
    assert all(
        np.array_equal(a, b) for a, b in zip(again.model.get_weights(), run.model.get_weights(), strict=True)
    )
    with pytest.raises(InputError, match="at least 2"):
        fit_ensemble(data, tmp_path / "one", members=1, **CHOICES)


def test_finished_runs_are_joined_from_the_command_line(toy, tmp_path, codes, capsys):
    _, _, run = toy
    parts = [str(run.path / "members" / str(i + 1)) for i in range(MEMBERS)]
    assert main(["ensemble", *parts, "--out", str(tmp_path / "joined"), "--quiet"]) == 0
    assert "ensemble of 2 deepsea small" in capsys.readouterr().out
    joined = Run.open(tmp_path / "joined")
    np.testing.assert_array_equal(Predictor(joined).probabilities(codes), Predictor(run).probabilities(codes))
    assert main(["ensemble", *parts, "--out", str(tmp_path / "joined"), "--quiet"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["ensemble", *parts, "--out", str(tmp_path / "joined"), "--quiet", "--overwrite"]) == 0
    # An ensemble of an ensemble and a run: the parts weigh the same.
    both = join_runs([joined, parts[0]], tmp_path / "both")
    each = [Predictor(joined).probabilities(codes), Predictor(Run.open(parts[0])).probabilities(codes)]
    np.testing.assert_allclose(Predictor(both).probabilities(codes), np.mean(each, axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"targets": [{"name": "x"}, {"name": "y"}]}, "differ in their targets"),
        ({"bin": 120}, "differ in their bin: 100 and 120"),
        ({"strand_average": False}, "differ in their strand_average"),
        ({"genome": {"name": "g", "checksum": "0", "contigs": {}}}, "differ in their genome"),
        ({"dataset": {"sha256": "0"}}, "different dataset files"),
        ({"split": {"random": False, "test": {}}}, "different splits"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(toy, tmp_path, change, words):
    _, _, run = toy
    first, second = (Run.open(run.path / "members" / str(i + 1)) for i in range(2))
    second.card.update(change)
    with pytest.raises(InputError, match=words):
        join_runs([first, second], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_joined(toy, tmp_path):
    _, _, run = toy
    one = run.path / "members" / "1"
    with pytest.raises(InputError, match="at least two runs"):
        join_runs([one], tmp_path / "out")
    with pytest.raises(InputError, match="named twice"):
        join_runs([one, one], tmp_path / "out")
    with pytest.raises(InputError, match="named twice"):
        join_runs([one, one / "model.keras"], tmp_path / "out")
    with pytest.raises(InputError, match="There is no run at"):
        join_runs([one, tmp_path / "no"], tmp_path / "out")
    with pytest.raises(InputError, match="--overwrite"):
        join_runs([one, run.path / "members" / "2"], run.path)


def test_folds_are_joined_and_the_test_split_stays_unseen(toy, tmp_path):
    folder, path, _ = toy
    data = Dataset.open(path)
    unseen = {"windows": 60, "contigs": ["chr6"]}
    runs = []
    for number in (1, 2):
        roles = np.where(data.split == 2, 255, (data.contig_ids + number) % 3).astype(np.uint8)
        fold = {"number": number, "of": 2, "assignment": "a", "unseen": unseen}
        folded = data.with_split(roles, "folds", fold)
        runs.append(fit(folded, tmp_path / str(number), **{**CHOICES, "epochs": 1}))
    joined = join_runs(runs, tmp_path / "joined")
    split = joined.card["split"]
    assert split["test"] == unseen and split["train"]["windows"] == data.n - 60
    with pytest.raises(InputError, match="all folds of a cross-validation"):
        seqdl.evaluate(joined, data, split="valid")
    runs[1].card["split"]["fold"]["assignment"] = "b"
    with pytest.raises(InputError, match="different splits"):
        join_runs(runs, tmp_path / "other")


def test_coverage_is_averaged_as_it_is(tmp_path):
    import keras

    def network(seed: int):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((64, 4), name="sequence")
        x = keras.layers.Conv1D(3, 8, strides=8, activation="softplus", name="coverage")(inputs)
        return keras.Model(inputs, x)

    networks = [network(seed) for seed in range(3)]
    joined = ensemble_models(networks, "coverage")
    save_model_file(joined, tmp_path / "m.keras")
    loaded = load_model_file(tmp_path / "m.keras")
    codes = np.random.default_rng(0).integers(0, 4, (5, 64)).astype(np.uint8)
    mean = np.mean([Predictor(n).coverage(codes) for n in networks], axis=0)
    np.testing.assert_allclose(Predictor(loaded).coverage(codes), mean, rtol=1e-5)
    assert len(ensemble_members(loaded)) == 3
    with pytest.raises(InputError, match="no layer called 'logits'"):
        ensemble_models(networks, "binary")
    with pytest.raises(InputError, match="at least two"):
        ensemble_models(networks[:1], "coverage")


def test_a_training_cannot_start_from_an_ensemble(toy, tmp_path):
    _, data, run = toy
    with pytest.raises(InputError, match=r"is an ensemble.*members/1"):
        fit(data, tmp_path / "run", epochs=1, from_run=run.path)
    assert not (tmp_path / "run").exists()


def test_the_history_of_members_is_one_table(toy):
    table = pd.read_csv(toy[2].path / "members.csv")
    assert list(table["member"]) == [1, 1, 2, 2] and {"epoch", "loss", "val_loss"} <= set(table.columns)


@pytest.mark.slow
def test_jax_opens_what_tensorflow_joined(toy, codes, tmp_path):
    pytest.importorskip("jax")
    _, _, run = toy
    np.save(tmp_path / "codes.npy", codes)
    program = (
        "import sys; sys.modules['tensorflow'] = None; import numpy as np; from seqdl import Run;"
        "from seqdl.prediction.predictor import Predictor;"
        f"codes = np.load({str(tmp_path / 'codes.npy')!r});"
        f"np.save({str(tmp_path / 'p.npy')!r}, Predictor(Run.open({str(run.path)!r})).logits(codes))"
    )
    env = {**os.environ, "KERAS_BACKEND": "jax"}
    found = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr[-2000:]
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), Predictor(run).logits(codes), atol=1e-4)
