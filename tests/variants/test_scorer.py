"""What beside the plain score can be asked for: spread, shifts, categories, shared references."""

import numpy as np
import pytest
from scipy.special import expit, logit
from variant_cases import LinearNetwork, chunk_of, letters, other

from seqdl import InputError
from seqdl.encoding import reverse_complement
from seqdl.variants.network import Asker, Network
from seqdl.variants.options import ScoringOptions
from seqdl.variants.score import score_variants
from seqdl.variants.scorer import Scorer
from seqdl.variants.screen import screen

CONTIGS = {"chrA": "chrA", "chrB": "chrB", "tiny": "tiny"}
ROWS = [("chrA", 100 + 13 * i, kind) for i, kind in enumerate(["SNV", "insertion", "deletion", "SNV"] * 10)]
TABLE = ({"name": "T0", "cell": "K562"}, {"name": "T1", "cell": "HeLa"}, {"name": "T2", "cell": "K562"})


def mean_of_strands(network):
    def asked(codes):
        both = [expit(network.logits(x).astype(np.float64)) for x in (codes, reverse_complement(codes))]
        return logit(np.mean(both, axis=0)).astype(np.float32)

    return asked


def network_of(linear, members=(), thinned=None, strand_average=False):
    """Make a Network out of linear ones."""
    strand = lambda codes, back: linear.logits(reverse_complement(codes) if back else codes)  # noqa: E731
    asker = Asker(mean_of_strands(linear) if strand_average else linear.logits, strand)
    names = tuple(linear.target_names)
    return Network(
        asker, linear.window, linear.window // 2, 16, names, names, strand_average, False, "linear", TABLE,
        members=lambda: [Asker(m.logits) for m in members],
        thinned=thinned,
    )  # fmt: skip


def scored(network, genome, rows=ROWS, **options):
    return Scorer(network, genome, CONTIGS, ScoringOptions(**options)).score(chunk_of(rows, genome))[0]


def test_the_spread_over_members_is_that_of_their_own_scores(genome):
    members = [LinearNetwork(seed=seed) for seed in (1, 2, 3)]
    whole = LinearNetwork(seed=1)
    got = scored(network_of(whole, members), genome, scores="all", spread=("members",))
    alone = [scored(network_of(m), genome, scores="all") for m in members]
    mean_p = {k: np.mean([a.values[k] for a in alone], axis=0) for k in ("ref", "alt")}
    np.testing.assert_allclose(got.values["alt"], mean_p["alt"], rtol=1e-6)
    np.testing.assert_allclose(got.values["diff"], mean_p["alt"] - mean_p["ref"], atol=1e-6)
    for name in ("diff", "logit_diff", "deepsea_effect"):
        each = np.stack([a.values[name] for a in alone])
        np.testing.assert_allclose(
            got.values[f"{name}_sd_members"], each.std(axis=0, ddof=1), rtol=1e-4, atol=1e-7
        )
    each = np.stack([a.values["diff"] for a in alone])
    agree = (np.sign(each) == np.sign(got.values["diff"])).mean(axis=0)
    np.testing.assert_allclose(got.values["diff_sign_members"], agree, rtol=1e-6)
    assert set(np.unique(got.values["diff_sign_members"])) > {np.float32(1)}  # they do disagree somewhere
    assert "ref_sd_members" not in got.values and "deepsea_effect_sign_members" not in got.values


def test_members_that_are_the_same_have_no_spread(genome):
    twins = [LinearNetwork(seed=4)] * 2
    got = scored(network_of(twins[0], twins), genome, spread=("members",))
    assert not got.values["diff_sd_members"].any() and (got.values["diff_sign_members"] == 1).all()


def test_the_spread_over_strands_leaves_the_score_as_it_is(genome):
    network = network_of(LinearNetwork(seed=2), strand_average=True)
    plain = scored(network, genome)
    spread = scored(network, genome, spread=("strands",))
    np.testing.assert_allclose(spread.values["diff"], plain.values["diff"], atol=1e-6)
    one = scored(network_of(LinearNetwork(seed=2)), genome).values["diff"]
    both = 2 * plain.values["diff"] - one  # the other strand's, since the mean is of probabilities
    sd = np.stack([one, both]).std(axis=0, ddof=1)
    np.testing.assert_allclose(spread.values["diff_sd_strands"], sd, atol=1e-5)


