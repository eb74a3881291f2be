"""One variant of every kind, worked by hand: the windows are written out, the scores are counted on paper.

The contigs, with 1-based positions (`c` has four N at 21 to 24)::

      1        10         20         30         40
    c ACGTTGCAAC GGATCCTTAG NNNNACGCGT TTGACATAGC CCATGA
    tiny GATTACA

A window of 12 has the variant's first base at index 6, as ``left allele right``. A blank parts the three.
"""

import re
from math import exp, log2, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from seqdl.encoding import decode
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.io.vcf import read_vcf
from seqdl.variants.alleles import allele_windows, encode_alleles, right_aligned
from seqdl.variants.files.reading import read_scores
from seqdl.variants.network import Asker, Network
from seqdl.variants.options import ScoringOptions
from seqdl.variants.score import score_variants
from seqdl.variants.scorer import Scorer
from seqdl.variants.screen import screen

CONTIGS = {"c": "ACGTTGCAACGGATCCTTAGNNNNACGCGTTTGACATAGCCCATGA", "tiny": "GATTACA"}
WINDOW = 12
PAD, NNN = "WINDOW_PADDED", "N_IN_WINDOW"
LONG = "an allele is longer than 6 bases"
HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


class Case(NamedTuple):
    """An allele, its two windows, and what stands in them: how many G, and the sum of the A's indices."""

    kind: str
    chrom: str
    pos: int
    ref: str
    alt: str
    ref_window: str
    alt_window: str
    g: tuple[int, int]
    a: tuple[int, int]
    flag: str = "."


