"""Draw how a training went and what a dataset is made of."""

from __future__ import annotations

import numpy as np

from seqdl.plot.style import BLUE, GREY, INK, ORANGE, PALETTE, SPLIT_COLORS, new_figure, style

SPLIT_LABELS = {"train": "training", "valid": "validation", "test": "test"}
METRIC_NAMES = {
    "loss": "loss",
    "auprc": "AUPRC",
    "auroc": "AUROC",
    "auc": "AUROC",
    "pearson": "Pearson's r",
    "learning_rate": "learning rate",
}


def history_metrics(history, monitor: str = "val_loss") -> list[str]:
    """List the quantities that a history follows on validation windows.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns ``loss``, ``val_loss`` and so on, one row an epoch.
    monitor : str
        Column that early stopping watched.

    Returns
    -------
    list of str
        Without the ``val_``; the loss first, then the watched one.
    """
    names = [name[4:] for name in history.columns if name.startswith("val_")]
    return sorted(names, key=lambda name: (name != "loss", f"val_{name}" != monitor, names.index(name)))


def best_epoch(history, monitor: str = "val_loss") -> int:
    """Return the 0-based row of a history whose weights were kept.

    Parameters
    ----------
    history : pandas.DataFrame
    monitor : str
        Column that early stopping watched; smallest is best for a loss, largest otherwise.
        The training loss is used where the column is missing.

    Returns
    -------
    int
    """
    values = history[monitor if monitor in history else "loss"].to_numpy(float)
    return int(np.nanargmin(values) if "loss" in monitor or monitor not in history else np.nanargmax(values))


def plot_history(history, *, monitor: str = "val_loss", kept: int | None = None, top: int = 2):
    """Draw learning curves: training and validation by epoch, with the kept epoch marked.

    Parameters
    ----------
    history : pandas.DataFrame
        One row an epoch; columns such as ``loss``, ``val_loss`` and ``val_auprc``.
    monitor : str
        See `best_epoch`.
    kept : int, optional
        0-based row of the kept epoch; `best_epoch` when None.
    top : int
        At most this many quantities, in the order of `history_metrics`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.ticker import MaxNLocator

    names = (history_metrics(history, monitor) or ["loss"])[:top]
    epochs = np.arange(1, len(history) + 1)
    best = best_epoch(history, monitor) if kept is None else kept
    late = best > len(history) / 2
    with style():
        figure, axes = new_figure(4.9 * len(names), 3.0, 1, len(names))
        for ax, name in zip(axes[0], names, strict=True):
            lines = ((name, ORANGE, "--", "training"), (f"val_{name}", BLUE, "-", "validation"))
            lines = [line for line in lines if line[0] in history]
            for column, color, dashes, label in lines:
                ax.plot(epochs, history[column], dashes, color=color, label=label, marker="o", markersize=3)
            ax.axvline(best + 1, color=GREY, linewidth=1.0, linestyle=":")
            low = "loss" not in name  # a rising curve leaves room below, a falling one above
            ax.annotate(
                f"kept: epoch {best + 1}", (best + 1, 0.0 if low else 1.0),
                xycoords=("data", "axes fraction"), textcoords="offset points",
                xytext=(-5 if late else 5, 5 if low else -3), fontsize=8, color=INK,
                va="bottom" if low else "top", ha="right" if late else "left",
            )  # fmt: skip
            ax.set_xlabel("epoch")
            watched = " on validation windows" if len(lines) == 1 else ""
            ax.set_title(METRIC_NAMES.get(name, name) + watched)
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            if len(lines) > 1:
                ax.legend(loc="best")
            if name == "loss":
                _cut_first_spikes(ax, np.array([history[column] for column, *_ in lines], float))
    return figure


def _cut_first_spikes(ax, losses: np.ndarray) -> None:
    """Keep the first epochs, whose loss can be many times the later ones', from flattening the picture."""
    top = 3 * float(np.nanmedian(losses))
    beyond = int((losses > top).any(axis=0).sum())
    if beyond:
        ax.set_ylim(0, top)
        ax.annotate(
            f"{beyond} epoch{'s' if beyond > 1 else ''} above", (0.02, 0.97), xycoords="axes fraction",
            fontsize=7, color=GREY, va="top",
        )  # fmt: skip


