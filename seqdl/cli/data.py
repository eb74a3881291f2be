"""`seqdl data`: build and inspect datasets, fetch public ones, simulate one."""

from __future__ import annotations

import argparse

HELP = "build, inspect, list, fetch and simulate datasets"
EXAMPLES = """\
examples:
  seqdl data build --genome g.fa --peaks peaks/ --test-chroms chr8,chr9 --valid-chroms chr7 --out ds.h5
  seqdl data inspect ds.h5
  seqdl data list
  seqdl data fetch yeast-chipexo
  seqdl data simulate --out demo/
"""
BUILD_EXAMPLES = """\
examples:
  One file of peaks a target, whole chromosomes held out:
    seqdl data build --genome g.fa --peaks peaks/ --window 1000 --bin 200 \\
        --test-chroms chrXV,chrXVI --valid-chroms chrXIV --min-peaks 200 --out ds.h5
  A piece of one chromosome, held out by region:
    seqdl data build --genome chr22.fa --peaks GM12878/ K562/ --test-regions chr22:20000000-22000000 \\
        --valid-regions chr22:19000000-20000000 --out ds.h5
  Labelled windows beside as many GC-matched ones without a peak, none in the blacklist:
    seqdl data build --genome g.fa --peaks ctcf.narrowPeak.gz --folds fold_0.json --windows labelled \\
        --negatives gc --exclude blacklist.bed.gz --out ds.h5
  Coverage instead of peaks: cut sites of ATAC fragments, 16 values of 128 bases a window, rDNA masked:
    seqdl data build --genome g.fa --coverage atac.fragments.tsv.gz --shift tn5 --window 4096 --bin 2048 \\
        --resolution 128 --blacklist rdna.bed --test-chroms chrXV,chrXVI --valid-chroms chrXIV --out ds.h5
  Sequences without a genome; a family is never cut by the split:
    seqdl data build --fasta positive.fa --negatives negative.fa --group-by '^(\\w+)-' --out ds.h5
  RNA hairpins of any length, folded, beside windows of a genome that fold too; near-copies never parted:
    seqdl data build --fasta hairpins.fa --negatives genome --genome g.fa --structure fold --cluster 0.8 \\
        --out mirna.h5

Labels (--label-rule): half (the default): a peak covers more than half of the bin, or, where the peak is no
wider than the bin, the bin holds at least half of the peak. half-bin: only the first. any: one shared base.
summit: the bin that holds the peak's summit.

Coverage (--coverage): bigWig, BAM, CRAM, fragments or BED (contig, start, end), folders of them, or one
target table with a column file and any of name, shift, cap, scale, strand_pair. Text whose column 6 is a
strand holds single reads, of which the 5' end counts. Values are changed in this order: --sqrt, --soft-cap,
--cap, --scale; the dataset keeps how, so that a prediction can be turned back.

bedtools is needed for --exclude and for --negatives background or gc, and for nothing else here.
Contig names that differ from the genome's (chr1, 1; chrM, MT; chr1, chrI) are matched, and that is reported;
for other names give --alias, a table of from<TAB>to.
"""
_LONG = 300  # letters of a note that are shown; a list of left-out targets can be longer
INSPECT_EXAMPLES = """\
examples:
  seqdl data inspect ds.h5
  seqdl data inspect ds.h5 --targets-out targets.tsv       positives of every target in every split
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-verbs of `seqdl data` and their arguments."""
    from seqdl.cli import fetch, simulate

    verbs = parser.add_subparsers(dest="data_verb", metavar="verb", required=True)
    for name, text, examples, add, run_verb in (
        (
            "build",
            "build a dataset from a genome and peaks or coverage, or from sequences",
            BUILD_EXAMPLES,
            _add_build,
            _run_build,
        ),
        ("inspect", "show what a dataset holds", INSPECT_EXAMPLES, _add_inspect, _run_inspect),
        ("list", fetch.LIST_HELP, fetch.LIST_EXAMPLES, fetch.add_list_arguments, fetch.run_list),
        ("fetch", fetch.FETCH_HELP, fetch.FETCH_EXAMPLES, fetch.add_fetch_arguments, fetch.run_fetch),
        ("simulate", simulate.HELP, simulate.EXAMPLES, simulate.add_arguments, simulate.run),
    ):
        verb = verbs.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        add(verb)
        verb.set_defaults(run_data=run_verb)


