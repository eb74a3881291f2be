"""Downloads that go on where a cut connection left them, and give nothing that fails its checksum."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

from seqdl.errors import InputError
from seqdl.files import sha256

_CHUNK = 1 << 15
_TRIES = 3  # in a row without one new byte
_PAUSE = 0.5  # seconds before the second try, doubled at each further one
_TIMEOUT = (10, 30)  # seconds to connect, seconds between two packets
_GONE = (
    "Check the connection (behind a proxy, set HTTPS_PROXY), or copy the files yourself and set SEQDL_DATA."
)
_KEPT = "What has arrived is kept: the same command goes on from there."


class Cancelled(Exception):
    """Another file of the same set has failed, so this download was given up."""


class ResumingDownloader:
    """Fetch one file into `part`, going on where it ended; pooch calls this as its downloader.

    pooch itself starts every download from nothing in a temporary file. This one keeps the bytes beside
    the target under the name `part`, asks the server for the rest (HTTP Range), and hands pooch the
    file only when its length and SHA-256 are right.

    Parameters
    ----------
    part : path
        Where unfinished bytes are kept between tries and between runs.
    size : int
        Length of the whole file in bytes.
    digest : str
        SHA-256 of the whole file, 64 hexadecimal digits.
    advance : callable, optional
        Called with the number of new bytes (negative when a server makes us begin again).
    stop : threading.Event, optional
        When set, the download gives up at the next packet.
    session : requests.Session, optional
        Keeps the connection between files.
    """

    def __init__(
        self,
        part: Path,
        size: int,
        digest: str,
        advance: Callable[[int], None] | None = None,
        stop: threading.Event | None = None,
        session=None,
    ) -> None:
        self.part, self.size, self.digest = Path(part), size, digest
        self._advance = advance or (lambda n: None)
        self._stop = stop or threading.Event()
        self._session = session

    def __call__(self, url: str, output_file: str | Path, pooch=None) -> None:
        """Bring `url` to `output_file`, whole and verified.

        Parameters
        ----------
        url : str
            Address of the file, http or https.
        output_file : path
            Where the complete file goes.
        pooch : pooch.Pooch, optional
            Part of pooch's signature; not used.

        Raises
        ------
        InputError
            If the server cannot be reached, refuses, sends too much, or the checksum is wrong.
        """
        have = self._begin()
        most, failures = have, 0
        while have < self.size or not self.part.exists():
            if self._stop.is_set():
                raise Cancelled
            problem = self._try(url, have)
            have = self.part.stat().st_size if self.part.exists() else 0
            if have > most:
                most, failures = have, 0
            elif problem:
                failures += 1
            if problem and failures >= _TRIES:
                raise InputError(f"Could not fetch {url}: {problem}. {_GONE}{' ' + _KEPT if most else ''}")
            if problem:
                # Event.wait instead of sleep, so that Ctrl-C and a failing neighbour end the pause.
                self._stop.wait(_PAUSE * 2**failures)
        received = sha256(self.part)
        if received != self.digest:
            self.part.unlink()
            raise InputError(
                f"{url} has a wrong checksum, so the file was removed. "
                f"Expected SHA-256 {self.digest}, received {received}. "
                "The file has changed at its source or was altered on the way; do not use it."
            )
        self.part.replace(output_file)

    def _begin(self) -> int:
        """Return how many bytes an earlier run left."""
        have = self.part.stat().st_size if self.part.exists() else 0
        if have > self.size:
            self.part.unlink()
            have = 0
        self._advance(have)
        return have

    def _try(self, url: str, have: int) -> str:
        """Make one request and append what comes; return what went wrong, or "" when nothing did."""
        import requests
        from urllib3.exceptions import HTTPError

        # Without "identity" a server may gzip a text file, and lengths and ranges mean something else.
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        get = (self._session or requests).get
        try:
            with get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
                if response.status_code == 416 and have:
                    self._restart(have)
                    return "the server does not have the rest of the file"
                if response.status_code == 429 or response.status_code >= 500:
                    return f"the server answered {response.status_code} {response.reason}"
                if response.status_code not in (200, 206):
                    raise InputError(
                        f"Could not fetch {url}: the server answered "
                        f"{response.status_code} {response.reason}. "
                        "If the file has moved, give the mirror's address with --base-url, "
                        "or copy the files yourself and set SEQDL_DATA."
                    )
                if have and not _continues(response, have):
                    have = self._restart(have)
                self._receive(response, url, have)
        except (requests.RequestException, HTTPError) as error:
            return _say(error)
        return "" if self.part.stat().st_size >= self.size else "the connection was cut"

    def _receive(self, response, url: str, have: int) -> None:
        """Append the body of a response to the part file."""
        with open(self.part, "ab" if have else "wb") as handle:
            for chunk in response.iter_content(_CHUNK):
                if self._stop.is_set():
                    raise Cancelled
                have += len(chunk)
                if have > self.size:
                    handle.close()
                    self.part.unlink()
                    raise InputError(
                        f"{url} is longer than the {self.size:,} bytes that the manifest states, so it was "
                        "removed. It is another file than the one described; do not use it."
                    )
                handle.write(chunk)
                self._advance(len(chunk))

    def _restart(self, have: int) -> int:
        """Forget the bytes of an earlier try, because the server does not go on from there."""
        self._advance(-have)
        self.part.unlink(missing_ok=True)
        return 0


def _continues(response, have: int) -> bool:
    """Tell whether a response holds the rest of the file, from byte `have` on."""
    stated = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return response.status_code == 206 and stated is not None and int(stated.group(1)) == have


def _say(error: Exception) -> str:
    """Put a network error into a few words."""
    text = str(error)
    for sign, words in (
        ("NameResolution", "its host name is not known (no network?)"),
        ("Failed to resolve", "its host name is not known (no network?)"),
        ("refused", "the server refuses connections"),
        ("timed out", "the server does not answer in time"),
        ("unreachable", "the network is unreachable"),
        ("CERTIFICATE", "the server's certificate is not trusted"),
        ("IncompleteRead", "the connection was cut"),
        ("Connection broken", "the connection was cut"),
        ("reset by peer", "the connection was cut"),
        ("without response", "the connection was cut"),
    ):
        if sign in text:
            return words
    return f"{type(error).__name__}: {text}"
