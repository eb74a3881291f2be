"""Every base of whole regions mutated once, near the middle of a window, and written as it is measured.

Regions are cut into tiles (`seqdl.interpret.mutagenesis.tiles`); each tile is mutated in the window laid
around it. What is held at once is a batch of windows and the effects of some hundred bases, however much is
mapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from seqdl.errors import InputError, require_one_of
from seqdl.interpret.mutagenesis.edits import Engine, FullPass
from seqdl.interpret.mutagenesis.mutants import OTHERS, other_bases, substitutions_at
from seqdl.interpret.mutagenesis.mutate import STEP
from seqdl.interpret.mutagenesis.tiles import TileBlock, Tiles, make_tiles
from seqdl.interpret.mutagenesis.tracks import TRACKS, Tracks, track_paths, write_index
from seqdl.progress import progress_bar

BASES = STEP // OTHERS  # mutated between two signs of progress
_SEQUENCES = 8  # windows whose mutants are evaluated together, where they are few
_TOGETHER = 800  # bases of these


class Saturation(NamedTuple):
    """What a map of whole regions holds; the map itself is in the files.

    Attributes
    ----------
    bases : int
        Bases mutated, each once.
    unknown : int
        N of the regions, which have no value.
    stretches : int
        Regions, those united that overlap or touch.
    windows, tile : int
        Windows used, and how many of its bases each mutates.
    targets : tuple of str
    settings : dict
        As in `seqdl.interpret.mutagenesis.mutate.Mutagenesis`.
    tracks : tuple of Path
        The bigWig files.
    """

    bases: int
    unknown: int
    stretches: int
    windows: int
    tile: int
    targets: tuple[str, ...]
    settings: dict
    tracks: tuple[Path, ...] = ()


class Piece(NamedTuple):
    """Bases that were mutated, in the genome's order.

    Attributes
    ----------
    rows, places : int64 arrays, (m,)
        Which of the block's windows, and the place in it.
    codes : uint8 array, (m,)
        The bases that are there.
    effects : float32 array, (m, 4, t)
        Of putting A, C, G, T there; exactly 0 for the base itself.
    """

    rows: np.ndarray
    places: np.ndarray
    codes: np.ndarray
    effects: np.ndarray


class Sink(Protocol):
    """Takes what was measured, in the genome's order."""

    def begin(self, block: TileBlock, reference: np.ndarray) -> None:
        """Take windows that come next, and their own outputs, float32 (r, t)."""

    def write(self, block: TileBlock, piece: Piece) -> None:
        """Take some of their bases."""

    def finish(self, settings: dict) -> None:
        """Take what is only known at the end."""


def saturate_tiles(
    engine: Engine, tiles: Tiles, genome, sinks: list[Sink], windows: int
) -> tuple[int, int, int]:
    """Mutate every known base of the tiles' regions once.

    Parameters
    ----------
    engine : Engine
        One output a target: (n, t).
    tiles : Tiles
    genome : Genome
    sinks : list of Sink
    windows : int
        Windows read, and passed unchanged, at once.

    Returns
    -------
    bases, unknown, used : int
        Bases mutated, N left out, and windows that it took.
    """
    bases = unknown = used = 0
    with progress_bar(tiles.bases, "Mutating every base", "bases") as progress:
        for start in range(0, tiles.count, windows):
            block = tiles.block(genome, start, start + windows)
            unknown += block.unknown
            progress.advance(block.unknown)
            if not len(block.rows):
                continue
            used += len(block.codes)
            reference = engine.reference(block.codes)
            for sink in sinks:
                sink.begin(block, reference)
            for cut in _calls(block.rows, isinstance(engine, FullPass)):
                piece = _measure(engine, block, reference, cut)
                for sink in sinks:
                    sink.write(block, piece)
                bases += len(piece.rows)
                progress.advance(len(piece.rows))
    return bases, unknown, used


def _measure(engine: Engine, block: TileBlock, reference: np.ndarray, cut: slice) -> Piece:
    rows, places = block.rows[cut], block.places[cut]
    edits = substitutions_at(block.codes, rows, places)
    outputs = engine.evaluate(block.codes, edits).reshape(len(edits.rows), -1)
    codes = block.codes[rows, places]
    effects = np.zeros((len(rows), 4, outputs.shape[1]), np.float32)
    changes = outputs - reference.reshape(len(reference), -1)[edits.rows]
    changes = changes.reshape(len(rows), OTHERS, -1)
    np.put_along_axis(effects, other_bases(codes)[..., None].astype(np.int64), changes, axis=1)
    return Piece(rows, places, codes, effects)


