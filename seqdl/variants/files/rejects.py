"""The alleles that were not scored, in the VCF's order, with the reason and what was found.

``.tsv``, ``.tsv.gz`` (bgzip, indexed where sorted)
    ``#CHROM POS ID REF ALT REASON DETAIL``.
``.vcf``, ``.vcf.gz`` (bgzip, indexed where sorted)
    One record per allele; the reason stands in FILTER, what was found in the INFO field SEQDL_DETAIL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seqdl.errors import InputError
from seqdl.files import full_suffix
from seqdl.variants.files.text_rows import IndexedText
from seqdl.variants.files.vcf_text import contig_lines, escape, info_line
from seqdl.variants.scored import KEYS, ScoredBlock
from seqdl.variants.screen import REASONS

REJECT_SUFFIXES = (".tsv", ".tsv.gz", ".vcf", ".vcf.gz")


def check_reject_suffix(path: str | Path) -> str:
    """Return the suffix of a file of rejects.

    Raises
    ------
    InputError
        If no format has it.
    """
    suffix = full_suffix(path)
    if suffix not in REJECT_SUFFIXES:
        raise InputError(
            f"A file of rejected alleles ends in {', '.join(REJECT_SUFFIXES)}. Received: {str(path)!r}."
        )
    return suffix


class RejectsWriter:
    """Writes rejected alleles; the format is taken from the suffix, and is TSV where that is another one.

    Parameters
    ----------
    path : Path
        Where to write (normally aside).
    vcf_header : str
        The input's header, for its contigs.
    contigs : mapping
        Lengths of contigs by their names in the VCF.
    """

    def __init__(
        self, path: Path, vcf_header: str = "", contigs: Mapping[str, int | None] | None = None
    ) -> None:
        self._vcf = full_suffix(path).startswith(".vcf")
        self._file = IndexedText(path, "vcf" if self._vcf else "tsv", contigs or {}, "file of rejects")
        reasons = REASONS.items()
        if self._vcf:
            lines = ["##fileformat=VCFv4.2"]
            lines += re.findall(r"^##contig=<.*>$", vcf_header, re.MULTILINE)
            lines += contig_lines(contigs or {}, vcf_header)
            lines += [f'##FILTER=<ID={name},Description="{meaning}">' for name, meaning in reasons]
            lines.append(info_line("SEQDL_DETAIL", "1", "String", "What was found"))
            names = [*KEYS, "QUAL", "FILTER", "INFO"]
        else:
            lines = ["##seqdl-rejects=1", *(f"##reason={name}: {meaning}" for name, meaning in reasons)]
            names = [*KEYS, "REASON", "DETAIL"]
        self._file.write("\n".join([*lines, "\t".join(names)]) + "\n")

    def write(self, block: ScoredBlock) -> None:
        """Append a block's rejected rows."""
        chunk, details = block.chunk, block.details
        rows = [i for i, reason in enumerate(block.reasons) if reason]
        lines = []
        for i in rows:
            fields = [chunk.chroms[i], str(chunk.pos[i]), chunk.ids[i], chunk.refs[i], chunk.alts[i]]
            if self._vcf:
                told = f"SEQDL_DETAIL={escape(details[i])}" if details[i] else "."
                fields += [".", block.reasons[i], told]
            else:
                fields += [block.reasons[i], details[i]]
            lines.append("\t".join(fields) + "\n")
        self._file.write("".join(lines), [chunk.chroms[i] for i in rows], chunk.pos[np.array(rows, int)])

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def finish(self) -> str:
        """Close the file and build its index; return a note if there is none."""
        return self._file.finish()
