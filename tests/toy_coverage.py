"""A small coverage dataset: a random genome whose planted motifs make peaks, in seconds of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from seqdl.data.dataset_file import Contigs, Coverage, write_dataset
from seqdl.encoding import decode, encode, reverse_complement
from seqdl.genome import Genome
from tests.toy import MOTIFS, write_fasta

COVERAGE_LENGTHS = {"chrA": 65_536, "chrB": 32_768, "chrC": 32_768}  # train, valid, test
WINDOW, BIN, RESOLUTION = 512, 256, 32
_BACKGROUND, _HEIGHT, _WIDTH = 0.5, 20.0, 40.0  # counts a row; counts at a motif; bases, one sigma


def toy_coverage_genome(folder: Path, seed: int = 0) -> tuple[Path, dict[str, np.ndarray]]:
    """Write a random genome with motifs planted.

    Returns
    -------
    fasta : Path
    expected : dict
        Contig → float64 (length // 32, 2): expected counts of each row and target; what a perfect model
        predicts.
    """
    rng = np.random.default_rng(seed)
    contigs, expected = {}, {}
    for name, length in COVERAGE_LENGTHS.items():
        codes = rng.integers(0, 4, length).astype(np.uint8)
        rate = np.full((length // RESOLUTION, len(MOTIFS)), _BACKGROUND)
        middles = (np.arange(len(rate)) + 0.5) * RESOLUTION
        slots = rng.permutation(length // 64)[: length // 320]  # one motif a 64-base slot, never on another
        for slot in slots:
            target = int(rng.integers(len(MOTIFS)))
            word, at = encode(list(MOTIFS.values())[target]), int(slot) * 64 + int(rng.integers(50))
            codes[at : at + len(word)] = word if rng.random() < 0.5 else reverse_complement(word)
            far = (middles - at - len(word) / 2) / _WIDTH
            rate[:, target] += _HEIGHT * np.exp(-0.5 * far**2)
        contigs[name], expected[name] = decode(codes), rate
    return write_fasta(folder / "toy_coverage.fa", contigs), expected


def toy_coverage_dataset(
    folder: Path, seed: int = 0, *, unknown: bool = True, stranded: bool = False
) -> Path:
    """Write coverage of two targets, counts of 32 bases: chrA train, chrB valid, chrC test.

    Windows of 512 bases about bins of 256 (8 values); training windows start every 128 bases and share
    rows, the others every 256.

    Parameters
    ----------
    folder : Path
    seed : int
    unknown : bool
        Whether a few rows of each contig are NaN.
    stranded : bool
        Whether the two targets are each other's on the other strand.

    Returns
    -------
    path : Path
        The dataset; its genome lies beside it.
    """
    fasta, expected = toy_coverage_genome(folder, seed)
    genome = Genome(fasta)
    rng = np.random.default_rng(seed + 1)
    blocks, ids, starts, rows, first = [], [], [], [], 0
    for contig, rate in enumerate(expected.values()):
        block = rng.poisson(rate).astype(np.float16)
        if unknown:
            block[100:104] = np.nan
        blocks.append(block)
        here = np.arange(0, len(rate) * RESOLUTION - BIN + 1, 128 if contig == 0 else BIN)
        ids.append(np.full(len(here), contig))
        starts.append(here - (WINDOW - BIN) // 2)
        rows.append(first + here // RESOLUTION)
        first += len(rate)
    ids = np.concatenate(ids)
    return write_dataset(
        folder / "toy_coverage.h5", window=WINDOW, bin=BIN,
        coverage=Coverage(RESOLUTION, first, len(MOTIFS), blocks, np.concatenate(rows)),
        targets=pd.DataFrame({"name": list(MOTIFS), "category": ["ATAC", "ATAC"], "unit": ["counts"] * 2}),
        split=ids, split_kind="chromosome", contig_ids=ids, starts=np.concatenate(starts),
        strand_pairs=np.array([1, 0]) if stranded else None,
        contigs=Contigs(genome.names, np.array(list(genome.lengths.values())), tuple(genome.md5.values())),
        genome_path=fasta, genome_name=genome.name, genome_checksum=genome.checksum,
    )  # fmt: skip
