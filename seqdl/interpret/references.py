"""What a sequence is compared with: the references of DeepLIFT, integrated and expected gradients.

An N says nothing, so it is N in every reference too, and contributes nothing. A sequence's padding (N behind
its last base) is thereby kept as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from seqdl.encoding import N, dinucleotide_shuffle, one_hot
from seqdl.errors import InputError, require_one_of

KINDS = ("shuffle", "uniform", "zeros")
BLOCK = 48  # sequences whose references are made at once: what is drawn does not depend on the batch

References = Callable[[np.ndarray, int], np.ndarray]


def make_references(kind: str, n: int = 20, seed: int = 0) -> References:
    """Return a function that makes the references of a block of sequences.

    Parameters
    ----------
    kind : {"shuffle", "uniform", "zeros"}
        "shuffle": shuffles that keep a sequence's dinucleotide counts, as DeepSHAP is used on DNA. "uniform":
        a quarter of every base. "zeros": no base at all, a window of N.
    n : int
        References a sequence; of "uniform" and "zeros" there is one.
    seed : int
        Of the shuffles.

    Returns
    -------
    callable
        ``f(codes (b, L), block) -> uint8 codes (b, n, L)`` or float32 ``(b, n, L, 4)``.

    Raises
    ------
    InputError
        If the kind is unknown or `n` is less than 1.
    """
    require_one_of("reference", kind, KINDS)
    if int(n) != n or n < 1:
        raise InputError(f"`n_references` must be a positive whole number. Received: {n!r}.")

    def shuffled(codes: np.ndarray, block: int) -> np.ndarray:
        rng = np.random.default_rng([seed, block])
        return shuffle_known(np.repeat(codes, n, axis=0), rng).reshape(len(codes), n, -1)

    def uniform(codes: np.ndarray, block: int) -> np.ndarray:
        known = (codes < N).astype(np.float32)[:, None, :, None]
        return np.repeat(np.float32(0.25) * known, 4, axis=-1)

    def zeros(codes: np.ndarray, block: int) -> np.ndarray:
        return np.zeros((len(codes), 1, codes.shape[1], 4), np.float32)

    return {"shuffle": shuffled, "uniform": uniform, "zeros": zeros}[kind]


def shuffle_known(codes: np.ndarray, seed: int | np.random.Generator = 0) -> np.ndarray:
    """Shuffle the known bases of sequences by dinucleotides; every N stays where it is.

    Parameters
    ----------
    codes : uint8 array, (n, L)
    seed : int or numpy Generator

    Returns
    -------
    uint8 array, (n, L)
        The known bases of each row, read past its N, keep their dinucleotide counts.
    """
    codes = np.asarray(codes, np.uint8)
    if not (codes == N).any():
        return dinucleotide_shuffle(codes, seed)
    # With all N moved to the end, no path of the shuffle leads back from them: they stay there.
    order = np.argsort(codes == N, axis=1, kind="stable")
    packed = dinucleotide_shuffle(np.take_along_axis(codes, order, axis=1), seed)
    out = np.empty_like(codes)
    np.put_along_axis(out, order, packed, axis=1)
    return out


def fixed_references(references: np.ndarray) -> References:
    """Take references that are there already, (n, r, L) codes or (n, r, L, 4) one-hot, in blocks.

    Parameters
    ----------
    references : int array, (n, r, L), or float array, (n, r, L, 4)

    Returns
    -------
    callable
        As of `make_references`.

    Raises
    ------
    InputError
        If the array has another shape or kind.
    """
    references = np.asarray(references)
    codes = references.ndim == 3 and references.dtype.kind in "ui"
    if not codes and not (references.ndim == 4 and references.shape[-1] == 4):
        raise InputError(
            "`references` must be codes (n, r, L), whole numbers, or one-hot (n, r, L, 4). "
            f"Received: {references.dtype} {references.shape}."
        )
    if references.shape[1] < 1:
        raise InputError("`references` holds none: there must be one a sequence at least.")
    if not codes:
        references = references.astype(np.float32, copy=False)

    def block_of(given: np.ndarray, block: int) -> np.ndarray:
        return references[block * BLOCK : block * BLOCK + len(given)]

    return block_of


def equal_parts(n: int, most: int) -> list[slice]:
    """Cut `n` rows into parts of one size, at most `most`: a shape is compiled once.

    Parameters
    ----------
    n, most : int

    Returns
    -------
    list of slice

    Examples
    --------
    >>> equal_parts(6, 4)
    [slice(0, 3, None), slice(3, 6, None)]
    """
    size = max(size for size in range(1, n + 1) if n % size == 0 and size <= max(most, 1))
    return [slice(first, first + size) for first in range(0, n, size)]


def batches(codes: np.ndarray, references: References, pairs: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield batches of one constant shape: rows, and their references as one-hot.

    Parameters
    ----------
    codes : uint8 array, (n, L)
    references : callable
        From `make_references` or `fixed_references`.
    pairs : int
        Sequences times references at once, about.

    Yields
    ------
    rows : int array, (b,)
        Of `codes`; the last batch of a block repeats some of its rows.
    references : float32 array, (b, r, L, 4)
    """
    b = None
    for block, first in enumerate(range(0, len(codes), BLOCK)):
        rows = np.arange(first, min(first + BLOCK, len(codes)))
        made = references(codes[rows], block)
        if made.shape[:1] + made.shape[2:3] != (len(rows), codes.shape[1]):
            raise InputError(
                f"There must be references of {codes.shape[1]} bases for each of {len(codes)} sequences. "
                f"Received: {made.shape} for {len(rows)} of them."
            )
        if b is None:
            wanted = max(1, pairs // made.shape[1])
            b = max(size for size in range(1, BLOCK + 1) if BLOCK % size == 0 and size <= wanted)
            b = min(b, len(codes))
        for start in range(0, len(rows), b):
            chosen = np.resize(np.arange(start, min(start + b, len(rows))), b)
            part = made[chosen]
            yield rows[chosen], part if part.ndim == 4 else one_hot(part)


def mean_over_references(slopes: np.ndarray, references: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return what each base would contribute in each place, averaged over references.

    Parameters
    ----------
    slopes : float32 array, (b, r, L, 4)
        Of the output, between each sequence and each of its references.
    references : float32 array, (b, r, L, 4)
    codes : uint8 array, (b, L)

    Returns
    -------
    float32 array, (b, L, 4)
        Of base c the mean of ``slope_c - sum(slope * reference)``; 0 at an N.
    """
    offset = (slopes * references).sum(axis=-1, keepdims=True)
    return (slopes - offset).mean(axis=1) * (codes < N)[:, :, None]


def masks_padding(model) -> bool:
    """Tell whether a keras.Model takes zeros at the end for padding: then references end as sequences do.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    bool
    """
    from seqdl.layers import PaddingMask
    from seqdl.prediction.precision import leaf_layers

    return any(isinstance(layer, PaddingMask) for layer in leaf_layers(model))
