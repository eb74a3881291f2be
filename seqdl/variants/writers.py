"""Where scores go, by the suffix of the output: one interface, the same float32 numbers in each.

``.tsv``, ``.tsv.gz`` (bgzip, so that tabix can index a sorted one)
    Lines ``##key=value`` say how the numbers were made (sign, formulas, window, anchor, genome, …), the
    last of them, ``##meta=``, as JSON. Then one row per scored ALT allele, in the VCF's order::

        #CHROM POS ID REF ALT FLAG MAX_TARGET MAX_REF MAX_ALT MAX_ABS_DIFF <target>:<score> ...

    MAX_TARGET is the target with the largest ``|P(alt) - P(ref)|`` among the selected ones; MAX_REF and
    MAX_ALT are its probabilities. Target by target, one column per score.
``.vcf``, ``.vcf.gz`` (bgzip)
    Every record of the input, with INFO fields (see `seqdl.variants.vcf_writer`).
``.h5``
    Keys as in basenji's ``scores.h5``: snp, chr, pos (1-based), ref_allele, alt_allele, target_ids,
    target_labels, one float32 dataset (alleles, targets) per score; besides flag, max_target, max_ref,
    max_alt, max_abs_diff. The attribute ``meta`` is the JSON text.
``.parquet``
    The columns of the TSV without ``#``; the schema's metadata holds ``seqdl``, the JSON text.

`read_scores` reads all but VCF back. Rejected alleles stand in the rejects file, a TSV beside the output:
``#CHROM POS ID REF ALT REASON DETAIL`` (and marked in VCF output as well).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from seqdl.errors import InputError
from seqdl.files import full_suffix
from seqdl.io.bgzip import open_bytes
from seqdl.io.vcf import VcfChunk
from seqdl.variants.reading import ScoreTable, read_scores
from seqdl.variants.scores import SCORES, SIGN
from seqdl.variants.screen import FLAGS, REASONS

__all__ = [
    "ScoreMeta",
    "ScoreTable",
    "ScoredBlock",
    "check_suffix",
    "RejectsWriter",
    "open_writer",
    "read_scores",
]

SUFFIXES = (".tsv", ".tsv.gz", ".vcf", ".vcf.gz", ".h5", ".parquet")
FLOAT = "%.9g"  # nine digits give a float32 back exactly
KEYS = ("#CHROM", "POS", "ID", "REF", "ALT")
SUMMARY = ("FLAG", "MAX_TARGET", "MAX_REF", "MAX_ALT", "MAX_ABS_DIFF")


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
        What was written.
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
    target_labels: tuple[str, ...] = ()
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
        pairs += [
            ("score", f"{SCORES[s].name} = {SCORES[s].formula}: {SCORES[s].meaning}") for s in self.scores
        ]
        if self.random_split:
            pairs.append(("random_split", "true: the network was trained on a random split over windows"))
        return pairs

    def json(self) -> str:
        """Return everything as one line of JSON."""
        return json.dumps({"format": "seqdl-scores", "version": 1, **asdict(self), "sign": SIGN})


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
        The scores by name.
    max_target : int64 array, shape (m,)
        The target with the largest ``|P(alt) - P(ref)|``.
    max_ref, max_alt, max_abs_diff : float32 arrays, shape (m,)
        Probabilities of that target and their distance.
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

    def scored(self, column: list) -> list:
        """Return a column of the chunk at the scored rows."""
        return [column[i] for i in self.rows.tolist()]


class Writer(Protocol):
    """Takes blocks in order; nothing is final before `close`."""

    def write(self, block: ScoredBlock) -> None:
        """Append a block."""

    def close(self) -> None:
        """Finish the file."""


def check_suffix(path: str | Path) -> str:
    """Return an output's suffix.

    Raises
    ------
    InputError
        If no format has it, or the package that writes it is missing.
    """
    suffix = full_suffix(path)
    if suffix not in SUFFIXES:
        raise InputError(
            f"The output's format is taken from its suffix, one of {', '.join(SUFFIXES)}. Received: {str(path)!r}."
        )
    if suffix == ".parquet":
        from seqdl.io.parquet import require_pyarrow

        require_pyarrow()
    return suffix


def open_writer(path: Path, meta: ScoreMeta, vcf_header: str, contigs: dict[str, int]) -> Writer:
    """Open the writer that a path's suffix asks for.

    Parameters
    ----------
    path : Path
        Where to write (normally aside, see `seqdl.files.atomic_path`).
    meta : ScoreMeta
        For the header.
    vcf_header : str
        The input's header, for VCF output.
    contigs : dict
        Length of each contig by its name in the VCF, for VCF output.

    Returns
    -------
    writer : Writer

    Raises
    ------
    InputError
        If the suffix is unknown.
    """
    suffix = check_suffix(path)
    if suffix.startswith(".tsv"):
        return TsvWriter(path, meta)
    if suffix.startswith(".vcf"):
        from seqdl.variants.vcf_writer import VcfWriter

        return VcfWriter(path, meta, vcf_header, contigs)
    from seqdl.variants.table_writers import H5Writer, ParquetWriter

    return H5Writer(path, meta) if suffix == ".h5" else ParquetWriter(path, meta)


def column_names(meta: ScoreMeta) -> list[str]:
    """Return the names "<target>:<score>" of the value columns, target by target."""
    return [f"{' '.join(target.split())}:{score}" for target in meta.targets for score in meta.scores]


def stacked(block: ScoredBlock, meta: ScoreMeta) -> np.ndarray:
    """Lay a block's scores side by side as in `column_names`: float32, shape (m, targets * scores)."""
    return np.stack([block.values[s] for s in meta.scores], axis=2).reshape(
        len(block.rows), len(column_names(meta))
    )


