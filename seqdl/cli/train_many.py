"""`seqdl train --folds` and `--members`: what the flags run and what is printed at the end."""

from __future__ import annotations

import argparse

from seqdl.cli.table import print_table
from seqdl.errors import InputError
from seqdl.training.config import TrainingConfig

_SHOWN = 8  # contigs of a fold that the table has room for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of many trainings."""
    group = parser.add_argument_group("many trainings")
    group.add_argument(
        "--folds", metavar="K",
        help="cross-validation: a number of folds (by contig, or by group of sequences), or a JSON file "
        '{"fold1": ["chrI", ...], ...}; the test split stays unseen',
    )  # fmt: skip
    group.add_argument(
        "--members", type=int, metavar="N",
        help="deep ensemble: N trainings that differ in their seed, joined into one run",
    )  # fmt: skip
    group.add_argument(
        "--baselines", nargs="+", metavar="NAME",
        help="measured beside the network on each fold, as in `seqdl evaluate`; none for none (default: base "
        "composition)",
    )  # fmt: skip


def run_many(args: argparse.Namespace, config: TrainingConfig) -> int | None:
    """Run a cross-validation or an ensemble where the flags ask for one.

    Parameters
    ----------
    args : argparse.Namespace
        Of `seqdl train`.
    config : TrainingConfig

    Returns
    -------
    code : int or None
        None where neither was asked for.

    Raises
    ------
    InputError
        If both were, or a flag is given that belongs to a single training.
    """
    if args.baselines is not None and args.folds is None:
        raise InputError("--baselines are measured beside folds, and there are no --folds.")
    if args.folds is None and args.members is None:
        return None
    if args.folds is not None and args.members is not None:
        raise InputError("--folds and --members are two different works: give one of them.")
    flag = "--folds" if args.folds is not None else "--members"
    if getattr(args, "tensorboard", None):
        raise InputError(f"--tensorboard follows a single training; leave it out with {flag}.")
    options = {"genome": args.genome, "resume": args.resume, "overwrite": args.overwrite}
    if args.folds is not None:
        from seqdl.training.cross_validation import cross_validate

        named = () if args.baselines == ["none"] else args.baselines
        print_folds(cross_validate(args.data, args.out, config, folds=args.folds, baselines=named, **options))
        print(
            f"next: seqdl ensemble {str(args.out).rstrip('/')}/fold[0-9]* --out ENSEMBLE, or "
            f"seqdl train --data {args.data} --out RUN (the dataset's own split)"
        )
        return 0
    from seqdl.training.ensemble import fit_ensemble

    joined = fit_ensemble(args.data, args.out, config, members=args.members, **options)
    print_members(joined)
    print(f"next: seqdl evaluate --run {args.out} --data {args.data}")
    return 0


def print_folds(found) -> None:
    """Print one row a fold, then mean and spread.

    Parameters
    ----------
    found : CrossValidation
    """
    from seqdl.plot.folds import metric_words

    table, summary = found.table, found.summary
    network = table[table["model"] == "network"]
    metrics = list(dict.fromkeys(summary["metric"]))
    rows = [("fold", "held out", "windows", "best epoch", *(metric_words(m) for m in metrics))]
    for _, row in network.iterrows():
        contigs = row["held_out"].split(",") if row["held_out"] else []
        held = ",".join(contigs[:_SHOWN]) + (",…" if len(contigs) > _SHOWN else "")
        numbers = (_number(row[f"metric_{metric}"]) for metric in metrics)
        rows.append((row["name"], held or "groups", f"{row['windows']:,}", str(row["best_epoch"]), *numbers))
    print_table(rows, right=set(range(2, 4 + len(metrics))))
    print()
    rows = [("model", "metric", "mean", "sd", "lowest", "highest", "network minus it", "better on")]
    for _, row in summary.iterrows():
        numbers = (_number(row[key]) for key in ("mean", "sd", "lowest", "highest"))
        other = row["model"] != "network"
        ahead = ("", "")
        if other:
            ahead = (f"{row['difference']:+.4f}", f"{int(row['better_on'])} of {row['folds']} folds")
        rows.append((row["label"], metric_words(row["metric"]), *numbers, *ahead))
    print_table(rows, right={2, 3, 4, 5, 6, 7})


def print_members(run) -> None:
    """Print one row a member of a joined run.

    Parameters
    ----------
    run : Run
    """
    rows = [("member", "network", "seed", "best epoch", "monitor", "value")]
    for number, member in enumerate(run.card["model"]["members"], 1):
        network = " ".join(str(member[key]) for key in ("name", "preset") if member.get(key))
        value = _number(member.get("best_value"))
        words = (member.get("seed"), member.get("best_epoch"), member.get("monitor"))
        rows.append((str(number), network, *("" if w is None else str(w) for w in words), value))
    print_table(rows, right={0, 2, 3, 5})
    print(f"{run.path}: {run.label}, {run.card['model']['parameters']:,} weights")


def _number(value) -> str:
    return "" if value is None or value != value else f"{float(value):.4f}"
