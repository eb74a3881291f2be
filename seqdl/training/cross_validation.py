"""`cross_validate`: one choice of everything, trained and measured once a fold, with mean and spread.

Each fold is held out once and measured; the next one ends that training early; the others train. The
dataset's test split belongs to no fold, so it stays unseen for a last measurement of all the runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seqdl.data.dataset import Dataset
from seqdl.data.dataset_file import SPLITS
from seqdl.data.split_folds import Folds, make_folds
from seqdl.data.splits import DROPPED, TRAIN
from seqdl.errors import InputError
from seqdl.progress import say
from seqdl.training.config import TrainingConfig
from seqdl.training.fold_results import FIGURE, FOLDS, TABLE, in_words, single_numbers, write_folds
from seqdl.training.plan import begin_plan, read_plan
from seqdl.training.run import CHECKPOINT, METRICS, MODEL, Run
from seqdl.words import few, time_left

if TYPE_CHECKING:
    import pandas as pd

FORMAT, VERSION = "seqdl-folds", 1
_BASELINE = {"binary": "gc_length", "coverage": "gc"}
WHAT = "a cross-validation"
MEASURED = "held_out"


class CrossValidation(NamedTuple):
    """What a cross-validation found.

    Attributes
    ----------
    table : pandas.DataFrame
        Contents of folds.tsv: one row a fold and model (the network, then each baseline).
    summary : pandas.DataFrame
        One row a model and metric: mean, sd (over folds, n - 1), lowest, highest, folds; and for a
        baseline how far the network is above it in the mean, and on how many folds it is better.
    runs : list of Run
        One a fold.
    files : list of Path
        folds.json, folds.tsv, folds.svg.
    """

    table: pd.DataFrame
    summary: pd.DataFrame
    runs: list[Run]
    files: list[Path]


def cross_validate(
    data: Dataset | str | Path,
    out: str | Path,
    config: TrainingConfig | None = None,
    *,
    folds: int | str | Path | dict,
    genome: str | Path | None = None,
    baselines: Sequence[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    **choices,
) -> CrossValidation:
    """Train once a fold and measure each run on the fold that it has not seen.

    Parameters
    ----------
    data : Dataset or path
        Its training and validation windows are divided; its test split is never looked at.
    out : path
        Folder: each fold's run is in ``fold1``, ``fold2``, ..., with what was measured in its
        ``held_out``; beside them folds.tsv, folds.json and folds.svg, written anew after every fold.
    config : TrainingConfig, optional
        The same for all folds; the defaults when None.
    folds : int, dict, or path of a JSON file
        How many, at least 3, or which contigs each has; see `seqdl.data.split_folds.make_folds`.
    genome : path, optional
        Where the dataset's genome is now, if it has moved.
    baselines : sequence of str, optional
        Measured beside the network on each fold, trained on that fold's windows; may be empty. The better
        ones take minutes a fold, so by default base composition stands alone.
    resume : bool
        Go on with a cross-validation that was cut off: folds that are finished stay as they are.
    overwrite : bool
        Replace the one that is in `out`.
    **choices
        Fields of `TrainingConfig`, replacing those of `config`.

    Returns
    -------
    CrossValidation

    Raises
    ------
    InputError
        If the folds cannot be made, or `out` holds another cross-validation.

    Notes
    -----
    The standard deviation over folds is a description of how much the number moves, not a standard
    error: the folds' training sets overlap, so the runs are not independent.
    """
    data = Dataset.open(data, genome)
    config = TrainingConfig.from_dict({**(config or TrainingConfig()).to_dict(), **choices})
    made = make_folds(data, folds, config.seed)
    baselines = _known_baselines(data, baselines)
    out = Path(out).expanduser()
    plan = _plan(data, config, made, baselines)
    _begin(out, plan, resume, overwrite)
    for note in made.notes:
        say(note)

    began, runs, entries = time.monotonic(), [], []
    trained = 0
    for fold, name in enumerate(made.names):
        folder = out / f"fold{fold + 1}"
        here = _dataset_of(data, made, fold)
        if not (folder / MODEL).exists():
            say(_heading(made, fold, began, trained))
            _train(here, folder, config)
            trained += 1
        run = Run.open(folder)
        runs.append(run)
        entries.append(_measure(run, here, made, fold, baselines))
        say(f"{name}: {in_words(entries[-1]['models'][0])}")
        result = write_folds(out, plan, entries)
    return CrossValidation(*result, runs, [out / name for name in (FOLDS, TABLE, FIGURE)])


def _known_baselines(data: Dataset, baselines: Sequence[str] | None) -> list[str]:
    from seqdl.evaluation.baselines import check_baseline
    from seqdl.evaluation.coverage_baselines import check_coverage_baseline

    if baselines is None:
        return [_BASELINE[data.task]]
    baselines = [baselines] if isinstance(baselines, str) else list(dict.fromkeys(baselines))
    for name in baselines:
        (check_coverage_baseline if data.task == "coverage" else check_baseline)(name)
    return baselines


def _plan(data: Dataset, config: TrainingConfig, folds: Folds, baselines: list[str]) -> dict:
    listed = [
        {
            "name": name, "folder": f"fold{i + 1}", "windows": folds.windows(i),
            folds.unit + "s": folds.n_units[i],
            **({"contigs": list(folds.members[i])} if folds.unit == "contig" else {}),
        }
        for i, name in enumerate(folds.names)
    ]  # fmt: skip
    return {
        "format": FORMAT, "version": VERSION, "task": data.task, "unit": folds.unit,
        "random_split": folds.unit == "window", "dataset": str(data.path.resolve()),
        "dataset_sha256": data.sha256, "assignment": folds.digest, "config": config.to_dict(),
        "baselines": baselines, "folds": listed, "notes": folds.notes,
    }  # fmt: skip


def _begin(out: Path, plan: dict, resume: bool, overwrite: bool) -> None:
    if (out / MODEL).exists() or (out / CHECKPOINT).exists():
        raise InputError(f"{out} holds a single run. Choose another --out for the folds.")
    folders = {entry["folder"] for entry in plan["folds"]}
    if overwrite and (out / FOLDS).exists():
        # An earlier one may have had more folds.
        folders |= {str(entry["folder"]) for entry in read_plan(out / FOLDS, plan, WHAT)["folds"]}
    begin_plan(
        out, FOLDS, plan, what=WHAT, resume=resume, overwrite=overwrite, files=(TABLE, FIGURE),
        folders=sorted(folders),
        compared={
            "dataset_sha256": "another dataset", "assignment": "other folds", "baselines": "other baselines",
        },
    )  # fmt: skip


def _dataset_of(data: Dataset, folds: Folds, fold: int) -> Dataset:
    """Give the dataset the split of one fold; its card tells which."""
    test = data.split == SPLITS.index("test")
    contigs = sorted(set(data.chroms[test]) - {""}) if data.kind == "genome" else []
    roles = folds.roles(fold)
    if data.provenance.get("arguments", {}).get("train_stride"):
        # Windows laid between the bins train; measured, they would count their contigs several times.
        between = (data.starts + (data.window - data.bin) // 2) % data.bin != 0
        roles[between & (data.contig_ids >= 0) & (roles != TRAIN)] = DROPPED
    return data.with_split(
        roles,
        "random" if folds.unit == "window" else "folds",
        {
            "number": fold + 1, "of": len(folds.names), "name": folds.names[fold],
            "stopped_by": folds.names[folds.stopper(fold)], "unit": folds.unit, "assignment": folds.digest,
            "unseen": {"windows": int(test.sum()), "contigs": contigs},
        },
    )  # fmt: skip


def _heading(folds: Folds, fold: int, began: float, trained: int) -> str:
    held = (
        f" ({few(folds.members[fold])})"
        if folds.members[fold]
        else f" ({folds.n_units[fold]:,} {folds.unit}s)"
    )
    text = (
        f"Fold {fold + 1} of {len(folds.names)}: {folds.names[fold]}{held} is held out, "
        f"{folds.windows(fold):,} windows; {folds.names[folds.stopper(fold)]} says when to stop"
    )
    if trained:
        left = (time.monotonic() - began) / trained * (len(folds.names) - fold)
        text += f"; {time_left(left)}"
    return text + "."


def _train(data: Dataset, folder: Path, config: TrainingConfig) -> None:
    from seqdl.training.fit import fit

    fit(data, folder, config, resume=(folder / CHECKPOINT).exists())


def _measure(run: Run, data: Dataset, folds: Folds, fold: int, baselines: list[str]) -> dict:
    """Evaluate a run on its fold, unless that was done; return the fold's entry for folds.json."""
    from seqdl.evaluation.evaluate import evaluate

    folder = run.folder / MEASURED
    if (folder / METRICS).exists():
        metrics = _read_metrics(folder / METRICS)
    else:
        metrics = evaluate(run, data, split="test", baselines=baselines, bootstrap=0, out=folder).metrics
    training = run.card["training"]
    split = run.card["split"]
    return {
        "fold": fold + 1, "name": folds.names[fold], "held_out": list(folds.members[fold]),
        "windows": split["test"]["windows"],
        "train_windows": split["train"]["windows"], "valid_windows": split["valid"]["windows"],
        "best_epoch": training["best_epoch"], "epochs_run": training["epochs_run"],
        "seconds": training["seconds"], "models": [single_numbers(model) for model in metrics["models"]],
    }  # fmt: skip


def _read_metrics(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}. Remove it and go on with --resume.") from error
