"""Draw a cross-validation: each fold's number, the mean and the spread, baselines beside the network."""

from __future__ import annotations

import numpy as np

from seqdl.plot.style import INK, MODEL_LABELS, color_of, new_figure, stamp_figure, style

SHOWN = 3  # metrics at most
_WORDS = {
    "auroc": "AUROC", "auprc": "AUPRC", "ece": "calibration error", "pearson": "Pearson", "jsd": "JSD",
}  # fmt: skip


def plot_folds(table, summary, *, stamp: str = ""):
    """Draw one panel a metric, one point a fold, and mean ± standard deviation.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `seqdl.training.cross_validation.cross_validate`: columns fold, model, label, metric_*.
    summary : pandas.DataFrame
        Of `summarise_folds`.
    stamp : str
        Written across the top, for folds that leak.

    Returns
    -------
    matplotlib.figure.Figure
    """
    metrics = list(dict.fromkeys(summary["metric"]))[:SHOWN]
    models = list(dict.fromkeys(table["model"]))
    labels = dict(zip(table["model"], table["label"], strict=True))
    with style():
        figure, axes = new_figure(2.9 * max(len(metrics), 1), 3.0, 1, max(len(metrics), 1))
        for ax, metric in zip(axes[0], metrics, strict=False):
            for place, model in enumerate(models):
                part = table[table["model"] == model]
                values = part[f"metric_{metric}"].to_numpy(float)
                # Points side by side in the order of the folds: the same fold is at the same place.
                x = place + np.linspace(-0.18, 0.18, max(len(values), 2))[: len(values)]
                ax.plot(x, values, "o", color=color_of(model, place), markersize=4)
                row = summary[(summary["model"] == model) & (summary["metric"] == metric)]
                if len(row):
                    mean, sd = float(row["mean"].iloc[0]), float(row["sd"].iloc[0])
                    ax.plot([place - 0.3, place + 0.3], [mean, mean], color=INK, linewidth=1.4)
                    if np.isfinite(sd):
                        ax.errorbar(place + 0.3, mean, sd, color=INK, linewidth=1.0, capsize=3)
            ax.set_xticks(range(len(models)), [_short(MODEL_LABELS.get(m, labels[m])) for m in models])
            ax.set_xlim(-0.6, len(models) - 0.4)
            ax.set_title(metric_words(metric))
        stamp_figure(figure, stamp)
        figure.supxlabel("a point a fold, in their order; line: mean; bar: standard deviation", fontsize=8)
    return figure


def metric_words(name: str) -> str:
    """Write a metric's key for people: "median_auroc" is "median AUROC"."""
    return " ".join(_WORDS.get(word, word) for word in name.split("_"))


def _short(label: str) -> str:
    """Break a long label into two lines."""
    words, middle = label.split(), len(label) / 2
    if len(label) <= 12 or len(words) < 2:
        return label
    cuts = [" ".join(words[:i]) for i in range(1, len(words))]
    first = min(cuts, key=lambda text: abs(len(text) - middle))
    return f"{first}\n{label[len(first) + 1 :]}"
