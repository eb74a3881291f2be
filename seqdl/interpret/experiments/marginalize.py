"""Marginalisation: put a motif into many backgrounds, and see what the network says on average.

The effect of a motif is ``f(background with the motif) - f(background)``, paired, averaged over backgrounds:
what the motif does by itself, whatever stands around it (Koo et al. 2021 call it a global importance).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.errors import require_at_least, require_one_of
from seqdl.interpret.experiments.backgrounds import default_backgrounds
from seqdl.interpret.experiments.inserts import as_inserts, check_place, draw_words, put_words
from seqdl.interpret.experiments.outputs import check_confidence, mean_interval, outputs_of
from seqdl.progress import progress_bar

if TYPE_CHECKING:
    import pandas as pd


class Marginalization(NamedTuple):
    """What each motif does to each target.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a motif and target: motif, target, backgrounds, ``before`` and ``after`` (mean outputs),
        ``effect`` (after - before), ``low`` and ``high`` (its interval over backgrounds).
    effects : float32 array, (motifs, backgrounds, targets)
        The paired differences.
    motifs, targets : tuple of str
    settings : dict
        How it was made.
    """

    table: pd.DataFrame
    effects: np.ndarray
    motifs: tuple[str, ...]
    targets: tuple[str, ...]
    settings: dict


def marginalize(
    run,
    motifs,
    backgrounds: np.ndarray | None = None,
    *,
    target=None,
    at: int | None = None,
    strand: str = "+",
    sample: bool = True,
    confidence: float = 0.95,
    seed: int = 0,
    out: str | Path | None = None,
    head: str | None = None,
    bins: tuple[int, int] | None = None,
    strand_average: bool | None = None,
    batch_size: int | None = None,
) -> Marginalization:
    """Measure what motifs do to a network's output, by themselves.

    Parameters
    ----------
    run : str, Path, Run, keras.Model, or callable
        A trained run, or a model or function of codes; see `seqdl.interpret.experiments.outputs.outputs_of`.
    motifs : str, Motif, or list of them
        Letters (IUPAC; N leaves the background's base), or matrices of probabilities.
    backgrounds : uint8 array, (n, L), optional
        See `seqdl.interpret.experiments.backgrounds.backgrounds`; 100 random sequences by default for a run.
    target : str, int or list of them, optional
        Targets; all by default, which costs nothing more.
    at : int, optional
        0-based index of the motif's first base; in the middle by default.
    strand : {"+", "-"}
        Which way round.
    sample : bool
        Draw each background's instance by the probabilities; otherwise the likeliest bases everywhere.
    confidence : float
        Of the intervals (Student's t over backgrounds).
    seed : int
        Of the drawn instances; a motif's do not depend on what others there are.
    out : str or Path, optional
        Write the table there: ``.tsv`` or ``.tsv.gz``.
    head, bins, strand_average, batch_size
        See `seqdl.interpret.experiments.outputs.outputs_of`.

    Returns
    -------
    Marginalization

    Raises
    ------
    InputError
        If a motif does not fit the window or holds a letter that is none, a background is all N, or a target
        is unknown.

    Examples
    --------
    >>> from seqdl.encoding import encode
    >>> has_a_g = lambda codes: (codes == 2).any(axis=1)
    >>> result = marginalize(has_a_g, ["AGA", "ACA"], np.stack([encode("TTTTT"), encode("CCCCC")]))
    >>> result.table[["motif", "effect"]].values.tolist()
    [['AGA', 1.0], ['ACA', 0.0]]
    """
    import pandas as pd

    from seqdl.interpret.experiments.tables import check_table_suffix, write_table

    if out is not None:
        check_table_suffix(out)
    check_confidence(confidence)
    require_at_least(0, seed=seed)
    require_one_of("strand", strand, ("+", "-"))
    outputs = outputs_of(
        run, target, head=head, bins=bins, strand_average=strand_average, batch_size=batch_size
    )
    inserts = as_inserts(motifs)
    backgrounds = default_backgrounds(run, backgrounds, seed)
    n, length = backgrounds.shape
    places = [check_place(insert, at, length) for insert in inserts]
    effects, after = [], []
    with progress_bar(n * (1 + len(inserts)), "Putting motifs into backgrounds", "sequences") as progress:
        before = outputs.of(backgrounds, progress)
        for insert, place in zip(inserts, places, strict=True):
            words = draw_words(insert, n, np.random.default_rng(seed), sample, strand)
            result = outputs.of(put_words(backgrounds, words, place), progress)
            after.append(result.mean(axis=0))
            effects.append(result - before)
    targets = outputs.names(before.shape[1])
    effects = np.stack(effects)
    mean, low, high = mean_interval(effects.swapaxes(0, 1), confidence)
    names = tuple(insert.name for insert in inserts)
    table = pd.DataFrame(
        {
            "motif": np.repeat(names, len(targets)),
            "target": np.tile(targets, len(names)),
            "backgrounds": n,
            "before": np.tile(before.mean(axis=0), len(names)),
            "after": np.concatenate(after),
            "effect": mean.ravel(),
            "low": low.ravel(),
            "high": high.ravel(),
        }
    )
    settings = {
        "experiment": "marginalize", **outputs.settings, "at": places, "strand": strand, "sample": sample,
        "confidence": confidence, "interval": "Student's t over backgrounds", "seed": seed,
    }  # fmt: skip
    result = Marginalization(table, effects, names, targets, settings)
    if out is not None:
        write_table(out, table, settings)
    return result
