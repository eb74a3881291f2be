"""`seqdl score-variants` on a run folder with a real, small Keras network and ordinary files."""

import argparse
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from seqdl.cli import score_variants as cli
from seqdl.encoding import decode
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.variants.files.reading import read_scores

WINDOW = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write a genome, a VCF and a run whose network has random weights."""
    import keras

    from seqdl.models.save import save_model_file

    folder = tmp_path_factory.mktemp("score")
    rng = np.random.default_rng(3)
    text = decode(rng.integers(0, 4, 2000).astype(np.uint8))
    (folder / "g.fa").write_text(f">chrI\n{text}\n")
    (folder / "other.fa").write_text(f">chrI\n{text[::-1]}\n")
    records = [
        (100, text[99], ",".join(b for b in "ACGT" if b != text[99])),
        (700, text[699:703], text[699]),
        (300, text[299], text[299] + "GATTACA"),
        (400, text[399:401], "<DEL>"),
        (500, next(b for b in "ACGT" if b != text[499]), text[499]),
    ]
    lines = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"I\t{pos}\t.\t{ref}\t{alt}\t.\t.\t." for pos, ref, alt in records]
    (folder / "in.vcf").write_text("\n".join(lines) + "\n")

    keras.utils.set_random_seed(3)
    x = keras.Input((WINDOW, 4), name="sequence")
    y = keras.layers.Conv1D(8, 7, activation="relu", name="conv")(x)
    y = keras.layers.Flatten(name="flatten")(y)
    y = keras.layers.Dense(2, name="logits")(y)
    model = keras.Model(x, keras.layers.Activation("sigmoid", name="probabilities")(y))
    genome = Genome(folder / "g.fa", cache=folder)
    target = {"assay": "ChIP-seq", "treatment": "None", "category": "TF", "unit": "peak"}
    card = {
        "format": "seqdl-run", "version": 1, "model": {"name": "toy", "preset": "tiny"}, "alphabet": "ACGT",
        "n_policy": "zeros", "window": WINDOW, "bin": 10, "anchor": WINDOW // 2, "input_shape": [WINDOW, 4],
        "targets": [{"name": n, "cell": c, **target} for n, c in (("CTCF", "K562"), ("RAP1", "yeast"))],
        "genome": {
            "name": "g", "checksum": genome.checksum,
            "contigs": {"chrI": {"length": 2000, "md5": genome.md5["chrI"]}},
        },
        "split": {"kind": "chromosome", "random": True}, "strand_average": True,
    }  # fmt: skip
    (folder / "run").mkdir()
    save_model_file(model, folder / "run" / "model.keras", card)
    (folder / "run" / "card.json").write_text(json.dumps(card))
    return folder


def score(folder, tmp_path, *more, name="s.tsv.gz", genome="g.fa"):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    out = tmp_path / name
    files = ["--run", folder / "run", "--genome", folder / genome, "--vcf", folder / "in.vcf", "--out", out]
    assert cli.run(parser.parse_args([str(a) for a in (*files, *more)])) == 0
    return out


def test_scores_and_says_what_it_did(folder, tmp_path, capsys):
    out = score(folder, tmp_path)
    told = capsys.readouterr()
    assert "5 of 7 alleles in 5 records scored" in told.out
    assert "rejected 1 SYMBOLIC" in told.out
    assert "rejected 1 REF_MISMATCH" in told.out
    assert "look swapped with ALT: 1" in told.out
    assert "VCF: I → chrI (chr prefix)" in told.err
    table = read_scores(out)
    assert table.targets == ["CTCF", "RAP1"]
    assert table.variants.pos.tolist() == [100, 100, 100, 700, 300]
    assert table.meta["model"] == "toy tiny"
    assert table.meta["strand_average"] is True
    assert table.meta["random_split"] is True
    assert table.meta["target_labels"][0] == "CTCF K562 ChIP-seq None"
    assert (tmp_path / "s.rejects.tsv").read_text().count("\nI\t") == 2
    assert np.abs(table.scores["diff"]).min() > 0


def test_the_numbers_are_the_networks_own(folder, tmp_path):
    from seqdl.encoding import encode, reverse_complement
    from seqdl.prediction.predictor import Predictor
    from seqdl.training.run import Run

    table = read_scores(score(folder, tmp_path, "--no-strand-average", "--scores", "all"))
    both = read_scores(
        score(folder, tmp_path, "--strand-average", "--batch-size", "2", "--scores", "ref,alt")
    )
    predictor = Predictor(Run.open(folder / "run"), strand_average=False)
    text = (folder / "g.fa").read_text().split()[1]
    for k, row in enumerate(table.variants.itertuples()):
        mutated = text[: row.pos - 1] + row.alt + text[row.pos - 1 + len(row.ref) :]
        begin = row.pos - 1 - WINDOW // 2
        codes = np.stack([encode(t[begin : begin + WINDOW]) for t in (text, mutated)])
        p, q = predictor.probabilities(codes), predictor.probabilities(reverse_complement(codes))
        np.testing.assert_allclose(table.scores["ref"][k], p[0], atol=1e-6)
        np.testing.assert_allclose(table.scores["diff"][k], p[1] - p[0], atol=1e-6)
        np.testing.assert_allclose(both.scores["alt"][k], (p[1] + q[1]) / 2, atol=1e-6)


def test_every_flag_reaches_the_function(folder, tmp_path):
    more = ["--targets", "C*", "--scores", "diff,logfc", "--ref-mismatch", "flip", "--anchor", "20"]
    out = score(folder, tmp_path, *more, "--rejects", str(tmp_path / "no.tsv"), name="s.h5")
    table = read_scores(out)
    assert table.targets == ["CTCF"]
    assert list(table.scores) == ["diff", "logfc"]
    assert (table.meta["anchor"], table.meta["ref_mismatch"]) == (20, "flip")
    assert table.variants["flag"].tolist()[-1] == "FLIPPED"
    assert (tmp_path / "no.tsv").exists()
    with pytest.raises(InputError, match="exists"):
        score(folder, tmp_path, "--no-overwrite", name="s.h5")


@pytest.mark.parametrize("flag", ["--targets", "--scores"])
def test_an_empty_name_is_not_all_of_them(folder, tmp_path, flag):
    with pytest.raises(InputError, match=f"`{flag[2:]}`"):
        score(folder, tmp_path, flag, "")
    assert not list(tmp_path.iterdir())


def test_another_genome_is_refused_unless_allowed(folder, tmp_path):
    with pytest.raises(InputError, match="allow-genome-mismatch"):
        score(folder, tmp_path, genome="other.fa")
    assert not list(tmp_path.glob("s.*"))
    score(folder, tmp_path, "--allow-genome-mismatch", genome="other.fa")


def test_a_batch_larger_than_the_machine_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="`batch_size`.* GB"):
        score(folder, tmp_path, "--batch-size", "1000000000000")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "more", [["--background", "b.h5"], ["--calibration", "c.h5"], ["--scores", "evalue"]]
)
def test_categories_have_no_background(folder, tmp_path, more):
    with pytest.raises(InputError, match="`category` writes means"):
        score(folder, tmp_path, "--category", "cell", *more)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_half_written(folder, tmp_path):
    """A real process, a real signal, in the middle of writing."""
    text = (folder / "g.fa").read_text().split()[1]
    with open(tmp_path / "many.vcf", "w") as handle:
        handle.write("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        handle.writelines(
            f"chrI\t{i % 2000 + 1}\t.\t{text[i % 2000]}\tN\t.\t.\t.\n" for i in range(1_000_000)
        )
    verb = [sys.executable, "-m", "seqdl.cli.main", "score-variants", "--run", folder / "run"]
    files = ["--genome", folder / "g.fa", "--vcf", tmp_path / "many.vcf", "--out", tmp_path / "s.tsv.gz"]
    # A test run in the background may have inherited "ignore Ctrl-C"; what Python handles is not inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([str(a) for a in (*verb, *files)], stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    until = time.monotonic() + 200
    while (
        not any(p.stat().st_size for p in tmp_path.glob("s.tsv.gz.parts/.s.*.tsv.gz"))
        and time.monotonic() < until
    ):
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Traceback" not in told
    assert {p.name for p in tmp_path.iterdir()} == {"many.vcf", "s.tsv.gz.parts"}
    assert not list(tmp_path.glob("s.tsv.gz.parts/.*"))
