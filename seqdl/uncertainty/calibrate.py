"""`calibrate`: learn from held-out windows how far a run can be trusted, and measure it on others."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.data.dataset_file import SPLITS
from seqdl.errors import InputError, require_at_least, require_one_of
from seqdl.evaluation.match import check_fold, check_match, dataset_notes
from seqdl.evaluation.resampling import resampling
from seqdl.files import require_other, require_writable, sha256
from seqdl.prediction.predictor import Predictor
from seqdl.progress import say
from seqdl.training.run import MODEL, Run
from seqdl.uncertainty import measure
from seqdl.uncertainty.calibration import FILE, Calibration
from seqdl.uncertainty.conformal import check_level, fit_band, fit_label_sets
from seqdl.uncertainty.effects_file import read_effects
from seqdl.uncertainty.effects_fit import calibrate_effects
from seqdl.uncertainty.platt import FEWEST_POSITIVES, fit_scaling
from seqdl.uncertainty.unlike import composition, fit_composition
from seqdl.uncertainty.windows import Outcome, draw_windows, genome_windows, predict_windows
from seqdl.words import count

TRAINING_WINDOWS = 20_000  # that the composition is learned from, at most
EXCHANGEABLE = (
    "The sets and intervals promise their share on average over windows like those they were made from; not "
    "for a single window, and not for another cell type, assay or genome."
)


def calibrate(
    run: Run | str | Path,
    data: Dataset | str | Path,
    *,
    split: str = "valid",
    level: float = 0.9,
    effects: str | Path | None = None,
    other_genome: str | Path | None = None,
    normalise: bool = False,
    max_windows: int = 50_000,
    bootstrap: int = 200,
    block: int = 20,
    strand_average: bool | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    genome: str | Path | None = None,
    allow_genome_mismatch: bool = False,
) -> Calibration:
    """Calibrate a run on windows that did not train it, and measure the result on the test windows.

    Parameters
    ----------
    run : Run or path
    data : Dataset or path
        The dataset of the run.
    split : {"valid", "test"}
        Windows to calibrate on. With "test" nothing is left to measure the result on.
    level : float
        What conformal sets and intervals aim at.
    effects : path, optional
        Variants with known effects, for intervals of effects or for the probability that a variant is
        causal; see `seqdl.uncertainty.effects_file.read_effects`.
    other_genome : path, optional
        Another genome, to try the flag of unlike sequences on.
    normalise : bool
        Let the width of the intervals of coverage follow the prediction.
    max_windows : int
        Use at most so many windows of a split, drawn at random.
    bootstrap : int
        Resamples for the intervals of what is measured; 0 for none.
    block : int
        Length of the stretches that a resample draws, in bins; see `seqdl.evaluate`.
    strand_average : bool, optional
        As the run's card says by default.
    batch_size : int, optional
        Windows at once.
    seed : int
        Of every draw.
    out : path, optional
        The file; ``calibration.h5`` in the run's folder by default.
    genome : path, optional
        The genome's place, if it has moved since the dataset was built.
    allow_genome_mismatch : bool
        Calibrate on another genome than the run's.

    Returns
    -------
    Calibration
        As it was written.

    Raises
    ------
    InputError
        If run, dataset and effects do not belong together, or a parameter is out of range.

    Examples
    --------
    >>> calibrate("run/", "ds.h5").measured["rows"][0]["what"]
    'calibration error before'
    """
    require_one_of("split", split, SPLITS[1:])
    level = check_level(level)
    require_at_least(1, max_windows=max_windows, block=block)
    require_at_least(0, bootstrap=bootstrap, seed=seed)
    run, data = Run.open(run), Dataset.open(data, genome=genome)
    out = require_writable(Path(run.folder) / FILE if out is None else out)
    require_other(out, data.path, effects, other_genome)
    check_match(run, data, allow_genome_mismatch)
    check_fold(run, data, split)
    known = None if effects is None else read_effects(effects)
    predictor = Predictor(run, batch_size, strand_average)
    indices = draw_windows(data, split, max_windows, seed)
    held_out = np.zeros(0, np.int64)
    if split != "test" and (data.split == SPLITS.index("test")).any():
        check_fold(run, data, "test")
        held_out = draw_windows(data, "test", max_windows, seed)
    notes = [EXCHANGEABLE, *dataset_notes(run, data)]
    if split == "valid":
        notes.append("The validation windows also chose the run's best epoch, which they favour a little.")
    if data.random_split or run.random_split:
        notes.append("The split is random over windows, which leaks: what was measured is too good.")

    fitting = predict_windows(predictor, data, indices)
    parts, rows, targets = _fit(data, fitting, level, normalise, seed), [], []
    notes += _shared(parts)
    testing = None
    if len(held_out):
        blocks, weights = resampling(data, held_out, block, bootstrap, seed, notes)
        draws = measure.Resamples(blocks, weights)
        testing = predict_windows(predictor, data, held_out)
        rows, targets = _measure(parts, testing, level, draws, run.target_names, notes)
    else:
        notes.append("There are no test windows left, so nothing was measured.")
    try:
        training = draw_windows(data, "train", TRAINING_WINDOWS, seed)
        parts["composition"] = fit_composition(_composition(data, training), _composition(data, indices))
    except InputError as error:
        notes.append(f"Unlike sequences are not flagged: {error}")
    if testing is not None and "composition" in parts:
        others = {}
        if other_genome is not None:
            name, codes = genome_windows(other_genome, data.window, measure.TRIED, seed)
            others[name] = codes
        rows += measure.measure_unlike(parts["composition"], data.codes(held_out), others, draws, seed)
    if known is not None:
        found, more, said = calibrate_effects(
            run, known, data.genome, level, seed, strand_average=strand_average, batch_size=batch_size,
            allow_genome_mismatch=allow_genome_mismatch,
        )  # fmt: skip
        parts |= found
        rows += more
        notes += said
    made = Calibration(
        run=sha256(run.path if run.path.is_file() else run.path / MODEL),
        model=run.label,
        task=run.task,
        targets=tuple(run.target_names),
        level=level,
        split=split,
        n=len(indices),
        seed=seed,
        strand_average=predictor.strand_average,
        measured={
            "rows": rows,
            "targets": [
                {"name": name, **entry} for name, entry in zip(run.target_names, targets, strict=False)
            ],
        },
        notes=tuple(notes),
        **parts,
    )
    made.save(out)
    say(f"Calibration of {run.label} on {len(indices):,} {split} windows: {out}")
    return made


def _fit(data: Dataset, found: Outcome, level: float, normalise: bool, seed: int) -> dict:
    if data.task == "coverage":
        return {"band": fit_band(found.predicted, found.observed, level, normalise, seed)}
    if normalise:
        raise InputError("`normalise` is for runs of coverage; this one predicts labels.")
    if not found.observed.any():
        raise InputError(
            f"None of the {len(found.observed):,} windows to calibrate on carries a label, so nothing can be "
            "learned from them. Build the dataset with other validation chromosomes."
        )
    return {
        "scaling": fit_scaling(found.predicted, found.observed, seed),
        "conformal": fit_label_sets(found.predicted, found.observed, level),
    }


def _shared(parts: dict) -> list[str]:
    """Say which targets were too rare for numbers of their own."""
    if "scaling" not in parts:
        infinite = int(np.isinf(parts["band"].half).sum())
        return [f"{count(infinite, 'target')} with too few windows for the level: no bound."] * (infinite > 0)
    scaling, conformal = parts["scaling"], parts["conformal"]
    said, T = [], len(scaling.slope)
    shared = scaling.pooled
    if shared.any():
        said.append(
            f"{shared.sum()} of {count(T, 'target')} with fewer than {FEWEST_POSITIVES} positives (or on "
            "which the log odds point the wrong way) share one line through the log odds"
            + (
                "; that one points the wrong way, too, so their probabilities are left as they are."
                if (scaling.slope[shared] == 1).all() and (scaling.intercept[shared] == 0).all()
                else "."
            )
        )
    few = conformal.pooled[1]
    if few.any():
        said.append(
            f"{few.sum()} of {count(T, 'target')} have too few positives for label sets of their own: they "
            "share a bound, which holds on average over them."
        )
    return said


def _measure(
    parts: dict, found: Outcome, level: float, draws: measure.Resamples, names: list[str], notes: list[str]
) -> tuple[list[dict], list[dict]]:
    if "band" in parts:
        return measure.measure_band(parts["band"], found.predicted, found.observed, level, draws)
    rows, targets, said = measure.measure_scaling(
        parts["scaling"], found.predicted, found.observed, draws, names
    )
    more, sets = measure.measure_sets(parts["conformal"], found.predicted, found.observed, level, draws)
    notes += said
    return rows + more, [one | other for one, other in zip(targets, sets, strict=True)]


def _composition(data: Dataset, indices: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [composition(data.codes(indices[i : i + 4096])) for i in range(0, len(indices), 4096)]
    )
