"""A small genome and tracks on it, for tests of coverage datasets."""

import numpy as np
import pytest
from coverage_cases import CHROMS, SIZES

from seqdl import Dataset, build_dataset
from seqdl.encoding import N, decode
from tests.toy import write_fasta
from tests.tracks import write_bam, write_bigwig


@pytest.fixture(scope="module")
def coverage_genome(tmp_path_factory):
    rng = np.random.default_rng(0)
    contigs = {}
    for name, length in SIZES.items():
        codes = rng.integers(0, 4, length).astype(np.uint8)
        if name == "c1":
            codes[1030:1040] = N
        contigs[name] = decode(codes)
    return write_fasta(tmp_path_factory.mktemp("genome") / "g.fa", contigs)


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """Return a folder of fragments, a bigWig and a BAM."""
    folder = tmp_path_factory.mktemp("tracks")
    rng = np.random.default_rng(1)
    places = [(c, int(s)) for c, n in SIZES.items() for s in np.sort(rng.integers(0, n - 60, n // 10))]
    (folder / "frag.bed").write_text("".join(f"{c}\t{s}\t{s + 50}\n" for c, s in places))
    write_bigwig(
        folder / "big.bw",
        [(c, s, s + 10, s % 7 + 0.5) for c, n in SIZES.items() for s in range(0, n - 10, 10)],
        SIZES,
    )
    write_bam(folder / "reads.bam", [(c, s, 30, 16 * (s % 2), 60, 0) for c, s in places], SIZES)
    return folder


@pytest.fixture
def build_coverage(coverage_genome, tracks, tmp_path):
    def run(files="frag.bed", **changes):
        files = [tracks / f for f in (files if isinstance(files, list) else [files])]
        arguments = {
            "genome": coverage_genome, "coverage": files, "window": 128, "bin": 64, "resolution": 16,
            "out": tmp_path / "ds.h5", **CHROMS, **changes,
        }  # fmt: skip
        return build_dataset(**arguments), Dataset.open(arguments["out"])

    return run