def run(args: argparse.Namespace) -> int:
    """Run the sub-verb that was asked for."""
    return args.run_data(args)


def _add_build(parser: argparse.ArgumentParser) -> None:
    source = parser.add_argument_group("what goes in")
    source.add_argument("-g", "--genome", metavar="FASTA", help="genome: FASTA (plain, gzip, bgzip) or 2bit")
    source.add_argument(
        "-p",
        "--peaks",
        nargs="+",
        metavar="PATH",
        help="BED, narrowPeak or broadPeak files, or folders of them",
    )
    source.add_argument(
        "--coverage", nargs="+", metavar="PATH", help="tracks instead of peaks, folders, or a table of them"
    )
    source.add_argument(
        "--targets", metavar="TSV", help="target table: file, name, cell, assay, treatment, category, unit"
    )
    source.add_argument(
        "--category", default="", help="category of targets of which nothing else says it, such as TF"
    )
    source.add_argument(
        "--fasta", metavar="FASTA", help="positive sequences, DNA or RNA, instead of genome and peaks"
    )
    source.add_argument("--negatives-fasta", metavar="FASTA", help="negative sequences; as --negatives FASTA")
    source.add_argument(
        "--rna", action=argparse.BooleanOptionalAction, default=None,
        help="with --fasta: RNA, which has one strand (default: if it is written with U)",
    )  # fmt: skip
    source.add_argument(
        "--max-length", type=int, metavar="BASES",
        help="with --fasta: the window; shorter sequences do not fill it (default for RNA: the longest)",
    )  # fmt: skip
    source.add_argument(
        "--min-length", type=int, default=1, metavar="BASES", help="with --fasta: leave out shorter sequences"
    )
    source.add_argument(
        "--too-long", default="error", choices=("error", "drop", "centre"),
        help="with --fasta: longer sequences are refused, left out, or cut to their middle (default: error)",
    )  # fmt: skip
    source.add_argument(
        "--structure", default="none", choices=("none", "given", "fold"),
        help="with --fasta: secondary structure as further channels: from dot-bracket files, or folded by "
        "ViennaRNA (default: none)",
    )  # fmt: skip
    source.add_argument("--alias", metavar="TSV", help="contig names, from<TAB>to the genome's")
    source.add_argument(
        "--clip", action="store_true", help="cut peaks at their contig's end instead of stopping"
    )
    source.add_argument(
        "--min-peaks", type=int, default=1, metavar="N", help="leave out targets with fewer (default: 1)"
    )
    cut = parser.add_argument_group("windows and labels")
    cut.add_argument(
        "--window", type=int, metavar="BP", help="bases that a model sees (default: 1000; coverage: 4096)"
    )
    cut.add_argument(
        "--bin", type=int, metavar="BP",
        help="bases in its middle that targets are about (default: 200; coverage: half of the window)",
    )  # fmt: skip
    cut.add_argument(
        "--label-rule", default="half", choices=("half", "half-bin", "any", "summit"), help="see below"
    )
    cut.add_argument(
        "--windows", default="all", choices=("all", "labelled"), help="bins to keep (default: all)"
    )
    cut.add_argument("--exclude", metavar="BED", help="leave out windows that touch these regions")
    cut.add_argument(
        "--max-n", type=float, default=0.5, metavar="SHARE", help="most N in a window (default: 0.5)"
    )
    cut.add_argument(
        "--train-stride", type=int, metavar="BASES",
        help="bases between training bins (a divisor of --bin): more training windows, each rightly labelled",
    )  # fmt: skip
    cut.add_argument(
        "--min-positives",
        type=int,
        default=1,
        metavar="N",
        help="leave out targets with fewer labelled windows (default: 1)",
    )
    cut.add_argument(
        "-n", "--negatives", default="none", metavar="KIND",
        help="with labelled windows: add bins without peaks (background), such bins matched in GC (gc), or "
        "shuffled positives (shuffle); with --fasta: shuffle, genome (windows of --genome that match and "
        "fold), or a FASTA file",
    )  # fmt: skip
    cut.add_argument(
        "--negative-ratio",
        type=float,
        default=1.0,
        metavar="X",
        help="negatives a positive, in each split (default: 1)",
    )
    _add_coverage(parser.add_argument_group("coverage"))
    split = parser.add_argument_group("split (one way)")
    split.add_argument("--test-chroms", metavar="A,B", help="chromosomes to test on; those in no list train")
    split.add_argument("--valid-chroms", metavar="A,B", help="chromosomes to validate on")
    split.add_argument(
        "--test-regions",
        metavar="WHERE",
        help="chrom:start-end (0-based, half-open), contigs or BED files, with commas",
    )
    split.add_argument("--valid-regions", metavar="WHERE", help="the same, to validate on")
    split.add_argument(
        "-fl", "--folds", metavar="JSON", help='{"train": [...], "valid": [...], "test": [...]}'
    )
    split.add_argument(
        "--group-by", metavar="REGEX", help="with --fasta: group in a header; groups are never cut"
    )
    split.add_argument(
        "--cluster", type=float, metavar="IDENTITY",
        help="with --fasta: sequences so identical or more (0 to 1, such as 0.8) stay in one split",
    )  # fmt: skip
    split.add_argument(
        "--random-split", nargs="?", const="0.1,0.1", metavar="VALID,TEST",
        help="at random over windows, by shares (0.1,0.1); stamped on every result, since neighbours leak",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    parser.add_argument("-o", "--out", required=True, metavar="H5", help="the dataset to write")


def _add_coverage(parser) -> None:
    parser.add_argument("--resolution", type=int, metavar="BP", help="bases a value (default: 128)")
    parser.add_argument(
        "--signal", default="ends", choices=("ends", "coverage"),
        help="of reads and fragments, count ends (cut sites) or covered bases (default: ends)",
    )  # fmt: skip
    parser.add_argument(
        "--shift", metavar="L,R",
        help="bases added to left and right ends: tn5 (4,-5) or two numbers (--shift=-4,5) (default: none)",
    )  # fmt: skip
    parser.add_argument(
        "--statistic", default="sum", choices=("sum", "mean"), help="a value's bases are (default: sum)"
    )
    parser.add_argument(
        "--stranded", action="store_true", help="BAM, CRAM: targets name+ and name-, paired by strand"
    )
    parser.add_argument(
        "--min-mapq", type=int, default=0, metavar="Q", help="BAM, CRAM: leave out reads below (default: 0)"
    )
    parser.add_argument(
        "--missing", default="error", choices=("error", "zero", "unknown"),
        help="what a contig is that a track lacks (default: error)",
    )  # fmt: skip
    parser.add_argument(
        "--absent", default="zero", choices=("zero", "unknown"),
        help="what bases are to which a bigWig gives no value (default: zero)",
    )  # fmt: skip
    parser.add_argument(
        "--blacklist", metavar="BED", help="regions whose values are unknown: no loss, no metric counts them"
    )
    parser.add_argument(
        "--max-unknown", type=float, default=0.5, metavar="SHARE",
        help="most unknown values in a window (default: 0.5)",
    )  # fmt: skip
    parser.add_argument("--sqrt", action="store_true", help="x becomes sqrt(x + 1) - 1 (Basenji)")
    parser.add_argument(
        "--soft-cap", type=float, metavar="C", help="x above C becomes C - 1 + sqrt(x - C + 1) (Basenji)"
    )
    parser.add_argument(
        "--cap", metavar="C", help="x above C becomes C: a value, or a quantile of the training rows (99.9%%)"
    )
    parser.add_argument(
        "--scale", default="none", metavar="HOW",
        help="none, mean (to 1 over the training rows), total (to 1,000,000) or a factor (default: none)",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes that read tracks (default: 1)"
    )


def _run_build(args: argparse.Namespace) -> int:
    from inspect import signature

    from seqdl.data.build import build_dataset
    from seqdl.progress import say

    # Every flag has its argument's name.
    given = {k: v for k, v in vars(args).items() if k in signature(build_dataset).parameters}
    report = build_dataset(**given)
    for note in report.notes:
        whole = f" … (whole: seqdl data inspect {args.out})"
        say(note if len(note) <= _LONG else note[:_LONG].rsplit(", ", 1)[0] + whole)
    print(report.summary())
    return 0


def _add_inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="H5", help="a dataset")
    parser.add_argument(
        "--targets-out", metavar="TSV",
        help="write the target table with positives a split, or the values' mean, max and shares",
    )  # fmt: skip


def _run_inspect(args: argparse.Namespace) -> int:
    from seqdl.data.inspect import inspect_dataset
    from seqdl.files import write_text

    report = inspect_dataset(args.data)
    if args.targets_out:
        write_text(args.targets_out, report.target_table().to_csv(sep="\t", index=False))
    print(report.summary())
    return 0
