"""`seqdl attribute`: which bases a prediction rests on."""

from __future__ import annotations

import argparse

from seqdl.cli.explaining import add_genome_flags, add_head_flags, span
from seqdl.errors import InputError, require_at_least

HELP = "explain predictions base by base (gradients, integrated gradients, DeepLIFT, DeepSHAP)"
EXAMPLES = """\
examples:
  seqdl attribute --run run/ --genome g.fa --bed regions.bed --target CTCF --out attr.h5 --plot logos.png
  seqdl attribute --run run/ --genome g.fa --bed peaks.bed --target CTCF --method deepshap --out attr.h5
  seqdl attribute --run run/ --fasta windows.fa --target CTCF --method integrated_gradients --out attr.h5
  seqdl attribute --run run/ --genome g.fa --bed peaks.bed --target CTCF --method deepshap --out attr.npz
  seqdl attribute --run atac/ --genome g.fa --bed peaks.bed --method deepshap --head counts --out attr.bw

Labels are explained by their LOGIT (log odds), coverage by log(1 + total) of its bins (--head counts) or by
its shape (--head profile). The fast methods are saliency, grad_x_input and deeplift; deepshap compares each
sequence with 20 shuffles of itself, its contributions add up exactly to the difference, and TF-MoDISco is
made for it. What an N contributes is 0.

--check FOLDER measures whether the explanation is true: prediction against bases removed and put in, a
randomised network, agreement of the methods, members of an ensemble, and with --known the recovery of known
places.

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
    add_head_flags(parser)
    parser.add_argument(
        "--reference", choices=KINDS,
        help="compared with: dinucleotide shuffles, a quarter of every base, or none "
        "(default: as the method has it)",
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
        help="also measure whether the explanation is true, with every method (minutes); "
        "tables and pictures go there",
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
        "--noise", type=float, default=0.1, metavar="SD",
        help="their noise, standard deviation (default: 0.1)",
    )  # fmt: skip
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
        "--batch-size", type=int, metavar="N", help="windows at once (default: 32, fewer of long windows)"
    )
    add_genome_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Explain, write, say what was written, and return the exit code."""
    from seqdl.files import require_file, require_writable
    from seqdl.interpret.attribute import attribute
    from seqdl.interpret.faithfulness.write import check_folder, describe_check
    from seqdl.plot.style import picture_suffix, save_figure

    # Better said before the work than after it.
    require_at_least(1, top=args.top)
    if args.plot:
        picture_suffix(args.plot)
        require_writable(args.plot)
    if args.known:
        require_file(args.known, "BED file of known places")
    if args.known and args.bed is None:
        raise InputError("--known holds places of a genome: give regions of it (--bed and --genome).")
    if args.known and not args.check:
        raise InputError("--known says what --check shall recover: give --check FOLDER too, or leave it out.")
    if args.check:
        check_folder(args.check)
    common = {
        "genome": args.genome, "bed": args.bed, "fasta": args.fasta, "target": args.target, "head": args.head,
        "bins": span(args.bins, "--bins"), "reference": args.reference, "n_references": args.n_references,
        "steps": args.steps, "samples": args.samples, "noise": args.noise, "simplex": args.simplex,
        "seed": args.seed, "tolerance": args.tolerance, "on_excess": args.on_excess,
        "strand_average": args.strand_average, "batch_size": args.batch_size, "alias": args.alias,
        "allow_genome_mismatch": args.allow_genome_mismatch,
    }  # fmt: skip
    result = attribute(args.run, method=args.method, out=args.out, **common)
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
        from seqdl.interpret.faithfulness.check import check_attributions

        print(describe_check(check_attributions(args.run, known=args.known, out=args.check, **common)))
    return 0
