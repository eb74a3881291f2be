"""How much a score varies over an ensemble's members, strands, shifts, or networks thinned by dropout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seqdl.variants.scored import Column
from seqdl.variants.scores import Score

_ENTRIES = {
    "members": "the ensemble's members",
    "strands": "the two strands",
    "shifts": "the shifts",
    "dropout": "the networks thinned by dropout (Gal & Ghahramani 2016)",
}


def spread_columns(scores: Sequence[Score], sources: Sequence[str]) -> list[Column]:
    """Describe what `spread_values` returns, in its order.

    Parameters
    ----------
    scores : sequence of Score
        Effects only.
    sources : sequence of str
        From `seqdl.variants.options.SPREADS`.
    """
    columns = []
    for source in sources:
        over = _ENTRIES[source]
        for score in scores:
            columns.append(
                Column(
                    f"{score.name}_sd_{source}", f"sd of {score.name}, n - 1",
                    f"standard deviation over {over}",
                )
            )  # fmt: skip
            if score.signed:
                columns.append(
                    Column(
                        f"{score.name}_sign_{source}", f"share with the sign of {score.name}",
                        f"sign agreement over {over}, 0 to 1",
                    )
                )  # fmt: skip
    return columns


def spread_values(
    scores: Sequence[Score],
    source: str,
    means: Mapping[str, np.ndarray],
    entries: Sequence[Mapping[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Compute standard deviation and sign agreement.

    Parameters
    ----------
    scores : sequence of Score
    source : str
        What the entries are.
    means : mapping of float32 arrays, shape (m, targets)
        Each score as it is reported.
    entries : sequence of mappings
        The scores of each member, strand, shift or thinned network, at least two.

    Returns
    -------
    values : dict of float32 arrays, shape (m, targets)
        The standard deviation divides by entries - 1. An effect of exactly 0 agrees with 0 only.
    """
    values = {}
    for score in scores:
        stack = np.stack([entry[score.name] for entry in entries])
        values[f"{score.name}_sd_{source}"] = stack.std(axis=0, ddof=1, dtype=np.float64).astype(np.float32)
        if score.signed:
            agree = np.sign(stack) == np.sign(means[score.name])
            values[f"{score.name}_sign_{source}"] = agree.mean(axis=0, dtype=np.float32)
    return values
