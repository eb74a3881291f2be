"""Variant scores beside the peers', same weights: tangermeme, and Selene with its deletions."""

import warnings

import h5py
import numpy as np
import pandas as pd
import pytest

from seqdl.encoding import decode, encode, one_hot
from seqdl.genome import Genome
from seqdl.models import build_model
from seqdl.prediction.predictor import Predictor
from seqdl.variants.files.reading import read_scores
from seqdl.variants.score import score_variants
from tests.interpret.random_networks import randomised

torch = pytest.importorskip("torch")
from tests.interpret.torch_twins import Twin  # noqa: E402

CONTIG, TARGETS, SNVS = 5000, 5, 60
SCORES = {"diffs": "diff", "abs_diffs": "abs_diff", "logits": "logit_diff"}
TINY = {"filters": (16, 16, 16), "kernel_sizes": (9, 5, 5), "dense_units": 16}


@pytest.fixture(scope="module")
def letters():
    return decode(np.random.default_rng(3).integers(0, 4, CONTIG).astype(np.uint8))


@pytest.fixture
def fasta(tmp_path, letters):
    path = tmp_path / "genome.fa"
    path.write_text(">chr1\n" + "".join(f"{letters[i : i + 50]}\n" for i in range(0, CONTIG, 50)))
    return path


def network(window):
    """Return a DeepSEA with random weights and its PyTorch twin, both ending in probabilities."""
    model = randomised(build_model("deepsea", window, TARGETS, "small", **TINY))
    return model, Twin(model)


def snvs(letters, seed=0):
    """Draw SNVs, in order, whose windows lie inside the contig: (pos, ref, alt)."""
    rng = np.random.default_rng(seed)
    places = np.sort(rng.choice(np.arange(600, CONTIG - 600), SNVS, replace=False)).tolist()
    return [(p + 1, letters[p], rng.choice([b for b in "ACGT" if b != letters[p]])) for p in places]


def mutated(letters, pos, ref, alt):
    """Edit the contig as a string."""
    assert letters[pos - 1 :].startswith(ref)
    return letters[: pos - 1] + alt + letters[pos - 1 + len(ref) :]


def write(path, variants):
    rows = "".join(f"chr1\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n" for pos, ref, alt in variants)
    path.write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + rows)
    return path


def by_seqdl(model, fasta, vcf, anchor, tmp_path):
    """Score, and return the three scores by seqdl's names."""
    names = list(SCORES.values())
    out = tmp_path / "scores.h5"
    score_variants(Predictor(model, 64), vcf, Genome(fasta), out, scores=names, anchor=anchor)
    return read_scores(out).scores


class Recorder(torch.nn.Module):
    """A network that keeps the sequences which it was given, as letters, call by call."""

    def __init__(self, module):
        super().__init__()
        self.module, self.seen = module, []

    def forward(self, x):
        codes = np.where(x.amax(dim=1) == 1, x.argmax(dim=1), 4).astype(np.uint8)
        self.seen.append([decode(row) for row in codes])
        return self.module(x)


