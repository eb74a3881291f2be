"""The one number of a prediction that is explained: a target's logit, a track's total or its shape.

A probability saturates, so its gradient fades just where the network is sure; and the sum over a softmax is
the constant 1, whose gradient is rounding noise. So labels are explained by their LOGIT (log odds), and
coverage by log(1 + its total) or by the shape of its profile.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seqdl.encoding import RNA, reverse_complement
from seqdl.errors import InputError, require_at_least, require_one_of
from seqdl.prediction.precision import in_precision
from seqdl.prediction.predictor import default_batch_size, require_finite
from seqdl.words import few, suggest

HEADS = {"binary": ("logit",), "coverage": ("counts", "profile")}


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


def choose_head(task: str, head: str | None = None, bins: tuple[int, int] | None = None) -> str:
    """Return the head that explains a task, checked; the task's first one by default.

    Parameters
    ----------
    task : {"binary", "coverage"}
    head : {"logit", "counts", "profile"}, optional
    bins : (int, int), optional
        Only for coverage.

    Raises
    ------
    InputError
        If the task has no such head, or no bins.
    """
    head = HEADS[task][0] if head is None else head
    require_one_of("head", head, HEADS[task])
    if bins is not None and task == "binary":
        raise InputError("`bins` are of coverage; this run predicts one label a window and has none.")
    return head


def scalar_model(run_or_model, head: str | None = None, bins: tuple[int, int] | None = None):
    """Cut a network at the one number a target that is explained.

    Parameters
    ----------
    run_or_model : Run or keras.Model
        A model with a layer "coverage" predicts coverage, any other labels.
    head : str, optional
        Labels: "logit". Coverage: "counts", log(1 + total over the bins), the default; or "profile", the
        shape (`seqdl.layers.ProfileScore`).
    bins : (int, int), optional
        For coverage: only these bins, 0-based and half-open.

    Returns
    -------
    keras.Model, float32 (b, L, 4) -> (b, n_targets)
        In full precision, also of a network that was trained in bfloat16.

    Raises
    ------
    InputError
        If the head does not fit the network, or no logits can be told apart from probabilities.
    """
    import keras

    from seqdl.layers import LogCoverage, LogTotal, ProfileScore

    run = run_or_model if hasattr(run_or_model, "card") else None
    model = run.model if run is not None else run_or_model
    require_one_input(model)
    require_finite_weights(model)
    names = [layer.name for layer in model.layers]
    task = run.task if run is not None else "coverage" if "coverage" in names else "binary"
    head = choose_head(task, head, bins)
    if task == "binary":
        layer = run.card.get("output", {}).get("logit_layer") if run is not None else None
        return logit_model(model, layer)
    model = in_precision(model, "float32")
    coverage = model.get_layer("coverage").output
    first, last = _checked_bins(bins, coverage.shape[1])
    if head == "counts" and bins is None and "counts" in names:  # BPNet's own
        output = model.get_layer("counts").output
    elif head == "counts":
        output = LogTotal(first, last, name="log_total")(coverage)
    elif "profile" in names:
        output = ProfileScore(first, last, name="profile_score")(model.get_layer("profile").output)
    else:
        shape = LogCoverage(name="log_coverage")(coverage)
        output = ProfileScore(first, last, name="profile_score")(shape)
    return keras.Model(model.inputs[0], output, name=f"{head}_model")


def require_one_input(model) -> None:
    """Refuse a model whose layers cannot be followed, or that takes more than the sequence.

    Raises
    ------
    InputError
    """
    number = len(getattr(model, "inputs", None) or ())
    if not number:
        raise InputError(
            f"The model {model.name!r} is subclassed, or not built, so its layers cannot be followed. Build "
            "it from a keras.Input, as a functional or sequential model."
        )
    if number > 1:
        raise InputError(
            f"Only a network with one input, the sequence, can be explained. This one has {number}: fix the "
            "others first, in a keras.Model of one input."
        )


def require_one_output(model, target: int | None = None) -> None:
    """Refuse a model that does not give one number a target, (b, n_targets), or lacks the target.

    Parameters
    ----------
    model : keras.Model
    target : int, optional
        Index of an output unit; not looked at when None.

    Raises
    ------
    InputError
        Naming the model's outputs.
    """
    shapes = [tuple(output.shape) for output in getattr(model, "outputs", None) or ()]
    if shapes and (len(shapes) > 1 or len(shapes[0]) != 2):
        raise InputError(
            "Only one output of one number a target, (batch, targets), can be explained. This network's "
            f"outputs are {', '.join(map(str, shapes))}: choose one, in a keras.Model(model.input, output)."
        )
    if shapes and target is not None and not 0 <= target < shapes[0][1]:
        raise InputError(f"The model has {shapes[0][1]} targets, counted from 0. Received: {target}.")


def require_finite_weights(model) -> None:
    """Refuse NaN and infinity among the weights: pooling and activations may hide them from the output.

    Raises
    ------
    InputError
    """
    import keras

    for weight in model.weights:
        if not bool(keras.ops.all(keras.ops.isfinite(keras.ops.cast(weight, "float32")))):
            raise InputError(
                f"The weights {weight.path!r} of the network hold NaN or infinity: did its training diverge, "
                "or is the file damaged? Train it again."
            )


def _checked_bins(bins, total: int) -> tuple[int | None, int | None]:
    if bins is None:
        return None, None
    first, last = (int(place) for place in bins)
    if not 0 <= first < last <= total:
        raise InputError(f"`bins` must lie within 0 to {total} (half-open). Received: {first} to {last}.")
    return first, last


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
    softmax = type(last).__name__ == "Softmax"
    activation = "softmax" if softmax else getattr(getattr(last, "activation", None), "__name__", "linear")
    if layer is not None and layer not in names:
        raise InputError(f"The model has no layer {layer!r} to take logits from.{suggest(layer, names)}")
    if layer is not None or "logits" in names:
        return keras.Model(model.inputs[0], model.get_layer(layer or "logits").output, name="logit_model")
    require_one_output(model)
    if softmax or (type(last).__name__ == "Activation" and activation != "linear"):
        return keras.Model(model.inputs[0], last.input, name="logit_model")
    if activation == "linear":
        return keras.Model(model.inputs[0], model.outputs[0], name="logit_model")  # also of a dict
    raise InputError(
        f"The model ends in the layer {last.name!r} with a built-in {activation}, so its logits cannot "
        "be reached. Give it a linear layer named 'logits' followed by an activation layer."
    )


def averages_strands(run, strand_average: bool | None) -> bool:
    """Tell whether both strands are explained: as asked for, else as the run's card says; never of RNA.

    Parameters
    ----------
    run : Run
    strand_average : bool or None

    Returns
    -------
    bool
    """
    wanted = run.strand_average if strand_average is None else strand_average
    return bool(wanted) and run.card["alphabet"] != RNA


def output_function(
    run_or_model,
    *,
    head: str | None = None,
    bins: tuple[int, int] | None = None,
    strand_average: bool | None = None,
    batch_size: int | None = None,
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from sequences to the numbers that are explained.

    Parameters
    ----------
    run_or_model : Run or keras.Model
    head, bins
        See `scalar_model`.
    strand_average : bool, optional
        Average the number over both strands; as the run's card says by default, False for a model.
    batch_size : int, optional
        Windows a pass; `seqdl.prediction.predictor.default_batch_size` by default.

    Returns
    -------
    callable
        ``f(codes) -> float32 (n, n_targets)`` for uint8 codes (n, L). Batches have one constant shape, so a
        result does not depend on how many sequences come with it.
    """
    import keras

    from seqdl.layers import OneHot

    run = run_or_model if hasattr(run_or_model, "card") else None
    model = scalar_model(run_or_model, head, bins)
    average = averages_strands(run, strand_average) if run is not None else bool(strand_average)
    turned = np.argsort(run.strand_pairs) if run is not None else np.arange(model.output_shape[-1])
    require_at_least(1, batch_size=batch_size)
    size = int(batch_size or default_batch_size(model.input_shape[1]))
    predictors: dict[int, keras.Model] = {}

    def forward(codes: np.ndarray) -> np.ndarray:
        length = codes.shape[1]
        if length not in predictors:
            bases = keras.Input((length,), batch_size=size, dtype="uint8", name="codes")
            predictors[length] = keras.Model(bases, model(OneHot(dtype="float32", name="one_hot")(bases)))
        out = np.empty((len(codes), model.output_shape[-1]), np.float32)
        for start in range(0, len(codes), size):
            rows = np.arange(start, min(start + size, len(codes)))
            batch = codes[np.resize(rows, size)]
            out[rows] = np.asarray(predictors[length].predict_on_batch(batch))[: rows.size]
        require_finite(out)
        return out

    def output(codes: np.ndarray) -> np.ndarray:
        codes = np.atleast_2d(np.asarray(codes, np.uint8))
        result = forward(codes)
        if average:
            result = (result + forward(reverse_complement(codes))[:, turned]) / np.float32(2)
        return result

    return output
