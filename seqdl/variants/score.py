"""`score_variants`: from a VCF and a trained run to a table of effects, in constant memory.

Reading, building windows and writing run beside the network, each in a thread of its own. What has been
scored is kept in parts beside the output until the output is whole (`seqdl.variants.jobs.parts`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from seqdl.errors import InputError, require_at_least
from seqdl.genome import Genome
from seqdl.io.chromosomes import reconcile
from seqdl.io.vcf import read_vcf, survey_vcf
from seqdl.progress import progress_bar, say
from seqdl.variants.assembly import Watch, assembly_notes
from seqdl.variants.files.writers import RejectsWriter, atomic_output, check_suffix, open_writer
from seqdl.variants.jobs.clock import Clock
from seqdl.variants.jobs.cluster import check_scheduler
from seqdl.variants.jobs.distribute import distributed_blocks, open_team
from seqdl.variants.jobs.job import output_paths, plan_job, say_what_is_kept
from seqdl.variants.jobs.parts import Parts
from seqdl.variants.jobs.pipeline import Written, local_blocks, sources, unprepared
from seqdl.variants.jobs.remote import keep_job
from seqdl.variants.options import AUTO, ScoringOptions, check_options
from seqdl.variants.scorer import Scorer
from seqdl.variants.summary import ScoreSummary, Tally


def score_variants(
    run: object,
    vcf: str | Path,
    genome: Genome | str | Path,
    out: str | Path,
    *,
    scores: Sequence[str] | str | None = None,
    ref_mismatch: str = "skip",
    max_mismatch: float = 0.1,
    anchor: int | None = None,
    batch_size: int | None = None,
    strand_average: bool | None = None,
    precision: str = "float32",
    shifts: Sequence[int] = (0,),
    spread: Sequence[str] = (),
    draws: int = 10,
    seed: int = 1,
    normalize: bool = False,
    engine: str = "auto",
    share_reference: int = 0,
    haplotypes: str | None = None,
    haplotype_effect: str = "joint",
    on_unphased: str = "error",
    background: str | Path | None = AUTO,
    calibration: str | Path | None = AUTO,
    rejects: str | Path | None = None,
    alias: Mapping[str, str] | str | Path | None = None,
    allow_genome_mismatch: bool = False,
    targets: Sequence[str] | None = None,
    category: str | None = None,
    layout: str = "wide",
    storage: str = "float32",
    compression: str = "none",
    scheduler: str | None = None,
    worker_timeout: float = 60.0,
    chunk_records: int | None = None,
    overwrite: bool = True,
    restart: bool = False,
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
        .tsv, .tsv.gz, .vcf, .vcf.gz, .h5, .parquet or .zarr; the layouts stand in
        `seqdl.variants.files.writers`.
    scores : sequence of str or "all", optional
        Names from `seqdl.variants.scores` (by default diff and logit_diff), or for coverage from
        `seqdl.variants.coverage_scores` (SAD and logSAD); the sign is alt - ref.
    ref_mismatch : {"skip", "error", "flip", "force"}
        What to do where REF is not what the genome carries; see `seqdl.variants.screen`.
    max_mismatch : float
        Stop early where more than this share of the REF alleles differ from the genome (with "skip" and
        "error"; looked at from 100 alleles on): the VCF is then of another assembly. 1 never stops.
    anchor : int, optional
        0-based index of the variant's first base in the window; the run's own (``window // 2``) by default.
    batch_size : int, optional
        Windows that the network takes at once; 256, and fewer where windows are long.
    strand_average : bool, optional
        Average the probabilities over both strands; as the run's card says by default.
    precision : {"float32", "bfloat16"}
        Of the computation. bfloat16 moves effects by about 13 % in the median: for a quick look only.
    shifts : sequence of int
        Bases by which the window is moved to the left; predictions are averaged over them, bins of
        coverage brought back to their places first.
    spread : sequence of str
        Sources of uncertainty that get columns: members (of an ensemble), strands, shifts, dropout.
    draws, seed : int
        Thinned networks of Monte-Carlo dropout.
    normalize : bool
        Left-align and trim alleles before they are scored; the output keeps the record and says what changed.
    engine : {"auto", "incremental", "full"}
        How the alternative alleles are predicted: by whole passes, or by computing only what a substitution
        can reach (`seqdl.incremental`), in float32, equal but for rounding. Indels always pass whole. "auto"
        takes strips for chunks of variants that gain more than it takes to set up.
    share_reference : int
        Bases of a tile whose variants share one reference window: fewer predictions, and the variants lie
        beside the window's anchor, so the numbers change. 0 gives each variant its own.
    haplotypes : str, optional
        A sample of the VCF: score each allele that it carries in the sample's own sequence, with all its
        variants on that haplotype in the window. One row for each haplotype that carries it.
    haplotype_effect : {"joint", "context"}
        Compare the haplotype with the genome, or with the same haplotype without this one variant.
    on_unphased : {"error", "skip"}
        Stop at a heterozygous genotype that is not phased, or reject it.
    background, calibration : path, "auto" or "none"
        Files made by `seqdl background` and `seqdl calibrate`: percentiles and p-values, calibrated
        probabilities and intervals. The run's own ones by default, if it has them.
    rejects : path, optional
        Where rejected alleles go, as .tsv, .tsv.gz, .vcf or .vcf.gz; beside `out`, ending in
        ``.rejects.tsv``, by default.
    alias : mapping or path, optional
        Contig names of the VCF to the genome's, or a two-column TSV of them.
    allow_genome_mismatch : bool
        Score on another genome than the run was trained on.
    targets : sequence of str, optional
        Names of targets to write, with ``*`` and ``?`` as wildcards; all by default.
    category : str, optional
        Write means over categories of targets: a column of the run's target table (cell, assay,
        treatment), or a TSV of target and category.
    layout, storage, compression : str
        Of Parquet "wide" or "long"; of HDF5 and Zarr "float32" or "float16"; of HDF5 "none", "lzf" or "gzip".
    scheduler : str, optional
        Score on a dask cluster: its address, the .json file of its scheduler, or "local:N" for N processes
        on this machine (see `seqdl.variants.jobs.distribute`). The output is the same.
    worker_timeout : float
        Seconds that a cluster may be without a worker.
    chunk_records : int, optional
        Records that are scored, kept, and handed to a worker together; 16 batches, and fewer where windows
        are long.
    overwrite : bool
        Replace `out` and `rejects` if they exist.
    restart : bool
        Begin anew even where parts of the same job are there; otherwise it goes on from them.

    Returns
    -------
    summary : ScoreSummary
        Each allele of the VCF is either scored or rejected once, in the VCF's order.

    Raises
    ------
    InputError
        If an input is unusable or does not fit the run; then nothing is written.
    """
    began, clock = time.monotonic(), Clock()
    require_at_least(1, chunk_records=chunk_records)
    if scheduler is not None:
        check_scheduler(scheduler, worker_timeout)
    suffix = check_suffix(out, layout, storage, compression)
    options = check_options(
        ScoringOptions(
            scores=scores, targets=targets, category=category, ref_mismatch=ref_mismatch, anchor=anchor,
            batch_size=batch_size, strand_average=strand_average, precision=precision, shifts=shifts,
            spread=spread, draws=draws, seed=seed, normalize=normalize, share_reference=share_reference,
            engine=engine,
            haplotypes=haplotypes, haplotype_effect=haplotype_effect, on_unphased=on_unphased,
            background=None if background is None else str(background),
            calibration=None if calibration is None else str(calibration),
            allow_genome_mismatch=allow_genome_mismatch,
        )
    )  # fmt: skip
    if haplotypes is not None and suffix.startswith(".vcf"):
        raise InputError(
            "`haplotypes` gives an allele one row for each haplotype that carries it, which a VCF record "
            f"cannot hold. Write a table: .tsv.gz, .parquet or .h5. Received: {str(out)!r}."
        )
    watch = Watch(max_mismatch, ref_mismatch)
    out, rejects = output_paths(out, rejects, vcf, overwrite)
    survey = survey_vcf(vcf, samples=suffix.startswith(".vcf"))  # what is copied is looked at as well
    genome = genome if isinstance(genome, Genome) else Genome(genome)
    contigs = reconcile(survey.contigs, genome.names, alias, what="VCF")
    if contigs.report:
        say(contigs.report)
    scorer = Scorer(run, genome, contigs.mapping, options)
    options = scorer.options  # with the files that lie beside the run
    scorer.chunk_records = chunk_records or scorer.chunk_records
    keep_lines = suffix.startswith(".vcf")
    parts = Parts(
        out.with_name(f"{out.name}.parts"),
        plan_job(vcf, survey, genome, scorer, contigs.mapping, options, keep_lines),
    )
    there = parts.begin(restart)
    if there:
        say(f"Going on where an earlier job was cut off: {there:,} chunks are scored ({parts.folder}).")
    tally = Tally()
    opened = time.monotonic()
    try:
        with ExitStack() as stack:
            # Left in the opposite order: the writers are closed, then both files take their names.
            aside = [stack.enter_context(atomic_output(path, parts.folder)) for path in (rejects, out)]
            lengths = {
                name: genome.lengths[contigs.mapping[name]]
                for name in survey.contigs
                if name in contigs.mapping
            }
            writer = open_writer(
                aside[1], scorer.meta, survey.header, lengths, layout=layout, storage=storage,
                compression=compression, target_table=scorer.target_table,
            )  # fmt: skip
            stack.enter_context(closing(writer))
            bin_ = stack.enter_context(closing(RejectsWriter(aside[0], survey.header, lengths)))
            progress = stack.enter_context(
                progress_bar(None if haplotypes else survey.alleles, "Scoring variants", "alleles")
            )
            written = Written((writer, bin_), parts, clock)
            stack.enter_context(written)
            if scheduler is None:
                prepared = sources(vcf, scorer, parts, keep_lines, clock)
                blocks = local_blocks(prepared, scorer, progress, clock, written)
            else:
                job = keep_job(parts, run, genome, contigs.mapping, options)
                team = stack.enter_context(open_team(scheduler, worker_timeout))
                prepared = unprepared(vcf, scorer, clock)
                texts = read_vcf(vcf, scorer.chunk_records, keep_lines=True) if keep_lines else None
                blocks = distributed_blocks(prepared, texts, team, job, parts, progress, clock, written)
            stack.enter_context(closing(blocks))
            for block, counts, new in blocks:
                tally.add(block, counts, new)
                watch.look(tally, survey, contigs.mapping, genome, block)
            written.finish()
        parts.remove()
    except BaseException:
        say_what_is_kept(parts)
        raise
    finally:
        parts.release()
    finished = time.monotonic()
    notes = (
        *assembly_notes(survey, contigs.mapping, genome),
        *tally.notes(survey),
        *written.notes,
        *([] if scheduler is None else [team.note()]),
    )
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
        rate=tally.new / max(finished - opened, 1e-9),
        notes=notes,
        clock=clock.text(finished - opened),
    )
