"""In-silico mutagenesis of regions or sequences under a trained network: the verb `mutagenesis`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.errors import InputError, require_at_least
from seqdl.interpret.mutagenesis.edits import Engine, as_engine
from seqdl.interpret.mutagenesis.mutate import Mutagenesis, mutate_codes

if TYPE_CHECKING:
    from seqdl.training.run import Run


def window_of(length: int, start: int | None, end: int | None, width: int | None) -> tuple[int, int]:
    """Return the window to mutate: from `start` to `end`, or `width` bases around the centre, or all.

    Parameters
    ----------
    length : int
        Bases of the sequence.
    start, end : int, optional
        0-based, half-open.
    width : int, optional
        Instead of these: the window's first base is ``length // 2 - width // 2``.

    Raises
    ------
    InputError
        If both are given, or the window leaves the sequence.
    """
    if width is not None and (start is not None or end is not None):
        raise InputError("Give `width` (around the centre), or `start` and `end`, but not both.")
    if width is not None:
        start = length // 2 - width // 2
        end = start + width
    start, end = 0 if start is None else start, length if end is None else end
    if not 0 <= start < end <= length:
        raise InputError(
            f"The window to mutate must lie within the sequence, 0 to {length} (0-based, half-open). "
            f"Received: {start} to {end}."
        )
    return start, end


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
    out: str | Path | None = None,
    head: str | None = None,
    bins: tuple[int, int] | None = None,
    batch_size: int | None = None,
    strand_average: bool | None = None,
    alias: str | Path | None = None,
    allow_genome_mismatch: bool = False,
    engine: Engine | str | None = None,
) -> Mutagenesis:
    """Mutate regions or sequences base by base, and measure what a trained network says to it.

    Parameters
    ----------
    run : str, Path or Run
        A trained run.
    genome : str, Path or Genome, optional
        Needed with `bed`; must be the genome of the run's card. A deletion then takes in the base that
        follows the window; without a genome the window ends in N.
    bed : str or Path, optional
        Regions: a window of the network's width is laid around the centre of each.
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
    out : str or Path, optional
        Write the result there: ``.h5``, or ``.tsv`` or ``.tsv.gz``; see `seqdl.interpret.mutagenesis.files`.
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

    Raises
    ------
    InputError
        If the input, a target, the window or the genome does not fit the run.

    Examples
    --------
    >>> result = seqdl.mutagenesis("run/", genome="g.fa", bed="sites.bed", target="CTCF",
    ...                            width=100)  # doctest: +SKIP
    >>> result.substitutions.shape  # doctest: +SKIP
    (120, 100, 4, 1)
    """
    from seqdl.interpret.mutagenesis.files import check_suffix, write_mutagenesis

    if out is not None:
        check_suffix(out)
    ready = prepare(
        run, genome=genome, bed=bed, fasta=fasta, codes=codes, target=target, start=start, end=end,
        width=width, head=head, bins=bins, batch_size=batch_size, strand_average=strand_average, alias=alias,
        allow_genome_mismatch=allow_genome_mismatch, engine=engine, out=out,
    )  # fmt: skip
    result = mutate_codes(
        ready.engine, ready.codes, kinds=kinds, start=ready.start, end=ready.end, right=ready.right,
        kmer=kmer, step=step, draws=draws, shuffle=shuffle, seed=seed, names=ready.names,
    )  # fmt: skip
    settings = {**(result.settings or {}), **ready.settings}
    if hasattr(ready.engine, "summary"):
        settings["engine"] = ready.engine.summary()
    result = result._replace(regions=ready.regions, targets=ready.targets, settings=settings)
    if out is not None:
        write_mutagenesis(out, result, run=ready.run)
    return result


class Ready(NamedTuple):
    """What mutating sequences under a run needs, read and checked; see `prepare`."""

    run: Run
    engine: Engine
    codes: np.ndarray
    right: np.ndarray | None
    start: int
    end: int
    regions: tuple
    names: tuple[str, ...]
    targets: tuple[str, ...]
    settings: dict


def prepare(
    run, *, genome, bed, fasta, codes, target, start, end, width, head, bins, batch_size, strand_average,
    alias, allow_genome_mismatch, engine, out,
) -> Ready:  # fmt: skip
    """Read the sequences and make the engine; the arguments are those of `mutagenesis`.

    Returns
    -------
    Ready
        With ``right``, uint8 (n, 1), the bases that follow regions of a genome; and ``names``, what messages
        call the sequences.

    Raises
    ------
    InputError
        If something does not fit the run, or `out` is one of the inputs.
    """
    from seqdl.files import require_other
    from seqdl.interpret.heads import averages_strands, choose_head, output_function
    from seqdl.interpret.windows import open_genome, read_windows
    from seqdl.prediction.predictor import default_batch_size
    from seqdl.prediction.tasks import require_bases, require_dna
    from seqdl.training.run import Run

    if out is not None:
        require_other(out, genome, bed, fasta)
    run = Run.open(run)
    require_bases(run, "In-silico mutagenesis")
    if genome is not None:
        require_dna(run, "Mutagenesis of places of a genome")
    indices = target_indices(run, target)
    start, end = window_of(run.window, start, end, width)
    if bed is not None:
        genome = open_genome(run, genome, allow_genome_mismatch)
    codes, regions = read_windows(
        run, genome=genome, bed=bed, fasta=fasta, codes=codes, alias=alias,
        allow_genome_mismatch=allow_genome_mismatch,
    )  # fmt: skip
    right = None
    if bed is not None:
        ids = genome.contig_ids([region.chrom for region in regions])
        right = genome.gather(ids, np.array([region.end for region in regions]), 1)
    if engine is None or isinstance(engine, str):
        from seqdl.incremental.choose import choose_engine

        require_at_least(1, batch_size=batch_size)
        batch_size = batch_size or default_batch_size(run.window)
        output = output_function(
            run, head=head, bins=bins, strand_average=strand_average, batch_size=batch_size
        )
        engine = choose_engine(
            run, as_engine(lambda batch: output(batch)[:, indices], batch_size), engine=engine or "auto",
            head=head, bins=bins, strand_average=strand_average, targets=indices,
        )  # fmt: skip
    settings = {
        "head": choose_head(run.task, head, bins),
        "bins": None if bins is None else list(bins),
        "strand_average": averages_strands(run, strand_average),
        "model": run.label,
    }
    names = tuple(_called(region) for region in regions)
    targets = tuple(run.target_names[i] for i in indices)
    return Ready(run, engine, codes, right, start, end, regions, names, targets, settings)


def target_indices(run, target) -> list[int]:
    """Return the places of one target, of a list of them, or (of None) of all.

    Parameters
    ----------
    run : Run
    target : str, int, list of them, or None

    Returns
    -------
    list of int
        Each once, in the order given.

    Raises
    ------
    InputError
        If the list is empty, or the run has no such target.
    """
    from seqdl.interpret.heads import target_index

    if target is None:
        return list(range(len(run.target_names)))
    if isinstance(target, (str, int, np.integer)):
        target = [target]
    if not len(target):
        raise InputError("`target` names no target.")
    return list(dict.fromkeys(target_index(run, item) for item in target))


def _called(region) -> str:
    label = f" ({region.name})" if region.name not in ("", ".", region.chrom) else ""
    return f"{region.chrom}:{region.start}-{region.end}{label}"