# fmt: off
CASES = [
    Case("SNV", "c", 11, "G", "T", "TGCAAC G GATCC", "TGCAAC T GATCC", (3, 2), (15, 15)),
    Case("MNP", "c", 11, "GG", "AT", "TGCAAC GG ATCC", "TGCAAC AT ATCC", (3, 1), (15, 21)),
    Case("insertion", "c", 11, "G", "GTTT", "TGCAAC G GATCC", "TGCAAC GTTT GA", (3, 3), (15, 18)),
    Case("deletion", "c", 11, "GGA", "G", "TGCAAC GGA TCC", "TGCAAC G TCCTT", (3, 2), (15, 7)),
    Case("complex 3 to 5", "c", 11, "GGA", "TTCTT", "TGCAAC GGA TCC", "TGCAAC TTCTT T", (3, 1), (15, 7)),
    Case("complex 5 to 3", "c", 11, "GGATC", "CAT", "TGCAAC GGATC C", "TGCAAC CAT CTT", (3, 1), (15, 14)),
    Case("multi: deletion", "c", 13, "AT", "A", "CAACGG AT CCTT", "CAACGG A CCTTA", (2, 2), (9, 20)),
    Case("multi: insertion", "c", 13, "AT", "ATG", "CAACGG AT CCTT", "CAACGG ATG CCT", (2, 3), (9, 9)),
    Case("multi: complex", "c", 13, "AT", "C", "CAACGG AT CCTT", "CAACGG C CCTTA", (2, 2), (9, 14)),
    Case("multi: padded SNV", "c", 13, "AT", "GT", "CAACGG AT CCTT", "CAACGG GT CCTT", (2, 3), (9, 3)),
    Case("first base", "c", 1, "A", "G", "NNNNNN A CGTTG", "NNNNNN G CGTTG", (2, 3), (6, 0), PAD),
    Case("first deleted", "c", 1, "AC", "A", "NNNNNN AC GTTG", "NNNNNN A GTTGC", (2, 2), (6, 6), PAD),
    Case("last window inside", "c", 41, "C", "G", "CATAGC C CATGA", "CATAGC G CATGA", (2, 3), (23, 23)),
    Case("a base more", "c", 41, "CC", "C", "CATAGC CC ATGA", "CATAGC C ATGAN", (2, 2), (23, 21), PAD),
    Case("last bases deleted", "c", 45, "GA", "G", "GCCCAT GA NNNN", "GCCCAT G NNNNN", (2, 2), (11, 4), PAD),
    Case("last base", "c", 46, "A", "C", "CCCATG A NNNNN", "CCCATG C NNNNN", (1, 1), (9, 3), PAD),
    Case("added at the end", "c", 46, "A", "AGG", "CCCATG A NNNNN", "CCCATG AGG NNN", (1, 3), (9, 9), PAD),
    Case("over both ends", "tiny", 4, "T", "G", "NNNGAT T ACANN", "NNNGAT G ACANN", (1, 2), (20, 20), PAD),
    Case("REF fills it", "tiny", 1, "GATTAC", "T", "NNNNNN GATTAC", "NNNNNN T ANNNN", (1, 0), (17, 7), PAD),
    Case("in a run of N", "c", 22, "N", "A", "CTTAGN N NNACG", "CTTAGN A NNACG", (2, 2), (12, 18), NNN),
    Case("N deleted", "c", 20, "GNNNN", "G", "TCCTTA GNNNN A", "TCCTTA G ACGCG", (1, 3), (16, 12), NNN),
    Case("ALT N", "c", 11, "G", "N", "TGCAAC G GATCC", "TGCAAC N GATCC", (3, 2), (15, 15), NNN),
    Case("fills the window", "c", 11, "G", "GTTTTT", "TGCAAC G GATCC", "TGCAAC GTTTTT", (3, 2), (15, 7)),
    # In bins of 4 bases: TGCA ACGG ATCC and TGCA ACGC CTTA, so REF crosses from the second bin to the third.
    Case("deletion across bins", "c", 11, "GGAT", "G", "TGCAAC GGAT CC", "TGCAAC G CCTTA", (3, 2), (15, 18)),
    Case("lower case", "c", 11, "g", "t", "TGCAAC G GATCC", "TGCAAC T GATCC", (3, 2), (15, 15)),
]
REJECTED = [
    ("one base too long", "c", 11, "G", "GTTTTTT", "OUT_OF_RANGE", LONG),
    ("far longer than the window", "c", 11, "G", "G" + "T" * 40, "OUT_OF_RANGE", LONG),
    ("REF too long", "c", 11, "GGATCCT", "G", "OUT_OF_RANGE", LONG),
    ("REF leaves the contig", "tiny", 6, "CAG", "C", "OUT_OF_RANGE", "tiny has 7 bases"),
    ("past the end", "tiny", 8, "A", "C", "OUT_OF_RANGE", "tiny has 7 bases"),
    ("upstream deletion", "c", 11, "G", "*", "SYMBOLIC", "G>*"),
    ("symbolic", "c", 11, "G", "<DEL>", "SYMBOLIC", "G><DEL>"),
    ("breakend", "c", 11, "G", "G]tiny:4]", "SYMBOLIC", "G>G]tiny:4]"),
    ("single breakend", "c", 11, "G", "G.", "SYMBOLIC", "G>G."),
    ("IUPAC ALT", "c", 11, "G", "R", "NON_ACGT", "G>R"),
    ("IUPAC REF", "c", 11, "K", "G", "NON_ACGT", "K>G"),
    ("no ALT", "c", 11, "G", ".", "NO_ALT", "G>."),
    ("unknown contig", "chrQ", 11, "G", "T", "UNKNOWN_CONTIG", "contig chrQ"),
    ("another base", "c", 11, "A", "T", "REF_MISMATCH", "the genome has G at c:11"),
    ("another length", "c", 11, "GGT", "G", "REF_MISMATCH", "the genome has GGA at c:11"),
    ("swapped", "c", 11, "T", "G", "REF_MISMATCH",
     "the genome has G at c:11; it carries ALT: REF and ALT look swapped"),
]
# fmt: on
IDENTITY = {name: name for name in CONTIGS}


@pytest.fixture(scope="module")
def genome():
    return Genome.from_arrays(CONTIGS)


def join(window):
    return window.replace(" ", "")


