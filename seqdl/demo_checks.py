"""The demonstration's checks: what seqdl's commands found, against what the simulation planted."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Check(NamedTuple):
    """One comparison with the planted truth.

    Attributes
    ----------
    name : str
        What was asked.
    passed : bool
        The answer.
    finding : str
        The numbers, in a sentence.
    value : float
        The number that decided.
    """

    name: str
    passed: bool
    finding: str
    value: float


def check_demo(out: str | Path) -> list[Check]:
    """Compare everything that a finished demonstration wrote with the planted truth.

    Parameters
    ----------
    out : str or Path
        Its folder.

    Returns
    -------
    checks : list of Check
    """
    sim, run = Path(out) / "simulated", Path(out) / "run"
    scores, truth = run / "scores.tsv.gz", sim / "truth_variants.tsv"
    return [
        check_network(run / "metrics.json"),
        *check_effects(scores, truth),
        check_attributions(sorted(run.glob("attributions_*.h5")), sim / "truth_sites.tsv"),
        check_records(sim / "variants.vcf.gz", scores, truth),
    ]


def check_network(metrics: str | Path) -> Check:
    """Ask whether the network beats the baselines on the held-out chromosome.

    Parameters
    ----------
    metrics : str or Path
        metrics.json of `seqdl evaluate`.

    Returns
    -------
    check : Check
    """
    models = {m["name"]: m for m in json.loads(Path(metrics).read_text(encoding="utf-8"))["models"]}
    network = models.pop("network")
    best = max(models.values(), key=lambda m: m["median_auroc"])
    low, high = network["median_auroc_ci"]
    beside = ", ".join(f"{m['label']} {m['median_auroc']:.3f}" for m in models.values())
    return Check(
        "the network beats its baselines on the held-out chromosome",
        network["median_auroc"] > best["median_auroc"] and network["median_auroc"] >= 0.85,
        f"median AUROC {network['median_auroc']:.3f} (95 % interval {low:.3f} to {high:.3f}); {beside}",
        network["median_auroc"],
    )


def check_effects(scores: str | Path, truth: str | Path) -> list[Check]:
    """Ask whether causal variants stand out from neutral ones, and whether their effects have the right sign.

    Parameters
    ----------
    scores : str or Path
        Table of `seqdl score-variants`.
    truth : str or Path
        truth_variants.tsv of the simulation.

    Returns
    -------
    checks : list of Check
        Two: the ranking by the largest absolute difference over targets, and the signs.
    """
    from sklearn.metrics import roc_auc_score

    from seqdl.variants.files.reading import read_scores

    table = read_scores(scores)
    variants, diff = table.variants, table.scores["diff"]
    place = {
        key: i
        for i, key in enumerate(zip(variants.chrom, variants.pos, variants.ref, variants.alt, strict=True))
    }
    causal, size, right = [], [], []
    for row in _rows(truth):
        index = place.get((row["CHROM"], int(row["POS"]), row["REF"], row["ALT"]))
        if index is None or row["TRUTH"] not in ("causal", "neutral"):
            continue
        causal.append(row["TRUTH"] == "causal")
        size.append(np.abs(diff[index]).max())
        for effect in row["EFFECTS"].split(",") if causal[-1] else ():
            name, sign = effect.split(":")
            right.append(np.sign(diff[index, table.targets.index(name)]) == int(sign))
    causal, size = np.array(causal), np.array(size)
    auroc = float(roc_auc_score(causal, size))
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(size), len(size)) for _ in range(500)]
    low, high = np.percentile(
        [roc_auc_score(causal[d], size[d]) for d in draws if 0 < causal[d].sum() < len(d)], [2.5, 97.5]
    )
    share = float(np.mean(right))
    return [
        Check(
            "causal variants rank above neutral ones",
            auroc >= 0.8,
            f"AUROC of |diff| {auroc:.3f} (95 % interval {low:.3f} to {high:.3f}), "
            f"{causal.sum()} causal and {(~causal).sum()} neutral alleles",
            auroc,
        ),
        Check(
            "effects have the planted sign",
            share >= 0.85,
            f"{sum(right)} of {len(right)} gains and losses ({share:.0%})",
            share,
        ),
    ]


def check_attributions(files: list[Path], sites: str | Path) -> Check:
    """Ask whether the explanations point at the motifs that were planted.

    Parameters
    ----------
    files : list of Path
        HDF5 files of `seqdl attribute`, one a target.
    sites : str or Path
        truth_sites.tsv of the simulation.

    Returns
    -------
    check : Check
        Decided by the mean over regions of the AUROC with which the absolute attribution of a base tells
        whether it lies in a motif of the explained factor.
    """
    from sklearn.metrics import roc_auc_score

    from seqdl.interpret.writers import read_attribution

    places: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in _rows(sites):
        places.setdefault((row["FACTOR"], row["CHROM"]), []).append((int(row["START"]), int(row["END"])))
    aurocs, fold = [], []
    for file in files:
        found = read_attribution(file)
        for region, values in zip(found.regions, np.abs(found.values.sum(axis=2)), strict=True):
            if not region.name.startswith(f"{found.target}_"):
                continue  # a region chosen for another factor
            truth = np.zeros(len(values), bool)
            for start, end in places[found.target, region.chrom]:
                truth[max(start - region.start, 0) : max(end - region.start, 0)] = True
            if 0 < truth.sum() < len(truth):
                aurocs.append(roc_auc_score(truth, values))
                fold.append(values[truth].sum() / max(values.sum(), 1e-12) / truth.mean())
    auroc = float(np.mean(aurocs)) if aurocs else 0.0
    return Check(
        "explanations point at the planted motifs",
        auroc >= 0.75,
        f"AUROC of a base's attribution {auroc:.3f}, {np.mean(fold) if fold else 0:.1f} times the mass "
        f"expected, over {len(aurocs)} regions",
        auroc,
    )


def check_records(vcf: str | Path, scores: str | Path, truth: str | Path) -> Check:
    """Ask whether every record of the VCF came out, scored or rejected with a reason, and rightly so.

    Parameters
    ----------
    vcf : str or Path
        What was scored.
    scores : str or Path
        The table; the rejects file stands beside it.
    truth : str or Path
        truth_variants.tsv of the simulation.

    Returns
    -------
    check : Check
    """
    from seqdl.variants.files.reading import read_scores

    with gzip.open(vcf, "rt") as handle:  # read plainly: a check should not lean on what it checks
        fields = [line.split("\t")[:5] for line in handle if not line.startswith("#")]
    expected = {(chrom, int(pos), ref, alt) for chrom, pos, _, ref, alts in fields for alt in alts.split(",")}
    variants = read_scores(scores).variants
    scored = set(zip(variants.chrom, variants.pos, variants.ref, variants.alt, strict=True))
    rejected = {
        (r["#CHROM"], int(r["POS"]), r["REF"], r["ALT"]): r["REASON"]
        for r in _rows(Path(scores).with_name("scores.rejects.tsv"))
    }
    bad = {(r["CHROM"], int(r["POS"]), r["REF"], r["ALT"]) for r in _rows(truth) if r["TRUTH"] == "bad"}
    whole = scored | set(rejected) == expected and not scored & set(rejected) and set(rejected) == bad
    reasons = ", ".join(sorted(set(rejected.values())))
    return Check(
        "every record of the VCF is accounted for",
        whole,
        f"{len(expected)} alleles: {len(scored)} scored, {len(rejected)} rejected ({reasons})",
        float(whole),
    )


def _rows(path: str | Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as handle:
        lines = (line for line in handle if not line.startswith("##"))
        return list(csv.DictReader(lines, delimiter="\t"))
