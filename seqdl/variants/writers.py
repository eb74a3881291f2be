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

`seqdl.variants.reading.read_scores` reads all but VCF back. Rejected alleles stand in the rejects file,
a TSV beside the output: ``#CHROM POS ID REF ALT REASON DETAIL`` (and marked in VCF output as well).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from seqdl.errors import InputError
from seqdl.files import full_suffix
from seqdl.io.bgzip import open_bytes
from seqdl.variants.scored import FLOAT, KEYS, SUMMARY, VERSION, ScoredBlock, ScoreMeta, column_names, stacked
from seqdl.variants.screen import FLAGS, REASONS

SUFFIXES = (".tsv", ".tsv.gz", ".vcf", ".vcf.gz", ".h5", ".parquet")


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
            f"The output's format is taken from its suffix, one of {', '.join(SUFFIXES)}. "
            f"Received: {str(path)!r}."
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


class TsvWriter:
    """One row per scored allele, plain or bgzip; the arguments are those of `open_writer`."""

    def __init__(self, path: Path, meta: ScoreMeta) -> None:
        self._meta = meta
        self._file = open_bytes(path)
        self._labels = [" ".join(target.split()) for target in meta.targets]
        self._row = (
            "\t".join(["%s", "%d"] + ["%s"] * 5 + [FLOAT] * (3 + len(meta.targets) * len(meta.scores))) + "\n"
        )
        header = [("seqdl-scores", str(VERSION)), *meta.lines(), *(("flag", f"{k}: {v}") for k, v in FLAGS.items())]
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
