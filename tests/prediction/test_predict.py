"""Predictor and predict: one forward pass, its laws, and files that say what was run on what."""

import gzip
import json
import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

import seqdl
from seqdl.cli import predict as cli
from seqdl.encoding import decode, one_hot, reverse_complement
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.models import build_model
from seqdl.models.save import save_model_file
from seqdl.prediction.precision import in_precision
from seqdl.prediction.predict import predict
from seqdl.prediction.predictor import Predictor
from seqdl.prediction.writers import read_predictions
from seqdl.training.run import Run

WINDOW = 200
TARGETS = ["ABF1", "RAP1", "REB1"]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    model = build_model("deepsea", WINDOW, len(TARGETS), "small", filters=[8, 8, 8], dense_units=8)
    # An untrained network says one half to everything: bring its logits to mean 0 and deviation 1.
    logits = model.get_layer("logits")
    before = keras.Model(model.inputs[0], logits.output)(one_hot(codes_of(64)))
    before = keras.ops.convert_to_numpy(before)
    logits.kernel.assign(logits.kernel / before.std(axis=0))
    logits.bias.assign(-(before / before.std(axis=0)).mean(axis=0))
    return model


@pytest.fixture(scope="module")
def genome():
    rng = np.random.default_rng(2)
    chr_i = rng.integers(0, 4, 3000).astype(np.uint8)
    chr_i[1500:1510] = 4
    return Genome.from_arrays({"chrI": chr_i, "chrII": rng.integers(0, 4, 900).astype(np.uint8)})


@pytest.fixture(scope="module")
def run_folder(model, genome, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run1"
    contigs = {name: {"length": genome.lengths[name], "md5": genome.md5[name]} for name in genome.names}
    card = {
        "format": "seqdl-run", "version": 1, "model": {"name": "deepsea", "preset": "small"},
        "alphabet": "ACGT",
        "n_policy": "zeros", "window": WINDOW, "bin": 50, "anchor": WINDOW // 2, "input_shape": [WINDOW, 4],
        "targets": [{"name": name} for name in TARGETS], "strand_average": True, "split": {"random": False},
        "genome": {"name": "toy", "checksum": genome.checksum, "contigs": contigs},
    }  # fmt: skip
    save_model_file(model, folder / "model.keras", card)
    (folder / "card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def run(run_folder):
    return Run.open(run_folder)


def codes_of(n, seed=0, top=5, window=WINDOW):
    return np.random.default_rng(seed).integers(0, top, (n, window)).astype(np.uint8)


def test_equals_the_model_itself(model):
    codes = codes_of(11)
    x = one_hot(codes)
    predictor = Predictor(model, batch_size=4)
    np.testing.assert_allclose(predictor.probabilities(codes), np.asarray(model(x)), atol=1e-6)
    np.testing.assert_allclose(expit(predictor.logits(codes)), predictor.probabilities(codes), rtol=1e-6)
    assert predictor.probabilities(codes).std(axis=0).min() > 1e-3
    assert predictor.target_names == ["target1", "target2", "target3"]
    assert not predictor.strand_average


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 9])
def test_a_window_does_not_depend_on_its_neighbours(model, n):
    codes = codes_of(9)
    predictor = Predictor(model, batch_size=4)
    out = predictor.logits(codes[:n])
    assert out.shape == (n, 3)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, predictor.logits(codes)[:n])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_strand_average_is_the_same_for_both_strands(model, seed):
    codes = codes_of(3, seed)
    predictor = averaging(model)
    for forward in (predictor.logits, predictor.probabilities):
        np.testing.assert_allclose(forward(codes), forward(reverse_complement(codes)), rtol=1e-6, atol=1e-6)


_averaging = {}


def averaging(model):
    """Make the averaging predictor once, not once an example."""
    return _averaging.setdefault(id(model), Predictor(model, batch_size=3, strand_average=True))


