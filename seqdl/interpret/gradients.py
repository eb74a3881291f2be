"""Explain a prediction base by base: saliency, gradient times input, integrated gradients.

Everything is taken on the LOGIT of one target. The probability saturates, so its gradient fades just where
the network is sure; and the sum over a softmax is the constant 1, whose gradient is rounding noise.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.encoding import ALPHABET, one_hot, reverse_complement, reverse_complement_one_hot
from seqdl.errors import InputError
from seqdl.files import require_other
from seqdl.prediction.precision import in_precision
from seqdl.prediction.predictor import require_finite
from seqdl.words import few, suggest

METHODS = ("saliency", "grad_x_input", "integrated_gradients")


class Attribution(NamedTuple):
    """What each base contributes to one target's logit.

    Attributes
    ----------
    values : float32 array, (n, L, 4)
        Contributions in the channel order A, C, G, T. ``saliency`` fills all four channels;
        the other methods fill only the base that is there (and nothing at an N).
    regions : tuple of Interval, length n
        Where each window lies; for sequences, contig is the sequence's name.
    target : str
        Name of the explained target.
    method : str
        One of `METHODS`.
    codes : uint8 array, (n, L)
        The bases that were explained.
    logits : float32 array, (n,)
        The target's logit (log odds, natural logarithm) for each window.
    delta : float32 array, (n,), or None
        For ``integrated_gradients``: how far the sum of the values is from
        ``logit(window) - logit(window of N)``. Small beside that difference means converged.
    """

    values: np.ndarray
    regions: tuple
    target: str
    method: str
    codes: np.ndarray
    logits: np.ndarray
    delta: np.ndarray | None = None


def logit_model(model, layer: str | None = None):
    """Cut a classifier before its sigmoid.

    Parameters
    ----------
    model : keras.Model, (b, L, 4) -> (b, n_targets)
    layer : str, optional
        Name of the layer that gives the logits; otherwise a layer called ``logits``, or the input
        of a final sigmoid layer. A model whose last layer is linear is used as it is.

    Returns
    -------
    keras.Model, (b, L, 4) -> (b, n_targets)

    Raises
    ------
    InputError
        If no logits can be told apart from probabilities.
    """
    import keras

    model = in_precision(model, "float32")  # a network trained in bfloat16 is explained in full precision
    names = [item.name for item in model.layers]
    last = model.layers[-1]
    activation = getattr(getattr(last, "activation", None), "__name__", "linear")
    if layer is not None and layer not in names:
        raise InputError(f"The model has no layer {layer!r} to take logits from.{suggest(layer, names)}")
    if layer is not None or "logits" in names:
        output = model.get_layer(layer or "logits").output
    elif activation == "linear":
        return model
    elif type(last).__name__ == "Activation":
        output = last.input
    else:
        raise InputError(
            f"The model ends in the layer {last.name!r} with a built-in {activation}, so its logits cannot "
            "be reached. Give it a linear layer named 'logits' followed by an activation layer."
        )
    return keras.Model(model.inputs[0], output, name="logit_model")


def attribute_codes(
    model,
    codes: np.ndarray,
    target: int,
    *,
    method: str = "grad_x_input",
    strand_average: bool = False,
    steps: int = 64,
    batch_size: int = 32,
    gradient=None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Attribute one output of a model that ends in logits to the bases of its input.

    Parameters
    ----------
    model : keras.Model, (b, L, 4) -> (b, n_targets)
        See `logit_model`.
    codes : uint8 array, (n, L)
        Bases; N (4) is a row of zeros.
    target : int
        Index of the output unit.
    method : str
        ``"saliency"``: the gradient itself; what would change if a letter's weight rose there.
        ``"grad_x_input"``: the gradient at the letter that is there.
        ``"integrated_gradients"``: the gradient averaged on the straight way from a window of N to the
        sequence, times the sequence (Sundararajan, Taly and Yan 2017); the values add up to the
        difference between the two logits.
    strand_average : bool
        Explain the mean of both strands' logits.
    steps : int
        Points on that way (midpoint rule).
    batch_size : int
        Windows per forward and backward pass.
    gradient : callable, optional
        From `seqdl.interpret.backend_gradient.gradient_function(model)`, to compile once for many calls.

    Returns
    -------
    values : float32 array, (n, L, 4)
    logits : float32 array, (n,)
    delta : float32 array, (n,), or None
        See `Attribution`.

    Raises
    ------
    InputError
        If the method is unknown, `codes` is not two-dimensional, a number is less than 1, or the network
        returns NaN or infinity.
    """
    from seqdl.interpret.backend_gradient import gradient_function

    if method not in METHODS:
        raise InputError(f"Unknown method {method!r}.{suggest(method, METHODS)} Known: {', '.join(METHODS)}.")
    if batch_size < 1 or steps < 1:
        raise InputError(f"`batch_size` and `steps` must be at least 1. Received: {batch_size} and {steps}.")
    codes = np.asarray(codes, np.uint8)
    if codes.ndim != 2:
        raise InputError(f"`codes` must have the shape (n, length). Received: {codes.shape}.")
    gradient = gradient or gradient_function(model)
    n, length = codes.shape
    batch_size = max(1, min(batch_size, n))
    values = np.empty((n, length, 4), np.float32)
    logits = np.empty(n, np.float32)
    base = np.zeros(n, np.float32)
    for start in range(0, n, batch_size):
        rows = np.arange(start, min(start + batch_size, n))
        padded = np.resize(rows, batch_size)  # one shape for every call: nothing is compiled twice
        result = _one_strand(gradient, codes[padded], target, method, steps)
        if strand_average:
            other = _one_strand(gradient, reverse_complement(codes[padded]), target, method, steps)
            turned = (reverse_complement_one_hot(other[0]), *other[1:])
            result = tuple((a + b) / 2 for a, b in zip(result, turned, strict=True))
        values[rows], logits[rows], base[rows] = (part[: rows.size] for part in result)
    require_finite(values, logits)
    delta = None
    if method == "integrated_gradients":
        delta = values.sum(axis=(1, 2)) - (logits - base)
    return values, logits, delta


