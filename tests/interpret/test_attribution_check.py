"""The checks together: on a toy run and its twin ensemble, and every method on the simulated grammar."""

import json

import numpy as np
import pandas as pd
import pytest

from seqdl.encoding import N, encode
from seqdl.errors import InputError
from seqdl.interpret.faithfulness.check import CHECKS, check_attributions
from seqdl.interpret.faithfulness.randomisation import explainer
from seqdl.interpret.faithfulness.recovery import grammar_positions, recovery
from seqdl.interpret.faithfulness.write import describe_check
from seqdl.interpret.heads import scalar_model
from seqdl.interpret.methods import METHODS, compile_engine
from seqdl.training.ensemble import join_runs
from seqdl.training.run import Run
from tests.toy import MOTIFS
from tests.toy_coverage_run import toy_coverage_run
from tests.toy_grammar import FACTORS, sample_windows, train_network
from tests.toy_report import make_genome, make_run

TWO = ("grad_x_input", "saliency")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose filters are the motifs, regions on CTCF's places off their middle, and the places."""
    folder = make_run(tmp_path_factory.mktemp("check")).parent
    _, places = make_genome(folder)
    mine = [(chrom, at) for chrom, at, which in places if which == 0][:12]
    rng = np.random.default_rng(0)
    rows = [(chrom, at + int(rng.integers(-60, 60)), at) for chrom, at in mine]
    (folder / "regions.bed").write_text("".join(f"{c}\t{s}\t{s + 12}\n" for c, s, _ in rows))
    (folder / "known.bed").write_text("".join(f"{c}\t{at}\t{at + 12}\n" for c, _, at in rows))
    return folder


@pytest.fixture(scope="module")
def checked(folder):
    run = join_runs([folder / "run", make_copy(folder)], folder / "joined")
    return check_attributions(
        run, genome=folder / "genome.fa", bed=folder / "regions.bed", known=str(folder / "known.bed"),
        target="CTCF", methods=TWO, points=5, draws=2, out=folder / "checked", bootstrap=100,
    )  # fmt: skip


def make_copy(folder):
    import shutil

    return shutil.copytree(folder / "run", folder / "twin")


def test_a_true_explanation_passes_every_check(checked):
    assert checked.methods == TWO and checked.target == "CTCF" and checked.positions.any(axis=1).all()
    summary = checked.summary.set_index("method")
    assert (summary.auroc_low > 0.8).all() and (summary.deletion_low > 0).all()
    assert summary.loc["grad_x_input", "insertion_low"] > 0
    assert summary.stability.to_numpy() == pytest.approx(1)  # the members are twins
    assert all(found.sd.max() < 1e-5 for found in checked.stability.values())
    assert checked.agreement.spearman_size.loc[TWO] > 0.5
    stages = checked.randomisation.table
    assert (stages[stages.stage == 0].spearman_size > 0.999).all()
    assert stages.weights.max() == 1 and stages.stage.max() == 2  # the members' layers go together


