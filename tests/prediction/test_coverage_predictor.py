"""The Predictor on coverage, structure and RNA: strands turned back, tasks and alphabets kept apart."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.data.pipeline import reverse_values
from seqdl.encoding import one_hot, reverse_complement
from seqdl.errors import InputError
from seqdl.layers import OneHot
from seqdl.prediction.predictor import Predictor, default_batch_size
from seqdl.training.run import Run
from tests.toy_coverage import WINDOW
from tests.toy_coverage_run import toy_coverage_model, toy_coverage_run


@pytest.fixture(scope="module")
def model():
    """Return a model whose outputs differ between strands and targets: the toy's, and more for A."""
    toy = toy_coverage_model()
    x = toy.inputs[0]
    first = keras.layers.Cropping1D((128, 128))(x)
    first = keras.layers.Dense(2, name="tilt")(keras.layers.AveragePooling1D(32)(first))
    y = keras.layers.Add()([toy.get_layer("linear").output, first])
    return keras.Model(x, keras.layers.Activation("relu", name="coverage")(y))


@pytest.fixture(scope="module")
def stranded(model, tmp_path_factory):
    return Run.open(toy_coverage_run(tmp_path_factory.mktemp("stranded"), model, stranded=True)[0])


def codes_of(n, seed=0, top=5, window=WINDOW):
    return np.random.default_rng(seed).integers(0, top, (n, window)).astype(np.uint8)


def test_coverage_is_the_models_own(model):
    codes = codes_of(5)
    predictor = Predictor(model, 2)
    assert (predictor.task, predictor.window, predictor.output_shape) == ("coverage", WINDOW, (8, 2))
    found = predictor.coverage(codes)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.asarray(model(one_hot(codes))), atol=1e-5)
    np.testing.assert_array_equal(predictor.values(codes), found)
    np.testing.assert_array_equal(predictor.coverage(codes[:3]), found[:3])
    assert predictor.coverage(codes[:0]).shape == (0, 8, 2)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_averaged_coverage_turns_with_the_sequence(stranded, seed):
    predictor = _predictor(stranded)
    assert predictor.strand_average
    codes = codes_of(2, seed)
    forward, turned = predictor.coverage(codes), predictor.coverage(reverse_complement(codes))
    np.testing.assert_allclose(turned, reverse_values(forward, stranded.strand_pairs), rtol=1e-5, atol=1e-5)


_held = {}


def _predictor(run):
    return _held.setdefault(run.path, Predictor(run, 2))


def test_averaged_coverage_is_the_mean_of_both_strands(stranded):
    codes = codes_of(3)
    single = Predictor(stranded, 3, strand_average=False)
    forward, reverse = single.coverage(codes), single.coverage(reverse_complement(codes))
    mean = (forward + reverse[:, ::-1, ::-1]) / 2  # the pair of targets changes places
    assert np.abs(forward - reverse[:, ::-1, ::-1]).max() > 1e-3
    np.testing.assert_allclose(_predictor(stranded).coverage(codes), mean, rtol=1e-5, atol=1e-6)


def test_each_task_has_its_methods(model):
    codes = codes_of(1)
    for method in ("logits", "probabilities"):
        with pytest.raises(InputError, match="predicts coverage, 8 values along a window"):
            getattr(Predictor(model, 1), method)(codes)
    x = keras.Input((WINDOW, 4))
    y = keras.layers.Dense(2, name="logits")(keras.layers.GlobalMaxPooling1D()(x))
    binary = Predictor(keras.Model(x, keras.layers.Activation("sigmoid")(y)), 1)
    assert binary.task == "binary"
    with pytest.raises(InputError, match="one probability a target, and no coverage"):
        binary.coverage(codes)
    np.testing.assert_array_equal(binary.values(codes), binary.probabilities(codes))
    flat = keras.Model(x, keras.layers.Activation("relu", name="coverage")(y))
    with pytest.raises(InputError, match="'coverage' must give the shape"):
        Predictor(flat)


