"""The configuration: JSON and TOML, old and new, and every wrong choice named."""

import json
from dataclasses import fields

import pytest

from seqdl import InputError
from seqdl.training.config import TrainingConfig
from seqdl.training.config_checks import _RULES

WRONG = {
    "data": 3, "model": 5, "preset": None, "overrides": [1], "dropout": 1.0, "epochs": 0, "batch_size": 1.5,
    "loss": "mae", "focal_gamma": -1, "focal_alpha": 0, "count_weight": "x", "class_weights": True,
    "sample_weights": 1, "l1": -1e-3, "l2": float("nan"), "max_norm": "3", "optimizer": "adamm",
    "learning_rate": 0, "schedule": "cosin", "warmup": 1.0, "end_rate": 0, "weight_decay": float("inf"),
    "momentum": 1, "nesterov": "yes", "clip_norm": -1, "patience": -1, "monitor": "val_acc",
    "reverse_complement": "no", "max_shift": -1, "epoch_windows": 0, "strand_average": 1, "precision": "fp8",
    "from_run": 7, "freeze": 0, "seed": 1 << 32, "deterministic": None,
}  # fmt: skip


def test_every_choice_has_a_rule_and_every_rule_a_choice():
    names = {field.name for field in fields(TrainingConfig)}
    assert set(_RULES) == names == set(WRONG)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_choice_is_named(name):
    with pytest.raises(InputError, match=f"`{name}` must be"):
        TrainingConfig.from_dict({name: WRONG[name]})


def test_near_misses_are_suggested(tmp_path):
    with pytest.raises(InputError, match="Did you mean 'cosine'"):
        TrainingConfig(schedule="cosin")
    file = tmp_path / "c.json"
    file.write_text('{"learning_rat": 1}')
    with pytest.raises(InputError, match=r"'learning_rat' in .*c\.json.* Did you mean 'learning_rate'"):
        TrainingConfig.from_file(file)


def test_toml_and_json_say_the_same(tmp_path):
    (tmp_path / "c.toml").write_text(
        'model = "danq"\nlearning_rate = 1e-3\nfreeze = "none"\nsample_weights = "w.txt"\n'
        "[overrides]\nfilters = [8, 16]\n"
    )
    (tmp_path / "c.json").write_text(
        json.dumps(
            {
                "model": "danq",
                "learning_rate": 1e-3,
                "overrides": {"filters": [8, 16]},
                "sample_weights": "w.txt",
            }
        )
    )
    one, other = (TrainingConfig.from_file(tmp_path / f"c.{kind}") for kind in ("toml", "json"))
    assert one == other and one.overrides == {"filters": [8, 16]}
    assert one.sample_weights == str(tmp_path / "w.txt"), "paths are the file's own neighbours"
    assert TrainingConfig.from_file(tmp_path / "c.toml", seed=3).seed == 3


@pytest.mark.parametrize(("name", "text"), [("c.json", "[1]"), ("c.json", "{"), ("c.toml", "model = ")])
def test_files_that_are_no_configuration(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match="configuration"):
        TrainingConfig.from_file(tmp_path / name)


def test_an_old_configuration_has_defaults_for_what_is_new(tmp_path):
    old = {
        "model": "deepsea", "preset": "small", "overrides": {}, "epochs": 20, "batch_size": 128,
        "optimizer": "adamw", "learning_rate": 0.002, "schedule": "cosine", "warmup": 0.05,
        "weight_decay": 0.02, "momentum": 0.9, "clip_norm": 1.0, "patience": 8, "monitor": "val_loss",
        "reverse_complement": True,
        "max_shift": 12, "epoch_windows": None, "strand_average": True, "precision": "float32", "seed": 0,
        "deterministic": False,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(old))
    config = TrainingConfig.from_file(tmp_path / "config.json")
    assert config.loss == "auto" and config.l1 == 0 and config.freeze == "none"
    assert {name: getattr(config, name) for name in old} == old


def test_a_configuration_survives_json(tmp_path):
    config = TrainingConfig(overrides={"filters": (8, 8)}, from_run="/x", freeze=3, dropout=0.1)
    again = TrainingConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert config.differences(again) == []
    assert config.differences(TrainingConfig(from_run="/x", freeze=3, dropout=0.1, data="/elsewhere.h5")) == [
        "overrides: {'filters': [8, 8]}, was {}"
    ]


def test_freezing_needs_weights_to_keep():
    with pytest.raises(InputError, match="--from"):
        TrainingConfig(freeze="trunk")


@pytest.mark.parametrize(("name", "text"), [("c.json", '{"seed": 3}'), ("c.toml", "seed = 3\n")])
def test_a_byte_order_mark_is_passed_over(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert TrainingConfig.from_file(tmp_path / name).seed == 3


def test_a_choice_named_twice_is_refused(tmp_path):
    (tmp_path / "c.json").write_text('{"seed": 1, "epochs": 2, "seed": 3}')
    with pytest.raises(InputError, match="c.json: The name 'seed' stands twice"):
        TrainingConfig.from_file(tmp_path / "c.json")
