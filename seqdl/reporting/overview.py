"""The box at the top of a report: what was trained, how well it does, and what to be careful about."""

from __future__ import annotations

from seqdl.encoding import RNA
from seqdl.models.registry import list_models
from seqdl.reporting.blocks import Headline, Tile, listing, number
from seqdl.reporting.coverage import coverage_tiles, judge_coverage
from seqdl.reporting.inputs import Inputs
from seqdl.reporting.scores import interval_words, known, label_of, test_place
from seqdl.words import count


def headline(found: Inputs) -> Headline:
    """Write the headline box from the card and the metrics.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Headline
    """
    card, metrics = found.card, found.metrics
    model, targets = card.get("model") or {}, card.get("targets") or []
    titles = {entry.name: entry.title for entry in list_models()}
    name = titles.get(model.get("name"), str(model.get("name") or "network"))
    preset = model.get("preset")
    genome = (card.get("genome") or {}).get("name")
    title = f"{name} on {count(len(targets), 'target')}" + (f" of {genome}" if genome else "")
    categories = _categories(targets)
    one = targets[0].get("name", "one target") if len(targets) == 1 else ""
    parameters = f" of {int(model['parameters']):,} weights" if model.get("parameters") else ""
    kind = f"A {name.removesuffix(' network')} network{f' ({preset} preset)' if preset else ''}"
    if model.get("members"):
        kind = f"An ensemble of {model.get('of') or len(model['members'])}"
    sentences = [
        f"{kind}{parameters} reads {card.get('window', 0):,} bases of {_molecule(card)} and predicts, for "
        f"{f'one target ({one})' if one else f'each of {len(targets):,} targets ({listing(categories)})'}, "
        f"{_prediction(card)}."
    ]
    verdict, tiles = "unknown", []
    if metrics is None:
        sentences.append("It has not been evaluated yet, so this page cannot say how well it does.")
    else:
        coverage = metrics.get("task") == "coverage"
        verdict, said = judge_coverage(found) if coverage else judge(found)
        sentences += said
        tiles += coverage_tiles(metrics) if coverage else _score_tiles(metrics)
    tiles += _size_tiles(card)
    subtitle = " · ".join(
        str(part)
        for part in (
            f"folder {found.run.path.resolve().name}",
            f"trained {str(card.get('created', ''))[:10]}" if card.get("created") else "",
            f"seqdl {card.get('seqdl')}" if card.get("seqdl") else "",
        )
        if part
    )
    return Headline(title, subtitle, sentences, verdict, tiles, caveats(found))


def _molecule(card: dict) -> str:
    rna = card.get("alphabet") == RNA
    return ("RNA with its secondary structure" if card.get("structured") else "RNA") if rna else "DNA"


def _prediction(card: dict) -> str:
    bin = card.get("bin") or card.get("window", 0)
    if card.get("task") == "coverage":
        n, resolution = bin // card["resolution"], card["resolution"]
        return f"its signal along the middle {bin:,} bases: {n:,} values, one for every {resolution:,} bases"
    if bin == card.get("window", 0):
        return "the probability that the sequence carries it"
    return f"the probability that the middle {bin:,} bases carry it"


def models_of(metrics: dict) -> tuple[dict | None, list[dict]]:
    """Split the metrics into the network's and the baselines', best baseline (by AUPRC) first."""
    models = metrics.get("models") or []
    network = next((item for item in models if item.get("name") == "network"), None)
    others = [item for item in models if item is not network]
    return network, sorted(others, key=lambda item: -known(item.get("median_auprc")))


def judge(found: Inputs) -> tuple[str, list[str]]:
    """Say in words how the network does beside the best baseline.

    Returns
    -------
    verdict : str
        "good" or "bad": the paired interval of the medians' difference lies above or below 0; "even": it
        holds 0; "unknown": nothing to compare.
    sentences : list of str
    """
    metrics = found.metrics
    network, others = models_of(metrics)
    if network is None:
        return "unknown", ["The metrics hold no row for the network."]
    where = test_place(found)
    scored = metrics.get("targets_scored", 0)
    middle = "Its AUROC is" if scored == 1 else f"The median AUROC over {count(scored, 'target')} is"
    first = (
        f"{middle} {number(network.get('median_auroc'))}{interval_words(network.get('median_auroc_ci'))} and "
        f"{'its' if scored == 1 else 'the median'} AUPRC {number(network.get('median_auprc'))}"
        f"{interval_words(network.get('median_auprc_ci'))}, on "
        f"{count(metrics.get('n_windows', 0), 'test window')} {where}."
    )
    if not others:
        alone = "No baseline was run beside it, so it is not known whether a simpler rule does as well."
        return "unknown", [first, alone]
    best = others[0]
    said = (
        f"The best simple rule, {label_of(best)}, reaches {number(best.get('median_auroc'))} "
        f"and {number(best.get('median_auprc'))}"
    )
    paired = _comparison(metrics, best["name"])
    gain = known(network.get("median_auprc")) - known(best.get("median_auprc"))
    low, high = paired.get("median_difference_ci") or (gain, gain)
    verdict = "good" if low > 0 else "bad" if high < 0 else "even"
    if paired.get("of", 0) > 1:
        of = count(paired["of"], "target")
        said += f"; by AUPRC the network is ahead of it on {paired['better']:,} of {of}"
        if paired.get("clearly_better") is not None:
            said += (
                f" (beyond chance on {paired['clearly_better']:,}, "
                f"behind it on {paired.get('clearly_worse', 0):,})"
            )
    said += "."
    said += {
        "good": " So it has learned more from the sequence than composition and short words tell.",
        "even": " So it is not clearly better than that: prefer the simple rule until it is.",
        "bad": " So it does worse than that: do not use this network in its place.",
    }[verdict]
    return verdict, [first, said]


