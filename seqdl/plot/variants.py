"""Draw a variant: the bases that matter with either allele, and the targets that change most."""

from __future__ import annotations

from os.path import commonprefix

import numpy as np

from seqdl.encoding import ALPHABET
from seqdl.plot.logos import draw_logo
from seqdl.plot.style import BLUE, GREY, INK, VERMILION, new_figure, style

LETTERS = ALPHABET + "N"


def plot_variant(explanation, names=None, differences=None, *, flank: int = 25, top: int = 6):
    """Draw a variant's surroundings as two logos, with bars of the most changed targets beside them.

    Parameters
    ----------
    explanation : seqdl.interpret.variants.VariantExplanation
    names : sequence of str, optional
        Targets of the bars.
    differences : float array, (n_targets,), optional
        Score of each, alt - ref; the largest by size are drawn. No bars when None.
    flank : int
        Bases drawn on either side of the variant.
    top : int
        Bars.

    Returns
    -------
    matplotlib.figure.Figure
    """
    variant = explanation.variant
    width = explanation.ref_codes.size
    left = max(explanation.anchor - flank, 0)
    right = min(explanation.anchor + max(len(variant.ref), len(variant.alt)) + flank, width)
    bars = differences is not None and len(differences) > 0
    rows = (
        ("ref", variant.ref, explanation.ref_codes, explanation.ref_values, explanation.ref_probability),
        ("alt", variant.alt, explanation.alt_codes, explanation.alt_values, explanation.alt_probability),
    )
    shown = np.concatenate([values[left:right] for _, _, _, values, _ in rows])
    low, high = min(float(shown.min()), 0.0), max(float(shown.max()), 0.0)
    pad = 0.12 * (high - low) or 1.0
    with style():
        figure, axes = new_figure(
            9.6 if bars else 7.4, 3.1, 2, 2 if bars else 1, **({"width_ratios": [3.4, 1]} if bars else {})
        )
        for ax, (side, allele, codes, values, probability) in zip(axes[:, 0], rows, strict=True):
            _draw_allele(ax, codes[left:right], values[left:right], explanation.anchor - left, len(allele))
            ax.set_ylim(low - pad, high + pad)
            shown_allele = allele if len(allele) <= 12 else f"{allele[:9]}… ({len(allele)} bases)"
            ax.set_title(f"{side}  {shown_allele}      predicted {probability:.3f}", fontsize=9)
            ax.set_ylabel("adds to logit", fontsize=8)
        axes[0, 0].set_xticks([])
        _number(axes[1, 0], explanation.start + left, right - left)
        if bars:
            _bars(figure, axes, list(names), np.asarray(differences, np.float64), top)
    return figure


def _draw_allele(ax, codes: np.ndarray, values: np.ndarray, place: int, size: int) -> None:
    heights = np.zeros((codes.size, 4))
    known = np.flatnonzero(codes < 4)
    heights[known, codes[known]] = values[known]
    ax.axvspan(place - 0.5, place + size - 0.5, color="#FBE9A9", zorder=-10, linewidth=0)
    draw_logo(ax, heights, smallest=0.01 * np.abs(heights).max())
    ax.set_xlim(-0.5, codes.size - 0.5)
    for index, code in enumerate(codes):  # the sequence itself stays readable where nothing matters
        inside = place <= index < place + size
        ax.text(index, 0.0, LETTERS[code], transform=ax.get_xaxis_transform(), ha="center", va="bottom",
                fontsize=6, color=INK if inside else "#8A949E",
                fontweight="bold" if inside else "normal")  # fmt: skip


def _number(ax, start: int, width: int) -> None:
    """Mark every tenth base with its 1-based place on the reference."""
    places = [index for index in range(width) if (start + index + 1) % 10 == 0]
    ax.set_xticks(places, [f"{start + index + 1:,}" for index in places], fontsize=7.5)
    ax.set_xlabel("position on the reference (right of an indel the alternative is shifted)", fontsize=8)


def _bars(figure, axes, names: list[str], differences: np.ndarray, top: int) -> None:
    for ax in axes[:, 1]:
        ax.remove()
    ax = figure.add_subplot(axes[0, 1].get_gridspec()[:, 1])
    order = np.argsort(-np.abs(differences), kind="stable")[:top][::-1]
    chosen = differences[order]
    ax.barh(
        range(len(order)), chosen, color=[BLUE if value > 0 else VERMILION for value in chosen], height=0.5
    )
    ax.axvline(0, color=GREY, linewidth=0.8)
    limit = 1.35 * max(np.abs(chosen).max(), 1e-12)
    ax.set_xlim(-limit if chosen.min() < 0 else -0.05 * limit, limit if chosen.max() > 0 else 0.05 * limit)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(False)
    shared = (
        len(commonprefix(names)) if len(names) > 1 else 0
    )  # such as "wgEncodeAwg": it tells nothing apart
    for row, index in enumerate(order):
        name = names[index]
        if len(name) > 26:
            name = name[shared:]
        if len(name) > 26:
            name = name[:24] + "…"
        change = f"{differences[index]:+.3f}".replace("-", "−")
        ax.annotate(
            f"{name}  {change}", (0, row + 0.3), xycoords=("axes fraction", "data"), fontsize=7.5, va="bottom"
        )
    ax.set_ylim(-0.6, len(order) - 0.1)
    ax.set_title("most changed targets", fontsize=9)
    ax.set_xlabel("alt − ref", fontsize=8)
