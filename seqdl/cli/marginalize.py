"""`seqdl marginalize`: put motifs into backgrounds, take them out, or move one along another."""

from __future__ import annotations

import argparse

from seqdl.cli.commas import words
from seqdl.cli.explaining import add_genome_flags, add_head_flags, span

HELP = "what motifs do to a prediction by themselves: put in, taken out, or two at every distance"
EXAMPLES = """\
examples:
  seqdl marginalize --run run/ --motif TGACTCA --target AP1 -g g.fa --bed bg.bed --out a.tsv --plot a.png
  seqdl marginalize --run run/ --motifs jaspar.meme --data ds.h5 --out effects.tsv.gz --plot effects.png
  seqdl marginalize --run run/ --motif TTACCCG --with CACGTG --distances 0-90:5 --target REB1 --out pair.tsv
  seqdl marginalize --run run/ --motif TTACCCG --ablate --genome g.fa --bed peaks.bed --out ablation.tsv

The effect of a motif is the output of a background with it minus that of the background alone, averaged over
backgrounds, with a 95 % interval over them; the output is the LOGIT of a label, or log(1 + coverage).
Backgrounds are windows shuffled so that each keeps its dinucleotides, or random bases where no source is
given. Motifs are letters of IUPAC (N leaves the background's base), or matrices of a MEME or JASPAR file.
--with moves a second motif along the first: the interaction is the joint effect minus that of each alone.
--ablate shuffles the motif's instances in windows that hold it, beside as many bases elsewhere.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's flags; each has the name of an argument of the function behind it."""
    parser.add_argument("--run", required=True, metavar="FOLDER", help="run folder that `seqdl train` made")
    motifs = parser.add_argument_group("motifs")
    motifs.add_argument(
        "--motif", action="append", default=[], metavar="LETTERS", help="letters of IUPAC; may be repeated"
    )
    motifs.add_argument(
        "--motifs", metavar="FILE", help="motifs of a MEME or JASPAR file, or a database's name"
    )
    motifs.add_argument(
        "--names", metavar="NAMES", help="only these of the file, by id or name with commas between"
    )
    motifs.add_argument(
        "--sample", action=argparse.BooleanOptionalAction, default=True,
        help="draw each background's instance by the matrix (default), or take the likeliest bases",
    )  # fmt: skip
    motifs.add_argument(
        "--at",
        type=int,
        metavar="INDEX",
        help="0-based first base of the (first) motif (default: all in the middle)",
    )
    motifs.add_argument("--strand", choices=("+", "-"), default="+", help="which way round (default: +)")
    pair = parser.add_argument_group("two motifs")
    pair.add_argument(
        "--with",
        dest="second",
        metavar="MOTIF",
        help="a second motif, right of the first; with --motifs a name in it",
    )
    pair.add_argument(
        "--distances", metavar="RANGE",
        help="bases between them: 5-100, 5-100:5 or 1,3,10 (default: 0-50)",
    )  # fmt: skip
    pair.add_argument(
        "--orientations", metavar="LIST",
        help="any of ++ +- -+ -- with commas between, strands of the left and the right one (default: all); "
        "write --orientations=--,++",
    )  # fmt: skip
    take = parser.add_argument_group("taking motifs out")
    take.add_argument(
        "--ablate", action="store_true", help="shuffle instances in real windows that hold them"
    )
    take.add_argument(
        "--threshold", type=float, default=0.85, metavar="SHARE",
        help="relative score that an instance of a matrix needs (default: 0.85)",
    )  # fmt: skip
    take.add_argument("--draws", type=int, default=10, metavar="N", help="shuffles averaged (default: 10)")
    source = parser.add_argument_group("backgrounds (default: random bases)")
    source.add_argument("--bed", help="regions of the genome")
    source.add_argument("--fasta", help="sequences of the network's window")
    source.add_argument("--data", metavar="H5", help="windows of a dataset")
    source.add_argument("-g", "--genome", metavar="FASTA", help="genome of the regions")
    source.add_argument("-n", "--backgrounds", type=int, metavar="N", help="how many (default: 100)")
    source.add_argument(
        "--shuffle", action=argparse.BooleanOptionalAction, default=True,
        help="shuffle windows and keep their dinucleotides (default), or take them as they are",
    )  # fmt: skip
    source.add_argument(
        "--gc", type=float, default=0.5, help="share of G and C in random bases (default: 0.5)"
    )
    source.add_argument("--seed", type=int, default=0, metavar="N", help="of all draws (default: 0)")
    parser.add_argument(
        "--target", metavar="NAMES", help="targets, by name or index with commas between (default: all)"
    )
    parser.add_argument("-o", "--out", required=True, metavar="TSV", help="output: .tsv or .tsv.gz")
    parser.add_argument("--plot", metavar="FILE", help="picture: .png, .svg or .pdf")
    parser.add_argument(
        "--top",
        type=int,
        default=20,
        metavar="N",
        help="targets and motifs to draw, the largest (default: 20)",
    )
    parser.add_argument(
        "--confidence", type=float, default=0.95, metavar="SHARE", help="of the intervals (default: 0.95)"
    )
    add_head_flags(parser)
    parser.add_argument("--batch-size", type=int, metavar="N", help="windows at once")
    add_genome_flags(parser)


