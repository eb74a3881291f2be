"""Dependency maps: zero where effects add up, and where they stand when they do not."""

import numpy as np
import pytest

from seqdl.encoding import encode, one_hot
from seqdl.genome import Genome
from seqdl.interpret.experiments.dependency import dependencies, dependency_codes
from seqdl.interpret.experiments.tables import read_table
from seqdl.training.run import Run
from tests.toy_report import make_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("experiments")).parent


@pytest.fixture(scope="module")
def run(folder):
    return Run.open(folder / "run")


def in_random(n=20, length=60, seed=0):
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8)


def test_dependencies_of_an_additive_model_are_zero():
    weights = np.random.default_rng(1).normal(size=(10, 4)).astype(np.float32)
    result = dependency_codes(lambda codes: (one_hot(codes) * weights).sum(axis=(1, 2)), in_random(2, 10))
    assert result.values.shape == (2, 10, 10, 1)
    assert np.abs(result.values).max() < 1e-5 < np.abs(result.substitutions).max()


def test_dependencies_of_a_product_stand_where_its_factors_do():
    codes = encode("ACGTNCGTAC")[None]
    result = dependency_codes(
        lambda batch: 3.0 * (batch[:, 3] == 3) * (batch[:, 7] == 3) + (batch[:, 1] == 0),
        codes,
        start=1,
        end=9,
    )
    values = result.values[0, :, :, 0]
    known = np.delete(np.arange(8), 3)
    assert np.isnan(values[3]).all() and np.isnan(values[:, 3]).all()
    expected = np.zeros((8, 8))
    expected[2, 6] = expected[6, 2] = 3  # f(ab) - f(a) - f(b) + f(0) = 0 - 0 - 0 + 3
    np.testing.assert_allclose(values[np.ix_(known, known)], expected[np.ix_(known, known)], atol=1e-6)


def test_dependencies_are_the_largest_interaction_of_all_pairs():
    weights = np.random.default_rng(4).normal(size=(6, 4)).astype(np.float32)

    def func(codes):
        return np.tanh((one_hot(codes) * weights).sum(axis=(1, 2)))

    codes = in_random(1, 6)
    values = dependency_codes(func, codes, batch_size=7).values[0, :, :, 0]
    for i in range(6):
        for j in range(i + 1, 6):
            pairs = []
            for a in range(4):
                for b in range(4):
                    mutants = np.repeat(codes, 4, axis=0)
                    mutants[1, i] = mutants[3, i] = a
                    mutants[2, j] = mutants[3, j] = b
                    f = func(mutants)
                    pairs.append(f[3] - f[1] - f[2] + f[0])
            largest = pairs[int(np.argmax(np.abs(pairs)))]
            assert values[i, j] == values[j, i] == pytest.approx(largest, abs=1e-5)


def test_dependencies_of_a_run_are_written_with_their_places(folder, run, tmp_path):
    bed, out = tmp_path / "one.bed", tmp_path / "pairs.tsv"
    bed.write_text("chrI\t1000\t1010\tsite\n")
    result = dependencies(
        run, genome=folder / "genome.fa", bed=bed, target="GATA1", width=6, out=out, batch_size=64
    )
    table, about = read_table(out)
    assert len(table) == 15 and about["experiment"] == "dependencies"
    genome = Genome(folder / "genome.fa")
    for row in table.itertuples():
        assert genome.sequence("chrI", row.first, row.first + 1) == row.first_base
        value = result.values[0, row.first - 1002, row.second - 1002, 0]
        assert value == pytest.approx(row.GATA1, abs=1e-5)
