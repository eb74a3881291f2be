"""The contenders of the loading benchmark: seqdl's own ways, and the peers.

Each is a function from a `Workload` to a `Loader` and is measured in a process of its own. Imports are
inside, so that a missing peer is skipped by name.
"""

from __future__ import annotations

import numpy as np
from workload import CODE, Loader, Workload

LUT = np.zeros((256, 4), np.float32)
for _letter, _code in CODE.items():
    LUT[ord(_letter), _code] = LUT[ord(_letter.lower()), _code] = 1


# ---- seqdl -----------------------------------------------------------------------------------------


def _source(work: Workload):
    """Write the windows as a seqdl dataset and open a shuffled batch source on it."""
    import pandas as pd

    from seqdl.data.dataset import Dataset
    from seqdl.data.dataset_file import Contigs, write_dataset
    from seqdl.data.pipeline import BatchSource
    from seqdl.genome import Genome

    genome = Genome(work.fasta)
    n = len(work.starts)
    path = write_dataset(
        work.folder / f"windows_{work.window}.h5",
        window=work.window,
        bin=200,
        labels=np.random.default_rng(0).integers(0, 2, (n, 8), dtype=np.uint8),
        targets=pd.DataFrame({"name": [f"t{i}" for i in range(8)]}),
        split=np.zeros(n, np.uint8),
        split_kind="chromosome",
        contig_ids=genome.contig_ids(work.chroms),
        starts=work.starts,
        contigs=Contigs(genome.names, np.array(list(genome.lengths.values())), tuple(genome.md5.values())),
        genome_path=work.fasta,
        genome_name=genome.name,
        genome_checksum=genome.checksum,
    )
    return BatchSource(Dataset.open(path), "train", work.batch, shuffle=True, drop_remainder=True, seed=1)


def _epochs(make):
    epoch = 0
    while True:
        yield from (x for x, _ in make(epoch))
        epoch += 1


def seqdl_one_hot(work: Workload) -> Loader:
    """seqdl BatchSource, one-hot float32 (with labels)."""
    source = _source(work)
    return Loader(_epochs(source.one_hot_epoch), "NLC", source.order(0))


def seqdl_codes(work: Workload) -> Loader:
    """seqdl BatchSource, uint8 codes (with labels)."""
    source = _source(work)
    return Loader(_epochs(source.epoch), "codes", source.order(0))


def seqdl_augmented(work: Workload) -> Loader:
    """seqdl BatchSource, one-hot float32, both strands and shifts drawn (with labels)."""
    from seqdl.data.pipeline import BatchSource

    plain = _source(work)
    source = BatchSource(
        plain.data,
        "train",
        work.batch,
        shuffle=True,
        drop_remainder=True,
        seed=1,
        reverse_complement=True,
        max_shift=20,
    )
    return Loader(_epochs(source.one_hot_epoch), "augmented")


def seqdl_tf_one_hot(work: Workload) -> Loader:
    """seqdl through tf.data, one-hot float32 (with labels)."""
    from seqdl.data.pipeline_tf import as_tf_dataset

    source = _source(work)
    return Loader((x for x, _ in as_tf_dataset(source, encoding="one_hot")), "NLC", source.order(0))


def seqdl_tf_codes(work: Workload) -> Loader:
    """seqdl through tf.data, uint8 codes (with labels)."""
    from seqdl.data.pipeline_tf import as_tf_dataset

    source = _source(work)
    return Loader((x for x, _ in as_tf_dataset(source, encoding="codes")), "codes", source.order(0))


def seqdl_gather(work: Workload) -> Loader:
    """seqdl Genome.gather and encoding.one_hot into reused buffers, without a dataset."""
    from seqdl.encoding import one_hot
    from seqdl.genome import Genome

    genome = Genome(work.fasta)
    ids = genome.contig_ids(work.chroms)
    codes = np.empty((work.batch, work.window), np.uint8)
    buffer = np.empty((work.batch, work.window, 4), np.float32)

    def batches():
        while True:
            for i in range(0, len(ids) - work.batch + 1, work.batch):
                part = slice(i, i + work.batch)
                genome.gather(ids[part], work.starts[part], work.window, out=codes)
                yield one_hot(codes, out=buffer)

    return Loader(batches(), "NLC")


# ---- peers -----------------------------------------------------------------------------------------


def naive_pyfaidx(work: Workload) -> Loader:
    """pyfaidx, a dictionary lookup a base, float32."""
    from pyfaidx import Fasta

    records = Fasta(str(work.fasta))
    rows = {"A": [1, 0, 0, 0], "C": [0, 1, 0, 0], "G": [0, 0, 1, 0], "T": [0, 0, 0, 1]}

    def one(chrom, start):
        text = records[chrom][start : start + work.window].seq.upper()
        return np.array([rows.get(c, [0, 0, 0, 0]) for c in text], np.float32)

    return Loader((np.stack([one(c, int(s)) for c, s in zip(cs, ss)]) for cs, ss in work.chunks()), "NLC")


