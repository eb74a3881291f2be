"""Motif files: what was written is read, tolerance has a limit, errors name file, motif and line."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.errors import InputError
from seqdl.io.motif_databases import DATABASES, find_database
from seqdl.io.motifs import (
    Motif,
    information_matrix,
    motif_named,
    read_motifs,
    write_motifs,
)

HEAD = "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n"


def meme(rows, header="letter-probability matrix: alength= 4 w= 2 nsites= 9 E= 0", name="M1 ABF1"):
    return f"{HEAD}MOTIF {name}\n{header}\n" + "\n".join(" ".join(map(str, row)) for row in rows) + "\n"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 4))
def test_what_is_written_is_read_again(tmp_path_factory, seed, width, n):
    rng = np.random.default_rng(seed)
    motifs = [Motif(f"id{i}", f"name{i}", rng.dirichlet(np.ones(4), width), 7) for i in range(n)]
    path = tmp_path_factory.mktemp("meme") / "x.meme"
    write_motifs(path, motifs)
    again = read_motifs(path)
    assert [(m.id, m.name, m.sites) for m in again] == [(m.id, m.name, 7) for m in motifs]
    for a, b in zip(motifs, again, strict=True):
        np.testing.assert_allclose(a.probabilities, b.probabilities, atol=2e-6)
        np.testing.assert_allclose(b.probabilities.sum(axis=1), 1, atol=1e-12)


def test_the_reverse_complement_twice_is_the_motif():
    motif = Motif("m", "", np.random.default_rng(0).dirichlet(np.ones(4), 9))
    again = motif.reverse_complement().reverse_complement()
    np.testing.assert_allclose(again.probabilities, motif.probabilities, rtol=1e-14)
    assert Motif("m", "", np.eye(4)[[0, 1, 1]]).reverse_complement().consensus == "GGT"
    assert motif.name == "m"


def test_information_of_an_impossible_base_is_no_trouble():
    bits = information_matrix(Motif("m", "m", np.eye(4)))
    np.testing.assert_allclose(bits, 2 * np.eye(4))


def test_a_row_that_was_rounded_is_rescaled_and_one_that_is_wrong_is_refused(tmp_path):
    path = tmp_path / "m.meme"
    path.write_text(meme([[0.25, 0.25, 0.25, 0.259], [1, 0, 0, 0]]))
    (motif,) = read_motifs(path)
    np.testing.assert_allclose(motif.probabilities.sum(axis=1), 1)
    assert (motif.id, motif.name, motif.sites) == ("M1", "ABF1", 9)
    path.write_text(meme([[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.28]]))
    with pytest.raises(InputError, match=r"m\.meme:10: .*row 2 of 'M1 ABF1'.*sum 1\.03"):
        read_motifs(path)
    with pytest.raises(InputError, match="sum 2"):
        Motif("m", "m", np.full((3, 4), 0.5))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (meme([[-50, 20, 10, 5], [1, 2, 3, 4]], "log-odds matrix: alength= 4 w= 2"), "log-odds matrix only"),
        (meme([[1, 0, 0, 0]]), r"ends after 1 of 2 rows"),
        (meme([[1, 0, 0], [1, 0, 0]]), "four numbers"),
        (f"{HEAD}MOTIF M1\n", "has no letter-probability matrix"),
        (f"{HEAD}MOTIF\n", "needs a name"),
        (HEAD, "holds no motif"),
        (HEAD.replace("ACGT", "ACDEFGHIKLMNPQRSTVWY"), "alphabet must be ACGT"),
        ("hello\n", "neither a MEME file"),
        (">m\n", "no rows"),
        (">m\n1 2 3 4\n4 3 2 1\n1 1 1 1\n2 2 2 2\n", "does not tell bases from places"),
        (">m\nA [ 1 2 ]\nG [ 1 2 ]\n", "order A, C, G, T"),
        (">m\nA [ 1 0 ]\nC [ 1 0 ]\nG [ 1 0 ]\nT [ 1 0 ]\n", "not all zero"),
        (">m\n1 x 3 4 5\n", "holds counts"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_with_the_place(tmp_path, text, words):
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as error:
        read_motifs(path)
    assert "bad.txt" in str(error.value)


def test_log_odds_are_passed_over_where_probabilities_follow(tmp_path):
    path = tmp_path / "both.meme"
    both = "log-odds matrix: alength= 4 w= 1\n-50 20 10 5\n\nletter-probability matrix: alength= 4 w= 1"
    path.write_text(meme([[0, 1, 0, 0]], both))
    (motif,) = read_motifs(path)
    assert motif.consensus == "C" and motif.sites == 20


def test_counts_of_every_layout_give_the_same_motif(tmp_path):
    counts = np.array([[8, 1, 1, 0], [0, 0, 10, 0], [5, 5, 0, 0]])
    wide = "\n".join(" ".join(map(str, row)) for row in counts.T)
    texts = {
        "lettered": ">MA1.1 X\n" + "\n".join(
            f"{base}  [ {' '.join(map(str, row))} ]" for base, row in zip("ACGT", counts.T, strict=True)),
        "wide": f">MA1.1\tX\n{wide}\n",
        "tall": ">MA1.1_MA1.1.X\n" + "\n".join(" ".join(map(str, row)) for row in counts),
        "square beside tall": ">MA1.1 X\n" + "\n".join(" ".join(map(str, row)) for row in counts)
                              + "\n>MA2.1 Y\n8 1 1 0\n0 0 10 0\n0 0 10 0\n0 0 10 0\n",
    }  # fmt: skip
    for name, text in texts.items():
        path = tmp_path / f"{name}.pfm"
        path.write_text(text)
        motif = read_motifs(path)[0]
        assert (motif.id, motif.name, motif.sites) == ("MA1.1", "X", 10), name
        np.testing.assert_allclose(motif.probabilities, counts / 10, err_msg=name)
    assert read_motifs(tmp_path / "square beside tall.pfm")[1].consensus == "AGGG"


def test_a_database_is_a_path_or_a_name_and_what_there_is_gets_listed(tmp_path, monkeypatch):
    monkeypatch.delenv("SEQDL_DATA", raising=False)
    path = tmp_path / "mine.meme"
    path.write_text(meme([[1, 0, 0, 0], [0, 1, 0, 0]]))
    assert find_database(path)[0].source == "mine.meme"
    with pytest.raises(InputError, match="SEQDL_DATA is not set"):
        find_database("jaspar")
    with pytest.raises(InputError, match="Did you mean 'hocomoco'.*jaspar:2024:fungi"):
        find_database("hocomocco")
    monkeypatch.setenv("SEQDL_DATA", str(tmp_path))
    with pytest.raises(InputError, match="is not there"):
        find_database("macisaac")


def test_a_motif_is_found_by_id_or_name(tmp_path):
    motifs = [Motif("MA1", "REB1", np.eye(4)), Motif("MA2", "RAP1", np.eye(4))]
    assert motif_named(motifs, "rap1").id == "MA2" and motif_named(motifs, "ma1").name == "REB1"
    with pytest.raises(InputError, match="Did you mean 'REB1'"):
        motif_named(motifs, "REB2")


@pytest.mark.parametrize(("name", "n"), [("jaspar", 182), ("jaspar-vertebrates", 838), ("hocomoco", 1443),
                                         ("macisaac", 124)])  # fmt: skip
def test_real_databases_are_read_whole(name, n):
    folder = os.environ.get("SEQDL_DATA")
    if not folder or not (Path(folder) / "motifs" / DATABASES[name]).is_file():
        pytest.skip("needs $SEQDL_DATA")
    motifs = find_database(name)
    assert len(motifs) == len({motif.id for motif in motifs}) == n
    assert all(motif.name and 3 <= motif.width <= 60 for motif in motifs)


def test_jaspar_through_its_package():
    pytest.importorskip("pyjaspar")
    motifs = find_database("jaspar:2024:fungi")
    assert motif_named(motifs, "REB1").id.startswith("MA0363") and all(motif.width > 3 for motif in motifs)
    with pytest.raises(InputError, match="It has .*2024"):
        find_database("jaspar:1066")
    with pytest.raises(InputError, match="Groups: vertebrates"):
        find_database("jaspar:2024:unicorns")
