"""Draw a hyper-parameter search: how the best value fell or rose, and each parameter's part in it."""

from __future__ import annotations

import json

import numpy as np

from seqdl.plot.style import BLUE, GREY, ORANGE, new_figure, style

SHOWN = 7  # parameters at most
_COLUMNS = 4


def plot_search(table, parameters, monitor: str, importances: dict[str, float] | None = None):
    """Draw the trials in order, then the value against each parameter.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `seqdl.training.search_results.trial_table`, with at least one finished trial.
    parameters : sequence of Parameter
        What was searched; a logarithmic range is drawn so.
    monitor : str
        What was optimised: smaller is better for a loss.
    importances : dict of str to float, optional
        Share of each parameter by name, written in its panel; the largest come first.

    Returns
    -------
    matplotlib.figure.Figure
    """
    finished = table[table["state"] == "finished"]
    values = finished["value"].to_numpy(float)
    falling = monitor.endswith("loss")
    best = int(values.argmin() if falling else values.argmax())
    shares = importances or {}
    shown = sorted(parameters, key=lambda p: -shares.get(p.name, 0.0))[:SHOWN]
    panels = 1 + len(shown)
    columns = min(_COLUMNS, panels)
    rows = -(-panels // columns)
    with style():
        figure, axes = new_figure(2.7 * columns, 2.5 * rows, rows, columns)
        axes = axes.ravel()
        for ax in axes[panels:]:
            ax.set_axis_off()
        _course(axes[0], table, finished, values, falling, best)
        axes[0].set_ylabel(monitor.replace("_", " "))
        for ax, parameter in zip(axes[1:], shown, strict=False):
            x = _places(ax, finished[parameter.label], parameter)
            ax.plot(x, values, "o", color=BLUE, markersize=4, alpha=0.7)
            ax.plot(x[best], values[best], "o", color=ORANGE, markersize=6)
            share = f" ({100 * shares[parameter.name]:.0f} %)" if parameter.name in shares else ""
            ax.set_title(f"{parameter.label}{share}".replace("_", " "))
    return figure


def _course(ax, table, finished, values: np.ndarray, falling: bool, best: int) -> None:
    from matplotlib.ticker import MaxNLocator

    x = finished["trial"].to_numpy()
    ax.plot(x, values, "o", color=BLUE, markersize=4, alpha=0.7)
    so_far = np.minimum.accumulate(values) if falling else np.maximum.accumulate(values)
    ax.step(x, so_far, where="post", color=ORANGE, label="best so far")
    ax.plot(x[best], values[best], "o", color=ORANGE, markersize=6)
    pruned = table.loc[table["state"] == "pruned", "trial"]
    edge = values.max() if falling else values.min()
    if len(pruned):
        ax.plot(pruned, np.full(len(pruned), edge), "|", color=GREY, label="pruned")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("trial")
    ax.set_title("course")
    ax.legend(loc="best")


def _places(ax, column, parameter) -> np.ndarray:
    """Return where values stand on the axis; choices stand side by side under their own names."""
    if parameter.choices is None:
        if parameter.log:
            ax.set_xscale("log")
        return column.to_numpy(float)
    names = [json.dumps(choice) for choice in parameter.choices]
    labels = [name.strip('"') if len(name) <= 12 else f"{name[:10]}…" for name in names]
    ax.set_xticks(range(len(names)), labels, rotation=30, ha="right", fontsize=7)
    ax.set_xlim(-0.5, len(names) - 0.5)
    return np.array([names.index(value) for value in column], float)
