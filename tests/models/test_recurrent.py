"""Recurrent networks: sizes by formula, padding that changes nothing, partners, and bad sizes."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.encoding import add_structure, one_hot
from seqdl.errors import InputError
from seqdl.io.structure import parse_structure
from seqdl.layers import MaskedPooling, OneHot, PaddingMask, PairedBases, SequencePooling
from seqdl.models.recurrent import CONFIGS, ENTRY
from seqdl.models.registry import build_model

PRESETS = [preset.name for preset in ENTRY.presets]
SMALL = {"units": (5,)}
VARIANTS = [
    ("simple", {}), ("gru", {"reset_after": False}), ("lstm", {"pooling": ("last", "attention")}),
    ("bigru", {"units": (5, 4), "recurrent_dropout": 0.1}), ("bilstm", {"pooling": ("last", "mean", "sum")}),
    ("bigru", {"pooling": "last"}), ("bigru", {"attention_heads": 3}),
    ("mirna", {"conv_filters": (6, 6), "conv_pool": 3}), ("mirna", {"conv_filters": (6, 5), "pairs": False}),
]  # fmt: skip


def arrays(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def test_parameters_of_the_cells_are_the_textbooks():
    # g gates, each a matrix of (inputs + units) x units and a bias; GRU's reset_after has a second bias.
    def formula(gates, biases):
        return gates * (4 * 32 + 32 * 32 + biases * 32)

    counts = {
        name: build_model("rnn", 100, 1, preset=name).get_layer("recurrent1").count_params()
        for name in ("simple", "gru", "lstm")
    }
    assert counts == {"simple": formula(1, 1), "gru": formula(3, 2), "lstm": formula(4, 1)}
    assert counts == {"simple": 1184, "gru": 3648, "lstm": 4736}
    first = build_model("rnn", 100, 1, preset="gru", reset_after=False)
    assert first.get_layer("recurrent1").count_params() == formula(3, 1) == 3552


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_the_parameters_that_it_states(name):
    preset = ENTRY.preset(name)
    assert build_model("rnn", preset.window, 1, preset=name).count_params() == preset.parameters


@pytest.mark.parametrize("channels", [4, 7])
@pytest.mark.parametrize("preset, changes", VARIANTS)
def test_padding_changes_nothing(preset, changes, channels):
    """Weights do not depend on the window, so the same network is built for windows of several lengths."""
    rng = np.random.default_rng(0)
    rows = np.zeros((4, 43, channels), np.float32)
    for row, length in enumerate((43, 42, 17, 1)):
        bases = rng.integers(0, 5, length)
        bases[-1] %= 4  # ends with a base; an N inside is none of the padding
        rows[row, :length, :4] = one_hot(bases.astype(np.uint8))
        if channels == 7:
            rows[row, np.arange(length), 4 + rng.integers(0, 3, length)] = 1
    results, weights = [], None
    for window in (43, 44, 50, 64):
        model = build_model("rnn", window, 2, preset=preset, channels=channels, **(SMALL | changes))
        if weights is None:
            weights = [rng.normal(size=w.shape).astype(np.float32) / 3 for w in model.get_weights()]
        model.set_weights(weights)
        results.append(arrays(model, np.pad(rows, ((0, 0), (0, window - 43), (0, 0)))))
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], atol=2e-6)
    # Not for want of looking: another base at the end, or one base less, is another sequence.
    cut = rows.copy()
    cut[:, 16:] = 0
    assert np.abs(arrays(model, np.pad(cut, ((0, 0), (0, 21), (0, 0))))[:3] - results[0][:3]).max() > 1e-4


@pytest.mark.parametrize("preset", ["gru", "bigru", "mirna"])
def test_an_n_inside_a_sequence_is_a_base(preset):
    rng = np.random.default_rng(1)
    model = build_model("rnn", 30, 1, preset=preset)
    model.set_weights([rng.normal(size=w.shape) / 3 for w in model.get_weights()])
    whole = one_hot(rng.integers(0, 4, (1, 30)).astype(np.uint8))
    hole, shorter = whole.copy(), whole.copy()
    hole[:, 10:14] = 0
    shorter = np.concatenate([np.delete(whole, range(10, 14), axis=1), np.zeros((1, 4, 4))], axis=1)
    results = [arrays(model, x.astype(np.float32)).item() for x in (whole, hole, shorter)]
    assert len({round(value, 5) for value in results}) == 3


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
@settings(max_examples=40)
def test_the_mask_ends_with_the_last_base(codes):
    mask = keras.ops.convert_to_numpy(PaddingMask()(one_hot(np.array([codes], np.uint8))))[0]
    known = [place for place, code in enumerate(codes) if code < 4]
    assert mask.tolist() == [place <= max(known, default=-1) for place in range(len(codes))]


def test_a_sequence_without_any_base_gives_numbers():
    for preset in PRESETS:
        model = build_model("rnn", 24, 1, preset=preset)
        assert np.isfinite(arrays(model, np.zeros((2, 24, 4), np.float32))).all()


def brackets(draw_from, length):
    """Write a random nested structure."""
    text, depth = "", 0
    for place in range(length):
        left = length - place
        choice = draw_from.integers(0, 3)
        if depth >= left or (depth and choice == 2):
            text, depth = text + ")", depth - 1
        elif choice == 1 and depth + 1 < left:
            text, depth = text + "(", depth + 1
        else:
            text += "."
    return text


@given(st.integers(0, 10_000), st.integers(1, 33))
@settings(max_examples=30)
def test_partners_are_those_of_a_stack(seed, length):
    rng = np.random.default_rng(seed)
    text = brackets(rng, length)
    bases = rng.integers(0, 5, length).astype(np.uint8)
    waiting, partner = [], [None] * length
    for place, letter in enumerate(text):
        if letter == "(":
            waiting.append(place)
        elif letter == ")":
            partner[place] = waiting.pop()
            partner[partner[place]] = place
    assert not waiting
    codes = np.concatenate([add_structure(bases, parse_structure(text)), np.full(34 - length, 4, np.uint8)])
    rows = keras.ops.convert_to_numpy(PairedBases()(OneHot(structure=True)(codes[None])))[0]
    expected = np.zeros((34, 4))
    for place, other in enumerate(partner):
        if other is not None:
            expected[place] = one_hot(bases[other : other + 1])[0]
    np.testing.assert_array_equal(rows[:, 7:], expected)


def test_attention_is_a_mean_over_the_sequence_alone():
    rng = np.random.default_rng(2)
    states = rng.normal(size=(3, 9, 4)).astype(np.float32)
    mask = np.arange(9) < np.array([[9], [4], [1]])
    layer = SequencePooling("attention", units=6, heads=2)
    pooled = keras.ops.convert_to_numpy(layer(states, mask))
    weights = keras.ops.convert_to_numpy(layer.weights_of(states, mask))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert (weights[~mask] == 0).all() and (weights[mask] > 0).all()
    expected = np.concatenate([(weights[..., h, None] * states).sum(axis=1) for h in range(2)], axis=1)
    np.testing.assert_allclose(pooled, expected, atol=1e-5)
    # The energy is v . tanh(W h + b).
    kernel, bias, query = (keras.ops.convert_to_numpy(w) for w in layer.weights)
    energy = np.exp(np.tanh(states[1, :4] @ kernel + bias) @ query)
    np.testing.assert_allclose(weights[1, :4], energy / energy.sum(axis=0), atol=1e-5)


@pytest.mark.parametrize("how, function", [("mean", np.mean), ("max", np.max)])
def test_other_poolings_leave_padding_out(how, function):
    states = np.random.default_rng(3).normal(size=(2, 6, 3)).astype(np.float32) - 5
    mask = np.arange(6) < np.array([[6], [2]])
    pooled = keras.ops.convert_to_numpy(SequencePooling(how)(states, mask))
    for row, length in enumerate((6, 2)):
        np.testing.assert_allclose(pooled[row], function(states[row, :length], axis=0), atol=1e-5)


def test_masked_pooling_begins_at_the_first_base():
    x = np.arange(10, dtype=np.float32).reshape(1, 10, 1)
    assert keras.ops.convert_to_numpy(MaskedPooling(4)(x)).ravel().tolist() == [3, 7, 9]
    mask = np.array([[True] * 5 + [False] * 5])
    assert keras.ops.convert_to_numpy(MaskedPooling(4)(mask)).tolist() == [[True, True, False]]


@pytest.mark.parametrize("preset", ["mirna", "bilstm"])
def test_saved_and_reopened(preset, tmp_path):
    model = build_model("rnn", 40, 2, preset=preset, channels=7, **SMALL)
    model.save(tmp_path / "m.keras")
    twin = keras.saving.load_model(tmp_path / "m.keras")
    codes = np.random.default_rng(4).integers(5, 20, (3, 40)).astype(np.uint8)
    x = OneHot(structure=True)(codes)
    np.testing.assert_allclose(arrays(twin, x), arrays(model, x), atol=1e-6)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"cell": "gnu"}, "'gru', 'lstm'.*'gnu'"),
        ({"pooling": ("middle",)}, "`pooling`.*'middle'"),
        ({"pooling": ()}, "one entry at least"),
        ({"units": 32}, "`units` must be a list"),
        ({"units": (0,)}, "`units`.*0"),
        ({"conv_filters": (8,), "conv_widths": ()}, "one number a convolution.*1 and 0"),
        ({"conv_pool": 2, "conv_filters": (), "conv_widths": ()}, "`conv_pool`"),
        ({"dropout": 1.0}, "`dropout`"),
        ({"unit": (3,)}, "units"),
    ],
)
def test_bad_sizes(changes, message):
    with pytest.raises(InputError, match=message):
        build_model("rnn", 50, 1, preset="gru", **changes)


def test_the_default_uses_everything_that_presets_may_switch_off():
    assert ENTRY.presets[0].name == "mirna" and CONFIGS["mirna"].pairs and CONFIGS["mirna"].bidirectional
