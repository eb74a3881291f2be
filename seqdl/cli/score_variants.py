"""`seqdl score-variants`: a VCF in, the effect of every allele out."""

from __future__ import annotations

import argparse

from seqdl.cli.commas import numbers, words
from seqdl.incremental import ENGINES

HELP = "score the variants of a VCF with a trained network"
EXAMPLES = """\
examples:
  seqdl score-variants --run run/ --genome g.fa --vcf in.vcf.gz --out scores.tsv.gz
  seqdl score-variants --run run/ --genome g.fa --vcf in.vcf.gz --out scored.vcf.gz --targets 'CTCF,GM12878*'
  seqdl score-variants --run run/ --genome g.fa --vcf in.vcf --out scores.h5 --scores all --strand-average
  seqdl score-variants --run run/ --genome g.fa --vcf in.vcf.gz --out s.tsv.gz --shifts=-1,0,1 \
                       --spread members,strands,shifts

The sign of every difference is alt - ref: positive means that the alternative allele raises the
prediction. Each allele is scored or stands in the rejects file with a named reason; the output's header
says how the numbers were made. A job that was cut off goes on when the same command is given again.
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
        help="output; the suffix says the format: .tsv, .tsv.gz, .vcf, .vcf.gz, .h5, .parquet, .zarr",
    )  # fmt: skip
    parser.add_argument(
        "--scores",
        help="of labels any of ref, alt, diff, abs_diff, logit_diff, logfc, deepsea_effect (default: "
        "diff,logit_diff); of coverage any of ref, alt, SAD, logSAD, SAX, D1, D2, jsd, ies (default: "
        "SAD,logSAD); with commas between, or all",
    )  # fmt: skip
    parser.add_argument(
        "--targets",
        help="only these targets: names with commas between, * and ? as wildcards (default: all); "
        "up to 20 get VCF fields of their own",
    )  # fmt: skip
    parser.add_argument(
        "--category", metavar="KEY",
        help="means over categories of targets: category, cell, assay, treatment, or a TSV of "
        "target<TAB>category",
    )  # fmt: skip
    parser.add_argument(
        "--ref-mismatch", choices=("error", "skip", "flip", "force"), default="skip",
        help="where REF is not the genome's: stop, reject (default), take swapped alleles, or splice REF in",
    )  # fmt: skip
    parser.add_argument(
        "--max-mismatch", type=float, default=0.1, metavar="SHARE",
        help="stop early where more of the REF alleles differ from the genome (default: 0.1; 1: never)",
    )  # fmt: skip
    parser.add_argument(
        "--background", default="auto", metavar="H5",
        help="percentiles and p-values against a background (default: the run's own, if `seqdl background` "
        "made one; none: without)",
    )  # fmt: skip
    parser.add_argument(
        "--calibration", default="auto", metavar="H5",
        help="calibrated probabilities and intervals (default: the run's own, if `seqdl calibrate` made one; "
        "none: without)",
    )  # fmt: skip
    parser.add_argument(
        "--rejects",
        metavar="FILE",
        help="rejected alleles: .tsv, .tsv.gz, .vcf, .vcf.gz (default: beside the output, .rejects.tsv)",
    )
    parser.add_argument(
        "--anchor", type=int, metavar="INDEX", help="0-based index of the variant's first base in the window"
    )
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="windows at once (default: 256, fewer where long)"
    )
    parser.add_argument(
        "--strand-average", action=argparse.BooleanOptionalAction, default=None,
        help="average over both strands (default: as the run's card says)",
    )  # fmt: skip
    parser.add_argument(
        "--shifts", type=numbers, default=(0,), metavar="BASES",
        help="average over windows moved to the left by so many bases, such as 0,1,-1; write --shifts=-1,0,1 "
        "where the first is negative (default: 0)",
    )  # fmt: skip
    parser.add_argument(
        "--spread", type=words, default=(), metavar="SOURCES",
        help="standard deviation and sign agreement of every score over members (of an ensemble), strands, "
        "shifts, dropout; with commas between",
    )  # fmt: skip
    parser.add_argument(
        "--draws", type=int, default=10, metavar="N", help="networks of --spread dropout (default: 10)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="where --spread dropout begins (default: 1)"
    )
    parser.add_argument(
        "--normalize", action="store_true", help="left-align and trim alleles before they are scored"
    )
    parser.add_argument(
        "--haplotypes", metavar="SAMPLE",
        help="score the alleles of a sample in its own sequence, all its phased variants in the window",
    )  # fmt: skip
    parser.add_argument(
        "--haplotype-effect", choices=("joint", "context"), default="joint",
        help="compare a haplotype with the genome, or with itself without this one variant (default: joint)",
    )  # fmt: skip
    parser.add_argument(
        "--on-unphased", choices=("error", "skip"), default="error",
        help="stop at an unphased heterozygote (default), or reject it",
    )  # fmt: skip
    parser.add_argument(
        "--engine", choices=ENGINES, default="auto",
        help="full: whole passes; incremental: of a substitution only what it can reach, faster and equal but "
        "for rounding; auto (default): incremental where there are enough variants to gain by it",
    )  # fmt: skip
    parser.add_argument(
        "--share-reference", type=int, default=0, metavar="BASES",
        help="variants in one tile of so many bases share a reference window: fewer predictions, but the "
        "variants lie beside the anchor, so the numbers change (default: 0, off)",
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
        "--layout", choices=("wide", "long"), default="wide",
        help="of .parquet: a column for each target and score, or a row for each allele and target",
    )  # fmt: skip
    parser.add_argument(
        "--storage", choices=("float32", "float16"), default="float32",
        help="of the scores in .h5 and .zarr (default: float32)",
    )  # fmt: skip
    parser.add_argument(
        "--compression", choices=("none", "lzf", "gzip"), default="none", help="of the scores in .h5"
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS|local:N",
        help="score on a dask cluster: tcp://host:8786, the .json file of a scheduler, or local:N for N "
        "processes on this machine; the output is the same",
    )  # fmt: skip
    parser.add_argument(
        "--worker-timeout", type=float, default=60.0, metavar="SECONDS",
        help="how long a cluster may be without a worker (default: 60)",
    )  # fmt: skip
    parser.add_argument(
        "--chunk-records", type=int, metavar="N",
        help="records that are scored, kept and handed to a worker together (default: 16 batches)",
    )  # fmt: skip
    parser.add_argument(
        "--restart", action="store_true", help="begin anew, even where an earlier job was cut off"
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
            scores=words(args.scores),
            ref_mismatch=args.ref_mismatch,
            max_mismatch=args.max_mismatch,
            anchor=args.anchor,
            batch_size=args.batch_size,
            strand_average=args.strand_average,
            precision=args.precision,
            shifts=args.shifts,
            spread=args.spread,
            draws=args.draws,
            seed=args.seed,
            normalize=args.normalize,
            engine=args.engine,
            share_reference=args.share_reference,
            haplotypes=args.haplotypes,
            haplotype_effect=args.haplotype_effect,
            on_unphased=args.on_unphased,
            background=args.background,
            calibration=args.calibration,
            rejects=args.rejects,
            alias=args.alias,
            allow_genome_mismatch=args.allow_genome_mismatch,
            targets=words(args.targets),
            category=args.category,
            layout=args.layout,
            storage=args.storage,
            compression=args.compression,
            scheduler=args.scheduler,
            worker_timeout=args.worker_timeout,
            chunk_records=args.chunk_records,
            overwrite=args.overwrite,
            restart=args.restart,
        )
    print(summary.text())
    return 0
