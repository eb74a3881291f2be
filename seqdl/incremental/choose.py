"""The engine of a run: strips where they pay, checked against full passes, both strands averaged."""

from __future__ import annotations

import numpy as np

from seqdl.encoding import reverse_complement
from seqdl.errors import require_one_of
from seqdl.incremental import ENGINES, WORTH
from seqdl.incremental.engine import LEAST, IncrementalEngine, bucket
from seqdl.interpret.mutagenesis.edits import Edits, FullPass, apply_edits

SAMPLE = 8  # mutants of the check
TOLERANCE = 1e-5  # of the largest output in the sample: what float32 may lose in other orders of its sums
FLOOR = 1e-3  # outputs are not taken for smaller than this


class RunEngine:
    """Evaluate edits of both strands on strips, and fall back to full passes where these do not hold.

    The first time that changes of a width come, a sample of them, both ends among them, is passed whole as
    well. If the numbers differ by more than `TOLERANCE` of the largest output, strips are not used any more.

    Parameters
    ----------
    strips : seqdl.incremental.engine.IncrementalEngine
    full : FullPass
        Both strands averaged already, and the targets chosen.
    turned : int array, (n_targets,), optional
        The targets' places on the other strand, if the strands are averaged.
    targets : list of int, optional
        Places of the targets that are kept; all by default.

    Attributes
    ----------
    difference : float
        Largest difference in any check, in shares of the largest output; NaN before the first.
    """

    def __init__(self, strips, full: FullPass, turned=None, targets=None) -> None:
        self._strips, self._full = strips, full
        self._turned, self._targets = turned, targets
        self._checked: set[int] = set()
        self.difference, self.failed = float("nan"), False

    def reference(self, codes: np.ndarray) -> np.ndarray:
        """Return the outputs, (n, targets), of sequences, uint8 (n, L)."""
        return self._full.reference(codes)

    def evaluate(self, codes: np.ndarray, edits: Edits, right: np.ndarray | None = None) -> np.ndarray:
        """Return the outputs, (m, targets), of edited sequences."""
        if self.failed or not self._strips.serves(edits):
            return self._full.evaluate(codes, edits, right)
        width = edits.inserted.shape[1]
        if width not in self._checked:
            self.check(codes, edits)
            self._checked.add(width)
        return self._full.evaluate(codes, edits, right) if self.failed else self._by_strips(codes, edits)

    def check(self, codes: np.ndarray, edits: Edits, sample: int = SAMPLE) -> float:
        """Compare a sample of changes with full passes, also on request.

        Parameters
        ----------
        codes : uint8 array, (n, L)
        edits : Edits
            Substitutions; the sample takes the first base of the sequence, its last one and some between.
        sample : int
            How many.

        Returns
        -------
        float
            Largest difference, in shares of the largest output of the sample.
        """
        sample = min(sample, len(edits.rows))
        width, length = edits.inserted.shape[1], codes.shape[1]
        which = np.linspace(0, len(edits.rows) - 1, sample).astype(int)
        starts = edits.starts[which].copy()
        starts[0], starts[-1] = 0, length - width
        chosen = Edits(edits.rows[which], starts, width, edits.inserted[which])
        expected = self._full.reference(apply_edits(codes, chosen))
        scale = max(float(np.abs(expected).max()), FLOOR)
        found = float(np.abs(self._by_strips(codes, chosen) - expected).max()) / scale
        self.difference = found if np.isnan(self.difference) else max(self.difference, found)
        self.failed = self.failed or not found <= TOLERANCE
        return found

    def gain(self, width: int) -> float | None:
        """Return how many times less arithmetic changes of `width` bases take; None if they pass whole."""
        return self._strips.plan(bucket(width)).gain if self._strips.by_strips(width) else None

    def summary(self) -> str:
        """Say in a sentence what was gained, or why it was not."""
        plan = self._strips.plan(1)
        if self.failed:
            return (
                f"evaluated by full passes: on strips, the check against them differed by "
                f"{self.difference:.0e} of the largest output, where {TOLERANCE:.0e} is allowed"
            )
        if np.isnan(self.difference):
            return "evaluated by full passes: these changes gain nothing from strips"
        return (
            f"recomputes 1/{plan.gain:.3g} of the arithmetic; check against full passes: largest difference "
            f"{self.difference:.0e} of the largest output"
        )

    def _by_strips(self, codes: np.ndarray, edits: Edits) -> np.ndarray:
        found = self._strips.on_strips(codes, edits)
        if self._turned is not None:
            # A change at i is, on the other strand, one at the length less i and its own width.
            width, length = edits.inserted.shape[1], codes.shape[1]
            other = edits._replace(
                starts=length - width - edits.starts, inserted=reverse_complement(edits.inserted)
            )
            used, rows = np.unique(edits.rows, return_inverse=True)
            turned = reverse_complement(codes[used])
            found = (found + self._strips.on_strips(turned, other._replace(rows=rows))[:, self._turned]) / 2
        return found if self._targets is None else found[:, self._targets]


def choose_engine(
    run_or_model, full: FullPass, *, engine: str = "auto", head=None, bins=None, strand_average=None,
    batch_size: int | None = None, targets=None, changes: int | None = None,
):  # fmt: skip
    """Return what evaluates edits under a network.

    Parameters
    ----------
    run_or_model : Run or keras.Model
    full : FullPass
        Of `seqdl.interpret.heads.output_function` with the same head, bins, strands and targets.
    engine : {"auto", "incremental", "full"}
        "auto": strips where a change of one base takes clearly less arithmetic than a full pass, and there
        are enough of them to gain by it.
        "incremental": wherever there are any. "full": full passes.
    head, bins, strand_average
        See `seqdl.interpret.heads.output_function`.
    batch_size : int, optional
        Changes at once; chosen from the network's sizes by default.
    targets : list of int, optional
        Places of the targets that are kept.
    changes : int, optional
        How many are to come, as far as that is known; many by default.

    Returns
    -------
    RunEngine or FullPass

    Raises
    ------
    InputError
        If `engine` is another word; with "incremental", if the network cannot be followed.
    """
    from seqdl.errors import InputError
    from seqdl.interpret.heads import averages_strands, scalar_model

    require_one_of("engine", engine, ENGINES)
    if engine == "full":
        return full
    run = run_or_model if hasattr(run_or_model, "card") else None
    model = scalar_model(run_or_model, head, bins)
    try:
        strips = IncrementalEngine(model, batch_size, full, LEAST if engine == "auto" else 0)
    except InputError:
        if engine == "incremental":
            raise
        return full
    if not strips.by_strips(1):
        if engine == "incremental":
            raise InputError(
                f"In the network {model.name!r} a changed base reaches everything from "
                f"{strips.plan(1).steps[0].step.name!r} on, so nothing can be reused. Leave `engine` "
                "(--engine) out, or give 'full'."
            )
        return full
    plan = strips.plan(1)
    if engine == "auto" and changes is not None and changes * (plan.full - plan.part) < WORTH:
        return full
    average = averages_strands(run, strand_average) if run is not None else bool(strand_average)
    turned = None
    if average:
        turned = np.argsort(run.strand_pairs) if run is not None else np.arange(model.output_shape[-1])
    return RunEngine(strips, full, turned, targets)
