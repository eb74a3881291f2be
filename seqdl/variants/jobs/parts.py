"""Scored chunks kept on disk until the output is whole, so that a job that was cut off goes on where it was.

A folder beside the output, ``<output>.parts``: ``plan.json`` says what is being scored, and ``<chunk>.npz``
holds one chunk's `ScoredBlock` and its counts, without the records' text, which is read again. A part
appears whole or not at all. Strings are laid end to end as UTF-8 with a line's end between them, so that
nothing in a part can run as code. The outputs are written aside in this folder too, under hidden names: what
a killed job leaves is removed by the next one, and a finished one removes the folder.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from seqdl.errors import InputError
from seqdl.files import atomic_path, write_text
from seqdl.io.vcf import VcfChunk
from seqdl.variants.scored import ScoredBlock
from seqdl.words import few

FORMAT, VERSION = "seqdl-score-parts", 1
PLAN, LOCK, JOB = "plan.json", "lock", "job.json"
_OURS = re.compile(rf"\..+\.[0-9a-f]{{6}}\.(part|old).*|\.nfs.*|\d+\.npz|{PLAN}|{LOCK}|{JOB}")
_NAME = "[0-9]*.npz"  # hidden ones are not whole
_CHUNK_TEXTS = ("chroms", "ids", "refs", "alts")
_DAMAGED = (
    ValueError, KeyError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error
)  # fmt: skip
_BLOCK_TEXTS = ("flags", "reasons", "details")
_BLOCK_ARRAYS = ("rows", "max_target", "max_ref", "max_alt", "max_abs_diff")


class Parts:
    """The folder of one job's parts.

    Parameters
    ----------
    folder : path
    plan : dict
        Everything that decides the numbers and how the variants are cut into chunks.
    """

    def __init__(self, folder: str | Path, plan: dict) -> None:
        self.folder = Path(folder)
        self.plan = json.loads(json.dumps({"format": FORMAT, "version": VERSION, **plan}))
        self._lock: IO | None = None

    def begin(self, restart: bool = False) -> int:
        """Make the folder, or find what is there of the same job; call `release` in the end.

        Parameters
        ----------
        restart : bool
            Throw away what is there.

        Returns
        -------
        there : int
            Chunks that are scored already.

        Raises
        ------
        InputError
            If the folder holds parts of another job or other files, another process works in it, or it cannot
            be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"Cannot make the folder {self.folder}: {error.strerror}.") from error
        file = self.folder / PLAN
        foreign = [p.name for p in self.folder.iterdir() if not _OURS.fullmatch(p.name)]
        if foreign:
            raise InputError(
                f"{self.folder} is where parts of the output are kept until it is whole, but other files are "
                f"there: {few(foreign, 3)}. Move that folder away, or give another output."
            )
        self._take_lock()
        try:
            # Without a plan, parts are what was left by a process that was killed while it removed them.
            self._clear("*" if restart or not file.exists() else ".*")
            return self._go_on(file)
        except BaseException:
            self.release()
            raise

    def _go_on(self, file: Path) -> int:
        if file.exists():
            try:
                found = json.loads(file.read_text(encoding="utf-8"))
            except ValueError:
                found = {}
            for key, value in self.plan.items():
                if found.get(key) != value:
                    raise InputError(
                        f"{self.folder} holds what an earlier job had scored when it was cut off, and that "
                        f"job was another one: its {key} was {_short(found.get(key))}, now it "
                        f"is {_short(value)}. Give the earlier arguments to go on with it, or "
                        "--restart to begin anew."
                    )
            return len(list(self.folder.glob(_NAME)))
        write_text(file, json.dumps(self.plan, indent=1))
        return 0

    def _take_lock(self) -> None:
        """Keep a second job off; the system lets go of the lock when this process ends, however it ends."""
        lock = open(self.folder / LOCK, "wb")  # noqa: SIM115
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise InputError(
                f"Another process is writing this output now: it works in {self.folder}. "
                "Wait until it has ended, or give another output."
            ) from None
        except OSError:  # a file system without locks
            pass
        self._lock = lock

    def _clear(self, pattern: str) -> None:
        if pattern == "*":
            (self.folder / PLAN).unlink(missing_ok=True)  # first: what is left then belongs to no job
        for path in self.folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink(missing_ok=True)

    def release(self) -> None:
        """Let other processes work in the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def path(self, number: int) -> Path:
        """Return the file of a chunk."""
        return part_path(self.folder, number)

    def write(self, number: int, block: ScoredBlock, counts: tuple[int, int]) -> None:
        """Write a chunk's part."""
        write_part(self.path(number), block, counts)

    def read(self, number: int) -> tuple[ScoredBlock, tuple[int, int]] | None:
        """Read a chunk's part, its chunk without `lines`; None if it is not there, or is damaged."""
        file = self.path(number)
        if not file.exists():
            return None
        try:
            return read_part(file)
        except _DAMAGED:
            file.unlink(missing_ok=True)  # a disk that failed: the chunk is scored again
            return None

    def remove(self) -> None:
        """Remove the folder with everything in it, if it is one of ours."""
        if (self.folder / PLAN).exists():
            self._clear("*")
            self.release()  # an open file cannot be removed over NFS
            shutil.rmtree(self.folder)

    def remove_if_empty(self) -> None:
        """Remove the folder if it holds no part."""
        if self.folder.is_dir() and not any(self.folder.glob(_NAME)):
            self.remove()


