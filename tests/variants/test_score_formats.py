"""Every format holds the same rows and numbers, however they were cut, and says what they are."""

import json
import sys

import h5py
import numpy as np
import pysam
import pytest
from score_cases import (
    CONTIGS,
    NOTES,
    TABLES,
    TARGET_TABLE,
    TARGETS,
    TEXTS,
    VCF_HEADER,
    blocks,
    described,
    expected,
    options,
    records,
    same_table,
    write,
    write_rejects,
)

from seqdl.errors import InputError, MissingDependencyError
from seqdl.variants.files.reading import read_scores
from seqdl.variants.files.text_rows import note_texts
from seqdl.variants.files.writers import atomic_output, check_suffix, open_writer


@pytest.mark.parametrize("name", TABLES)
def test_every_table_gives_back_rows_notes_and_numbers(tmp_path, name):
    meta, rows = described(), records()
    assert write(tmp_path / name, rows, meta, **options(name)) == ""
    same_table(read_scores(tmp_path / name), meta, rows)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_the_same_bytes_however_the_rows_are_cut(tmp_path, name):
    meta, rows = described(), records()
    found = set()
    for size in (1, 3, 40):
        write(tmp_path / name, rows, meta, size)
        write_rejects(tmp_path / f"rejects.{name}", rows, meta, size)
        found.add(((tmp_path / name).read_bytes(), (tmp_path / f"rejects.{name}").read_bytes()))
    assert len(found) == 1


@pytest.mark.parametrize("name", ("s.h5", "s.parquet", "long.parquet", "s.zarr"))
def test_tables_hold_the_same_however_the_rows_are_cut(tmp_path, name, monkeypatch):
    """Also where a row group or a chunk is full in the middle of a block."""
    from seqdl.variants.files import parquet_writer, zarr_writer

    monkeypatch.setattr(parquet_writer, "_GROUP_BYTES", 1500)
    monkeypatch.setattr(zarr_writer, "_ROWS_AT_LEAST", 4)
    monkeypatch.setattr(zarr_writer, "_CHUNK_BYTES", 64)
    meta, rows = described(), records()
    groups = set()
    for size in (1, 4, 40):
        write(tmp_path / name, rows, meta, size, **options(name))
        same_table(read_scores(tmp_path / name), meta, rows)
        if name.endswith("parquet"):
            import pyarrow.parquet as pq

            about = pq.ParquetFile(tmp_path / name).metadata
            groups.add(tuple(about.row_group(i).num_rows for i in range(about.num_row_groups)))
            assert about.num_row_groups > 2
    assert len(groups) <= 1


@pytest.mark.parametrize("name", (*TABLES, *TEXTS[2:]))
@pytest.mark.parametrize("some", (False, True))
def test_nothing_scored_is_a_table_without_rows(tmp_path, name, some):
    meta = described()
    rejected = [b for b in blocks([("chr1", 9, ".", "A", list("CGTAC"))], meta, 1)]
    block = rejected[0]
    keep = np.zeros(0, np.int64)
    block = block._replace(
        rows=keep, flags=[], reasons=["SYMBOLIC"] * 5, details=[""] * 5, max_target=keep,
        values={k: v[:0] for k, v in block.values.items()},
        notes={"normalized": [], "ood": block.max_ref[:0]},
        **{k: getattr(block, k)[:0] for k in ("max_ref", "max_alt", "max_abs_diff")},
    )  # fmt: skip
    with atomic_output(tmp_path / name) as aside:
        writer = open_writer(aside, meta, VCF_HEADER, CONTIGS, **options(name))
        if some:
            writer.write(block)
        assert writer.finish() == ""
    if name in TABLES:
        table = read_scores(tmp_path / name)
        assert len(table.variants) == 0
        assert table.scores["diff"].shape == (0, 3)
    else:
        with pysam.VariantFile(str(tmp_path / name)) as file:
            assert len(list(file)) == some


@pytest.mark.parametrize("name", (*TABLES, *TEXTS[2:]))
def test_a_block_without_records_leaves_no_trace(tmp_path, name):
    meta, rows = described(), records()
    (block,) = blocks(rows, meta, len(rows))
    empty = type(block)(*(None if isinstance(x, (tuple, dict)) else x[:0] for x in block))
    empty = empty._replace(
        chunk=type(block.chunk)(*(x[:0] for x in block.chunk)),
        values={k: v[:0] for k, v in block.values.items()},
        notes={k: v[:0] for k, v in block.notes.items()},
    )
    found = []
    for parts in ((block,), (empty, block, empty)):
        with atomic_output(tmp_path / name) as aside:
            writer = open_writer(aside, meta, VCF_HEADER, CONTIGS, **options(name))
            for part in parts:
                writer.write(part)
            writer.finish()
        if name in TABLES:
            same_table(read_scores(tmp_path / name), meta, rows)
        else:
            found.append((tmp_path / name).read_bytes())
    assert len(set(found)) <= 1


def test_a_note_cannot_break_a_line_of_a_tsv():
    assert note_texts(["a\tb\r\nc", "", "."]) == ["a b c", ".", "."]
    assert note_texts(np.array([0.1, np.nan], np.float32)) == ["0.100000001", "nan"]


