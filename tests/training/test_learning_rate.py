"""The range test: where a made-up loss falls and blows up, and one real sweep."""

import numpy as np
import pytest

from seqdl import InputError
from seqdl.training.learning_rate import SHARE, learning_rate_range, read_range
from tests.toy import TINY, toy_dataset


def sweep(begin=1e-4, least=1e-2, steps=200, noise=0.0, seed=0):
    """A loss that is flat, falls evenly in log(rate) between two rates, then rises steeply."""
    rates = np.geomspace(1e-6, 1, steps)
    x = np.log(rates)
    losses = np.interp(x, [np.log(begin), np.log(least), np.log(least) + 2], [1.0, 0.5, 6.0])
    return rates, losses + noise * np.random.default_rng(seed).normal(size=steps)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_the_useful_range_is_found(noise):
    found = read_range(*sweep(noise=noise), 200)
    assert found.lowest == pytest.approx(2.5e-4, rel=0.5)  # a fifth of the fall is done
    assert 4e-3 < found.highest <= 1e-2, "on the safe side of the steep rise"
    assert found.suggestion == pytest.approx(found.highest * SHARE)
    assert list(found.table) == ["learning_rate", "loss", "smoothed"] and len(found.table) == 200


def test_a_loss_that_ends_as_no_number_is_read_up_to_there():
    rates, losses = sweep()
    losses[180] = np.nan
    assert len(read_range(rates[:181], losses[:181], 200).table) == 180


def test_what_the_batches_targets_do_to_the_loss_is_taken_off():
    rates, losses = sweep()
    swing = np.random.default_rng(3).normal(0, 0.5, len(losses))
    found = read_range(rates, losses + swing, 200, 0.7 + swing)
    plain = read_range(rates, losses, 200)
    assert (found.lowest, found.highest) == (plain.lowest, plain.highest)
    np.testing.assert_allclose(found.table["loss"], losses + swing)


def test_sweeps_without_a_fall_are_refused():
    rates, noise = np.geomspace(1e-3, 1, 200), np.random.default_rng(0).normal(size=200)
    for losses in (np.linspace(1, 5, 200), np.ones(200), 10 + noise):
        with pytest.raises(InputError, match="did not fall by more than its noise"):
            read_range(rates, losses, 200)
    with pytest.raises(InputError, match="lower rate"):
        read_range(rates, np.full(200, np.nan), 200)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return toy_dataset(tmp_path_factory.mktemp("toy"))


@pytest.mark.parametrize(
    ("choices", "words"),
    [({"low": 1, "high": 0.1}, "`low` and `high`"), ({"low": 0}, "`low`"), ({"steps": 5}, "at least 20")],
)
def test_sweeps_that_make_no_sense(data, choices, words):
    with pytest.raises(InputError, match=words):
        learning_rate_range(data, **choices)


def test_the_command_writes_table_and_picture_and_no_run(data, tmp_path, capsys):
    from seqdl.cli.main import main

    out = tmp_path / "range"
    sizes = [
        word for k, v in TINY.items() for word in ("--set", f"{k}={list(v) if isinstance(v, tuple) else v}")
    ]
    argv = ["train", "--data", str(data), "--out", str(out), "--range-test", "--range-steps", "60"]
    assert main([*argv, "--range-high", "10", "--batch-size", "32", *sizes, "--quiet"]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["lr_range.svg", "lr_range.tsv"]
    lines = (out / "lr_range.tsv").read_text().splitlines()
    assert lines[0] == "learning_rate\tloss\tsmoothed" and 20 < len(lines) <= 61
    assert "--learning-rate" in capsys.readouterr().out
    assert main([*argv, "--members", "2", "--quiet"]) == 2
    plain = ["train", "--data", str(data), "--out", str(tmp_path / "run"), "--quiet"]
    assert main([*plain, "--range-high", "10"]) == 2
    assert "there is no --range-test" in capsys.readouterr().err
    assert main([*argv, "--resume"]) == 2 and "takes no --resume" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_sweep(data):
    found = [
        learning_rate_range(data, steps=20, overrides=TINY, batch_size=32, deterministic=True) for _ in "ab"
    ]
    assert found[0].table.equals(found[1].table)
    # Each row is the loss of its own batch, not a running mean.
    assert found[0].table["loss"].diff().abs().min() > 0
