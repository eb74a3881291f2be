"""Measure how many windows a second one core turns from a genome into arrays, beside the peers.

    python benchmarks/loading.py --json out.json

Every contender reads the same random windows of the same genome in random order. It runs in a process of its
own, pinned to one core; the first batches are compared with a slow reference, so that a fast wrong answer
does not count. CPU seconds (all threads of the process) and wall seconds are both reported; the rate is
windows per CPU second, median of the repeats. Contenders whose package is not installed are skipped by name.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402
from contenders import CONTENDERS, LONG  # noqa: E402
from workload import make_workload, reference, to_codes, write_genome  # noqa: E402

# Contender, window: windows a second and core that the project wants.
BARS = {
    ("seqdl_one_hot", 1000): 600_000,
    ("seqdl_tf_one_hot", 1000): 400_000,
    ("seqdl_one_hot", LONG): 6_000,
    ("seqdl_codes", 1000): 1_500_000,
}
BATCH = {1000: 256, LONG: 4}
QUIET = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONWARNINGS": "ignore",
}


def pin(core: int) -> None:
    """Keep this process and its threads on one core, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def measure(
    name: str, fasta: Path, folder: Path, window: int, windows: int, seconds: float, repeats: int
) -> dict:
    """Check one contender against the reference, then time it."""
    work = make_workload(fasta, folder, window, BATCH[window], windows)
    factory = CONTENDERS[name][0]
    began = time.perf_counter()
    loader = factory(work)
    batches = iter(loader.batches)
    # Tensors of tf.data are held, not copied, so that a buffer that is overwritten too early shows.
    held, shown = [], 3
    for _ in range(shown):
        batch = next(batches)
        held.append(batch.copy() if isinstance(batch, np.ndarray) else batch)
    prepared = time.perf_counter() - began
    if loader.layout != "augmented":
        order = np.arange(len(work.starts)) if loader.order is None else loader.order
        for i, batch in enumerate(held):
            expected = reference(work, order[i * work.batch : (i + 1) * work.batch])
            if not np.array_equal(to_codes(batch, loader.layout), expected):
                return {"status": "wrong", "reason": f"batch {i} differs from the reference"}
    dtype = np.asarray(held[0]).dtype.name.replace("bytes8", "bytes")
    del held
    per_cpu, per_wall, share = [], [], []
    for _ in range(repeats):
        count, cpu, wall = 0, time.process_time(), time.perf_counter()
        while time.process_time() - cpu < seconds and time.perf_counter() - wall < 10 * seconds:
            for _ in range(max(1, 2048 // work.batch) if window <= 10_000 else 4):
                count += len(next(batches))
                if time.process_time() - cpu >= seconds:
                    break
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        per_cpu.append(count / cpu)
        per_wall.append(count / wall)
        share.append(cpu / wall)
    return {
        "status": "ok",
        "windows_per_cpu_second": float(np.median(per_cpu)),
        "windows_per_second": float(np.median(per_wall)),
        "spread": [float(min(per_cpu)), float(max(per_cpu))],
        "cpu_share": float(np.median(share)),
        "dtype": dtype,
        "layout": loader.layout,
        "seconds_to_first_batches": prepared,
    }


def run_in_process(name: str, window: int, args: argparse.Namespace, folder: Path, fasta: Path) -> dict:
    """Measure one contender in a fresh process."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", name, "--window", str(window)]
    command += ["--genome", str(fasta), "--folder", str(folder), "--core", str(args.core)]
    command += [
        "--seconds",
        str(args.seconds),
        "--repeats",
        str(args.repeats),
        "--windows",
        str(args.windows),
    ]
    env = {**os.environ, **QUIET}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=args.timeout)
    except subprocess.TimeoutExpired:
        return {"status": "failed", "reason": f"no result within {args.timeout:.0f} s"}
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("RESULT "):
            return json.loads(line[7:])
    return {"status": "failed", "reason": (done.stderr.strip().splitlines() or ["no output"])[-1][:300]}


def memory_speed() -> dict:
    """Measure how fast one core fills and copies memory: the ceiling of every loader."""
    big, small = np.zeros(1 << 29, np.uint8), np.zeros(1 << 20, np.uint8)
    source = np.ones(1 << 28, np.uint8)

    def best(action, size: int, times: int) -> float:
        rates = []
        for _ in range(5):
            began = time.process_time()
            for _ in range(times):
                action()
            rates.append(size * times / (time.process_time() - began) / 1e9)
        return round(float(np.median(rates)), 1)

    return {
        "memset_512MiB_GBps": best(lambda: big.fill(1), big.size, 1),
        "memcpy_256MiB_GBps": best(lambda: np.copyto(big[: source.size], source), source.size, 1),
        "memset_1MiB_GBps": best(lambda: small.fill(1), small.size, 500),
    }


def machine() -> dict:
    """Describe the computer and the packages."""
    processor = platform.processor()
    if Path("/proc/cpuinfo").exists():
        names = [li.split(":", 1)[1].strip() for li in open("/proc/cpuinfo") if li.startswith("model name")]
        processor = names[0] if names else processor
    versions = {}
    packages = "numpy tensorflow keras torch pyfaidx tangermeme genvarloader seqpro crested anndata h5py"
    for package in packages.split():
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "load_at_start": os.getloadavg()[0],
        "python": platform.python_version(),
        "packages": versions,
        **memory_speed(),
    }


def installed(package: str) -> bool:
    """Tell whether a contender's package can be imported, without importing it."""
    from importlib.util import find_spec

    return find_spec(package) is not None


def markdown(results: list[dict], about: dict) -> str:
    """Write the results as tables for RESULTS.md."""
    lines = [
        f"{about['processor']}, one core; memset {about['memset_512MiB_GBps']} GB/s "
        f"(in cache {about['memset_1MiB_GBps']}), memcpy {about['memcpy_256MiB_GBps']} GB/s.",
    ]
    for window in sorted({r["window"] for r in results}):
        ceiling = about["memset_512MiB_GBps"] * 1e9 / (16 * window)
        lines += [
            "",
            f"Windows of {window:,} bp, batches of {BATCH[window]} "
            f"(memset alone would give {ceiling:,.0f} one-hot float32 windows a second):",
            "",
            "| loader | output | windows / CPU s | windows / s | CPU share | bar |",
            "|---|---|---:|---:|---:|---|",
        ]
        rows = [r for r in results if r["window"] == window]
        for r in sorted(rows, key=lambda r: -r.get("windows_per_cpu_second", 0)):
            if r["status"] != "ok":
                lines.append(f"| {r['what']} | | {r['status']}: {r['reason']} | | | |")
                continue
            bar = r.get("bar")
            verdict = (
                "" if not bar else f"{'met' if r['windows_per_cpu_second'] >= bar else 'MISSED'} ({bar:,})"
            )
            lines.append(
                f"| {r['what']} | {r['layout']} {r['dtype']} | {r['windows_per_cpu_second']:,.0f} | "
                f"{r['windows_per_second']:,.0f} | {r['cpu_share']:.2f} | {verdict} |"
            )
    return "\n".join(lines) + "\n"


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--genome", type=Path, help="an uncompressed FASTA (default: 100 Mb of random letters)"
    )
    parser.add_argument("--bases", type=int, default=100_000_000, help="length of the random genome")
    parser.add_argument("--windows", type=int, default=262_144, help="different windows to draw")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"contenders: {', '.join(CONTENDERS)}")
    parser.add_argument("--lengths", nargs="+", type=int, default=[1000, LONG], choices=[1000, LONG])
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU seconds of a repeat")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--core", type=int, default=0, help="the core to stay on")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds a contender may take")
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument(
        "--folder", type=Path, help="where to put the genome and other files (default: temporary)"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--window", type=int, help=argparse.SUPPRESS)
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
        n = args.windows if args.window <= 10_000 else min(args.windows, 8192)
        found = measure(args.one, args.genome, args.folder, args.window, n, args.seconds, args.repeats)
        print("RESULT " + json.dumps(found), flush=True)
        os._exit(0)  # loaders for ever leave threads behind; nothing is left to write
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        fasta = args.genome or folder / f"random_{args.bases}.fa"
        if not fasta.exists():
            write_genome(fasta, args.bases)
        pin(args.core)
        about = machine()
        jobs = [(n, w) for n in args.only or CONTENDERS for w in args.lengths if w in CONTENDERS[n][2]]
        np.random.default_rng(0).shuffle(jobs)  # so that no contender always runs on a warmer machine
        results = []
        for name, window in [(str(n), int(w)) for n, w in jobs]:
            factory, package, _ = CONTENDERS[name]
            found = {"status": "skipped", "reason": f"{package} is not installed"}
            if installed(package):
                found = run_in_process(name, window, args, folder, fasta)
            found |= {
                "name": name,
                "window": window,
                "what": factory.__doc__.rstrip("."),
                "batch": BATCH[window],
            }
            if (name, window) in BARS:
                found["bar"] = BARS[name, window]
            results.append(found)
            rate = found.get("windows_per_cpu_second")
            said = f"{rate:,.0f} windows / CPU s" if rate else f"{found['status']}: {found['reason']}"
            print(f"{name} {window}: {said}", file=sys.stderr, flush=True)
    print(markdown(results, about))
    if args.json:
        args.json.write_text(json.dumps({"machine": about, "results": results}, indent=1) + "\n")
    return 1 if any(r["status"] in ("wrong", "failed") for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
