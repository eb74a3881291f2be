"""A background's file: what is written is read, a part agrees with the whole, and a wrong one is refused."""

import json

import h5py
import numpy as np
import pytest
from variant_cases import HEADER, LinearNetwork, letters, other

from seqdl import InputError
from seqdl.variants.background import ACTIVE, fingerprint, read_background, write_background
from seqdl.variants.files.reading import read_scores
from seqdl.variants.make_background import make_background
from seqdl.variants.network import Asker, Network
from seqdl.variants.options import ScoringOptions
from seqdl.variants.score import score_variants


def network_of(linear, **changes):
    names = tuple(linear.target_names)
    choices = {
        "window": 40, "anchor": 20, "batch_size": 16, "target_names": names, "target_labels": names,
        "strand_average": False, "random_split": False, "label": "linear",
        "targets": tuple({"name": name} for name in names),
    }  # fmt: skip
    return Network(Asker(linear.logits), **choices | changes)


@pytest.fixture
def run():
    return network_of(LinearNetwork())


@pytest.fixture
def numbers():
    rng = np.random.default_rng(2)
    return {name: rng.normal(size=(5, 300)).astype(np.float32) for name in ("diff", "logfc")}


@pytest.fixture
def written(tmp_path, numbers):
    variants = {"chrom": ["chrA"] * 300, "pos": range(1, 301), "ref": ["A"] * 300, "alt": ["C"] * 300}
    described = {"source": "numbers", "score": "diff", "run": "abc", "strand_average": True, "shifts": [0]}
    return write_background(tmp_path / "b.h5", described, list("VWXYZ"), variants, numbers)


def test_what_is_written_is_read(written, numbers):
    found = read_background(written)
    assert (found.n, found.source, set(found.scores)) == (300, "numbers", {"diff", "logfc"})
    for name, values in numbers.items():
        np.testing.assert_array_equal(found.scores[name], np.sort(np.abs(values), axis=1))
    np.testing.assert_array_equal(found.largest, np.sort(np.abs(numbers["diff"]).max(axis=0)))
    assert set(read_background(written, ["abs_diff"]).scores) == {"diff"}
    assert read_background(written.parent / "b.h5", ["logfc"]).largest.tolist() == found.largest.tolist()


@pytest.mark.parametrize("places", [[0], [3, 1], [4, 4], [0, 1, 2, 3, 4]])
def test_some_targets_agree_with_all(written, numbers, places):
    whole, part = read_background(written), read_background(written, chosen=np.array(places))
    values = np.random.default_rng(1).normal(size=(50, 5)).astype(np.float32)
    for name in numbers:
        for one, other_ in zip(
            whole.compare(name, values), part.compare(name, values[:, places]), strict=True
        ):
            np.testing.assert_array_equal(one[:, places], other_)
    sizes = np.abs(numbers["diff"][places]).max(axis=0)
    np.testing.assert_array_equal(part.largest, np.sort(sizes))


def test_more_change_is_never_less_unusual(written):
    background = read_background(written)
    sizes = np.sort(np.abs(np.random.default_rng(5).normal(size=(400, 5))).astype(np.float32), axis=0)
    percentiles, p = background.compare("diff", sizes)
    assert (np.diff(percentiles, axis=0) >= 0).all() and (np.diff(p, axis=0) <= 0).all()
    assert percentiles.dtype == p.dtype == np.float32 and p.min() > 0 and p.max() <= 1
    own, _ = background.compare("diff", background.scores["diff"].T)
    np.testing.assert_allclose(own, np.tile((np.arange(300) + 0.5)[:, None] / 3, 5), rtol=1e-5)


def test_a_score_that_is_not_known_has_no_rank(written):
    background = read_background(written)
    values = np.zeros((2, 5), np.float32)
    values[0, 2] = np.nan
    for found in background.compare("diff", values):
        np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    assert np.isnan(background.of_largest(np.array([np.nan, 1.0]))[0]).tolist() == [True, False]
    with pytest.raises(InputError, match="has no 'jsd'; it has"):
        background.percentiles("jsd", values)
    with pytest.raises(InputError, match=r"shape \(m, 5\)\. Received: \(2, 3\)"):
        background.percentiles("diff", values[:, :3])


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"run": "xyz"}, "for another run"),
        ({"strand_average": False}, "with strand_average on, and now it is off"),
        ({"shifts": [-1, 0, 1]}, "with shifts 0, and now it is -1,0,1"),
        ({"targets": "xyz"}, "for other targets"),
        ({"anchor": 3}, "with anchor None, and now it is 3"),
    ],
)
def test_another_runs_background_is_refused_by_name(written, expected, message):
    with pytest.raises(InputError, match=rf"{written} was made {message}.*--background none"):
        read_background(written, expected=expected)
    assert read_background(written, expected={"run": "abc", "shifts": [0]}).n == 300


def _drop(name):
    def damage(file):
        del file[name]

    return damage


