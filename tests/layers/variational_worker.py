"""Fit a Bayesian regression whose posterior is known, and a small motif task: a part of test_variational.py.

    KERAS_BACKEND=jax python variational_worker.py OUT.npz [MODEL.keras]

OUT.npz gets what was learned; with a model file also draws from it for fixed sequences.
"""

import sys

import numpy as np

EXAMPLES, FEATURES, PRIOR = 64, 3, 0.4
MOTIF = np.array([3, 2, 0, 1, 3, 1, 0], np.uint8)


def regression():
    """Return a design with orthogonal columns of length sqrt(64), and targets of noise 1."""
    signs = np.array([[1]])
    while len(signs) < EXAMPLES:
        signs = np.block([[signs, signs], [signs, -signs]])  # Hadamard
    x = signs[:, 1 : 1 + FEATURES].astype("float32")
    y = x @ np.array([0.5, -0.3, 0.0]) + np.random.default_rng(3).normal(size=EXAMPLES)
    return x, y[:, None].astype("float32")


def exact_posterior():
    """Return mean (3,) and standard deviation of the weights: a Gaussian that has no correlations."""
    x, y = regression()
    precision = EXAMPLES + 1 / PRIOR**2
    return (x.T @ y)[:, 0] / precision, precision**-0.5


def learned_posterior():
    """Return mean (3,) and standard deviations (3,) that variational inference finds."""
    import keras

    from seqdl.layers import VariationalDense

    keras.utils.set_random_seed(1)
    x, y = regression()
    batch, steps = 16 * EXAMPLES, 300  # every batch holds every example 16 times: more draws a step
    x, y = np.tile(x, (16 * steps, 1)), np.tile(y, (16 * steps, 1))
    inputs = keras.Input((FEATURES,))
    layer = VariationalDense(1, 1 / EXAMPLES, use_bias=False, prior_scale=PRIOR, seed=2)
    model = keras.Model(inputs, layer(inputs))
    rate = keras.optimizers.schedules.CosineDecay(0.05, steps)
    # Half the square is the negative log likelihood at noise 1.
    model.compile(keras.optimizers.Adam(rate), loss=lambda y, p: 0.5 * keras.ops.square(y - p))
    model.fit(x, y, batch_size=batch, shuffle=False, verbose=0)
    return tuple(keras.ops.convert_to_numpy(each)[:, 0] for each in (layer.kernel, layer.kernel_spread))


def motif_task(n=1200, length=40, seed=5):
    """Return codes (n, length) and labels (n, 1): half of the sequences hold the motif somewhere."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    labels = rng.random(n) < 0.5
    starts = rng.integers(0, length - len(MOTIF), n)
    for row in np.flatnonzero(labels):
        codes[row, starts[row] : starts[row] + len(MOTIF)] = MOTIF
    return codes, labels[:, None].astype(np.uint8)


def motif_network(examples, length=40):
    """Build a variational network for the motif task, compiled."""
    import keras

    from seqdl.layers import VariationalConv1D, VariationalDense

    keras.utils.set_random_seed(0)
    inputs = keras.Input((length, 4))
    x = VariationalConv1D(12, 9, 1 / examples, activation="relu", seed=1, name="conv")(inputs)
    x = keras.layers.GlobalMaxPooling1D(name="pool")(x)
    x = VariationalDense(1, 1 / examples, seed=2, name="logits")(x)
    model = keras.Model(inputs, keras.layers.Activation("sigmoid", name="probabilities")(x))
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    return model


def motif_accuracy():
    """Train on the motif task; return the accuracy on held-out sequences before and after."""
    from seqdl.encoding import one_hot

    codes, labels = motif_task()
    x = one_hot(codes)
    model = motif_network(1000)
    before = model.evaluate(x[1000:], labels[1000:], verbose=0, return_dict=True)["accuracy"]
    model.fit(x[:1000], labels[:1000], epochs=10, batch_size=50, verbose=0)
    return before, model.evaluate(x[1000:], labels[1000:], verbose=0, return_dict=True)["accuracy"]


def main(out, model_file=None):
    """Do all and write it."""
    import keras

    mean, spread = learned_posterior()
    found = {"mean": mean, "spread": spread, "accuracy": motif_accuracy()}
    if model_file:
        from seqdl.models.load import load_model_file
        from seqdl.uncertainty.draws import sampled_predictions

        found["draws"] = sampled_predictions(load_model_file(model_file), motif_task(20)[0], 3, seed=4)
    np.savez(out, backend=keras.backend.backend(), **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
