"""Manifests and fetching, against a real HTTP server on this machine."""

from __future__ import annotations

import configparser
import hashlib
import io
import json
import os
import re
import socket
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import seqdl.data.download as download
from seqdl.data.archives import unpack
from seqdl.data.manifests import (
    fetch,
    list_datasets,
    load_manifest,
    local_path,
    manifest_folder,
    select_files,
)
from seqdl.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


class Handler(BaseHTTPRequestHandler):
    """Serves `server.files`; drops the connection, ignores Range or fails as `server` is told."""

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range")))
        if server.busy > 0:
            server.busy -= 1
            return self.send_error(503)
        body = server.files.get(self.path)
        if body is None:
            return self.send_error(404)
        begin, total = 0, len(body)
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and server.ranges:
            begin = int(asked.group(1))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(total - begin))
        self.end_headers()
        rest = body[begin:]
        if server.drops > 0:
            server.drops -= 1
            self.wfile.write(rest[: server.drop_after])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        return self.wfile.write(rest)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.delenv("SEQDL_DATA", raising=False)
    monkeypatch.setenv("SEQDL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "_PAUSE", 0.01)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.requests, server.ranges = {}, [], True
    server.drops, server.drop_after, server.busy = 0, 0, 0
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def make(tmp_path, server, contents: dict[str, bytes], name="toy", **changes) -> Path:
    """Serve `contents` and write the manifest that describes them."""
    files = []
    for path, body in contents.items():
        server.files[f"/{path}"] = body
        files.append(
            {
                "path": path,
                "url": f"{server.url}/{path}",
                "sha256": hashlib.sha256(body).hexdigest(),
                "bytes": len(body),
                "local": f"{name}/{path}",
                **changes,
            }
        )
    return write(tmp_path, files, name)


def write(tmp_path, files, name="toy", **head) -> Path:
    manifest = {
        "format": "seqdl-manifest",
        "version": 1,
        "name": name,
        "title": "toy",
        "description": "toy set",
        "local_root": name,
        "files": files,
        **head,
    }
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(manifest))
    return path


BODY = os.urandom(300_000)


def test_good_files_arrive_once(tmp_path, server):
    contents = {f"peaks/p{i}.bed": f"chr1\t{i}\t{i + 1}\n".encode() for i in range(40)} | {
        "g.fa": BODY,
        "none.bed": b"",
    }
    manifest = make(tmp_path, server, contents)
    folder = fetch(manifest, progress=False)
    assert folder == tmp_path / "cache" / "data" / "toy"
    assert all((folder / path).read_bytes() == body for path, body in contents.items())
    assert not list(folder.rglob("*.part"))
    asked = len(server.requests)
    assert asked == len(contents)
    assert fetch(manifest) == folder
    assert len(server.requests) == asked, "complete files are not asked for again"


def test_damaged_file_in_the_cache_is_fetched_again(tmp_path, server):
    manifest = make(tmp_path, server, {"g.fa": BODY, "h.fa": BODY[:1000]})
    folder = fetch(manifest)
    (folder / "h.fa").write_bytes(b"x")
    fetch(manifest)
    assert (folder / "h.fa").read_bytes() == BODY[:1000]
    assert [path for path, _ in server.requests].count("/g.fa") == 1


def test_cut_connection_goes_on(tmp_path, server):
    manifest = make(tmp_path, server, {"g.fa": BODY})
    server.drops, server.drop_after = 2, 100_000
    folder = fetch(manifest)
    assert (folder / "g.fa").read_bytes() == BODY
    asked = [int(re.search(r"\d+", range_ or "0").group()) for _, range_ in server.requests]
    assert len(asked) == 3 and asked[0] == 0 < asked[1] <= 100_000 < asked[2] <= 200_000, "the rest only"


