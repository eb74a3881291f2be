"""Windows that differ from others in a few bases: the others pass whole, and these on their strips.

It is how both alleles of a substitution are predicted: the reference window's pass keeps what its layers
gave, and the alternative one computes anew what the changed base can reach.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seqdl.errors import InputError
from seqdl.incremental.choose import FLOOR, SAMPLE, TOLERANCE
from seqdl.incremental.engine import CACHE, LEAST, IncrementalEngine, changes_between
from seqdl.progress import say

_WIDEST = 16  # bases; what differs in more of them passes whole
_MOST = 64  # windows that are cached at once


class PairedForward:
    """Predict windows, some of which are others with a few bases changed.

    The first time that changes of a width come, some of them are passed whole as well. If the numbers differ
    by more than `TOLERANCE` of the largest output, everything passes whole from then on, and it is said.

    Parameters
    ----------
    model : keras.Model, float32 (b, L, 4) -> (b, ...)
    full : callable
        ``full(codes uint8 (n, L)) -> float32 (n, ...)``: whole passes.

    Attributes
    ----------
    spared : float
        Floating-point operations of a whole pass that a change of one base is spared.

    Raises
    ------
    InputError
        If the network cannot be followed, or nothing in it can be reused.
    """

    def __init__(self, model, full: Callable[[np.ndarray], np.ndarray]) -> None:
        self._model, self._full = model, full
        self._engine = IncrementalEngine(model)
        plan = self._engine.plan(1)
        self.spared = plan.full - plan.part
        if plan.gain < LEAST:
            raise InputError(
                f"In the network {model.name!r} a changed base reaches so much that nothing is gained by "
                "reusing the rest. Leave `engine` (--engine) out."
            )
        self._evaluations: dict[int, object] = {}
        self._checked: set[int] = set()
        self.failed = False

    def __call__(self, codes: np.ndarray, of: np.ndarray) -> np.ndarray:
        """Predict.

        Parameters
        ----------
        codes : uint8 array, shape (n, L)
        of : int64 array, shape (n,)
            Which window each one is a change of; its own place for those that are not.

        Returns
        -------
        outputs : float32 array, shape (n, ...)
        """
        if self.failed:
            return self._full(codes)
        n, length = codes.shape
        differs = codes != codes[of]
        some = differs.any(axis=1)
        first = differs.argmax(axis=1)
        width = np.where(some, length - differs[:, ::-1].argmax(axis=1) - first, 0)
        out, done = None, np.zeros(n, bool)
        for wide in (1, 2, 4, 8, _WIDEST):
            rows = np.flatnonzero((width > wide // 2) & (width <= wide))
            if not len(rows) or wide > length or self._engine.plan(wide).gain < LEAST:
                continue
            if wide not in self._checked:
                self._check(wide, codes, rows, of, first)
                if self.failed:
                    return self._full(codes)
            for places, outputs in self._on_strips(wide, codes, rows, of, first):
                out = np.empty((n, *outputs.shape[1:]), np.float32) if out is None else out
                out[places], done[places] = outputs, True
        rest = np.flatnonzero(~done & (some | (of == np.arange(n))))
        if len(rest):
            outputs = self._full(codes[rest])
            out = np.empty((n, *outputs.shape[1:]), np.float32) if out is None else out
            out[rest] = outputs
        same = np.flatnonzero(~some & (of != np.arange(n)))
        out[same] = out[of[same]]
        return out

    def _check(
        self, wide: int, codes: np.ndarray, rows: np.ndarray, of: np.ndarray, first: np.ndarray
    ) -> None:
        chosen = rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(int)]
        self._checked.add(wide)
        for places, found in self._on_strips(wide, codes, chosen, of, first):
            expected = self._full(codes[places])
            scale = max(float(np.abs(expected).max()), FLOOR)
            difference = float(np.abs(found - expected).max()) / scale
            if not difference <= TOLERANCE:
                self.failed = True
                say(
                    f"Engine: on strips, the check against full passes differed by {difference:.0e} of the "
                    f"largest output, where {TOLERANCE:.0e} is allowed. Everything is passed whole."
                )
                return

    def _on_strips(self, wide: int, codes: np.ndarray, rows: np.ndarray, of: np.ndarray, first: np.ndarray):
        """Yield places and their outputs: of windows that are changed, and of those that are changes."""
        from keras import ops

        evaluation = self._evaluation(wide)
        block = self._block(evaluation)
        bases, base_of = np.unique(of[rows], return_inverse=True)
        for start in range(0, len(bases), block):
            places = bases[start : start + block]
            windows = codes[places]
            chosen = np.flatnonzero((base_of >= start) & (base_of < start + block))
            output, kept = evaluation.cache(windows[np.resize(np.arange(len(places)), block)])
            yield places, ops.convert_to_numpy(output)[: len(places)]
            row = base_of[chosen] - start
            starts, change = changes_between(windows[row], codes[rows[chosen]], first[rows[chosen]], wide)
            for batch in evaluation.batches(row, starts):
                fill = batch.which[np.resize(np.arange(len(batch.which)), evaluation.batch_size)]
                result = evaluation.run(
                    kept,
                    row[fill].astype(np.int32),
                    starts[fill].astype(np.int32),
                    change[fill],
                    batch.leaves,
                )
                yield rows[chosen[batch.which]], ops.convert_to_numpy(result)[: len(batch.which)]

    def _evaluation(self, wide: int):
        if wide not in self._evaluations:
            from seqdl.incremental.evaluation import Evaluation

            found = Evaluation(self._engine.plan(wide), self._model, 1)
            found.batch_size = max(8, self._block(found))  # one change a window is usual
            self._evaluations[wide] = found
        return self._evaluations[wide]

    @staticmethod
    def _block(evaluation) -> int:
        return int(np.clip(CACHE // max(evaluation.bytes_a_sequence(), 1), 1, _MOST))