def _set(name, values):
    def damage(file):
        del file[name]
        file[name] = values

    return damage


def _attribute(**values):
    def damage(file):
        file.attrs.update(values)

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_drop("scores/logfc"), "has no logfc; it has diff"),
        (_drop("targets"), "damaged"),
        (_drop("scores"), "damaged"),
        (_set("scores/logfc", np.zeros((5, 299), np.float32)), "differ in length"),
        (
            _set("scores/logfc", np.full((5, 300), np.nan, np.float32)),
            "logfc holds numbers that are not finite",
        ),
        (_set("scores/logfc", np.full((5, 300), b"x", object)), "its scores are not float32"),
        (_set("scores/diff", np.zeros((5, 300))), "its scores are not float32"),
        (_attribute(meta="{"), "damaged"),
        (_attribute(meta=json.dumps({"source": "x"})), "damaged"),
        (_attribute(version=2), "seqdl-background of version <= 1. Received: seqdl-background, version 2"),
        (_attribute(format="seqdl-calibration"), "holds no seqdl-background"),
    ],
)
def test_a_damaged_file_is_an_error_in_words(written, damage, message):
    with h5py.File(written, "r+") as file:
        damage(file)
    with pytest.raises(InputError, match=message):
        read_background(written, ["diff", "logfc"])


def test_a_file_that_is_cut_off_is_an_error_in_words(written):
    written.write_bytes(written.read_bytes()[:3000])
    with pytest.raises(InputError, match="damaged or no HDF5"):
        read_background(written)


def test_what_tells_runs_apart(tmp_path):
    linear, options = LinearNetwork(), ScoringOptions()
    one = tmp_path / "one.keras"
    one.write_text("weights")
    same = fingerprint(network_of(linear, model_file=one), options, 20)
    (tmp_path / "copy.keras").write_text("weights")
    assert same == fingerprint(network_of(linear, model_file=tmp_path / "copy.keras"), options, 20)
    (tmp_path / "copy.keras").write_text("others")
    for changed in (
        fingerprint(network_of(linear, model_file=tmp_path / "copy.keras"), options, 20),
        fingerprint(network_of(linear, model_file=one, strand_average=True), options, 20),
        fingerprint(network_of(linear, model_file=one, target_names=("T1", "T0", "T2")), options, 20),
        fingerprint(network_of(linear, model_file=one), ScoringOptions(precision="bfloat16"), 20),
        fingerprint(network_of(linear, model_file=one), options, 21),
    ):
        assert changed != same
    # Where alleles are put in a repeat moves no distribution: one background serves both.
    assert same == fingerprint(network_of(linear, model_file=one), ScoringOptions(normalize=True), 20)


@pytest.fixture
def common(genome, write_vcf):
    rows = [
        (
            "chrA",
            pos,
            ".",
            letters(genome, "chrA", pos),
            other(letters(genome, "chrA", pos)),
            ".",
            ".",
            "AF=0.3",
        )
        for pos in range(1100, 1300)
    ]
    return write_vcf(rows, "common.vcf")


def test_swapped_alleles_are_as_unusual(tmp_path, run, genome, common, write_vcf):
    make_background(run, genome, simulated=True, size=500, out=tmp_path / "b.h5")
    rows = [line.split("\t") for line in common.read_text().splitlines() if not line.startswith("#")]
    swapped = write_vcf([(*row[:3], row[4], row[3], *row[5:]) for row in rows], "swapped.vcf")
    options = {"background": tmp_path / "b.h5", "scores": "all", "ref_mismatch": "flip"}
    score_variants(run, common, genome, tmp_path / "one.h5", **options)
    score_variants(run, swapped, genome, tmp_path / "two.h5", **options)
    one, two = read_scores(tmp_path / "one.h5"), read_scores(tmp_path / "two.h5")
    np.testing.assert_array_equal(one.scores["diff"], -two.scores["diff"])
    assert len(one.variants) == len(two.variants) == 200
    for name in one.scores:
        if name.endswith(("_percentile", "_p")) or name == "evalue":
            np.testing.assert_array_equal(one.scores[name], two.scores[name])
    for name in ("max_percentile", "mle"):
        np.testing.assert_array_equal(one.variants[name], two.variants[name])


@pytest.mark.parametrize("kind", ["simulated", "shuffled"])
def test_the_batches_leave_no_trace(tmp_path, genome, kind):
    found = []
    for size in (4, 64):
        out = tmp_path / f"{size}.h5"
        made = make_background(
            network_of(LinearNetwork(), batch_size=size), genome, size=300, out=out, **{kind: True}
        )
        found.append(read_background(out))
        assert made.n == found[-1].n == 300
    np.testing.assert_array_equal(found[0].scores["diff"], found[1].scores["diff"])