def test_shifted_windows_are_windows_anchored_elsewhere(genome):
    network, shifts = network_of(LinearNetwork(seed=3)), (0, 2, -3)
    got = scored(network, genome, shifts=shifts, scores="all", spread=("shifts",))
    each = [scored(network, genome, anchor=20 + s, scores="all").values for s in shifts]
    np.testing.assert_allclose(got.values["alt"], np.mean([e["alt"] for e in each], axis=0), rtol=1e-6)
    sd = np.stack([e["diff"] for e in each]).std(axis=0, ddof=1)
    np.testing.assert_allclose(got.values["diff_sd_shifts"], sd, atol=1e-7)


def test_thinned_networks_spread_but_do_not_move_the_score(genome):
    asked = []

    def thinned(draws, seed):
        asked.append((draws, seed))
        return [Asker(LinearNetwork(seed=seed + draw).logits) for draw in range(draws)]

    network = network_of(LinearNetwork(seed=3), thinned=thinned)
    got = scored(network, genome, spread=("dropout",), draws=4, seed=7)
    assert asked == [(4, 7)]
    np.testing.assert_array_equal(got.values["diff"], scored(network, genome).values["diff"])
    each = [scored(network_of(LinearNetwork(seed=7 + d)), genome).values["diff"] for d in range(4)]
    np.testing.assert_allclose(got.values["diff_sd_dropout"], np.std(each, axis=0, ddof=1), atol=1e-7)


def test_a_category_is_the_mean_over_its_targets(genome, tmp_path):
    network = network_of(LinearNetwork(seed=3))
    plain = scored(network, genome, scores="all").values
    scorer = Scorer(network, genome, CONTIGS, ScoringOptions(category="cell", scores="all"))
    assert scorer.meta.targets == ("K562", "HeLa")
    block = scorer.score(chunk_of(ROWS, genome))[0]
    for name, values in block.values.items():
        np.testing.assert_allclose(values[:, 0], plain[name][:, [0, 2]].mean(axis=1), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(values[:, 1], plain[name][:, 1], rtol=1e-6)
    table = tmp_path / "groups.tsv"
    table.write_text("T0\tx\nT1\tx\n")
    scorer = Scorer(network, genome, CONTIGS, ScoringOptions(category=str(table)))
    assert scorer.meta.targets == ("x",)
    np.testing.assert_allclose(
        scorer.score(chunk_of(ROWS, genome))[0].values["diff"][:, 0],
        plain["diff"][:, :2].mean(axis=1),
        atol=1e-6,
    )


def test_a_table_of_categories_names_the_line_without_a_tab(genome, tmp_path):
    table = tmp_path / "groups.tsv"
    table.write_text("T0\tx\nT1 x\n")
    with pytest.raises(InputError, match="no tab in line 2: 'T1 x'"):
        Scorer(network_of(LinearNetwork()), genome, CONTIGS, ScoringOptions(category=str(table)))


@pytest.mark.parametrize("share", [1, 2, 5, 8, 13, 40])
def test_variants_that_share_a_window_are_where_its_tile_says(genome, share):
    """The alt window is the mutated genome's, cut where the tile's reference window is cut."""
    chunk = chunk_of(ROWS, genome)
    screened = screen(chunk, genome, CONTIGS, 40, 20, share=share)
    for k, i in enumerate(screened.rows.tolist()):
        start = int(chunk.pos[i]) - 1
        begin = start // share * share + share // 2 - 20
        contig = letters(genome, "chrA", 1, 3000)
        mutated = contig[:start] + chunk.alts[i] + contig[start + len(chunk.refs[i]) :]
        for codes, text in ((screened.windows.ref[k], contig), (screened.windows.alt[k], mutated)):
            assert "".join("ACGTN"[c] for c in codes) == text[begin : begin + 40]


def test_sharing_saves_predictions_and_changes_no_law(genome):
    dense = [("chrA", pos, "SNV") for pos in range(200, 280)]
    linear = LinearNetwork()
    scored(network_of(linear), genome, dense)
    own, linear.seen = linear.seen, 0
    scored(network_of(linear), genome, dense, share_reference=8)
    assert own == 160 and 80 + 10 <= linear.seen <= 80 + 11
    tile = 200 - 1 - (200 - 1) % 8  # the variant that lies in its tile's middle keeps its number
    middle = [("chrA", tile + 4 + 1, "SNV")]
    np.testing.assert_array_equal(
        scored(network_of(linear), genome, middle, share_reference=8).values["diff"],
        scored(network_of(linear), genome, middle).values["diff"],
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shifts": (1, 1)}, "different whole numbers"),
        ({"shifts": ()}, "Received: none"),
        ({"spread": ("member",)}, "did you mean 'members'|Did you mean"),
        ({"spread": ("shifts",)}, "at least two of them"),
        ({"spread": ("members",)}, "needs an ensemble"),
        ({"spread": ("strands",)}, "averaged over both strands"),
        ({"spread": ("dropout",)}, "needs a run folder"),
        ({"scores": ()}, "`scores` needs at least one name"),
        ({"draws": 1}, "`draws` must be at least 2"),
        ({"share_reference": -1}, "`share_reference`"),
        ({"share_reference": 41}, "at most 40 bases"),
        ({"share_reference": 12, "anchor": 5}, "at most 11 bases"),
        ({"category": "tissue"}, "is one of category, cell"),
        ({"category": "assay"}, "have no assay. Known of them: cell"),
        ({"batch_size": 0}, "positive number of windows"),
    ],
)
def test_choices_that_make_no_sense_are_refused(genome, options, message):
    with pytest.raises(InputError, match=message):
        Scorer(network_of(LinearNetwork()), genome, CONTIGS, ScoringOptions(**options))


