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

from seqdl.data.grammar import FACTOR_NAMES, FACTORS, RULES, Sites, find_sites, motif, sample_instances
from seqdl.encoding import N, reverse_complement
from seqdl.errors import InputError

SLOT = 400  # bp of genome for one planted element
MARGIN = 40  # bp at either end of a slot that stay background

# Odds of a dinucleotide against its letters, as in vertebrates (Karlin and Burge 1995): CpG is rare, TpA too.
_ODDS = np.array(
    [[1.12, 0.84, 1.16, 0.88], [1.20, 1.16, 0.24, 1.16], [1.03, 1.00, 1.16, 0.84], [0.74, 1.03, 1.20, 1.12]]
)


class Element(NamedTuple):
    """Something that is planted: one or two motifs.

    Attributes
    ----------
    name : str
        For the truth files.
    weight : float
        Share among the planted elements.
    parts : tuple of (str, str)
        Motif and quality ("strong", "weak", "shuffled") of each part, in random order and on random strands.
    gap : tuple of int
        Least and most bp between two parts.
    """

    name: str
    weight: float
    parts: tuple[tuple[str, str], ...]
    gap: tuple[int, int] = (0, 0)


ELEMENTS = (
    Element("CTCF", 14, (("CTCF", "strong"),)),
    Element("CTCF_weak", 4, (("CTCF", "weak"),)),
    Element("CTCF_shuffled", 4, (("CTCF", "shuffled"),)),
    Element("REST", 5, (("REST", "strong"),)),
    Element("REST_weak", 3, (("REST", "weak"),)),
    Element("AP1", 4, (("AP1", "strong"),)),
    Element("AP1_weak", 4, (("AP1", "weak"),)),
    Element("GATA1_near_AP1", 12, (("GATA1", "strong"), ("AP1", "strong")), (2, 30)),
    Element("GATA1_far_from_AP1", 4, (("GATA1", "strong"), ("AP1", "strong")), (75, 150)),
    Element("GATA1_only", 5, (("GATA1", "strong"),)),
    Element("SP1_pair", 11, (("SP1", "strong"), ("SP1", "strong")), (1, 25)),
    Element("SP1_far_pair", 4, (("SP1", "strong"), ("SP1", "strong")), (70, 140)),
    Element("SP1_single", 7, (("SP1", "strong"),)),
    Element("MAX", 7, (("MAX", "strong"),)),
    Element("MAX_shuffled", 2, (("MAX", "shuffled"),)),
    Element("MAX_near_REST", 7, (("MAX", "strong"), ("REST", "strong")), (3, 50)),
    Element("MAX_far_from_REST", 2, (("MAX", "strong"), ("REST", "strong")), (100, 170)),
)


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


def simulate_background(
    length: int, rng: np.random.Generator, gc_range: tuple[float, float] = (0.34, 0.58)
) -> np.ndarray:
    """Draw a background sequence: a second-order Markov chain whose GC content changes every few thousand bp.

    Parameters
    ----------
    length : int
        Bases.
    rng : numpy Generator
        Source of randomness.
    gc_range : tuple of float
        Lowest and highest GC content aimed at.

    Returns
    -------
    codes : uint8 array, shape (length,)
    """
    # Isochores of unequal length are pieces of equal length, of which neighbours often share their GC content.
    piece = 2500
    n = -(-length // piece)
    level = rng.beta(1.6, 2.2, n)
    same = rng.random(n) < 0.7
    same[0] = False
    level = level[np.maximum.accumulate(np.where(same, 0, np.arange(n)))]
    gc = gc_range[0] + (gc_range[1] - gc_range[0]) * level
    letters = np.stack([(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2], axis=1)
    odds = np.repeat(_ODDS[None], n, axis=0)
    odds[:, 1, 2] += 0.5 * np.clip(level - 0.7, 0, None)  # GC-rich stretches keep some of their CpG
    step = np.repeat((odds * letters[:, None, :])[:, None], 4, axis=1)  # (n, before the last, last, next)
    for letter in (0, 3):
        step[:, letter, letter, letter] *= 1.3  # runs of A and T
    step = np.cumsum(step / step.sum(axis=3, keepdims=True), axis=3)[..., :3].reshape(n, 16, 3)
    rows = np.arange(n)
    draws = rng.random((piece, n, 1))
    codes = np.empty((piece, n), np.uint8)
    state = rng.integers(0, 16, n)
    for i in range(piece):  # all pieces walk at once
        codes[i] = (draws[i] > step[rows, state]).sum(axis=1)
        state = state % 4 * 4 + codes[i]
    return codes.T.reshape(-1)[:length]


def plant_elements(codes: np.ndarray, rng: np.random.Generator, filled: float = 0.8) -> np.ndarray:
    """Write elements of `ELEMENTS` and short tandem repeats into a sequence, in place.

    Parameters
    ----------
    codes : uint8 array, shape (length,)
        The sequence; changed.
    rng : numpy Generator
        Source of randomness.
    filled : float
        Share of the slots of `SLOT` bp that get an element.

    Returns
    -------
    repeats : int64 array, shape (n, 2)
        Start and end of the tandem repeats.
    """
    slots = np.arange(len(codes) // SLOT) * SLOT
    weights = np.array([element.weight for element in ELEMENTS], float)
    kinds = rng.choice(len(ELEMENTS), size=len(slots), p=weights / weights.sum())
    full = rng.random(len(slots)) < filled
    for number, element in enumerate(ELEMENTS):
        here = slots[full & (kinds == number)]
        made = []
        for name, quality in element.parts:
            instances = sample_instances(name, len(here), quality, rng)
            turn = rng.random(len(here)) < 0.5
            instances[turn] = reverse_complement(instances[turn])
            made.append(instances)
        gap = rng.integers(element.gap[0], element.gap[1] + 1, len(here))
        widths = [part.shape[1] for part in made]
        total = sum(widths) + (gap if len(made) > 1 else 0)
        start = here + MARGIN + (rng.random(len(here)) * (SLOT - 2 * MARGIN - total)).astype(np.int64)
        swapped = rng.random(len(here)) < 0.5
        for i, part in enumerate(made):
            first = swapped if i else ~swapped
            offset = np.where(first | (len(made) == 1), 0, gap + widths[1 - i] if len(made) == 2 else 0)
            codes[(start + offset)[:, None] + np.arange(widths[i])] = part
    repeats = []
    for slot in slots[~full][rng.random(int((~full).sum())) < 0.15]:
        unit = np.array([[0], [3], [1, 0], [2, 0], [0, 0, 0, 3]][rng.integers(5)], dtype=object)
        length = int(rng.integers(20, 60))
        start = int(slot) + int(rng.integers(MARGIN, SLOT - MARGIN - length))
        codes[start : start + length] = np.resize(unit, length).astype(np.uint8)
        repeats.append((start, start + length))
    return np.array(repeats, np.int64).reshape(-1, 2)


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
