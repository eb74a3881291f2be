"""Draw how the members of an ensemble were trained: one curve each, on the validation windows."""

from __future__ import annotations

import numpy as np

from seqdl.plot.curves import METRIC_NAMES, best_epoch, history_metrics
from seqdl.plot.style import BLUE, ORANGE, new_figure, style


def plot_member_histories(histories, *, monitor: str = "val_loss", top: int = 2):
    """Draw every member's validation curves in one picture, each with its kept epoch.

    Parameters
    ----------
    histories : sequence of pandas.DataFrame
        One a member, one row an epoch.
    monitor : str
        Column that early stopping watched.
    top : int
        At most this many quantities.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.ticker import MaxNLocator

    names = (history_metrics(histories[0], monitor) or ["loss"])[:top]
    with style():
        figure, axes = new_figure(4.9 * len(names), 3.0, 1, len(names))
        for ax, name in zip(axes[0], names, strict=True):
            for number, history in enumerate(histories):
                column = f"val_{name}" if f"val_{name}" in history else name
                if column not in history:
                    continue
                values, best = history[column].to_numpy(float), best_epoch(history, monitor)
                ax.plot(np.arange(1, len(history) + 1), values, color=BLUE, alpha=0.6, linewidth=1.2,
                        label=None if number else "a member")  # fmt: skip
                ax.plot(best + 1, values[best], "o", color=ORANGE, markersize=4,
                        label=None if number else "kept epoch")  # fmt: skip
            ax.set_xlabel("epoch")
            ax.set_title(f"{METRIC_NAMES.get(name, name)}, validation")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.legend(loc="best")
    return figure
