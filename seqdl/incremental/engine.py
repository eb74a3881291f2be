"""The engine: changes of equal length on their strips, everything else by full passes."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from seqdl.errors import InputError
from seqdl.incremental.program import build_program
from seqdl.incremental.strips import Plan, plan_strips
from seqdl.interpret.mutagenesis.edits import Edits, FullPass

CACHE = 1 << 28  # bytes of the reference's tensors that are kept at once
BATCH = 1 << 24  # bytes of the largest tensor of a batch
LEAST = 1.2  # times less arithmetic than a full pass, from where on strips are used
_SEQUENCES = 8  # cached at once, where they are short


class IncrementalEngine:
    """Evaluate edits by recomputing only what a changed base can reach.

    The reference passes through the network once; a change takes from it everything that it leaves as it was.
    Its results are those of full passes but for the order of sums.

    Parameters
    ----------
    model : keras.Model, float32 (b, L, 4) -> (b, ...)
        Functional or sequential, in float32.
    batch_size : int, optional
        Changes at once; chosen from the network's sizes by default.
    full : FullPass, optional
        What evaluates the edits that strips do not serve: those that change a sequence's length, or reach so
        far that nothing is gained.
    least : float
        From how many times less arithmetic than a full pass on strips are used; 0 for wherever there are any.

    Raises
    ------
    InputError
        If the model is neither, has several inputs or outputs, or no fixed window.
    """

    def __init__(
        self, model, batch_size: int | None = None, full: FullPass | None = None, least: float = LEAST
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise InputError(f"`batch_size` must be at least 1. Received: {batch_size}.")
        self.model, self._batch_size, self._least = model, batch_size, least
        self.program = build_program(model)
        self.window, channels = self.program.shapes[self.program.input][1:]
        if channels != 4:
            raise InputError(f"The engine changes bases, 4 channels. The network reads {channels}.")
        if full is not None:
            self._full = full
        self._evaluations: dict[int, object] = {}
        self._plans: dict[int, Plan] = {}
        self._kept: list[tuple] = []

    @cached_property
    def _full(self) -> FullPass:
        """Made when it is first asked for: pairs of windows bring full passes of their own."""
        return FullPass(model_function(self.model), self._batch_size or default_full_batch(self.window))

    def plan(self, width: int = 1) -> Plan:
        """Return how changes of `width` bases go through the network."""
        if width not in self._plans:
            self._plans[width] = plan_strips(self.program, width)
        return self._plans[width]

    def by_strips(self, width: int) -> bool:
        """Tell whether substitutions of `width` bases go on strips, if there are many of a sequence."""
        if not 0 < width <= self.window or bucket(width) > self.window:
            return False
        plan = self.plan(bucket(width))
        return plan.gain >= self._least and any(item.by_strip for item in plan.steps)

    def serves(self, edits: Edits) -> bool:
        """Tell whether edits are evaluated on strips: of one length, and enough of each sequence."""
        width = edits.inserted.shape[1]
        if not len(edits.rows) or edits.removed != width or not self.by_strips(width):
            return False
        # A sequence's own pass comes first; a change takes about twice the time that its arithmetic would.
        passes = len(np.unique(edits.rows)) + 2 * len(edits.rows) / self.plan(bucket(width)).gain
        return not self._least or passes < len(edits.rows)

    def reference(self, codes: np.ndarray) -> np.ndarray:
        """Return the outputs, (n, ...), of sequences, uint8 (n, L)."""
        return self._full.reference(codes)

    def evaluate(self, codes: np.ndarray, edits: Edits, right: np.ndarray | None = None) -> np.ndarray:
        """Return the outputs, (m, ...), of edited sequences; see `seqdl.interpret.mutagenesis.edits`."""
        if self.serves(edits):
            return self.on_strips(codes, edits)
        return self._full.evaluate(codes, edits, right)

    def on_strips(self, codes: np.ndarray, edits: Edits) -> np.ndarray:
        """Return the outputs, (m, ...), of substitutions, evaluated on strips whether that pays or not."""
        from keras import ops

        from seqdl.prediction.predictor import require_finite

        width = edits.inserted.shape[1]
        _require_inside(edits, width, self.window)
        evaluation = self._evaluation(bucket(width))
        out = None
        sequences, of = np.unique(edits.rows, return_inverse=True)
        block = self._block(evaluation, len(sequences))
        for first in range(0, len(sequences), block):
            chosen = np.flatnonzero((of >= first) & (of < first + block))
            rows = codes[sequences[first : first + block]]
            kept = self._cached(evaluation, rows[np.resize(np.arange(len(rows)), block)])
            starts, change = _changes(rows, of[chosen] - first, edits, chosen, evaluation.plan.width)
            for batch in evaluation.batches(of[chosen], starts):
                fill = batch.which[np.resize(np.arange(len(batch.which)), evaluation.batch_size)]
                result = evaluation.run(
                    kept, (of[chosen][fill] - first).astype(np.int32), starts[fill].astype(np.int32),
                    change[fill], batch.leaves,
                )  # fmt: skip
                result = ops.convert_to_numpy(result)[: len(batch.which)]
                require_finite(result)
                if out is None:
                    out = np.empty((len(edits.rows), *result.shape[1:]), np.float32)
                out[chosen[batch.which]] = result
        return out

    def _evaluation(self, width: int):
        if width not in self._evaluations:
            from seqdl.incremental.evaluation import Evaluation

            plan = self.plan(width)
            self._evaluations[width] = Evaluation(plan, self.model, self._batch_size or batch_of(plan))
        return self._evaluations[width]

    @staticmethod
    def _block(evaluation, sequences: int) -> int:
        """Choose how many sequences are cached at once: one, or as many as fit, so that shapes are few."""
        fit = int(min(_SEQUENCES, CACHE // max(evaluation.bytes_a_sequence(), 1)))
        return 1 if sequences == 1 else max(1, fit)

    def _cached(self, evaluation, codes: np.ndarray):
        """Return the reference's tensors; those of the last two blocks (of both strands) are still there."""
        key = (evaluation.plan.width, codes.shape, codes.tobytes())
        found = [tensors for known, tensors in self._kept if known == key]
        if not found:
            del self._kept[:-1]  # given back before the next ones are made
            found = [evaluation.cache(codes)[1]]
            self._kept.append((key, found[0]))
        return found[0]


