"""Maps of whole regions: every base once, in the window that the rule says, whatever else was asked for."""

import gzip
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdl.encoding import N, decode
from seqdl.errors import InputError
from seqdl.genome import Genome
from seqdl.interpret.experiments.dependency import dependencies
from seqdl.interpret.mutagenesis.edits import FullPass
from seqdl.interpret.mutagenesis.files import read_mutagenesis
from seqdl.interpret.mutagenesis.mutate import base_scores, importance
from seqdl.interpret.mutagenesis.regions import mutagenesis
from seqdl.interpret.mutagenesis.saturate import BASES, _calls, saturate_tiles
from seqdl.interpret.mutagenesis.tiles import make_tiles, tile_length
from seqdl.training.run import Run
from tests.toy import write_fasta
from tests.toy_report import LENGTHS, WINDOW, make_run

TILE = WINDOW // 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("whole")).parent


@pytest.fixture(scope="module")
def run(folder):
    return Run.open(folder / "run")


@pytest.fixture(scope="module")
def patchy(tmp_path_factory):
    """A genome with N, with contigs shorter than a window, and one of N alone."""
    rng = np.random.default_rng(3)
    contigs = {"a": rng.integers(0, 4, 131), "b": rng.integers(0, 4, 7), "c": np.full(40, N)}
    contigs["d"] = np.array([2])
    contigs["a"][60:75] = contigs["a"][3] = N
    letters = {name: decode(codes.astype(np.uint8)) for name, codes in contigs.items()}
    return Genome(write_fasta(tmp_path_factory.mktemp("patchy") / "patchy.fa", letters))


class Kept:
    """A sink that keeps each base's effects by its place, and the order in which they came."""

    def __init__(self):
        self.found, self.order = {}, []

    def begin(self, block, reference):
        self.windows = block.windows

    def write(self, block, piece):
        for row, place, effects in zip(piece.rows, piece.places, piece.effects, strict=True):
            key = (int(block.contigs[row]), int(block.windows[row] + place))
            assert key not in self.found
            self.found[key] = effects
            self.order.append(key)


def placed(genome, regions):
    """Regions (contig, start, end) as a BED file gives them."""
    ids, start, end = (np.array([region[i] for region in regions], np.int64) for i in range(3))
    table = SimpleNamespace(start=start, end=end, name=np.array([f"r{i}" for i in range(len(ids))], object))
    return SimpleNamespace(contig_ids=ids, table=table)


def score(window):
    """Return a function of sequences that is not additive and knows each place of the window."""
    weights = np.random.default_rng(window).normal(size=(window, 5)).astype(np.float32)
    return lambda codes: np.tanh(weights[np.arange(window), codes].sum(axis=1, keepdims=True))


