"""The contenders of the attribution benchmark: the same network, sequences and references for each."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

LENGTH = 1000
# Network: targets of its paper. Preset "published", 1,000 bp for all three.
NETWORKS = {"basset": 164, "deepsea": 919, "bpnet": 8}
TARGET = 1


class Work(NamedTuple):
    """What is explained.

    Attributes
    ----------
    model : keras.Model, (b, L, 4) -> (b, n_targets)
        Ends in the number explained; random weights that depend on the seed alone.
    codes : uint8 array, (n, L)
    references : uint8 array, (n, r, L)
        Each sequence shuffled, dinucleotide counts kept.
    """

    model: object
    codes: np.ndarray
    references: np.ndarray


class Contender(NamedTuple):
    """One way to explain.

    Attributes
    ----------
    what : str
        For the table.
    task : {"deepshap", "grad_x_input"}
    package : str
        Without it the contender is skipped.
    backend : {"tensorflow", "jax", "torch"}
        What Keras runs on in its process.
    make : callable
        ``make(work) -> run`` with ``run(batch_size) -> float32 (n, L)``, what each base contributes.
    sizes : tuple of int
        Batch sizes to try: pairs of example and reference (deepshap), or sequences.
    """

    what: str
    task: str
    package: str
    backend: str
    make: Callable
    sizes: tuple[int, ...]


def make_work(network: str, sequences: int, references: int, seed: int = 0) -> Work:
    """Build the network and draw sequences and references; the same ones in every process."""
    from seqdl.encoding import dinucleotide_shuffle
    from seqdl.interpret.heads import scalar_model
    from seqdl.models import build_model
    from tests.interpret.random_networks import randomised

    model = randomised(build_model(network, LENGTH, NETWORKS[network], "published"), seed)
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (sequences, LENGTH)).astype(np.uint8)
    shuffled = dinucleotide_shuffle(np.repeat(codes, references, axis=0), rng)
    return Work(scalar_model(model), codes, shuffled.reshape(sequences, references, LENGTH))


def differences(work: Work, task: str) -> np.ndarray | None:
    """Return what a sequence's contributions must add up to, float64 (n,); None where nothing says so."""
    from seqdl.encoding import one_hot

    if task != "deepshap":
        return None
    n, r, length = work.references.shape
    rows = np.concatenate([work.codes, work.references.reshape(n * r, length)])
    outputs = [np.asarray(_numpy(work.model(one_hot(rows[i : i + 20]))))[:, TARGET]
               for i in range(0, len(rows), 20)]  # fmt: skip
    outputs = np.concatenate(outputs).astype(np.float64)
    return outputs[:n] - outputs[n:].reshape(n, r).mean(axis=1)


def _numpy(tensor) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(tensor)


def seqdl_deepshap(work: Work) -> Callable:
    """Explain by seqdl, on Keras's backend."""
    from seqdl.interpret.deeplift import Explainer, deeplift_codes

    explainer = Explainer(work.model)

    def run(batch_size: int) -> np.ndarray:
        found = deeplift_codes(
            work.model, work.codes, TARGET, work.references, batch_size=batch_size, explainer=explainer
        )
        return found.values.sum(axis=2)

    return run


def tangermeme_deepshap(work: Work) -> Callable:
    """Explain by tangermeme's deep_lift_shap, on the network's PyTorch twin."""
    from tangermeme.deep_lift_shap import deep_lift_shap

    twin, x, references = _for_torch(work)

    def run(batch_size: int) -> np.ndarray:
        found = deep_lift_shap(twin, x, target=TARGET, batch_size=batch_size, references=references,
                               warning_threshold=np.inf, device="cpu")  # fmt: skip
        return found.numpy().sum(axis=1)

    return run


