"""Public data sets: what they are, where each file comes from, and how to get them checked and whole.

A manifest is a JSON file in ``data_manifests/``: title, description, assembly, citation, licence, and for
each file its place in the set (`path`), its public address, SHA-256 and length. `local` says where the same
file lies under ``$SEQDL_DATA``; when that one is a conversion or a part of the public original, `derived`
says how and `local_sha256` is its own checksum.
"""

from __future__ import annotations

import fnmatch
import os
import re
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seqdl.data.archives import archive_folder, unpack
from seqdl.data.manifest_format import DataFile, Manifest, read_manifest
from seqdl.errors import InputError
from seqdl.files import cache_dir, sha256
from seqdl.words import suggest

if TYPE_CHECKING:
    import pandas as pd

_WORKERS = 6


def manifest_folder() -> Path:
    """Return the folder of the shipped manifests, in an installed package or a clone."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "data_manifests"
    return inside if inside.is_dir() else package.parent / "data_manifests"


def list_datasets() -> pd.DataFrame:
    """List the data sets that can be fetched.

    Returns
    -------
    table : pandas.DataFrame, one row a set
        name, title, files, bytes, assembly, licence, and where: "SEQDL_DATA", "cache" or "download".
    """
    import pandas as pd

    rows = []
    for path in sorted(manifest_folder().glob("*.json")):
        manifest = read_manifest(path)
        rows.append(
            {
                "name": manifest.name,
                "title": manifest.title,
                "files": len(manifest.files),
                "bytes": sum(f.bytes for f in manifest.files),
                "assembly": manifest.assembly,
                "licence": manifest.licence,
                "where": _where(manifest),
            }
        )
    return pd.DataFrame(rows, columns=["name", "title", "files", "bytes", "assembly", "licence", "where"])


def load_manifest(name: str | Path) -> Manifest:
    """Read a manifest by its name, or from a JSON file of your own.

    Parameters
    ----------
    name : str or path
        Such as "yeast-chipexo"; or a path that ends in ".json".

    Raises
    ------
    InputError
        If there is none of that name (the nearest is suggested), or the file is not a safe manifest.
    """
    if str(name).endswith(".json"):
        return read_manifest(Path(name).expanduser())
    names = sorted(p.stem for p in manifest_folder().glob("*.json"))
    if name not in names:
        raise InputError(
            f"There is no data set {str(name)!r}.{suggest(str(name), names)} Known: {', '.join(names)}."
        )
    return read_manifest(manifest_folder() / f"{name}.json")


def fetch(
    name: str | Path,
    *,
    files: str | Iterable[str] | None = None,
    base_url: str | None = None,
    progress: bool = True,
) -> Path:
    """Get a public data set, checked file by file, and return the folder that holds it.

    ``$SEQDL_DATA`` comes first: if it holds every wanted file, they are verified and used in place. Otherwise
    the files are downloaded into the user's cache; what is already there is kept, a cut download goes on.

    Parameters
    ----------
    name : str or path
        A name from `list_datasets`, or a manifest file of your own.
    files : str or iterable of str, optional
        Patterns such as "peaks/GM12878/*"; all files when not given.
    base_url : str, optional
        A mirror: each file is fetched from base_url/path instead of its own address.
    progress : bool
        Show progress on standard error.

    Returns
    -------
    folder : Path
        Holds the files under their `path` (cache), or as they lie in ``$SEQDL_DATA``.

    Raises
    ------
    InputError
        If a name or pattern is unknown, a server cannot be reached, or a checksum is wrong.
    """
    manifest = load_manifest(name)
    wanted = select_files(manifest, files)
    in_place = _in_place(manifest, wanted)
    return in_place or _download(manifest, wanted, base_url, progress)


def select_files(manifest: Manifest, files: str | Iterable[str] | None) -> tuple[DataFile, ...]:
    """Choose files of a set by patterns on their path.

    Parameters
    ----------
    manifest : Manifest
    files : str or iterable of str, optional
        Shell patterns; None for all files.

    Raises
    ------
    InputError
        If a pattern fits no file.
    """
    if files is None:
        return manifest.files
    patterns = [files] if isinstance(files, str) else list(files)
    chosen: set[str] = set()
    for pattern in patterns:
        found = {f.path for f in manifest.files if fnmatch.fnmatchcase(f.path, pattern)}
        if not found:
            raise InputError(
                f"No file of {manifest.name} fits {pattern!r}."
                f"{suggest(pattern, [f.path for f in manifest.files])} "
                f"Files are named as {manifest.files[-1].path!r}."
            )
        chosen |= found
    return tuple(f for f in manifest.files if f.path in chosen)


def local_path(manifest: Manifest, file: DataFile, folder: Path) -> Path:
    """Return where a file lies in the folder that `fetch` returned.

    Parameters
    ----------
    manifest : Manifest
    file : DataFile
    folder : Path
        As returned by `fetch`.
    """
    data = _data_folder()
    if data is not None and file.local and folder == data / manifest.local_root:
        return data / file.local
    return folder / (archive_folder(file.path) if file.extract else file.path)


def _data_folder() -> Path | None:
    """Return ``$SEQDL_DATA`` as a folder, or None when it is not set."""
    value = os.environ.get("SEQDL_DATA")
    if not value:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise InputError(f"SEQDL_DATA is set to {folder}, which is not a folder. Correct it or unset it.")
    return folder


def _all_there(files: Iterable[DataFile], data: Path) -> bool:
    """Tell whether ``$SEQDL_DATA`` holds files by name; an archive, which is to be unpacked, never counts."""
    return all(f.local and not f.extract and (data / f.local).is_file() for f in files)


def _in_place(manifest: Manifest, wanted: tuple[DataFile, ...]) -> Path | None:
    """Return the folder under ``$SEQDL_DATA`` if it holds every wanted file, each with the right checksum."""
    data = _data_folder()
    if data is None or not _all_there(wanted, data):
        return None
    for file in wanted:
        path = data / file.local
        expected = file.local_sha256 or file.sha256
        size = file.local_bytes if file.local_bytes is not None else file.bytes
        received = sha256(path) if path.stat().st_size == size else f"a file of {path.stat().st_size:,} bytes"
        if received != expected:
            raise InputError(
                f"{path} (from SEQDL_DATA) has a wrong checksum. "
                f"Expected SHA-256 {expected} ({size:,} bytes), "
                f"received {received}. Repair the file, or unset SEQDL_DATA to download the set."
            )
    return data / manifest.local_root


def _where(manifest: Manifest) -> str:
    """Tell quickly, by names and lengths only, where a set would come from."""
    data = _data_folder()
    if data is not None and _all_there(manifest.files, data):
        return "SEQDL_DATA"
    folder = _cache_folder(manifest)
    there = all(
        (folder / f.path).is_file() and (folder / f.path).stat().st_size == f.bytes for f in manifest.files
    )
    return "cache" if there else "download"


def _cache_folder(manifest: Manifest) -> Path:
    return cache_dir() / "data" / manifest.name


def _download(manifest: Manifest, wanted: tuple[DataFile, ...], base_url: str | None, progress: bool) -> Path:
    """Download what is missing into the cache, several files at once, and verify all."""
    import pooch
    import requests

    from seqdl.data.download import ResumingDownloader
    from seqdl.progress import Progress

    if base_url is not None and not re.match(r"https?://", base_url):
        raise InputError(f"`base_url` must begin with http:// or https://. Received: {base_url!r}.")
    pooch.get_logger().setLevel("WARNING")
    folder = _cache_folder(manifest)
    urls = {f.path: f"{base_url.rstrip('/')}/{f.path}" if base_url else f.url for f in wanted}
    getter = pooch.create(
        path=folder, base_url="", registry={f.path: f"sha256:{f.sha256}" for f in wanted}, urls=urls
    )
    stop, lock, sessions = threading.Event(), threading.Lock(), threading.local()
    bar = Progress(sum(f.bytes for f in wanted), f"Fetching {manifest.name}", "bytes") if progress else None

    def advance(n: int) -> None:
        if bar is not None:
            with lock:
                bar.advance(n)

    def get(file: DataFile) -> None:
        if stop.is_set():
            return
        if not hasattr(sessions, "session"):
            sessions.session = requests.Session()
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        downloader = ResumingDownloader(part, file.bytes, file.sha256, advance, stop, sessions.session)
        if target.exists() and sha256(target) == file.sha256:
            advance(file.bytes)
        else:
            getter.fetch(file.path, downloader=downloader)
        if file.extract:
            unpack(target, folder / archive_folder(file.path))

    with _alone(folder), ThreadPoolExecutor(_WORKERS) as pool:
        tasks = [pool.submit(get, file) for file in wanted]
        try:
            for task in as_completed(tasks):
                task.result()
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            if bar is not None:
                bar.close()
    return folder


@contextmanager
def _alone(folder: Path):
    """Let one process at a time write a set; a second one waits, then finds the files complete."""
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
