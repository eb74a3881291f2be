"""`search`: hyper-parameters by optuna, judged on the validation windows; the test split is never touched."""

from __future__ import annotations

import gc
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.progress import Progress, hushed, progress_bar, say
from seqdl.training.config import TrainingConfig
from seqdl.training.plan import begin_plan
from seqdl.training.resolve import resolve
from seqdl.training.run import CHECKPOINT, CONFIG, MODEL, Run
from seqdl.training.search_results import (
    FIGURE,
    FOLDER,
    PLAN,
    TABLE,
    importances,
    trial_table,
    write_figure,
    write_results,
)
from seqdl.training.search_space import Parameter, apply_values, default_space, read_space
from seqdl.training.study import PRUNERS, best_trial, bury, done, open_study, require_optuna
from seqdl.words import duration, suggest, time_left

if TYPE_CHECKING:
    import pandas as pd

FORMAT, VERSION = "seqdl-search", 1
JOURNAL = "trials.journal"
_FAILURES = 3  # so many failed trials at the start are no accident


class Search(NamedTuple):
    """What a search found.

    Attributes
    ----------
    config : TrainingConfig
        The best trial's, as in config.json.
    value : float
        Its monitored number on the validation windows. It is the best of many, so it is too good: only the
        test split says how good the choice is.
    table : pandas.DataFrame
        Contents of trials.tsv, one row a trial.
    run : Run
        The best trial's run.
    files : list of Path
        config.json, trials.tsv, search.json, search.svg.
    """

    config: TrainingConfig
    value: float
    table: pd.DataFrame
    run: Run
    files: list[Path]


class _Stop(Exception):
    """End a training between two epochs."""


def search(
    data: Dataset | str | Path,
    out: str | Path,
    config: TrainingConfig | None = None,
    *,
    trials: int = 30,
    space: str | Path | dict | None = None,
    pruner: str = "median",
    timeout: float | None = None,
    genome: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    **choices,
) -> Search:
    """Look for better hyper-parameters with optuna's TPE sampler, pruning hopeless trials early.

    Parameters
    ----------
    data : Dataset or path
        Its training windows train, its validation windows judge.
    out : path
        Folder: config.json of the best trial, trials.tsv, search.svg, search.json, and what each trial
        wrote in ``trials/``; the weights are kept of the best one only.
    config : TrainingConfig, optional
        What is not searched. `monitor` is what is optimised; `seed` is the search's too.
    trials : int
        How many in all, those before a resume included.
    space : dict or path of a JSON file, optional
        What to choose from, see `seqdl.training.search_space.read_space`; a default for the network when
        left out.
    pruner : {"median", "hyperband", "none"}
        What ends a trial early: "median" where it is worse than half of the others were at that epoch.
    timeout : float, optional
        Minutes after which no trial goes on beyond its epoch.
    genome : path, optional
        Where the dataset's genome is now, if it has moved.
    resume : bool
        Go on with a search that was cut off, or with more trials.
    overwrite : bool
        Replace the search that is there.
    **choices
        Fields of `TrainingConfig`, replacing those of `config`.

    Returns
    -------
    Search

    Raises
    ------
    MissingDependencyError
        If optuna is not installed.
    InputError
        If the space makes no sense, `out` holds something else, or no trial came to its end.

    References
    ----------
    Akiba et al. (2019), "Optuna: a next-generation hyperparameter optimization framework".
    """
    optuna = require_optuna()
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise InputError(f"`trials` must be a whole number of at least 1. Received: {trials!r}.")
    if timeout is not None and not 0 < timeout < float("inf"):
        raise InputError(f"`timeout` must be a positive number of minutes. Received: {timeout}.")
    if pruner not in PRUNERS:
        raise InputError(
            f"`pruner` must be one of {', '.join(PRUNERS)}. Received: {pruner!r}."
            f"{suggest(str(pruner), PRUNERS)}"
        )
    data = Dataset.open(data, genome)
    config = TrainingConfig.from_dict({**(config or TrainingConfig()).to_dict(), **choices})
    config, notes = resolve(config, data)
    parameters = default_space(config, data) if space is None else read_space(space, config)
    out = Path(out).expanduser()
    plan = {
        "format": FORMAT, "version": VERSION, "monitor": config.monitor, "pruner": pruner,
        "dataset_sha256": data.sha256, "fold": data.fold, "config": config.to_dict(),
        "space": json.loads(json.dumps({p.name: p.to_json() for p in parameters})),
    }  # fmt: skip
    begin_plan(
        out, PLAN, plan, what="a search", files=(JOURNAL, TABLE, FIGURE, CONFIG), folders=(FOLDER,),
        compared={"dataset_sha256": "another dataset", "space": "another space", "pruner": "another pruner",
                  "fold": "another fold"},
        resume=resume, overwrite=overwrite,
    )  # fmt: skip
    for note in notes:
        say(note)
    study = open_study(optuna, out / JOURNAL, config, pruner)
    bury(optuna, study)
    say(f"Searching {', '.join(p.label for p in parameters)} by {config.monitor} on the validation windows.")
    deadline = None if timeout is None else time.monotonic() + 60 * timeout
    with progress_bar((trials - done(study)) * config.epochs, "Searching", "epochs") as bar:
        began, first = time.monotonic(), done(study)
        while (count := done(study)) < trials and not (deadline and time.monotonic() > deadline):
            _one_trial(optuna, study, out, data, config, parameters, count, bar, deadline)
            _tidy(study, out)
            table = trial_table(study, parameters)
            write_results(out, plan, study, table)
            _tell(table, trials, config.monitor, (time.monotonic() - began) / (count + 1 - first))
            _check_failures(table)
    best = best_trial(study)
    table, shares = trial_table(study, parameters), importances(study)
    if best is None and len(table) and (table["state"] == "failed").all():
        raise InputError(
            f"Every trial of {out} failed, the last one with: {table['reason'].iloc[-1]} Choose another "
            "space or configuration, and start afresh with --overwrite."
        )
    if best is None:
        raise InputError(
            f"No trial of {out} came to its end within the time. Give more with --timeout, and go on with "
            "--resume."
        )
    write_results(out, plan, study, table, shares)
    write_figure(out, table, parameters, config.monitor, shares)
    run = Run.open(_folder(out, best.number))
    files = [out / name for name in (CONFIG, TABLE, PLAN, FIGURE)]
    return Search(TrainingConfig.from_file(out / CONFIG), float(best.value), table, run, files)


