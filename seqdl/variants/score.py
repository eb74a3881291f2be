"""`score_variants`: from a VCF and a trained run to a table of effects, in constant memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from seqdl.errors import InputError
from seqdl.files import atomic_path, full_suffix
from seqdl.genome import Genome
from seqdl.io.chromosomes import reconcile
from seqdl.io.vcf import VcfChunk, read_vcf, survey_vcf
from seqdl.prediction.predictor import require_finite
from seqdl.progress import Progress, progress_bar, say
from seqdl.variants.alleles import check_anchor
from seqdl.variants.network import Network, open_network, pick_targets
from seqdl.variants.scored import Column, ScoredBlock, ScoreMeta
from seqdl.variants.scores import DEFAULT_SCORES, SCORES, check_scores, compute_scores, outputs_from_logits
from seqdl.variants.screen import Screened, check_policy, screen
from seqdl.variants.summary import ScoreSummary, Tally, assembly_notes
from seqdl.variants.writers import RejectsWriter, check_suffix, open_writer
from seqdl.version import __version__

_BYTES_PER_CHUNK = 1 << 26


def score_variants(
    run: object,
    vcf: str | Path,
    genome: Genome | str | Path,
    out: str | Path,
    *,
    scores: Sequence[str] | str = DEFAULT_SCORES,
    ref_mismatch: str = "skip",
    anchor: int | None = None,
    batch_size: int = 256,
    strand_average: bool | None = None,
    precision: str = "float32",
    rejects: str | Path | None = None,
    alias: Mapping[str, str] | str | Path | None = None,
    allow_genome_mismatch: bool = False,
    targets: Sequence[str] | None = None,
    overwrite: bool = True,
) -> ScoreSummary:
    """Score every ALT allele of a VCF with a trained network.

    Parameters
    ----------
    run : path, Run, or predictor
        A run folder, an open `Run`, or anything with ``logits(codes)``, ``window`` and ``target_names``.
    vcf : path
        VCF (plain, gzip, bgzip) or BCF, in any order of records; 8 columns are enough.
    genome : Genome or path
        The reference that the VCF's positions belong to; it must be the run's own.
    out : path
        .tsv, .tsv.gz, .vcf, .vcf.gz, .h5 or .parquet; the layouts stand in `seqdl.variants.writers`.
    scores : sequence of str or "all"
        From ref, alt, diff, abs_diff, logit_diff, logfc; the sign is alt - ref.
    ref_mismatch : {"skip", "error", "flip", "force"}
        What to do where REF is not what the genome carries; see `seqdl.variants.screen`.
    anchor : int, optional
        0-based index of the variant's first base in the window; the run's own (``window // 2``) by default.
    batch_size : int
        Windows that the network takes at once.
    strand_average : bool, optional
        Average the probabilities over both strands; as the run's card says by default.
    precision : {"float32", "bfloat16"}
        Of the computation. bfloat16 moves effects by about 13 % in the median: for a quick look only.
    rejects : path, optional
        Where rejected alleles go; beside `out`, ending in ``.rejects.tsv``, by default.
    alias : mapping or path, optional
        Contig names of the VCF to the genome's, or a two-column TSV of them.
    allow_genome_mismatch : bool
        Score on another genome than the run was trained on.
    targets : sequence of str, optional
        Names of targets to write, with ``*`` and ``?`` as wildcards; all by default.
    overwrite : bool
        Replace `out` and `rejects` if they exist.

    Returns
    -------
    summary : ScoreSummary
        Each allele of the VCF is either scored or rejected once, in the VCF's order.

    Raises
    ------
    InputError
        If an input is unusable or does not fit the run; then nothing is written.
    """
    began = time.monotonic()
    suffix, names, policy = check_suffix(out), check_scores(scores), check_policy(ref_mismatch)
    if batch_size < 1:
        raise InputError(f"`batch_size` must be a positive number of windows. Received: {batch_size}.")
    out, rejects = _output_paths(out, rejects, vcf, overwrite)
    survey = survey_vcf(vcf)
    genome = genome if isinstance(genome, Genome) else Genome(genome)
    network = open_network(run, genome, batch_size, strand_average, precision, allow_genome_mismatch)
    anchor = check_anchor(network.window, network.anchor if anchor is None else anchor)
    chosen = pick_targets(network.target_names, targets)
    contigs = reconcile(survey.contigs, genome.names, alias, what="VCF")
    if contigs.report:
        say(contigs.report)
    meta = ScoreMeta(
        seqdl=__version__,
        model=network.label,
        genome=genome.name,
        genome_checksum=genome.checksum,
        window=network.window,
        anchor=anchor,
        strand_average=network.strand_average,
        precision=precision,
        ref_mismatch=policy,
        scores=names,
        columns=tuple(Column(name, SCORES[name].formula, SCORES[name].meaning) for name in names),
        targets=tuple(network.target_names[i] for i in chosen),
        target_labels=tuple(network.target_labels[i] for i in chosen),
        random_split=network.random_split,
        selected=targets is not None,
    )
    size = max(batch_size, min(8 * batch_size, _BYTES_PER_CHUNK // network.window))
    chunks = read_vcf(vcf, size, keep_lines=suffix.startswith(".vcf"))
    tally = Tally()
    opened = time.monotonic()
    with ExitStack() as stack:
        # Left in the opposite order: the writers are closed, then both files take their names.
        aside = [stack.enter_context(atomic_path(path)) for path in (rejects, out)]
        lengths = {
            name: genome.lengths[contigs.mapping[name]] for name in survey.contigs if name in contigs.mapping
        }
        writer = stack.enter_context(closing(open_writer(aside[1], meta, survey.header, lengths)))
        bin_ = stack.enter_context(closing(RejectsWriter(aside[0])))
        progress = stack.enter_context(progress_bar(survey.alleles, "Scoring variants", "alleles"))
        prepared = ((c, screen(c, genome, contigs.mapping, network.window, anchor, policy)) for c in chunks)
        for chunk, screened in stack.enter_context(closing(_one_ahead(prepared))):
            block = _score(chunk, screened, network, chosen, names, progress)
            writer.write(block)
            bin_.write(block)
            tally.add(block, screened)
    finished = time.monotonic()
    notes = (*assembly_notes(survey, contigs.mapping, genome), *tally.notes(survey))
    return ScoreSummary(
        out=out,
        rejects=rejects,
        records=survey.records,
        alleles=survey.alleles,
        scored=tally.scored,
        rejected=tally.by_reason(),
        flags=dict(tally.flags),
        mismatches=tally.mismatches,
        swapped=tally.swapped,
        seconds=finished - began,
        rate=tally.scored / max(finished - opened, 1e-9),
        notes=notes,
    )


def _output_paths(
    out: str | Path, rejects: str | Path | None, vcf: str | Path, overwrite: bool
) -> tuple[Path, Path]:
    out = Path(out).expanduser()
    if rejects is None:
        rejects = out.with_name(out.name[: len(out.name) - len(full_suffix(out))] + ".rejects.tsv")
    rejects = Path(rejects).expanduser()
    if len({p.resolve() for p in (out, rejects, Path(vcf).expanduser())}) < 3:
        raise InputError(
            f"The VCF, the output and the rejects file must be three files. "
            f"Received: {vcf}, {out}, {rejects}."
        )
    for path in (out, rejects):
        if path.exists() and not overwrite:
            raise InputError(
                f"{path} exists, and `overwrite` is off. Give another name, or let it be replaced."
            )
    return out, rejects


def _one_ahead(items: Iterator) -> Iterator:
    """Iterate while a thread prepares the next item: reading overlaps with the network."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = pool.submit(next, items, None)
            yield item


def _score(
    chunk: VcfChunk,
    screened: Screened,
    network: Network,
    chosen: np.ndarray,
    names: Sequence[str],
    progress: Progress,
) -> ScoredBlock:
    """Run the network on a chunk's windows, each reference window once, and compute the scores."""
    ref_windows, alt_windows = screened.windows
    first = ~screened.shared
    codes = np.concatenate([ref_windows[first], alt_windows])
    logits = np.empty((len(codes), len(chosen)), np.float32)
    told, n = 0, len(chunk.pos)
    for start in range(0, len(codes), 2 * network.batch_size):
        part = slice(start, start + 2 * network.batch_size)
        logits[part] = network.logits(codes[part])[:, chosen]
        done = n * min(part.stop, len(codes)) // len(codes)
        progress.advance(done - told)
        told = done
    progress.advance(n - told)
    require_finite(logits)
    place = np.cumsum(first) - 1
    ref, alt = outputs_from_logits(logits[: first.sum()][place]), outputs_from_logits(logits[first.sum() :])
    values = compute_scores(names, ref, alt)
    diff = np.abs(alt.p - ref.p)
    best = diff.argmax(axis=1) if len(diff) else np.zeros(0, np.int64)
    pick = np.arange(len(best))
    largest = (x[pick, best].astype(np.float32) for x in (ref.p, alt.p, diff))
    return ScoredBlock(
        chunk, screened.rows, screened.flags, screened.reasons, screened.details, values, best, *largest, {}
    )
