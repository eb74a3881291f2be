"""The card of an ensemble: whether runs belong together, what they share, and what each of them is."""

from __future__ import annotations

import datetime
from pathlib import Path

from seqdl.errors import InputError
from seqdl.models.ensemble import NAME
from seqdl.training.card import BOUND
from seqdl.training.history import write_history
from seqdl.training.make_card import packages
from seqdl.training.run import Run
from seqdl.version import __version__

# What a member's card must share with the others', and in which words a difference is named.
_SHARED = {
    "task": "task", "window": "window", "bin": "bin", "resolution": "resolution", "targets": "targets",
    "genome": "genome",
}  # fmt: skip


def check_together(runs: list[Run]) -> None:
    """Refuse runs whose predictions have no mean, or whose test windows trained another of them.

    Parameters
    ----------
    runs : list of Run

    Raises
    ------
    InputError
        That names two of them and the first difference.
    """
    first = runs[0]
    keys = list(dict.fromkeys([*_SHARED, *BOUND, "strand_average"]))
    for run in runs[1:]:
        for key in keys:
            ours, theirs = first.card.get(key), run.card.get(key)
            if ours == theirs:
                continue
            values = f": {ours} and {theirs}" if isinstance(ours, (int, str, bool)) else ""
            raise InputError(
                f"{first.path} and {run.path} differ in their {_SHARED.get(key, key)}{values}, so their "
                "predictions have no mean. Join runs that were trained for the same task."
            )
        if (first.card.get("dataset") or {}).get("sha256") != (run.card.get("dataset") or {}).get("sha256"):
            raise InputError(
                f"{first.path} and {run.path} were trained on different dataset files: what one was tested "
                "on may have trained the other. Join runs of one dataset."
            )
    joined_split(runs)


def joined_split(runs: list[Run]) -> dict:
    """Say what the ensemble as a whole has seen.

    Parameters
    ----------
    runs : list of Run
        Of one split, or the folds of one cross-validation: then only their common test split is unseen.

    Returns
    -------
    split : dict
        For the card.

    Raises
    ------
    InputError
        If the test windows of one run may have trained another.
    """
    splits = [run.card["split"] for run in runs]
    if all(split == splits[0] for split in splits):
        return splits[0]
    folds = [split.get("fold") for split in splits]
    if all(folds) and all(
        (fold["assignment"], fold["unseen"]) == (folds[0]["assignment"], folds[0]["unseen"]) for fold in folds
    ):
        parts = [splits[0][name] for name in ("train", "valid", "test")]
        seen = {
            "windows": sum(part["windows"] for part in parts),
            "contigs": sorted({contig for part in parts for contig in part["contigs"]}),
        }
        return {
            "kind": "folds", "random": any(split["random"] for split in splits), "train": seen,
            "valid": {"windows": 0, "contigs": []}, "test": folds[0]["unseen"],
            "fold": {**folds[0], "number": None, "name": "all", "stopped_by": None},
        }  # fmt: skip
    raise InputError(
        "The runs were trained on different splits of the dataset: the test windows of one may have trained "
        "another. Join runs of one split, or all folds of one cross-validation."
    )


def joined_card(runs: list[Run], parameters: int) -> dict:
    """Describe the joined model: what the members share, and each of them.

    Parameters
    ----------
    runs : list of Run
        That `check_together` accepts.
    parameters : int
        Of the joined model.

    Returns
    -------
    card : dict
    """
    first = runs[0].card
    members = []
    for run in runs:
        model, training = run.card["model"], run.card.get("training") or {}
        told = {
            key: training.get(key) for key in ("seed", "epochs_run", "best_epoch", "monitor", "best_value")
        }
        members.append(
            {**{key: model.get(key) for key in ("name", "preset", "parameters", "overrides")}, **told,
             "path": str(run.path.resolve())}
        )  # fmt: skip
    trainings = [run.card.get("training") or {} for run in runs]
    agreed = {key: v for key, v in trainings[0].items() if all(t.get(key) == v for t in trainings)}
    seconds = [t.get("seconds") or 0.0 for t in trainings]
    own = {"best_epoch": None, "epochs_run": None, "best_value": None, "seconds": round(sum(seconds), 1)}
    kinds = list(dict.fromkeys(" ".join(str(w) for w in (m["name"], m["preset"]) if w) for m in members))
    return {
        **first,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seqdl": __version__,
        "packages": packages(),
        "model": {
            "name": NAME, "preset": None, "parameters": parameters, "members": members,
            "of": f"{len(members)} {kinds[0] if len(kinds) == 1 else 'networks'}",
        },
        "split": joined_split(runs),
        "training": {**agreed, **own},
        "metrics": {},
    }  # fmt: skip


def write_histories(path: Path, runs: list[Run]) -> None:
    """Write all members' histories into one table; nothing where no member has one.

    Parameters
    ----------
    path : Path
        CSV; the column ``member`` counts from 1.
    runs : list of Run
    """
    rows = [{"member": number, **row} for number, run in enumerate(runs, 1) for row in run.history()]
    if rows:
        write_history(path, rows)
