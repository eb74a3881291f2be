"""Common against rare: a planted difference is found with its sign; where there is none, none is claimed."""

import numpy as np
import pytest
from variant_cases import HEADER, letters, other

from seqdl.errors import InputError
from seqdl.plot.style import figure_bytes
from seqdl.plot.variant_scores import plot_along, plot_frequency, plot_ref_alt
from seqdl.variants.contrast import contrast
from seqdl.variants.frequency import CLASSES, compare_frequencies, read_frequencies
from seqdl.variants.score import score_variants

AF = HEADER.replace("##FILTER", '##INFO=<ID=AF,Number=A,Type=Float,Description="">\n##FILTER')


def test_frequencies_are_read_allele_by_allele(write_vcf):
    rows = [
        ("chrA", 10, ".", "A", "C,G", ".", ".", "EUR_AF=0.9,0.1;AF=0.25,1e-3"),
        ("chrA", 11, ".", "A", "C", ".", ".", "AC=2"),
        ("chrA", 12, ".", "A", "C,T", ".", ".", "AF=.,0"),
        ("chrA", 13, ".", "A", ".", ".", ".", "AF=0.5"),
    ]
    found = list(read_frequencies(write_vcf(rows, header=AF)))
    assert [(pos, alt) for _, pos, _, alt, _ in found] == [
        (10, "C"), (10, "G"), (11, "C"), (12, "C"), (12, "T"), (13, "."),
    ]  # fmt: skip
    np.testing.assert_array_equal([one[-1] for one in found], [0.25, 0.001, np.nan, np.nan, 0.0, 0.5])
    assert [one[-1] for one in read_frequencies(write_vcf(rows, header=AF), "EUR_AF")][:2] == [0.9, 0.1]


@pytest.mark.parametrize("value", ["7", "-0.1", "many", "nan"])
def test_what_is_no_frequency_is_an_error(write_vcf, value):
    vcf = write_vcf([("chrA", 10, ".", "A", "C", ".", ".", f"AF={value}")], header=HEADER)
    with pytest.raises(InputError, match=r"AF of chrA:10 must be a frequency from 0 to 1. Received"):
        list(read_frequencies(vcf))


@pytest.fixture
def scored(tmp_path, network, genome, write_vcf):
    """Write 600 SNVs: the effect of a common allele is larger, since its REF is a base that weighs much."""

    def score(common_where, suffix="h5"):
        rows = []
        for k in range(600):
            pos = 100 + 4 * k
            ref = letters(genome, "chrA", pos)
            if ref == "N":
                continue
            af = 0.3 if common_where(ref, k) else 0.001
            rows.append(("chrA", pos, ".", ref, other(ref), ".", ".", f"AF={af}"))
        rows.append(("chrA", 50, ".", "N", "A", ".", ".", "AF=0.5"))  # rejected, and passed over
        rows.append(("chrA", 60, ".", letters(genome, "chrA", 60), "N", ".", ".", "AF=0"))
        rows.append(("chrA", 61, ".", letters(genome, "chrA", 61), "N", ".", ".", "."))
        vcf, out = write_vcf(rows, header=AF), tmp_path / f"s.{suffix}"
        score_variants(network, vcf, genome, out)
        return out, vcf, len(rows) - 3

    return score


@pytest.mark.parametrize("suffix", ["h5", "tsv.gz"])
def test_a_planted_difference_is_found(network, scored, suffix):
    anchor = network.window // 2
    network.weights *= 0.1
    network.weights[anchor] = 0
    network.weights[anchor, 2] = 2.0  # G at the variant: G>A costs much, everything else nothing
    scores, vcf, n = scored(lambda ref, k: ref == "G", suffix)
    found = compare_frequencies(scores, vcf)
    assert sum(found.counts) == n and found.counts[1] == 0
    assert (found.absent, found.unknown) == (1, 1)
    assert [one.name for one in found.contrasts] == ["max_abs_diff", "mean_abs"]
    for one in found.contrasts:
        assert one.difference > 0 and one.interval[0] > 0
        assert one.interval[0] <= one.difference <= one.interval[1]
        assert one.larger == one.larger_interval[0] == one.larger_interval[1] == 1.0
        assert one.medians[-1] - one.medians[0] == one.difference
        assert np.isnan(one.medians[1])
    text = found.text()
    assert "common alleles have the larger effects" in text
    assert "1 allele without a frequency" in text and "1 that nobody carries" in text


