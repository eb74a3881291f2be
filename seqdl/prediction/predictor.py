"""`Predictor`: codes in, probabilities, logits or coverage out; the one forward pass of every command."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from seqdl.data.pipeline import reverse_values
from seqdl.encoding import CHANNELS, RNA, STRUCTURE, N, reverse_complement
from seqdl.errors import InputError
from seqdl.prediction.precision import BFLOAT16_NOTE, POLICIES, in_precision

if TYPE_CHECKING:
    import keras

    from seqdl.training.run import Run

_STRUCTURED = CHANNELS + len(STRUCTURE)


def default_batch_size(window: int | None) -> int:
    """Choose how many windows go through a network at once: 256, and fewer where they are long."""
    return max(1, min(256, (1 << 20) // (window or 1)))


class Predictor:
    """Run a model over windows of codes, in batches of one constant shape.

    Parameters
    ----------
    run_or_model : Run or keras.Model
        A run brings its window, its target names and whether it averages strands. A model needs a
        float input (batch, window, channels) and a layer called "logits", a sigmoid at its end, or a layer
        called "coverage". Its channels are 4, or 7 for bases with their secondary structure.
    batch_size : int, optional
        Windows in a batch; `default_batch_size` if left out. The last batch is filled up, so that one
        function is compiled once and a window's result does not depend on how many others came with it.
    strand_average : bool, optional
        Average over a sequence and its reverse complement, as DeepSEA did. By default what the run's
        card says; False for a model. RNA has one strand and is never averaged.
    precision : {"float32", "bfloat16"}
        Of the computation. bfloat16 is for a quick look, and warns.
    engine : {"full", "auto", "incremental"}
        "incremental": recompute of a window that differs from another one (argument `of` of the methods) only
        what the difference can reach, see `seqdl.incremental`; the numbers differ by rounding. "auto" does so
        where the network can be followed and much is spared.

    Attributes
    ----------
    task : {"binary", "coverage"}
    window : int or None
        bp; None for a model of any length.
    n_targets : int
    output_shape : tuple of int
        Of one window: (n_targets,), or (n_bins, n_targets) of coverage.
    target_names : list of str
        "target1", ... for a model without a run.
    strand_average : bool
    spared : float
        Floating-point operations of a pass that a window which differs in one base is spared; 0 where all
        windows pass whole.

    Raises
    ------
    InputError
        If `batch_size` or `precision` makes no sense, the model is of another kind, or the strands of RNA
        shall be averaged.

    Examples
    --------
    >>> predictor = Predictor(Run.open("run/"))
    >>> predictor.probabilities(genome.gather([0], [1000], predictor.window)).shape
    (1, 189)
    """

    def __init__(
        self,
        run_or_model: Run | keras.Model,
        batch_size: int | None = None,
        strand_average: bool | None = None,
        precision: str = "float32",
        engine: str = "full",
    ) -> None:
        if batch_size is not None and (int(batch_size) != batch_size or batch_size < 1):
            raise InputError(f"`batch_size` must be a positive whole number. Received: {batch_size!r}.")
        if precision not in POLICIES:
            raise InputError(f"`precision` must be 'float32' or 'bfloat16'. Received: {precision!r}.")
        if precision == "bfloat16":
            warnings.warn(BFLOAT16_NOTE, UserWarning, stacklevel=2)
        run = run_or_model if hasattr(run_or_model, "card") else None
        model = run.model if run is not None else run_or_model
        self.precision = precision
        self.task, end = _end_of(model)
        self._ends_at = in_precision(end, precision)
        self.window: int | None = end.input_shape[1]
        self.output_shape: tuple[int, ...] = end.output_shape[1:]
        self.n_targets: int = end.output_shape[-1]
        self.batch_size = int(batch_size or default_batch_size(self.window))
        self._structured = end.input_shape[2] == _STRUCTURED
        one_strand = self._structured or (run is not None and run.card["alphabet"] == RNA)
        if one_strand and strand_average:
            raise InputError(
                "`strand_average` must be off: the network reads RNA, which has one strand "
                "(--no-strand-average)."
            )
        self.strand_average = not one_strand and bool(
            (run is not None and run.strand_average) if strand_average is None else strand_average
        )
        self.target_names = (
            list(run.target_names) if run is not None else [f"target{i + 1}" for i in range(self.n_targets)]
        )
        # Which output of the turned sequence is this target's.
        self._turned = np.argsort(run.strand_pairs) if run is not None else np.arange(self.n_targets)
        self._compiled: dict[int, keras.Model] = {}
        self._pairs = None if engine == "full" else self._paired(engine)
        self.spared: float = self._pairs.spared if self._pairs else 0.0

    def _paired(self, engine: str):
        """Return what predicts changed windows on their strips; None if "auto" finds no use in it."""
        from seqdl.incremental.pairs import PairedForward

        try:
            if self.precision != "float32":
                raise InputError("Incremental evaluation is exact in float32 only: leave `precision` out.")
            return PairedForward(self._ends_at, self._forward)
        except InputError:
            if engine == "auto":
                return None
            raise

    def logits(self, codes: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
        """Predict the log odds of every target.

        Parameters
        ----------
        codes : uint8 array, shape (n, window)
            A 0, C 1, G 2, T 3, N 4, or with structure up to 19; not one-hot.
        of : int64 array, shape (n,), optional
            Which window each one is a change of, its own place for the others: see `engine`.

        Returns
        -------
        logits : float32 array, shape (n, n_targets)
            With strand averaging: the log odds of the mean of both strands' probabilities.

        Raises
        ------
        InputError
            If the shape or the codes are wrong, the network returns NaN or infinity, or predicts coverage.
        """
        from scipy.special import log_expit

        codes = self._check(codes, "binary")
        forward = self._forward(codes, of)
        if not self.strand_average:
            return forward
        reverse = self._other_strand(codes, of)
        # log p/(1-p) of p = (p1 + p2)/2, from logs throughout: exact where p is nearly 0 or 1.
        one, two = forward.astype(np.float64), reverse.astype(np.float64)
        on = np.logaddexp(log_expit(one), log_expit(two))
        off = np.logaddexp(log_expit(-one), log_expit(-two))
        return (on - off).astype(np.float32)

    def probabilities(self, codes: np.ndarray) -> np.ndarray:
        """Predict the probability of every target; arguments and shape are those of `logits`."""
        from scipy.special import expit

        codes = self._check(codes, "binary")
        forward = expit(self._forward(codes))
        if not self.strand_average:
            return forward
        return (forward + expit(self._other_strand(codes))) / np.float32(2)

    def coverage(self, codes: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
        """Predict every target's values along the window's middle.

        Parameters
        ----------
        codes, of
            As in `logits`.

        Returns
        -------
        values : float32 array, shape (n, n_bins, n_targets)
            0 or more, in the unit that the run was trained on. With strand averaging: the mean of both
            strands', the other one's turned back.

        Raises
        ------
        InputError
            If the shape or the codes are wrong, the network returns NaN or infinity, or predicts
            probabilities.
        """
        codes = self._check(codes, "coverage")
        forward = self._forward(codes, of)
        if self.strand_average:
            forward += self._other_strand(codes, of)
            forward /= np.float32(2)
        return forward

    def strand(self, codes: np.ndarray, reverse: bool, of: np.ndarray | None = None) -> np.ndarray:
        """Predict from one strand alone, whatever the card says.

        Parameters
        ----------
        codes, of
            As in `logits`.
        reverse : bool
            Read the reverse complement, and turn bins and targets back to this strand.

        Returns
        -------
        outputs : float32 array
            Log odds (n, n_targets), or coverage (n, n_bins, n_targets).

        Raises
        ------
        InputError
            As `logits`.
        """
        codes = self._check(codes, self.task)
        return self._other_strand(codes, of) if reverse else self._forward(codes, of)

    def values(self, codes: np.ndarray) -> np.ndarray:
        """Predict what the model predicts: `probabilities` or `coverage`."""
        return self.coverage(codes) if self.task == "coverage" else self.probabilities(codes)

    def _other_strand(self, codes: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
        """Run the reverse complement, and turn bins and targets back to this strand."""
        return reverse_values(self._forward(reverse_complement(codes), of), self._turned)

    def _check(self, codes: np.ndarray, task: str) -> np.ndarray:
        if task != self.task:
            bins = "" if self.task == "binary" else f"{self.output_shape[0]:,} values along a window"
            raise InputError(
                f"The network predicts coverage, {bins}, and no probabilities: use `coverage`."
                if bins
                else "The network predicts one probability a target, and no coverage: use `probabilities` "
                "or `logits`."
            )
        codes = np.asarray(codes)
        length = self.window or (codes.shape[1] if codes.ndim == 2 else "window")
        if codes.ndim != 2 or codes.shape[1] != length or codes.dtype.kind not in "ui":
            raise InputError(
                f"`codes` must be an integer array of shape (n, {length}), one code a base and not one-hot. "
                f"Received: {codes.dtype} {codes.shape}."
            )
        top = N + 5 * len(STRUCTURE) if self._structured else N
        if codes.size and (codes.max() > top or codes.min() < 0):
            kind = f"{top}, bases with their structure" if self._structured else f"{N} (N)"
            raise InputError(
                f"`codes` holds values from 0 to {kind}. Received: {codes.min()} to {codes.max()}."
            )
        return codes.astype(np.uint8, copy=False)

    def _forward(self, codes: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
        if of is not None and self._pairs is not None and len(codes):
            found = self._pairs(codes, of)
            require_finite(found)
            return found
        out = np.empty((len(codes), *self.output_shape), np.float32)
        if not len(codes):
            return out
        model = self._model(codes.shape[1])
        for start in range(0, len(codes), self.batch_size):
            batch = codes[start : start + self.batch_size]
            rows = len(batch)
            if rows < self.batch_size:
                # Filled with a real window: one of N alone has nothing that a masking layer would let by.
                batch = np.concatenate([batch, np.repeat(batch[-1:], self.batch_size - rows, axis=0)])
            out[start : start + rows] = np.asarray(model.predict_on_batch(batch)[:rows], np.float32)
        require_finite(out)
        return out

    def _model(self, length: int) -> keras.Model:
        """Wrap the model, once a length, with one-hot in front: a base travels as one byte."""
        if length not in self._compiled:
            import keras

            from seqdl.layers import OneHot

            codes = keras.Input((length,), batch_size=self.batch_size, dtype="uint8", name="codes")
            rows = OneHot(structure=self._structured, dtype="float32", name="one_hot")(codes)
            self._compiled[length] = keras.Model(codes, self._ends_at(rows), name="predictor")
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


def _end_of(model: keras.Model) -> tuple[str, keras.Model]:
    """Tell what a model predicts, and cut it there: at its coverage, or at its logits.

    Logits are the layer of that name, else what goes into the last sigmoid.
    """
    import keras

    if not getattr(model, "inputs", None) or len(model.inputs) != 1 or len(model.inputs[0].shape) != 3:
        raise InputError("The model needs one input of the shape (batch, window, 4).")
    channels = model.inputs[0].shape[-1]
    if channels not in (CHANNELS, _STRUCTURED):
        raise InputError(
            f"The model's input has {channels} channels; {CHANNELS} are needed, A, C, G, T, or "
            f"{_STRUCTURED} with the secondary structure."
        )
    names = [layer.name for layer in model.layers]
    if "coverage" in names:
        output = model.get_layer("coverage").output
        if len(output.shape) != 3:
            raise InputError(
                f"The layer 'coverage' must give the shape (batch, bins, targets). It gives {output.shape}."
            )
        return "coverage", keras.Model(model.inputs[0], output, name="coverage_of")
    if "logits" in names:
        output = model.get_layer("logits").output
    else:
        last = model.layers[-1]
        if getattr(last, "activation", None) is not keras.activations.sigmoid:
            raise InputError(
                f"The model has no layer called 'logits' and its last layer, {last.name!r}, is no "
                "sigmoid, so its log odds are unknown. End it with Dense(n, name='logits') and "
                "Activation('sigmoid'), or with a layer called 'coverage'."
            )
        output = last.input if isinstance(last, keras.layers.Activation) else _log_odds(last.output)
    if len(output.shape) != 2:
        raise InputError(
            f"The model must give one number a target, shape (batch, targets). It gives {output.shape}."
        )
    return "binary", keras.Model(model.inputs[0], output, name="logits_of")


def _log_odds(p):
    from keras import ops

    p = ops.clip(p, 1e-7, 1 - 1e-7)
    return ops.log(p) - ops.log1p(-p)
