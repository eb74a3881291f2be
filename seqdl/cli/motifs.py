"""`seqdl motifs`: read motifs off a network, name them, and call them back onto the genome."""

from __future__ import annotations

import argparse

HELP = "read motifs off a network (first-layer filters, TF-MoDISco), name them, and call their hits"
EXAMPLES = """\
examples:
  seqdl motifs filters --run run/ --data ds.h5 --database jaspar.meme --out run/motifs/filters/
  seqdl motifs discover --run run/ --genome g.fa --bed peaks.bed --target CTCF --database hocomoco
  seqdl motifs match --motifs x.meme --database jaspar:2024:vertebrates --out matches.tsv
  seqdl motifs hits --patterns run/motifs/CTCF/ --attributions run/motifs/CTCF/attributions.h5 --out hits.bed

A database is a MEME or JASPAR file; or jaspar, jaspar-vertebrates, hocomoco or macisaac with $SEQDL_DATA
set; or jaspar:RELEASE:GROUP with the package pyjaspar. Matching and discovery need: pip install
'seqdl[motifs]'. A motif gets the name of its best match with q <= 0.05 (Benjamini and Hochberg, over the
database) whose informative places are alike (similarity >= 0.7).
"""
FILTER_EXAMPLES = """\
examples:
  seqdl motifs filters --run run/ --data ds.h5 --database hocomoco --out run/motifs/filters/
  seqdl motifs filters --run run/ --data ds.h5 --genome g.fa --threshold 0.7 --windows 10000 --out filters/

A filter is shown as the sub-sequences that excite it above --threshold of its largest activation. The
folder gets filters.meme, filters.tsv, matches.tsv, pictures and motifs.json. The filters of a network that
pools little after its first layer are often pieces of motifs: `seqdl motifs discover` sees what the whole
network uses.
"""
DISCOVER_EXAMPLES = """\
examples:
  seqdl motifs discover --run run/ --genome g.fa --bed peaks.bed --target CTCF --database hocomoco
  seqdl motifs discover --run run/ --genome g.fa --bed peaks.bed --target CTCF --width 400 --max-seqlets 5000
  seqdl motifs discover --attributions attr.h5 --database macisaac --out motifs/

Contributions (DeepSHAP by default) are computed, or taken from --attributions. TF-MoDISco makes patterns
of them. The folder (run/motifs/TARGET/ by default, where `seqdl report` finds it) gets attributions.h5,
patterns.h5 (modisco-lite's format, with places on the genome), patterns.meme, patterns.tsv, seqlets.bed,
matches.tsv, effects.tsv (what each pattern does in shuffled windows), pictures and motifs.json. --resume goes
on from what is there of the same input. For the shape of a profile: `seqdl attribute --head profile`, then
--attributions.
"""
MATCH_EXAMPLES = """\
examples:
  seqdl motifs match --motifs filters.meme --database macisaac --out matches.tsv --plot matches.png
"""
HITS_EXAMPLES = """\
examples:
  seqdl motifs hits --patterns run/motifs/CTCF/ --attributions run/motifs/CTCF/attributions.h5 --out hits.bed
  seqdl motifs hits --patterns run/motifs/CTCF/ --attributions other.h5 --method sequence --out sites.bed

A hit is a place where the contributions look like the pattern's (cosine >= --min-similarity) and are
strong enough (>= --min-importance of the pattern's own). --method sequence scans the bases instead, as
FIMO does. BED columns: chrom, start, end, name, score, strand, pattern, similarity, importance.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-verbs of `seqdl motifs` and their arguments."""
    verbs = parser.add_subparsers(dest="motifs_verb", metavar="verb", required=True)
    for name, text, examples, add, run_verb in (
        ("filters", "first-layer filters as motifs", FILTER_EXAMPLES, _add_filters, _run_filters),
        (
            "discover",
            "motifs in contributions, by TF-MoDISco",
            DISCOVER_EXAMPLES,
            _add_discover,
            _run_discover,
        ),
        ("match", "match a file of motifs with a database", MATCH_EXAMPLES, _add_match, _run_match),
        ("hits", "call patterns back onto the genome", HITS_EXAMPLES, _add_hits, _run_hits),
    ):
        verb = verbs.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        add(verb)
        verb.set_defaults(run_motifs=run_verb)


def run(args: argparse.Namespace) -> int:
    """Run the sub-verb that was asked for."""
    return args.run_motifs(args)


