"""Are the explanations true? Every method on the demonstration's network, against the planted motifs.

    seqdl demo --out demo/                                     # about five minutes
    python benchmarks/faithfulness.py --demo demo/ --json out.json

Windows lie on bound sites of the test contig, which the network never saw, moved off their middle at random
by up to 150 bases, so that the middle of a window says little. Known positions are the motifs of the
explained factor, and of the partner that it needs, by the grammar's own law (truth_sites.tsv). With --run
another run of the same dataset is measured, such as an ensemble (seqdl train --members), which adds the
stability over members.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from seqdl.interpret.faithfulness.check import CHECKS, check_attributions
from seqdl.interpret.faithfulness.write import COLUMNS, describe_check

CONTIG = "chr6"  # the demonstration's test contig
OFFSET = 150
EDGE = 1000  # bases that windows stay away from a contig's ends


def write_regions(folder: Path, sites: Path, factor: str, seed: int) -> tuple[Path, Path]:
    """Write windows around a factor's bound sites, and its motifs, as BED files."""
    with open(sites, encoding="utf-8", newline="") as handle:
        rows = [row for row in csv.DictReader(handle, delimiter="\t") if row["FACTOR"] == factor]
    rows = [row for row in rows if row["CHROM"] == CONTIG]
    centers = sorted({int(row["CENTER"]) for row in rows})
    last = max(int(row["END"]) for row in rows)
    centers = np.array([center for center in centers if EDGE < center < last - EDGE])
    centers += np.random.default_rng(seed).integers(-OFFSET, OFFSET + 1, len(centers))
    windows, known = folder / f"{factor}_windows.bed", folder / f"{factor}_known.bed"
    windows.write_text("".join(f"{CONTIG}\t{center - 1}\t{center + 1}\n" for center in centers))
    known.write_text("".join(f"{CONTIG}\t{row['START']}\t{row['END']}\n" for row in rows))
    return windows, known


def markdown(factor: str, result) -> list[str]:
    """Write a result's summary as lines of a Markdown table."""
    columns = [name for name in COLUMNS if name in result.summary]
    lines = []
    for row in result.summary.to_dict("records"):
        cells = [factor, row["method"]]
        for name in columns:
            text = f"{row[name]:.3f}"
            if np.isfinite(row.get(f"{name}_low", np.nan)):
                text += f" ({row[f'{name}_low']:.3f} to {row[f'{name}_high']:.3f})"
            cells.append(text)
        lines.append("| " + " | ".join(cells) + " |")
    if result.recovery is not None:
        for row in result.recovery.table.query("kind == 'baseline'").to_dict("records"):
            numbers = [f"{row[name]:.3f}" if name in ("auroc", "auprc") else "" for name in columns]
            lines.append("| " + " | ".join([factor, f"({row['method']})", *numbers]) + " |")
    head = ["factor", "method", *(COLUMNS[name][0] for name in columns)]
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *lines]


def main() -> None:
    """Measure, print Markdown, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--demo", required=True, type=Path, help="folder of `seqdl demo`")
    parser.add_argument("--run", type=Path, help="another run than the demonstration's")
    parser.add_argument("--factors", nargs="+", default=["CTCF", "REST", "GATA1"])
    parser.add_argument("--methods", nargs="+", help="default: all")
    parser.add_argument("--checks", nargs="+", choices=CHECKS, help="default: all that are possible")
    parser.add_argument("--sequences", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pictures", type=Path, help="a folder for each factor's tables and pictures")
    args = parser.parse_args()
    simulated, found = args.demo / "simulated", {}
    for factor in args.factors:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            windows, known = write_regions(Path(folder), simulated / "truth_sites.tsv", factor, args.seed)
            result = check_attributions(
                args.run or args.demo / "run",
                genome=simulated / "genome.fa",
                bed=windows,
                known=known,
                target=factor,
                methods=args.methods,
                checks=args.checks,
                most=args.sequences,
                seed=args.seed,
                out=None if args.pictures is None else args.pictures / factor,
            )
        seconds = time.monotonic() - start
        print(f"\n{describe_check(result)}\n({seconds:.0f} s)\n")
        print("\n".join(markdown(factor, result)), flush=True)
        found[factor] = {
            "settings": result.settings,
            "seconds": round(seconds, 1),
            "notes": list(result.notes),
            "summary": json.loads(result.summary.to_json(orient="records")),
        }
        if result.recovery is not None:
            found[factor]["recovery"] = json.loads(result.recovery.table.to_json(orient="records"))
    if args.json is not None:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
