"""What a coverage dataset holds, for a person."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqdl.data.coverage_report import RowTally, describe_tracks
from seqdl.data.dataset import Dataset
from seqdl.data.dataset_file import SPLITS
from seqdl.progress import progress_bar
from seqdl.words import count, few

_SHOWN = 5
_BLOCK = 1 << 25  # values of rows that are counted at once


class CoverageInspectReport(NamedTuple):
    """What a coverage dataset holds.

    Attributes
    ----------
    path : str
    kind : {"genome", "sequences"}
    window, bin, resolution, n_windows, n_rows, n_targets : int
    split_kind : str
    random_split : bool
    splits : dict
        Windows of each split.
    contigs : dict
        Contigs with windows in each split.
    tracks : pandas DataFrame
        One row a target: name, mean, max, zeros (share), unknown (share), over all stored rows.
    targets : pandas DataFrame
        The target table.
    strand_pairs : int array, shape (n_targets,)
        The target that each becomes on the other strand.
    transforms : list of dict
        Of each target: name, sqrt, soft_cap, cap, factor; empty where the file does not say.
    genome : dict
        name, checksum, contigs (their number).
    provenance : dict
        How it was built.
    """

    path: str
    kind: str
    window: int
    bin: int
    resolution: int
    n_windows: int
    n_rows: int
    n_targets: int
    split_kind: str
    random_split: bool
    splits: dict[str, int]
    contigs: dict[str, list[str]]
    tracks: object
    targets: object
    strand_pairs: np.ndarray
    transforms: list[dict]
    genome: dict[str, object]
    provenance: dict

    def target_table(self):
        """Return the target table with each target's mean, max and shares, a pandas DataFrame."""
        return self.targets.merge(self.tracks, on="name", how="left", sort=False)

    def summary(self) -> str:
        """Write it as a page of text."""
        pairs = int((self.strand_pairs != np.arange(self.n_targets)).sum()) // 2
        lines = [
            f"{self.path}: {self.n_windows:,} windows of {self.window:,} bp, "
            f"{count(self.n_targets, 'target')} of coverage: {self.bin // self.resolution:,} values of "
            f"{self.resolution:,} bp in the middle {self.bin:,} bp",
            f"  rows: {self.n_rows:,} of {self.resolution:,} bp, shared by windows that overlap",
            f"  genome: {self.genome['name']}, {self.genome['contigs']} contigs, checksum "
            f"{self.genome['checksum']}",
        ]
        units = sorted({u for u in self.targets["unit"] if u})
        lines += [f"  unit: {few(units)}"] if units else []
        lines += [f"  strands: {pairs:,} pairs of targets change places on the other strand"] if pairs else []
        lines += [f"  {line}" for line in _describe_transforms(self.transforms)]
        how = (
            "at random over windows (stamped on every result)"
            if self.random_split
            else f"by {self.split_kind}"
        )
        lines += ["", f"Split {how}:", f"  {'':<6} {'windows':>12}  contigs"]
        lines += [
            f"  {name:<6} {self.splits[name]:>12,}  {few(self.contigs[name], _SHOWN)}".rstrip()
            for name in SPLITS
        ]
        lines += ["", "Targets:", *describe_tracks(self.tracks)]
        built = self.provenance
        if built:
            lines += ["", f"Built with seqdl {built.get('seqdl', '?')} on {built.get('created', '?')}:"]
            for key, value in built.get("arguments", {}).items():
                lines.append(f"  {key} = {few(value, _SHOWN) if isinstance(value, list) else value}")
            lines += [f"  note: {note}" for note in built.get("notes", [])]
        return "\n".join(lines)


def _describe_transforms(transforms: list[dict]) -> list[str]:
    """Say what was done to values: once where it is the same for all, else how many differ."""
    said: dict[str, int] = {}
    for t in transforms:
        words = ["sqrt(x + 1) - 1"] if t.get("sqrt") else []
        words += [f"soft cap {t['soft_cap']:g}"] if t.get("soft_cap") is not None else []
        words += [f"cap {t['cap']:.4g}"] if t.get("cap") is not None else []
        words += [f"times {t['factor']:.4g}"] if t.get("factor", 1) != 1 else []
        said[", ".join(words)] = said.get(", ".join(words), 0) + 1
    if set(said) <= {""}:
        return []
    if len(said) == 1:
        return [f"values: {next(iter(said))}"]
    return [f"values: transformed in {len(said):,} ways, such as {next(w for w in said if w)}"]


def inspect_coverage(data: Dataset) -> CoverageInspectReport:
    """Read what a coverage dataset holds: windows, splits, values of each target, genome and history.

    Parameters
    ----------
    data : Dataset
        With the task "coverage".

    Returns
    -------
    report : CoverageInspectReport

    Raises
    ------
    InputError
        If the file is damaged.
    """
    rows = data.rows
    tally, step = RowTally(data.n_targets), max(_BLOCK // max(data.n_targets, 1), 1)
    with progress_bar(len(rows), "Reading values", "rows") as progress:
        for first in range(0, len(rows), step):
            tally.add(np.asarray(rows[first : first + step]))
            progress.advance(min(step, len(rows) - first))
    counts = np.bincount(data.split, minlength=len(SPLITS))
    contigs = {}
    for code, name in enumerate(SPLITS):
        ids = np.unique(data.contig_ids[data.split == code])
        contigs[name] = [data.contigs.names[i] for i in ids if i >= 0]
    return CoverageInspectReport(
        path=str(data.path), kind=data.kind, window=data.window, bin=data.bin, resolution=data.resolution,
        n_windows=data.n, n_rows=len(rows), n_targets=data.n_targets, split_kind=data.split_kind,
        random_split=data.random_split, splits={n: int(counts[c]) for c, n in enumerate(SPLITS)},
        contigs=contigs, tracks=tally.table(data.target_names), targets=data.targets,
        strand_pairs=data.strand_pairs,
        transforms=data.provenance.get("coverage", {}).get("targets", []),
        genome={
            "name": data.genome_name, "checksum": data.genome_checksum,
            "contigs": len(data.contigs.names),
        },
        provenance=data.provenance,
    )  # fmt: skip
