"""Draw motifs beside the known ones that they match."""

from __future__ import annotations

import numpy as np

from seqdl.io.motifs import Motif, information_matrix
from seqdl.plot.logos import draw_logo, draw_motif
from seqdl.plot.style import new_figure, style


def q_words(q: float) -> str:
    """Write a q-value for a title: "q 0.012", "q 3e-08"."""
    return f"q {q:.2g}" if q >= 1e-3 else f"q {q:.0e}"


def _known(match, database) -> Motif | None:
    """Return the matched motif on the strand that is aligned."""
    if match is None:
        return None
    known = next((motif for motif in database if motif.id == match.match_id), None)
    return known.reverse_complement() if known is not None and match.strand == "-" else known


def _spread(heights: np.ndarray, first: int, low: int, high: int) -> np.ndarray:
    """Put rows that begin at place `first` into zeros from `low` to `high`."""
    out = np.zeros((high - low, 4))
    out[first - low : first - low + len(heights)] = heights
    return out


def _span(width: int, match, known) -> tuple[int, int]:
    if known is None:
        return 0, width
    return min(0, match.offset), max(width, match.offset + known.width)


def plot_patterns(patterns, matches: dict, database, *, top: int = 12, title: str = ""):
    """Draw patterns as a page, aligned: probabilities in bits, contributions, and the matched motif.

    Parameters
    ----------
    patterns : sequence of Pattern
        As they were matched, such as `Pattern.trimmed`; drawn in their order.
    matches : dict
        From `seqdl.interpret.motifs.matching.best_matches`; a pattern without one has an empty third column.
    database : sequence of Motif
        What was matched with.
    top : int
        Draw at most so many.
    title : str
        Of the page.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = list(patterns)[:top]
    rows = max(len(shown), 1)
    with style():
        figure, axes = new_figure(10.5, 1.35 * rows + 0.4 * bool(title), rows, 3)
        for row in axes[len(shown) :]:
            for ax in row:
                ax.axis("off")
        for row, pattern in zip(axes, shown, strict=False):
            match = matches.get(pattern.name)
            known = _known(match, database)
            low, high = _span(pattern.motif.width, match, known)
            draw_motif(row[0], _spread(information_matrix(pattern.motif), 0, low, high))
            word = "seqlet" if pattern.seqlets == 1 else "seqlets"
            row[0].set_title(
                f"{pattern.name.replace('_', ' ')}  ·  {pattern.seqlets:,} {word}  ·  bits", fontsize=8.5
            )
            contributions = _spread(pattern.contributions, 0, low, high)
            draw_logo(row[1], contributions, smallest=0.01 * np.abs(contributions).max())
            row[1].set_title("contribution", fontsize=8.5)
            row[1].set_xticks([])
            row[1].locator_params(axis="y", nbins=3)
            row[1].spines["left"].set_visible(True)
            _draw_known(row[2], match, known, low, high)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def _draw_known(ax, match, known, low: int, high: int) -> None:
    if known is None:
        ax.axis("off")
        ax.text(0.02, 0.4, "no match", fontsize=8.5, transform=ax.transAxes)
        return
    draw_motif(ax, _spread(information_matrix(known), match.offset, low, high))
    name = match.match_name if match.match_name == match.match_id else f"{match.match_name}, {match.match_id}"
    ax.set_title(f"{name} ({match.strand})  ·  {q_words(match.q)}", fontsize=8.5)


def plot_matches(motifs, matches: dict, database, *, top: int = 16, title: str = ""):
    """Draw motifs side by side with their matches, two pairs a row.

    Parameters
    ----------
    motifs : sequence of Motif
        Drawn in their order.
    matches : dict
        From `seqdl.interpret.motifs.matching.best_matches`.
    database : sequence of Motif
    top : int
        Draw at most so many.
    title : str
        Of the page.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = list(motifs)[:top]
    rows = max(-(-len(shown) // 2), 1)
    with style():
        figure, axes = new_figure(10.5, 1.3 * rows + 0.4 * bool(title), rows, 4)
        cells = axes.reshape(-1, 2)
        for pair in cells[len(shown) :]:
            for ax in pair:
                ax.axis("off")
        for (left, right), motif in zip(cells, shown, strict=False):
            match = matches.get(motif.id)
            known = _known(match, database)
            low, high = _span(motif.width, match, known)
            draw_motif(left, _spread(information_matrix(motif), 0, low, high))
            left.set_title(motif.id.replace("_", " "), fontsize=8.5)
            _draw_known(right, match, known, low, high)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure
