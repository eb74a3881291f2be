"""A small run folder by the contract's files, made without training: its filters are the planted motifs."""

import json

import numpy as np
import pandas as pd

from seqdl.data.dataset_file import Contigs, write_dataset
from seqdl.encoding import decode, encode, one_hot, reverse_complement
from seqdl.genome import Genome

MOTIFS = ("CCACCAGGGGGC", "AGATAAGGTTAC", "TGACTCATACGA")
TARGETS = pd.DataFrame(
    [
        ("CTCF", "K562", "ChIP-seq", "None", "TF", "peak"), ("CTCF_GM", "GM12878", "ChIP-seq", "None", "TF", "peak"),
        ("GATA1", "K562", "ChIP-seq", "None", "TF", "peak"), ("AP1", "HepG2", "ChIP-seq", "None", "TF", "peak"),
        ("DNase", "K562", "DNase-seq", "None", "open chromatin", "peak"),
        ("H3K4me1 <b>&", "K562", "ChIP-seq", "None", "histone mark", "peak"),
    ],
    columns=["name", "cell", "assay", "treatment", "category", "unit"],
)  # fmt: skip
LENGTHS = {"chrI": 60_000, "chrII": 40_000, "chrIII": 30_000, "chrIV": 25_000}
SPLIT = {"chrI": 0, "chrII": 0, "chrIII": 2, "chrIV": 1}
WINDOW, BIN = 200, 100


def make_genome(folder, seed=0):
    """Write a FASTA with a motif planted about every 500 bases; return path and places (contig, start, motif)."""
    rng = np.random.default_rng(seed)
    places, lines = [], []
    for chrom, length in LENGTHS.items():
        codes = rng.choice(4, length, p=[0.3, 0.2, 0.2, 0.3]).astype(np.uint8)
        for start in range(200, length - 300, 500):
            which = int(rng.integers(3))
            place = start + int(rng.integers(200))
            motif = encode(MOTIFS[which])
            codes[place : place + motif.size] = motif if rng.random() < 0.5 else reverse_complement(motif)
            places.append((chrom, place, which))
        text = decode(codes)
        lines += [f">{chrom}", *(text[i : i + 60] for i in range(0, length, 60))]
    path = folder / "genome.fa"
    path.write_text("\n".join(lines) + "\n")
    return path, places


