"""Hairpin stems of many sequences at once: a vectorised local fold, always there, no program needed.

Not a minimum free energy: the best single hairpin, where pairs add up, and mismatches and bulges cost.
It tells a hairpin from a sequence of the same composition, in about a millisecond a sequence.
"""

from __future__ import annotations

import numpy as np

from seqdl.encoding import N, bases_of

LOOP = 3  # fewest unpaired bases in a hairpin's loop
MISMATCH, BULGE = -1.0, -1.5
# Bonds a pair: GC 3, AU 2, and 1 for the wobble GU; in the order A, C, G, U, N.
_BONDS = np.zeros((5, 5), np.float32)
for _a, _b, _bonds in ((1, 2, 3), (0, 3, 2), (2, 3, 1)):
    _BONDS[_a, _b] = _BONDS[_b, _a] = _bonds
FEATURES = (
    "longest perfect stem", "its share of the bases", "best hairpin", "best hairpin a base",
    "pairs of the best hairpin", "its unpaired bases", "its loop", "its share of the bases paired",
)  # fmt: skip
_ROWS = 256  # sequences folded at once: bounds memory


def stem_features(codes: np.ndarray) -> np.ndarray:
    """Measure the longest perfect stem and the best hairpin of each sequence.

    Parameters
    ----------
    codes : uint8 array, shape (n, length)
        Bases, with or without structure, padded with N on the right.

    Returns
    -------
    features : float32 array, shape (n, 8)
        Columns as in `FEATURES`. Lengths in bases or pairs; the best hairpin in hydrogen bonds, less
        1 for a mismatch and 1.5 for a bulged base; its loop and unpaired bases in bases.

    Notes
    -----
    A stem is a run of pairs (AU, GC, GU) that close one another. The best hairpin is the best local
    alignment of a sequence with its own reverse, scored by bonds (Smith and Waterman's recursion from
    the loop outwards), so one step an anti-diagonal serves all sequences and all places.
    """
    codes = np.atleast_2d(bases_of(codes))
    parts = [_fold_rows(codes[at : at + _ROWS]) for at in range(0, len(codes), _ROWS)]
    return np.concatenate(parts) if parts else np.zeros((0, len(FEATURES)), np.float32)


def _fold_rows(codes: np.ndarray) -> np.ndarray:
    known = codes < N
    lengths = known.sum(axis=1).astype(np.float32)
    # Columns that are padding in every row hold no stem.
    codes = codes[:, : int(known.any(axis=0).nonzero()[0].max(initial=-1)) + 1]
    n, length = codes.shape
    longest = np.zeros(n, np.float32)
    best = np.zeros((n, 5), np.float32)  # score, pairs, unpaired, loop, span of the best hairpin
    # State of the hairpins that end at (i, i + span): score, run, pairs, unpaired, first (i of the loop).
    zeros = [np.zeros((n, max(length, 1)), np.float32) for _ in range(5)]
    before, last = zeros, zeros  # of the spans shorter by two, and by one
    rows = np.arange(n)
    for span in range(LOOP + 1, length):
        m = length - span
        left, right = codes[:, :m], codes[:, span:]
        bonds = _BONDS[left, right]
        paired = bonds > 0
        # A pair or a mismatch goes around (i + 1, j - 1); a bulge around (i + 1, j) or (i, j - 1).
        inner = [state[:, 1 : m + 1] for state in before]
        score, run, pairs, unpaired, loop = inner
        begun = score > 0
        around = score + np.where(paired, bonds, MISMATCH)
        run = np.where(paired, run + 1, 0)
        pairs = np.where(begun, pairs, 0) + paired
        unpaired = np.where(begun, unpaired + 2 * ~paired, 0)
        loop = np.where(begun, loop, span - 1)
        for shift in (0, 1):
            bulged = [state[:, shift : m + shift] for state in last]
            better = bulged[0] + BULGE > around
            around = np.where(better, bulged[0] + BULGE, around)
            pairs = np.where(better, bulged[2], pairs)
            unpaired = np.where(better, bulged[3] + 1, unpaired)
            loop = np.where(better, bulged[4], loop)
        score = np.maximum(around, 0)
        alive = score > 0
        state = [score, run, pairs * alive, unpaired * alive, loop * alive]
        state = [part.astype(np.float32, copy=False) for part in state]
        np.maximum(longest, run.max(axis=1), out=longest)
        place = score.argmax(axis=1)
        top = score[rows, place]
        higher = top > best[:, 0]
        found = np.stack([top, *(part[rows, place] for part in state[2:]), np.full(n, span + 1)], axis=1)
        best[higher] = found[higher]
        before, last = last, state
    size = np.maximum(lengths, 1)
    columns = [
        longest, longest / size, best[:, 0], best[:, 0] / size, best[:, 1], best[:, 2], best[:, 3],
        2 * best[:, 1] / size,
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)
