"""Unpack a downloaded archive without letting it write outside its own folder."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from seqdl.errors import InputError

_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip")


def safe_relative(path: str, where: str) -> PurePosixPath:
    """Check that a path stays inside the folder that it is relative to.

    Parameters
    ----------
    path : str
        A path with forward slashes, from a manifest or an archive.
    where : str
        What names it, for the message.

    Returns
    -------
    path : PurePosixPath

    Raises
    ------
    InputError
        If it is absolute, climbs with "..", holds a backslash, a drive or a control character, or is empty.
    """
    pure = PurePosixPath(path)
    bad = not path or pure.is_absolute() or ".." in pure.parts or not pure.parts
    if bad or "\\" in path or any(ord(c) < 32 for c in path) or (pure.parts and pure.parts[0].endswith(":")):
        raise InputError(
            f"{where} holds the path {path!r}, which would lie outside its folder. Nothing was written."
        )
    return pure


def archive_folder(path: str) -> str:
    """Return the name of the folder that an archive is unpacked into: its own, without the suffix.

    Raises
    ------
    InputError
        If the suffix is none of a tar or zip archive.
    """
    for suffix in _SUFFIXES:
        if path.lower().endswith(suffix) and len(path) > len(suffix):
            return path[: -len(suffix)]
    raise InputError(f"{path!r} is not an archive that can be unpacked; those end in {', '.join(_SUFFIXES)}.")


def unpack(archive: str | Path, folder: str | Path) -> Path:
    """Unpack a tar or zip archive into a new folder, whole or not at all.

    Only files and folders are taken; every member is checked before the first one is written.

    Parameters
    ----------
    archive : path
        The .tar, .tar.gz, .tar.bz2, .tar.xz or .zip file.
    folder : path
        The folder to make. If it exists, nothing is done.

    Returns
    -------
    folder : Path

    Raises
    ------
    InputError
        If a member is a link or a device, has an absolute path or "..", or the archive is damaged.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.is_dir():
        return folder
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, aside)
        else:
            _unpack_tar(archive, aside)
        os.replace(aside, folder)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(
            f"The archive {archive} is damaged: {error}. Remove it and fetch it again."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _unpack_tar(archive: Path, aside: Path) -> None:
    with tarfile.open(archive) as handle:
        members = [m for m in handle.getmembers() if m.name not in (".", "./")]
        targets = [aside / safe_relative(m.name, f"The archive {archive}") for m in members]
        for member in members:
            if not (member.isfile() or member.isdir()):
                raise InputError(
                    f"The archive {archive} holds {member.name!r}, which is a link or a device. Refused."
                )
        aside.mkdir(parents=True)
        for member, target in zip(members, targets, strict=True):
            _write(None if member.isdir() else handle.extractfile(member), target)


def _unpack_zip(archive: Path, aside: Path) -> None:
    with zipfile.ZipFile(archive) as handle:
        members = handle.infolist()
        targets = [aside / safe_relative(m.filename, f"The archive {archive}") for m in members]
        for member in members:
            if (member.external_attr >> 16) & 0o170000 == 0o120000:
                raise InputError(
                    f"The archive {archive} holds {member.filename!r}, which is a link. Refused."
                )
        aside.mkdir(parents=True)
        for member, target in zip(members, targets, strict=True):
            _write(None if member.is_dir() else handle.open(member), target)


def _write(source, target: Path) -> None:
    if source is None:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, open(target, "wb") as handle:
        shutil.copyfileobj(source, handle)
