"""The contenders of the variant benchmark: whole scripts, each from the same VCF to a file of effects.

    python variant_contenders.py prepare --folder F --variants 2000
    python variant_contenders.py NAME --folder F --variants 2000 --batch-size 256

Each one starts as a user's script does: it imports what it needs and nothing else, loads the same weights,
reads the VCF and the genome, and writes P(alt) - P(ref) of every variant and target. A line beginning with
``WATCH`` says when the network was busy.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from variant_work import ANCHOR, LENGTH, NAMES, Work, keras_deepsea, prepare, torch_deepsea


class Watch:
    """Measures when a function is busy: wall and CPU seconds of each call."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, float]] = []
        self.first: tuple[float, float] | None = None

    def around(self, function: Callable) -> Callable:
        """Return the function, watched."""

        def watched(*args, **kwargs):
            before = _clocks()
            self.first = self.first or before
            found = function(*args, **kwargs)
            self.calls.append(tuple(b - a for a, b in zip(before, _clocks(), strict=True)))
            return found

        return watched

    def report(self) -> dict:
        """Sum up; `start` is what came before the first call, and what that call took longer than the others.

        All are pairs of wall and CPU seconds of this process.
        """
        calls = np.array(self.calls)
        usual = np.median(calls[1:-1], axis=0) if len(calls) > 2 else calls[0]
        extra = np.maximum(calls[0] - usual, 0)
        began = np.array(self.first) - np.array(_BEGAN)
        return {
            "start": (began + extra).tolist(),
            "model": (calls.sum(axis=0) - extra).tolist(),
            "calls": len(calls),
        }


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


_BEGAN = time.perf_counter(), 0.0
WATCH = Watch()


def seqdl(work: Work, *more: str) -> None:
    """Run the command `seqdl score-variants`."""
    from seqdl.cli.main import main
    from seqdl.prediction.predictor import Predictor

    Predictor._forward = WATCH.around(Predictor._forward)
    arguments = ["score-variants", "--run", work.folder / "run.keras", "--genome", work.folder / "genome.fa"]
    arguments += ["--vcf", work.vcf, "--out", work.out, "--anchor", ANCHOR, "--batch-size", work.batch_size]
    if code := main([str(a) for a in [*arguments, *more]]):
        sys.exit(code)


def selene(work: Work, output_format: str) -> None:
    """Run Selene's variant effect prediction."""
    from selene_sdk.predict import AnalyzeSequences
    from selene_sdk.sequences import Genome

    model = torch_deepsea()
    analysis = AnalyzeSequences(
        model, str(work.folder / "torch.pt"), sequence_length=LENGTH, features=NAMES,
        batch_size=work.batch_size, use_cuda=False, reference_sequence=Genome(str(work.folder / "genome.fa")),
    )  # fmt: skip
    model.forward = WATCH.around(model.forward)
    place = work.out.with_suffix("")
    analysis.variant_effect_prediction(str(work.vcf), ["diffs"], str(place), output_format)
    (place / f"{work.vcf.stem}_diffs.{'h5' if output_format == 'hdf5' else 'tsv'}").replace(work.out)


def tangermeme(work: Work, dtype: str) -> None:
    """Score by tangermeme's substitution_effect."""
    import pandas as pd
    import torch
    from tangermeme.io import extract_loci, read_vcf
    from tangermeme.variant_effect import substitution_effect

    model = torch_deepsea().eval()
    model.load_state_dict(torch.load(work.folder / "torch.pt"))
    model.forward = WATCH.around(model.forward)
    vcf = read_vcf(str(work.vcf))
    start = vcf.POS - 1 + LENGTH // 2 - ANCHOR  # extract_loci centres index 500 of 1,000
    loci = pd.DataFrame({"chrom": vcf.CHROM, "start": start, "end": start + 1})
    windows = extract_loci(loci, str(work.folder / "genome.fa"), in_window=LENGTH, n_jobs=1)
    alts = vcf.ALT.map("ACGT".index).to_numpy()
    substitutions = np.column_stack([np.arange(len(vcf)), np.full(len(vcf), ANCHOR), alts])
    before, after = substitution_effect(
        model, windows, torch.from_numpy(substitutions), batch_size=work.batch_size, dtype=dtype, device="cpu"
    )
    np.save(work.out, (after.float() - before.float()).numpy())


