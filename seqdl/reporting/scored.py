"""What a page needs of a file of scores, taken in one pass that holds a piece of it at a time."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.variants.files.streaming import Rows, read_meta, read_rows, stream_scores

POINTS = 2000  # bars along a contig: more of them are not seen
LARGE = {"binary": 0.1, "coverage": 1.0}  # a tenth of probability; a twofold change of the total


class ScoredVariants(NamedTuple):
    """A file of scores in short.

    Attributes
    ----------
    path : Path
    meta : dict
        How the scores were made.
    total, large : int
        Alleles, and those whose largest effect is at least that of `LARGE`.
    top : Rows
        Those with the largest effects, largest first.
    contig : str
        That of the first of them.
    positions, sizes : arrays, (m,)
        1-based places on it, ascending, and the largest effect near each.
    """

    path: Path
    meta: dict
    total: int
    large: int
    top: Rows
    contig: str
    positions: np.ndarray
    sizes: np.ndarray

    @property
    def coverage(self) -> bool:
        """Whether the network predicts coverage."""
        return self.meta.get("task") == "coverage"


def survey_scores(path: str | Path, most: int) -> ScoredVariants:
    """Read a file of scores once for its largest effects and for a picture along the genome.

    Parameters
    ----------
    path : path
        What `score_variants` wrote, but not as VCF.
    most : int
        Alleles to keep whole.

    Returns
    -------
    scored : ScoredVariants

    Raises
    ------
    InputError
        If the file is missing, damaged or of another kind.
    """
    meta = read_meta(path)
    least = LARGE[meta.get("task", "binary")]
    numbers, largest = np.zeros(0, np.int64), np.zeros(0, np.float64)
    places: dict[str, np.ndarray] = {}
    total = large = 0
    for frame in stream_scores(path):
        sizes = np.abs(np.nan_to_num(frame["max_abs_diff"].to_numpy(np.float64)))
        large += int((sizes >= least).sum())
        numbers = np.concatenate([numbers, np.arange(total, total + len(frame))])
        largest = np.concatenate([largest, sizes])
        order = np.argsort(-largest, kind="stable")[:most]
        numbers, largest = numbers[order], largest[order]
        total += len(frame)
        points = np.stack([frame["pos"].to_numpy(np.float64), sizes])
        names, codes = np.unique(frame["chrom"].to_numpy(str), return_inverse=True)
        for k, name in enumerate(names.tolist()):
            places[name] = _thinned(places.get(name), points[:, codes == k])
    top = read_rows(path, numbers.tolist())
    contig = str(top.variants["chrom"].iloc[0]) if total else ""
    positions, sizes = _largest_by_place(places[contig], POINTS) if total else np.zeros((2, 0))
    return ScoredVariants(Path(path), meta, total, large, top, contig, positions.astype(np.int64), sizes)


def _thinned(before: np.ndarray | None, points: np.ndarray) -> np.ndarray:
    points = points if before is None else np.concatenate([before, points], axis=1)
    return points if points.shape[1] <= 4 * POINTS else _largest_by_place(points, 2 * POINTS)


def _largest_by_place(points: np.ndarray, bins: int) -> np.ndarray:
    """Keep the largest effect of each of so many equal stretches, (2, m) by ascending place."""
    low, high = points[0].min(), points[0].max()
    stretch = np.minimum((points[0] - low) * (bins / max(high - low, 1.0)), bins - 1).astype(np.int64)
    order = np.lexsort((-points[1], stretch))
    first = np.diff(stretch[order], prepend=-1) > 0
    return points[:, order[first]]
