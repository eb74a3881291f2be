"""Measure how many variants a second one core scores, from a VCF to a file of effects, beside the peers.

    python benchmarks/variants.py --json out.json

Every contender scores the same SNVs of the same random genome by the same DeepSEA of the published size
(52.8 million parameters, 919 targets, 1,000 bp) with the same random weights: a whole process of its own on
one core, from its start to its end. Its effects must agree before its speed counts; the rate is variants per
CPU second, median of the repeats. Contenders whose package is not installed are skipped by name.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402
from loading import QUIET, installed, machine, pin  # noqa: E402
from variant_contenders import CONTENDERS  # noqa: E402

PEERS = ("selene_hdf5", "selene_tsv", "tangermeme")
BAR, BUSY = 1.5, 0.9  # times each peer; share of the wall time in which the network is busy
SAME = 1e-4  # of a probability: how far effects in float32 may differ
TRIAL = 256  # variants to choose a batch size with
# Selene's TSV holds three digits.
DIGITS = {"selene_tsv": 5e-3}


def run_once(name: str, variants: int, size: int, args: argparse.Namespace) -> dict:
    """Run one contender as a process and return its seconds: whole, and by what it said of itself."""
    script = str(HERE / "variant_contenders.py")
    command = [sys.executable, script, name, "--folder", str(args.folder), "--variants", str(variants)]
    env = {**os.environ, **QUIET, "SEQDL_CACHE": str(args.folder / "cache")}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        child = subprocess.Popen([*command, "--batch-size", str(size)], stdout=out, stderr=err, env=env)
        _, code, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(code)
        out.seek(0), err.seek(0)
        said = [line[6:] for line in out.read().splitlines() if line.startswith("WATCH ")]
        complaint = [line.strip() for line in err.read().splitlines() if line.strip()] or ["no output"]
    if child.returncode or not (said or name == "prepare"):
        errors = [line for line in complaint if "rror: " in line] or complaint
        return {"status": "failed", "reason": errors[-1][:200]}
    found = {"status": "ok", "wall": wall, "cpu": usage.ru_utime + usage.ru_stime}
    return found | (json.loads(said[0]) if said else {})


def measure(name: str, args: argparse.Namespace) -> dict:
    """Choose a batch size on a few variants, then time the whole process."""
    sizes = args.batch_sizes or CONTENDERS[name].sizes
    trials = {}
    for size in sizes if len(sizes) > 1 else ():
        found = run_once(name, TRIAL, size, args)
        if found["status"] != "ok":
            return found
        trials[size] = found["cpu"] - found["start"][1]
    size = min(trials, key=trials.get) if trials else sizes[0]
    runs = []
    for _ in range(args.repeats):
        runs.append(run_once(name, args.variants, size, args))
        if runs[-1]["status"] != "ok":
            return runs[-1]
    whole = np.array([[run["wall"], run["cpu"]] for run in runs])
    start, model = (np.array([run[key] for run in runs]) for key in ("start", "model"))
    scoring = whole - start
    # Peers of one process: its start, the network, and all else (reading, alleles, writing, leaving).
    middle = [np.median(part, axis=0).tolist() for part in (whole, start, model, scoring - model)]
    return {
        "status": "ok",
        "batch_size": size,
        "cpu_seconds_by_batch_size": trials,
        "variants_per_cpu_second": float(np.median(args.variants / whole[:, 1])),
        "variants_per_cpu_second_after_start": float(np.median(args.variants / scoring[:, 1])),
        "variants_per_second": float(np.median(args.variants / whole[:, 0])),
        "spread": [float(args.variants / whole[:, 1].max()), float(args.variants / whole[:, 1].min())],
        "cpu_share": float(np.median(whole[:, 1] / whole[:, 0])),
        "busy": float(np.median(model[:, 0] / scoring[:, 0])),
        "busy_of_all": float(np.median(model[:, 0] / whole[:, 0])),
        "seconds": dict(zip(("whole", "start", "model", "rest"), middle, strict=True)),
        "runs": runs,
    }


def effects(name: str, args: argparse.Namespace) -> np.ndarray:
    """Read what a contender wrote, (variants, targets)."""
    path = args.folder / f"{name}.{args.variants}{CONTENDERS[name].suffix}"
    if name.startswith("seqdl"):
        from seqdl.variants.files.reading import read_scores

        return read_scores(path).scores["diff"]
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".tsv":
        import pandas as pd

        return pd.read_csv(path, sep="\t").iloc[:, -919:].to_numpy()
    import h5py

    with h5py.File(path) as file:
        return file["data"][:]


def compare(results: list[dict], args: argparse.Namespace) -> None:
    """Add each result's ratios and its agreement; what differs is marked as wrong, bfloat16's error is told.

    Float32 is compared to the baseline, tangermeme or the first that ran; bfloat16 to float32.
    """
    good = {row["name"]: row for row in results if row["status"] == "ok"}
    floats = [name for name in ("tangermeme", "seqdl", *good) if name in good]
    if not floats:
        return
    base = effects(floats[0], args)
    size = float(np.median(np.abs(base)))
    for name, row in good.items():
        for peer in PEERS:
            if peer in good and peer != name:
                row.setdefault("ratio", {})[peer] = [
                    row[key] / good[peer][key]
                    for key in ("variants_per_cpu_second", "variants_per_cpu_second_after_start")
                ]
        precision = CONTENDERS[name].precision
        if precision == "strands" or name == floats[0]:
            continue
        error = np.abs(effects(name, args) - base)
        row |= {"compared_to": floats[0], "largest_difference": float(error.max())}
        row |= {"median_error": float(np.median(error)), "median_effect": size}
        if precision == "float32" and error.max() > DIGITS.get(name, SAME):
            row |= {"status": "wrong", "reason": f"effects differ from {floats[0]}'s by {error.max():.1e}"}


def markdown(results: list[dict], about: dict, variants: int) -> str:
    """Write the results as a table for RESULTS.md."""
    lines = [
        f"{about['processor']}, one core; load {about['load_at_start']:.1f} at the start; {variants:,} SNVs.",
        "",
        "| | precision | variants / CPU s | after the start | variants / s | CPU share | × Selene "
        "| × tangermeme | network busy | batch | agreement |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in sorted(results, key=lambda row: -row.get("variants_per_cpu_second", 0)):
        head = f"| {row['what']} | {row['precision']} |"
        if row["status"] != "ok":
            lines.append(f"{head} {row['status']}: {row['reason']} " + "| " * 8 + "|")
            continue
        ratio = row.get("ratio", {})
        agreement = ""
        if "largest_difference" in row:
            share = row["median_error"] / row["median_effect"]
            agreement = f"largest difference {row['largest_difference']:.0e}"
            if row["precision"] == "bfloat16":
                agreement = f"median error {share:.0%} of the median effect"
        cells = [
            f"{row['variants_per_cpu_second']:.1f}", f"{row['variants_per_cpu_second_after_start']:.1f}",
            f"{row['variants_per_second']:.1f}", f"{row['cpu_share']:.2f}",
            *(" / ".join(f"{r:.2f}" for r in ratio[p]) if p in ratio else "" for p in PEERS[::2]),
            f"{row['busy']:.0%} ({row['busy_of_all']:.0%} of all)", f"{row['batch_size']}", agreement,
        ]  # fmt: skip
        lines.append(f"{head} " + " | ".join(cells) + " |")
    lines += ["", "CPU seconds of a process (median of the repeats):", ""]
    lines += ["| | start | network | rest | whole |", "|---|---:|---:|---:|---:|"]
    for row in results:
        if row["status"] == "ok":
            parts = [row["seconds"][key][1] for key in ("start", "model", "rest", "whole")]
            what = f"{row['what']}, {row['precision']}"
            lines.append(f"| {what} | " + " | ".join(f"{part:.1f}" for part in parts) + " |")
    return "\n".join(lines) + "\n"


def verdicts(results: list[dict]) -> list[str]:
    """Say whether seqdl in float32 meets its bars."""
    row = next((r for r in results if r["name"] == "seqdl" and r["status"] == "ok"), None)
    if row is None:
        return []
    said = [
        f"{'met' if min(ratio) >= BAR else 'MISSED'}: {ratio[0]:.2f} x {CONTENDERS[peer].what}, "
        f"{ratio[1]:.2f} without the start (bar {BAR})"
        for peer, ratio in row.get("ratio", {}).items()
    ]
    return [
        *said,
        f"{'met' if row['busy'] >= BUSY else 'MISSED'}: network busy {row['busy']:.1%} (bar {BUSY:.0%})",
    ]


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"contenders: {', '.join(CONTENDERS)}")
    parser.add_argument("--variants", type=int, default=2000, help="SNVs to score")
    parser.add_argument(
        "--batch-sizes", nargs="+", type=int, help="to try (default: a few of each contender)"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--core", type=int, default=0, help="the core to stay on")
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument(
        "--folder", type=Path, help="where to put genome, weights and effects (default: temporary)"
    )
    args = parser.parse_args(argv)
    unknown = set(args.only or []) - set(CONTENDERS)
    if unknown:
        parser.error(f"unknown contender {', '.join(sorted(unknown))}; known: {', '.join(CONTENDERS)}")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark, print the tables, write the JSON."""
    args = parse(argv)
    with tempfile.TemporaryDirectory() as temporary:
        args.folder = args.folder or Path(temporary)
        args.folder.mkdir(parents=True, exist_ok=True)
        pin(args.core)
        about = machine()
        for variants in sorted({TRIAL, args.variants}):
            prepared = run_once("prepare", variants, 1, args)
            if prepared["status"] != "ok":
                print(f"The genome and the weights could not be made: {prepared['reason']}", file=sys.stderr)
                return 1
        names = list(args.only or CONTENDERS)
        results = []
        for i in np.random.default_rng(0).permutation(len(names)):  # no contender always comes last
            contender = CONTENDERS[names[i]]
            found = {"status": "skipped", "reason": f"{contender.package} is not installed"}
            if installed(contender.package):
                found = measure(names[i], args)
            about_it = {"name": names[i], "what": contender.what, "precision": contender.precision}
            results.append(about_it | found)
            rate = found.get("variants_per_cpu_second")
            said = f"{rate:.1f} variants / CPU s" if rate else f"{found['status']}: {found['reason']}"
            print(f"{names[i]}: {said}", file=sys.stderr, flush=True)
        compare(results, args)
    print(markdown(results, about, args.variants))
    print("\n".join(verdicts(results)))
    if args.json:
        args.json.write_text(json.dumps({"machine": about, "results": results}, indent=1) + "\n")
    # A peer that fails is a finding; one of ours that fails, or anything wrong, is not.
    ours = [row for row in results if row["name"].startswith("seqdl") and row["status"] == "failed"]
    return 1 if ours or any(row["status"] == "wrong" for row in results) else 0


if __name__ == "__main__":
    sys.exit(main())
