"""Training bins that overlap: each labelled by its own place, none in another split."""

import numpy as np
import pytest

from seqdl import Dataset, Genome, InputError, build_dataset
from seqdl.data.split_folds import Folds
from seqdl.training.cross_validation import _dataset_of
from tests.toy import toy_genome


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stride")
    fasta, _ = toy_genome(folder)
    rng = np.random.default_rng(1)
    (folder / "peaks").mkdir()
    for name in ("one", "two"):
        rows = [
            (c, s) for c, n in Genome(fasta).lengths.items() for s in sorted(rng.integers(0, n - 1, n // 300))
        ]
        (folder / "peaks" / f"{name}.bed").write_text("".join(f"{c}\t{s}\t{s + 1}\n" for c, s in rows))
    return folder, fasta


def build(toy, out, **more):
    """Build on whole chromosomes of the toy genome."""
    folder, fasta = toy
    report = build_dataset(
        fasta,
        folder / "peaks",
        200,
        100,
        folder / out,
        test_chroms="chrC",
        valid_chroms="chrB",
        max_n=1.0,
        **more,
    )
    return report, Dataset.open(folder / out)


def test_windows_between_are_training_windows_with_their_own_labels(toy):
    report, data = build(toy, "s.h5", train_stride=25)
    plain, base = build(toy, "p.h5")
    assert report.splits["valid"] == plain.splits["valid"] and report.splits["test"] == plain.splits["test"]
    # Each of the three further grids loses the last bin of the contig.
    assert report.splits["train"] == plain.splits["train"] * 4 - 3
    folder, fasta = toy
    train = data.indices("train")
    assert set(data.chroms[train]) == {"chrA"}
    labels, starts = data.labels(train), data.starts[train]
    for t, name in enumerate(data.target_names):
        places = [line.split("\t") for line in (folder / "peaks" / f"{name}.bed").read_text().splitlines()]
        places = np.array([int(s) for c, s, _ in places if c == "chrA"])
        expected = [((places >= s + 50) & (places < s + 150)).any() for s in starts]
        assert np.array_equal(labels[:, t], expected)
    assert len(np.unique(starts)) == len(starts) and (starts % 25 == 0).all()
    assert np.array_equal(data.labels(data.indices("test")), base.labels(base.indices("test")))


def test_folds_measure_no_window_between_the_bins(toy):
    _, data = build(toy, "folds.h5", train_stride=25)
    # As if more contigs trained: each contig is a fold here.
    folds = Folds(("a", "b", "c"), data.contig_ids, "contig", ((), (), ()), (1, 1, 1), [])
    held = _dataset_of(data, folds, data.contigs.names.index("chrA"))
    measured = held.indices("test")
    assert set(held.chroms[measured]) == {"chrA"} and ((held.starts[measured] + 50) % 100 == 0).all()
    trained = _dataset_of(data, folds, data.contigs.names.index("chrB")).indices("train")
    assert (((data.starts[trained] + 50) % 100 != 0) & (data.chroms[trained] == "chrA")).any()


def test_shuffled_negatives_keep_their_sequences(toy):
    _, data = build(toy, "n.h5", train_stride=50, windows="labelled", negatives="shuffle")
    shuffled = np.flatnonzero(data.origin == 3)
    assert len(shuffled) and (data.contig_ids[shuffled] == -1).all()
    assert not data.labels(shuffled).any() and (data.codes(shuffled) < 5).all()
    placed = np.flatnonzero(data.origin == 0)
    assert data.labels(placed).any(axis=1).all()


@pytest.mark.parametrize("stride", [0, 30, 150])
def test_a_stride_divides_the_bin(toy, stride):
    with pytest.raises(InputError, match="must divide"):
        build(toy, "x.h5", train_stride=stride)


def test_not_with_a_random_split(toy):
    folder, fasta = toy
    with pytest.raises(InputError, match="random split"):
        build_dataset(
            fasta, folder / "peaks", 200, 100, folder / "x.h5", random_split="0.1,0.1", train_stride=50
        )
