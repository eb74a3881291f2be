"""Laws of the files of scores: every format the same numbers, whole or not at all, read by other programs."""

import gzip
import json
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_cases import (
    CONTIGS,
    NOTES,
    TARGET_TABLE,
    TARGETS,
    VCF_HEADER,
    blocks,
    described,
    records,
    write,
    write_rejects,
    write_version_1,
)

from seqdl.errors import InputError, MissingDependencyError
from seqdl.io.bgzip import Order
from seqdl.variants.reading import read_scores
from seqdl.variants.text_rows import note_texts
from seqdl.variants.writers import atomic_output, check_suffix, open_writer

TABLES = ("s.tsv", "s.tsv.gz", "s.h5", "s.parquet", "long.parquet", "s.zarr")
TEXTS = ("s.tsv", "s.tsv.gz", "s.vcf", "s.vcf.gz")
needs_bcftools = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")


def options(name):
    """Return what a file's name asks for; skip where the package is missing."""
    if name.endswith(".zarr"):
        pytest.importorskip("zarr")
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    return {"layout": "long"} if name.startswith("long") else {}


def expected(meta, rows):
    """Return (variants, scores) that every table should hold, from the blocks themselves."""
    (block,) = blocks(rows, meta, len(rows))
    chunk = block.chunk
    variants = {
        name: block.scored(getattr(chunk, source))
        for name, source in (("chrom", "chroms"), ("id", "ids"), ("ref", "refs"), ("alt", "alts"))
    }
    variants |= {"pos": chunk.pos[block.rows], "flag": block.flags, **block.notes}
    variants |= {name: getattr(block, name) for name in ("max_ref", "max_alt", "max_abs_diff")}
    variants["max_target"] = [meta.targets[t] for t in block.max_target]
    return variants, block.values


def same_table(table, meta, rows):
    variants, scores = expected(meta, rows)
    assert set(table.variants.columns) == set(variants)
    for name, column in variants.items():
        found = table.variants[name].to_numpy()
        if isinstance(column, np.ndarray) and column.dtype == np.float32:
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, column)
        else:
            assert found.tolist() == list(column)
    assert list(table.scores) == list(meta.scores)
    for name, values in scores.items():
        assert table.scores[name].dtype == np.float32
        np.testing.assert_array_equal(table.scores[name], values)
    assert table.targets == list(meta.targets)
    assert table.meta == json.loads(meta.json())


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
    from seqdl.variants import parquet_writer, zarr_writer

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


@pytest.mark.parametrize("name", ("s.tsv.gz", "s.vcf.gz", "r.tsv.gz", "r.vcf.gz"))
def test_regions_are_fetched_through_the_index(tmp_path, name):
    meta, rows = described(), records()
    (write_rejects if name.startswith("r") else write)(tmp_path / name, rows, meta)
    assert sorted(p.name for p in tmp_path.iterdir()) == [name, f"{name}.tbi"]
    with gzip.open(tmp_path / name, "rt") as handle:
        lines = [line.rstrip("\n") for line in handle if not line.startswith("#")]
    assert len(lines) > 10
    with pysam.TabixFile(str(tmp_path / name)) as table:
        assert table.contigs == ["chr1", "chr2"]
        for chrom, start, end in (("chr1", 0, 700), ("chr2", 700, 1500), ("chr2", 1999, 4000)):
            wanted = [x for x in lines if x.split("\t")[0] == chrom and start < int(x.split("\t")[1]) <= end]
            assert list(table.fetch(chrom, start, end)) == wanted


def test_a_note_cannot_break_a_line_of_a_tsv():
    assert note_texts(["a\tb\r\nc", "", "."]) == ["a b c", ".", "."]
    assert note_texts(np.array([0.1, np.nan], np.float32)) == ["0.100000001", "nan"]


def test_unsorted_rows_get_no_index_and_a_note(tmp_path):
    meta, rows = described(), records()
    for name in ("s.tsv.gz", "s.vcf.gz"):
        path = tmp_path / name
        write(path, rows, meta)
        for wrong, where in (([*rows[5:], *rows[:5]], "chr1 comes again after chr2"), (rows[::-1], "chr2:")):
            note = write(path, wrong, meta)
            assert "no tabix index" in note
            assert where in note
            assert "bcftools sort" in note
            assert [p.name for p in tmp_path.iterdir()] == [name]  # the earlier file's index went with it
        path.unlink()
    assert write(tmp_path / "s.tsv", rows[::-1], meta) == ""


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), max_size=12), st.integers(1, 5))
def test_order_is_what_sorting_contig_by_contig_would_leave(rows, size):
    order = Order()
    for i in range(0, len(rows), size):
        part = rows[i : i + size]
        order.add([chrom for chrom, _ in part], np.array([pos for _, pos in part], np.int64))
    contigs = list(dict.fromkeys(chrom for chrom, _ in rows))
    assert (order.broken == "") == (rows == sorted(rows, key=lambda row: (contigs.index(row[0]), row[1])))