def by_hand(genome, contig, place, window, func):
    """Mutate one base as the rule says: tiles of a quarter from the contig's start, windows around them."""
    tile = max(1, window // 4)
    start = place // tile * tile + tile // 2 - window // 2
    end = min(start + window, int(genome.sizes[contig]))
    text = genome.sequence(genome.names[contig], max(start, 0), end)
    text = "N" * max(-start, 0) + text
    text = (text + "N" * window)[:window]
    at = place - start
    codes = ["ACGTN".index(letter) for letter in text]
    mutants = np.array([[*codes[:at], base, *codes[at + 1 :]] for base in range(4)], np.uint8)
    return func(mutants) - func(np.array([codes], np.uint8))


REGIONS = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, 2, 3]), st.integers(0, 130), st.integers(1, 60)),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(regions=REGIONS, window=st.integers(1, 41), at_once=st.integers(1, 9))
def test_every_known_base_is_mutated_once_in_its_own_window(patchy, regions, window, at_once):
    regions = [(c, s % patchy.sizes[c], min(s % patchy.sizes[c] + n, patchy.sizes[c])) for c, s, n in regions]
    kept, func = Kept(), score(window)
    tiles = make_tiles(placed(patchy, regions), patchy, window)
    bases, unknown, used = saturate_tiles(FullPass(func, 16), tiles, patchy, [kept], at_once)
    wanted = {(c, place) for c, start, end in regions for place in range(start, end)}
    known = {(c, place) for c, place in wanted if patchy.gather([c], [place], 1)[0, 0] < N}
    assert set(kept.found) == known and kept.order == sorted(known)
    assert (bases, unknown) == (len(known), len(wanted) - len(known)) and tiles.bases == len(wanted)
    assert used == len({(c, place // tile_length(window)) for c, place in known}) <= tiles.count
    for c, place in known:
        np.testing.assert_allclose(kept.found[c, place], by_hand(patchy, c, place, window, func), atol=1e-5)


@settings(deadline=None)
@given(counts=st.lists(st.integers(1, 1500), min_size=1, max_size=30), full=st.booleans())
def test_calls_take_each_base_once_and_in_order(counts, full):
    rows = np.repeat(np.arange(len(counts)) * 2, counts)  # not every window has bases to mutate
    calls = list(_calls(rows, full))
    assert np.concatenate([np.arange(len(rows))[call] for call in calls]).tolist() == list(range(len(rows)))
    for call in calls:
        part = rows[call]
        assert len(part) and len(part) <= (BASES if full else 800)
        assert full or len(set(part)) <= 8


def write_bed(path, *regions):
    path.write_text("".join(f"{c}\t{s}\t{e}\t{name}\n" for c, s, e, name in regions))
    return path


def heights(path, chrom, start=0, end=None):
    with pytest.importorskip("pyBigWig").open(str(path)) as file:
        return np.array(file.values(chrom, start, LENGTHS[chrom] if end is None else end))


def test_a_map_is_the_mutagenesis_of_its_tiles(folder, run, tmp_path):
    """The rule in other words: `seqdl ism` of a BED file of tiles."""
    end = LENGTHS["chrII"]
    bed = write_bed(
        tmp_path / "loci.bed", ("chrII", end - 130, end, "tail"), ("chrI", 1010, 1230, "locus"),
        ("chrI", 0, 20, "head"), ("chrI", 1200, 1260, "more"),
    )  # fmt: skip
    out = tmp_path / "map.h5"
    given = {"genome": folder / "genome.fa", "target": ["GATA1", 0]}
    told = mutagenesis(run, bed=bed, whole_regions=True, out=out, engine="incremental", **given)
    found = read_mutagenesis(out)
    assert (told.bases, told.unknown, told.stretches) == (20 + 250 + 130, 0, 3)
    assert told.windows == len(found.codes) == 1 + 6 + 3 and told.tile == TILE
    assert found.targets == told.targets == ("GATA1", "CTCF") and found.settings == told.settings
    assert found.settings["engine"].startswith("recomputes 1/")
    assert [region.name for region in found.regions] == ["head"] + ["locus, more"] * 6 + ["tail"] * 3
    tiles = [(r.chrom, r.start + found.start, r.start + found.end, ".") for r in found.regions]
    write_bed(tmp_path / "tiles.bed", *tiles)
    again = mutagenesis(run, bed=tmp_path / "tiles.bed", width=TILE, engine="full", **given)
    assert [(r.chrom, r.start) for r in again.regions] == [(r.chrom, r.start) for r in found.regions]
    assert (again.start, again.end) == (found.start, found.end)
    np.testing.assert_array_equal(again.codes, found.codes)
    np.testing.assert_allclose(again.reference, found.reference, atol=1e-5)
    wanted = np.isfinite(found.substitutions)
    np.testing.assert_allclose(found.substitutions[wanted], again.substitutions[wanted], atol=1e-5)
    assert np.abs(found.substitutions[wanted]).max() > 0.1
    assert wanted.sum() == told.bases * 4 * 2


def test_all_files_hold_the_same_numbers(folder, run, tmp_path):
    import pandas as pd

    pytest.importorskip("pyBigWig")
    bed = write_bed(tmp_path / "a.bed", ("chrIII", 730, 905, "site"))
    given = {"genome": folder / "genome.fa", "bed": bed, "whole_regions": True}
    given["target"] = ["AP1", "H3K4me1 <b>&"]
    mutagenesis(run, out=tmp_path / "m.h5", bigwig=tmp_path / "maps", **given)
    mutagenesis(run, out=tmp_path / "m.tsv.gz", bigwig=tmp_path / "scores", track="score", **given)
    found = read_mutagenesis(tmp_path / "m.h5")
    places = np.array([region.start for region in found.regions])[:, None] + np.arange(found.start, found.end)
    inside = (places >= 730) & (places < 905)
    assert (np.isfinite(importance(found)[..., 0]) == inside).all()
    index = json.loads((tmp_path / "maps" / "tracks.json").read_text())
    assert [track["target"] for track in index["tracks"]] == list(found.targets)
    for folder_, values in (("maps", importance(found)), ("scores", base_scores(found))):
        for i, track in enumerate(index["tracks"]):
            written = heights(tmp_path / folder_ / track["file"], "chrIII")
            np.testing.assert_allclose(written[730:905], values[..., i][inside], atol=1e-6)
            assert np.isnan(written[:730]).all() and np.isnan(written[905:]).all()
    with gzip.open(tmp_path / "m.tsv.gz", "rt") as handle:
        head = sum(line.startswith("##") for line in handle)
    table = pd.read_csv(tmp_path / "m.tsv.gz", sep="\t", skiprows=head).rename(columns={"#chrom": "chrom"})
    assert len(table) == 175 * 3 and (table.name == "site").all() and (table.kind == "substitution").all()
    genome = Genome(folder / "genome.fa")
    assert "".join(table.ref[::3]) == genome.sequence("chrIII", 730, 905)
    assert table.start.tolist() == np.repeat(np.arange(730, 905), 3).tolist()
    row, at = np.divmod(table.start - places[0, 0], TILE)
    values = found.substitutions[row, at, ["ACGT".index(alt) for alt in table.alt], 0]
    np.testing.assert_allclose(table.AP1, values, rtol=1e-4, atol=1e-6)


def test_how_regions_are_cut_or_overlap_changes_nothing(folder, run, tmp_path):
    whole = write_bed(tmp_path / "whole.bed", ("chrI", 310, 777, "x"), ("chrII", 0, 60, "y"))
    parts = write_bed(
        tmp_path / "parts.bed", ("chrII", 20, 60, "."), ("chrI", 600, 777, "."), ("chrI", 310, 401, "."),
        ("chrI", 401, 600, "."), ("chrI", 350, 620, "."), ("chrII", 0, 21, "."), ("chrI", 310, 401, "."),
    )  # fmt: skip
    made = []
    for bed, engine in ((whole, "full"), (parts, "auto"), (whole, "incremental")):
        path = tmp_path / f"{len(made)}.bw"
        mutagenesis(
            run, genome=folder / "genome.fa", bed=bed, target="GATA1", whole_regions=True, bigwig=path,
            engine=engine,
        )  # fmt: skip
        made.append(np.concatenate([heights(path, "chrI", 0, 1000), heights(path, "chrII", 0, 100)]))
    assert np.isfinite(made[0]).sum() == 467 + 60
    np.testing.assert_allclose(made[1], made[0], atol=1e-5)
    np.testing.assert_allclose(made[2], made[0], atol=1e-5)


def test_a_window_as_before_has_tracks_of_several_targets(folder, run, tmp_path):
    bed = write_bed(tmp_path / "a.bed", ("chrI", 500, 520, "site"))
    result = mutagenesis(
        run, genome=folder / "genome.fa", bed=bed, width=12, bigwig=tmp_path / "maps", track="score"
    )
    names = sorted(path.name for path in (tmp_path / "maps").iterdir())
    assert len(names) == len(run.target_names) + 1 and "tracks.json" in names
    np.testing.assert_allclose(
        heights(tmp_path / "maps" / "GATA1.bw", "chrI", 504, 516), base_scores(result)[0, :, 2], atol=1e-6
    )


class _Breaks(FullPass):
    """An engine that fails after some calls."""

    calls = 0

    def evaluate(self, codes, edits, right=None):
        self.calls += 1
        if self.calls > 2:
            raise InputError("broken")
        return super().evaluate(codes, edits)


def test_what_fails_leaves_nothing(folder, run, tmp_path):
    bed = write_bed(tmp_path / "a.bed", ("chrI", 100, 2100, "."))
    out = tmp_path / "out"
    for name in ("m.h5", "m.tsv"):
        with pytest.raises(InputError, match="broken"):
            mutagenesis(
                run, genome=folder / "genome.fa", bed=bed, target="GATA1", whole_regions=True, out=out / name,
                bigwig=out / "m.bw", engine=_Breaks(lambda codes: np.zeros((len(codes), 1))),
            )  # fmt: skip
    assert not list(out.iterdir())


def test_what_is_no_map_gets_a_sentence(folder, run, tmp_path):
    bed = write_bed(tmp_path / "a.bed", ("chrI", 100, 200, "."))
    given = {"genome": folder / "genome.fa", "bed": bed, "target": "GATA1", "bigwig": tmp_path / "m.bw"}
    empty = write_fasta(tmp_path / "empty.fa", {"chrI": "N" * 300, "chrII": "ACGT"})
    wrong = [
        ({"bed": None}, "BED file"), ({"bed": None, "codes": np.zeros((1, WINDOW), np.uint8)}, "BED file"),
        ({"width": 20}, "first base to their last"), ({"kinds": "deletion"}, "substitutions alone"),
        ({"bigwig": None}, "goes to files"), ({"target": None}, "one target, and there are 6"),
        ({"bigwig": tmp_path / "m.txt"}, r"ends in \.bw"), ({"track": "scores"}, "`track` is one of"),
        ({"out": tmp_path / "m.npz"}, r"\.h5, \.tsv"), ({"genome": None}, "need the genome"),
        ({"target": "GATA2"}, "Did you mean 'GATA1'"), ({"out": bed}, r"\.h5, \.tsv"),
        ({"bed": write_bed(tmp_path / "past.bed", ("chrI", 59_900, 60_100, "."))}, "past"),
        ({"bed": write_bed(tmp_path / "other.bed", ("chr9", 1, 100, "."))}, "Found: chr9"),
        ({"genome": empty, "allow_genome_mismatch": True}, "no known base"),
        ({"batch_size": 0}, "batch_size"),
    ]  # fmt: skip
    for more, words in wrong:
        with pytest.raises(InputError, match=words):
            mutagenesis(run, whole_regions=True, **{**given, **more})
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".", "m."))]


