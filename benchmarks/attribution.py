"""Measure how many sequences a second one core explains by DeepSHAP, beside the peers.

    python benchmarks/attribution.py --json out.json

Every contender explains the same random sequences of 1,000 bp under the same network with the same random
weights, each against the same 20 dinucleotide-shuffled references. It runs in a process of its own, pinned to
one core with one thread. Its contributions must add up and agree with the peers' before its speed counts; the
rate is sequences per CPU second, median of the repeats. Contenders whose package is not installed are skipped
by name.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402
from attribution_contenders import (  # noqa: E402
    BASELINE,
    CONTENDERS,
    MORE,
    NETWORKS,
    differences,
    environment,
    make_work,
)
from loading import QUIET, installed, machine, pin  # noqa: E402

PEERS = ("tangermeme", "shap")
BAR = 3.0  # times tangermeme's DeepSHAP
TOLERANCE = 1e-3  # of the outputs' difference: how far contributions may miss it
# Root mean square difference from the baseline, of the contributions' own. Where two places of a pool are
# equal up to rounding, packages take different ones, and both are right: a few bases of thousands differ.
SAME = 1e-2


def measure(name: str, network: str, args: argparse.Namespace) -> dict:
    """Check that one contender's contributions add up, then time it."""
    contender = CONTENDERS[name]
    work = make_work(network, args.sequences * MORE[contender.task], args.references)
    run = contender.make(work)
    sizes = [size for size in args.batch_sizes or contender.sizes]
    trials = {}
    for size in sizes:
        values = run(size)  # whatever is compiled is compiled here
        trials[size] = _timed(run, size)[0]
    best = min(trials, key=trials.get)
    np.save(args.folder / f"{network}.{name}.npy", values)
    found = {"batch_size": best, "cpu_seconds_by_batch_size": trials}
    expected = differences(work, contender.task)
    if expected is not None:
        off = np.abs(values.sum(axis=1, dtype=np.float64) - expected)
        found |= {"delta": float(off.max()), "outputs_differ_by": float(np.abs(expected).mean())}
        if off.max() > TOLERANCE * np.abs(expected).max():
            return {
                "status": "wrong",
                "reason": f"contributions miss the difference by {off.max():.2g}",
                **found,
            }
    times = np.array([_timed(run, best) for _ in range(args.repeats)])
    rates = len(work.codes) / times
    return {
        "status": "ok",
        **found,
        "sequences_per_cpu_second": float(np.median(rates[:, 0])),
        "sequences_per_second": float(np.median(rates[:, 1])),
        "spread": [float(rates[:, 0].min()), float(rates[:, 0].max())],
        "cpu_share": float(np.median(times[:, 0] / times[:, 1])),
    }


def _timed(run, size: int) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    run(size)
    return time.process_time() - cpu, time.perf_counter() - wall


