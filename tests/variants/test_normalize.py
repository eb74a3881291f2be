"""Normalised alleles: the same mutated contig, written once; equal to the published loop and to bcftools."""

import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.genome import Genome
from seqdl.io.vcf import VcfChunk
from seqdl.variants import normalize
from seqdl.variants.normalize import normalize_alleles
from tests.toy import write_fasta

CONTIGS = {"c": "c", "1": "other"}


def chunk_of(rows, chrom="c"):
    """Make a chunk of (0-based start, ref, alt)."""
    starts, refs, alts = (list(column) for column in zip(*rows))
    n = len(rows)
    return VcfChunk(np.arange(n), [chrom] * n, np.array(starts) + 1, ["."] * n, refs, alts, None)


def outcome(sequence, rows):
    genome = Genome.from_arrays({"before": "ACGT", "c": sequence, "other": "TTTTT"})
    normalized = normalize_alleles(chunk_of(rows), genome, CONTIGS)
    chunk = normalized.chunk
    return list(zip((chunk.pos - 1).tolist(), chunk.refs, chunk.alts)), normalized.changed


def mutated(sequence, start, ref, alt):
    assert sequence[start : start + len(ref)] == ref.upper()
    return sequence[:start] + alt.upper() + sequence[start + len(ref) :]


def base_by_base(sequence, start, ref, alt):
    """Tan, Abecasis and Kang's loop, as it is printed."""
    if ref == alt:
        return start, ref, alt
    while ref[-1] == alt[-1] and (start > 0 or min(len(ref), len(alt)) > 1):
        ref, alt = ref[:-1], alt[:-1]
        if not ref or not alt:
            start -= 1
            ref, alt = sequence[start] + ref, sequence[start] + alt
    while ref[0] == alt[0] and min(len(ref), len(alt)) > 1:
        start, ref, alt = start + 1, ref[1:], alt[1:]
    return start, ref, alt


@st.composite
def contig_and_alleles(draw):
    """Draw a contig full of repeats, and alleles that often repeat what stands beside them."""
    unit = draw(st.text("ACN", min_size=1, max_size=4))
    sequence = (
        draw(st.text("ACGT", max_size=6))
        + unit * draw(st.integers(1, 30))
        + draw(st.text("ACGT", max_size=9))
    )
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(sequence) - 1))
        ref = sequence[start : start + draw(st.integers(1, 9))]
        near = sequence[max(0, start - 3) : start + 9]
        alt = draw(
            st.one_of(
                st.text("ACGT", min_size=1, max_size=9), st.just(near), st.just(ref + unit), st.just(ref[0])
            )
        )
        rows.append((start, ref, alt))
    return sequence, rows


@settings(max_examples=400)
@given(contig_and_alleles())
def test_the_mutated_contig_stays_and_the_loop_agrees(case):
    sequence, rows = case
    found, changed = outcome(sequence, rows)
    assert found == [base_by_base(sequence, *row) for row in rows]
    for row, now, said in zip(rows, found, changed):
        assert mutated(sequence, *row) == mutated(sequence, *now)
        assert said == ("." if now == row else f"{now[0] + 1}:{now[1]}:{now[2]}")
    assert outcome(sequence, found) == (found, ["."] * len(found))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((7, "CAC", "C"), (2, "GCA", "G")),  # a deletion in GGGCACACACAGGG, the example of the paper
        ((4, "A", "ACA"), (2, "G", "GCA")),
        ((2, "GCACA", "GCA"), (2, "GCA", "G")),
        ((3, "CA", "CG"), (4, "A", "G")),  # an SNV with a base too much
        ((3, "CAC", "TAG"), (3, "CAC", "TAG")),  # an MNP is as short as it can be
        ((2, "GCACA", "GTAGA"), (3, "CAC", "TAG")),
        ((2, "GCACAC", "GTT"), (3, "CACAC", "TT")),
        ((1, "GG", "G"), (0, "GG", "G")),  # at the contig's begin the base to the right stands behind
        ((0, "G", "GG"), (0, "G", "GG")),
        ((0, "G", "TG"), (0, "G", "TG")),
        ((0, "GGG", "GG"), (0, "GG", "G")),
        ((13, "G", "GG"), (10, "A", "AG")),
        ((11, "GGG", "GG"), (10, "AG", "A")),
    ],
)
def test_worked_by_hand(row, expected):
    found, changed = outcome("GGGCACACACAGGG", [row])
    assert found == [expected]
    assert (changed == ["."]) == (row == expected)