def write(folder, records):
    """Write records (chrom, pos, ref, alt) as a VCF."""
    path = folder / "in.vcf"
    lines = [f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n" for chrom, pos, ref, alt in records]
    path.write_text(HEADER + "".join(lines))
    return path


def screened(folder, genome, records, window=WINDOW, anchor=None, policy="skip"):
    """Screen records that pass through a VCF file; return the windows as text beside the rest."""
    (chunk,) = read_vcf(write(folder, records))
    found = screen(chunk, genome, IDENTITY, window, window // 2 if anchor is None else anchor, policy)
    return [tuple(map(decode, pair)) for pair in zip(*found.windows, strict=True)], found


def test_the_table_agrees_with_itself():
    """A slip of the pen is found here: the counts are those of the written windows, and all have 12 bases."""
    for case in CASES:
        for side, window in enumerate((join(case.ref_window), join(case.alt_window))):
            assert len(window) == WINDOW, case
            assert window.count("G") == case.g[side], case
            assert sum(i for i, base in enumerate(window) if base == "A") == case.a[side], case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_windows_are_those_on_paper(tmp_path, genome, case):
    want = (join(case.ref_window), join(case.alt_window))
    windows, found = screened(tmp_path, genome, [case[1:5]])
    assert windows == [want]
    assert found.flags == [case.flag]
    direct = allele_windows(
        genome,
        np.array([genome.contig_id(case.chrom)]),
        np.array([case.pos - 1]),
        encode_alleles([case.ref]),
        encode_alleles([case.alt]),
        WINDOW,
    )
    assert (decode(direct.ref[0]), decode(direct.alt[0])) == want


@pytest.mark.parametrize("case", REJECTED, ids=lambda case: case[0])
def test_what_cannot_be_scored_is_rejected_by_name(tmp_path, genome, case):
    _, *record, reason, detail = case
    windows, found = screened(tmp_path, genome, [record])
    assert windows == []
    assert found.reasons == [reason]
    assert found.details == [detail]


# fmt: off
@pytest.mark.parametrize(("window", "anchor", "record", "ref_window", "alt_window"), [
    (12, 0, ("c", 11, "G", "T"), "G GATCCTTAGNN", "T GATCCTTAGNN"),
    (12, 0, ("c", 11, "GGA", "G"), "GGA TCCTTAGNN", "G TCCTTAGNNNN"),
    (12, 0, ("c", 11, "G", "GTTTTTTTTTTT"), "G GATCCTTAGNN", "GTTTTTTTTTTT"),
    (12, 11, ("c", 11, "G", "T"), "NACGTTGCAAC G", "NACGTTGCAAC T"),
    (12, 5, ("c", 11, "GGA", "G"), "GCAAC GGA TCCT", "GCAAC G TCCTTA"),
    (13, None, ("c", 11, "G", "T"), "TGCAAC G GATCCT", "TGCAAC T GATCCT"),
    (13, None, ("c", 11, "GGA", "G"), "TGCAAC GGA TCCT", "TGCAAC G TCCTTA"),
    (13, None, ("c", 11, "G", "GTTT"), "TGCAAC G GATCCT", "TGCAAC GTTT GAT"),
    (16, None, ("c", 11, "GGA", "TTCTT"), "GTTGCAAC GGA TCCTT", "GTTGCAAC TTCTT TCC"),
    (1, None, ("c", 11, "G", "T"), "G", "T"),
])
# fmt: on
def test_other_windows_and_anchors(tmp_path, genome, window, anchor, record, ref_window, alt_window):
    windows, _ = screened(tmp_path, genome, [record], window, anchor)
    assert windows == [(join(ref_window), join(alt_window))]


# fmt: off
@pytest.mark.parametrize(("anchor", "ref", "alt", "alt_window"), [
    (6, "G", "T", "TGCAAC T GATCC"),
    (6, "GGA", "G", "GTTGCAAC G TCC"),
    (6, "G", "GTTT", "AAC GTTT GATCC"),
    (6, "GGA", "TTCTT", "CAAC TTCTT TCC"),
    (2, "G", "GTTTTT", "TTT GATCCTTAG"),  # three bases of the allele lie left of the window
])
# fmt: on
def test_aligned_on_the_right_the_left_side_moves(genome, anchor, ref, alt, alt_window):
    """For binned networks: what stands right of the allele stands where it does in the ref window."""
    alts = right_aligned(
        genome, np.array([0]), np.array([10]), encode_alleles([ref]), encode_alleles([alt]),
        WINDOW, np.array([anchor]),
    )  # fmt: skip
    assert decode(alts[0]) == join(alt_window)


@pytest.mark.parametrize("alt", ["GT", "GGG"])
def test_at_the_last_index_only_one_base_fits(tmp_path, genome, alt):
    windows, found = screened(tmp_path, genome, [("c", 11, "G", alt)], anchor=11)
    assert (windows, found.reasons) == ([], ["OUT_OF_RANGE"])
    assert found.details == ["an allele is longer than 1 bases"]


# fmt: off
MISMATCHES = [("c", 11, "A", "T"), ("c", 11, "AGA", "A"), ("c", 11, "T", "G"), ("c", 11, "T", "GG")]
# The genome has G, GGA at c:11: the first two fit nothing, the others look swapped.
POLICIES = {
    "skip": [None, None, None, None],
    "flip": [None, None, ("TGCAAC T GATCC", "TGCAAC G GATCC"), ("TGCAAC T ATCCT", "TGCAAC GG ATCC")],
    "force": [
        ("TGCAAC A GATCC", "TGCAAC T GATCC"), ("TGCAAC AGA TCC", "TGCAAC A TCCTT"),
        ("TGCAAC T GATCC", "TGCAAC G GATCC"), ("TGCAAC T GATCC", "TGCAAC GG GATC"),
    ],
}
# fmt: on


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("number", range(len(MISMATCHES)))
def test_a_wrong_ref_under_each_policy(tmp_path, genome, policy, number):
    want = POLICIES[policy][number]
    windows, found = screened(tmp_path, genome, [MISMATCHES[number]], policy=policy)
    assert found.mismatches == 1
    assert found.swapped == (number >= 2)
    if want is None:
        assert (windows, found.reasons) == ([], ["REF_MISMATCH"])
    else:
        assert windows == [tuple(map(join, want))]
        assert found.flags == [{"flip": "FLIPPED", "force": "FORCED"}[policy]]


@pytest.mark.parametrize("record", MISMATCHES)
def test_a_wrong_ref_stops_everything_if_asked(tmp_path, genome, record):
    with pytest.raises(InputError, match=r"record 1 \(c:11 .*the genome has G"):
        screened(tmp_path, genome, [record], policy="error")


def test_the_windows_on_the_page_are_these(genome, tmp_path):
    """The picture in docs/variants.md, read from the page; its genome has other letters where `c` has N."""
    page = Path(__file__).parents[2] / "docs" / "variants.md"
    row = re.compile(r"^\S.*?(\d+) (\w+)>(\w+)\s+ref\s+(\S+)\s+alt\s+(\S+)", re.MULTILINE)
    found = row.findall(page.read_text(encoding="utf-8"))
    assert len(found) == 6
    for pos, ref, alt, *want in found:
        windows, _ = screened(tmp_path, genome, [("c", int(pos), ref, alt)])
        assert windows == [tuple(text.replace("|", "") for text in want)], (pos, ref, alt)
        assert [text.split("|")[1] for text in want] == [ref, alt]


class Counting:
    """Logits that can be counted by eye: half the number of G; a tenth of the sum of the A's indices."""

    window = WINDOW
    target_names = ("G", "A")

    def logits(self, codes):
        g = (codes == 2).sum(axis=1) / 2
        a = ((codes == 0) * np.arange(self.window)).sum(axis=1) / 10
        return np.stack([g, a], axis=1).astype(np.float32)


def test_scores_are_those_on_paper(tmp_path, genome):
    """Each allele of the table through the whole command, the multi-allelic record as one line."""
    records = []
    for case in CASES:
        if case.kind.startswith("multi") and records[-1][:3] == case[1:4]:
            records[-1] = (*records[-1][:3], f"{records[-1][3]},{case.alt}")
        else:
            records.append(case[1:5])
    assert [r for r in records if "," in r[3]] == [("c", 13, "AT", "A,ATG,C,GT")]
    bad = [case[1:5] for case in REJECTED]
    vcf = write(tmp_path, [*bad, *records])
    names = ["ref", "alt", "diff", "logit_diff"]
    summary = score_variants(Counting(), vcf, genome, tmp_path / "s.h5", scores=names)
    table = read_scores(tmp_path / "s.h5")

    assert summary.scored == len(CASES)
    assert sum(summary.rejected.values()) == len(REJECTED)
    keys = list(table.variants[["chrom", "pos", "ref", "alt", "flag"]].itertuples(index=False, name=None))
    assert keys == [(*case[1:5], case.flag) for case in CASES]

    def sigmoid(z):
        return 1 / (1 + exp(-z))

    for row, case in enumerate(CASES):
        for target, (before, after) in enumerate((np.divide(case.g, 2), np.divide(case.a, 10))):
            found = {name: float(table.scores[name][row, target]) for name in names}
            want = {
                "ref": sigmoid(before),
                "alt": sigmoid(after),
                "diff": sigmoid(after) - sigmoid(before),
                "logit_diff": after - before,
            }
            assert found == pytest.approx(want, abs=1e-6), (case.kind, target)


def test_the_rejects_file_names_each_of_them(tmp_path, genome):
    summary = score_variants(
        Counting(), write(tmp_path, [case[1:5] for case in REJECTED]), genome, tmp_path / "s.tsv"
    )
    lines = [
        line.split("\t") for line in summary.rejects.read_text().splitlines() if not line.startswith("#")
    ]
    assert [(f[0], int(f[1]), f[3], f[4], f[5], f[6]) for f in lines] == [case[1:] for case in REJECTED]


# fmt: off
@pytest.mark.parametrize(("ref", "alt", "left", "right", "stitched", "want"), [
    # G in each bin of 4 bases. Reference: TGCA ACGG ATCC, so 1, 2, 0.
    ("G", "T", "TGCA ACTG ATCC", None, (1, 1, 0),
     {"SAD": -1, "logSAD": log2(3 / 4), "SAX": -1, "D1": 1, "D2": 1}),
    # The deletion crosses from the second bin to the third; the right window's third bin, CGCC, has a G.
    ("GGAT", "G", "TGCA ACGC CTTA", "CGTT GCAA CGCC", (1, 1, 1),
     {"SAD": 0, "logSAD": 0, "SAX": -1, "D1": 2, "D2": sqrt(2), "jsd": 0.455543}),
    ("G", "GTTT", "TGCA ACGT TTGA", "AACG TTTG ATCC", (1, 1, 0),
     {"SAD": -1, "logSAD": log2(3 / 4), "SAX": -1, "D1": 1, "D2": 1}),
])
# fmt: on
def test_bins_of_coverage_on_paper(tmp_path, genome, ref, alt, left, right, stitched, want):
    """The bin of the anchor is the mean of both alt windows; those before it are the left one's."""
    asked = []

    def count_g(codes):
        asked.extend(map(decode, codes))
        return (codes == 2).reshape(-1, 3, 4, 1).sum(axis=2).astype(np.float32)

    network = Network(
        Asker(count_g), WINDOW, WINDOW // 2, 4, ("G",), ("G",), False, False, "counting",
        targets=({"name": "G"},), task="coverage", bins=3, resolution=4,
    )  # fmt: skip
    (chunk,) = read_vcf(write(tmp_path, [("c", 11, ref, alt)]))
    options = ScoringOptions(scores=("ref", "alt", *want))
    block, _ = Scorer(network, genome, IDENTITY, options).score(chunk)
    assert asked == [join(text) for text in ("TGCA ACGG ATCC", left, right) if text]
    found = {name: float(values[0, 0]) for name, values in block.values.items()}
    assert found == pytest.approx({"ref": 3, "alt": sum(stitched), **want}, abs=1e-5)
