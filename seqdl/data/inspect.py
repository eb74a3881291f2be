"""`inspect_dataset`: what a dataset file holds, for a person."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.data.dataset import Dataset
from seqdl.data.dataset_file import ORIGINS, SPLITS
from seqdl.data.inspect_coverage import CoverageInspectReport, inspect_coverage
from seqdl.words import count, few

_SHOWN = 5


class InspectReport(NamedTuple):
    """What a dataset holds.

    Attributes
    ----------
    path : str
    kind : {"genome", "sequences"}
    window, bin, n_windows, n_targets : int
    split_kind : str
    random_split : bool
    splits : dict
        Windows of each split.
    labelled : dict
        Windows with a label of each split.
    contigs : dict
        Contigs with windows in each split.
    origins : dict
        Windows of each origin that occurs: tiled, background, gc-matched, shuffled.
    positives : int64 array, shape (3, n_targets)
        Positive windows in train, valid, test of each target.
    categories : dict
        Category → (targets, positives in train, valid, test).
    targets : pandas DataFrame
        The target table.
    without_positives : dict
        Split → names of targets that have no positive there.
    genome : dict
        name, checksum, contigs (their number).
    provenance : dict
        How it was built.
    alphabet : {"dna", "rna"}
    structured : bool
        Whether the sequences come with a secondary structure.
    """

    path: str
    kind: str
    window: int
    bin: int
    n_windows: int
    n_targets: int
    split_kind: str
    random_split: bool
    splits: dict[str, int]
    labelled: dict[str, int]
    contigs: dict[str, list[str]]
    origins: dict[str, int]
    positives: np.ndarray
    categories: dict[str, tuple[int, int, int, int]]
    targets: object
    without_positives: dict[str, list[str]]
    genome: dict[str, object]
    provenance: dict
    alphabet: str = "dna"
    structured: bool = False

    def target_table(self):
        """Return the target table with each target's positives in every split, a pandas DataFrame."""
        return self.targets.assign(**dict(zip(SPLITS, self.positives, strict=True)))

    def _what(self) -> str:
        if self.kind == "genome":
            return f"windows of {self.window:,} bp, bins of {self.bin:,} bp"
        shape = " with secondary structure" if self.structured else ""
        return f"{self.alphabet.upper()} sequences of up to {self.window:,} bases{shape}"

    def summary(self) -> str:
        """Write it as a page of text."""
        total = self.positives.sum(axis=0)
        labels = int(self.n_windows) * self.n_targets
        lines = [
            f"{self.path}: {self.n_windows:,} {self._what()}, {count(self.n_targets, 'target')}",
            f"  labels: {int(total.sum()):,} of {labels:,} are 1 ({total.sum() / max(labels, 1):.3%})",
        ]
        if self.kind == "genome":
            lines.append(
                f"  genome: {self.genome['name']}, {self.genome['contigs']} contigs, checksum "
                f"{self.genome['checksum']}"
            )
        if len(self.origins) > 1:
            lines.append("  origin: " + ", ".join(f"{n:,} {name}" for name, n in self.origins.items()))
        how = (
            "at random over windows (stamped on every result)"
            if self.random_split
            else f"by {self.split_kind}"
        )
        lines += [
            "",
            f"Split {how}:",
            f"  {'':<6} {'windows':>12} {'with a label':>14} {'labels':>12}  contigs",
        ]
        for code, name in enumerate(SPLITS):
            lines.append(
                f"  {name:<6} {self.splits[name]:>12,} {self.labelled[name]:>14,} "
                f"{int(self.positives[code].sum()):>12,}  {few(self.contigs[name], _SHOWN)}".rstrip()
            )
        lines += [
            "",
            f"Positives:\n  {'category':<16} {'targets':>8} {'train':>12} {'valid':>12} {'test':>12}",
        ]
        for name, counts in self.categories.items():
            lines.append(
                f"  {name or '(none)':<16} {counts[0]:>8,} " + " ".join(f"{c:>12,}" for c in counts[1:])
            )
        order = np.argsort(-total, kind="stable")
        wide = max(len(str(n)) for n in self.targets["name"])
        lines += [
            "",
            f"Targets by positive windows:\n  {'':<{wide}} {'train':>12} {'valid':>12} {'test':>12}",
        ]
        some = order if len(order) <= 2 * _SHOWN + 1 else [*order[:_SHOWN], None, *order[-_SHOWN:]]
        for i in some:
            if i is None:
                lines.append("  …")
            else:
                numbers = " ".join(f"{c:>12,}" for c in self.positives[:, i])
                lines.append(f"  {self.targets['name'][int(i)]:<{wide}} {numbers}")
        for name, missing in self.without_positives.items():
            if missing:
                lines += ["", f"No positive in {name}: {few(missing, 2 * _SHOWN)}"]
        built = self.provenance
        if built:
            lines += ["", f"Built with seqdl {built.get('seqdl', '?')} on {built.get('created', '?')}:"]
            lines += [f"  {k} = {_short(v)}" for k, v in built.get("arguments", {}).items()]
            lines += [f"  note: {note}" for note in built.get("notes", [])]
        return "\n".join(lines)


def _short(value: object) -> str:
    return few(value, _SHOWN) if isinstance(value, list) else str(value)


def inspect_dataset(path: str | Path) -> InspectReport | CoverageInspectReport:
    """Read what a dataset holds: its windows, splits, targets, genome and history.

    Parameters
    ----------
    path : path
        A file written by `build_dataset`.

    Returns
    -------
    report : InspectReport or CoverageInspectReport
        ``print(report.summary())`` shows it.

    Raises
    ------
    InputError
        If the file is missing, damaged or no dataset.
    """
    data = Dataset.open(path)
    if data.task == "coverage":
        return inspect_coverage(data)
    parts = [np.flatnonzero(data.split == code) for code in range(3)]
    positives = np.stack([data.count_positives(part) for part in parts])
    labelled = [data.labelled[part].sum() for part in parts]
    windows = np.bincount(data.split, minlength=3)
    origins = np.bincount(data.origin, minlength=len(ORIGINS))
    contigs = {}
    for code, name in enumerate(SPLITS):
        ids = np.unique(data.contig_ids[data.split == code])
        contigs[name] = [data.contigs.names[i] for i in ids if i >= 0]
    table = data.targets
    categories = {}
    for name in sorted(set(table["category"])):
        mine = (table["category"] == name).to_numpy()
        categories[name] = (int(mine.sum()), *(int(p) for p in positives[:, mine].sum(axis=1)))
    return InspectReport(
        path=str(path), kind=data.kind, window=data.window, bin=data.bin, n_windows=data.n,
        n_targets=data.n_targets, split_kind=data.split_kind, random_split=data.random_split,
        splits={n: int(windows[c]) for c, n in enumerate(SPLITS)},
        labelled={n: int(labelled[c]) for c, n in enumerate(SPLITS)},
        contigs=contigs, origins={n: int(k) for n, k in zip(ORIGINS, origins, strict=True) if k},
        positives=positives, categories=categories, targets=table,
        without_positives={
            n: [str(table["name"][i]) for i in np.flatnonzero(positives[c] == 0)]
            for c, n in enumerate(SPLITS)
        },
        genome={
            "name": data.genome_name, "checksum": data.genome_checksum,
            "contigs": len(data.contigs.names),
        },
        provenance=data.provenance, alphabet=data.alphabet, structured=data.structured,
    )  # fmt: skip
