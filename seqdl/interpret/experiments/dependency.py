"""Dependency maps: how the effect of a substitution at one place changes when another place is mutated.

For every two places i and j and every two other bases a and b,
``f(i = a, j = b) - f(i = a) - f(j = b) + f(neither)`` is how far the two effects do not add up. The map holds
the one that is largest in size over a and b, with its sign. It is symmetric. Its model are the maps of Tomaz
da Silva et al. (2024; Nature Genetics 2025), which take the largest change of a language model's log odds of
a base at j when i is mutated; a supervised network has no such odds, and the effect of a substitution at j
on its output stands in their place.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError
from seqdl.interpret.mutagenesis.edits import Engine, as_engine
from seqdl.interpret.mutagenesis.mutants import substitution_edits
from seqdl.interpret.mutagenesis.mutate import STEP, mutate_codes
from seqdl.progress import progress_bar


class Dependencies(NamedTuple):
    """How far the effects of every two substitutions do not add up.

    Attributes
    ----------
    values : float32 array, (n, w, w, t)
        The largest interaction in size, with its sign; 0 on the diagonal, NaN at N. Symmetric.
    substitutions : float32 array, (n, w, 4, t)
        Effects of single substitutions.
    reference : float32 array, (n, t)
        Outputs of the unchanged sequences.
    codes : uint8 array, (n, L)
    start, end : int
        The window, 0-based and half-open; ``w = end - start``.
    regions : tuple of Interval
    targets : tuple of str
    settings : dict
    """

    values: np.ndarray
    substitutions: np.ndarray
    reference: np.ndarray
    codes: np.ndarray
    start: int
    end: int
    regions: tuple = ()
    targets: tuple[str, ...] = ()
    settings: dict | None = None


def dependency_codes(
    func: object,
    codes: np.ndarray,
    *,
    start: int = 0,
    end: int | None = None,
    batch_size: int = 256,
    names: tuple[str, ...] | None = None,
) -> Dependencies:
    """Mutate every two bases of a window together.

    Parameters
    ----------
    func : callable or Engine
        ``func(codes uint8 (n, L)) -> array (n,) or (n, t)``, or an
        `seqdl.interpret.mutagenesis.edits.Engine`.
    codes : uint8 array, (n, L)
    start, end : int
        The window, 0-based and half-open; all by default. It costs 9 passes for every two bases.
    batch_size : int
        Sequences that `func` gets at once.
    names : tuple of str, optional
        What messages call the sequences.

    Returns
    -------
    Dependencies

    Raises
    ------
    InputError
        As `seqdl.interpret.mutagenesis.mutate.mutate_codes`; or if the window has a single base.
    """
    codes = np.atleast_2d(np.asarray(codes, np.uint8))
    engine = as_engine(func, batch_size)
    single = mutate_codes(engine, codes, start=start, end=end, names=names)
    start, end = single.start, single.end
    n, width = len(codes), end - start
    if width < 2:
        raise InputError("A dependency map needs a window of at least two bases. Received: 1.")
    reference = single.reference.reshape(n, -1)
    effects = single.substitutions.reshape(n, width, 4, -1)
    t = reference.shape[1]
    values = np.zeros((n, width, width, t), np.float32)
    known = (codes[:, start:end] < N).sum(axis=1)
    total = int((9 * known * (known - 1) // 2).sum())
    with progress_bar(total, "Mutating every two bases", "mutants") as progress:
        for row in range(n):
            unknown = codes[row, start:end] == N
            values[row, unknown] = values[row][:, unknown] = np.nan
            one = codes[row : row + 1]
            firsts = substitution_edits(one, start, end)
            places = firsts.starts
            mutants = np.repeat(one, len(places), axis=0)
            mutants[np.arange(len(places)), places] = firsts.inserted[:, 0]
            seconds = substitution_edits(mutants, start, end)
            later = seconds.starts > places[seconds.rows]
            seconds = seconds._replace(
                rows=seconds.rows[later], starts=seconds.starts[later], inserted=seconds.inserted[later]
            )
            both = np.empty((len(seconds.rows), t), np.float32)
            for at in range(0, len(both), STEP):
                part = seconds.part(at, at + STEP)
                both[at : at + STEP] = engine.evaluate(mutants, part).reshape(len(part.rows), t)
                progress.advance(len(part.rows))
            i, j = places[seconds.rows] - start, seconds.starts - start
            one_alone = effects[row, i, firsts.inserted[seconds.rows, 0]]
            other_alone = effects[row, j, seconds.inserted[:, 0]]
            excess = both - reference[row] - one_alone - other_alone
            for k in range(t):  # of several values for one place the last assigned stays: the largest
                order = np.argsort(np.abs(excess[:, k]), kind="stable")
                values[row, i[order], j[order], k] = excess[order, k]
                values[row, j[order], i[order], k] = excess[order, k]
    return Dependencies(values, effects, reference, codes, start, end)


def dependencies(
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
    out: str | Path | None = None,
    head: str | None = None,
    bins: tuple[int, int] | None = None,
    batch_size: int | None = None,
    strand_average: bool | None = None,
    alias: str | Path | None = None,
    allow_genome_mismatch: bool = False,
    engine: Engine | str | None = None,
) -> Dependencies:
    """Map the dependencies between the bases of regions or sequences under a trained network.

    Parameters
    ----------
    run, genome, bed, fasta, codes, target, start, end, width
        As in `seqdl.interpret.mutagenesis.regions.mutagenesis`. A window of ``w`` bases costs
        ``4.5 w (w - 1)`` passes a region: give a narrow one.
    out : str or Path, optional
        Write a table there, one row for every two places: ``.tsv`` or ``.tsv.gz``.
    head, bins, batch_size, strand_average, alias, allow_genome_mismatch, engine
        As in `seqdl.interpret.mutagenesis.regions.mutagenesis`.

    Returns
    -------
    Dependencies

    Raises
    ------
    InputError
        If the input, a target, the window or the genome does not fit the run.
    """
    from seqdl.interpret.experiments.tables import check_table_suffix
    from seqdl.interpret.mutagenesis.prepare import prepare

    if out is not None:
        check_table_suffix(out)
    ready = prepare(
        run, genome=genome, bed=bed, fasta=fasta, codes=codes, target=target, start=start, end=end,
        width=width, head=head, bins=bins, batch_size=batch_size, strand_average=strand_average, alias=alias,
        allow_genome_mismatch=allow_genome_mismatch, engine=engine, out=out,
    )  # fmt: skip
    result = dependency_codes(
        ready.engine, ready.codes, start=ready.start, end=ready.end, names=ready.names
    )._replace(regions=ready.regions, targets=ready.targets)
    result = result._replace(settings={**ready.settings, **ready.measure.notes()})
    if out is not None:
        write_dependencies(out, result)
    return result


def write_dependencies(path: str | Path, result: Dependencies) -> None:
    """Write dependencies of a run as a table, one row for every two places of a region.

    Parameters
    ----------
    path : str or Path
        ``.tsv`` or ``.tsv.gz``; columns chrom, first, second (0-based places), name, first_base, second_base,
        and the value of each target. Places of N are left out.
    result : Dependencies
        With regions and targets.
    """
    from seqdl.interpret.experiments.tables import FORMAT, VERSION, check_table_suffix
    from seqdl.prediction.writers import open_writer
    from seqdl.version import __version__

    check_table_suffix(path)
    settings = {"experiment": "dependencies", **(result.settings or {})}
    about = {"format": FORMAT, "version": VERSION, "seqdl": __version__, "settings": settings}
    letters = np.array(list("ACGTN"), object)
    first, second = np.triu_indices(result.end - result.start, 1)
    with open_writer(path, list(result.targets), about) as writer:
        for region, codes, values in zip(result.regions, result.codes, result.values, strict=True):
            here = codes[result.start : result.end]
            keep = (here[first] < N) & (here[second] < N)
            i, j = first[keep], second[keep]
            at = region.start + result.start
            fixed = {"chrom": np.full(len(i), region.chrom, object)}
            columns = {**fixed, "first": at + i, "second": at + j,
                       "name": np.full(len(i), region.name, object), "first_base": letters[here[i]],
                       "second_base": letters[here[j]]}  # fmt: skip
            writer.write(columns, values[i, j])
