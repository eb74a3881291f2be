"""`seqdl evaluate`: a run on held-out windows, beside baselines, with confidence intervals."""

from __future__ import annotations

import argparse

from seqdl.cli.show_coverage import show_coverage
from seqdl.words import few

HELP = "measure a run on held-out data, beside baselines"
EXAMPLES = """\
examples:
  seqdl evaluate --run run/ --data ds.h5
  seqdl evaluate --run run/ --data ds.h5 --baselines gc_length --bootstrap 1000
  seqdl evaluate --run run/ --data ds.h5 --split valid --out valid_numbers/

AUROC is the chance that a window with the target ranks above one without it; AUPRC also asks how pure the
top of the ranking is. Medians are over the targets with enough positives. Intervals come from drawing
stretches of neighbouring windows, not single windows, since those overlap. Written into the run's folder:
metrics.json, metrics.tsv (a row per target and model), calibration.tsv, curves.tsv, predictions.h5, figures/.

Baselines of labels: gc_length (composition and length), kmer (6-mers), gkm (gapped 10-mers of which 6 bases
count, the strongest of the three: up to 10 s of a core per target, so by default up to 20 targets) and
lsgkm (the gkm-SVM, if you have its programs gkmtrain and gkmpredict; up to 20 targets).

A run of coverage is measured by its correlation with what was observed, over all bins of a track and inside
windows, by the Poisson deviance explained and by the distance of profiles, beside the track's mean, GC
content and a k-mer regression (--baselines mean gc kmer). Written: metrics.json, metrics.tsv, scatter.tsv,
examples.tsv, figures/.
"""

