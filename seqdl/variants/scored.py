"""What scoring hands to the writers: how the scores were made, and block by block what came out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from seqdl.io.vcf import VcfChunk
from seqdl.variants.scores import SIGN

VERSION = 2  # of the files; 1 had no `columns`, `notes` and `task`
FLOAT = "%.9g"  # nine digits give a float32 back exactly
KEYS = ("#CHROM", "POS", "ID", "REF", "ALT")
SUMMARY = ("FLAG", "MAX_TARGET", "MAX_REF", "MAX_ALT", "MAX_ABS_DIFF")


class Column(NamedTuple):
    """What one number of an output is: its name, formula, and a sentence for a reader."""

    name: str
    formula: str
    meaning: str


@dataclass(frozen=True)
class ScoreMeta:
    """How scores were made; every output's header holds it.

    Attributes
    ----------
    seqdl, model : str
        Version, and what the run's card calls the network.
    genome, genome_checksum : str
        Name and checksum of the reference.
    window, anchor : int
        Bases of a window; 0-based index of the variant's first base in it.
    strand_average : bool
        Whether the probabilities are means over both strands.
    precision : str
        Of the computation.
    ref_mismatch : str
        What was done where REF is not the genome's.
    scores, targets, target_labels : tuple of str
        What was written: names of all columns that each target has, the derived ones included.
    columns : tuple of Column
        What they are, in the order of `scores`.
    notes : tuple of Column
        Columns that each allele has once, beside those of `SUMMARY`.
    task : {"binary", "coverage"}
        What the network predicts.
    best : tuple of str
        What MAX_TARGET goes by, and what MAX_REF and MAX_ALT are, in words.
    settings : tuple of (key, value)
        Further choices that decide the numbers, for the header.
    random_split : bool
        Whether the network was trained on a random split over windows.
    selected : bool
        Whether `targets` were chosen by name (rather than all taken).
    """

    seqdl: str
    model: str
    genome: str
    genome_checksum: str
    window: int
    anchor: int
    strand_average: bool
    precision: str
    ref_mismatch: str
    scores: tuple[str, ...]
    targets: tuple[str, ...]
    columns: tuple[Column, ...]
    notes: tuple[Column, ...] = ()
    target_labels: tuple[str, ...] = ()
    task: str = "binary"
    best: tuple[str, str] = ("|P(alt) - P(ref)|", "probabilities")
    settings: tuple[tuple[str, str], ...] = ()
    random_split: bool = False
    selected: bool = False

    def lines(self) -> list[tuple[str, str]]:
        """Return (key, value) pairs for a text header, without the targets."""
        pairs = [
            ("seqdl", self.seqdl),
            ("model", self.model),
            ("genome", f"{self.genome} checksum {self.genome_checksum}"),
            ("window", str(self.window)),
            ("anchor", f"{self.anchor} (0-based index of the variant's first base in the window)"),
            ("strand_average", str(self.strand_average).lower()),
            ("precision", self.precision),
            ("ref_mismatch", self.ref_mismatch),
            ("sign", SIGN),
        ]
        pairs += self.settings
        pairs += [("score", f"{c.name} = {c.formula}: {c.meaning}") for c in self.columns]
        pairs += [("note", f"{c.name} = {c.formula}: {c.meaning}") for c in self.notes]
        if self.random_split:
            pairs.append(("random_split", "true: the network was trained on a random split over windows"))
        return pairs

    def json(self) -> str:
        """Return everything as one line of JSON."""
        return json.dumps({"format": "seqdl-scores", "version": VERSION, **asdict(self), "sign": SIGN})


class ScoredBlock(NamedTuple):
    """What became of a chunk of a VCF.

    Attributes
    ----------
    chunk : VcfChunk
        All its alleles.
    rows : int64 array, shape (m,)
        Those that were scored.
    flags : list of str, length m
        Warnings on them, or ".".
    reasons, details : list of str, length n
        Why each other row was rejected; empty for scored ones.
    values : dict of float32 arrays, shape (m, targets)
        The columns of `ScoreMeta.scores` by name.
    max_target : int64 array, shape (m,)
        The target with the largest ``|P(alt) - P(ref)|``, or ``|logSAD|`` of coverage.
    max_ref, max_alt, max_abs_diff : float32 arrays, shape (m,)
        That target's probabilities (or total coverage) of the two alleles, and the size that it was taken by.
    notes : dict
        The columns of `ScoreMeta.notes` by name, each a list of str or a float32 array, length m.
    """

    chunk: VcfChunk
    rows: np.ndarray
    flags: list[str]
    reasons: list[str]
    details: list[str]
    values: dict[str, np.ndarray]
    max_target: np.ndarray
    max_ref: np.ndarray
    max_alt: np.ndarray
    max_abs_diff: np.ndarray
    notes: dict[str, list[str] | np.ndarray]

    def scored(self, column: list) -> list:
        """Return a column of the chunk at the scored rows."""
        return [column[i] for i in self.rows.tolist()]


def column_names(meta: ScoreMeta) -> list[str]:
    """Return the names "<target>:<score>" of the value columns, target by target."""
    return [f"{' '.join(target.split())}:{score}" for target in meta.targets for score in meta.scores]


def stacked(block: ScoredBlock, meta: ScoreMeta) -> np.ndarray:
    """Lay a block's scores side by side, as in `column_names`.

    Parameters
    ----------
    block : ScoredBlock
        With m scored rows.
    meta : ScoreMeta
        Names the targets and the scores, and their order.

    Returns
    -------
    values : float32 array, shape (m, targets * scores)
        Target by target.
    """
    return np.stack([block.values[s] for s in meta.scores], axis=2).reshape(
        len(block.rows), len(column_names(meta))
    )
