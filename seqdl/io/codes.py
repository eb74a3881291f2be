"""The store behind `Genome`: one file of uint8 codes, built once, safe between processes.

The file is HDF5 (format "seqdl-codes", version 1): the dataset `bases` is contiguous, so that it can
be memory-mapped; beside it stand the contigs' names, lengths and MD5 sums, and the source's size,
modification time and SHA-256. It is written aside and renamed, so a reader sees all of it or none,
and two processes that build it at once only do the same work twice.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqdl.encoding import CODE_TO_LETTER, ILLEGAL, LETTER_TO_CODE
from seqdl.errors import InputError, MissingDependencyError
from seqdl.files import atomic_path, cache_dir, is_gzip, require_file, sha256
from seqdl.progress import progress_bar, say
from seqdl.words import few

FORMAT, VERSION = "seqdl-codes", 1
SUFFIX = ".seqdl.h5"
_BLOCK = 1 << 24


class CodeStore(NamedTuple):
    """Contigs laid end to end: names, lengths (bases), MD5 sums, `bases` uint8 (total,), checksum."""

    names: tuple[str, ...]
    lengths: np.ndarray
    md5: tuple[str, ...]
    bases: np.ndarray
    checksum: str


def genome_checksum(names, lengths, md5) -> str:
    """Sum up contigs, in any order, as one MD5 over their names, lengths and MD5 sums.

    Parameters
    ----------
    names : sequence of str
    lengths : sequence of int
        In bases, one a name.
    md5 : sequence of str
        MD5 sum of each contig, in hexadecimal.

    Returns
    -------
    checksum : str
        32 hexadecimal digits; the same for every order of the contigs.

    Raises
    ------
    ValueError
        If the three differ in length.
    """
    lines = sorted(f"{n}\t{int(length)}\t{m}" for n, length, m in zip(names, lengths, md5, strict=True))
    return hashlib.md5("\n".join(lines).encode()).hexdigest()


def _md5(codes: np.ndarray) -> str:
    digest = hashlib.md5()
    for start in range(0, len(codes), _BLOCK):
        digest.update(CODE_TO_LETTER[codes[start : start + _BLOCK]].tobytes())
    return digest.hexdigest()


def codes_in_memory(contigs: dict[str, np.ndarray]) -> CodeStore:
    """Lay arrays of codes end to end as a store."""
    arrays = [np.asarray(c, np.uint8) for c in contigs.values()]
    names = tuple(contigs)
    lengths = np.array([len(a) for a in arrays], np.int64)
    md5 = tuple(_md5(a) for a in arrays)
    return CodeStore(names, lengths, md5, np.concatenate(arrays), genome_checksum(names, lengths, md5))


def open_codes(path: str | Path, cache: str | Path | None = None) -> CodeStore:
    """Open a genome file's codes, building them on the first use.

    Parameters
    ----------
    path : path
        FASTA (plain, gzip, bgzip) or 2bit.
    cache : path, optional
        Folder for the codes; by default beside the file, or the cache folder if that is read-only.

    Raises
    ------
    InputError
        If the file is missing, empty, damaged, or holds what is not DNA.
    """
    path = require_file(path, "genome file").resolve()
    for store in _places(path, cache):
        found = _read(store, path)
        if found is not None:
            return found
    target = next((p for p in _places(path, cache) if _writable(p.parent)), None)
    if target is None:
        raise InputError(
            f"There is no place to keep the bases of {path.name}: its folder and the cache folder are "
            f"read-only. Set SEQDL_CACHE to a folder that can be written."
        )
    _build(path, target)
    return _read(target, path)


def _places(path: Path, cache: str | Path | None) -> Iterator[Path]:
    """Name the files where the codes may be, best first."""
    keyed = hashlib.md5(str(path).encode()).hexdigest()[:10]
    if cache is not None:
        yield Path(cache).expanduser() / f"{path.name}.{keyed}{SUFFIX}"
        return
    yield path.with_name(path.name + SUFFIX)
    yield cache_dir() / "genomes" / f"{path.name}.{keyed}{SUFFIX}"


def _writable(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    # The mode bits too: to the superuser every folder is writable, also one that is meant to stay as it is.
    return os.access(folder, os.W_OK) and bool(folder.stat().st_mode & 0o222)


def _read(store: Path, source: Path) -> CodeStore | None:
    """Open a store if it belongs to this source; None if it is absent, stale or damaged."""
    import h5py

    if not store.exists():
        return None
    try:
        with h5py.File(store, "r") as f:
            if f.attrs.get("format") != FORMAT or f.attrs.get("version") != VERSION:
                return None
            if not _same_source(f.attrs, source):
                return None
            names = tuple(n.decode() for n in f["names"][:])
            lengths, md5 = f["lengths"][:], tuple(m.decode() for m in f["md5"][:])
            offset, size = f["bases"].id.get_offset(), f["bases"].shape[0]
            checksum = f.attrs["checksum"]
        if store.stat().st_size < offset + size:
            return None
        bases = np.memmap(store, np.uint8, "r", offset, (size,))
    except (OSError, KeyError):
        return None
    return CodeStore(names, lengths, md5, bases, checksum)


def _same_source(attrs, source: Path) -> bool:
    stat = source.stat()
    if int(attrs["source_size"]) != stat.st_size:
        return False
    # A copied or touched file has another time and the same content: only then is it read again.
    return int(attrs["source_mtime_ns"]) == stat.st_mtime_ns or attrs["source_sha256"] == sha256(source)


def _build(path: Path, target: Path) -> None:
    from seqdl.io.hdf5 import HDF5Writer

    say(f"Reading {path.name} once; its bases are kept as {target}")
    with tempfile.TemporaryDirectory(prefix="seqdl-") as scratch, atomic_path(target) as aside:
        contigs, lengths = _two_bit(path) if path.suffix == ".2bit" else _fasta(path, Path(scratch))
        names = list(lengths)
        total = sum(lengths.values())
        if total == 0:
            raise InputError(f"The genome file {path} holds no sequence.")
        md5 = []
        with HDF5Writer(aside) as f, progress_bar(total, f"Encoding {path.name}", "bases") as progress:
            # Contiguous and allocated early: that is what a memory map needs.
            bases = f.create_dataset("bases", (total,), "u1")
            at = 0
            for name, text in contigs:
                codes = LETTER_TO_CODE[np.frombuffer(text, np.uint8)]
                _refuse_illegal(codes, text, name, path)
                bases[at : at + len(codes)] = codes
                md5.append(_md5(codes))
                at += len(codes)
                progress.advance(len(codes))
            f["names"] = np.array([name.encode() for name in names])
            f["lengths"] = np.array([lengths[n] for n in names], np.int64)
            f["md5"] = np.array(md5, dtype="S")
            stat = path.stat()
            f.attrs.update(
                format=FORMAT, version=VERSION, source=path.name, source_size=stat.st_size,
                source_mtime_ns=stat.st_mtime_ns, source_sha256=sha256(path),
                checksum=genome_checksum(names, [lengths[n] for n in names], md5),
            )  # fmt: skip


def _refuse_illegal(codes: np.ndarray, text: bytes, name: str, path: Path) -> None:
    bad = codes == ILLEGAL
    if bad.any():
        at = int(np.argmax(bad))
        raise InputError(
            f"{path}: contig {name!r} holds {chr(text[at])!r} at base {at + 1}, which is no nucleotide "
            f"letter (ACGTU or IUPAC). Is this a protein file, or not a FASTA?"
        )


def _two_bit(path: Path) -> tuple[Iterator[tuple[str, bytes]], dict[str, int]]:
    try:
        import py2bit
    except ImportError:
        raise MissingDependencyError(
            f"Reading the 2bit genome {path.name} needs the package py2bit: pip install 'seqdl[twobit]'"
        ) from None
    try:
        handle = py2bit.open(str(path))
    except RuntimeError as error:
        raise InputError(f"The genome file {path} is not a readable 2bit file: {error}") from error
    lengths = {name: int(n) for name, n in handle.chroms().items()}
    return ((name, handle.sequence(name).encode("ascii")) for name in lengths), lengths


def _fasta(path: Path, scratch: Path) -> tuple[Iterator[tuple[str, bytes]], dict[str, int]]:
    """Read a FASTA through pyfaidx; gzip and bgzip, not to be sought in, are unpacked aside first."""
    from pyfaidx import Fasta, FastaIndexingError

    plain = path
    if is_gzip(path):
        plain = scratch / "genome.fa"
        try:
            with gzip.open(path, "rb") as packed, open(plain, "wb") as unpacked:
                shutil.copyfileobj(packed, unpacked, _BLOCK)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(
                f"The genome file {path} is truncated or damaged: {error}. Fetch it again."
            ) from error
    with open(plain, "rb") as handle:
        head = handle.read(4096)
    if not head.lstrip().startswith(b">"):
        found = "binary data" if b"\x00" in head else repr(head[:20].decode("utf-8", "replace"))
        raise InputError(
            f"The genome file {path} is not FASTA: it must begin with '>'. It begins with {found}."
        )
    try:
        fasta = Fasta(str(plain), indexname=str(scratch / "genome.fai"), as_raw=True, build_index=True)
    except (FastaIndexingError, ValueError, UnicodeDecodeError) as error:
        raise InputError(
            f"The FASTA {path} cannot be indexed: {str(error).replace(str(plain), path.name)}"
        ) from error
    lengths = {name: len(fasta[name]) for name in fasta.keys()}
    empty = [name for name, n in lengths.items() if n == 0]
    if empty:
        raise InputError(f"The FASTA {path} has contigs without sequence: {few(empty)}.")
    return ((name, fasta[name][:].encode("ascii", "replace")) for name in lengths), lengths
