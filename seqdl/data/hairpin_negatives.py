"""Negatives for hairpins: real windows of a genome (or of coding sequence) that fold, and are none.

A set whose negatives differ in length, in GC content or in whether they fold at all can be told apart by
that alone. These match each positive's length and GC content, and form a hairpin.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.data.clusters import kmer_sets, similar_pairs
from seqdl.data.fold import fold
from seqdl.data.stems import FEATURES, stem_features
from seqdl.encoding import N, gc_content, reverse_complement
from seqdl.errors import InputError
from seqdl.progress import progress_bar

MIN_PAIRS, MAX_ENERGY = 18, -15.0
_ROUNDS = 60
_TRIES = 24  # windows drawn a positive and round
_PAIRS_COLUMN = FEATURES.index("pairs of the best hairpin")


class FoldingWindows(NamedTuple):
    """Windows that fold, end to end.

    Attributes
    ----------
    codes : uint8 array
        Bases; window i is ``codes[offsets[i]:offsets[i + 1]]``.
    offsets : int64 array, shape (n + 1,)
    names : list of str
        ``contig:start-end(strand)``, 0-based, half-open.
    matched : int64 array, shape (n,)
        The positive whose length and GC content each window has.
    notes : list of str
        What a person should know.
    """

    codes: np.ndarray
    offsets: np.ndarray
    names: list[str]
    matched: np.ndarray
    notes: list[str]


def folding_windows(
    genome,
    codes: np.ndarray,
    offsets: np.ndarray,
    wanted: np.ndarray,
    *,
    gc_within: float = 0.02,
    min_pairs: int = MIN_PAIRS,
    max_energy: float | None = None,
    identity: float = 0.8,
    processes: int | None = None,
    seed: int = 0,
) -> FoldingWindows:
    """Draw windows that fold, each of one positive's length and GC content, from a genome.

    Parameters
    ----------
    genome : seqdl.Genome
        Contigs of a genome, or of coding sequences; both strands are drawn from.
    codes, offsets : uint8 array, int array of shape (n + 1,)
        Positives, end to end.
    wanted : int array, shape (m,)
        The positive to match, for each window that is wanted; one may come several times.
    gc_within : float
        Largest difference in GC content, as a share.
    min_pairs : int
        Fewest pairs in the window's best hairpin (`seqdl.data.stems`).
    max_energy : float, optional
        Highest minimum free energy, kcal/mol; needs ViennaRNA. `MAX_ENERGY` is usual.
    identity : float
        Windows that are so similar to a positive, on the same strand or the other, are left out: they may
        be one. See `seqdl.data.clusters.similar_pairs`.
    processes : int, optional
        As in `seqdl.data.fold.fold`.
    seed : int

    Returns
    -------
    windows : FoldingWindows
        One for each of `wanted`, in its order, less those for which none was found (said in the notes).

    Raises
    ------
    InputError
        If no window fits at all, or the contigs are shorter than the positives.
    MissingDependencyError
        If `max_energy` is given and ViennaRNA is not installed.

    Notes
    -----
    The criteria of the pseudo hairpins of Xue et al., BMC Bioinformatics 6:310 (2005): a stem of at
    least 18 pairs, GU among them, and at most -15 kcal/mol.
    """
    lengths, wanted = np.diff(offsets), np.asarray(wanted, np.int64)
    longest = int(lengths.max())
    room = genome.sizes - longest + 1
    if (room <= 0).all():
        raise InputError(
            f"No contig of the genome {genome.name} has the {longest:,} bases of the longest positive."
        )
    gc = np.array([gc_content(codes[a:b]) for a, b in zip(offsets[:-1], offsets[1:], strict=True)])
    positive_sets = _both_strands(codes, offsets)
    rng = np.random.default_rng(seed)
    share = np.maximum(room, 0) / np.maximum(room, 0).sum()
    chosen: list[np.ndarray | None] = [None] * len(wanted)
    names = [""] * len(wanted)
    taken: set[tuple[int, int]] = set()
    similar = 0
    with progress_bar(len(wanted), "Drawing windows that fold", "windows") as progress:
        for _ in range(_ROUNDS):
            missing = np.array([i for i, part in enumerate(chosen) if part is None], np.int64)
            if not len(missing):
                break
            place = np.repeat(missing, _TRIES)
            contigs = rng.choice(len(share), len(place), p=share)
            starts = (rng.random(len(place)) * room[contigs]).astype(np.int64)
            minus = rng.random(len(place)) < 0.5
            width = lengths[wanted[place]]
            rows = genome.gather(contigs, starts, longest)
            inside = np.arange(longest) < width[:, None]
            good = ~((rows == N) & inside).any(axis=1)
            rows = np.where(inside, rows, N)
            good &= np.abs(gc_content(rows) - gc[wanted[place]]) <= gc_within + 1e-9
            rows, place, contigs, starts, minus, width = (
                part[good] for part in (rows, place, contigs, starts, minus, width)
            )
            if not len(rows):
                continue
            turned = reverse_complement(rows)
            # After the turn the padding stands in front: roll each row back by it.
            back = (np.arange(longest) + (longest - width)[:, None]) % longest
            rows = np.where(minus[:, None], np.take_along_axis(turned, back, axis=1), rows)
            folds = stem_features(rows)[:, _PAIRS_COLUMN] >= min_pairs
            rows, place, contigs, starts, minus, width = (
                part[folds] for part in (rows, place, contigs, starts, minus, width)
            )
            # The first that fits each wanted place; the energy is computed for a few only.
            _, first = np.unique(place, return_index=True)
            fits = np.zeros(len(place), bool)
            fits[first] = True
            flat, bounds = _flat(rows[fits], width[fits])
            keep = np.ones(int(fits.sum()), bool)
            if max_energy is not None and len(flat):
                keep &= fold(flat, bounds, processes).energies <= max_energy
            if len(flat):
                near = similar_pairs(kmer_sets(flat, bounds), identity, other=positive_sets)
                similar += len(np.unique(near[:, 0]))
                keep[near[:, 0]] = False
            for row in np.flatnonzero(fits)[keep]:
                key = (int(contigs[row]), int(starts[row]))
                if key in taken:
                    continue
                taken.add(key)
                sign = "-" if minus[row] else "+"
                chosen[place[row]] = rows[row, : width[row]]
                names[place[row]] = f"{genome.names[key[0]]}:{key[1]}-{key[1] + int(width[row])}({sign})"
                progress.advance()
    found = np.array([i for i, part in enumerate(chosen) if part is not None], np.int64)
    if not len(found):
        raise InputError(
            f"No window of the genome {genome.name} matches a positive's length and GC content (within "
            f"{gc_within:g}) and folds ({min_pairs} pairs or more). Is the genome too small?"
        )
    kept = [chosen[i] for i in found]
    energy = "" if max_energy is None else f", at most {max_energy:g} kcal/mol"
    notes = [
        f"negatives: {len(found):,} windows of {genome.name}, each of a positive's length and GC content "
        f"(within {gc_within:g}), with a hairpin of {min_pairs} pairs or more{energy}"
    ]
    if similar:
        notes.append(f"negatives: {similar:,} windows were similar to a positive: left out")
    if len(found) < len(wanted):
        notes.append(f"negatives: for {len(wanted) - len(found):,} of {len(wanted):,} no window was found")
    return FoldingWindows(
        np.concatenate(kept), np.concatenate([[0], np.cumsum([len(part) for part in kept])]),
        [names[i] for i in found], wanted[found], notes,
    )  # fmt: skip


def _flat(rows: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lay padded rows end to end."""
    inside = np.arange(rows.shape[1]) < width[:, None]
    return rows[inside], np.concatenate([[0], np.cumsum(width)])


def _both_strands(codes: np.ndarray, offsets: np.ndarray):
    from scipy import sparse

    # Turning the whole array round turns the order of the sequences as well, which does not matter here.
    other = np.concatenate([[0], np.cumsum(np.diff(offsets)[::-1])])
    return sparse.vstack(
        [kmer_sets(codes, offsets), kmer_sets(reverse_complement(codes), other)], format="csr"
    )
