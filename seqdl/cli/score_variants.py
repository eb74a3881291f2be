"""`seqdl score-variants`: a VCF in, the effect of every allele out."""

from __future__ import annotations

import argparse

HELP = "score the variants of a VCF with a trained network"
EXAMPLES = """\
examples:
  seqdl score-variants --run run/ --genome g.fa --vcf in.vcf.gz --out scores.tsv.gz
  seqdl score-variants --run run/ --genome g.fa --vcf in.vcf.gz --out scored.vcf.gz --targets 'CTCF,GM12878*'
  seqdl score-variants --run run/ --genome g.fa --vcf in.vcf --out scores.h5 --scores all --strand-average

The sign of every difference is alt - ref: positive means that the alternative allele raises the
prediction. Each allele is scored or stands in the rejects file with a named reason; the output's header
says how the numbers were made.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's flags; each has the name of an argument of `seqdl.score_variants`."""
    parser.add_argument("--run", required=True, metavar="FOLDER", help="run folder that `seqdl train` made")
    parser.add_argument(
        "-g", "--genome", required=True, metavar="FASTA", help="reference: FASTA (plain, gzip, bgzip) or 2bit"
    )
    parser.add_argument("--vcf", required=True, help="variants: VCF (plain, gzip, bgzip) or BCF")
    parser.add_argument(
        "-o", "--out", required=True,
        help="output; the suffix says the format: .tsv, .tsv.gz, .vcf, .vcf.gz, .h5, .parquet",
    )  # fmt: skip
    parser.add_argument(
        "--scores", default="diff,logit_diff",
        help="any of ref, alt, diff, abs_diff, logit_diff, logfc with commas between, or all "
        "(default: diff,logit_diff)",
    )  # fmt: skip
    parser.add_argument(
        "--targets",
        help="only these targets: names with commas between, * and ? as wildcards (default: all); "
        "up to 20 get VCF fields of their own",
    )  # fmt: skip
    parser.add_argument(
        "--ref-mismatch", choices=("error", "skip", "flip", "force"), default="skip",
        help="where REF is not the genome's: stop, reject (default), take swapped alleles, or splice REF in",
    )  # fmt: skip
    parser.add_argument(
        "--rejects", metavar="TSV", help="rejected alleles (default: beside the output, .rejects.tsv)"
    )
    parser.add_argument(
        "--anchor", type=int, metavar="INDEX", help="0-based index of the variant's first base in the window"
    )
    parser.add_argument(
        "--batch-size", type=int, default=256, metavar="N", help="windows at once (default: 256)"
    )
    parser.add_argument(
        "--strand-average", action=argparse.BooleanOptionalAction, default=None,
        help="average over both strands (default: as the run's card says)",
    )  # fmt: skip
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32",
        help="bfloat16 is faster on some machines, and moves effects by about 13 %% (default: float32)",
    )  # fmt: skip
    parser.add_argument(
        "--alias", metavar="TSV", help="contig names: lines of name in the VCF<TAB>name in the genome"
    )
    parser.add_argument(
        "--allow-genome-mismatch",
        action="store_true",
        help="score on another genome than the run was trained on",
    )
    parser.add_argument(
        "--no-overwrite", dest="overwrite", action="store_false", help="refuse to replace existing files"
    )


def run(args: argparse.Namespace) -> int:
    """Score, print the summary, and return the exit code."""
    from seqdl.cli.quiet import said_precision
    from seqdl.variants.score import score_variants

    with said_precision(args.precision):
        summary = score_variants(
            args.run,
            args.vcf,
            args.genome,
            args.out,
            scores=[name.strip() for name in args.scores.split(",")],
            ref_mismatch=args.ref_mismatch,
            anchor=args.anchor,
            batch_size=args.batch_size,
            strand_average=args.strand_average,
            precision=args.precision,
            rejects=args.rejects,
            alias=args.alias,
            allow_genome_mismatch=args.allow_genome_mismatch,
            targets=[name.strip() for name in args.targets.split(",")] if args.targets else None,
            overwrite=args.overwrite,
        )
    print(summary.text())
    return 0
