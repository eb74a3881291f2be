"""In-silico mutagenesis: every mutant is the string built by hand, and an effect is what prediction says."""

import gzip

import numpy as np
import pytest

from seqdl.encoding import N, decode, encode, reverse_complement
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.interpret.heads import output_function
from seqdl.interpret.mutagenesis.edits import FullPass
from seqdl.interpret.mutagenesis.files import read_mutagenesis
from seqdl.interpret.mutagenesis.mutate import base_scores, importance, mutate_codes
from seqdl.interpret.mutagenesis.regions import mutagenesis
from seqdl.interpret.mutagenesis.tracks import write_tracks
from seqdl.training.run import Run
from tests.interpret.engine_law import assert_engine_keeps_the_law
from tests.toy_coverage_run import toy_coverage_run
from tests.toy_report import WINDOW, make_genome, make_run

ALL = ("substitution", "deletion", "insertion", "ablation")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("mutagenesis")).parent


@pytest.fixture(scope="module")
def run(folder):
    return Run.open(folder / "run")


@pytest.fixture
def bed(folder, tmp_path):
    """A few GATA1 sites and one that leaves its contig."""
    _, places = make_genome(tmp_path)
    rows = [f"{chrom}\t{at}\t{at + 12}\tsite{i}" for i, (chrom, at, which) in enumerate(places) if which == 1]
    path = tmp_path / "regions.bed"
    path.write_text("\n".join([*rows[:3], "chrI\t0\t20\tedge"]) + "\n")
    return path


class _Half(FullPass):
    """An engine that forgets what follows a sequence."""

    def evaluate(self, codes, edits, right=None):
        return super().evaluate(codes, edits)


def test_any_engine_gives_what_building_each_mutant_gives(run):
    codes = np.random.default_rng(6).integers(0, 4, (3, WINDOW)).astype(np.uint8)
    codes[1, 98:102] = N
    right = np.random.default_rng(7).integers(0, 4, (3, 4)).astype(np.uint8)
    output = output_function(run, batch_size=16)
    for follows in (None, right):
        assert_engine_keeps_the_law(FullPass(output, 16), output, codes, follows)
    position = np.random.default_rng(8).normal(size=WINDOW).astype(np.float32)
    assert_engine_keeps_the_law(FullPass(lambda x: x * position, 8), lambda x: x * position, codes, right)
    with pytest.raises(AssertionError):
        assert_engine_keeps_the_law(_Half(lambda x: x * position, 8), lambda x: x * position, codes, right)


def test_mutagenesis_is_re_prediction(folder, run, bed):
    target = run.target_names.index("GATA1")
    output = output_function(run)
    result = mutagenesis(
        run, genome=folder / "genome.fa", bed=bed, kinds=ALL, target="GATA1", width=20, kmer=5, step=5,
        draws=2, batch_size=64,
    )  # fmt: skip
    engine = FullPass(lambda codes: output(codes)[:, [target]], 16)
    again = mutagenesis(
        run, genome=folder / "genome.fa", bed=bed, kinds=ALL, target="GATA1", width=20, kmer=5, step=5,
        draws=2, engine=engine,
    )  # fmt: skip
    genome = Genome(folder / "genome.fa")
    rng = np.random.default_rng(0)
    for row, region in enumerate(result.regions):
        text = genome.sequence(region.chrom, region.start, region.end + 1)
        assert decode(result.codes[row]) == text[:WINDOW]
        for i in rng.choice(20, 4, replace=False):
            place = result.start + i
            if text[place] == "N":
                continue
            mutants = [text[:place] + base + text[place + 1 : WINDOW] for base in "ACGT"]
            mutants += [text[:place] + text[place + 1 :]]
            mutants += [(text[:place] + base + text[place:])[:WINDOW] for base in "ACGT"]
            outputs = output(np.stack([encode(text[:WINDOW]), *(encode(one) for one in mutants)]))[:, target]
            effects = outputs[1:] - outputs[0]
            found = [*result.substitutions[row, i, :, 0], result.deletions[row, i, 0],
                     *result.insertions[row, i, :, 0]]  # fmt: skip
            np.testing.assert_allclose(found, effects, atol=1e-5)
            assert result.reference[row, 0] == pytest.approx(outputs[0], abs=1e-5)
    for mine, theirs in zip(result[3:8], again[3:8], strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5, equal_nan=True)


def test_an_average_over_strands_turns_with_the_sequence(run):
    codes = np.random.default_rng(4).integers(0, 4, (2, WINDOW)).astype(np.uint8)
    choices = {"target": ["CTCF", "GATA1"], "strand_average": True}
    forward = mutagenesis(run, codes=codes, start=60, end=80, **choices)
    turned = mutagenesis(run, codes=reverse_complement(codes), start=WINDOW - 80, end=WINDOW - 60, **choices)
    np.testing.assert_allclose(forward.substitutions, turned.substitutions[:, ::-1, ::-1], atol=1e-5)
    assert np.abs(forward.substitutions).max() > 0


def test_the_planted_site_is_what_matters(folder, run, bed):
    result = mutagenesis(run, genome=folder / "genome.fa", bed=bed, target="GATA1", width=60)
    strength = importance(result)[:3, :, 0]
    middle = slice(30 - 6, 30 + 6)
    assert (strength[:, middle].sum(axis=1) > 0.75 * strength.sum(axis=1)).all()  # 12 bases of 60
    assert (base_scores(result)[:3, middle, 0].sum(axis=1) > 0).all()


