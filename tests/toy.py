"""Small real things that several tests need: a genome with a planted motif, its dataset, a trained run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from seqdl.data.dataset_file import Contigs, write_dataset
from seqdl.encoding import decode, encode, reverse_complement
from seqdl.genome import Genome

MOTIFS = {"alpha": "TGACTCAGC", "beta": "CCGGAAGTA"}
LENGTHS = {"chrA": 60_000, "chrB": 20_000, "chrC": 20_000}
TINY = {
    "filters": (8, 8),
    "kernel_sizes": (9, 5),
    "pool_sizes": (4, 4),
    "dropouts": (0.1, 0.1),
    "dense_units": 8,
}


def write_fasta(path: Path, contigs: dict[str, str], width: int = 60) -> Path:
    """Write contigs as FASTA with lines of `width` letters."""
    with open(path, "w") as handle:
        for name, text in contigs.items():
            handle.write(f">{name}\n")
            handle.writelines(text[i : i + width] + "\n" for i in range(0, len(text), width))
    return path


def toy_genome(folder: Path, seed: int = 0) -> tuple[Path, dict[str, np.ndarray]]:
    """Write a random genome with motifs at known bins; return its path and (bin, target) labels by contig."""
    rng = np.random.default_rng(seed)
    contigs, labels = {}, {}
    for name, length in LENGTHS.items():
        codes = rng.integers(0, 4, length).astype(np.uint8)
        bins = length // 100
        y = rng.random((bins, len(MOTIFS))) < 0.3
        for target, motif in enumerate(MOTIFS.values()):
            for b in np.flatnonzero(y[:, target]):
                at = b * 100 + 20 + 30 * target
                word = encode(motif)
                codes[at : at + len(word)] = word if rng.random() < 0.5 else reverse_complement(word)
        contigs[name], labels[name] = decode(codes), y
    return write_fasta(folder / "toy.fa", contigs), labels


def toy_dataset(folder: Path, seed: int = 0) -> Path:
    """Write a dataset of 200-bp windows on 100-bp bins: chrA train, chrB valid, chrC test."""
    fasta, labels = toy_genome(folder, seed)
    genome = Genome(fasta)
    ids = np.concatenate([np.full(len(y), genome.contig_id(name)) for name, y in labels.items()])
    starts = np.concatenate([np.arange(len(y)) * 100 - 50 for y in labels.values()])
    return write_dataset(
        folder / "toy.h5", window=200, bin=100, labels=np.concatenate(list(labels.values())),
        targets=pd.DataFrame({"name": list(MOTIFS), "category": ["TF", "TF"]}), split=ids, split_kind="chromosome",
        contig_ids=ids, starts=starts,
        contigs=Contigs(genome.names, np.array(list(genome.lengths.values())), tuple(genome.md5.values())),
        genome_path=fasta, genome_name=genome.name, genome_checksum=genome.checksum,
    )  # fmt: skip


def toy_run(folder: Path, epochs: int = 2, **choices):
    """Train a tiny DeepSEA on the toy dataset; return (run, dataset path)."""
    from seqdl.training.fit import fit

    data = toy_dataset(folder)
    chosen = {"epochs": epochs, "batch_size": 32, "max_shift": 5, "overrides": TINY, "patience": 0, **choices}
    return fit(data, folder / "run", **chosen), data