def test_notes_say_what_each_kind_of_change_gained(folder, run, tmp_path):
    bed = write_bed(tmp_path / "a.bed", ("chrI", 500, 520, "site"))
    given = {"genome": folder / "genome.fa", "bed": bed, "target": "GATA1", "width": 16}
    given["engine"] = "incremental"
    asked = ["substitution"], ["ablation"], ["substitution", "deletion", "ablation"], ["insertion"]
    notes = [mutagenesis(run, kinds=kinds, kmer=8, **given).settings["engine"] for kinds in asked]
    alone = notes[0].split()[1]
    word = notes[1].split()[1]
    assert float(alone[2:]) > float(word[2:]) > 1  # eight bases reach further than one
    assert notes[0].startswith(f"recomputes {alone} of the arithmetic; check")
    assert notes[1].startswith(f"recomputes {word} of the arithmetic for shuffled 8-mers; check")
    assert notes[2].startswith(
        f"recomputes {alone} of the arithmetic for substitutions, {word} of the arithmetic for shuffled "
        "8-mers, all of it for deletions; check"
    )
    assert "by full passes" in notes[3]
    pairs = dependencies(run, **{**given, "width": 6})
    assert pairs.settings["engine"].startswith(f"recomputes {alone} of the arithmetic; check")
    few = mutagenesis(run, **{**given, "engine": "auto"})  # too few to pay for compiling
    assert few.settings["engine"].startswith("full passes; ")
    assert "engine" not in dependencies(run, **{**given, "width": 3, "engine": "full"}).settings
