"""First-layer filters as motifs: a planted motif comes back, whatever the padding, stride or dilation."""

import numpy as np
import pytest

from seqdl.encoding import decode, encode, one_hot
from seqdl.errors import InputError
from seqdl.interpret.motifs.filters import filter_motifs
from seqdl.io.motifs import information_matrix, write_motifs

MOTIF = encode("GATTACCA")


def sequences(spread=1, odd=0, n=60, length=64, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    places = rng.integers(0, length - 8 * spread, n) // 2 * 2 + odd
    codes[np.arange(n)[:, None], places[:, None] + spread * np.arange(8)] = MOTIF
    return codes


def network(length=64, silent=True, **options):
    """One filter that matches the motif perfectly, one that never fires."""
    import keras

    inputs = keras.Input((length, 4))
    x = keras.layers.Conv1D(2, 8, name="conv", **options)(inputs)
    x = keras.layers.Activation("relu")(keras.layers.BatchNormalization()(x))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.GlobalMaxPooling1D()(x)))
    kernel = np.stack([one_hot(MOTIF), np.zeros((8, 4), np.float32)], axis=2)
    model.get_layer("conv").set_weights([kernel, np.array([-6.0, -1.0], np.float32)])
    return model


@pytest.mark.parametrize(
    "options",
    [{}, {"padding": "same"}, {"padding": "causal"}, {"strides": 2},
     {"padding": "same", "strides": 2}, {"dilation_rate": 3},
     {"padding": "same", "dilation_rate": 3}],
    ids=str,
)  # fmt: skip
def test_a_planted_motif_is_read_off_its_filter(options):
    # "same" pads three bases on the left here, so that a stride of two looks at odd places.
    codes = sequences(options.get("dilation_rate", 1), odd=int(options == {"padding": "same", "strides": 2}))
    (motif,) = filter_motifs(network(**options), codes, batch_size=7)
    assert motif.name == "filter_0" and motif.consensus == decode(MOTIF)
    assert motif.sites >= 60 and motif.windows == 1.0 and 11 < motif.information < 16.5
    np.testing.assert_allclose(motif.probabilities.sum(axis=1), 1.0)


def test_a_tied_activation_is_as_good_as_a_separate_one():
    codes = sequences()
    (motif,) = filter_motifs(network(activation="relu"), codes)
    assert motif.consensus == decode(MOTIF)


def test_information_is_at_most_two_bits_a_place_and_zero_for_the_background():
    (motif,) = filter_motifs(network(), sequences())
    heights = information_matrix(motif)
    assert heights.min() >= 0 and heights.sum(axis=1).max() <= 2
    flat = motif._replace(probabilities=np.full((8, 4), 0.25))
    assert information_matrix(flat).sum() == 0
    assert flat.consensus == "n" * 8


def test_meme_file_has_the_minimal_formats_parts_and_rows_that_sum_to_one(tmp_path):
    motifs = filter_motifs(network(), sequences())
    write_motifs(tmp_path / "filters.meme", [motif.motif for motif in motifs])
    lines = (tmp_path / "filters.meme").read_text().splitlines()
    assert lines[0] == "MEME version 4" and "ALPHABET= ACGT" in lines and "strands: + -" in lines
    at = lines.index(f"MOTIF filter_0 {decode(MOTIF)}")
    assert lines[at + 1] == f"letter-probability matrix: alength= 4 w= 8 nsites= {motifs[0].sites} E= 0"
    rows = np.array([line.split() for line in lines[at + 2 : at + 10]], float)
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=1e-5)


def test_a_network_without_a_convolution_on_the_sequence_is_refused():
    import keras

    inputs = keras.Input((20, 4))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.LSTM(3)(inputs)))
    with pytest.raises(InputError, match="no Conv1D"):
        filter_motifs(model, sequences(length=20))
    with pytest.raises(InputError, match="between 0 and 1"):
        filter_motifs(model, sequences(length=20), threshold=1.5)
