"""Regions of any length cut into tiles, each of which is mutated in the window laid around it.

Tiles are a quarter of the window long and are counted from each contig's first base, whatever the regions
are. So the value at a base does not depend on what else was asked for: neighbouring and overlapping regions
agree, and a long job can be cut anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seqdl.encoding import N
from seqdl.words import few

PARTS = 4  # of a window; its middle ones are mutated


def tile_length(window: int) -> int:
    """Return how many bases one window mutates: its middle quarter, so that about 3/8 of it flank each base.

    Parameters
    ----------
    window : int
        Bases that the network sees.
    """
    return max(1, window // PARTS)


class TileBlock(NamedTuple):
    """Some tiles in the genome's order, their windows, and the bases to mutate; tiles of N are left out.

    Attributes
    ----------
    contigs : int64 array, (r,)
        Places in the genome's names.
    tiles, windows : int64 arrays, (r,)
        0-based first base of each tile on its contig, and of its window; that may lie before the contig.
    codes : uint8 array, (r, window)
        N past a contig's ends.
    names : list of str, length r
        Of the regions that the tile's first wanted base lies in.
    rows, places : int64 arrays, (m,)
        The bases to mutate: the tile, and the base's place in the window. N is left out.
    unknown : int
        Wanted bases that are N.
    """

    contigs: np.ndarray
    tiles: np.ndarray
    windows: np.ndarray
    codes: np.ndarray
    names: list[str]
    rows: np.ndarray
    places: np.ndarray
    unknown: int


@dataclass(frozen=True)
class Tiles:
    """All tiles that touch a set of regions, never listed at once. Made by `make_tiles`.

    Contigs are laid end to end on one axis, each from a multiple of the tile on, with a gap behind it.

    Attributes
    ----------
    window, length : int
        Bases of a window and of a tile.
    heads : int64 array, (n_contigs,)
        Number of each contig's first tile along the axis.
    low, high : int64 arrays, (s,)
        Stretches along the axis: regions that overlap or touch, united.
    names : list of str, length s
        Names of each stretch's regions.
    first, before : int64 arrays, (s,) and (s + 1,)
        Each stretch's first tile that no stretch before it has, and how many tiles come before.
    """

    window: int
    length: int
    heads: np.ndarray
    low: np.ndarray
    high: np.ndarray
    names: list[str]
    first: np.ndarray
    before: np.ndarray

    @property
    def left(self) -> int:
        """Bases of a window before its tile: as where a window is laid around a region's middle."""
        return self.window // 2 - self.length // 2

    @property
    def count(self) -> int:
        """Number of tiles."""
        return int(self.before[-1])

    @property
    def bases(self) -> int:
        """Bases of all stretches, N among them."""
        return int((self.high - self.low).sum())

    def block(self, genome, start: int, end: int) -> TileBlock:
        """Read the tiles from number `start` to before `end`.

        Parameters
        ----------
        genome : Genome
            Of `make_tiles`.
        start, end : int
            At most `count`.
        """
        number = np.arange(start, min(end, self.count))
        stretch = np.searchsorted(self.before, number, "right") - 1
        tile = self.first[stretch] + number - self.before[stretch]
        contigs = np.searchsorted(self.heads, tile, "right") - 1
        tiles = (tile - self.heads[contigs]) * self.length
        codes = genome.gather(contigs, tiles - self.left, self.window)
        places = tile[:, None] * self.length + np.arange(self.length)
        within = np.searchsorted(self.low, places, "right") - 1  # the stretch that began last
        wanted = (within >= 0) & (places < self.high[within])
        known = wanted & (codes[:, self.left : self.left + self.length] < N)
        unknown = int(wanted.sum() - known.sum())
        used = np.flatnonzero(known.any(axis=1))
        names = [self.names[which] for which in within[used, wanted[used].argmax(axis=1)]]
        rows, at = np.nonzero(known[used])
        contigs, tiles = contigs[used], tiles[used]
        return TileBlock(contigs, tiles, tiles - self.left, codes[used], names, rows, at + self.left, unknown)


def make_tiles(placed, genome, window: int) -> Tiles:
    """Cut regions into tiles.

    Parameters
    ----------
    placed : seqdl.io.bed.Placed
        At least one region on the genome; they may overlap and have any order.
    genome : Genome
    window : int
        Bases that the network sees.

    Returns
    -------
    Tiles
        Each base of the regions lies in one of them.
    """
    length = tile_length(window)
    heads = np.cumsum(-(-np.asarray(genome.sizes, np.int64) // length) + 1)
    heads = np.concatenate([[0], heads[:-1]])
    contigs = np.asarray(placed.contig_ids, np.int64)
    low, high = (heads[contigs] * length + edge for edge in (placed.table.start, placed.table.end))
    order = np.lexsort((high, low))
    low, high, names = low[order], np.maximum.accumulate(high[order]), placed.table.name[order]
    gaps = np.flatnonzero(low[1:] > high[:-1]) + 1
    new, ends = np.append(0, gaps), np.append(gaps, len(low))
    united = [_called(names[a:b]) for a, b in zip(new, ends, strict=True)]
    low, high = low[new], high[ends - 1]
    first, last = low // length, (high - 1) // length
    first[1:] = np.maximum(first[1:], last[:-1] + 1)
    before = np.concatenate([[0], np.cumsum(last - first + 1)])
    return Tiles(window, length, heads, low, high, united, first, before)


def _called(names: np.ndarray) -> str:
    return few(dict.fromkeys(name for name in names if name != "."), 3) or "."
