"""`seqdl report`: one page on a run."""

from __future__ import annotations

import argparse

HELP = "write one self-contained HTML page on a run"
EXAMPLES = """\
examples:
  seqdl report --run run/
  seqdl report --run run/ --scores scores.tsv.gz --top 10 --out page.html
  seqdl report --run run/ --scores scores.tsv.gz --vcf in.vcf.gz
  seqdl report --run run/ --data ds.h5 --genome g.fa

The page is one file: pictures, styles and the script that sorts its tables are inside, and nothing is
fetched from a network. The dataset and the genome are looked for where the run's card says; a section
whose input is missing says which command makes it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's flags; each has the name of an argument of `seqdl.report`."""
    parser.add_argument("--run", required=True, metavar="FOLDER", help="run folder that `seqdl train` made")
    parser.add_argument(
        "-o", "--out", metavar="HTML", help="the page (default: report.html in the run's folder)"
    )
    parser.add_argument("--data", metavar="H5", help="dataset (default: where the run's card says)")
    parser.add_argument(
        "-g", "--genome", metavar="FASTA", help="genome (default: where the card or the dataset says)"
    )
    parser.add_argument(
        "--vcf", help="the VCF that was scored: compares common with rare alleles by their INFO AF"
    )
    parser.add_argument(
        "--scores", metavar="FILE",
        help="scored variants: .tsv, .tsv.gz, .h5 or .parquet "
        "(default: the newest *scores* file in the run's folder)",
    )  # fmt: skip
    parser.add_argument("--top", type=int, default=5, metavar="N", help="variants to draw (default: 5)")


def run(args: argparse.Namespace) -> int:
    """Write the page, say where it is, and return the exit code."""
    from seqdl.reporting.build import report

    page = report(
        args.run,
        out=args.out,
        data=args.data,
        genome=args.genome,
        scores=args.scores,
        top=args.top,
        vcf=args.vcf,
    )
    print(f"Report: {page} ({page.stat().st_size / 1e6:.1f} MB, one file). Open it in a browser.")
    return 0
