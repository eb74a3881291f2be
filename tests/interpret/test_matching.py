"""Matching: a motif finds itself first, on the strand and place where it lies; q-values are a family's."""

from dataclasses import replace

import numpy as np
import pytest

from seqdl.errors import InputError
from seqdl.interpret.motifs.matching import (
    aligned_similarity,
    benjamini_hochberg,
    best_matches,
    informative_rows,
    match_motifs,
)
from seqdl.io.motifs import Motif


@pytest.fixture(scope="module")
def database():
    rng = np.random.default_rng(0)
    return [
        Motif(f"M{i}", f"TF{i}", rng.dirichlet(np.full(4, 0.15), int(rng.integers(7, 15)))) for i in range(40)
    ]


@pytest.fixture(scope="module")
def table(database):
    pytest.importorskip("memelite")
    pad = np.full((3, 4), 0.25)
    queries = [
        *database,
        *(replace(motif.reverse_complement(), id=f"rc{motif.id}") for motif in database),
        replace(database[5], id="padded", probabilities=np.vstack([pad, database[5].probabilities, pad])),
        replace(database[5], id="cut", probabilities=database[5].probabilities[2:]),
        Motif("flat", "flat", np.full((9, 4), 0.25)),
        Motif("palindrome", "palindrome", np.eye(4)[[1, 0, 1, 2, 3, 2]]),
    ]  # fmt: skip
    palindrome = Motif("P", "P", np.eye(4)[[1, 0, 1, 2, 3, 2]] * 0.96 + 0.01)
    return match_motifs(queries, [*database, palindrome], top=3)


@pytest.mark.slow
def test_every_motif_finds_itself_first_on_its_strand(database, table):
    first = table[table["rank"] == 1].set_index("query")
    for motif in database:
        for query, strand in ((motif.id, "+"), (f"rc{motif.id}", "-")):
            row = first.loc[query]
            assert (row.match_id, row.strand) == (motif.id, strand)
            assert row.q < 0.01 and row.similarity == pytest.approx(1) and row.overlap <= motif.width
    assert first.loc["palindrome"].match_id == "P" and first.loc["palindrome"].strand == "+"


@pytest.mark.slow
def test_offset_is_the_place_of_the_untrimmed_query(database, table):
    first = table[table["rank"] == 1].set_index("query")
    assert first.loc["padded"].match_id == first.loc["cut"].match_id == "M5"
    assert first.loc["padded"].offset == 3 and first.loc["cut"].offset == -2
    assert first.loc["padded"].p == pytest.approx(first.loc["M5"].p)  # flanks that say nothing change nothing


@pytest.mark.slow
def test_a_query_that_says_nothing_has_no_row_and_names_need_more_than_a_small_q(table):
    assert "flat" not in set(table["query"])
    assert set(best_matches(table)) == set(table["query"])
    assert best_matches(table, max_q=-1) == {}
    dull = table.assign(similarity=np.where(table["rank"] == 1, 0.3, 1.0), q=0.001)
    assert all(row.rank == 2 for row in best_matches(dull).values())


@pytest.mark.slow
def test_e_and_q_belong_to_the_database(table):
    assert (table["p"].between(0, 1)).all() and (table["q"] >= table["p"] * (1 - 1e-9)).all()
    np.testing.assert_allclose(table["e"], np.minimum(table["p"] * 41, 41))
    assert (table["q"] <= table["e"] + 1e-12).all()


def test_a_weak_motif_and_an_empty_middle_are_not_alike():
    hollow = np.vstack([np.eye(4)[[1, 2, 2]], np.full((11, 4), 0.25), np.eye(4)[[1, 1, 2]]])
    weak = np.random.default_rng(0).dirichlet(np.full(4, 8.0), 15)
    assert abs(aligned_similarity(weak, hollow, 1)) < 0.6
    assert aligned_similarity(hollow, hollow, 0) == pytest.approx(1)
    assert aligned_similarity(hollow, hollow, 99) == 0.0


def test_benjamini_hochberg_by_its_definition():
    p = np.random.default_rng(1).random((3, 50)) ** 3
    q = benjamini_hochberg(p)
    for family, got in zip(p, q, strict=True):
        for i, value in enumerate(family):
            larger = family[family >= value]
            expected = min(1.0, min(x * 50 / (family <= x).sum() for x in larger))
            assert got[i] == pytest.approx(expected)
    assert ((q >= p) & (q <= 1)).all()


def test_flanks_are_cut_and_only_flanks():
    rows = np.vstack([np.full((2, 4), 0.25), np.eye(4)[[0]], np.full((3, 4), 0.25), np.eye(4)[[1]]])
    assert informative_rows(Motif("m", "m", rows)) == (2, 7)
    assert informative_rows(Motif("m", "m", np.full((4, 4), 0.25))) == (0, 0)


def test_bad_requests_get_a_sentence(database):
    with pytest.raises(InputError, match="'M0' stands twice"):
        match_motifs([database[0], database[0]], database)
    with pytest.raises(InputError, match="nothing to compare"):
        match_motifs([], database)
    with pytest.raises(InputError, match="at least 1"):
        match_motifs(database, database, top=0)
