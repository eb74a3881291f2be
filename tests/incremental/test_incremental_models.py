"""The engine under every registered network: the law of all engines, and what it says of each layer."""

import numpy as np
import pytest

from seqdl.incremental.engine import IncrementalEngine
from seqdl.interpret.heads import scalar_model
from seqdl.models import build_model
from tests.incremental.random_graphs import assert_equal_everywhere, outputs_of
from tests.interpret.engine_law import assert_engine_keeps_the_law
from tests.interpret.random_networks import randomised

COVERAGE = {"n_targets": 2, "bin": 64, "resolution": 8}
# Small, and long enough that strips are shorter than the layers.
NETWORKS = {
    "basset": {"window": 200, "n_targets": 2, "preset": "small", "filters": (6, 5, 4), "dense_units": (8,)},
    "deepsea": {"window": 240, "n_targets": 2, "preset": "small", "filters": (6, 5, 4), "dense_units": 8},
    "danq": {"window": 120, "n_targets": 2, "preset": "small", "filters": 6, "units": 3, "dense_units": 5},
    "deepbind": {"window": 60, "n_targets": 2},
    "rnn": {"window": 40, "n_targets": 2, "conv_filters": (4, 4), "units": (3,), "dense_units": 4},
    "bpnet": {"window": 128, "preset": "small", "filters": 5, "dilated_layers": 3, **COVERAGE},
    "basenji": {"window": 256, "preset": "small", "filters": (4,) * 5, "dilated_filters": 4,
                "dilated_blocks": 2, "final_filters": 6, "n_targets": 2, "bin": 128, "resolution": 32},
    "basenji2": {"window": 256, "preset": "small", "first_filters": 4, "tower_filters": 4,
                 "tower_growth": 1.0, "dilated_filters": 4, "dilated_blocks": 2, "final_filters": 6,
                 **COVERAGE},
}  # fmt: skip
HEADS = [(name, head) for name, sizes in NETWORKS.items()
         for head in (("logit",) if "bin" not in sizes else ("counts", "profile") if name == "bpnet"
                      else ("counts",))]  # fmt: skip


def network(name, head):
    return scalar_model(randomised(build_model(name, **NETWORKS[name])), head)


def test_every_registered_network_is_here():
    from seqdl.models import list_models

    own = {entry.name for entry in list_models() if entry.build.__module__.startswith("seqdl.")}
    assert own == set(NETWORKS)


@pytest.mark.parametrize(("name", "head"), HEADS, ids=["-".join(item) for item in HEADS])
def test_registered_networks_keep_the_law(name, head):
    model = network(name, head)
    engine = IncrementalEngine(model, least=0)
    codes = np.random.default_rng(1).integers(0, 4, (3, engine.window)).astype(np.uint8)
    codes[1, 30] = 4
    scale = max(1.0, np.abs(outputs_of(model, codes)).max())
    assert_engine_keeps_the_law(engine, lambda rows: outputs_of(model, rows), codes, atol=1e-5 * scale)


@pytest.mark.parametrize("name", ["basset", "bpnet", "basenji2"])
def test_every_place_of_a_sequence(name):
    model = network(name, "counts" if "bin" in NETWORKS[name] else "logit")
    engine = IncrementalEngine(model)
    codes = np.random.default_rng(2).integers(0, 4, (1, engine.window)).astype(np.uint8)
    assert engine.by_strips(1)
    assert_equal_everywhere(engine, model, codes)
