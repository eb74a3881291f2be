"""`seqdl calibrate`: how far a run's numbers can be trusted, learned and measured on held-out windows."""

from __future__ import annotations

import argparse

HELP = "calibrate a run's probabilities and intervals on held-out windows, and measure how well they hold"
EXAMPLES = """\
examples:
  seqdl calibrate --run run/ --data ds.h5
  seqdl calibrate --run run/ --data ds.h5 --level 0.95 --other-genome bacterium.fa.gz
  seqdl calibrate --run run/ --data ds.h5 --effects known.tsv

Written: calibration.h5 in the run's folder, which `seqdl score-variants --calibration` uses.

Labels: a probability that means what it says (Platt scaling), and the set of labels that are possible at the
level, for windows with and without the label apart (class-conditional conformal sets). Coverage: an interval
of log2(1 + total over the window). Both: a distance of the window's 4-mer composition from that of the
training windows; beyond 99.9 % of held-out windows it is flagged as unlike them.

--effects takes a table with tabs and a heading: chrom, pos (1-based), ref, alt, target, effect; or a VCF with
EFFECT (and TARGET) in INFO. Effects 0 and 1 give the probability that a variant is one of those labelled 1;
other effects give intervals of the effect.

The table shows what was measured on the test windows, which had no part in it, beside what was aimed at. For
--effects it was measured on variants held out, in five folds of places in the genome.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's flags; each has the name of an argument of `seqdl.calibrate`."""
    parser.add_argument("--run", required=True, metavar="FOLDER", help="run folder that `seqdl train` made")
    parser.add_argument("--data", required=True, metavar="H5", help="dataset that `seqdl data build` made")
    parser.add_argument(
        "--split", choices=("valid", "test"), default="valid", help="windows to calibrate on (default: valid)"
    )
    parser.add_argument(
        "--level", type=float, default=0.9, metavar="P", help="of sets and intervals (default: 0.9)"
    )
    parser.add_argument("--effects", metavar="FILE", help="variants with known effects, TSV or VCF")
    parser.add_argument(
        "--other-genome", metavar="FASTA", help="another genome, to try the flag of unlike sequences on"
    )
    parser.add_argument(
        "--normalise",
        action="store_true",
        help="let the width of intervals of coverage follow the prediction",
    )
    parser.add_argument(
        "--max-windows", type=int, default=50_000, metavar="N",
        help="use at most so many windows of a split (default: 50000)",
    )  # fmt: skip
    parser.add_argument(
        "--bootstrap",
        type=int,
        default=200,
        metavar="N",
        help="resamples for the intervals of what is measured, 0 for none (default: 200)",
    )
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
    parser.add_argument("--seed", type=int, default=0, help="of every draw (default: 0)")
    parser.add_argument(
        "-o", "--out", metavar="H5", help="file to write (default: calibration.h5 in the run)"
    )
    parser.add_argument(
        "-g", "--genome", metavar="FASTA", help="the genome's place, if it has moved since the build"
    )
    parser.add_argument(
        "--allow-genome-mismatch",
        action="store_true",
        help="calibrate on another genome than the run was trained on",
    )


def run(args: argparse.Namespace) -> int:
    """Calibrate, print what was measured, and return the exit code."""
    from seqdl.uncertainty.calibrate import calibrate

    made = calibrate(
        args.run,
        args.data,
        split=args.split,
        level=args.level,
        effects=args.effects,
        other_genome=args.other_genome,
        normalise=args.normalise,
        max_windows=args.max_windows,
        bootstrap=args.bootstrap,
        block=args.block,
        strand_average=args.strand_average,
        batch_size=args.batch_size,
        seed=args.seed,
        out=args.out,
        genome=args.genome,
        allow_genome_mismatch=args.allow_genome_mismatch,
    )
    show(made)
    return 0


def show(calibration) -> None:
    """Print what was measured, to standard output.

    Parameters
    ----------
    calibration : Calibration
    """
    from seqdl.cli.table import print_table

    rows = [("measured on held-out data", "nominal", "measured", "95 % interval", "of")]
    for entry in calibration.measured["rows"]:
        low, high = (_number(entry[key]) for key in ("low", "high"))
        rows.append(
            (
                entry["what"],
                _number(entry["nominal"]),
                _number(entry["measured"]),
                f"{low} to {high}" if low else "",
                f"{entry['n']:,}",
            )
        )
    if len(rows) > 1:
        print_table(rows, {1, 2, 4})
    for note in calibration.notes:
        print(note)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
