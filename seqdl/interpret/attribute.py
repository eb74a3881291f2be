"""`attribute`: explain a trained network's predictions base by base."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError
from seqdl.files import require_other, require_writable
from seqdl.words import few


class Attribution(NamedTuple):
    """What each base contributes to one target.

    Attributes
    ----------
    values : float32 array, (n, L, 4)
        Contributions in the channel order A, C, G, T. ``saliency`` fills all four channels;
        the other methods fill only the base that is there (and nothing at an N).
    regions : tuple of Interval, length n
        Where each window lies; for sequences, contig is the sequence's name.
    target : str
        Name of the explained target.
    method : str
        One of `seqdl.interpret.methods.METHODS`.
    codes : uint8 array, (n, L)
        The bases that were explained.
    logits : float32 array, (n,)
        The number that was explained, for each window: a label's logit (log odds, natural logarithm), or of
        coverage what `head` says.
    delta : float32 array, (n,), or None
        With a reference: how far the sum of the values is from the difference between the window's number and
        its references'. Small beside that difference means exact, or converged.
    hypothetical : float32 array, (n, L, 4), or None
        What each base would contribute in that place.
    reference_logits : float32 array, (n,), or None
        The number for the references, their mean.
    head : str
        "logit", "counts" or "profile"; see `seqdl.interpret.heads`.
    reference : str
        What was compared with: "shuffle", "uniform", "zeros", "given", or "" for nothing.
    """

    values: np.ndarray
    regions: tuple
    target: str
    method: str
    codes: np.ndarray
    logits: np.ndarray
    delta: np.ndarray | None = None
    hypothetical: np.ndarray | None = None
    reference_logits: np.ndarray | None = None
    head: str = "logit"
    reference: str = ""


def attribute(
    run,
    *,
    genome=None,
    bed=None,
    fasta=None,
    codes: np.ndarray | None = None,
    target: str | int | None = None,
    method: str = "grad_x_input",
    head: str | None = None,
    bins: tuple[int, int] | None = None,
    reference: str | np.ndarray | None = None,
    n_references: int = 20,
    out: str | Path | None = None,
    batch_size: int | None = None,
    steps: int = 64,
    samples: int = 50,
    noise: float = 0.1,
    simplex: bool = False,
    seed: int = 0,
    strand_average: bool | None = None,
    tolerance: float = 1e-4,
    on_excess: str = "raise",
    alias: str | Path | None = None,
    allow_genome_mismatch: bool = False,
) -> Attribution:
    """Explain a trained network's prediction for regions or sequences, base by base.

    Parameters
    ----------
    run : str, Path or Run
        A trained run.
    genome : str, Path or Genome, optional
        Needed with `bed`; must be the genome of the run's card.
    bed : str or Path, optional
        Regions: each is explained in a window of the network's width around its centre.
    fasta : str or Path, optional
        Sequences of the network's width.
    codes : uint8 array, (n, L), optional
        Bases as codes. Give exactly one of `bed`, `fasta` and `codes`.
    target : str or int, optional
        Name or index of the target; may be left out when the network has one.
    method : str
        One of `seqdl.interpret.methods.METHODS`; see `seqdl.interpret.methods.attribute_codes`.
    head : {"logit", "counts", "profile"}, optional
        The number that is explained; of labels the logit, of coverage "counts" by default.
    bins : (int, int), optional
        Of coverage: only these bins, 0-based and half-open.
    reference, n_references, steps, samples, noise, simplex, seed
        See `seqdl.interpret.methods.attribute_codes`.
    out : str or Path, optional
        Write the result there: ``.h5``, ``.npz`` (for TF-MoDISco) or ``.bw``; see `seqdl.interpret.writers`.
    batch_size : int, optional
        Windows (or pairs of a window and a reference) per pass; 32, and fewer of long windows, by default.
    strand_average : bool, optional
        Explain the mean of both strands' numbers; as the run's card says when None.
    tolerance, on_excess
        Of DeepLIFT's sums; see `seqdl.interpret.deeplift.deeplift_codes`.
    alias : str or Path, optional
        Table of contig names, BED file to genome.
    allow_genome_mismatch : bool
        Go on with another genome than the card's.

    Returns
    -------
    Attribution

    Raises
    ------
    InputError
        If the input, the target or the genome does not fit the run, a window holds no known base, a layer has
        no rule (DeepLIFT), or DeepLIFT's sums are off.

    Examples
    --------
    >>> result = seqdl.attribute("run/", genome="g.fa", bed="sites.bed", target="CTCF")  # doctest: +SKIP
    >>> result.values.shape  # doctest: +SKIP
    (120, 1000, 4)
    """
    from seqdl.interpret.heads import averages_strands, choose_head, scalar_model, target_index
    from seqdl.interpret.methods import attribute_codes, check_method, default_reference
    from seqdl.interpret.windows import read_windows
    from seqdl.interpret.writers import check_suffix, write_attribution
    from seqdl.io.bigwig import require_pybigwig
    from seqdl.prediction.tasks import require_bases, require_dna
    from seqdl.progress import progress_bar
    from seqdl.training.run import Run

    if out is not None:
        suffix = check_suffix(out)
        require_other(out, genome, bed, fasta)
        require_writable(out)
        if suffix == ".bw" and bed is None:
            raise InputError("A .bw track lies on a genome: give regions (--bed) and --genome, or write .h5.")
        if suffix == ".bw":
            require_pybigwig()
    check_method(method, reference, simplex)
    run = Run.open(run)
    require_bases(run, "Attribution")
    if genome is not None:
        require_dna(run, "Attribution of places of a genome")
    index = target_index(run, target)
    head = choose_head(run.task, head, bins)
    codes, regions = read_windows(
        run, genome=genome, bed=bed, fasta=fasta, codes=codes, alias=alias,
        allow_genome_mismatch=allow_genome_mismatch,
    )  # fmt: skip
    require_known_bases(codes, regions)
    average = averages_strands(run, strand_average)
    model = scalar_model(run, head, bins)
    # With a file to write, sums that are off are said when what was computed is safe there.
    kept = out is not None and on_excess == "raise" and method in ("deeplift", "deepshap")
    total, unit = (2 * len(codes), "strands") if average else (len(codes), "windows")
    with progress_bar(total, f"Explaining {run.target_names[index]}", unit) as bar:
        found = attribute_codes(
            model, codes, index, method=method, reference=reference, n_references=n_references, steps=steps,
            samples=samples, noise=noise, simplex=simplex, seed=seed, strand_average=average,
            other_target=int(np.argsort(run.strand_pairs)[index]), batch_size=batch_size, tolerance=tolerance,
            on_excess="ignore" if kept else on_excess, advance=bar.advance,
        )  # fmt: skip
    given = "given" if reference is not None and not isinstance(reference, str) else reference
    result = Attribution(
        found.values, regions, run.target_names[index], method, codes, found.logits, found.delta,
        found.hypothetical, found.reference_logits, head, given or default_reference(model, method),
    )  # fmt: skip
    if out is not None:
        write_attribution(out, result, run=run, genome=genome)
    if kept:
        from seqdl.interpret.deeplift.core import DeepLift, check_sums

        sums = DeepLift(found.values, found.hypothetical, found.logits, found.reference_logits, found.delta)
        check_sums(sums, tolerance, on_excess, f" The contributions are kept in {out}.")
    return result


def require_known_bases(codes: np.ndarray, regions) -> None:
    """Refuse windows that hold nothing but N: there is nothing to explain in them.

    Parameters
    ----------
    codes : uint8 array, (n, L)
    regions : sequence of Interval, length n

    Raises
    ------
    InputError
        Naming them.
    """
    empty = np.flatnonzero((codes == N).all(axis=1))
    if len(empty):
        names = [f"{regions[i].chrom}:{regions[i].start}-{regions[i].end}" for i in empty]
        raise InputError(
            f"{len(empty)} of {len(codes)} windows hold no known base, only N, so there is nothing to "
            f"explain: {few(names, 3)}. Take them out of the input."
        )