def test_strand_average_is_the_mean_of_probabilities(model):
    codes = codes_of(5)
    single, both = Predictor(model, 5), Predictor(model, 5, strand_average=True)
    mean = (single.probabilities(codes) + single.probabilities(reverse_complement(codes))) / 2
    np.testing.assert_allclose(both.probabilities(codes), mean, rtol=1e-6)
    np.testing.assert_allclose(
        both.logits(codes), np.log(mean) - np.log1p(-mean.astype(float)), rtol=1e-4, atol=1e-5
    )


def test_averaged_logits_keep_their_digits_where_probabilities_saturate():
    x = keras.Input((4, 4))
    dense = keras.layers.Dense(1, name="logits")
    model = keras.Model(x, keras.layers.Activation("sigmoid")(dense(keras.layers.Flatten()(x))))
    kernel = np.zeros((16, 1), "float32")
    kernel[0] = 40  # an A at the first base
    dense.kernel.assign(kernel)
    dense.bias.assign([20.0])
    out = Predictor(model, 1, strand_average=True).logits(np.array([[0, 1, 1, 1]], np.uint8))
    # p = (1 - e^-60 + 1 - e^-20) / 2, so 1 - p = e^-20 / 2 up to e^-60.
    np.testing.assert_allclose(out, 20 + np.log(2), rtol=1e-6)


def test_other_ends_of_a_model():
    x = keras.Input((30, 4))
    y = keras.layers.Dense(2, name="last", activation="sigmoid")(keras.layers.Flatten()(x))
    model = keras.Model(x, y)
    codes = codes_of(3, window=30)
    np.testing.assert_allclose(
        Predictor(model, 3).probabilities(codes), np.asarray(model(one_hot(codes))), rtol=1e-5
    )
    with pytest.raises(InputError, match="no layer called 'logits'"):
        Predictor(keras.Model(x, keras.layers.Dense(2)(keras.layers.Flatten()(x))))
    with pytest.raises(InputError, match="one number a target"):
        Predictor(keras.Model(x, keras.layers.Dense(2, activation="sigmoid")(x)))
    image = keras.Input((30, 3))
    with pytest.raises(InputError, match="3 channels"):
        Predictor(keras.Model(image, keras.layers.Dense(2)(image)))


def test_a_model_of_any_length():
    x = keras.Input((None, 4))
    y = keras.layers.GlobalMaxPooling1D()(keras.layers.Conv1D(3, 5, padding="same")(x))
    model = keras.Model(x, keras.layers.Activation("sigmoid")(keras.layers.Dense(2, name="logits")(y)))
    predictor = Predictor(model, batch_size=4)
    assert predictor.window is None
    for window in (30, 50):
        codes = codes_of(3, window=window)
        np.testing.assert_allclose(
            predictor.probabilities(codes), np.asarray(model(one_hot(codes))), rtol=1e-5
        )


@pytest.mark.parametrize(
    "codes",
    [np.zeros((2, WINDOW, 4), np.uint8), np.zeros((2, WINDOW - 1), np.uint8), np.zeros((2, WINDOW)),
     np.full((2, WINDOW), 5, np.uint8), np.full((2, WINDOW), -1), np.zeros(WINDOW, np.uint8)],
)  # fmt: skip
def test_wrong_codes_are_refused(model, codes):
    with pytest.raises(InputError, match="`codes`"):
        Predictor(model, 2).logits(codes)


def test_wrong_arguments_are_refused(model, run):
    with pytest.raises(InputError, match="batch_size"):
        Predictor(model, 0)
    with pytest.raises(InputError, match="precision"):
        Predictor(model, precision="float16")
    other = Run(run.path, {**run.card, "targets": [{"name": "one"}]}, run.path / "model.keras")
    with pytest.raises(InputError, match="do not belong together"):
        Predictor(other)


def test_bfloat16_warns_and_is_near(model):
    with pytest.warns(UserWarning, match="bfloat16"):
        quick = Predictor(model, 4, precision="bfloat16")
    exact = Predictor(model, 4)
    codes = codes_of(4)
    difference = np.abs(quick.probabilities(codes) - exact.probabilities(codes)).max()
    assert 0 < difference < 0.1
    # A model trained in mixed precision predicts in float32 unless asked otherwise.
    mixed = in_precision(model, "bfloat16")
    assert mixed.get_layer("conv1").compute_dtype == "bfloat16"
    np.testing.assert_array_equal(Predictor(mixed, 4).logits(codes), exact.logits(codes))


