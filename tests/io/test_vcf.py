"""VCF in every wrapping gives the same alleles; damage gets a sentence that says where."""

import gzip

import pysam
import pytest

from seqdl.errors import InputError
from seqdl.io.vcf import read_vcf, survey_vcf
from seqdl.io.vcf_opening import open_vcf

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000>\n"
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="x">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
)
RECORDS = (
    "chr1\t10\t.\tA\tC,<DEL>,*\t.\t.\tAC=1,2,3\n"
    "chr2\t5\tid1\tAC\t.\t.\tPASS\t.\n"
    "chr1\t3\t.\tg\tA\t.\tLOW\tFOO=7\n"
)  # fmt: skip
EXPECTED = [
    (0, "chr1", 10, ".", "A", "C"),
    (0, "chr1", 10, ".", "A", "<DEL>"),
    (0, "chr1", 10, ".", "A", "*"),
    (1, "chr2", 5, "id1", "AC", "."),
    (2, "chr1", 3, ".", "g", "A"),
]


def rows(path, **options):
    found = []
    for chunk in read_vcf(path, **options):
        found += zip(
            chunk.record.tolist(), chunk.chroms, chunk.pos.tolist(), chunk.ids, chunk.refs, chunk.alts
        )
    return found


def wrap(path, text, how):
    data = text.encode()
    if how == "plain":
        path.write_bytes(data)
    elif how == "crlf":
        path.write_bytes(data.replace(b"\n", b"\r\n"))
    elif how == "gzip":
        path.write_bytes(gzip.compress(data))
    else:
        with pysam.BGZFile(str(path), "wb") as handle:
            handle.write(data)
    return path


@pytest.mark.parametrize("how", ["plain", "crlf", "gzip", "bgzip"])
@pytest.mark.parametrize("chunk_records", [1, 2, 100])
def test_every_wrapping_gives_the_same_alleles_in_order(tmp_path, how, chunk_records):
    path = wrap(tmp_path / "in.vcf.gz", HEADER + RECORDS, how)
    assert rows(path, chunk_records=chunk_records) == EXPECTED
    survey = survey_vcf(path)
    assert (survey.records, survey.alleles, survey.contigs) == (3, 5, ("chr1", "chr2"))
    assert survey.declared == {"chr1": 1000}
    assert survey.header.splitlines()[-1].startswith("#CHROM")


def test_lines_are_kept_on_request(tmp_path):
    path = wrap(tmp_path / "in.vcf", HEADER + RECORDS, "crlf")
    lines = [line for chunk in read_vcf(path, 2, keep_lines=True) for line in chunk.lines]
    assert lines == RECORDS.splitlines()


def test_a_header_alone_is_a_vcf_without_records(tmp_path):
    path = wrap(tmp_path / "in.vcf", HEADER, "plain")
    assert survey_vcf(path).records == 0
    assert list(read_vcf(path)) == []


def test_reading_may_stop_early(tmp_path):
    many = "".join(f"chr1\t{i}\t.\tA\tC\t.\t.\t.\n" for i in range(1, 100_000))
    stream = read_vcf(wrap(tmp_path / "in.vcf.gz", HEADER + many, "gzip"), 10)
    assert next(stream).pos.tolist() == list(range(1, 11))
    stream.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (bytes(range(256)) * 20, "binary file"),
        (RECORDS.encode(), "has no header: its first line is 'chr1"),
        (HEADER.splitlines()[-1].encode() + b"\n" + RECORDS.encode(), "has no header"),
        (b"##fileformat=VCFv4.2\n" + RECORDS.encode(), "REF ALT ...' line is missing"),
        (b">chr1\nACGT\n", "has no header"),
        ((HEADER + RECORDS).encode()[:-20], r"cannot be read after record 2 \(chr2:5\)"),
        ((HEADER + "chr1\tten\t.\tA\tC\t.\t.\t.\n").encode(), "cannot be read at its first record"),
        ((HEADER + "chr1\t10\t.\n").encode(), "cannot be read at its first record"),
    ],
)
@pytest.mark.parametrize("how", ["plain", "gzip"])
def test_unusable_files_say_what_is_wrong(tmp_path, capfd, content, message, how):
    path = tmp_path / "in.vcf.gz"
    path.write_bytes(gzip.compress(content) if how == "gzip" and content else content)
    with pytest.raises(InputError, match=message):
        survey_vcf(path)
    assert capfd.readouterr().err == ""  # htslib keeps quiet


