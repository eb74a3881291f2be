"""Lesson 02 keeps its word: a convolution is a scan, words beat a small network, and lose to a grammar."""

import pytest

from tests.notebooks.lessons import run_lesson

pytestmark = pytest.mark.slow


def test_convolutions_read_motifs_and_their_arrangement():
    seen = run_lesson(
        "02_convolutions", "scan_difference", "accuracies", "pooled", "by_width", "similarity", "order",
        "largest_logit", "largest_sum", "auroc", "plain_auroc", "by_filters", "mean_accuracy", "seen_bases",
        "short_accuracy", "fancy_result",
    )  # fmt: skip
    assert seen["scan_difference"] < 1e-3
    plain = seen["accuracies"]
    assert plain["one class for all"] == 0.25 and plain["small network, untrained"] < 0.5
    words, wide = plain["5-mer counts"], plain["32 filters of width 15, global max"]
    assert 0.75 < plain["small network"] < words - 0.03
    assert wide > 0.93 and words > 0.93
    assert seen["pooled"]["max of 5, flatten"]["parameters"] == 7076
    assert seen["pooled"]["global max"]["parameters"] == 2084
    assert seen["pooled"]["global max"]["accuracy"] > seen["pooled"]["global mean"]["accuracy"]
    assert seen["by_width"][-1] > seen["by_width"][0]
    assert seen["by_filters"]["16"] > seen["by_filters"]["2"]
    # the planted motifs come back as filters
    assert sum(value > 0.9 for value in seen["similarity"].values()) >= 4
    # the grammar is lost on words and on one convolution, not on two
    order = seen["order"]
    assert order["5-mer counts"] < 0.32
    assert order["one convolution, global max"] < 0.55
    assert order["two convolutions, untrained"] < 0.4
    assert order["two convolutions"] > 0.8
    assert seen["mean_accuracy"] > order["two convolutions"] - 0.02
    assert seen["seen_bases"] == {"width 3": 22, "width 11": 54}
    assert seen["short_accuracy"] < order["two convolutions"] - 0.2
    # a class's logit has slopes where the motifs are; a softmax's sum has none
    assert seen["largest_sum"] < 1e-4 * seen["largest_logit"]
    assert seen["auroc"]["logit"] > 0.78
    assert seen["auroc"]["logit"] > max(seen["auroc"][name] for name in ("random", "gc", "middle")) + 0.15
    assert 0.55 < seen["plain_auroc"] < seen["auroc"]["logit"]
    assert min(seen["fancy_result"].values()) > 0.9