BED = "chrI\t500\t501\tone\nchrI\t10\t21\ttwo\t5\t-\n# comment\nchrII\t800\t900\tthree\nchrI\t1400\t1600\n"


@pytest.fixture
def bed(tmp_path):
    path = tmp_path / "regions.bed"
    path.write_text(BED)
    return path


@pytest.mark.parametrize("suffix", [".tsv", ".tsv.gz", ".h5", ".parquet"])
def test_regions_in_order_with_names_in_every_format(run, genome, bed, tmp_path, suffix):
    out = tmp_path / f"pred{suffix}"
    result = predict(run, genome=genome, bed=bed, out=out, batch_size=2)
    assert (result.n, result.targets, result.path) == (4, TARGETS, out)
    assert result.flags == {"OUT_OF_RANGE": 2, "N_IN_WINDOW": 1}
    table = read_predictions(out)
    assert table.targets == TARGETS
    assert list(table.windows.columns) == [
        "chrom", "start", "end", "name", "strand", "window_start", "window_end", "flag",
    ]  # fmt: skip
    assert table.windows["name"].tolist() == ["one", "two", "three", "."]
    assert table.windows["strand"].tolist() == [".", "-", ".", "."]
    assert table.windows["flag"].tolist() == [".", "OUT_OF_RANGE", "OUT_OF_RANGE", "N_IN_WINDOW"]
    # The middle base of each region has the index window // 2.
    assert table.windows["window_start"].tolist() == [400, -85, 750, 1400]
    assert (table.windows["window_end"] - table.windows["window_start"] == WINDOW).all()
    windows = np.stack(
        [
            genome.fetch(c, s, s + WINDOW)
            for c, s in zip(table.windows["chrom"], table.windows["window_start"])
        ]
    )
    expected = Predictor(run, 2).probabilities(windows)
    np.testing.assert_allclose(table.values, expected, rtol=1e-5 if "tsv" in suffix else 0)
    assert table.about["model"] == "deepsea small"
    assert table.about["run"] == "run1"
    assert table.about["input"] == "regions.bed"
    assert str(tmp_path) not in str(table.about)


def test_a_run_opens_by_its_folder_or_its_file(run_folder, genome, bed, capsys):
    whole = predict(run_folder, genome=genome, bed=bed, batch_size=4)
    alone = predict(run_folder / "model.keras", genome=genome, bed=bed, batch_size=4)
    np.testing.assert_array_equal(whole.values, alone.values)


def test_command_line(run_folder, tmp_path, capsys):
    import argparse

    fasta, _ = fasta_file(tmp_path, WINDOW, 300)
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    words = (
        f"--run {run_folder} --fasta {fasta} --out {tmp_path}/p.tsv.gz --lengths centre --targets REB1,ABF1"
    )
    words += " --no-strand-average --precision bfloat16 --batch-size 2"
    assert cli.run(parser.parse_args(words.split())) == 0
    seen = capsys.readouterr()
    assert seen.out.startswith("2 windows, 2 targets")
    assert "bfloat16" in seen.err
    table = read_predictions(tmp_path / "p.tsv.gz")
    assert table.targets == ["REB1", "ABF1"]
    assert (table.about["strand_average"], table.about["precision"]) == ("false", "bfloat16")


def test_memory_result_chosen_targets_and_logits(run, genome, bed):
    whole = predict(run, genome=genome, bed=bed, batch_size=4)
    part = predict(run, genome=genome, bed=bed, batch_size=4, targets=["REB1", "ABF1"], logits=True)
    np.testing.assert_allclose(expit(part.values), whole.values[:, [2, 0]], rtol=1e-5)
    assert part.targets == ["REB1", "ABF1"]
    assert len(part.windows) == 4
    with pytest.raises(InputError, match="Did you mean 'REB1'"):
        predict(run, genome=genome, bed=bed, targets=["REB"])


