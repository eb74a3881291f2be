"""`make_background`: score ordinary variants, so that others can be compared with them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.encoding import N, dinucleotide_shuffle
from seqdl.errors import InputError, require_at_least
from seqdl.files import require_writable
from seqdl.genome import Genome
from seqdl.io.chromosomes import reconcile
from seqdl.io.vcf import VcfChunk, survey_vcf
from seqdl.progress import progress_bar, say
from seqdl.variants.background import ACTIVE, FILE, fingerprint, write_background
from seqdl.variants.frequency import read_frequencies
from seqdl.variants.options import ScoringOptions
from seqdl.variants.scorer import Scorer
from seqdl.words import count

_LEAST, _FEW = 100, 1000


class BackgroundSummary(NamedTuple):
    """What `make_background` made.

    Attributes
    ----------
    path : Path
    n : int
        Variants that were scored.
    source : str
        What they are, in words.
    rejected : int
        Variants that could not be scored.
    score : str
        What an allele's largest effect goes by.
    median, top : float
        Median and 99th percentile of the largest effect over the targets.
    """

    path: Path
    n: int
    source: str
    rejected: int
    score: str
    median: float
    top: float

    def text(self) -> str:
        """Return the summary as lines for a person."""
        lines = [
            f"{self.n:,} {self.source}"
            + (f"; {self.rejected:,} could not be scored" if self.rejected else ""),
            f"largest |{self.score}| over the targets: median {self.median:.3g}, 99th percentile "
            f"{self.top:.3g}",
            f"the smallest p-value that it can give: {1 / (self.n + 1):.2g}",
            f"background: {self.path}",
        ]
        return "\n".join(lines)


class _Variant(NamedTuple):
    chrom: str
    pos: int  # 1-based
    ref: str
    alt: str


def make_background(
    run: object,
    genome: Genome | str | Path,
    *,
    vcf: str | Path | None = None,
    min_af: float = 0.05,
    af_field: str = "AF",
    simulated: bool = False,
    shuffled: bool = False,
    size: int = 10_000,
    seed: int = 1,
    out: str | Path | None = None,
    anchor: int | None = None,
    batch_size: int | None = None,
    strand_average: bool | None = None,
    shifts: tuple[int, ...] = (0,),
    share_reference: int = 0,
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
        Take random substitutions at random known bases of the genome.
    shuffled : bool
        Take random substitutions in windows of the genome whose bases are shuffled, dinucleotide counts
        kept: what the network makes of sequence without words.
    size : int
        How many; of a VCF with more a random sample.
    seed : int
        Of all draws.
    out : path, optional
        ``background.h5`` in the run's folder by default, where `score_variants` finds it.
    anchor, batch_size, strand_average, shifts, share_reference, alias, allow_genome_mismatch
        As in `score_variants`; scores that are compared with the background must be made with the same.
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
    """
    if (vcf is not None) + bool(simulated) + bool(shuffled) != 1:
        raise InputError("A background is made from one of `vcf`, `simulated`, `shuffled`. Give one of them.")
    require_at_least(_LEAST, size=size)
    if not 0 <= min_af <= 1:
        raise InputError(f"`min_af` is an allele frequency, 0 to 1. Received: {min_af}.")
    genome = genome if isinstance(genome, Genome) else Genome(genome)
    options = ScoringOptions(
        scores=("all",), anchor=anchor, batch_size=batch_size, strand_average=strand_average,
        shifts=tuple(shifts), share_reference=share_reference, allow_genome_mismatch=allow_genome_mismatch,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    if vcf is not None:
        contigs = reconcile(survey_vcf(vcf).contigs, genome.names, alias, what="VCF").mapping
        scorer = Scorer(run, genome, contigs, options)
        out = _out(out, scorer, overwrite)
        variants = _common(vcf, min_af, af_field, size, rng)
        frequency = f" ({af_field} >= {min_af:g})" if min_af else ""
        source = f"variants of {Path(vcf).name}{frequency}"
    else:
        scorer = Scorer(run, genome, {name: name for name in genome.names}, options)
        out = _out(out, scorer, overwrite)
        drawn_from = genome
        source = f"random substitutions in {genome.name}"
        if shuffled:
            drawn_from = _shuffled_windows(genome, scorer, size, rng)
            scorer = Scorer(scorer.network, drawn_from, {name: name for name in drawn_from.names}, options)
            source = f"random substitutions in shuffled windows of {genome.name}"
        variants = _simulated(drawn_from, scorer, size, rng, middle=shuffled)
    return _score(scorer, variants, out, source, size)


def _out(out: str | Path | None, scorer: Scorer, overwrite: bool) -> Path:
    if out is None:
        if scorer.network.folder is None:
            raise InputError("`out` must say where the background goes: this run has no folder.")
        out = scorer.network.folder / FILE
    out = Path(out).expanduser()
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists, and `overwrite` is off. Give another name, or let it be replaced.")
    return require_writable(out)


def _common(
    vcf: str | Path, min_af: float, field: str, size: int, rng: np.random.Generator
) -> list[_Variant]:
    """Sample common alleles evenly, in one pass and constant memory; they come in the file's order."""
    kept: list[tuple[float, int, _Variant]] = []  # a heap with the largest random key on top
    seen = known = 0
    for number, (chrom, pos, ref, alt, frequency) in enumerate(read_frequencies(vcf, field)):
        seen += 1
        known += frequency == frequency
        if min_af and not frequency >= min_af:
            continue
        item = (-float(rng.random()), number, _Variant(chrom, pos, ref, alt))
        if len(kept) < size:
            heapq.heappush(kept, item)
        else:
            heapq.heappushpop(kept, item)
    if min_af and not known:
        raise InputError(
            f"None of the {count(seen, 'allele')} of {vcf} has INFO {field}. Name the key with --af-field, "
            "compute it (bcftools +fill-tags in.vcf.gz -- -t AF), or take all alleles with --min-af 0."
        )
    return [variant for _, _, variant in sorted(kept, key=lambda item: item[1])]


def _simulated(
    genome: Genome, scorer: Scorer, size: int, rng: np.random.Generator, middle: bool
) -> list[_Variant]:
    """Draw substitutions at known bases; `middle` takes the middle of each contig instead of any place."""
    if middle:
        ids = np.arange(len(genome.names))
        starts = genome.sizes // 2
    else:
        room = np.maximum(genome.sizes - scorer.window, 0)
        if not room.sum():
            raise InputError(
                f"No contig of {genome.name} holds a window of {scorer.window} bases: nothing can be drawn."
            )
        drawn = np.sort(rng.integers(0, room.sum(), 4 * size))
        ends = np.cumsum(room)
        ids = np.searchsorted(ends, drawn, "right")
        starts = drawn - (ends - room)[ids] + scorer.anchor
    codes = genome.gather(ids, starts, 1)[:, 0]
    known = np.flatnonzero(codes < N)
    known = np.sort(rng.permutation(known)[:size])
    ids, starts, codes = ids[known], starts[known], codes[known]
    alts = (codes + rng.integers(1, 4, len(codes))) % 4
    return [
        _Variant(genome.names[i], int(start) + 1, "ACGT"[ref], "ACGT"[alt])
        for i, start, ref, alt in zip(
            ids.tolist(), starts.tolist(), codes.tolist(), alts.tolist(), strict=True
        )
    ]


def _shuffled_windows(genome: Genome, scorer: Scorer, size: int, rng: np.random.Generator) -> Genome:
    """Make a genome of one contig a window, its bases shuffled by dinucleotides."""
    width = scorer.window + 1
    room = np.maximum(genome.sizes - width, 0)
    if not room.sum():
        raise InputError(
            f"No contig of {genome.name} holds a window of {width} bases, so none can be shuffled."
        )
    windows: list[np.ndarray] = []
    for _ in range(20):  # windows with an unknown base are drawn anew
        drawn, ends = rng.integers(0, room.sum(), size), np.cumsum(room)
        ids = np.searchsorted(ends, drawn, "right")
        codes = genome.gather(ids, drawn - (ends - room)[ids], width)
        windows += list(codes[(codes < N).all(axis=1)])
        if len(windows) >= size:
            break
    if len(windows) < _LEAST:
        raise InputError(f"{genome.name} has hardly any window of {width} bases without N to shuffle.")
    shuffled = dinucleotide_shuffle(np.stack(windows[:size]), rng)
    return Genome.from_arrays({f"shuffled{i}": row for i, row in enumerate(shuffled)})


def _chunks(variants: list[_Variant], size: int) -> Iterator[VcfChunk]:
    for start in range(0, len(variants), size):
        part = variants[start : start + size]
        chroms, pos, refs, alts = (list(column) for column in zip(*part, strict=True))
        yield VcfChunk(
            np.arange(start, start + len(part)),
            chroms,
            np.array(pos, np.int64),
            ["."] * len(part),
            refs,
            alts,
            None,
        )


def _score(scorer: Scorer, variants: list[_Variant], out: Path, source: str, size: int) -> BackgroundSummary:
    binary = scorer.meta.task == "binary"
    names = [column.name for column in scorer.meta.columns if column.name not in ("ref", "alt", "abs_diff")]
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*names, *(() if binary else (ACTIVE,)))}
    kept: dict[str, list] = {"chrom": [], "pos": [], "ref": [], "alt": []}
    with progress_bar(len(variants), "Scoring the background", "variants") as progress:
        for chunk in _chunks(variants, scorer.chunk_records):
            screened, notes = scorer.screen(chunk)
            block = scorer.score_screened(chunk, screened, notes, progress.advance)
            for name in names:
                found[name].append(block.values[name])
            if not binary:
                found[ACTIVE].append(np.maximum(block.values["ref"], block.values["alt"]))
            for name, column in (("chrom", chunk.chroms), ("ref", chunk.refs), ("alt", chunk.alts)):
                kept[name] += block.scored(column)
            kept["pos"] += chunk.pos[block.rows].tolist()
    n = len(kept["pos"])
    if n < _LEAST:
        raise InputError(
            f"Only {count(n, 'variant')} of {len(variants):,} could be scored, and a background needs at "
            f"least {_LEAST} ({source}). Take more of them (a lower --min-af, another VCF), or --simulated."
        )
    if n < min(_FEW, size):
        say(f"A background of {n:,} variants is small: no p-value will be below {1 / (n + 1):.2g}.")
    scores = {name: np.concatenate(found.pop(name)) for name in list(found)}
    score = "diff" if binary else "logSAD"
    described = fingerprint(scorer.network, scorer.options, scorer.meta.anchor)
    write_background(out, {**described, "source": source, "score": score}, scorer.meta.targets, kept, scores)
    largest = np.abs(scores[score]).max(axis=1)
    median, top = np.quantile(largest, [0.5, 0.99])
    return BackgroundSummary(out, n, source, len(variants) - n, score, float(median), float(top))