def make_dataset(folder, genome, places, seed=1):
    """Write a dataset on 100-bp bins: each motif marks its own targets; open chromatin goes with any."""
    rng = np.random.default_rng(seed)
    names = genome.names
    ids, starts, split = [], [], []
    for contig, chrom in enumerate(names):
        bins = np.arange(0, LENGTHS[chrom] - BIN + 1, BIN)
        ids.append(np.full(bins.size, contig))
        starts.append(bins - (WINDOW - BIN) // 2)
        split.append(np.full(bins.size, SPLIT[chrom]))
    ids, starts, split = (np.concatenate(part) for part in (ids, starts, split))
    labels = np.zeros((ids.size, len(TARGETS)), np.uint8)
    row_of = {(int(c), int(s)): row for row, (c, s) in enumerate(zip(ids, starts, strict=True))}
    for chrom, place, which in places:
        row = row_of.get((names.index(chrom), place // BIN * BIN - (WINDOW - BIN) // 2))
        if row is not None:
            for target in ((0, 1), (2,), (3,))[which]:
                labels[row, target] = rng.random() < 0.9
            labels[row, 4] = rng.random() < 0.7
    labels[rng.random(ids.size) < 0.02, 5] = 1
    labels[(split == 2), 5] = 0
    labels[np.flatnonzero(split == 2)[:3], 5] = 1
    return write_dataset(
        folder / "ds.h5", window=WINDOW, bin=BIN, labels=labels, targets=TARGETS, split=split, split_kind="chromosome",
        contig_ids=ids, starts=starts, genome_path=genome.path, genome_name="toy", genome_checksum=genome.checksum,
        contigs=Contigs(genome.names, np.array(list(LENGTHS.values())), tuple(genome.md5[name] for name in names)),
    )  # fmt: skip


def make_model():
    """Build a network whose filters are the motifs on both strands, and a few that are weak or silent."""
    import keras

    rng = np.random.default_rng(2)
    kernel = np.zeros((12, 4, 10), np.float32)
    for which, motif in enumerate(MOTIFS):
        for strand, codes in enumerate((encode(motif), reverse_complement(encode(motif)))):
            kernel[:, :, 2 * which + strand] = 1.5 * one_hot(codes) - 0.5 + rng.normal(0, 0.08, (12, 4))
    kernel[:, :, 6:9] = rng.normal(0, 0.3, (12, 4, 3))
    bias = np.array([-5.5] * 6 + [-1.0] * 3 + [-99.0], np.float32)
    weights = rng.normal(0, 0.03, (10, 6)).astype(np.float32)
    for which, targets in enumerate(((0, 1, 4), (2, 4), (3, 4))):
        weights[2 * which : 2 * which + 2, list(targets)] = 1.1
    x = inputs = keras.Input((WINDOW, 4), name="sequence")
    x = keras.layers.Conv1D(10, 12, activation="relu", name="conv1")(x)
    x = keras.layers.GlobalMaxPooling1D(name="pool")(x)
    x = keras.layers.Dense(6, name="logits")(x)
    model = keras.Model(inputs, keras.layers.Activation("sigmoid", name="probabilities")(x), name="deepsea")
    model.get_layer("conv1").set_weights([kernel, bias])
    model.get_layer("logits").set_weights([weights, np.full(6, -4.0, np.float32)])
    return model


def make_card(genome, dataset, model):
    """Return a card by the contract."""
    windows = {"train": 1000, "valid": 250, "test": 300}
    chroms = {"train": ["chrI", "chrII"], "valid": ["chrIV"], "test": ["chrIII"]}
    return {
        "format": "seqdl-run", "version": 1, "created": "2026-01-02T03:04:05", "seqdl": "0.1.0",
        "packages": {"keras": "3.15.1", "tensorflow": "2.21.0", "numpy": "2.4.6"},
        "model": {"name": "deepsea", "preset": "small", "parameters": model.count_params(), "config": {}},
        "alphabet": "ACGT", "n_policy": "zeros", "window": WINDOW, "bin": BIN, "anchor": WINDOW // 2,
        "input_shape": [WINDOW, 4],
        "output": {"kind": "probability", "layer": "probabilities", "logit_layer": "logits"},
        "targets": TARGETS.to_dict("records"),
        "genome": {"name": "toy", "checksum": genome.checksum,
                   "contigs": {name: {"length": LENGTHS[name], "md5": genome.md5[name]} for name in genome.names}},
        "split": {"kind": "chromosome", "random": False,
                  **{part: {"windows": windows[part], "contigs": chroms[part]} for part in windows}},
        "strand_average": True, "dataset": {"path": str(dataset), "sha256": "", "windows": 1550,
                                            "genome_path": str(genome.path)},
        "training": {"monitor": "val_auprc", "batch_size": 64, "seed": 0, "learning_rate": 0.001},
        "metrics": {},
    }  # fmt: skip


def make_run(folder, evaluated=True):
    """Write genome, dataset and run folder under `folder`; return the run folder."""
    from seqdl.models.save import save_model_file

    path, places = make_genome(folder)
    genome = Genome(path)
    dataset = make_dataset(folder, genome, places)
    model = make_model()
    run = folder / "run"
    run.mkdir()
    card = make_card(genome, dataset, model)
    (run / "card.json").write_text(json.dumps(card))
    save_model_file(model, run / "model.keras", card)
    epochs = np.arange(1, 13)
    valid = 0.10 + 0.25 * np.exp(-epochs / 2.0) + 0.0009 * np.maximum(epochs - 7, 0) ** 2
    pd.DataFrame({
        "epoch": epochs, "loss": 0.09 + 0.3 * np.exp(-epochs / 2.5), "val_loss": valid,
        "val_auroc": 0.95 - 0.4 * np.exp(-epochs / 2), 
        "val_auprc": 0.42 - 0.4 * np.exp(-epochs / 3) - 0.004 * np.maximum(epochs - 7, 0),
        "learning_rate": 0.001, "seconds": 3.0,
    }).to_csv(run / "history.csv", index=False)  # fmt: skip
    return run


def add_variants(folder, places):
    """Write a VCF: for each of the first motifs on chrIII a change inside it, SNV, deletion or insertion."""
    genome = Genome(folder / "genome.fa")
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={c},length={n}>" for c, n in LENGTHS.items()),
             "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]  # fmt: skip
    for number, (chrom, place, _) in enumerate([item for item in places if item[0] == "chrIII"][:30]):
        kind, pos = number % 3, place + 5
        ref = genome.sequence(chrom, pos, pos + (3 if kind == 1 else 1))
        alt = {0: "C" if ref[0] in "AG" else "A", 1: ref[0], 2: ref[0] + "TTT"}[kind]
        lines.append(f"{chrom}\t{pos + 1}\trs{number}\t{ref}\t{alt}\t.\t.\t.")
    path = folder / "in.vcf"
    path.write_text("\n".join(lines) + "\n")
    return path
