"""The same numbers in every format, and files that other programs read."""

import errno
import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pysam
import pytest
from variant_cases import HEADER, letters, other

from seqdl.errors import InputError
from seqdl.io.bgzip import Bgzip
from seqdl.variants.files.reading import read_scores
from seqdl.variants.files.vcf_text import info_keys
from seqdl.variants.score import score_variants
from seqdl.variants.scores import SCORES

TABLES = ("tsv", "tsv.gz", "h5", "parquet")


@pytest.fixture
def written(tmp_path, network, genome, write_vcf, mixed):
    def write(suffix, **options):
        path = tmp_path / f"s.{suffix}"
        score_variants(
            network, write_vcf(mixed[0]), genome, path, **{"scores": "all", "batch_size": 3, **options}
        )
        return path

    return write


def test_tables_read_back_the_same_numbers(written):
    first = read_scores(written("h5"))
    assert set(first.scores) == set(SCORES)
    for suffix in TABLES:
        table = read_scores(written(suffix))
        assert table.targets == first.targets == ["T0", "T1", "T2"]
        assert table.meta == first.meta
        assert table.variants.astype(str).equals(first.variants.astype(str))
        for name in SCORES:
            assert table.scores[name].dtype == np.float32
            np.testing.assert_array_equal(table.scores[name], first.scores[name])


def test_the_header_says_how_the_numbers_were_made(written):
    text = gzip.open(written("tsv.gz"), "rt").read()
    assert "##sign=alt - ref" in text
    for score in SCORES.values():
        assert f"##score={score.name} = {score.formula}" in text
    for key in (
        "window",
        "anchor",
        "genome",
        "strand_average",
        "ref_mismatch",
        "model",
        "seqdl",
        "precision",
    ):
        assert f"\n##{key}=" in text
    header = next(line for line in text.splitlines() if line.startswith("#CHROM"))
    assert header.split("\t")[:5] == ["#CHROM", "POS", "ID", "REF", "ALT"]
    assert header.split("\t")[10 : 10 + len(SCORES)] == [f"T0:{name}" for name in SCORES]


def test_a_sorted_tsv_comes_with_its_tabix_index(tmp_path, network, genome, write_vcf):
    rows = [("chrA", 100 + i, ".", letters(genome, "chrA", 100 + i), "N", ".", ".", ".") for i in range(30)]
    score_variants(network, write_vcf(rows), genome, tmp_path / "s.tsv.gz")
    with pysam.TabixFile(str(tmp_path / "s.tsv.gz")) as table:
        assert [line.split("\t")[1] for line in table.fetch("chrA", 109, 112)] == ["110", "111", "112"]


def test_hdf5_has_basenji_keys(written):
    with h5py.File(written("h5")) as file:
        keys = {"snp", "chr", "pos", "ref_allele", "alt_allele", "target_ids", "target_labels", *SCORES}
        assert keys <= set(file)
        assert file["diff"].shape == (len(file["pos"]), 3)
        assert file["diff"].dtype == np.float32
        assert file["logfc"].attrs["formula"] == SCORES["logfc"].formula
        assert file["pos"][0] == 100


def vcf_numbers(path):
    """Return {(chrom, pos, alt): {INFO key: value}} of the scored alleles, as pysam reads them."""
    found = {}
    with pysam.VariantFile(str(path)) as file:
        for record in file:
            for i, alt in enumerate(record.alts or ()):
                values = {
                    k: v[i] for k, v in record.info.items() if k.startswith("SEQDL_") and k != "SEQDL_REJECT"
                }
                found[record.chrom, record.pos, alt] = {
                    k: v for k, v in values.items() if v is not None and v != "."
                }
    return found


@pytest.mark.parametrize("suffix", ["vcf", "vcf.gz"])
def test_vcf_has_the_same_numbers_and_all_records(written, mixed, suffix):
    table = read_scores(written("h5"))
    path = written(suffix)
    numbers = vcf_numbers(path)
    for k, row in enumerate(table.variants.itertuples()):
        found = numbers.pop((row.chrom, row.pos, row.alt))
        best = table.targets.index(row.max_target)
        assert found.pop("SEQDL_TARGET") == row.max_target
        assert found.pop("SEQDL_FLAG", ".") == row.flag.replace(";", "&")
        assert found == {f"SEQDL_{name.upper()}": float(v[k, best]) for name, v in table.scores.items()}
    assert not any(numbers.values())  # the rejected have none
    with pysam.VariantFile(str(path)) as file:
        lines = [str(r).rstrip("\n").split("\t") for r in file]
        for name in SCORES:
            field = file.header.info[f"SEQDL_{name.upper()}"]
            assert (field.number, field.type) == ("A", "Float")
            assert "alt - ref" in field.description
    rows, reasons = mixed
    assert [line[:7] for line in lines] == [list(map(str, row[:7])) for row in rows]
    told = [dict(i.split("=") for i in line[7].split(";") if "=" in i).get("SEQDL_REJECT") for line in lines]
    reasons = iter(reasons)
    for row, text in zip(rows, told, strict=True):
        wanted = [next(reasons) or "." for _ in row[4].split(",")]
        assert text == (",".join(wanted) if set(wanted) != {"."} else None)
    assert lines[2][7].startswith("AC=1,2,3,4;SEQDL_REF=")


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
def test_bcftools_reads_the_same_numbers(written):
    table = read_scores(written("h5"))
    query = "%CHROM\t%POS\t%ALT\t%SEQDL_DIFF\t%SEQDL_TARGET\n"
    done = subprocess.run(
        ["bcftools", "query", "-f", query, str(written("vcf.gz"))], capture_output=True, text=True, check=True
    )
    found = {}
    for line in done.stdout.splitlines():
        chrom, pos, alts, diffs, targets = line.split("\t")
        for alt, diff, target in zip(alts.split(","), diffs.split(","), targets.split(",")):
            found[chrom, int(pos), alt] = (diff, target)
    for k, row in enumerate(table.variants.itertuples()):
        diff, target = found[row.chrom, row.pos, row.alt]
        assert target == row.max_target
        assert float(diff) == pytest.approx(
            float(table.scores["diff"][k, table.targets.index(target)]), rel=1e-5
        )


