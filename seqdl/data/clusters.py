"""Clusters of similar sequences, so that no split is tested on near-copies of what it trained on.

Two sequences are linked when their estimated identity reaches a threshold; a cluster is what links join.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqdl.encoding import N
from seqdl.errors import InputError

KMER = 8
_PAIRS = 20_000_000  # shared k-mers in one block of the product: bounds memory


def kmer_sets(codes: np.ndarray, offsets: Sequence[int], k: int = KMER):
    """List which k-mers each sequence holds.

    Parameters
    ----------
    codes : uint8 array
        Bases 0 to 4, all sequences end to end.
    offsets : int sequence, length n + 1
    k : int
        Length of a word, 4 to 12; words with an N do not count.

    Returns
    -------
    sets : scipy.sparse.csr_array, shape (n, 4**k), float32
        1 where a sequence holds a k-mer, once or more.

    Raises
    ------
    InputError
        If `k` is out of range.
    """
    from scipy import sparse

    if not 4 <= k <= 12:
        raise InputError(f"`k` must be between 4 and 12. Received: {k}.")
    offsets = np.asarray(offsets, np.int64)
    n, places = len(offsets) - 1, max(len(codes) - k + 1, 0)
    number = np.zeros(places, np.int64)
    usable = np.ones(places, bool)
    for offset in range(k):
        base = codes[offset : offset + places]
        number = number * 4 + (base & 3)
        usable &= base < N
    owner = np.repeat(np.arange(n), np.diff(offsets))
    # A word must not run from one sequence into the next.
    usable &= owner[:places] == owner[k - 1 :] if places else usable
    cells = np.unique(owner[:places][usable] * 4**k + number[usable])
    shape = (n, 4**k)
    return sparse.csr_array((np.ones(len(cells), np.float32), (cells // 4**k, cells % 4**k)), shape=shape)


def similar_pairs(sets, identity: float, k: int = KMER, other=None) -> np.ndarray:
    """Find the pairs of sequences whose estimated identity reaches a threshold; all of them.

    Parameters
    ----------
    sets : csr_array, shape (n, 4**k)
        From `kmer_sets`.
    identity : float
        Above 0, at most 1.
    k : int
        As given to `kmer_sets`.
    other : csr_array, shape (m, 4**k), optional
        Compare with these instead of with one another.

    Returns
    -------
    pairs : int64 array, shape (p, 2)
        Rows of `sets` and of `other`; without `other` the first is the smaller one.

    Raises
    ------
    InputError
        If the threshold is out of range.

    Notes
    -----
    The estimate is c**(1/k), where c is the share of the shorter sequence's k-mers that the other one
    holds: a k-mer survives when none of its k bases changed (Ondov et al., Genome Biology 17:132, 2016).
    It needs no alignment and is exact for equal sequences, and it counts a part as the whole.
    """
    if not 0 < identity <= 1:
        raise InputError(f"An identity is above 0 and at most 1. Received: {identity}.")
    columns = (sets if other is None else other).T.tocsc()
    sizes = np.asarray(sets.sum(axis=1)).ravel()
    theirs = sizes if other is None else np.asarray(other.sum(axis=1)).ravel()
    # Work of a row: how often its k-mers occur among the others.
    occurs = np.asarray((sets if other is None else other).sum(axis=0)).ravel()
    work = np.cumsum(sets @ occurs)
    found, at = [], 0
    while at < sets.shape[0]:
        done = work[at - 1] if at else 0.0
        end = max(at + 1, int(np.searchsorted(work, done + _PAIRS, "right")))
        shared = (sets[at:end] @ columns).tocoo()
        row, column = shared.coords[0] + at, shared.coords[1]
        shorter = np.minimum(sizes[row], theirs[column])
        near = (shared.data / shorter) ** (1 / k) >= identity - 1e-9
        if other is None:
            near &= row < column
        found.append(np.stack([row[near], column[near]], axis=1).astype(np.int64))
        at = end
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def cluster_sequences(
    codes: np.ndarray, offsets: Sequence[int], identity: float, k: int = KMER, tied: np.ndarray | None = None
) -> np.ndarray:
    """Group sequences so that no two of different clusters are similar.

    Parameters
    ----------
    codes : uint8 array
        Bases 0 to 4, all sequences end to end.
    offsets : int sequence, length n + 1
    identity : float
        Threshold of the estimated identity, see `similar_pairs`; 0.8 is usual for RNA.
    k : int
        Length of the words.
    tied : int array, shape (n,), optional
        Groups that are kept together whatever their similarity; -1 for none.

    Returns
    -------
    clusters : int32 array, shape (n,)
        Numbered from 0 in the order of first appearance.

    Raises
    ------
    InputError
        If a parameter is out of range.
    """
    pairs = similar_pairs(kmer_sets(codes, offsets, k), identity, k)
    return join(len(offsets) - 1, pairs, tied)


def join(n: int, pairs: np.ndarray, tied: np.ndarray | None = None) -> np.ndarray:
    """Number the connected components of linked items.

    Parameters
    ----------
    n : int
        Items.
    pairs : int array, shape (p, 2)
        Links.
    tied : int array, shape (n,), optional
        Items of one number, not -1, are linked as well.

    Returns
    -------
    components : int32 array, shape (n,)
        Numbered from 0 in the order of first appearance.
    """
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    links = [np.asarray(pairs, np.int64).reshape(-1, 2)]
    if tied is not None:
        order = np.argsort(tied, kind="stable")
        order = order[np.asarray(tied)[order] >= 0]
        same = np.asarray(tied)[order[1:]] == np.asarray(tied)[order[:-1]]
        links.append(np.stack([order[:-1][same], order[1:][same]], axis=1))
    ends = np.concatenate(links)
    graph = sparse.coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(n, n))
    _, labels = connected_components(graph, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int32)[inverse]
