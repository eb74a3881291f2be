"""`Genome`: a FASTA or 2bit file as memory-mapped codes, with the one law of edges: outside is N."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqdl.encoding import N, decode, encode, reverse_complement
from seqdl.errors import InputError
from seqdl.files import sequence_stem
from seqdl.intervals import Interval
from seqdl.words import few, suggest


class Genome:
    """A genome's bases as uint8 codes, read once and memory-mapped from then on.

    Parameters
    ----------
    path : path
        FASTA (plain, gzip or bgzip) or 2bit. Lower case and IUPAC letters are read as upper case and N.
    cache : path, optional
        Folder for the codes. By default beside the genome file, or in the user's cache folder where
        that is read-only.

    Attributes
    ----------
    name : str
        The file's name without its suffixes.
    names : tuple of str
        Contigs in the file's order; a contig's place here is its id.
    lengths : dict
        Bases of each contig.
    sizes : int64 array, shape (contigs,)
        The same by id: `names[i]` has `sizes[i]` bases.
    md5 : dict
        MD5 of each contig's upper-case ACGTN letters.
    checksum : str
        One MD5 over all (name, length, md5), whatever the contigs' order or the file's compression.

    Examples
    --------
    >>> genome = Genome.from_arrays({"chrA": "ACGTN"})
    >>> genome.sequence("chrA", -2, 3)
    'NNACG'
    """

    def __init__(self, path: str | Path, cache: str | Path | None = None) -> None:
        from seqdl.io.codes import open_codes

        self._take(open_codes(path, cache), Path(path))

    @classmethod
    def from_arrays(cls, contigs: dict[str, np.ndarray | str]) -> Genome:
        """Make a genome in memory from codes or letters, contig by contig."""
        from seqdl.io.codes import codes_in_memory

        genome = cls.__new__(cls)
        genome._take(
            codes_in_memory({k: encode(v) if isinstance(v, str) else v for k, v in contigs.items()}), None
        )
        return genome

    def _take(self, store, path: Path | None) -> None:
        self.path = path
        self.names: tuple[str, ...] = store.names
        self.lengths = dict(zip(store.names, (int(n) for n in store.lengths), strict=True))
        self.md5 = dict(zip(store.names, store.md5, strict=True))
        self.checksum: str = store.checksum
        self.name = sequence_stem(path) if path else "in-memory"
        self._bases: np.ndarray = store.bases
        self.sizes = np.asarray(store.lengths, np.int64)
        self._offsets = np.concatenate([[0], np.cumsum(self.sizes)])
        self._ids = {name: i for i, name in enumerate(store.names)}

    def __repr__(self) -> str:
        return f"Genome({self.name!r}, {len(self.names)} contigs, {int(self.sizes.sum()):,} bp)"

    def __contains__(self, chrom: str) -> bool:
        return chrom in self._ids

    def contig_id(self, chrom: str) -> int:
        """Return a contig's place in `names`.

        Raises
        ------
        InputError
            If the genome has no such contig.
        """
        try:
            return self._ids[chrom]
        except KeyError:
            raise InputError(
                f"Contig {chrom!r} is not in the genome {self.name} (it has {few(self.names)})."
                f"{suggest(str(chrom), self.names)}"
            ) from None

    def contig_ids(self, chroms: Sequence[str]) -> np.ndarray:
        """Return the ids, int32, of many contig names at once.

        Raises
        ------
        InputError
            If one is unknown.
        """
        unique, inverse = np.unique(np.asarray(chroms, dtype=object).astype(str), return_inverse=True)
        return np.array([self.contig_id(str(name)) for name in unique], np.int32)[inverse]

    def codes(self, chrom: str) -> np.ndarray:
        """Return a whole contig as a read-only uint8 view, shape (length,)."""
        i = self.contig_id(chrom)
        return self._bases[self._offsets[i] : self._offsets[i + 1]]

    def fetch(
        self, chrom: str | Interval, start: int | None = None, end: int | None = None, strand: str = "+"
    ) -> np.ndarray:
        """Read one stretch of a contig.

        Parameters
        ----------
        chrom : str or Interval
            Contig name, or an interval that says everything.
        start, end : int
            0-based, half-open; what lies outside the contig is N.
        strand : {"+", "-", "."}
            "-" gives the reverse complement.

        Returns
        -------
        codes : uint8 array, shape (end - start,)

        Raises
        ------
        InputError
            If the contig is unknown or start >= end.
        """
        where = chrom if isinstance(chrom, Interval) else Interval(chrom, start, end, strand)
        codes = self.gather(np.array([self.contig_id(where.chrom)]), np.array([where.start]), where.width)[0]
        return reverse_complement(codes) if where.strand == "-" else codes

    def sequence(
        self, chrom: str | Interval, start: int | None = None, end: int | None = None, strand: str = "+"
    ) -> str:
        """Read one stretch as upper-case letters; the arguments are those of `fetch`."""
        return decode(self.fetch(chrom, start, end, strand))

    def gather(
        self, contig_ids: np.ndarray, starts: np.ndarray, length: int, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Read many windows of one length at once.

        Parameters
        ----------
        contig_ids : int array, shape (n,)
            Places in `names`.
        starts : int array, shape (n,)
            0-based first base of each window; may lie before or past the contig.
        length : int
            Bases of each window.
        out : uint8 array, shape (n, length), optional
            A buffer to fill.

        Returns
        -------
        codes : uint8 array, shape (n, length)
            N where a window leaves its contig: never a shorter, wrapped or neighbouring sequence.
        """
        contig_ids = np.asarray(contig_ids, np.int64)
        starts = np.asarray(starts, np.int64)
        lengths = self.sizes[contig_ids]
        first = self._offsets[contig_ids] + starts
        inside = (starts >= 0) & (starts + length <= lengths)
        if out is None:
            if inside.all():
                return self._windows(length)[first]
            out = np.empty((len(starts), length), np.uint8)
        if inside.all():
            # One memcpy a window: indexing the rows of a sliding view builds no index matrix. Never
            # np.take here: it would first copy the view whole, length times the genome.
            out[...] = self._windows(length)[first]
            return out
        rows = np.flatnonzero(inside)
        if rows.size:
            out[rows] = self._windows(length)[first[rows]]
        edge = np.flatnonzero(~inside)
        places = starts[edge, None] + np.arange(length)
        known = (places >= 0) & (places < lengths[edge, None])
        places += self._offsets[contig_ids[edge], None]
        out[edge] = np.where(known, self._bases.take(places, mode="clip"), N)
        return out

    def _windows(self, length: int) -> np.ndarray:
        shape = (max(len(self._bases) - length + 1, 0), length)
        return np.lib.stride_tricks.as_strided(self._bases, shape, (1, 1), writeable=False)
