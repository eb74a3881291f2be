"""The engine's numbers are those of whole passes: for random networks, at every place of a sequence."""

import keras
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqdl.incremental.engine import IncrementalEngine
from tests.incremental.random_graphs import LENGTH, assert_equal_everywhere, random_graph

CODES = np.random.default_rng(3).integers(0, 4, (2, LENGTH)).astype(np.uint8)
CODES[0, 11] = 4


@given(data=st.data(), width=st.sampled_from([1, 1, 3]))
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_equal_to_whole_passes_for_random_graphs(data, width):
    model = random_graph(data.draw)
    engine = IncrementalEngine(model, least=0)  # strips wherever there are any, also where they gain nothing
    assert_equal_everywhere(engine, model, CODES, width)
    keras.backend.clear_session()
