"""Scored blocks of known numbers, cut as a test likes, and files as version 1 of the format had them."""

import json
from contextlib import closing

import h5py
import numpy as np
import pytest

from seqdl.io.vcf import VcfChunk
from seqdl.variants.files.writers import RejectsWriter, atomic_output, open_writer
from seqdl.variants.scored import KEYS, SUMMARY, Column, ScoredBlock, ScoreMeta
from seqdl.variants.scores import SCORES

TABLES = ("s.tsv", "s.tsv.gz", "s.h5", "s.parquet", "long.parquet", "s.zarr")
TEXTS = ("s.tsv", "s.tsv.gz", "s.vcf", "s.vcf.gz")
CONTIGS = {"chr1": 5000, "chr2": 4000}
VCF_HEADER = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=chr1,length=5000>\n"
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
DERIVED = Column("diff_percentile", "share of background below", "percentile against 1,000 variants")
NOTES = (
    Column("normalized", "pos:ref:alt", "the allele that was scored"),
    Column("ood", "Mahalanobis distance", "distance from the training data"),
)
TARGETS = ("K562 CTCF", "HepG2;MYC", "a=b,c%")
TARGET_TABLE = tuple(
    {"name": t, "cell": c, "assay": a, "treatment": None, "strand": s}
    for t, c, a, s in zip(TARGETS, ("K562", "HepG2", "x"), ("CTCF", "MYC", "µ"), "+-.", strict=True)
)


def described(targets=TARGETS, notes=NOTES, **changes):
    """Return a `ScoreMeta` with all scores, a derived column and two notes."""
    columns = (*(Column(s.name, s.formula, s.meaning) for s in SCORES.values()), DERIVED)
    options = dict(
        seqdl="0.0", model="toy", genome="g", genome_checksum="abc", window=40, anchor=20,
        strand_average=True, precision="float32", ref_mismatch="skip",
        scores=tuple(c.name for c in columns), targets=tuple(targets), columns=columns, notes=notes,
        target_labels=tuple(f"label {t}" for t in targets),
        settings=(("shifts", "0"), ("background", "b.h5")),
    )  # fmt: skip
    return ScoreMeta(**(options | changes))


