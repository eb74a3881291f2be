"""The demonstration: seqdl's ordinary commands, in order, on a simulated genome, checked against its truth.

`plan_demo` lists the commands, as a user would type them; `seqdl.demo_checks` compares what came out with
what was planted. The command line (`seqdl demo`) runs both.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

from seqdl.errors import InputError

MARKER = "demo.json"  # says that a folder is a demonstration's own, and may be replaced
WINDOW, BIN = 500, 200
TRAINING = {"epochs": 10, "batch_size": 32, "learning_rate": 0.0025, "max_shift": 20}
OVERRIDES = {"dense_dropout": 0.2}  # the preset's half is for small, noisy data; this data has much signal
EXPLAINED = ("CTCF", "REST", "GATA1")  # one that binds alone, one that is long, one that needs a partner


class Step(NamedTuple):
    """One command of the demonstration.

    Attributes
    ----------
    title : str
        What it does, in words.
    argv : list of str
        The words after ``seqdl``.
    result : Path
        A file that is there when the step is done.
    """

    title: str
    argv: list[str]
    result: Path


def prepare_folder(out: str | Path, keep: bool = False) -> Path:
    """Make the demonstration's folder, replacing an earlier demonstration and nothing else.

    Parameters
    ----------
    out : str or Path
        The folder.
    keep : bool
        Leave what an earlier demonstration finished.

    Returns
    -------
    folder : Path

    Raises
    ------
    InputError
        If something else than a demonstration is there.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"`out` is to be a folder, and {folder} is a file. Give another name.")
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise InputError(
                f"{folder} holds files that no demonstration made, so nothing was touched. "
                "Give another folder: seqdl demo --out somewhere-else"
            )
        if not keep:
            shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / MARKER).exists():
        (folder / MARKER).write_text(
            json.dumps({"format": "seqdl-demo", "version": 1}) + "\n", encoding="utf-8"
        )
    return folder


def plan_demo(
    out: str | Path, *, seed: int = 0, epochs: int | None = None, contig_length: int | None = None
) -> list[Step]:
    """List the commands of the demonstration.

    Parameters
    ----------
    out : str or Path
        Its folder.
    seed : int
        Of the simulation and of the training.
    epochs : int, optional
        Fewer or more than usual.
    contig_length : int, optional
        Bases of each simulated contig, to make it smaller or larger.

    Returns
    -------
    steps : list of Step
    """
    out = Path(out)
    sim, data, run = out / "simulated", out / "dataset.h5", out / "run"
    scores, genome = run / "scores.tsv.gz", sim / "genome.fa"
    simulate = ["data", "simulate", "--out", sim, "--seed", seed]
    if contig_length is not None:
        simulate += ["--contig-length", contig_length]
    build = ["data", "build", "--genome", genome, "--peaks", sim / "peaks", "--targets", sim / "targets.tsv"]
    build += ["--window", WINDOW, "--bin", BIN, "--test-chroms", "chr6", "--valid-chroms", "chr5"]
    if shutil.which("bedtools"):
        build += ["--exclude", sim / "exclude.bed"]
    build += ["--out", data]
    train = ["train", "--data", data, "--model", "deepsea", "--preset", "small"]
    for name, value in {**TRAINING, **({} if epochs is None else {"epochs": epochs})}.items():
        train += [f"--{name.replace('_', '-')}", value]
    for name, value in OVERRIDES.items():
        train += ["--set", f"{name}={value}"]
    train += ["--seed", seed, "--out", run, "--overwrite"]
    score = [
        "score-variants",
        "--run",
        run,
        "--genome",
        genome,
        "--vcf",
        sim / "variants.vcf.gz",
        "--out",
        scores,
    ]
    steps = [
        Step(
            "Simulate a genome, peaks of six factors, and variants with known effects",
            simulate,
            sim / "truth.json",
        ),
        Step("Build a dataset: windows, labels, and a split by chromosome", build, data),
        Step("Train DeepSEA's small preset", train, run / "model.keras"),
        Step(
            "Evaluate on the held-out chromosome, beside baselines",
            ["evaluate", "--run", run, "--data", data],
            run / "metrics.json",
        ),
        Step("Score the variants", score, scores),
    ]
    for name in EXPLAINED:
        made = run / f"attributions_{name}.h5"
        explain = [
            "attribute",
            "--run",
            run,
            "--genome",
            genome,
            "--bed",
            sim / "regions.bed",
            "--target",
            name,
        ]
        explain += ["--method", "integrated_gradients", "--out", made, "--plot", made.with_suffix(".png")]
        steps.append(Step(f"Explain {name} base by base in a few regions", explain, made))
    steps.append(Step("Write the report", ["report", "--run", run, "--scores", scores], run / "report.html"))
    return [Step(step.title, [str(word) for word in step.argv], step.result) for step in steps]
