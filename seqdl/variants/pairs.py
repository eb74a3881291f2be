"""Predictions for both alleles of each variant: every window once, each side of an indel where it stands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seqdl.variants.passes import Answers, Passes
from seqdl.variants.screen import Screened


def predict_pairs(
    passes: Passes,
    screened: Screened,
    rows: slice,
    strips: bool = False,
    tick: Callable[[int, int], None] = lambda *_: None,
) -> tuple[Answers, Answers]:
    """Predict both alleles of some scored rows, each reference window once.

    Parameters
    ----------
    passes : Passes
    screened : Screened
        With windows of ``passes.window`` bases.
    rows : slice
        Of its scored rows; start and stop are given.
    strips : bool
        Evaluate alternative windows on their strips, see `seqdl.incremental`.
    tick : callable
        Told how many predictions are done, and of how many.

    Returns
    -------
    ref, alt : Answers
        For n windows, n the number of rows.
    """
    ref, alt = (windows[rows] for windows in screened.windows)
    first = ~screened.shared[rows]
    first[:1] = True
    among = (screened.moved >= rows.start) & (screened.moved < rows.stop)
    refs, m, place = int(first.sum()), len(alt), np.cumsum(first) - 1
    codes = [ref[first], alt]
    if among.any():
        codes.append(screened.right[among])
    codes = np.concatenate(codes)
    of = np.arange(len(codes))
    of[refs : refs + m] = place
    total, done = len(codes) * passes.passes, 0

    def count(predicted: int) -> None:
        nonlocal done
        done += predicted
        tick(done, total)

    answers = passes.ask(codes, of if strips else None, count)
    of_ref = answers.take(place if refs < m else slice(0, refs))
    of_alt = answers.take(slice(refs, refs + m))
    if among.any():
        moved, bins = screened.moved[among] - rows.start, passes.bins_of(screened.anchors[among])
        right = answers.take(slice(refs + m, None))
        of_alt = of_alt.paired(right, lambda left, right: _stitched(left, right, moved, bins))
    return of_ref, of_alt


def _stitched(left: np.ndarray, right: np.ndarray, moved: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Take each bin of an indel's alt profile from the window in which its side did not move.

    Parameters
    ----------
    left : float32 array, shape (n, bins, targets)
        Of all alleles, from windows whose left side stands still.
    right : float32 array, shape (k, bins, targets)
        Of the indels, from windows whose right side does.
    moved, bins : int64 arrays, shape (k,)
        The indels' rows in `left`, and the bins in which they begin: these are the mean of both.
    """
    stitched, own = left.copy(), left[moved]
    side = (np.arange(left.shape[1]) - bins[:, None])[..., None]
    stitched[moved] = np.where(side > 0, right, np.where(side == 0, (own + right) / 2, own))
    return stitched
