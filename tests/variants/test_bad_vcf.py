"""Strange VCF files through the whole of `score_variants`: a sentence that helps, or every allele by name."""

import gzip
import os

import numpy as np
import pysam
import pytest
from variant_cases import HEADER, letters, other

from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.variants.files.reading import read_scores
from seqdl.variants.score import score_variants

BARE = "##fileformat=VCFv4.2\n"
TITLES = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
GENOTYPED = (
    BARE
    + '##contig=<ID=chrA,length=3000>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    + '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="d">\n'
    + TITLES.replace("INFO\n", "INFO\tFORMAT\ta\tb\n")
)


def good(genome, n=40):
    """Records of SNVs, as text."""
    places = range(100, 100 + 5 * n, 5)
    bases = [letters(genome, "chrA", place) for place in places]
    return "".join(
        f"chrA\t{place}\trs{place}\t{base}\t{other(base)}\t.\t.\tAC=1\n" for place, base in zip(places, bases)
    )


def bgzip(path, data):
    with pysam.BGZFile(str(path), "wb") as handle:
        handle.write(data)
    return path.read_bytes()


def scored(network, path, genome, suffix="tsv"):
    summary = score_variants(network, path, genome, path.parent / f"s.{suffix}")
    return summary, read_scores(path.parent / f"s.{suffix}")


def scored_vcf(network, path, genome):
    """Score into a VCF; return its records' fields and how many of them carry scores."""
    score_variants(network, path, genome, path.parent / "s.vcf")
    with pysam.VariantFile(str(path.parent / "s.vcf")) as file:
        carrying = sum("SEQDL_DIFF" in record.info for record in file)
    text = (path.parent / "s.vcf").read_text().splitlines()
    return [line.split("\t") for line in text if not line.startswith("#")], carrying


def refused(tmp_path, network, genome, data, message):
    path = tmp_path / "in.vcf.gz"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        score_variants(network, path, genome, tmp_path / "s.tsv")
    assert str(path) in str(caught.value)
    assert os.listdir(tmp_path) == ["in.vcf.gz"]  # nothing half-written is left


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: b"", "is empty .0 bytes.. Was a download"),
        (lambda text: text.encode()[len(HEADER) :], "has no header: its first line is 'chrA"),
        (lambda text: text.replace(TITLES, "").encode(), "line is missing.*Add it"),
        (lambda text: text.replace("rs200", "é").encode("latin-1"), "not UTF-8.*iconv -f latin1"),
        (lambda text: text.encode("utf-16"), "byte order mark.*Save it as plain UTF-8"),
        (lambda text: text.encode("utf-8-sig"), "byte order mark.*Save it as plain UTF-8"),
        (lambda text: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is a binary file of another kind"),
        (lambda text: text.encode() + b"\n", r"after record 40 \(chrA:295\): line 46 is blank. Remove it"),
        (lambda text: text.encode() + b"chrA 9 . A C . . .\n", "line 46 .*blanks between its fields.*tabs"),
        (lambda text: text.encode() * 2, "line 46 is a header line among the records.*bcftools concat"),
        (lambda text: text.replace("\t200\t", "\t2e2\t").encode(), r"\(chrA:195\): line 26 .*position '2e2'"),
        (lambda text: text.replace("\t200\t", "\t-1\t").encode(), "position '-1'. POS is a whole number"),
        (lambda text: text.encode()[:-18], "last line and has no end, so the file may be cut off"),
        (lambda text: gzip.compress(text.encode())[:-30], "truncated or damaged"),
    ],
)
def test_an_unusable_file_says_what_where_and_what_to_do(tmp_path, network, genome, change, message):
    refused(tmp_path, network, genome, change(HEADER + good(genome)), message)


@pytest.mark.parametrize("left", [-28, -60, 40_000])
def test_a_truncated_bgzip_is_refused(tmp_path, network, genome, left):
    """28 bytes are the end marker, without which a file may have been cut between two blocks."""
    rng = np.random.default_rng(0)
    text = HEADER + "".join(f"chrA\t5\t{rng.integers(1 << 60)}\tA\tC\t.\t.\t.\n" for _ in range(8000))
    data = bgzip(tmp_path / "in.vcf.gz", text.encode())
    assert len(data) > 50_000
    refused(tmp_path, network, genome, data[:left], "is truncated.*[Ff]etch|truncated.*Fetch it again")


