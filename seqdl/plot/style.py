"""Give every figure of seqdl one look: colour-blind safe, quiet, readable on paper.

The colours are those of Okabe and Ito (2008), which stay apart for people with any of the common forms of
colour blindness; the network is always blue, baselines are orange and grey, and every curve also differs
by its line style, so that a black-and-white print can be read.
"""

from __future__ import annotations

import base64
import io
import warnings
from contextlib import contextmanager

BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY, INK = "#CC79A7", "#56B4E9", "#7A7F87", "#22303C"

PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, GREY)
"""Colours for categories, in the order in which to use them."""

BASE_COLORS = {"A": GREEN, "C": BLUE, "G": ORANGE, "T": VERMILION, "N": GREY}
"""Colour of each base in a logo."""

MODEL_COLORS = {
    "network": BLUE, "kmer": VERMILION, "gc_length": GREY, "gc": GREY, "mean": INK, "gkm": ORANGE,
    "lsgkm": GREEN,
}  # fmt: skip
MODEL_LINES = {
    "network": "-", "kmer": "--", "gc_length": ":", "gc": ":", "mean": "-.", "gkm": "-.", "lsgkm": "-",
    "length_gc": ":", "rna_kmer": "--", "stem_kmer": "-.",
}  # fmt: skip
MODEL_LABELS = {
    "network": "network", "kmer": "k-mer regression", "gc_length": "GC and length", "gc": "GC content",
    "mean": "track mean", "gkm": "gapped k-mers", "lsgkm": "gkm-SVM",
    "length_gc": "boosted length and GC", "rna_kmer": "boosted k-mers",
    "stem_kmer": "boosted stems and k-mers",
}  # fmt: skip
SPLIT_COLORS = {"train": BLUE, "valid": ORANGE, "test": GREEN}

RC = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "text.color": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.labelsize": 9.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9AA5B1",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E6EAEE",
    "grid.linewidth": 0.8,
    "xtick.color": "#52606D",
    "ytick.color": "#52606D",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",  # a report looks the same on a machine that lacks our font
    "svg.hashsalt": "seqdl",  # the same figure gives the same bytes
}


@contextmanager
def style():
    """Apply seqdl's matplotlib settings inside a ``with`` block, leaving the user's own alone."""
    import matplotlib

    with matplotlib.rc_context(RC):
        yield


def use_style(scale: float = 1.15) -> None:
    """Apply seqdl's settings to pyplot for the rest of the session, as the lessons do.

    Parameters
    ----------
    scale : float
        Factor of all letters and lines; a projector wants them a little larger than paper does.
    """
    import matplotlib

    sizes = {name: value * scale for name, value in RC.items() if name.endswith(("size", "linewidth"))}
    matplotlib.rcParams.update({**RC, **sizes, "axes.prop_cycle": matplotlib.cycler(color=PALETTE)})
    matplotlib.rcParams.update(
        {"figure.figsize": (6.4, 3.4), "figure.dpi": 90, "figure.constrained_layout.use": True}
    )


def color_of(model: str, index: int = 0) -> str:
    """Return the colour of a model or baseline, or the palette's for a name not known here.

    Parameters
    ----------
    model : str
        Name as in ``metrics.json``: ``"network"``, ``"kmer"``, ``"gc_length"``, ...
    index : int
        Place in `PALETTE` (taken modulo its length) for any other name.

    Returns
    -------
    str
        ``#RRGGBB``.
    """
    return MODEL_COLORS.get(model, PALETTE[index % len(PALETTE)])


def new_figure(width: float = 6.0, height: float = 3.2, rows: int = 1, columns: int = 1, **subplots):
    """Make a figure without touching pyplot's global state; call it inside `style`.

    Parameters
    ----------
    width, height : float
        Size in inches.
    rows, columns : int
        Grid of axes.
    **subplots
        Passed to ``Figure.subplots`` (``sharex``, ``gridspec_kw``, ...).

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : numpy.ndarray of matplotlib.axes.Axes, (rows, columns)
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **subplots)
    return figure, axes


def stamp_figure(figure, stamp: str) -> None:
    """Write a warning, such as "RANDOM SPLIT: leaks", across a figure's top; "" writes nothing."""
    if stamp:
        figure.suptitle(stamp, color=VERMILION, fontweight="bold", fontsize=10)


def figure_bytes(figure, suffix: str = ".svg", dpi: int = 160) -> bytes:
    """Render a figure in memory.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    suffix : str
        ``".svg"``, ``".png"`` or ``".pdf"``.
    dpi : int
        Dots per inch, for bitmaps.

    Returns
    -------
    bytes
        The file's contents; no time stamp is written into it.
    """
    kind = suffix.lstrip(".").lower()
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    buffer = io.BytesIO()
    with style(), warnings.catch_warnings():
        # On a busy machine Matplotlib complains that it took a second to place a legend.
        warnings.filterwarnings("ignore", message="Creating legend with loc")
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def figure_uri(figure, suffix: str = ".svg", dpi: int = 160) -> str:
    """Render a figure as a ``data:`` address that can stand in an HTML page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    suffix : str
        ``".svg"`` or ``".png"``.
    dpi : int
        Dots per inch, for bitmaps.

    Returns
    -------
    str
        ``data:image/...;base64,...``
    """
    kind = "svg+xml" if suffix == ".svg" else suffix.lstrip(".")
    return f"data:image/{kind};base64," + base64.b64encode(figure_bytes(figure, suffix, dpi)).decode("ascii")


def picture_suffix(path) -> str:
    """Return a picture's suffix: ``.png``, ``.svg`` or ``.pdf``.

    Raises
    ------
    InputError
        If it is none of these.
    """
    from pathlib import Path

    from seqdl.errors import InputError

    suffix = Path(path).suffix.lower()
    if suffix not in {".png", ".svg", ".pdf"}:
        raise InputError(f"A picture's name must end in .png, .svg or .pdf. Received: {str(path)!r}.")
    return suffix


def save_figure(figure, path) -> None:
    """Write a figure to a file, whole or not at all; the suffix chooses the format.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or Path
        See `picture_suffix`.

    Raises
    ------
    InputError
        If the suffix is none of the known ones.
    """
    from seqdl.files import atomic_path

    suffix = picture_suffix(path)
    with atomic_path(path) as temporary:
        temporary.write_bytes(figure_bytes(figure, suffix))
