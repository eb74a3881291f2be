"""Simulate a small genome with a planted regulatory grammar and write it as ordinary files.

The background has isochores, dinucleotide structure and short repeats, so neither GC content nor single
dinucleotides explain much. The grammar (`seqdl.data.grammar`) has strong motifs that are bound, weak and
shuffled ones that are not, motifs that need a partner, and one that a neighbour represses. What is bound
is decided by reading the finished genome, so that instances which arose by chance count like planted ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.data.grammar import FACTOR_NAMES, FACTORS, RULES, Sites, find_sites, motif
from seqdl.data.simulate_genome import plant_elements, simulate_background
from seqdl.encoding import N
from seqdl.errors import InputError


class Simulation(NamedTuple):
    """What `simulate` wrote, and the truth behind it.

    Attributes
    ----------
    folder : Path
        Where everything is.
    genome, peaks, targets, variants, regions, exclude : Path
        The FASTA, the folder of narrowPeak files, the target table, the bgzipped VCF, the regions to explain
        and the tandem repeats to exclude: ordinary files.
    truth_file, sites_file, variants_file : Path
        The truth as JSON, and as tables of bound sites and of alleles.
    test_contigs, valid_contigs : tuple of str
        The held-out contigs.
    truth : dict
        What `truth_file` says.
    """

    folder: Path
    genome: Path
    peaks: Path
    targets: Path
    variants: Path
    regions: Path
    exclude: Path
    truth_file: Path
    sites_file: Path
    variants_file: Path
    test_contigs: tuple[str, ...]
    valid_contigs: tuple[str, ...]
    truth: dict


class Peaks(NamedTuple):
    """Peaks of one factor on one contig: `starts`, `ends`, `summits` (0-based, on the contig) int64 and
    `signals` float64, all of shape (n,)."""

    starts: np.ndarray
    ends: np.ndarray
    summits: np.ndarray
    signals: np.ndarray


def call_peaks(
    sites: Sites, length: int, rng: np.random.Generator, missed: float = 0.03, false: float = 0.03
) -> Peaks:
    """Turn bound sites into the peaks that an experiment would report, with its misses and false peaks.

    Parameters
    ----------
    sites : Sites
        Bound sites of one factor on one contig.
    length : int
        Length of the contig in bp.
    rng : numpy Generator
        Source of randomness.
    missed, false : float
        Share of the sites without a peak, and of peaks without a site.

    Returns
    -------
    peaks : Peaks
        230 to 330 bp wide, summits within about 25 bp of the site, sites closer than 100 bp in one peak.
    """
    order = np.argsort(sites.centers, kind="stable")
    centers, scores = sites.centers[order], sites.scores[order]
    first = np.diff(centers, prepend=-1000) >= 100
    centers, scores = centers[first], scores[first]
    seen = rng.random(len(centers)) >= missed
    extra = rng.integers(500, length - 500, rng.binomial(len(centers), false))
    summits = np.r_[centers[seen] + rng.normal(0, 10, seen.sum()).round().astype(np.int64), extra]
    signals = np.r_[scores[seen], rng.uniform(8, 12, len(extra))] * rng.lognormal(0, 0.25, len(summits))
    half = rng.integers(115, 166, len(summits))
    starts, ends = np.maximum(summits - half, 0), np.minimum(summits + half, length)
    order = np.argsort(starts, kind="stable")
    return Peaks(starts[order], ends[order], np.clip(summits, starts, ends - 1)[order], signals[order])


def simulate(
    out: str | Path,
    *,
    seed: int = 0,
    n_contigs: int = 6,
    contig_length: int = 500_000,
    filled: float = 0.8,
    missed: float = 0.03,
    false: float = 0.03,
    n_variants: int = 400,
) -> Simulation:
    """Simulate a genome, peaks of six factors and variants with known effects, and write them to a folder.

    The same arguments write the same bytes. The last contig is meant as the test contig and the one before
    it for validation; all variants and regions lie on the test contig.

    Parameters
    ----------
    out : str or Path
        Folder to write into; made when it does not exist. Files of an earlier simulation are replaced.
    seed : int
        Source of all randomness.
    n_contigs : int
        Number of contigs, `chr1` and so on; at least 3.
    contig_length : int
        Bases of each contig; at least 20,000.
    filled : float
        Share of the slots of 400 bp that hold a planted element, 0 to 1.
    missed, false : float
        Share of bound sites without a peak and of peaks without a site, 0 to 0.5.
    n_variants : int
        Alleles, about half of them causal; the VCF has a few more records, which no program can score.

    Returns
    -------
    simulation : Simulation

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> import tempfile
    >>> simulation = simulate(tempfile.mkdtemp(), n_contigs=3, contig_length=20_000, n_variants=20)
    >>> sorted(path.name for path in simulation.peaks.iterdir())[:2]
    ['AP1.narrowPeak', 'CTCF.narrowPeak']
    """
    from seqdl.data.simulate_variants import simulate_variants
    from seqdl.data.simulate_writers import write_simulation

    _check_range("n_contigs", n_contigs, 3, 1000)
    _check_range("contig_length", contig_length, 20_000, 500_000_000)
    _check_range("n_variants", n_variants, 0, 1_000_000)
    _check_range("filled", filled, 0, 1)
    _check_range("missed", missed, 0, 0.5)
    _check_range("false", false, 0, 0.5)
    if int(seed) < 0:
        raise InputError(f"`seed` must be 0 or a positive whole number. Received: {seed}.")
    names = tuple(f"chr{i + 1}" for i in range(n_contigs))
    contigs, sites, peaks, repeats = {}, {}, {}, {}
    for name, stream in zip(names, np.random.SeedSequence(seed).spawn(n_contigs), strict=True):
        rng = np.random.default_rng(stream)
        codes = simulate_background(contig_length, rng)
        repeats[name] = plant_elements(codes, rng, filled)
        codes[:500] = N  # an unknown end, as real assemblies have
        sites[name] = find_sites(codes)
        peaks[name] = {f: call_peaks(sites[name][f], contig_length, rng, missed, false) for f in FACTOR_NAMES}
        contigs[name] = codes
    test, valid = names[-1], names[-2]
    records = simulate_variants(
        test, contigs[test], sites[test], n_variants, np.random.default_rng([seed, 1])
    )
    truth = {
        "format": "seqdl-simulation",
        "version": 1,
        "parameters": {
            "seed": seed,
            "n_contigs": n_contigs,
            "contig_length": contig_length,
            "filled": filled,
            "missed": missed,
            "false": false,
            "n_variants": n_variants,
        },  # fmt: skip
        "valid_contigs": [valid],
        "test_contigs": [test],
        "factors": [
            {
                **factor._asdict(),
                "says": RULES[factor.rule].format(partner=factor.partner),
                "sites": sum(len(found[factor.name].centers) for found in sites.values()),
                "probabilities": motif(factor.name).round(4).tolist(),
            }
            for factor in FACTORS
        ],
    }
    return write_simulation(
        Path(out), contigs, repeats, sites, peaks, records, truth, np.random.default_rng([seed, 2])
    )


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise InputError(f"`{name}` must be between {least:,} and {most:,}. Received: {value:,}.")
