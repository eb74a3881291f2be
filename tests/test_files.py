"""Files appear whole or not at all, and bad text files are named."""

import gzip
import os

import pytest

from seqdl.errors import InputError
from seqdl.files import (
    atomic_path,
    full_suffix,
    read_lines,
    require_file,
    require_other,
    require_writable,
)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.tsv.gz"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as aside:
        assert aside.name.endswith(".tsv.gz") and aside.parent == tmp_path
        aside.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.tsv.gz"]


def test_a_finished_write_replaces(tmp_path):
    with atomic_path(tmp_path / "new" / "a.txt") as aside:
        aside.write_text("whole")
    assert (tmp_path / "new" / "a.txt").read_text() == "whole"


def test_targets_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(InputError, match="is a folder"), atomic_path(tmp_path):
        pass
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="Cannot make the folder"), atomic_path(tmp_path / "file" / "a.txt"):
        pass


def test_suffixes():
    assert [full_suffix(n) for n in ("a.b.tsv.gz", "x.vcf.bgz", "r.H5", "none")] == [
        ".tsv.gz",
        ".vcf.bgz",
        ".h5",
        "",
    ]


def test_lines_are_numbered_whatever_the_file(tmp_path):
    for name, content in (("p", b"a\r\nb\n"), ("z.gz", gzip.compress(b"a\nb"))):
        (tmp_path / name).write_bytes(content)
        assert list(read_lines(tmp_path / name, "table")) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "empty"),
        (b"ok\n\xff\xfe\x00", "not a text"),
        (gzip.compress(b"line\n" * 9999)[:50], "truncated"),
        (b"a\x00b\n", "binary"),
    ],
    ids=["empty", "not_text", "truncated", "binary"],
)
def test_bad_text_is_named(tmp_path, content, words):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(InputError, match=words):
        list(read_lines(tmp_path / "f", "table"))


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    path = tmp_path / "a.bed"
    path.write_text("\ufeffchr1\t1\t2\n")
    assert list(read_lines(path, "BED file")) == [(1, "chr1\t1\t2")]
    path.write_bytes("chr1\t1\t2\té\n".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        list(read_lines(path, "BED file"))


def test_pipes_and_devices_are_neither_read_nor_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="pipe"):
        require_file(pipe, "VCF")
    with pytest.raises(InputError, match="standard input"):
        require_file("-", "VCF")
    with pytest.raises(InputError, match="would be replaced"), atomic_path(pipe):
        pass
    assert pipe.is_fifo()


def test_an_output_never_replaces_its_input(tmp_path):
    source = tmp_path / "a.bed"
    source.write_text("x")
    (tmp_path / "link.tsv").symlink_to(source)
    for target in (source, tmp_path / "link.tsv", str(source)):
        with pytest.raises(InputError, match="is one of the inputs"):
            require_other(target, None, object(), source)
    require_other(tmp_path / "new.tsv", source)
    require_other(source, tmp_path / "gone.bed", None)


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / "file").write_text("x")
    for target, words in ((tmp_path, "it is a folder"), (tmp_path / "file" / "a" / "b.h5", "is a file")):
        with pytest.raises(InputError, match=words):
            require_writable(target)
    assert require_writable(tmp_path / "new" / "deep" / "a.h5").name == "a.h5"
    assert not (tmp_path / "new").exists()
