"""`seqdl data simulate`: a small genome with a planted grammar, peaks, variants and the truth."""

from __future__ import annotations

import argparse

HELP = "simulate a small genome with planted motifs, peaks and variants whose effects are known"
EXAMPLES = """\
examples:
  seqdl data simulate --out sim/
  seqdl data simulate --out sim/ --seed 7 --contig-length 1000000 --n-variants 1000

Written: genome.fa, peaks/*.narrowPeak, targets.tsv, variants.vcf.gz, regions.bed and exclude.bed, as an
experiment would give them; truth.json, truth_sites.tsv and truth_variants.tsv say what is really there. The
last contig is meant for testing, the one before it for validation. The same arguments write the same bytes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags; each has the name of an argument of `seqdl.simulate`."""
    parser.add_argument("-o", "--out", required=True, metavar="FOLDER", help="folder to write into")
    parser.add_argument("--seed", type=int, default=0, help="source of all randomness (default: 0)")
    parser.add_argument(
        "--n-contigs", type=int, default=6, metavar="N", help="contigs, chr1 to chrN (default: 6)"
    )
    parser.add_argument(
        "--contig-length", type=int, default=500_000, metavar="BP", help="of each (default: 500000)"
    )
    parser.add_argument(
        "--filled",
        type=float,
        default=0.8,
        metavar="SHARE",
        help="of the 400-bp slots that hold an element (default: 0.8)",
    )
    parser.add_argument(
        "--missed",
        type=float,
        default=0.03,
        metavar="SHARE",
        help="of bound sites without a peak (default: 0.03)",
    )
    parser.add_argument(
        "--false",
        type=float,
        default=0.03,
        metavar="SHARE",
        help="of peaks without a bound site (default: 0.03)",
    )
    parser.add_argument(
        "--n-variants", type=int, default=400, metavar="N", help="alleles, half of them causal (default: 400)"
    )


def run(args: argparse.Namespace) -> int:
    """Simulate, say what was written, and return the exit code."""
    from seqdl.data.simulate import simulate

    made = simulate(
        args.out, seed=args.seed, n_contigs=args.n_contigs, contig_length=args.contig_length,
        filled=args.filled, missed=args.missed, false=args.false, n_variants=args.n_variants,
    )  # fmt: skip
    truth = made.truth
    print(f"Simulated {args.n_contigs} contigs of {args.contig_length:,} bp in {made.folder}:")
    print(
        f"  {made.genome.name}, {made.variants.name} ({truth['records']:,} records), {made.regions.name}, "
        f"{made.exclude.name}, {made.targets.name}"
    )
    for factor in truth["factors"]:
        name = factor["name"]
        print(
            f"  {made.peaks.name}/{name}.narrowPeak  {truth['peaks'][name]:>6,} peaks; {name} "
            f"{factor['says']}"
        )
    print(f"Truth: {made.truth_file.name}, {made.sites_file.name}, {made.variants_file.name}.")
    print(f"Test contig {','.join(made.test_contigs)}, validation contig {','.join(made.valid_contigs)}.")
    return 0
