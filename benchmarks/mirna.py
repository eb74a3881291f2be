"""Human precursor microRNAs: networks with and without structure beside the controls that need no network.

    SEQDL_DATA=... KERAS_BACKEND=jax python benchmarks/mirna.py --out mirna/

Positives: all 1,872 human hairpins of miRBase 20. Negatives, two for each where they can be found:
(a) the positives shuffled, each with its dinucleotide counts; (b) windows of the human genome (hg19 chr22 up
to 22 Mb, hg38 chr1 up to 1 Mb and chr22:32.0-32.3 Mb) of a positive's length and GC content (within .02)
with a hairpin of 18 pairs or more and at most -15 kcal/mol, and similar to no positive. Families (let-7,
mir-548, ...) and clusters of an estimated identity of .8 lie in one split each. ViennaRNA folds.

Finished runs in --out are kept, so that the table can be made piece by piece. It is printed as markdown.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

FAMILY = r"^hsa-((?:let|mir)-\d+)"
# Name, preset, with structure, choices of training.
PLAIN = {"batch_size": 128, "learning_rate": 4e-3, "epochs": 16, "patience": 5}
MIRNA = {"batch_size": 64, "learning_rate": 2e-3, "epochs": 14, "patience": 5}
NETWORKS = (
    ("mirna preset, structure", "mirna", True, MIRNA),
    ("BiGRU, sequence", "bigru", False, PLAIN),
    ("GRU, sequence", "gru", False, PLAIN),
    ("LSTM, sequence", "lstm", False, PLAIN),
    ("SimpleRNN, sequence", "simple", False, PLAIN),
    ("BiGRU, structure", "bigru", True, PLAIN),
    ("mirna preset, sequence", "mirna", False, MIRNA),
)
MEMBERS = 3  # of the ensemble of the first network
KINDS = {"shuffled": "dinucleotide shuffles", "genomic": "genomic windows that fold"}


def human_genome(folder: Path):
    """Join the pieces of the human genome that are at hand, without the unknown start of chr22."""
    from seqdl.genome import Genome
    from seqdl.io.fasta import read_fasta

    contigs = {}
    for name, first in (
        ("human_chr22/hg19_chr22_1_22M.fa.gz", 16_050_000),
        ("human_hg38_slices/hg38_1m.fa.gz", 0),
        ("human_hg38_slices/hg38_chr22_32000000_32300000.fa", 0),
    ):
        records = read_fasta(folder / name)
        for i, contig in enumerate(records.names):
            contigs[f"{name.split('/')[1].split('.')[0]}:{contig}"] = records.sequence(i)[first:]
    return Genome.from_arrays(contigs)


def write_fasta(path: Path, headers, sequences) -> Path:
    """Write sequences, a list of code arrays, as RNA."""
    from seqdl.encoding import decode
    from seqdl.files import write_text

    text = "".join(
        f">{header}\n{decode(codes).replace('T', 'U')}\n"
        for header, codes in zip(headers, sequences, strict=True)
    )
    write_text(path, text)
    return path


def build(out: Path, folder: Path, seed: int) -> None:
    """Write the four datasets: two kinds of negatives, each with and without structure."""
    from seqdl.data.build import build_dataset
    from seqdl.data.hairpin_negatives import MAX_ENERGY, folding_windows
    from seqdl.io.fasta import read_fasta

    every = read_fasta(folder / "mirna/mirbase_r20_hairpin.fa")
    rows = [i for i, name in enumerate(every.names) if name.startswith("hsa-")]
    positives = write_fasta(
        out / "hairpins.fa", [every.headers[i] for i in rows], [every.sequence(i) for i in rows]
    )
    negatives = out / "genomic.fa"
    if not negatives.exists():
        found = read_fasta(positives)
        wanted = np.repeat(np.arange(len(rows)), 2)
        drawn = folding_windows(
            human_genome(folder), found.codes, found.offsets, wanted, max_energy=MAX_ENERGY, seed=seed
        )
        print("\n".join(drawn.notes), flush=True)
        write_fasta(negatives, drawn.names, np.split(drawn.codes, drawn.offsets[1:-1]))
    for kind in KINDS:
        for structure in ("none", "fold"):
            path = out / f"{kind}_{structure}.h5"
            if path.exists():
                continue
            report = build_dataset(
                fasta=positives, negatives="shuffle" if kind == "shuffled" else negatives, negative_ratio=2.0,
                structure=structure, group_by=FAMILY, cluster=0.8, random_split="0.15,0.2", seed=seed,
                category="miRNA", out=path,
            )  # fmt: skip
            print(report.summary(), *report.notes, sep="\n", flush=True)


def train(out: Path, kind: str, name: str, preset: str, structure: bool, choices: dict, seed: int) -> None:
    """Train and evaluate one network; the controls go with the networks named first."""
    from seqdl.evaluation.evaluate import evaluate
    from seqdl.training.fit import fit

    data = out / f"{kind}_{'fold' if structure else 'none'}.h5"
    run = out / f"{kind}_{preset}_{'structure' if structure else 'sequence'}"
    if (run / "metrics.json").exists():
        return
    if not (run / "model.keras").exists():
        fit(data, run, model="rnn", preset=preset, seed=seed, overwrite=True, **choices)
    controls = {"mirna": ("length_gc", "rna_kmer", "stem_kmer"), "bigru": ("stem_kmer",)}
    first = preset == "mirna" and structure or preset == "bigru" and not structure
    evaluate(run, data, baselines=controls[preset] if first else (), bootstrap=1000, threads=1)


def ensemble(out: Path, kind: str, seed: int) -> None:
    """Join the first network with others of its kind, of other seeds, into one run, and evaluate it."""
    from seqdl.evaluation.evaluate import evaluate
    from seqdl.training.ensemble import join_runs
    from seqdl.training.fit import fit

    data, run = out / f"{kind}_fold.h5", out / f"{kind}_mirna_ensemble"
    if (run / "metrics.json").exists():
        return
    members = [out / f"{kind}_mirna_structure"]
    for number in range(1, MEMBERS):
        members.append(out / f"{kind}_mirna_member{number}")
        if not (members[-1] / "model.keras").exists():
            fit(data, members[-1], model="rnn", preset="mirna", seed=seed + number, overwrite=True, **MIRNA)
    join_runs(members, run, overwrite=True)
    evaluate(run, data, baselines=("stem_kmer",), bootstrap=1000, threads=1)


def paired(metrics: dict) -> str:
    """Say how the network compares with the stem control on the same resamples."""
    said = []
    for entry in metrics["comparisons"]:
        if entry["baseline"] == "stem_kmer" and entry["median_difference_ci"]:
            low, high = entry["median_difference_ci"]
            name = {"auroc": "AUROC", "auprc": "AUPR"}[entry["metric"]]
            said.append(
                f"{name} {entry['median_difference']:+.3f} [{low:+.3f}, {high:+.3f}], p {entry['p']:.2f}"
            )
    return "; ".join(sorted(said, reverse=True))


def row(model: dict, name: str, epochs: str) -> str:
    """Write one line of the table."""
    cells = []
    for key in ("median_auroc", "median_auprc"):
        low, high = model[f"{key}_ci"]
        cells.append(f"{model[key]:.3f} [{low:.3f}, {high:.3f}]")
    return f"| {name} | {' | '.join(cells)} | {epochs} |"


def table(out: Path) -> str:
    """Write what is finished as markdown."""
    lines = []
    for kind, title in KINDS.items():
        lines += [f"\n### {title}\n", "| model | AUROC | AUPR | parameters, training |", "|---|---|---|---|"]
        controls, networks, comparisons = [], [], []
        joined = out / f"{kind}_mirna_ensemble" / "metrics.json"
        if joined.exists():
            metrics = json.loads(joined.read_text())
            name = f"mirna preset, structure, {MEMBERS} members"
            networks.append(row(metrics["models"][0], name, "mean of networks of other seeds"))
            comparisons.append(f"{name}, against the stem control: {paired(metrics)}")
        for name, preset, structure, _ in NETWORKS:
            run = out / f"{kind}_{preset}_{'structure' if structure else 'sequence'}"
            if not (run / "metrics.json").exists():
                continue
            metrics = json.loads((run / "metrics.json").read_text())
            card = json.loads((run / "card.json").read_text())
            training = card["training"]
            about = (
                f"{card['model']['parameters']:,}; best epoch {training['best_epoch']}, "
                f"{training['seconds']:.0f} s"
            )
            networks.append(row(metrics["models"][0], name, about))
            if paired(metrics):
                energy = "without energies" if not structure else "with energies"
                comparisons.append(f"{name}, against the stem control {energy}: {paired(metrics)}")
            for model in metrics["models"][1:]:
                with_energy = "energy" in model["details"]["features"]
                label = {"length_gc": "length and GC", "rna_kmer": "k-mers (1 to 4)"}.get(
                    model["name"], f"stems{' with structure and energy' if with_energy else ''}, k-mers"
                )
                controls.append(
                    row(model, f"control: {label}, boosted", f"{model['details']['trees'][0]} trees")
                )
        lines += controls + networks + [""] + [f"- {text}" for text in comparisons]
    return "\n".join(lines)


def main() -> None:
    """Build, train what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for datasets and runs")
    parser.add_argument("--only", nargs="*", help="train only these presets")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), help="negatives: shuffled, genomic")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    build(args.out, Path(os.environ["SEQDL_DATA"]), args.seed)
    for name, preset, structure, choices in NETWORKS:
        for kind in args.kinds:
            if not args.only or preset in args.only:
                train(args.out, kind, name, preset, structure, choices, args.seed)
                if preset == "mirna" and structure:
                    ensemble(args.out, kind, args.seed)
                print(table(args.out), flush=True)


if __name__ == "__main__":
    main()
