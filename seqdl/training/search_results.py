"""What a search writes: the table of its trials, its best configuration, its figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from seqdl.files import write_text
from seqdl.training.run import CONFIG
from seqdl.training.search_space import Parameter

if TYPE_CHECKING:
    import pandas as pd

PLAN, TABLE, FIGURE, FOLDER = "search.json", "trials.tsv", "search.svg", "trials"
STATES = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
_ENOUGH = 10  # finished trials from which on importances say something


def trial_table(study, parameters: tuple[Parameter, ...]) -> pd.DataFrame:
    """Tabulate the trials of a study that are over.

    Parameters
    ----------
    study : optuna.Study
    parameters : tuple of Parameter

    Returns
    -------
    pandas.DataFrame
        Columns trial (from 1; names its folder), state (finished, pruned, failed), value (of the finished),
        best_epoch, epochs_run, seconds, one a parameter, reason.
    """
    import pandas as pd

    rows = []
    for trial in study.get_trials(deepcopy=False):
        told = trial.user_attrs
        if "seconds" not in told:
            continue
        row = {
            "trial": trial.number + 1, "state": STATES[trial.state.name],
            "value": trial.value if trial.state.name == "COMPLETE" else None,
            "best_epoch": told.get("best_epoch"), "epochs_run": told["epochs_run"],
            "seconds": told["seconds"],
        }  # fmt: skip
        for parameter in parameters:
            value = trial.params.get(parameter.name)
            # A choice is stored as JSON text, which is how a table shows it too.
            row[parameter.label] = value
        rows.append({**row, "reason": told["reason"]})
    columns = ["trial", "state", "value", "best_epoch", "epochs_run", "seconds"]
    columns += [*(parameter.label for parameter in parameters), "reason"]
    table = pd.DataFrame(rows, columns=columns)  # named, for a search whose time was over before a trial began
    table["value"] = table["value"].astype(float)
    table["best_epoch"] = table["best_epoch"].astype("Int64")
    return table


def importances(study) -> dict[str, float] | None:
    """Estimate how much of the trials' differences each parameter explains (fANOVA, Hutter et al. 2014).

    Parameters
    ----------
    study : optuna.Study

    Returns
    -------
    shares : dict of str to float, or None
        Adding up to 1, largest first; None before enough trials are finished to tell, or where their
        values do not differ.
    """
    import optuna

    finished = [t for t in study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    if len(finished) < _ENOUGH or len({t.value for t in finished}) < 2:
        return None
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    try:
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (ValueError, RuntimeError):  # no variance that a tree could explain
        return None
    return {name: round(float(share), 4) for name, share in shares.items()}


def write_results(out: Path, plan: dict, study, table: pd.DataFrame, shares: dict | None = None) -> None:
    """Write trials.tsv, config.json of the best trial and, last, search.json.

    Parameters
    ----------
    out : Path
    plan : dict
        With which the search began.
    study : optuna.Study
    table : pandas.DataFrame
        From `trial_table`.
    shares : dict of str to float, optional
        From `importances`, once the search is over.
    """
    from seqdl.evaluation.outputs import write_table

    write_table(out / TABLE, table, False)
    best = None
    if (table["state"] == "finished").any():
        trial = study.best_trial
        folder = out / FOLDER / f"{trial.number + 1:04d}"
        best = {
            "trial": trial.number + 1, "value": trial.value, "run": str(folder.relative_to(out)),
            "parameters": trial.params,
        }  # fmt: skip
        write_text(out / CONFIG, (folder / CONFIG).read_text(encoding="utf-8"))
    counts = {state: int((table["state"] == state).sum()) for state in STATES.values()}
    found = {**plan, "trials": counts, "best": best, "importances": shares}
    write_text(out / PLAN, json.dumps(found, indent=1))


def write_figure(
    out: Path, table: pd.DataFrame, parameters: tuple[Parameter, ...], monitor: str, shares: dict | None
) -> None:
    """Write search.svg.

    Parameters
    ----------
    out : Path
    table : pandas.DataFrame
        With a finished trial.
    parameters : tuple of Parameter
    monitor : str
    shares : dict of str to float or None
        From `importances`.
    """
    from seqdl.plot.search import plot_search
    from seqdl.plot.style import save_figure

    save_figure(plot_search(table, parameters, monitor, shares), out / FIGURE)
