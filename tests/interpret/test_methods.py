"""Laws that hold for the attribution methods, and how they differ where they should."""

import keras
import numpy as np
import pytest
from keras import layers

from seqdl.encoding import N, one_hot
from seqdl.errors import InputError
from seqdl.interpret.backend_gradient import gradient_function
from seqdl.interpret.methods import METHODS, REFERENCES, attribute_codes
from seqdl.interpret.references import KINDS, make_references, shuffle_known

LENGTH = 30
WITH_REFERENCE = [name for name, kind in REFERENCES.items() if kind is not None]


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(0).integers(0, 5, (5, LENGTH)).astype(np.uint8)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(4)
    inputs = keras.Input((LENGTH, 4))
    x = layers.Conv1D(8, 5, padding="same", activation="softplus")(inputs)
    x = layers.Dense(8, activation="tanh")(layers.Flatten()(layers.AveragePooling1D(3)(x)))
    return keras.Model(inputs, layers.Dense(3)(x))


def linear():
    inputs = keras.Input((LENGTH, 4))
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(inputs)))
    return model, np.asarray(model.layers[-1].kernel).reshape(LENGTH, 4, 3)


def test_the_sum_over_a_softmax_has_no_gradient_and_its_logit_has(codes, model):
    summed = keras.layers.Lambda(lambda x: keras.ops.sum(x, axis=1, keepdims=True))
    outputs = summed(layers.Activation("softmax")(model.output))
    gradient, total = gradient_function(keras.Model(model.input, outputs))(one_hot(codes), 0)
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
    assert np.abs(gradient).max() < 1e-6
    assert np.abs(gradient_function(model)(one_hot(codes), 0)[0]).max() > 1e-3


