"""`seqdl tune`: hyper-parameters by trial, judged on the validation windows."""

from __future__ import annotations

import argparse
from inspect import signature

from seqdl.cli.table import print_table
from seqdl.training.config import TrainingConfig

HELP = "search hyper-parameters with optuna; the validation split judges, the test split is never touched"
EXAMPLES = """\
examples:
  seqdl tune --data ds.h5 --out search/ --trials 30
  seqdl tune --data ds.h5 --out search/ --trials 60 --resume          30 more
  seqdl tune --data ds.h5 --out search/ --epochs 8 --timeout 120      two hours at most
  seqdl tune --data ds.h5 --out search/ --space space.json --model danq --monitor val_auprc
  seqdl train --data ds.h5 --out run/ --config search/config.json     the best trial's choices

A space file names training choices and options of the network (`seqdl models show NAME`):
  {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": true},
   "batch_size": [32, 64, 128],
   "dense_units": {"low": 64, "high": 512, "step": 64},
   "filters": [[64, 96, 128], [128, 192, 256]]}
Without one: learning rate, batch size, weight decay, dropout, and the network's width. The search needs
optuna: pip install 'seqdl[tune]'
"""
_CHOICES = (
    ("model", str, "network (see `seqdl models list`)"),
    ("preset", str, "size of it"),
    ("epochs", int, "at most this many a trial"),
    ("batch_size", int, "windows a step, where it is not searched"),
    ("optimizer", str, "adamw, adam, sgd or rmsprop"),
    ("epoch_windows", int, "windows an epoch; fewer make quicker trials"),
    ("patience", int, "epochs without improvement before a trial stops"),
    ("monitor", str, "what is optimised, such as val_loss or val_auprc"),
    ("precision", str, "of the training"),
    ("seed", int, "of the search and of every trial"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; each is an argument of `seqdl.search` or a field of `TrainingConfig`."""
    from seqdl.training.search import search
    from seqdl.training.study import PRUNERS

    defaults = signature(search).parameters
    parser.add_argument("--data", required=True, help="dataset file (.h5)")
    parser.add_argument("--out", required=True, help="folder of the search")
    parser.add_argument("-g", "--genome", help="the dataset's genome, if it has moved since the build")
    parser.add_argument(
        "--trials", type=int, default=defaults["trials"].default, help="how many in all (default %(default)s)"
    )
    parser.add_argument("--space", metavar="FILE", help="JSON file of what to choose from")
    parser.add_argument(
        "--pruner", choices=PRUNERS, default=defaults["pruner"].default,
        help="what ends a hopeless trial early (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--timeout", type=float, metavar="MINUTES", help="stop after so long")
    parser.add_argument("--resume", action="store_true", help="go on with a search, or with more trials")
    parser.add_argument("--overwrite", action="store_true", help="replace the search that is in --out")
    parser.add_argument("--config", help="configuration file (JSON or TOML) of what is not searched")
    group = parser.add_argument_group("what is not searched (`--config` takes every choice)")
    known = TrainingConfig()
    for name, kind, text in _CHOICES:
        default = getattr(known, name)
        shown = f"{text} (default {'all' if default is None else default})"
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, help=shown)
    group.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="overrides",
        help="replace one of the preset's sizes (VALUE is JSON); may be repeated",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Search, print the best trials, and say what to type next."""
    from seqdl.cli.train import parse_overrides
    from seqdl.training.search import search

    given = {name: getattr(args, name) for name, *_ in _CHOICES if getattr(args, name) is not None}
    overrides = parse_overrides(args.overrides)
    given |= {"overrides": overrides} if overrides else {}
    config = (
        TrainingConfig.from_file(args.config, **given) if args.config else TrainingConfig.from_dict(given)
    )
    found = search(
        args.data, args.out, config, trials=args.trials, space=args.space, pruner=args.pruner,
        timeout=args.timeout, genome=args.genome, resume=args.resume, overwrite=args.overwrite,
    )  # fmt: skip
    monitor = found.config.monitor
    finished = found.table[found.table["state"] == "finished"]
    best = finished.sort_values("value", ascending=monitor.endswith("loss"), kind="stable").head(5)
    names = list(found.table.columns)
    names = names[names.index("seconds") + 1 : names.index("reason")]
    rows = [("trial", monitor, "epoch", *names)]
    for _, row in best.iterrows():
        values = (f"{v:.3g}" if isinstance(v, float) else str(v) for v in (row[name] for name in names))
        rows.append((str(row["trial"]), f"{row['value']:.4f}", str(row["best_epoch"]), *values))
    print_table(rows, right={0, 1, 2})
    counts = found.table["state"].value_counts()
    print("trials: " + ", ".join(f"{counts[state]} {state}" for state in counts.index))
    print(f"next: seqdl train --data {args.data} --config {found.files[0]} --out run/")
    return 0
