"""Recipes of simulated classes of sequences: which motifs, how many, how they stand to each other.

"plain" and "fancy" are the two tasks of a published practical (R. Schwessinger, NGSchool 2019: deep learning
for genomics), told again with motifs of our own; "grammar" is ours: its classes hold the same motifs and
differ in their order, direction and distance alone, so that counting words tells nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.data.grammar import FACTOR_NAMES, motif
from seqdl.encoding import encode
from seqdl.errors import require_one_of


class Some(NamedTuple):
    """A motif that is planted a few times, at random places and on random strands.

    Attributes
    ----------
    motif : str
        A name that `motif_probabilities` knows.
    least, most : int
        Each sequence draws its number between the two.
    """

    motif: str
    least: int
    most: int


class Pair(NamedTuple):
    """Two motifs that are planted together, once a sequence, on a random strand.

    Attributes
    ----------
    first, second : str
        In the order in which they are read on the pair's strand.
    turn : {"same", "other", "any"}
        Whether the second motif stands on the first one's strand.
    gap : tuple of int
        Least and most bases between the two.
    swap : bool
        The order is drawn.
    """

    first: str
    second: str
    turn: str
    gap: tuple[int, int]
    swap: bool = False


class Recipe(NamedTuple):
    """What a sequence of one class holds; all else is random letters, each with probability 1/4.

    Attributes
    ----------
    name : str
    parts : tuple of Some or Pair
    """

    name: str
    parts: tuple[Some | Pair, ...]


REPEATS = {"GC repeat": "GCGCGC", "AT repeat": "ATATAT"}

# Well-known consensus sequences. Upper case: that letter with 0.91; lower case: with 0.64; the other letters
# share what is left. n: any letter.
_CONSENSUS = {
    "ESR1": "aGGTCAnnnTGACCt",
    "NRF1": "tGCGCATGCGCa",
    "SOX9": "CCATTGTTC",
    "RUNX2": "TGTGGTTTg",
}
# The grammar is about how motifs stand, so its motifs are hard to mistake: 0.97 a letter.
_SHARP = {"SOX": "CCATTGTTC", "RUNX": "TGTGGTTTG"}

_NEAR, _FAR = (10, 20), (60, 110)
_FEW = (1, 3)
_REPEATED = (3, 10)
RECIPES = {
    "plain": (
        Recipe("GC repeats", (Some("GC repeat", 5, 20),)),
        Recipe(
            "GC repeats, GATA1, MAX",
            (Some("GC repeat", *_REPEATED), Some("GATA1", *_FEW), Some("MAX", *_FEW)),
        ),
        Recipe(
            "AT repeats, MAX, CTCF", (Some("AT repeat", *_REPEATED), Some("MAX", *_FEW), Some("CTCF", *_FEW))
        ),
        Recipe("GATA1, CTCF", (Some("GATA1", *_FEW), Some("CTCF", *_FEW))),
    ),
    "fancy": (
        Recipe(
            "GC repeats, SP1, NRF1, ESR1",
            (Some("GC repeat", *_REPEATED), *(Some(name, *_FEW) for name in ("SP1", "NRF1", "ESR1"))),
        ),
        Recipe(
            "GC repeats, GATA1, MAX, SOX9, RUNX2",
            (
                Some("GC repeat", *_REPEATED),
                *(Some(name, *_FEW) for name in ("GATA1", "MAX", "SOX9", "RUNX2")),
            ),
        ),
        Recipe(
            "AT repeats, MAX, CTCF, SOX9, RUNX2",
            (
                Some("AT repeat", *_REPEATED),
                *(Some(name, *_FEW) for name in ("MAX", "CTCF", "SOX9", "RUNX2")),
            ),
        ),
        Recipe("GATA1, NRF1, MAX, SP1", tuple(Some(name, *_FEW) for name in ("GATA1", "NRF1", "MAX", "SP1"))),
    ),
    "grammar": (
        Recipe("SOX then RUNX, near", (Pair("SOX", "RUNX", "same", _NEAR),)),
        Recipe("RUNX then SOX, near", (Pair("RUNX", "SOX", "same", _NEAR),)),
        Recipe("SOX and RUNX face to face, near", (Pair("SOX", "RUNX", "other", _NEAR),)),
        Recipe("SOX and RUNX, far", (Pair("SOX", "RUNX", "any", _FAR, swap=True),)),
    ),
}
LENGTHS = {"plain": 200, "fancy": 300, "grammar": 200}


def motif_probabilities(name: str) -> np.ndarray:
    """Return the letter probabilities from which instances of a motif are drawn.

    Parameters
    ----------
    name : str
        A repeat ("GC repeat", "AT repeat"), a motif of `seqdl.data.grammar`, or a consensus of this file.

    Returns
    -------
    probabilities : float64 array, shape (width, 4)
        Channels A, C, G, T; rows add up to 1.

    Raises
    ------
    InputError
        If no motif has that name.

    Examples
    --------
    >>> motif_probabilities("AT repeat")[:2].tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """
    require_one_of("name", name, (*FACTOR_NAMES, *REPEATS, *_CONSENSUS, *_SHARP))
    if name in FACTOR_NAMES:
        return motif(name)
    if name in REPEATS:
        return _from_letters(REPEATS[name], 1.0)
    return _from_letters(_SHARP[name], 0.97) if name in _SHARP else _from_letters(_CONSENSUS[name], 0.91)


def motifs_of(recipes: tuple[Recipe, ...]) -> tuple[str, ...]:
    """Return the names of the motifs in some recipes, each once, in the order in which they come."""
    names = []
    for recipe in recipes:
        for part in recipe.parts:
            names += [part.motif] if isinstance(part, Some) else [part.first, part.second]
    return tuple(dict.fromkeys(names))


def _from_letters(letters: str, share: float) -> np.ndarray:
    probabilities = np.full((len(letters), 4), 0.25)
    for row, letter, code in zip(probabilities, letters, encode(letters), strict=True):
        if letter not in "nN":
            of_letter = share if letter.isupper() else 0.64
            row[:] = (1 - of_letter) / 3
            row[code] = of_letter
    return probabilities