def test_chosen_targets_get_fields_of_their_own(written):
    table = read_scores(written("h5", targets=["T2", "T0"]))
    assert table.targets == ["T0", "T2"]
    numbers = vcf_numbers(written("vcf", targets=["T[02]"], scores=["diff"]))
    for k, row in enumerate(table.variants.itertuples()):
        found = numbers[row.chrom, row.pos, row.alt]
        assert [found["SEQDL_DIFF_T0"], found["SEQDL_DIFF_T2"]] == table.scores["diff"][k].tolist()
        assert "SEQDL_TARGET" not in found


def test_target_names_become_valid_and_distinct_keys():
    assert info_keys(("H3K4me3 (K562)", "H3K4me3 [K562]", "a|b,c")) == [
        "H3K4me3_K562_",
        "H3K4me3_K562__2",
        "a_b_c",
    ]


def test_odd_target_names_survive(tmp_path, network, genome, write_vcf):
    network.target_names = ["K562|CTCF;1", "a b,c", 'say "hi": x']
    ref = letters(genome, "chrA", 100)
    vcf = write_vcf([("chrA", 100, ".", ref, other(ref), ".", ".", ".")])
    for suffix in TABLES:
        score_variants(network, vcf, genome, tmp_path / f"s.{suffix}")
        table = read_scores(tmp_path / f"s.{suffix}")
        assert table.targets == network.target_names
        assert table.variants.max_target[0] in network.target_names
    score_variants(network, vcf, genome, tmp_path / "s.vcf")
    (numbers,) = vcf_numbers(tmp_path / "s.vcf").values()
    assert len(numbers) == 3
    score_variants(network, vcf, genome, tmp_path / "p.vcf", targets=list(network.target_names))
    (numbers,) = vcf_numbers(tmp_path / "p.vcf").values()
    assert len(numbers) == 6


def test_scoring_a_scored_vcf_replaces_the_fields(written, tmp_path, network, genome):
    once = written("vcf", scores=["diff"])
    again = tmp_path / "again.vcf"
    score_variants(network, once, genome, again, scores=["diff"])
    assert once.read_text() == again.read_text()


def test_contigs_that_the_header_lacks_are_declared(tmp_path, network, genome, write_vcf):
    ref = letters(genome, "chrB", 100)
    bare = "\n".join(line for line in HEADER.splitlines() if "contig" not in line) + "\n"
    vcf = write_vcf([("B", 100, ".", ref, other(ref), ".", ".", ".")], header=bare)
    score_variants(network, vcf, genome, tmp_path / "s.vcf")
    assert "##contig=<ID=B,length=500>" in (tmp_path / "s.vcf").read_text()


def test_foreign_files_are_refused(tmp_path):
    for suffix, content in (
        ("tsv", "#CHROM\tPOS\n"),
        ("h5", "nothing"),
        ("parquet", "nothing"),
        ("vcf", "x"),
    ):
        path = tmp_path / f"s.{suffix}"
        path.write_text(content)
        with pytest.raises(InputError):
            read_scores(path)


def test_the_description_is_json_with_a_version(written):
    line = next(x for x in written("tsv").read_text().splitlines() if x.startswith("##meta="))
    meta = json.loads(line[len("##meta=") :])
    assert (meta["format"], meta["version"], meta["window"], meta["anchor"]) == ("seqdl-scores", 2, 40, 20)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_an_error_with_its_cause(capfd):
    """A bgzip file that could not be written must never be taken for a finished one."""
    for size in (10, 10_000_000):
        file = Bgzip(Path("/dev/full"))
        with pytest.raises(OSError, match="is the disk full") as caught:
            file.write(os.urandom(size))
            file.close()
        assert caught.value.errno == errno.ENOSPC
        file.close()
    assert capfd.readouterr().err == ""
