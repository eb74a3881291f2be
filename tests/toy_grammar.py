"""Sequences sampled from the simulated grammar, and a small network trained on them within a minute."""

import numpy as np

from seqdl.data.grammar import find_sites
from seqdl.data.simulate_genome import plant_elements, simulate_background
from seqdl.interpret.faithfulness.recovery import grammar_positions

LENGTH = 160
FACTORS = ("CTCF", "REST", "AP1")


def sample_windows(bases, seed, each=400, background=600):
    """Draw windows off the middle of bound sites, and random ones; return codes, labels (n, factors)."""
    rng = np.random.default_rng(seed)
    genome = simulate_background(bases, rng)
    plant_elements(genome, rng)
    sites = find_sites(genome)
    centers = [rng.permutation(sites[name].centers)[:each] for name in FACTORS]
    centers = np.concatenate([*centers, rng.integers(LENGTH, bases - LENGTH, background)])
    starts = centers - LENGTH // 2 + rng.integers(-LENGTH // 3, LENGTH // 3 + 1, centers.size)
    starts = rng.permutation(np.clip(starts, 0, bases - LENGTH))
    codes = genome[starts[:, None] + np.arange(LENGTH)]
    labels = np.stack([grammar_positions(codes, name).any(axis=1) for name in FACTORS], axis=1)
    return codes, labels.astype(np.float32)


def train_network(codes, labels, epochs=12, seed=0):
    """Train a small convolutional network that ends in logits and probabilities."""
    import keras

    from seqdl.encoding import one_hot

    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((LENGTH, 4), name="sequence")
    for number, (filters, width) in enumerate(((32, 21), (32, 5)), 1):
        x = keras.layers.Conv1D(filters, width, padding="same", name=f"conv{number}")(x)
        x = keras.layers.BatchNormalization(name=f"norm{number}")(x)
        x = keras.layers.Activation("relu", name=f"relu{number}")(x)
        x = keras.layers.MaxPooling1D(4, name=f"pool{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dropout(0.3, name="dropout")(x)
    x = keras.layers.Dense(32, activation="relu", name="dense")(x)
    x = keras.layers.Dense(len(FACTORS), name="logits")(x)
    model = keras.Model(inputs, keras.layers.Activation("sigmoid", name="probabilities")(x))
    model.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy")
    # A strand is drawn for each sequence, and both are learned.
    both = np.concatenate([codes, 3 - codes[:, ::-1]])
    model.fit(one_hot(both), np.tile(labels, (2, 1)), batch_size=64, epochs=epochs, verbose=0)
    return model