def test_a_folder_and_a_missing_file_are_refused(tmp_path, network, genome):
    with pytest.raises(InputError, match="is a folder; a file is needed"):
        score_variants(network, tmp_path, genome, tmp_path / "s.tsv")
    (tmp_path / "sites.vcf").write_text(HEADER)
    with pytest.raises(InputError, match="does not exist. Did you mean 'sites.vcf'"):
        score_variants(network, tmp_path / "site.vcf", genome, tmp_path / "s.tsv")


@pytest.mark.parametrize("how", ["crlf", "gzip", "bgzip", "bcf", "no contig lines", "no line end"])
def test_every_wrapping_gives_the_same_scores(tmp_path, network, genome, how):
    text = HEADER + good(genome)
    plain, path = tmp_path / "in.vcf", tmp_path / f"{how.split()[0]}.vcf"
    plain.write_text(text)
    if how == "crlf":
        path.write_bytes(text.replace("\n", "\r\n").encode())
    elif how == "gzip":
        path.write_bytes(gzip.compress(text.encode()))
    elif how == "bgzip":
        bgzip(path, text.encode())
    elif how == "bcf":
        with (
            pysam.VariantFile(str(plain)) as source,
            pysam.VariantFile(str(path), "wb", header=source.header) as sink,
        ):
            for record in source:
                sink.write(record)
    elif how == "no contig lines":
        path.write_text(text.replace("##contig=<ID=chrA,length=3000>\n", ""))
    else:
        path.write_text(text[:-1])
    want, found = scored(network, plain, genome)[1], scored(network, path, genome)[1]
    assert want.variants.equals(found.variants)
    assert len(want.variants) == 40
    for name, values in want.scores.items():
        np.testing.assert_array_equal(found.scores[name], values)
    if how in ("crlf", "bcf"):
        records, carrying = scored_vcf(network, path, genome)
        assert carrying == 40 and [r[2] for r in records] == want.variants.id.tolist()


def test_alleles_without_a_sequence_are_rejected_by_name(tmp_path, network, genome):
    base = letters(genome, "chrA", 100)
    rows = [
        (100, base, ".", ["NO_ALT"]),
        (100, base, "", ["NO_ALT"]),
        (100, "", "C", ["NON_ACGT"]),
        (100, base, f"{other(base)},,{base}G", ["", "NO_ALT", ""]),
        (100, base, "R", ["NON_ACGT"]),
        (100, "Y", "C", ["NON_ACGT"]),
        (100, base, "<DEL>,*,<*>", ["SYMBOLIC"] * 3),
        (100, base, f"{base}[chrB:7[", ["SYMBOLIC"]),
        (100, base, base + "-", ["NON_ACGT"]),
        (0, "A", "C", ["OUT_OF_RANGE"]),
        (3001, "A", "C", ["OUT_OF_RANGE"]),
        (3_000_000_000, "A", "C", ["OUT_OF_RANGE"]),
        (2999, letters(genome, "chrA", 2999, 2) + "A", "C", ["OUT_OF_RANGE"]),
    ]
    path = tmp_path / "in.vcf"
    path.write_text(HEADER + "".join(f"chrA\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n" for pos, ref, alt, _ in rows))
    reasons = [reason for *_, expected in rows for reason in expected]
    summary, table = scored(network, path, genome)
    assert len(table.variants) == summary.scored == reasons.count("")
    lines = [
        line.split("\t") for line in summary.rejects.read_text().splitlines() if not line.startswith("#")
    ]
    assert [fields[5] for fields in lines] == [reason for reason in reasons if reason]
    assert summary.alleles == len(reasons)


