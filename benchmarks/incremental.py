"""Mutants a second: full passes, tangermeme's fast path and seqdl's incremental engine, side by side.

    python benchmarks/incremental.py [NETWORK ...] [--sequences 1] [--core 0] [--backend tensorflow]

Every contender runs in a process of its own, pinned to one core, with one thread. Every substitution of the
middle bases of random sequences is evaluated, under the network of a paper's size with random weights, cut at
the number that `seqdl ism` measures. Times are the process's CPU seconds, the best of several calls after one
that traces the graphs. tangermeme takes its fast path always (its gate `_FAST_MIN_SECONDS` is set to 0); it
captures the network anew in each call, which is part of its work and weighs less with more sequences.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
# Name: architecture, window, targets, preset, middle bases mutated, mutants of the full passes.
NETWORKS = {
    "basset": ("basset", 1000, 164, "published", 1000, 512),
    "deepsea": ("deepsea", 1000, 919, "published", 1000, 512),
    "bpnet": ("bpnet", 1000, 8, "published", 1000, 512),
    "bpnet2114": ("bpnet", 2114, 8, "published", 1000, 512),
    "bpnet2114-lite": ("bpnet", 2114, 2, "lite", 1000, 512),
    "basenji2": ("basenji2", 131_072, 16, "published", 32, 8),
}
CONTENDERS = ("full", "tangermeme", "engine")
REPEATS = 3


def main() -> int:
    """Run every contender on every network, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", help=f"any of {', '.join(NETWORKS)} (default: all)")
    parser.add_argument("--sequences", type=int, default=1, metavar="N", help="how many are mutated")
    parser.add_argument("--core", default="0", help="processor core to run on")
    parser.add_argument(
        "--backend", default="tensorflow", help="Keras's backend of full passes and the engine"
    )
    parser.add_argument("--skip-tangermeme", action="store_true")
    parser.add_argument("--only", choices=CONTENDERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        print(json.dumps(measure(args.networks[0], args.only, args.sequences)))
        return 0
    print("network          contender    mutants/core-s   factor   largest difference")
    for network in args.networks or NETWORKS:
        rate = None
        for contender in CONTENDERS:
            if contender == "tangermeme" and (args.skip_tangermeme or network == "basenji2"):
                continue
            found = in_a_process(network, contender, args)
            if "error" in found:
                print(f"{network:16s} {contender:12s} {found['error']}", flush=True)
                continue
            rate = found["rate"] if contender == "full" else rate
            factor = f"{found['rate'] / rate:7.1f}x" if rate else "       -"
            print(
                f"{network:16s} {contender:12s} {found['rate']:14.1f} {factor}   {found['note']}", flush=True
            )
    return 0


def in_a_process(network: str, contender: str, args) -> dict:
    """Measure one contender on one core."""
    backend = "torch" if contender == "tangermeme" else args.backend
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
                         "TF_NUM_INTEROP_THREADS"), "1")  # fmt: skip
    quiet = {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(
        ["taskset", "-c", args.core, sys.executable, __file__, network, "--only", contender,
         "--sequences", str(args.sequences)],
        env={**os.environ, **one, **quiet, "KERAS_BACKEND": backend},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode:
        return {"error": (result.stderr.strip().splitlines() or ["failed"])[-1][:120]}
    return json.loads(result.stdout.strip().splitlines()[-1])


def measure(network: str, contender: str, sequences: int) -> dict:
    """Return mutants a CPU second, and a note, of one contender in this process."""
    sys.path.insert(0, str(ROOT))
    from seqdl.interpret.heads import scalar_model
    from seqdl.interpret.mutagenesis.mutants import substitution_edits
    from seqdl.models import build_model
    from tests.interpret.random_networks import randomised

    name, window, targets, preset, width, _ = NETWORKS[network]
    model = scalar_model(randomised(build_model(name, window, targets, preset)))
    codes = np.random.default_rng(0).integers(0, 4, (sequences, window)).astype(np.uint8)
    start = window // 2 - width // 2
    edits = substitution_edits(codes, start, start + width)
    return {"full": full, "engine": engine, "tangermeme": tangermeme}[contender](
        network, model, codes, edits, (start, start + width)
    )


def best(work, repeats: int = REPEATS) -> float:
    """Return the CPU seconds of the fastest call, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def full(network, model, codes, edits, window) -> dict:
    """Pass mutants whole, in seqdl's own batches."""
    engine, part = _full_passes(network, model, edits)
    seconds = best(lambda: engine.evaluate(codes, part), 1 if network == "basenji2" else REPEATS)
    return {"rate": len(part.rows) / seconds, "note": ""}


def _full_passes(network, model, edits):
    from seqdl.incremental.engine import default_full_batch, model_function
    from seqdl.interpret.mutagenesis.edits import FullPass

    engine = FullPass(model_function(model), default_full_batch(model.input_shape[1]))
    return engine, edits.part(0, NETWORKS[network][5])


def engine(network, model, codes, edits, window) -> dict:
    """Recompute what each change reaches; compare some mutants with full passes."""
    from seqdl.incremental.engine import IncrementalEngine

    work = IncrementalEngine(model)
    seconds = best(lambda: work.evaluate(codes, edits))
    rate, plan = len(edits.rows) / seconds, work.plan(1)
    passes, part = _full_passes(network, model, edits)
    expected = passes.evaluate(codes, part.part(0, 8))
    difference = np.abs(work.evaluate(codes, edits)[:8] - expected).max() / np.abs(expected).max()
    bound = f"arithmetic 1/{plan.gain:.3g}, {plan.part * rate / 1e9:.0f} GFLOP/s"
    return {"rate": rate, "note": f"{difference:.1e} of the largest output; {bound}"}


def tangermeme(network, model, codes, edits, window) -> dict:
    """Let tangermeme mutate the network's PyTorch twin, its fast path on from the first second."""
    import torch
    from tangermeme import saturation_mutagenesis as module

    from seqdl.encoding import one_hot
    from tests.interpret.torch_twins import Twin

    torch.set_num_threads(1)
    module._FAST_MIN_SECONDS = 0.0
    twin = Twin(model)
    x = torch.from_numpy(np.ascontiguousarray(np.swapaxes(one_hot(codes).astype("float32"), 1, 2)))

    def work():
        return module.saturation_mutagenesis(
            twin, x, start=window[0], end=window[1], raw_outputs=True, device="cpu", batch_size=32
        )

    return {"rate": len(edits.rows) / best(work, 2), "note": ""}


if __name__ == "__main__":
    sys.exit(main())
