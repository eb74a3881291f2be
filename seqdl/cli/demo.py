"""`seqdl demo`: the whole job on a simulated genome, with ordinary commands, checked against the truth."""

from __future__ import annotations

import argparse

HELP = "do the whole job on a simulated genome and check it against the planted truth"
EXAMPLES = """\
examples:
  seqdl demo                          about five minutes on two cores
  seqdl demo --out elsewhere/ --seed 3
  seqdl demo --keep                   go on with an earlier demonstration: finished steps are not done again

Every command is shown before it is run, as you would type it. The exit code is 1 when a check fails.
"""
NEXT = """\
Next, on your own files:
  seqdl data build --genome genome.fa --peaks peaks/ --test-chroms chr8,chr9 --valid-chroms chr7 --out ds.h5
  seqdl train --data ds.h5 --model deepsea --preset small --out run/
  seqdl score-variants --run run/ --genome genome.fa --vcf variants.vcf.gz --out scores.tsv.gz"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `seqdl demo`."""
    parser.add_argument(
        "-o", "--out", default="demo", metavar="FOLDER", help="where everything goes (default: demo)"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep what an earlier demonstration there finished"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the simulation and the training (default: 0)")
    parser.add_argument("--epochs", type=int, metavar="N", help="train fewer or more epochs than usual")
    parser.add_argument(
        "--contig-length", type=int, metavar="BP", help="a smaller or larger genome than usual"
    )


def run(args: argparse.Namespace) -> int:
    """Run the commands, check what came out, and return 0 only if every check passes."""
    import json
    import shlex
    import shutil
    import sys
    import time
    from pathlib import Path

    from seqdl.cli.main import main
    from seqdl.demo import MARKER, plan_demo, prepare_folder
    from seqdl.demo_checks import check_demo
    from seqdl.files import write_text
    from seqdl.words import duration

    began = time.monotonic()
    folder = prepare_folder(args.out, args.keep)
    if not shutil.which("bedtools"):
        print(
            "bedtools is not installed, so nothing is excluded "
            "(to install it: sudo apt-get install -y bedtools)."
        )
    steps = plan_demo(args.out, seed=args.seed, epochs=args.epochs, contig_length=args.contig_length)
    seconds = {}
    for number, step in enumerate(steps, 1):
        print(f"\n[{number}/{len(steps)}] {step.title}\n$ seqdl {shlex.join(step.argv)}", flush=True)
        if args.keep and step.result.exists():
            print("(finished earlier, kept)")
            continue
        start = time.monotonic()
        code = main([*step.argv, *(["--quiet"] if args.quiet else []), *(["--debug"] if args.debug else [])])
        if code:
            return code
        seconds[step.title] = round(time.monotonic() - start, 1)
        sys.stdout.flush()
    checks = check_demo(args.out)
    total = time.monotonic() - began
    record = {"format": "seqdl-demo", "version": 1, "seconds": seconds, "total_seconds": round(total, 1)}
    record["checks"] = [check._asdict() for check in checks]
    write_text(folder / MARKER, json.dumps(record, indent=1) + "\n")

    tick, cross = ("✓", "✗") if _can_print("✓✗") else ("ok  ", "FAIL")
    print("\nWhat was planted against what was found:")
    for check in checks:
        print(f"  {tick if check.passed else cross} {check.name}\n      {check.finding}")
    failed = sum(not check.passed for check in checks)
    print(
        f"\n{'All checks passed' if not failed else f'{failed} of {len(checks)} checks FAILED'}, "
        f"after {duration(total)}."
    )
    print(f"Report (open it in a browser): {(Path(args.out) / 'run' / 'report.html').resolve()}\n")
    if not shutil.which("seqdl") and (Path(sys.prefix) / "bin" / "activate").exists():
        print(f"First type: source {shlex.quote(_nearby(Path(sys.prefix) / 'bin' / 'activate'))}")
    print(NEXT)
    return 1 if failed else 0


def _can_print(text: str) -> bool:
    import sys

    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _nearby(path) -> str:
    """The path as seen from here, when it lies below."""
    from pathlib import Path

    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
