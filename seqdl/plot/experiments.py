"""Draw experiments with motifs: effects with their intervals, spacing curves, dependency maps."""

from __future__ import annotations

import numpy as np

from seqdl.encoding import decode
from seqdl.plot.mutagenesis import diverging, draw_worth, label_of
from seqdl.plot.style import BLUE, GREEN, GREY, INK, PURPLE, VERMILION, new_figure, style

# Each orientation differs by line style and marker as well as by colour.
_ORIENTATIONS = {
    "++": ("→ →", BLUE, "-", "o"),
    "+-": ("→ ←", VERMILION, "--", "s"),
    "-+": ("← →", GREEN, "-.", "^"),
    "--": ("← ←", PURPLE, ":", "D"),
}
_LETTERS = 60  # a wider dependency map has no room for letters


def plot_effects(result, *, top: int = 20):
    """Draw what motifs do: bars with intervals, or a heat map of motifs and targets.

    Parameters
    ----------
    result : Marginalization or Ablation
        Of ablation the control is drawn beside.
    top : int
        At most so many targets (or motifs), those with the largest effects.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = result.table
    many_motifs, many_targets = len(result.motifs) > 1, len(result.targets) > 1
    if many_motifs and many_targets:
        return _plot_grid(result, top)
    key = "motif" if many_motifs else "target"
    order = table.effect.abs().sort_values(kind="stable").index[-top:]
    shown = table.loc[order].sort_values("effect", kind="stable")
    control = "control" in table
    fixed = result.targets[0] if many_motifs else result.motifs[0]
    places = np.arange(len(shown))
    share = result.settings.get("confidence", 0.95)
    with style():
        figure, axes = new_figure(6.4, 1.3 + 0.3 * control + (0.26 + 0.1 * control) * len(shown))
        ax = axes[0, 0]
        colors = [BLUE if effect < 0 else VERMILION for effect in shown.effect]  # as in the heat maps
        height = 0.42 if control else 0.7
        _bars(ax, places + (0.2 if control else 0), shown, "effect", "low", "high", colors, height)
        if control:
            _bars(ax, places - 0.25, shown, "control", "control_low", "control_high", GREY, 0.34)
            ax.plot([], [], color=GREY, linewidth=6, label="as many bases elsewhere")
            ax.plot([], [], color=colors[0], linewidth=6, label="the motif")
            figure.legend(loc="outside lower center", ncols=2)
        ax.axvline(0, color=INK, linewidth=0.8)
        ax.set_yticks(places, [_short(name, 34) for name in shown[key]], fontsize=8)
        ax.set_ylim(-0.6, len(shown) - 0.4)
        ax.grid(axis="y", visible=False)
        ax.set_xlabel(f"effect on the {result.settings.get('head', 'output')} ({share:.0%} interval)")
        what = "taken out" if control else "in backgrounds"
        rest = f", the {len(shown)} largest of {len(table)}" if len(shown) < len(table) else ""
        unit = "sequences" if control else "backgrounds"
        number = f"{table[unit].iloc[0]:,} {unit}" if table[unit].nunique() == 1 else unit
        title = f"{_short(fixed, 30)}: motifs {what}" if many_motifs else f"{_short(fixed, 30)} {what}"
        ax.set_title(f"{title}  ({number}{rest})", fontsize=9.5)
    return figure


def _bars(ax, places, shown, name: str, low: str, high: str, colors, height: float) -> None:
    ax.barh(places, shown[name], height=height, color=colors, alpha=0.85)
    reach = np.stack([shown[name] - shown[low], shown[high] - shown[name]])
    ax.errorbar(
        shown[name], places, xerr=np.nan_to_num(reach), fmt="none", ecolor=INK, elinewidth=1.0, capsize=2
    )


def _plot_grid(result, top: int):
    """Draw motifs and targets as a heat map; the largest effects of both."""
    effects = result.table.pivot(index="motif", columns="target", values="effect")
    effects = effects.loc[list(result.motifs), list(result.targets)]
    motifs = effects.index[_largest(effects.abs().max(axis=1).to_numpy(), top)]
    targets = effects.columns[_largest(effects.loc[motifs].abs().max(axis=0).to_numpy(), top)]
    shown = effects.loc[motifs, targets]
    # Each motif's strongest target stands near the diagonal, so that pairs are seen.
    shown = shown.iloc[np.argsort(shown.to_numpy().argmax(axis=1), kind="stable")]
    both = result.table.assign(zero=(result.table.low <= 0) & (result.table.high >= 0))
    zero = both.pivot(index="motif", columns="target", values="zero").loc[shown.index, shown.columns]
    limit = float(np.abs(shown.to_numpy()).max()) or 1.0
    with style():
        figure, axes = new_figure(2.6 + 0.32 * len(targets), 2.2 + 0.26 * len(motifs))
        ax = axes[0, 0]
        image = ax.imshow(shown, cmap=diverging(), vmin=-limit, vmax=limit, aspect="auto")
        y, x = np.nonzero(zero.to_numpy())
        ax.scatter(x, y, s=5, color=GREY, linewidths=0)
        ax.set_xticks(range(len(targets)), [_short(name, 24) for name in targets], rotation=90, fontsize=7.5)
        ax.set_yticks(range(len(motifs)), [_short(name, 24) for name in shown.index], fontsize=7.5)
        ax.grid(False)
        bar = figure.colorbar(image, ax=ax, pad=0.02, aspect=25)
        bar.set_label(f"effect on the {result.settings.get('head', 'output')}", fontsize=8)
        bar.outline.set_visible(False)
        number = result.table.iloc[0]
        unit = "sequences" if "sequences" in number else "backgrounds"
        over = f"{number[unit]:,} {unit}" if result.table[unit].nunique() == 1 else unit
        share = result.settings.get("confidence", 0.95)
        ax.set_title(
            f"Effect of motifs on targets  ({over}; dot: the {share:.0%} interval holds 0)", fontsize=9.5
        )
        ax.set_xlabel("target")
        ax.set_ylabel("motif")
    return figure


def _largest(values: np.ndarray, top: int) -> np.ndarray:
    return np.sort(np.argsort(-values, kind="stable")[:top])


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def plot_spacing(result, *, target: int = 0):
    """Draw the joint effect of two motifs and their interaction against their distance.

    Parameters
    ----------
    result : seqdl.interpret.experiments.spacing.Spacing
    target : int
        Place in ``result.targets``.

    Returns
    -------
    matplotlib.figure.Figure
        Ribbons are the intervals over backgrounds.
    """
    name = result.targets[target]
    table = result.table[result.table.target == name]
    few = len(result.distances) <= 40
    share = result.settings.get("confidence", 0.95)
    with style():
        figure, axes = new_figure(7.2, 5.2, 2, 1, sharex=True)
        for ax, column, label in zip(
            axes[:, 0], ("joint", "interaction"), ("joint effect", "interaction"), strict=True
        ):
            for orientation in result.orientations:
                arrows, color, line, marker = _ORIENTATIONS[orientation]
                one = table[table.orientation == orientation]
                ax.plot(
                    one.distance, one[column], line, color=color, label=arrows,
                    marker=marker if few else None, markersize=3, linewidth=1.4,
                )  # fmt: skip
                ax.fill_between(
                    one.distance, one[f"{column}_low"], one[f"{column}_high"], color=color, alpha=0.14,
                    linewidth=0,
                )  # fmt: skip
            ax.axhline(0, color=INK, linewidth=0.8)
            ax.set_ylabel(label)
        first, second = (_short(motif, 18) for motif in result.motifs)
        over = f"{table.backgrounds.iloc[0]:,} backgrounds, {share:.0%} intervals"
        axes[0, 0].set_title(f"{name}: {first} and {second}  ({over})", fontsize=9.5)
        axes[1, 0].set_title("joint − each alone", fontsize=8.5, fontweight="normal")
        axes[0, 0].legend(
            title=f"{first}  {second}", title_fontsize=8, ncols=len(result.orientations), loc="best"
        )
        axes[1, 0].set_xlabel("bases between the two motifs")
    return figure


def plot_dependencies(result, *, target: int = 0, top: int = 4):
    """Draw dependency maps as heat maps, with what each base is worth above.

    Parameters
    ----------
    result : seqdl.interpret.experiments.dependency.Dependencies
    target : int
        Place along the last axis.
    top : int
        Draw the regions with the highest outputs, at most so many.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from seqdl.interpret.mutagenesis.mutate import base_scores

    n, width = result.values.shape[:2]
    worth = base_scores(result)[..., target]
    rows = min(n, max(top, 1))
    order = np.argsort(-result.reference[:, target], kind="stable")[:rows]
    shown = result.values[order, ..., target]
    limit = float(np.nanmax(np.abs(shown))) or 1.0
    size = min(max(3.4, 0.11 * width), 8.0)
    letters = width <= _LETTERS
    with style():
        figure, axes = new_figure(
            (size + 0.9) * rows, size + 1.5, 2, rows, gridspec_kw={"height_ratios": [1, 5]}, sharex="col"
        )
        for row, region in enumerate(order):
            codes = result.codes[region, result.start : result.end]
            draw_worth(axes[0, row], worth[region], codes)
            axes[0, row].tick_params(bottom=False, labelbottom=False)
            ax = axes[1, row]
            image = ax.imshow(shown[row], cmap=diverging(), vmin=-limit, vmax=limit, aspect="auto")
            ax.set_xlim(-0.5, width - 0.5)
            ax.grid(False)
            if letters:
                ax.set_xticks(range(width), list(decode(codes)), fontsize=6.5, family="monospace")
                ax.set_yticks(range(width), list(decode(codes)), fontsize=6.5, family="monospace")
                ax.tick_params(length=0)
            axes[0, row].set_title(_place(result, region), fontsize=9)
        bar = figure.colorbar(image, ax=axes[1].tolist(), pad=0.01, aspect=25)
        bar.set_label("interaction of two substitutions", fontsize=8)
        bar.outline.set_visible(False)
        name = result.targets[target] if result.targets else "output"
        figure.suptitle(f"{name}: dependencies", x=0.01, ha="left", fontsize=11)
    return figure


def _place(result, row: int) -> str:
    if not result.regions:
        return f"{result.start:,}–{result.end:,}"
    region = result.regions[row]
    return f"{label_of(region)}{region.chrom}:{region.start + result.start:,}–{region.start + result.end:,}"
