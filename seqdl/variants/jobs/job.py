"""What a job of scoring is: its files, and the plan by which it knows itself again after it was cut off."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from seqdl.errors import InputError
from seqdl.files import full_suffix, require_writable
from seqdl.genome import Genome
from seqdl.io.vcf import VcfSurvey
from seqdl.progress import say
from seqdl.variants.files.rejects import check_reject_suffix
from seqdl.variants.files.zarr_writer import require_replaceable
from seqdl.variants.jobs.parts import Parts
from seqdl.variants.jobs.remote import software
from seqdl.variants.options import ScoringOptions
from seqdl.variants.scorer import Scorer


def say_what_is_kept(parts: Parts) -> None:
    """Tell that an unfinished job can go on, or remove what would only lie about."""
    parts.remove_if_empty()
    if parts.folder.is_dir():
        say(
            f"What is scored already is kept in {parts.folder}: once nothing is in the way, the command goes on from "
            "there."
        )


def plan_job(
    vcf: str | Path,
    survey: VcfSurvey,
    genome: Genome,
    scorer: Scorer,
    mapping: Mapping[str, str],
    options: ScoringOptions,
    keep_lines: bool,
) -> dict:
    """Describe a job by all that decides its numbers and how it is cut.

    Parameters
    ----------
    vcf : path
    survey : VcfSurvey
    genome : Genome
    scorer : Scorer
    mapping : mapping
        The VCF's contig names to the genome's.
    options : ScoringOptions
    keep_lines : bool
        Whether records are read with their text.

    Returns
    -------
    plan : dict
        What `seqdl.variants.jobs.parts.Parts` compares.
    """
    stat = Path(vcf).expanduser().stat()
    model = scorer.network.model_file
    return {
        "vcf": [str(Path(vcf).expanduser().resolve()), stat.st_size, stat.st_mtime_ns],
        "records": survey.records,
        "genome": genome.checksum,
        "contigs": dict(mapping),
        "model": [scorer.network.label, *scorer.network.target_names[:3]]
        if model is None
        else [str(model.resolve()), model.stat().st_size, model.stat().st_mtime_ns],
        **{f"option {name}": value for name, value in options.described().items()},
        "chunk_records": scorer.chunk_records,
        "keep_lines": keep_lines,
        # A predictor of the user's own may need no Keras.
        "software": {"seqdl": scorer.meta.seqdl} if model is None else software(),
    }


def output_paths(
    out: str | Path, rejects: str | Path | None, vcf: str | Path, overwrite: bool
) -> tuple[Path, Path]:
    """Return where the scores and the rejects go.

    Parameters
    ----------
    out, vcf : path
    rejects : path, optional
        Beside `out` by default.
    overwrite : bool

    Returns
    -------
    out, rejects : Path

    Raises
    ------
    InputError
        If they are not two files beside the VCF, or cannot be written.
    """
    out = Path(out).expanduser()
    if rejects is None:
        rejects = out.with_name(out.name[: len(out.name) - len(full_suffix(out))] + ".rejects.tsv")
    rejects = Path(rejects).expanduser()
    if len({p.resolve() for p in (out, rejects, Path(vcf).expanduser())}) < 3:
        raise InputError(
            f"The VCF, the output and the rejects file must be three files. "
            f"Received: {vcf}, {out}, {rejects}."
        )
    check_reject_suffix(rejects)
    for path in (out, rejects):
        if path.exists() and not overwrite:
            raise InputError(
                f"{path} exists, and `overwrite` is off. Give another name, or let it be replaced."
            )
        if path.is_dir() and full_suffix(path) == ".zarr":
            require_replaceable(path)
            require_writable(path.with_name(f".{path.name}"))
        else:
            require_writable(path)
    return out, rejects
