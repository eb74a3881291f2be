"""RNA to predict: whole sequences, structures as given or folded, and a run's own numbers back."""

from importlib.util import find_spec

import numpy as np
import pytest

from seqdl.data.build import build_dataset
from seqdl.data.dataset import Dataset
from seqdl.encoding import bases_of, decode, symbols_of
from seqdl.errors import InputError, MissingDependencyError
from seqdl.io.structure import write_symbols
from seqdl.prediction.rna_sources import rna_windows

needs_viennarna = pytest.mark.skipif(find_spec("RNA") is None, reason="pip install ViennaRNA")
TEXTS = {"a": "GGGGAAAACCCC", "b": "ACGUN", "long": "GGGGCAAAAGCCCCAUAU"}


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "x.fa"
    path.write_text("".join(f">{name} of some kind\n{text}\n" for name, text in TEXTS.items()))
    return path


def collect(source):
    parts = list(source.parts)
    columns = {name: np.concatenate([p.columns[name] for p in parts]).tolist() for name in parts[0].columns}
    return columns, np.concatenate([part.codes for part in parts])


@pytest.mark.parametrize("rows", [1, 2, 50])
def test_sequences_are_taken_whole(fasta, rows):
    columns, codes = collect(rna_windows(fasta, 20, rows, structured=False))
    assert columns["name"] == list(TEXTS) and columns["start"] == [0, 0, 0]
    assert columns["end"] == [12, 5, 18] and columns["flag"] == [".", "N_IN_WINDOW", "."]
    for row, text in zip(codes, TEXTS.values()):
        assert decode(row).replace("T", "U") == text + "N" * (20 - len(text))


def test_longer_sequences(fasta):
    with pytest.raises(InputError, match="'long' has 18 bases and the model reads 12.*--lengths centre"):
        collect(rna_windows(fasta, 12, 9, structured=False))
    columns, codes = collect(rna_windows(fasta, 12, 9, structured=False, lengths="centre"))
    assert columns["start"] == [0, 0, 3] and decode(codes[2]).replace("T", "U") == TEXTS["long"][3:15]
    columns, codes = collect(rna_windows(fasta, 12, 9, structured=False, lengths="tile", step=5))
    assert columns["name"] == ["a", "b", "long", "long", "long"] and columns["start"][2:] == [0, 5, 6]
    with pytest.raises(InputError, match="`lengths`"):
        rna_windows(fasta, 12, 9, structured=False, lengths="cut")
    with pytest.raises(InputError, match="`step`"):
        rna_windows(fasta, 12, 9, structured=False, lengths="tile", step=0)


def test_structures_as_given(tmp_path):
    path = tmp_path / "x.db"
    path.write_text(">a\nGGGGAAAACCCC\n((((....)))) (-5.40)\n>b\nACGU\n....\n")
    _, codes = collect(rna_windows(path, 14, 9, structured=True))
    assert write_symbols(symbols_of(codes[0, :12])) == "((((....))))" and (codes[0, 12:] == 4).all()
    assert write_symbols(symbols_of(codes[1, :4])) == "...."
    _, cut = collect(rna_windows(path, 10, 9, structured=True, lengths="centre"))
    assert write_symbols(symbols_of(cut[0])) == "(((....)))"
    # Its structure lines are no bases to a run that reads none.
    _, plain = collect(rna_windows(path, 14, 9, structured=False))
    np.testing.assert_array_equal(plain, bases_of(codes))


@needs_viennarna
def test_folded_where_no_structure_is_given(fasta):
    import RNA

    _, codes = collect(rna_windows(fasta, 20, 2, structured=True))
    for row, text in zip(codes, TEXTS.values()):
        assert write_symbols(symbols_of(row[: len(text)])) == RNA.fold(text)[0]
        assert (row[len(text) :] == 4).all()


def test_without_viennarna_a_file_of_structures_is_asked_for(fasta, monkeypatch):
    monkeypatch.setattr("seqdl.data.fold.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"seqdl\[rna\]"):
        rna_windows(fasta, 20, 9, structured=True)


@needs_viennarna
@pytest.mark.slow
def test_a_run_on_structures_learns_hairpins_and_predicts_a_fasta(tmp_path):
    from seqdl.evaluation.evaluate import evaluate
    from seqdl.prediction.predict import predict
    from seqdl.training.fit import fit

    rng = np.random.default_rng(0)
    with open(tmp_path / "pos.fa", "w") as handle:
        for i in range(200):
            arm = rng.integers(0, 4, rng.integers(12, 18)).astype(np.uint8)
            loop = rng.integers(0, 4, 5).astype(np.uint8)
            text = decode(np.concatenate([arm, loop, 3 - arm[::-1]]))
            handle.write(f">h{i}\n{text.replace('T', 'U')}\n")
    build_dataset(
        fasta=tmp_path / "pos.fa", negatives="shuffle", structure="fold", random_split="0.2,0.2",
        out=tmp_path / "rna.h5",
    )  # fmt: skip
    overrides = {"units": (6,), "conv_filters": (12,), "conv_widths": (5,), "dense_units": 0, "dropout": 0.0}
    run = fit(
        tmp_path / "rna.h5", tmp_path / "run", model="rnn", preset="mirna", overrides=overrides, epochs=6,
        batch_size=16, learning_rate=1e-2,
    )  # fmt: skip
    assert run.structured and run.card["alphabet"] == "ACGU" and run.card["input_shape"][1] == 7
    assert not run.strand_average
    found = evaluate(run, tmp_path / "rna.h5", bootstrap=0, threads=1).metrics["models"]
    assert [model["name"] for model in found] == ["network", "length_gc", "rna_kmer", "stem_kmer"]
    assert found[0]["median_auroc"] > 0.9 and found[1]["median_auroc"] < 0.6
    for place in ({"bed": tmp_path / "x.bed"}, {"bigwig": True, "out": tmp_path / "tracks"}):
        with pytest.raises(InputError, match="Predicting places of a genome needs a run that reads DNA"):
            predict(run, genome=tmp_path / "g.fa", **place)
    predicted = predict(run, fasta=tmp_path / "pos.fa")
    data = Dataset.open(tmp_path / "rna.h5")
    assert predicted.n == 200 and predicted.values[:, 0].mean() > 0.6
    from seqdl.prediction.predictor import Predictor

    np.testing.assert_allclose(
        predicted.values, Predictor(run).probabilities(data.codes(np.arange(200))), atol=1e-6
    )
