"""What a coverage evaluation shows and writes: a map of all bins, stretches of tracks, tables, pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqdl.evaluation.outputs import FIGURE_STAMP, save_figures, write_json, write_table
from seqdl.plot.coverage import EDGES, plot_examples, plot_scatter, plot_tracks

_REGION_BINS = 320  # bins of a stretch that is drawn, about
_REGIONS = (1.0, 0.9, 0.5)  # of the windows in the order of their signal: the richest, a rich one, the middle
_TRACKS = 4


class Scatter:
    """Count bins by observed and predicted value, all tracks together, in units of each track's mean.

    Parameters
    ----------
    mean : float array, shape (T,)
        Training means.
    names : list of str, length T
    """

    def __init__(self, mean: np.ndarray, names: list[str]) -> None:
        self._mean = np.where(np.asarray(mean) > 0, mean, 1.0)
        self._cells = len(EDGES)
        self.counts = np.zeros((self._cells, self._cells), np.int64)

    def add(self, observed: np.ndarray, predicted: np.ndarray) -> None:
        """Add windows, (m, n_bins, T) each; unknown values (NaN) are left out."""
        known = np.isfinite(observed)
        predicted = np.broadcast_to(predicted, observed.shape)
        row, column = (self._cell((values / self._mean)[known]) for values in (observed, predicted))
        table = np.bincount(row * self._cells + column, minlength=self.counts.size)
        self.counts += table.reshape(self.counts.shape)

    def _cell(self, ratio: np.ndarray) -> np.ndarray:
        return np.clip(np.searchsorted(EDGES, ratio, "right"), 0, self._cells - 1)

    def table(self):
        """Return the cells that hold bins: observed, predicted (lower edges, 0 for the lowest cell), bins."""
        import pandas as pd

        row, column = np.nonzero(self.counts)
        lower = np.concatenate([[0.0], EDGES[:-1]])
        return pd.DataFrame(
            {"observed": lower[row], "predicted": lower[column], "bins": self.counts[row, column]}
        )


def example_table(data, indices: np.ndarray, signal: np.ndarray, models: dict, pearson: np.ndarray):
    """Take stretches to look at, chosen by what was observed and never by how well it was predicted.

    Parameters
    ----------
    data : Dataset
    indices : int64 (n,)
        The windows measured.
    signal : float (n,)
        How much was observed in each window.
    models : dict of str to callable
        Codes to values (m, n_bins, T), by the model's name.
    pearson : float (T,)
        The network's correlation on each track: tracks from the best to the worst are shown.

    Returns
    -------
    pandas.DataFrame
        Columns region, why, chrom, start, end, target, pearson, observed, and one a model. Bins in order; at
        most four tracks in three stretches.
    """
    import pandas as pd

    ranked = np.argsort(-np.nan_to_num(pearson, nan=-2.0), kind="stable")
    ranked = ranked[: max(1, int(np.isfinite(pearson).sum()))]
    places = np.linspace(0, len(ranked) - 1, min(_TRACKS, len(ranked))).round().astype(int)
    tracks = ranked[places]
    order = np.argsort(signal, kind="stable")
    reasons = ("most signal", "more signal than 9 in 10 windows", "median signal")
    parts, seen = [], set()
    for region, (share, why) in enumerate(zip(_REGIONS, reasons, strict=True)):
        middle = int(order[round(share * (len(order) - 1))])
        if middle in seen:
            continue
        windows = _neighbours(data, indices, middle, max(1, _REGION_BINS // data.n_bins))
        seen.update(np.flatnonzero(np.isin(indices, windows)).tolist())
        codes, observed = data.codes(windows), data.values(windows).astype(np.float32)
        predicted = {
            name: np.broadcast_to(predict(codes), observed.shape) for name, predict in models.items()
        }
        first = data.starts[windows] + (data.window - data.bin) // 2
        start = (first[:, None] + data.resolution * np.arange(data.n_bins)).ravel()
        for track in tracks:
            parts.append(
                pd.DataFrame({
                    "region": region, "why": why, "chrom": str(data.chroms[windows[0]]) or "sequence",
                    "start": start, "end": start + data.resolution, "target": data.target_names[track],
                    "pearson": pearson[track], "observed": observed[..., track].ravel(),
                    **{name: values[..., track].ravel() for name, values in predicted.items()},
                })
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _neighbours(data, indices: np.ndarray, middle: int, most: int) -> np.ndarray:
    """Return the windows around one whose bins join without gap or overlap, in order."""
    here = data.contig_ids[indices] == data.contig_ids[indices[middle]]
    if data.contig_ids[indices[middle]] < 0:
        return indices[middle : middle + 1]
    by_start = {int(data.starts[i]): int(i) for i in indices[here]}
    found = [int(indices[middle])]
    for step in (-1, 1):
        at = int(data.starts[indices[middle]])
        while len(found) < (most // 2 + 1 if step < 0 else most) and (at := at + step * data.bin) in by_start:
            found.append(by_start[at])
    found = np.array(found)
    return found[np.argsort(data.starts[found])]


def write_coverage(folder: Path, metrics: dict, tracks, scatter, examples) -> list[Path]:
    """Write tables and pictures; metrics.json last.

    Parameters
    ----------
    folder : Path
    metrics : dict
        Contents of metrics.json.
    tracks, scatter, examples : pandas.DataFrame
        Of `track_table`, `Scatter.table` and `example_table`.

    Returns
    -------
    list of Path
        What was written: metrics.tsv, scatter.tsv, examples.tsv, figures/ and metrics.json.
    """
    stamp = metrics["random_split"]
    tables = {"metrics": tracks, "scatter": scatter, "examples": examples}
    written = [write_table(folder / f"{name}.tsv", table, stamp) for name, table in tables.items()]
    words = FIGURE_STAMP if stamp else ""
    figures = {
        "tracks": plot_tracks(tracks, stamp=words), "scatter": plot_scatter(scatter, stamp=words),
        "examples": plot_examples(examples, stamp=words),
    }  # fmt: skip
    written += save_figures(folder, figures)
    return [*written, write_json(folder / "metrics.json", metrics)]
