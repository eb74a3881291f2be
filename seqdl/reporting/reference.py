"""The last sections of a report: the run's card, the software, a glossary."""

from __future__ import annotations

import json

from seqdl.reporting.blocks import Cell, Fold, Section, Table, Terms
from seqdl.reporting.inputs import Inputs

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
        (
            "predicts",
            f"{len(card.get('targets') or []):,} targets, for the middle {card.get('bin') or window:,} bases",
        ),
        ("variant's place", f"first base at index {card.get('anchor')} of the window (0-based)"),
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


def glossary_section() -> Section:
    """Explain the page's words in one line each."""
    return Section("glossary", "Words on this page", "", [Terms(GLOSSARY)], "Words")