def test_cut_run_goes_on_in_the_next_run(tmp_path, server):
    manifest = make(tmp_path, server, {"g.fa": BODY})
    server.drops, server.drop_after = 1, 120_000
    monkey_tries = download._TRIES
    download._TRIES = 0
    try:
        with pytest.raises(InputError, match="connection was cut.*same command goes on"):
            fetch(manifest)
    finally:
        download._TRIES = monkey_tries
    part = tmp_path / "cache/data/toy/g.fa.part"
    kept = part.stat().st_size
    assert 60_000 < kept <= 120_000 and part.read_bytes() == BODY[:kept]
    assert not (part.parent / "g.fa").exists()
    fetch(manifest)
    assert server.requests[-1] == ("/g.fa", f"bytes={kept}-")
    assert (part.parent / "g.fa").read_bytes() == BODY
    assert not part.exists()


def test_server_without_ranges_begins_again(tmp_path, server):
    manifest = make(tmp_path, server, {"g.fa": BODY})
    server.drops, server.drop_after, server.ranges = 1, 100_000, False
    assert (fetch(manifest) / "g.fa").read_bytes() == BODY


def test_server_that_always_cuts_at_the_same_place_ends(tmp_path, server):
    manifest = make(tmp_path, server, {"g.fa": BODY})
    server.drops, server.drop_after, server.ranges = 100, 1000, False
    with pytest.raises(InputError, match="cut"):
        fetch(manifest)
    assert len(server.requests) < 10


def test_busy_server_is_asked_again(tmp_path, server):
    manifest = make(tmp_path, server, {"g.fa": BODY})
    server.busy = 2
    assert (fetch(manifest) / "g.fa").read_bytes() == BODY


def test_wrong_checksum_removes_the_file_and_names_both(tmp_path, server):
    manifest = make(tmp_path, server, {"g.fa": BODY})
    other = BODY[:-1] + bytes([BODY[-1] ^ 1])
    server.files["/g.fa"] = other
    with pytest.raises(InputError) as caught:
        fetch(manifest)
    assert hashlib.sha256(BODY).hexdigest() in str(caught.value)
    assert hashlib.sha256(other).hexdigest() in str(caught.value)
    assert [p.name for p in (tmp_path / "cache/data/toy").iterdir()] == [".lock"]


def test_longer_file_is_refused(tmp_path, server):
    manifest = make(tmp_path, server, {"g.fa": BODY})
    server.files["/g.fa"] = BODY + b"more"
    with pytest.raises(InputError, match="longer than the 300,000 bytes"):
        fetch(manifest)
    assert not list((tmp_path / "cache/data/toy").glob("g.fa*"))