def _comparison(metrics: dict, baseline: str) -> dict:
    """Return the paired comparison with a baseline by AUPRC; empty where the metrics hold none."""
    for entry in metrics.get("comparisons") or []:
        if entry.get("baseline") == baseline and entry.get("metric") == "auprc":
            return entry
    return {}


def caveats(found: Inputs) -> list[str]:
    """List what weakens the numbers of this run, each in a sentence."""
    card, metrics = found.card, found.metrics or {}
    split = card.get("split") or {}
    said = []
    if metrics.get("random_split") or split.get("random"):
        said.append(
            "The split is random over windows: neighbouring and overlapping windows stand on both sides, so "
            "every number here is too good. Split by chromosome to know how the network does on DNA it has "
            "not seen."
        )
    missing = metrics.get("targets_without_positives") or []
    few = metrics.get("targets_below_min_positives") or []
    if missing:
        have = count(len(missing), "target has", "targets have")
        said.append(f"{have} no positive test window and no score: {listing(missing, 5)}.")
    if few:
        stay = "and stays" if len(few) == 1 else "and stay"
        said.append(
            f"{count(len(few), 'target has', 'targets have')} fewer than {metrics.get('min_positives', 10)} "
            f"positive test windows {stay} out of the medians: {listing(few, 5)}."
        )
    silent = metrics.get("targets_unscored") or []
    if silent:
        have = count(len(silent), "track has", "tracks have")
        said.append(
            f"{have} no known value that varies in the test split, and no score: {listing(silent, 5)}."
        )
    said += [str(note) for note in metrics.get("notes") or []]
    if found.metrics and found.metrics.get("split") not in (None, "test"):
        said.append(f"The numbers are of the {found.metrics['split']} split, not of the test split.")
    return said


def _score_tiles(metrics: dict) -> list[Tile]:
    network, others = models_of(metrics)
    if network is None:
        return []
    best = others[0] if others else None
    tiles = []
    for key, label in (("median_auroc", "AUROC"), ("median_auprc", "AUPRC")):
        note = f"{label_of(best)}: {number(best.get(key))}" if best else ""
        median = "median " if metrics.get("targets_scored", 0) != 1 else ""
        tiles.append(Tile(number(network.get(key)), median + label, note))
    return tiles


def _size_tiles(card: dict) -> list[Tile]:
    split = card.get("split") or {}
    windows = {part: windows_of(split, part) for part in ("train", "valid", "test")}
    tiles = []
    if any(windows.values()):
        tiles.append(Tile(f"{windows['train']:,}", "training windows", f"test: {windows['test']:,}"))
    if (card.get("model") or {}).get("parameters"):
        value = int(card["model"]["parameters"])
        text = f"{value / 1e6:.1f} M" if value >= 1e6 else f"{value:,}"
        tiles.append(Tile(text, "weights", f"window {card.get('window', 0):,} bp"))
    return tiles


def windows_of(split: dict, part: str) -> int:
    """Return how many windows a card's split summary gives for a part; 0 when it does not say.

    Parameters
    ----------
    split : dict
        ``split`` of a run's card.
    part : {"train", "valid", "test"}

    Returns
    -------
    int
    """
    return int((split.get(part) or {}).get("windows", 0))


def _categories(targets: list[dict]) -> list[str]:
    names: dict[str, int] = {}
    for target in targets:
        label = target.get("category") or target.get("assay") or "uncategorised"
        names[label] = names.get(label, 0) + 1
    ordered = sorted(names.items(), key=lambda item: -item[1])
    if len(ordered) == 1:
        return [f"category {ordered[0][0]}"]
    return [f"{n:,} {label}" for label, n in ordered]