def shap_deepshap(work: Work) -> Callable:
    """Explain by shap's DeepExplainer, on a network with that one target: it explains all it is given."""
    import keras
    import shap

    from seqdl.encoding import one_hot

    last = work.model.layers[-1]
    single = keras.layers.Dense(1, name="explained")
    model = keras.Model(work.model.inputs, single(last.input))
    single.set_weights([_numpy(last.kernel)[:, TARGET : TARGET + 1], _numpy(last.bias)[TARGET : TARGET + 1]])
    x, references = one_hot(work.codes), one_hot(work.references)
    row = iter(())
    explainer = shap.DeepExplainer(model, lambda inputs: [references[next(row)]])

    def run(batch_size: int) -> np.ndarray:
        nonlocal row
        row = iter(range(len(x)))
        found = explainer.shap_values(x, check_additivity=False)
        return np.asarray(found)[..., 0].sum(axis=2).astype(np.float32)

    return run


def seqdl_gradient(work: Work) -> Callable:
    """Take gradient times input by seqdl, on Keras's backend."""
    from seqdl.interpret.methods import attribute_codes, compile_engine

    engine = compile_engine(work.model, "grad_x_input")

    def run(batch_size: int) -> np.ndarray:
        found = attribute_codes(work.model, work.codes, TARGET, method="grad_x_input", batch_size=batch_size,
                                engine=engine)  # fmt: skip
        return found[0].sum(axis=2)

    return run


def torch_gradient(work: Work) -> Callable:
    """Take gradient times input by PyTorch alone, on the network's twin."""
    import torch

    twin, x, _ = _for_torch(work)

    def run(batch_size: int) -> np.ndarray:
        parts = []
        for batch in x.split(batch_size):
            batch = batch.clone().requires_grad_(True)
            (gradients,) = torch.autograd.grad(twin(batch)[:, TARGET].sum(), batch)
            parts.append((gradients * batch).sum(dim=1).detach().numpy())
        return np.concatenate(parts)

    return run


def _for_torch(work: Work):
    import torch

    from seqdl.encoding import one_hot
    from tests.interpret.torch_twins import Twin

    torch.set_num_threads(1)
    x, references = (torch.from_numpy(np.ascontiguousarray(np.swapaxes(one_hot(codes), -1, -2)))
                     for codes in (work.codes, work.references))  # fmt: skip
    twin = Twin(work.model)
    for parameter in twin.parameters():  # nobody trains it: gradients of its weights are not wanted
        parameter.requires_grad_(False)
    return twin, x, references


PAIRS, SINGLE = (20, 40, 80, 160), (8, 16, 32, 64)
MORE = {"deepshap": 1, "grad_x_input": 8}  # times as many sequences a call: a gradient is soon taken
CONTENDERS = {
    "tangermeme": Contender(
        "tangermeme deep_lift_shap", "deepshap", "tangermeme", "torch", tangermeme_deepshap, PAIRS[:3]
    ),
    "shap": Contender("shap DeepExplainer", "deepshap", "shap", "tensorflow", shap_deepshap, (40,)),
    "seqdl_tf": Contender(
        "seqdl on TensorFlow", "deepshap", "tensorflow", "tensorflow", seqdl_deepshap, PAIRS
    ),
    "seqdl_jax": Contender("seqdl on JAX", "deepshap", "jax", "jax", seqdl_deepshap, PAIRS),
    "torch_gradient": Contender(
        "PyTorch, gradient x input", "grad_x_input", "torch", "torch", torch_gradient, SINGLE
    ),
    "seqdl_tf_gradient": Contender(
        "seqdl on TensorFlow, gradient x input",
        "grad_x_input",
        "tensorflow",
        "tensorflow",
        seqdl_gradient,
        SINGLE,
    ),
    "seqdl_jax_gradient": Contender(
        "seqdl on JAX, gradient x input", "grad_x_input", "jax", "jax", seqdl_gradient, SINGLE
    ),
}
# What each ratio is taken to, by task.
BASELINE = {"deepshap": "tangermeme", "grad_x_input": "torch_gradient"}


def environment(contender: Contender) -> dict[str, str]:
    """Return the environment of a contender's process: its backend, and no card."""
    return {**os.environ, "KERAS_BACKEND": contender.backend, "JAX_PLATFORMS": "cpu"}
