"""What mutating under a run needs, read and checked: sequences, the number that is measured, the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.errors import InputError, require_at_least
from seqdl.interpret.mutagenesis.edits import Engine, FullPass, as_engine

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


class Measure(NamedTuple):
    """What is measured of a run, and what evaluates it; see `measure_of`.

    Attributes
    ----------
    run : Run
    engine : Engine
        One output for each of the targets that were chosen.
    settings : dict
        What files say of it: head, bins, strand_average, model.
    chosen : bool
        Whether the engine was chosen here, by what pays.
    """

    run: Run
    engine: Engine
    settings: dict
    chosen: bool

    def notes(self, kinds: tuple[str, ...] = ("substitution",), kmer: int = 1) -> dict:
        """Return what the work has shown, for the settings: what the engine gained of each kind of change.

        Parameters
        ----------
        kinds : tuple of str
            Of `seqdl.interpret.mutagenesis.mutants.KINDS`.
        kmer : int
            Bases of an ablation.

        Returns
        -------
        dict
            ``engine``, a sentence; nothing of full passes that were asked for, or of an engine of your own.
        """
        if self.chosen and isinstance(self.engine, FullPass):
            return {"engine": "full passes; strips gain nothing on this network or on so few changes"}
        if not hasattr(self.engine, "summary"):
            return {}
        said = self.engine.summary()
        used = not self.engine.failed and self.engine.difference >= 0  # NaN where nothing went on strips
        if used and kinds != ("substitution",):
            said = (
                f"recomputes {self._shares(kinds, kmer)}; check against full passes: largest difference "
                f"{self.engine.difference:.0e} of the largest output"
            )
        return {"engine": said}

    def _shares(self, kinds: tuple[str, ...], kmer: int) -> str:
        """Say which share of a full pass each kind of change takes."""
        widths = {"substitution": 1, "ablation": kmer}
        called = {"ablation": f"shuffled {kmer}-mers"}
        parts, whole = [], []
        for kind in kinds:
            word = called.get(kind, f"{kind}s")
            gain = self.engine.gain(widths[kind]) if kind in widths else None
            if gain is not None:
                parts.append(f"1/{gain:.3g} of the arithmetic for {word}")
            else:
                whole.append(word)
        return ", ".join([*parts, *([f"all of it for {' and '.join(whole)}"] if whole else [])])


def measure_of(
    run: Run, indices: list[int], *, head=None, bins=None, batch_size=None, strand_average=None, engine=None,
    changes: int | None = None,
) -> Measure:  # fmt: skip
    """Choose the number that is measured and make the engine; arguments as of `mutagenesis`.

    Parameters
    ----------
    run : Run
    indices : list of int
        Places of the targets.
    head, bins, batch_size, strand_average, engine
        As in `seqdl.interpret.mutagenesis.regions.mutagenesis`.
    changes : int, optional
        How many are to come that strips may serve; many by default.

    Raises
    ------
    InputError
        If something does not fit the run.
    """
    from seqdl.interpret.heads import averages_strands, choose_head, output_function
    from seqdl.prediction.predictor import default_batch_size

    chosen = engine is None or engine == "auto"
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
            changes=None if changes is None else changes * (1 + averages_strands(run, strand_average)),
        )  # fmt: skip
    settings = {
        "head": choose_head(run.task, head, bins),
        "bins": None if bins is None else list(bins),
        "strand_average": averages_strands(run, strand_average),
        "model": run.label,
    }
    return Measure(run, engine, settings, chosen)


class Ready(NamedTuple):
    """What mutating sequences under a run needs, read and checked; see `prepare`."""

    measure: Measure
    codes: np.ndarray
    right: np.ndarray | None
    start: int
    end: int
    regions: tuple
    names: tuple[str, ...]
    targets: tuple[str, ...]
    genome: object

    @property
    def run(self) -> Run:
        """The run, opened."""
        return self.measure.run

    @property
    def engine(self) -> Engine:
        """What evaluates the edits."""
        return self.measure.engine

    @property
    def settings(self) -> dict:
        """What files say of the measure."""
        return self.measure.settings


def prepare(
    run, *, genome, bed, fasta, codes, target, start, end, width, head, bins, batch_size, strand_average,
    alias, allow_genome_mismatch, engine, out, bigwig=None, a_base: float | None = None,
) -> Ready:  # fmt: skip
    """Read the sequences and make the engine; the arguments are those of `seqdl.mutagenesis`.

    Parameters
    ----------
    a_base : float, optional
        Changes that are to come for each base of the windows; many by default.

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
    from seqdl.interpret.mutagenesis.tracks import track_paths
    from seqdl.interpret.windows import open_genome, read_windows
    from seqdl.prediction.tasks import require_bases, require_dna
    from seqdl.training.run import Run

    if out is not None:
        require_other(out, genome, bed, fasta)
    run = Run.open(run)
    require_bases(run, "In-silico mutagenesis")
    if genome is not None:
        require_dna(run, "Mutagenesis of places of a genome")
    indices = target_indices(run, target)
    targets = tuple(run.target_names[i] for i in indices)
    if bigwig is not None:
        track_paths(bigwig, targets, genome, bed, alias)
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
    changes = None if a_base is None else int(a_base * len(codes) * (end - start))
    measure = measure_of(
        run, indices, head=head, bins=bins, batch_size=batch_size, strand_average=strand_average,
        engine=engine, changes=changes,
    )  # fmt: skip
    names = tuple(_called(region) for region in regions)
    return Ready(measure, codes, right, start, end, regions, names, targets, genome)


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
