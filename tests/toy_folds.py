"""A small dataset on six contigs, so that there is something to make folds of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from seqdl.data.dataset_file import Contigs, Sequences, write_dataset
from seqdl.encoding import decode, encode
from seqdl.genome import Genome
from tests.toy import MOTIFS, write_fasta

BINS = {"chr1": 160, "chr2": 120, "chr3": 90, "chr4": 80, "chr5": 70, "chr6": 60}  # chr6 is the test split
VALID, TEST = "chr5", "chr6"


def folds_dataset(folder: Path, seed: int = 0, bins: dict[str, int] = BINS) -> Path:
    """Write 200-bp windows on 100-bp bins, two targets with planted motifs; chr5 validates, chr6 tests."""
    rng = np.random.default_rng(seed)
    contigs, labels = {}, []
    for name, n in bins.items():
        codes = rng.integers(0, 4, n * 100).astype(np.uint8)
        y = rng.random((n, len(MOTIFS))) < 0.3
        for target, motif in enumerate(MOTIFS.values()):
            for b in np.flatnonzero(y[:, target]):
                at = b * 100 + 20 + 30 * target
                codes[at : at + len(motif)] = encode(motif)
        contigs[name] = decode(codes)
        labels.append(y)
    fasta = write_fasta(folder / "folds.fa", contigs)
    genome = Genome(fasta)
    ids = np.repeat(np.arange(len(bins)), list(bins.values()))
    part = np.array([{VALID: 1, TEST: 2}.get(name, 0) for name in bins], np.uint8)
    return write_dataset(
        folder / "folds.h5", window=200, bin=100, labels=np.concatenate(labels),
        targets=pd.DataFrame({"name": list(MOTIFS), "category": ["TF", "TF"]}), split=part[ids],
        split_kind="chromosome", contig_ids=ids,
        starts=np.concatenate([np.arange(n) * 100 - 50 for n in bins.values()]),
        contigs=Contigs(genome.names, np.array(list(genome.lengths.values())), tuple(genome.md5.values())),
        genome_path=fasta, genome_name=genome.name, genome_checksum=genome.checksum,
    )  # fmt: skip


def sequence_dataset(path: Path, groups: np.ndarray | None, split_kind: str = "groups", n: int = 200) -> Path:
    """Write stored sequences, half of them positive; the last fifth of the groups tests."""
    rng = np.random.default_rng(1)
    order = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    split = np.where(order >= 0.8 * (order.max() + 1), 2, order % 5 == 0).astype(np.uint8)
    return write_dataset(
        path, window=60, bin=60, labels=rng.random((n, 1)) < 0.5, targets=pd.DataFrame({"name": ["x"]}),
        split=split, split_kind=split_kind, groups=groups,
        sequences=Sequences(
            rng.integers(0, 4, n * 60).astype(np.uint8), np.arange(n + 1) * 60, [f"s{i}" for i in range(n)]
        ),
        sequence_ids=np.arange(n),
    )  # fmt: skip
