"""`seqdl predict`: a run over regions of a genome, over sequences, or along a whole genome as tracks."""

from __future__ import annotations

import argparse

from seqdl.cli.commas import words
from seqdl.words import count

HELP = "predict regions (BED), sequences (FASTA) or a whole genome (bigWig) with a trained run"
EXAMPLES = """\
examples:
  seqdl predict --run run/ --genome g.fa --bed regions.bed --out pred.tsv.gz
  seqdl predict --run run/ --fasta sequences.fa --out pred.h5
  seqdl predict --run run/ --fasta contigs.fa --lengths tile --step 200 --out pred.parquet
  seqdl predict --run run/ --genome g.fa --bigwig --out tracks/
  seqdl predict --run run/ --genome g.fa --bigwig --regions loci.bed --targets ATAC --overlap .5 --out atac.bw

A region's window is centred on its middle base, whatever the region's size, on the + strand. Rows keep
the order and the names of the input. Past a contig's end the window holds N and the row is flagged.
A run of coverage writes .h5, (windows, bins, targets).

With --bigwig windows lie side by side over the genome, each predicting its middle, and there is one file a
target for a genome browser, and tracks.json that lists them. With --overlap .5 every value is the mean of two
windows, that nearer to a window's middle counting more. Files appear all together, or not at all.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; each has the name of an argument of `seqdl.predict`."""
    parser.add_argument("--run", required=True, help="folder of a trained run")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--bed", help="regions: BED or narrowPeak, plain or gzipped (needs --genome)")
    what.add_argument("--fasta", help="sequences of the model's window length; see --lengths for others")
    what.add_argument(
        "--bigwig", action="store_true", help="predict the whole genome, or --regions, as bigWig tracks"
    )
    parser.add_argument("-g", "--genome", help="genome FASTA or 2bit; must be the one the run was trained on")
    parser.add_argument(
        "-o", "--out", required=True,
        help="output: .tsv, .tsv.gz, .h5 or .parquet; with --bigwig a folder, or .bw for one target",
    )  # fmt: skip
    parser.add_argument("--regions", metavar="BED", help="with --bigwig: only these stretches (default: all)")
    parser.add_argument(
        "--overlap", type=float, default=0.0, metavar="SHARE",
        help="with --bigwig: share of a window's prediction that the next one repeats (default: 0)",
    )  # fmt: skip
    parser.add_argument("--targets", help="only these targets: names with commas between (default: all)")
    parser.add_argument("--logits", action="store_true", help="write log odds instead of probabilities")
    parser.add_argument(
        "--lengths",
        choices=("error", "pad", "centre", "tile"),
        default="error",
        help="sequences of another length than the window: refuse them (default), take their middle, or "
        "cover them with windows every --step bases; shorter ones are padded with N and flagged",
    )
    parser.add_argument(
        "--step", type=int, help="bases between windows with --lengths tile (default: the window)"
    )
    parser.add_argument("--alias", help="table of contig names, lines of from<TAB>to")
    parser.add_argument(
        "--clip", action="store_true", help="cut regions at their contig's end instead of refusing them"
    )
    parser.add_argument(
        "--batch-size", type=int, help="windows in a batch (default: 256, and fewer of long windows)"
    )
    parser.add_argument(
        "--strand-average",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="average the predictions of both strands (default: as the run's card says)",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="bfloat16 is faster on some machines and less exact (default: float32)",
    )
    parser.add_argument(
        "--allow-genome-mismatch", action="store_true", help="predict on another genome than the run's"
    )


def run(args: argparse.Namespace) -> int:
    """Predict and say what was written."""
    import time

    from seqdl.cli.quiet import said_precision
    from seqdl.prediction.predict import predict
    from seqdl.words import duration

    began = time.monotonic()
    with said_precision(args.precision):
        result = predict(
            args.run,
            genome=args.genome,
            bed=args.bed,
            fasta=args.fasta,
            out=args.out,
            targets=words(args.targets),
            logits=args.logits,
            lengths=args.lengths,
            step=args.step,
            alias=args.alias,
            clip=args.clip,
            bigwig=args.bigwig,
            regions=args.regions,
            overlap=args.overlap,
            batch_size=args.batch_size,
            strand_average=args.strand_average,
            precision=args.precision,
            allow_genome_mismatch=args.allow_genome_mismatch,
        )
    flagged = "".join(f", {n:,} {flag}" for flag, n in sorted(result.flags.items()))
    print(
        f"{result.n:,} windows, {count(len(result.targets), 'target')}{flagged}: {result.path} "
        f"(in {duration(time.monotonic() - began)})"
    )
    return 0
