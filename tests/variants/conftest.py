"""A genome, a network and VCF files for the laws of variant scoring."""

import numpy as np
import pytest
from variant_cases import HEADER, LinearNetwork, letters, other

from seqdl.genome import Genome


@pytest.fixture
def network():
    return LinearNetwork()


@pytest.fixture(scope="session")
def genome():
    rng = np.random.default_rng(7)
    contigs = {
        "chrA": rng.integers(0, 4, 3000),
        "chrB": rng.integers(0, 4, 500),
        "tiny": rng.integers(0, 4, 12),
    }
    contigs["chrA"][1000:1010] = 4
    return Genome.from_arrays({name: codes.astype(np.uint8) for name, codes in contigs.items()})


@pytest.fixture
def write_vcf(tmp_path):
    def write(rows, name="in.vcf", header=HEADER):
        path = tmp_path / name
        lines = ["\t".join(map(str, row)) for row in rows]
        path.write_text(header + "".join(f"{line}\n" for line in lines))
        return path

    return write


@pytest.fixture
def mixed(genome):
    """Records of every kind, good and bad, out of order: (rows, expected reason per allele)."""
    at = lambda chrom, pos, size=1: letters(genome, chrom, pos, size)  # noqa: E731
    snv, far = at("chrA", 100), at("chrA", 2000)
    rows = [
        ("chrA", 100, "rs1", snv, other(snv), "50", "PASS", "AC=1"),
        ("chrA", 90, ".", at("chrA", 90, 3), "TTTT", ".", ".", "."),
        (
            "chrB",
            200,
            "multi",
            at("chrB", 200),
            f"{other(at('chrB', 200))},<DEL>,*,{at('chrB', 200)}GG",
            ".",
            "LOW",
            "AC=1,2,3,4",
        ),
        ("chrA", 300, ".", at("chrA", 300, 4), at("chrA", 300), ".", ".", "."),
        ("chrA", 400, ".", other(at("chrA", 400)), at("chrA", 400), ".", ".", "."),
        ("chrA", 500, ".", at("chrA", 500), ".", ".", ".", "."),
        ("chrA", 600, ".", "R", "A", ".", ".", "."),
        ("chrZ", 600, ".", "A", "C", ".", ".", "."),
        ("chrB", 501, ".", "A", "C", ".", ".", "."),
        ("chrA", 0, ".", "A", "C", ".", ".", "."),
        ("chrA", 700, ".", at("chrA", 700), at("chrA", 700) + "A" * 30, ".", ".", "."),
        ("chrA", 3, ".", at("chrA", 3), other(at("chrA", 3)), ".", ".", "."),
        ("chrA", 1012, ".", at("chrA", 1012), other(at("chrA", 1012)), ".", ".", "."),
        ("chrA", 2000, ".", far, f"{far}]chrB:20]", ".", ".", "."),
        ("tiny", 6, ".", at("tiny", 6).lower(), other(at("tiny", 6)).lower(), ".", ".", "."),
    ]
    reasons = [
        "", "", "", "SYMBOLIC", "SYMBOLIC", "", "", "REF_MISMATCH", "NO_ALT", "NON_ACGT", "UNKNOWN_CONTIG",
        "OUT_OF_RANGE", "OUT_OF_RANGE", "OUT_OF_RANGE", "", "", "SYMBOLIC", "",
    ]  # fmt: skip
    return rows, reasons
