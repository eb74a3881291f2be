"""Controls for RNA: features by slow oracles, and what each can and cannot tell apart."""

from copy import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from seqdl.data.build import build_dataset
from seqdl.data.dataset import Dataset
from seqdl.data.stems import BULGE, FEATURES, LOOP, MISMATCH, stem_features
from seqdl.encoding import add_structure, decode, encode
from seqdl.evaluation.baselines import BASELINES, default_baselines, fit_baseline
from seqdl.evaluation.resampling import resampling
from seqdl.evaluation.rna_baselines import length_gc_features, structure_features, word_shares
from seqdl.io.structure import parse_structure

BONDS = {"AT": 2, "CG": 3, "GT": 1}


def bonds(a, b):
    return BONDS.get("".join(sorted(a + b)), 0)


def slow_stem(text):
    """Find the longest perfect stem and the score of the best hairpin, by plain recursion."""
    n, score, run = len(text), {}, {}
    longest = best = 0
    for span in range(LOOP + 1, n):
        for i in range(n - span):
            j = i + span
            pair = bonds(text[i], text[j])
            run[i, j] = run.get((i + 1, j - 1), 0) + 1 if pair else 0
            around = score.get((i + 1, j - 1), 0) + (pair or MISMATCH)
            bulges = [score.get((i + 1, j), 0) + BULGE, score.get((i, j - 1), 0) + BULGE]
            score[i, j] = max(0, around, *bulges)
            longest, best = max(longest, run[i, j]), max(best, score[i, j])
    return longest, best


def padded(texts, length=None):
    length = length or max(map(len, texts))
    codes = np.full((len(texts), length), 4, np.uint8)
    for row, text in zip(codes, texts):
        row[: len(text)] = encode(text)
    return codes


@given(st.lists(st.text("ACGTN", min_size=1, max_size=24), min_size=1, max_size=5))
@settings(max_examples=60)
def test_stems_equal_a_slow_recursion(texts):
    features = stem_features(padded(texts))
    for row, text in zip(features, texts):
        longest, best = slow_stem(text)
        assert row[0] == longest and row[2] == pytest.approx(best, abs=1e-4)


@given(st.lists(st.text("ACGT", min_size=1, max_size=20), min_size=1, max_size=4), st.integers(0, 9))
@settings(max_examples=30)
def test_stems_do_not_depend_on_padding(texts, more):
    length = max(map(len, texts))
    np.testing.assert_array_equal(stem_features(padded(texts)), stem_features(padded(texts, length + more)))


def test_a_hairpin_is_described():
    # Six pairs, a mismatch (A:A), four pairs, and a loop of four.
    text = "GCGCGC" + "A" + "GGCC" + "TTTT" + "GGCC" + "A" + "GCGCGC"
    row = dict(zip(FEATURES, stem_features(padded([text]))[0]))
    assert row["longest perfect stem"] == 6 and row["pairs of the best hairpin"] == 10
    assert row["its unpaired bases"] == 2 and row["its loop"] == 4
    assert row["best hairpin"] == 10 * 3 + MISMATCH
    assert row["its share of the bases paired"] == pytest.approx(20 / 26)
    assert (stem_features(padded(["A" * 30, "N" * 30])) == 0).all()


@given(st.text("ACGTN", min_size=1, max_size=30))
@settings(max_examples=40)
def test_words_are_counted_on_one_strand(text):
    shares = word_shares(padded([text]), 2)[0]
    words = [text[i : i + 2] for i in range(len(text) - 1) if "N" not in text[i : i + 2]]
    expected = [words.count(a + b) / max(len(words), 1) for a in "ACGT" for b in "ACGT"]
    np.testing.assert_allclose(shares[4:], expected, atol=1e-6)


def test_length_is_up_to_the_last_base():
    features = length_gc_features(padded(["GGNNCC", "AT", "N"], 9))
    np.testing.assert_allclose(features, [[6, 1.0], [2, 0.0], [0, 0.5]])


def test_structures_are_measured():
    texts = ["((..))", "((..))(.)", "......", "((.(...).(.).))"]
    codes = np.full((4, 16), 4, np.uint8)
    for row, text in zip(codes, texts):
        row[: len(text)] = add_structure(encode("A" * len(text)), parse_structure(text))
    np.testing.assert_allclose(
        structure_features(codes), [[4 / 6, 1, 2], [6 / 9, 2, 2], [0, 0, 0], [8 / 15, 2, 3]], atol=1e-6
    )


@pytest.fixture(scope="module")
def hairpins(tmp_path_factory):
    """Hairpins beside their shuffles: same length, same composition, same dinucleotides."""
    folder = tmp_path_factory.mktemp("hairpins")
    rng = np.random.default_rng(0)
    with open(folder / "pos.fa", "w") as handle:
        for i in range(240):
            arm = rng.integers(0, 4, rng.integers(14, 20)).astype(np.uint8)
            other = decode(3 - arm[::-1])
            loop = decode(rng.integers(0, 4, 5).astype(np.uint8))
            handle.write(f">h{i}\n{decode(arm)}{loop}{other}\n".replace("T", "U"))
    build_dataset(
        fasta=folder / "pos.fa", negatives="shuffle", random_split="0.2,0.3", out=folder / "rna.h5", seed=2
    )
    return Dataset.open(folder / "rna.h5")


def test_stems_see_hairpins_that_words_do_not(hairpins):
    assert default_baselines(hairpins) == ("length_gc", "rna_kmer", "stem_kmer")
    indices = hairpins.indices("test")
    truth = hairpins.labels(indices)[:, 0]
    found = {name: fit_baseline(name, hairpins, indices, threads=1) for name in default_baselines(hairpins)}
    auroc = {name: roc_auc_score(truth, made.probabilities[:, 0]) for name, made in found.items()}
    assert auroc["stem_kmer"] > 0.98
    # Shuffles have each positive's length, composition and dinucleotides.
    assert auroc["length_gc"] == pytest.approx(0.5, abs=1e-6) and auroc["rna_kmer"] < 0.8
    assert found["stem_kmer"].details["trees"][0] >= 1
    assert "energy" not in found["stem_kmer"].details["features"]


def test_energies_that_one_class_lacks_are_not_looked_at(hairpins):
    data = copy(hairpins)
    data.__dict__["energies"] = np.where(hairpins.labels()[:, 0] == 1, np.float32(-20), np.float32(np.nan))
    made = fit_baseline("stem_kmer", data, data.indices("test"), threads=1)
    assert "energy" not in made.details["features"]


def test_dna_gets_no_control_of_rna(hairpins):
    for name in ("length_gc", "rna_kmer", "stem_kmer"):
        assert BASELINES[name].alphabets == ("rna",)


def test_members_of_a_group_are_resampled_together(tmp_path):
    rng = np.random.default_rng(1)
    with open(tmp_path / "pos.fa", "w") as handle:
        for i in range(120):
            handle.write(f">fam{i % 24}_{i}\n{decode(rng.integers(0, 4, 30).astype(np.uint8))}\n")
    build_dataset(
        fasta=tmp_path / "pos.fa",
        rna=True,
        negatives="shuffle",
        group_by=r"fam(\d+)",
        random_split="0.25,0.4",
        out=tmp_path / "x.h5",
    )
    data = Dataset.open(tmp_path / "x.h5")
    indices = data.indices("test")
    blocks, weights = resampling(data, indices, 20, 10, 0, [])
    groups = data.groups[indices]
    assert weights.shape == (len(np.unique(groups)), 10) and len(indices) > 2 * weights.shape[0]
    assert len(np.unique(np.stack([blocks, groups]), axis=1).T) == len(np.unique(groups))
