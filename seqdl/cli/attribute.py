"""`seqdl attribute`: which bases a prediction rests on."""

from __future__ import annotations

import argparse

HELP = "explain predictions base by base (saliency, gradient x input, integrated gradients)"
EXAMPLES = """\
examples:
  seqdl attribute --run run/ --genome g.fa --bed regions.bed --target CTCF --out attr.h5 --plot logos.png
  seqdl attribute --run run/ --fasta windows.fa --target CTCF --method integrated_gradients --out attr.h5
  seqdl attribute --run run/ --genome g.fa --bed peaks.bed --target CTCF --out attr.npz

All methods explain the LOGIT (log odds) of one target. With .npz there are two files, attr.npz and
attr.onehot.npz, each (n, 4, length), as TF-MoDISco reads them.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's flags; each has the name of an argument of `seqdl.attribute`."""
    from seqdl.interpret.gradients import METHODS

    parser.add_argument("--run", required=True, metavar="FOLDER", help="run folder that `seqdl train` made")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--bed", help="regions: each is explained in a window around its middle")
    source.add_argument("--fasta", help="sequences of the network's window")
    parser.add_argument("-g", "--genome", metavar="FASTA", help="genome of the regions")
    parser.add_argument(
        "--target", metavar="NAME", help="target to explain: name or index (may be left out if there is one)"
    )
    parser.add_argument("--method", choices=METHODS, default="grad_x_input", help="default: grad_x_input")
    parser.add_argument("-o", "--out", required=True, help="output: .h5, or .npz for TF-MoDISco")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw the regions with the highest logits: .png, .svg or .pdf"
    )
    parser.add_argument("--top", type=int, default=6, metavar="N", help="regions to draw (default: 6)")
    parser.add_argument(
        "--steps", type=int, default=64, metavar="N", help="steps of integrated gradients (default: 64)"
    )
    parser.add_argument(
        "--batch-size", type=int, default=32, metavar="N", help="windows at once (default: 32)"
    )
    parser.add_argument(
        "--strand-average", action=argparse.BooleanOptionalAction, default=None,
        help="explain the mean of both strands' logits (default: as the run's card says)",
    )  # fmt: skip
    parser.add_argument(
        "--alias", metavar="TSV", help="contig names: lines of name in the BED<TAB>name in the genome"
    )
    parser.add_argument(
        "--allow-genome-mismatch",
        action="store_true",
        help="go on with another genome than the run was trained on",
    )


def run(args: argparse.Namespace) -> int:
    """Explain, write, say what was written, and return the exit code."""
    from seqdl.interpret.gradients import attribute
    from seqdl.plot.style import picture_suffix, save_figure

    if args.plot:
        picture_suffix(args.plot)  # better said before the work than after it
    result = attribute(
        args.run, genome=args.genome, bed=args.bed, fasta=args.fasta, target=args.target, method=args.method,
        out=args.out, batch_size=args.batch_size, steps=args.steps, strand_average=args.strand_average,
        alias=args.alias, allow_genome_mismatch=args.allow_genome_mismatch,
    )  # fmt: skip
    n, length, _ = result.values.shape
    print(f"Explained {result.target} ({result.method}) in {n:,} windows of {length:,} bases: {args.out}")
    if result.delta is not None:
        print(
            f"Integrated gradients: the sum misses the logit's difference by at most "
            f"{abs(result.delta).max():.2g}."
        )
    if args.plot:
        from seqdl.plot.logos import plot_attribution

        save_figure(plot_attribution(result, top=args.top), args.plot)
        print(f"Picture: {args.plot}")
    return 0
