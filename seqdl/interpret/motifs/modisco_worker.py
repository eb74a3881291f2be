"""Run TF-MoDISco in a process of its own: ``python -m seqdl.interpret.motifs.modisco_worker FOLDER``.

modisco-lite forks helpers, which a process that holds TensorFlow or JAX cannot do safely, and cannot be
stopped between two steps; a process of its own can. The folder holds ``input.npz`` (``codes``,
``hypothetical``) and ``settings.json``; it gets ``found.json`` (numbers of seqlets), ``modisco.h5``, or
``error.txt``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import warnings
from pathlib import Path

import numpy as np


def run(folder: Path) -> int:
    """Find seqlets, say how many, cluster them, write the patterns.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    int
        0 when the patterns are written, 3 when there are too few seqlets, 1 for an error.
    """
    from seqdl.encoding import one_hot

    settings = json.loads((folder / "settings.json").read_text())
    with np.load(folder / "input.npz") as stored:
        sequence = one_hot(stored["codes"], "float32")
        hypothetical = stored["hypothetical"].astype(np.float32)
    try:
        positive, negative = count_seqlets(
            (sequence * hypothetical).sum(axis=2), settings["window"], settings["flank"], settings["fdr"]
        )
        (folder / "found.json").write_text(json.dumps([positive, negative]))
        if max(positive, negative) <= settings["min_seqlets"]:
            return 3
        from modiscolite.io import save_hdf5
        from modiscolite.tfmodisco import TFMoDISco

        patterns = TFMoDISco(
            one_hot=sequence,
            hypothetical_contribs=hypothetical,
            sliding_window_size=settings["window"],
            flank_size=settings["flank"],
            min_metacluster_size=settings["min_seqlets"],
            max_seqlets_per_metacluster=settings["max_seqlets"],
            target_seqlet_fdr=settings["fdr"],
            n_leiden_runs=settings["leiden_runs"],
            final_min_cluster_size=settings["min_pattern"],
            trim_to_window_size=settings["pattern_width"],
        )
        save_hdf5(folder / "modisco.h5", *patterns, window_size=sequence.shape[1])
    except Exception as error:  # whatever another package meets: said by the parent, in words
        (folder / "error.txt").write_text(f"{type(error).__name__}: {error}")
        return 1
    return 0


def count_seqlets(scores: np.ndarray, window: int, flank: int, fdr: float) -> tuple[int, int]:
    """Count the seqlets that TF-MoDISco would cluster.

    Parameters
    ----------
    scores : float array, (n, L)
        Contribution of the base that is there.
    window, flank : int
        Width of the sliding window, and bases added on both sides of it.
    fdr : float
        False discovery rate of the seqlets against a Laplace null.

    Returns
    -------
    positive, negative : int
    """
    from modiscolite.extract_seqlets import extract_seqlets

    found, threshold = extract_seqlets(
        attribution_scores=scores, window_size=window, flank=flank, suppress=window // 2 + flank,
        target_fdr=fdr, min_passing_windows_frac=0.03, max_passing_windows_frac=0.2,
        weak_threshold_for_counting_sign=0.8,
    )  # fmt: skip
    totals = np.array([scores[s.example_idx, s.start + flank : s.end - flank].sum() for s in found])
    return int((totals > threshold).sum()), int((totals < -threshold).sum())


def end_with_parent(folder: Path) -> None:
    """Let the process and its helpers end, and the folder go, when the parent is gone, killed without a word.

    Standard input is a pipe from the parent, which closes with it.

    Parameters
    ----------
    folder : Path
        Where the work lies.
    """

    def watch() -> None:
        os.read(0, 1)
        shutil.rmtree(folder, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # what matters is said by the parent
    end_with_parent(Path(sys.argv[1]))
    sys.exit(run(Path(sys.argv[1])))