def by_selene(twin, fasta, vcf, window, tmp_path):
    """Run Selene; return its scores by seqdl's names, its row labels, and the sequences it used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("selene_sdk")
        predict = pytest.importorskip("selene_sdk.predict")  # needs setuptools below 80, undeclared
        from selene_sdk.sequences import Genome as SeleneGenome

        weights = tmp_path / "weights.pt"
        recorder = Recorder(twin)
        torch.save(recorder.state_dict(), weights)
        names = [f"target{i + 1}" for i in range(TARGETS)]
        analysis = predict.AnalyzeSequences(
            recorder, str(weights), sequence_length=window, features=names, batch_size=32,
            reference_sequence=SeleneGenome(str(fasta)),
        )  # fmt: skip
        folder = tmp_path / "selene"
        analysis.variant_effect_prediction(str(vcf), list(SCORES), str(folder), output_format="hdf5")
    values = {}
    for theirs, ours in SCORES.items():
        with h5py.File(folder / f"{vcf.stem}_{theirs}.h5") as file:
            values[ours] = file["data"][:]
    refs, alts = (sum(recorder.seen[i::2], []) for i in range(2))
    return values, pd.read_csv(folder / f"{vcf.stem}_row_labels.txt", sep="\t"), refs, alts


def agree(ours, theirs):
    for name in SCORES.values():
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=1e-5)
        assert np.abs(theirs[name]).max() > 1e-2  # the effects are no zeros


@pytest.mark.parametrize("window", [500, 501])
def test_selene_agrees_on_snvs(tmp_path, letters, fasta, window):
    """Selene puts an SNV left of the middle of an even window; `anchor` does the same."""
    model, twin = network(window)
    vcf = write(tmp_path / "snvs.vcf", snvs(letters))
    theirs, labels, _, _ = by_selene(twin, fasta, vcf, window, tmp_path)
    agree(by_seqdl(model, fasta, vcf, (window - 1) // 2, tmp_path), theirs)
    assert labels.ref_match.all()


@pytest.mark.parametrize(("ref", "alt"), [(2, 2), (3, 3), (1, 2)])
def test_selene_agrees_on_mnps_and_insertions_of_one_base(tmp_path, letters, fasta, ref, alt):
    """An allele of k bases is centred by Selene, so that its first base lies k // 2 further left."""
    window, rng = 500, np.random.default_rng(ref)
    model, twin = network(window)
    variants = []
    for pos, *_ in snvs(letters):
        word = letters[pos - 1 : pos - 1 + ref]
        new = decode((encode(word) + rng.integers(1, 4, ref)).astype(np.uint8) % 4)
        variants.append((pos, word, new if alt == ref else word + "G"))
    vcf = write(tmp_path / "alleles.vcf", variants)
    theirs, _, _, _ = by_selene(twin, fasta, vcf, window, tmp_path)
    agree(by_seqdl(model, fasta, vcf, (window - 1) // 2 - ref // 2, tmp_path), theirs)


def test_a_deletion_by_selene_is_of_another_sequence(tmp_path, letters, fasta):
    """The worked example of docs/variants.md: the deleted bases stay, and bases further right go."""
    window = 500
    model, twin = network(window)
    variants = [
        (p, letters[p - 1 : p - 1 + size], letters[p - 1]) for p, size in ((1001, 2), (2001, 3), (3001, 8))
    ]
    vcf = write(tmp_path / "deletions.vcf", variants)
    theirs, labels, refs, alts = by_selene(twin, fasta, vcf, window, tmp_path)
    assert labels.ref_match.all()  # Selene says that all is well
    asked = []

    class Listening(Predictor):
        def logits(self, codes):
            asked.extend(map(decode, codes))
            return super().logits(codes)

    score_variants(
        Listening(model, 64), vcf, Genome(fasta), tmp_path / "s.h5", scores=["diff"], anchor=(window - 1) // 2
    )
    ours = read_scores(tmp_path / "s.h5").scores["diff"]
    for i, (pos, ref, alt) in enumerate(variants):
        truth = mutated(letters, pos, ref, alt)
        assert refs[i] in letters
        assert alts[i] not in truth
        assert asked[i] in letters
        assert asked[len(variants) + i] in truth
        # What Selene scores is another variant: REF's first two bases stay, ALT comes behind them, and from
        # there on as many bases go as REF has.
        begin = pos + 1
        other = letters[:begin] + alt + letters[begin + len(ref) :]
        assert alts[i] in other
        assert np.abs(ours[i] - theirs["diff"][i]).max() > 1e-3


def test_alleles_without_a_sequence_are_scored_by_selene_and_rejected_here(tmp_path, letters, fasta):
    """To Selene no ALT is two deletions, an upstream deletion is one, and <DEL> is five unknown letters."""
    window = 500
    model, twin = network(window)
    variants = [(1001, letters[1000], alt) for alt in (".", "*", "<DEL>")]
    vcf = write(tmp_path / "odd.vcf", variants)
    _, labels, _, alts = by_selene(twin, fasta, vcf, window, tmp_path)
    assert len(labels) == 4
    assert labels.ref_match.all()
    assert not labels.contains_unk.any()
    assert len(set(alts[:3])) == 1
    assert "NNNNN" in alts[3]
    found = score_variants(Predictor(model, 64), vcf, Genome(fasta), tmp_path / "s.h5", scores=["diff"])
    assert (found.scored, found.rejected) == (0, {"NO_ALT": 1, "SYMBOLIC": 2})


def test_longer_insertions_by_selene_are_of_the_right_sequence_and_moved(tmp_path, letters, fasta):
    """Half of the insertion goes at either end, so the two windows begin at different bases."""
    window = 500
    _, twin = network(window)
    variants = [(1001, letters[1000], letters[1000] + "ACGTTGCA")]
    _, _, refs, alts = by_selene(twin, fasta, write(tmp_path / "i.vcf", variants), window, tmp_path)
    truth = mutated(letters, *variants[0])
    assert truth.index(alts[0]) == letters.index(refs[0]) + 4


def tangermeme_effects():
    pytest.importorskip("tangermeme")
    from tangermeme import variant_effect

    return variant_effect


def channels_first(rows):
    stacked = one_hot(np.stack([encode(row) for row in rows]))
    return torch.from_numpy(np.ascontiguousarray(np.swapaxes(stacked, -1, -2)))


def of_probabilities(before, after):
    p, q = (x.numpy().astype(np.float64) for x in (before, after))
    odds = np.log(q / (1 - q)) - np.log(p / (1 - p))
    return {"diff": q - p, "abs_diff": np.abs(q - p), "logit_diff": odds}


def test_tangermeme_agrees_on_snvs(tmp_path, letters, fasta):
    effects = tangermeme_effects()
    window, anchor = 500, 250
    model, twin = network(window)
    variants = snvs(letters)
    vcf = write(tmp_path / "snvs.vcf", variants)
    x = channels_first([letters[pos - 1 - anchor :][:window] for pos, _, _ in variants])
    table = [[i, anchor, "ACGT".index(alt)] for i, (_, _, alt) in enumerate(variants)]
    before, after = effects.substitution_effect(twin, x, torch.tensor(table), device="cpu")
    agree(by_seqdl(model, fasta, vcf, None, tmp_path), of_probabilities(before, after))


@pytest.mark.parametrize("size", [1, 2, 7])
def test_tangermeme_agrees_on_deletions_and_insertions(tmp_path, letters, fasta, size):
    """Given windows that are long enough it is left-anchored, as seqdl is."""
    effects = tangermeme_effects()
    window, anchor = 500, 250
    model, twin = network(window)
    places = [pos for pos, _, _ in snvs(letters)]
    deletions = [(pos, letters[pos - 1 : pos + size], letters[pos - 1]) for pos in places]
    word = "ACGTTGC"[:size]
    insertions = [(pos, letters[pos - 1], letters[pos - 1] + word) for pos in places]
    rows = np.repeat(np.arange(len(places)), size)
    bases = np.tile(np.arange(size), len(places))

    x = channels_first([letters[pos - 1 - anchor :][: window + size] for pos in places])
    gone = np.column_stack([rows, anchor + 1 + bases])
    before, after = effects.deletion_effect(twin, x, torch.from_numpy(gone), device="cpu")
    vcf = write(tmp_path / "deletions.vcf", deletions)
    agree(by_seqdl(model, fasta, vcf, None, tmp_path), of_probabilities(before, after))

    x = channels_first([letters[pos - 1 - anchor :][:window] for pos in places])
    # Each base goes in front of the base at its place; of several, the last one given comes first.
    new = np.column_stack([rows, np.full(len(rows), anchor + 1), np.tile(encode(word)[::-1], len(places))])
    before, after = effects.insertion_effect(twin, x, torch.from_numpy(new), device="cpu")
    vcf = write(tmp_path / "insertions.vcf", insertions)
    agree(by_seqdl(model, fasta, vcf, None, tmp_path), of_probabilities(before, after))
