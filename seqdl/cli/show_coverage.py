"""What `seqdl evaluate` prints of a coverage run."""

from __future__ import annotations

from seqdl.words import few

_NAMES = {
    "pearson": "Pearson", "profile_pearson": "Pearson in window", "deviance_explained": "deviance explained",
    "jsd": "profile distance",
}  # fmt: skip


def show_coverage(console, metrics: dict) -> None:
    """Print the table of medians and what it means.

    Parameters
    ----------
    console : rich.console.Console
    metrics : dict
        Contents of metrics.json, of a coverage run.
    """
    console.print(
        f"{metrics['n_windows']:,} {metrics['split']} windows of {metrics['n_bins']:,} bins of "
        f"{metrics['resolution']} bp, {metrics['targets_scored']} of {metrics['targets_total']} tracks "
        "measured"
        f"{', both strands averaged' if metrics['strand_average'] else ''}."
    )
    if metrics["targets_scored"]:
        console.print(_table(metrics))
    for sentence in coverage_sentences(metrics):
        console.print(sentence, markup=False)


def coverage_sentences(metrics: dict) -> list[str]:
    """Say what the numbers mean: comparisons first, then the controls, then tracks left out and caveats.

    Parameters
    ----------
    metrics : dict
        Contents of metrics.json, of a coverage run.

    Returns
    -------
    list of str
    """
    labels = {model["name"]: model["label"] for model in metrics["models"]}
    said = [
        _comparison(entry, labels[entry["baseline"]])
        for entry in metrics["comparisons"]
        if entry["metric"] == "pearson" and entry["of"]
    ]
    average, shuffled = (metrics["controls"].get(key) for key in ("jsd_average", "jsd_shuffled"))
    if average is not None and shuffled is not None:
        said.append(
            f"Profile distance (Jensen-Shannon, 0 is perfect): the average training profile reaches "
            f"{average:.3f}, observed profiles with their bins shuffled {shuffled:.3f}."
        )
    across = metrics["models"][0].get("across_tracks")
    if across is not None:
        said.append(f"Across tracks, at each bin, on standardised values: Pearson {across:.3f}.")
    if metrics["targets_unscored"]:
        n = len(metrics["targets_unscored"])
        said.append(
            f"{n} track{'s' if n > 1 else ''} without any known value that varies here, not measured: "
            f"{few(metrics['targets_unscored'], 8)}."
        )
    for model in metrics["models"]:
        used, available = (model["details"].get(key) for key in ("train_windows", "train_windows_available"))
        if used and available and used < available:
            said.append(f"{model['label']}: learned from {used:,} of {available:,} training windows.")
    return said + list(metrics["notes"])


def _comparison(entry: dict, label: str) -> str:
    better, of = entry["better"], entry["of"]
    where = f"on {better} of {of} tracks" if of > 1 else "on the one track"
    text = f"The network beats {label} {where} by Pearson"
    if 2 * better <= of:
        most = f"on most tracks by Pearson (only {better} of {of})" if of > 1 else f"{where} by Pearson"
        text = f"The network does not beat {label} {most}"
    details = [f"median {entry['median_difference']:+.3f}"]
    if entry["median_difference_ci"]:
        low, high = entry["median_difference_ci"]
        p = "< 0.01" if entry["p"] < 0.01 else f"= {entry['p']:.2f}"
        details[0] += f" [{low:+.3f}, {high:+.3f}]"
        details.append(f"paired bootstrap p {p}")
        details.append(
            f"clearly better on {entry['clearly_better']}, clearly worse on {entry['clearly_worse']}"
        )
    return f"{text} ({'; '.join(details)})."


def _table(metrics: dict):
    from rich import box
    from rich.table import Table

    percent = f"{100 * metrics['confidence']:g} %"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("median over tracks", no_wrap=True)
    for place, name in enumerate(_NAMES.values()):
        table.add_column(f"{name} [{percent}]" if not place else name, justify="right", no_wrap=True)
    for row, model in enumerate(metrics["models"]):
        cells = [_cell(model, f"median_{key}", place == 0) for place, key in enumerate(_NAMES)]
        table.add_row(model["label"], *cells, style="bold" if row == 0 else "")
    return table


def _cell(model: dict, key: str, whole: bool) -> str:
    """Write a median; with its interval only where the table has room."""
    value, interval = model.get(key), model.get(f"{key}_ci") if whole else None
    if value is None:
        return "–"
    return f"{value:.3f}" + (f" \\[{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")
