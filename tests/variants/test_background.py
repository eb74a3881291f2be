"""A background tells how unusual a score is: ranks, p-values, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from variant_cases import HEADER, LinearNetwork, letters, other

from seqdl import InputError
from seqdl.variants.background import Background, fingerprint, read_background
from seqdl.variants.files.reading import read_scores
from seqdl.variants.make_background import make_background
from seqdl.variants.network import Asker, Network
from seqdl.variants.options import ScoringOptions
from seqdl.variants.score import score_variants


@pytest.fixture
def run():
    linear = LinearNetwork()
    names = tuple(linear.target_names)
    table = tuple({"name": name} for name in names)
    return Network(Asker(linear.logits), 40, 20, 16, names, names, False, False, "linear", table)


@pytest.fixture
def common(genome, write_vcf):
    """400 substitutions with frequencies that rise from 0 to 0.4, and one without."""
    rows = [
        ("chrA", pos, ".", ref, other(ref), ".", ".", f"AF={i / 1000:g}")
        for i, pos in enumerate(range(1100, 1500))
        for ref in [letters(genome, "chrA", pos)]
    ]
    ref = letters(genome, "chrA", 1600)
    rows.append(("chrA", 1600, ".", ref, other(ref), ".", ".", "."))
    header = HEADER.replace(
        "##FILTER", '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n##FILTER', 1
    )
    return write_vcf(rows, "common.vcf", header)


def sorted_background(values):
    sizes = np.abs(np.asarray(values, np.float32))
    return Background(len(sizes), "numbers", {"diff": np.sort(sizes.T, axis=1)}, np.sort(sizes.max(axis=1)))


numbers = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=30)


@given(numbers, numbers)
@settings(max_examples=60)
def test_ranks_are_counted_by_magnitude(known, asked):
    background = sorted_background(np.array(known)[:, None])
    values = np.array(asked, np.float32)[:, None]
    sizes = np.abs(np.array(known, np.float32))
    below = np.array([(sizes < abs(x)).sum() for x in values[:, 0]])
    same = np.array([(sizes == abs(x)).sum() for x in values[:, 0]])
    n = len(known)
    np.testing.assert_allclose(
        background.percentiles("diff", values)[:, 0], 100 * (below + same / 2) / n, rtol=1e-6
    )
    np.testing.assert_allclose(
        background.p_values("diff", values)[:, 0], (1 + n - below) / (n + 1), rtol=1e-6
    )
    np.testing.assert_array_equal(background.p_values("diff", values), background.p_values("diff", -values))
    np.testing.assert_array_equal(
        background.percentiles("abs_diff", np.abs(values)), background.percentiles("diff", values)
    )


def test_p_values_are_uniform_on_draws_like_the_background_and_never_0():
    rng = np.random.default_rng(3)
    background = sorted_background(rng.normal(size=(4000, 2)))
    p = background.p_values("diff", rng.normal(size=(4000, 2)).astype(np.float32))
    assert kstest(p[:, 0], "uniform").pvalue > 1e-3
    assert (
        p.min() > 0 and background.p_values("diff", np.full((1, 2), 99, np.float32)).max() <= 1 / 4001 * 1.01
    )
    assert (p <= 0.05).mean() < 0.06


@pytest.mark.parametrize("kind", ["vcf", "simulated", "shuffled"])
def test_every_score_carries_its_percentile_and_p(tmp_path, run, genome, common, kind):
    source = {"vcf": common} if kind == "vcf" else {kind: True}
    made = make_background(run, genome, size=200, out=tmp_path / "b.h5", **source)
    assert made.n == 200 and "200" in made.text()
    out = tmp_path / "s.h5"
    score_variants(run, common, genome, out, scores="all", background=tmp_path / "b.h5")
    table = read_scores(out)
    options = ScoringOptions()
    names = ("diff", "logit_diff", "logfc", "deepsea_effect")
    background = read_background(tmp_path / "b.h5", names, fingerprint(run, options, 20))
    for name in names:
        np.testing.assert_array_equal(
            table.scores[f"{name}_percentile"], background.percentiles(name, table.scores[name])
        )
        np.testing.assert_array_equal(
            table.scores[f"{name}_p"], background.p_values(name, table.scores[name])
        )
    np.testing.assert_array_equal(table.scores["evalue"], table.scores["deepsea_effect_p"])
    mle = -np.log10(table.scores["evalue"].astype(float)).mean(axis=1)
    np.testing.assert_allclose(table.variants["mle"], mle, rtol=1e-5)
    assert not {"ref_percentile", "alt_p"} & set(table.scores)
    assert "200 " in dict(table.meta["settings"])["background"]


def test_a_background_member_is_at_its_own_rank(tmp_path, run, genome, common):
    """Scored again, the background's variants have the ranks that they have among themselves."""
    make_background(run, genome, vcf=common, min_af=0.2, out=tmp_path / "b.h5")
    score_variants(run, common, genome, tmp_path / "s.h5", background=tmp_path / "b.h5")
    table = read_scores(tmp_path / "s.h5")
    inside = (np.arange(len(table.variants)) >= 200) & (table.variants["pos"] < 1500).to_numpy()
    p = table.scores["diff_percentile"][inside]
    np.testing.assert_allclose(np.sort(p, axis=0)[:, 0], 100 * (np.arange(200) + 0.5) / 200, atol=1e-3)
    own = table.variants["max_percentile"][inside]
    np.testing.assert_allclose(np.sort(own), 100 * (np.arange(200) + 0.5) / 200, atol=1e-3)


