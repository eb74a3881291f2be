"""Draw the scores of many variants: common beside rare, along the genome, reference against alternative."""

from __future__ import annotations

import numpy as np

from seqdl.plot.style import BLUE, GREY, INK, ORANGE, VERMILION, new_figure, style

_CLASS_COLORS = (VERMILION, ORANGE, BLUE)
_CLASS_LINES = ("--", ":", "-")


def plot_frequency(comparison):
    """Draw how large the effects of rare and of common alleles are, as cumulative distributions.

    Parameters
    ----------
    comparison : seqdl.variants.frequency.FrequencyComparison

    Returns
    -------
    matplotlib.figure.Figure
        One panel a size of effect: a curve further to the right has the larger effects. Its title gives the
        difference of the medians and its interval.
    """
    from matplotlib.ticker import PercentFormatter

    with style():
        figure, axes = new_figure(4.9 * len(comparison.contrasts), 3.7, 1, len(comparison.contrasts))
        for ax, one in zip(axes[0], comparison.contrasts, strict=True):
            drawn = zip(comparison.classes, comparison.counts, one.values, one.medians, strict=True)
            for k, (group, n, values, median) in enumerate(drawn):
                if not len(values):
                    continue
                color = _CLASS_COLORS[k % len(_CLASS_COLORS)]
                height = np.arange(1, len(values) + 1) / len(values)
                ax.plot(_above_zero(values), height, _CLASS_LINES[k % len(_CLASS_LINES)], color=color,
                        label=f"{group.name} ({_bounds(group)}), n = {n:,}, median {median:.2g}")  # fmt: skip
                ax.plot(max(median, values[0]), 0.5, "o", color=color, markersize=4)
            ax.set_xscale("log")
            ax.set_ylim(0, 1)
            ax.yaxis.set_major_formatter(PercentFormatter(1.0))
            ax.set_xlabel(one.label)
            ax.set_ylabel("alleles with at most this effect")
            ax.set_title(_title(one, comparison))
            ax.legend(loc="upper left", fontsize=7.5, bbox_to_anchor=(0, -0.2), borderaxespad=0)
    return figure


def _above_zero(values: np.ndarray) -> np.ndarray:
    """Return sorted sizes that a logarithmic axis can show: 0 stands at the smallest that is not 0."""
    positive = values[values > 0]
    return np.maximum(values, positive[0] if len(positive) else 1.0)


def _bounds(group) -> str:
    if group.low <= 0:
        return f"AF < {group.high:g}"
    if not np.isfinite(group.high):
        return f"AF ≥ {group.low:g}"
    return f"AF {group.low:g}–{group.high:g}"


def _title(one, comparison) -> str:
    if not np.isfinite(one.difference):
        return "too few alleles to compare"
    first, last = comparison.classes[0].name, comparison.classes[-1].name
    texts = [f"{value:+.2g}".replace("-", "−") for value in (one.difference, *one.interval)]
    return f"median {last} − {first}: {texts[0]}\n95 % interval {texts[1]} to {texts[2]}"


def plot_along(contig: str, positions, sizes, *, label: str, marks=()):
    """Draw sizes of effect along a contig.

    Parameters
    ----------
    contig : str
    positions : int array, (n,)
        1-based.
    sizes : float array, (n,)
        Not negative, such as ``max_abs_diff``; of a place with many alleles the largest.
    label : str
        What they are.
    marks : sequence of (position, size, text)
        Points that get a name.

    Returns
    -------
    matplotlib.figure.Figure
    """
    positions, sizes = np.asarray(positions, np.int64), np.asarray(sizes, np.float64)
    with style():
        figure, axes = new_figure(9.6, 2.7)
        ax = axes[0, 0]
        ax.vlines(positions, 0, sizes, color="#C9D6E2", linewidth=0.6)
        ax.plot(positions, sizes, ".", color=BLUE, markersize=3)
        for position, size, text in marks:
            ax.plot(position, size, "o", color=VERMILION, markersize=5)
            ax.annotate(text, (position, size), xytext=(4, 2), textcoords="offset points", fontsize=7.5)
        ax.set_ylim(0, 1.15 * max(sizes.max(initial=0.0), 1e-12))
        ax.ticklabel_format(axis="x", style="plain", useOffset=False)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        ax.set_xlabel(f"position on {contig} (bases)")
        ax.set_ylabel(label)
    return figure


def plot_ref_alt(ref, alt, *, what: str = "P", names=None, marks=()):
    """Draw the prediction for the alternative allele against that for the reference, on logarithmic axes.

    Parameters
    ----------
    ref, alt : float arrays, (n,)
        Predictions of the target that changes most: ``max_ref`` and ``max_alt``.
    what : str
        What they are: "P" of probabilities.
    names : sequence of str, optional
        Of `marks`.
    marks : sequence of int
        Places in `ref` of alleles that get a name.

    Returns
    -------
    matplotlib.figure.Figure
        Above the line the alternative allele raises the prediction, below it lowers it.
    """
    ref, alt = np.asarray(ref, np.float64), np.asarray(alt, np.float64)
    both = np.concatenate([ref, alt])
    positive = both[both > 0]
    low, high = (positive.min(), positive.max()) if len(positive) else (0.1, 1.0)
    with style():
        figure, axes = new_figure(4.4, 4.2)
        ax = axes[0, 0]
        ax.plot([low, high], [low, high], color=GREY, linewidth=0.8)
        change = alt - ref
        for sign, color, word in ((1, BLUE, "raised"), (-1, VERMILION, "lowered")):
            rows = np.sign(change) == sign
            ax.plot(np.maximum(ref[rows], low), np.maximum(alt[rows], low), ".", color=color, markersize=3,
                    alpha=0.6, label=f"{word}: {rows.sum():,}")  # fmt: skip
        for place, name in zip(marks, names or [""] * len(marks), strict=True):
            ax.annotate(name, (max(ref[place], low), max(alt[place], low)), xytext=(5, 3),
                        textcoords="offset points", fontsize=7.5, color=INK)  # fmt: skip
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel(f"{what}, reference allele")
        ax.set_ylabel(f"{what}, alternative allele")
        ax.legend(loc="upper left")
    return figure
