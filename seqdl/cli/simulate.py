"""`seqdl data simulate`: a small genome, or classes of motifs, and the truth beside them."""

from __future__ import annotations

import argparse

HELP = "simulate a small genome (motifs, peaks, variants) or classes of sequences, whose truth is known"
EXAMPLES = """\
examples:
  seqdl data simulate --out sim/
  seqdl data simulate --out sim/ --seed 7 --contig-length 1000000 --n-variants 1000
  seqdl data simulate --out classes/ --kind plain --n-sequences 40000

A genome: genome.fa, peaks/*.narrowPeak, targets.tsv, variants.vcf.gz, regions.bed and exclude.bed, as an
experiment would give them; truth.json, truth_sites.tsv and truth_variants.tsv say what is really there. The
last contig is meant for testing, the one before it for validation.
Classes: one FASTA file each, whose headers name the split, and truth.tsv. Classes of kind plain and fancy
hold different motifs; those of kind grammar hold the same two and differ in how these stand to each other.
The same arguments write the same bytes.
"""
# Flags that belong to one of the two, with their defaults: (of, default, metavar, help).
_OWN = {
    "n_contigs": ("genome", 6, "N", "genome: contigs, chr1 to chrN (default: 6)"),
    "contig_length": ("genome", 500_000, "BP", "genome: of each contig (default: 500000)"),
    "filled": (
        "genome",
        0.8,
        "SHARE",
        "genome: of the 400-bp slots, those that hold an element (default: 0.8)",
    ),
    "missed": ("genome", 0.03, "SHARE", "genome: of bound sites, those without a peak (default: 0.03)"),
    "false": ("genome", 0.03, "SHARE", "genome: of peaks, those without a bound site (default: 0.03)"),
    "n_variants": ("genome", 400, "N", "genome: alleles, half of them causal (default: 400)"),
    "n_sequences": ("classes", 40_000, "N", "classes: sequences of all four together (default: 40000)"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags; each has the name of an argument of the function that does the work."""
    parser.add_argument("-o", "--out", required=True, metavar="FOLDER", help="folder to write into")
    parser.add_argument("--seed", type=int, default=0, help="source of all randomness (default: 0)")
    parser.add_argument(
        "--kind",
        choices=("genome", "plain", "fancy", "grammar"),
        default="genome",
        help="a genome, or four classes of sequences (default: genome)",
    )
    for name, (_, default, metavar, words) in _OWN.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), metavar=metavar, help=words)


def run(args: argparse.Namespace) -> int:
    """Simulate, say what was written, and return the exit code."""
    from seqdl.errors import InputError

    chosen = "genome" if args.kind == "genome" else "classes"
    values = {}
    for name, (of, default, _, _) in _OWN.items():
        given = getattr(args, name)
        if of == chosen:
            values[name] = default if given is None else given
        elif given is not None:
            raise InputError(f"--{name.replace('_', '-')} does not belong to --kind {args.kind}.")
    return _genome(args, values) if chosen == "genome" else _classes(args, values["n_sequences"])


def _classes(args: argparse.Namespace, n: int) -> int:
    import numpy as np

    from seqdl.data.motif_classes import simulate_motif_classes, write_motif_classes

    classes = simulate_motif_classes(n, seed=args.seed, kind=args.kind)
    *fasta, truth = write_motif_classes(classes, args.out)
    print(f"Simulated {n:,} sequences of {classes.codes.shape[1]} bases in {args.out}:")
    for path, name, number in zip(fasta, classes.class_names, np.bincount(classes.labels), strict=True):
        print(f"  {path.name}  {number:>6,} sequences: {name}")
    print(f"Truth: {truth.name}, {len(classes.instances.rows):,} planted motifs.")
    return 0


def _genome(args: argparse.Namespace, values: dict) -> int:
    from seqdl.data.simulate import simulate

    made = simulate(args.out, seed=args.seed, **values)
    truth = made.truth
    print(f"Simulated {values['n_contigs']} contigs of {values['contig_length']:,} bp in {made.folder}:")
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
