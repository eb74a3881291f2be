"""Where scores go, by the suffix of the output: one interface, the same rows and float32 numbers in each.

``.tsv``, ``.tsv.gz`` (bgzip, with a tabix index where the rows are sorted)
    Lines ``##key=value`` say how the numbers were made (sign, formulas, window, anchor, genome, …), the
    last of them, ``##meta=``, as JSON. Then one row per scored ALT allele, in the VCF's order::

        #CHROM POS ID REF ALT FLAG MAX_TARGET MAX_REF MAX_ALT MAX_ABS_DIFF <note> ... <target>:<score> ...

    MAX_TARGET is the target with the largest effect among the selected ones; MAX_REF and MAX_ALT are its
    predictions; the line ``##max=`` says which. Notes are further columns that each allele has once, their
    names in capitals. Then target by target, one column per score.
``.vcf``, ``.vcf.gz`` (bgzip, with a tabix index where the records are sorted)
    Every record of the input, with INFO fields (see `seqdl.variants.files.vcf_writer`).
``.h5``
    Keys as in basenji's ``scores.h5``: snp, chr, pos (1-based), ref_allele, alt_allele, target_ids,
    target_labels, one float32 dataset (alleles, targets) per score; besides flag, max_target, max_ref,
    max_alt, max_abs_diff, the groups ``notes`` and ``targets`` (name, label, cell, assay, … as known).
    The attribute ``meta`` is the JSON text.
``.zarr``
    A folder with the same arrays, attributes and groups as Zarr, version 2 of the format.
``.parquet``
    Wide: the columns of the TSV without ``#``. Long: one row per allele and target, in that order, with
    chrom, pos, id, ref, alt, flag, target, one column per score (``ref`` and ``alt`` are called
    ref_prediction and alt_prediction there), the notes, and the summary columns in lower case. The file's
    metadata holds ``seqdl``, the JSON text, ``seqdl_layout``, and ``seqdl_targets``, a JSON list.

A missing number is NaN ("nan" in a TSV, "." in a VCF). `seqdl.variants.files.reading.read_scores` reads all but
VCF back. Rejected alleles stand in a file of their own, see `seqdl.variants.files.rejects`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from seqdl.errors import InputError, require_one_of
from seqdl.files import atomic_path, full_suffix, take_name
from seqdl.io.bgzip import INDEX_SUFFIXES
from seqdl.variants.files.rejects import RejectsWriter as RejectsWriter
from seqdl.variants.scored import ScoredBlock, ScoreMeta

SUFFIXES = (".tsv", ".tsv.gz", ".vcf", ".vcf.gz", ".h5", ".parquet", ".zarr")
LAYOUTS = ("wide", "long")
STORAGES = ("float32", "float16")
COMPRESSIONS = ("none", "lzf", "gzip")


class Writer(Protocol):
    """Takes blocks in order; how the rows are cut into blocks leaves no trace in the file."""

    def write(self, block: ScoredBlock) -> None:
        """Append a block."""

    def close(self) -> None:
        """Let go of the file, finished or not; may be called twice."""

    def finish(self) -> str:
        """Close the file and write its index, if it gets one; return a note in words, or an empty text."""


def check_suffix(
    path: str | Path, layout: str = "wide", storage: str = "float32", compression: str = "none"
) -> str:
    """Return an output's suffix; better asked before the work than after it.

    Parameters
    ----------
    path : path
        The output.
    layout, storage, compression : str
        As in `open_writer`.

    Raises
    ------
    InputError
        If no format has it, or the format has not what is asked for.
    MissingDependencyError
        If the package that writes it is missing.
    """
    suffix = full_suffix(path)
    if suffix not in SUFFIXES:
        raise InputError(
            f"The output's format is taken from its suffix, one of {', '.join(SUFFIXES)}. "
            f"Received: {str(path)!r}."
        )
    require_one_of("layout", layout, LAYOUTS)
    require_one_of("storage", storage, STORAGES)
    require_one_of("compression", compression, COMPRESSIONS)
    for name, value, default, suffixes in (
        ("layout", layout, "wide", (".parquet",)),
        ("storage", storage, "float32", (".h5", ".zarr")),
        ("compression", compression, "none", (".h5",)),
    ):
        if value != default and suffix not in suffixes:
            raise InputError(
                f"`{name}` {value!r} is there for {' and '.join(suffixes)} only. Received: {str(path)!r}."
            )
    if suffix == ".parquet":
        from seqdl.io.parquet import require_pyarrow

        require_pyarrow()
    if suffix == ".zarr":
        from seqdl.variants.files.zarr_writer import require_zarr

        require_zarr()
    return suffix


def open_writer(
    path: Path,
    meta: ScoreMeta,
    vcf_header: str,
    contigs: Mapping[str, int],
    *,
    layout: str = "wide",
    storage: str = "float32",
    compression: str = "none",
    target_table: Sequence[Mapping[str, object]] = (),
) -> Writer:
    """Open the writer that a path's suffix asks for.

    Parameters
    ----------
    path : Path
        Where to write (normally aside, see `atomic_output`).
    meta : ScoreMeta
        For the header.
    vcf_header : str
        The input's header, for VCF output.
    contigs : mapping
        Length of each contig by its name in the VCF, for VCF output and for the index.
    layout : {"wide", "long"}
        Of Parquet: a column per target and score, or a row per allele and target.
    storage : {"float32", "float16"}
        Of the scores in HDF5 and Zarr. float16 costs a relative 2^-11, and an absolute 2^-25 below 6.1e-5;
        ``ref``, ``alt``, the derived columns and the summary stay float32.
    compression : {"none", "lzf", "gzip"}
        Of the scores in HDF5.
    target_table : sequence of mappings, one per target of `meta`
        What else is known of the targets (cell, assay, treatment, …), for HDF5, Zarr and Parquet.

    Returns
    -------
    writer : Writer

    Raises
    ------
    InputError
        If the suffix is unknown, or the format has not what is asked for.
    MissingDependencyError
        If the package that writes it is missing.
    """
    suffix = check_suffix(path, layout, storage, compression)
    if suffix.startswith(".tsv"):
        from seqdl.variants.files.tsv_writer import TsvWriter

        return TsvWriter(path, meta, contigs)
    if suffix.startswith(".vcf"):
        from seqdl.variants.files.vcf_writer import VcfWriter

        return VcfWriter(path, meta, vcf_header, contigs)
    if suffix == ".parquet":
        from seqdl.variants.files.parquet_writer import ParquetWriter

        return ParquetWriter(path, meta, layout, target_table)
    if suffix == ".zarr":
        from seqdl.variants.files.zarr_writer import ZarrWriter

        return ZarrWriter(path, meta, storage, target_table)
    from seqdl.variants.files.table_writers import H5Writer

    return H5Writer(path, meta, storage, compression, target_table)


@contextmanager
def atomic_output(target: str | Path, folder: str | Path | None = None) -> Iterator[Path]:
    """Yield a path to write aside, as `seqdl.files.atomic_path` does; takes an index along, or a folder.

    Parameters
    ----------
    target : path
        Where the finished output shall stand.
    folder : path, optional
        An existing folder on the same file system to write aside in, by default the target's own.

    Yields
    ------
    path : Path
        With the same suffix.

    Raises
    ------
    InputError
        If it cannot be written, or would replace a folder that is no table of scores.
    """
    target = Path(target).expanduser()
    if full_suffix(target) == ".zarr":
        from seqdl.variants.files.zarr_writer import atomic_folder

        with atomic_folder(target, folder) as aside:
            yield aside
        return
    pairs: list[tuple[Path, Path]] = []
    try:
        with atomic_path(target, folder) as aside:
            pairs = [
                (aside.with_name(aside.name + s), target.with_name(target.name + s)) for s in INDEX_SUFFIXES
            ]
            yield aside
            # The index of a file that stood here before must never be read with the new one: a run that is
            # killed between these steps leaves a file without an index.
            for _, final in pairs:
                final.unlink(missing_ok=True)
        for index, final in pairs:
            if index.exists():
                take_name(index, final)
    finally:
        for index, _ in pairs:
            index.unlink(missing_ok=True)
