"""Model files: what is saved comes back; what a stranger might put into one is refused with a sentence."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from seqdl.errors import InputError
from seqdl.layers import OneHot
from seqdl.models import build_model
from seqdl.models.load import load_model_file, read_card
from seqdl.models.save import save_model_file

CARD = {"format": "seqdl-run", "targets": [{"name": "é"}]}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    return build_model("deepsea", 200, 2, "small", filters=[4, 4, 4], dense_units=4)


@pytest.fixture
def saved(model, tmp_path):
    return save_model_file(model, tmp_path / "m.keras", CARD)


def rewrite(path, change):
    """Change the members of a model file: `change` gets and returns a dict of name to bytes."""
    with zipfile.ZipFile(path) as z:
        members = {name: z.read(name) for name in z.namelist()}
    members = change(members)
    with zipfile.ZipFile(path, "w") as z:
        for name, data in members.items():
            z.writestr(name, data)


def edit_config(path, change):
    """Change config.json in place."""

    def apply(members):
        config = json.loads(members["config.json"])
        change(config)
        return {**members, "config.json": json.dumps(config).encode()}

    rewrite(path, apply)


def edit_weights(path, change):
    """Change model.weights.h5 in place."""

    def apply(members):
        data = io.BytesIO(members["model.weights.h5"])
        with h5py.File(data, "r+") as f:
            change(f)
        return {**members, "model.weights.h5": data.getvalue()}

    rewrite(path, apply)


def test_round_trip_with_card(model, saved):
    x = np.random.default_rng(0).random((3, 200, 4), "float32")
    twin = load_model_file(saved)
    np.testing.assert_array_equal(np.asarray(model(x)), np.asarray(twin(x)))
    assert not twin.compiled
    assert read_card(saved) == CARD
    # The card does not keep Keras itself from opening the file.
    np.testing.assert_array_equal(np.asarray(keras.saving.load_model(saved)(x)), np.asarray(model(x)))


def test_optimizer_stays_out(model, tmp_path, saved):
    compiled = keras.models.clone_model(model)
    compiled.compile("adam", "binary_crossentropy")
    compiled.fit(np.zeros((2, 200, 4)), np.zeros((2, 2)), verbose=0)
    path = save_model_file(compiled, tmp_path / "c.keras", CARD)
    assert path.stat().st_size < saved.stat().st_size * 1.1
    # A file that Keras wrote itself, optimizer and all, opens too.
    compiled.save(tmp_path / "k.keras")
    assert not load_model_file(tmp_path / "k.keras").compiled
    assert read_card(tmp_path / "k.keras") is None


def test_our_layer_and_common_layers_of_keras_open(tmp_path):
    x = codes = keras.Input((30,), dtype="uint8")
    x = OneHot(name="onehot")(x)
    y = keras.layers.Conv1D(4, 3, padding="same", activation="gelu", kernel_regularizer="l2")(x)
    y = keras.layers.LayerNormalization()(keras.layers.SeparableConv1D(4, 3, padding="same")(y) + y)
    x = keras.layers.Concatenate()([x, keras.ops.exp(y)])
    x = keras.layers.Bidirectional(keras.layers.GRU(2, return_sequences=True))(x)
    x = keras.layers.MultiHeadAttention(1, 2)(x, x)
    x = keras.Sequential([keras.layers.Dense(2), keras.layers.PReLU()])(keras.layers.GlobalMaxPooling1D()(x))
    model = keras.Model(codes, keras.layers.Dense(1, activation="sigmoid")(x))
    path = save_model_file(model, tmp_path / "m.keras")
    sample = np.random.default_rng(0).integers(0, 5, (2, 30)).astype("uint8")
    np.testing.assert_allclose(
        np.asarray(load_model_file(path)(sample)), np.asarray(model(sample)), rtol=1e-6
    )


def test_name_must_end_in_keras(model, tmp_path):
    with pytest.raises(InputError, match="ends in .keras"):
        save_model_file(model, tmp_path / "m.h5")


def test_failed_save_leaves_nothing(model, tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        save_model_file(model, tmp_path / "m.keras", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not a zip at all", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_what_is_no_archive(tmp_path, content):
    path = tmp_path / "m.keras"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"m\.keras"):
        load_model_file(path)
    with pytest.raises(InputError, match="does not exist"):
        load_model_file(tmp_path / "absent.keras")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated(saved, share):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match="cut off"):
        load_model_file(saved)


def test_flipped_bytes_are_noticed(saved):
    data = bytearray(saved.read_bytes())
    data[len(data) // 2] ^= 0xFF
    saved.write_bytes(bytes(data))
    with pytest.raises(InputError, match="damaged"):
        load_model_file(saved)


@pytest.mark.parametrize(
    "name", ["assets/x.py", "../evil", "/etc/passwd", "model.weights.npz", "config.json/", "__main__.py"]
)
def test_members_outside_the_list(saved, name):
    rewrite(saved, lambda members: {**members, name: b"x"})
    for reader in (load_model_file, read_card):
        with pytest.raises(InputError, match="does not belong"):
            reader(saved)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "metadata.json"])
def test_missing_member(saved, name):
    rewrite(saved, lambda members: {k: v for k, v in members.items() if k != name})
    with pytest.raises(InputError, match="lacks"):
        load_model_file(saved)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_member_twice(saved):
    with zipfile.ZipFile(saved, "a") as z:
        z.writestr("config.json", b"{}")
    with pytest.raises(InputError, match="twice"):
        load_model_file(saved)


def test_zip_bomb(saved):
    with zipfile.ZipFile(saved) as z:
        members = {name: z.read(name) for name in z.namelist()}
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members.items():
            z.writestr(name, b" " * (20 << 20) + data if name == "config.json" else data)
    with pytest.raises(InputError, match="unpacks to"):
        load_model_file(saved)


def test_hdf5_bomb_and_links(saved, model):
    original = saved.read_bytes()

    def bomb(f):
        f.create_dataset("big", (1 << 33,), "f4", chunks=(1 << 20,), compression="gzip")

    def external_link(f):
        f["elsewhere"] = h5py.ExternalLink("/etc/hostname.h5", "/x")

    def soft_link(f):
        f["elsewhere"] = h5py.SoftLink("/layers")

    def external_data(f):
        f.create_dataset("elsewhere", (4,), "u1", external=[("/etc/hostname", 0, 4)])

    def virtual(f):
        layout = h5py.VirtualLayout((2,), "f4")
        layout[:] = h5py.VirtualSource("/other.h5", "x", (2,))
        f.create_virtual_dataset("elsewhere", layout)

    for change in (bomb, external_link, soft_link, external_data, virtual):
        saved.write_bytes(original)
        edit_weights(saved, change)
        with pytest.raises(InputError, match="was not opened"):
            load_model_file(saved)


def test_weights_that_do_not_fit(saved):
    def widen(config):
        for layer in config["config"]["layers"]:
            if layer["config"]["name"] == "dense":
                layer["config"]["units"] = 5

    edit_config(saved, widen)
    with pytest.raises(InputError, match="cannot be rebuilt"):
        load_model_file(saved)


def lambda_model(path):
    x = keras.Input((4,))
    keras.Model(x, keras.layers.Lambda(lambda t: t * 2, name="sneaky")(x)).save(path)


def test_lambda_is_refused_with_a_sentence(tmp_path):
    lambda_model(tmp_path / "m.keras")
    with pytest.raises(InputError, match="'Lambda' .layer 'sneaky'., which runs code stored in the file"):
        load_model_file(tmp_path / "m.keras")


def test_lambda_inside_an_inner_model_is_refused(tmp_path):
    x = keras.Input((4,))
    inner = keras.Sequential([keras.layers.TimeDistributed(keras.layers.Lambda(lambda t: t * 2))])
    keras.Model(x, keras.layers.Flatten()(inner(keras.layers.Reshape((2, 2))(x)))).save(tmp_path / "m.keras")
    with pytest.raises(InputError, match="runs code"):
        load_model_file(tmp_path / "m.keras")


def test_unregistered_class_is_refused(tmp_path):
    class Mine(keras.layers.Layer):
        def call(self, x):
            return x

    x = keras.Input((4,))
    keras.Model(x, Mine()(x)).save(tmp_path / "m.keras")
    with pytest.raises(InputError, match="'Mine'.*register_keras_serializable"):
        load_model_file(tmp_path / "m.keras")


def test_registered_class_of_a_user_opens(tmp_path):
    @keras.saving.register_keras_serializable("test_files")
    class Doubling(keras.layers.Layer):
        def call(self, x):
            return x * 2

    x = keras.Input((4,))
    keras.Model(x, Doubling()(x)).save(tmp_path / "m.keras")
    out = load_model_file(tmp_path / "m.keras")(np.ones((1, 4), "float32"))
    np.testing.assert_array_equal(np.asarray(out), 2)


@pytest.mark.parametrize(
    "item",
    [
        {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
        {"module": None, "class_name": "__lambda__", "config": {"value": "x"}},
        {"module": "keras.utils", "class_name": "get_file", "config": {}, "registered_name": None},
        {"module": "os", "class_name": "system", "config": {}, "registered_name": None},
        {
            "module": "keras.layers",
            "class_name": "TFSMLayer",
            "config": {"filepath": "/x"},
            "registered_name": None,
        },
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
        {"module": "keras.src.ops.numpy", "class_name": "backend", "config": {}, "registered_name": None},
        {
            "module": "keras.src.models.functional",
            "class_name": "Lambda",
            "config": {},
            "registered_name": None,
        },
        {"module": "keras.layers", "class_name": "Dense", "config": {}, "registered_name": "evil>Dense"},
        {"module": 5, "class_name": ["x"], "config": {}},
    ],
)
def test_dangerous_configurations_are_refused_before_keras_sees_them(saved, item):
    def plant(config):
        config["config"]["layers"][1]["config"]["activation"] = item

    edit_config(saved, plant)
    with pytest.raises(InputError, match="was not opened"):
        load_model_file(saved)


@pytest.mark.parametrize("text", [b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_configuration_that_is_no_json(saved, text):
    rewrite(saved, lambda members: {**members, "config.json": text})
    with pytest.raises(InputError, match="config.json"):
        load_model_file(saved)
