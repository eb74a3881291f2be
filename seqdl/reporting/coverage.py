"""Sections and words of a coverage run: how well its tracks are predicted, and what they look like."""

from __future__ import annotations

import numpy as np

from seqdl.data.dataset_file import SPLITS
from seqdl.plot.curves import SPLIT_LABELS
from seqdl.plot.style import figure_uri
from seqdl.reporting.blocks import Cell, Picture, Section, Table, Tile, listing, number, signed, span
from seqdl.reporting.inputs import Inputs
from seqdl.reporting.scores import interval_words, known, label_of, not_evaluated, score_cell, test_place
from seqdl.words import count

_SAMPLE = 20_000_000  # values looked at to describe a split
_COLUMNS = {
    "pearson": ("Pearson", "correlation over all bins"),
    "profile_pearson": ("in windows", "the same correlation inside each window, averaged over windows"),
    "deviance_explained": ("explained", "Poisson deviance explained: 1 is perfect, 0 the track's mean"),
    "jsd": ("distance", "Jensen-Shannon distance of profiles: 0 is perfect"),
}


def coverage_models(metrics: dict) -> tuple[dict | None, list[dict]]:
    """Split the metrics into the network's and the baselines', best baseline (by correlation) first."""
    models = metrics.get("models") or []
    network = next((item for item in models if item.get("name") == "network"), None)
    others = [item for item in models if item is not network]
    return network, sorted(others, key=lambda item: -known(item.get("median_pearson")))


def _share(explained: float | None) -> str:
    """Say which share of the deviance is explained; what rounds to 0 % or is worse is "none"."""
    percent = round(100 * (explained or 0))
    return f"{percent} %" if percent > 0 else "none"


def judge_coverage(found: Inputs) -> tuple[str, list[str]]:
    """Say in words how the network does beside the best baseline.

    Parameters
    ----------
    found : Inputs
        With metrics.

    Returns
    -------
    verdict : str
        As in `seqdl.reporting.overview.judge`, by correlation.
    sentences : list of str
    """
    metrics = found.metrics
    network, others = coverage_models(metrics)
    if network is None or network.get("median_pearson") is None:
        return "unknown", ["The metrics hold no number for the network."]
    scored = metrics.get("targets_scored", 0)
    middle = "It correlates" if scored == 1 else f"In the median over {count(scored, 'track')} it correlates"
    first = (
        f"{middle} with what was observed by Pearson's r {number(network['median_pearson'])}"
        f"{interval_words(network.get('median_pearson_ci'))} over bins of {metrics['resolution']:,} bases, "
        f"and explains {_share(network.get('median_deviance_explained'))} of the Poisson deviance, "
        f"on {count(metrics.get('n_windows', 0), 'test window')} {test_place(found)}."
    )
    if not others:
        return "unknown", [
            first,
            "No baseline was run beside it, so it is not known what a simpler rule does.",
        ]
    best = others[0]
    pair = next(
        (e for e in metrics.get("comparisons") or []
         if e.get("baseline") == best["name"] and e.get("metric") == "pearson"), {},
    )  # fmt: skip
    gain = known(network.get("median_pearson")) - known(best.get("median_pearson"))
    low, high = pair.get("median_difference_ci") or (gain, gain)
    verdict = "good" if low > 0 else "bad" if high < 0 else "even"
    said = f"The best simple rule, {label_of(best)}, reaches r {number(best.get('median_pearson'))}"
    if pair.get("of", 0) > 1:
        said += f"; the network is ahead of it on {pair['better']:,} of {count(pair['of'], 'track')}"
    said += {
        "good": ". So it has learned more from the sequence than composition and short words tell.",
        "even": ". So it is not clearly better than that: prefer the simple rule until it is.",
        "bad": ". So it does worse than that: do not use this network in its place.",
    }[verdict]
    return verdict, [first, said]


def coverage_tiles(metrics: dict) -> list[Tile]:
    """Return the headline numbers: correlation and deviance explained, the best baseline's below."""
    network, others = coverage_models(metrics)
    if network is None:
        return []
    tiles = []
    for key, label in (("median_pearson", "Pearson r"), ("median_deviance_explained", "deviance explained")):
        note = f"{label_of(others[0])}: {number(others[0].get(key))}" if others else ""
        median = "median " if metrics.get("targets_scored", 0) != 1 else ""
        tiles.append(Tile(number(network.get(key)), median + label, note))
    return tiles