class TsvWriter:
    """One row per scored allele, plain or bgzip; the arguments are those of `open_writer`."""

    def __init__(self, path: Path, meta: ScoreMeta) -> None:
        self._meta = meta
        self._file = open_bytes(path)
        self._labels = [" ".join(target.split()) for target in meta.targets]
        self._row = (
            "\t".join(["%s", "%d"] + ["%s"] * 5 + [FLOAT] * (3 + len(meta.targets) * len(meta.scores))) + "\n"
        )
        header = [("seqdl-scores", "1"), *meta.lines(), *(("flag", f"{k}: {v}") for k, v in FLAGS.items())]
        header += [
            ("max", "MAX_TARGET has the largest |P(alt) - P(ref)|; MAX_REF and MAX_ALT are its probabilities")
        ]
        text = [f"##{key}={value}" for key, value in [*header, ("meta", meta.json())]]
        text.append("\t".join([*KEYS, *SUMMARY, *column_names(meta)]))
        self._file.write(("\n".join(text) + "\n").encode())

    def write(self, block: ScoredBlock) -> None:
        """Append a block's scored rows."""
        self._file.write("".join(self._lines(block)).encode())

    def _lines(self, block: ScoredBlock) -> Iterator[str]:
        chunk = block.chunk
        numbers = np.column_stack(
            [block.max_ref, block.max_alt, block.max_abs_diff, stacked(block, self._meta)]
        )
        for k, i in enumerate(block.rows.tolist()):
            yield self._row % (
                chunk.chroms[i], chunk.pos[i], chunk.ids[i], chunk.refs[i], chunk.alts[i],
                block.flags[k], self._labels[block.max_target[k]], *numbers[k].tolist(),
            )  # fmt: skip

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class RejectsWriter:
    """The alleles that were not scored, with reason and finding; plain or bgzip by the path's suffix."""

    def __init__(self, path: Path) -> None:
        self._file = open_bytes(path)
        text = ["##seqdl-rejects=1", *(f"##reason={name}: {meaning}" for name, meaning in REASONS.items())]
        self._file.write(("\n".join([*text, "\t".join([*KEYS, "REASON", "DETAIL"])]) + "\n").encode())

    def write(self, block: ScoredBlock) -> None:
        """Append a block's rejected rows."""
        chunk = block.chunk
        for i, reason in enumerate(block.reasons):
            if reason:
                fields = (chunk.chroms[i], str(chunk.pos[i]), chunk.ids[i], chunk.refs[i], chunk.alts[i])
                self._file.write(("\t".join([*fields, reason, block.details[i]]) + "\n").encode())

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
