"""Draw whether explanations are true: recovery, deletion and insertion, randomisation, agreement, members."""

from __future__ import annotations

import numpy as np

from seqdl.plot.logos import draw_logo
from seqdl.plot.style import GREY, INK, PALETTE, SKY, new_figure, style

COLORS = (*PALETTE[:6], INK)  # grey is for what is no method
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1)), (0, (1, 1)))


def method_label(name: str) -> str:
    """Write a method's name for a person."""
    special = {"grad_x_input": "gradient × input", "deeplift": "DeepLIFT", "deepshap": "DeepSHAP",
               "smoothgrad": "SmoothGrad", "gc": "GC content", "middle": "nearness to the middle",
               "random": "random numbers"}  # fmt: skip
    return special.get(name, name.replace("_", " "))


def _look(number: int) -> dict:
    return {"color": COLORS[number % len(COLORS)], "linestyle": LINES[number % len(LINES)]}


def _mean_band(values: np.ndarray, groups) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from seqdl.interpret.faithfulness.bases import mean_interval, resample

    return mean_interval(values, resample(len(values), groups))


def plot_recovery(recovery):
    """Draw AUROC and AUPRC of each method with their intervals, baselines below.

    Parameters
    ----------
    recovery : seqdl.interpret.faithfulness.recovery.Recovery

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = recovery.table.iloc[::-1]
    place = np.arange(len(table))
    with style():
        figure, axes = new_figure(8.6, 0.9 + 0.3 * len(table), 1, 2, sharey=True)
        chances = (0.5, float(table["positives"].iloc[0]))
        for ax, key, chance in zip(axes[0], ("auroc", "auprc"), chances, strict=True):
            for at, row in zip(place, table.to_dict("records"), strict=True):
                color = PALETTE[0] if row["kind"] == "method" else GREY
                ax.plot([row[f"{key}_low"], row[f"{key}_high"]], [at, at], color=color, linewidth=2.2)
                ax.plot(row[key], at, "o", color=color, markersize=5)
                ax.annotate(
                    f"{row[key]:.3f}", (row[key], at), textcoords="offset points", xytext=(0, 5),
                    fontsize=7.5, ha="center", color=INK,
                )  # fmt: skip
            ax.axvline(chance, color=GREY, linestyle=":", linewidth=1.2)
            ax.set_xlabel(f"{key.upper()} of a base's attribution (dotted: chance)")
            ax.set_xlim(0, 1.04)
            ax.set_ylim(-0.6, len(table) - 0.3)
            ax.grid(axis="y", visible=False)
        axes[0, 0].set_yticks(place, [method_label(name) for name in table["method"]])
    return figure


def plot_curves(curves, *, unit: str = "logit", groups: np.ndarray | None = None):
    """Draw deletion and insertion curves, mean over sequences with 95 % bands, against random order.

    Parameters
    ----------
    curves : seqdl.interpret.faithfulness.curves.PerturbationCurves
    unit : str
        What is predicted, for the axis.
    groups : int array, (n,), optional
        Sequences of one number are drawn together for the bands.

    Returns
    -------
    matplotlib.figure.Figure
    """
    kinds = [(name, found) for name, found in (("deletion", curves.deletion), ("insertion", curves.insertion))
             if found]  # fmt: skip
    words = {
        "deletion": "bases replaced, highest first (%)",
        "insertion": "bases put back, highest first (%)",
    }
    with style():
        figure, axes = new_figure(4.9 * len(kinds), 3.6, 1, len(kinds))
        for ax, (kind, found) in zip(axes[0], kinds, strict=True):
            for number, (name, values) in enumerate(found.items()):
                chance = name == "random"
                look = {"color": GREY, "linestyle": "-"} if chance else _look(number)
                mean, low, high = _mean_band(values, groups)
                label = "random order" if chance else method_label(name)
                ax.plot(100 * curves.fractions, mean, label=label, **look)
                ax.fill_between(
                    100 * curves.fractions, low, high, color=look["color"], alpha=0.13, linewidth=0
                )
            ax.set_xlabel(words[kind])
            ax.set_ylabel(unit)
            ax.set_title(kind.capitalize())
        axes[0, 0].legend(loc="best", fontsize=7.5)
    return figure


def plot_randomisation(randomisation):
    """Draw how each method's attributions lose their likeness to the trained network's.

    Parameters
    ----------
    randomisation : seqdl.interpret.faithfulness.randomisation.Randomisation

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = randomisation.table
    with style():
        figure, axes = new_figure(6.4, 3.6)
        ax = axes[0, 0]
        for number, (name, rows) in enumerate(table.groupby("method", sort=False)):
            ax.plot(rows["stage"], rows["spearman_size"], label=method_label(name), marker="o",
                    markersize=3.5, **_look(number))  # fmt: skip
            ax.fill_between(rows["stage"], rows["spearman_size_low"], rows["spearman_size_high"],
                            color=_look(number)["color"], alpha=0.13, linewidth=0)  # fmt: skip
        ax.axhline(randomisation.threshold, color=GREY, linestyle=":", linewidth=1.2)
        stages = table.drop_duplicates("stage").sort_values("stage")
        labels = ["trained", *(f"… to {name}" for name in stages["layer"].iloc[1:])]
        ax.set_xticks(stages["stage"], labels, rotation=25, ha="right", fontsize=8)
        ax.set_xlabel("weights re-drawn, from the output down")
        ax.set_ylabel("Spearman correlation\nwith the trained network's")
        ax.set_ylim(min(-0.05, float(table["spearman_size_low"].min()) - 0.02), 1.04)
        ax.legend(loc="upper right", fontsize=7.5)
    return figure