def pyfaidx_table(work: Workload) -> Loader:
    """pyfaidx, a table indexed by the letters of a window, float32."""
    from pyfaidx import Fasta

    records = Fasta(str(work.fasta))

    def one(chrom, start):
        return LUT[np.frombuffer(records[chrom][start : start + work.window].seq.encode(), np.uint8)]

    return Loader((np.stack([one(c, int(s)) for c, s in zip(cs, ss)]) for cs, ss in work.chunks()), "NLC")


def tangermeme_batch(work: Workload) -> Loader:
    """tangermeme extract_loci for each batch, then float32."""
    import pandas as pd
    from pyfaidx import Fasta
    from tangermeme.io import extract_loci

    records = Fasta(str(work.fasta))

    def batches():
        for chroms, starts in work.chunks():
            loci = pd.DataFrame({"chrom": chroms, "start": starts, "end": starts + work.window})
            yield extract_loci(loci, records, in_window=work.window, n_jobs=1).float()

    return Loader(batches(), "NCL")


def _genvarloader(work: Workload):
    import genvarloader as gvl
    import polars as pl

    bed = pl.DataFrame(
        {"chrom": work.chroms.astype(str), "chromStart": work.starts, "chromEnd": work.starts + work.window}
    )
    dataset = gvl.RefDataset(gvl.Reference.from_path(work.fasta, in_memory=True), bed).with_len(work.window)

    def batches():
        while True:
            for i in range(0, len(work.starts) - work.batch + 1, work.batch):
                yield dataset[np.arange(i, i + work.batch)]

    return batches()


def genvarloader_letters(work: Workload) -> Loader:
    """GenVarLoader RefDataset, letters only (no one-hot)."""
    return Loader(_genvarloader(work), "letters")


def genvarloader_one_hot(work: Workload) -> Loader:
    """GenVarLoader RefDataset, seqpro one-hot, then float32."""
    import seqpro

    return Loader((seqpro.DNA.ohe(x).astype(np.float32) for x in _genvarloader(work)), "NLC")


def crested_in_memory(work: Workload) -> Loader:
    """CREsted AnnDataWrapper with its TensorFlow loader, sequences in memory (with targets)."""
    return _crested(work, in_memory=True)


def crested_on_disk(work: Workload) -> Loader:
    """CREsted AnnDataWrapper with its TensorFlow loader, sequences from the FASTA (with targets)."""
    return _crested(work, in_memory=False)


def _crested(work: Workload, in_memory: bool) -> Loader:
    import os

    os.environ["KERAS_BACKEND"] = "tensorflow"
    import anndata
    import crested
    import pandas as pd

    n = min(len(work.starts), 20_000 if work.window <= 10_000 else 400)
    names = [f"{c}:{s}-{s + work.window}" for c, s in zip(work.chroms[:n], work.starts[:n].tolist())]
    numbers = {name: i for i, name in enumerate(names)}
    names = list(numbers)
    table = anndata.AnnData(
        np.zeros((8, len(names)), np.float32),
        obs=pd.DataFrame(index=[f"t{i}" for i in range(8)]),
        var=pd.DataFrame({"split": "train"}, index=names),
    )
    data = crested.tl.data.AnnDataWrapper(
        table,
        genome=crested.Genome(work.fasta),
        batch_size=work.batch,
        always_reverse_complement=False,
        in_memory=in_memory,
        drop_remainder=True,
        val_splits=[],
        test_splits=[],
    )
    # Not augmented and not shuffled, which is the most favourable case; the windows are random already.
    batches = data.create_dataloader("train", augment=False, shuffle=False)
    return Loader(_first(batches), "NLC", np.array(list(numbers.values())))


def _first(batches):
    while True:
        for batch in batches:
            yield batch[0][0] if isinstance(batch[0], (tuple, list)) else batch[0]


LONG = 131_072
CONTENDERS = {
    "seqdl_one_hot": (seqdl_one_hot, "seqdl", (1000, LONG)),
    "seqdl_codes": (seqdl_codes, "seqdl", (1000, LONG)),
    "seqdl_augmented": (seqdl_augmented, "seqdl", (1000, LONG)),
    "seqdl_tf_one_hot": (seqdl_tf_one_hot, "seqdl", (1000, LONG)),
    "seqdl_tf_codes": (seqdl_tf_codes, "seqdl", (1000, LONG)),
    "seqdl_gather": (seqdl_gather, "seqdl", (1000, LONG)),
    "naive_pyfaidx": (naive_pyfaidx, "pyfaidx", (1000, LONG)),
    "pyfaidx_table": (pyfaidx_table, "pyfaidx", (1000, LONG)),
    "tangermeme": (tangermeme_batch, "tangermeme", (1000, LONG)),
    "genvarloader_letters": (genvarloader_letters, "genvarloader", (1000, LONG)),
    "genvarloader_one_hot": (genvarloader_one_hot, "genvarloader", (1000, LONG)),
    "crested_in_memory": (crested_in_memory, "crested", (1000, LONG)),
    "crested_on_disk": (crested_on_disk, "crested", (1000, LONG)),
}
