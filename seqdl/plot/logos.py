"""Draw sequence logos: motifs by information, attributions by their signed height."""

from __future__ import annotations

import numpy as np

from seqdl.plot.style import BASE_COLORS, GREY, new_figure, style


def draw_logo(ax, heights: np.ndarray, *, smallest: float = 0.0) -> None:
    """Draw one logo on given axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    heights : float array, (w, 4)
        Letter heights, channels A, C, G, T; negative ones hang below the line.
    smallest : float
        Letters lower than this (in absolute height) are not drawn: nobody could read them.
    """
    import logomaker
    import pandas as pd

    heights = np.where(np.abs(heights) < smallest, 0.0, np.asarray(heights, np.float64))
    colors = {base: BASE_COLORS[base] for base in "ACGT"}
    logomaker.Logo(
        pd.DataFrame(heights, columns=list("ACGT")),
        ax=ax,
        color_scheme=colors,
        font_name="DejaVu Sans",
        baseline_width=0.0,
        vpad=0.0,
        show_spines=False,
        flip_below=False,
    )
    ax.grid(False)
    ax.axhline(0.0, color=GREY, linewidth=0.7)


def plot_filters(motifs, *, top: int = 16, columns: int = 4):
    """Draw the most informative filters of a network's first layer as logos.

    Parameters
    ----------
    motifs : list of FilterMotif
        From `seqdl.interpret.motifs.filters.filter_motifs`; drawn in their order.
    top : int
        At most this many.
    columns : int
        Logos in a row.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from seqdl.io.motifs import information_matrix

    motifs = motifs[:top]
    columns = min(columns, max(len(motifs), 1))
    rows = max(1, -(-len(motifs) // columns))
    with style():
        figure, axes = new_figure(2.7 * columns, 1.25 * rows, rows, columns)
        for ax in axes.ravel()[len(motifs) :]:
            ax.axis("off")
        for ax, motif in zip(axes.ravel(), motifs, strict=False):
            bits = information_matrix(motif)
            draw_motif(ax, bits)
            ax.set_title(f"{motif.name.replace('_', ' ')}  ·  {bits.sum():.1f} bits", fontsize=8.5)
    return figure


def draw_motif(ax, bits: np.ndarray) -> None:
    """Draw a motif logo with a scale from 0 to 2 bits.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    bits : float array, (w, 4)
        Letter heights in bits.
    """
    draw_logo(ax, bits, smallest=0.03)
    ax.set_ylim(0, 2)
    ax.set_yticks([0, 1, 2])
    ax.set_xticks([])
    ax.spines["left"].set_visible(True)


def plot_attribution(attribution, *, top: int = 6, width: int = 80):
    """Draw the attributions of a few regions, each around the place that matters most.

    Parameters
    ----------
    attribution : seqdl.interpret.attribute.Attribution
        For ``saliency`` the gradient at the letter that is there is drawn.
    top : int
        Draw the regions with the highest logits, at most this many.
    width : int
        Bases shown of each region.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from seqdl.encoding import one_hot

    order = np.argsort(-attribution.logits, kind="stable")[:top]
    width = min(width, attribution.codes.shape[1])
    with style():
        figure, axes = new_figure(10.0, 1.5 * max(len(order), 1), max(len(order), 1), 1)
        for ax, row in zip(axes[:, 0], order, strict=False):
            heights = attribution.values[row] * one_hot(attribution.codes[row])
            strength = np.convolve(np.abs(heights).sum(axis=1), np.ones(width), mode="valid")
            start = int(strength.argmax())
            draw_logo(ax, heights[start : start + width], smallest=1e-3 * np.abs(heights).max())
            region = attribution.regions[row]
            name = f"{region.name}  " if region.name not in ("", ".", region.chrom) else ""
            ax.set_title(
                f"{name}{region.chrom}:{region.start + start:,}–{region.start + start + width:,}"
                f"   logit {attribution.logits[row]:.2f}",
                fontsize=9,
            )
            ax.set_xticks([])
            ax.set_ylabel("contribution")
        figure.suptitle(
            f"{attribution.target}: {attribution.method.replace('_', ' ')}", x=0.01, ha="left", fontsize=11
        )
    return figure
