"""DeepBind: the paper's formula, written out in NumPy, and what follows from taking the better strand."""

import keras
import numpy as np
import pytest

from seqdl.encoding import one_hot, reverse_complement
from seqdl.errors import InputError
from seqdl.interpret.motifs.filters import filter_motifs
from seqdl.models import build_model


def by_formula(model, codes, strands=2, average=False):
    """Compute the logits as the paper writes them: scan, rectify, pool, net; the greater strand."""
    weights = {layer.name: [np.asarray(w, "float64") for w in layer.get_weights()] for layer in model.layers}
    kernel, bias = weights["conv1"]
    width = len(kernel)
    scores = []
    for row in [codes, reverse_complement(codes)][:strands]:
        x = np.full((len(codes), row.shape[1] + 2 * (width - 1), 4), 0.25)
        x[:, width - 1 : 1 - width] = one_hot(row)
        places = np.lib.stride_tricks.sliding_window_view(x, width, axis=1)
        z = np.maximum(np.einsum("npcw,wcf->npf", places, kernel) + bias, 0)
        z = np.concatenate([z.max(1), z.mean(1)], axis=1) if average else z.max(1)
        if "dense" in weights:
            z = np.maximum(z @ weights["dense"][0] + weights["dense"][1], 0)
        scores.append(z @ weights["score"][0] + weights["score"][1])
    return np.max(scores, axis=0)


def logits(model, codes):
    cut = keras.Model(model.input, model.get_layer("logits").output)
    return keras.ops.convert_to_numpy(cut(one_hot(codes).astype("float32")))


@pytest.mark.parametrize("preset", ["published", "small"])
@pytest.mark.parametrize("pooling", ["max", "max_average"])
@pytest.mark.parametrize("both", [True, False])
def test_equals_the_papers_formula(preset, pooling, both):
    keras.utils.set_random_seed(1)
    model = build_model("deepbind", 40, 3, preset, pooling=pooling, both_strands=both)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
    codes = rng.integers(0, 5, (6, 40)).astype(np.uint8)
    expected = by_formula(model, codes, 2 if both else 1, pooling == "max_average")
    np.testing.assert_allclose(logits(model, codes), expected, rtol=1e-4, atol=1e-4)


def test_one_strand_tells_strands_apart_and_two_do_not():
    codes = np.random.default_rng(0).integers(0, 4, (5, 101)).astype(np.uint8)
    one = build_model("deepbind", 101, 2, "small", both_strands=False)
    assert (logits(one, codes) != logits(one, reverse_complement(codes))).any()
    two = build_model("deepbind", 101, 2, "small")
    two.set_weights(one.get_weights())
    best = np.maximum(logits(one, codes), logits(one, reverse_complement(codes)))
    np.testing.assert_allclose(logits(two, codes), best, rtol=1e-5)


def test_a_motif_is_found_past_the_ends():
    """A detector that matches half of itself at an end still scores there: the sequence is padded."""
    model = build_model("deepbind", 30, 1, "small", filters=1, kernel_size=4, both_strands=False)
    kernel = np.zeros((4, 4, 1), "float32")
    kernel[2, 0] = kernel[3, 1] = 1  # xxAC
    model.set_weights([kernel, np.zeros(1), np.ones((1, 1)), np.zeros(1)])
    codes = np.full((1, 30), 3, np.uint8)
    codes[0, :2] = [0, 1]
    assert logits(model, codes)[0, 0] == 2


def test_filters_are_read_where_they_fired():
    model = build_model("deepbind", 60, 1, "small", filters=1, kernel_size=6)
    kernel = one_hot(np.array([[0, 2, 1, 3, 3, 1]], np.uint8))[0][:, :, None]  # AGCTTC
    model.get_layer("conv1").set_weights([kernel.astype("float32"), np.full(1, -4.5, "float32")])
    codes = np.random.default_rng(0).integers(0, 4, (3000, 60)).astype(np.uint8)
    (motif,) = filter_motifs(model, codes, min_sites=1)
    assert motif.consensus == "AGCTTC" and motif.information > 10


def test_structure_has_no_other_strand():
    assert build_model("deepbind", 50, 1, channels=7).get_layer("score").output.shape[1] == 1
    with pytest.raises(InputError, match="both_strands"):
        build_model("deepbind", 50, 1, channels=7, both_strands=True)
    for wrong in ({"pooling": "mean"}, {"both_strands": "yes"}, {"hidden_units": -1}, {"dropout": 1.0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            build_model("deepbind", 50, 1, **wrong)
