"""Experiments with motifs: what is put is what was asked for, and known answers come back with intervals."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.encoding import N, decode, dinucleotide_shuffle, encode, one_hot, reverse_complement
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.interpret.experiments.ablate import ablate
from seqdl.interpret.experiments.backgrounds import backgrounds
from seqdl.interpret.experiments.dependency import dependencies, dependency_codes
from seqdl.interpret.experiments.inserts import (
    IUPAC,
    as_insert,
    as_inserts,
    draw_words,
    find_motif,
    put_words,
)
from seqdl.interpret.experiments.marginalize import marginalize
from seqdl.interpret.experiments.outputs import mean_interval
from seqdl.interpret.experiments.spacing import ORIENTATIONS, spacing
from seqdl.interpret.experiments.tables import read_table
from seqdl.interpret.heads import output_function
from seqdl.io.motifs import Motif
from seqdl.training.run import Run
from tests.toy_report import MOTIFS, WINDOW, make_genome, make_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("experiments")).parent


@pytest.fixture(scope="module")
def run(folder):
    return Run.open(folder / "run")


def detector(word, threshold, length=60):
    """Return a model that fires, by what exceeds the threshold, at the best match of a word; n fits all."""
    x = keras.Input((length, 4))
    y = keras.layers.Conv1D(1, len(word), activation="relu", name="conv")(x)
    y = keras.layers.GlobalMaxPooling1D()(y)
    y = keras.layers.Dense(1, name="logits")(y)
    model = keras.Model(x, keras.layers.Activation("sigmoid")(y))
    model.get_layer("conv").set_weights(
        [one_hot(encode(word))[..., None], np.array([-threshold], np.float32)]
    )
    model.get_layer("logits").set_weights([np.ones((1, 1), np.float32), np.zeros(1, np.float32)])
    return model


def in_random(n=20, length=60, seed=0):
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8)


@given(
    word=st.text("ACGTRYSWKMBDHVNacgtn", min_size=1, max_size=8).filter(lambda w: set(w.upper()) != {"N"}),
    at=st.integers(0, 12), seed=st.integers(0, 5), strand=st.sampled_from("+-"),
)  # fmt: skip
@settings(max_examples=60)
def test_a_motif_is_put_as_it_is_written(word, at, seed, strand):
    codes = in_random(6, 20)
    words = draw_words(as_insert(word), 6, np.random.default_rng(seed), strand=strand)
    placed = put_words(codes, words, at)
    for before, after in zip(codes, placed, strict=True):
        assert (after[:at] == before[:at]).all() and (
            after[at + len(word) :] == before[at + len(word) :]
        ).all()
        there, was = after[at : at + len(word)], before[at : at + len(word)]
        if strand == "-":
            there, was = reverse_complement(there), reverse_complement(was)
        for letter, new, old in zip(word.upper(), decode(there), decode(was), strict=True):
            assert new in (IUPAC[letter] or old)


def test_instances_are_drawn_by_the_matrix():
    rows = np.array([[0.7, 0.1, 0.2, 0.0], [0.0, 0.0, 0.0, 1.0], [0.25] * 4])
    words = draw_words(as_insert(Motif("m", "m", rows)), 20_000, np.random.default_rng(0))
    shares = np.stack([(words == base).mean(axis=0) for base in range(4)], axis=1)
    np.testing.assert_allclose(shares, rows, atol=0.015)
    likeliest = draw_words(as_insert(Motif("m", "m", rows)), 3, np.random.default_rng(0), sample=False)
    assert [decode(word) for word in likeliest] == ["ATA"] * 3


def test_instances_are_found_on_both_strands():
    texts = ["TTTAAGCTTCATTT", "CCTGAAGCTTCCCC", "TTNAAGNTTCATTT"]
    codes = np.stack([encode(text) for text in texts])
    starts = find_motif(as_insert("RAGCNT"), codes)
    for row, text in enumerate(texts):
        for at in range(len(text) - 5):
            fits = [
                all(IUPAC[a] == "" or b in IUPAC[a] for a, b in zip("RAGCNT", word, strict=True))
                for word in (text[at : at + 6], decode(reverse_complement(encode(text[at : at + 6]))))
            ]
            assert starts[:, row, at].tolist() == fits
    assert starts.any()
    rows = one_hot(encode("AAGCTTCA")) * 0.96 + 0.01
    found = find_motif(as_insert(Motif("m", "m", rows)), codes, 0.99)
    assert np.argwhere(found).tolist() == [[0, 0, 3], [1, 1, 2]]
    turned = find_motif(as_insert(Motif("m", "m", rows[::-1, ::-1])), codes, 0.99)
    assert np.argwhere(turned).tolist() == [[0, 1, 2], [1, 0, 3]]


def test_a_planted_motif_has_an_effect_and_a_shuffled_one_has_not(run, tmp_path):
    rng = np.random.default_rng(3)
    word = encode(MOTIFS[1])
    shuffled = next(
        text for text in (decode(rng.permutation(word)) for _ in range(50))
        if sum(a == b for a, b in zip(text, MOTIFS[1], strict=True)) < 5
    )  # fmt: skip
    motif = Motif("MA1", "GATA", one_hot(word) * 0.96 + 0.01)
    out = tmp_path / "effect.tsv.gz"
    result = marginalize(
        run, [MOTIFS[1], shuffled, motif], backgrounds(run, 40), target=["GATA1", "AP1"], out=out
    )
    assert result.effects.shape == (3, 40, 2)
    table = result.table.set_index(["motif", "target"])
    for name in (MOTIFS[1], "GATA"):
        assert table.low[name, "GATA1"] > 2 and table.effect[name, "AP1"] < 0.5
    assert abs(table.effect[shuffled, "GATA1"]) < 0.5
    np.testing.assert_allclose(table.effect, table.after - table.before, atol=1e-4)
    np.testing.assert_allclose(table.effect.to_numpy(), result.effects.mean(axis=1).ravel(), atol=1e-4)
    again, about = read_table(out)
    np.testing.assert_allclose(again.effect, result.table.effect, rtol=1e-4, atol=1e-5)
    assert again.motif.tolist() == result.table.motif.tolist() and about["head"] == "logit"


def test_an_effect_is_the_prediction_after_minus_before(run):
    codes = backgrounds(run, 5, seed=2)
    output = output_function(run)
    result = marginalize(run, "TGACTCA", codes, target="AP1", at=31, strand="-")
    for row, effect in zip(codes, result.effects[0, :, 0], strict=True):
        text = decode(row)
        put = text[:31] + "TGAGTCA" + text[38:]
        outputs = output(np.stack([row, encode(put)]))[:, run.target_names.index("AP1")]
        assert effect == pytest.approx(outputs[1] - outputs[0], abs=1e-5)


def test_a_motifs_result_does_not_depend_on_batches_or_other_motifs(run):
    codes, motif = backgrounds(run, 7), Motif("m", "m", np.full((6, 4), 0.25))
    one = marginalize(run, motif, codes, batch_size=3)
    two = marginalize(run, ["ACGT", motif], codes, batch_size=64)
    np.testing.assert_allclose(one.effects[0], two.effects[1], atol=1e-5)


def test_motifs_of_one_name_are_told_apart():
    rows = np.full((3, 4), 0.25)
    motifs = [Motif("MA1", "CTCF", rows), Motif("MA2", "CTCF", rows), Motif("MA3", "YY1", rows), "ACG", "acg"]
    assert [insert.name for insert in as_inserts(motifs)] == ["CTCF MA1", "CTCF MA2", "YY1", "ACG", "ACG (2)"]


def test_the_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    mean, low, high = mean_interval(rng.normal(2, 3, (12, 4000)), 0.9)
    assert ((low < 2) & (high > 2)).mean() == pytest.approx(0.9, abs=0.02)
    assert (low < mean).all() and (mean < high).all()
    one = mean_interval(np.array([[1.0, 2.0], [np.nan, 4.0]]))
    assert one[0].tolist() == [1, 3] and np.isnan(one[1][0]) and np.isfinite(one[1][1])


def test_ablation_takes_away_what_the_motif_gave(folder, run):
    genome = Genome(folder / "genome.fa")
    _, places = make_genome(folder)
    sites = [(chrom, at) for chrom, at, which in places if which == 1][:30]
    ids, at = genome.contig_ids([chrom for chrom, _ in sites]), np.array([at for _, at in sites])
    codes = genome.gather(ids, at - 94, WINDOW)
    result = ablate(run, MOTIFS[1], codes, target="GATA1", draws=3)
    row = result.table.iloc[0]
    assert row.sequences == 30 and row.instances >= 30
    assert row.high < -2 and abs(row.control) < 0.5 < row.control - row.effect
    matrix = Motif("MA1", "GATA", one_hot(encode(MOTIFS[1])) * 0.96 + 0.01)
    assert ablate(run, matrix, codes, target="GATA1", draws=2).table.high[0] < -2


def test_ablation_changes_only_the_motif_and_keeps_the_bases():
    seen = []
    codes = in_random(8, 40)
    codes[:6, 10:16] = encode("TTACCC")
    codes[3, 30:36] = encode("GGGTAA")

    def func(batch):
        seen.append(batch.copy())
        return (batch == 2).sum(axis=1)

    result = ablate(func, "TTACCC", codes, draws=2, batch_size=6)
    assert result.table.sequences[0] == 6 and result.table.instances[0] == 7
    mask = np.zeros((6, 40), bool)
    mask[:, 10:16] = True
    mask[3, 30:36] = True
    for shuffled in seen[1:3]:
        assert (shuffled[~mask] == codes[:6][~mask]).all() and (shuffled[mask] != codes[:6][mask]).any()
        assert (np.sort(shuffled, axis=1) == np.sort(codes[:6], axis=1)).all()
    for control in seen[3:]:
        assert (control[mask] == codes[:6][mask]).all()
    assert result.table.effect[0] == 0 == result.table.control[0]


def test_a_spacing_scan_finds_the_planted_distance_and_orientation(tmp_path):
    gap = 7
    model = detector("TTACCCG" + "N" * gap + "GATAAG", 8.5)
    out = tmp_path / "spacing.tsv"
    result = spacing(model, "TTACCCG", "GATAAG", range(0, 15), in_random(24), out=out)
    assert result.interaction.shape == (4, 15, 24, 1)
    best = result.table.loc[result.table.interaction.idxmax()]
    assert (best.distance, best.orientation) == (gap, "++") and best.interaction_low > 1
    others = result.table.drop(best.name)
    assert others.interaction.max() < best.interaction / 2
    assert read_table(out)[0].orientation.tolist() == result.table.orientation.tolist()
    # The other orientation is found where the network looks for it.
    turned = detector("TTACCCG" + "N" * gap + decode(reverse_complement(encode("GATAAG"))), 8.5)
    other = spacing(turned, "TTACCCG", "GATAAG", [3, gap], in_random(24), orientations=("++", "+-")).table
    assert other.loc[other.interaction.idxmax(), ["orientation", "distance"]].tolist() == ["+-", gap]


def test_spacing_of_a_model_that_adds_up_shows_no_interaction():
    weights = np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)

    def additive(codes):
        return (one_hot(codes) * weights).sum(axis=(1, 2))

    result = spacing(additive, "TGACTCA", "CACGTG", [0, 5, 11], in_random(5))
    assert np.abs(result.interaction).max() < 1e-4 < np.abs(result.joint).max()
    assert result.orientations == ORIENTATIONS and result.distances.tolist() == [0, 5, 11]


@pytest.mark.parametrize("at", [5, None])
def test_joint_effects_are_those_of_strings_built_by_hand(at):
    weights = np.random.default_rng(2).normal(size=(30, 4)).astype(np.float32)

    def func(codes):
        return np.tanh((one_hot(codes) * weights).sum(axis=(1, 2)) / 4)

    codes = in_random(3, 30)
    result = spacing(func, "ACCG", "TTA", [2, 6], codes, at=at)
    for o, (s, t) in enumerate(ORIENTATIONS):
        one, two = {"+": "ACCG", "-": "CGGT"}[s], {"+": "TTA", "-": "TAA"}[t]
        for d, distance in enumerate((2, 6)):
            for row, code in enumerate(codes):
                text = decode(code)
                start = 15 - (7 + distance) // 2 if at is None else at
                place = start + 4 + distance
                only = text[:start] + one + text[start + 4 :]
                other = text[:place] + two + text[place + 3 :]
                both = only[:place] + two + only[place + 3 :]
                f = func(np.stack([encode(item) for item in (text, only, other, both)]))
                assert result.joint[o, d, row, 0] == pytest.approx(f[3] - f[0], abs=1e-5)
                assert result.interaction[o, d, row, 0] == pytest.approx(f[3] - f[1] - f[2] + f[0], abs=1e-5)


def test_backgrounds_keep_what_they_promise(folder, run, tmp_path):
    genome = Genome(folder / "genome.fa")
    bed = tmp_path / "bg.bed"
    bed.write_text("".join(f"chrI\t{at}\t{at + 200}\n" for at in range(1000, 3000, 200)) + "chrI\t0\t10\n")
    source = {"genome": genome, "bed": bed}
    real = backgrounds(run, 50, shuffle=False, **source)
    assert real.shape == (10, WINDOW)
    assert {decode(row) for row in real} == {
        genome.sequence("chrI", at, at + 200) for at in range(1000, 3000, 200)
    }
    shuffled = backgrounds(run, 50, **source)

    def pairs(rows):
        return {tuple(np.bincount(row[:-1] * 4 + row[1:], minlength=16)) for row in rows}

    assert shuffled.shape == (50, WINDOW) and pairs(shuffled) == pairs(real)
    assert len({decode(row) for row in shuffled}) > 45
    drawn = backgrounds(run, 200, gc=0.3)
    assert ((drawn == 1) | (drawn == 2)).mean() == pytest.approx(0.3, abs=0.02)
    of_data = backgrounds(run, 8, data=folder / "ds.h5", shuffle=False)
    assert of_data.shape == (8, WINDOW) and (of_data < N).all()
    assert (backgrounds(run, 50, **source) == shuffled).all()
    assert (backgrounds(run, 50, seed=1, **source) != shuffled).any()


def test_bad_input_gets_a_sentence(folder, run, tmp_path):
    codes = backgrounds(run, 3)
    unknown = codes.copy()
    unknown[1] = N
    cases = [
        (lambda: marginalize(run, "TGAXTCA", codes), "'X' at index 3 of 'TGAXTCA'"),
        (lambda: marginalize(run, "NNN", codes), "at least one known letter"),
        (lambda: marginalize(run, [], codes), "at least one motif"),
        (lambda: marginalize(run, "A" * (WINDOW + 1), codes), "201 bases and the window 200"),
        (lambda: marginalize(run, "ACGT", codes, at=197), "0 to 196"),
        (lambda: marginalize(run, "ACGT", codes, target="GATA2"), "Did you mean 'GATA1'"),
        (lambda: marginalize(run, "ACGT", unknown), "Sequence 2 of 3 is all N"),
        (lambda: marginalize(run, "ACGT", codes[:, :50]), "reads 200 bases"),
        (lambda: marginalize(run, "ACGT", codes, strand="both"), "`strand` is one of"),
        (lambda: marginalize(run, "ACGT", codes, out=tmp_path / "a.csv"), r"\.tsv or \.tsv\.gz"),
        (lambda: marginalize(run, "ACGT", codes, confidence=95), "between 0 and 1"),
        (lambda: marginalize(lambda x: x[:, 0], "ACGT"), "needs `backgrounds`"),
        (lambda: spacing(run, "ACGT", "TGCA", [5, 200], codes), "The greatest that fits is 192"),
        (lambda: spacing(run, "ACGT", "TGCA", [-1], codes), "0 or more"),
        (lambda: spacing(run, "ACGT", "TGCA", [1], codes, orientations=("+",)), "are any of"),
        (lambda: ablate(run, "ACGTACGTACGTACGT", codes), "None of the 3 sequences holds ACGTACGTACGTACGT"),
        (lambda: ablate(run, "ACGT", codes, threshold=0), "between 0 and 1"),
        (lambda: backgrounds(run, codes=np.full((2, WINDOW), N, np.uint8)), "they are all N"),
        (lambda: backgrounds(run, codes=codes, data="x.h5"), "at most one source"),
        (lambda: backgrounds(run, gc=55), "0 to 1"),
        (lambda: dependency_codes(lambda x: x[:, 0], codes, start=3, end=4), "at least two bases"),
        (lambda: dependencies(run, codes=codes, out=tmp_path / "a.h5"), r"\.tsv or \.tsv\.gz"),
    ]  # fmt: skip
    for call, words in cases:
        with pytest.raises(InputError, match=words):
            call()


def test_shuffled_backgrounds_lose_their_motif(run):
    """What makes a shuffled window a background: the site that was there is gone."""
    codes = np.tile(backgrounds(run, 1), (30, 1))
    codes[:, 94:106] = encode(MOTIFS[1])
    output = output_function(run)
    target = run.target_names.index("GATA1")
    before = output(codes)[:, target]
    after = output(dinucleotide_shuffle(codes, 1))[:, target]
    assert np.median(before - after) > 2
