"""`seqdl ensemble`: finished runs in, one run out that predicts their mean."""

from __future__ import annotations

import argparse

HELP = "join finished runs into one that predicts the mean of what they predict"
EXAMPLES = """\
examples:
  seqdl ensemble run1/ run2/ run3/ --out ensemble/
  seqdl ensemble folds/fold[0-9]* --out ensemble/     the folds of `seqdl train --folds`
  seqdl train --data ds.h5 --members 5 --out run/     trains the members and joins them

All verbs take the result like a single run. The members must be of the same targets, window, genome, task
and dataset; their networks may differ. Filters are shown of the first member.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; each is an argument of `seqdl.join_runs`."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="run folders (or model.keras files), two or more"
    )
    parser.add_argument("--out", required=True, help="folder of the joined run")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that is in --out")


def run(args: argparse.Namespace) -> int:
    """Join, then say what to type next."""
    from seqdl.cli.train_many import print_members
    from seqdl.training.ensemble import join_runs

    joined = join_runs(args.runs, args.out, overwrite=args.overwrite)
    print_members(joined)
    print(f"next: seqdl evaluate --run {args.out} --data {(joined.card.get('dataset') or {}).get('path')}")
    return 0
