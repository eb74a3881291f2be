"""Other programs read the files of scores: tabix, bcftools, pysam, pandas, DuckDB; indices fit their rows."""

import gzip
import shutil
import subprocess

import numpy as np
import pandas as pd
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_cases import (
    TARGETS,
    blocks,
    described,
    expected,
    options,
    records,
    write,
    write_rejects,
)

from seqdl.io.bgzip import Order

needs_bcftools = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")


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
