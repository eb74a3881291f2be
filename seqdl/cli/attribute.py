"""`seqdl attribute`: which bases a prediction rests on."""

from __future__ import annotations

import argparse

from seqdl.errors import InputError

HELP = "explain predictions base by base (gradients, integrated gradients, DeepLIFT, DeepSHAP)"
EXAMPLES = """\
examples:
  seqdl attribute --run run/ --genome g.fa --bed regions.bed --target CTCF --out attr.h5 --plot logos.png
  seqdl attribute --run run/ --genome g.fa --bed peaks.bed --target CTCF --method deepshap --out attr.h5
  seqdl attribute --run run/ --fasta windows.fa --target CTCF --method integrated_gradients --out attr.h5
  seqdl attribute --run run/ --genome g.fa --bed peaks.bed --target CTCF --method deepshap --out attr.npz
  seqdl attribute --run atac/ --genome g.fa --bed peaks.bed --method deepshap --head counts --out attr.bw

Labels are explained by their LOGIT (log odds), coverage by log(1 + total) of its bins (--head counts) or by its
shape (--head profile). The fast methods are saliency, grad_x_input and deeplift; deepshap compares each sequence with
20 shuffles of itself, its contributions add up exactly to the difference, and TF-MoDISco is made for it.
What an N contributes is 0.

--check FOLDER measures whether the explanation is true: prediction against bases removed and put in, a randomised
network, agreement of the methods, members of an ensemble, and with --known the recovery of known places.

.h5 holds all (seqdl.interpret.attribute.Attribution); .npz are two files, attr.npz and attr.onehot.npz, each
(n, 4, length), as TF-MoDISco reads them; .bw is a track for the genome browser.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's flags; each has the name of an argument of `seqdl.attribute`."""
    from seqdl.interpret.methods import METHODS
    from seqdl.interpret.references import KINDS

    parser.add_argument("--run", required=True, metavar="FOLDER", help="run folder that `seqdl train` made")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--bed", help="regions: each is explained in a window around its middle")
    source.add_argument("--fasta", help="sequences of the network's window")
    parser.add_argument("-g", "--genome", metavar="FASTA", help="genome of the regions")
    parser.add_argument(
        "--target", metavar="NAME", help="target to explain: name or index (may be left out if there is one)"
    )
    parser.add_argument("--method", choices=METHODS, default="grad_x_input", help="default: grad_x_input")
    parser.add_argument(
        "--head", choices=("logit", "counts", "profile"),
        help="the number explained (default: logit of labels, counts of coverage)",
    )  # fmt: skip
    parser.add_argument(
        "--bins", type=_bins, metavar="A-B", help="of coverage, only these bins (0-based, B not included)"
    )
    parser.add_argument(
        "--reference", choices=KINDS,
        help="compared with: dinucleotide shuffles, a quarter of every base, or none (default: as the method has it)",
    )  # fmt: skip
    parser.add_argument(
        "--n-references", type=int, default=20, metavar="N", help="shuffles a sequence (default: 20)"
    )
    parser.add_argument("-o", "--out", required=True, help="output: .h5, .npz for TF-MoDISco, or .bw")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw the regions with the highest logits: .png, .svg or .pdf"
    )
    parser.add_argument("--top", type=int, default=6, metavar="N", help="regions to draw (default: 6)")
    parser.add_argument(
        "--check", metavar="FOLDER",
        help="also measure whether the explanation is true, with every method (minutes); tables and pictures go there",
    )  # fmt: skip
    parser.add_argument(
        "--known", metavar="BED", help="with --check: places that matter, such as motifs, to be recovered"
    )
    parser.add_argument(
        "--steps", type=int, default=64, metavar="N", help="steps of integrated gradients (default: 64)"
    )
    parser.add_argument(
        "--samples", type=int, default=50, metavar="N", help="noisy copies of smoothgrad (default: 50)"
    )
    parser.add_argument(
        "--noise", type=float, default=0.1, metavar="SD", help="their noise, standard deviation (default: 0.1)"
    )
    parser.add_argument(
        "--simplex", action="store_true",
        help="take the mean over the four bases from the gradient (methods without reference)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of shuffles and noise (default: 0)")
    parser.add_argument(
        "--tolerance", type=float, default=1e-4, metavar="X",
        help="largest relative error of a DeepLIFT sum (default: 0.0001)",
    )  # fmt: skip
    parser.add_argument(
        "--on-excess", choices=("raise", "warn", "ignore"), default="raise",
        help="what to do beyond it (default: raise)",
    )  # fmt: skip
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
    from seqdl.interpret.attribute import attribute
    from seqdl.plot.style import picture_suffix, save_figure

    if args.plot:
        picture_suffix(args.plot)  # better said before the work than after it
    if args.known and not args.check:
        raise InputError("--known says what --check shall recover: give --check FOLDER too, or leave it out.")
    result = attribute(
        args.run, genome=args.genome, bed=args.bed, fasta=args.fasta, target=args.target, method=args.method,
        head=args.head, bins=args.bins, reference=args.reference, n_references=args.n_references, out=args.out,
        batch_size=args.batch_size, steps=args.steps, samples=args.samples, noise=args.noise,
        simplex=args.simplex, seed=args.seed, strand_average=args.strand_average, tolerance=args.tolerance,
        on_excess=args.on_excess,
        alias=args.alias, allow_genome_mismatch=args.allow_genome_mismatch,
    )  # fmt: skip
    n, length, _ = result.values.shape
    print(f"Explained {result.target} ({result.method}) in {n:,} windows of {length:,} bases: {args.out}")
    if result.delta is not None:
        print(
            f"The contributions miss the {result.head}'s difference from its references by at most "
            f"{abs(result.delta).max():.2g} (differences up to "
            f"{abs(result.logits - result.reference_logits).max():.3g})."
        )
    if args.plot:
        from seqdl.plot.logos import plot_attribution

        save_figure(plot_attribution(result, top=args.top), args.plot)
        print(f"Picture: {args.plot}")
    if args.check:
        _check(args)
    return 0


def _check(args: argparse.Namespace) -> None:
    from seqdl.interpret.faithfulness.check import check_attributions
    from seqdl.interpret.faithfulness.write import describe_check

    done = check_attributions(
        args.run, genome=args.genome, bed=args.bed, fasta=args.fasta, target=args.target, head=args.head,
        known=args.known, strand_average=args.strand_average, batch_size=args.batch_size, alias=args.alias,
        allow_genome_mismatch=args.allow_genome_mismatch, out=args.check,
    )  # fmt: skip
    print(describe_check(done))


def _bins(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit()):
        raise argparse.ArgumentTypeError(f"must be two numbers with a dash, such as 10-20. Received: {text!r}.")
    return int(first), int(last)
