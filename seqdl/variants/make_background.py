"""`make_background`: score ordinary variants, so that others can be compared with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from seqdl.errors import InputError, require_at_least
from seqdl.files import require_other, require_writable
from seqdl.genome import Genome
from seqdl.io.chromosomes import reconcile
from seqdl.io.vcf import survey_vcf
from seqdl.progress import Progress, progress_bar, say
from seqdl.variants.assembly import Watch
from seqdl.variants.background import ACTIVE, FILE, fingerprint, write_background
from seqdl.variants.background_summary import BackgroundSummary
from seqdl.variants.background_variants import (
    LEAST,
    Drawn,
    common_alleles,
    known_places,
    regions_for,
    shuffled_pieces,
    substitutions,
)
from seqdl.variants.options import ScoringOptions
from seqdl.variants.scored import ScoredBlock
from seqdl.variants.scorer import Scorer
from seqdl.variants.screen import Screened
from seqdl.variants.summary import Tally
from seqdl.words import count


def make_background(
    run: object,
    genome: Genome | str | Path,
    *,
    vcf: str | Path | None = None,
    min_af: float = 0.05,
    af_field: str = "AF",
    simulated: bool = False,
    shuffled: bool = False,
    bed: str | Path | None = None,
    size: int = 10_000,
    seed: int = 1,
    out: str | Path | None = None,
    anchor: int | None = None,
    batch_size: int | None = None,
    strand_average: bool | None = None,
    precision: str = "float32",
    shifts: Sequence[int] = (0,),
    share_reference: int = 0,
    max_mismatch: float = 0.1,
    alias: Mapping[str, str] | str | Path | None = None,
    allow_genome_mismatch: bool = False,
    overwrite: bool = True,
) -> BackgroundSummary:
    """Score a background of variants and keep the distribution of every score beside the run.

    Parameters
    ----------
    run : path, Run or Network
    genome : Genome or path
        The run's genome.
    vcf : path, optional
        Take alleles that are common in people (or yeasts): those whose `af_field` is at least `min_af`.
    min_af : float
        0 takes every allele of the VCF, and needs no frequencies.
    af_field : str
        INFO key with one frequency an ALT allele.
    simulated : bool
        Take random substitutions at random known bases of the genome, where a window fits into the contig.
    shuffled : bool
        Take random substitutions in windows of the genome whose bases are shuffled, dinucleotide counts
        kept: what the network makes of sequence without words.
    bed : path, optional
        Draw `simulated` and `shuffled` ones from these intervals only.
    size : int
        How many; of a VCF with more a random sample.
    seed : int
        Of all draws.
    out : path, optional
        ``background.h5`` in the run's folder by default, where `score_variants` finds it.
    anchor, batch_size, strand_average, precision, shifts, share_reference
        As in `score_variants`; scores that are compared with the background must be made with the same.
    max_mismatch : float
        Stop early where more than this share of a VCF's REF alleles differ from the genome.
    alias, allow_genome_mismatch
        As in `score_variants`.
    overwrite : bool
        Replace a background that is there.

    Returns
    -------
    summary : BackgroundSummary

    Raises
    ------
    InputError
        If not exactly one of `vcf`, `simulated` and `shuffled` is given, fewer than 100 variants can be
        scored, or an input is unusable.

    Examples
    --------
    >>> print(make_background("run/", "hg38.fa", vcf="gnomad.vcf.gz").text())
    """
    if (vcf is not None) + bool(simulated) + bool(shuffled) != 1:
        raise InputError("A background is made from one of `vcf`, `simulated`, `shuffled`. Give one of them.")
    if vcf is not None and bed is not None:
        raise InputError(
            "`bed` is for simulated and shuffled variants. Of a VCF, take the region out first: "
            "bcftools view -T regions.bed in.vcf.gz."
        )
    require_at_least(LEAST, size=size)
    require_at_least(0, seed=seed)
    if not 0 <= min_af <= 1:
        raise InputError(f"`min_af` is an allele frequency, 0 to 1. Received: {min_af}.")
    watch = Watch(max_mismatch, "skip")
    genome = genome if isinstance(genome, Genome) else Genome(genome)
    options = ScoringOptions(
        scores=("all",), anchor=anchor, batch_size=batch_size, strand_average=strand_average,
        precision=precision, shifts=tuple(shifts), share_reference=share_reference,
        allow_genome_mismatch=allow_genome_mismatch,
    )  # fmt: skip
    look = _ignore
    if vcf is not None:
        survey = survey_vcf(vcf)
        contigs = reconcile(survey.contigs, genome.names, alias, what="VCF")
        if contigs.report:
            say(contigs.report)
        scorer = Scorer(run, genome, contigs.mapping, options)
        out = _output(out, scorer, overwrite, vcf)
        drawn = common_alleles(vcf, contigs.mapping, min_af, af_field, size, seed)
        pieces, size = [(scorer, drawn)], len(drawn.pos)
        source = f"{f'variants with {af_field} >= {min_af:g}' if min_af else 'variants'} of {Path(vcf).name}"

        def look(tally: Tally, block: ScoredBlock) -> None:
            watch.look(tally, survey, contigs.mapping, genome, block)

    else:
        scorer = Scorer(run, genome, {name: name for name in genome.names}, options)
        out = _output(out, scorer, overwrite, bed)
        at, window = scorer.anchor, scorer.window
        places = known_places(genome, regions_for(genome, bed, alias, at, window - at - 1), size, seed)
        source = f"random substitutions in {genome.name}"
        if shuffled:
            source = f"random substitutions in shuffled windows of {genome.name}"
            pieces = (
                (Scorer(scorer.network, piece, {name: name for name in piece.names}, options), drawn)
                for piece, drawn in shuffled_pieces(genome, *places, window, at, seed)
            )
        else:
            pieces = [(scorer, substitutions(genome, *places, np.random.default_rng([seed, 1])))]
        source += f" ({Path(bed).name})" if bed is not None else ""
        size = len(places[1])
    described = {"source": source, "genome": genome.name, "genome_checksum": genome.checksum, "seed": seed}
    return _score(scorer, pieces, size, out, described, look)


def _ignore(tally: Tally, block: ScoredBlock) -> None:
    """Look at nothing: what was drawn from the genome fits it."""


def _output(out: str | Path | None, scorer: Scorer, overwrite: bool, source: str | Path | None) -> Path:
    if out is None:
        if scorer.network.folder is None:
            raise InputError("`out` must say where the background goes: this run has no folder.")
        out = scorer.network.folder / FILE
    out = require_writable(out)
    require_other(out, source, scorer.network.model_file)
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists, and `overwrite` is off. Give another name, or let it be replaced.")
    if out.suffix not in (".h5", ".hdf5"):
        raise InputError(f"A background is an HDF5 file: its name ends in .h5. Received: {str(out)!r}.")
    return out


class _Collected:
    """The scores of a background while it grows, laid out as they are written.

    Parameters
    ----------
    names : sequence of str
        Scores to keep.
    targets, most : int
    """

    def __init__(self, names: Sequence[str], targets: int, most: int) -> None:
        self._scores = {name: np.empty((targets, most), np.float32) for name in names}
        self.variants: dict[str, list] = {"chrom": [], "pos": [], "ref": [], "alt": []}
        self.n = 0

    def add(self, block: ScoredBlock) -> None:
        rows = slice(self.n, self.n + len(block.rows))
        for name, kept in self._scores.items():
            values = (
                np.maximum(block.values["ref"], block.values["alt"]) if name == ACTIVE else block.values[name]
            )
            kept[:, rows] = values.T
        chunk = block.chunk
        for name, column in (("chrom", chunk.chroms), ("ref", chunk.refs), ("alt", chunk.alts)):
            self.variants[name] += block.scored(column)
        self.variants["pos"] += chunk.pos[block.rows].tolist()
        self.n = rows.stop

    @property
    def scores(self) -> dict[str, np.ndarray]:
        return {name: kept[:, : self.n] for name, kept in self._scores.items()}


def _score(
    scorer: Scorer,
    pieces: Iterable[tuple[Scorer, Drawn]],
    most: int,
    out: Path,
    described: Mapping,
    look: Callable[[Tally, ScoredBlock], None],
) -> BackgroundSummary:
    """Score all pieces and write them; `scorer` tells what they have in common."""
    meta, binary = scorer.meta, scorer.meta.task == "binary"
    names = [name for name in meta.scores if name not in ("ref", "alt", "abs_diff")]
    collected = _Collected([*names, *(() if binary else (ACTIVE,))], len(meta.targets), most)
    tally = Tally()
    with progress_bar(most, "Scoring the background", "variants") as progress:
        for one, drawn in pieces:
            for start in range(0, len(drawn.pos), one.chunk_records):
                block, screened = _block(one, drawn, start, progress)
                tally.add(block, (screened.mismatches, screened.swapped), True)
                look(tally, block)
                collected.add(block)
    source, n = described["source"], collected.n
    if n < LEAST:
        raise InputError(
            f"Only {count(n, 'variant')} could be scored, and a background needs at least {LEAST}: {source}. "
            f"Rejected: {tally.by_reason()}. Take more (a lower --min-af, another VCF), or --simulated."
        )
    score = "diff" if binary else "logSAD"
    common = fingerprint(scorer.network, scorer.options, meta.anchor)
    write_background(
        out, {**common, **described, "score": score}, meta.targets, collected.variants, collected.scores
    )
    sizes = np.abs(collected.scores[score])
    largest = np.quantile(sizes.max(axis=0), [0.5, 0.99])
    each = np.quantile(sizes, [0.5, 0.99], axis=1).T
    return BackgroundSummary(
        out, n, source, tally.by_reason(), score, *largest.tolist(),
        tuple((name, *pair) for name, pair in zip(meta.targets, each.tolist(), strict=True)),
    )  # fmt: skip


def _block(scorer: Scorer, drawn: Drawn, start: int, progress: Progress) -> tuple[ScoredBlock, Screened]:
    chunk = drawn.chunk(start, start + scorer.chunk_records)
    screened, notes = scorer.screen(chunk)
    return scorer.score_screened(chunk, screened, notes, progress.advance), screened