def part_path(folder: Path, number: int) -> Path:
    """Return the file of a chunk in a folder of parts."""
    return folder / f"{number:08d}.npz"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def write_part(path: Path, block: ScoredBlock, counts: tuple[int, int]) -> None:
    """Write a block and its counts, whole or not at all.

    Parameters
    ----------
    path : Path
        Ends in .npz.
    block : ScoredBlock
    counts : (int, int)
        Mismatches and swapped alleles.
    """
    chunk = block.chunk
    arrays = {"record": chunk.record, "pos": chunk.pos, "counts": np.array(counts, np.int64)}
    arrays |= {name: getattr(block, name) for name in _BLOCK_ARRAYS}
    arrays |= {f"value.{name}": x for name, x in block.values.items()}
    texts = {name: getattr(chunk, name) for name in _CHUNK_TEXTS}
    texts |= {name: getattr(block, name) for name in _BLOCK_TEXTS}
    for name, x in block.notes.items():
        (texts if isinstance(x, list) else arrays)[f"note.{name}"] = x
    for name, lines in texts.items():
        arrays[f"text.{name}"] = np.frombuffer("\n".join([*lines, ""]).encode(), np.uint8)
    with atomic_path(path) as aside, open(aside, "wb") as handle:
        np.savez(handle, **arrays)


def read_part(path: Path) -> tuple[ScoredBlock, tuple[int, int]]:
    """Read what `write_part` wrote.

    Raises
    ------
    KeyError, ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error
        If the file is damaged.
    """
    # Opened here: numpy leaves a damaged file open.
    with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    texts = {
        name[len("text.") :]: x.tobytes().decode().split("\n")[:-1]
        for name, x in arrays.items()
        if name.startswith("text.")
    }
    notes = {
        name[len("note.") :]: x for name, x in (*texts.items(), *arrays.items()) if name.startswith("note.")
    }
    values = {name[len("value.") :]: x for name, x in arrays.items() if name.startswith("value.")}
    chunk = VcfChunk(
        arrays["record"], texts["chroms"], arrays["pos"], texts["ids"], texts["refs"], texts["alts"], None
    )  # fmt: skip
    block = ScoredBlock(
        chunk, arrays["rows"], *(texts[name] for name in _BLOCK_TEXTS), values,
        *(arrays[name] for name in _BLOCK_ARRAYS[1:]), notes,
    )  # fmt: skip
    mismatches, swapped = arrays["counts"].tolist()
    return block, (mismatches, swapped)
