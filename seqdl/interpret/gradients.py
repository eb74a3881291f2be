"""Slopes of a network's output: the gradient itself, smoothed, or averaged on the way from a reference.

Each function takes a batch and returns slopes of its shape. `seqdl.interpret.methods` turns slopes into
contributions.
"""

from __future__ import annotations

import numpy as np

from seqdl.interpret.backend_gradient import GradientFunction
from seqdl.interpret.references import equal_parts


def smoothed(
    gradient: GradientFunction,
    x: np.ndarray,
    target: int,
    rows: np.ndarray,
    *,
    samples: int,
    noise: float,
    seed: int,
) -> np.ndarray:
    """Average the gradient over noisy copies of the input.

    Parameters
    ----------
    gradient : callable
        From `seqdl.interpret.backend_gradient.gradient_function`.
    x : float32 array, (b, L, 4)
    target : int
    rows : int array, (b,)
        Each row has its own noise, whatever the batch.
    samples : int
        Copies.
    noise : float
        Standard deviation; the input is 0 or 1.
    seed : int

    Returns
    -------
    float32 array, (b, L, 4)

    Notes
    -----
    Smilkov D et al. SmoothGrad: removing noise by adding noise. arXiv:1706.03825 (2017).
    """
    draws = [np.random.default_rng([seed, int(row)]) for row in rows]
    slope = np.zeros_like(x)
    for _ in range(samples):
        shaken = np.stack([rng.standard_normal(x.shape[1:], np.float32) for rng in draws])
        slope += gradient(x + np.float32(noise) * shaken, target)[0] / np.float32(samples)
    return slope


def along_the_way(
    gradient: GradientFunction,
    x: np.ndarray,
    references: np.ndarray,
    target: int,
    places: np.ndarray,
    most: int,
) -> np.ndarray:
    """Average the gradient at places on the straight way from references to an input.

    Parameters
    ----------
    gradient : callable
    x : float32 array, (b, L, 4)
    references : float32 array, (b, r, L, 4)
    target : int
    places : float array, (b, r, s)
        From 0, the reference, to 1, the input.
    most : int
        Rows a pass.

    Returns
    -------
    float32 array, (b, r, L, 4)

    Notes
    -----
    With places spread evenly: integrated gradients (Sundararajan M, Taly A, Yan Q. ICML 2017). With one
    random place for each of many references: expected gradients (Erion G et al. Nature Machine Intelligence
    3, 620-631, 2021).
    """
    flat = references.reshape(-1, *references.shape[2:])
    way = (x[:, None] - references).reshape(flat.shape)
    steps = places.astype(np.float32).reshape(len(flat), -1, 1, 1)
    slope = np.zeros_like(flat)
    for part in equal_parts(len(flat), most):
        for step in range(steps.shape[1]):
            place = flat[part] + steps[part, step] * way[part]
            slope[part] += gradient(place, target)[0] / np.float32(steps.shape[1])
    return slope.reshape(references.shape)


def even_places(steps: int, shape: tuple[int, int]) -> np.ndarray:
    """Return the midpoints of `steps` equal parts of the way, float32 (*shape, steps).

    Parameters
    ----------
    steps : int
    shape : (int, int)
        Sequences and references of each.

    Returns
    -------
    float32 array, (*shape, steps)
    """
    return np.broadcast_to((np.arange(steps, dtype=np.float32) + 0.5) / steps, (*shape, steps))


def random_places(seed: int, rows: np.ndarray, n: int) -> np.ndarray:
    """Draw a place for each of `n` references, float32 (b, n, 1): one in each n-th of the way.

    Parameters
    ----------
    seed : int
    rows : int array, (b,)
        Each row has its own draws, whatever the batch.
    n : int

    Returns
    -------
    float32 array, (b, n, 1)
    """
    found = []
    for row in rows:
        rng = np.random.default_rng([seed, int(row)])
        found.append((rng.permutation(n) + rng.random(n)) / n)
    return np.asarray(found, np.float32)[:, :, None]
