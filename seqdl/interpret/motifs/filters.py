"""Read the first convolution's filters as motifs: what each one fires at in real sequences.

A filter's weights are not a motif (they have no scale, and later layers use several together); the
sub-sequences that excite it are. This is the reading of DeepBind, Basset and DeepSEA.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.encoding import one_hot
from seqdl.errors import InputError, require_at_least
from seqdl.io.motifs import Motif, consensus


class FilterMotif(NamedTuple):
    """What one filter fires at.

    Attributes
    ----------
    name : str
        ``filter_<index>``.
    index : int
        The filter's place in the layer.
    counts : float64 array, (w, 4)
        How often each base stood at each place of the sites; channels A, C, G, T.
    probabilities : float64 array, (w, 4)
        Rows add up to 1; one pseudocount, split by the background.
    information : float
        Bits over the whole width, relative to the background.
    sites : int
        Sub-sequences behind the counts.
    windows : float
        Share of the windows that hold at least one site, 0 to 1.
    maximum : float
        The largest activation seen.
    """

    name: str
    index: int
    counts: np.ndarray
    probabilities: np.ndarray
    information: float
    sites: int
    windows: float
    maximum: float

    @property
    def consensus(self) -> str:
        """The likeliest base at each place; lower case where it has less than half, n below 0.3."""
        return consensus(self.probabilities)

    @property
    def motif(self) -> Motif:
        """The same as a `Motif`, to write, to match and to draw."""
        return Motif(self.name, self.name, self.probabilities, self.sites, "first layer")


class _FirstLayer(NamedTuple):
    model: object  # one-hot (b, L, 4) -> activations (b, P, filters)
    offsets: np.ndarray  # (w,) places of the kernel's taps relative to its first
    stride: int
    left: int  # padding on the left: activation p looks at input p * stride - left + offsets
    filters: int


def first_layer(model) -> _FirstLayer:
    """Cut a model after its first convolution and the normalisation and activation that follow it.

    Parameters
    ----------
    model : keras.Model, (b, L, 4) -> ...
        Of an ensemble the first member is read: its members' filters have nothing in common but their task.

    Returns
    -------
    NamedTuple
        ``model``, ``offsets``, ``stride``, ``left``, ``filters``.

    Raises
    ------
    InputError
        If the model has no one-dimensional convolution on its input's four channels.
    """
    import keras

    from seqdl.models.ensemble import ensemble_members

    model = next(iter(ensemble_members(model)), model)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv1D) and layer.input.shape[-1] == 4:
            break
    else:
        raise InputError(
            "The model has no Conv1D layer on the sequence itself, so no filters to show as motifs."
        )
    elementwise = {"BatchNormalization", "Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Dropout",
                   "SpatialDropout1D"}  # fmt: skip
    tensor = layer.output
    following = True
    while following:  # a threshold at half of the maximum means most where the layer's own zero is
        nodes = [item for item in model.layers if item is not layer and _reads(item, tensor)]
        following = len(nodes) == 1 and type(nodes[0]).__name__ in elementwise
        tensor = nodes[0].output if following else tensor
    width, dilation, stride = layer.kernel_size[0], layer.dilation_rate[0], layer.strides[0]
    span = (width - 1) * dilation + 1
    length = layer.input.shape[1]
    left = 0
    if layer.padding == "same" and length is not None:
        places = -(-length // stride)
        left = max((places - 1) * stride + span - length, 0) // 2
    elif layer.padding == "same":
        left = (span - 1) // 2
    elif layer.padding == "causal":
        left = span - 1
    before = next((item for item in model.layers if item.output is layer.input), None)
    if hasattr(before, "reach_step"):  # DeepBind's strands: places of the other strand lie past the window
        left -= before.reach_step(length)[1]
    return _FirstLayer(
        keras.Model(model.inputs[0], tensor, name="first_layer"),
        np.arange(width) * dilation,
        stride,
        left,
        layer.filters,
    )


def _reads(layer, tensor) -> bool:
    inputs = layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]
    return any(item is tensor for item in inputs)


def filter_motifs(
    model,
    codes: np.ndarray,
    *,
    threshold: float = 0.5,
    min_sites: int = 10,
    max_sites: int = 20_000,
    background: np.ndarray | None = None,
    batch_size: int = 64,
) -> list[FilterMotif]:
    """Turn the first layer's filters into motifs by the sequences that excite them.

    Parameters
    ----------
    model : keras.Model, (b, L, 4) -> ...
    codes : uint8 array, (n, L)
        Real windows, best from the dataset the network was trained on.
    threshold : float
        A site is a sub-sequence whose activation exceeds this share of the filter's largest
        (over all the windows), between 0 and 1.
    min_sites : int
        A filter with fewer sites is left out: it is silent, or it knows one sequence by heart.
    max_sites : int
        A filter takes no further batch of windows once it has this many sites.
    background : float array, (4,), optional
        Base frequencies; those of `codes` when None.
    batch_size : int
        Windows per pass.

    Returns
    -------
    list of FilterMotif
        The most informative first.

    Raises
    ------
    InputError
        If the model has no convolution on the sequence, or `threshold` is out of range.
    """
    if not 0 < threshold < 1:
        raise InputError(f"`threshold` must lie between 0 and 1. Received: {threshold}.")
    require_at_least(1, batch_size=batch_size)
    codes = np.asarray(codes, np.uint8)
    layer = first_layer(model)
    width = layer.offsets.size
    if background is None:
        background = np.bincount(codes[codes < 4], minlength=4) + 1.0
    background = np.asarray(background, np.float64) / np.sum(background)

    maximum = np.full(layer.filters, -np.inf)
    for _, activations in _activations(layer, codes, batch_size):
        maximum = np.maximum(maximum, activations.max(axis=(0, 1)))
    counts = np.zeros((layer.filters, width, 5))
    sites = np.zeros(layer.filters, np.int64)
    windows = np.zeros(layer.filters, np.int64)
    for rows, activations in _activations(layer, codes, batch_size):
        fires = (activations > threshold * maximum) & (maximum > 0)
        window, place, unit = np.nonzero(fires)
        first = place * layer.stride - layer.left
        inside = (first >= 0) & (first + layer.offsets[-1] < codes.shape[1]) & (sites[unit] < max_sites)
        window, first, unit = window[inside], first[inside], unit[inside]
        bases = codes[rows[window][:, None], first[:, None] + layer.offsets]
        flat = (unit[:, None] * width + np.arange(width)) * 5 + bases
        counts += np.bincount(flat.ravel(), minlength=counts.size).reshape(counts.shape)
        sites += np.bincount(unit, minlength=layer.filters)
        windows += fires.any(axis=1).sum(axis=0)
    motifs = [
        _motif(
            index,
            counts[index, :, :4],
            background,
            int(sites[index]),
            windows[index] / len(codes),
            maximum[index],
        )
        for index in np.flatnonzero(sites >= min_sites)
    ]
    return sorted(motifs, key=lambda motif: -motif.information)


def _activations(layer: _FirstLayer, codes: np.ndarray, batch_size: int):
    """Yield (rows, activations (b, P, filters)), always computing on the same batch shape."""
    batch_size = min(batch_size, len(codes))
    for start in range(0, len(codes), batch_size):
        rows = np.arange(start, min(start + batch_size, len(codes)))
        result = layer.model.predict_on_batch(one_hot(codes[np.resize(rows, batch_size)]))
        yield rows, np.asarray(result)[: rows.size]


def _motif(index, counts, background, sites, windows, maximum) -> FilterMotif:
    probabilities = (counts + background) / (counts.sum(axis=1, keepdims=True) + 1.0)
    bits = float((probabilities * np.log2(probabilities / background)).sum())
    return FilterMotif(
        f"filter_{index}", int(index), counts, probabilities, bits, sites, float(windows), float(maximum)
    )


def choose_windows(dataset, most: int) -> np.ndarray:
    """Choose windows to show to the filters: labelled ones, spread evenly over the training split.

    Parameters
    ----------
    dataset : Dataset
    most : int
        At most so many. Where fewer than a quarter of this are labelled, unlabelled ones serve too.

    Returns
    -------
    int64 array
        Indices into the dataset.
    """
    indices = np.flatnonzero(dataset.split == 0)
    if not len(indices):
        indices = np.arange(dataset.n)
    indices = indices[np.linspace(0, len(indices) - 1, min(len(indices), 8 * most)).astype(np.int64)]
    if dataset.task == "coverage":
        return indices[np.linspace(0, len(indices) - 1, min(len(indices), most)).astype(np.int64)]
    carries = dataset.labelled[indices]
    chosen = indices[carries] if carries.sum() >= most // 4 else indices
    return chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), most)).astype(np.int64)]
