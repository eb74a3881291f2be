"""Effects on predicted coverage: the twin of `seqdl.variants.scores` for networks with bins.

`ref` and `alt` are a target's predicted values in the bins of the window, for the two alleles; sums run
over the bins. The names are the field's: SAD, logSAD, SAX, D1, D2 as in Basenji and Borzoi (Kelley et
al. 2018; Linder et al. 2025), jsd, ies and aaq as in the scorer of ChromBPNet (Pampari et al. 2025).
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from seqdl.variants.scores import Score

DEFAULT_COVERAGE_SCORES = ("SAD", "logSAD")
SUM_PSEUDOCOUNT = 1.0  # in `logSAD` and `ies`: one read, or one unit of the coverage that was trained on


def _sums(values: np.ndarray) -> np.ndarray:
    return values.sum(axis=1, dtype=np.float64)


def _log_sad(ref: np.ndarray, alt: np.ndarray) -> np.ndarray:
    return np.log2(_sums(alt) + SUM_PSEUDOCOUNT) - np.log2(_sums(ref) + SUM_PSEUDOCOUNT)


def _sax(ref: np.ndarray, alt: np.ndarray) -> np.ndarray:
    """Take the bin whose value changes most, with its sign."""
    change = alt.astype(np.float64) - ref
    most = np.abs(change).argmax(axis=1)
    return np.take_along_axis(change, most[:, None], axis=1)[:, 0]


def _jsd(ref: np.ndarray, alt: np.ndarray) -> np.ndarray:
    """Compute the Jensen-Shannon distance, base 2, of the two profiles' shapes; 0 where one is empty."""
    totals = [np.maximum(_sums(x), 0)[:, None] for x in (ref, alt)]
    empty = ((totals[0] <= 0) | (totals[1] <= 0))[:, 0]
    p, q = (np.maximum(x, 0) / np.where(t > 0, t, 1) for x, t in zip((ref, alt), totals, strict=True))
    m = (p + q) / 2
    # x log(x / m) as x log x - x log m: m is 0 only where x is.
    divergence = ((xlogy(p, p) + xlogy(q, q)).sum(axis=1) / 2 - xlogy(m, m).sum(axis=1)) / np.log(2)
    return np.where(empty, 0.0, np.sqrt(np.clip(divergence, 0, 1)))


COVERAGE_SCORES: dict[str, Score] = {
    score.name: score
    for score in (
        Score(
            "ref",
            "sum(ref)",
            "total over the bins for the reference allele",
            lambda r, a: _sums(r),
            False,
            False,
        ),
        Score(
            "alt",
            "sum(alt)",
            "total over the bins for the alternative allele",
            lambda r, a: _sums(a),
            False,
            False,
        ),
        Score("SAD", "sum(alt) - sum(ref)", "difference of the totals", lambda r, a: _sums(a) - _sums(r)),
        Score(
            "logSAD",
            f"log2(sum(alt) + {SUM_PSEUDOCOUNT:g}) - log2(sum(ref) + {SUM_PSEUDOCOUNT:g})",
            f"log2 fold change of the totals, pseudocount {SUM_PSEUDOCOUNT:g}",
            _log_sad,
        ),
        Score("SAX", "alt - ref of the bin with the largest |alt - ref|", "largest change of a bin", _sax),
        Score(
            "D1",
            "sum(|alt - ref|)",
            "sum of the bins' absolute changes",
            lambda r, a: np.abs(a.astype(np.float64) - r).sum(axis=1),
            signed=False,
        ),
        Score(
            "D2",
            "sqrt(sum((alt - ref)^2))",
            "Euclidean distance of the profiles",
            lambda r, a: np.sqrt(((a.astype(np.float64) - r) ** 2).sum(axis=1)),
            signed=False,
        ),
        Score(
            "jsd",
            "sqrt((KL(r, m) + KL(a, m)) / 2) in log2; r = ref / sum, a = alt / sum, m = (r + a) / 2",
            "Jensen-Shannon distance of the profiles' shapes, 0 to 1",
            _jsd,
            signed=False,
        ),
        Score(
            "ies",
            "logSAD * jsd",
            "integrated effect size: change of the total times change of the shape",
            lambda r, a: _log_sad(r, a) * _jsd(r, a),
        ),
    )
}


def coverage_scores(names, ref: np.ndarray, alt: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the named scores.

    Parameters
    ----------
    names : sequence of str
        Keys of `COVERAGE_SCORES`.
    ref, alt : float32 arrays, shape (n, bins, targets)
        Predicted coverage of the two alleles.

    Returns
    -------
    values : dict of float32 arrays, shape (n, targets)
    """
    return {name: COVERAGE_SCORES[name].function(ref, alt).astype(np.float32) for name in names}