def bucket(width: int) -> int:
    """Return the next power of two: changes are widened to it, so that few shapes are compiled."""
    return 1 << (width - 1).bit_length()


def batch_of(plan: Plan) -> int:
    """Choose how many changes are evaluated at once.

    As many as share the rows of a flat dense kernel, or a part of them, and no more than memory caches hold.
    """
    from seqdl.incremental.strips import Flat

    largest = max(
        [strip.width * plan.program.shapes[key][2] for key, strip in plan.forms.items()
         if hasattr(strip, "width")]
        + [int(np.prod(plan.program.shapes[key][1:])) for key, form in plan.forms.items() if form is None]
    )  # fmt: skip
    fit = int(np.clip(BATCH // (4 * largest), 4, 128))
    flat = [form.strip.stride for form in plan.forms.values() if isinstance(form, Flat)]
    if not flat:
        return fit
    together = 3 * max(flat)
    return -(-together // -(-together // fit))


def default_full_batch(window: int) -> int:
    """Return how many sequences a full pass takes."""
    from seqdl.prediction.predictor import default_batch_size

    return default_batch_size(window)


def model_function(model):
    """Return the function from codes, uint8 (n, L), to a model's outputs, by full passes."""
    import keras

    from seqdl.layers import OneHot

    codes = keras.Input(model.inputs[0].shape[1:2], dtype="uint8", name="codes")
    predictor = keras.Model(codes, model(OneHot(dtype="float32", name="one_hot")(codes)))
    return lambda batch: np.asarray(predictor.predict_on_batch(batch))


def _require_inside(edits: Edits, width: int, window: int) -> None:
    if edits.starts.min() < 0 or edits.starts.max() + width > window:
        raise InputError(
            f"Every edit must lie within the sequence, 0 to {window}. Received: edits from "
            f"{edits.starts.min()} to {edits.starts.max() + width}."
        )


def _changes(codes: np.ndarray, rows: np.ndarray, edits: Edits, chosen: np.ndarray, width: int):
    """Lay edits on `width` bases each, moved in at the right end.

    Returns
    -------
    starts : int64 array, (m,)
    change : float32 array, (m, width, 4)
        One-hot: the new bases less the old ones.
    """
    from seqdl.layers.one_hot import TABLE

    inserted, at = edits.inserted[chosen], edits.starts[chosen].astype(np.int64)
    starts = np.minimum(at, codes.shape[1] - width)
    old = codes[rows[:, None], starts[:, None] + np.arange(width)]
    new = old.copy()
    np.put_along_axis(new, (at - starts)[:, None] + np.arange(inserted.shape[1]), inserted, axis=1)
    return starts, TABLE.take(new, axis=0) - TABLE.take(old, axis=0)


def changes_between(old: np.ndarray, new: np.ndarray, first: np.ndarray, width: int):
    """Return where windows differ from others, `width` bases each, moved in at the right end.

    Parameters
    ----------
    old, new : uint8 arrays, (m, L)
    first : int array, (m,)
        Their first different base.
    width : int
        Bases that hold all differences.

    Returns
    -------
    starts : int64 array, (m,)
    change : float32 array, (m, width, 4)
        One-hot: the new bases less the old ones.
    """
    from seqdl.layers.one_hot import TABLE

    starts = np.minimum(first.astype(np.int64), old.shape[1] - width)
    at = starts[:, None] + np.arange(width)
    taken = (TABLE.take(np.take_along_axis(codes, at, axis=1), axis=0) for codes in (new, old))
    return starts, np.subtract(*taken)
