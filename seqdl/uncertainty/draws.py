"""Predictions of many networks drawn from one: dropout masks, and weights of variational layers.

Each draw is one network, the same for every window (as in `seqdl.uncertainty.dropout`). One copy of the
graph serves all draws: its masks and weights are variables that a draw sets, so a thousand draws take no more
memory than two, and the graph is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import TYPE_CHECKING, NamedTuple

import keras
import numpy as np

from seqdl.encoding import CHANNELS, N
from seqdl.errors import InputError, require_at_least
from seqdl.layers.mean_field import MeanField
from seqdl.prediction.precision import in_precision
from seqdl.progress import say
from seqdl.uncertainty.dropout import FixedMask, mask_of
from seqdl.uncertainty.random_layers import (
    copy_graph,
    drops,
    end_of,
    ended,
    generator_of,
    noise_shape,
    random_layers,
    require_graph,
    trunk_of,
)
from seqdl.words import few

if TYPE_CHECKING:
    from seqdl.training.run import Run


class Moments(NamedTuple):
    """What many draws say together.

    Attributes
    ----------
    mean : float32 array, shape (m, T), or (m, bins, T) of coverage
        The prediction.
    spread : float32 array, the same shape
        Standard deviation over the draws.
    """

    mean: np.ndarray
    spread: np.ndarray


def sampled_predictions(
    run_or_model: Run | keras.Model,
    codes: np.ndarray,
    n: int = 100,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    strand_average: bool | None = None,
) -> np.ndarray:
    """Predict windows by networks drawn at random: Monte-Carlo dropout, variational layers, or both.

    Parameters
    ----------
    run_or_model : Run or keras.Model
        With dropout layers or variational layers, also inside an ensemble's members. A model must be
        Functional or Sequential, and read one-hot bases (batch, window, 4).
    codes : uint8 array, shape (m, window)
        A 0, C 1, G 2, T 3, N 4.
    n : int
        Draws.
    seed : int
        Decides every draw, whatever the batch, the order of the windows and the backend.
    batch_size : int, optional
        Windows at once.
    strand_average : bool, optional
        For a run: as its card says by default. A model is asked one strand.

    Returns
    -------
    predictions : float32 array, shape (n, m, T), or (n, m, bins, T) of coverage
        Probabilities or coverage of a run; what a model gives out, such as the classes of a softmax.

    Raises
    ------
    InputError
        If nothing in the model is random, it is of another kind, or the codes or numbers make no sense.

    Notes
    -----
    Gal & Ghahramani, ICML 2016, for dropout; Blundell et al., ICML 2015, for variational layers. The draws
    with dropout alone are the networks of `seqdl.uncertainty.dropout.thinned_models`.

    Examples
    --------
    >>> draws = sampled_predictions("run/", codes, n=50)
    >>> draws.mean(axis=0), draws.std(axis=0)  # the prediction, and how much the draws disagree
    """
    draws = each_prediction(
        run_or_model, codes, n, seed=seed, batch_size=batch_size, strand_average=strand_average
    )
    first = next(draws)
    found = np.empty((n, *first.shape), np.float32)
    found[0] = first
    for draw, values in enumerate(draws, 1):
        found[draw] = values
    return found


def sampled_moments(run_or_model: Run | keras.Model, codes: np.ndarray, n: int = 100, **options) -> Moments:
    """Predict as `sampled_predictions` does, and keep only mean and spread: memory does not grow with `n`.

    Parameters
    ----------
    run_or_model, codes, n, **options
        As in `sampled_predictions`.

    Returns
    -------
    Moments
    """
    mean = squares = 0.0
    for draw, values in enumerate(each_prediction(run_or_model, codes, n, **options), 1):
        # Welford's running sums: no difference of large numbers.
        away = values.astype(np.float64) - mean
        mean = mean + away / draw
        squares = squares + away * (values - mean)
    return Moments(np.float32(mean), np.float32(np.sqrt(squares / n)))


def each_prediction(
    run_or_model: Run | keras.Model,
    codes: np.ndarray,
    n: int = 100,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    strand_average: bool | None = None,
) -> Iterator[np.ndarray]:
    """Yield the prediction of one draw after the other, float32 (m, T); see `sampled_predictions`."""
    from seqdl.training.run import Run

    require_at_least(1, n=n, batch_size=batch_size)
    require_at_least(0, seed=seed)
    if not isinstance(run_or_model, keras.Model):
        run_or_model = Run.open(run_or_model)
    run = None if isinstance(run_or_model, keras.Model) else run_or_model
    network = DrawnNetwork(run_or_model if run is None else run.model)
    codes = np.asarray(codes)
    if run is None:
        if strand_average:
            raise InputError("`strand_average` needs a run, whose card says how the targets turn round.")
        forward = _forward(network.model, codes, batch_size)
    else:
        from seqdl.prediction.predictor import Predictor

        drawn = copy(run)
        drawn.__dict__["model"] = network.model  # a cached property's value: the card is the run's
        forward = Predictor(drawn, batch_size, strand_average).values

    def predictions() -> Iterator[np.ndarray]:
        for draw in range(n):
            network.draw(seed, draw)
            yield np.asarray(forward(codes), np.float32)

    return predictions()  # what is wrong is said at once, not when the first draw is asked for


class DrawnNetwork:
    """Hold a copy of a model whose random layers are fixed, and set them to one draw after another.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential, with dropout or variational layers. Its other layers are shared, unless it
        was trained in bfloat16: the copy computes in float32.

    Attributes
    ----------
    model : keras.Model
        The copy: masks in place of dropout, Keras's own Dense and Conv1D in place of variational layers. It
        ends as the model does; cut at a layer "logits" or "coverage", it ends like seqdl's networks.

    Raises
    ------
    InputError
        If the model is of another kind, or nothing in it is random.

    Examples
    --------
    >>> network = DrawnNetwork(model)
    >>> network.draw(seed=0, number=3)
    >>> network.model.predict(windows)  # of the fourth network drawn
    """

    def __init__(self, model: keras.Model) -> None:
        require_graph(model)
        kinds: dict[str, set[str]] = {"dropout": set(), "variational": set(), "other": set()}
        for name, kind in random_layers(model):
            kinds[kind].add(name)
        if not kinds["dropout"] and not kinds["variational"]:
            beside = few(sorted(kinds["other"]))
            raise InputError(
                f"The model {model.name!r} has neither dropout nor variational layers, so every draw would "
                "be the same network." + (f" What {beside} do at random is no draw." if beside else "") + " "
                "Train with dropout or with seqdl.layers.VariationalDense, or take the members of an "
                "ensemble (seqdl.models.ensemble.ensemble_members)."
            )
        if kinds["other"]:
            say(f"Draws leave the randomness inside {few(sorted(kinds['other']))} off.")
        self._setters: dict[str, Callable[[str], None]] = {}
        self.model = self._copy(in_precision(model, "float32"))

    def draw(self, seed: int, number: int) -> None:
        """Set masks and weights to a draw; the same two numbers give the same network, on every backend."""
        for path, assign in self._setters.items():
            assign(f"{seed}/{number}/{path}")

    def _copy(self, model: keras.Model) -> keras.Model:
        end = end_of(model)
        if end is None or model.layers[-1].name not in ("probabilities", "coverage"):
            return copy_graph(model, self._fixed)
        return ended(copy_graph(trunk_of(model, end), self._fixed), end)

    def _fixed(self, layer, path: str):
        """Return what takes a layer's place, and remember how a draw is set."""
        if drops(layer):
            mask = SettableMask(layer.rate, "", noise_shape(layer), name=layer.name, dtype=layer.dtype_policy)
            self._setters[path] = mask.set
            return mask
        if isinstance(layer, MeanField):
            plain = layer.plain_layer()
            self._setters[path] = lambda key: plain.set_weights(layer.draw(generator_of(key)))
            return plain
        return layer


