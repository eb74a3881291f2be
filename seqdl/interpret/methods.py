"""The attribution methods: from sequences and a network to contributions of bases.

Every method gives slopes m, (L, 4), of the network's output. With a reference r, the contribution of a place
is the sum over channels of m * (x - r), which stands at the base that is there; what another base c would
contribute there by the same slopes, m_c - sum(m * r), is its hypothetical contribution.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.encoding import N, one_hot, reverse_complement, reverse_complement_one_hot
from seqdl.errors import InputError, require_at_least, require_one_of
from seqdl.interpret.gradients import along_the_way, even_places, random_places, smoothed
from seqdl.interpret.heads import require_one_input, require_one_output
from seqdl.interpret.references import (
    KINDS,
    batches,
    equal_parts,
    fixed_references,
    make_references,
    masks_padding,
    mean_over_references,
)
from seqdl.prediction.predictor import require_finite
from seqdl.words import suggest

# Method -> the reference that it takes unless told otherwise; None: it needs none.
REFERENCES = {
    "saliency": None,
    "grad_x_input": None,
    "smoothgrad": None,
    "integrated_gradients": "zeros",
    "expected_gradients": "shuffle",
    "deeplift": "uniform",
    "deepshap": "shuffle",
}
METHODS = tuple(REFERENCES)


class Contributions(NamedTuple):
    """What each base contributes to one output.

    Attributes
    ----------
    values : float32 array, (n, L, 4)
        At the base that is there, 0 elsewhere and at an N; ``saliency`` fills all four channels.
    logits : float32 array, (n,)
        The output that is explained.
    delta : float32 array, (n,), or None
        With a reference: the sum of the values less the difference between the outputs of the sequence and of
        its references; small beside that difference means exact, or converged.
    hypothetical : float32 array, (n, L, 4)
        What each base would contribute in that place; without a reference, the slopes less their mean over
        the bases.
    reference_logits : float32 array, (n,), or None
        The output for the references, their mean.
    """

    values: np.ndarray
    logits: np.ndarray
    delta: np.ndarray | None
    hypothetical: np.ndarray
    reference_logits: np.ndarray | None


def attribute_codes(
    model,
    codes: np.ndarray,
    target: int,
    *,
    method: str = "grad_x_input",
    reference: str | np.ndarray | None = None,
    n_references: int = 20,
    steps: int = 64,
    samples: int = 50,
    noise: float = 0.1,
    simplex: bool = False,
    seed: int = 0,
    strand_average: bool = False,
    other_target: int | None = None,
    batch_size: int | None = None,
    tolerance: float = 1e-4,
    on_excess: str = "raise",
    engine=None,
    advance=None,
) -> Contributions:
    """Attribute one output of a model to the bases of its input.

    Parameters
    ----------
    model : keras.Model, (b, L, 4) -> (b, n_targets)
        Ends in the number explained; see `seqdl.interpret.heads.scalar_model`.
    codes : uint8 array, (n, L)
        Bases; N (4) is a row of zeros, and contributes nothing.
    target : int
        Index of the output unit.
    method : str
        ``"saliency"``: the gradient; what would change if a letter's weight rose there (Simonyan 2014).
        ``"grad_x_input"``: the gradient at the letter that is there.
        ``"smoothgrad"``: the same, averaged over noisy copies.
        ``"integrated_gradients"``: the gradient averaged on the way from a reference.
        ``"expected_gradients"``: at one random place on the way from each of many references.
        ``"deeplift"``, ``"deepshap"``: DeepLIFT's rescale rule from one reference, and averaged over
        shuffles; the values add up exactly. See `seqdl.interpret.deeplift`.
    reference : str or array, optional
        One of `seqdl.interpret.references.KINDS`, or references of your own: uint8 codes (n, r, L) or float
        one-hot (n, r, L, 4). By default what `REFERENCES` says of the method; in a network that takes zeros
        at the end for padding "uniform" in place of "zeros".
    n_references : int
        Shuffles a sequence.
    steps : int
        Places on the way of integrated gradients (midpoint rule).
    samples, noise : int, float
        Noisy copies of ``smoothgrad``, and the noise's standard deviation.
    simplex : bool
        Subtract the mean over the four bases from the slopes: a one-hot input cannot leave the plane where
        they sum to 1, so the gradient's part across it is chance (Majdandzic et al., Genome Biology 24, 109,
        2023). Only for the methods without a reference.
    seed : int
        Of shuffles, places and noise.
    strand_average : bool
        Explain the mean of both strands' outputs.
    other_target : int, optional
        The output that `target` becomes on the other strand; itself by default.
    batch_size : int, optional
        Windows (pairs of a window and a reference) per pass; `default_batch_size` by default.
    tolerance, on_excess
        Of DeepLIFT's sums; see `seqdl.interpret.deeplift.deeplift_codes`.
    engine : callable, optional
        From `compile_engine(model, method)`, to compile once for many calls.
    advance : callable, optional
        Called with the number of windows done, for progress; each counts twice where both strands are
        explained.

    Returns
    -------
    Contributions

    Raises
    ------
    InputError
        If the method is unknown, `codes` is not two-dimensional, a number is out of range, a layer has no
        rule (DeepLIFT), the sums are off, or the network returns NaN or infinity.
    """
    check_method(method, reference, simplex)
    codes = np.asarray(codes, np.uint8)
    if codes.ndim != 2:
        raise InputError(f"`codes` must have the shape (n, length). Received: {codes.shape}.")
    batch_size = default_batch_size(codes.shape[1]) if batch_size is None else batch_size
    require_at_least(1, batch_size=batch_size, steps=steps, samples=samples)
    require_at_least(0, seed=seed)
    require_one_input(model)
    require_one_output(model, target)
    if not noise > 0:
        raise InputError(f"`noise` must be positive. Received: {noise!r}.")
    engine = engine or compile_engine(model, method)

    def one_strand(codes: np.ndarray, target: int, reference) -> Contributions:
        if REFERENCES[method] is None:
            return _without_reference(
                engine, codes, target, method, batch_size, simplex, advance,
                samples=samples, noise=noise, seed=seed,
            )  # fmt: skip
        kind = default_reference(model, method) if reference is None else reference
        named = isinstance(kind, str)
        source = make_references(kind, n_references, seed) if named else fixed_references(kind)
        if method in ("deeplift", "deepshap"):
            from seqdl.interpret.deeplift import deeplift_codes

            found = deeplift_codes(
                model, codes, target, source, batch_size=batch_size, tolerance=tolerance, on_excess=on_excess,
                explainer=engine, advance=advance,
            )  # fmt: skip
            return Contributions(
                found.values, found.outputs, found.delta, found.hypothetical, found.reference_outputs
            )
        return _on_the_way(engine, model, codes, target, method, source, batch_size, steps, seed, advance)

    result = one_strand(codes, target, reference)
    if strand_average:
        turned = None if reference is None or isinstance(reference, str) else _turn_references(reference)
        other = one_strand(
            reverse_complement(codes), target if other_target is None else other_target,
            reference if turned is None else turned,
        )  # fmt: skip
        result = _mean_of_strands(result, other)
    require_finite(result.values, result.logits)
    return result


def default_batch_size(window: int) -> int:
    """Choose how many windows to explain at once: 32, and fewer of long ones (each passes several times)."""
    return max(1, min(32, (1 << 17) // max(window, 1)))


def check_method(method: str, reference=None, simplex: bool = False) -> None:
    """Refuse a method that does not exist, or choices that do not fit it, with an InputError.

    Parameters
    ----------
    method : str
    reference : str or array, optional
    simplex : bool

    Raises
    ------
    InputError
        If the method or the kind of reference is unknown, or one does not go with the other.
    """
    if method not in METHODS:
        raise InputError(f"Unknown method {method!r}.{suggest(method, METHODS)} Known: {', '.join(METHODS)}.")
    if isinstance(reference, str):
        require_one_of("reference", reference, KINDS)
    if reference is not None and REFERENCES[method] is None:
        raise InputError(f"The method {method!r} compares with no reference: leave `reference` out.")
    if simplex and REFERENCES[method] is not None:
        raise InputError(
            f"`simplex` is for methods without a reference; {method!r} has one, and with the reference "
            "'uniform' or 'shuffle' what `simplex` would take away is 0 already."
        )


def default_reference(model, method: str) -> str:
    """Return the kind of reference that a method takes, "" for none.

    Parameters
    ----------
    model : keras.Model
    method : str

    Returns
    -------
    str
        One of `seqdl.interpret.references.KINDS`, or "".
    """
    kind = REFERENCES[method] or ""
    if kind == "zeros" and masks_padding(model):
        return "uniform"  # a window of zeros would be no sequence at all
    return kind


def compile_engine(model, method: str):
    """Return what a method runs on a model, compiled at its first call, to pass to `attribute_codes`.

    Parameters
    ----------
    model : keras.Model, (b, L, 4) -> (b, n_targets)
    method : str

    Returns
    -------
    callable
    """
    if method in ("deeplift", "deepshap"):
        from seqdl.interpret.deeplift import Explainer

        return Explainer(model)
    from seqdl.interpret.backend_gradient import gradient_function

    return gradient_function(model)


def _without_reference(
    gradient, codes, target, method, batch_size, simplex, advance, **smooth
) -> Contributions:
    """The gradient itself: saliency, gradient times input, SmoothGrad."""
    n, length = codes.shape
    batch_size = max(1, min(batch_size, n))
    values = np.empty((n, length, 4), np.float32)
    hypothetical = np.empty_like(values)
    logits = np.empty(n, np.float32)
    for start in range(0, n, batch_size):
        rows = np.arange(start, min(start + batch_size, n))
        padded = np.resize(rows, batch_size)  # one shape for every call: nothing is compiled twice
        x = one_hot(codes[padded])
        slope, outputs = gradient(x, target)
        if method == "smoothgrad":
            slope = smoothed(gradient, x, target, padded, **smooth)
        known = (codes[padded] < N)[:, :, None]
        corrected = (slope - slope.mean(axis=2, keepdims=True)) * known
        slope = corrected if simplex else slope
        part = slope if method == "saliency" else slope * x
        values[rows], logits[rows], hypothetical[rows] = (
            item[: rows.size] for item in (part, outputs, corrected)
        )
        if advance is not None:
            advance(rows.size)
    return Contributions(values, logits, None, hypothetical, None)


def _on_the_way(
    gradient, model, codes, target, method, source, batch_size, steps, seed, advance
) -> Contributions:
    """Integrated and expected gradients: slopes between references and sequences."""
    n, length = codes.shape
    values = np.empty((n, length, 4), np.float32)
    hypothetical = np.empty_like(values)
    logits, there = np.empty(n, np.float32), np.empty(n, np.float32)

    def outputs(x: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_on_batch(x))[:, target]

    for rows, given in batches(codes, source, batch_size):
        x = one_hot(codes[rows])
        if method == "integrated_gradients":
            places = even_places(steps, given.shape[:2])
        else:
            places = random_places(seed, rows, given.shape[1])
        slope = along_the_way(gradient, x, given, target, places, batch_size)
        hypothetical[rows] = mean_over_references(slope, given, codes[rows])
        values[rows] = hypothetical[rows] * x
        logits[rows] = outputs(x)
        flat = given.reshape(-1, *x.shape[1:])
        base = np.concatenate([outputs(flat[part]) for part in equal_parts(len(flat), batch_size)])
        there[rows] = base.reshape(given.shape[:2]).mean(axis=1)
        if advance is not None:
            advance(np.unique(rows).size)  # a batch that is filled up repeats rows
    delta = values.sum(axis=(1, 2)) - (logits - there)
    return Contributions(values, logits, delta, hypothetical, there)


def _turn_references(reference: np.ndarray) -> np.ndarray:
    reference = np.asarray(reference)
    return reverse_complement(reference) if reference.ndim == 3 else reverse_complement_one_hot(reference)


def _mean_of_strands(forward: Contributions, other: Contributions) -> Contributions:
    """Average the strands' contributions, the other one's turned back."""

    def mean(a, b, turn: bool):
        if a is None:
            return None
        return (a + (reverse_complement_one_hot(b) if turn else b)) / np.float32(2)

    turned = (True, False, False, True, False)
    return Contributions(*(mean(a, b, turn) for a, b, turn in zip(forward, other, turned, strict=True)))