def plot_agreement(matrix, *, title: str = "Spearman correlation of sizes"):
    """Draw a matrix of correlations between methods, or between members.

    Parameters
    ----------
    matrix : pandas.DataFrame
        Such as ``Agreement.spearman_size``.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    values = matrix.to_numpy(float)
    size = 1.6 + 0.62 * len(values)
    with style():
        figure, axes = new_figure(size + 1.2, size)
        ax = axes[0, 0]
        image = ax.imshow(np.ma.masked_invalid(values), cmap="RdBu_r", vmin=-1, vmax=1)
        for (i, j), value in np.ndenumerate(values):
            text = "–" if np.isnan(value) else f"{value:.2f}"
            ax.text(
                j, i, text, ha="center", va="center", fontsize=8, color="white" if abs(value) > 0.6 else INK
            )
        names = [method_label(name) for name in matrix.columns]
        ax.set_xticks(range(len(names)), names, rotation=35, ha="right")
        ax.set_yticks(range(len(names)), names)
        ax.grid(False)
        ax.set_title(title)
        figure.colorbar(image, ax=ax, shrink=0.8)
    return figure


def plot_stability(
    stability, *, codes: np.ndarray | None = None, row: int = 0, width: int = 100, title: str = ""
):
    """Draw one sequence's mean contributions over members with a band of one sd, around its highest place.

    Parameters
    ----------
    stability : seqdl.interpret.faithfulness.agreement.Stability
    codes : uint8 array, (n, L), optional
        Bases, written under the axis.
    row : int
        Which sequence.
    width : int
        Bases shown.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    mean, sd = stability.mean[row], stability.sd[row]
    part = _strongest(np.abs(mean), width)
    place = np.arange(part.start, part.stop)
    with style():
        figure, axes = new_figure(10.0, 2.4)
        ax = axes[0, 0]
        ax.bar(place, mean[part], width=0.9, color=PALETTE[0])
        ax.errorbar(place, mean[part], yerr=sd[part], fmt="none", ecolor=INK, elinewidth=0.7)
        ax.axhline(0, color=GREY, linewidth=0.7)
        if codes is not None:
            letters = np.array(list("ACGTN"))[np.asarray(codes)[row][part]]
            ax.set_xticks(place, letters, fontsize=6)
            ax.tick_params(axis="x", length=0)
        ax.grid(axis="x", visible=False)
        ax.set_xlim(part.start - 0.7, part.stop - 0.3)
        ax.set_ylabel("contribution")
        ax.set_title(
            f"{title}{'  ' if title else ''}mean and sd over members, correlation {stability.correlation:.2f}"
        )
    return figure


