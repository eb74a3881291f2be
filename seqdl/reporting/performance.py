"""Sections on how well the network does: curves by category, a row per target, calibration."""

from __future__ import annotations

import numpy as np

from seqdl.evaluation.outputs import shown_categories
from seqdl.plot.style import figure_uri
from seqdl.reporting.blocks import Cell, Picture, Section, Table, listing, number, signed
from seqdl.reporting.inputs import Inputs
from seqdl.reporting.overview import models_of
from seqdl.reporting.scores import label_of, not_evaluated, score_cell
from seqdl.words import count


def performance_section(found: Inputs) -> Section:
    """Show medians by category and ROC and precision-recall curves, the baselines beside the network.

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
    network, others = models_of(found.metrics)
    blocks: list = [_category_table(found.metrics), *_curve_picture(found)]
    reading = ""
    if network is not None and others:
        best = others[0]
        reading = (
            "AUROC is the chance that a window with the target ranks above one without it; AUPRC also asks "
            f"how pure the top of the ranking is, so it shows more when positives are rare. The bar to "
            f"clear is {label_of(best)}, trained and tested on the same windows."
        )
    return Section("performance", title, reading, blocks, "Performance")


def _curve_picture(found: Inputs) -> list:
    from seqdl.plot.evaluation import plot_category_curves

    if found.curves is None:
        return []
    network, others = models_of(found.metrics)
    alt = "ROC and precision-recall curves by category. Medians over targets: " + "; ".join(
        f"{label_of(model)} AUROC {number(model.get('median_auroc'))}, "
        f"AUPRC {number(model.get('median_auprc'))}"
        for model in [*([network] if network else []), *others]
    )
    caption = (
        "ROC and precision–recall: at each place the median over the category's targets (their number in "
        "brackets). ROC: further up and left is better. Precision–recall: further up is better. The dotted "
        "line is guessing."
    )
    return [Picture(figure_uri(plot_category_curves(found.curves)), alt, caption, wide=True)]


def _category_table(metrics: dict) -> Table:
    """One row a category; the network with interval and picture, each baseline's value beside it."""
    network, others = models_of(metrics)
    models = ([network] if network else []) + others
    rows = []
    for category in [*shown_categories(models), None]:
        sources = models
        if category is not None:
            sources = [(model.get("by_category") or {}).get(category) or {} for model in models]
        targets = next(
            (item["n_targets"] for item in sources if "n_targets" in item), metrics.get("targets_scored")
        )
        cells = [Cell(category or "all targets"), Cell(number(targets), targets)]
        for key in ("median_auroc", "median_auprc"):
            known = [item.get(key) for item in sources[1:]]
            cells.append(_score_cell(sources[0], key, max((v for v in known if v is not None), default=None)))
            cells += [Cell(number(value), -1.0 if value is None else value) for value in known]
        rows.append(cells)
    columns = ["category", "targets"]
    for name in ("AUROC", "AUPRC"):
        columns += [f"{name}, {label_of(models[0])}", *(label_of(model) for model in models[1:])]
    numeric = (1, *(i for i in range(3, len(columns)) if i != 3 + len(others)))
    return Table(
        tuple(columns), rows,
        "Medians over the targets with enough positive test windows. Dot and whisker: the network with its "
        "95 % bootstrap interval; vermilion tick: the best baseline. AUROC is drawn from 0.5 to 1, AUPRC "
        "from 0 to 1.",
        numeric, shown=60,
    )  # fmt: skip


def _score_cell(source: dict, key: str, baseline: float | None) -> Cell:
    low, high = source.get(f"{key}_ci") or (None, None)
    return score_cell(source.get(key), low, high, baseline, 0.5 if "auroc" in key else 0.0)


