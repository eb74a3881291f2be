"""Explain a variant: what each base gives to a target's logit, with either allele in place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.intervals import Variant


class VariantExplanation(NamedTuple):
    """One variant under one target, reference and alternative side by side.

    Attributes
    ----------
    variant : Variant
    target : str
        Name of the explained target.
    start : int
        0-based place on the genome of the first base of both windows.
    anchor : int
        Index of the variant's first base in both windows.
    ref_codes, alt_codes : uint8 array, (L,)
        Bases of the two windows.
    ref_values, alt_values : float32 array, (L,)
        Gradient times input of the target's logit, at the base that is there.
    ref_probability, alt_probability : float
        The run's prediction for the target, 0 to 1, strands averaged if its card says so.
    """

    variant: Variant
    target: str
    start: int
    anchor: int
    ref_codes: np.ndarray
    alt_codes: np.ndarray
    ref_values: np.ndarray
    alt_values: np.ndarray
    ref_probability: float
    alt_probability: float


def explain_variants(run, genome, variants, targets, *, batch_size: int = 32) -> list[VariantExplanation]:
    """Attribute each variant's windows to their bases, each under its own target.

    Parameters
    ----------
    run : Run
    genome : Genome
        Checked already; see `seqdl.interpret.windows.open_genome`.
    variants : list of Variant
        Their contigs are brought to the genome's spelling.
    targets : list of (str or int)
        One target for each variant.
    batch_size : int
        Windows per pass.

    Returns
    -------
    list of VariantExplanation
        In the order given.

    Raises
    ------
    InputError
        If a contig, an allele or a target does not fit the genome or the run.
    """
    from seqdl.interpret.heads import scalar_model, target_index
    from seqdl.interpret.methods import attribute_codes, compile_engine
    from seqdl.io.chromosomes import reconcile
    from seqdl.prediction.predictor import Predictor
    from seqdl.variants.alleles import allele_windows, encode_alleles

    variants = list(variants)
    if not variants:
        return []
    names = reconcile([item.chrom for item in variants], genome.names, what="variants").mapping
    contigs = genome.contig_ids([names.get(item.chrom, item.chrom) for item in variants])
    starts = np.array([item.start for item in variants], np.int64)
    refs, alts = (encode_alleles([getattr(item, side) for item in variants]) for side in ("ref", "alt"))
    windows = allele_windows(genome, contigs, starts, refs, alts, run.window, run.anchor)
    indices = np.array([target_index(run, target) for target in targets])

    model = scalar_model(run)
    engine = compile_engine(model, "grad_x_input")
    codes = np.stack([windows.ref, windows.alt], axis=1)  # (n, 2, L): both alleles in one pass
    values = np.empty(codes.shape, np.float32)
    flat = codes.reshape(-1, run.window)
    probabilities = Predictor(run, batch_size=min(batch_size, len(flat))).probabilities(flat)
    predicted = probabilities[np.arange(len(flat)), np.repeat(indices, 2)].reshape(-1, 2)
    for index in np.unique(indices):
        rows = np.flatnonzero(indices == index)
        flat = codes[rows].reshape(-1, run.window)
        found = attribute_codes(
            model, flat, int(index), strand_average=run.strand_average, batch_size=batch_size, engine=engine
        )
        values[rows] = found.values.sum(axis=2).reshape(-1, 2, run.window)
    return [
        VariantExplanation(
            variant,
            run.target_names[indices[row]],
            int(starts[row]) - run.anchor,
            run.anchor,
            codes[row, 0],
            codes[row, 1],
            values[row, 0],
            values[row, 1],
            float(predicted[row, 0]),
            float(predicted[row, 1]),
        )
        for row, variant in enumerate(variants)
    ]