def _add_database(parser: argparse.ArgumentParser, required: bool = False) -> None:
    parser.add_argument(
        "--database",
        required=required,
        metavar="NAME",
        help="motifs to match with: a file or a database's name",
    )
    parser.add_argument(
        "--top", type=int, default=5, metavar="N", help="matches to list of each (default: 5)"
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="threads of the matching (default: all, at most 8)"
    )


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", required=True, metavar="FOLDER", help="run folder that `seqdl train` made")
    parser.add_argument(
        "--data", required=True, metavar="H5", help="dataset whose windows the filters are shown"
    )
    parser.add_argument("-g", "--genome", metavar="FASTA", help="the dataset's genome, if it has moved")
    _add_database(parser)
    parser.add_argument("-o", "--out", required=True, metavar="FOLDER", help="folder to write")
    parser.add_argument(
        "--threshold", type=float, default=0.5, metavar="SHARE",
        help="a site's activation exceeds this share of the filter's largest (default: 0.5)",
    )  # fmt: skip
    parser.add_argument(
        "--windows", type=int, default=4000, metavar="N", help="windows shown (default: 4000)"
    )
    parser.add_argument(
        "--batch-size", type=int, default=256, metavar="N", help="windows at once (default: 256)"
    )


def _run_filters(args: argparse.Namespace) -> int:
    from seqdl.interpret.motifs.find_motifs import filters_as_motifs

    result = filters_as_motifs(
        args.run, args.data, args.out, genome=args.genome, database=args.database, threshold=args.threshold,
        windows=args.windows, batch_size=args.batch_size, top=args.top, jobs=args.jobs,
    )  # fmt: skip
    print(f"{len(result.motifs)} filters fire at ten or more places: {result.folder}/filters.meme")
    _print_names(result, args.database)
    return 0


def _add_discover(parser: argparse.ArgumentParser) -> None:
    source = parser.add_argument_group("what is explained")
    source.add_argument("--run", metavar="FOLDER", help="run folder that `seqdl train` made")
    source.add_argument("--bed", help="regions: peaks of the target")
    source.add_argument("--fasta", help="sequences of the network's window")
    source.add_argument("-g", "--genome", metavar="FASTA", help="genome of the regions")
    source.add_argument("--target", metavar="NAME", help="target: name or index")
    source.add_argument("--method", default="deepshap", help="method of attribution (default: deepshap)")
    source.add_argument(
        "--attributions", metavar="H5", help="what `seqdl attribute` wrote, instead of all these"
    )
    source.add_argument(
        "--batch-size", type=int, default=32, metavar="N", help="windows at once (default: 32)"
    )
    source.add_argument("--alias", metavar="TSV", help="contig names: name in the BED<TAB>name in the genome")
    source.add_argument(
        "--allow-genome-mismatch", action="store_true", help="go on with another genome than the run's"
    )
    _add_database(parser)
    parser.add_argument("-o", "--out", metavar="FOLDER", help="folder to write (default: RUN/motifs/TARGET)")
    parser.add_argument(
        "--resume", action="store_true", help="go on from what the folder holds of the same input"
    )
    group = parser.add_argument_group("TF-MoDISco")
    group.add_argument(
        "--width", type=int, metavar="BASES", help="use so many around the centre (default: all)"
    )
    for flag, default, text in (
        ("max-seqlets", 2000, "cluster at most so many of each sign"),
        ("min-seqlets", 100, "cluster a sign if it has more than this"),
        ("min-pattern", 20, "seqlets that a pattern needs"),
        ("leiden-runs", 10, "seeds of the clustering; more is slower and steadier"),
    ):
        group.add_argument(
            f"--{flag}", type=int, default=default, metavar="N", help=f"{text} (default: {default})"
        )


def _run_discover(args: argparse.Namespace) -> int:
    from seqdl.interpret.motifs.in_run import discover_in_run
    from seqdl.words import count

    result = discover_in_run(
        args.run, args.out, genome=args.genome, bed=args.bed, fasta=args.fasta, target=args.target,
        method=args.method, attributions=args.attributions, batch_size=args.batch_size, alias=args.alias,
        allow_genome_mismatch=args.allow_genome_mismatch, database=args.database, top=args.top,
        jobs=args.jobs, resume=args.resume, width=args.width, max_seqlets=args.max_seqlets,
        min_seqlets=args.min_seqlets, min_pattern=args.min_pattern, leiden_runs=args.leiden_runs,
    )  # fmt: skip
    found = result.discovery
    if not found.patterns:
        print(
            f"No pattern of {found.target}: of {sum(found.found):,} seqlets no {args.min_pattern} are alike. "
            "Give more regions, or a smaller --min-pattern."
        )
        return 0
    print(
        f"{count(len(found.patterns), 'pattern')} of {found.target} from {found.found[0]:,} seqlets with "
        f"positive and {found.found[1]:,} with negative contribution: {result.folder}"
    )
    _print_names(result, args.database)
    return 0