def plot_methods(scores, codes: np.ndarray, row: int, *, positions=None, width: int = 80, title: str = ""):
    """Draw one sequence's contributions by every method, one logo each, known positions shaded.

    Parameters
    ----------
    scores : mapping of str to float array, (n, L)
        One number a base by method.
    codes : uint8 array, (n, L)
    row : int
        Which sequence.
    positions : bool array, (n, L), optional
        Known positions.
    width : int
        Bases shown: around the known positions, else where the first method is strongest.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    from seqdl.encoding import one_hot

    marks = None if positions is None else np.asarray(positions)[row]
    first = np.abs(np.asarray(next(iter(scores.values())))[row])
    part = _strongest(first if marks is None or not marks.any() else marks.astype(float), width)
    letters = one_hot(np.asarray(codes)[row][part])
    with style():
        figure, axes = new_figure(10.0, 1.15 * len(scores) + 0.3, len(scores), 1, sharex=True)
        for ax, (name, values) in zip(axes[:, 0], scores.items(), strict=True):
            heights = letters * np.asarray(values)[row][part][:, None]
            draw_logo(ax, heights, smallest=1e-3 * max(float(np.abs(heights).max()), 1e-12))
            if marks is not None:
                edges = np.flatnonzero(np.diff(np.concatenate([[0], marks[part].astype(int), [0]])))
                for low, high in edges.reshape(-1, 2):
                    ax.axvspan(low - 0.5, high - 0.5, color=SKY, alpha=0.22, linewidth=0, zorder=0)
            ax.set_title(method_label(name), fontsize=8.5, pad=2)
            ax.set_xticks([])
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def _strongest(strength: np.ndarray, width: int) -> slice:
    """Return the stretch of a width with the most strength, its weight in the middle."""
    width = min(width, len(strength))
    sums = np.convolve(strength, np.ones(width), mode="valid")
    best = np.flatnonzero(sums >= sums.max() * (1 - 1e-9))
    start = int(best[len(best) // 2])
    return slice(start, start + width)


def check_pictures(check) -> dict:
    """Draw all that a check measured.

    Parameters
    ----------
    check : seqdl.interpret.faithfulness.check.AttributionCheck

    Returns
    -------
    dict of str to matplotlib.figure.Figure
        By the name of the file to be.
    """
    from seqdl.interpret.faithfulness.bases import overlap_groups

    figures = {}
    if check.recovery is not None:
        figures["recovery"] = plot_recovery(check.recovery)
    if check.curves is not None:
        figures["curves"] = plot_curves(
            check.curves, unit=check.settings["head"], groups=overlap_groups(check.regions)
        )
    if check.randomisation is not None:
        figures["randomisation"] = plot_randomisation(check.randomisation)
    if check.agreement is not None:
        figures["agreement"] = plot_agreement(check.agreement.spearman_size)
    for name, found in check.stability.items():
        row = int(found.mean.max(axis=1).argmax())
        figures[f"members_{name}"] = plot_stability(
            found, codes=check.codes, row=row, title=f"{check.target}, {method_label(name)}:"
        )
    row = int(check.scores[check.methods[-1]].max(axis=1).argmax())  # where most of something is said
    if check.positions is not None:
        row = int(check.positions.any(axis=1).argmax())
    region = check.regions[row]
    figures["methods"] = plot_methods(
        check.scores, check.codes, row, positions=check.positions,
        title=f"{check.target}  {region.chrom}:{region.start:,}–{region.end:,}",
    )  # fmt: skip
    return figures
