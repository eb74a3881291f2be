"""Whether a run and a dataset belong together."""

from __future__ import annotations

from pathlib import Path

from seqdl.data.dataset import Dataset
from seqdl.errors import InputError
from seqdl.training.run import Run

_TASKS = {"binary": "binary labels", "coverage": "coverage"}


def check_match(run: Run, data: Dataset, allow_genome_mismatch: bool = False) -> None:
    """Refuse a dataset that is not made for the run, saying what differs.

    Parameters
    ----------
    run : Run
        Its card is compared.
    data : Dataset
        With the same task, targets in the same order, window, bin, resolution, and genome.
    allow_genome_mismatch : bool
        Say yes to another genome.

    Raises
    ------
    InputError
        Naming the first thing that differs.
    """
    if run.task != data.task:
        raise InputError(
            f"The run predicts {_TASKS[run.task]}, the dataset {data.path} holds {_TASKS[data.task]}. "
            "Evaluate on the dataset the run was made for."
        )
    if run.structured != data.structured:
        ours, theirs = ("bases with" if it.structured else "bases without" for it in (run, data))
        raise InputError(
            f"The run reads {ours} their secondary structure, the dataset {data.path} holds {theirs} it. "
            "Evaluate on the dataset the run was made for."
        )
    for what in ("window", "bin", "resolution"):
        ours, theirs = getattr(run, what), getattr(data, what)
        if ours != theirs:
            raise InputError(
                f"The run was trained with a {what} of {ours:,} bp, the dataset {data.path} has {theirs:,} "
                f"bp. Build the dataset again with --{what} {ours}."
            )
    ours, theirs = list(run.target_names), list(data.target_names)
    if ours != theirs:
        missing = [name for name in ours if name not in set(theirs)]
        extra = [name for name in theirs if name not in set(ours)]
        differ = []
        if missing:
            differ.append(f"{len(missing)} of the run's are missing (first: {missing[0]!r})")
        if extra:
            differ.append(f"{len(extra)} are unknown to the run (first: {extra[0]!r})")
        raise InputError(
            f"The run has {len(ours)} targets and the dataset {data.path} has {len(theirs)}: "
            f"{' and '.join(differ) or 'the same ones in another order'}. "
            "Evaluate on the dataset the run was made for."
        )
    if data.kind == "genome":
        run.check_genome(data.genome, allow_mismatch=allow_genome_mismatch)


def check_fold(run: Run, data: Dataset, split: str) -> None:
    """Refuse to measure a fold's run on windows that trained it: its valid split is not the dataset's own.

    Parameters
    ----------
    run : Run
        Its card tells the fold, if it is of one.
    data : Dataset
    split : str
        What shall be measured on.

    Raises
    ------
    InputError
        If the windows are no held-out ones of this run.
    """
    fold = run.card["split"].get("fold")
    if fold == data.fold or (data.fold is None and split == "test"):
        return
    if fold is None:
        raise InputError("The dataset is split into folds, and the run was trained on another split of it.")
    which = "made of all folds" if fold["number"] is None else f"fold {fold['number']} of {fold['of']}"
    raise InputError(
        f"{run.path} is {which} of a cross-validation, so windows of the {split} split of {data.path} may "
        "have trained it. A fold's own held-out windows are measured in its folder held_out; unseen by all "
        "folds is the test split (--split test)."
    )


def dataset_notes(run: Run, data: Dataset) -> list[str]:
    """Return warnings: another dataset file than the one trained on, or a start from weights that knew it."""
    notes = []
    note = ((run.card.get("training") or {}).get("transfer") or {}).get("note")
    if note:
        notes.append(f"Where the training started from: {note}")
    known = (run.card.get("dataset") or {}).get("sha256")
    if known and data.path and Path(data.path).is_file() and data.sha256 != known:
        notes.append(
            "This is not the dataset file that the run was trained on: make sure that these windows were "
            "not among its training windows."
        )
    return notes
