"""A run card that was edited, cut off or mixed up is refused, with the entry that is wrong."""

import json
import shutil

import numpy as np
import pytest

from seqdl import InputError, Run, predict
from tests.toy import toy_run


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    run, data = toy_run(folder, epochs=1)
    return run.path, data


@pytest.fixture
def edited(toy, tmp_path):
    def edit(**changes):
        folder = tmp_path / "run"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(toy[0], folder)
        card = {**json.loads((folder / "card.json").read_text()), **changes}
        (folder / "card.json").write_text(json.dumps({k: v for k, v in card.items() if v != "gone"}))
        return folder

    return edit


@pytest.mark.parametrize(
    "changes",
    [
        {"window": 300}, {"window": -200}, {"window": "abc"}, {"window": "gone"}, {"bin": None}, {"anchor": 500},
        {"input_shape": None}, {"alphabet": "TGCA"}, {"n_policy": "quarter"}, {"strand_average": "no"},
        {"targets": None}, {"targets": []}, {"targets": ["a", "b"]}, {"targets": [{}, {}]},
        {"targets": [{"name": "a"}, {"name": "a"}]}, {"genome": []}, {"model": "gone"}, {"split": "gone"},
        {"genome": {"name": "x", "checksum": "y", "contigs": {"chrA": 1}}}, {"version": "one"},
    ],
)  # fmt: skip
def test_an_entry_that_makes_no_sense_is_named(edited, changes):
    name = "input_shape" if changes == {"window": 300} else next(iter(changes))
    with pytest.raises(InputError, match=f"'{name}' must be"):
        Run.open(edited(**changes))


@pytest.mark.parametrize("text", ["[]", "null", "3"])
def test_a_card_that_is_no_object(edited, text):
    folder = edited()
    (folder / "card.json").write_text(text)
    with pytest.raises(InputError, match="not a seqdl run card"):
        Run.open(folder)


def test_swapped_targets_do_not_swap_the_columns_in_silence(edited, toy):
    names = Run.open(toy[0]).card["targets"]
    with pytest.raises(InputError, match=r"differ in targets"):
        _ = Run.open(edited(targets=names[::-1])).model


def test_damaged_records_of_a_run(edited):
    folder = edited()
    for name, text, match in (
        ("history.csv", "epoch,loss\n1,abc\n", "history"), ("history.csv", "a,b\n1,2\n", "columns"),
        ("metrics.json", "{}", "metrics"), ("metrics.json", "[]", "metrics"),
    ):  # fmt: skip
        (folder / name).write_text(text)
        with pytest.raises(InputError, match=match):
            _ = Run.open(folder).history() if name == "history.csv" else Run.open(folder).metrics()


def test_weights_that_are_not_finite_give_no_predictions(edited, tmp_path, toy):
    run = Run.open(edited())
    run.model.set_weights([np.full_like(w, np.nan) for w in run.model.get_weights()])
    regions = tmp_path / "r.bed"
    regions.write_text("chrA\t1000\t1100\n")
    with pytest.raises(InputError, match="not finite"):
        predict(run, genome=toy[1].parent / "toy.fa", bed=regions, out=tmp_path / "p.tsv")
    assert not (tmp_path / "p.tsv").exists()
