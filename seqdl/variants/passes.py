"""How often a window is predicted, and what is averaged: strands, shifts, members, thinned networks.

Every window is asked in a grid of passes (member x shift x strand). The mean over the grid is the
prediction. Where the spread over a source is wanted, the mean over the *other* sources is kept for
each of its entries as well, so that a score can be computed for every member, every shift, and so on.
Thinned networks (dropout) are asked at the first shift alone, and only their spread is used.

A window that is moved to the left by s bases has its bins s bases to the left: they are brought back
by weighing neighbouring bins (a bin's value is taken as spread evenly over its bases), and bins that
not every shift covers are left out, for both alleles alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.prediction.predictor import require_finite
from seqdl.variants.network import Asker, Network
from seqdl.variants.options import ScoringOptions
from seqdl.variants.scores import Outputs, mean_outputs, outputs_from_logits

Prediction = Outputs | np.ndarray  # of probabilities, or of coverage (n, bins, targets)


class Answers(NamedTuple):
    """Predictions for n windows: their mean, and by source of spread one prediction an entry."""

    mean: Prediction
    sources: dict[str, list[Prediction]]

    def take(self, rows: np.ndarray | slice) -> Answers:
        """Return some windows' predictions."""
        return Answers(
            _take(self.mean, rows),
            {source: [_take(one, rows) for one in found] for source, found in self.sources.items()},
        )

    def paired(self, other: Answers, function: Callable) -> Answers:
        """Combine these predictions with another Answers', entry by entry."""
        return Answers(
            function(self.mean, other.mean),
            {
                source: [function(a, b) for a, b in zip(found, other.sources[source], strict=True)]
                for source, found in self.sources.items()
            },
        )


def _take(prediction: Prediction, rows: np.ndarray | slice) -> Prediction:
    if isinstance(prediction, Outputs):
        return Outputs(prediction.p[rows], prediction.z[rows])
    return prediction[rows]