def test_missing_file_says_so(tmp_path, server):
    manifest = make(tmp_path, server, {"g.fa": BODY})
    server.files.clear()
    with pytest.raises(InputError, match="404.*--base-url"):
        fetch(manifest)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_unreachable_host_says_so(tmp_path, server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    manifest = make(tmp_path, server, {"g.fa": BODY})
    with pytest.raises(InputError, match="refuses connections.*SEQDL_DATA"):
        fetch(manifest, base_url=f"http://127.0.0.1:{port}")
    with pytest.raises(InputError, match="host name is not known"):
        fetch(manifest, base_url="http://no-such-host.invalid")


def test_mirror_and_patterns(tmp_path, server):
    manifest = make(tmp_path, server, {"a/x.bed": b"1", "a/y.bed": b"2", "z.fa": b"3"})
    server.files = {f"/mirror{path}": body for path, body in server.files.items()}
    folder = fetch(manifest, files="a/*", base_url=server.url + "/mirror/")
    assert sorted(p.name for p in folder.rglob("*.*") if p.is_file()) == [".lock", "x.bed", "y.bed"]
    with pytest.raises(InputError, match="Did you mean 'z.fa'"):
        fetch(manifest, files=["z.fq"])
    with pytest.raises(InputError, match="base_url"):
        fetch(manifest, base_url="file:///etc")


def test_own_copies_come_first_and_are_verified(tmp_path, server, monkeypatch):
    manifest = make(tmp_path, server, {"g.fa": BODY, "p/x.bed": b"chr1\t1\t2\n"})
    data = tmp_path / "copies"
    (data / "toy/p").mkdir(parents=True)
    (data / "toy/g.fa").write_bytes(BODY)
    monkeypatch.setenv("SEQDL_DATA", str(data))
    assert fetch(manifest, files="g.fa") == data / "toy"
    assert server.requests == []
    assert fetch(manifest) == tmp_path / "cache/data/toy", "an incomplete copy does not serve"
    (data / "toy/p/x.bed").write_bytes(b"chr1\t1\t3\n")
    with pytest.raises(InputError, match="wrong checksum.*Expected"):
        fetch(manifest)
    monkeypatch.setenv("SEQDL_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="not a folder"):
        fetch(manifest)


def test_derived_copy_has_its_own_checksum(tmp_path, server, monkeypatch):
    derived = b">chrI\nACGT\n"
    manifest = make(
        tmp_path,
        server,
        {"g.2bit": BODY},
        local="toy/g.fa",
        local_sha256=hashlib.sha256(derived).hexdigest(),
        local_bytes=len(derived),
        derived="as FASTA",
    )
    data = tmp_path / "copies"
    (data / "toy").mkdir(parents=True)
    (data / "toy/g.fa").write_bytes(derived)
    monkeypatch.setenv("SEQDL_DATA", str(data))
    folder = fetch(manifest)
    described = load_manifest(manifest)
    assert local_path(described, described.files[0], folder).read_bytes() == derived
    monkeypatch.delenv("SEQDL_DATA")
    folder = fetch(manifest)
    assert local_path(described, described.files[0], folder).read_bytes() == BODY


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "", ".", "C:/x", "a\\..\\x", "a\nb"])
def test_manifest_cannot_point_outside(tmp_path, server, path):
    entry = {"path": path, "url": "https://example.org/x", "sha256": "0" * 64, "bytes": 1}
    with pytest.raises(InputError, match="outside its folder"):
        fetch(write(tmp_path, [entry]))
    with pytest.raises(InputError, match="outside its folder"):
        fetch(write(tmp_path, [{**entry, "path": "x", "local": path or "/"}]))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"url": "file:///etc/passwd"}, "only http"),
        ({"sha256": "abc"}, "SHA-256"),
        ({"sha256": ""}, "needs sha256"),
        ({"bytes": -1}, "needs sha256 and bytes"),
        ({"surprise": 1}, "wrong field"),
    ],
)
def test_manifest_with_a_bad_entry_is_refused(tmp_path, server, change, words):
    entry = {"path": "x", "url": "https://example.org/x", "sha256": "0" * 64, "bytes": 1, **change}
    with pytest.raises(InputError, match=words):
        load_manifest(write(tmp_path, [entry]))


