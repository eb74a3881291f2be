"""Gapped k-mers without a table of them: the features of gkm-SVM, exactly, at the price of a table of words.

A gapped k-mer (l = 10, k = 6) is a word of 10 bases of which 6 count: 210 choices of the 6, times 4,096
words, halved by reading both strands. A 100-bp sequence holds some 19,000 of them, so a matrix of counts is
out of reach beyond toy sets, and hashing it loses features to collisions. Neither is needed. A linear
model's score is a sum over the 10-mers of a sequence, each scored by a table f over all 4**10 of them, and
its ridge penalty depends on f only through its components by order of interaction: write a base as one mean
and three contrasts (a Walsh-Hadamard transform); a component that varies with d of the 10 positions lies in
C(10 - d, 6 - d) of the 210 choices, all of whose 4**4 gap fillings agree on it. So

    f = transform(sqrt(C(l - d, k - d) * 4**(l - k)) * theta),    penalty |theta|**2

is the gapped k-mer model with its usual ridge penalty, with no hashing and no collision: 235,012
coefficients, half of them with both strands alike. Windows are sparse lists of 10-mers, one per base.

The kernel between two sequences is that of Ghandi et al., PLoS Comput Biol 10, e1003711 (2014), ``-t 0`` of
lsgkm: pairs of their words, each worth C(matching bases, k), with both strands counted.
"""

from __future__ import annotations

from math import comb
from typing import NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError

MAX_LENGTH = 11
# Bits transformed by one matrix product: 32 x 32 keeps matrix and block in the nearest cache.
_BITS = 5


class GappedWords(NamedTuple):
    """Hold the linear map from coefficients of gapped k-mers to a score for every word.

    Attributes
    ----------
    length, informative : int
        Bases of a word, and how many of them count.
    first, second : int64 (m,)
        Places of a coefficient in the transformed table: itself and, with both strands, its mirror image.
    scale, mirrored : float32 (m, 1)
        What it is multiplied by at either place (0 where there is no second).
    """

    length: int
    informative: int
    first: np.ndarray
    second: np.ndarray
    scale: np.ndarray
    mirrored: np.ndarray

    @property
    def own_share(self) -> float:
        """Share of a word's worth that lies in one strand's features: a half where both strands are alike."""
        return 0.5 if self.mirrored.any() else 1.0

    def tables(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the score of every word, float32 (4**length, T), from coefficients (m, T)."""
        out = np.zeros((4**self.length, coefficients.shape[1]), np.float32)
        out[self.second] = self.mirrored * coefficients
        out[self.first] = self.scale * coefficients
        return walsh_hadamard(out)

    def coefficients(self, tables: np.ndarray) -> np.ndarray:
        """Apply the transposed map: float32 (m, T) from (4**length, T)."""
        found = walsh_hadamard(tables)
        return self.scale * found[self.first] + self.mirrored * found[self.second]


def gapped_words(length: int = 10, informative: int = 6, both_strands: bool = True) -> GappedWords:
    """Make the map for one kind of gapped k-mers.

    Parameters
    ----------
    length : int
        Bases of a word (l), 2 to 11.
    informative : int
        How many of them count (k), 1 to `length`.
    both_strands : bool
        Score a word and its reverse complement alike.

    Returns
    -------
    GappedWords

    Raises
    ------
    InputError
        A number is out of range.
    """
    if not 2 <= length <= MAX_LENGTH:
        raise InputError(f"`gkm_length` must be between 2 and {MAX_LENGTH}. Received: {length}.")
    if not 1 <= informative <= length:
        raise InputError(
            f"`gkm_informative` must be between 1 and `gkm_length` ({length}). Received: {informative}."
        )
    number = np.arange(4**length)
    order, odd, mirror, rest = (np.zeros(4**length, np.int64) for _ in range(4))
    rest += number
    for _ in range(length):
        digit = rest % 4
        order += digit > 0
        odd += (digit == 1) | (digit == 2)  # contrasts that change their sign from a base to its complement
        mirror = mirror * 4 + digit
        rest //= 4
    weights = [comb(length - d, informative - d) if d <= informative else 0 for d in range(length + 1)]
    scale = np.sqrt(np.array(weights, np.float64) * 4.0 ** (length - informative))[order]
    keep = order <= informative
    if not both_strands:
        first = number[keep]
        scale = scale[keep, None].astype(np.float32)
        return GappedWords(length, informative, first, first, scale, np.zeros_like(scale))
    sign = np.where(odd % 2, -1.0, 1.0)
    # A component that is its own mirror image with the sign reversed is none of both strands.
    first = number[keep & (number <= mirror) & ~((number == mirror) & (sign < 0))]
    second = mirror[first]
    share = np.where(first == second, 1.0, np.sqrt(0.5)) * scale[first]
    mirrored = np.where(first == second, 0.0, sign[first] * share)
    return GappedWords(
        length,
        informative,
        first,
        second,
        share[:, None].astype(np.float32),
        mirrored[:, None].astype(np.float32),
    )


def walsh_hadamard(tables: np.ndarray) -> np.ndarray:
    """Transform along the first axis; orthonormal and its own inverse.

    Parameters
    ----------
    tables : float (2**b, T)
        One table a column.

    Returns
    -------
    float32 (2**b, T)
    """
    size, columns = tables.shape
    out = np.ascontiguousarray(tables, np.float32)
    done = 1
    while done < size:
        step = min(2**_BITS, size // done)
        blocks = out.reshape(done, step, (size // done // step) * columns)
        out = np.matmul(_hadamard(step), blocks)
        done *= step
    return out.reshape(size, columns)


def _hadamard(size: int) -> np.ndarray:
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]]) * np.float32(np.sqrt(0.5))
    return matrix


def words(codes: np.ndarray, length: int) -> np.ndarray:
    """Number the words of sequences.

    Parameters
    ----------
    codes : uint8 (n, L)
        Bases as codes.
    length : int
        Bases of a word.

    Returns
    -------
    int32 (n, L - length + 1)
        The bases A0 C1 G2 T3 as digits, first base highest; -1 for a word that holds an N.
    """
    places = max(codes.shape[1] - length + 1, 0)
    number = np.zeros((len(codes), places), np.int32)
    unknown = np.zeros((len(codes), places), bool)
    for offset in range(length):
        base = codes[:, offset : offset + places]
        number = number * 4 + (base & 3)
        unknown |= base >= N
    number[unknown] = -1
    return number
