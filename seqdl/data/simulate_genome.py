"""The simulated genome: a background like a vertebrate's, and the elements that are planted into it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.data.grammar import sample_instances
from seqdl.encoding import reverse_complement

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
    # Isochores of unequal length are pieces of equal length; neighbours often share their GC content.
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