def coverage_performance_section(found: Inputs) -> Section:
    """Show the medians of the network and its baselines, every track's correlation, and all bins at once.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Section
    """
    title = "How well it does"
    if found.metrics is None:
        return Section("performance", title, "", [not_evaluated(found)], "Performance")
    from seqdl.plot.coverage import plot_scatter, plot_tracks

    metrics = found.metrics
    network, others = coverage_models(metrics)
    models = ([network] if network else []) + others
    rows = []
    for model in models:
        cells = [Cell(label_of(model))]
        for key in _COLUMNS:
            interval = model.get(f"median_{key}_ci")
            note = span(*interval) if interval else ""
            value = model.get(f"median_{key}")
            cells.append(Cell(number(value), known(value), note=note))
        rows.append(cells)
    controls = metrics.get("controls") or {}
    for key, words in (("jsd_average", "average profile"), ("jsd_shuffled", "bins shuffled")):
        if controls.get(key) is not None:
            empty = [Cell("") for _ in range(len(_COLUMNS) - 1)]
            rows.append([Cell(f"control: {words}"), *empty, Cell(number(controls[key]), controls[key])])
    percent = f"{100 * metrics.get('confidence', 0.95):g} %"
    blocks: list = [
        Table(
            ("model", *(name for name, _ in _COLUMNS.values())), rows,
            f"Medians over tracks, with {percent} bootstrap intervals below. The controls need no model: the "
            "distance of the average training profile, and of the observed profiles with their bins "
            "shuffled.",
            tuple(range(1, 1 + len(_COLUMNS))), help=dict(_COLUMNS.values()),
        )
    ]  # fmt: skip
    if found.table is not None:
        alt = "Correlation of every track, network beside baselines. Medians: " + "; ".join(
            f"{label_of(model)} {number(model.get('median_pearson'))}" for model in models
        )
        caption = (
            "Pearson's r over all bins of a track. The network with its interval; further right is better."
        )
        blocks.append(Picture(figure_uri(plot_tracks(found.table)), alt, caption))
    if found.scatter is not None:
        blocks.append(Picture(
            figure_uri(plot_scatter(found.scatter), ".png"),
            "Map of all bins by observed and predicted value, logarithmic.",
            "All held-out bins of all tracks, in multiples of each track's mean. On the line: predicted as "
            "observed. Bins without a read are in the column on the left.",
        ))  # fmt: skip
    reading = (
        "Pearson's r over bins asks whether the signal is high where it should be; inside windows, whether "
        "the shapes are right; the deviance also minds the heights."
    )
    if network is not None and network.get("across_tracks") is not None:
        reading += (
            f" Over tracks, at each bin, r is {number(network['across_tracks'])}: that is how well it tells "
            "which tracks have signal there."
        )
    return Section("performance", title, reading, blocks, "Performance")


def track_section(found: Inputs) -> Section:
    """Show one row per track, the best baseline's correlation beside the network's.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Section
    """
    title = "Track by track"
    if found.table is None or found.metrics is None:
        return Section("targets", title, "", [not_evaluated(found)], "Tracks")
    _, others = coverage_models(found.metrics)
    best = others[0] if others else None
    table = found.table
    mine = table[table["model"] == "network"].set_index("target")
    theirs = table[table["model"] == best["name"]].set_index("target") if best else None
    rows = []
    for target, row in mine.sort_values("pearson", ascending=False, na_position="last").iterrows():
        base = (
            float(theirs.at[target, "pearson"]) if theirs is not None and target in theirs.index else np.nan
        )
        gain = row["pearson"] - base
        rows.append([
            Cell(str(target)), Cell(_word(row.get("cell"))), Cell(_word(row.get("category"))),
            Cell(number(row["mean_observed"]), row["mean_observed"]),
            score_cell(row["pearson"], row.get("pearson_lo"), row.get("pearson_hi"), base, 0.0),
            Cell(number(row["profile_pearson"]), known(row["profile_pearson"])),
            Cell(number(row["deviance_explained"]), known(row["deviance_explained"])),
            Cell(number(row["jsd"]), known(row["jsd"])),
            Cell(signed(gain), gain if gain == gain else -9.0),
        ])  # fmt: skip
    columns = ["track", "cell", "category", "mean", *(name for name, _ in _COLUMNS.values()), "gain"]
    keep = [
        i for i in range(len(columns)) if i not in (1, 2) or any(row[i].text not in ("", "–") for row in rows)
    ]
    name = label_of(best) if best else "baseline"
    help = {
        **dict(_COLUMNS.values()), "mean": "mean observed value of a bin",
        "gain": f"correlation of the network minus that of {name}",
    }  # fmt: skip
    block = Table(
        tuple(columns[i] for i in keep), [[row[i] for i in keep] for row in rows],
        f"Click a heading to sort. Dot and whisker: the network with its interval, on a scale from 0 to 1. "
        f"Vermilion tick: {name}.",
        tuple(place for place, i in enumerate(keep) if i in (3, 5, 6, 7, 8)), help=help,
    )  # fmt: skip
    ordered = mine.dropna(subset=["pearson"]).sort_values("pearson", ascending=False).index
    reading = f"It does best on {listing(ordered[:3])}." if len(ordered) > 1 else ""
    return Section("targets", title, reading, [block], "Tracks")