@pytest.mark.parametrize("reference", KINDS)
@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift"])
def test_contributions_add_up_to_the_difference_from_any_reference(codes, model, method, reference):
    found = attribute_codes(
        model, codes, 1, method=method, reference=reference, n_references=3, steps=128, batch_size=6
    )
    references = make_references(reference, 3)(codes, 0)
    references = one_hot(references) if references.ndim == 3 else references
    flat = references.reshape(-1, LENGTH, 4)
    there = np.asarray(model.predict_on_batch(flat))[:, 1].reshape(len(codes), -1).mean(axis=1)
    here = np.asarray(model.predict_on_batch(one_hot(codes)))[:, 1]
    np.testing.assert_allclose(found.reference_logits, there, atol=1e-5)
    np.testing.assert_allclose(
        found.values.sum((1, 2)), here - there, atol=2e-3 if "grad" in method else 1e-5
    )
    np.testing.assert_allclose(found.delta, found.values.sum((1, 2)) - (here - there), atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_a_linear_networks_weights(codes, method):
    model, weights = linear()
    found = attribute_codes(model, codes, 2, method=method, n_references=8, samples=2, steps=2)
    known = (codes < N)[:, :, None]
    weights = weights[:, :, 2]
    centred = (weights - weights.mean(axis=1, keepdims=True)) * known
    if REFERENCES[method] != "shuffle":
        kind = REFERENCES[method] or "uniform"
        np.testing.assert_allclose(
            found.hypothetical, weights * known if kind == "zeros" else centred, atol=1e-5
        )
    else:
        # A shuffle takes off a constant a place: differences between bases are the weights'.
        rises = found.hypothetical - found.hypothetical.mean(axis=2, keepdims=True)
        np.testing.assert_allclose(rises, centred, atol=1e-5)
    if method not in ("saliency", "grad_x_input", "smoothgrad"):
        np.testing.assert_array_equal(found.values, found.hypothetical * one_hot(codes))
        assert np.abs(found.delta).max() < 1e-5


def test_expected_gradients_come_near_integrated_gradients_over_the_same_references(codes, model):
    many = {"reference": "shuffle", "n_references": 400, "batch_size": 400}
    expected = attribute_codes(model, codes[:2], 0, method="expected_gradients", **many)
    exact = attribute_codes(model, codes[:2], 0, method="integrated_gradients", steps=8, **many)
    assert np.corrcoef(expected.values.ravel(), exact.values.ravel())[0, 1] > 0.999
    few = attribute_codes(model, codes[:2], 0, method="expected_gradients", n_references=5)
    assert np.abs(few.values - exact.values).max() > 3 * np.abs(expected.values - exact.values).max()


def test_smoothing_by_next_to_nothing_is_the_gradient(codes, model):
    plain = attribute_codes(model, codes, 0)
    smooth = attribute_codes(model, codes, 0, method="smoothgrad", noise=1e-5, samples=2)
    rough = attribute_codes(model, codes, 0, method="smoothgrad", noise=0.5, samples=2)
    np.testing.assert_allclose(smooth.values, plain.values, atol=1e-5)
    assert np.abs(rough.values - plain.values).max() > 1e-4


def test_the_simplex_correction_takes_the_mean_over_bases_away(codes, model):
    plain = attribute_codes(model, codes, 0, method="saliency")
    corrected = attribute_codes(model, codes, 0, method="saliency", simplex=True)
    known = codes < N
    np.testing.assert_allclose(corrected.values.sum(axis=2), 0, atol=1e-6)
    slopes = plain.values - plain.values.mean(axis=2, keepdims=True)
    np.testing.assert_allclose(corrected.values[known], slopes[known], atol=1e-6)
    with pytest.raises(InputError, match="without a reference"):
        attribute_codes(model, codes, 0, method="deepshap", simplex=True)


@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_base_contributes_nothing(codes, model, method):
    found = attribute_codes(model, codes, 0, method=method, n_references=3, samples=2, steps=2)
    if method != "saliency":
        assert not found.values[codes == N].any()
    assert not found.hypothetical[codes == N].any()


@pytest.mark.parametrize("method", WITH_REFERENCE + ["smoothgrad"])
def test_what_is_drawn_depends_on_the_seed_and_not_on_the_batch(codes, model, method):
    options = {"method": method, "n_references": 3, "samples": 3, "steps": 2}
    one = attribute_codes(model, codes, 0, batch_size=3, seed=1, **options)
    many = attribute_codes(model, codes, 0, batch_size=15, seed=1, **options)
    np.testing.assert_allclose(one.values, many.values, atol=1e-5)
    other = attribute_codes(model, codes, 0, batch_size=15, seed=2, **options)
    drawn = method in ("expected_gradients", "deepshap", "smoothgrad")
    assert (np.abs(other.values - many.values).max() > 1e-5) == drawn


def test_shuffles_keep_n_in_place_and_the_dinucleotides_of_the_rest():
    codes = np.random.default_rng(1).integers(0, 4, (20, 60)).astype(np.uint8)
    codes[::2, 10:14] = N
    codes[::3, 50:] = N
    shuffled = shuffle_known(codes, 0)
    np.testing.assert_array_equal(shuffled == N, codes == N)
    for before, after in zip(codes, shuffled, strict=True):
        a, b = before[before < N], after[after < N]
        pairs = [np.sort(x[:-1].astype(int) * 4 + x[1:]) for x in (a, b)]
        np.testing.assert_array_equal(*pairs)
    assert (shuffled != codes).any(axis=1).all()


def test_choices_that_do_not_fit_are_refused(codes, model):
    with pytest.raises(InputError, match="compares with no reference"):
        attribute_codes(model, codes, 0, reference="zeros")
    with pytest.raises(InputError, match="`reference` is one of"):
        attribute_codes(model, codes, 0, method="deeplift", reference="zero")
    with pytest.raises(InputError, match="`n_references` must be a positive"):
        attribute_codes(model, codes, 0, method="deepshap", n_references=0)
    with pytest.raises(InputError, match="`noise` must be positive"):
        attribute_codes(model, codes, 0, method="smoothgrad", noise=0)
