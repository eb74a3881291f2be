"""What lesson 03 says holds, on the simulated stand-in."""

import pytest

from tests.notebooks.lessons import run_lesson


@pytest.fixture(scope="module")
def seen():
    return run_lesson(
        "03_chromatin_network", "REAL", "untrained_auroc", "auroc", "both", "error_before", "error_after",
        "leak", "no_overlap", "rc_careless", "rc_careful", "strand_aurocs", "to_check", "test",
    )  # fmt: skip


def mean(values):
    return sum(values) / len(values)


@pytest.mark.slow
def test_the_network_learns_more_than_words_counted_and_composition(seen):
    assert seen["REAL"] is False
    untrained, gc, kmers, network, _ = zip(*seen["auroc"], strict=True)  # columns of the lesson's table
    assert abs(mean(seen["untrained_auroc"]) - 0.5) < 0.12 and untrained == tuple(seen["untrained_auroc"])
    assert mean(gc) < mean(kmers) < mean(network)
    assert mean(network) > 0.88
    assert seen["strand_aurocs"]["average"] > min(
        seen["strand_aurocs"]["forward"], seen["strand_aurocs"]["reverse"]
    )
    assert sum(seen["to_check"].values()) < 0.3 * len(seen["to_check"]) * len(seen["test"])


@pytest.mark.slow
def test_rare_positives_leave_the_auroc_alone_and_lower_the_auprc(seen):
    for roc_chosen, roc_every, pr_chosen, pr_every, share_chosen, share_every in seen["both"]:
        assert abs(roc_chosen - roc_every) < 0.06
        assert pr_every < pr_chosen - 0.05
        assert share_every < 0.5 * share_chosen


@pytest.mark.slow
def test_two_numbers_a_protein_mend_the_probabilities(seen):
    assert seen["error_after"] < 0.2 * seen["error_before"]


@pytest.mark.slow
def test_a_random_split_examines_memory(seen):
    (copy_honest, copy_random, copy_gap), (net_honest, net_random, net_gap) = seen["leak"]
    assert copy_honest < 0.65 and copy_random > 0.85  # it knows nothing, and looks brilliant
    assert net_honest < net_random and 0.015 < net_gap < copy_gap
    assert seen["no_overlap"] < 0.65  # without overlapping bins nearly nothing leaks
    assert seen["rc_careful"] < 0.65 and seen["rc_careless"] > 0.8
