"""`seqdl background`: score ordinary variants, so that others get percentiles and p-values."""

from __future__ import annotations

import argparse

from seqdl.cli.commas import numbers

HELP = "score a background of variants, so that scores get percentiles and p-values"
EXAMPLES = """\
examples:
  seqdl background --run run/ --genome g.fa --vcf 1000genomes.vcf.gz            alleles with AF >= 0.05
  seqdl background --run run/ --genome g.fa --vcf gnomad.vcf.gz --min-af 0.01 --af-field AF_popmax
  seqdl background --run run/ --genome g.fa --simulated --size 100000
  seqdl background --run run/ --genome g.fa --simulated --bed peaks.bed
  seqdl background --run run/ --genome g.fa --shuffled --out shuffled.h5

The background stays in the run's folder (background.h5), where `seqdl score-variants` finds it: every score
then has a percentile and an empirical p-value. It must be made with the same --anchor, --shifts and strands.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; each is an argument of `seqdl.make_background`."""
    parser.add_argument("--run", required=True, metavar="FOLDER", help="run folder that `seqdl train` made")
    parser.add_argument("-g", "--genome", required=True, metavar="FASTA", help="the run's genome")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--vcf", help="common alleles of a VCF (plain, gzip, bgzip) or BCF")
    source.add_argument("--simulated", action="store_true", help="random substitutions in the genome")
    source.add_argument(
        "--shuffled", action="store_true", help="random substitutions in shuffled windows of the genome"
    )
    parser.add_argument(
        "--min-af", type=float, default=0.05, metavar="AF",
        help="of --vcf, alleles with at least this frequency (default: 0.05; 0: all)",
    )  # fmt: skip
    parser.add_argument(
        "--af-field", default="AF", metavar="KEY", help="INFO key of the frequency (default: AF)"
    )
    parser.add_argument(
        "--bed", metavar="BED", help="of --simulated and --shuffled, draw from these intervals only"
    )
    parser.add_argument(
        "--size", type=int, default=10_000, metavar="N", help="variants, at most (default: 10000)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all draws (default: 1)")
    parser.add_argument(
        "-o", "--out", metavar="H5", help="the background (default: background.h5 in the run's folder)"
    )
    parser.add_argument("--anchor", type=int, metavar="INDEX", help="as in score-variants")
    parser.add_argument("--batch-size", type=int, metavar="N", help="windows at once")
    parser.add_argument(
        "--strand-average", action=argparse.BooleanOptionalAction, default=None, help="as in score-variants"
    )
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32", help="as in score-variants"
    )
    parser.add_argument(
        "--shifts", type=numbers, default=(0,), metavar="BASES", help="as in score-variants (default: 0)"
    )
    parser.add_argument(
        "--share-reference", type=int, default=0, metavar="BASES", help="as in score-variants (default: 0)"
    )
    parser.add_argument(
        "--max-mismatch", type=float, default=0.1, metavar="SHARE",
        help="stop early where more of the REF alleles differ from the genome (default: 0.1; 1: never)",
    )  # fmt: skip
    parser.add_argument(
        "--alias", metavar="TSV", help="contig names: lines of name in the VCF or BED<TAB>name in the genome"
    )
    parser.add_argument(
        "--allow-genome-mismatch", action="store_true", help="use another genome than the run's"
    )
    parser.add_argument(
        "--no-overwrite", dest="overwrite", action="store_false", help="refuse to replace a background"
    )


def run(args: argparse.Namespace) -> int:
    """Make the background, print what it is, and return the exit code."""
    from seqdl.cli.quiet import said_precision
    from seqdl.variants.make_background import make_background

    with said_precision(args.precision):
        summary = make_background(
            args.run,
            args.genome,
            vcf=args.vcf,
            min_af=args.min_af,
            af_field=args.af_field,
            simulated=args.simulated,
            shuffled=args.shuffled,
            bed=args.bed,
            size=args.size,
            seed=args.seed,
            out=args.out,
            anchor=args.anchor,
            batch_size=args.batch_size,
            strand_average=args.strand_average,
            precision=args.precision,
            shifts=args.shifts,
            share_reference=args.share_reference,
            max_mismatch=args.max_mismatch,
            alias=args.alias,
            allow_genome_mismatch=args.allow_genome_mismatch,
            overwrite=args.overwrite,
        )
    print(summary.text())
    return 0
