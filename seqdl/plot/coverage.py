"""Draw coverage: tracks as observed and as predicted, all bins at once, a network beside its baselines."""

from __future__ import annotations

import numpy as np

from seqdl.plot.style import (
    GREY,
    INK,
    MODEL_LABELS,
    MODEL_LINES,
    VERMILION,
    color_of,
    new_figure,
    stamp_figure,
    style,
)

# Edges of the map's cells: multiples of the track's training mean, four cells a doubling. What is less than
# the first edge, 0 among it, has a cell of its own.
EDGES = 2.0 ** np.arange(-5, 8.01, 0.25)
_NAMED = 24  # tracks that get a row with their name; more become points


def plot_tracks(tracks, *, metric: str = "pearson", stamp: str = ""):
    """Draw the correlation of every track, the network beside its baselines.

    Parameters
    ----------
    tracks : pandas.DataFrame
        ``metrics.tsv`` of a coverage run: columns target, model, the metric, and the metric's _lo and _hi.
    metric : str
        Column to draw.
    stamp : str
        Warning to print across the top, such as "RANDOM SPLIT: leaks".

    Returns
    -------
    matplotlib.figure.Figure
        Up to 24 tracks: a row each, with intervals. More: network against the best baseline, a point each.
    """
    wide = tracks.pivot_table(index="target", columns="model", values=metric, sort=False, dropna=False)
    wide = wide.sort_values("network", ascending=False, na_position="last")
    models = list(dict.fromkeys(tracks["model"]))
    if len(wide) > _NAMED and len(models) > 1:
        return _points(wide, models, metric, stamp)
    shown = wide.iloc[:_NAMED]
    by_model = tracks.set_index(["model", "target"])
    with style():
        figure, axes = new_figure(6.2, 1.1 + 0.3 * len(shown))
        ax = axes[0, 0]
        for place, model in enumerate(models):
            rows = by_model.loc[model].reindex(shown.index)
            values = rows[metric].to_numpy(float)
            low, high = (rows[f"{metric}_{side}"].to_numpy(float) for side in ("lo", "hi"))
            spread = np.nan_to_num(np.abs(np.stack([values - low, high - values])))
            ax.errorbar(
                values, np.arange(len(shown)), xerr=spread if model == "network" else None, fmt="o",
                markersize=6 if model == "network" else 4.5, color=color_of(model, place), capsize=0,
                label=MODEL_LABELS.get(model, model), zorder=3 if model == "network" else 2,
            )  # fmt: skip
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.set_yticks(range(len(shown)), [str(name) for name in shown.index], fontsize=8)
        ax.set_ylim(len(shown) - 0.5, -0.5)
        ax.set_xlim(right=1.0)
        ax.set_xlabel(f"{_name(metric)}, with its interval")
        figure.legend(loc="outside upper left", ncols=len(models))
        stamp_figure(figure, stamp)
    return figure


