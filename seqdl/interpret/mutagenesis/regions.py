"""In-silico mutagenesis of regions or sequences under a trained network: the verb `mutagenesis`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqdl.errors import InputError, require_one_of
from seqdl.interpret.mutagenesis.edits import Engine
from seqdl.interpret.mutagenesis.mutants import OTHERS
from seqdl.interpret.mutagenesis.mutate import Mutagenesis, mutate_codes
from seqdl.interpret.mutagenesis.prepare import prepare
from seqdl.interpret.mutagenesis.saturate import Saturation, saturate_regions


def mutagenesis(
    run,
    *,
    genome=None,
    bed: str | Path | None = None,
    fasta: str | Path | None = None,
    codes: np.ndarray | None = None,
    target=None,
    start: int | None = None,
    end: int | None = None,
    width: int | None = None,
    kinds: tuple[str, ...] = ("substitution",),
    kmer: int = 8,
    step: int = 1,
    draws: int = 10,
    shuffle: str = "mononucleotide",
    seed: int = 0,
    whole_regions: bool = False,
    out: str | Path | None = None,
    bigwig: str | Path | None = None,
    track: str = "importance",
    head: str | None = None,
    bins: tuple[int, int] | None = None,
    batch_size: int | None = None,
    strand_average: bool | None = None,
    alias: str | Path | None = None,
    allow_genome_mismatch: bool = False,
    engine: Engine | str | None = None,
) -> Mutagenesis | Saturation:
    """Mutate regions or sequences base by base, and measure what a trained network says to it.

    Parameters
    ----------
    run : str, Path or Run
        A trained run.
    genome : str, Path or Genome, optional
        Needed with `bed`; must be the genome of the run's card. A deletion then takes in the base that
        follows the window; without a genome the window ends in N.
    bed : str or Path, optional
        Regions: a window of the network's width is laid around the centre of each; see `whole_regions`.
    fasta : str or Path, optional
        Sequences of the network's width.
    codes : uint8 array, (n, L), optional
        Bases as codes. Give exactly one of `bed`, `fasta` and `codes`.
    target : str, int or list of them, optional
        Targets to keep, by name or index; all by default. One costs as many passes as all.
    start, end : int, optional
        The part of each window to mutate, 0-based and half-open; all by default.
    width : int, optional
        Instead of these: so many bases around the centre.
    kinds : tuple of str
        Any of ``"substitution"``, ``"deletion"``, ``"insertion"``, ``"ablation"``.
    kmer, step, draws, shuffle, seed
        Of ablation; see `mutate_codes`.
    whole_regions : bool
        Substitute every base of each region of `bed`, however long, in constant memory and straight into
        `out` and `bigwig`; see `seqdl.interpret.mutagenesis.saturate.saturate_regions`. `kinds`, `start`,
        `end` and `width` are then left out.
    out : str or Path, optional
        Write the result there: ``.h5``, or ``.tsv`` or ``.tsv.gz``; see `seqdl.interpret.mutagenesis.files`.
    bigwig : str or Path, optional
        Write one value for each mutated base of `bed`'s regions there: a file ending in ``.bw`` for one
        target, or a folder for several.
    track : {"importance", "score"}
        What the bigWig holds: the mean absolute effect of a base's three substitutions, or minus their mean
        effect, which is positive where losing the base costs the prediction.
    head : str, optional
        The number that is measured: ``"logit"`` of labels; ``"counts"`` or ``"profile"`` of coverage.
    bins : (int, int), optional
        For coverage: only these bins.
    batch_size : int, optional
        Windows a pass.
    strand_average : bool, optional
        Measure the mean of both strands; as the run's card says when None.
    alias : str or Path, optional
        Table of contig names, BED file to genome.
    allow_genome_mismatch : bool
        Go on with another genome than the card's.
    engine : {"auto", "incremental", "full"} or Engine, optional
        What evaluates the edits: "auto", the default, recomputes only what a substitution can reach where
        that pays, and checks it against full passes (`seqdl.incremental.choose`). An engine of your own
        gives one number for each of the targets that `target` names.

    Returns
    -------
    Mutagenesis
        Or, of whole regions, a `seqdl.interpret.mutagenesis.saturate.Saturation`, which says how many bases
        were mutated.

    Raises
    ------
    InputError
        If the input, a target, the window or the genome does not fit the run.
    MissingDependencyError
        With `bigwig`, if pyBigWig is not installed.

    Examples
    --------
    >>> result = seqdl.mutagenesis("run/", genome="g.fa", bed="sites.bed", target="CTCF",
    ...                            width=100)  # doctest: +SKIP
    >>> result.substitutions.shape  # doctest: +SKIP
    (120, 100, 4, 1)
    """
    from seqdl.interpret.mutagenesis.files import check_suffix, write_mutagenesis
    from seqdl.interpret.mutagenesis.tracks import TRACKS, track_paths, write_index, write_tracks

    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    require_one_of("track", track, TRACKS)
    how = {"head": head, "bins": bins, "batch_size": batch_size, "strand_average": strand_average,
           "alias": alias, "allow_genome_mismatch": allow_genome_mismatch, "engine": engine}  # fmt: skip
    if whole_regions:
        _require_whole(fasta, codes, start, end, width, kinds)
        return saturate_regions(
            run, genome=genome, bed=bed, target=target, out=out, bigwig=bigwig, track=track, **how
        )
    if out is not None:
        check_suffix(out)
    if bigwig is not None and (bed is None or "substitution" not in kinds):
        raise InputError(
            "A bigWig (`bigwig`, --bigwig) needs regions of a genome (`bed`, --bed) and substitutions "
            "(`kinds`, --kinds)."
        )
    a_base = OTHERS * ("substitution" in kinds) + draws / max(step, 1) * ("ablation" in kinds)
    ready = prepare(
        run, genome=genome, bed=bed, fasta=fasta, codes=codes, target=target, start=start, end=end,
        width=width, out=out, bigwig=bigwig, a_base=a_base, **how,
    )  # fmt: skip
    result = mutate_codes(
        ready.engine, ready.codes, kinds=kinds, start=ready.start, end=ready.end, right=ready.right,
        kmer=kmer, step=step, draws=draws, shuffle=shuffle, seed=seed, names=ready.names,
    )  # fmt: skip
    settings = {**(result.settings or {}), **ready.settings, **ready.measure.notes(kinds, kmer)}
    result = result._replace(regions=ready.regions, targets=ready.targets, settings=settings)
    if out is not None:
        write_mutagenesis(out, result, run=ready.run)
    if bigwig is not None:
        paths = track_paths(bigwig, ready.targets)
        write_tracks(paths, result, ready.genome, track)
        write_index(bigwig, paths, ready.targets, ready.run, ready.genome, track, settings)
    return result


def _require_whole(fasta, codes, start, end, width, kinds) -> None:
    """Refuse what chooses a part of a window, or other changes."""
    if fasta is not None or codes is not None:
        raise InputError(
            "Whole regions are those of a BED file: give `bed` (--bed) and `genome` (--genome) instead of "
            "sequences, or leave `whole_regions` (--whole-regions) out."
        )
    if any(part is not None for part in (start, end, width)):
        raise InputError(
            "Whole regions are mutated from their first base to their last: leave `width`, `start` and `end` "
            "out, or `whole_regions` (--whole-regions)."
        )
    if kinds != ("substitution",):
        raise InputError(
            "Whole regions are mapped by substitutions alone: leave `kinds` (--kinds) out, or "
            f"`whole_regions` (--whole-regions). Received: {', '.join(kinds)}."
        )