@pytest.mark.parametrize("cut", [-28, -2000, 3000])
def test_truncated_bgzip_is_found(tmp_path, cut):
    many = "".join(f"chr1\t{i}\trs{hash((i, 'x'))}\tA\tC\t.\t.\t.\n" for i in range(1, 5000))
    path = wrap(tmp_path / "in.vcf.gz", HEADER + many, "bgzip")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="truncated"):
        survey_vcf(path)


@pytest.mark.parametrize("cut", [-4, -2000, 3000, 60])
def test_truncated_gzip_is_found(tmp_path, cut):
    many = "".join(f"chr1\t{i}\trs{hash((i, 'x'))}\tA\tC\t.\t.\t.\n" for i in range(1, 5000))
    path = wrap(tmp_path / "in.vcf.gz", HEADER + many, "gzip")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="truncated or damaged"):
        survey_vcf(path)


def test_damage_inside_bgzip_is_found(tmp_path):
    many = "".join(f"chr1\t{i}\trs{i * 7919 % 104729}\tA\tC\t.\t.\t.\n" for i in range(1, 50_000))
    path = wrap(tmp_path / "in.vcf.gz", HEADER + many, "bgzip")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8] = b"\x00" * 8
    path.write_bytes(data)
    with pytest.raises(InputError, match="cannot be read after record"):
        survey_vcf(path)


def test_a_missing_file_suggests_its_neighbour(tmp_path):
    wrap(tmp_path / "sites.vcf", HEADER, "plain")
    with pytest.raises(InputError, match="Did you mean 'sites.vcf'"):
        survey_vcf(tmp_path / "site.vcf")


@pytest.mark.slow
def test_a_million_records_stream(tmp_path):
    path = tmp_path / "in.vcf.gz"
    with gzip.open(path, "wt", compresslevel=1) as handle:
        handle.write(HEADER)
        handle.writelines(f"chr1\t{i % 900 + 1}\t.\tA\tC\t.\t.\t.\n" for i in range(1_000_000))
    assert survey_vcf(path).records == 1_000_000
    assert sum(len(chunk.pos) for chunk in read_vcf(path, 4096)) == 1_000_000


@pytest.mark.parametrize("where", ["header", "record"])
def test_text_that_is_not_utf8_is_named(tmp_path, where):
    text = HEADER.replace("##contig", "##note=é\n##contig") if where == "header" else HEADER
    text += "chr1\t10\té\tA\tC\t.\t.\t.\n" if where == "record" else RECORDS
    path = tmp_path / "a.vcf"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        survey_vcf(path)
        list(read_vcf(path))


SAMPLES = ("S1", "S2", "S3")
GENOTYPED = HEADER.replace("#CHROM", '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n#CHROM').replace(
    "INFO\n", "INFO\tFORMAT\t" + "\t".join(SAMPLES) + "\n"
)
GENOTYPES = (
    "chr1\t10\t.\tA\tC,G\t.\t.\tAC=1,2\tGT\t0|1\t1|2\t./.\nchr1\t12\t.\tA\tC\t.\t.\tAC=1\tGT\t0|1\t1|1\t0/0\n"
)


def bcf(path, text):
    plain = path.with_suffix(".vcf")
    plain.write_text(text)
    with pysam.VariantFile(str(plain)) as source:
        with pysam.VariantFile(str(path), "wb", header=source.header) as sink:
            for record in source:
                sink.write(record)
    return path