def test_stranded_labels_change_places_too(tmp_path):
    x = keras.Input((20, 4))
    y = keras.layers.Dense(2, name="logits")(keras.layers.Flatten()(x))
    model = keras.Model(x, keras.layers.Activation("sigmoid", name="probabilities")(y))
    card = {"alphabet": "ACGT", "targets": [{"name": "plus"}, {"name": "minus"}]}

    class FakeRun:
        strand_average, strand_pairs, target_names = True, np.array([1, 0]), ["plus", "minus"]

    run = FakeRun()
    run.model, run.card = model, card
    codes = codes_of(4, window=20)
    found = Predictor(run, 4).probabilities(codes)
    np.testing.assert_allclose(
        found[:, ::-1], Predictor(run, 4).probabilities(reverse_complement(codes)), rtol=1e-5
    )


def test_structure_is_read_and_has_one_strand():
    x = keras.Input((30, 7))
    y = keras.layers.Dense(2, name="logits")(keras.layers.Flatten()(x))
    model = keras.Model(x, keras.layers.Activation("sigmoid")(y))
    codes = codes_of(5, top=20, window=30)
    predictor = Predictor(model, 2)
    expected = model(keras.ops.convert_to_numpy(OneHot(structure=True)(codes)))
    np.testing.assert_allclose(predictor.probabilities(codes), np.asarray(expected), rtol=1e-5)
    assert not predictor.strand_average
    with pytest.raises(InputError, match="one strand"):
        Predictor(model, strand_average=True)
    with pytest.raises(InputError, match="0 to 19, bases with their structure"):
        predictor.logits(np.full((1, 30), 20, np.uint8))


def test_rna_is_never_averaged(stranded, tmp_path):
    card = {**stranded.card, "alphabet": "ACGU", "strand_average": True}
    rna = Run(stranded.path, card, stranded.path / "model.keras")
    rna.__dict__["model"] = stranded.model
    assert not Predictor(rna, 2).strand_average
    with pytest.raises(InputError, match="--no-strand-average"):
        Predictor(rna, 2, strand_average=True)


def test_bfloat16_keeps_the_end_in_float32(model):
    with pytest.warns(UserWarning, match="bfloat16"):
        quick = Predictor(model, 2, precision="bfloat16")
    codes = codes_of(2)
    found, exact = quick.coverage(codes), Predictor(model, 2).coverage(codes)
    assert found.dtype == np.float32
    assert 0 < np.abs(found - exact).max() < 0.2


def test_long_windows_go_through_in_small_batches():
    assert [default_batch_size(n) for n in (200, 1000, 4096, 131_072, 2_000_000)] == [256, 256, 256, 8, 1]
    assert default_batch_size(None) == 256


def test_variants_are_scored_on_dna_alone(tmp_path):
    from seqdl.variants.score import score_variants

    run, _ = toy_coverage_run(tmp_path)
    vcf = tmp_path / "v.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchrA\t900\t.\tA\tC\t.\t.\t.\n"
    )
    score_variants(run, vcf, tmp_path / "toy_coverage.fa", tmp_path / "coverage.tsv")
    assert "SAD = sum(alt) - sum(ref)" in (tmp_path / "coverage.tsv").read_text()
    card = json.loads((run / "card.json").read_text())
    for entries, words in (({"structured": True, "input_shape": [WINDOW, 7]}, "secondary structure"),
                           ({"alphabet": "ACGU"}, "reads RNA sequences")):  # fmt: skip
        text = json.dumps({**card, "task": "binary", "resolution": 0, **entries})
        (run / "card.json").write_text(text)
        with pytest.raises(InputError, match=words):
            score_variants(run, vcf, tmp_path / "toy_coverage.fa", tmp_path / "s.tsv")
    assert not (tmp_path / "s.tsv").exists()
