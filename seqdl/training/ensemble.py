"""Deep ensembles: the same training from several seeds, joined into one run that every command takes.

The mean of independently trained networks predicts better than each, and their spread tells where they
do not know (Lakshminarayanan, Pritzel and Blundell 2017, "Simple and scalable predictive uncertainty
estimation using deep ensembles").
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.files import write_text
from seqdl.models.ensemble import ensemble_members, ensemble_models
from seqdl.progress import say
from seqdl.training.config import TrainingConfig
from seqdl.training.ensemble_card import check_together, joined_card, write_histories
from seqdl.training.plan import begin_plan
from seqdl.training.run import CARD, CHECKPOINT, CONFIG, HISTORY, MEMBER_HISTORIES, METRICS, MODEL, Run
from seqdl.words import time_left

FORMAT, VERSION = "seqdl-members", 1
PLAN, FOLDER = "members.json", "members"
_WHAT = "an ensemble"
_FILES = (MODEL, CARD, CONFIG, HISTORY, METRICS, CHECKPOINT, MEMBER_HISTORIES)


def fit_ensemble(
    data: Dataset | str | Path,
    out: str | Path,
    config: TrainingConfig | None = None,
    *,
    members: int,
    genome: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    **choices,
) -> Run:
    """Train several networks that differ in their seed alone, and join them into one run.

    Parameters
    ----------
    data : Dataset or path
        As for `fit`.
    out : path
        The joined run's folder; each member's own run is in ``members/1``, ``members/2``, ...
    config : TrainingConfig, optional
        The first member's; the next ones have the seeds that follow its seed.
    members : int
        How many, at least 2. Five give most of what there is to gain.
    genome : path, optional
        Where the dataset's genome is now, if it has moved.
    resume : bool
        Go on with an ensemble that was cut off: members that are finished stay as they are.
    overwrite : bool
        Replace the run that is there.
    **choices
        Fields of `TrainingConfig`, replacing those of `config`.

    Returns
    -------
    run : Run

    Raises
    ------
    InputError
        If `members` makes no sense, or the folder holds something else.
    """
    from seqdl.training.fit import fit

    if isinstance(members, bool) or not isinstance(members, int) or members < 2:
        raise InputError(f"`members` must be a whole number of at least 2. Received: {members!r}.")
    data = Dataset.open(data, genome)
    config = TrainingConfig.from_dict({**(config or TrainingConfig()).to_dict(), **choices})
    configs = [replace(config, seed=config.seed + number) for number in range(members)]
    out = Path(out).expanduser()
    plan = {
        "format": FORMAT, "version": VERSION, "members": members, "dataset_sha256": data.sha256,
        "config": config.to_dict(), "fold": data.fold,
    }  # fmt: skip
    resumed = begin_plan(
        out, PLAN, plan, what=_WHAT, files=_FILES, folders=(FOLDER,), resume=resume, overwrite=overwrite,
        compared={
            "dataset_sha256": "another dataset", "members": "another number of members",
            "fold": "another fold",
        },
    )  # fmt: skip
    if resumed and (out / MODEL).exists():
        raise InputError(f"{out} holds a finished ensemble; there is nothing to resume.")
    write_text(out / CONFIG, json.dumps(config.to_dict(), indent=1))
    began, trained, runs = time.monotonic(), 0, []
    for number, one in enumerate(configs, 1):
        folder = out / FOLDER / str(number)
        if not (folder / MODEL).exists():
            text = f"Member {number} of {members}, seed {one.seed}"
            if trained:
                left = (time.monotonic() - began) / trained * (members - number + 1)
                text += f"; {time_left(left)}"
            say(f"{text}.")
            fit(data, folder, one, resume=(folder / CHECKPOINT).exists())
            trained += 1
        runs.append(Run.open(folder))
    return _join(runs, out)


def join_runs(runs: Sequence[Run | str | Path], out: str | Path, *, overwrite: bool = False) -> Run:
    """Join finished runs into one, which predicts the mean of what they predict.

    Parameters
    ----------
    runs : sequence of Run or path
        At least two, of the same targets, window, genome, task and dataset; their networks may differ.
        The folds of one cross-validation can be joined too: their common test split is unseen.
    out : path
        The joined run's folder. It holds the members' weights, so they need not be kept.
    overwrite : bool
        Replace the run that is there.

    Returns
    -------
    run : Run

    Raises
    ------
    InputError
        If the runs do not belong together (the message names the first difference), or `out` holds a run.
    """
    if isinstance(runs, (str, Path, Run)) or len(runs) < 2:
        raise InputError("An ensemble needs at least two runs.")
    opened = [Run.open(run) for run in runs]
    out = Path(out).expanduser()
    files = [(run.path if run.path.is_file() else run.path / MODEL).resolve() for run in opened]
    for place, file in enumerate(files):
        folder = file.parent
        if file in files[:place]:
            raise InputError(f"The run {opened[place].path} is named twice; a member counts once.")
        if out.resolve() in (folder, folder.parent) and (out / MODEL).exists():
            raise InputError(f"--out {out} is one of the runs to join. Choose another folder.")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; a folder is needed.")
    there = [name for name in (*_FILES, PLAN) if (out / name).exists()]
    if there and not overwrite:
        raise InputError(f"{out} holds a run. Choose another --out, or replace it with --overwrite.")
    check_together(opened)
    if (out / PLAN).exists():
        raise InputError(f"{out} holds an ensemble with its members. Choose another --out.")
    for name in there:
        (out / name).unlink()
    return _join(opened, out)


def member_predictions(
    run: Run | str | Path,
    codes: np.ndarray,
    *,
    batch_size: int | None = None,
    strand_average: bool | None = None,
) -> np.ndarray:
    """Predict with each member of an ensemble: their spread says how sure the ensemble is.

    Parameters
    ----------
    run : Run or path
        A joined run.
    codes : uint8 array, shape (n, window)
        As for `Predictor`.
    batch_size : int, optional
        Windows at once.
    strand_average : bool, optional
        As the run's card says by default.

    Returns
    -------
    predictions : float32 array
        Probabilities (members, n, targets), or coverage (members, n, bins, targets). Their mean over the
        first axis is what the run predicts.

    Raises
    ------
    InputError
        If the run is no ensemble.
    """
    from seqdl.prediction.predictor import Predictor

    run = Run.open(run)
    networks = ensemble_members(run.model)
    if not networks:
        raise InputError(
            f"{run.path} is a single network, not an ensemble. Train one with `seqdl train --members 5`, or "
            "join runs with `seqdl ensemble`."
        )
    found = []
    for network in networks:
        member = copy(run)
        member.__dict__["model"] = network  # a cached property's value: the card is the ensemble's
        predictor = Predictor(member, batch_size, strand_average)
        found.append(predictor.coverage(codes) if run.task == "coverage" else predictor.probabilities(codes))
    return np.stack(found)


def _join(runs: list[Run], out: Path) -> Run:
    from seqdl.models.save import save_model_file

    task = runs[0].task
    model = ensemble_models([run.model for run in runs], task)
    card = joined_card(runs, int(model.count_params()))
    out.mkdir(parents=True, exist_ok=True)
    write_histories(out / MEMBER_HISTORIES, runs)
    write_text(out / CARD, json.dumps(card, indent=1))
    save_model_file(model, out / MODEL, card)
    say(f"Joined {len(runs)} runs into {out}.")
    return Run.open(out)
