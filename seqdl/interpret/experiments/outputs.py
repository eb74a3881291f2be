"""What experiments share: the function that is measured, its targets, and intervals over backgrounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError, require_at_least
from seqdl.interpret.mutagenesis.edits import FullPass
from seqdl.progress import Progress

STEP = 1024  # sequences between two signs of progress


class Outputs(NamedTuple):
    """What is measured.

    Attributes
    ----------
    network : FullPass
        Sequences, uint8 (n, L), to numbers, (n, t).
    targets : tuple of str, or None
        Names of the numbers; None for a function of the user's, until its first result.
    settings : dict
        What is to be written beside the numbers.
    """

    network: FullPass
    targets: tuple[str, ...] | None
    settings: dict

    def of(self, codes: np.ndarray, progress: Progress) -> np.ndarray:
        """Return the numbers, float32 (n, t), of sequences; progress counts them."""
        parts = []
        for at in range(0, len(codes), STEP):
            part = self.network.reference(codes[at : at + STEP])
            parts.append(part.reshape(len(part), -1))
            progress.advance(len(part))
        return np.concatenate(parts)

    def names(self, t: int) -> tuple[str, ...]:
        """Return the names of `t` numbers."""
        if self.targets is not None:
            return self.targets
        return ("output",) if t == 1 else tuple(f"output{i + 1}" for i in range(t))


def is_function(run) -> bool:
    """Tell whether this is a function or a model rather than a run."""
    return callable(run) and not hasattr(run, "card")


def outputs_of(
    run,
    target=None,
    *,
    head: str | None = None,
    bins: tuple[int, int] | None = None,
    strand_average: bool | None = None,
    batch_size: int | None = None,
) -> Outputs:
    """Return the function that is measured.

    Parameters
    ----------
    run : str, Path, Run, keras.Model, or callable
        A trained run; or a model or ``func(codes uint8 (n, L)) -> array (n,) or (n, t)``, whose targets have
        no names, so that `target` means nothing; nor do `head`, `bins` and `strand_average` to a function.
    target : str, int or list of them, optional
        Targets to keep; all by default.
    head, bins, strand_average
        See `seqdl.interpret.heads.output_function`.
    batch_size : int, optional
        Sequences a pass.

    Returns
    -------
    Outputs

    Raises
    ------
    InputError
        If a target or the head does not fit the run.
    """
    from seqdl.interpret.heads import averages_strands, choose_head, output_function

    require_at_least(1, batch_size=batch_size)
    if hasattr(run, "inputs") and is_function(run):
        batch_size = batch_size or 64
        run = output_function(run, head=head, bins=bins, strand_average=strand_average, batch_size=batch_size)
    if is_function(run):
        return Outputs(FullPass(run, batch_size or 64), None, {})
    from seqdl.interpret.mutagenesis.prepare import target_indices
    from seqdl.prediction.predictor import default_batch_size
    from seqdl.prediction.tasks import require_bases
    from seqdl.training.run import Run

    run = Run.open(run)
    require_bases(run, "An experiment with motifs")
    indices = target_indices(run, target)
    batch_size = batch_size or default_batch_size(run.window)
    output = output_function(run, head=head, bins=bins, strand_average=strand_average, batch_size=batch_size)
    settings = {
        "model": run.label,
        "head": choose_head(run.task, head, bins),
        "strand_average": averages_strands(run, strand_average),
    }
    if bins is not None:
        settings["bins"] = list(bins)
    return Outputs(
        FullPass(lambda batch: output(batch)[:, indices], batch_size),
        tuple(run.target_names[i] for i in indices),
        settings,
    )


def check_confidence(confidence: float) -> None:
    """Refuse what is no share between 0 and 1.

    Parameters
    ----------
    confidence : float

    Raises
    ------
    InputError
        If so.
    """
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` must lie between 0 and 1. Received: {confidence}.")


def mean_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean over backgrounds and its interval by Student's t.

    Parameters
    ----------
    values : float array, (n, ...)
        One value a background; for paired effects the differences. NaN is left out.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    mean, low, high : float64 arrays, (...)
        `low` and `high` are NaN with fewer than two values.

    Raises
    ------
    InputError
        If `confidence` is out of range.

    Notes
    -----
    The interval is that of the mean over sequences like these backgrounds, under this one network. How
    far another training of the network would differ it does not say.
    """
    from scipy.stats import t as student

    check_confidence(confidence)
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    n = known.sum(axis=0)
    mean = np.where(known, values, 0).sum(axis=0) / np.where(n > 0, n, np.nan)
    squares = np.where(known, (values - mean) ** 2, 0).sum(axis=0)
    degrees = np.where(n > 1, n - 1, np.nan)
    half = student.ppf((1 + confidence) / 2, degrees) * np.sqrt(
        squares / degrees / np.where(n > 0, n, np.nan)
    )
    return mean, mean - half, mean + half
