"""Spacing: two motifs at every distance and in every orientation, and what they do beyond each alone.

The interaction is ``f(both) - f(first) - f(second) + f(neither)``, each motif alone standing just where it
stands beside the other: 0 where their effects add up, positive where they help each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.errors import InputError, require_at_least
from seqdl.interpret.experiments.backgrounds import default_backgrounds
from seqdl.interpret.experiments.inserts import as_insert, check_place, draw_words, put_words
from seqdl.interpret.experiments.outputs import check_confidence, mean_interval, outputs_of
from seqdl.progress import progress_bar

if TYPE_CHECKING:
    import pandas as pd

ORIENTATIONS = ("++", "+-", "-+", "--")
"""Strands of the first motif, on the left, and of the second, on the right."""


class Spacing(NamedTuple):
    """What two motifs do together, by distance and orientation.

    Attributes
    ----------
    table : pandas.DataFrame
        One row an orientation, distance and target: ``orientation`` (strand of the first motif, on the left,
        and of the second), ``distance`` (bases between them; 0 side by side), target, backgrounds, ``first``
        and ``second`` (mean effect of each alone), ``joint`` with ``joint_low`` and ``joint_high``, and
        ``interaction`` with ``interaction_low`` and ``interaction_high``.
    joint, interaction : float32 array, (orientations, distances, backgrounds, targets)
        Of each background.
    motifs : tuple of str
        The first and the second.
    orientations : tuple of str
    distances : int64 array, (distances,)
    targets : tuple of str
    settings : dict
        How it was made.
    """

    table: pd.DataFrame
    joint: np.ndarray
    interaction: np.ndarray
    motifs: tuple[str, str]
    orientations: tuple[str, ...]
    distances: np.ndarray
    targets: tuple[str, ...]
    settings: dict


def spacing(
    run,
    first,
    second,
    distances,
    backgrounds: np.ndarray | None = None,
    *,
    orientations: tuple[str, ...] = ORIENTATIONS,
    target=None,
    at: int | None = None,
    sample: bool = True,
    confidence: float = 0.95,
    seed: int = 0,
    out: str | Path | None = None,
    head: str | None = None,
    bins: tuple[int, int] | None = None,
    strand_average: bool | None = None,
    batch_size: int | None = None,
) -> Spacing:
    """Measure how the joint effect of two motifs depends on their distance and orientation.

    Parameters
    ----------
    run : str, Path, Run, keras.Model, or callable
        A trained run, or a model or function of codes.
    first, second : str or Motif
        The second one lies to the right of the first.
    distances : sequence of int
        Bases between the first motif's last base and the second one's first; 0 or more.
    backgrounds : uint8 array, (n, L), optional
        100 random sequences by default for a run.
    orientations : tuple of str
        Any of "++", "+-", "-+", "--".
    target : str, int or list of them, optional
        Targets; all by default.
    at : int, optional
        0-based index of the first motif's first base, at every distance. By default the middle of the two
        lies in the middle of the window: both move, and stay near the bases that a label is about.
    sample, confidence, seed, out, head, bins, strand_average, batch_size
        As in `seqdl.interpret.experiments.marginalize.marginalize`.

    Returns
    -------
    Spacing

    Raises
    ------
    InputError
        If a distance does not fit into the window (the greatest that does is named), an orientation or a
        target is unknown, or a motif does not fit.
    """
    from seqdl.interpret.experiments.tables import check_table_suffix, write_table

    if out is not None:
        check_table_suffix(out)
    check_confidence(confidence)
    require_at_least(0, seed=seed)
    outputs = outputs_of(
        run, target, head=head, bins=bins, strand_average=strand_average, batch_size=batch_size
    )
    pair = as_insert(first), as_insert(second)
    backgrounds = default_backgrounds(run, backgrounds, seed)
    n, length = backgrounds.shape
    orientations = (orientations,) if isinstance(orientations, str) else tuple(dict.fromkeys(orientations))
    if not orientations or set(orientations) - set(ORIENTATIONS):
        raise InputError(
            f"`orientations` are any of {', '.join(ORIENTATIONS)}. Received: {', '.join(orientations)}."
        )
    distances = _check_distances(pair, distances, at, length)
    words = [  # the same draws on either strand, at every distance
        {s: draw_words(insert, n, np.random.default_rng([seed, i]), sample, s) for s in "+-"}
        for i, insert in enumerate(pair)
    ]
    strands = [sorted({both[i] for both in orientations}) for i in (0, 1)]
    each = len(strands[0]) + len(strands[1]) + len(orientations)
    joint, single = [], []
    with progress_bar(
        n * (1 + each * len(distances)), "Moving one motif along another", "sequences"
    ) as progress:
        before = outputs.of(backgrounds, progress)
        for distance in distances:
            total = pair[0].width + int(distance) + pair[1].width
            places = [length // 2 - total // 2 if at is None else at]
            places.append(places[0] + pair[0].width + int(distance))
            alone = [
                {s: outputs.of(put_words(backgrounds, words[i][s], places[i]), progress) - before
                 for s in strands[i]}
                for i in (0, 1)
            ]  # fmt: skip
            for s, t in orientations:
                both = put_words(backgrounds, words[0][s], places[0])
                both = put_words(both, words[1][t], places[1])
                joint.append(outputs.of(both, progress) - before)
                single.append((alone[0][s], alone[1][t]))
    shape = (len(distances), len(orientations), *before.shape)
    joint = np.stack(joint).reshape(shape).swapaxes(0, 1)
    ones, twos = (np.stack([s[i] for s in single]).reshape(shape).swapaxes(0, 1) for i in (0, 1))
    interaction = joint - ones - twos
    targets = outputs.names(before.shape[1])
    settings = {
        "experiment": "spacing", **outputs.settings, "first": pair[0].name, "second": pair[1].name,
        "at": "centred" if at is None else at,
        "distance": "bases between the two motifs", "sample": sample, "confidence": confidence,
        "interval": "Student's t over backgrounds", "seed": seed,
    }  # fmt: skip
    table = _table(joint, interaction, ones, twos, orientations, distances, targets, confidence)
    names = (pair[0].name, pair[1].name)
    result = Spacing(table, joint, interaction, names, orientations, distances, targets, settings)
    if out is not None:
        write_table(out, table, settings)
    return result


def _check_distances(pair, distances, at: int | None, length: int) -> np.ndarray:
    """Return the distances, int64, sorted, each once; refuse those that do not fit."""
    distances = np.asarray(list(distances))
    if not distances.size or distances.dtype.kind not in "ui" or distances.min() < 0:
        raise InputError(
            "`distances` are whole numbers, 0 or more: bases between the two motifs. "
            f"Received: {distances[:6].tolist()}."
        )
    distances = np.unique(distances).astype(np.int64)
    widths = pair[0].width + pair[1].width
    room = length - widths - (0 if at is None else at)
    if at is not None:
        check_place(pair[0], at, length)
    if room < distances[-1]:
        raise InputError(
            f"A distance of {distances[-1]} does not fit: {pair[0].name!r} and {pair[1].name!r} have "
            f"{widths} bases, and the window {length}"
            + (f" from index {at} on. " if at else ". ")
            + (f"The greatest that fits is {room}." if room >= 0 else "The two do not fit at all.")
        )
    return distances


def _table(joint, interaction, ones, twos, orientations, distances, targets, confidence):
    import pandas as pd

    o, d, n, t = joint.shape
    columns = {
        "orientation": np.repeat(orientations, d * t),
        "distance": np.tile(np.repeat(distances, t), o),
        "target": np.tile(targets, o * d),
        "backgrounds": n,
        "first": ones.mean(axis=2).ravel(),
        "second": twos.mean(axis=2).ravel(),
    }
    for name, values in (("joint", joint), ("interaction", interaction)):
        mean, low, high = mean_interval(np.moveaxis(values, 2, 0), confidence)
        columns |= {name: mean.ravel(), f"{name}_low": low.ravel(), f"{name}_high": high.ravel()}
    return pd.DataFrame(columns)