def test_chosen_targets_are_compared_with_their_own(tmp_path, run, genome, common):
    make_background(run, genome, simulated=True, size=150, out=tmp_path / "b.h5")
    for out, targets in (("all.h5", None), ("one.h5", ["T1"])):
        score_variants(run, common, genome, tmp_path / out, targets=targets, background=tmp_path / "b.h5")
    whole, one = read_scores(tmp_path / "all.h5"), read_scores(tmp_path / "one.h5")
    np.testing.assert_array_equal(whole.scores["diff_p"][:, [1]], one.scores["diff_p"])
    np.testing.assert_array_equal(one.variants["max_p"].astype(np.float32), one.scores["diff_p"][:, 0])


def test_simulated_variants_lie_inside_and_are_the_same_for_a_seed(tmp_path, run, genome):
    import h5py

    found = []
    for name in ("a.h5", "b.h5"):
        make_background(run, genome, simulated=True, size=300, seed=5, out=tmp_path / name)
        with h5py.File(tmp_path / name) as file:
            found.append((file["variants/chrom"].asstr()[:].tolist(), file["variants/pos"][:].tolist()))
            for chrom, pos, ref, alt in zip(
                *found[-1], file["variants/ref"].asstr()[:], file["variants/alt"].asstr()[:], strict=True
            ):
                assert letters(genome, chrom, pos) == ref != alt
    assert found[0] == found[1] and set(found[0][0]) == {"chrA", "chrB"}


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"anchor": 10}, "with anchor 20, and now it is 10"),
        ({"shifts": (0, 1)}, "with shifts"),
        ({"share_reference": 4}, "with share_reference 0"),
    ],
)
def test_scores_made_otherwise_are_not_compared(tmp_path, run, genome, common, choices, message):
    make_background(run, genome, simulated=True, size=100, out=tmp_path / "b.h5")
    with pytest.raises(InputError, match=message):
        score_variants(run, common, genome, tmp_path / "s.tsv", background=tmp_path / "b.h5", **choices)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({}, "one of `vcf`, `simulated`, `shuffled`"),
        ({"simulated": True, "shuffled": True}, "one of `vcf`"),
        ({"simulated": True, "size": 99}, "`size` must be at least 100"),
        ({"simulated": True, "min_af": 2}, "allele frequency, 0 to 1"),
        ({"simulated": True, "out": None}, "has no folder"),
        ({"simulated": True, "out": "background.txt"}, r"ends in \.h5"),
    ],
)
def test_choices_that_make_no_background(tmp_path, run, genome, choices, message):
    with pytest.raises(InputError, match=message):
        make_background(run, genome, **{"out": tmp_path / "b.h5", **choices})
    assert not list(tmp_path.iterdir())


def test_a_vcf_without_frequencies_says_what_to_do(tmp_path, run, genome, common, write_vcf):
    with pytest.raises(InputError, match="--min-af 0"):
        make_background(run, genome, vcf=common, af_field="MAF", out=tmp_path / "b.h5")
    assert make_background(run, genome, vcf=common, af_field="MAF", min_af=0, out=tmp_path / "b.h5").n == 401
    with pytest.raises(InputError, match="needs at least 100"):
        make_background(run, genome, vcf=common, min_af=0.35, out=tmp_path / "b.h5")


def test_files_that_are_no_background_are_refused(tmp_path, run, genome, common):
    with pytest.raises(InputError, match="evalue.*has none"):
        score_variants(run, common, genome, tmp_path / "s.tsv", scores=["evalue"])
    (tmp_path / "b.h5").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="damaged or no HDF5"):
        score_variants(run, common, genome, tmp_path / "s.tsv", background=tmp_path / "b.h5")
    with pytest.raises(InputError, match=r"nowhere\.h5"):
        score_variants(run, common, genome, tmp_path / "s.tsv", background=tmp_path / "nowhere.h5")


def test_a_runs_own_background_is_found(tmp_path):
    """A folder's background is used without asking, and "none" leaves it out."""
    from tests.toy_report import add_variants, make_genome, make_run

    run, fasta = make_run(tmp_path), tmp_path / "genome.fa"
    vcf = add_variants(tmp_path, make_genome(tmp_path)[1])
    assert make_background(run, fasta, simulated=True, size=100).path == run / "background.h5"
    score_variants(run, vcf, fasta, tmp_path / "with.tsv")
    score_variants(run, vcf, fasta, tmp_path / "without.tsv", background="none")
    assert "diff_p" in read_scores(tmp_path / "with.tsv").scores
    assert set(read_scores(tmp_path / "without.tsv").scores) == {"diff", "logit_diff"}
