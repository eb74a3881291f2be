"""RNA: one strand, whole sequences, and seven channels where there is a structure."""

import numpy as np
import pandas as pd
import pytest

from seqdl import Run, fit
from seqdl.data.dataset_file import Sequences, write_dataset


def rna_dataset(path, structured):
    rng = np.random.default_rng(0)
    lengths = rng.integers(30, 50, 160)
    codes = rng.integers(0, 4, lengths.sum()).astype(np.uint8)
    if structured:
        codes += 5 * (1 + rng.integers(0, 3, len(codes))).astype(np.uint8)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return write_dataset(
        path, window=50, bin=50, labels=rng.random((160, 1)) < 0.5,
        targets=pd.DataFrame({"name": ["hairpin"]}),
        split=np.repeat([0, 1, 2], [96, 32, 32]), split_kind="random", alphabet="rna", structured=structured,
        sequences=Sequences(codes, offsets, [f"s{i}" for i in range(160)]), sequence_ids=np.arange(160),
    )  # fmt: skip


@pytest.mark.parametrize("structured", [False, True])
def test_a_run_on_rna_has_one_strand(tmp_path, structured, capsys):
    data = rna_dataset(tmp_path / "d.h5", structured)
    run = fit(data, tmp_path / "run", epochs=1, batch_size=32)
    training = run.card["training"]
    assert training["model"] == "rnn"
    assert not run.strand_average and not training["reverse_complement"] and training["max_shift"] == 0
    assert "one strand" in capsys.readouterr().err
    assert run.card["alphabet"] == "ACGU" and run.card["input_shape"] == [50, 7 if structured else 4]
    assert Run.open(run.path).model.input_shape == (None, 50, 7 if structured else 4)
    more = fit(data, tmp_path / "more", epochs=1, batch_size=32, from_run=run, freeze="trunk")
    assert more.card["training"]["transfer"]["head"] == "kept"


def test_deepbind_reads_an_rna_from_one_strand(tmp_path):
    data = rna_dataset(tmp_path / "d.h5", False)
    run = fit(data, tmp_path / "run", model="deepbind", epochs=1, batch_size=32)
    assert run.card["model"]["overrides"]["both_strands"] is False
    assert run.model.get_layer("strands").both is False
