"""Effects: intervals that hold them, odds that variants are causal, and the files that effects come from."""

import gzip

import numpy as np
import pytest
from scipy.stats import binom

from seqdl.errors import InputError
from seqdl.uncertainty.effects import Causal, band_hits, causal_logits, fit_causal, fit_effects, halves
from seqdl.uncertainty.effects_file import Effects, read_effects, target_places

HEAD = "chrom\tpos\tref\talt\ttarget\teffect\n"


def made(n, seed, targets=2, noise=0.5):
    """Variants whose effect is 2 * score + 1 on target 0, and -score on target 1, with noise."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, targets, n)
    values = rng.normal(size=n)
    effect = np.where(places == 0, 2 * values + 1, -values) + noise * rng.standard_t(5, n)
    sites = np.arange(n) // 2  # two alleles a place
    alleles = [("c", int(site) + 1, "A", "CG"[i % 2]) for i, site in enumerate(sites)]
    return Effects(alleles, sites, [f"t{t}" for t in places], effect), values, places


def test_the_lines_that_made_the_effects_are_found():
    effects, values, places = made(4000, 0)
    band = fit_effects(effects, values, places, 3, 0.9, 0)
    assert band.pooled.tolist() == [False, False, True]
    np.testing.assert_allclose(band.slope[:2], [2, -1], atol=0.06)
    np.testing.assert_allclose(band.intercept[:2], [1, 0], atol=0.06)
    low, high = band.interval(np.zeros((1, 3)))
    assert low.dtype == np.float32 and (low < high).all()


def test_intervals_hold_new_effects_at_their_level():
    hits = total = 0
    for seed in range(150):
        effects, values, places = made(100, seed)
        band = fit_effects(effects, values, places, 2, 0.9, seed)
        new, fresh, at = made(2, 5000 + seed)
        low, high = band.interval(np.repeat(fresh[:, None], 2, axis=1))
        rows = np.arange(2)
        inside = (new.effect >= low[rows, at]) & (new.effect <= high[rows, at])
        hits, total = hits + int(inside.sum()), total + 2
    low, high = binom.interval(0.999, total, 0.9)
    # Halves of about 25 a target round the level up to a twenty-fifth at most.
    assert low <= hits <= binom.ppf(0.9995, total, 0.94)


def test_coverage_that_is_measured_is_that_of_new_variants():
    effects, values, places = made(2000, 1)
    assert abs(band_hits(effects, values, places, 2, 0.9, 0).mean() - 0.9) < 0.03


def test_alleles_of_one_place_stay_together():
    sites = np.repeat(np.arange(50), 3)
    drawn = halves(sites, 0)
    assert all(len(set(drawn[sites == site])) == 1 for site in range(50)) and drawn.sum() == 75


def test_too_few_effects():
    effects, values, places = made(12, 2)
    with pytest.raises(InputError, match="Give at least 22"):
        fit_effects(effects, values, places, 2, 0.9, 0)


def labelled(n, seed):
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.4).astype(float)
    sizes = np.exp(rng.normal(size=n) + 2 * label)
    return Effects([("c", i + 1, "A", "C") for i in range(n)], np.arange(n), None, label), sizes


def test_the_probability_of_being_causal_is_calibrated_and_rises():
    effects, sizes = labelled(3000, 0)
    causal = fit_causal(effects, sizes, "logit_diff")
    new, fresh = labelled(20_000, 1)
    p = causal.probabilities(fresh[:, None])
    assert p.shape == (20_000,) and causal.by == "allele"
    for low in np.arange(0, 1, 0.2):
        here = (p >= low) & (p < low + 0.2)
        assert abs(p[here].mean() - new.effect[here].mean()) < 0.06
    assert (np.diff(causal.probabilities(np.linspace(0, 9, 50)[:, None])) > 0).all()
    logits = causal_logits(effects, sizes, "logit_diff", 0)
    assert np.corrcoef(logits, np.log(sizes))[0, 1] > 0.99


def test_by_target_or_by_the_largest_of_all():
    values = np.array([[0.5, -3.0], [0.1, 0.2]])
    by_target = Causal("diff", "target", 1.0, 0.0).probabilities(values)
    by_allele = Causal("diff", "allele", 1.0, 0.0).probabilities(values)
    np.testing.assert_array_equal(by_allele, by_target.max(axis=1))


def test_labels_that_do_not_follow_the_score_are_refused():
    effects, sizes = labelled(500, 3)
    with pytest.raises(InputError, match="do not go with the label 1"):
        fit_causal(effects, 1 / sizes, "logit_diff")


def test_tables_and_vcf_say_the_same(tmp_path):
    table = tmp_path / "e.tsv"
    table.write_text(
        "##made by hand\n#" + HEAD + "c\t5\ta\tG\tt1\t0.5\nc\t5\tA\tT\tt0\t-1\nc\t9\tC\tCA\tt1\t0\n"
    )
    zipped = tmp_path / "e.tsv.gz"
    zipped.write_bytes(gzip.compress(table.read_text().replace("\n", "\r\n").encode()))
    vcf = tmp_path / "e.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=c>\n"
        '##INFO=<ID=EFFECT,Number=A,Type=Float,Description="e">\n'
        '##INFO=<ID=TARGET,Number=A,Type=String,Description="t">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "c\t5\t.\tA\tG,T\t.\t.\tEFFECT=0.5,-1;TARGET=t1,t0\nc\t9\t.\tC\tCA\t.\t.\tTARGET=t1;EFFECT=0\n"
    )
    for path in (table, zipped, vcf):
        found = read_effects(path)
        assert found.alleles == [("c", 5, "A", "G"), ("c", 5, "A", "T"), ("c", 9, "C", "CA")]
        assert found.targets == ["t1", "t0", "t1"] and found.effect.tolist() == [0.5, -1, 0]
        assert found.sites.tolist() == [0, 0, 1] and not found.labels
    assert target_places(read_effects(table), ["t0", "t1"]).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chrom\tpos\tref\talt\teffct\n", "Missing: effect. Did you mean 'effct'"),
        (HEAD, "holds no variant"),
        (HEAD + "c\t5\tA\tG\tt\n", "line 2, has 5 fields"),
        (HEAD + "c\t0\tA\tG\tt\t1\n", "1-based"),
        (HEAD + "c\t5\tA\tG\tt\thigh\n", "line 2: the effect must be a finite number"),
        (HEAD + "c\t5\tA\tG\tt\tnan\n", "finite"),
        (HEAD + "c\t5\tA\tG\tt\t1\nc\t5\ta\tg\tt\t2\n", "two effects of c:5 A>G on t"),
        (HEAD + "c\t5\tA\tG\tt\t1\nc\t6\tA\tG\t.\t2\n", "in 1 of 2 rows"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    path = tmp_path / "e.tsv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_effects(path)
    assert message in str(error.value)


def test_targets_that_the_run_does_not_have():
    effects = made(4, 0)[0]
    with pytest.raises(InputError, match="Did you mean 'tt1'"):
        target_places(effects, ["t0", "tt1"])
    with pytest.raises(InputError, match="need a column `target`"):
        target_places(effects._replace(targets=None), ["a", "b"])
    assert target_places(effects._replace(targets=None), ["a"]).tolist() == [0] * 4