class SettableMask(FixedMask):
    """Apply a mask that is a variable; the arguments are those of `FixedMask`."""

    def build(self, input_shape: tuple) -> None:
        """Create the mask, of ones."""
        super().build(input_shape)
        sizes = zip(self.noise_shape, input_shape[1:], strict=True)
        shape = (1, *(length if size is None else size for size, length in sizes))
        self.mask = self.add_weight(shape=shape, initializer="ones", trainable=False, name="mask")

    def call(self, x):
        """Apply the mask that was set last."""
        scale = 1.0 / (1.0 - self.rate) if self.rate < 1 else 0.0
        return x * (keras.ops.cast(self.mask, x.dtype) * keras.ops.cast(scale, x.dtype))

    def set(self, key: str) -> None:
        """Draw the mask of a key."""
        self.mask.assign(mask_of(key, self.rate, tuple(self.mask.shape[1:])))


def _forward(model: keras.Model, codes: np.ndarray, batch_size: int | None) -> Callable:
    """Return the function from codes to what a model gives out, in batches of one shape."""
    from seqdl.incremental.engine import model_function
    from seqdl.interpret.mutagenesis.edits import FullPass
    from seqdl.prediction.predictor import default_batch_size

    shapes = [tuple(each.shape) for each in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][2] != CHANNELS or len(model.outputs) != 1:
        raise InputError(
            "Draws need a model with one output and one input, one-hot bases (batch, window, 4). "
            f"Received inputs of the shapes {shapes}, and {len(model.outputs)} outputs."
        )
    window = shapes[0][1]
    if (
        codes.ndim != 2
        or codes.dtype.kind not in "ui"
        or not len(codes)
        or window not in (None, codes.shape[1])
    ):
        raise InputError(
            f"`codes` must be an integer array of shape (m, {window or 'window'}), m at least 1, one code a "
            f"base and not one-hot. Received: {codes.dtype} {codes.shape}."
        )
    if codes.max() > N or codes.min() < 0:
        raise InputError(f"`codes` holds values from 0 to {N} (N). Received: {codes.min()} to {codes.max()}.")
    engine = FullPass(model_function(model), batch_size or default_batch_size(window))
    return lambda codes: engine.reference(codes.astype(np.uint8, copy=False))