@pytest.mark.parametrize("name", ("s.tsv.gz", "s.vcf.gz"))
def test_long_contigs_get_a_csi_index(tmp_path, name):
    meta = described()
    rows = [("chr1", 100, ".", "A", ["C"]), ("chr1", (1 << 29) + 5, ".", "A", ["C"])]
    for contigs in ({"chr1": 1 << 30}, {}):  # also where the length is not known beforehand
        write(tmp_path / name, rows, meta, contigs=contigs)
        assert sorted(p.name for p in tmp_path.iterdir()) == [name, f"{name}.csi"]
        with pysam.TabixFile(str(tmp_path / name), index=str(tmp_path / f"{name}.csi")) as table:
            assert len(list(table.fetch("chr1", (1 << 29) + 4, (1 << 29) + 5))) == 1
            assert len(list(table.fetch("chr1", 99, 100))) == 1


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


@needs_bcftools
def test_bcftools_reads_scores_notes_and_rejects(tmp_path):
    meta, rows = described(targets=TARGETS[:1]), records()
    write(tmp_path / "s.vcf.gz", rows, meta)
    write_rejects(tmp_path / "r.vcf.gz", rows, meta)

    def query(name, *more):
        done = subprocess.run(
            ["bcftools", "query", *more, str(tmp_path / name)], capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        return [line.split("\t") for line in done.stdout.splitlines()]

    fields = "%POS\t%ALT\t%SEQDL_DIFF\t%SEQDL_DIFF_PERCENTILE\t%SEQDL_OOD\t%SEQDL_NORMALIZED\t%SEQDL_FLAG\n"
    found = {}
    for pos, alts, *columns in query("s.vcf.gz", "-r", "chr2:1-1000", "-f", fields):
        for i, alt in enumerate(alts.split(",")):
            found.setdefault((int(pos), alt), []).append([column.split(",")[i:][:1] for column in columns])
    variants, scores = expected(meta, rows)
    checked = 0
    for k, chrom in enumerate(variants["chrom"]):
        key = variants["pos"][k], variants["alt"][k]
        if chrom != "chr2" or key[0] > 1000 or len(found[key]) > 1:
            continue
        (columns,) = found[key]
        numbers = [scores["diff"][k, 0], scores["diff_percentile"][k, 0], variants["ood"][k]]
        for column, number in zip(columns[:3], numbers, strict=True):
            assert (
                column == ["."] if np.isnan(number) else float(column[0]) == pytest.approx(number, rel=1e-5)
            )
        if variants["normalized"][k] != ".":
            assert columns[3] == [variants["normalized"][k].replace(";", "%3B").replace(" ", "%20")]
        checked += 1
    assert checked > 5
    (block,) = blocks(rows, meta, len(rows))
    rejected = [i for i, reason in enumerate(block.reasons) if reason]
    found = query("r.vcf.gz", "-f", "%CHROM\t%POS\t%ALT\t%FILTER\t%SEQDL_DETAIL\n")
    assert found == [
        [block.chunk.chroms[i], str(block.chunk.pos[i]), block.chunk.alts[i], "SYMBOLIC",
         "found%20<DEL>%3B%20a%3Db"]
        for i in rejected
    ]  # fmt: skip
    assert len(query("r.vcf.gz", "-r", "chr1:1-900", "-f", "%POS\n")) == sum(
        block.chunk.chroms[i] == "chr1" and block.chunk.pos[i] <= 900 for i in rejected
    )


def test_pysam_reads_notes_and_derived_columns_of_a_vcf(tmp_path):
    meta, rows = described(), records()
    write(tmp_path / "s.vcf.gz", rows, meta)
    (block,) = blocks(rows, meta, len(rows))
    place = dict(zip(block.rows.tolist(), range(len(block.rows)), strict=True))
    allele = 0
    with pysam.VariantFile(str(tmp_path / "s.vcf.gz")) as file:
        for key, kind in (("OOD", "Float"), ("NORMALIZED", "String"), ("DIFF_PERCENTILE", "Float")):
            assert (file.header.info[f"SEQDL_{key}"].number, file.header.info[f"SEQDL_{key}"].type) == (
                "A",
                kind,
            )
        for record in file:
            for i, _ in enumerate(record.alts):
                k = place.get(allele)
                allele += 1
                for key, column in (("OOD", block.notes["ood"]), ("DIFF", block.values["diff"])):
                    found = record.info.get(f"SEQDL_{key}", (None,) * len(record.alts))[i]
                    number = None
                    if k is not None:
                        number = column[k] if column.ndim == 1 else column[k, block.max_target[k]]
                    if number is None or np.isnan(number):
                        assert found is None
                    else:
                        assert np.float32(found) == number
    assert allele == len(block.chunk.pos)


def header_lines(path):
    return sum(line.startswith(b"##") for line in gzip.decompress(path.read_bytes()).splitlines())


def test_pandas_reads_the_same_numbers(tmp_path):
    pytest.importorskip("pyarrow")
    meta, rows = described(), records()
    variants, scores = expected(meta, rows)
    for name in ("s.tsv.gz", "s.parquet", "long.parquet"):
        write(tmp_path / name, rows, meta, **options(name))
    skipped = header_lines(tmp_path / "s.tsv.gz")
    frames = [
        pd.read_csv(tmp_path / "s.tsv.gz", sep="\t", skiprows=skipped),
        pd.read_parquet(tmp_path / "s.parquet"),
    ]
    for frame in frames:
        assert frame["POS"].tolist() == variants["pos"].tolist()
        assert frame["NORMALIZED"].tolist() == variants["normalized"]
        for t, target in enumerate(TARGETS):
            found = frame[f"{target}:diff_percentile"].to_numpy(np.float32)
            np.testing.assert_array_equal(found, scores["diff_percentile"][:, t])
    long = pd.read_parquet(tmp_path / "long.parquet")
    assert list(long.columns[:7]) == ["chrom", "pos", "id", "ref", "alt", "flag", "target"]
    assert long["target"].tolist() == list(TARGETS) * len(variants["pos"])
    assert long["alt"].tolist() == [a for a in variants["alt"] for _ in TARGETS]
    np.testing.assert_array_equal(long["alt_prediction"], scores["alt"].ravel())


def test_duckdb_reads_the_same_numbers(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    meta, rows = described(), records()
    variants, scores = expected(meta, rows)
    for name in ("s.tsv.gz", "s.parquet", "long.parquet"):
        write(tmp_path / name, rows, meta, **options(name))
    with duckdb.connect() as base:
        long = f"read_parquet('{tmp_path / 'long.parquet'}')"
        found = base.sql(f"select diff_percentile from {long} where target = 'HepG2;MYC'").fetchnumpy()
        np.testing.assert_array_equal(found["diff_percentile"], scores["diff_percentile"][:, 1])
        (best,) = base.sql(
            f"select target, count(*) from {long} where target = max_target "
            "group by 1 order by 2 desc limit 1"
        ).fetchall()
        counts = pd.Series(variants["max_target"]).value_counts()
        assert best[1] == counts.iloc[0]
        kept = base.sql(f"select value from parquet_kv_metadata('{tmp_path / 'long.parquet'}')").fetchall()
        assert meta.json().encode() in [bytes(row[0]) for row in kept]
        text = f"read_csv('{tmp_path / 's.tsv.gz'}', delim='\t', comment='', header=true, skip={{}})"
        text = text.format(header_lines(tmp_path / "s.tsv.gz"))
        for table in (text, f"read_parquet('{tmp_path / 's.parquet'}')"):
            found = base.sql(f'select "K562 CTCF:logfc" as x from {table}').fetchnumpy()["x"]
            np.testing.assert_array_equal(found.astype(np.float32), scores["logfc"][:, 0])


def test_parquet_encodes_texts_as_dictionaries(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    for name in ("s.parquet", "long.parquet"):
        write(tmp_path / name, records(), described(), **options(name))
        group = pq.ParquetFile(tmp_path / name).metadata.row_group(0)
        columns = {group.column(i).path_in_schema.lower(): group.column(i) for i in range(group.num_columns)}
        texts = ["chrom", "id", "ref", "alt", "flag", "max_target", *(["target"] if "long" in name else [])]
        for column in texts:
            assert "RLE_DICTIONARY" in columns[column].encodings
        assert not any("DICTIONARY" in e for e in columns["pos"].encodings)


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
