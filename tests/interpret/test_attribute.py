"""`attribute` on a run: windows are those of `predict`, files read back, bad input gets a sentence."""

import h5py
import numpy as np
import pytest

from seqdl.encoding import decode, one_hot, reverse_complement
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.interpret.attribute import attribute
from seqdl.interpret.variants import explain_variants
from seqdl.interpret.writers import read_attribution
from seqdl.intervals import Variant
from seqdl.prediction.predictor import Predictor
from seqdl.training.run import Run
from tests.toy_report import WINDOW, make_genome, make_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("attribute")).parent


@pytest.fixture(scope="module")
def run(folder):
    return Run.open(folder / "run")


@pytest.fixture
def bed(folder, tmp_path):
    """The first CTCF motifs, and a region whose window leaves the contig."""
    _, places = make_genome(tmp_path)
    rows = [
        f"{chrom}\t{at}\t{at + 12}\tsite{i}" for i, (chrom, at, which) in enumerate(places) if which == 0
    ][:6]
    path = tmp_path / "regions.bed"
    path.write_text("\n".join([*rows, "chrI\t0\t20\tedge"]) + "\n")
    return path


def test_regions_are_explained_where_their_motif_lies(folder, run, bed):
    result = attribute(run, genome=folder / "genome.fa", bed=bed, target="CTCF")
    assert result.values.shape == (7, WINDOW, 4) and result.values.dtype == np.float32
    assert result.target == "CTCF" and result.method == "grad_x_input"
    genome = Genome(folder / "genome.fa")
    for region, codes in zip(result.regions, result.codes, strict=True):
        assert decode(codes) == genome.sequence(region.chrom, region.start, region.end)
    strength = np.abs(result.values[:6]).sum(axis=2)
    middle = slice(WINDOW // 2 - 6, WINDOW // 2 + 6)
    assert (strength[:, middle].sum(axis=1) > 0.9 * strength.sum(axis=1)).all()
    assert result.regions[-1].start < 0 and not result.values[-1, : WINDOW // 2 - 10].any()


def test_h5_reads_back_and_states_its_layout(folder, run, bed, tmp_path):
    out = tmp_path / "attr.h5"
    result = attribute(
        run,
        genome=folder / "genome.fa",
        bed=bed,
        target="GATA1",
        method="integrated_gradients",
        steps=8,
        out=out,
    )
    again = read_attribution(out)
    for mine, theirs in zip(result, again, strict=True):
        if isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine == theirs
    with h5py.File(out) as file:
        assert (
            file.attrs["genome_checksum"] == run.card["genome"]["checksum"]
            and "A C G T" in file.attrs["layout"]
        )
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_npz_is_what_modisco_reads(folder, run, bed, tmp_path):
    result = attribute(run, genome=folder / "genome.fa", bed=bed, target="GATA1", out=tmp_path / "attr.npz")
    values, bases = (np.load(tmp_path / name)["arr_0"] for name in ("attr.npz", "attr.onehot.npz"))
    assert values.shape == bases.shape == (7, 4, WINDOW)
    # TF-MoDISco wants what every base would contribute, and multiplies by the one-hot itself.
    np.testing.assert_array_equal(values.transpose(0, 2, 1), result.hypothetical)
    np.testing.assert_array_equal(bases.transpose(0, 2, 1), one_hot(result.codes))


def test_fasta_and_codes_give_what_the_regions_give(folder, run, bed, tmp_path):
    first = attribute(run, genome=folder / "genome.fa", bed=bed, target="CTCF")
    fasta = tmp_path / "windows.fa"
    fasta.write_text("".join(f">w{i}\n{decode(codes)}\n" for i, codes in enumerate(first.codes)))
    for other in (attribute(run, fasta=fasta, target="CTCF"), attribute(run, codes=first.codes, target=0)):
        np.testing.assert_allclose(other.values, first.values, atol=1e-6)


def test_a_variants_explanation_shows_the_prediction_that_scoring_gives(folder, run):
    genome = Genome(folder / "genome.fa")
    _, places = make_genome(folder)
    chrom, at, _ = next(item for item in places if item[2] == 0)
    ref = genome.sequence(chrom, at + 4, at + 6)
    variants = [Variant(chrom, at + 5, ref, ref[0]), Variant(chrom, at + 5, ref[0], ref[0] + "TT")]
    explained = explain_variants(run, genome, variants, ["CTCF", "DNase"])
    for item, target in zip(explained, (0, 4), strict=True):
        for codes, probability in (
            (item.ref_codes, item.ref_probability),
            (item.alt_codes, item.alt_probability),
        ):
            assert Predictor(run).probabilities(codes[None])[0, target] == pytest.approx(
                probability, abs=1e-6
            )
        assert decode(item.ref_codes) == genome.sequence(chrom, item.start, item.start + WINDOW)
        assert item.ref_probability > item.alt_probability
        assert np.abs(item.ref_values).sum() > np.abs(item.alt_values).sum()


def test_bad_input_gets_a_sentence(folder, run, bed, tmp_path):
    genome = folder / "genome.fa"
    with pytest.raises(InputError, match="exactly one of"):
        attribute(run, genome=genome, target="CTCF")
    with pytest.raises(InputError, match="predicts 6 targets .*--target"):
        attribute(run, genome=genome, bed=bed)
    with pytest.raises(InputError, match="Did you mean 'GATA1'"):
        attribute(run, genome=genome, bed=bed, target="GATA2")
    with pytest.raises(InputError, match="--genome"):
        attribute(run, bed=bed, target="CTCF")
    with pytest.raises(InputError, match=r"\.h5 or \.npz"):
        attribute(run, genome=genome, bed=bed, target="CTCF", out=tmp_path / "a.tsv")
    with pytest.raises(InputError, match="whole numbers from 0 to 4"):
        attribute(run, codes=np.full((1, WINDOW), 7, np.uint8), target="CTCF")
    with pytest.raises(InputError, match="shape"):
        attribute(run, codes=np.zeros((1, 10), np.uint8), target="CTCF")
    turned = Genome.from_arrays({
        name: decode(reverse_complement(Genome(genome).codes(name))) for name in ("chrI", "chrII")
    })  # fmt: skip
    with pytest.raises(InputError, match="not the one this run was trained on"):
        attribute(run, genome=turned, bed=bed, target="CTCF")
    (tmp_path / "no.h5").write_text("no")
    with pytest.raises(InputError, match="not an HDF5 file"):
        read_attribution(tmp_path / "no.h5")


@pytest.mark.parametrize("choices", [{"batch_size": 0}, {"steps": 0, "method": "integrated_gradients"}])
def test_numbers_below_one_are_refused(folder, run, bed, choices):
    with pytest.raises(InputError, match="at least 1"):
        attribute(run, genome=folder / "genome.fa", bed=bed, target="CTCF", **choices)


def test_sums_that_are_off_are_an_error_and_the_result_is_kept(folder, run, bed, tmp_path):
    choices = {"genome": folder / "genome.fa", "bed": bed, "target": "CTCF", "method": "deeplift"}
    with pytest.raises(InputError, match="do not add up.*are kept in"):
        attribute(run, **choices, tolerance=0.0, out=tmp_path / "a.h5")
    kept = read_attribution(tmp_path / "a.h5")
    np.testing.assert_array_equal(kept.values, attribute(run, **choices).values)
    with pytest.warns(UserWarning, match="do not add up"):
        attribute(run, **choices, tolerance=0.0, on_excess="warn")