def records(n=40, seed=3, contigs=("chr1", "chr2"), last=2000):
    """Return sorted VCF rows, some of them with two or three ALT alleles: (chrom, pos, id, ref, alts)."""
    rng = np.random.default_rng(seed)
    found = []
    for chrom in contigs:
        for k, pos in enumerate(np.sort(rng.integers(1, last, n // len(contigs))).tolist()):
            alts = list("CGT"[: rng.integers(1, 4)])
            found.append((chrom, pos, f"rs{pos}" if k % 3 else ".", "A", alts))
    return found


def blocks(rows, meta, size, seed=5):
    """Cut rows into blocks of `size` records; an allele's numbers depend on its place among all alone."""
    rng = np.random.default_rng(seed)
    alleles = [(r, *row[:4], alt) for r, row in enumerate(rows) for alt in row[4]]
    n, width = len(alleles), len(meta.targets)
    values = {name: rng.normal(0, 1, (n, width)).astype(np.float32) for name in meta.scores}
    values["diff"][3 % n, -1] = np.nan
    values["logfc"] *= np.float32(1e-6)
    ood = rng.gamma(2, 1, n).astype(np.float32)
    ood[2 % n] = np.nan
    told = [f"{a[2]}:{a[4]}:{a[5]}; moved" if i % 4 == 0 else "." for i, a in enumerate(alleles)]
    rejected = np.arange(n) % 5 == 4
    flags = ["N_IN_WINDOW;WINDOW_PADDED" if i % 7 == 0 else "." for i in range(n)]
    record = np.array([a[0] for a in alleles])
    for start in range(0, len(rows), size):
        here = np.flatnonzero((record >= start) & (record < start + size))
        _, chroms, pos, ids, refs, alts = (list(x) for x in zip(*(alleles[i] for i in here), strict=True))
        lines = [
            f"{c}\t{p}\t{i}\t{r}\t{','.join(a)}\t.\tPASS\tAC={','.join('1' for _ in a)}"
            for c, p, i, r, a in rows[start : start + size]
        ]
        chunk = VcfChunk(record[here], chroms, np.array(pos, np.int64), ids, refs, alts, lines)
        kept = here[~rejected[here]]
        best = np.abs(values["abs_diff"][kept]).argmax(axis=1) if len(kept) else np.zeros(0, np.int64)
        summary = [values[name][kept, best] for name in ("ref", "alt", "abs_diff")]
        yield ScoredBlock(
            chunk,
            np.flatnonzero(~rejected[here]),
            [flags[i] for i in kept],
            ["SYMBOLIC" if rejected[i] else "" for i in here],
            ["found <DEL>; a=b" if rejected[i] else "" for i in here],
            {name: x[kept] for name, x in values.items()},
            best,
            *summary,
            {"normalized": [told[i] for i in kept], "ood": ood[kept]} if meta.notes else {},
        )


def write(path, rows, meta, size=7, contigs=CONTIGS, **options):
    """Write a table of scores as the command does, and return the note on its index."""
    with (
        atomic_output(path) as aside,
        closing(open_writer(aside, meta, VCF_HEADER, contigs, **options)) as writer,
    ):
        for block in blocks(rows, meta, size):
            writer.write(block)
        return writer.finish()


def write_rejects(path, rows, meta, size=7):
    """Write the rejected alleles of the same rows."""
    with atomic_output(path) as aside, closing(RejectsWriter(aside, VCF_HEADER, CONTIGS)) as writer:
        for block in blocks(rows, meta, size):
            writer.write(block)
        return writer.finish()


def options(name):
    """Return what a file's name asks for; skip where the package is missing."""
    if name.endswith(".zarr"):
        pytest.importorskip("zarr")
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    return {"layout": "long"} if name.startswith("long") else {}


def expected(meta, rows):
    """Return (variants, scores) that every table should hold, from the blocks themselves."""
    (block,) = blocks(rows, meta, len(rows))
    chunk = block.chunk
    variants = {
        name: block.scored(getattr(chunk, source))
        for name, source in (("chrom", "chroms"), ("id", "ids"), ("ref", "refs"), ("alt", "alts"))
    }
    variants |= {"pos": chunk.pos[block.rows], "flag": block.flags, **block.notes}
    variants |= {name: getattr(block, name) for name in ("max_ref", "max_alt", "max_abs_diff")}
    variants["max_target"] = [meta.targets[t] for t in block.max_target]
    return variants, block.values


def same_table(table, meta, rows):
    """Hold a table that was read against `expected`."""
    variants, scores = expected(meta, rows)
    assert set(table.variants.columns) == set(variants)
    for name, column in variants.items():
        found = table.variants[name].to_numpy()
        if isinstance(column, np.ndarray) and column.dtype == np.float32:
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, column)
        else:
            assert found.tolist() == list(column)
    assert list(table.scores) == list(meta.scores)
    for name, values in scores.items():
        assert table.scores[name].dtype == np.float32
        np.testing.assert_array_equal(table.scores[name], values)
    assert table.targets == list(meta.targets)
    assert table.meta == json.loads(meta.json())


def write_version_1(path, values):
    """Write two alleles, two targets and the scores diff and logit_diff as version 1 did.

    Parameters
    ----------
    path : Path
        .tsv, .h5 or .parquet.
    values : float32 array, shape (2, 2, 2)
        Allele, target, score.
    """
    scores, targets = ("diff", "logit_diff"), ("T0", "T1")
    meta = {
        "format": "seqdl-scores", "version": 1, "seqdl": "0.1", "model": "m", "genome": "g",
        "genome_checksum": "c", "window": 40, "anchor": 20, "strand_average": False, "precision": "float32",
        "ref_mismatch": "skip", "scores": scores, "targets": targets, "target_labels": targets,
        "random_split": False, "selected": False, "sign": "alt - ref",
    }  # fmt: skip
    keys = [("chr1", 10, "rs1", "A", "C", ".", "T1"), ("chr2", 5, ".", "AT", "A", "N_IN_WINDOW", "T0")]
    numbers = np.array([[0.25, 0.5, 0.25], [0.75, 0.5, 0.25]], np.float32)
    names = [key.lstrip("#") for key in (*KEYS, *SUMMARY)]
    names += [f"{t}:{s}" for t in targets for s in scores]
    if path.suffix == ".tsv":
        lines = ["##seqdl-scores=1", f"##meta={json.dumps(meta)}", "#" + "\t".join(names)]
        for key, three, row in zip(keys, numbers, values, strict=True):
            lines.append("\t".join([*map(str, key), *(f"{x:.9g}" for x in (*three, *row.ravel()))]))
        path.write_text("\n".join(lines) + "\n")
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file.attrs["format"], file.attrs["version"], file.attrs["meta"] = (
                "seqdl-scores",
                1,
                json.dumps(meta),
            )
            chrom, pos, ids, refs, alts, flags, _ = zip(*keys, strict=True)
            text = h5py.string_dtype()
            for name, column in (
                ("chr", chrom), ("snp", ids), ("ref_allele", refs), ("alt_allele", alts), ("flag", flags),
                ("target_ids", targets), ("target_labels", targets),
            ):  # fmt: skip
                file.create_dataset(name, data=list(column), dtype=text)
            file["pos"], file["max_target"] = np.array(pos), np.array([1, 0], np.int32)
            for name, column in zip(("max_ref", "max_alt", "max_abs_diff"), numbers.T, strict=True):
                file[name] = column
            for k, name in enumerate(scores):
                file[name] = values[:, :, k]
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = [*zip(*keys, strict=True), *numbers.T, *values.reshape(2, 4).T]
        kinds = [pa.string(), pa.int64(), *[pa.string()] * 5, *[pa.float32()] * 7]
        arrays = [pa.array(list(c), type=k) for c, k in zip(columns, kinds, strict=True)]
        schema = pa.schema(list(zip(names, kinds, strict=True)), metadata={"seqdl": json.dumps(meta)})
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path)
    return keys, numbers, meta