def _points(wide, models: list[str], metric: str, stamp: str):
    others = [name for name in models if name != "network"]
    best = max(others, key=lambda name: np.nan_to_num(wide[name].median(), nan=-2))
    with style():
        figure, axes = new_figure(4.4, 4.2)
        ax = axes[0, 0]
        low = float(np.nanmin([wide[best].min(), wide["network"].min(), 0]))
        ax.plot([low, 1], [low, 1], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        ax.plot(wide[best], wide["network"], "o", markersize=3, alpha=0.5, color=color_of("network"))
        ax.set(xlim=(low, 1), ylim=(low, 1), aspect="equal")
        ax.set_xlabel(f"{_name(metric)}, {MODEL_LABELS.get(best, best)}")
        ax.set_ylabel(f"{_name(metric)}, network")
        ax.set_title(f"{len(wide):,} tracks")
        stamp_figure(figure, stamp)
    return figure


def plot_scatter(scatter, *, stamp: str = ""):
    """Draw how many bins have which observed and predicted value, on logarithmic axes.

    Parameters
    ----------
    scatter : pandas.DataFrame
        ``scatter.tsv``: columns observed, predicted (lower edges of cells, multiples of the track's mean; 0
        is what lies below the first edge) and bins.
    stamp : str
        Warning to print across the top.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.colors import LogNorm

    places = np.concatenate([[0.0], EDGES[:-1]])
    grid = np.zeros((len(places), len(places)))
    row, column = (np.abs(scatter[name].to_numpy()[:, None] - places).argmin(axis=1)
                   for name in ("predicted", "observed"))  # fmt: skip
    grid[row, column] = scatter["bins"]
    edges = np.arange(len(places) + 1)
    ticks = [0, *(1 + int(np.argmin(np.abs(EDGES - value))) for value in (0.125, 1, 8, 64))]
    with style():
        figure, axes = new_figure(4.8, 4.0)
        ax = axes[0, 0]
        top = int(max(row.max(initial=1), column.max(initial=1))) + 1
        mesh = ax.pcolormesh(edges, edges, np.ma.masked_equal(grid, 0), norm=LogNorm(), cmap="viridis",
                             rasterized=True)  # fmt: skip
        ax.plot([0, top], [0, top], color=VERMILION, linewidth=1.0, linestyle=(0, (4, 3)))
        for set_ticks in (ax.set_xticks, ax.set_yticks):
            set_ticks(ticks, ["~0", "⅛", "1", "8", "64"])
        ax.set(xlim=(0, top), ylim=(0, top), aspect="equal")
        ax.grid(False)
        ax.set_xlabel("observed (multiples of the track's mean)")
        ax.set_ylabel("predicted")
        figure.colorbar(mesh, ax=ax, label="bins")
        stamp_figure(figure, stamp)
    return figure


def plot_examples(examples, *, stamp: str = ""):
    """Draw stretches of the genome as observed and as predicted: tracks below each other.

    Parameters
    ----------
    examples : pandas.DataFrame
        ``examples.tsv``: columns region, why, chrom, start, end, target, pearson, observed, and one a model.
    stamp : str
        Warning to print across the top.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    regions, targets = (list(dict.fromkeys(examples[name])) for name in ("region", "target"))
    models = [name for name in examples.columns[list(examples.columns).index("observed") + 1 :]]
    groups = dict(list(examples.groupby(["region", "target"], sort=False)))
    with style():
        figure, axes = new_figure(
            3.4 * len(regions), 0.7 + 1.25 * len(targets), len(targets), len(regions), sharex="col"
        )
        for column, region in enumerate(regions):
            for place, target in enumerate(targets):
                ax, part = axes[place, column], groups[region, target]
                edges = np.append(part["start"], part["end"].iloc[-1]) / 1e3
                ax.stairs(part["observed"], edges, fill=True, color="#C5CDD5", label="observed")
                for number, model in enumerate(reversed(models)):
                    ax.stairs(
                        part[model], edges, baseline=None, color=color_of(model, number),
                        linestyle=MODEL_LINES.get(model, "-."), linewidth=1.4 if model == "network" else 1.0,
                        label=MODEL_LABELS.get(model, model),
                    )  # fmt: skip
                ax.set_xlim(edges[0], edges[-1])
                ax.set_ylim(bottom=min(0, float(np.nanmin([0.0, *part["observed"].dropna()]))))
                ax.xaxis.set_major_locator(MaxNLocator(4))
                ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
                ax.yaxis.set_major_locator(MaxNLocator(3))
                if place == 0:
                    ax.set_title(str(part["why"].iloc[0]), fontsize=9)
                if column == 0:
                    ax.set_ylabel(_short(target), fontsize=8)
                if place == len(targets) - 1:
                    ax.set_xlabel(f"{part['chrom'].iloc[0]} (kb)")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))
        stamp_figure(figure, stamp)
    return figure


def _short(name: object) -> str:
    text = str(name)
    return text if len(text) <= 22 else f"{text[:21]}…"


def _name(metric: str) -> str:
    return {"pearson": "Pearson r over bins", "profile_pearson": "Pearson r inside windows"}.get(
        metric, metric
    )
