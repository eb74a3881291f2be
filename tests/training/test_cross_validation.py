"""Cross-validation: folds never cut a contig or a group, the test split stays unseen, a resume skips."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl import Dataset, InputError, Run, cross_validate, evaluate, fit
from seqdl.cli.main import main
from seqdl.cli.train_many import print_folds
from seqdl.data.dataset_file import Contigs, Sequences, write_dataset
from seqdl.data.split_folds import make_folds
from seqdl.training.fold_results import summarise_folds
from tests.toy import TINY
from tests.toy_folds import BINS, folds_dataset, sequence_dataset

CHOICES = {
    "epochs": 1,
    "batch_size": 32,
    "max_shift": 5,
    "overrides": TINY,
    "patience": 0,
    "model": "deepsea",
}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    return folder, Dataset.open(folds_dataset(folder))


@pytest.fixture(scope="module")
def validated(toy):
    folder, data = toy
    return folder / "cv", cross_validate(data, folder / "cv", folds=3, **CHOICES)


def contigs_of(data, rows) -> set[str]:
    return set(data.chroms[rows])


@given(
    sizes=st.lists(st.integers(1, 60), min_size=4, max_size=14), k=st.integers(3, 6), seed=st.integers(0, 99)
)
@settings(max_examples=40)
def test_groups_are_never_cut_and_roles_never_overlap(tmp_path_factory, sizes, k, seed):
    path = tmp_path_factory.mktemp("groups") / "g.h5"
    groups = np.repeat(np.arange(len(sizes)), sizes)
    data = Dataset.open(sequence_dataset(path, groups, n=len(groups)))
    usable = data.split < 2
    if len(np.unique(groups[usable])) < k:
        with pytest.raises(InputError, match="Use fewer folds"):
            make_folds(data, k, seed)
        return
    try:
        folds = make_folds(data, k, seed)
    except InputError as error:
        assert "carries any target" in str(error)
        return
    assert ((folds.assignment >= 0) == usable).all()
    for group in np.unique(groups[usable]):
        assert len(np.unique(folds.assignment[(groups == group) & usable])) == 1
    measured = np.zeros(data.n, int)
    for fold in range(k):
        roles = folds.roles(fold)
        assert (roles[~usable] == 255).all() and (roles[usable] < 3).all()
        assert all((roles == part).any() for part in range(3))
        measured += roles == 2
    assert (measured == usable).all()  # each window is measured once


def test_contigs_are_dealt_so_that_folds_are_alike(toy):
    _, data = toy
    folds = make_folds(data, 3)
    counts = [folds.windows(fold) for fold in range(3)]
    assert sum(counts) == data.n - BINS["chr6"] and max(counts) - min(counts) <= 60
    assert sorted(c for held in folds.members for c in held) == ["chr1", "chr2", "chr3", "chr4", "chr5"]
    assert folds.digest == make_folds(data, "3").digest != make_folds(data, 4).digest


def test_a_group_of_minus_one_is_one_of_its_own(tmp_path):
    data = Dataset.open(sequence_dataset(tmp_path / "s.h5", np.full(200, -1)))
    assert sum(make_folds(data, 5).n_units) == (data.split < 2).sum()


def test_windows_are_only_divided_where_the_dataset_did_so_itself(tmp_path):
    folds = make_folds(Dataset.open(sequence_dataset(tmp_path / "r.h5", None, "random")), 4)
    assert folds.unit == "window" and "better than they are" in folds.notes[0]
    with pytest.raises(InputError, match="folds would cut families"):
        make_folds(Dataset.open(sequence_dataset(tmp_path / "g.h5", None, "groups")), 4)


def test_a_shuffled_window_goes_where_its_source_goes(toy, tmp_path):
    _, data = toy
    n, names = data.n, data.contigs.names
    source = np.arange(40) * 10
    ids = np.concatenate([data.contig_ids, np.full(40, -1)])
    labels = np.concatenate([data.labels(), np.zeros((40, 2), np.uint8)])
    made = [f"shuffled {names[data.contig_ids[s]]}:{data.starts[s]}-{data.starts[s] + 200}" for s in source]
    path = write_dataset(
        tmp_path / "s.h5", window=200, bin=100, labels=labels, targets=data.targets, split_kind="chromosome",
        split=np.concatenate([data.split, data.split[source]]), contig_ids=ids,
        starts=np.concatenate([data.starts, np.zeros(40, int)]), origin=np.repeat([0, 3], [n, 40]),
        contigs=data.contigs, genome_path=data.genome_path, genome_checksum=data.genome_checksum,
        sequences=Sequences(np.zeros(8000, np.uint8), np.arange(41) * 200, made),
        sequence_ids=np.concatenate([np.full(n, -1), np.arange(40)]),
    )  # fmt: skip
    folds = make_folds(Dataset.open(path), 3)
    assert (folds.assignment[n:] == folds.assignment[source]).all()


@pytest.mark.parametrize(
    ("folds", "words"),
    [
        (2, "at least 3"), (6, "has 5.*Use fewer folds"), (True, "must be a number"),
        (0.5, "must be a number"),
        ({"a": ["chr1", "chr2"], "b": ["chr3"], "c": ["chr2"]}, r"'chr2' is in two folds, 'a' and 'c'"),
        ({"a": ["chr1"], "b": ["1"], "c": ["chr3"]}, r"'chr1' is in two folds"),
        ({"a": ["chr1"], "b": ["chr22"], "c": ["chr3"]}, r"'chr22', which is not in the dataset"),
        ({"a": ["chr1"], "b": ["chr2"]}, "has 2 folds"),
        ({"a": ["chr1"], "b": [], "c": ["chr3"]}, "'b' must be"),
        ({"a": ["chr1"], "b": ["chr2"], "c": ["chr6"]}, "'c' .chr6. has no training or validation"),
        ({"train": ["chr1"], "valid": ["chr2"], "test": ["chr3"]}, "is a single split"),
    ],
)  # fmt: skip
def test_folds_that_make_no_sense_are_refused_by_name(toy, folds, words):
    with pytest.raises(InputError, match=words):
        make_folds(toy[1], folds)


def test_a_folds_file(toy, tmp_path):
    _, data = toy
    path = tmp_path / "folds.json"
    path.write_text('{"left": ["chr1"], "middle": ["2", "chr3"], "right": ["chr4"]}')
    folds = make_folds(data, path)
    assert folds.names == ("left", "middle", "right") and folds.members[1] == ("chr2", "chr3")
    assert any("chr5" in note for note in folds.notes)  # in no fold: left out
    assert (folds.assignment[data.chroms == "chr5"] == -1).all()
    path.write_text('{"left": [')
    with pytest.raises(InputError, match=r"folds.json:1: the folds file is not JSON"):
        make_folds(data, path)
    path.write_text('{"a": ["chr1"], "b": ["chr2"], "c": ["chr3"], "a": ["chr4"]}')
    with pytest.raises(InputError, match=r"folds.json: The name 'a' stands twice"):
        make_folds(data, path)
    with pytest.raises(InputError, match="at least 3.*Received: -3"):
        make_folds(data, "-3")
    with pytest.raises(InputError, match="Folds by contig need"):
        make_folds(Dataset.open(sequence_dataset(tmp_path / "s.h5", np.arange(200))), folds_dict())


def folds_dict() -> dict:
    return {"a": ["chr1"], "b": ["chr2"], "c": ["chr3"]}


def test_a_fold_without_positives_is_named(toy, tmp_path):
    _, data = toy
    labels = data.labels() * (data.chroms != "chr3").astype(np.uint8)[:, None]
    path = write_dataset(
        tmp_path / "d.h5", window=200, bin=100, labels=labels, targets=data.targets, split=data.split,
        split_kind="chromosome", contig_ids=data.contig_ids, starts=data.starts,
        contigs=Contigs(*data.contigs), genome_path=data.genome_path,
    )  # fmt: skip
    with pytest.raises(InputError, match=r"No window of the fold 'c' \(chr3\) carries any target"):
        make_folds(Dataset.open(path), folds_dict())


def test_with_split_shares_the_file_and_says_so(toy):
    _, data = toy
    other = data.with_split(np.zeros(data.n), "folds", {"number": 1})
    assert (other.split == 0).all() and (data.split != 0).any() and data.fold is None
    assert (other.sha256, other.n_targets, other.fold) == (data.sha256, 2, {"number": 1})
    assert other.with_split(data.split, "random").random_split and not data.random_split
    with pytest.raises(InputError, match="must have the shape"):
        data.with_split(np.zeros(3), "folds")


def test_each_fold_is_a_run_that_has_not_seen_what_it_is_measured_on(toy, validated):
    _, data = toy
    out, found = validated
    held = []
    for number, run in enumerate(found.runs, 1):
        split = Run.open(out / f"fold{number}").card["split"]
        assert (split["kind"], split["random"], split["fold"]["number"]) == ("folds", False, number)
        parts = [set(split[name]["contigs"]) for name in ("train", "valid", "test")]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
        assert all("chr6" not in part for part in parts) and split["fold"]["unseen"]["contigs"] == ["chr6"]
        held += split["test"]["contigs"]
        measured = json.loads((run.path / "held_out" / "metrics.json").read_text())
        assert measured["n_windows"] == split["test"]["windows"]
    assert sorted(held) == ["chr1", "chr2", "chr3", "chr4", "chr5"]
    assert sum(row["windows"] for row in found.table.to_dict("records") if row["model"] == "network") == 520


def test_what_is_written(validated, capsys):
    out, found = validated
    assert [path.name for path in found.files] == ["folds.json", "folds.tsv", "folds.svg"]
    assert (out / "folds.svg").read_text().startswith("<?xml")
    table = pd.read_csv(out / "folds.tsv", sep="\t")
    assert list(table["model"]) == ["network", "gc_length"] * 3
    plan = json.loads((out / "folds.json").read_text())
    assert plan["finished"] and len(plan["results"]) == 3 and plan["folds"][0]["contigs"]
    auroc = table.loc[table["model"] == "network", "metric_median_auroc"]
    row = next(r for r in plan["summary"] if (r["model"], r["metric"]) == ("network", "median_auroc"))
    assert row["mean"] == pytest.approx(auroc.mean()) and row["sd"] == pytest.approx(np.std(auroc, ddof=1))
    assert (row["lowest"], row["highest"]) == (pytest.approx(auroc.min()), pytest.approx(auroc.max()))
    print_folds(found)
    printed = capsys.readouterr().out
    assert "chr1" in printed and "GC and length" in printed and "better on" in printed


def test_a_resume_skips_what_is_finished(toy, validated, monkeypatch):
    folder, data = toy
    out, found = validated
    from seqdl.training import fit as module

    with pytest.raises(InputError, match="--resume"):
        cross_validate(data, out, folds=3, **CHOICES)
    with pytest.raises(InputError, match=r"epochs: 7, was 1.*other folds"):
        cross_validate(data, out, folds=4, resume=True, **{**CHOICES, "epochs": 7})
    monkeypatch.setattr(module, "fit", lambda *a, **k: pytest.fail("trained again"))
    again = cross_validate(data, out, folds=3, resume=True, **CHOICES)
    pd.testing.assert_frame_equal(again.table, found.table)
    with pytest.raises(InputError, match="holds a single run"):
        cross_validate(data, out / "fold1", folds=3, **CHOICES)
    with pytest.raises(InputError, match="holds a cross-validation, which a single run would be mixed with"):
        fit(data, out, overwrite=True, **CHOICES)
    (folder / "mine" / "fold1").mkdir(parents=True)
    (folder / "mine" / "fold1" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="is not part of a cross-validation"):
        cross_validate(data, folder / "mine", folds=3, overwrite=True, **CHOICES)
    assert (folder / "mine" / "fold1" / "thesis.txt").exists()


def test_a_fold_is_not_measured_on_windows_that_trained_it(toy, validated):
    _, data = toy
    out, found = validated
    with pytest.raises(InputError, match=r"fold 1 of 3 of a cross-validation"):
        evaluate(found.runs[0], data, split="valid")
    unseen = evaluate(found.runs[0], data, split="test", baselines=(), bootstrap=0, out=out / "unseen")
    assert unseen.metrics["n_windows"] == BINS["chr6"]


def test_the_summary_knows_which_direction_is_better():
    table = pd.DataFrame(
        {
            "fold": [1, 1, 2, 2, 3, 3], "model": ["network", "gc"] * 3, "label": ["net", "GC"] * 3,
            "metric_median_auroc": [0.9, 0.8, 0.7, 0.75, 0.8, 0.7],
            "metric_ece": [0.1, 0.2, 0.2, 0.1, 0.3, 0.4],
        }
    )  # fmt: skip
    rows = summarise_folds(table).set_index(["model", "metric"])
    assert rows.loc[("network", "median_auroc"), "mean"] == pytest.approx(0.8)
    assert rows.loc[("network", "median_auroc"), "sd"] == pytest.approx(0.1)
    assert rows.loc[("gc", "median_auroc"), "difference"] == pytest.approx(0.05)
    assert rows.loc[("gc", "median_auroc"), "better_on"] == 2
    assert rows.loc[("gc", "ece"), "better_on"] == 2  # a smaller error is better


def test_the_command(toy, validated, capsys):
    folder, data = toy
    out, _ = validated
    argv = ["train", "--data", str(data.path), "--out", str(out), "--folds", "3", "--quiet"]
    for name, value in CHOICES.items():
        if name != "overrides":
            argv += [f"--{name.replace('_', '-')}", str(value)]
    argv += [word for name, value in TINY.items() for word in ("--set", f"{name}={json.dumps(value)}")]
    assert main([*argv, "--resume"]) == 0  # finished: it only prints
    told = capsys.readouterr().out
    assert "median AUROC" in told and "better on" in told and f"seqdl ensemble {out}/fold[0-9]*" in told
    assert main(argv) == 2 and "--resume" in capsys.readouterr().err
    for flags, words in (
        (["--members", "2"], "two different works"),
        (["--tensorboard", str(folder)], "leave it out with --folds"),
    ):  # fmt: skip
        assert main([*argv, "--resume", *flags]) == 2 and words in capsys.readouterr().err
    alone = ["train", "--data", str(data.path), "--out", str(folder / "x"), "--baselines", "kmer"]
    assert main(alone) == 2 and "no --folds" in capsys.readouterr().err
