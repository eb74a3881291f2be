"""DeepLIFT and DeepSHAP: contributions that add up to the difference from a reference, on any backend."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from keras import ops

from seqdl.encoding import N, one_hot
from seqdl.errors import InputError, SeqdlError, require_at_least, require_one_of
from seqdl.interpret.backend_gradient import compile_gradient
from seqdl.interpret.deeplift.pairs import Pair
from seqdl.interpret.deeplift.walk import layers_without_rule, walk
from seqdl.interpret.heads import require_one_output
from seqdl.interpret.references import (
    References,
    batches,
    equal_parts,
    fixed_references,
    masks_padding,
    mean_over_references,
)
from seqdl.prediction.predictor import require_finite
from seqdl.words import few

TOLERANCE = 1e-4
ON_EXCESS = ("raise", "warn", "ignore")


class DeepLift(NamedTuple):
    """Contributions to one output, averaged over references.

    Attributes
    ----------
    values : float32 array, (n, L, 4)
        Contributions of the bases that are there; 0 in the other channels and at every N.
    hypothetical : float32 array, (n, L, 4)
        What each base would contribute in that place, by the same multipliers; 0 at every N.
    outputs : float32 array, (n,)
        The output for each sequence.
    reference_outputs : float32 array, (n,)
        Its mean over the references.
    delta : float32 array, (n,)
        Sum of the values less (output - reference output): how far the sum is off.
    """

    values: np.ndarray
    hypothetical: np.ndarray
    outputs: np.ndarray
    reference_outputs: np.ndarray
    delta: np.ndarray

    @property
    def relative_delta(self) -> np.ndarray:
        """float32 (n,): `delta` beside what was to be explained, see `relative_error`."""
        return relative_error(self.delta, self.outputs, self.reference_outputs, self.values)


def relative_error(delta, outputs, reference_outputs, values) -> np.ndarray:
    """Put a sum's error beside the difference that it should be.

    Where contributions cancel, or two large outputs differ by little, float32 cannot be exact to the
    difference's digits: so the measure is the largest of the difference, a tenth of either output, a tenth of
    the contributions' own size, and 0.02, of which float32's rounding of numbers of order one is the
    ten-thousandth part.

    Parameters
    ----------
    delta, outputs, reference_outputs : float arrays, (n,)
    values : float array, (n, L, 4)

    Returns
    -------
    float array, (n,)
    """
    size = np.abs(values).sum(axis=(1, 2))
    tenths = np.maximum(size, np.maximum(np.abs(outputs), np.abs(reference_outputs))) / 10
    return np.abs(delta) / np.maximum(np.maximum(np.abs(outputs - reference_outputs), tenths), 0.02)


class Explainer:
    """A network compiled for DeepLIFT; keep it for many calls.

    Parameters
    ----------
    model : keras.Model, (b, L, 4) -> (b, n_targets)
        Functional or sequential, ending in the number explained: see `seqdl.interpret.heads.scalar_model`.

    Raises
    ------
    InputError
        If a layer has no rule (all such layers are named), the model is subclassed, or has several inputs.

    Notes
    -----
    Rules: rescale for activations; the place of the larger maximum for max pooling; for products of two
    changing factors (gates, attention, normalisation) half of each order of changing them; softmax and
    log-sum-exp through the logarithmic mean. See `seqdl.interpret.deeplift.pairs`. The example passes the
    network once for all of its references, and the gradient runs through the references' side alone.
    """

    def __init__(self, model) -> None:
        missing = layers_without_rule(model)
        if missing:
            raise InputError(
                f"DeepLIFT has no rule for {few(missing)}; without one the contributions would be wrong. "
                "Register one (seqdl.interpret.deeplift.register_rule), or use integrated_gradients, which "
                "needs none."
            )
        require_one_output(model)
        self.model = model
        self.masks = masks_padding(model)
        self._compiled: dict[int, object] = {}
        self._checked = False

    def __call__(self, x: np.ndarray, references: np.ndarray, target: int) -> tuple[np.ndarray, ...]:
        """Explain one batch.

        Parameters
        ----------
        x : float32 array, (b, L, 4)
        references : float32 array, (b, r, L, 4)
        target : int

        Returns
        -------
        multipliers : float32 array, (b, r, L, 4)
        outputs : float32 array, (b,)
        reference_outputs : float32 array, (b, r)
        """
        b, per = references.shape[:2]
        if per not in self._compiled:
            self._compiled[per] = compile_gradient(self._function(per), self.model)
        flat = np.ascontiguousarray(references, np.float32).reshape(b * per, *references.shape[2:])
        multipliers, there, here = self._compiled[per](flat, np.asarray(x, np.float32), np.int32(target))
        if not self._checked:
            self._check(x, here, target)
        return multipliers.reshape(references.shape), here, there.reshape(b, per)

    def _function(self, per: int):
        def both(reference, example, target):
            result = walk(self.model, Pair(example, reference, per))
            return ops.take(result.reference, target, axis=1), ops.take(result.example, target, axis=1)

        return both

    def _check(self, x: np.ndarray, outputs: np.ndarray, target: int) -> None:
        """Compare the walk's outputs with the network's, once: a rule of another function is wrong."""
        own = np.asarray(self.model.predict_on_batch(np.asarray(x, np.float32)))[:, target]
        if not np.allclose(own, outputs, rtol=1e-3, atol=1e-4 * max(1.0, float(np.abs(own).max()))):
            raise SeqdlError(
                "A layer's DeepLIFT rule computes another function than the layer: the network gives "
                f"{own[0]:.6g}, the rules {outputs[0]:.6g}. If you registered a rule, check its forward "
                "values."
            )
        self._checked = True


def deeplift_codes(
    model,
    codes: np.ndarray,
    target: int,
    references: np.ndarray | References,
    *,
    batch_size: int = 64,
    tolerance: float = TOLERANCE,
    on_excess: str = "raise",
    explainer: Explainer | None = None,
    advance=None,
) -> DeepLift:
    """Attribute one output to the bases of its input by DeepLIFT, averaged over references (DeepSHAP).

    Parameters
    ----------
    model : keras.Model, (b, L, 4) -> (b, n_targets)
    codes : uint8 array, (n, L)
        Bases; an N contributes nothing.
    target : int
        Index of the output unit.
    references : uint8 array (n, r, L), float array (n, r, L, 4), or callable
        What each sequence is compared with; or a function from `seqdl.interpret.references.make_references`.
    batch_size : int
        Pairs of a sequence and a reference at once, about.
    tolerance : float
        Largest relative error of a sum; see `relative_error`.
    on_excess : {"raise", "warn", "ignore"}
        What to do beyond it.
    explainer : Explainer, optional
        Of the same model, to compile once for many calls.
    advance : callable, optional
        Called with the number of sequences done, for progress.

    Returns
    -------
    DeepLift

    Raises
    ------
    InputError
        If a layer has no rule, a shape does not fit, a reference ends elsewhere than its sequence in a
        network that masks padding, or the sum is further off than `tolerance`.

    Notes
    -----
    Shrikumar A, Greenside P, Kundaje A. ICML (2017); Lundberg SM, Lee S. NeurIPS (2017) for the mean over
    references. Hypothetical contributions as in TF-MoDISco (Shrikumar et al., arXiv:1811.00416): of base c at
    a place, the sum over channels of multiplier * (one-hot of c - reference).
    """
    require_one_of("on_excess", on_excess, ON_EXCESS)
    require_at_least(0, tolerance=tolerance)
    codes = np.asarray(codes, np.uint8)
    if codes.ndim != 2:
        raise InputError(f"`codes` must have the shape (n, length). Received: {codes.shape}.")
    if batch_size < 1:
        raise InputError(f"`batch_size` must be at least 1. Received: {batch_size}.")
    require_one_output(model, target)
    explainer = explainer or Explainer(model)
    source = references if callable(references) else fixed_references(references)
    n, length = codes.shape
    values = np.empty((n, length, 4), np.float32)
    hypothetical = np.empty_like(values)
    outputs, there = np.empty(n, np.float32), np.empty(n, np.float32)
    for rows, given in batches(codes, source, batch_size):
        x = one_hot(codes[rows])
        _check_unknown(codes[rows], given)
        if explainer.masks:
            _check_ends(x, given)
        # Of a long window not even one sequence's references may go through at once.
        found = [explainer(x, given[:, part], target) for part in equal_parts(given.shape[1], batch_size)]
        multipliers, base = (np.concatenate([item[i] for item in found], axis=1) for i in (0, 2))
        here = found[0][1]
        hypothetical[rows] = mean_over_references(multipliers, given, codes[rows])
        values[rows] = hypothetical[rows] * x
        outputs[rows], there[rows] = here, base.mean(axis=1)
        if advance is not None:
            advance(np.unique(rows).size)  # a batch that is filled up repeats rows
    require_finite(values, outputs)
    delta = values.sum(axis=(1, 2), dtype=np.float64).astype(np.float32) - (outputs - there)
    result = DeepLift(values, hypothetical, outputs, there, delta)
    check_sums(result, tolerance, on_excess)
    return result


def _check_unknown(codes: np.ndarray, references: np.ndarray) -> None:
    unknown = codes == N
    if unknown.any() and (references * unknown[:, None, :, None]).any():
        raise InputError(
            "A reference holds a base where its sequence has an N. An N says nothing, so it must be N in the "
            "references too; seqdl.interpret.references.make_references keeps to that."
        )


def _check_ends(x: np.ndarray, references: np.ndarray) -> None:
    length = x.shape[1]
    ends, others = (length - np.argmax(item.any(axis=-1)[..., ::-1], axis=-1) for item in (x, references))
    if (others != ends[:, None]).any() or not references.any(axis=(2, 3)).all():
        raise InputError(
            "The network takes zeros at the end for padding, so a reference must end where its sequence "
            "does, or lengths would be compared and not bases. Use the references 'shuffle' or 'uniform', "
            "which do."
        )


def check_sums(result: DeepLift, tolerance: float, on_excess: str, note: str = "") -> None:
    """Hold sums against the differences that they should be.

    Parameters
    ----------
    result : DeepLift
    tolerance : float
        Largest relative error, see `relative_error`.
    on_excess : {"raise", "warn", "ignore"}
    note : str
        Said at the end of the error.

    Raises
    ------
    InputError
        If a sum is further off, and `on_excess` is "raise".
    """
    error = result.relative_delta
    worst = int(np.argmax(error)) if len(error) else 0
    if on_excess == "ignore" or not len(error) or error[worst] <= tolerance:
        return
    explained = result.outputs[worst] - result.reference_outputs[worst]
    words = (
        f"DeepLIFT's contributions do not add up: of {int((error > tolerance).sum())} of {len(error)} "
        f"sequences the sum is off by more than {tolerance:g} of the difference explained; worst is the "
        f"sequence {worst} (from 0), off by {result.delta[worst]:.3g} of {explained:.3g}."
    )
    if on_excess == "raise":
        raise InputError(
            f"{words} Give a larger `tolerance` (--tolerance), or `on_excess='warn'` (--on-excess warn)."
            f"{note}"
        )
    warnings.warn(words, UserWarning, stacklevel=3)
