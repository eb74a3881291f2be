"""Scores of networks that predict coverage: formulas, shifts, indels across bins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from variant_cases import chunk_of

from seqdl import InputError
from seqdl.io.vcf import VcfChunk
from seqdl.variants.coverage_scores import COVERAGE_SCORES, coverage_scores
from seqdl.variants.network import Asker, Network
from seqdl.variants.options import ScoringOptions
from seqdl.variants.pairs import predict_pairs
from seqdl.variants.scorer import Scorer

WINDOW, RESOLUTION, BINS, TARGETS = 64, 8, 6, 2
MARGIN = (WINDOW - RESOLUTION * BINS) // 2
profiles = arrays(np.float32, (3, 5, 2), elements=st.floats(0, 100, width=32))


class PerBase:
    """Coverage that is each base's own: what a bin holds depends on its bases alone, wherever they stand."""

    weights = np.array([[1, 7], [2, 0], [5, 3], [11, 1], [0, 0]], np.float32)

    def __call__(self, codes):
        self.seen = getattr(self, "seen", 0) + len(codes)
        inner = self.weights[codes][:, MARGIN : MARGIN + BINS * RESOLUTION]
        return inner.reshape(len(codes), BINS, RESOLUTION, TARGETS).mean(axis=2)


@pytest.fixture
def network():
    names = ("one", "two")
    return Network(
        Asker(PerBase()), WINDOW, WINDOW // 2, 16, names, names, False, False, "per base",
        tuple({"name": name} for name in names), "coverage", BINS, RESOLUTION,
    )  # fmt: skip


def score(network, genome, rows, **options):
    scorer = Scorer(network, genome, {"chrA": "chrA", "tiny": "tiny"}, ScoringOptions(**options))
    return scorer.score(chunk_of(rows, genome))[0]


@given(profiles, profiles)
def test_swapping_the_alleles_flips_the_signed_scores_and_keeps_the_others(ref, alt):
    forward = coverage_scores(tuple(COVERAGE_SCORES), ref, alt)
    backward = coverage_scores(tuple(COVERAGE_SCORES), alt, ref)
    for name, one in COVERAGE_SCORES.items():
        if one.effect:
            np.testing.assert_array_equal(forward[name], -backward[name] if one.signed else backward[name])
    np.testing.assert_array_equal(forward["ref"], backward["alt"])


@settings(max_examples=50)
@given(profiles, profiles)
def test_the_formulas_say_what_the_functions_do(ref, alt):
    got = coverage_scores(tuple(COVERAGE_SCORES), ref, alt)
    r, a = ref.astype(np.float64), alt.astype(np.float64)
    sums = r.sum(axis=1), a.sum(axis=1)
    wanted = {
        "ref": sums[0], "alt": sums[1], "SAD": sums[1] - sums[0],
        "logSAD": np.log2(sums[1] + 1) - np.log2(sums[0] + 1),
        "D1": np.abs(a - r).sum(axis=1), "D2": np.sqrt(((a - r) ** 2).sum(axis=1)),
    }  # fmt: skip
    for name, value in wanted.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(np.abs(got["SAX"]), np.abs(a - r).max(axis=1).astype(np.float32))
    np.testing.assert_allclose(got["ies"], got["logSAD"] * got["jsd"], rtol=1e-4, atol=1e-6)
    for i in range(3):
        for t in range(2):
            if min(sums[0][i, t], sums[1][i, t]) > 1e-3:
                expected = jensenshannon(r[i, :, t], a[i, :, t], base=2)
                assert got["jsd"][i, t] == pytest.approx(np.nan_to_num(expected), abs=1e-4)


def test_sums_are_those_of_the_bases_in_the_bins(network, genome):
    """SAD of a substitution is the difference of two bases' weights, spread over a bin."""
    got = score(network, genome, [("chrA", 200, "SNV")], scores=("SAD", "D1", "SAX"))
    ref, alt = got.chunk.refs[0], got.chunk.alts[0]
    change = PerBase.weights["ACGT".index(alt)] - PerBase.weights["ACGT".index(ref)]
    np.testing.assert_allclose(got.values["SAD"][0], change / RESOLUTION, rtol=1e-5)
    np.testing.assert_allclose(got.values["D1"][0], np.abs(change) / RESOLUTION, rtol=1e-5)
    np.testing.assert_allclose(got.values["SAX"][0], change / RESOLUTION, rtol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 8, 13])
