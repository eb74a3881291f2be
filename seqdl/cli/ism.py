"""`seqdl ism`: mutate every base in turn, and predict again."""

from __future__ import annotations

import argparse

from seqdl.cli.commas import words
from seqdl.cli.explaining import add_genome_flags, add_head_flags, span

HELP = "in-silico mutagenesis: the effect of every substitution, deletion, insertion or shuffled k-mer"
EXAMPLES = """\
examples:
  seqdl ism --run run/ --genome g.fa --bed sites.bed --target CTCF --width 60 --out ism.h5 --plot ism.png
  seqdl ism --run run/ --fasta windows.fa --target CTCF --kinds substitution,deletion --out ism.tsv.gz
  seqdl ism --run run/ --genome g.fa --bed sites.bed --kinds ablation --kmer 8 --step 4 --out ablation.h5
  seqdl ism --run run/ --genome g.fa --bed sites.bed --target CTCF --out ism.h5 --bigwig importance.bw
  seqdl ism --run run/ --genome g.fa --bed loci.bed --target CTCF --whole-regions --bigwig map.bw
  seqdl ism --run run/ --genome g.fa --bed loci.bed --whole-regions --track score --bigwig maps/
  seqdl ism --run run/ --genome g.fa --bed sites.bed --target CTCF --width 30 --dependencies --out pairs.tsv

An effect is mutant - reference of the LOGIT (log odds) of a label, or of log(1 + coverage): negative means
that the change costs the prediction. Bases next to a deletion move up from the right, where the genome's
next base comes in (N for sequences of a FASTA file). What touches an N is not known and left out.
--whole-regions maps regions of any length: cut into tiles of a quarter of the network's window, counted from
the contig's first base, each mutated in the window laid around it. So every base is mutated once, with at
least about 3/8 of the window on both sides (N past the contig's ends), and its value depends on nothing else.
--dependencies mutates every two bases together, and tells how far their effects do not add up.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's flags; each has the name of an argument of `seqdl.mutagenesis`."""
    from seqdl.interpret.mutagenesis.mutants import KINDS, SHUFFLES
    from seqdl.interpret.mutagenesis.tracks import TRACKS

    parser.add_argument("--run", required=True, metavar="FOLDER", help="run folder that `seqdl train` made")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--bed", help="regions: a window is laid around the middle of each, or see --whole-regions"
    )
    source.add_argument("--fasta", help="sequences of the network's window")
    parser.add_argument("-g", "--genome", metavar="FASTA", help="genome of the regions")
    parser.add_argument(
        "--target", metavar="NAMES", help="targets, by name or index with commas between (default: all)"
    )
    parser.add_argument(
        "--kinds", default="substitution", metavar="KINDS",
        help=f"any of {', '.join(KINDS)} with commas between, or all (default: substitution)",
    )  # fmt: skip
    parser.add_argument(
        "--whole-regions", action="store_true",
        help="substitute every base of each region of --bed, however long (writes --bigwig, --out or both)",
    )  # fmt: skip
    part = parser.add_argument_group("which bases of each window (default: all)")
    part.add_argument("--width", type=int, metavar="N", help="so many bases around the centre")
    part.add_argument("--start", type=int, metavar="INDEX", help="0-based first base in the window")
    part.add_argument("--end", type=int, metavar="INDEX", help="the base after the last one")
    ablation = parser.add_argument_group("ablation")
    ablation.add_argument("--kmer", type=int, default=8, metavar="N", help="bases shuffled (default: 8)")
    ablation.add_argument(
        "--step", type=int, default=1, metavar="N", help="bases from one k-mer to the next (default: 1)"
    )
    ablation.add_argument(
        "--draws", type=int, default=10, metavar="N", help="shuffles averaged (default: 10)"
    )
    ablation.add_argument(
        "--shuffle", choices=SHUFFLES, default="mononucleotide",
        help="what a shuffle keeps (default: mononucleotide); random draws bases",
    )  # fmt: skip
    ablation.add_argument("--seed", type=int, default=0, metavar="N", help="of the shuffles (default: 0)")
    parser.add_argument(
        "--dependencies", action="store_true",
        help="mutate every two bases together instead (9 passes a pair: give --width)",
    )  # fmt: skip
    parser.add_argument("-o", "--out", help="output: .h5, .tsv or .tsv.gz (may be left out with --bigwig)")
    parser.add_argument("--plot", metavar="FILE", help="heat maps of one target: .png, .svg or .pdf")
    parser.add_argument("--top", type=int, default=4, metavar="N", help="regions to draw (default: 4)")
    parser.add_argument(
        "--bigwig", metavar="FILE",
        help="one value a base, what --track says: a file in .bw for one target, or a folder for several",
    )  # fmt: skip
    parser.add_argument(
        "--track",
        choices=TRACKS,
        default="importance",
        help="importance: mean absolute effect of a base's substitutions (default); score: minus their mean "
        "effect, positive where losing the base costs the prediction",
    )
    add_head_flags(parser)
    parser.add_argument("--batch-size", type=int, metavar="N", help="windows at once")
    parser.add_argument(
        "--engine", choices=("auto", "incremental", "full"), default="auto",
        help="auto: recompute only what a substitution can reach, where that pays (default: auto)",
    )  # fmt: skip
    add_genome_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Mutate, write, say what was written, and return the exit code."""
    from seqdl.errors import InputError, require_at_least
    from seqdl.files import require_writable
    from seqdl.interpret.mutagenesis.mutants import KINDS
    from seqdl.interpret.mutagenesis.regions import mutagenesis
    from seqdl.plot.style import picture_suffix, save_figure
    from seqdl.words import count

    kinds = list(KINDS) if args.kinds == "all" else words(args.kinds)
    # Better said before the work than after it.
    require_at_least(1, top=args.top)
    if args.out is None and (args.bigwig is None or args.dependencies):
        raise InputError("Say where the results go: --out (-o) FILE, in .h5, .tsv or .tsv.gz.")
    if args.dependencies and (args.bigwig or args.whole_regions):
        raise InputError("--dependencies are no track: leave --bigwig and --whole-regions out.")
    if args.plot:
        picture_suffix(args.plot)
        require_writable(args.plot)
        _require_windows(args)
    common = {
        "genome": args.genome, "bed": args.bed, "fasta": args.fasta, "target": words(args.target),
        "start": args.start, "end": args.end, "width": args.width, "head": args.head,
        "bins": span(args.bins, "--bins"), "batch_size": args.batch_size,
        "strand_average": args.strand_average, "alias": args.alias,
        "allow_genome_mismatch": args.allow_genome_mismatch, "engine": args.engine,
    }  # fmt: skip
    if args.dependencies:
        return _dependencies(args, common)
    result = mutagenesis(
        args.run, kinds=kinds, kmer=args.kmer, step=args.step, draws=args.draws, shuffle=args.shuffle,
        seed=args.seed, whole_regions=args.whole_regions, out=args.out, bigwig=args.bigwig, track=args.track,
        **common,
    )  # fmt: skip
    written = ", ".join(name for name in (args.out, args.bigwig) if name)
    targets = len(result.targets)
    named = result.targets[0] if targets == 1 else f"{targets} targets"
    if args.whole_regions:
        print(
            f"Mutated {result.bases:,} bases of {count(result.stretches, 'region')} once each, in "
            f"{count(result.windows, 'window')}, under {named}: {written}"
        )
        if result.unknown:
            print(f"Left out: {result.unknown:,} N.")
    else:
        n, width = len(result.codes), result.end - result.start
        print(f"Mutated {width:,} bases ({', '.join(kinds)}) of {n:,} windows under {named}: {written}")
    _say_engine(result)
    if args.plot:
        from seqdl.plot.mutagenesis import plot_mutagenesis

        save_figure(plot_mutagenesis(result, top=args.top), args.plot)
        print(f"Picture: {args.plot}")
    return 0


def _require_windows(args) -> None:
    """Refuse a picture of many targets, or of whole regions, before the work."""
    from seqdl.errors import InputError
    from seqdl.interpret.mutagenesis.prepare import target_indices
    from seqdl.training.run import Run

    if args.whole_regions:
        raise InputError("--plot draws single windows: leave it or --whole-regions out.")
    if len(target_indices(Run.open(args.run), words(args.target))) != 1:
        raise InputError("--plot shows one target: name it with --target.")


def _say_engine(result) -> None:
    """Say what the engine gained, where it is known."""
    if "engine" in (result.settings or {}):
        print(f"Engine: {result.settings['engine']}.")


def _dependencies(args, common: dict) -> int:
    from seqdl.interpret.experiments.dependency import dependencies
    from seqdl.plot.style import save_figure

    result = dependencies(args.run, out=args.out, **common)
    n, width = result.values.shape[:2]
    print(f"Mutated every two of {width:,} bases of {n:,} windows: {args.out}")
    _say_engine(result)
    if args.plot:
        from seqdl.plot.experiments import plot_dependencies

        save_figure(plot_dependencies(result, top=args.top), args.plot)
        print(f"Picture: {args.plot}")
    return 0
