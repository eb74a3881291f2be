"""Where motifs lie in a simulated sequence, and the letters they are drawn with."""

from __future__ import annotations

import numpy as np

from seqdl.data.motif_recipes import Pair, Recipe, Some


def most_bases(recipe: Recipe, widths: dict[str, int]) -> int:
    """Return the bases that the fullest sequence of a recipe takes.

    Parameters
    ----------
    recipe : Recipe
    widths : dict of str to int
        Bases of each motif.

    Returns
    -------
    int
    """
    return sum(
        part.most * widths[part.motif]
        if isinstance(part, Some)
        else widths[part.first] + part.gap[1] + widths[part.second]
        for part in recipe.parts
    )


def draw_instances(probabilities: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw instances of a motif, letter by letter.

    Parameters
    ----------
    probabilities : float array, shape (width, 4)
        Of A, C, G, T; each row adds up to 1.
    n : int
    rng : numpy Generator

    Returns
    -------
    codes : uint8 array, shape (n, width)
    """
    bounds = np.cumsum(probabilities, axis=1)[:, :3]
    draws = rng.random((n, len(bounds)))
    return sum((draws >= bounds[:, k]).astype(np.uint8) for k in range(3))


def place_motifs(
    recipe: Recipe,
    rows: np.ndarray,
    length: int,
    names: tuple[str, ...],
    widths: dict[str, int],
    rng: np.random.Generator,
) -> np.ndarray:
    """Choose what stands where in the sequences of one class.

    A sequence is a row of blocks, some of them empty, in random order; what they leave free is cut at
    random places. So blocks never overlap, and every arrangement can occur.

    Parameters
    ----------
    recipe : Recipe
    rows : int64 array, shape (n,)
        The class's sequences.
    length : int
        Bases of each, at least `most_bases(recipe, widths)`.
    names : tuple of str
        Motifs, in the order in which they are numbered.
    widths : dict of str to int
        Bases of each motif.
    rng : numpy Generator
        Source of randomness.

    Returns
    -------
    placed : int64 array, shape (4, m)
        Rows, motif numbers, starts and strands (+1 or -1).
    """
    n = len(rows)
    blocks = []  # (part, its widths (n,)), one entry a block
    for part in recipe.parts:
        if isinstance(part, Some):
            number = rng.integers(part.least, part.most + 1, n)
            blocks += [(part, np.where(k < number, widths[part.motif], 0)) for k in range(part.most)]
        else:
            gap = rng.integers(part.gap[0], part.gap[1] + 1, n)
            blocks.append((part, widths[part.first] + gap + widths[part.second]))
    sizes = np.stack([size for _, size in blocks], axis=1)
    order = np.argsort(rng.random(sizes.shape), axis=1)
    sizes_in_order = np.take_along_axis(sizes, order, axis=1)
    free = length - sizes.sum(axis=1, keepdims=True)
    cuts = np.sort((rng.random(sizes.shape) * (free + 1)).astype(np.int64), axis=1)
    starts = np.empty_like(sizes)
    np.put_along_axis(starts, order, cuts + sizes_in_order.cumsum(axis=1) - sizes_in_order, axis=1)
    found = []
    for column, (part, size) in enumerate(blocks):
        full = size > 0
        strand = rng.choice([-1, 1], n)
        planter = _place_pair if isinstance(part, Pair) else _place_one
        for name, start, side in planter(part, starts[:, column], size, strand, widths, rng):
            number = np.full(n, names.index(name))
            found.append(np.stack([rows, number, start, side])[:, full])
    return np.concatenate(found, axis=1)


def _place_one(part: Some, start, size, strand, widths, rng):
    one = part.motif.endswith("repeat")  # reads the same on both strands
    return [(part.motif, start, np.ones_like(strand) if one else strand)]


def _place_pair(part: Pair, start, size, strand, widths, rng):
    """Lay out a pair on its strand; on the other strand everything is mirrored."""
    swapped = rng.random(len(start)) < 0.5 if part.swap else np.zeros(len(start), bool)
    side = {"same": 1, "other": -1, "any": rng.choice([-1, 1], len(start))}[part.turn]
    last = size - np.where(swapped, widths[part.first], widths[part.second])
    of_first, of_second = np.where(swapped, last, 0), np.where(swapped, 0, last)
    forward = strand > 0
    mirrored_first = size - of_first - widths[part.first]
    mirrored_second = size - of_second - widths[part.second]
    return [
        (part.first, start + np.where(forward, of_first, mirrored_first), strand),
        (part.second, start + np.where(forward, of_second, mirrored_second), strand * side),
    ]
