"""bigWig files written a stretch of values at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqdl.genome import Genome
from seqdl.io.bigwig import require_pybigwig


class BigWigWriter:
    """A new bigWig file that takes values of one width, contig by contig in the genome's order.

    Parameters
    ----------
    path : path
    genome : Genome
        Its contigs and their lengths stand in the file's header.
    unit : int
        Bases a value.

    Raises
    ------
    MissingDependencyError
        If pyBigWig is not installed.
    """

    def __init__(self, path: Path, genome: Genome, unit: int) -> None:
        self._path, self._lengths, self._unit, self._bases = path, genome.lengths, unit, 0
        with open(path, "wb"):  # says why it cannot be written; the library would crash
            pass
        self._file = require_pybigwig().open(str(path), "w")
        self._file.addHeader([(name, int(n)) for name, n in zip(genome.names, genome.sizes, strict=True)])

    def write(self, chrom: str, first: int, values: np.ndarray) -> None:
        """Append values of consecutive units that follow all before; NaN leaves a gap.

        Parameters
        ----------
        chrom : str
        first : int
            Number of the first unit: it begins at ``first * unit``. A contig's last unit is cut at its end.
        values : float array, shape (n,)
        """
        known = np.isfinite(values)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
        for low, high in edges.reshape(-1, 2):
            start, end = (first + int(low)) * self._unit, (first + int(high)) * self._unit
            run = np.ascontiguousarray(values[low:high], np.float32)
            past = end > self._lengths[chrom]
            whole = len(run) - past
            if whole:
                self._file.addEntries(chrom, start, values=run[:whole], span=self._unit, step=self._unit)
            if past:
                self._file.addEntries(
                    [chrom], [end - self._unit], ends=[self._lengths[chrom]], values=[float(run[-1])]
                )
            self._bases += min(end, self._lengths[chrom]) - start

    def close(self) -> None:
        """Write the index and zoom levels, and check that the disk took it all.

        Raises
        ------
        OSError
            If it did not: the library says nothing of a full disk.
        """
        if self._file is None:
            return
        self._file.close()
        self._file = None
        if not self._bases:
            return
        try:
            with require_pybigwig().open(str(self._path)) as written:
                bases = written.header()["nBasesCovered"]
        except RuntimeError:
            bases = -1
        if bases != self._bases:
            raise OSError(f"The bigWig file {self._path.name} could not be written whole. Is the disk full?")