def _calls(rows: np.ndarray, full: bool) -> Iterator[slice]:
    """Divide a block's bases among calls: full passes want full batches, strips few windows at a time."""
    if full:
        yield from (slice(at, at + BASES) for at in range(0, len(rows), BASES))
        return
    edges = np.append(np.flatnonzero(np.diff(rows, prepend=-1)), len(rows))  # where each window's bases begin
    for at in range(0, len(edges) - 1, _SEQUENCES):
        few = edges[at : at + _SEQUENCES + 1].tolist()
        if few[-1] - few[0] <= _TOGETHER:
            yield slice(few[0], few[-1])
            continue
        for low, high in pairwise(few):
            cuts = np.linspace(low, high, -(-(high - low) // BASES) + 1).astype(int).tolist()
            yield from map(slice, cuts[:-1], cuts[1:])


def saturate_regions(
    run, *, genome=None, bed: str | Path | None = None, target=None, out: str | Path | None = None,
    bigwig: str | Path | None = None, track: str = "importance", head: str | None = None,
    bins: tuple[int, int] | None = None, batch_size: int | None = None, strand_average: bool | None = None,
    alias: str | Path | None = None, allow_genome_mismatch: bool = False, engine: Engine | str | None = None,
) -> Saturation:  # fmt: skip
    """Map the effect of every substitution in whole regions of a genome, however long.

    Each base is mutated once, in a window in whose middle quarter it lies: at least about 3/8 of the window
    flank it on both sides, N where the contig ends. Regions that overlap are united.

    Parameters
    ----------
    run, genome, target, head, bins, batch_size, strand_average, alias, allow_genome_mismatch, engine
        As in `seqdl.interpret.mutagenesis.regions.mutagenesis`.
    bed : str or Path
        Regions of any length, in any order.
    out : str or Path, optional
        ``.h5``, with one row a window, or ``.tsv``, ``.tsv.gz``; see `seqdl.interpret.mutagenesis.files`.
    bigwig : str or Path, optional
        One value a base; see `seqdl.interpret.mutagenesis.tracks`. At least one of both is needed.
    track : {"importance", "score"}
        What the bigWig holds.

    Returns
    -------
    Saturation

    Raises
    ------
    InputError
        If the regions, a target or the genome does not fit the run, no output is named, an output is one of
        the inputs, or no base is known.
    """
    from seqdl.files import require_other
    from seqdl.interpret.mutagenesis.files import check_suffix
    from seqdl.interpret.mutagenesis.maps import open_map
    from seqdl.interpret.mutagenesis.prepare import measure_of, target_indices
    from seqdl.interpret.windows import open_genome
    from seqdl.prediction.predictor import default_batch_size
    from seqdl.prediction.sources import place_regions
    from seqdl.prediction.tasks import require_bases, require_dna
    from seqdl.training.run import Run

    require_one_of("track", track, TRACKS)
    if bed is None:
        raise InputError("Whole regions are those of a BED file: give `bed` (--bed) and `genome` (--genome).")
    if out is None and bigwig is None:
        raise InputError(
            "A map of whole regions goes to files: give `bigwig` (--bigwig map.bw), `out` (--out map.h5), or "
            "both."
        )
    if out is not None:
        check_suffix(out)
        require_other(out, genome, bed, alias)
    run = Run.open(run)
    require_bases(run, "In-silico mutagenesis")
    require_dna(run, "Mutagenesis of places of a genome")
    indices = target_indices(run, target)
    targets = tuple(run.target_names[i] for i in indices)
    paths = () if bigwig is None else track_paths(bigwig, targets, genome, bed, alias)
    genome = open_genome(run, genome, allow_genome_mismatch)
    tiles = make_tiles(place_regions(bed, genome, alias), genome, run.window)
    measure = measure_of(
        run, indices, head=head, bins=bins, batch_size=batch_size, strand_average=strand_average,
        engine=engine, changes=OTHERS * tiles.bases,
    )  # fmt: skip
    settings = {**measure.settings, "whole_regions": True, "tile": tiles.length}
    with ExitStack() as stack:
        sinks: list[Sink] = []
        if out is not None:
            sinks.append(stack.enter_context(open_map(out, run, tiles, genome, targets, settings)))
        if bigwig is not None:
            sinks.append(stack.enter_context(Tracks(paths, genome, track)))
        bases, unknown, used = saturate_tiles(
            measure.engine, tiles, genome, sinks, batch_size or default_batch_size(run.window)
        )
        if not bases:
            raise InputError(f"There is nothing to mutate: the regions of {bed} hold no known base.")
        settings |= measure.notes()
        for sink in sinks:
            sink.finish(settings)
    if bigwig is not None:
        write_index(bigwig, paths, targets, run, genome, track, settings)
    return Saturation(bases, unknown, len(tiles.low), used, tiles.length, targets, settings, tuple(paths))