_WIDTH = 110  # columns: a table cut off by a narrow pipe would lose its numbers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's flags; each has the name of an argument of `seqdl.evaluate`."""
    parser.add_argument("--run", required=True, metavar="FOLDER", help="run folder that `seqdl train` made")
    parser.add_argument("--data", required=True, metavar="H5", help="dataset that `seqdl data build` made")
    parser.add_argument(
        "--split",
        choices=("test", "valid", "train"),
        default="test",
        help="windows to measure on (default: test)",
    )
    parser.add_argument(
        "--baselines", nargs="+", metavar="NAME",
        help="gc_length, kmer, gkm, lsgkm, or none (default: gc_length kmer, and gkm up to 20 targets)",
    )  # fmt: skip
    parser.add_argument(
        "--bootstrap", type=int, default=200, metavar="N", help="resamples, 0 for none (default: 200)"
    )
    parser.add_argument(
        "--confidence", type=float, default=0.95, metavar="P", help="of the intervals (default: 0.95)"
    )
    parser.add_argument(
        "--min-positives", type=int, default=10, metavar="N",
        help="targets with fewer positives stay out of the medians (default: 10; labels only)",
    )  # fmt: skip
    parser.add_argument(
        "--block", type=int, default=20, metavar="BINS",
        help="length of the stretches that are drawn in a resample, in bins (default: 20)",
    )  # fmt: skip
    parser.add_argument(
        "--strand-average", action=argparse.BooleanOptionalAction, default=None,
        help="average over both strands (default: as the run's card says)",
    )  # fmt: skip
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="windows at once (default: 256, and fewer of long ones)"
    )
    parser.add_argument(
        "--kmer-length", type=int, default=6, metavar="K", help="words of the k-mer baseline (default: 6)"
    )
    parser.add_argument(
        "--kmer-window", type=int, default=400, metavar="BP",
        help="central bases whose words are counted, 0 for the whole window (default: 400)",
    )  # fmt: skip
    parser.add_argument(
        "--baseline-windows", type=int, default=100_000, metavar="N",
        help="train baselines on at most so many windows, 0 for all (default: 100000)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=int, metavar="N", help="of gkm and lsgkm (default: as many as cores, at most 4)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the resamples (default: 0)")
    parser.add_argument("-o", "--out", metavar="FOLDER", help="folder to write to (default: the run's)")
    parser.add_argument(
        "-g", "--genome", metavar="FASTA", help="the genome's place, if it has moved since the build"
    )
    parser.add_argument(
        "--allow-genome-mismatch",
        action="store_true",
        help="evaluate on another genome than the run was trained on",
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, and return the exit code."""
    from seqdl.evaluation.evaluate import evaluate

    result = evaluate(
        args.run,
        args.data,
        split=args.split,
        threads=args.threads,
        baselines=() if args.baselines == ["none"] else args.baselines,
        bootstrap=args.bootstrap,
        confidence=args.confidence,
        min_positives=args.min_positives,
        block=args.block,
        strand_average=args.strand_average,
        batch_size=args.batch_size,
        kmer_length=args.kmer_length,
        kmer_window=args.kmer_window or None,
        baseline_windows=args.baseline_windows or None,
        seed=args.seed,
        out=args.out,
        genome=args.genome,
        allow_genome_mismatch=args.allow_genome_mismatch,
    )
    show(result.metrics, result.files)
    return 0


def show(metrics: dict, files=()) -> None:
    """Print an evaluation for a person, to standard output.

    Parameters
    ----------
    metrics : dict
        Contents of metrics.json.
    files : sequence of Path
        What was written.
    """
    from rich.console import Console

    from seqdl.evaluation.outputs import RANDOM_SPLIT_STAMP

    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, _WIDTH)
    if metrics["random_split"]:
        console.print(f"[bold red]{RANDOM_SPLIT_STAMP}[/]\n")
    if metrics.get("task") == "coverage":
        show_coverage(console, metrics)
    else:
        _show_binary(console, metrics)
    if files:
        folder = files[-1].parent
        names = [str(path.relative_to(folder)) for path in files if path.suffix != ".svg"]
        console.print(f"\nWritten to {folder}: {', '.join(names)}", markup=False)


def _show_binary(console, metrics: dict) -> None:
    scored, total = metrics["targets_scored"], metrics["targets_total"]
    console.print(
        f"{metrics['n_windows']:,} {metrics['split']} windows, {scored} of {total} targets in the medians "
        f"(at least {metrics['min_positives']} positives)"
        f"{', both strands averaged' if metrics['strand_average'] else ''}."
    )
    if scored:
        console.print(_table(metrics))
    else:
        console.print("No target has enough positives for a median; metrics.tsv holds what there is.")
    for sentence in sentences(metrics):
        console.print(sentence, markup=False)


def sentences(metrics: dict) -> list[str]:
    """Say what the numbers mean: comparisons first, then targets left out, then caveats.

    Parameters
    ----------
    metrics : dict
        Contents of metrics.json.

    Returns
    -------
    list of str
        One sentence, or a few, each.
    """
    labels = {model["name"]: model["label"] for model in metrics["models"]}
    said = [
        _comparison(entry, labels)
        for entry in metrics["comparisons"]
        if entry["metric"] == "auprc" and entry["of"]
    ]
    for key, words in (
        ("targets_without_positives", "without a positive window here, not scored"),
        ("targets_without_negatives", "without a negative window here, not scored"),
        (
            "targets_below_min_positives",
            f"with fewer than {metrics['min_positives']} positives, not in the medians",
        ),
    ):
        names = metrics[key]
        if names:
            said.append(f"{len(names)} target{'s' if len(names) > 1 else ''} {words}: {few(names, 8)}.")
    for model in metrics["models"]:
        used, available = (model["details"].get(key) for key in ("train_windows", "train_windows_available"))
        if used and available and used < available:
            said.append(
                f"{model['label']}: trained on {used:,} of {available:,} training windows, so it is weaker "
                "than it could be (--baseline-windows)."
            )
    return said + list(metrics["notes"])


def _comparison(entry: dict, labels: dict) -> str:
    name, of = labels[entry["baseline"]], entry["of"]
    better = entry["better"]
    difference = entry["median_difference"]
    where = f"on {better} of {of} targets" if of > 1 else "on the one target"
    text = f"The network beats {name} {where} by AUPRC"
    if 2 * better <= of:
        text = f"The network does not beat {name} on most targets by AUPRC (only {better} of {of})"
    details = [f"median {difference:+.3f}"]
    if entry["median_difference_ci"]:
        low, high = entry["median_difference_ci"]
        details[0] += f" [{low:+.3f}, {high:+.3f}]"
        details.append(f"paired bootstrap p {_p(entry['p'])}")
        details.append(
            f"clearly better on {entry['clearly_better']}, clearly worse on {entry['clearly_worse']}"
        )
    return f"{text} ({'; '.join(details)})."


def _p(value: float) -> str:
    return "< 0.01" if value < 0.01 else f"= {value:.2f}"


def _table(metrics: dict):
    from rich import box
    from rich.table import Table

    from seqdl.evaluation.outputs import shown_categories

    percent = f"{100 * metrics['confidence']:g} %"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("targets", "model"):
        table.add_column(title, no_wrap=True)
    for title in (f"median AUROC [{percent}]", f"median AUPRC [{percent}]", "ECE"):
        table.add_column(title, justify="right", no_wrap=True)
    models = metrics["models"]
    for category in [None, *shown_categories(models)]:
        for place, model in enumerate(models):
            source = model if category is None else model["by_category"][category]
            number = metrics["targets_scored"] if category is None else source["n_targets"]
            title = f"{category or 'all'} ({number})" if place == 0 else ""
            cells = [_cell(source, "median_auroc"), _cell(source, "median_auprc")]
            cells.append(f"{model['ece']:.4f}" if category is None else "")
            table.add_row(
                title,
                model["label"],
                *cells,
                style="bold" if place == 0 else "",
                end_section=model is models[-1],
            )
    return table


def _cell(source: dict, key: str) -> str:
    value, interval = source.get(key), source.get(f"{key}_ci")
    if value is None:
        return "–"
    return f"{value:.3f}" + (f" \\[{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")
