"""`discover_in_run` and `hits_of_patterns`: from a run and regions to motifs, and back to places."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from seqdl.errors import InputError
from seqdl.files import require_file, require_writable
from seqdl.interpret.motifs.find_motifs import NamedMotifs, motifs_of_target
from seqdl.interpret.motifs.patterns import FILE
from seqdl.io.motif_databases import find_database
from seqdl.progress import say
from seqdl.words import count

EFFECTS = "effects.tsv"
BACKGROUNDS = 100  # shuffled windows that each pattern is put into


def discover_in_run(
    run,
    out: str | Path | None = None,
    *,
    genome=None,
    bed: str | Path | None = None,
    fasta: str | Path | None = None,
    target: str | int | None = None,
    method: str = "deepshap",
    attributions: str | Path | None = None,
    batch_size: int = 32,
    alias: str | Path | None = None,
    allow_genome_mismatch: bool = False,
    resume: bool = False,
    **choices,
) -> NamedMotifs:
    """Explain a target in regions, discover its motifs, name them, and measure what each does by itself.

    With a run, each pattern is put into 100 of the windows, shuffled so that dinucleotides stay, and its
    effect on the target is written to ``effects.tsv`` (see
    `seqdl.interpret.experiments.marginalize.marginalize`).

    Parameters
    ----------
    run : str, Path or Run, or None
        None only with `attributions` and `out`.
    out : str or Path, optional
        Folder; ``RUN/motifs/TARGET`` by default. See `motifs_of_target`; it gets ``attributions.h5`` as
        well, unless those are given.
    genome, bed, fasta, target, method, batch_size, alias, allow_genome_mismatch
        See `seqdl.interpret.attribute.attribute`.
    attributions : str or Path, optional
        What `attribute` wrote as .h5, instead of computing it.
    resume : bool
        Take the folder's ``attributions.h5`` if it was made from the same run, regions, target and method,
        and its patterns if they were made from the same contributions with the same settings.
    **choices
        See `motifs_of_target`.

    Returns
    -------
    NamedMotifs

    Raises
    ------
    InputError
        If neither a run nor attributions are given, both regions and attributions are, or what
        `attribute` and `motifs_of_target` say.
    """
    from seqdl.interpret.heads import target_index
    from seqdl.interpret.motifs.discovery import require_modisco
    from seqdl.interpret.motifs.matching import require_memelite
    from seqdl.interpret.writers import read_attribution
    from seqdl.prediction.tasks import require_dna
    from seqdl.training.run import Run

    if attributions is not None and (bed is not None or fasta is not None):
        raise InputError("Give `attributions` or regions (`bed`, `fasta`), not both.")
    if attributions is None and run is None:
        raise InputError("Give a `run` and regions, or `attributions` that `seqdl attribute` wrote as .h5.")
    # Better said before the work than after it.
    require_modisco()
    if choices.get("database") is not None:
        require_memelite()
        find_database(choices["database"])
    run = None if run is None else Run.open(run)
    if run is not None:
        require_dna(run, "TF-MoDISco, which takes both strands for one,")
    if attributions is not None:
        result = read_attribution(attributions)
        if out is None and run is None:
            raise InputError("Say where to write: `out`, a folder, or the `run` it belongs to.")
        if run is not None:
            _require_of(run, result, target)
        folder = target_folder(run, result.target) if out is None else Path(out)
        return _measured(run, result, motifs_of_target(result, folder, resume=resume, **choices))
    name = run.target_names[target_index(run, target)]
    folder = target_folder(run, name) if out is None else Path(out)
    require_writable(folder / FILE)  # better said before the work than after it
    result = _explain(
        run, folder, resume, genome=genome, bed=bed, fasta=fasta, target=name, method=method,
        batch_size=batch_size, alias=alias, allow_genome_mismatch=allow_genome_mismatch,
    )  # fmt: skip
    return _measured(run, result, motifs_of_target(result, folder, resume=resume, **choices))


def _require_of(run, attribution, target) -> None:
    """Refuse contributions of another run, or of another target than the one that is named."""
    from seqdl.interpret.heads import target_index

    names, width = run.target_names, attribution.codes.shape[1]
    if attribution.target not in names or width != run.window:
        raise InputError(
            f"The contributions are of {attribution.target!r} in windows of {width} bases, which the run "
            f"{run.label} ({count(len(names), 'target')}, {run.window} bases) does not explain. Give the run "
            "that they are of, or leave it out."
        )
    if target is not None and names[target_index(run, target)] != attribution.target:
        raise InputError(
            f"The contributions are of {attribution.target!r}, and `target` names {target!r}: leave it out, "
            "or give those of that target."
        )


def _measured(run, attribution, named: NamedMotifs) -> NamedMotifs:
    """Put each pattern into shuffled windows, and write what it does to the target; see `marginalize`."""
    from seqdl.encoding import N, dinucleotide_shuffle
    from seqdl.interpret.experiments.marginalize import marginalize

    table = named.folder / EFFECTS
    table.unlink(missing_ok=True)
    known = (attribution.codes < N).all(axis=1)
    if run is None or not named.motifs or not known.any() or attribution.codes.shape[1] != run.window:
        return named
    codes = attribution.codes[known]
    chosen = np.random.default_rng(0).permutation(len(codes))[:BACKGROUNDS]
    head = attribution.head if run.task == "coverage" else None
    marginalize(
        run, list(named.motifs), dinucleotide_shuffle(codes[chosen]), target=attribution.target, head=head,
        out=table,
    )  # fmt: skip
    return named


def _explain(run, folder: Path, resume: bool, **choices):
    """Attribute, and keep the result with a note of what it was made from; or read what is there."""
    from seqdl.files import sha256, write_text
    from seqdl.interpret.attribute import attribute
    from seqdl.interpret.writers import read_attribution

    regions = choices["bed"] if choices["bed"] is not None else choices["fasta"]
    asked = {
        "model": sha256(run.folder / "model.keras"), "target": choices["target"], "method": choices["method"],
        "regions": sha256(require_file(regions, "file of regions")) if regions is not None else None,
    }  # fmt: skip
    stored, note = folder / "attributions.h5", folder / "attributions.json"
    if resume and stored.exists() and note.exists():
        try:
            same = json.loads(note.read_text(encoding="utf-8")) == asked
        except ValueError:
            same = False
        if same:
            say(f"The contributions in {stored} were made from this run and these regions: they are read.")
            return read_attribution(stored)
    note.unlink(missing_ok=True)
    result = attribute(run, out=stored, **choices)
    write_text(note, json.dumps(asked) + "\n")
    return result


def hits_of_patterns(patterns: str | Path, attributions: str | Path, out: str | Path, **choices):
    """Call discovered patterns back onto attributed regions and write them as BED.

    Parameters
    ----------
    patterns : str or Path
        Folder of `motifs_of_target`, whose names the hits get, or an HDF5 file of patterns.
    attributions : str or Path
        What `attribute` wrote as .h5.
    out : str or Path
        BED file; appears whole or not at all.
    **choices
        See `seqdl.interpret.motifs.hits.call_hits`.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    InputError
        If a file cannot be used, the two are of different targets, or there is no pattern.
    """
    from seqdl.files import require_other
    from seqdl.interpret.motifs.folder import SUMMARY, read_summary
    from seqdl.interpret.motifs.hits import call_hits, write_hits
    from seqdl.interpret.motifs.patterns import read_patterns
    from seqdl.interpret.writers import read_attribution

    require_other(out, patterns, Path(patterns).expanduser() / FILE, attributions)
    require_writable(out)
    discovery, attribution = read_patterns(patterns), read_attribution(attributions)
    if discovery.target and discovery.target != attribution.target:
        raise InputError(
            f"The patterns are of {discovery.target!r} and the contributions of {attribution.target!r}: hits "
            "need both of one target."
        )
    names = {}
    if (Path(patterns) / SUMMARY).is_file():
        names = {
            item["name"]: item["match"]["name"] for item in read_summary(patterns)["motifs"] if item["match"]
        }
    hits = call_hits(attribution, discovery.patterns, names=names, **choices)
    write_hits(out, hits)
    return hits


def target_folder(run, target: str) -> Path:
    """Return the folder for a target's motifs inside a run's folder, where the report looks for them.

    Parameters
    ----------
    run : Run
    target : str
        Its name; what a file system may not like becomes "_".

    Returns
    -------
    Path
    """
    return Path(run.folder) / "motifs" / re.sub(r"[^\w.+-]+", "_", target)
