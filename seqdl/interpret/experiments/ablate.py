"""Ablation: take a motif out of the sequences that hold it, and see what the network loses.

All bases of a sequence's instances are shuffled among themselves, so its composition stays. Beside it stands
a control: as many bases in the same pattern, at another place of the same sequence.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.encoding import RNA
from seqdl.errors import InputError, require_at_least
from seqdl.interpret.experiments.backgrounds import default_backgrounds
from seqdl.interpret.experiments.inserts import Insert, as_inserts, find_motif
from seqdl.interpret.experiments.outputs import check_confidence, is_function, mean_interval, outputs_of
from seqdl.progress import progress_bar, say
from seqdl.words import few

if TYPE_CHECKING:
    import pandas as pd

_TRIES = 50  # places tried for the control of a sequence


class Ablation(NamedTuple):
    """What the sequences that hold a motif lose with it.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a motif and target: motif, target, ``sequences`` (that hold it), ``instances``, ``before`` and
        ``after`` (mean outputs), ``effect`` (after - before) with ``low`` and ``high``, and ``control`` with
        ``control_low`` and ``control_high``: the effect of shuffling as many bases elsewhere.
    effects : list of float32 array, (sequences, targets)
        The paired differences, for each motif.
    motifs, targets : tuple of str
    settings : dict
        How it was made.
    """

    table: pd.DataFrame
    effects: list[np.ndarray]
    motifs: tuple[str, ...]
    targets: tuple[str, ...]
    settings: dict


def ablate(
    run,
    motifs,
    codes: np.ndarray,
    *,
    target=None,
    threshold: float = 0.85,
    draws: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
    out: str | Path | None = None,
    head: str | None = None,
    bins: tuple[int, int] | None = None,
    strand_average: bool | None = None,
    batch_size: int | None = None,
) -> Ablation:
    """Shuffle all instances of motifs in the sequences that hold them, and measure what changes.

    Parameters
    ----------
    run : str, Path, Run, keras.Model, or callable
        A trained run, or a model or function of codes.
    motifs : str, Motif, or list of them
        Letters, of which all have to fit (N fits any base), or matrices, which have to reach `threshold`; on
        either strand (RNA has one). See `seqdl.interpret.experiments.inserts.find_motif`.
    codes : uint8 array, (n, L)
        Real sequences.
    target : str, int or list of them, optional
        Targets; all by default.
    threshold : float
        For matrices: relative score, 0 to 1.
    draws : int
        Shuffles, over which the effect is averaged.
    confidence, seed, out, head, bins, strand_average, batch_size
        As in `seqdl.interpret.experiments.marginalize.marginalize`.

    Returns
    -------
    Ablation
        Without the motifs that no sequence holds, which are named on standard error.

    Raises
    ------
    InputError
        If no sequence holds any of the motifs, a motif is longer than the sequences or holds a letter that
        is none, a sequence is all N, or a target is unknown.
    """
    import pandas as pd

    from seqdl.interpret.experiments.tables import check_table_suffix, write_table
    from seqdl.training.run import Run

    if out is not None:
        check_table_suffix(out)
    check_confidence(confidence)
    require_at_least(0, seed=seed)
    require_at_least(1, draws=draws)
    outputs = outputs_of(
        run, target, head=head, bins=bins, strand_average=strand_average, batch_size=batch_size
    )
    codes = default_backgrounds(run, codes, seed)
    strands = (0,) if not is_function(run) and Run.open(run).card["alphabet"] == RNA else (0, 1)
    found = _instances(as_inserts(motifs), codes, threshold, strands)
    frames, effects = [], []
    total = sum(len(rows) * (1 + 2 * draws) for _, rows, _, _ in found)
    with progress_bar(total, "Taking motifs out", "sequences") as progress:
        for insert, rows, mask, instances in found:
            rng = np.random.default_rng(seed)
            here = codes[rows]
            before = outputs.of(here, progress)
            moved = _elsewhere(mask, rng)
            results = []
            for covered in (mask, moved):
                change = np.zeros_like(before)
                for _ in range(draws):
                    change += (outputs.of(_shuffle(here, covered, rng), progress) - before) / draws
                results.append(change)
            results[1][~moved.any(axis=1)] = np.nan  # no room for a control
            targets = outputs.names(before.shape[1])
            values = {}
            for name, change in zip(("effect", "control"), results, strict=True):
                mean, low, high = mean_interval(change, confidence)
                ends = ("low", "high") if name == "effect" else ("control_low", "control_high")
                values |= {name: mean, ends[0]: low, ends[1]: high}
            head_columns = {"motif": insert.name, "target": targets, "sequences": len(rows),
                            "instances": instances, "before": before.mean(axis=0),
                            "after": before.mean(axis=0) + results[0].mean(axis=0)}  # fmt: skip
            frames.append(pd.DataFrame(head_columns | values))
            effects.append(results[0])
    settings = {
        "experiment": "ablate", **outputs.settings, "threshold": threshold, "draws": draws,
        "confidence": confidence, "interval": "Student's t over sequences", "seed": seed,
    }  # fmt: skip
    table = pd.concat(frames, ignore_index=True)
    result = Ablation(table, effects, tuple(insert.name for insert, *_ in found), targets, settings)
    if out is not None:
        write_table(out, table, settings)
    return result


def _instances(inserts: list[Insert], codes: np.ndarray, threshold: float, strands) -> list[tuple]:
    """Find each motif: (insert, rows (m,) that hold it, mask bool (m, L) of its bases, instances)."""
    found = []
    for insert in inserts:
        starts = find_motif(insert, codes, threshold)
        free = insert.probabilities.sum(axis=1) == 0  # bases that the motif leaves open stay as they are
        mask = np.zeros(codes.shape, bool)
        for strand in strands:
            for j in np.flatnonzero(~(free[::-1] if strand else free)):
                mask[:, j : j + starts.shape[2]] |= starts[strand]
        rows = np.flatnonzero(mask.any(axis=1))
        if len(rows):
            instances = int(starts[list(strands)].any(axis=0).sum())  # a palindrome counts once
            found.append((insert, rows, mask[rows], instances))
        else:
            say(f"No sequence holds {insert.name}: left out.")
    if not found:
        raise InputError(
            f"None of the {len(codes):,} sequences holds {few((insert.name for insert in inserts), 3)}. Give "
            "sequences that do (such as peaks), or a lower `threshold` for matrices."
        )
    return found


def _shuffle(codes: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shuffle the bases under the mask within each sequence; both (n, L)."""
    rows, places = np.nonzero(mask)
    order = np.lexsort((rng.random(len(rows)), rows))
    shuffled = codes.copy()
    shuffled[rows, places] = codes[rows, places[order]]
    return shuffled


def _elsewhere(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn each sequence's mask round by a random number of bases so that it meets itself nowhere."""
    n, length = mask.shape
    moved = np.zeros_like(mask)
    for _ in range(_TRIES):
        rows = np.flatnonzero(~moved.any(axis=1))
        if not len(rows):
            break
        shift = rng.integers(1, max(length, 2), len(rows))
        turned = np.take_along_axis(mask[rows], (np.arange(length) - shift[:, None]) % length, axis=1)
        fits = ~(turned & mask[rows]).any(axis=1)
        moved[rows[fits]] = turned[fits]
    return moved