@pytest.mark.parametrize("how", ["plain", "crlf", "gzip", "bgzip", "bcf"])
def test_samples_are_named_and_otherwise_passed_over(tmp_path, how):
    text = GENOTYPED + GENOTYPES
    path = bcf(tmp_path / "in.bcf", text) if how == "bcf" else wrap(tmp_path / "in.vcf", text, how)
    survey = survey_vcf(path)
    assert (survey.samples, survey.records, survey.alleles) == (SAMPLES, 2, 3)
    assert survey == survey_vcf(path, samples=True)
    assert survey.header.splitlines()[-1].split("\t")[9:] == list(SAMPLES)
    with_lines = [row for chunk in read_vcf(path, keep_lines=True) for row in zip(chunk.pos, chunk.alts)]
    assert [(pos, alt) for _, _, pos, _, _, alt in rows(path)] == with_lines
    assert [
        line for chunk in read_vcf(path, keep_lines=True) for line in chunk.lines
    ] == GENOTYPES.splitlines()


@pytest.mark.parametrize(
    ("places", "unsorted"),
    [
        ([("a", 1), ("a", 1), ("a", 5), ("b", 2)], ""),
        ([], ""),
        ([("b", 9), ("a", 1)], ""),
        ([("a", 5), ("a", 9), ("a", 8), ("a", 1)], "record 3 (a:8) follows a:9"),
        ([("a", 5), ("b", 9), ("a", 8), ("a", 1)], "record 3 returns to a, after b"),
    ],
)
def test_a_survey_says_where_the_order_breaks_first(tmp_path, places, unsorted):
    text = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    text += "".join(f"{chrom}\t{pos}\t.\tA\tC\t.\t.\t.\n" for chrom, pos in places)
    survey = survey_vcf(wrap(tmp_path / "in.vcf", text, "plain"))
    assert survey.unsorted == unsorted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + RECORDS + "\n", "after record 3 .*: line 8 is blank. Remove it"),
        (HEADER + "chr1 10 . A C . . .\n", "line 5 .*blanks between its fields.*separated by tabs"),
        (HEADER + RECORDS + HEADER + RECORDS, "line 8 is a header line among the records.*bcftools concat"),
        (HEADER + "chr1\tten\t.\tA\tC\t.\t.\t.\n", "line 5 .* has the position 'ten'"),
        (HEADER + "chr1\t-3\t.\tA\tC\t.\t.\t.\n", "line 5 .* has the position '-3'"),
        (HEADER + "chr1\t10\t.\tA\n", "line 5 .* has 4 columns, and the '#CHROM' line 8. Complete it"),
        (HEADER + RECORDS + "chr1\t10\t.\tA", "last line and has no end, so the file may be cut off"),
        (HEADER.replace("\t", " ") + RECORDS, "'#CHROM' line has blanks between the names"),
        ("\ufeff" + HEADER + RECORDS, "byte order mark"),
        ((HEADER + RECORDS).replace("\n", "\r"), "carriage returns alone"),
        (GENOTYPED.replace("S3", "S1") + GENOTYPES, r"two samples have one name \(S1\). Rename one"),
        ((GENOTYPED + GENOTYPES)[:-12], "its last line has 10 columns of 12, and no end"),
    ],
)
def test_the_faulty_line_is_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        survey_vcf(wrap(tmp_path / "in.vcf", text, "plain"))


def test_damage_in_the_samples_is_found_on_request(tmp_path):
    path = wrap(tmp_path / "in.vcf", GENOTYPED + GENOTYPES.replace("\t0/0", ""), "plain")
    assert survey_vcf(path).records == 2
    with pytest.raises(InputError, match="has 11 columns, and the '#CHROM' line 12"):
        survey_vcf(path, samples=True)


def test_a_sample_that_is_not_there_suggests_its_neighbour(tmp_path):
    path = wrap(tmp_path / "in.vcf", GENOTYPED + GENOTYPES, "bgzip")
    with open_vcf(path, ["S2"]) as file:
        assert [record.samples[0].allele_indices for record in file.records] == [(1, 2), (1, 1)]
    with pytest.raises(InputError, match="no sample 'S22', among 3 samples. Did you mean 'S2'"):
        open_vcf(path, ["S22"]).__enter__()
    with pytest.raises(InputError, match="among 3 samples. The first one is 'S1'"):
        open_vcf(path, ["NA12878"]).__enter__()
    with pytest.raises(InputError, match="no genotypes.*Received: the sample 'S1'"):
        open_vcf(wrap(tmp_path / "sites.vcf", HEADER + RECORDS, "plain"), ["S1"]).__enter__()
