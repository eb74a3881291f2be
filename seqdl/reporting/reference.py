"""The last sections of a report: the run's card, the software, a glossary."""

from __future__ import annotations

import json

from seqdl.reporting.blocks import Cell, Fold, Section, Table, Terms
from seqdl.reporting.inputs import Inputs
from seqdl.words import count

GLOSSARY = [
    (
        "target",
        "one thing to predict, usually an experiment: a protein, a mark or open chromatin in one cell type",
    ),
    ("window", "the stretch of DNA that the network reads at once; the prediction is for its middle bin"),
    ("positive", "a window whose middle bin carries the target: a peak covers enough of it"),
    ("split", "which windows are for training, for validation (choosing the epoch) and for the test"),
    ("epoch", "one pass of training over all the training windows"),
    ("loss", "what training makes small: how surprised the network is by the labels (binary cross-entropy)"),
    ("overfitting", "learning the training windows by heart: training loss falls, validation loss rises"),
    ("logit", "log odds, ln(p / (1 − p)): 0 is p = 0.5, +2.2 is p = 0.9"),
    (
        "AUROC",
        "area under the ROC curve: the chance that a positive ranks above a negative; "
        "0.5 is guessing, 1 perfect",
    ),
    ("AUPRC", "area under the precision–recall curve; guessing reaches the share of positives, 1 is perfect"),
    (
        "precision, recall",
        "of the windows called positive, the share that is; of the positives, the share that is called",
    ),
    (
        "baseline",
        "a simple rule trained and tested on the same windows; a network has to beat it to be of use",
    ),
    (
        "95 % interval",
        "where the value would lie 95 times in 100 if the test windows were drawn anew (bootstrap)",
    ),
    ("calibration", "whether things predicted with probability 0.3 happen 30 times in 100"),
    (
        "expected calibration error",
        "mean gap between predicted and observed share, weighted by how often each occurs",
    ),
    ("ref, alt", "the allele of the reference genome and the other one; a change is always alt − ref"),
    ("gradient × input", "how much the logit would fall, to first order, if that base were blotted out"),
    ("filter", "a pattern detector of the network's first layer, a few bases to a few dozen wide"),
    (
        "bit",
        "unit of information: 2 bits mean a base is fixed, 0 that all four "
        "are as common as in the background",
    ),
]


_OF_LABELS = {
    "positive", "window", "loss", "logit", "AUROC", "AUPRC", "precision, recall", "calibration",
    "expected calibration error", "ref, alt", "gradient × input",
}  # fmt: skip
OF_COVERAGE = [
    ("window", "the stretch of DNA that the network reads at once; the prediction is for its middle"),
    ("track, coverage", "signal along the genome, such as the reads that begin in each bin"),
    ("bin", "a few bases whose signal is one value; what the network predicts is a row of them"),
    ("loss", "what training makes small: how surprised the network is by the counts"),
    ("Pearson's r", "correlation: 1 is a perfect straight line, 0 none"),
    ("r in windows", "the same inside each window, averaged: whether shapes are right, whatever the level"),
    (
        "Poisson deviance",
        "how far counts are from what was predicted, big ones allowed to vary more than small",
    ),
    ("deviance explained", "1 minus the deviance over that of the track's mean: 1 is perfect, 0 the mean"),
    ("Jensen-Shannon distance", "how far two profiles are apart that each sum to 1: 0 equal, 1 no overlap"),
]


def card_section(found: Inputs) -> Section:
    """Show the run's card, foldable, and the versions of the software that made it.

    Parameters
    ----------
    found : Inputs

    Returns
    -------
    Section
    """
    card = found.card
    genome = card.get("genome") or {}
    split, window = card.get("split") or {}, card.get("window", 0)
    facts = [
        ("network", found.run.label),
        ("reads", f"{window:,} bases ({card.get('alphabet', 'ACGT')}; N is {card.get('n_policy', 'zeros')})"),
        ("predicts", _predicts(card)),
        ("variant's place", f"first base at index {card.get('anchor')} of the window (0-based)"
         if card.get("task") != "coverage" else ""),
        ("strands", "averaged" if card.get("strand_average") else "forward only"),
        (
            "genome",
            " · ".join(str(genome[key]) for key in ("name", "checksum") if genome.get(key))
            or "none (sequences)",
        ),
        ("split", f"{split.get('kind', 'unknown')}{' (random over windows)' if split.get('random') else ''}"),
        ("dataset", str((card.get("dataset") or {}).get("path") or "not recorded")),
        ("trained", str(card.get("created") or "not recorded")),
    ]  # fmt: skip
    table = Table(("what", "value"), [[Cell(name), Cell(value)] for name, value in facts if value], shown=99)
    packages = {"seqdl": card.get("seqdl"), **(card.get("packages") or {})}
    versions = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
    slim = {key: value for key, value in card.items() if key not in ("targets", "genome")}
    slim["targets"] = f"{len(card.get('targets') or [])} targets; see the table above"
    slim["genome"] = {key: value for key, value in genome.items() if key != "contigs"}
    slim["genome"]["contigs"] = f"{len(genome.get('contigs') or {})} contigs; see card.json"
    return Section(
        "card",
        "The run's card",
        f"Prediction and variant scoring hold to this and refuse another genome. Software: {versions}.",
        [table, Fold("The whole card (JSON)", json.dumps(slim, indent=2, ensure_ascii=False, default=str))],
        "Card",
    )


def _predicts(card: dict) -> str:
    n, bin = len(card.get("targets") or []), card.get("bin") or card.get("window", 0)
    if card.get("task") == "coverage":
        resolution = card["resolution"]
        values = f"{bin // resolution:,} values of {resolution:,} bases"
        return f"{count(n, 'track')}: {values}, the middle {bin:,}"
    return f"{count(n, 'target')}, for the middle {bin:,} bases"


def glossary_section(task: str = "binary") -> Section:
    """Explain the page's words in one line each.

    Parameters
    ----------
    task : {"binary", "coverage"}
        Of the run: the words of the other task are left out.
    """
    words = [item for item in GLOSSARY if task == "binary" or item[0] not in _OF_LABELS]
    if task == "coverage":
        words += OF_COVERAGE
    return Section("glossary", "Words on this page", "", [Terms(words)], "Words")