def test_tables_and_pictures_say_the_same_as_the_result(folder, checked):
    out = folder / "checked"
    index = json.loads((out / "check.json").read_text())
    assert index["format"] == "seqdl-attribution-check" and index["version"] == 1
    assert all((out / name).stat().st_size for name in index["files"])
    for name in ("recovery.png", "curves.png", "randomisation.png", "agreement.png", "methods.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    table = pd.read_csv(out / "summary.tsv", sep="\t")
    np.testing.assert_allclose(table.auroc, checked.summary.auroc, rtol=1e-5)
    said = describe_check(checked)
    assert "Is the explanation of CTCF true? 12 sequences." in said and "[random]" in said
    assert f"{checked.summary.auroc[0]:.3f}" in said


def test_what_is_not_possible_is_said_or_refused_where_it_was_asked_for(folder):
    run = Run.open(folder / "run")
    codes = np.random.default_rng(0).integers(0, 4, (9, run.window)).astype(np.uint8)
    codes[2] = N
    quick = {"codes": codes, "target": "CTCF", "methods": TWO[:1]}
    found = check_attributions(run, most=6, points=2, draws=1, checks=("curves",), **quick)
    assert len(found.codes) == 6 and not (found.codes == N).all(axis=1).any()
    assert any("1 sequence of N alone" in note for note in found.notes)
    assert any("6 of 8 sequences" in note for note in found.notes)
    out = folder / "few"  # too few sequences for an interval: pictures are drawn all the same
    everything = check_attributions(run, most=5, points=1, draws=1, stages=1, out=out, **quick)
    assert (out / "curves.png").exists() and np.isnan(everything.summary.deletion_low[0])
    assert "(" not in describe_check(everything).splitlines()[2]
    assert sum("Not measured" in note for note in everything.notes) == 3
    assert everything.recovery is None and everything.agreement is None and everything.stability == {}
    for name, message in (
        ("recovery", "give `known`"), ("agreement", "at least two methods"), ("stability", "--members 5")
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            check_attributions(run, checks=(name,), **quick)


def test_bad_input_gets_a_sentence(folder):
    run = Run.open(folder / "run")
    codes = np.zeros((7, run.window), np.uint8)
    with pytest.raises(InputError, match="Did you mean 'saliency'"):
        check_attributions(run, codes=codes, target="CTCF", methods=("salience",))
    with pytest.raises(InputError, match="Did you mean 'curves'"):
        check_attributions(run, codes=codes, target="CTCF", checks=("curve",))
    with pytest.raises(InputError, match=", ".join(CHECKS)):
        check_attributions(run, codes=codes, target="CTCF", checks=())
    with pytest.raises(InputError, match="Did you mean 'CTCF'"):
        check_attributions(run, codes=codes, target="CTCV")
    with pytest.raises(InputError, match="all N"):
        check_attributions(run, codes=np.full_like(codes, N), target="CTCF")
    with pytest.raises(InputError, match="needs the genome"):
        check_attributions(run, codes=codes, target="CTCF", known=folder / "known.bed")
    with pytest.raises(InputError, match=r"bool array of shape \(7, 200\)"):
        check_attributions(run, codes=codes, target="CTCF", known=np.zeros((7, 3), bool))
    with pytest.raises(InputError, match="known positions and others"):
        check_attributions(
            run,
            codes=codes,
            target="CTCF",
            known=np.zeros(codes.shape, bool),
            methods=TWO[:1],
            checks=("recovery",),
        )
    with pytest.raises(InputError, match="is a file"):
        check_attributions(run, codes=codes, target="CTCF", out=folder / "known.bed")


@pytest.mark.parametrize("head", ["counts", "profile"])
def test_a_track_is_checked_by_its_total_or_its_shape(tmp_path, head):
    path, _ = toy_coverage_run(tmp_path)
    run = Run.open(path)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (12, run.window)).astype(np.uint8)
    motif = encode(next(iter(MOTIFS.values())))
    places = run.window // 2 + rng.integers(-40, 40, (12, 1)) + np.arange(motif.size)
    codes[np.arange(12)[:, None], places] = motif
    known = np.zeros(codes.shape, bool)
    known[np.arange(12)[:, None], places] = True
    found = check_attributions(
        run,
        codes=codes,
        known=known,
        target=0,
        head=head,
        methods=TWO,
        checks=("recovery", "curves"),
        points=3,
        draws=2,
    )
    assert (found.summary.auroc_low > 0.9).all() and (found.summary.deletion_low > 0).all()
    assert found.settings["head"] == head


@pytest.mark.slow
def test_every_method_finds_the_motifs_of_the_simulated_grammar():
    """A small network is trained on windows of the grammar, motifs off their middle; others are explained."""
    model = scalar_model(train_network(*sample_windows(1_500_000, 0, each=900, background=700)))
    codes, _ = sample_windows(250_000, 1, each=50, background=0)
    engines, found = {name: compile_engine(model, name) for name in METHODS}, {}
    for index, factor in enumerate(FACTORS):
        positions = grammar_positions(codes, factor)
        rows = np.flatnonzero(positions.any(axis=1))[:40]
        scores = {
            name: explainer(name, index, n_references=10, samples=20, steps=32, engine=engine)(
                model, codes[rows]
            )
            for name, engine in engines.items()
        }
        found[factor] = recovery(scores, positions[rows], codes[rows]).table.set_index("method")
        assert found[factor].kind.eq("method").sum() == len(METHODS)
    table = pd.concat(found, names=["factor"])
    print(table[["auroc", "auroc_low", "auroc_high", "auprc", "sequences", "positives"]].round(3).to_string())
    methods = table[table.kind == "method"]
    assert (methods.auroc_low > 0.6).all() and (methods.auprc_low > 1.5 * methods.positives).all()
    mean = methods.groupby("method").auroc.mean()
    assert mean["deepshap"] >= mean["grad_x_input"] - 0.02
    assert (table.loc[(slice(None), "random"), "auroc"] - 0.5).abs().max() < 0.05