def read_distances(text: str) -> list[int]:
    """Read "5-100", "5-100:5" or "1,3,10" (or several with commas between); both ends belong to a range.

    Raises
    ------
    InputError
        If it is no such text.
    """
    import re

    from seqdl.errors import InputError

    found: list[int] = []
    for word in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+)(?::(\d+))?)?\s*", word)
        if match is None or match[3] == "0" or (match[2] and int(match[2]) < int(match[1])):
            raise InputError(f"--distances are written 5-100, 5-100:5 or 1,3,10. Received: {text!r}.")
        found += range(int(match[1]), int(match[2] or match[1]) + 1, int(match[3] or 1))
    return found


def run(args: argparse.Namespace) -> int:
    """Measure, write, say what was found, and return the exit code."""
    from seqdl.errors import InputError, require_at_least
    from seqdl.files import require_other, require_writable
    from seqdl.interpret.experiments.backgrounds import backgrounds
    from seqdl.interpret.experiments.tables import check_table_suffix
    from seqdl.plot.style import picture_suffix

    # Better said before the work than after it.
    require_at_least(1, top=args.top, backgrounds=args.backgrounds)
    check_table_suffix(args.out)
    require_other(args.out, args.genome, args.bed, args.fasta, args.data, args.motifs)
    if args.plot:
        picture_suffix(args.plot)
        require_writable(args.plot)
    if args.second is not None and args.ablate:
        raise InputError("Give --with (two motifs) or --ablate (taking out), but not both.")
    source = {key: getattr(args, key) for key in ("bed", "fasta", "data")}
    if args.ablate and not any(source.values()):
        raise InputError("--ablate needs real windows that hold the motif: give --bed, --fasta or --data.")
    motifs, second = _motifs(args)
    if args.second is not None and len(motifs) != 1:
        raise InputError(f"--with takes one first motif. Received: {len(motifs)}.")
    codes = backgrounds(
        args.run, args.backgrounds or (1000 if args.ablate else 100), genome=args.genome, **source,
        shuffle=args.shuffle and not args.ablate, gc=args.gc, seed=args.seed, alias=args.alias,
        allow_genome_mismatch=args.allow_genome_mismatch,
    )  # fmt: skip
    common = {
        "target": words(args.target), "confidence": args.confidence, "seed": args.seed, "out": args.out,
        "head": args.head, "bins": span(args.bins, "--bins"), "strand_average": args.strand_average,
        "batch_size": args.batch_size,
    }  # fmt: skip
    if args.second is not None:
        return _spacing(args, motifs[0], second, codes, common)
    return _effects(args, motifs, codes, common)


def _motifs(args) -> tuple[list, object]:
    """Return the motifs of --motif and --motifs, and the one of --with."""
    from seqdl.errors import InputError

    motifs: list = list(args.motif)
    second = args.second
    if args.motifs is not None:
        from seqdl.io.motif_databases import find_database
        from seqdl.io.motifs import motif_named

        known = find_database(args.motifs)
        motifs += known if args.names is None else [motif_named(known, name) for name in words(args.names)]
        second = None if second is None else motif_named(known, second)
    elif args.names is not None:
        raise InputError("--names chooses from a file of motifs: give it with --motifs.")
    if not motifs:
        raise InputError("Give a motif with --motif LETTERS, or a file of them with --motifs.")
    return motifs, second


def _spacing(args, first, second, codes, common: dict) -> int:
    from seqdl.interpret.experiments.spacing import ORIENTATIONS, spacing
    from seqdl.plot.style import save_figure

    orientations = tuple(words(args.orientations) or ORIENTATIONS)
    result = spacing(
        args.run, first, second, read_distances(args.distances or "0-50"), codes, orientations=orientations,
        at=args.at, sample=args.sample, **common,
    )  # fmt: skip
    best = result.table.loc[result.table.interaction.abs().idxmax()]
    print(
        f"{result.motifs[0]} and {result.motifs[1]} at {len(result.distances)} distances in "
        f"{len(codes):,} backgrounds: {args.out}\n"
        f"Largest interaction: {best.interaction:+.3g} ({best.interaction_low:.3g} to "
        f"{best.interaction_high:.3g}) on {best.target}, {best.distance} bases apart, {best.orientation}"
    )
    if args.plot:
        from seqdl.plot.experiments import plot_spacing

        save_figure(plot_spacing(result, target=result.targets.index(best.target)), args.plot)
        print(f"Picture: {args.plot}")
    return 0


def _effects(args, motifs, codes, common: dict) -> int:
    from seqdl.plot.style import save_figure

    if args.ablate:
        from seqdl.interpret.experiments.ablate import ablate

        result = ablate(args.run, motifs, codes, threshold=args.threshold, draws=args.draws, **common)
        done, where = "Took out", "windows that hold it"
    else:
        from seqdl.interpret.experiments.marginalize import marginalize

        result = marginalize(
            args.run, motifs, codes, at=args.at, strand=args.strand, sample=args.sample, **common
        )
        done, where = "Put in", "backgrounds"
    best = result.table.loc[result.table.effect.abs().idxmax()]
    number = best.sequences if args.ablate else best.backgrounds
    print(
        f"{done} {len(result.motifs):,} motif{'s' * (len(result.motifs) != 1)}, "
        f"{len(result.targets):,} target{'s' * (len(result.targets) != 1)}: {args.out}\n"
        f"Largest effect: {best.motif} on {best.target} {best.effect:+.3g} "
        f"({best.low:.3g} to {best.high:.3g}) over {number:,} {where}"
    )
    if args.plot:
        from seqdl.plot.experiments import plot_effects

        save_figure(plot_effects(result, top=args.top), args.plot)
        print(f"Picture: {args.plot}")
    return 0
