"""What the contenders of the variant benchmark share: a genome, a VCF, and one network in three formats."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

LENGTH, TARGETS, BASES = 1000, 919, 10_000_000
# Selene puts an SNV at index 499 of 1,000 and has no choice; so do the others here.
ANCHOR = LENGTH // 2 - 1
NAMES = [f"target{i + 1}" for i in range(TARGETS)]
FILTERS, KERNEL, POOLS, HIDDEN = (320, 480, 960), 8, (4, 4, 1), 925


class Work(NamedTuple):
    """What a script is given.

    Attributes
    ----------
    folder : Path
        Holds genome.fa with its index, the weights in each format, and VCF files.
    vcf : Path
        Nine columns, because tangermeme's reader wants them; SNVs in order.
    out : Path
        Where the effects go; the suffix is the contender's own.
    batch_size : int
    """

    folder: Path
    vcf: Path
    out: Path
    batch_size: int


def torch_deepsea():
    """Build DeepSEA in PyTorch, (b, 4, 1000) -> probabilities (b, 919)."""
    import torch

    layers, channels, length = [], 4, LENGTH
    for filters, pool, rate in zip(FILTERS, POOLS, (0.2, 0.2, 0.5), strict=True):
        layers += [torch.nn.Conv1d(channels, filters, KERNEL), torch.nn.ReLU()]
        layers += [torch.nn.MaxPool1d(pool)] if pool > 1 else []
        layers += [torch.nn.Dropout(rate)]
        channels, length = filters, (length - KERNEL + 1) // pool
    layers += [torch.nn.Flatten(), torch.nn.Linear(channels * length, HIDDEN), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(HIDDEN, TARGETS), torch.nn.Sigmoid())


def keras_deepsea():
    """Build DeepSEA in plain Keras, (b, 1000, 4) -> probabilities (b, 919)."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((LENGTH, 4))])
    for filters, pool, rate in zip(FILTERS, POOLS, (0.2, 0.2, 0.5), strict=True):
        model.add(layers.Conv1D(filters, KERNEL, activation="relu"))
        if pool > 1:
            model.add(layers.MaxPooling1D(pool))
        model.add(layers.Dropout(rate))
    model.add(layers.Flatten())
    model.add(layers.Dense(HIDDEN, activation="relu"))
    model.add(layers.Dense(TARGETS, activation="sigmoid", dtype="float32"))
    return model


def prepare(folder: Path, variants: int, seed: int = 0) -> None:
    """Make what is missing of the genome, its indices, the weights for all, and the VCF."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, BASES).astype(np.uint8)
    fasta, vcf = folder / "genome.fa", folder / f"{variants}.vcf"
    if not fasta.exists():
        lines = np.full((BASES // 50, 51), ord("\n"), np.uint8)
        lines[:, :50] = np.frombuffer(b"ACGT", np.uint8)[codes].reshape(-1, 50)
        fasta.write_bytes(b">chr1\n" + lines.tobytes())
    rng = np.random.default_rng([seed, variants])
    places = np.sort(rng.choice(np.arange(LENGTH, BASES - LENGTH), variants, replace=False))
    alts = (codes[places] + rng.integers(1, 4, variants)) % 4
    header = f"##fileformat=VCFv4.2\n##contig=<ID=chr1,length={BASES}>\n"
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
    rows = (f"chr1\t{place + 1}\t.\t{'ACGT'[codes[place]]}\t{'ACGT'[alt]}\t.\t.\t.\tGT\t0/1\n"
            for place, alt in zip(places.tolist(), alts.tolist(), strict=True))  # fmt: skip
    vcf.write_text(header + columns + "".join(rows))
    if not (folder / "run.keras").exists():
        _save_network(folder, fasta, seed)


def _save_network(folder: Path, fasta: Path, seed: int) -> None:
    """Save one network with random weights: as a seqdl run, for plain Keras, for PyTorch if it is there."""
    import pandas as pd
    import pyfaidx

    from seqdl.data.dataset import Dataset
    from seqdl.data.dataset_file import Contigs, write_dataset
    from seqdl.genome import Genome
    from seqdl.models import build_model
    from seqdl.models.save import save_model_file
    from seqdl.training.make_card import make_card
    from tests.interpret.random_networks import randomised

    genome = Genome(fasta)  # keeps its codes in the cache, as it does for every later command
    pyfaidx.Faidx(str(fasta)).close()
    contigs = Contigs(genome.names, np.array(list(genome.lengths.values())), tuple(genome.md5.values()))
    data = write_dataset(
        folder / "windows.h5", window=LENGTH, bin=200, labels=np.eye(3, TARGETS, dtype=bool),
        targets=pd.DataFrame({"name": NAMES}), split=np.arange(3, dtype=np.uint8), split_kind="regions",
        contig_ids=np.zeros(3, np.int64), starts=np.arange(3) * 2 * LENGTH, contigs=contigs,
        genome_path=fasta, genome_name=genome.name, genome_checksum=genome.checksum,
    )  # fmt: skip
    model = randomised(build_model("deepsea", LENGTH, TARGETS, "published"), seed)
    record = {"name": "deepsea", "preset": "published", "parameters": model.count_params(), "overrides": {}}
    card = make_card(Dataset.open(data), record, {}, strand_average=False, metrics={})
    save_model_file(model, folder / "run.keras", card)
    plain = keras_deepsea()
    plain.set_weights(model.get_weights())
    plain.save_weights(folder / "plain.weights.h5")
    try:
        import torch
    except ImportError:
        return
    from tests.interpret.torch_twins import Twin

    weights = [parameter.data for parameter in Twin(model).parameters()]
    network = torch_deepsea()
    torch.save(dict(zip(network.state_dict(), weights, strict=True)), folder / "torch.pt")
