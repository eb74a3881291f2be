"""Laws of the measurements: the truth scores full, chance scores nothing, a network that forgot is told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from seqdl.encoding import N, one_hot
from seqdl.errors import InputError
from seqdl.interpret.faithfulness.agreement import agreement, member_scores, row_correlation, stability
from seqdl.interpret.faithfulness.bases import base_scores, mean_interval, resample
from seqdl.interpret.faithfulness.curves import perturbation_curves
from seqdl.interpret.faithfulness.randomisation import explainer, randomisation_check
from seqdl.interpret.faithfulness.recovery import grammar_positions, recovery, region_positions
from seqdl.interpret.heads import logit_model
from seqdl.interpret.methods import attribute_codes
from seqdl.intervals import Interval
from tests.interpret.test_gradients import LENGTH, convolutional, linear


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(0).integers(0, 4, (40, LENGTH)).astype(np.uint8)


def motif_model(at=10, width=6):
    """A linear network whose weights are a motif at one place and zero elsewhere."""
    model = linear(1)
    weights = np.zeros((LENGTH, 4), np.float32)
    weights[at : at + width] = np.random.default_rng(1).normal(0, 1, (width, 4)) + 3
    model.get_layer("logits").set_weights([weights.reshape(-1, 1), np.zeros(1, np.float32)])
    return model, weights, slice(at, at + width)


# ---- recovery


def test_a_linear_models_own_weights_recover_its_positions_and_random_scores_do_not(codes):
    model, _, place = motif_model()
    values = attribute_codes(logit_model(model), codes, 0)[0]
    positions = np.zeros(codes.shape, bool)
    positions[:, place] = True
    table = recovery({"true": base_scores(values, codes, "grad_x_input")}, positions, codes).table
    true, chance = (table.set_index("method").loc[name] for name in ("true", "random"))
    assert true.auroc == true.auprc == true.sequence_auroc == true.auroc_low == 1
    assert chance.auroc_low < 0.5 < chance.auroc_high and chance.kind == "baseline"
    assert chance.auprc == pytest.approx(positions.mean(), abs=0.05)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.booleans())
def test_recovery_is_what_scikit_learn_counts_over_known_bases(seed, ties):
    rng = np.random.default_rng(seed)
    n, length = int(rng.integers(2, 9)), int(rng.integers(4, 30))
    codes = rng.integers(0, 5, (n, length)).astype(np.uint8)
    positions = rng.random((n, length)) < 0.3
    scores = rng.integers(-3, 4, (n, length)) if ties else rng.normal(size=(n, length))
    known = codes < N
    usable = (positions & known).any(axis=1) & (~positions & known).any(axis=1)
    if not usable.any():
        with pytest.raises(InputError, match="both known positions and others"):
            recovery({"a": scores}, positions, codes)
        return
    found = recovery({"a": scores}, positions, codes, bootstrap=0)
    mask = known & usable[:, None]
    row = found.table.iloc[0]
    assert row.auroc == pytest.approx(roc_auc_score(positions[mask], np.abs(scores)[mask]))
    assert row.auprc == pytest.approx(average_precision_score(positions[mask], np.abs(scores)[mask]))
    assert np.isnan(row.auroc_low) and row.sequences == usable.sum()
    for line in found.sequences.query("method == 'a'").itertuples():
        here = known[line.sequence]
        truth, size = positions[line.sequence][here], np.abs(scores[line.sequence])[here]
        assert line.auroc == pytest.approx(roc_auc_score(truth, size))
        assert line.auprc == pytest.approx(average_precision_score(truth, size))


def test_overlapping_sequences_make_the_interval_wider(codes):
    rng = np.random.default_rng(3)
    one = rng.random((10, LENGTH))
    positions = rng.random((10, LENGTH)) < 0.2
    many, marks = np.repeat(one, 8, axis=0), np.repeat(positions, 8, axis=0)
    alone = recovery({"a": many}, marks).table.iloc[0]
    together = recovery({"a": many}, marks, groups=np.repeat(np.arange(10), 8)).table.iloc[0]
    assert together.auroc == alone.auroc
    assert together.auroc_high - together.auroc_low > 2 * (alone.auroc_high - alone.auroc_low)


def test_known_intervals_are_marked_where_they_lie_on_each_window():
    regions = [Interval("a", -2, 8), Interval("b", 0, 10), Interval("a", 95, 105, "-"), Interval("c", 0, 10)]
    marks = region_positions(regions, ["a", "a", "b", "a"], [0, 97, 9, 5000], [3, 99, 40, 5001])
    expected = np.zeros((4, 10), bool)
    expected[0, 2:5] = expected[1, 9] = True
    expected[2, 6:8] = True  # the other strand reads backwards: 97 and 98 are its places 7 and 6
    np.testing.assert_array_equal(marks, expected)


def test_the_grammars_positions_are_its_motifs_and_no_sequence_sees_the_next():
    from seqdl.data.grammar import log_odds, sample_instances

    rng = np.random.default_rng(0)
    codes = np.zeros((3, 60), np.uint8)  # runs of A bind nothing
    gata, ap1 = (sample_instances(name, 1, "strong", rng)[0] for name in ("GATA1", "AP1"))
    codes[0, 5 : 5 + gata.size], codes[0, 30 : 30 + ap1.size] = gata, ap1
    codes[1, 49 : 49 + gata.size] = gata  # its partner would be the first of the next sequence
    codes[2, : ap1.size] = ap1
    marks = grammar_positions(codes, "GATA1")
    assert marks[0, 5 : 5 + gata.size].all() and marks[0, 30 : 30 + ap1.size].all()
    assert marks[0].sum() == len(log_odds("GATA1")) + len(log_odds("AP1")) and not marks[1:].any()
    assert grammar_positions(codes, "AP1")[:, :10].any(axis=1).tolist() == [False, False, True]


# ---- deletion and insertion


def additive(seed=2):
    weights = np.random.default_rng(seed).normal(size=(LENGTH, 4)).astype(np.float32)
    return weights, lambda codes: np.tensordot(one_hot(codes), weights, 2)


@pytest.mark.parametrize("replacement", ["N", "references"])
def test_no_order_falls_faster_than_an_additive_models_own(codes, replacement):
    weights, func = additive()
    true = (one_hot(codes) * weights).sum(axis=2)
    choices = {"replacement": "N"}
    if replacement == "references":
        references = np.random.default_rng(5).integers(0, 4, (len(codes), 3, LENGTH)).astype(np.uint8)
        true = true - (one_hot(references) * weights).sum(axis=3).mean(axis=1)
        choices = {"references": references}
    rng = np.random.default_rng(6)
    others = {f"other {i}": rng.permuted(true, axis=1) for i in range(4)} | {
        "reversed": -true,
        "size": abs(true),
    }
    found = perturbation_curves(func, codes, {"true": true} | others, fraction=1.0, steps=15, **choices)
    for name in [*others, "random"]:
        assert (found.deletion["true"] <= found.deletion[name] + 1e-4).all()
        assert (found.insertion["true"] >= found.insertion[name] - 1e-4).all()
    table = found.table.set_index(["kind", "method"])
    assert (table.loc[[("deletion", "true"), ("insertion", "true")], "faster"] == 1).all()
    assert (table.loc[[("deletion", "reversed"), ("insertion", "reversed")], "faster"] == 0).all()
    # What the other end of the same way is.
    np.testing.assert_allclose(found.insertion["true"], found.deletion["reversed"][:, ::-1], atol=1e-4)


def test_random_scores_do_no_better_than_random_order(codes):
    _, func = additive()
    noise = np.random.default_rng(8).normal(size=codes.shape)
    found = perturbation_curves(func, codes, {"noise": noise}, fraction=1.0, draws=8, seed=1)
    for row in found.table.itertuples():
        assert row.area_between_low < 0 < row.area_between_high


@pytest.mark.parametrize("replacement", ["dinucleotide", "composition", "N"])
def test_a_curve_begins_at_the_sequence_and_replaces_only_what_is_known(codes, replacement):
    codes = codes.copy()
    codes[:, :4] = N
    codes[0] = N
    seen = []

    def func(x):
        seen.append(x)
        assert len(x) == 64
        return x.sum(axis=1).astype(np.float32)

    scores = np.tile(np.arange(LENGTH, 0, -1.0), (len(codes), 1))
    found = perturbation_curves(
        func, codes, {"a": scores}, replacement=replacement, fraction=0.5, batch_size=64
    )
    np.testing.assert_allclose(found.deletion["a"][:, 0], codes.sum(axis=1))
    seen = np.concatenate(seen)
    assert (seen[:, :4] == N).all()
    if replacement != "N":
        assert ((seen[:, 4:] < N).all(axis=1) | (seen == N).all(axis=1)).all()
    assert found.table["sequences"].eq(len(codes) - 1).all()
    assert found.fractions[-1] == 0.5 and found.deletion["a"].shape == (len(codes), 11)


# ---- agreement and members


def test_a_method_agrees_with_itself_and_the_matrix_is_symmetric(codes):
    rng = np.random.default_rng(0)
    one = rng.normal(size=codes.shape)
    found = agreement({"a": one, "opposite": -one, "noise": rng.normal(size=codes.shape)}, codes)
    np.testing.assert_allclose(np.diag(found.spearman), 1)
    np.testing.assert_array_equal(found.spearman, found.spearman.T)
    assert found.spearman.loc["a", "opposite"] == pytest.approx(-1)
    assert found.spearman_size.loc["a", "opposite"] == pytest.approx(1)
    noise = found.table.query("first == 'a' and second == 'noise'").iloc[0]
    assert noise.spearman_low < 0 < noise.spearman_high
    assert np.isnan(agreement({"a": one, "b": one}, unsigned=("b",)).spearman.loc["a", "b"])


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_a_rows_correlation_is_scipys_over_its_known_bases(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.integers(-3, 4, (2, 5, 20)).astype(float)
    known = rng.random((5, 20)) < 0.7
    for row, value in enumerate(row_correlation(one, other, known, ranks=True)):
        sides = one[row][known[row]], other[row][known[row]]
        if min(len(set(side)) for side in sides) < 2:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(spearmanr(*sides).statistic)


def test_members_alike_are_stable_and_members_unlike_are_not(codes):
    one = np.random.default_rng(0).normal(size=(3, *codes.shape)).astype(np.float32)
    same, apart = stability(np.stack([one[0]] * 3), codes), stability(one, codes)
    assert same.correlation == pytest.approx(1) and same.signal == pytest.approx(1) and same.sd.max() < 1e-6
    assert apart.low < 0 < apart.high and apart.signal == pytest.approx(1 / 3, abs=0.05)
    np.testing.assert_allclose(apart.mean, one.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(apart.sd, one.std(axis=0, ddof=1), atol=1e-6)


def test_every_member_of_an_ensemble_is_explained_by_itself(codes):
    from seqdl.models.ensemble import ensemble_models

    networks = [linear(2) for _ in range(3)]
    each = member_scores(ensemble_models(networks), codes, explainer("grad_x_input", 1))
    for network, found in zip(networks, each, strict=True):
        weights = np.asarray(network.get_layer("logits").kernel).reshape(LENGTH, 4, 2)[:, :, 1]
        np.testing.assert_allclose(found, (one_hot(codes) * weights).sum(axis=2), atol=1e-6)
    with pytest.raises(InputError, match="at least two members"):
        member_scores(networks[0], codes, explainer("grad_x_input", 1))


# ---- the randomised network


def test_what_a_network_forgets_is_gone_from_its_explanation_and_a_blind_one_fails(codes):
    model = logit_model(convolutional())
    before = model.get_weights()
    explain = {
        "grad_x_input": explainer("grad_x_input", 0, batch_size=40),
        "blind": lambda _, x: (x == 2).astype(np.float32),
    }
    found = randomisation_check(model, codes, explain)
    mine = found.table.query("method == 'grad_x_input'")
    assert mine.spearman.iloc[0] == pytest.approx(1, abs=1e-3)
    assert abs(mine.spearman.iloc[-1]) < 0.2 and mine.spearman_size.iloc[-1] < 0.3
    assert mine.weights.iloc[0] == 0 and mine.weights.iloc[-1] == 1 and mine.weights.is_monotonic_increasing
    assert found.passed == {"grad_x_input": True, "blind": False}
    assert found.table.query("method == 'blind'").spearman_size.to_numpy() == pytest.approx(1)
    for mine, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    again = randomisation_check(model, codes, explain, stages=1)
    last = again.table.query("method == 'grad_x_input'").iloc[-1]
    assert again.table.stage.max() == 1  # all at once are the same weights as one by one
    assert last.spearman == pytest.approx(
        found.table.query("method == 'grad_x_input'").spearman.iloc[-1], abs=1e-3
    )


def test_the_members_of_an_ensemble_forget_together(codes):
    from seqdl.models.ensemble import ensemble_models

    model = logit_model(ensemble_models([convolutional(name="logits") for _ in range(2)]))
    found = randomisation_check(
        model, codes[:4], {"a": lambda net, x: np.asarray(net(one_hot(x)))[:, :1] + x}
    )
    assert len(found.table) == 4 and found.table.weights.iloc[-1] == 1  # dense, norm, convolution


# ---- bad input


def test_what_cannot_be_measured_is_refused_with_a_sentence(codes):
    scores = {"a": np.ones(codes.shape)}
    none, some = np.zeros(codes.shape, bool), np.eye(*codes.shape, dtype=bool)
    _, func = additive()
    every_n = np.full(codes.shape, N)
    with pytest.raises(InputError, match="both known positions"):
        recovery(scores, none, codes)
    with pytest.raises(InputError, match="all are N"):
        recovery(scores, some, every_n)
    with pytest.raises(InputError, match="all are N"):
        perturbation_curves(func, every_n, scores)
    with pytest.raises(InputError, match=r"`positions` must have the scores' shape \(40, 30\)"):
        recovery(scores, some[:, 1:], codes)
    with pytest.raises(InputError, match=r"one shape \(n, length\)"):
        recovery(scores | {"b": np.ones((2, 2))}, some)
    with pytest.raises(InputError, match="`codes` must have the scores' shape"):
        agreement(scores | {"b": scores["a"]}, codes[:, 1:])
    with pytest.raises(InputError, match="NaN or infinity: did the network diverge"):
        recovery({"a": np.full(codes.shape, np.nan)}, some)
    with pytest.raises(InputError, match="At least 2 methods"):
        agreement(scores)
    with pytest.raises(InputError, match="at least two members"):
        stability(np.ones((1, *codes.shape)))
    with pytest.raises(InputError, match="one finite number a sequence"):
        perturbation_curves(lambda x: np.ones((len(x), 2)), codes, scores)
    with pytest.raises(InputError, match="above 0 and at most 1"):
        perturbation_curves(func, codes, scores, fraction=0)
    with pytest.raises(InputError, match="dinucleotide, composition, N"):
        perturbation_curves(func, codes, scores, replacement="zeros")
    with pytest.raises(InputError, match=r"shape \(40, draws, 30\)"):
        perturbation_curves(func, codes, scores, references=codes)
    with pytest.raises(InputError, match="name of the random order"):
        perturbation_curves(func, codes, {"random": scores["a"]})
    with pytest.raises(InputError, match="at least one method"):
        randomisation_check(linear(), codes, {})
    with pytest.raises(InputError, match="Did you mean 'GATA1'"):
        grammar_positions(codes, "GATA2")
    with pytest.raises(InputError, match="at least one known interval"):
        region_positions([Interval("a", 0, 5)], [], [], [])
    with pytest.raises(InputError, match="windows of one width"):
        region_positions([Interval("a", 0, 5), Interval("a", 0, 6)], ["a"], [0], [1])


def test_fewer_than_six_sequences_get_a_number_and_no_interval():
    mean, low, high = mean_interval(np.array([1.0, np.nan, 3.0]), resample(3))
    assert mean == 2 and np.isnan(low) and np.isnan(high)
