"""What a variant's effect is called and how it is computed: one table, quoted in every output's header.

All of them are taken per target from the network's output for the two allele windows: `ref` and `alt`
are probabilities, and every difference has the sign **alt - ref**: positive means that the alternative
allele raises the prediction. Swapping the alleles flips the sign of `diff`, `logit_diff`, `logfc`.
`seqdl.variants.coverage_scores` is the twin of this table for networks that predict coverage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit, logsumexp

from seqdl.errors import InputError
from seqdl.words import suggest

PSEUDOCOUNT = 1e-4  # in `logfc`: below the base rates of real targets, above a network's noise at 0
SIGN = "alt - ref: positive means that the alternative allele raises the prediction"


class Outputs(NamedTuple):
    """A network's outputs for one allele each: `p` probabilities and `z` log odds, float64 (n, targets)."""

    p: np.ndarray
    z: np.ndarray


class Score(NamedTuple):
    """One kind of effect: its name, formula, a sentence for a reader, and the function of (ref, alt).

    `signed` tells whether swapping the alleles flips its sign. `effect` is off for the two that are no
    effects, the predictions themselves.
    """

    name: str
    formula: str
    meaning: str
    function: Callable[[Outputs, Outputs], np.ndarray]
    signed: bool = True
    effect: bool = True


SCORES: dict[str, Score] = {
    score.name: score
    for score in (
        Score("ref", "P(ref)", "probability for the reference allele", lambda r, a: r.p, False, False),
        Score("alt", "P(alt)", "probability for the alternative allele", lambda r, a: a.p, False, False),
        Score("diff", "P(alt) - P(ref)", "difference of the probabilities", lambda r, a: a.p - r.p),
        Score(
            "abs_diff",
            "|P(alt) - P(ref)|",
            "size of that difference",
            lambda r, a: np.abs(a.p - r.p),
            signed=False,
        ),
        Score(
            "logit_diff",
            "ln(P(alt) / (1 - P(alt))) - ln(P(ref) / (1 - P(ref)))",
            "difference of the log odds, natural logarithm",
            lambda r, a: a.z - r.z,
        ),
        Score(
            "logfc",
            f"log2((P(alt) + {PSEUDOCOUNT:g}) / (P(ref) + {PSEUDOCOUNT:g}))",
            f"log2 fold change of the probabilities, pseudocount {PSEUDOCOUNT:g}",
            # As a difference of logarithms it flips its sign exactly when the alleles are swapped.
            lambda r, a: np.log2(a.p + PSEUDOCOUNT) - np.log2(r.p + PSEUDOCOUNT),
        ),
        Score(
            "deepsea_effect",
            "|logit_diff| * |diff|",
            "size of the effect as DeepSEA ranks it (Zhou & Troyanskaya 2015)",
            lambda r, a: np.abs(a.z - r.z) * np.abs(a.p - r.p),
            signed=False,
        ),
    )
}
DEFAULT_SCORES = ("diff", "logit_diff")


def check_scores(
    names: Sequence[str] | str, known: Mapping[str, object] = SCORES, what: str = "probabilities"
) -> tuple[str, ...]:
    """Return the wanted scores in the table's order.

    Parameters
    ----------
    names : str or sequence of str
        Names from the table, or "all".
    known : mapping
        The table: `SCORES`, or that of coverage.
    what : str
        What the network predicts, in words.

    Raises
    ------
    InputError
        If a name is unknown or there is none.
    """
    names = [names] if isinstance(names, str) else list(names)
    if names == ["all"]:
        return tuple(known)
    for name in names:
        if name not in known:
            raise InputError(
                f"`scores` of a network that predicts {what} may hold {', '.join(known)}, or be 'all'. "
                f"Received: {name!r}.{suggest(str(name), known)}"
            )
    if not names:
        raise InputError(f"`scores` needs at least one of {', '.join(known)}.")
    return tuple(name for name in known if name in names)


def outputs_from_logits(logits: np.ndarray) -> Outputs:
    """Turn log odds, shape (n, targets), into `Outputs`, in float64: small effects keep their digits."""
    z = np.asarray(logits, np.float64)
    return Outputs(expit(z), z)


def mean_outputs(outputs: Sequence[Outputs]) -> Outputs:
    """Average probabilities over passes (strands, shifts, members); the log odds are those of the mean.

    From logarithms throughout: exact where a probability is nearly 0 or 1.
    """
    if len(outputs) == 1:
        return outputs[0]
    z = np.stack([one.z for one in outputs])
    return outputs_from_logits(logsumexp(log_expit(z), axis=0) - logsumexp(log_expit(-z), axis=0))


def compute_scores(names: Sequence[str], ref: Outputs, alt: Outputs) -> dict[str, np.ndarray]:
    """Compute the named scores.

    Parameters
    ----------
    names : sequence of str
        Keys of `SCORES`.
    ref, alt : Outputs
        The network's outputs for the two alleles, arrays (n, targets).

    Returns
    -------
    values : dict of float32 arrays, shape (n, targets)

    Examples
    --------
    >>> ref, alt = outputs_from_logits([[0.0]]), outputs_from_logits([[1.0]])
    >>> {k: round(float(v[0, 0]), 4) for k, v in compute_scores(["diff", "logit_diff"], ref, alt).items()}
    {'diff': 0.2311, 'logit_diff': 1.0}
    """
    return {name: SCORES[name].function(ref, alt).astype(np.float32) for name in names}