def test_the_file_says_what_it_is_made_of(tmp_path, run, genome, common):
    made = make_background(run, genome, vcf=common, out=tmp_path / "b.h5", seed=3)
    with h5py.File(made.path) as file:
        meta = json.loads(file.attrs["meta"])
        assert meta["source"] == "variants with AF >= 0.05 of common.vcf"
        assert (meta["genome"], meta["genome_checksum"], meta["seed"]) == ("in-memory", genome.checksum, 3)
        assert file["variants/pos"][:].tolist() == list(range(1100, 1300))
        assert file["targets"].asstr()[:].tolist() == list(run.target_names)
        sizes = np.abs(file["scores/diff"][:])
    for k, (name, median, top) in enumerate(made.targets):
        assert name == f"T{k}"
        np.testing.assert_allclose([median, top], np.quantile(sizes[k], [0.5, 0.99]), rtol=1e-6)
    text = made.text()
    assert (
        "200 variants with AF >= 0.05 of common.vcf" in text and "fewer than 1,000 variants is small" in text
    )
    assert "T2: median" in text and str(made.path) in text and "0.005" in text  # 1 / 201


def test_many_targets_are_summed_up(tmp_path, genome):
    made = make_background(
        network_of(LinearNetwork(targets=25)), genome, simulated=True, size=100, out=tmp_path / "b.h5"
    )
    assert "of 25 targets: medians" in made.text() and "T3: median" not in made.text()


def test_a_vcf_of_another_assembly_makes_no_background(tmp_path, run, genome, write_vcf):
    rows = [
        ("chrA", p, ".", other(letters(genome, "chrA", p)), "N", ".", ".", "AF=0.3") for p in range(10, 400)
    ]
    vcf = write_vcf(rows)
    with pytest.raises(InputError, match=r"REF alleles \(100%\) are not what the genome"):
        make_background(run, genome, vcf=vcf, out=tmp_path / "b.h5")
    with pytest.raises(InputError, match="Only 0 variants could be scored"):
        make_background(run, genome, vcf=vcf, out=tmp_path / "b.h5", max_mismatch=1)
    assert [path.name for path in tmp_path.iterdir()] == ["in.vcf"]


def test_outputs_that_cannot_be_are_named_before_any_work(tmp_path, genome, common):
    linear = LinearNetwork()
    run = network_of(linear)
    (tmp_path / "file").write_text("")
    for choices, message in (
        ({"out": tmp_path / "file" / "b.h5"}, "is a file"),
        ({"out": tmp_path}, "is a folder"),
        ({"vcf": common, "simulated": False, "out": common}, "one of the inputs"),
        ({"out": tmp_path / "file", "overwrite": False}, "`overwrite` is off"),
        ({"vcf": common, "simulated": False, "bed": "x.bed", "out": tmp_path / "b.h5"}, "bcftools view -T"),
        ({"seed": -1, "out": tmp_path / "b.h5"}, "`seed` must be at least 0"),
        ({"max_mismatch": 2, "out": tmp_path / "b.h5"}, "`max_mismatch` is a share"),
        ({"min_af": float("nan"), "out": tmp_path / "b.h5"}, "`min_af` is an allele frequency"),
    ):
        with pytest.raises(InputError, match=message):
            make_background(run, genome, **{"simulated": True, **choices})
    assert linear.seen == 0


def test_coverage_has_its_active_quantile(tmp_path):
    from tests.toy_coverage_run import toy_coverage_run

    run, _ = toy_coverage_run(tmp_path)
    fasta, vcf = tmp_path / "toy_coverage.fa", tmp_path / "v.vcf"
    make_background(run, fasta, simulated=True, size=120)
    with h5py.File(run / "background.h5") as file:
        chroms, refs, alts = (file[f"variants/{name}"].asstr()[:] for name in ("chrom", "ref", "alt"))
        pos = file["variants/pos"][:]
        assert set(file["scores"]) == {"SAD", "logSAD", "SAX", "D1", "D2", "jsd", "ies", ACTIVE}
    lines = [f"{c}\t{p}\t.\t{r}\t{a}\t.\t.\t." for c, p, r, a in zip(chroms, pos, refs, alts, strict=True)]
    vcf.write_text(HEADER.splitlines()[0] + "\n" + HEADER.splitlines()[-1] + "\n" + "\n".join(lines) + "\n")
    score_variants(run, vcf, fasta, tmp_path / "s.h5", scores="all")
    table = read_scores(tmp_path / "s.h5")
    assert len(table.variants) == 120
    active = np.maximum(table.scores["ref"], table.scores["alt"])
    for k in range(2):  # the background's own members: the mid-rank among themselves
        below = (active[None, :, k] < active[:, None, k]).mean(axis=1)
        same = (active[None, :, k] == active[:, None, k]).mean(axis=1)
        np.testing.assert_allclose(table.scores["aaq"][:, k], below + same / 2, rtol=1e-5)
    np.testing.assert_allclose(table.scores["D1_percentile"].mean(axis=0), 50, rtol=1e-5)
