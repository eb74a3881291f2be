"""The genome store: every form of file gives the same bases, and outside a contig is N."""

import gzip
import multiprocessing
import os
import shutil
import subprocess

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl import Genome, InputError
from seqdl.encoding import encode
from tests.toy import write_fasta

RNG = np.random.default_rng(3)
CONTIGS = {
    name: "".join(RNG.choice(list("ACGTNacgt"), n)) for name, n in (("one", 997), ("two", 60), ("three", 5))
}
MEMORY = Genome.from_arrays(CONTIGS)


def slow_fetch(chrom: str, start: int, end: int) -> str:
    """Read base by base: the definition that the fast path must equal."""
    text = CONTIGS[chrom].upper()
    return "".join(text[i] if 0 <= i < len(text) else "N" for i in range(start, end))


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "g.fa", CONTIGS)


@given(st.sampled_from(list(CONTIGS)), st.integers(-50, 1100), st.integers(1, 120))
def test_fetch_equals_the_slow_reference_everywhere(chrom, start, width):
    assert MEMORY.sequence(chrom, start, start + width) == slow_fetch(chrom, start, start + width)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(-80, 1100)), min_size=1, max_size=40),
    st.integers(1, 90),
)
def test_gather_equals_fetch(places, length):
    ids, starts = (np.array(column) for column in zip(*places, strict=True))
    expected = [slow_fetch(MEMORY.names[i], s, s + length) for i, s in places]
    assert np.array_equal(MEMORY.gather(ids, starts, length), np.stack([encode(e) for e in expected]))
    buffer = np.empty((len(ids), length), np.uint8)
    assert np.array_equal(
        MEMORY.gather(ids, starts, length, out=buffer), np.stack([encode(e) for e in expected])
    )


@given(st.integers(-20, 1000), st.integers(1, 50))
def test_minus_strand_is_the_reverse_complement(start, width):
    turned = MEMORY.sequence("one", start, start + width, "-").translate(str.maketrans("ACGTN", "TGCAN"))[
        ::-1
    ]
    assert turned == MEMORY.sequence("one", start, start + width)


def test_every_file_form_gives_the_same_genome(fasta, tmp_path):
    plain = Genome(fasta)
    assert plain.checksum == MEMORY.checksum and plain.names == MEMORY.names
    text = fasta.read_bytes()
    forms = {
        "gz": gzip.compress(text),
        "crlf.fa": text.replace(b"\n", b"\r\n"),
        "upper.fa": text.upper()
        .replace(b">ONE", b">one")
        .replace(b">TWO", b">two")
        .replace(b">THREE", b">three"),
    }
    for name, content in forms.items():
        path = tmp_path / f"form.{name}"
        path.write_bytes(content)
        assert Genome(path).checksum == plain.checksum, name
    pysam.tabix_compress(str(fasta), str(tmp_path / "b.fa.gz"))
    assert Genome(tmp_path / "b.fa.gz").checksum == plain.checksum
    reordered = write_fasta(tmp_path / "r.fa", dict(reversed(CONTIGS.items())), width=33)
    assert Genome(reordered).checksum == plain.checksum


def test_two_bit(tmp_path):
    pytest.importorskip("py2bit")
    tool = shutil.which("faToTwoBit")
    data = os.environ.get("SEQDL_DATA")
    if not tool and not data:
        pytest.skip("neither faToTwoBit nor $SEQDL_DATA (microbial/*.2bit) is here")
    if tool:
        fasta = write_fasta(tmp_path / "g.fa", CONTIGS)
        subprocess.run([tool, fasta, tmp_path / "g.2bit"], check=True)
        assert Genome(tmp_path / "g.2bit").checksum == MEMORY.checksum
    else:
        [path] = (
            os.path.join(data, "microbial", f) for f in os.listdir(f"{data}/microbial") if f.endswith(".2bit")
        )
        genome = Genome(path, cache=tmp_path)
        assert sum(genome.lengths.values()) == 6_264_404  # Pseudomonas aeruginosa PAO1