def test_where_there_is_no_difference_none_is_claimed(scored):
    scores, vcf, _ = scored(lambda ref, k: k % 3 == 0)
    found = compare_frequencies(scores, vcf, seed=3)
    assert found.text().count("no difference can be told") == 2
    for one in found.contrasts:
        assert one.interval[0] < 0 < one.interval[1]
        assert one.larger_interval[0] < 0.5 < one.larger_interval[1]


def test_a_sample_of_each_class_is_kept(scored):
    scores, vcf, n = scored(lambda ref, k: k % 3 == 0)
    full, thin = compare_frequencies(scores, vcf), compare_frequencies(scores, vcf, most=50)
    assert thin.counts == full.counts and sum(full.counts) == n
    for one, all_of_it in zip(thin.contrasts, full.contrasts, strict=True):
        assert [len(x) for x in one.values] == [50, 0, 50]
        assert set(one.values[0]) <= set(all_of_it.values[0])


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Stretches that share a common shift: drawing stretches covers 0, drawing single alleles would not."""
    rng = np.random.default_rng(5)
    covered, trials, stretches = 0, 60, 40
    for trial in range(trials):
        places = [np.repeat(np.arange(stretches), 8), np.repeat(np.arange(stretches), 8)]
        sizes = [
            rng.normal(0, 1, stretches)[one] + rng.normal(0, 0.3, len(one)) for one in places
        ]  # the shift is drawn anew for each class, so the classes differ by chance alone
        found = contrast("x", "x", sizes, places, stretches, 200, trial)
        covered += found.interval[0] <= 0 <= found.interval[1]
    assert 0.85 * trials <= covered <= trials


def test_ties_count_half_and_one_stretch_has_no_interval():
    one = contrast(
        "x", "x", [np.ones(4), np.ones(0), np.ones(3)], [np.zeros(4, int), [], np.zeros(3, int)], 1, 9, 1
    )
    assert (one.difference, one.larger) == (0.0, 0.5)
    assert np.isnan(one.interval).all() and np.isnan(one.larger_interval).all()


def test_another_vcf_or_one_without_frequencies_is_named(scored, write_vcf, genome):
    scores, _, _ = scored(lambda ref, k: k % 3 == 0)
    ref = letters(genome, "chrA", 100)
    other_vcf = write_vcf([("chrA", 100, ".", ref, other(ref), ".", ".", ".")], name="other.vcf", header=AF)
    with pytest.raises(InputError, match="holds chrA:104 .* does not have, or not in that order"):
        compare_frequencies(scores, other_vcf)
    with pytest.raises(InputError, match="No scored allele has a frequency: .* needs INFO EAS_AF"):
        compare_frequencies(scores, scored(lambda ref, k: True)[1], field="EAS_AF")


def test_the_pictures_say_what_they_show(scored):
    scores, vcf, _ = scored(lambda ref, k: k % 3 == 0)
    found = compare_frequencies(scores, vcf)
    figure = plot_frequency(found)
    panels = figure.axes
    assert [ax.get_xlabel() for ax in panels] == [one.label for one in found.contrasts]
    for ax, one in zip(panels, found.contrasts, strict=True):
        assert f"{one.difference:+.2g}".replace("-", "−") in ax.get_title(loc="left")
        names = [text.get_text() for text in ax.get_legend().get_texts()]
        assert [name.split(" (")[0] for name in names] == [CLASSES[0].name, CLASSES[2].name]
        assert all("n = " in name and "median" in name for name in names)
        for line in (line for line in ax.lines if len(line.get_xdata()) > 1):
            assert (np.diff(line.get_xdata()) >= 0).all() and line.get_ydata()[-1] == 1
    assert figure_bytes(figure, ".svg").startswith(b"<?xml")


def test_nothing_to_draw_is_still_a_picture():
    figure = plot_along("chr1", [5, 9], [0.0, 0.2], label="size", marks=[(9, 0.2, "rs1")])
    assert figure.axes[0].get_xlabel() == "position on chr1 (bases)"
    assert "rs1" in [text.get_text() for text in figure.axes[0].texts]
    figure_bytes(plot_along("chr1", [], [], label="size"), ".png", dpi=40)
    figure = plot_ref_alt([0.0, 0.2, 0.5], [0.1, 0.1, 0.5], marks=[0], names=["rs1"])
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == ["raised: 1", "lowered: 1"]
    figure_bytes(figure, ".png", dpi=40)