def test_manifest_file_that_is_none(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_manifest(tmp_path / "no.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        load_manifest(tmp_path / "bad.json")
    for text in ("[]", "{}", '{"format": "x", "version": 1}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(InputError):
            load_manifest(tmp_path / "bad.json")
    with pytest.raises(InputError, match="use lower-case"):
        load_manifest(
            write(tmp_path, [{"path": "x", "url": "https://e.org", "sha256": "0" * 64, "bytes": 1}], "a b")
        )


def tar(members) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as handle:
        for info, body in members:
            info.size = len(body)
            handle.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


def test_archive_is_unpacked_inside_the_cache(tmp_path, server):
    body = tar([(tarfile.TarInfo("sub/a.bed"), b"chr1\t1\t2\n"), (tarfile.TarInfo("b.bed"), b"")])
    manifest = make(tmp_path, server, {"set.tar.gz": body}, extract=True)
    folder = fetch(manifest)
    described = load_manifest(manifest)
    inside = local_path(described, described.files[0], folder)
    assert inside == folder / "set"
    assert (inside / "sub/a.bed").read_bytes() == b"chr1\t1\t2\n"


def member(name, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "evil",
    [
        member("../evil"),
        member("/tmp/evil"),
        member("a/../../evil"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.LNKTYPE, "../x"),
        member("pipe", tarfile.FIFOTYPE),
    ],
)
def test_archive_cannot_write_outside(tmp_path, evil):
    archive = tmp_path / "in" / "evil.tar.gz"
    archive.parent.mkdir()
    archive.write_bytes(tar([(tarfile.TarInfo("good"), b"x"), (evil, b"")]))
    with pytest.raises(InputError, match="outside|link"):
        unpack(archive, tmp_path / "in" / "out")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["evil.tar.gz"], "nothing was written"


def test_zip_cannot_write_outside_and_damage_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as handle:
        handle.writestr("good", "x")
        handle.writestr("../evil", "x")
    with pytest.raises(InputError, match="outside"):
        unpack(tmp_path / "evil.zip", tmp_path / "out")
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as handle:
        handle.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="link"):
        unpack(tmp_path / "link.zip", tmp_path / "out")
    (tmp_path / "cut.tar.gz").write_bytes(tar([(tarfile.TarInfo("x"), BODY)])[:5000])
    with pytest.raises(InputError, match="damaged"):
        unpack(tmp_path / "cut.tar.gz", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as handle:
        handle.writestr("a/b", "x")
    assert (unpack(tmp_path / "good.zip", tmp_path / "out") / "a/b").read_text() == "x"


def test_shipped_manifests_are_complete():
    table = list_datasets()
    assert {"yeast-chipexo", "yeast-atac", "human-chr22", "mirbase-hairpins", "chip-100bp"} <= set(
        table["name"]
    )
    for name in table["name"]:
        manifest = load_manifest(name)
        assert manifest.name == name
        assert manifest.title and manifest.description and manifest.licence and manifest.citation
        assert all(file.url.startswith("https://") and file.role and file.local for file in manifest.files)
        assert all(bool(file.local_sha256) == bool(file.derived) for file in manifest.files)
    chipexo = load_manifest("yeast-chipexo")
    assert len(select_files(chipexo, "chipexo/*.bed")) == 396
    with pytest.raises(InputError, match="Did you mean 'yeast-chipexo'"):
        load_manifest("yeast-chipex")


def test_every_package_and_the_manifests_are_in_the_wheel():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    found = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "seqdl").rglob("__init__.py")}
    assert listed == found | {"seqdl.data_manifests", "seqdl.notebooks"}
    assert manifest_folder() == ROOT / "data_manifests"


@pytest.mark.skipif("SEQDL_DATA" not in os.environ, reason="needs the real data, SEQDL_DATA is not set")
def test_real_copies_agree_with_the_manifests(capsys):
    import argparse

    from seqdl.cli.fetch import add_fetch_arguments, run_fetch

    for name in list_datasets()["name"]:
        assert fetch(name).is_relative_to(os.environ["SEQDL_DATA"])
    parser = argparse.ArgumentParser()
    add_fetch_arguments(parser)
    assert run_fetch(parser.parse_args(["yeast-chipexo"])) == 0
    said = capsys.readouterr().out
    assert "seqdl data build --genome" in said and "sacCer3.fa.gz" in said


def test_command_prints_where_and_what_next(tmp_path, server, capsys):
    import argparse

    from seqdl.cli.fetch import (
        add_fetch_arguments,
        add_list_arguments,
        run_fetch,
        run_list,
    )

    make(tmp_path, server, {"g.fa": BODY})
    raw = json.loads((tmp_path / "toy.json").read_text())
    raw["files"][0]["role"] = "genome"
    path = write(
        tmp_path, raw["files"], next=["seqdl data build --genome {genome}"], citation=["Me"], licence="MIT"
    )
    parser = argparse.ArgumentParser()
    add_fetch_arguments(parser)
    assert run_fetch(parser.parse_args([str(path)])) == 0
    said = capsys.readouterr().out
    assert f"seqdl data build --genome {tmp_path / 'cache/data/toy/g.fa'}" in said
    assert "Cite: Me" in said and "MIT" in said
    parser = argparse.ArgumentParser()
    add_list_arguments(parser)
    assert run_list(parser.parse_args([])) == 0
    assert run_list(parser.parse_args(["human-chr22"])) == 0
    said = capsys.readouterr().out
    assert "yeast-chipexo" in said and "389 files in peaks/" in said