class Passes:
    """Ask a network about windows.

    Parameters
    ----------
    network : Network
    options : ScoringOptions
        Its shifts, spread, draws and seed.
    chosen : int64 array
        Places of the targets that are kept.

    Attributes
    ----------
    window, anchor : int
        Bases of the windows to hand in, which are longer than the network's where there are shifts, and
        the index of a variant's first base in them.
    bins : slice or None
        The bins of coverage that every shift covers.
    passes : int
        Predictions a window.

    Raises
    ------
    InputError
        If the network has no such source of spread, the shifts leave no bin, or a tile of
        `share_reference` bases does not fit into the window.
    """

    def __init__(self, network: Network, options: ScoringOptions, chosen: np.ndarray, anchor: int) -> None:
        _check_tile(options.share_reference, network.window, anchor)
        self._network, self._chosen = network, chosen
        self._shifts, self._spread = options.shifts, options.spread
        low, high = min(self._shifts), max(self._shifts)
        self._high = max(high, 0)
        reach = self._high - min(low, 0)
        if reach >= network.window:
            raise InputError(
                f"`shifts` must be smaller than the window of {network.window} bases. "
                f"Received: {','.join(map(str, self._shifts))}."
            )
        self.window, self.anchor = network.window + reach, anchor + self._high
        self.bins = self._common_bins(low, high)
        self._askers = [network.asker]
        if "members" in self._spread:
            self._askers = network.members()
            if not self._askers:
                raise InputError(
                    "`spread` over members needs an ensemble, and this run is a single network. Train one "
                    "with `seqdl train --members 5`, or join runs with `seqdl ensemble`."
                )
        self._strands: tuple[bool | None, ...] = (None,)
        if "strands" in self._spread:
            if network.asker.strand is None or not network.strand_average:
                raise InputError(
                    "`spread` over strands needs a run whose predictions are averaged over both strands. "
                    "Ask for it with --strand-average."
                )
            self._strands = (False, True)
        self._thinned: list[Asker] = []
        if "dropout" in self._spread:
            if network.thinned is None:
                raise InputError("`spread` over dropout needs a run folder.")
            self._thinned = network.thinned(options.draws, options.seed)
        grid = len(self._askers) * len(self._shifts) * len(self._strands)
        self.passes = grid + len(self._thinned)

    def _common_bins(self, low: int, high: int) -> slice | None:
        network = self._network
        if network.task == "binary":
            return None
        first = -(min(low, 0) // network.resolution)  # rounded up
        last = network.bins + (-max(high, 0) // network.resolution)
        if last <= first:
            raise InputError(
                f"`shifts` leave none of the {network.bins} bins of {network.resolution} bases in common. "
                f"Received: {','.join(map(str, self._shifts))}."
            )
        return slice(first, last)

    @property
    def numbers(self) -> int:
        """Values that a window's predictions take: passes x bins x targets."""
        return self.passes * max(self._network.bins, 1) * len(self._chosen)

    def bins_of(self, anchors: np.ndarray) -> np.ndarray:
        """Return the places among `bins` of bases at some indexes of the longer windows; int64, (n,)."""
        network = self._network
        return (anchors - self._high - network.margin) // network.resolution - self.bins.start

    def ask(
        self, codes: np.ndarray, of: np.ndarray | None = None, tick: Callable[[int], None] = lambda _: None
    ) -> Answers:
        """Predict.

        Parameters
        ----------
        codes : uint8 array, shape (n, self.window)
        of : int64 array, shape (n,), optional
            Which window each one is an alternative of, its own place for the others: with it, alternatives are
            evaluated on their strips.
        tick : callable
            Told how many predictions have been made since the last call.

        Returns
        -------
        answers : Answers
            Of the chosen targets; coverage in the common bins.
        """
        grid = {}
        for j, shift in enumerate(self._shifts):
            windows = self._shifted(codes, shift)
            for i, asker in enumerate(self._askers):
                for k, reverse in enumerate(self._strands):
                    grid[i, j, k] = self._back(self._one(asker, windows, of, reverse, tick), shift)
        sources = {}
        for axis, source in enumerate(("members", "shifts", "strands")):
            if source in self._spread:
                entries = sorted({place[axis] for place in grid})
                sources[source] = [
                    _mean([x for place, x in grid.items() if place[axis] == entry]) for entry in entries
                ]
        if self._thinned:
            windows = self._shifted(codes, self._shifts[0])
            sources["dropout"] = [
                _mean([self._back(self._one(one, windows, of, None, tick), self._shifts[0])])
                for one in self._thinned
            ]
        return Answers(_mean(list(grid.values())), sources)

    def unshifted(self, codes: np.ndarray) -> np.ndarray:
        """Return the network's own windows, (n, window), of longer ones, (n, self.window)."""
        return self._shifted(codes, 0)

    def _shifted(self, codes: np.ndarray, shift: int) -> np.ndarray:
        begin = self._high - shift
        return np.ascontiguousarray(codes[:, begin : begin + self._network.window])

    def _one(
        self,
        asker: Asker,
        windows: np.ndarray,
        of: np.ndarray | None,
        reverse: bool | None,
        tick: Callable[[int], None],
    ) -> np.ndarray:
        """Ask in pieces of whole batches, so that progress moves; keep the chosen targets.

        On strips all at once: a window and what it is an alternative of must not be parted.
        """
        step, found = 2 * self._network.batch_size if of is None else len(windows), []
        more = {} if of is None else {"of": of}
        for start in range(0, max(len(windows), 1), max(step, 1)):
            piece = windows[start : start + step]
            answer = asker.mean(piece, **more) if reverse is None else asker.strand(piece, reverse, **more)
            found.append(answer[..., self._chosen])
            tick(len(piece))
        answer = np.concatenate(found)
        require_finite(answer)
        return answer

    def _back(self, answer: np.ndarray, shift: int) -> np.ndarray:
        """Bring a shifted window's bins of coverage back to where the unshifted ones are."""
        if self.bins is None:
            return answer
        whole, rest = divmod(shift, self._network.resolution)
        part = np.float32(rest / self._network.resolution)
        first, last = self.bins.start + whole, self.bins.stop + whole
        back = answer[:, first:last]
        return back if not rest else (1 - part) * back + part * answer[:, first + 1 : last + 1]


def _mean(answers: Sequence[np.ndarray]) -> Prediction:
    if answers[0].ndim == 2:
        return mean_outputs([outputs_from_logits(one) for one in answers])
    return answers[0] if len(answers) == 1 else np.mean(answers, axis=0, dtype=np.float32)


def _check_tile(share: int, window: int, anchor: int) -> None:
    """Check that every place of a tile lies in the window that its variants share."""
    most = min(2 * anchor + 1, 2 * (window - anchor))
    if share > most:
        raise InputError(
            f"`share_reference` must be a tile of at most {most} bases, so that each of its variants lies in "
            f"the window of {window} bases with anchor {anchor}. Received: {share}."
        )