def test_codes_are_cached_and_follow_the_file(fasta):
    first = Genome(fasta)
    store = fasta.with_name("g.fa.seqdl.h5")
    built = store.stat().st_mtime_ns
    assert np.array_equal(Genome(fasta).codes("one"), first.codes("one"))
    assert store.stat().st_mtime_ns == built
    os.utime(fasta)  # touched, same content: the checksum saves the work
    Genome(fasta)
    assert store.stat().st_mtime_ns == built
    write_fasta(fasta, {**CONTIGS, "two": "A" * 60})
    assert Genome(fasta).sequence("two", 0, 60) == "A" * 60
    store.write_bytes(b"damaged")
    assert Genome(fasta).sequence("two", 0, 60) == "A" * 60


def test_read_only_folder_uses_the_cache(fasta, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQDL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    fasta = fasta.rename(tmp_path / "data" / "g.fa")
    fasta.parent.chmod(0o555)
    assert Genome(fasta).checksum == MEMORY.checksum
    fasta.parent.chmod(0o755)
    assert [p.name for p in fasta.parent.iterdir()] == ["g.fa"]
    assert len(list((tmp_path / "cache" / "genomes").iterdir())) == 1


def test_two_processes_may_build_at_once(fasta):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(_checksum, [fasta, fasta]) == [MEMORY.checksum] * 2
    leftovers = [p.name for p in fasta.parent.iterdir() if ".part" in p.name]
    assert leftovers == []


def _checksum(path):
    return Genome(path).checksum


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "empty"),
        (b"ACGT\n", "begin with '>'"),
        (b"\x00\x01\x02\x03", "binary"),
        (b">a\nACGT\n>a\nAC\n", "cannot be indexed"),
        (b">a\nMKLVEFPQ\n", "no nucleotide letter"),
        (b">a\nACGT\nACGTACGT\nAC\n", "cannot be indexed"),
        (gzip.compress(b">a\n" + b"ACGT" * 5000)[:60], "truncated"),
    ],
    ids=["empty", "no header", "binary", "twice", "protein", "ragged lines", "cut gzip"],
)
def test_bad_files_are_refused_with_words(tmp_path, content, words):
    path = tmp_path / "bad.fa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        Genome(path)
    assert [p.name for p in tmp_path.iterdir()] == ["bad.fa"]


def test_unknown_contig_and_missing_file(fasta):
    with pytest.raises(InputError, match="Did you mean 'one'"):
        Genome(fasta).fetch("on", 0, 5)
    with pytest.raises(InputError, match="Did you mean 'g.fa'"):
        Genome(fasta.with_name("gg.fa"))


@settings(max_examples=20)
@given(st.permutations(list(CONTIGS)))
def test_contig_ids(names):
    assert [MEMORY.names[i] for i in MEMORY.contig_ids(names)] == list(names)


@pytest.mark.skipif("SEQDL_DATA" not in os.environ, reason="$SEQDL_DATA is not set (real yeast genome)")
def test_real_yeast_genome(tmp_path):
    genome = Genome(os.path.join(os.environ["SEQDL_DATA"], "yeast/sacCer3.fa.gz"), cache=tmp_path)
    assert len(genome.names) == 16 and sum(genome.lengths.values()) == 12_071_326
    assert genome.lengths["chrI"] == 230_218


def test_contig_names_beyond_ascii(tmp_path):
    path = write_fasta(tmp_path / "g.fa", {"chrÅ": "ACGT" * 20})
    assert Genome(path).names == ("chrÅ",)
    assert Genome(path).sequence("chrÅ", 0, 4) == "ACGT"


@pytest.mark.parametrize("file", ["my.family.fa", "my.family.fasta.gz", "my.family.fna"])
def test_the_name_is_the_files_without_its_suffixes(tmp_path, file):
    opener = gzip.open if file.endswith(".gz") else open
    with opener(tmp_path / file, "wt") as handle:
        handle.write(">c\nACGT\n")
    assert Genome(tmp_path / file).name == "my.family"