def example_section(found: Inputs) -> Section:
    """Show stretches of tracks as observed and as predicted.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Section
    """
    title = "What the tracks look like"
    if found.metrics is None or found.examples is None:
        return Section("examples", title, "", [not_evaluated(found)], "Examples")
    from seqdl.plot.coverage import plot_examples

    examples = found.examples
    tracks = examples.drop_duplicates("target")
    named = ", ".join(
        f"{row.target} (r {row.pearson:.2f})" for row in tracks.itertuples() if row.pearson == row.pearson
    )
    places = examples.groupby("region").agg(
        chrom=("chrom", "first"), start=("start", "min"), end=("end", "max")
    )
    where = "; ".join(f"{row.chrom}:{row.start:,}-{row.end:,}" for row in places.itertuples())
    picture = Picture(
        figure_uri(plot_examples(examples)), f"Observed and predicted tracks at {where}.",
        f"Grey: observed. Tracks from the best to the worst predicted: {named}. Stretches: {where} "
        "(0-based).",
        wide=True,
    )  # fmt: skip
    reading = (
        "The stretches were chosen by how much was observed there, not by how well it was predicted. "
        "`seqdl predict --bigwig` writes such tracks of a whole genome for a browser."
    )
    return Section("examples", title, reading, [picture], "Examples")


def coverage_table(dataset) -> Table:
    """Describe the tracks of a dataset by category: mean value by split, and the share that is not known."""
    summaries = {
        part: _describe(dataset, np.flatnonzero(dataset.split == i)) for i, part in enumerate(SPLITS)
    }
    categories = np.array([str(c) or "uncategorised" for c in dataset.targets["category"].fillna("")], object)
    rows = []
    for name in dict.fromkeys(categories):
        members = categories == name
        cells = [Cell(name), Cell(f"{int(members.sum()):,}", int(members.sum()))]
        for mean, unknown in summaries.values():
            value = float(np.nanmedian(mean[members])) if np.isfinite(mean[members]).any() else np.nan
            share = f"  ({100 * unknown[members].mean():.2g} % unknown)" if unknown[members].any() else ""
            cells.append(Cell(number(value) + share, known(value)))
        rows.append(cells)
    columns = ("category", "tracks", *(f"mean value, {SPLIT_LABELS[part]}" for part in SPLITS))
    return Table(columns, rows, "Mean value of a bin: the median over the category's tracks.", (1, 2, 3, 4))


def _describe(dataset, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each track's mean and share of unknown values, of windows spread evenly over a split."""
    n = min(len(rows), max(1, _SAMPLE // (dataset.n_bins * dataset.n_targets)))
    if not n:
        return np.full(dataset.n_targets, np.nan), np.zeros(dataset.n_targets)
    total, seen = np.zeros(dataset.n_targets), np.zeros(dataset.n_targets)
    chosen = rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)]
    for part in np.array_split(chosen, max(1, n // 256)):
        values = dataset.values(part).astype(np.float32)
        seen += np.isfinite(values).sum(axis=(0, 1))
        total += np.nansum(values, axis=(0, 1), dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return total / seen, 1 - seen / (n * dataset.n_bins)


def _word(value) -> str:
    return "" if value is None or value != value else str(value)