def target_section(found: Inputs) -> Section:
    """Show one row per target: positives, AUROC and AUPRC with intervals, the best baseline's beside.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Section
    """
    title = "Target by target"
    if found.table is None or found.metrics is None:
        return Section("targets", title, "", [not_evaluated(found)], "Targets")
    network, others = models_of(found.metrics)
    best = others[0] if others else None
    table = found.table
    mine = table[table["model"] == "network"].set_index("target")
    theirs = table[table["model"] == best["name"]].set_index("target") if best else mine.iloc[:0]
    rows = []
    for target, row in mine.sort_values("auprc", ascending=False, na_position="last").iterrows():
        other = theirs.loc[target] if target in theirs.index else {}
        base = {key: other.get(key) if len(other) else None for key in ("auroc", "auprc")}
        gain = row["auprc"] - base["auprc"] if base["auprc"] is not None else np.nan
        rows.append([
            Cell(str(target)), Cell(_word(row.get("cell"))), Cell(_word(row.get("category"))),
            Cell(f"{int(row['positives']):,}", int(row["positives"])),
            score_cell(row["auroc"], row.get("auroc_lo"), row.get("auroc_hi"), base["auroc"], 0.5),
            score_cell(row["auprc"], row.get("auprc_lo"), row.get("auprc_hi"), base["auprc"], 0.0),
            Cell(number(row.get("base_rate"), 4), row.get("base_rate")),
            Cell(signed(gain), gain if gain == gain else -9.0),
        ])  # fmt: skip
    name = label_of(best) if best else "baseline"
    columns = ("target", "cell", "category", "positives", "AUROC", "AUPRC", "guessing", "AUPRC gain")
    keep = [
        i for i in range(len(columns)) if i not in (1, 2) or any(row[i].text not in ("", "–") for row in rows)
    ]
    numeric = tuple(place for place, i in enumerate(keep) if i in (3, 6, 7))
    help = {
        "positives": "test windows that carry the target",
        "guessing": "share of positives: the AUPRC of a guess",
        "AUPRC gain": f"AUPRC of the network minus that of {name}",
        "AUROC": f"blue: the network with its 95 % interval; vermilion: {name}; the scale runs from 0.5 to 1",
        "AUPRC": f"blue: the network with its 95 % interval; vermilion: {name}; the scale runs from 0 to 1",
    }
    block = Table(
        tuple(columns[i] for i in keep), [[row[i] for i in keep] for row in rows],
        f"Click a heading to sort. Blue dot and whisker: the network with its 95 % interval. Vermilion "
        f"tick: {name}.",
        numeric=numeric, help=help,
    )  # fmt: skip
    scored = mine.dropna(subset=["auprc"])
    reading = ""
    if len(scored) > 1:
        ordered = scored.sort_values("auprc", ascending=False).index
        weak = [str(target) for target in scored[scored["auroc"] < 0.6].index]
        reading = f"It does best on {listing(ordered[:3])} by AUPRC."
        if weak:
            reading += (
                f" {count(len(weak), 'target')} stay near chance (AUROC below 0.6): {listing(weak, 4)}."
            )
    return Section("targets", title, reading, [block], "Targets")


def calibration_section(found: Inputs) -> Section:
    """Show how often a prediction comes true, and say whether the probabilities can be read as such.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Section
    """
    title = "Can the probabilities be believed?"
    if found.calibration is None:
        return Section("calibration", title, "", [not_evaluated(found)], "Calibration")
    from seqdl.plot.evaluation import plot_calibration

    network, _ = models_of(found.metrics or {})
    error = (network or {}).get("ece")
    reading = "On the diagonal, of the windows predicted with 0.3 thirty in a hundred carry the target."
    table = found.calibration
    mine = table[(table["model"] == "network") & (table["binning"] == "uniform")]
    mine = mine.dropna(subset=["mean_predicted"])
    reading += read_calibration(mine)
    if error is not None:
        reading += (
            f" (Expected calibration error over all predictions, most of which are near 0: {error:.4f}.)"
        )
    alt = "Calibration: " + "; ".join(
        f"predicted {row.mean_predicted:.2f}, observed {row.observed:.2f}" for row in mine.itertuples()
    )
    picture = Picture(
        figure_uri(plot_calibration(table)), alt,
        "Predicted probability against the share that carries the target, all targets together. Left: bins "
        "of equal width show the rare high predictions. Right, on logarithmic axes: bins of equal numbers "
        "show where most lie.",
        wide=True, limit=760,
    )  # fmt: skip
    return Section("calibration", title, reading, [picture], "Calibration")


def read_calibration(bins) -> str:
    """Say whether the high predictions come true, which the calibration error hides among the many low ones.

    Parameters
    ----------
    bins : pandas.DataFrame
        Columns bin_lo, n, mean_predicted, observed; one model.

    Returns
    -------
    str
        Begins with a blank; empty where there are too few high predictions to tell.
    """
    for floor in (0.5, 0.2, 0.1):
        high = bins[(bins["bin_lo"] >= floor - 1e-9) & (bins["n"] > 0)]
        n = int(high["n"].sum())
        if n < 50:
            continue
        predicted, observed = (
            float((high[name] * high["n"]).sum() / n) for name in ("mean_predicted", "observed")
        )
        ratio = observed / predicted
        said = (
            "too high: trust the ranking, not the value"
            if ratio < 0.8
            else "about right"
            if ratio <= 1.25
            else "too low"
        )
        return (
            f" Of {n:,} predictions above {floor}, whose mean is {predicted:.2f}, {100 * observed:.0f} % "
            f"carry the target: high predictions are {said}."
        )
    return ""


def _word(value) -> str:
    return "" if value is None or value != value else str(value)
