"""Discover motifs in contributions with TF-MoDISco (Shrikumar et al. 2018), through the modisco-lite package.

What a network finds important is cut into seqlets, short stretches of high contribution; seqlets that look
alike are aligned and averaged into patterns. Seqlets are found on the sum of the contributions, clustered
by their hypothetical contributions.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from seqdl.encoding import one_hot
from seqdl.errors import InputError, MissingDependencyError, SeqdlError
from seqdl.files import require_writable
from seqdl.interpret.motifs.patterns import Discovery, read_patterns, stored_input, write_patterns
from seqdl.progress import say
from seqdl.words import count, duration

SAY_EVERY = 30.0  # seconds between signs of life


def discover_motifs(
    attribution,
    out: str | Path,
    *,
    width: int | None = None,
    max_seqlets: int = 2000,
    min_seqlets: int = 100,
    min_pattern: int = 20,
    window: int = 21,
    flank: int = 10,
    pattern_width: int = 30,
    fdr: float = 0.2,
    leiden_runs: int = 10,
    resume: bool = False,
) -> Discovery:
    """Find the patterns that a target's contributions repeat.

    Parameters
    ----------
    attribution : Attribution
        From `seqdl.interpret.attribute`. Its hypothetical contributions are used where it has them
        (DeepSHAP does); otherwise its values stand in for them, which makes for a coarser comparison of
        seqlets.
    out : str or Path
        HDF5 file in modisco-lite's format with places on the genome; see `seqdl.interpret.motifs.patterns`.
        Appears whole or not at all.
    width : int, optional
        Use only so many bases around each window's centre; all when None.
    max_seqlets : int
        Cluster at most so many seqlets of each sign. The windows come in random order (a fixed one), so
        that these are a sample of all, not those of the first contig.
    min_seqlets : int
        Cluster a sign only if it has more seqlets than this.
    min_pattern : int
        A pattern has at least so many seqlets.
    window, flank : int
        Seqlets are found on sliding windows of this width; so many bases are added on both sides.
    pattern_width : int
        Patterns are cut to about this width, where the contributions are largest.
    fdr : float
        False discovery rate of seqlets against a Laplace null, between 0 and 1.
    leiden_runs : int
        Seeds of the clustering; the best is taken.
    resume : bool
        If `out` was made from the same input with the same settings (a hash is kept in it), read it instead.

    Returns
    -------
    Discovery

    Raises
    ------
    InputError
        If there are too few seqlets, the windows are too short, all contributions are zero, or a number is
        out of range.
    MissingDependencyError
        Without modisco-lite.
    """
    require_modisco()
    out = require_writable(out)
    settings = {
        "width": width, "max_seqlets": max_seqlets, "min_seqlets": min_seqlets, "min_pattern": min_pattern,
        "window": window, "flank": flank, "pattern_width": pattern_width, "fdr": fdr,
        "leiden_runs": leiden_runs,
    }  # fmt: skip
    codes, hypothetical, regions = _prepare(attribution, settings)
    digest = _hash(codes, hypothetical, settings)
    if resume and out.exists() and stored_input(out) == digest:
        say(f"The patterns in {out} were made from this input: they are read, not made again.")
        return read_patterns(out)
    order = np.random.default_rng(0).permutation(len(codes))
    with tempfile.TemporaryDirectory(prefix="seqdl-motifs-") as folder:
        folder = Path(folder)
        with open(folder / "input.npz", "wb") as handle:
            np.savez(handle, codes=codes[order], hypothetical=hypothetical[order])
        (folder / "settings.json").write_text(json.dumps(settings))
        say(
            f"TF-MoDISco: {count(len(codes), 'window')} of {codes.shape[1]} bases for "
            f"{attribution.target or 'the target'}."
        )
        code = _work(folder, max_seqlets)
        found = _found(folder)
        if code == 3:
            raise InputError(_too_few(found, settings, len(codes)))
        if code:
            _fail(folder, found, code)
        write_patterns(
            folder / "modisco.h5", out, order=order, regions=regions,
            attributes={
                "target": attribution.target, "method": attribution.method, "input": digest,
                "found": np.array(found or (0, 0)), "settings": json.dumps(settings),
            },
        )  # fmt: skip
    return read_patterns(out)


def require_modisco() -> None:
    """Check that motifs can be discovered, which is better said before the work than after it.

    Raises
    ------
    MissingDependencyError
        Without modisco-lite.
    """
    if find_spec("modiscolite") is None:
        raise MissingDependencyError(
            "Motif discovery needs modisco-lite, which is not installed: pip install 'seqdl[motifs]'"
        )


def _prepare(attribution, settings: dict) -> tuple[np.ndarray, np.ndarray, tuple]:
    """Check the input and cut it to `width`; returns codes (n, L), hypothetical (n, L, 4), regions."""
    if not 0 < settings["fdr"] < 1:
        raise InputError(f"`fdr` must lie between 0 and 1. Received: {settings['fdr']}.")
    for name in ("max_seqlets", "min_seqlets", "min_pattern", "window", "pattern_width", "leiden_runs"):
        if settings[name] < 1:
            raise InputError(f"`{name}` must be at least 1. Received: {settings[name]}.")
    if settings["flank"] < 1:
        raise InputError(f"`flank` must be at least 1. Received: {settings['flank']}.")
    codes, regions = np.asarray(attribution.codes, np.uint8), tuple(attribution.regions)
    values = getattr(attribution, "hypothetical", None)
    if values is None:
        values = attribution.values
    length = codes.shape[1]
    width = length if settings["width"] is None else settings["width"]
    least = settings["window"] + 2 * settings["flank"] + 1
    if not least <= width <= length:
        raise InputError(
            f"TF-MoDISco needs windows of at least {least} bases (`window` and twice `flank`), and `width` "
            f"cannot be more than they have. Received: a width of {width} and windows of {length} bases."
        )
    start = length // 2 - width // 2
    codes, values = codes[:, start : start + width], values[:, start : start + width]
    regions = tuple(
        replace(region, start=region.start + start, end=region.start + start + width) for region in regions
    )
    if not np.isfinite(values).all():
        raise InputError("Contributions must be numbers. Received: NaN or infinity among them.")
    if not (one_hot(codes, "float32") * values).any():
        raise InputError("All contributions are zero, so there is nothing to find motifs in.")
    return np.ascontiguousarray(codes), np.ascontiguousarray(values, np.float32), regions


def _hash(codes: np.ndarray, hypothetical: np.ndarray, settings: dict) -> str:
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for array in (codes, hypothetical):
        digest.update(str(array.shape).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _work(folder: Path, most: int) -> int:
    """Run the worker to its end, with signs of life; it ends with us, whatever ends us."""
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    package = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "seqdl.interpret.motifs.modisco_worker", str(folder)]
    # Nothing is written to the pipe: it closes with this process, and the worker sees that.
    with (
        open(folder / "log.txt", "wb") as log,
        subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.PIPE, env=environment, start_new_session=True
        ) as worker,
    ):
        began = said = time.monotonic()
        told = False
        try:
            while True:
                try:
                    return worker.wait(0.5)
                except subprocess.TimeoutExpired:
                    now = time.monotonic()
                if not told and (found := _found(folder)) is not None:
                    told = True
                    say(
                        f"{found[0]:,} seqlets with positive and {found[1]:,} with negative contribution; at "
                        f"most {most:,} of each are clustered."
                    )
                if now - said >= SAY_EVERY:
                    said = now
                    say(f"TF-MoDISco is at work: {duration(now - began)} so far.")
        finally:
            if worker.poll() is None:
                _stop(worker)


def _stop(worker: subprocess.Popen) -> None:
    """End the worker and the helpers that it forked."""
    import signal

    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def _found(folder: Path) -> tuple[int, int] | None:
    try:
        return tuple(json.loads((folder / "found.json").read_text()))
    except (OSError, ValueError):  # not there yet, or being written
        return None


def _too_few(found, settings: dict, windows: int) -> str:
    positive, negative = found or (0, 0)
    return (
        f"There are too few seqlets to cluster: {positive} with positive and {negative} with negative "
        f"contribution in {count(windows, 'window')}, and more than {settings['min_seqlets']} of one sign "
        "are needed. Give more regions (all peaks of the target), wider windows, or a smaller `min_seqlets` "
        "(--min-seqlets)."
    )


def _fail(folder: Path, found, code: int) -> None:
    """Raise what a worker that stopped has to say."""
    written = folder / "error.txt"
    text = written.read_text() if written.exists() else (folder / "log.txt").read_text(errors="replace")
    last = text.strip().splitlines()[-1] if text.strip() else f"exit code {code}"
    if code < 0:
        raise SeqdlError(
            f"TF-MoDISco was ended by signal {-code}; often memory ran out. Fewer seqlets (--max-seqlets) or "
            "a smaller width (--width) need less."
        )
    most = max(found) if found else 0
    raise InputError(
        f"TF-MoDISco stopped on {count(most, 'seqlet')}: {last[:300]}. This happens where seqlets are few or "
        "have nothing in common. Give more regions, or other contributions (`method` deepshap)."
    )
