"""Draw how well a network does beside its baselines: ROC, precision-recall and calibration."""

from __future__ import annotations

import numpy as np

from seqdl.plot.style import GREY, INK, MODEL_LABELS, MODEL_LINES, color_of, new_figure, stamp_figure, style

_ORDER = ("network", "lsgkm", "gkm", "kmer", "gc_length")


def plot_category_curves(curves, *, top: int = 4, stamp: str = ""):
    """Draw median ROC and precision-recall curves: above each other in a column a category, or side by side.

    Parameters
    ----------
    curves : pandas.DataFrame
        ``curves.tsv``: columns model, category, curve, x, y, n_targets, base_rate.
    top : int
        At most this many columns: "all", then the categories with most targets.
    stamp : str
        Warning to print across the top, such as "RANDOM SPLIT: leaks".

    Returns
    -------
    matplotlib.figure.Figure
    """
    sizes = curves.drop_duplicates("category").set_index("category")["n_targets"]
    sizes = sizes.sort_values(ascending=False, kind="stable")
    categories = ["all", *(name for name in sizes.index if name != "all")][:top]
    models = _models(curves)
    with style():
        if len(categories) == 1:
            figure, axes = new_figure(6.6, 3.1, 1, 2)
            axes = axes.T
        else:
            figure, axes = new_figure(2.75 * len(categories), 5.4, 2, len(categories), sharey="row")
        for column, category in enumerate(categories):
            here = curves[curves["category"] == category]
            number = int(here["n_targets"].iloc[0])
            for row, curve in enumerate(("roc", "pr")):
                ax = axes[row, column]
                for place, model in enumerate(models):
                    line = here[(here["model"] == model) & (here["curve"] == curve)]
                    ax.plot(
                        line["x"], line["y"], color=color_of(model, place),
                        linestyle=MODEL_LINES.get(model, "-."),
                        label=MODEL_LABELS.get(model, model), zorder=3 if model == "network" else 2,
                    )  # fmt: skip
                guess = [0, 1] if curve == "roc" else [here["base_rate"].iloc[0]] * 2
                ax.plot([0, 1], guess, color=GREY, linewidth=0.8, linestyle=(0, (1, 3)), label="guessing")
                ax.set(xlim=(0, 1), ylim=(0, 1.01))
                ax.set_xlabel("false positive rate" if curve == "roc" else "recall")
            name = "all targets" if category == "all" else category
            axes[0, column].set_title(f"{name} ({number})")
        axes[0, 0].set_ylabel("true positive rate")
        axes[1, 0].set_ylabel("precision")
        axes[0, 0].legend(loc="lower right")
        stamp_figure(figure, stamp)
    return figure


def plot_calibration(calibration, *, stamp: str = ""):
    """Draw predicted probability against the observed share, in two pictures.

    Bins of equal width on straight axes show the rare high predictions; bins of equal numbers on logarithmic
    axes show where nearly all predictions lie.

    Parameters
    ----------
    calibration : pandas.DataFrame
        ``calibration.tsv``: columns model, bin_lo, bin_hi, n, mean_predicted, observed and binning.
    stamp : str
        Warning to print across the top.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = [b for b in ("uniform", "quantile") if (calibration["binning"] == b).any()]
    models = _models(calibration)
    with style():
        figure, axes = new_figure(3.7 * len(panels), 3.5, 1, len(panels))
        for ax, panel in zip(axes[0], panels, strict=True):
            shown = calibration[(calibration["binning"] == panel) & (calibration["n"] > 0)]
            logarithmic = panel == "quantile"
            if logarithmic:
                shown = shown[(shown["observed"] > 0) & (shown["mean_predicted"] > 0)]
            for place, model in enumerate(models):
                part = shown[shown["model"] == model]
                ax.plot(
                    part["mean_predicted"], part["observed"], linestyle=MODEL_LINES.get(model, "-."),
                    marker="o", markersize=3.5, linewidth=1.3,
                    color=color_of(model, place), label=MODEL_LABELS.get(model, model),
                    zorder=3 if model == "network" else 2,
                )  # fmt: skip
            low, high = 0.0, 1.0
            if logarithmic:
                values = shown[["mean_predicted", "observed"]].to_numpy(float)
                low, high = (values.min() / 1.5, values.max() * 1.5) if values.size else (1e-4, 1.0)
                ax.set(xscale="log", yscale="log")
            ax.plot(
                [low, high], [low, high], color=INK, linewidth=0.8, linestyle=(0, (4, 3)), label="perfect"
            )
            margin = 0.0 if logarithmic else 0.02
            ax.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin), aspect="equal")
            ax.set_title("equal numbers, log axes" if logarithmic else "bins of equal width")
            ax.set_xlabel("predicted probability")
        axes[0, 0].set_ylabel("share that carries the target")
        axes[0, 0].legend(loc="upper left")
        stamp_figure(figure, stamp)
    return figure


def _models(table) -> list[str]:
    """Return the models of a table, known ones first, so that colours and legends agree between figures."""
    present = list(dict.fromkeys(np.asarray(table["model"], dtype=object)))
    return [name for name in _ORDER if name in present] + [name for name in present if name not in _ORDER]