def test_target_metadata_stand_in_the_file(tmp_path):
    wanted = {key: [row[key] or "" for row in TARGET_TABLE] for key in TARGET_TABLE[0]}
    wanted["label"] = [f"label {t}" for t in TARGETS]
    write(tmp_path / "s.h5", records(), described(), target_table=TARGET_TABLE)
    with h5py.File(tmp_path / "s.h5") as file:
        assert {key: data.asstr()[:].tolist() for key, data in file["targets"].items()} == wanted
    pq = pytest.importorskip("pyarrow.parquet")
    write(tmp_path / "s.parquet", records(), described(), target_table=TARGET_TABLE)
    kept = json.loads(pq.read_metadata(tmp_path / "s.parquet").metadata[b"seqdl_targets"])
    assert {key: [row[key] for row in kept] for key in wanted} == wanted
    zarr = pytest.importorskip("zarr")
    write(tmp_path / "s.zarr", records(), described(), target_table=TARGET_TABLE)
    group = zarr.open_group(str(tmp_path / "s.zarr"), mode="r")
    assert {key: data[:].tolist() for key, data in group["targets"].arrays()} == wanted


@pytest.mark.parametrize("name", ("s.tsv", "s.vcf", "s.h5", "s.parquet", "s.zarr"))
def test_every_header_says_what_each_column_is(tmp_path, name):
    meta = described()
    write(tmp_path / name, records(), meta, **options(name))
    if name.endswith(("tsv", "vcf")):
        text = (tmp_path / name).read_text()
    elif name.endswith("h5"):
        with h5py.File(tmp_path / name) as file:
            text = file.attrs["about"]
            assert file["notes/ood"].attrs["formula"] == NOTES[1].formula
            assert file["diff_percentile"].attrs["formula"] == "share of background below"
    elif name.endswith("zarr"):
        import zarr

        group = zarr.open_group(str(tmp_path / name), mode="r")
        text = group.attrs["about"]
        assert group["notes/ood"].attrs["formula"] == NOTES[1].formula
        assert group["diff"].attrs["_ARRAY_DIMENSIONS"] == ["allele", "target"]
    else:
        import pyarrow.parquet as pq

        text = json.dumps(
            json.loads(pq.read_metadata(tmp_path / name).metadata[b"seqdl"]), ensure_ascii=False
        )
    for column in (*meta.columns, *meta.notes):
        assert column.formula in text
        assert column.meaning in text
    for word in ("alt - ref", "pseudocount 0.0001", "background", "shifts", "anchor", "window", "abc"):
        assert word in text


@pytest.mark.parametrize("name", ("s.h5", "s.zarr"))
def test_float16_rounds_the_effects_and_nothing_else(tmp_path, name):
    options(name)
    meta, rows = described(), records()
    variants, scores = expected(meta, rows)
    write(tmp_path / name, rows, meta, storage="float16")
    table = read_scores(tmp_path / name)
    for key, values in scores.items():
        if key in ("ref", "alt", "diff_percentile"):
            np.testing.assert_array_equal(table.scores[key], values)
        else:
            assert not np.array_equal(table.scores[key], values, equal_nan=True)
            error = np.abs(table.scores[key] - values)
            assert np.nanmax(error / np.maximum(np.abs(values), 2.0**-14)) <= 2.0**-11
    for key in ("max_ref", "max_alt", "max_abs_diff", "ood"):
        np.testing.assert_array_equal(table.variants[key], variants[key])
    if name == "s.h5":
        with h5py.File(tmp_path / name) as file:
            assert file["diff"].dtype == np.float16
            assert "2^-11" in file["diff"].attrs["rounding"]
            assert file.attrs["storage"] == "float16"


@pytest.mark.parametrize("number", (65504.0, 65505.0, -70000.0, np.inf, np.nan))
def test_float16_refuses_what_it_cannot_hold(tmp_path, number):
    meta = described()
    (block,) = blocks(records(), meta, 40)
    block.values["logit_diff"][4, 2] = number
    writer = open_writer(tmp_path / "s.h5", meta, "", {}, storage="float16")
    if np.isfinite(number) and abs(number) > 65504:
        where = f"{block.scored(block.chunk.chroms)[4]}:{block.chunk.pos[block.rows][4]} A>"
        with pytest.raises(InputError, match=f"logit_diff of {where}.*'a=b,c%'.*65504"):
            writer.write(block)
    else:
        writer.write(block)
    writer.close()
    if not np.isfinite(number) or number == 65504:
        np.testing.assert_equal(read_scores(tmp_path / "s.h5").scores["logit_diff"][4, 2], np.float32(number))


@pytest.mark.parametrize("how", ("lzf", "gzip"))
def test_compressed_hdf5_holds_the_same(tmp_path, how):
    meta, rows = described(), records()
    write(tmp_path / "s.h5", rows, meta, compression=how)
    same_table(read_scores(tmp_path / "s.h5"), meta, rows)
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["diff"].compression == how
        assert file["diff"].chunks is not None


def test_what_a_format_has_not_is_refused_before_the_work(monkeypatch):
    for name, asked in (
        ("s.tsv", {"layout": "long"}),
        ("s.parquet", {"storage": "float16"}),
        ("s.parquet", {"compression": "gzip"}),
        ("s.h5", {"layout": "tall"}),
        ("s.h5", {"storage": "float8"}),
        ("s.csv", {}),
    ):
        with pytest.raises(InputError, match="Received"):
            check_suffix(name, **asked)
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(MissingDependencyError, match=r"seqdl\[zarr\]"):
        check_suffix("s.zarr")
