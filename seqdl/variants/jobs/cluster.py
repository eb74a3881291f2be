"""A dask cluster to score on: named by an address or a file, or started here for the length of a job."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from seqdl.errors import InputError, MissingDependencyError
from seqdl.files import require_file

_CONNECT = 10  # seconds
_LOCAL = re.compile(r"local:(\d+)")
_ADDRESS = re.compile(r"([a-z]+://)?[^\s/]+:\d+")


def require_distributed():
    """Import dask.distributed.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise MissingDependencyError(
            "`scheduler` needs dask.distributed, which is not installed: pip install 'seqdl[dask]'."
        ) from error
    return distributed


def check_scheduler(scheduler: str, worker_timeout: float = 60.0) -> str:
    """Check how a cluster is named, without asking it.

    Parameters
    ----------
    scheduler : str
        "local:N", an address such as "tcp://host:8786", or a scheduler's file, .json.
    worker_timeout : float
        Seconds.

    Returns
    -------
    scheduler : str

    Raises
    ------
    InputError
        If it is none of these.
    MissingDependencyError
        If dask.distributed is not installed.
    """
    scheduler = str(scheduler)
    local = _LOCAL.fullmatch(scheduler)
    if local and int(local[1]) < 1:
        raise InputError(f"`scheduler` local:N needs at least one process. Received: {scheduler!r}.")
    if not local and (scheduler.startswith("local") and scheduler[5:6] in ("", ":")):
        raise InputError(
            f"`scheduler` on this machine is local:N with a number of processes, such as local:4. "
            f"Received: {scheduler!r}."
        )
    if not local and not scheduler.endswith(".json") and not _ADDRESS.fullmatch(scheduler):
        raise InputError(
            "`scheduler` is local:N, an address such as tcp://host:8786, or the .json file that "
            f"`dask scheduler --scheduler-file` writes. Received: {scheduler!r}."
        )
    if not worker_timeout > 0:
        raise InputError(
            f"`worker_timeout` must be a positive number of seconds. Received: {worker_timeout}."
        )
    require_distributed()
    if scheduler.endswith(".json"):
        require_file(scheduler, "scheduler file")
    return scheduler


@contextmanager
def connect(scheduler: str) -> Iterator[object]:
    """Connect with a cluster, or start one that lives as long as the block.

    Parameters
    ----------
    scheduler : str
        See `check_scheduler`.

    Yields
    ------
    client : distributed.Client

    Raises
    ------
    InputError
        If the cluster cannot be reached or started.
    """
    distributed = require_distributed()
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        local = _LOCAL.fullmatch(scheduler)
        address = stack.enter_context(_local_cluster(int(local[1]))) if local else _address(scheduler)
        try:
            if not local:
                _knock(address)
            client = distributed.Client(address, timeout=_CONNECT, set_as_default=False)
        except (OSError, OverflowError, ValueError, TypeError, ImportError, RuntimeError) as error:
            raise InputError(
                f"The scheduler {scheduler} cannot be reached ({_words(error)}). Is it running (`dask "
                "scheduler`), and is its port open from this machine?"
            ) from error
        stack.callback(_close, client)
        yield client


def _address(scheduler: str) -> str:
    if not scheduler.endswith(".json"):
        return scheduler
    path = require_file(scheduler, "scheduler file")
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["address"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not what `dask scheduler --scheduler-file` writes: it names no address."
        ) from error


def _knock(address: str) -> None:
    """Open the port and close it again: what is wrong shows at once, where the engine would try for long."""
    found = _ADDRESS.fullmatch(address)
    if found and found[1] in (None, "tcp://", "tls://"):
        host, port = address[len(found[1] or "") :].rsplit(":", 1)
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT).close()


def _words(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__


def _close(client) -> None:
    with suppress(TimeoutError, OSError):
        client.close(timeout=5)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the engine's own log lines and warnings off the user's terminal; seqdl says what matters."""
    import warnings

    import dask

    names = [n for n in logging.root.manager.loggerDict if n.split(".")[0] in ("distributed", "tornado")]
    levels = [(logger, logger.level) for logger in map(logging.getLogger, ("distributed", "asyncio", *names))]
    threshold = {"distributed.admin.large-graph-warning-threshold": "10GB"}
    with dask.config.set(threshold), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"distributed|tornado")
        warnings.filterwarnings("ignore", message=r"(?s).*Mismatched versions")
        for logger, _ in levels:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in levels:
                logger.setLevel(level)


@contextmanager
def _local_cluster(processes: int) -> Iterator[str]:
    """Start worker processes on this machine that share its cores and GPUs; yield the scheduler's address."""
    import dask
    from dask.system import CPU_COUNT
    from distributed import Nanny, Scheduler, SpecCluster

    threads = str(max(1, CPU_COUNT // processes))
    # TensorFlow and numpy read these when they are loaded, and would each take all cores.
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    spawn = {name: threads for name in names} | {"TF_NUM_INTEROP_THREADS": "1"}
    gpus = visible_gpus()
    # More processes than GPUs share one: none may take all its memory.
    spawn |= {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    spawn |= {f"DASK_LOGGING__{name}": "critical" for name in ("DISTRIBUTED", "TORNADO")}
    before = dict(os.environ)
    with (
        tempfile.TemporaryDirectory(prefix="seqdl-workers-", ignore_cleanup_errors=True) as folder,
        dask.config.set(
            {"distributed.nanny.pre-spawn-environ": spawn, "distributed.scheduler.allowed-failures": 3}
        ),
    ):
        options = {
            "nthreads": 1, "host": "127.0.0.1", "memory_limit": 0, "dashboard": False,
            "local_directory": folder, "silence_logs": logging.CRITICAL,
        }  # fmt: skip
        workers = {i: {"cls": Nanny, "options": {**options, "env": _gpu(gpus, i)}} for i in range(processes)}
        scheduler = {
            "cls": Scheduler,
            "options": {
                "host": "127.0.0.1",
                "port": 0,
                "dashboard": False,
                "dashboard_address": "127.0.0.1:0",
            },
        }
        try:
            with _deaf_children():
                cluster = SpecCluster(workers=workers, scheduler=scheduler, silence_logs=logging.CRITICAL)
        except (RuntimeError, OSError) as error:
            raise InputError(
                f"The worker processes of local:{processes} could not be started ({_words(error)}). In a "
                "script, the call must stand under "
                "`if __name__ == '__main__':`, because each process imports the script."
            ) from error
        try:
            yield cluster.scheduler_address
        finally:
            cluster.close(timeout=20)
            # The engine leaves what it set for its processes in this one.
            for name in spawn:
                os.environ.pop(name, None)
            os.environ.update({name: before[name] for name in spawn if name in before})


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Let processes that are started here, now or later by threads begun here, not hear Ctrl-C.

    A terminal sends it to all of them, and each would print its traceback; this process ends them in order.
    """
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # started later, it would undo the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def visible_gpus() -> list[str]:
    """Return the names by which CUDA knows this process's NVIDIA GPUs, without loading anything."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip()]
    return [str(i) for i, _ in enumerate(Path("/proc/driver/nvidia/gpus").glob("*"))]


def _gpu(gpus: list[str], worker: int) -> dict[str, str]:
    return {"CUDA_VISIBLE_DEVICES": gpus[worker % len(gpus)]} if len(gpus) > 1 else {}
