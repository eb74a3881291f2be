"""`Scorer`: one chunk of alleles in, their scores out; the result depends on the chunk and on nothing else.

It is what `score_variants`, `seqdl background` and a remote worker have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from seqdl.genome import Genome
from seqdl.incremental import WORTH
from seqdl.io.vcf import VcfChunk
from seqdl.variants.alleles import check_anchor
from seqdl.variants.annotate import Annotations, find_files, require_single_targets
from seqdl.variants.categories import Categories, read_categories
from seqdl.variants.coverage_scores import COVERAGE_SCORES, DEFAULT_COVERAGE_SCORES, coverage_scores
from seqdl.variants.network import open_network, pick_targets
from seqdl.variants.options import ScoringOptions, check_options
from seqdl.variants.pairs import predict_pairs
from seqdl.variants.passes import Answers, Passes, Prediction
from seqdl.variants.personal.haplotypes import EFFECTS, HAPLOTYPE_NOTES, read_haplotypes
from seqdl.variants.scored import Column, ScoredBlock, ScoreMeta
from seqdl.variants.scores import DEFAULT_SCORES, SCORES, check_scores, compute_scores
from seqdl.variants.screen import Screened, screen
from seqdl.variants.spread import spread_columns, spread_values
from seqdl.version import __version__

NORMALIZED = Column("normalized", "pos:ref:alt", "the allele that was scored, where normalising changed it")
_ON_STRIPS = 1024  # alleles at once with the incremental engine, which is told of whole slices only
_HELD_BYTES = 1 << 27  # predictions kept at once
_CHUNK_BYTES = 1 << 26  # windows in a chunk
_BATCHES_A_CHUNK = 16  # enough that the last batch, which is filled up, weighs little


class Scorer:
    """Score chunks of alleles with one network.

    Parameters
    ----------
    run : path, Run, or predictor
        See `seqdl.variants.network.open_network`.
    genome : Genome
        The reference.
    contigs : mapping
        The variants' contig names to the genome's.
    options : ScoringOptions

    Attributes
    ----------
    meta : ScoreMeta
        How the numbers are made, for an output's header.
    chunk_records : int
        Records that are best taken together: they fill the network's batches.
    target_table : list of dict
        What is known of each target that is written.
    window, anchor : int
        Bases of the windows that are built, and index of a variant's first base in them.

    Raises
    ------
    InputError
        If the options do not fit the run.
    """

    def __init__(
        self, run: object, genome: Genome, contigs: Mapping[str, str], options: ScoringOptions
    ) -> None:
        self.options = options = check_options(options)
        self._genome, self._contigs = genome, contigs
        self.network = network = open_network(run, genome, options)
        anchor = check_anchor(network.window, network.anchor if options.anchor is None else options.anchor)
        self._binary = network.task == "binary"
        table = SCORES if self._binary else COVERAGE_SCORES
        wanted = options.scores or (DEFAULT_SCORES if self._binary else DEFAULT_COVERAGE_SCORES)
        chosen = pick_targets(network.target_names, options.targets)
        if options.category is not None:  # percentiles and probabilities are of single targets
            require_single_targets(options, wanted)
            options = replace(options, background=None, calibration=None)
        self.options = options = find_files(network, options)
        self._passes = Passes(network, options, chosen, anchor)
        self.window, self.anchor = self._passes.window, self._passes.anchor
        self._annotations = Annotations(network, options, chosen, anchor, wanted)
        names = check_scores(self._annotations.wanted, table, "probabilities" if self._binary else "coverage")
        columns = [Column(name, table[name].formula, table[name].meaning) for name in names]
        effects = tuple(table[name] for name in names if table[name].effect)
        spread = spread_columns(effects, options.spread)
        self._names, self._effects = names, effects
        self._annotations.open(tuple(score.name for score in effects))
        self._categories: Categories | None = None
        targets = [network.targets[i] for i in chosen]
        self.target_table = targets
        if options.category is not None:
            self._categories = read_categories(options.category, targets)
            self.target_table = [{"name": name} for name in self._categories.names]
        columns += [*spread, *self._annotations.columns()]
        notes = self._annotations.notes()
        if options.haplotypes is not None:
            notes = (*(Column(name, *said) for name, said in HAPLOTYPE_NOTES.items()), *notes)
        if options.normalize:
            notes = (NORMALIZED, *notes)
        categories = self._categories
        self.meta = ScoreMeta(
            seqdl=__version__,
            model=network.label,
            genome=genome.name,
            genome_checksum=genome.checksum,
            window=network.window,
            anchor=anchor,
            strand_average=network.strand_average,
            precision=options.precision,
            ref_mismatch=options.ref_mismatch,
            scores=tuple(column.name for column in columns),
            targets=categories.names if categories else tuple(network.target_names[i] for i in chosen),
            columns=tuple(columns),
            notes=notes,
            target_labels=categories.names if categories else tuple(network.target_labels[i] for i in chosen),
            task=network.task,
            best=("|P(alt) - P(ref)|", "probabilities")
            if self._binary
            else ("|logSAD|", "totals over the bins"),
            settings=tuple(self._settings()),
            random_split=network.random_split,
            selected=options.targets is not None,
        )
        self.chunk_records = max(
            network.batch_size,
            min(_BATCHES_A_CHUNK * network.batch_size, _CHUNK_BYTES // self.window),
        )

    def _settings(self) -> Iterator[tuple[str, str]]:
        """Yield the choices that are not a matter of course."""
        options, network = self.options, self.network
        if options.shifts != (0,):
            yield "shifts", f"{','.join(map(str, options.shifts))} (bases to the left; predictions averaged)"
        if not self._binary:
            bins = self._passes.bins
            yield "bins", f"{bins.stop - bins.start} of {network.resolution} bases"
            yield "indels", "each side of an indel from the window in which it did not move"
        if options.normalize:
            yield "normalize", "alleles left-aligned and trimmed before scoring"
        if options.haplotypes is not None:
            effect = options.haplotype_effect
            yield "haplotypes", f"{options.haplotypes}, {effect} effect ({EFFECTS[effect]})"
        if network.spared:
            where = " where it pays" if options.engine == "auto" else ""
            yield "engine", f"incremental{where} (equals whole passes but for rounding)"
        if options.share_reference:
            yield (
                "share_reference",
                f"{options.share_reference} (variants of a tile of so many bases lie beside the anchor, in "
                "one reference window)",
            )
        if options.spread:
            draws = f"; dropout: {options.draws} networks, seed {options.seed}"
            yield "spread", ",".join(options.spread) + (draws if "dropout" in options.spread else "")
        if self._categories:
            yield "category", f"{self._categories.source}; values are means over a category's targets"
        yield from self._annotations.settings()

    def _on_strips(self, alleles: int) -> bool:
        """Tell whether a chunk of alleles is evaluated on strips; it depends on nothing but the chunk."""
        spared = self.network.spared * alleles * self._passes.passes
        return self.options.engine == "incremental" or spared >= WORTH

    def read_haplotypes(self, vcf: str | Path) -> Iterator[tuple[VcfChunk, Screened, dict]]:
        """Read the alleles of the chosen sample with windows of its own haplotypes, chunk by chunk."""
        options = self.options
        return read_haplotypes(
            vcf, options.haplotypes, self._genome, self._contigs, self.window, self.anchor,
            effect=options.haplotype_effect, on_unphased=options.on_unphased,
            chunk_records=self.chunk_records, both_sides=not self._binary,
        )  # fmt: skip

    def screen(self, chunk: VcfChunk) -> tuple[Screened, dict[str, list[str]]]:
        """Sort a chunk's alleles and build windows; the notes hold "normalized" where that was asked for."""
        notes, used = {}, chunk
        if self.options.normalize:
            from seqdl.variants.normalize import normalize_alleles

            used, changed = normalize_alleles(chunk, self._genome, self._contigs)
        screened = screen(
            used,
            self._genome,
            self._contigs,
            self.window,
            self.anchor,
            self.options.ref_mismatch,
            share=self.options.share_reference,
            both_sides=not self._binary,
        )
        if self.options.normalize:
            notes["normalized"] = [changed[i] for i in screened.rows.tolist()]
        return screened, notes

    def score(self, chunk: VcfChunk) -> tuple[ScoredBlock, Screened]:
        """Score a chunk of alleles.

        Parameters
        ----------
        chunk : VcfChunk

        Returns
        -------
        block : ScoredBlock
        screened : Screened
        """
        screened, notes = self.screen(chunk)
        return self.score_screened(chunk, screened, notes), screened

    def score_screened(
        self,
        chunk: VcfChunk,
        screened: Screened,
        notes: Mapping[str, list[str] | np.ndarray],
        advance: Callable[[int], None] = lambda _: None,
    ) -> ScoredBlock:
        """Score alleles whose windows are built.

        Parameters
        ----------
        chunk : VcfChunk
        screened : Screened
            Of that chunk.
        notes : mapping
            Columns of single alleles that are known already, one entry a row of `screened`.
        advance : callable
            Told how many of the chunk's alleles are done.

        Returns
        -------
        block : ScoredBlock

        Raises
        ------
        InputError
            If the network returns NaN or infinity.
        """
        m, n = len(screened.rows), len(chunk.pos)
        targets = len(self.meta.targets)
        values = {name: np.empty((m, targets), np.float32) for name in self.meta.scores}
        best = np.zeros(m, np.int64)
        summary = np.empty((3, m), np.float32)
        notes = {**{c.name: np.empty(m, np.float32) for c in self._annotations.notes()}, **notes}
        flags = list(screened.flags)
        # Two windows an allele; whole batches, as far as predictions may be held.
        held = _HELD_BYTES // (8 * max(self._passes.numbers, 1))
        batch = self.network.batch_size
        step = max(1, (held // batch * batch or min(held, batch)) // 2)
        if strips := self._on_strips(m):
            step = min(step, _ON_STRIPS)
        told = 0
        for start in range(0, m, step):
            rows = slice(start, min(start + step, m))

            def tick(done: int, total: int, start: int = start, rows: slice = rows) -> None:
                nonlocal told
                now = int(n * (start + (rows.stop - start) * done / total) / m)
                advance(now - told)
                told = now

            ref, alt = predict_pairs(self._passes, screened, rows, strips, tick)
            part = self._values(ref, alt)
            best[rows], summary[:, rows] = self._largest(ref.mean, alt.mean)
            windows = self._passes.unshifted(screened.windows.alt[rows])
            added = self._annotations.of(ref.mean, alt.mean, part, summary[2, rows], windows)
            part |= added.values
            if self._categories:
                part = {name: self._categories.mean(x) for name, x in part.items() if name in values}
            for name in values:
                values[name][rows] = part[name]
            for name, x in added.notes.items():
                notes[name][rows] = x
            for i in np.flatnonzero(added.unlike).tolist():
                flag = flags[start + i]
                flags[start + i] = "UNLIKE_TRAINING" if flag == "." else f"{flag};UNLIKE_TRAINING"
        advance(n - told)
        notes = {c.name: notes[c.name] for c in self.meta.notes}
        return ScoredBlock(
            chunk, screened.rows, flags, screened.reasons, screened.details, values, best, *summary, notes
        )

    def _values(self, ref: Answers, alt: Answers) -> dict[str, np.ndarray]:
        compute = self._compute
        needed = tuple(dict.fromkeys((*self._names, *self._annotations.needs)))
        values = compute(needed, ref.mean, alt.mean)
        for source, found in ref.sources.items():
            names = tuple(score.name for score in self._effects)
            entries = [compute(names, r, a) for r, a in zip(found, alt.sources[source], strict=True)]
            values |= spread_values(self._effects, source, values, entries)
        return values

    def _compute(self, names: tuple[str, ...], ref: Prediction, alt: Prediction) -> dict[str, np.ndarray]:
        return (compute_scores if self._binary else coverage_scores)(names, ref, alt)

    def _largest(self, ref: Prediction, alt: Prediction) -> tuple[np.ndarray, np.ndarray]:
        """Find the target with the largest effect: its place (m,), and (3, m) its ref, alt and size."""
        if self._binary:
            ref, alt = ref.p, alt.p
        else:
            totals = self._compute(("ref", "alt"), ref, alt)
            ref, alt = totals["ref"], totals["alt"]
        if self._categories:
            ref, alt = self._categories.mean(ref), self._categories.mean(alt)
        size = np.abs(alt - ref) if self._binary else np.abs(np.log2(alt + 1.0) - np.log2(ref + 1.0))
        best = size.argmax(axis=1)
        pick = np.arange(len(best)), best
        return best, np.stack([ref[pick], alt[pick], size[pick]])
