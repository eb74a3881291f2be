"""What a cross-validation writes: a row a fold, mean and spread, a figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqdl.files import write_text

if TYPE_CHECKING:
    import pandas as pd

FOLDS, TABLE, FIGURE = "folds.json", "folds.tsv", "folds.svg"
_LESS_IS_BETTER = ("ece", "deviance", "jsd", "mse", "mae", "error", "loss")  # in a metric's name
_MORE_IS_BETTER = ("explained",)


def summarise_folds(table: pd.DataFrame) -> pd.DataFrame:
    """Reduce a table of folds to mean and spread.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a fold and model, as in folds.tsv; a metric's column begins with ``metric_``.

    Returns
    -------
    pandas.DataFrame
        Columns model, label, metric, folds, mean, sd, lowest, highest, and for all but the network
        difference (mean of network minus model over folds) and better_on (folds on which the network is
        better: lower for an error, higher otherwise).
    """
    import pandas as pd

    rows = []
    metrics = [column for column in table.columns if column.startswith("metric_")]
    network = table[table["model"] == "network"].set_index("fold")
    for model, part in table.groupby("model", sort=False):
        for metric in metrics:
            values = part.set_index("fold")[metric].dropna().astype(float)
            row = {
                "model": model, "label": part["label"].iloc[0], "metric": metric.removeprefix("metric_"),
                "folds": len(values), "mean": values.mean(), "sd": values.std(ddof=1),
                "lowest": values.min(), "highest": values.max(),
            }  # fmt: skip
            if model != "network":
                gain = (network[metric].astype(float) - values).dropna()
                sign = -1 if _lower_is_better(metric) else 1
                row |= {"difference": gain.mean(), "better_on": int((sign * gain > 0).sum())}
            if len(values):
                rows.append(row)
    return pd.DataFrame(rows)


def _lower_is_better(metric: str) -> bool:
    words = metric.split("_")
    return any(w in words for w in _LESS_IS_BETTER) and not any(w in words for w in _MORE_IS_BETTER)


def single_numbers(model: dict) -> dict:
    """Keep what a model is called and its single numbers: those that can be averaged over folds.

    Parameters
    ----------
    model : dict
        An entry of "models" in metrics.json.

    Returns
    -------
    dict
        name, label, and the numbers under "metrics".
    """
    kept = {
        key: value
        for key, value in model.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    return {"name": model["name"], "label": model["label"], "metrics": kept}


def in_words(model: dict) -> str:
    """Write a model's numbers, from `single_numbers`, for a line on the screen."""
    from seqdl.plot.folds import metric_words

    return ", ".join(f"{metric_words(name)} {value:.3f}" for name, value in model["metrics"].items())


def write_folds(out: Path, plan: dict, entries: list[dict]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write table, figure and, last, folds.json.

    Parameters
    ----------
    out : Path
    plan : dict
        With which the cross-validation began.
    entries : list of dict
        One a fold that was measured.

    Returns
    -------
    table, summary : pandas.DataFrame
        See `CrossValidation`.
    """
    import pandas as pd

    from seqdl.evaluation.outputs import FIGURE_STAMP, write_table
    from seqdl.plot.folds import plot_folds
    from seqdl.plot.style import save_figure

    random_split = plan["random_split"]
    rows = []
    for entry in entries:
        fixed = {key: value for key, value in entry.items() if key != "models"}
        fixed["held_out"] = ",".join(entry["held_out"])
        for model in entry["models"]:
            numbers = {f"metric_{name}": value for name, value in model["metrics"].items()}
            rows.append({**fixed, "model": model["name"], "label": model["label"], **numbers})
    table = pd.DataFrame(rows)
    summary = summarise_folds(table)
    write_table(out / TABLE, table, random_split)
    stamp = FIGURE_STAMP if random_split else ""
    save_figure(plot_folds(table, summary, stamp=stamp), out / FIGURE)
    records = [
        {key: None if value != value else value for key, value in row.items()}
        for row in summary.astype(object).to_dict("records")
    ]
    done = len(entries) == len(plan["folds"])
    found = {**plan, "finished": done, "results": entries, "summary": records}
    write_text(out / FOLDS, json.dumps(found, indent=1, default=_plain))
    return table, summary


def _plain(value):
    """Turn a NumPy number into JSON's."""
    return value.item() if isinstance(value, np.generic) else str(value)