def mismatching_rows(genome, n, moved=0):
    """Records whose REF is the base `moved` places further on, or simply another one."""
    rows = []
    for pos in range(50, 50 + n):
        here = letters(genome, "chrA", pos)
        ref = letters(genome, "chrA", pos + moved) if moved else other(here)
        rows.append(("chrA", pos, ".", ref, other(ref), ".", ".", "."))
    return rows


def test_another_assembly_stops_the_job_early_with_the_share(tmp_path, network, genome, write_vcf):
    vcf = write_vcf(mismatching_rows(genome, 300))
    with pytest.raises(InputError, match=r"REF alleles \(100%\) are not what the genome.*another assembly"):
        score_variants(network, vcf, genome, tmp_path / "out.tsv", batch_size=16)
    assert {p.name for p in tmp_path.iterdir()} == {"in.vcf", "out.tsv.parts"}  # what was done is kept
    summary = score_variants(network, vcf, genome, tmp_path / "out.tsv", max_mismatch=1, restart=True)
    assert summary.rejected["REF_MISMATCH"] == 300


def test_the_likely_reason_is_one_sentence(tmp_path, network, genome, write_vcf):
    header = "##fileformat=VCFv4.2\n##contig=<ID=chrA,length=999999>\n"
    header += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    vcf = write_vcf(mismatching_rows(genome, 300), header=header)
    with pytest.raises(InputError, match="999,999 bases.*a part of the contig. Give the genome"):
        score_variants(network, vcf, genome, tmp_path / "out.tsv", batch_size=16)


def test_positions_that_count_from_0_are_recognised(tmp_path, network, genome, write_vcf):
    vcf = write_vcf(mismatching_rows(genome, 300, moved=1))
    with pytest.raises(InputError, match=r"positions look 0-based"):
        score_variants(network, vcf, genome, tmp_path / "out.tsv")


def test_a_few_mismatches_stop_nothing(tmp_path, network, genome, write_vcf):
    good = [
        ("chrA", pos, ".", letters(genome, "chrA", pos), other(letters(genome, "chrA", pos)), ".", ".", ".")
        for pos in range(400, 700)
    ]
    vcf = write_vcf(mismatching_rows(genome, 20) + good)
    assert score_variants(network, vcf, genome, tmp_path / "out.tsv").scored == 300