def run_in_process(name: str, network: str, args: argparse.Namespace) -> dict:
    """Measure one contender in a fresh process."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", name, "--networks", network]
    for option in ("folder", "core", "sequences", "references", "repeats"):
        command += [f"--{option}", str(getattr(args, option))]
    if args.batch_sizes:
        command += ["--batch-sizes", *map(str, args.batch_sizes)]
    env = {**environment(CONTENDERS[name]), **QUIET}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=args.timeout)
    except subprocess.TimeoutExpired:
        return {"status": "failed", "reason": f"no result within {args.timeout:.0f} s"}
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("RESULT "):
            return json.loads(line[7:])
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    said = [line for line in lines if "Error: " in line] or lines or ["no output"]
    return {"status": "failed", "reason": said[-1][:200]}


def compare(results: list[dict], folder: Path) -> None:
    """Add to each result its ratio to the baseline and its agreement with it; wrong ones are marked."""
    for row in results:
        base = next(
            (r for r in results if r["name"] == BASELINE[row["task"]] and r["network"] == row["network"]), {}
        )
        if row["status"] != "ok" or base.get("status") != "ok":
            continue
        row["ratio"] = row["sequences_per_cpu_second"] / base["sequences_per_cpu_second"]
        if row is base:
            continue
        ours, theirs = (np.load(folder / f"{row['network']}.{r['name']}.npy") for r in (row, base))
        row["disagreement"] = float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
        row["largest_disagreement"] = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        if row["disagreement"] > SAME:
            row |= {"status": "wrong", "reason": f"differs from {base['what']} by {row['disagreement']:.1e}"}


def markdown(results: list[dict], about: dict, references: int) -> str:
    """Write the results as tables for RESULTS.md."""
    lines = [f"{about['processor']}, one core; load {about['load_at_start']:.1f} at the start."]
    titles = {
        "deepshap": f"DeepSHAP, 1,000 bp, {references} dinucleotide-shuffled references a sequence:",
        "grad_x_input": "Gradient times input, 1,000 bp:",
    }
    for task, title in titles.items():
        rows = [r for r in results if r["task"] == task]
        if not rows:
            continue
        lines += [
            "",
            title,
            "",
            "| network | | sequences / CPU s | sequences / s | CPU share | batch | ratio | disagreement "
            "| largest | delta |",
            "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for r in sorted(rows, key=lambda r: (r["network"], -r.get("sequences_per_cpu_second", 0))):
            if r["status"] != "ok":
                lines.append(f"| {r['network']} | {r['what']} | {r['status']}: {r['reason']} | | | | | | | |")
                continue
            cells = [
                f"{r['sequences_per_cpu_second']:.2f}", f"{r['sequences_per_second']:.2f}",
                f"{r['cpu_share']:.2f}", f"{r['batch_size']}", f"{r['ratio']:.1f}" if "ratio" in r else "",
                f"{r['disagreement']:.0e}" if "disagreement" in r else "",
                f"{r['largest_disagreement']:.0e}" if "largest_disagreement" in r else "",
                f"{r['delta'] / r['outputs_differ_by']:.0e}" if "delta" in r else "",
            ]  # fmt: skip
            lines.append(f"| {r['network']} | {r['what']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"contenders: {', '.join(CONTENDERS)}")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--sequences", type=int, default=8, help="sequences a call")
    parser.add_argument("--references", type=int, default=20, help="references a sequence")
    parser.add_argument(
        "--batch-sizes", nargs="+", type=int, help="to try (default: a few of each contender)"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--core", type=int, default=0, help="the core to stay on")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds a contender may take")
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument("--folder", type=Path, help="where to put contributions (default: temporary)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    unknown = set(args.only or []) - set(CONTENDERS)
    if unknown:
        parser.error(f"unknown contender {', '.join(sorted(unknown))}; known: {', '.join(CONTENDERS)}")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark, print the tables, write the JSON."""
    args = parse(argv)
    if args.one:
        pin(args.core)
        found = measure(args.one, args.networks[0], args)
        print("RESULT " + json.dumps(found), flush=True)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        args.folder = args.folder or Path(temporary)
        args.folder.mkdir(parents=True, exist_ok=True)
        pin(args.core)
        about = machine()
        for package in ("jax", "shap"):
            about["packages"][package] = metadata.version(package) if installed(package) else None
        # Contenders that are compared run one after another, in random order: equally disturbed.
        rng = np.random.default_rng(0)
        names = list(args.only or CONTENDERS)
        jobs = [(names[i], network) for network in args.networks for i in rng.permutation(len(names))]
        results = []
        for name, network in jobs:
            contender = CONTENDERS[name]
            found = {"status": "skipped", "reason": f"{contender.package} is not installed"}
            if installed(contender.package):
                found = run_in_process(name, network, args)
            results.append(
                {"name": name, "network": network, "what": contender.what, "task": contender.task} | found
            )
            rate = found.get("sequences_per_cpu_second")
            said = f"{rate:.2f} sequences / CPU s" if rate else f"{found['status']}: {found['reason']}"
            print(f"{name} {network}: {said}", file=sys.stderr, flush=True)
        compare(results, args.folder)
    for row in results:
        if row["name"].startswith("seqdl") and row["task"] == "deepshap" and "ratio" in row:
            row["bar"] = BAR
    print(markdown(results, about, args.references))
    if args.json:
        args.json.write_text(json.dumps({"machine": about, "results": results}, indent=1) + "\n")
    # A peer that refuses a network is a finding; one of ours that fails, or anything wrong, is not.
    bad = [
        r for r in results if r["status"] == "wrong" or (r["status"] == "failed" and r["name"] not in PEERS)
    ]
    return 1 if bad else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # TensorFlow's threads take their time to leave
