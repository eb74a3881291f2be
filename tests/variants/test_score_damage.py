"""Files of scores appear whole or not at all; old ones are read, damaged and foreign ones refused."""

import gzip
import shutil

import numpy as np
import pytest
from score_cases import (
    CONTIGS,
    TABLES,
    VCF_HEADER,
    blocks,
    described,
    options,
    records,
    same_table,
    write,
    write_version_1,
)

from seqdl.errors import InputError
from seqdl.variants.files.reading import read_scores
from seqdl.variants.files.writers import atomic_output, open_writer


@pytest.mark.parametrize("name", ("s.tsv.gz", "s.vcf.gz", "s.h5", "s.parquet", "s.zarr"))
def test_nothing_stands_under_the_final_name_before_all_is_done(tmp_path, name):
    meta, rows = described(), records()
    asked = options(name)
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), atomic_output(tmp_path / name) as aside:
            writer = open_writer(aside, meta, VCF_HEADER, CONTIGS, **asked)
            for block in blocks(rows, meta, 7):
                writer.write(block)
            assert all(p.name.startswith(".") for p in tmp_path.iterdir())
            writer.finish()
            assert all(p.name.startswith(".") for p in tmp_path.iterdir())
            raise error
        assert list(tmp_path.iterdir()) == []
    write(tmp_path / name, rows, meta, **asked)
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(ValueError, match="full"), atomic_output(tmp_path / name) as aside:
        open_writer(aside, meta, VCF_HEADER, CONTIGS, **asked).close()
        raise ValueError("full")
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    write(tmp_path / name, rows[:20], meta, **asked)  # and what stands there is replaced
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_folder_that_is_no_table_is_never_replaced(tmp_path):
    pytest.importorskip("zarr")
    folder = tmp_path / "s.zarr"
    folder.mkdir()
    (folder / "thesis.txt").write_text("dear")
    with pytest.raises(InputError, match="no table of scores"):
        write(folder, records(), described())
    assert (folder / "thesis.txt").read_text() == "dear"


@pytest.mark.parametrize("suffix", ("tsv", "h5", "parquet"))
def test_files_of_version_1_are_read(tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    values = np.random.default_rng(2).normal(size=(2, 2, 2)).astype(np.float32)
    keys, numbers, meta = write_version_1(tmp_path / f"s.{suffix}", values)
    table = read_scores(tmp_path / f"s.{suffix}")
    names = ["chrom", "pos", "id", "ref", "alt", "flag", "max_target"]
    assert list(table.variants[names].itertuples(index=False, name=None)) == keys
    np.testing.assert_array_equal(table.variants[["max_ref", "max_alt", "max_abs_diff"]], numbers)
    np.testing.assert_array_equal(table.scores["diff"], values[:, :, 0])
    np.testing.assert_array_equal(table.scores["logit_diff"], values[:, :, 1])
    assert table.meta["version"] == 1
    assert [column[0] for column in table.meta["columns"]] == ["diff", "logit_diff"]
    assert (table.meta["notes"], table.meta["task"], table.meta["window"]) == ([], "binary", 40)


@pytest.mark.parametrize("name", TABLES)
def test_a_newer_version_and_a_foreign_description_are_refused(tmp_path, name):
    class Other(type(described())):
        change = ("", "")

        def json(self):
            return super().json().replace(*self.change)

    for Other.change, match in (
        (('"version": 2', '"version": 3'), "version 3"),
        (('"format": "seqdl-scores"', '"format": "cake"'), "not a table of scores"),
        (('"targets": ', '"guests": '), "not a table of scores"),
    ):
        meta = Other(**vars(described()))
        write(tmp_path / name, records(), meta, **options(name))
        with pytest.raises(InputError, match=match):
            read_scores(tmp_path / name)


@pytest.mark.parametrize("name", ("s.tsv", "s.tsv.gz", "s.h5", "s.parquet", "long.parquet"))
def test_a_file_that_was_cut_off_is_never_read_as_whole(tmp_path, name):
    write(tmp_path / name, records(400), described(), **options(name))
    data = (tmp_path / name).read_bytes()
    ends = [0, 1, 500, *np.linspace(0.1, 0.99, 12), -1]
    for end in ends:
        size = int(end * len(data)) if 0 < end < 1 else end if end >= 0 else len(data) + end
        if name == "s.tsv" and data[size - 1 : size] == b"\n":
            size -= 1
        (tmp_path / name).write_bytes(data[:size])
        with pytest.raises(InputError):
            read_scores(tmp_path / name)


def test_bgzip_that_ends_between_two_of_its_blocks_is_noticed(tmp_path):
    path = tmp_path / "s.tsv.gz"
    write(path, records(400), described())
    data = path.read_bytes()
    path.write_bytes(data[:-28])  # a gzip reader takes this for a whole file
    assert gzip.decompress(data[:-28]) == gzip.decompress(data)
    with pytest.raises(InputError, match="end marker"):
        read_scores(path)
    path.write_bytes(gzip.compress(gzip.decompress(data)))  # compressed again by another program
    same_table(read_scores(path), described(), records(400))


def test_a_line_with_a_field_missing_is_named(tmp_path):
    write(tmp_path / "s.tsv", records(), described())
    lines = (tmp_path / "s.tsv").read_text().splitlines()
    lines[-3] = lines[-3].rpartition("\t")[0]
    (tmp_path / "s.tsv").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=f"line {len(lines) - 2} "):
        read_scores(tmp_path / "s.tsv")


def test_a_zarr_folder_with_an_array_missing_is_refused(tmp_path):
    pytest.importorskip("zarr")
    write(tmp_path / "s.zarr", records(), described())
    shutil.rmtree(tmp_path / "s.zarr" / "diff")
    (tmp_path / "s.zarr" / ".zmetadata").unlink()
    with pytest.raises(InputError, match="damaged"):
        read_scores(tmp_path / "s.zarr")
    with pytest.raises(InputError, match="does not exist"):
        read_scores(tmp_path / "t.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(InputError, match="not a table"):
        read_scores(tmp_path / "empty.zarr")
    (tmp_path / "file.zarr").write_text("x")
    with pytest.raises(InputError, match="not a table"):
        read_scores(tmp_path / "file.zarr")


def test_a_long_table_that_lost_rows_is_refused(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "long.parquet"
    write(path, records(), described(), layout="long")
    table = pq.read_table(path)
    for part in (table.slice(1), table.slice(3).take(list(range(2, -1, -1)))):
        pq.write_table(part, path)
        with pytest.raises(InputError, match="each allele and target"):
            read_scores(path)