def _print_names(result, database: str | None, most: int = 12) -> None:
    """Print the named motifs, the surest first."""
    from seqdl.cli.table import print_table
    from seqdl.plot.motifs import q_words

    if database is None:
        print("Without --database they have no names.")
        return
    motifs = {motif.id: motif for motif in result.motifs}
    named = sorted(result.names.items(), key=lambda item: item[1].q)
    print(f"{len(named)} of {len(motifs)} match a known motif of {database}.")
    if named:
        rows = [("motif", "sites", "consensus", "match", "q", "alike")]
        for name, match in named[:most]:
            motif = motifs[name]
            known = match.match_name if match.match_name == match.match_id else (
                f"{match.match_name} ({match.match_id})"
            )  # fmt: skip
            q = q_words(match.q).removeprefix("q ")
            rows.append((name, f"{motif.sites:,.0f}", motif.consensus, known, q, f"{match.similarity:.2f}"))
        print_table(rows, right={1, 4, 5})


def _add_match(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--motifs", required=True, metavar="FILE", help="MEME or JASPAR file of motifs to name"
    )
    _add_database(parser, required=True)
    parser.add_argument("-o", "--out", required=True, metavar="TSV", help="table to write")
    parser.add_argument("--plot", metavar="FILE", help="picture of motifs and matches: .png, .svg or .pdf")


def _run_match(args: argparse.Namespace) -> int:
    from seqdl.files import require_other, require_writable
    from seqdl.interpret.motifs.folder import write_matches
    from seqdl.interpret.motifs.matching import best_matches, match_motifs
    from seqdl.io.motif_databases import find_database
    from seqdl.io.motifs import read_motifs
    from seqdl.plot.style import picture_suffix, save_figure

    require_other(args.out, args.motifs, args.database)
    if args.plot:
        picture_suffix(args.plot)
        require_writable(args.plot)
    motifs, known = read_motifs(args.motifs), find_database(args.database)
    table = match_motifs(motifs, known, top=args.top, jobs=args.jobs)
    write_matches(args.out, table)
    names = best_matches(table)
    print(f"{len(names)} of {len(motifs)} motifs match one of {len(known):,} known ones: {args.out}")
    if args.plot:
        from seqdl.plot.motifs import plot_matches

        save_figure(plot_matches(motifs, names, known), args.plot)
        print(f"Picture: {args.plot}")
    return 0


def _add_hits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--patterns",
        required=True,
        metavar="FOLDER",
        help="folder of `seqdl motifs discover`, or its patterns.h5",
    )
    parser.add_argument(
        "--attributions", required=True, metavar="H5", help="contributions of the regions to call hits in"
    )
    parser.add_argument("-o", "--out", required=True, metavar="BED", help="BED file to write")
    parser.add_argument(
        "--method", choices=("contributions", "sequence"), default="contributions",
        help="what is scanned (default: contributions)",
    )  # fmt: skip
    for flag, default, text in (
        ("min-similarity", 0.7, "smallest cosine to the pattern's contributions"),
        ("min-importance", 0.25, "smallest share of the pattern's own contribution"),
        ("max-p", 1e-4, "with --method sequence: largest p"),
    ):
        parser.add_argument(
            f"--{flag}", type=float, default=default, metavar="X", help=f"{text} (default: {default})"
        )


def _run_hits(args: argparse.Namespace) -> int:
    from seqdl.interpret.motifs.in_run import hits_of_patterns

    hits = hits_of_patterns(
        args.patterns, args.attributions, args.out, method=args.method, min_similarity=args.min_similarity,
        min_importance=args.min_importance, max_p=args.max_p,
    )  # fmt: skip
    counts = hits["name"].value_counts()
    listed = ", ".join(f"{name} {number:,}" for name, number in counts.head(8).items())
    print(f"{len(hits):,} hits: {args.out}" + (f" ({listed})" if listed else ""))
    return 0
