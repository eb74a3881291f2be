"""Losses, on any Keras backend: each from the values before the last squash, each blind to unknown targets.

Every loss is 0 where the prediction is as good as it can be, so losses of different data can be read
side by side: Poisson and multinomial terms stand without the part that no prediction changes (the
gradient is the same).
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

# Keeps a logarithm finite where a predicted value underflows to 0.
_TINY = 1e-7


def bce(labels, logits, positive_weight=None):
    """Compute binary cross-entropy, in nats, from logits.

    Parameters
    ----------
    labels, logits : tensors, shape (batch, n_targets)
    positive_weight : float array, shape (n_targets,), optional
        Factor of the positive windows' term, by target.

    Returns
    -------
    loss : tensor, shape (batch, n_targets)
    """
    positive = ops.softplus(-logits) * labels
    if positive_weight is not None:
        positive = positive * ops.convert_to_tensor(positive_weight, dtype=logits.dtype)
    return positive + ops.softplus(logits) * (1 - labels)


def focal(labels, logits, gamma: float = 2.0, alpha: float | None = None, positive_weight=None):
    """Compute the focal loss: cross-entropy times (1 - p)^gamma, p the probability of the true class.

    Parameters
    ----------
    labels, logits : tensors, shape (batch, n_targets)
    gamma : float
        0 is cross-entropy; the higher, the less count windows that are predicted well already.
    alpha : float, optional
        Weight of positives; negatives get ``1 - alpha``. Both 1 when None.
    positive_weight : float array, shape (n_targets,), optional
        A further factor of the positives, by target.

    Returns
    -------
    loss : tensor, shape (batch, n_targets)

    Notes
    -----
    Lin et al. (2017), Focal Loss for Dense Object Detection, ICCV.
    """
    margin = logits * (2 * labels - 1)
    loss = ops.exp(-gamma * ops.softplus(margin)) * ops.softplus(-margin)
    if alpha is not None:
        loss = loss * (alpha * labels + (1 - alpha) * (1 - labels))
    if positive_weight is not None:
        weight = ops.convert_to_tensor(positive_weight, dtype=logits.dtype)
        loss = loss * (weight * labels + (1 - labels))
    return loss


def poisson(values, expected):
    """Compute the Poisson loss less its least value, which is half the Poisson deviance.

    Parameters
    ----------
    values, expected : tensors of one shape
        Counts, and what was predicted; neither negative.

    Returns
    -------
    loss : tensor
        ``expected - values * log(expected)``, plus what makes it 0 at ``expected == values``.
    """
    values, expected = values + _TINY, expected + _TINY
    return values * (ops.log(values) - ops.log(expected)) - values + expected


def mse(values, expected):
    """Compute squared errors of tensors of one shape."""
    return ops.square(values - expected)


def multinomial(values, logits, known=None):
    """Compute the multinomial loss of a profile, in nats, less its least value.

    Parameters
    ----------
    values : tensor, shape (batch, bins, n_targets)
        Counts.
    logits : tensor, shape (batch, bins, n_targets)
        Their softmax along the bins is the predicted share of each.
    known : tensor of the same shape, optional
        0 where a count is not known: the bin is then left out of the distribution.

    Returns
    -------
    loss : tensor, shape (batch, n_targets)
        The total count times the Kullback-Leibler divergence from observed to predicted shares.
    """
    if known is not None:
        values, logits = values * known, ops.where(known > 0, logits, -1e9)
    total = ops.sum(values, axis=1, keepdims=True)
    observed = ops.log(ops.maximum(values, _TINY)) - ops.log(ops.maximum(total, _TINY))
    return ops.sum(values * (observed - ops.log_softmax(logits, axis=1)), axis=1)


def profile(values, outputs, count_weight: float, known=None):
    """Compute BPNet's loss: the multinomial of the profile and the squared error of the log count.

    Parameters
    ----------
    values : tensor, shape (batch, bins, n_targets)
    outputs : tensor, shape (batch, bins + 1, n_targets)
        Logits of the profile; then the predicted ``log(1 + total)``.
    count_weight : float
        Factor of the squared error.
    known : tensor of `values`' shape, optional
        0 where a count is not known. The total is judged only where every bin is known.

    Returns
    -------
    loss : tensor, shape (batch, n_targets)

    Notes
    -----
    Avsec et al. (2021), Base-resolution models of transcription-factor binding, Nature Genetics 53.
    """
    known = ops.ones_like(values) if known is None else known
    whole = ops.min(known, axis=1)
    error = ops.square(ops.log1p(ops.sum(values * known, axis=1)) - outputs[:, -1])
    return multinomial(values, outputs[:, :-1], known) + count_weight * whole * error


class TargetLoss(keras.losses.Loss):
    """One of the losses, averaged over the targets that are known (not NaN).

    Parameters
    ----------
    name : {"bce", "focal", "poisson", "mse", "profile"}
    **settings
        Passed to the function of that name.
    """

    def __init__(self, name: str, **settings) -> None:
        super().__init__(name=name)
        self.settings = settings
        self._function = {"bce": bce, "focal": focal, "poisson": poisson, "mse": mse, "profile": profile}[
            name
        ]

    def sums(self, targets, outputs):
        """Return each window's sum of losses, shape (batch,), and over how many known targets it runs."""
        known = ops.logical_not(ops.isnan(targets))
        targets, counted = ops.where(known, targets, 0.0), ops.cast(known, outputs.dtype)
        if self.name == "profile":
            losses = self._function(targets, outputs, known=counted, **self.settings)
            counted = ops.max(counted, axis=1)
        else:
            losses = self._function(targets, outputs, **self.settings) * counted
        axes = tuple(range(1, len(losses.shape)))
        return ops.sum(losses, axis=axes), ops.sum(counted, axis=axes)

    def call(self, targets, outputs):
        """Return a loss a window, shape (batch,), whose mean is the mean over the known targets."""
        losses, counts = self.sums(targets, outputs)
        windows = ops.cast(ops.shape(losses)[0], losses.dtype)
        return losses * (windows / ops.maximum(ops.sum(counts), 1.0))


def expected_coverage(outputs: np.ndarray) -> np.ndarray:
    """Turn the outputs that `profile` takes into counts, float32 (batch, bins, n_targets)."""
    logits = outputs[:, :-1].astype(np.float32)
    share = np.exp(logits - logits.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    return share * np.maximum(np.expm1(outputs[:, -1:].astype(np.float32)), 0)
