"""The model-randomisation check: an explanation of what was learned must change when that is forgotten.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim (2018), "Sanity checks for saliency maps". From the output
down, layer after layer gets back weights as before any training (cascading randomisation). A method whose
attributions still look like the trained network's at the end explains the input, or the architecture,
and not what was learned.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqdl.errors import InputError
from seqdl.interpret.faithfulness.agreement import row_correlation
from seqdl.interpret.faithfulness.bases import base_scores, check_scores, mean_interval, resample
from seqdl.progress import progress_bar

if TYPE_CHECKING:
    import keras
    import pandas as pd

Explainer = Callable[["keras.Model", np.ndarray], np.ndarray]


class Randomisation(NamedTuple):
    """How an attribution changes while the network forgets.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a method and stage: ``method``, ``stage`` (0: nothing re-drawn), ``layer``, the lowest
        layer re-drawn so far, ``weights``, the share of all weights re-drawn, ``spearman`` of the signed
        numbers and ``spearman_size`` of their absolute values with the trained network's, mean over
        sequences with ``_low`` and ``_high``. A sequence whose attributions are all alike counts as 0.
    passed : dict of str to bool
        By method: whether ``spearman_size`` is at most `threshold` once all is re-drawn.
    threshold : float
    """

    table: pd.DataFrame
    passed: dict[str, bool]
    threshold: float


def explainer(method: str, target: int, **choices) -> Explainer:
    """Return a function that explains sequences by any network of the same shape.

    Parameters
    ----------
    method : str
        One of `seqdl.interpret.methods.METHODS`.
    target : int
        Index of the output.
    **choices
        Passed to `seqdl.interpret.methods.attribute_codes` (``strand_average``, ``batch_size``, ...).

    Returns
    -------
    callable
        ``explain(model, codes)``: a keras.Model that ends in the number explained and uint8 codes (n, L) to
        float32 (n, L), the `base_scores`.
    """

    def explain(model, codes: np.ndarray) -> np.ndarray:
        from seqdl.interpret.methods import attribute_codes

        found = attribute_codes(model, codes, target, method=method, **choices)
        return base_scores(found.values, codes, method)

    return explain


def randomisation_check(
    model: keras.Model,
    codes: np.ndarray,
    explain: Mapping[str, Explainer],
    *,
    stages: int | None = None,
    threshold: float = 0.5,
    unsigned: tuple[str, ...] = (),
    groups: np.ndarray | None = None,
    bootstrap: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> Randomisation:
    """Re-draw a network's weights from the output down, and compare its attributions with the trained one's.

    Parameters
    ----------
    model : keras.Model, (b, L, 4) -> (b, n_targets)
        The trained network, which is not changed: the check works on clones.
    codes : uint8 array, (n, L)
    explain : mapping of str to callable
        By method, ``explain(model, codes)`` to float (n, L); see `explainer`.
    stages : int, optional
        Layers are re-drawn in at most so many groups of about equal size; None: one by one. Each stage
        explains all sequences anew, and compiles anew.
    threshold : float
        Correlation of sizes up to which a method passes, 0 to 1.
    unsigned : tuple of str
        Methods whose numbers have no sign: their ``spearman`` is NaN.
    groups, bootstrap, confidence
        Of the intervals over sequences; see `seqdl.interpret.faithfulness.bases.resample`.
    seed : int
        Of the new weights, which each layer draws as before training, and of the bootstrap.

    Returns
    -------
    Randomisation

    Raises
    ------
    InputError
        If the network has no weights, no method is given, or numbers do not fit.
    """
    import pandas as pd

    codes = np.asarray(codes, np.uint8)
    layers = _from_the_top(model)
    if not layers or not explain:
        raise InputError(
            "The network has no weights to re-draw."
            if explain
            else "`explain` must hold at least one method. Received: none."
        )
    if (stages is not None and stages < 1) or not 0 <= threshold <= 1:
        raise InputError(
            f"`stages` must be at least 1 and `threshold` from 0 to 1. Received: {stages} and {threshold}."
        )
    groups_of_layers = np.array_split(np.arange(len(layers)), min(stages or len(layers), len(layers)))
    draws = resample(len(codes), groups, bootstrap, confidence, seed)
    total = sum(int(np.prod(weight.shape)) for names in layers for weight in _weights(model, names))
    rows, trained, known = [], {}, None
    with progress_bar(
        len(explain) * (len(groups_of_layers) + 2), "Randomising the network", "explanations"
    ) as progress:
        for name, function in explain.items():
            trained[name] = function(model, codes)
            progress.advance()
        trained, known = check_scores(trained, codes)
        drawn = 0
        for stage in range(len(groups_of_layers) + 1):
            if stage:
                drawn = groups_of_layers[stage - 1][-1] + 1
            # A new clone at each stage: nothing compiled for an earlier one can be mistaken for it.
            twin = _forgetful_twin(model, layers[:drawn], seed)
            share = (
                sum(int(np.prod(w.shape)) for names in layers[:drawn] for w in _weights(model, names)) / total
            )
            for name, function in explain.items():
                found = np.asarray(function(twin, codes), np.float32)
                row = {"method": name, "stage": stage, "layer": layers[drawn - 1][0][-1] if drawn else "",
                       "weights": share}  # fmt: skip
                for key, sides in (
                    ("spearman", (trained[name], found)),
                    ("spearman_size", (np.abs(trained[name]), np.abs(found))),
                ):
                    value = row_correlation(*sides, known, ranks=True)
                    value = np.where(known.any(axis=1), np.nan_to_num(value), np.nan)
                    if key == "spearman" and name in unsigned:
                        value[:] = np.nan
                    mean, low, high = (float(part) for part in mean_interval(value, draws))
                    row |= {key: mean, f"{key}_low": low, f"{key}_high": high}
                rows.append(row)
                progress.advance()
    rows.sort(key=lambda row: list(explain).index(row["method"]))
    table = pd.DataFrame(rows)
    last = table[table["stage"] == table["stage"].max()].set_index("method")["spearman_size"]
    return Randomisation(table, {name: bool(last[name] <= threshold) for name in explain}, threshold)


def _from_the_top(model, path: tuple[str, ...] = ()) -> list[list[tuple[str, ...]]]:
    """List the layers with weights, from the output down, each by its path of names.

    The members of an ensemble stand side by side, so they are re-drawn together.
    """
    # By their names: cut at its logits, an ensemble no longer has its own.
    beside = {id(item) for item in model.layers if re.fullmatch(r"member\d+", item.name)}
    members = [_from_the_top(item, (*path, item.name)) for item in model.layers if id(item) in beside]
    found = []
    for layer in reversed(model.layers):
        if id(layer) in beside:
            continue
        if hasattr(layer, "layers"):
            found += _from_the_top(layer, (*path, layer.name))
        elif layer.weights:
            found.append([(*path, layer.name)])
    return found + [[one for group in level for one in group or ()] for level in zip_longest(*members)]


def _layer(model, path: tuple[str, ...]):
    for name in path:
        model = model.get_layer(name)
    return model


def _weights(model, paths) -> list:
    return [weight for path in paths for weight in _layer(model, path).weights]


def _forgetful_twin(model, forgotten: list[list[tuple[str, ...]]], seed: int):
    """Clone a network with its weights, but for some layers, which are as new."""
    import keras

    with _seeded(seed):
        twin = keras.models.clone_model(model)
    new = {path: _layer(twin, path).get_weights() for paths in forgotten for path in paths}
    twin.set_weights(model.get_weights())
    for path, weights in new.items():
        _layer(twin, path).set_weights(weights)
    return twin


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Make the weights of new layers repeatable: Keras takes their seeds from Python's generator."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
