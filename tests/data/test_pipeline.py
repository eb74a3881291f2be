"""The dataset file and its batches: same bases as the genome, every window once an epoch, resumable order."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

from seqdl import Dataset, Genome, InputError
from seqdl.data.dataset_file import Sequences, write_dataset
from seqdl.data.pipeline import BatchSource, as_py_dataset
from seqdl.encoding import one_hot, reverse_complement
from tests.toy import toy_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return Dataset.open(toy_dataset(tmp_path_factory.mktemp("toy")))


def test_batches_equal_the_genome(data):
    genome = data.genome
    source = BatchSource(data, "train", 64)
    seen = 0
    for codes, labels in source.epoch():
        for row, y in zip(codes, labels, strict=True):
            i = data.indices("train")[seen]
            start = int(data.starts[i])
            assert np.array_equal(row, genome.fetch(data.chroms[i], start, start + 200))
            assert np.array_equal(y, data.labels(np.array([i]))[0])
            seen += 1
    assert seen == len(data.indices("train")) == 600


def test_edges_of_contigs_are_n(data):
    first = data.codes(np.array([0]))[0]
    assert (first[:50] == 4).all() and (first[50:] < 4).all()


def test_an_epoch_sees_every_window_once_and_epochs_differ(data):
    source = BatchSource(data, "train", 64, shuffle=True, seed=5)
    one, two = source.order(0), source.order(1)
    assert sorted(one) == sorted(two) == sorted(data.indices("train"))
    assert not np.array_equal(one, two)
    assert np.array_equal(BatchSource(data, "train", 64, shuffle=True, seed=5).order(1), two)
    assert not np.array_equal(BatchSource(data, "train", 64, shuffle=True, seed=6).order(1), two)


def test_short_epochs_go_through_everything(data):
    source = BatchSource(data, "train", 50, shuffle=True, epoch_windows=250)
    seen = np.concatenate([source.order(e) for e in range(12)])  # 3,000 = five times 600
    assert (np.unique(seen, return_counts=True)[1] == 5).all()


def test_augmentation_is_repeatable_and_is_what_it_says(data):
    source = BatchSource(data, "train", 64, reverse_complement=True, max_shift=7, seed=2)
    order = source.order(0)
    codes, _ = source.batch(order, 3, 1)
    assert np.array_equal(codes, source.batch(order, 3, 1)[0])
    assert not np.array_equal(codes, source.batch(order, 4, 1)[0])
    turned = 0
    for row, i in zip(codes, order[64:128], strict=True):
        near = data.genome.fetch(data.chroms[i], int(data.starts[i]) - 7, int(data.starts[i]) + 207)
        windows = [near[k : k + 200] for k in range(15)]
        forward = any(np.array_equal(row, w) for w in windows)
        backward = any(np.array_equal(reverse_complement(row), w) for w in windows)
        assert forward or backward
        turned += backward and not forward
    assert 15 < turned < 50


def test_tf_data_gives_the_same_batches_and_goes_on(data):
    from seqdl.data.pipeline_tf import as_tf_dataset

    source = BatchSource(data, "train", 64, shuffle=True, drop_remainder=True, seed=1)
    wanted = [b for e in (2, 3) for b in source.epoch(e)]
    stream = as_tf_dataset(source, first_epoch=2).as_numpy_iterator()
    for codes, labels in wanted:
        x, y = next(stream)
        assert np.array_equal(x, codes) and np.array_equal(y, labels) and y.dtype == np.float32
    hot = as_tf_dataset(source, 2, repeat=False, encoding="one_hot")
    for (codes, _), (x, _) in zip(source.epoch(2), hot.as_numpy_iterator(), strict=True):
        assert np.array_equal(x, one_hot(codes))


def test_py_dataset_gives_the_same_batches(data):
    source = BatchSource(data, "train", 64, shuffle=True, drop_remainder=True)
    batches = as_py_dataset(source, first_epoch=1)
    for epoch in (1, 2):
        assert len(batches) == source.steps
        for step, (codes, labels) in enumerate(source.epoch(epoch)):
            x, y = batches[step]
            assert np.array_equal(x, codes) and np.array_equal(y, labels)
        batches.on_epoch_end()


def test_batch_larger_than_the_split_is_refused(data):
    with pytest.raises(InputError, match="smaller --batch-size"):
        BatchSource(data, "valid", 1000, drop_remainder=True)


def test_stored_sequences_and_their_edges(tmp_path):
    import pandas as pd

    codes = np.arange(12).astype(np.uint8) % 4
    path = write_dataset(
        tmp_path / "s.h5", window=6, bin=6, labels=np.array([[1], [0]]), targets=pd.DataFrame({"name": ["t"]}),
        split=np.array([0, 0]), split_kind="random", sequence_ids=np.array([0, 1]),
        sequences=Sequences(codes, np.array([0, 6, 12]), ["a", "b"]),
    )  # fmt: skip
    data = Dataset.open(path)
    assert data.random_split and data.kind == "sequences"
    assert np.array_equal(data.codes(np.array([1, 0])), np.stack([codes[6:], codes[:6]]))
    assert data.codes(np.array([0, 1]), np.array([2, -1])).tolist() == [
        [2, 3, 0, 1, 4, 4],
        [4, 2, 3, 0, 1, 2],
    ]


@pytest.mark.parametrize("damage", ["cut", "other", "newer"])
def test_damaged_datasets_are_refused(tmp_path, data, damage):
    path = tmp_path / "d.h5"
    path.write_bytes(data.path.read_bytes())
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:2000])
    else:
        with h5py.File(path, "r+") as f:
            f.attrs["format" if damage == "other" else "version"] = "x" if damage == "other" else 99
    with pytest.raises(
        InputError, match={"cut": "damaged", "other": "no seqdl dataset", "newer": "version 99"}[damage]
    ):
        Dataset.open(path)


def test_another_genome_is_refused(tmp_path, data):
    other = tmp_path / "toy.fa"
    text = data.genome.path.read_text()
    other.write_text(text[:5000] + ("A" if text[5000] != "A" else "C") + text[5001:])
    with pytest.raises(InputError, match="not the one"):
        _ = Dataset.open(data.path, genome=other).genome
    moved = Dataset.open(data.path, genome=Genome(data.genome.path).path)
    assert moved.genome.checksum == data.genome_checksum


def test_a_missing_split_is_named(tmp_path, data):
    path = tmp_path / "d.h5"
    path.write_bytes(data.path.read_bytes())
    with h5py.File(path, "r+") as f:
        f["windows/split"][:] = 0
    with pytest.raises(InputError, match="no test windows"):
        Dataset.open(path).indices("test")


def test_other_backends_load_no_tensorflow(data):
    program = (
        "import sys, json; from seqdl import Dataset; from seqdl.data.pipeline import BatchSource, as_py_dataset;"
        f"d = as_py_dataset(BatchSource(Dataset.open({str(data.path)!r}), 'train', 8));"
        "print(json.dumps([d[0][0].shape, 'tensorflow' in sys.modules]))"
    )
    import os

    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(found.stdout) == [[8, 200], False]


def test_batches_that_are_held_do_not_change(data):
    from seqdl.data.pipeline_tf import as_tf_dataset

    source = BatchSource(data, "train", 32, shuffle=True, drop_remainder=True)
    held = list(as_tf_dataset(source, repeat=False, encoding="one_hot"))
    assert len(held) == source.steps == 18
    for (codes, _), (x, _) in zip(source.epoch(0), held, strict=True):
        assert np.array_equal(x.numpy(), one_hot(codes))
