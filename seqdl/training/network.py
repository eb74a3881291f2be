"""From a configuration and a dataset to the network that is trained: built, regularised, fed with codes."""

from __future__ import annotations

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.training.config import TrainingConfig

# Variables that penalties and norms are about: what multiplies an input, not what shifts or scales it.
KERNELS = ("kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel")


def build_network(config: TrainingConfig, data: Dataset, output_bias: np.ndarray | None = None):
    """Build the configured model for a dataset, under the configured precision.

    Parameters
    ----------
    config : TrainingConfig
        Resolved, see `resolve`.
    data : Dataset
        Its window, targets, channels, and for coverage its bin and resolution.
    output_bias : float array, shape (n_targets,), optional
        Logits to start from.

    Returns
    -------
    model : keras.Model
    """
    import keras

    from seqdl.models.registry import build_model

    sizes = {"bin": data.bin, "resolution": data.resolution} if data.task == "coverage" else {}
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.precision)
    try:
        return build_model(
            config.model, data.window, data.n_targets, preset=config.preset, output_bias=output_bias,
            channels=data.channels, **sizes, **model_options(config),
        )  # fmt: skip
    finally:
        keras.config.set_dtype_policy(before)


def model_options(config: TrainingConfig) -> dict:
    """Return what replaces the preset's sizes: the overrides, and `dropout` for every rate they leave open.

    Raises
    ------
    InputError
        If `dropout` is set and the model has no dropout option.
    """
    if config.dropout is None:
        return dict(config.overrides)

    from seqdl.errors import InputError
    from seqdl.models.registry import get_entry

    sizes = get_entry(config.model).options(config.preset)
    rates = {name: value for name, value in sizes.items() if "dropout" in name}
    if not rates:
        raise InputError(
            f"The model '{config.model}' has no option for dropout; leave out `dropout` (--dropout)."
        )
    chosen = {name: _rates(value, config, sizes) for name, value in rates.items()}
    return chosen | config.overrides


def _rates(preset: object, config: TrainingConfig, sizes: dict) -> object:
    """Return `dropout` in the form of a preset's rate: one number, or one a layer."""
    if not isinstance(preset, (list, tuple)):
        return config.dropout
    # Overrides may have changed how many layers there are.
    longer = [
        len(value)
        for name, value in config.overrides.items()
        if isinstance(value, (list, tuple)) and np.size(sizes.get(name)) == len(preset)
    ]
    return [config.dropout] * (longer[0] if longer else len(preset))


def regularise(network, config: TrainingConfig) -> None:
    """Put the configured penalties and norm limit on every kernel, beside what the model has of its own.

    Parameters
    ----------
    network : keras.Model
        Not compiled; changed in place. None of this is saved with the model.
    config : TrainingConfig
        `l1` times the sum of absolute weights and `l2` times that of squares join the loss; `max_norm`
        bounds the Euclidean norm of each filter or unit after every step.
    """
    import keras

    penalty = keras.regularizers.L1L2(config.l1, config.l2) if config.l1 or config.l2 else None
    for variable in network.trainable_variables:
        if variable.path.rsplit("/", 1)[-1] not in KERNELS:
            continue
        if penalty is not None:
            variable.regularizer = _both(variable.regularizer, penalty, lambda old, new, w: old(w) + new(w))
        if config.max_norm:
            axes = list(range(len(variable.shape) - 1))
            limit = keras.constraints.MaxNorm(config.max_norm, axis=axes)
            variable.constraint = _both(variable.constraint, limit, lambda old, new, w: new(old(w)))


def _both(old, new, join):
    return new if old is None else lambda weights: join(old, new, weights)


def with_codes(network, data: Dataset, loss: str):
    """Put the one-hot layer in front, and stop where the loss begins: a base travels as a byte.

    Parameters
    ----------
    network : keras.Model
        From `build_network`.
    data : Dataset
    loss : str
        Cross-entropies take the logits; "profile" the profile's logits with the log count as one bin more;
        the others what the network predicts.

    Returns
    -------
    trainer : keras.Model
        uint8 codes (batch, window) to what the loss takes.
    """
    import keras

    from seqdl.layers import OneHot

    end = network.output
    if data.task == "binary":
        end = network.get_layer("logits").output
    elif loss == "profile":
        counts = keras.layers.Reshape((1, data.n_targets), name="count_row")(
            network.get_layer("counts").output
        )
        parts = [network.get_layer("profile").output, counts]
        end = keras.layers.Concatenate(axis=1, name="profile_and_count", dtype="float32")(parts)
    codes = keras.Input((data.window,), dtype="uint8", name="codes")
    body = keras.Model(network.input, end, name="to_loss")
    return keras.Model(codes, body(OneHot(structure=data.structured, name="one_hot")(codes)), name="trainer")
