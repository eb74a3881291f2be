"""What is explained of a coverage network: its total or its shape, on either strand, in chosen bins."""

import keras
import numpy as np
import pytest
from keras import layers

from seqdl.encoding import N, encode, reverse_complement
from seqdl.errors import InputError
from seqdl.interpret.attribute import attribute
from seqdl.interpret.heads import output_function, scalar_model
from seqdl.interpret.methods import METHODS
from seqdl.interpret.writers import read_attribution
from seqdl.models import build_model
from seqdl.training.run import Run
from tests.toy import MOTIFS
from tests.toy_coverage import WINDOW
from tests.toy_coverage_run import toy_coverage_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run.open(toy_coverage_run(tmp_path_factory.mktemp("heads"))[0])


@pytest.fixture(scope="module")
def codes():
    codes = np.random.default_rng(0).integers(0, 4, (3, WINDOW)).astype(np.uint8)
    motif = encode(MOTIFS["alpha"])
    codes[:2, 240 : 240 + len(motif)] = motif
    codes[2, 200 : 200 + len(motif)] = reverse_complement(motif)
    return codes


def test_the_total_is_the_log_of_the_sum_and_bins_choose(run, codes):
    from seqdl.prediction.predictor import Predictor

    coverage = Predictor(run, strand_average=False).coverage(codes)
    total = output_function(run, strand_average=False)(codes)
    np.testing.assert_allclose(total, np.log1p(coverage.sum(axis=1)), rtol=1e-5)
    some = output_function(run, bins=(2, 5), strand_average=False)(codes)
    np.testing.assert_allclose(some, np.log1p(coverage[:, 2:5].sum(axis=1)), rtol=1e-5)
    shape = output_function(run, head="profile", strand_average=False)(codes)
    logits = np.log(coverage + 1e-6)
    weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = (weights * (logits - logits.mean(axis=1, keepdims=True))).sum(axis=1)
    np.testing.assert_allclose(shape, expected, rtol=1e-4, atol=1e-4)


def test_bpnet_explains_its_own_counts_and_profile():
    model = build_model("bpnet", window=256, n_targets=2, preset="small", bin=128)
    names = [layer.name for layer in scalar_model(model, "counts").layers]
    assert names[-1] == "counts"
    layers_of = [layer.name for layer in scalar_model(model, "profile").layers]
    assert layers_of[-2:] == ["profile", "profile_score"]


@pytest.mark.parametrize("head", ["counts", "profile"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_motif_that_makes_coverage(run, codes, method, head):
    # The network's filter fires only all but at the whole motif: of a few random places on the way none would
    # see it.
    n = 60 if method == "expected_gradients" else 4
    found = attribute(
        run, codes=codes, target="alpha", method=method, head=head, n_references=n, samples=4, steps=8
    )
    assert found.head == head and found.target == "alpha"
    strength = np.abs(found.values if method != "saliency" else found.hypothetical).sum(axis=2)
    places = [range(240, 249), range(240, 249), range(200, 209)]
    for row, place in zip(strength, places, strict=True):
        assert row[place].mean() > 5 * np.delete(row, place).mean()
    if found.delta is not None and method.startswith("deep"):
        size = np.abs(found.logits - found.reference_logits)
        assert (np.abs(found.delta) <= 1e-4 * np.maximum(size, 1)).all()


@pytest.mark.parametrize("method", ["grad_x_input", "deepshap"])
def test_both_strands_of_a_coverage_network_give_one_explanation(run, codes, method):
    options = {"target": "alpha", "method": method, "strand_average": True, "n_references": 3}
    forward = attribute(run, codes=codes, **options)
    other = attribute(run, codes=reverse_complement(codes), **options)
    np.testing.assert_allclose(forward.values, other.values[:, ::-1, ::-1], atol=1e-5)


def test_head_and_hypothetical_are_in_the_file(run, codes, tmp_path):
    found = attribute(
        run, codes=codes, target="alpha", method="deeplift", head="profile", out=tmp_path / "a.h5"
    )
    again = read_attribution(tmp_path / "a.h5")
    assert (again.head, again.reference, again.method) == ("profile", "uniform", "deeplift")
    for key in ("values", "hypothetical", "reference_logits", "delta"):
        np.testing.assert_array_equal(getattr(again, key), getattr(found, key))


@pytest.mark.parametrize("damage", ["version", "missing", "rows", "shape", "kind"])
def test_a_damaged_file_is_refused_in_words(run, codes, tmp_path, damage):
    import h5py

    attribute(run, codes=codes, target="alpha", out=tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        if damage == "version":
            file.attrs["version"] = "two"
        else:
            key = {"missing": "codes", "rows": "start", "shape": "values", "kind": "chrom"}[damage]
            kept = file[key][:]
            del file[key]
            if damage == "kind":
                file[key] = np.arange(len(kept))
            elif damage != "missing":
                file[key] = kept[:-1] if damage == "rows" else kept[:, :-1]
    with pytest.raises(InputError, match=r"a\.h5"):
        read_attribution(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"seed": -1}, "`seed` must be at least 0"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"method": "deeplift", "tolerance": np.nan}, "`tolerance` must be at least 0"),
        ({"out": "{file}/a.h5"}, "is a file"),
    ],
)
def test_numbers_and_outputs_are_refused_in_words(run, codes, tmp_path, choices, words):
    (tmp_path / "file").touch()
    choices = {k: v.format(file=tmp_path / "file") if k == "out" else v for k, v in choices.items()}
    with pytest.raises(InputError, match=words):
        attribute(run, codes=codes, target="alpha", **choices)