def test_same_input_same_bytes(run, genome, bed, tmp_path):
    for name in ("a", "b"):
        predict(run, genome=genome, bed=bed, out=tmp_path / f"{name}.tsv.gz", batch_size=4)
    assert (tmp_path / "a.tsv.gz").read_bytes() == (tmp_path / "b.tsv.gz").read_bytes()
    with gzip.open(tmp_path / "a.tsv.gz", "rt") as handle:
        lines = handle.read().splitlines()
    header = [line for line in lines if line.startswith("##")]
    assert "##strand_average=true" in header
    assert lines[len(header)].startswith("#chrom\tstart\tend\tname\t")


def test_many_parts_equal_one(run, genome, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    path = tmp_path / "many.bed"
    path.write_text("".join(f"chrI\t{s}\t{s + 7}\tr{s}\n" for s in rng.integers(0, 2900, 37)))
    whole = predict(run, genome=genome, bed=path, batch_size=8)
    monkeypatch.setattr("seqdl.prediction.predict._ROWS", 8)
    for suffix in (".tsv", ".h5", ".parquet"):
        predict(run, genome=genome, bed=path, batch_size=8, out=tmp_path / f"p{suffix}")
        table = read_predictions(tmp_path / f"p{suffix}")
        np.testing.assert_allclose(table.values, whole.values, rtol=1e-5)
        assert table.windows["name"].tolist() == whole.windows["name"].tolist()


def fasta_file(tmp_path, *lengths):
    rng = np.random.default_rng(7)
    sequences = [rng.integers(0, 4, n).astype(np.uint8) for n in lengths]
    path = tmp_path / "s.fa"
    path.write_text("".join(f">s{i} text\n{decode(s)}\n" for i, s in enumerate(sequences)))
    return path, sequences


def test_sequences_of_the_windows_length(run, tmp_path):
    path, sequences = fasta_file(tmp_path, WINDOW, WINDOW, WINDOW)
    result = predict(run, fasta=path, batch_size=2)
    assert result.windows["name"].tolist() == ["s0", "s1", "s2"]
    assert result.flags == {}
    np.testing.assert_array_equal(result.values, Predictor(run, 2).probabilities(np.stack(sequences)))


def test_sequences_of_other_lengths(run, tmp_path):
    path, sequences = fasta_file(tmp_path, WINDOW, 451, 50)
    with pytest.raises(InputError, match="'s1' has 451 bases.*--lengths centre"):
        predict(run, fasta=path, out=tmp_path / "x.tsv")
    assert not list(tmp_path.glob("*x*"))
    centre = predict(run, fasta=path, lengths="centre", batch_size=4)
    assert centre.windows["start"].tolist() == [0, 125, -75]
    assert centre.windows["flag"].tolist() == [".", ".", "OUT_OF_RANGE"]
    tile = predict(run, fasta=path, lengths="tile", step=100, batch_size=4)
    assert tile.windows["name"].tolist() == ["s0", "s1", "s1", "s1", "s1", "s2"]
    assert tile.windows["start"].tolist() == [0, 0, 100, 200, 251, -75]
    np.testing.assert_allclose(
        tile.values[4:5], Predictor(run, 4).probabilities(sequences[1][None, 251:]), rtol=1e-6
    )


@settings(max_examples=30, deadline=None)
@given(length=st.integers(1, 900), window=st.integers(1, 300), step=st.integers(1, 300))
def test_tiles_cover_every_base(length, window, step):
    from seqdl.prediction.sources import _window_starts

    starts = _window_starts(length, window, "tile", step)
    covered = np.zeros(length, bool)
    for start in starts:
        covered[max(start, 0) : start + window] = True
    if length <= window:
        assert len(starts) == 1
        assert covered.all()
    else:
        assert starts[0] == 0
        assert starts[-1] == length - window
        assert (np.diff(starts) > 0).all()
        assert covered.all() or step > window


def test_bad_input_is_named_and_leaves_no_file(run, genome, bed, tmp_path):
    out = tmp_path / "out" / "p.tsv"
    wrong = [
        ({"bed": bed}, "need their genome"),
        ({}, "either `bed`"),
        ({"bed": bed, "fasta": bed, "genome": genome}, "either `bed`"),
        ({"fasta": bed, "genome": genome}, "need no genome"),
        ({"genome": Genome.from_arrays({"chrI": "ACGT"}), "bed": bed}, "--allow-genome-mismatch"),
        ({"genome": genome, "bed": bed, "out": tmp_path / "p.csv"}, "suffix decides"),
        ({"fasta": tmp_path / "no.fa"}, "does not exist"),
        ({"fasta": bed}, "header"),
    ]
    for arguments, message in wrong:
        with pytest.raises(InputError, match=message):
            predict(run, **{"out": out, **arguments})
    for text, message in [
        ("chrI\t2990\t3010\n", "past its contig"),
        ("chrI\t1\t5\nchrX\t1\t5\n", r":2: the contig 'chrX'"),
    ]:
        bed.write_text(text)
        with pytest.raises(InputError, match=message):
            predict(run, genome=genome, bed=bed, out=out)
    assert not out.exists()
    assert not list(tmp_path.rglob("*.part*"))
    bed.write_text("chrI\t2990\t3010\nchrI\t5000\t5001\n")
    assert predict(run, genome=genome, bed=bed, clip=True, batch_size=2).n == 1


def test_interrupted_writing_leaves_no_file(run, genome, bed, tmp_path, monkeypatch):
    def stop(self, codes):
        raise KeyboardInterrupt

    monkeypatch.setattr(Predictor, "probabilities", stop)
    for suffix in (".tsv.gz", ".h5", ".parquet"):
        with pytest.raises(KeyboardInterrupt):
            predict(run, genome=genome, bed=bed, out=tmp_path / f"p{suffix}")
    assert [p.name for p in tmp_path.iterdir()] == ["regions.bed"]


def test_reading_what_is_no_prediction_file(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match="not a prediction file"):
        read_predictions(path)
    for suffix in (".h5", ".parquet"):
        path = tmp_path / f"x{suffix}"
        path.write_bytes(b"nothing")
        with pytest.raises(InputError):
            read_predictions(path)


def test_command_line_flags_are_the_functions_arguments():
    import argparse
    import inspect

    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    flags = {action.dest for action in parser._actions} - {"help"}
    assert flags == set(inspect.signature(predict).parameters)


@pytest.mark.slow
def test_jax_backend_predicts_the_same_without_tensorflow(model, run, tmp_path):
    pytest.importorskip("jax")
    save_model_file(model, tmp_path / "m.keras", {"x": 1})
    codes = codes_of(5)
    np.save(tmp_path / "codes.npy", codes)
    script = textwrap.dedent(
        """
        import sys
        import numpy as np
        from seqdl.models.load import load_model_file
        from seqdl.prediction.predictor import Predictor
        model = load_model_file("m.keras")
        np.save("out.npy", Predictor(model, 4, strand_average=True).logits(np.load("codes.npy")))
        import keras
        assert keras.backend.backend() == "jax"
        assert "tensorflow" not in sys.modules
        """
    )
    # A module of that name that fails shows that nothing asks for TensorFlow, installed or not.
    (tmp_path / "tensorflow.py").write_text("raise ImportError('not installed here')")
    root = os.path.dirname(os.path.dirname(seqdl.__file__))
    env = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}",
    }
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path, env=env)
    np.testing.assert_allclose(
        np.load(tmp_path / "out.npy"),
        Predictor(model, 4, strand_average=True).logits(codes),
        rtol=1e-3,
        atol=1e-4,
    )


def test_the_regions_are_never_replaced_by_their_predictions(run, genome, bed, tmp_path):
    mine = tmp_path / "regions.tsv"
    mine.write_bytes(bed.read_bytes())
    with pytest.raises(InputError, match="is one of the inputs"):
        predict(run, genome=genome, bed=mine, out=mine)
    assert mine.read_bytes() == bed.read_bytes()