def test_records_of_contigs_that_the_header_lacks_are_scored(tmp_path, network, genome):
    base = letters(genome, "chrB", 200)
    path = tmp_path / "in.vcf"
    path.write_text(HEADER + good(genome, 3) + f"chrB\t200\t.\t{base}\t{other(base)}\t.\t.\t.\n")
    summary, table = scored(network, path, genome)
    assert (summary.scored, table.variants.chrom.tolist()[-1]) == (4, "chrB")
    records, carrying = scored_vcf(network, path, genome)
    assert (carrying, records[-1][0]) == (4, "chrB")


@pytest.mark.parametrize("declared", [True, False])
def test_ten_thousand_contigs(tmp_path, network, declared):
    n = 10_000
    rng = np.random.default_rng(1)
    genome = Genome.from_arrays({f"scaffold_{i}": rng.integers(0, 4, 60).astype(np.uint8) for i in range(n)})
    bases = [letters(genome, f"scaffold_{i}", 30) for i in range(n)]
    lines = "".join(f"##contig=<ID=scaffold_{i},length=60>\n" for i in range(n)) if declared else ""
    path = tmp_path / "in.vcf"
    path.write_text(
        BARE + lines + TITLES
        + "".join(f"scaffold_{i}\t30\t.\t{base}\t{other(base)}\t.\t.\t.\n" for i, base in enumerate(bases))
    )  # fmt: skip
    summary, table = scored(network, path, genome, "h5")
    assert (summary.records, summary.scored) == (n, n)
    assert table.variants.chrom.tolist() == [f"scaffold_{i}" for i in range(n)]


def test_a_huge_info_is_carried_along(tmp_path, network, genome):
    base, note = letters(genome, "chrA", 500), "x" * 2_000_000
    path = tmp_path / "in.vcf"
    path.write_text(HEADER + good(genome, 3) + f"chrA\t500\t.\t{base}\t{other(base)}\t.\t.\tNOTE={note}\n")
    assert scored(network, path, genome)[0].scored == 4
    records, carrying = scored_vcf(network, path, genome)
    assert carrying == 4 and note in records[-1][7]


@pytest.mark.parametrize(
    "columns", ["DP\t3\t4", ".\t.\t.", "GT:DP\t./.:.\t.:.", "DP:GT\t3:0/1\t4:1|1", "GT\t0/1/1\t0"]
)
def test_samples_do_not_matter_with_or_without_genotypes(tmp_path, network, genome, columns):
    base = letters(genome, "chrA", 500)
    line = f"chrA\t500\t.\t{base}\t{other(base)}\t.\t.\t."
    alone, path = tmp_path / "alone.vcf", tmp_path / "in.vcf"
    alone.write_text(HEADER + line + "\n")
    path.write_text(f"{GENOTYPED}{line}\t{columns}\n")
    want, found = scored(network, alone, genome)[1], scored(network, path, genome)[1]
    np.testing.assert_array_equal(found.scores["diff"], want.scores["diff"])
    ((record,), carrying) = scored_vcf(network, path, genome)
    assert carrying == 1 and record[8:] == columns.split("\t")


@pytest.mark.parametrize("suffix", ["tsv", "vcf"])
def test_a_file_cut_inside_its_samples_is_refused(tmp_path, network, genome, suffix):
    lines = "".join(line + "\tGT\t0|1\t1|1\n" for line in good(genome, 5).splitlines())
    path = tmp_path / "in.vcf"
    path.write_text((GENOTYPED + lines)[:-5])
    with pytest.raises(InputError, match="truncated|cannot be read|cut off"):
        score_variants(network, path, genome, tmp_path / f"s.{suffix}")
    assert not (tmp_path / f"s.{suffix}").exists()


def test_records_in_any_order_come_out_in_that_order(tmp_path, network, genome):
    lines = good(genome).splitlines()
    order = np.random.default_rng(3).permutation(len(lines))
    for name, text in (("sorted.vcf", lines), ("in.vcf", [lines[i] for i in order])):
        (tmp_path / name).write_text(HEADER + "\n".join(text) + "\n")
    want, found = (scored(network, tmp_path / name, genome)[1] for name in ("sorted.vcf", "in.vcf"))
    assert found.variants.id.tolist() == [lines[i].split("\t")[2] for i in order]
    np.testing.assert_array_equal(found.scores["diff"], want.scores["diff"][order])
