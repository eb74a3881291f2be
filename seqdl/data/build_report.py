"""The last step of every build: check, write, and say what was made and of what."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from seqdl.data.dataset_file import SPLITS, TARGET_COLUMNS, write_dataset
from seqdl.data.splits import require_all_splits
from seqdl.data.targets import Target
from seqdl.files import sha256
from seqdl.words import count


class BuildReport(NamedTuple):
    """What was built.

    Attributes
    ----------
    path : Path
        The dataset.
    n_windows, n_targets : int
    splits : dict
        Windows of each of train, valid, test.
    positives : dict
        Labels set to 1 in each split.
    labelled : int
        Windows with a label at least.
    split_kind : str
    notes : tuple of str
        What was renamed, left out or is worth knowing.
    seconds : float
    """

    path: Path
    n_windows: int
    n_targets: int
    splits: dict[str, int]
    positives: dict[str, int]
    labelled: int
    split_kind: str
    notes: tuple[str, ...]
    seconds: float

    def summary(self) -> str:
        """Say it in a few lines."""
        lines = [
            f"{self.path}: {self.n_windows:,} windows, {count(self.n_targets, 'target')}, "
            f"{self.labelled:,} windows with a label ({self.seconds:.1f} s)"
        ]
        for name in SPLITS:
            lines.append(f"  {name:<5} {self.splits[name]:>10,} windows {self.positives[name]:>10,} labels")
        if self.split_kind == "random":
            lines.append(
                "  The split is random over windows: every result made from this file is stamped with that."
            )
        return "\n".join(lines)


def provenance(
    arguments: Mapping, notes: Sequence[str], targets: Sequence[Target], files: Sequence[tuple[Path, int]]
) -> dict:
    """Record how a dataset came to be.

    Parameters
    ----------
    arguments : mapping
        Of `build_dataset`, plain values.
    notes : sequence of str
    targets : sequence of Target
        What each file is for.
    files : sequence of (Path, int)
        Files, and how many peaks or sequences each gave.

    Returns
    -------
    record : dict
        Fit for JSON; files with their SHA-256.
    """
    from seqdl.version import __version__

    return {
        "seqdl": __version__,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "arguments": dict(arguments),
        "notes": list(notes),
        "files": [
            {"target": target.name, "file": path.name, "sha256": sha256(path), "records": int(count)}
            for target, (path, count) in zip(targets, files, strict=True)
        ],
    }


def finish(
    out: str | Path, began: float, split_kind: str, targets: Sequence[Target], record: dict, **fields
) -> BuildReport:
    """Write a dataset and report on it.

    Parameters
    ----------
    out : path
    began : float
        When the build began, by `time.monotonic`.
    split_kind : str
    targets : sequence of Target
        In label order.
    record : dict
        Of `provenance`.
    **fields
        What else `seqdl.data.dataset_file.write_dataset` takes.

    Returns
    -------
    report : BuildReport

    Raises
    ------
    InputError
        If a split is empty.
    """
    require_all_splits(fields["split"], split_kind)
    write_dataset(out, targets=target_table(targets), split_kind=split_kind, provenance=record, **fields)
    per_window = fields["labels"].sum(axis=1, dtype="int64")
    parts = {name: fields["split"] == code for code, name in enumerate(SPLITS)}
    return BuildReport(
        path=Path(out),
        n_windows=len(per_window),
        n_targets=len(targets),
        splits={name: int(part.sum()) for name, part in parts.items()},
        positives={name: int(per_window[part].sum()) for name, part in parts.items()},
        labelled=int((per_window > 0).sum()),
        split_kind=split_kind,
        notes=tuple(record["notes"]),
        seconds=time.monotonic() - began,
    )


def target_table(targets: Sequence[Target]):
    """Write targets as a pandas DataFrame with the columns of `TARGET_COLUMNS`."""
    import pandas as pd

    return pd.DataFrame(
        [[getattr(t, c) for c in TARGET_COLUMNS] for t in targets], columns=list(TARGET_COLUMNS)
    )