def test_files_of_version_1_are_read_as_before(run, codes, tmp_path):
    import h5py

    found = attribute(run, codes=codes, target="alpha", out=tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["hypothetical"], file.attrs["head"], file.attrs["reference"]
        file.attrs["version"] = 1
    again = read_attribution(tmp_path / "a.h5")
    assert again.hypothetical is None and (again.head, again.reference) == ("logit", "")
    np.testing.assert_array_equal(again.values, found.values)


def test_what_does_not_fit_is_refused(run, codes):
    with pytest.raises(InputError, match="`head` is one of counts, profile"):
        attribute(run, codes=codes, target="alpha", head="logit")
    with pytest.raises(InputError, match="`bins` must lie within 0 to 8"):
        attribute(run, codes=codes, target="alpha", bins=(3, 20))
    with pytest.raises(InputError, match="1 of 2 windows hold no known base"):
        attribute(run, codes=np.stack([codes[0], np.full(WINDOW, N, np.uint8)]), target="alpha")
    two = [keras.Input((8, 4)), keras.Input((8, 4))]
    joined = keras.Model(two, layers.Dense(1, name="logits")(layers.Flatten()(layers.Add()(two))))
    with pytest.raises(InputError, match="one input, the sequence"):
        scalar_model(joined)


def test_what_cannot_be_explained_is_refused_in_words():
    inputs = keras.Input((20, 4))
    flat = keras.layers.Flatten()(inputs)
    two = [keras.layers.Dense(1)(flat), keras.layers.Dense(2)(flat)]

    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(InputError, match=r"outputs are \(None, 1\), \(None, 2\): choose one"):
        scalar_model(keras.Model(inputs, two))
    with pytest.raises(InputError, match="subclassed, or not built"):
        scalar_model(Own())
    sure = keras.Model(inputs, keras.layers.Softmax()(two[1]))
    assert scalar_model(sure).layers[-1].name == two[1]._keras_history.operation.name
    chain = keras.Sequential([inputs, keras.layers.Flatten(), keras.layers.Dense(1)])
    assert scalar_model(chain).output_shape == (None, 1)
    assert scalar_model(keras.Model(inputs, {"logit": two[0]})).output_shape == (None, 1)
    broken = keras.Model(inputs, two[1])
    broken.layers[-1].bias.assign([0.0, np.nan])
    with pytest.raises(InputError, match="bias' of the network hold NaN"):
        scalar_model(broken)
