"""All measurements of an explanation together, on a trained run: `check_attributions`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError, require_at_least
from seqdl.interpret.faithfulness.agreement import Agreement, Stability, agreement, member_scores, stability
from seqdl.interpret.faithfulness.bases import UNSIGNED, overlap_groups
from seqdl.interpret.faithfulness.curves import PerturbationCurves, perturbation_curves
from seqdl.interpret.faithfulness.randomisation import Randomisation, explainer, randomisation_check
from seqdl.interpret.faithfulness.recovery import Recovery, known_positions, recovery
from seqdl.progress import progress_bar
from seqdl.words import count, few, suggest

if TYPE_CHECKING:
    import pandas as pd

CHECKS = ("recovery", "curves", "agreement", "randomisation", "stability")
FEW_SEQUENCES = 16  # enough for what explains anew again and again: randomised networks, members


class AttributionCheck(NamedTuple):
    """What was measured; None (or empty) where a check was not asked for or not possible, see `notes`.

    Attributes
    ----------
    target : str
        Name of the explained target.
    methods : tuple of str
    summary : pandas.DataFrame
        One row a method with the main number of each check, see `summarise`.
    codes : uint8 array, (n, L)
        The sequences measured.
    regions : tuple of Interval, length n
    scores : dict of str to float32 array, (n, L)
        One number a base by method (`base_scores`).
    positions : bool array, (n, L), or None
        Known positions.
    recovery : Recovery or None
    curves : PerturbationCurves or None
    agreement : Agreement or None
    randomisation : Randomisation or None
    stability : dict of str to Stability
        By method.
    notes : tuple of str
        Sentences on what was left out, and why.
    settings : dict
        The arguments that the numbers depend on.
    """

    target: str
    methods: tuple[str, ...]
    summary: pd.DataFrame
    codes: np.ndarray
    regions: tuple
    scores: dict[str, np.ndarray]
    positions: np.ndarray | None
    recovery: Recovery | None
    curves: PerturbationCurves | None
    agreement: Agreement | None
    randomisation: Randomisation | None
    stability: dict[str, Stability]
    notes: tuple[str, ...]
    settings: dict


def check_attributions(
    run,
    *,
    genome=None,
    bed=None,
    fasta=None,
    codes: np.ndarray | None = None,
    target: str | int | None = None,
    methods: Sequence[str] | None = None,
    known=None,
    checks: Sequence[str] | None = None,
    head: str | None = None,
    bins: tuple[int, int] | None = None,
    strand_average: bool | None = None,
    most: int = 64,
    points: int = 10,
    fraction: float = 0.1,
    draws: int = 4,
    replacement: str = "dinucleotide",
    stages: int | None = 4,
    batch_size: int | None = None,
    bootstrap: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
    alias: str | Path | None = None,
    allow_genome_mismatch: bool = False,
    out: str | Path | None = None,
    **choices,
) -> AttributionCheck:
    """Ask of each attribution method whether its explanation of a trained network is true.

    Parameters
    ----------
    run : str, Path or Run
        A trained run. With an ensemble the stability over members is measured too.
    genome, bed, fasta, codes, target, head, bins, strand_average, alias, allow_genome_mismatch
        What to explain, as for `seqdl.attribute`.
    methods : sequence of str, optional
        Attribution methods; all by default.
    known : str, Path or bool array, optional
        Known positions for the recovery: a BED file on the genome (planted motifs, footprints, motif hits),
        or an array (n, L) for all the sequences given.
    checks : sequence of str, optional
        Some of ``"recovery"``, ``"curves"``, ``"agreement"``, ``"randomisation"``, ``"stability"``. By
        default those that are possible; one that is asked for and not possible is an error.
    most : int
        Sequences used at most, drawn at random. Randomisation and stability, which explain anew at each
        stage and by each member, use at most 16 of them.
    points, fraction, draws, replacement
        Of deletion and insertion, see `perturbation_curves` (its ``steps`` are `points` here).
    stages : int, optional
        Of the randomisation, see `randomisation_check`; None: layer by layer.
    batch_size : int
        Sequences per pass of an attribution.
    bootstrap, confidence, seed
        Of the intervals over sequences, of draws, and of the new weights. Regions that overlap are drawn
        together.
    out : str or Path, optional
        A folder for tables and pictures, see `seqdl.interpret.faithfulness.write.write_check`.
    **choices
        Of the methods, see `seqdl.interpret.methods.attribute_codes` (such as ``n_references``, or ``steps``
        of integrated gradients); a method takes those that fit it.

    Returns
    -------
    AttributionCheck

    Raises
    ------
    InputError
        If the input, the target, a method or a check does not fit the run.

    Examples
    --------
    >>> done = check_attributions("run/", genome="g.fa", bed="b.bed", target="CTCF")  # doctest: +SKIP
    >>> done.summary[["method", "deletion", "insertion", "randomised"]]  # doctest: +SKIP
    """
    from seqdl.interpret.faithfulness.write import check_folder, summarise, write_check
    from seqdl.interpret.heads import (
        averages_strands,
        choose_head,
        output_function,
        scalar_model,
        target_index,
    )
    from seqdl.interpret.methods import METHODS
    from seqdl.interpret.windows import read_windows
    from seqdl.models.ensemble import ensemble_members
    from seqdl.prediction.predictor import default_batch_size
    from seqdl.prediction.tasks import require_bases, require_dna
    from seqdl.training.run import Run

    methods = tuple(METHODS) if methods is None else tuple(dict.fromkeys(methods))
    _require_known("methods", methods, METHODS)
    asked = CHECKS if checks is None else tuple(checks)
    _require_known("checks", asked, CHECKS)
    require_at_least(1, most=most)
    require_at_least(0, seed=seed)
    if not isinstance(choices.get("reference"), (str, type(None))):
        raise InputError("`reference` is the name of a kind here, since each check takes its own sequences.")
    given = dict(choices)
    if out is not None:
        check_folder(out)
    run = Run.open(run)
    require_bases(run, "A check of attributions")
    if genome is not None:
        require_dna(run, "A check of attributions at places of a genome")
    index, head = target_index(run, target), choose_head(run.task, head, bins)
    where = {"genome": genome, "bed": bed, "fasta": fasta, "codes": codes}
    codes, regions = read_windows(run, **where, alias=alias, allow_genome_mismatch=allow_genome_mismatch)
    positions = None if known is None else known_positions(known, codes, regions, genome, alias)
    members = len(ensemble_members(run.model))
    notes: list[str] = []
    asked = _possible(asked, checks is not None, positions, methods, members, notes)
    rows = _choose(codes, most, seed, notes)
    codes, regions = codes[rows], tuple(regions[row] for row in rows)
    positions = None if positions is None else positions[rows]
    few_rows = slice(0, FEW_SEQUENCES)
    groups = overlap_groups(regions)
    shared = {"bootstrap": bootstrap, "confidence": confidence, "seed": seed}
    model = scalar_model(run, head, bins)
    choices = {
        "strand_average": averages_strands(run, strand_average), "batch_size": batch_size, "seed": seed,
        "other_target": int(np.argsort(run.strand_pairs)[index]),
    } | choices  # fmt: skip
    explain = {name: explainer(name, index, **_fitting(name, choices)) for name in methods}
    scores = {}
    passes = len(codes) * (2 if choices["strand_average"] else 1)
    with progress_bar(passes * len(methods), "Explaining", "windows") as bar:
        for name in methods:
            one = explainer(name, index, advance=bar.advance, **_fitting(name, choices))
            scores[name] = one(model, codes)

    found: dict = {"recovery": None, "curves": None, "agreement": None, "randomisation": None}
    if "recovery" in asked:
        found["recovery"] = recovery(scores, positions, codes, groups=groups, **shared)
    if "curves" in asked:
        size = default_batch_size(run.window)
        # The same number that the attributions explain, by the same strands.
        output = output_function(run, head=head, bins=bins, strand_average=strand_average, batch_size=size)
        found["curves"] = perturbation_curves(
            lambda x: output(x)[:, index], codes, scores, steps=points, fraction=fraction, draws=draws,
            replacement=replacement, batch_size=size, groups=groups, **shared,
        )  # fmt: skip
    if "agreement" in asked:
        found["agreement"] = agreement(scores, codes, unsigned=UNSIGNED, groups=groups, **shared)
    if "randomisation" in asked:
        found["randomisation"] = randomisation_check(
            model,
            codes[few_rows],
            explain,
            stages=stages,
            unsigned=UNSIGNED,
            groups=groups[few_rows],
            **shared,
        )
    alike = {}
    if "stability" in asked:
        for name in methods:
            each = member_scores(run, codes[few_rows], explain[name], head=head, bins=bins)
            alike[name] = stability(each, codes[few_rows], groups=groups[few_rows], **shared)
    settings = {
        "run": str(run.path.name), "target": run.target_names[index], "methods": list(methods),
        "checks": list(asked), "head": head, "bins": bins, "sequences": len(codes),
        "strand_average": choices["strand_average"], "points": points, "fraction": fraction, "draws": draws,
        "replacement": replacement, "stages": stages, "members": members, "choices": given, **shared,
    }  # fmt: skip
    result = AttributionCheck(
        run.target_names[index], methods, summarise(methods, **found, stability=alike), codes, regions,
        scores, positions, *found.values(), alike, tuple(notes), settings,
    )  # fmt: skip
    if out is not None:
        write_check(out, result)
    return result


def _require_known(argument: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise InputError(
                f"`{argument}` holds {name!r}, which is unknown.{suggest(str(name), known)} "
                f"Known: {', '.join(known)}."
            )
    if not names:
        raise InputError(f"`{argument}` is empty. Known: {', '.join(known)}.")


def _possible(asked, strict: bool, positions, methods, members: int, notes: list[str]) -> tuple[str, ...]:
    """Leave out checks that have nothing to work on: with a note, or an error where they were asked for."""
    reasons = {}
    if positions is None:
        reasons["recovery"] = "Recovery needs known positions: give `known` (--known known.bed)."
    if len(methods) < 2:
        reasons["agreement"] = f"Agreement needs at least two methods. Received: {few(methods)}."
    if members < 2:
        reasons["stability"] = (
            "Stability needs an ensemble (`seqdl train --members 5`), and the run is a single network."
        )
    for name in asked:
        if name in reasons:
            if strict:
                raise InputError(reasons[name])
            notes.append(f"Not measured: {reasons[name]}")
    return tuple(name for name in asked if name not in reasons)


def _choose(codes: np.ndarray, most: int, seed: int, notes: list[str]) -> np.ndarray:
    """Choose sequences that hold a base, at most so many, in random order."""
    rows = np.flatnonzero((codes < N).any(axis=1))
    if not rows.size:
        raise InputError("Every sequence is all N: there is nothing to explain.")
    if rows.size < len(codes):
        notes.append(f"Left out: {count(len(codes) - rows.size, 'sequence')} of N alone.")
    if rows.size > most:
        notes.append(f"Measured on {most:,} of {rows.size:,} sequences, drawn at random.")
    return np.random.default_rng(seed).permutation(rows)[:most]


def _fitting(method: str, choices: dict) -> dict:
    """Leave out what a method would refuse: a reference where it takes none, `simplex` where it has one."""
    from seqdl.interpret.methods import REFERENCES

    without = "reference" if REFERENCES[method] is None else "simplex"
    return {key: value for key, value in choices.items() if key != without}
