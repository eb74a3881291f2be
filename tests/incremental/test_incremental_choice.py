"""Which engine a network gets: both strands, the self-check, falling back, and what a person is told."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from seqdl.cli.main import main
from seqdl.errors import InputError
from seqdl.incremental.choose import TOLERANCE, choose_engine
from seqdl.incremental.engine import IncrementalEngine
from seqdl.incremental.program import build_program
from seqdl.incremental.strips import plan_strips
from seqdl.incremental.table import first_whole, reach_rows, reach_words
from seqdl.interpret.heads import output_function
from seqdl.interpret.mutagenesis.edits import FullPass, apply_edits
from seqdl.interpret.mutagenesis.mutants import deletion_edits, substitution_edits
from tests.incremental.random_graphs import substitutions
from tests.interpret.random_networks import randomised

LENGTH = 90
CODES = np.random.default_rng(7).integers(0, 4, (2, LENGTH)).astype(np.uint8)


def network(middle=None):
    """Return a small network of two convolutions, with something else between them if asked for."""
    inputs = x = keras.Input((LENGTH, 4))
    x = layers.Conv1D(6, 5, padding="same", activation="relu", name="first")(x)
    x = layers.MaxPooling1D(3, name="pool")(x)
    x = layers.Conv1D(8, 3, activation="relu", name="second")(x)
    x = x if middle is None else middle(x)
    x = layers.Dense(2, name="logits")(layers.Flatten()(x))
    return randomised(keras.Model(inputs, layers.Activation("sigmoid")(x)))


def chosen(model, **choices):
    """Return the engine of a model, and its full passes."""
    full = FullPass(output_function(model, strand_average=choices.get("strand_average"), batch_size=16), 16)
    return choose_engine(model, full, **choices), full


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("strand_average", [False, True])
def test_both_strands_are_averaged_as_by_full_passes(strand_average, width):
    engine, full = chosen(network(), strand_average=strand_average, engine="incremental")
    edits = substitutions(CODES, width)
    expected = full.evaluate(CODES, edits)
    np.testing.assert_allclose(engine.evaluate(CODES, edits), expected, atol=1e-5 * np.abs(expected).max())
    assert engine.difference <= TOLERANCE and "1/" in engine.summary()
    assert engine.check(CODES, edits) <= TOLERANCE  # on request


def test_deletions_pass_whole():
    engine, full = chosen(network())
    edits = deletion_edits(CODES, 0, LENGTH)
    np.testing.assert_array_equal(engine.evaluate(CODES, edits), full.evaluate(CODES, edits))
    assert "full passes" in engine.summary()


def test_a_failed_check_falls_back_and_says_so():
    engine, full = chosen(network())
    edits = substitution_edits(CODES, 0, LENGTH)
    by_strips = engine._strips.on_strips
    engine._strips.on_strips = lambda codes, edits: by_strips(codes, edits) + np.float32(0.1)
    np.testing.assert_array_equal(engine.evaluate(CODES, edits), full.evaluate(CODES, edits))
    assert engine.failed and "evaluated by full passes" in engine.summary()


def test_a_network_without_strips_passes_whole():
    inputs = keras.Input((LENGTH, 4))
    x = layers.Flatten()(layers.LSTM(3, return_sequences=True, name="memory")(inputs))
    model = randomised(keras.Model(inputs, layers.Dense(1, name="logits")(x)))
    engine, full = chosen(model)
    assert engine is full
    with pytest.raises(InputError, match="memory"):
        chosen(model, engine="incremental")
    with pytest.raises(InputError, match="engine"):
        chosen(model, engine="fast")


class Plus(layers.Layer):
    """A layer of somebody's own, of which nothing is known."""

    def call(self, x):
        """Add one."""
        return x + 1


MIDDLES = {
    "LSTM": lambda x: layers.LSTM(4, return_sequences=True, name="middle")(x),
    "Bidirectional": lambda x: layers.Bidirectional(layers.GRU(4, return_sequences=True), name="middle")(x),
    "MultiHeadAttention": lambda x: layers.MultiHeadAttention(1, 4, name="middle")(x, x),
    "GroupNormalization": lambda x: layers.GroupNormalization(2, name="middle")(x),
    "Plus": lambda x: Plus(name="middle")(x),
}


@pytest.mark.parametrize("kind", MIDDLES)
def test_from_an_unknown_layer_on_passes_are_whole_and_named(kind):
    model = network(MIDDLES[kind])
    plan = plan_strips(build_program(model))
    assert first_whole(plan).step.name == "middle"
    assert f"'middle' ({kind})" in " ".join(reach_words(plan))
    engine, full = chosen(model, engine="incremental")
    edits = substitution_edits(CODES, 0, LENGTH).part(0, 60)
    expected = full.evaluate(CODES, edits)
    np.testing.assert_allclose(engine.evaluate(CODES, edits), expected, atol=1e-5 * np.abs(expected).max())


def test_strips_are_as_wide_as_counted_by_hand():
    plan = plan_strips(build_program(network()))
    reached = {row[0]: row[2:4] for row in reach_rows(plan)[1:]}
    # 5 rows of the first layer; 2 or 3 pools of 3; 3 + 2 of the second layer.
    assert (reached["first"], reached["pool"], reached["second"]) == (("90", "5"), ("30", "3"), ("28", "5"))
    assert plan.full > plan.part > 0


def test_a_changed_base_reaches_no_row_outside_its_strip():
    model = network()
    plan = plan_strips(build_program(model))
    inner = keras.Model(model.inputs, model.get_layer("second").output)
    strip = plan.forms[[item.step for item in plan.steps if item.step.name == "second"][-1].outputs[0]]
    edits = substitution_edits(CODES[:1], 0, LENGTH)
    rows = np.concatenate([CODES[:1], apply_edits(CODES[:1], edits)])
    values = inner.predict_on_batch(np.eye(4, dtype=np.float32)[rows])
    moved = (np.abs(values[1:] - values[:1]) > 1e-6).any(axis=2)
    places = np.arange(strip.length) - strip.start(edits.starts)[:, None]
    assert moved.any() and not moved[(places < 0) | (places >= strip.width)].any()


def test_what_cannot_be_followed_is_refused():
    inputs = keras.Input((None, 4))
    with pytest.raises(InputError, match="window"):
        IncrementalEngine(keras.Model(inputs, layers.GlobalMaxPooling1D()(inputs)))
    with pytest.raises(InputError, match="batch_size"):
        IncrementalEngine(network(), batch_size=0)
    edits = substitutions(CODES, 1)
    with pytest.raises(InputError, match="within the sequence"):
        IncrementalEngine(network(), least=0).evaluate(CODES, edits._replace(starts=edits.starts + 1))


def test_the_command_prints_the_table(capsys):
    assert main(["models", "reach", "basset", "--preset", "small", "--window", "400", "--targets", "2"]) == 0
    text = capsys.readouterr().out
    assert "conv1" in text and "of the arithmetic of a full pass" in text


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_laws_hold_on_jax():
    pytest.importorskip("jax")
    here = Path(__file__).parent
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k",
         "every_place or basset or random",
         str(here / "test_incremental_models.py"), str(here / "test_incremental_graphs.py")],
        env={**os.environ, "KERAS_BACKEND": "jax", "CUDA_VISIBLE_DEVICES": "-1"}, cwd=here.parents[1],
        capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-2000:]
