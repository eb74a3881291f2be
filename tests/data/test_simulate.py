"""The simulation: its law against slow references, its files against ordinary readers, its truth against the law."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl import Genome, InputError
from seqdl.cli.main import main
from seqdl.data.grammar import (
    FACTOR_NAMES,
    FACTORS,
    FAR,
    find_sites,
    join_pieces,
    log_odds,
    motif,
    sample_instances,
    scan,
)
from seqdl.data.simulate import call_peaks, simulate
from seqdl.data.simulate_genome import SLOT, simulate_background
from seqdl.encoding import decode, encode, gc_content, reverse_complement

NAMES = st.sampled_from(FACTOR_NAMES)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("sim"), seed=3, n_contigs=3, contig_length=90_000, n_variants=80)


@pytest.fixture(scope="module")
def genome(made):
    return Genome(made.genome)


def rows(path):
    with open(path, encoding="utf-8") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def random_codes(seed, length, names=()):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 5, length).astype(np.uint8)
    for name in names:
        instance = sample_instances(name, 1, "strong", rng)[0]
        at = rng.integers(0, length - len(instance))
        codes[at : at + len(instance)] = instance
    return codes


@pytest.mark.parametrize("name", FACTOR_NAMES)
def test_motifs_are_probabilities(name):
    assert motif(name).min() >= 0
    np.testing.assert_allclose(motif(name).sum(axis=1), 1)
    factor = next(f for f in FACTORS if f.name == name)
    assert factor.threshold < log_odds(name).max(axis=1).sum()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), name=NAMES, slack=st.sampled_from([0.0, 4.0]))
def test_scan_equals_a_slow_reference(seed, name, slack):
    codes = random_codes(seed, 300, [name])
    table = np.hstack([log_odds(name), np.full((len(log_odds(name)), 1), -1e3)])
    width = len(table)
    threshold = next(f.threshold for f in FACTORS if f.name == name) - slack
    best = np.array([
        max(table[np.arange(width), w].sum() for w in (codes[i : i + width], reverse_complement(codes[i : i + width])))
        for i in range(len(codes) - width + 1)
    ])  # fmt: skip
    hits = scan(codes, name, slack)
    np.testing.assert_allclose(hits.scores, best[hits.starts], atol=1e-3)
    assert (hits.scores >= threshold - 1e-3).all() and (np.diff(hits.starts) >= 1).all()
    for place in np.flatnonzero(
        best >= threshold + 1e-3
    ):  # what is not reported overlaps something that is at least as good
        near = hits.starts[np.abs(hits.starts - place) < 4 * width]
        assert len(near) and best[near].max() >= best[place] - 1e-3


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), names=st.lists(NAMES, max_size=6))
def test_the_law_is_the_same_on_both_strands(seed, names):
    codes = random_codes(seed, 500, names)
    forward, backward = find_sites(codes), find_sites(reverse_complement(codes))
    for name in FACTOR_NAMES:
        assert len(forward[name].centers) == len(backward[name].centers)
        np.testing.assert_allclose(np.sort(forward[name].scores), np.sort(backward[name].scores), atol=1e-3)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), names=st.lists(NAMES, min_size=2, max_size=6))
def test_joined_pieces_do_not_see_each_other(seed, names):
    pieces = [random_codes(seed + i, 120, [name]) for i, name in enumerate(names)]
    codes, offsets = join_pieces(pieces)
    together = find_sites(codes)
    for name in FACTOR_NAMES:
        apart = [
            find_sites(piece)[name].centers + offset for piece, offset in zip(pieces, offsets, strict=True)
        ]
        np.testing.assert_array_equal(together[name].centers, np.concatenate(apart))
    assert max(f.reach[1] for f in FACTORS) + 2 * 21 < FAR


def test_rules_of_the_grammar():
    rng = np.random.default_rng(0)
    blank = encode("ACTTA" * 80)
    assert all(len(found.centers) == 0 for found in find_sites(blank).values())

    def bound(*parts):
        codes = blank.copy()
        for name, at in parts:
            instance = sample_instances(name, 1, "strong", rng)[0]
            codes[at : at + len(instance)] = instance
        return {name for name, found in find_sites(codes).items() if len(found.centers)}

    assert bound(("CTCF", 150)) == {"CTCF"}
    assert bound(("GATA1", 150)) == set()
    assert bound(("GATA1", 150), ("AP1", 180)) == {"GATA1", "AP1"}
    assert bound(("GATA1", 150), ("AP1", 250)) == {"AP1"}
    assert bound(("SP1", 150)) == set()
    assert bound(("SP1", 150), ("SP1", 175)) == {"SP1"}
    assert bound(("MAX", 150)) == {"MAX"}
    assert bound(("MAX", 150), ("REST", 190)) == {"REST"}
    assert bound(("MAX", 150), ("REST", 280)) == {"MAX", "REST"}


@settings(max_examples=12, deadline=None)
@given(name=NAMES, quality=st.sampled_from(["strong", "weak", "shuffled"]), seed=st.integers(0, 99))
def test_only_strong_instances_pass_the_threshold(name, quality, seed):
    instances = sample_instances(name, 5, quality, np.random.default_rng(seed))
    assert instances.shape == (5, len(motif(name)))
    assert [len(scan(codes, name).starts) for codes in instances] == [
        int(quality == "strong")
    ] * 5 or quality == "weak"


def test_background_has_dinucleotide_structure():
    codes = simulate_background(300_000, np.random.default_rng(1))
    share = np.bincount(codes, minlength=4) / len(codes)
    cpg = ((codes[:-1] == 1) & (codes[1:] == 2)).mean() / (share[1] * share[2])
    assert cpg < 0.6  # rare, as in vertebrates
    assert 0.35 < gc_content(codes) < 0.55
    assert gc_content(codes.reshape(-1, 2500)).std() > 0.04  # isochores: 0.01 would be chance


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    arguments = {"n_contigs": 3, "contig_length": 20_000, "n_variants": 20}
    first = simulate(tmp_path / "a", seed=5, **arguments)
    second = simulate(tmp_path / "b", seed=5, **arguments)
    other = simulate(tmp_path / "c", seed=6, **arguments)
    files = sorted(p.relative_to(first.folder) for p in first.folder.rglob("*") if p.is_file())
    assert len(files) == 8 + len(FACTORS)
    for name in files:
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes(), name
    assert first.genome.read_bytes() != other.genome.read_bytes()


def test_files_hold_the_truth(made, genome):
    assert genome.names == ("chr1", "chr2", "chr3")
    assert set(genome.lengths.values()) == {90_000}
    lower = made.genome.read_text().count("a")
    assert lower > 0  # soft-masked repeats
    for factor in FACTORS:
        peaks = [
            line.split("\t") for line in (made.peaks / f"{factor.name}.narrowPeak").read_text().splitlines()
        ]
        assert len(peaks) == made.truth["peaks"][factor.name]
        found = near = total = 0
        for chrom in genome.names:
            centers = np.unique(find_sites(genome.codes(chrom))[factor.name].centers)
            summits = np.array([int(p[1]) + int(p[9]) for p in peaks if p[0] == chrom])
            assert all(
                0 <= int(p[1]) < int(p[2]) <= 90_000 and 0 <= int(p[9]) < int(p[2]) - int(p[1]) for p in peaks
            )
            total += len(centers)
            if len(summits) and len(centers):
                distance = np.abs(centers[:, None] - summits[None])
                found += (distance.min(axis=1) < 150).sum()
                near += (distance.min(axis=0) < 60).sum()
        assert found >= 0.85 * total and near >= 0.85 * len(peaks)
        assert total == next(f["sites"] for f in made.truth["factors"] if f["name"] == factor.name)


def test_gc_alone_does_not_explain_the_peaks(made, genome):
    from sklearn.metrics import roc_auc_score

    codes = np.concatenate([genome.codes(chrom) for chrom in genome.names])
    gc = gc_content(codes[: len(codes) // SLOT * SLOT].reshape(-1, SLOT))
    for name in ("CTCF", "REST", "AP1", "MAX"):
        centers = [
            find_sites(genome.codes(chrom))[name].centers + 90_000 * i for i, chrom in enumerate(genome.names)
        ]
        label = np.bincount(np.concatenate(centers) // SLOT, minlength=len(gc) + 1)[: len(gc)] > 0
        assert 0.3 < roc_auc_score(label, gc) < 0.72


def test_vcf_is_ordinary_and_complete(made, genome):
    import pysam

    table = rows(made.variants_file)
    with pysam.VariantFile(str(made.variants)) as vcf:
        records = list(vcf)
    assert len(records) == made.truth["records"] == len({row["ID"] for row in table})
    assert sum(len(record.alts) for record in records) == len(table)
    by_key = {(row["CHROM"], int(row["POS"]), row["REF"], row["ALT"]): row for row in table}
    mismatches = 0
    for record in records:
        for alt in record.alts:
            row = by_key[record.chrom, record.pos, record.ref, alt]
            if record.chrom in genome.names:
                same = (
                    genome.sequence(record.chrom, record.start, record.start + len(record.ref)) == record.ref
                )
                mismatches += not same
                assert same or row["TRUTH"] == "bad"
    assert mismatches == 3  # two wrong letters, and one place past the end
    kinds = {row["KIND"] for row in table}
    assert {"SNV", "MNP", "INS", "DEL", "COMPLEX", "BAD"} == kinds
    truths = [row["TRUTH"] for row in table]
    assert truths.count("causal") >= 25 and truths.count("neutral") >= 25
    assert any(len(record.alts) > 1 for record in records)


def test_effects_hold_on_the_whole_mutated_contig(made, genome):
    codes = np.array(genome.codes("chr3"))
    before = find_sites(codes)
    checked = 0
    for row in rows(made.variants_file):
        if row["TRUTH"] not in ("causal", "neutral"):
            continue
        start, ref, alt = int(row["POS"]) - 1, encode(row["REF"]), encode(row["ALT"])
        after = find_sites(np.concatenate([codes[:start], alt, codes[start + len(ref) :]]))
        if row["TRUTH"] == "neutral":
            assert all(len(after[name].centers) == len(before[name].centers) for name in FACTOR_NAMES), row
            continue
        for effect in row["EFFECTS"].split(","):
            name, sign = effect.split(":")
            change = len(after[name].centers) - len(before[name].centers)
            assert np.sign(change) == int(sign), row
        checked += 1
        if checked == 25:
            break
    assert checked == 25


def test_regions_are_bound_sites_of_the_test_contig(made):
    centers = {(row["FACTOR"], int(row["CENTER"])) for row in rows(made.sites_file) if row["CHROM"] == "chr3"}
    regions = [line.split("\t") for line in made.regions.read_text().splitlines()]
    assert len(regions) > len(FACTORS)
    for chrom, start, end, name in regions:
        factor, center = name.split("_")
        assert chrom == made.test_contigs[0] and (int(start) + int(end)) // 2 == int(center)
        assert (factor, int(center)) in centers


def test_peaks_have_misses_and_false_ones(genome):
    found = find_sites(genome.codes("chr1"))["AP1"]
    clean = call_peaks(found, 90_000, np.random.default_rng(0), missed=0, false=0)
    noisy = call_peaks(found, 90_000, np.random.default_rng(0), missed=0.3, false=0)
    assert len(noisy.starts) < len(clean.starts) <= len(found.centers)
    assert (clean.ends - clean.starts <= 332).all() and (np.diff(clean.starts) >= 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_contigs": 2},
        {"contig_length": 100},
        {"filled": 1.5},
        {"missed": -1},
        {"seed": -1},
        {"n_variants": -4},
    ],
)
def test_wrong_arguments_are_named(tmp_path, wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        simulate(tmp_path / "x", **wrong)
    assert not (tmp_path / "x").exists()


def test_an_empty_grammar_and_no_variants(tmp_path):
    made = simulate(tmp_path, n_contigs=3, contig_length=20_000, filled=0, n_variants=0)
    assert made.truth["records"] == 0


def test_command_line(tmp_path, capsys):
    out = tmp_path / "sim"
    words = [
        "data",
        "simulate",
        "--out",
        str(out),
        "--n-contigs",
        "3",
        "--contig-length",
        "20000",
        "--n-variants",
        "10",
    ]
    assert main(words) == 0
    assert "truth.json" in capsys.readouterr().out
    assert decode(Genome(out / "genome.fa").codes("chr1")[:500]) == "N" * 500
    assert main([*words, "--filled", "2"]) == 2