def test_what_cannot_be_normalised_stays_as_the_file_has_it():
    rows = [
        (5, "a", "g"),
        (3, "caca", "<DEL>"),
        (3, "CACA", "*"),
        (3, "CACA", "."),
        (3, "CARA", "CA"),
        (3, "CACA", "caca"),
        (3, "CTCA", "CA"),  # not what the genome carries
        (12, "GGGGG", "G"),  # leaves the contig
        (-1, "GGG", "G"),
        (7, "cac", "c"),  # but this one is normalised, in capitals
    ]
    found, changed = outcome("GGGCACACACAGGG", rows)
    assert found[:-1] == rows[:-1]
    assert found[-1] == (2, "GCA", "G")
    assert changed == ["."] * 9 + ["3:GCA:G"]
    elsewhere = normalize_alleles(
        chunk_of([(7, "CAC", "C")], "unknown"), Genome.from_arrays({"c": "ACGT"}), CONTIGS
    )
    assert elsewhere.changed == ["."]


def test_contigs_are_looked_up_by_the_files_names():
    genome = Genome.from_arrays({"c": "ACGTA", "other": "TTTTT"})
    normalized = normalize_alleles(chunk_of([(2, "TT", "T")], "1"), genome, CONTIGS)
    assert normalized.changed == ["1:TT:T"]
    assert normalized.chunk.chroms == ["1"]


def test_snvs_cost_nothing(monkeypatch):
    """A chunk of SNVs comes back as it is, and the genome is not asked."""
    chunk = chunk_of([(i, "A", "C") for i in range(4)])
    genome = Genome.from_arrays({"c": "AAAA"})
    monkeypatch.setattr(genome, "gather", lambda *_: pytest.fail("the genome was read"))
    assert normalize_alleles(chunk, genome, CONTIGS).chunk is chunk


def test_a_repeat_of_a_million_bases_takes_few_comparisons(monkeypatch):
    size = 1_000_000
    genome = Genome.from_arrays({"c": "G" + "AC" * (size // 2) + "T"})
    reads = []
    gather = Genome.gather
    monkeypatch.setattr(Genome, "gather", lambda self, *a: (reads.append(a[2]), gather(self, *a))[1])
    rows = [(size - 2, "CAC", "C"), (size, "C", "CAC"), (size // 2 + 1, "A", "AA")]
    chunk = normalize_alleles(chunk_of(rows), genome, CONTIGS).chunk
    assert list(zip(chunk.pos.tolist(), chunk.refs, chunk.alts)) == [
        (1, "GAC", "G"), (1, "G", "GAC"), (size // 2 + 1, "C", "CA"),
    ]  # fmt: skip
    assert len(reads) < 40


def test_blocks_of_any_size_give_the_same_steps(monkeypatch):
    sequence = "TT" + "CA" * 40
    rows = [(start, sequence[start : start + 3], sequence[start]) for start in range(40, 60)]
    whole = outcome(sequence, rows)
    assert set(whole[1]) == {"2:TCA:T"}
    for first in (1, 3, 7):
        monkeypatch.setattr(normalize, "_FIRST_BLOCK", first)
        assert outcome(sequence, rows) == whole
        monkeypatch.setattr(normalize, "_MOST_COMPARED", 1)
        assert outcome(sequence, rows) == whole


@pytest.mark.skipif(not shutil.which("bcftools"), reason="needs bcftools: apt-get install bcftools")
def test_bcftools_norm_agrees(tmp_path):
    rng = np.random.default_rng(3)
    units = ["A", "AC", "ACG", "TTAG", "N", "CAG"]
    parts = [units[rng.integers(len(units))] * int(rng.integers(1, 25)) for _ in range(300)]
    sequence = "".join(part + "".join(rng.choice(list("ACGT"), int(rng.integers(0, 4)))) for part in parts)
    rows = []
    while len(rows) < 5000:
        start = int(rng.integers(0, len(sequence) - 12)) if len(rows) > 200 else int(rng.integers(0, 12))
        ref = sequence[start : start + int(rng.integers(1, 10))]
        drawn = "".join(rng.choice(list("ACGT"), int(rng.integers(1, 9))))
        near = sequence[start : start + int(rng.integers(1, 12))]
        alt = [drawn, ref[0] + drawn, near, ref + near, ref[: int(rng.integers(1, 9))]][rng.integers(5)]
        if alt != ref:
            rows.append((start, ref, alt))
    fasta = write_fasta(tmp_path / "c.fa", {"c": sequence})
    vcf = tmp_path / "in.vcf"
    vcf.write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID=c,length={len(sequence)}>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        + "".join(f"c\t{s + 1}\tv{i}\t{r}\t{a}\t.\t.\t.\n" for i, (s, r, a) in enumerate(rows))
    )
    done = subprocess.run(
        ["bcftools", "norm", "-f", fasta, "-O", "v", vcf], capture_output=True, text=True, check=True
    )
    theirs = {}
    for line in done.stdout.splitlines():
        if not line.startswith("#"):
            _, pos, name, ref, alt, *_ = line.split("\t")
            theirs[int(name[1:])] = (int(pos) - 1, ref, alt)
    found, _ = outcome(sequence, rows)
    assert [theirs[i] for i in range(len(rows))] == found