def plot_contigs(
    contigs, contig_ids: np.ndarray, starts: np.ndarray, split: np.ndarray, lengths, *, top: int = 30
):
    """Draw where on the genome the training, validation and test windows lie.

    Parameters
    ----------
    contigs : sequence of str
        Contig names; `contig_ids` index them.
    contig_ids : int array, (n,)
    starts : int array, (n,)
        0-based starts of the windows.
    split : uint8 array, (n,)
        0 train, 1 valid, 2 test.
    lengths : sequence of int
        Contig lengths in bases.
    top : int
        Draw at most this many contigs, the longest ones, in the genome's order.

    Returns
    -------
    matplotlib.figure.Figure
    """
    used = np.unique(contig_ids)
    lengths = np.asarray(lengths, np.float64)
    used = np.sort(used[np.argsort(-lengths[used], kind="stable")][:top])
    unit, name = (1e6, "Mb") if lengths[used].max() >= 2e6 else (1e3, "kb")
    gaps = np.diff(np.unique(starts[contig_ids == used[0]]))
    spacing = float(np.median(gaps)) if gaps.size else 1.0
    cell = max(lengths[used].max() / 400, spacing, 1.0)  # finer than a window's neighbour would draw stripes
    with style():
        figure, axes = new_figure(6.6, 0.95 + 0.24 * max(len(used), 2))
        ax = axes[0, 0]
        for row, contig in enumerate(used):
            ax.barh(
                row, lengths[contig] / unit, height=0.66, color="#EEF1F4", edgecolor="#C5CDD5", linewidth=0.6
            )
            of_contig = contig_ids == contig
            for code, label in enumerate(SPLIT_COLORS):
                places = np.unique(np.clip(starts[of_contig & (split == code)], 0, None) // cell)
                runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1) if places.size else []
                bars = [(run[0] * cell, min((run[-1] + 1) * cell, lengths[contig])) for run in runs]
                ax.broken_barh([(low / unit, (high - low) / unit) for low, high in bars], (row - 0.33, 0.66),
                               color=SPLIT_COLORS[label], linewidth=0)  # fmt: skip
        for label, color in SPLIT_COLORS.items():
            ax.plot([], [], "s", color=color, label=SPLIT_LABELS[label])
        ax.set_yticks(range(len(used)), [contigs[contig] for contig in used], fontsize=8)
        ax.invert_yaxis()
        ax.grid(False)
        ax.set_xlabel(f"position ({name})")
        figure.legend(loc="outside upper left", ncols=3, handletextpad=0.1)
    return figure


def plot_positives(positives: np.ndarray, categories, *, floor: int = 10):
    """Draw how many positive windows the targets have, one histogram a category.

    Parameters
    ----------
    positives : int array, (n_targets,)
        Windows that carry each target.
    categories : sequence of str, length n_targets
    floor : int
        Where the evaluation stops to score; drawn as a line.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    positives, categories = np.asarray(positives), np.asarray(categories)
    groups = list(dict.fromkeys(categories))[: len(PALETTE)]
    high = max(positives.max(initial=1), floor * 2)
    edges = np.unique(np.round(np.geomspace(1, high + 1, 28), 3))
    with style():
        figure, axes = new_figure(5.6, 3.0)
        ax = axes[0, 0]
        ax.hist([np.maximum(positives[categories == group], 1) for group in groups], edges, stacked=True,
                color=PALETTE[: len(groups)], label=groups, edgecolor="white", linewidth=0.4)  # fmt: skip
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.margins(y=0.16)
        ax.axvline(floor, color=INK, linewidth=1, linestyle=":")
        ax.annotate(f"scored from {floor}", (floor, 1), xycoords=("data", "axes fraction"), xytext=(3, -3),
                    textcoords="offset points", fontsize=8, va="top")  # fmt: skip
        ax.set_xlabel("positive test windows per target")
        ax.set_ylabel("targets")
        if len(groups) > 1:
            ax.legend()
    return figure
