"""`Predictor`: codes in, probabilities or logits out; the one forward pass that every command uses."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, log_expit

from seqdl.encoding import N, reverse_complement
from seqdl.errors import InputError

if TYPE_CHECKING:
    import keras

    from seqdl.training.run import Run

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
BFLOAT16_NOTE = (
    "bfloat16 predicts about twice as fast on a CPU that has it, but moves variant effects by about 13 % "
    "in the median. Use float32 for anything that is compared or published."
)


class Predictor:
    """Run a model over windows of codes, in batches of one constant shape.

    Parameters
    ----------
    run_or_model : Run or keras.Model
        A run brings its window, its target names and whether it averages strands. A model needs a
        float input (batch, window, 4) and a layer called "logits", or a sigmoid at its end.
    batch_size : int
        Windows in a batch. The last batch is filled up, so that one function is compiled once and a
        window's result does not depend on how many others came with it.
    strand_average : bool, optional
        Average over a sequence and its reverse complement, as DeepSEA did. By default what the run's
        card says; False for a model.
    precision : {"float32", "bfloat16"}
        Of the computation. bfloat16 is for a quick look, and warns.

    Attributes
    ----------
    window : int or None
        bp; None for a model of any length.
    n_targets : int
    target_names : list of str
        "target1", ... for a model without a run.
    strand_average : bool

    Raises
    ------
    InputError
        If `batch_size` or `precision` makes no sense, or the model is of another kind.

    Examples
    --------
    >>> predictor = Predictor(Run.open("run/"))
    >>> predictor.probabilities(genome.gather([0], [1000], predictor.window)).shape
    (1, 189)
    """

    def __init__(
        self,
        run_or_model: Run | keras.Model,
        batch_size: int = 256,
        strand_average: bool | None = None,
        precision: str = "float32",
    ) -> None:
        if int(batch_size) != batch_size or batch_size < 1:
            raise InputError(f"`batch_size` must be a positive whole number. Received: {batch_size!r}.")
        if precision not in POLICIES:
            raise InputError(f"`precision` must be 'float32' or 'bfloat16'. Received: {precision!r}.")
        if precision == "bfloat16":
            warnings.warn(BFLOAT16_NOTE, UserWarning, stacklevel=2)
        run = run_or_model if hasattr(run_or_model, "card") else None
        model = run.model if run is not None else run_or_model
        self.batch_size = int(batch_size)
        self.precision = precision
        self.strand_average = bool(
            (run is not None and run.strand_average) if strand_average is None else strand_average
        )
        self._logits_of = in_precision(_logits_model(model), precision)
        self.window: int | None = self._logits_of.input_shape[1]
        self.n_targets: int = self._logits_of.output_shape[-1]
        self.target_names = (
            list(run.target_names) if run is not None else [f"target{i + 1}" for i in range(self.n_targets)]
        )
        self._compiled: dict[int, keras.Model] = {}

    def logits(self, codes: np.ndarray) -> np.ndarray:
        """Predict the log odds of every target.

        Parameters
        ----------
        codes : uint8 array, shape (n, window)
            A 0, C 1, G 2, T 3, N 4; not one-hot.

        Returns
        -------
        logits : float32 array, shape (n, n_targets)
            With strand averaging: the log odds of the mean of both strands' probabilities.

        Raises
        ------
        InputError
            If the shape or the codes are wrong, or the network returns NaN or infinity.
        """
        codes = self._check(codes)
        forward = self._forward(codes)
        if not self.strand_average:
            return forward
        reverse = self._forward(reverse_complement(codes))
        # log p/(1-p) of p = (p1 + p2)/2, from logs throughout: exact where p is nearly 0 or 1.
        one, two = forward.astype(np.float64), reverse.astype(np.float64)
        on = np.logaddexp(log_expit(one), log_expit(two))
        off = np.logaddexp(log_expit(-one), log_expit(-two))
        return (on - off).astype(np.float32)

    def probabilities(self, codes: np.ndarray) -> np.ndarray:
        """Predict the probability of every target; arguments and shape are those of `logits`."""
        codes = self._check(codes)
        forward = expit(self._forward(codes))
        if not self.strand_average:
            return forward
        return (forward + expit(self._forward(reverse_complement(codes)))) / np.float32(2)

    def _check(self, codes: np.ndarray) -> np.ndarray:
        codes = np.asarray(codes)
        length = self.window or (codes.shape[1] if codes.ndim == 2 else "window")
        if codes.ndim != 2 or codes.shape[1] != length or codes.dtype.kind not in "ui":
            raise InputError(
                f"`codes` must be an integer array of shape (n, {length}), one code a base and not one-hot. "
                f"Received: {codes.dtype} {codes.shape}."
            )
        if codes.size and (codes.max() > N or codes.min() < 0):
            raise InputError(
                f"`codes` holds values from 0 to 4 (N). Received: {codes.min()} to {codes.max()}."
            )
        return codes.astype(np.uint8, copy=False)

    def _forward(self, codes: np.ndarray) -> np.ndarray:
        out = np.empty((len(codes), self.n_targets), np.float32)
        if not len(codes):
            return out
        model = self._model(codes.shape[1])
        for start in range(0, len(codes), self.batch_size):
            batch = codes[start : start + self.batch_size]
            rows = len(batch)
            if rows < self.batch_size:
                batch = np.concatenate(
                    [batch, np.full((self.batch_size - rows, codes.shape[1]), N, np.uint8)]
                )
            out[start : start + rows] = np.asarray(model.predict_on_batch(batch)[:rows], np.float32)
        require_finite(out)
        return out

    def _model(self, length: int) -> keras.Model:
        """Wrap the model, once a length, with one-hot in front: a base travels as one byte."""
        if length not in self._compiled:
            import keras

            from seqdl.layers import OneHot

            codes = keras.Input((length,), batch_size=self.batch_size, dtype="uint8", name="codes")
            model = keras.Model(
                codes, self._logits_of(OneHot(dtype="float32", name="one_hot")(codes)), name="predictor"
            )
            self._compiled[length] = model
        return self._compiled[length]


def require_finite(*results: np.ndarray) -> None:
    """Refuse what a network returned if it is not all numbers.

    Raises
    ------
    InputError
        At NaN or infinity.
    """
    if not all(np.isfinite(result).all() for result in results):
        raise InputError(
            "The network returned numbers that are not finite (NaN or infinity): did its training diverge, "
            "or are its weights damaged?"
        )


def _logits_model(model: keras.Model) -> keras.Model:
    """Cut the model at its logits: the layer of that name, else before the last sigmoid."""
    import keras

    if not getattr(model, "inputs", None) or len(model.inputs) != 1 or len(model.inputs[0].shape) != 3:
        raise InputError("The model needs one input of the shape (batch, window, 4).")
    if model.inputs[0].shape[-1] != 4:
        raise InputError(
            f"The model's input has {model.inputs[0].shape[-1]} channels; 4 are needed, A, C, G, T."
        )
    names = [layer.name for layer in model.layers]
    if "logits" in names:
        output = model.get_layer("logits").output
    else:
        last = model.layers[-1]
        if getattr(last, "activation", None) is not keras.activations.sigmoid:
            raise InputError(
                f"The model has no layer called 'logits' and its last layer, {last.name!r}, is no "
                "sigmoid, so its "
                f"log odds are unknown. End it with Dense(n, name='logits') and Activation('sigmoid')."
            )
        output = last.input if isinstance(last, keras.layers.Activation) else _log_odds(last.output)
    if len(output.shape) != 2:
        raise InputError(
            f"The model must give one number a target, shape (batch, targets). It gives {output.shape}."
        )
    return keras.Model(model.inputs[0], output, name="logits_of")


def _log_odds(p):
    from keras import ops

    p = ops.clip(p, 1e-7, 1 - 1e-7)
    return ops.log(p) - ops.log1p(-p)


def in_precision(model: keras.Model, precision: str) -> keras.Model:
    """Return the model computing in a precision; itself if it does already.

    Parameters
    ----------
    model : keras.Model
        Also one that was trained in mixed precision, which its layers remember.
    precision : {"float32", "bfloat16"}
        With bfloat16 the weights, the logits and the probabilities stay float32.
    """
    wanted = POLICIES[precision]
    if wanted == "float32" and all(layer.compute_dtype == "float32" for layer in _leaves(model)):
        return model
    config = model.get_config()
    # The end stays float32, by whatever name: its rounding would go straight into the numbers.
    _set_policy(config, wanted, keep={"logits", "probabilities", model.layers[-1].name})
    twin = type(model).from_config(config)
    twin.set_weights(model.get_weights())
    return twin


def _leaves(model: keras.Model) -> list:
    found = []
    for layer in model.layers:
        found += _leaves(layer) if hasattr(layer, "layers") else [layer]
    return found


def _set_policy(item, policy: str, keep: set[str]) -> None:
    """Change the dtype of every layer in a model's configuration; an input's dtype is its data's."""
    if isinstance(item, dict):
        inner = item.get("config")
        if (
            isinstance(inner, dict)
            and "dtype" in inner
            and "name" in inner
            and item.get("class_name") != "InputLayer"
        ):
            inner["dtype"] = "float32" if inner["name"] in keep else policy
        for value in item.values():
            _set_policy(value, policy, keep)
    elif isinstance(item, list):
        for value in item:
            _set_policy(value, policy, keep)
