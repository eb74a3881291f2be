"""Files that appear whole or not at all, readers of text that name the line, and the cache folder."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seqdl.errors import InputError
from seqdl.words import suggest

_SUFFIXES_OF_TWO = (".gz", ".bgz")
_SEQUENCE_SUFFIX = re.compile(r"\.(fa|fasta|fna|2bit)(\.b?gz)?$", re.IGNORECASE)


def full_suffix(path: str | Path) -> str:
    """Return the suffix with its compression, such as ".tsv.gz"; lower-case."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in _SUFFIXES_OF_TWO:
        return Path(path.stem).suffix.lower() + suffix
    return suffix


def sequence_stem(path: str | Path) -> str:
    """Return the name of a FASTA or 2bit file without its suffixes."""
    return _SEQUENCE_SUFFIX.sub("", Path(path).name)


def require_file(path: str | Path, what: str) -> Path:
    """Check that a file is there, is a file, can be read and is not empty.

    Parameters
    ----------
    path : path
        The file.
    what : str
        What it should be, for the message ("genome FASTA").

    Returns
    -------
    path : Path

    Raises
    ------
    InputError
        If not; the nearest name in the same folder is suggested.
    """
    path = Path(path).expanduser()
    if str(path) == "-" and not path.exists():
        raise InputError(f"The {what} must be a file: seqdl reads it more than once, so not standard input.")
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"The {what} {path} does not exist.{suggest(path.name, siblings)}")
    if path.is_dir():
        raise InputError(f"The {what} {path} is a folder; a file is needed.")
    if not path.is_file():
        raise InputError(
            f"The {what} {path} is a pipe or device; seqdl reads files more than once. "
            "Write it to a file first."
        )
    if not os.access(path, os.R_OK):
        raise InputError(f"The {what} {path} cannot be read: permission denied.")
    if path.stat().st_size == 0:
        raise InputError(f"The {what} {path} is empty (0 bytes). Was a download or copy cut off?")
    return path


def require_writable(target: str | Path) -> Path:
    """Check that a file can be written, as far as that is known before; a missing folder is not made.

    Parameters
    ----------
    target : path
        The file to be.

    Returns
    -------
    target : Path

    Raises
    ------
    InputError
        If it is a folder, a device or a pipe, or the nearest folder that exists is read-only or a file.
    """
    target = Path(target).expanduser()
    if target.is_dir():
        raise InputError(f"Cannot write {target}: it is a folder. Give a file name.")
    if target.exists() and not target.is_file():
        raise InputError(f"Cannot write {target}: it is a device or pipe, and would be replaced by a file.")
    folder = next(folder for folder in (*target.parents, Path()) if folder.exists())
    if not folder.is_dir():
        raise InputError(f"Cannot make the folder {target.parent}: {folder} is a file.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"Cannot write {target}: the folder {folder} is read-only.")
    return target


def require_other(target: str | Path, *sources) -> None:
    """Check that an output is none of the files that it is made from: it would replace them.

    Parameters
    ----------
    target : path
    *sources : path, None or object
        What is no path, such as an opened genome, is passed over.

    Raises
    ------
    InputError
        If it is, by this or another name.
    """
    target = Path(target).expanduser()
    for source in sources:
        if isinstance(source, (str, Path)) and target.exists():
            source = Path(source).expanduser()
            if source.exists() and source.samefile(target):
                raise InputError(
                    f"The output {target} is one of the inputs, which it would replace. Choose another name."
                )


@contextmanager
def atomic_path(target: str | Path, folder: str | Path | None = None) -> Iterator[Path]:
    """Yield a path to write aside; on success it takes the target's name, on failure it vanishes.

    Parameters
    ----------
    target : path
        Where the finished file shall stand. Its folder is made if missing.
    folder : path, optional
        An existing folder to write aside in, by default the target's own. Whoever may be killed, and cleans
        up when it comes back, gives one of its own.

    Yields
    ------
    path : Path
        With the same suffix. The final rename is atomic; between two file systems, a copy comes before it.

    Raises
    ------
    InputError
        If the folder cannot be made or written.
    """
    target = require_writable(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {target.parent}: {error.strerror}.") from error
    suffix = full_suffix(target)
    stem = target.name[: len(target.name) - len(suffix)]
    name = f".{stem}.{os.getpid()}.{os.urandom(3).hex()}.part{suffix}"
    aside = target.with_name(name) if folder is None else Path(folder) / name
    try:
        yield aside
        with open(aside, "rb") as handle:
            os.fsync(handle.fileno())
        take_name(aside, target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def take_name(aside: Path, target: Path) -> None:
    """Give a finished file its name, replacing what had it; from another file system it is copied first."""
    try:
        os.replace(aside, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with atomic_path(target) as beside:
            shutil.copyfile(aside, beside)
        aside.unlink()


def write_text(target: str | Path, text: str) -> None:
    """Write a text file whole or not at all.

    Parameters
    ----------
    target : str or Path
        Replaced where it exists; its folder is made where it does not.
    text : str
        Written in UTF-8.

    Raises
    ------
    InputError
        If the folder cannot be made or written, or `target` is no ordinary file.
    """
    with atomic_path(target) as aside:
        aside.write_text(text, encoding="utf-8")


def unique_names(pairs: list[tuple[str, object]]) -> dict:
    """Make a JSON object's dict, as `object_pairs_hook`: by itself JSON drops all but the last of two.

    Parameters
    ----------
    pairs : list of (str, object)

    Returns
    -------
    values : dict

    Raises
    ------
    InputError
        If a name stands twice.
    """
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"The name {twice!r} stands twice in one object: keep one of them.")
    return dict(pairs)


def cache_dir() -> Path:
    """Return the folder for files that can be made again: `$SEQDL_CACHE`, or the user's cache folder."""
    if os.environ.get("SEQDL_CACHE"):
        return Path(os.environ["SEQDL_CACHE"]).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "seqdl"


def sha256(path: str | Path) -> str:
    """Compute a file's SHA-256 as 64 hexadecimal digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def is_gzip(path: str | Path) -> bool:
    """Tell whether a file begins with gzip's magic bytes (bgzip's too), whatever its name."""
    with open(path, "rb") as handle:
        return handle.read(2) == b"\x1f\x8b"


def read_lines(path: str | Path, what: str) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) from a plain or gzipped text file.

    Parameters
    ----------
    path : path
        The file; gzip is recognised by content. `\\r\\n` ends are stripped.
    what : str
        What it should be, for messages.

    Raises
    ------
    InputError
        If it is missing, empty, truncated, or not text.
    """
    path = require_file(path, what)
    number = 0
    opener = gzip.open if is_gzip(path) else open
    try:
        # utf-8-sig: spreadsheets and Windows editors put a byte order mark in front of the first name.
        with opener(path, "rt", encoding="utf-8-sig", newline=None) as handle:
            for number, line in enumerate(handle, 1):
                if "\x00" in line:
                    raise InputError(
                        f"The {what} {path} is not a text file (line {number} holds binary data)."
                    )
                yield number, line.rstrip("\r\n")
    except UnicodeDecodeError:
        raise InputError(
            f"The {what} {path} is not a text file in UTF-8 "
            f"(binary data, or another encoding, after line {number})."
        ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"The {what} {path} is truncated or damaged after line {number}: {error}. "
            "Fetch or compress it again."
        ) from error
