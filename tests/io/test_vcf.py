"""VCF in every wrapping gives the same alleles; damage gets a sentence that says where."""

import gzip

import pysam
import pytest

from seqdl.errors import InputError
from seqdl.io.vcf import read_vcf, survey_vcf

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
        (b"##fileformat=VCFv4.2\n" + RECORDS.encode(), "header that htslib does not accept"),
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