def test_h5_reads_back_and_states_its_layout(folder, run, bed, tmp_path):
    import h5py

    out = tmp_path / "ism.h5"
    result = mutagenesis(
        run, genome=folder / "genome.fa", bed=bed, kinds=ALL, target=["GATA1", 0], width=12, kmer=4, out=out
    )
    assert result.targets == ("GATA1", "CTCF")
    again = read_mutagenesis(out)
    for name, mine in result._asdict().items():
        theirs = getattr(again, name)
        if isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, theirs)
            assert mine.dtype == theirs.dtype
        else:
            assert mine == theirs, name
    with h5py.File(out) as file:
        assert file.attrs["format"] == "seqdl-mutagenesis" and file.attrs["version"] == 1
        assert file.attrs["genome_checksum"] == run.card["genome"]["checksum"]
    (tmp_path / "no.h5").write_text("no")
    with pytest.raises(InputError, match="not an HDF5 file"):
        read_mutagenesis(tmp_path / "no.h5")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_table_names_each_mutant_where_it_lies(folder, run, bed, tmp_path):
    import pandas as pd

    out = tmp_path / "ism.tsv.gz"
    result = mutagenesis(
        run, genome=folder / "genome.fa", bed=bed, kinds=ALL, target="GATA1", width=8, kmer=4, step=4, out=out
    )
    with gzip.open(out, "rt") as handle:
        head = sum(line.startswith("##") for line in handle)
    table = pd.read_csv(out, sep="\t", skiprows=head).rename(columns={"#chrom": "chrom"})
    assert len(table) == len(result.codes) * (8 * 3 + 8 + 8 * 4 + 2)
    genome = Genome(folder / "genome.fa")
    placed = table[(table.end > table.start)].sample(40, random_state=0)
    for row in placed.itertuples():
        assert genome.sequence(row.chrom, row.start, row.end) == row.ref
    one = table[(table.kind == "substitution") & (table.name == table.name.iloc[0])].iloc[0]
    region = result.regions[0]
    value = result.substitutions[0, one.start - region.start - result.start, "ACGT".index(one.alt), 0]
    np.testing.assert_allclose(one.GATA1, value, rtol=1e-4, atol=1e-6)


def test_bigwig_holds_the_mean_over_windows(folder, run, tmp_path):
    pyBigWig = pytest.importorskip("pyBigWig")
    path = tmp_path / "two.bed"
    path.write_text("chrI\t1000\t1010\ta\nchrI\t1004\t1014\tb\nchrII\t5\t15\tc\n")
    genome = Genome(folder / "genome.fa")
    result = mutagenesis(run, genome=genome, bed=path, target=["CTCF", "DNase"], width=20)
    write_tracks([tmp_path / "other.bw", tmp_path / "m.bw"], result, genome)
    strength = importance(result)[..., 1]
    with pyBigWig.open(str(tmp_path / "m.bw")) as file:
        values = np.array(file.values("chrI", 995, 1019))
        start = [region.start + result.start for region in result.regions]
        assert start[:2] == [995, 999]
        expected = np.full((2, 24), np.nan)
        expected[0, :20], expected[1, 4:] = strength[0], strength[1]
        np.testing.assert_allclose(values, np.nanmean(expected, axis=0), atol=1e-6)
        assert len(file.intervals("chrII")) == start[2] + 20
    assert start[2] == 0


def test_coverage_is_measured_by_its_total_or_its_shape(tmp_path):
    folder, _ = toy_coverage_run(tmp_path)
    run = Run.open(folder)
    codes = np.random.default_rng(1).integers(0, 4, (1, run.window)).astype(np.uint8)
    at = run.window // 2
    codes[0, at : at + 9] = encode("TGACTCAGC")
    total = mutagenesis(run, codes=codes, start=at - 3, end=at + 12)
    assert total.settings["head"] == "counts"
    assert (total.substitutions[0, 3:12, :, 0].min(axis=1) < -0.05).all()
    assert np.abs(total.substitutions[0, 3:12, :, 1]).max() < 0.05
    output = output_function(run, head="profile", bins=(2, 6))
    shape = mutagenesis(run, codes=codes, start=at, end=at + 2, head="profile", bins=(2, 6), target=0)
    mutant = codes.copy()
    mutant[0, at] = 0
    effect = output(mutant)[0, 0] - output(codes)[0, 0]
    assert shape.substitutions[0, 0, 0, 0] == pytest.approx(effect, abs=1e-5)
    with pytest.raises(InputError, match="`head` is one of counts, profile"):
        mutagenesis(run, codes=codes, head="logit")


def test_bad_input_gets_a_sentence(run, tmp_path):
    codes = np.zeros((2, WINDOW), np.uint8)
    codes[1] = N
    with pytest.raises(InputError, match="sequence_2:0-200 are all N"):
        mutagenesis(run, codes=codes)
    with pytest.raises(InputError, match="Did you mean 'GATA1'"):
        mutagenesis(run, codes=codes[:1], target="GATA2")
    with pytest.raises(InputError, match="0 to 200"):
        mutagenesis(run, codes=codes[:1], width=201)
    with pytest.raises(InputError, match="not both"):
        mutagenesis(run, codes=codes[:1], width=20, start=3)
    with pytest.raises(InputError, match=r"\.h5, \.tsv"):
        mutagenesis(run, codes=codes[:1], out=tmp_path / "a.npz")
    structured = Run(run.path, {**run.card, "structured": True}, run.path / "model.keras")
    with pytest.raises(InputError, match="bases alone"):
        mutagenesis(structured, codes=codes[:1])
    with pytest.raises(InputError, match="one result a sequence"):
        mutate_codes(lambda batch: np.zeros(3), codes[:1])
    with pytest.raises(InputError, match="not finite"):
        mutate_codes(lambda batch: np.full(len(batch), np.nan), codes[:1])
