"""The manifest of a public data set: its fields, and how a file of them is read and checked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from pathlib import Path

from seqdl.data.archives import safe_relative
from seqdl.errors import InputError

_FORMAT, _VERSION = "seqdl-manifest", 1


@dataclass(frozen=True)
class DataFile:
    """One file of a public data set.

    Attributes
    ----------
    path : str
        Where it lies inside the set's folder, with forward slashes.
    url : str
        Address of the public original.
    sha256, bytes : str, int
        Checksum and length of the public original.
    role : str
        What it is: "genome", "peaks", "variants", "sequences", "fragments", "reads" or "contacts".
    note : str
        A remark for the reader.
    local : str
        The file's path under ``$SEQDL_DATA``, or "".
    local_sha256, local_bytes : str, int or None
        Checksum and length of the local file where it is not the public original byte for byte.
    derived : str
        How the local file was made from the original, or "".
    extract : bool
        True for an archive that is unpacked into a folder of its own name.
    """

    path: str
    url: str
    sha256: str
    bytes: int
    role: str = ""
    note: str = ""
    local: str = ""
    local_sha256: str = ""
    local_bytes: int | None = None
    derived: str = ""
    extract: bool = False


@dataclass(frozen=True)
class Manifest:
    """A public data set: what it is, whose it is, and its files.

    Attributes
    ----------
    name, title, description : str
        The name to fetch it by, and what it holds.
    files : tuple of DataFile
    organism, assembly, licence : str
    citation : tuple of str
        Whom to cite.
    local_root : str
        The folder under ``$SEQDL_DATA`` that holds the files.
    next : tuple of str
        Commands to type next; {root} and {genome} stand for the folder and the genome file.
    """

    name: str
    title: str
    description: str
    files: tuple[DataFile, ...]
    organism: str = ""
    assembly: str = ""
    licence: str = ""
    citation: tuple[str, ...] = ()
    local_root: str = ""
    next: tuple[str, ...] = ()


def read_manifest(path: Path) -> Manifest:
    """Read a manifest file and check that it is complete, verifiable and stays inside its folder.

    Raises
    ------
    InputError
        If it is not.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"The manifest {path} does not exist.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"The manifest {path} is not JSON: {error}.") from error
    try:
        if raw["format"] != _FORMAT or raw["version"] != _VERSION:
            raise InputError(
                f"{path} is not a manifest that this seqdl reads: "
                f"it needs format {_FORMAT!r}, version {_VERSION}."
            )
        known = {f.name for f in fields(Manifest)}
        head = {
            k: tuple(v) if isinstance(v, list) else v or "" for k, v in raw.items() if k in known - {"files"}
        }
        files = tuple(DataFile(**entry) for entry in raw["files"])
        manifest = Manifest(**head, files=files)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"The manifest {path} is incomplete or has a wrong field: {error}.") from error
    _check(manifest, f"The manifest {path}")
    return manifest


def _check(manifest: Manifest, where: str) -> None:
    """Refuse a manifest that could write outside its folder or that cannot be verified."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", manifest.name):
        raise InputError(
            f"{where} has the name {manifest.name!r}; use lower-case letters, digits and dashes."
        )
    if manifest.local_root:
        safe_relative(manifest.local_root, where)
    if not manifest.files:
        raise InputError(f"{where} lists no file.")
    seen: set[str] = set()
    for file in manifest.files:
        safe_relative(file.path, where)
        if file.local:
            safe_relative(file.local, where)
        if file.path in seen:
            raise InputError(f"{where} lists {file.path!r} twice.")
        seen.add(file.path)
        if not re.match(r"https?://", file.url):
            raise InputError(
                f"{where}: {file.path!r} has the address {file.url!r}; only http and https are fetched."
            )
        for digest in filter(None, (file.sha256, file.local_sha256)):
            if not re.fullmatch(r"[0-9a-f]{64}", digest):
                raise InputError(f"{where}: {file.path!r} has no proper SHA-256. Received: {digest!r}.")
        if not file.sha256 or not isinstance(file.bytes, int) or file.bytes < 0:
            raise InputError(f"{where}: {file.path!r} needs sha256 and bytes.")
