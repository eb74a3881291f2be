"""Which device computes: said once, before the time is spent."""

from __future__ import annotations

import os
import shutil


def describe_device() -> str:
    """Say in one sentence on which device Keras computes, and warn of a GPU that lies idle."""
    import keras

    backend = keras.backend.backend()
    gpus = _gpus(backend)
    if gpus:
        return f"Computing on {gpus[0]} ({backend})" + (
            f", one of {len(gpus)} GPUs." if len(gpus) > 1 else "."
        )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"Computing on the CPU, {cores} cores ({backend})."
    if os.path.exists("/proc/driver/nvidia/version") or shutil.which("nvidia-smi"):
        text += (
            f" WARNING: this machine has an NVIDIA GPU that {backend} does not see, so it lies idle. "
            f"Install the GPU build: {_GPU_BUILD.get(backend, 'see the documentation of ' + backend)}"
        )
    return text


_GPU_BUILD = {"tensorflow": "pip install 'tensorflow[and-cuda]'", "jax": "pip install 'jax[cuda12]'"}


def _gpus(backend: str) -> list[str]:
    if backend == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        return [tf.config.experimental.get_device_details(g).get("device_name", g.name) for g in found]
    if backend == "jax":
        import jax

        return [d.device_kind for d in jax.devices() if d.platform in ("gpu", "cuda", "rocm")]
    if backend == "torch":
        import torch

        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return []


def make_deterministic(seed: int, deterministic: bool) -> None:
    """Seed every generator and, if asked, make the backend's operations bit-for-bit repeatable.

    Parameters
    ----------
    seed : int
    deterministic : bool
        On TensorFlow this holds for the rest of the process; JAX and PyTorch on a CPU are so already.
    """
    import keras

    keras.utils.set_random_seed(seed)
    if not deterministic:
        return
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif backend == "torch":
        import torch

        torch.use_deterministic_algorithms(True)