def _one_strand(gradient, codes: np.ndarray, target: int, method: str, steps: int) -> tuple:
    """Return values (b, L, 4), logits (b,) and the all-N logits (b,) for one batch."""
    x = one_hot(codes)
    slope, logits = gradient(x, target)
    base = np.zeros_like(logits)
    if method == "integrated_gradients":
        slope = np.zeros_like(x)
        for step in range(steps):
            slope += gradient(x * np.float32((step + 0.5) / steps), target)[0] / np.float32(steps)
        base = gradient(np.zeros_like(x), target)[1]
    return (slope if method == "saliency" else slope * x), logits, base


def attribute(
    run,
    *,
    genome=None,
    bed=None,
    fasta=None,
    codes: np.ndarray | None = None,
    target: str | int | None = None,
    method: str = "grad_x_input",
    out: str | Path | None = None,
    batch_size: int = 32,
    steps: int = 64,
    strand_average: bool | None = None,
    alias: str | Path | None = None,
    allow_genome_mismatch: bool = False,
) -> Attribution:
    """Explain a trained network's prediction for regions or sequences, base by base.

    Parameters
    ----------
    run : str, Path or Run
        A trained run.
    genome : str, Path or Genome, optional
        Needed with `bed`; must be the genome of the run's card.
    bed : str or Path, optional
        Regions: each is explained in a window of the network's width around its centre.
    fasta : str or Path, optional
        Sequences of the network's width.
    codes : uint8 array, (n, L), optional
        Bases as codes. Give exactly one of `bed`, `fasta` and `codes`.
    target : str or int, optional
        Name or index of the target; may be left out when the network has one.
    method : str
        One of `METHODS`; see `attribute_codes`.
    out : str or Path, optional
        Write the result there: ``.h5`` or ``.npz`` (for TF-MoDISco); see `seqdl.interpret.writers`.
    batch_size : int
        Windows per pass.
    steps : int
        Steps of the integral in ``integrated_gradients``.
    strand_average : bool, optional
        Explain the mean of both strands' logits; as the run's card says when None.
    alias : str or Path, optional
        Table of contig names, BED file to genome.
    allow_genome_mismatch : bool
        Go on with another genome than the card's.

    Returns
    -------
    Attribution

    Raises
    ------
    InputError
        If the input, the target or the genome does not fit the run.

    Examples
    --------
    >>> result = seqdl.attribute("run/", genome="g.fa", bed="sites.bed", target="CTCF")  # doctest: +SKIP
    >>> result.values.shape  # doctest: +SKIP
    (120, 1000, 4)
    """
    from seqdl.interpret.windows import read_windows
    from seqdl.interpret.writers import check_suffix, write_attribution
    from seqdl.prediction.tasks import require_bases, require_dna, require_labels
    from seqdl.training.run import Run

    if out is not None:
        check_suffix(out)
        require_other(out, genome, bed, fasta)
    run = Run.open(run)
    require_labels(run, "Attribution")
    require_bases(run, "Attribution")
    if genome is not None:
        require_dna(run, "Attribution of places of a genome")
    index = target_index(run, target)
    codes, regions = read_windows(
        run,
        genome=genome,
        bed=bed,
        fasta=fasta,
        codes=codes,
        alias=alias,
        allow_genome_mismatch=allow_genome_mismatch,
    )
    average = run.strand_average if strand_average is None else strand_average
    average = average and run.card["alphabet"] == ALPHABET  # RNA has one strand
    values, logits, delta = attribute_codes(
        logit_model(run.model, run.card.get("output", {}).get("logit_layer")),
        codes,
        index,
        method=method,
        strand_average=average,
        steps=steps,
        batch_size=batch_size,
    )
    result = Attribution(values, regions, run.target_names[index], method, codes, logits, delta)
    if out is not None:
        write_attribution(out, result, run=run)
    return result


def target_index(run, target: str | int | None) -> int:
    """Find a target's place in a run's output by name or index.

    Parameters
    ----------
    run : Run
    target : str, int or None
        None is allowed for a network with a single target.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If there is no such target, or None was given and there are several.
    """
    names = list(run.target_names)
    if target is None:
        if len(names) == 1:
            return 0
        raise InputError(
            f"The run predicts {len(names)} targets ({few(names, 5)}): name one with `target` (--target)."
        )
    if isinstance(target, str) and target in names:
        return names.index(target)
    numbered = isinstance(target, (int, np.integer)) or (isinstance(target, str) and target.isdigit())
    if numbered and 0 <= int(target) < len(names):
        return int(target)
    raise InputError(
        f"The run has no target {target!r}.{suggest(str(target), names)} "
        f"It predicts {len(names)}: `seqdl report` lists them."
    )
