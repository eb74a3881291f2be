"""Write what an evaluation found: every file whole or not at all, metrics.json last."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from seqdl.files import atomic_path, write_text

# Version 2 says the task; version 1 was of binary labels.
METRICS_FORMAT, METRICS_VERSION = "seqdl-metrics", 2
PREDICTIONS_FORMAT, PREDICTIONS_VERSION = "seqdl-evaluation-predictions", 1
FIGURE_STAMP = "RANDOM SPLIT: leaks"
RANDOM_SPLIT_STAMP = (
    f"{FIGURE_STAMP}. Neighbouring, overlapping windows stand in training and test, so every number here is "
    "too good."
)


def shown_categories(models: list[dict]) -> list[str]:
    """Name the categories that get rows of their own; a single one would only repeat the total.

    Parameters
    ----------
    models : list of dict
        ``models`` of metrics.json; one without ``by_category`` adds none.

    Returns
    -------
    list of str
        In the order in which the models name them; empty for fewer than two.
    """
    names = list(dict.fromkeys(name for model in models for name in model.get("by_category") or {}))
    return names if len(names) > 1 else []


def write_table(path: Path, table, random_split: bool) -> Path:
    """Write a tab-separated table; a random split is stamped on its first line.

    Parameters
    ----------
    path : Path
        Ends in .tsv.
    table : pandas.DataFrame
        Without its index.
    random_split : bool
        Whether to stamp it (a line that starts with ``#``).

    Returns
    -------
    Path
        The file written.
    """
    with atomic_path(path) as aside, open(aside, "w", encoding="utf-8", newline="") as handle:
        if random_split:
            handle.write(f"# {RANDOM_SPLIT_STAMP}\n")
        table.to_csv(handle, sep="\t", index=False, float_format="%.6g", na_rep="nan", lineterminator="\n")
    return path


def write_json(path: Path, metrics: dict) -> Path:
    """Write metrics.json; nan is never written.

    Parameters
    ----------
    path : Path
        The file.
    metrics : dict
        JSON-ready, None where a number is missing.

    Returns
    -------
    Path
        The file written.
    """
    write_text(path, json.dumps(metrics, indent=1, allow_nan=False) + "\n")
    return path


def write_predictions(
    path: Path,
    models: dict[str, np.ndarray],
    labels: np.ndarray,
    indices: np.ndarray,
    targets: list[str],
    **attributes,
) -> Path:
    """Write the predictions that the metrics were computed from.

    Parameters
    ----------
    path : Path
        Ends in .h5.
    models : dict of str to float32 (n, T)
        Probabilities by model.
    labels : uint8 (n, T)
        0 or 1; stored as bits.
    indices : int64 (n,)
        Number of each window in the dataset.
    targets : list of str
        Names, in the order of the columns.
    **attributes
        Strings and numbers about the whole (split, random_split, ...).

    Returns
    -------
    Path
        The file written: /probabilities/<model> float32 (n, T), /labels uint8 (n, ceil(T / 8)) as numpy's
        packbits with attribute n_targets, /indices int64 (n,), /targets.
    """
    import h5py

    from seqdl.io.hdf5 import HDF5Writer

    with atomic_path(path) as aside:
        with HDF5Writer(aside) as f:
            f.attrs.update(format=PREDICTIONS_FORMAT, version=PREDICTIONS_VERSION, **attributes)
            group = f.create_group("probabilities")
            for name, values in models.items():
                chunk = (max(1, min(len(values), 4096)), values.shape[1])
                group.create_dataset(
                    name,
                    data=values.astype(np.float32, copy=False),
                    chunks=chunk,
                    shuffle=True,
                    compression="lzf",
                )
            packed = f.create_dataset("labels", data=np.packbits(labels.astype(bool), axis=1))
            packed.attrs["n_targets"] = labels.shape[1]
            f["indices"] = np.asarray(indices, np.int64)
            f.create_dataset("targets", data=list(targets), dtype=h5py.string_dtype())
    return path


def read_predictions(path: str | Path) -> tuple[dict[str, np.ndarray], np.ndarray, list[str]]:
    """Read what `write_predictions` wrote.

    Parameters
    ----------
    path : path
        ``predictions.h5`` of a run that was evaluated.

    Returns
    -------
    models : dict of str to float32 (n, T)
        Probabilities by model.
    labels : uint8 (n, T)
        0 or 1.
    targets : list of str
        Names of the columns.

    Raises
    ------
    InputError
        If the file is missing, damaged, or something else.
    """
    import h5py

    from seqdl.errors import InputError
    from seqdl.files import require_file

    path = require_file(path, "predictions of an evaluation")
    try:
        with h5py.File(path, "r") as f:
            if f.attrs.get("format") != PREDICTIONS_FORMAT:
                raise InputError(f"{path} was not written by `seqdl evaluate`. Run it again.")
            models = {name: values[:] for name, values in f["probabilities"].items()}
            labels = np.unpackbits(f["labels"][:], axis=1, count=int(f["labels"].attrs["n_targets"]))
            return models, labels, [name.decode("utf-8") for name in f["targets"][:]]
    except (OSError, KeyError) as error:
        raise InputError(
            f"{path} is damaged or no HDF5 file: {error}. Run `seqdl evaluate` again."
        ) from error


def write_figures(folder: Path, curves, calibration, random_split: bool) -> list[Path]:
    """Draw the curves by category and the calibration, each as PNG and SVG.

    Parameters
    ----------
    folder : Path
        Where to.
    curves : pandas.DataFrame
        Of `category_curves`; nothing is drawn of an empty one.
    calibration : pandas.DataFrame
        Of `calibration_table`.
    random_split : bool
        Whether to stamp the pictures.

    Returns
    -------
    list of Path
        The files written.
    """
    from seqdl.plot.evaluation import plot_calibration, plot_category_curves

    stamp = FIGURE_STAMP if random_split else ""
    figures = {"calibration": plot_calibration(calibration, stamp=stamp)}
    if len(curves):
        figures["curves"] = plot_category_curves(curves, stamp=stamp)
    return save_figures(folder, figures)


def save_figures(folder: Path, figures: dict) -> list[Path]:
    """Write matplotlib figures by their names as PNG and SVG into the subfolder figures; return the files."""
    from seqdl.plot.style import save_figure

    written = []
    for name, figure in figures.items():
        for suffix in (".png", ".svg"):
            path = folder / "figures" / f"{name}{suffix}"
            save_figure(figure, path)
            written.append(path)
    return written
