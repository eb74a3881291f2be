"""Draw in-silico mutagenesis: what each change does as a heat map, and above it what each base is worth."""

from __future__ import annotations

import numpy as np

from seqdl.encoding import N, one_hot
from seqdl.plot.logos import draw_logo
from seqdl.plot.style import BLUE, GREY, INK, VERMILION, new_figure, style

NOT_KNOWN = "#C3C9D0"


def diverging():
    """Return the colours of signed effects: blue below 0, white at 0, vermilion above, grey where not known.

    Both ends stay apart for people with any of the common forms of colour blindness.
    """
    from matplotlib.colors import LinearSegmentedColormap

    # A dark end on either side: strong effects are read by lightness as well. An odd N makes 0 pure white.
    colors = ["#00395C", BLUE, "#9CC7E3", "white", "#F2B48C", VERMILION, "#7A3300"]
    return LinearSegmentedColormap.from_list("seqdl_signed", colors, N=257).with_extremes(bad=NOT_KNOWN)


def plot_mutagenesis(result, *, target: int = 0, top: int = 4, width: int = 80):
    """Draw the effects in a few regions, each around the place that matters most.

    Parameters
    ----------
    result : seqdl.interpret.mutagenesis.mutate.Mutagenesis
        Of a run: one number a target.
    target : int
        Place in ``result.targets``.
    top : int
        Draw the regions with the highest outputs, at most this many.
    width : int
        Bases shown of each region.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from seqdl.interpret.mutagenesis.mutate import base_scores

    order = np.argsort(-result.reference[:, target], kind="stable")[: max(top, 1)]
    labels, _ = _table(result, order[0], target)
    width = min(width, result.end - result.start)
    logo = result.substitutions is not None
    worth = base_scores(result)[..., target] if logo else None
    height = 0.55 + 0.17 * len(labels)
    ratios = [1.0, height] if logo else [height]
    limit = max(float(np.nanmax(np.abs(_table(result, row, target)[1]))) for row in order) or 1.0
    with style():
        figure, axes = new_figure(
            2.2 + 0.115 * max(width, 30), (sum(ratios) + 0.45) * len(order), len(ratios) * len(order), 1,
            gridspec_kw={"height_ratios": ratios * len(order)},
        )  # fmt: skip
        axes = axes.reshape(len(order), len(ratios))
        for row, pair in zip(order, axes, strict=True):
            table = _table(result, row, target)[1]
            strength = np.convolve(np.nan_to_num(np.abs(table)).sum(axis=0), np.ones(width), mode="valid")
            first = int(strength.argmax())
            shown = slice(first, first + width)
            codes = result.codes[row, result.start : result.end][shown]
            if logo:
                draw_worth(pair[0], worth[row, shown], codes)
                pair[0].set_xticks([])
            image = _draw_table(pair[-1], table[:, shown], labels, codes if logo else None, limit)
            _name(pair, result, row, target, result.start + first, width)
        bar = figure.colorbar(image, ax=axes[:, -1].tolist(), shrink=0.9, pad=0.01, aspect=12)
        bar.set_label("effect (mutant − reference)", fontsize=8)
        bar.ax.tick_params(labelsize=7.5)
        bar.outline.set_visible(False)
        what = (result.settings or {}).get("head", "output")
        name = result.targets[target] if result.targets else "output"
        figure.suptitle(f"{name}: in-silico mutagenesis ({what})", x=0.01, ha="left", fontsize=11)
    return figure


def _table(result, row: int, target: int) -> tuple[list[str], np.ndarray]:
    """Return the heat map's lines of one region: labels, and effects (lines, w)."""
    labels: list[str] = []
    lines: list[np.ndarray] = []
    if result.substitutions is not None:
        labels += list("ACGT")
        lines += list(result.substitutions[row, :, :, target].T)
    if result.deletions is not None:
        labels.append("del")
        lines.append(result.deletions[row, :, target])
    if result.insertions is not None:
        labels += [f"+{base}" for base in "ACGT"]
        lines += list(result.insertions[row, :, :, target].T)
    if result.ablations is not None:
        kmer, step = (result.settings or {}).get("kmer", 1), (result.settings or {}).get("step", 1)
        line = np.full(result.end - result.start, np.nan, np.float32)
        middles = result.ablation_starts - result.start + kmer // 2
        for shift in range(step):  # each k-mer at its middle, as wide as the step
            here = middles + shift - step // 2
            inside = (here >= 0) & (here < len(line))
            line[here[inside]] = result.ablations[row, inside, target]
        labels.append(f"{kmer}-mer")
        lines.append(line)
    return labels, np.stack(lines)


def draw_worth(ax, worth: np.ndarray, codes: np.ndarray) -> None:
    """Draw what each base is worth as a logo.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    worth : float array, (w,)
        From `seqdl.interpret.mutagenesis.mutate.base_scores`.
    codes : uint8 array, (w,)
    """
    heights = one_hot(codes) * worth[:, None]
    draw_logo(ax, heights, smallest=1e-3 * max(float(np.abs(heights).max()), 1e-9))
    ax.set_xlim(-0.5, len(codes) - 0.5)
    ax.set_ylabel("− mean\neffect", fontsize=8)


def label_of(region) -> str:
    """Return a region's name and two blanks, to stand before its place; "" where the name says nothing.

    Parameters
    ----------
    region : Interval

    Returns
    -------
    str
    """
    return f"{region.name}  " if region.name not in ("", ".", region.chrom) else ""


def _draw_table(ax, table: np.ndarray, labels: list[str], codes: np.ndarray | None, limit: float):
    image = ax.imshow(table, cmap=diverging(), vmin=-limit, vmax=limit, aspect="auto", interpolation="none")
    if codes is not None:
        known = np.flatnonzero(codes < N)
        ax.scatter(known, codes[known], s=4, color=GREY, linewidths=0)
    ax.set_yticks(range(len(labels)), labels, fontsize=7.5, family="monospace")
    for line in (3.5, 4.5, 8.5):
        if 0 < line < len(labels) - 0.5:
            ax.axhline(line, color="white", linewidth=1.5)
    ax.grid(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    return image


def _name(axes, result, row: int, target: int, first: int, width: int) -> None:
    start, where = first, "sequence"
    label = ""
    if result.regions:
        region = result.regions[row]
        start, where = region.start + first, region.chrom
        label = label_of(region)
    axes[0].set_title(
        f"{label}{where}:{start:,}–{start + width:,}   output {result.reference[row, target]:.2f}",
        fontsize=9, color=INK,
    )  # fmt: skip
    ticks = np.arange(-start % 10, width, 10)
    axes[-1].set_xticks(ticks, [f"{start + tick:,}" for tick in ticks], fontsize=7)
