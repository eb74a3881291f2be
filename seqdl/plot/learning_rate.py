"""Draw a learning-rate range test."""

from __future__ import annotations

from seqdl.plot.style import BLUE, GREEN, GREY, INK, new_figure, style


def plot_range_test(found):
    """Draw the loss against the learning rate, with the useful range and the suggestion.

    Parameters
    ----------
    found : RangeTest
        From `seqdl.training.learning_rate.learning_rate_range`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = found.table
    with style():
        figure, axes = new_figure(6.0, 3.4)
        ax = axes[0, 0]
        ax.plot(
            table["learning_rate"], table["loss"], ".", color=GREY, markersize=3, alpha=0.6, label="batch"
        )
        ax.plot(table["learning_rate"], table["smoothed"], color=BLUE, label="smoothed")
        ax.axvspan(found.lowest, found.highest, color=GREEN, alpha=0.10, linewidth=0, label="the loss falls")
        ax.axvline(found.suggestion, color=INK, linewidth=1.0, linestyle=":")
        ax.annotate(
            f"suggested {found.suggestion:.2g}", (found.suggestion, 1.0), xycoords=("data", "axes fraction"),
            xytext=(-4, -3), textcoords="offset points", ha="right", va="top", fontsize=8,
        )  # fmt: skip
        smooth = table["smoothed"]
        room = 0.35 * (smooth.iloc[0] - smooth.min())
        ax.set_ylim(smooth.min() - room, smooth.iloc[0] + 2 * room)
        ax.set(xscale="log", xlabel="learning rate", ylabel="training loss")
        ax.legend(loc="lower left")
    return figure
