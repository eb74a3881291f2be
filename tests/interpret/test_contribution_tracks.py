"""A track of contributions read back equals the attribution at every base, overlaps joined as stated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.encoding import N, one_hot, reverse_complement
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.interpret.attribute import Attribution
from seqdl.interpret.contribution_tracks import write_contribution_bigwig
from seqdl.intervals import Interval

pyBigWig = pytest.importorskip("pyBigWig")
SIZES = {"chr2": 70, "chr1": 120, "chr10": 40}  # not in the order of their names
WIDTH = 16


def make_genome(seed=0):
    rng = np.random.default_rng(seed)
    contigs = {name: rng.integers(0, 4, size).astype(np.uint8) for name, size in SIZES.items()}
    contigs["chr1"][50:53] = N
    return Genome.from_arrays(contigs)


def attribution(genome, places, seed=1):
    """Contributions at random for windows (chrom, start, strand)."""
    rng = np.random.default_rng(seed)
    regions = tuple(Interval(chrom, start, start + WIDTH, strand) for chrom, start, strand in places)
    codes = np.stack([genome.fetch(region) for region in regions])
    values = rng.normal(size=(*codes.shape, 4)).astype(np.float32) * one_hot(codes)
    return Attribution(values, regions, "t", "grad_x_input", codes, np.zeros(len(regions), np.float32))


def expected(genome, found, overlap):
    """Say base by base, slowly, what each contig should hold."""
    tracks = {}
    for name, size in SIZES.items():
        values = [[] for _ in range(size)]
        for region, codes, part in zip(found.regions, found.codes, found.values.sum(axis=2), strict=True):
            if region.chrom != name:
                continue
            if region.strand == "-":
                codes, part = reverse_complement(codes), part[::-1]
            for column in range(WIDTH):
                at = region.start + column
                if 0 <= at < size and codes[column] < N:
                    values[at].append((abs(column - WIDTH // 2), region.start, part[column]))
        join = {
            "mean": lambda here: np.mean([item[2] for item in here]),
            "nearest": lambda here: min(reversed(here), key=lambda item: item[:2])[2],
        }[overlap]
        tracks[name] = np.array([join(here) if here else np.nan for here in values])
    return tracks


def read(path):
    with pyBigWig.open(str(path)) as handle:
        assert handle.chroms() == SIZES
        return {name: np.array(handle.values(name, 0, size)) for name, size in SIZES.items()}


PLACES = st.lists(
    st.tuples(st.sampled_from(sorted(SIZES)), st.integers(-WIDTH + 1, 119), st.sampled_from("+-.")),
    min_size=1, max_size=25,
)  # fmt: skip


@settings(max_examples=40)
@given(PLACES, st.sampled_from(["mean", "nearest"]))
def test_a_track_read_back_is_the_attribution(tmp_path_factory, places, overlap):
    genome = make_genome()
    places = [
        (chrom, start % SIZES[chrom] if start > 0 else start, strand) for chrom, start, strand in places
    ]
    found = attribution(genome, places)
    path = tmp_path_factory.mktemp("track") / "x.bw"
    if not (found.codes < N).any():
        return
    bases = write_contribution_bigwig(path, found, genome, overlap=overlap)
    mine, true = read(path), expected(genome, found, overlap)
    for name in SIZES:
        np.testing.assert_allclose(mine[name], true[name], rtol=1e-5, atol=1e-6)
    assert bases == sum(int(np.isfinite(track).sum()) for track in true.values())


def test_both_ends_of_a_contig_are_written_and_n_is_a_gap(tmp_path):
    genome = make_genome()
    found = attribution(genome, [("chr1", 112, "."), ("chr1", -8, "."), ("chr1", 45, "."), ("chr2", 54, ".")])
    write_contribution_bigwig(tmp_path / "x.bw", found, genome)
    track = read(tmp_path / "x.bw")
    known = np.isfinite(track["chr1"])
    assert known[:8].all() and known[112:].all() and not known[8:45].any() and not known[50:53].any()
    assert track["chr1"][0] == pytest.approx(found.values[1, 8].sum())
    assert track["chr1"][-1] == pytest.approx(found.values[0, 7].sum())
    assert track["chr2"][-1] == pytest.approx(found.values[3, -1].sum())
    assert not np.isfinite(track["chr10"]).any()


def test_the_gradient_at_the_letter_is_what_a_track_of_saliency_holds(tmp_path):
    genome = make_genome()
    found = attribution(genome, [("chr2", 3, ".")])
    gradient = np.random.default_rng(0).normal(size=found.values.shape).astype(np.float32)
    write_contribution_bigwig(tmp_path / "x.bw", found._replace(values=gradient, method="saliency"), genome)
    at_letter = gradient[0, np.arange(WIDTH), found.codes[0]]
    np.testing.assert_allclose(read(tmp_path / "x.bw")["chr2"][3 : 3 + WIDTH], at_letter, rtol=1e-6)


def test_what_has_no_place_is_refused_and_nothing_is_left_behind(tmp_path):
    genome = make_genome()
    found = attribution(genome, [("chr2", 3, ".")])
    path = tmp_path / "x.bw"
    with pytest.raises(InputError, match="mean, nearest"):
        write_contribution_bigwig(path, found, genome, overlap="sum")
    with pytest.raises(InputError, match=r"\.bw or \.bigwig"):
        write_contribution_bigwig(tmp_path / "x.wig", found, genome)
    with pytest.raises(InputError, match="1 of 1 region have other bases .* another assembly"):
        write_contribution_bigwig(path, found, make_genome(seed=9))
    sequence = found._replace(regions=(Interval("sequence_1", 0, WIDTH),))
    with pytest.raises(InputError, match="1 contig that it lacks .*no place: write them as .h5"):
        write_contribution_bigwig(path, sequence, genome)
    with pytest.raises(InputError, match="no regions"):
        empty = found._replace(regions=(), codes=found.codes[:0], values=found.values[:0])
        write_contribution_bigwig(path, empty, genome)
    nothing = attribution(genome, [("chr1", 45, ".")])
    blank = Genome.from_arrays({"chr1": np.full(120, N, np.uint8)})
    empty = nothing._replace(codes=np.full_like(nothing.codes, N), values=nothing.values * 0)
    with pytest.raises(InputError, match="No base has a value"):
        write_contribution_bigwig(path, empty, blank)
    assert not list(tmp_path.iterdir())