def _folder(out: Path, number: int) -> Path:
    return out / FOLDER / f"{number + 1:04d}"


def _one_trial(
    optuna, study, out: Path, data: Dataset, config: TrainingConfig, parameters: tuple[Parameter, ...],
    count: int, bar: Progress, deadline: float | None,
) -> None:  # fmt: skip
    from seqdl.training.fit import fit

    # A sampler a trial, seeded by how many are over: a resumed search draws what an unbroken one would.
    state = np.random.SeedSequence((config.seed, count)).generate_state(1)
    study.sampler = optuna.samplers.TPESampler(seed=int(state[0]))
    trial = study.ask()
    values = {parameter.name: parameter.draw(trial) for parameter in parameters}
    began, epochs, reason = time.monotonic(), 0, ""
    states, value, told = optuna.trial.TrialState, None, {}
    with hushed() as quiet:

        def watch(epoch: int, logs: dict) -> None:
            nonlocal epochs
            epochs = epoch + 1
            with hushed(quiet):
                bar.advance()
            if np.isfinite(logs[config.monitor]):
                trial.report(float(logs[config.monitor]), epoch)
            if trial.should_prune():
                raise _Stop("pruned")
            if deadline is not None and time.monotonic() > deadline:
                raise _Stop("out of time")

        try:
            run = fit(
                data, _folder(out, trial.number), apply_values(config, values), overwrite=True, on_epoch=watch
            )
            value = float(run.card["training"]["best_value"])
            told["best_epoch"] = run.card["training"]["best_epoch"]
            state = states.COMPLETE
            if not np.isfinite(value):
                state, value, reason = states.FAIL, None, f"{config.monitor} was never a number."
        except _Stop as stop:
            state, reason = states.PRUNED, str(stop)
        except (InputError, MemoryError) as error:
            state, reason = states.FAIL, str(error) or "not enough memory"
    bar.advance(config.epochs - epochs)
    told |= {"epochs_run": epochs, "reason": reason, "seconds": round(time.monotonic() - began, 1)}
    for key, entry in told.items():  # `seconds` last: it says that the trial counts
        trial.set_user_attr(key, entry)
    study.tell(trial, value, state=state)
    gc.collect()  # a network and its optimizer refer to each other


def _tidy(study, out: Path) -> None:
    """Keep the weights of the best trial only."""
    best = best_trial(study)
    keep = _folder(out, best.number) if best is not None else None
    for folder in (out / FOLDER).glob("*"):
        for name in (MODEL, CHECKPOINT):
            if folder != keep:
                (folder / name).unlink(missing_ok=True)


def _tell(table, trials: int, monitor: str, seconds: float) -> None:
    last, finished = table.iloc[-1], table[table["state"] == "finished"]
    value = f"{monitor} {last['value']:.4f}" if last["state"] == "finished" else last["state"]
    if last["state"] == "failed":
        value += f" ({last['reason']})"
    text = f"Trial {len(table)} of {trials}: {value}, {duration(last['seconds'])}"
    if len(finished):
        place = finished["value"].idxmin() if monitor.endswith("loss") else finished["value"].idxmax()
        text += f"; best {table['value'][place]:.4f} (trial {table['trial'][place]})"
    left = seconds * (trials - len(table))
    if left:
        text += f"; {time_left(left)}"
    say(f"{text}.")


def _check_failures(table) -> None:
    if len(table) == _FAILURES and (table["state"] == "failed").all():
        raise InputError(
            f"The first {_FAILURES} trials failed, the last one with: {table['reason'].iloc[-1]} Choose "
            "another space or configuration."
        )