def keras_vectorised(work: Work, policy: str) -> None:
    """Score by a Keras script of someone who knows NumPy: codes, a table, both alleles in one batch."""
    import keras
    import pandas as pd
    import pyfaidx

    keras.config.set_dtype_policy(policy)
    model = keras_deepsea()
    model.load_weights(work.folder / "plain.weights.h5")
    predict = WATCH.around(model.predict_on_batch)
    vcf = pd.read_csv(work.vcf, sep="\t", comment="#", header=None, usecols=range(5))
    code = np.full(256, 4, np.uint8)
    code[np.frombuffer(b"ACGT", np.uint8)] = np.arange(4)
    rows = np.vstack([np.eye(4, dtype=np.float32), np.zeros((1, 4), np.float32)])
    contig = np.frombuffer(str(pyfaidx.Fasta(str(work.folder / "genome.fa"))["chr1"]).encode(), np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(code[contig], LENGTH)
    starts, alts = vcf[1].to_numpy() - 1 - ANCHOR, vcf[4].map("ACGT".index).to_numpy()
    found = []
    for i in range(0, len(vcf), half := work.batch_size // 2):
        ref = windows[starts[i : i + half]]
        alt = ref.copy()
        alt[:, ANCHOR] = alts[i : i + half]
        p = np.asarray(predict(rows.take(np.concatenate([ref, alt]), axis=0)))
        found.append(p[len(ref) :] - p[: len(ref)])
    np.save(work.out, np.concatenate(found))


def keras_naive(work: Work) -> None:
    """Score as tutorials do: a dictionary a base, `model.predict` a batch of each allele."""
    import pyfaidx

    model = keras_deepsea()
    model.load_weights(work.folder / "plain.weights.h5")
    predict = WATCH.around(model.predict)
    table = {"A": [1, 0, 0, 0], "C": [0, 1, 0, 0], "G": [0, 0, 1, 0], "T": [0, 0, 0, 1], "N": [0, 0, 0, 0]}
    fasta, refs, alts, found = pyfaidx.Fasta(str(work.folder / "genome.fa")), [], [], []
    records = [line.split("\t") for line in work.vcf.read_text().splitlines() if line[0] != "#"]
    for i, (chrom, pos, _, _, alt, *_) in enumerate(records):
        start = int(pos) - 1 - ANCHOR
        ref = str(fasta[chrom][start : start + LENGTH])
        mutated = ref[:ANCHOR] + alt + ref[ANCHOR + 1 :]
        refs.append(np.array([table[base] for base in ref], np.float32))
        alts.append(np.array([table[base] for base in mutated], np.float32))
        if len(refs) == work.batch_size or i == len(records) - 1:
            found.append(predict(np.stack(alts), verbose=0) - predict(np.stack(refs), verbose=0))
            refs, alts = [], []
    np.save(work.out, np.concatenate(found))


class Contender(NamedTuple):
    """One way to score: name in the table, package, suffix it writes, batch sizes to try, script."""

    what: str
    package: str
    suffix: str
    sizes: tuple[int, ...]
    script: Callable[[Work], None]
    precision: str = "float32"


WHOLE = ("--engine", "full")
STRANDS = ("--scores", "diff", "--strand-average", *WHOLE)
LOW = ("--scores", "diff", "--precision", "bfloat16", *WHOLE)
STRIPS = ("--scores", "diff", "--engine", "incremental")
CONTENDERS = {
    "seqdl": Contender(
        "seqdl score-variants, HDF5", "keras", ".h5", (256,), lambda work: seqdl(work, "--scores", "diff", *WHOLE)
    ),
    "seqdl_strips": Contender(
        "seqdl score-variants, incremental, HDF5", "keras", ".h5", (256,), lambda work: seqdl(work, *STRIPS)
    ),
    "seqdl_default": Contender(
        "seqdl score-variants, .tsv.gz, two scores", "keras", ".tsv.gz", (256,),
        lambda work: seqdl(work, "--scores", "diff,logit_diff", *WHOLE),
    ),
    "seqdl_strands": Contender(
        "seqdl score-variants, both strands", "keras", ".h5", (256,), lambda work: seqdl(work, *STRANDS),
        "strands",
    ),
    "seqdl_bfloat16": Contender(
        "seqdl score-variants", "keras", ".h5", (256,), lambda work: seqdl(work, *LOW), "bfloat16"
    ),
    "selene_hdf5": Contender(
        "Selene, HDF5", "selene_sdk", ".h5", (64, 256), lambda work: selene(work, "hdf5")
    ),
    "selene_tsv": Contender("Selene, TSV", "selene_sdk", ".tsv", (64, 256), lambda work: selene(work, "tsv")),
    "tangermeme": Contender(
        "tangermeme substitution_effect", "tangermeme", ".npy", (32, 64, 256),
        lambda work: tangermeme(work, "float32"),
    ),
    "tangermeme_bfloat16": Contender(
        "tangermeme substitution_effect", "tangermeme", ".npy", (32, 64, 256),
        lambda work: tangermeme(work, "bfloat16"), "bfloat16",
    ),
    "keras_vectorised": Contender(
        "Keras, vectorised script", "keras", ".npy", (256,), lambda work: keras_vectorised(work, "float32")
    ),
    "keras_vectorised_bfloat16": Contender(
        "Keras, vectorised script", "keras", ".npy", (256,),
        lambda work: keras_vectorised(work, "mixed_bfloat16"), "bfloat16",
    ),
    "keras_naive": Contender("Keras, naive loop", "keras", ".npy", (64, 256), keras_naive),
}  # fmt: skip


def main() -> None:
    """Prepare, or run one contender in this process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=["prepare", *CONTENDERS])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--variants", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=256)
    args = parser.parse_args()
    if args.name == "prepare":
        prepare(args.folder, args.variants)
        return
    contender = CONTENDERS[args.name]
    out = args.folder / f"{args.name}.{args.variants}{contender.suffix}"
    contender.script(Work(args.folder, args.folder / f"{args.variants}.vcf", out, args.batch_size))
    print("WATCH " + json.dumps(WATCH.report()), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