@pytest.mark.parametrize("kind", ["insertion", "deletion"])
def test_an_indel_changes_its_own_bins_alone(network, genome, kind, size):
    """Each side is read from the window where it did not move, so only the variant's bin can change.

    Of a deletion also the bins that its bases were in, since the right side stands still and the left
    side does too: what is lost is squeezed out of the middle.
    """
    got = score(network, genome, [("chrA", 400, kind, size)], scores=("D1",))
    scorer = Scorer(network, genome, {"chrA": "chrA"}, ScoringOptions(scores=("D1",)))
    screened, _ = scorer.screen(got.chunk)
    ref, alt = predict_pairs(scorer._passes, screened, slice(0, 1))
    changed = np.flatnonzero((ref.mean != alt.mean).any(axis=(0, 2)))
    here = (WINDOW // 2 - MARGIN) // RESOLUTION
    assert changed.size and changed.min() >= here
    reach = 1 if kind == "insertion" else (1 + size + RESOLUTION - 1) // RESOLUTION
    assert changed.max() <= here + reach
    assert (got.values["D1"] > 0).any()


@pytest.mark.parametrize("shifts", [(0,), (0, RESOLUTION)])
def test_an_indel_beside_the_anchor_changes_its_own_bins_alone(network, genome, shifts):
    """Where variants share a window, both sides are joined at the variant, not at the anchor."""
    rows = [("chrA", pos, kind, 3) for pos in range(400, 440, 3) for kind in ("insertion", "deletion")]
    options = ScoringOptions(scores=("D1",), share_reference=40, shifts=shifts)
    scorer = Scorer(network, genome, {"chrA": "chrA"}, options)
    chunk = chunk_of(rows, genome)
    screened, _ = scorer.screen(chunk)
    ref, alt = predict_pairs(scorer._passes, screened, slice(0, len(screened.rows)))
    changed = (ref.mean != alt.mean).any(axis=2)
    anchors = WINDOW // 2 + (chunk.pos[screened.rows] - 1) % 40 - 20
    here = (anchors - MARGIN) // RESOLUTION - scorer._passes.bins.start
    assert len(set(here.tolist())) > 2 and changed.any()
    for bins, own in zip(changed, here.tolist(), strict=True):
        assert set(np.flatnonzero(bins).tolist()) <= {own, own + 1}


def test_a_shift_by_whole_bins_changes_nothing(network, genome):
    """Bins that are brought back to their places hold what the unshifted ones hold."""
    rows = [("chrA", pos, "SNV") for pos in (300, 333, 500)]
    shifted = Scorer(
        network, genome, {"chrA": "chrA"}, ScoringOptions(shifts=(0, RESOLUTION, -2 * RESOLUTION))
    )
    alone = Scorer(network, genome, {"chrA": "chrA"}, ScoringOptions(shifts=(0,)))
    chunk = chunk_of(rows, genome)
    screens = [scorer.screen(chunk)[0] for scorer in (shifted, alone)]
    several, one = (
        predict_pairs(scorer._passes, screened, slice(0, 3))[1].mean
        for scorer, screened in zip((shifted, alone), screens, strict=True)
    )
    assert several.shape[1] == BINS - 3  # two bins on one side and one on the other are not in common
    np.testing.assert_allclose(several, one[:, 2:-1], rtol=1e-6)


@given(st.integers(-20, 20).filter(bool))
@settings(max_examples=20, deadline=None)
def test_a_shift_keeps_a_flat_signal_and_moves_a_ramp_exactly(shift):
    """Neighbouring bins weighed by overlap are exact where the signal is a straight line."""
    from seqdl.variants.passes import Passes

    length = 200
    codes = np.zeros((1, length), np.uint8)

    class Ramp:
        begin = 0  # of the window in the sequence, told by the caller

        def __call__(self, windows):
            bins = self.begin + MARGIN + RESOLUTION * np.arange(BINS) + (RESOLUTION - 1) / 2
            return np.broadcast_to(bins[None, :, None], (len(windows), BINS, 1)).astype(np.float32)

    ramp = Ramp()
    network = Network(
        Asker(ramp), WINDOW, WINDOW // 2, 4, ("t",), ("t",), False, False, "ramp", ({"name": "t"},),
        "coverage", BINS, RESOLUTION,
    )  # fmt: skip
    passes = Passes(network, ScoringOptions(shifts=(shift,)), np.array([0]), WINDOW // 2)
    ramp.begin = 100 - shift
    found = passes.ask(codes[:, : passes.window]).mean[0, :, 0]
    ramp.begin = 100
    wanted = ramp(codes)[0, passes.bins, 0]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_shifts_that_leave_no_bin_are_refused(network, genome):
    with pytest.raises(InputError, match="leave none of the 6 bins"):
        Scorer(network, genome, {}, ScoringOptions(shifts=(0, 30, -30)))
    with pytest.raises(InputError, match="smaller than the window"):
        Scorer(network, genome, {}, ScoringOptions(shifts=(0, 64)))


def test_the_largest_effect_is_by_log_sad(network, genome):
    got = score(
        network, genome, [("chrA", p, "SNV") for p in range(100, 140)], scores=("logSAD", "ref", "alt")
    )
    best = np.abs(got.values["logSAD"]).argmax(axis=1)
    np.testing.assert_array_equal(got.max_target, best)
    rows = np.arange(len(best))
    np.testing.assert_allclose(got.max_abs_diff, np.abs(got.values["logSAD"])[rows, best], atol=1e-6)
    np.testing.assert_array_equal(got.max_alt, got.values["alt"][rows, best])


def test_names_of_the_other_task_are_refused(network, genome):
    with pytest.raises(InputError, match="predicts coverage may hold ref, alt, SAD"):
        Scorer(network, genome, {}, ScoringOptions(scores=("diff",)))


def test_a_chunk_may_be_cut_anywhere(network, genome):
    """A row's numbers do not depend on what else is in its chunk."""
    rows = [("chrA", 200 + 7 * i, kind) for i, kind in enumerate(["SNV", "insertion", "deletion"] * 8)]
    chunk = chunk_of(rows, genome)
    whole = Scorer(network, genome, {"chrA": "chrA"}, ScoringOptions(scores="all")).score(chunk)[0]
    for i in range(len(rows)):
        one = VcfChunk(*(x[i : i + 1] for x in chunk[:-1]), None)
        alone = Scorer(network, genome, {"chrA": "chrA"}, ScoringOptions(scores="all")).score(one)[0]
        for name, values in alone.values.items():
            np.testing.assert_array_equal(values[0], whole.values[name][i])
